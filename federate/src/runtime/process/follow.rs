//! The state of one key and the task that follows its sidecar.
//!
//! While the sidecar lives, the follower reads its control socket. When the sidecar is gone, the
//! follower inspects the run directory under the lock. The agent reports an end exactly once,
//! whichever process died first.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use flow_common::clock::{Clock as _, SystemClock};
use flow_domain::member::{Exit, Reason, ReasonCode};
use flow_domain::progress::Progress;
use flow_domain::time::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::client::Client;
use super::enforce::Enforcer;
use super::{sweep, transient};
use crate::runtime::backoff::Backoff;
use crate::runtime::logs::last_lines;
use crate::runtime::observe::Observations;
use crate::runtime::{RuntimeError, WorkKey, WorkState};
use crate::sidecar::protocol::Request;
use crate::sidecar::rundir::{ExitRecord, RunDir, RunDirState, name};

/// Bounds of the delay before the agent contacts a sidecar again that does not respond.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(1);
const RETRY_DELAY_MAX: Duration = Duration::from_millis(500);

/// Limit of the inspections that wait for a sidecar to exit after it wrote the workload's exit. With
/// the delays above they take about half a second.
const SIDECAR_EXIT_INSPECTIONS_MAX: u32 = 9;

const fn retry_backoff() -> Backoff {
    Backoff::new(RETRY_DELAY_MIN, RETRY_DELAY_MAX)
}

#[derive(Debug)]
pub struct Entry {
    pub key: WorkKey,
    pub dir: RunDir,
    /// Serializes the requests for this key.
    pub turn: tokio::sync::Mutex<()>,
    state: watch::Sender<Option<WorkState>>,
    follower: Mutex<Option<AbortOnDropHandle<()>>>,
    enforcer: Enforcer,
    /// After a stop: remove the directory when the follower has proven that nothing ran.
    release: AtomicBool,
    observations: Arc<Observations>,
}

impl Entry {
    #[must_use]
    pub fn new(key: WorkKey, dir: RunDir, observations: Arc<Observations>) -> Arc<Self> {
        Arc::new(Self {
            enforcer: Enforcer::new(key.clone(), dir.clone()),
            key,
            dir,
            turn: tokio::sync::Mutex::default(),
            state: watch::Sender::new(None),
            follower: Mutex::default(),
            release: AtomicBool::new(false),
            observations,
        })
    }

    /// The reported state as it changes; `None` before the first report.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<Option<WorkState>> {
        self.state.subscribe()
    }

    /// Inspects the run directory.
    pub fn inspect(&self) -> Result<RunDirState, RuntimeError> {
        self.dir.inspect().map_err(|error| transient("inspect a run directory", error))
    }

    /// As [`Entry::inspect`], but first waits for a sidecar that wrote the exit to leave.
    pub async fn inspect_ended(&self) -> Result<RunDirState, RuntimeError> {
        let mut backoff = retry_backoff();
        let mut inspections = 0;
        loop {
            let state = self.inspect()?;
            let is_leaving = matches!(state, RunDirState::Alive) && self.dir.has(name::EXIT);
            if !is_leaving || inspections >= SIDECAR_EXIT_INSPECTIONS_MAX {
                return Ok(state);
            }
            inspections += 1;
            backoff.sleep().await;
        }
    }

    /// Removes the directory as soon as nothing is held in it.
    pub fn release_when_fresh(&self) {
        self.release.store(true, Ordering::Release);
    }

    /// Prepares the entry for a new sidecar.
    pub fn reset_deadlines(&self) {
        self.enforcer.reset();
    }

    /// Sets the deadline by which a requested stop must be complete.
    pub fn stop_within(self: &Arc<Self>, time: Duration) {
        self.enforcer.stop_within(time, self.follow_after_kill());
    }

    /// Returns true if a deadline has passed and the agent kills the workload or has killed it.
    pub fn is_killed(&self) -> bool {
        self.enforcer.cause().is_some()
    }

    /// Sets the deadline of the longest runtime, see [`Enforcer::limit_runtime`].
    pub async fn limit_runtime(self: &Arc<Self>, time: Duration, is_new: bool) {
        self.enforcer.limit_runtime(time, is_new, self.follow_after_kill()).await;
    }

    fn follow_after_kill(self: &Arc<Self>) -> impl FnOnce() + Send + 'static {
        let entry = Arc::clone(self);
        move || entry.follow_if_idle()
    }

    /// Starts the follower, or restarts it.
    pub fn follow(self: &Arc<Self>) {
        let follower =
            tokio::spawn(self.observations.essential("follower of a sidecar", self.clone().run()));
        *self.follower.lock() = Some(AbortOnDropHandle::new(follower));
    }

    /// Starts the follower unless it runs.
    pub fn follow_if_idle(self: &Arc<Self>) {
        let is_running = self.follower.lock().as_ref().is_some_and(|task| !task.is_finished());
        if !is_running {
            self.follow();
        }
    }

    /// Stops the follower and waits for its end. It also cancels the deadlines: a workload without
    /// a follower is not alive.
    pub async fn unfollow(&self) {
        self.enforcer.cancel();
        let task = self.follower.lock().take();
        if let Some(task) = task {
            task.abort();
            // Aborted, finished or panicked: it reports nothing any more.
            let _ = task.await;
        }
    }

    /// Stops the follower at the end of the runtime.
    pub fn abandon(&self) {
        self.enforcer.cancel();
        drop(self.follower.lock().take());
    }

    /// Kills every process that it finds of a key whose sidecar is gone. The caller holds the lock,
    /// or the directory does not exist.
    pub async fn sweep(&self) {
        let (dir, key) = (self.dir.clone(), self.key.clone());
        let swept = tokio::task::spawn_blocking(move || sweep::sweep(&dir, &key)).await;
        if let Err(error) = swept {
            tracing::error!(run.id = %self.key.run, error = %error, "the agent could not kill the processes that a vanished sidecar left");
        }
    }

    /// Removes the directory and its content.
    pub async fn remove_dir(&self) -> Result<(), RuntimeError> {
        let dir = self.dir.clone();
        let removed = tokio::task::spawn_blocking(move || dir.remove()).await;
        match removed.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(transient("remove a run directory", error))
            }
            _ => Ok(()),
        }
    }

    async fn run(self: Arc<Self>) {
        let mut backoff = retry_backoff();
        // The last progress that the sidecar sent, together with the end.
        let mut last_progress = None;
        loop {
            match self.dir.inspect() {
                Ok(RunDirState::Alive) => {
                    if let Err(error) = self.subscribe(&mut backoff, &mut last_progress).await {
                        tracing::debug!(run.id = %self.key.run, error = %error, "the sidecar does not respond; retrying");
                    }
                }
                Ok(RunDirState::Exited(mut record)) => {
                    // A workload can write an exit and kill its sidecar.
                    self.sweep().await;
                    self.add_last_lines(&mut record.exit).await;
                    let progress = last_progress.or(record.progress);
                    return self.publish(WorkState::Exited(record.exit), progress);
                }
                Ok(RunDirState::Interrupted(lock)) => {
                    self.sweep().await;
                    let state = match self.enforcer.cause() {
                        Some(cause) => {
                            let mut exit = self.write_exit(cause).await;
                            self.add_last_lines(&mut exit).await;
                            WorkState::Exited(exit)
                        }
                        None => WorkState::Lost(sidecar_lost()),
                    };
                    drop(lock);
                    return self.publish(state, None);
                }
                Ok(RunDirState::Fresh(lock)) => {
                    if self.release.swap(false, Ordering::AcqRel)
                        && let Err(error) = self.remove_dir().await
                    {
                        tracing::warn!(run.id = %self.key.run, error = %error, "an empty run directory could not be removed");
                    }
                    drop(lock);
                    return self.publish(WorkState::Absent, None);
                }
                Ok(RunDirState::Missing) => {
                    // A workload can remove its directory. A key that was never seen has no
                    // processes.
                    let was_seen = self.state.borrow().is_some();
                    if was_seen {
                        self.sweep().await;
                    }
                    return self.publish(WorkState::Absent, None);
                }
                Ok(RunDirState::Forgotten) => return self.publish(WorkState::Absent, None),
                Err(error) => {
                    tracing::warn!(run.id = %self.key.run, error = %error, "a run directory cannot be inspected; retrying");
                }
            }
            backoff.sleep().await;
        }
    }

    /// Replaces the last lines of an exit: those of a failed workload are read from its log.
    async fn add_last_lines(&self, exit: &mut Exit) {
        exit.last_lines = if exit.code == Some(0) {
            Vec::new()
        } else {
            last_lines(self.dir.join(name::LOG)).await
        };
    }

    /// Writes the exit of a workload that the agent killed. If the write fails, a later agent
    /// reports the workload as lost.
    async fn write_exit(&self, cause: Reason) -> Exit {
        let dir = self.dir.clone();
        let started = dir.join(name::STARTED).metadata().and_then(|meta| meta.modified()).ok();
        let started = started
            .and_then(|at| i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok());
        let now = SystemClock.now();
        let exit = Exit {
            code: None,
            signal: Some(libc::SIGKILL),
            reason: Some(cause),
            last_lines: Vec::new(),
            started_at: started.map_or(now, Timestamp),
            finished_at: now,
        };
        let record = ExitRecord { exit: exit.clone(), progress: None };
        let written = tokio::task::spawn_blocking(move || dir.write_exit(&record, || ())).await;
        if let Err(error) = written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            tracing::warn!(run.id = %self.key.run, error = %error, "the exit of a workload could not be written");
        }
        exit
    }

    /// Publishes what the sidecar sends until it closes the connection. It does not publish an end
    /// from the socket: another process may answer there. The directory proves the end when the
    /// lock is free.
    async fn subscribe(
        &self,
        backoff: &mut Backoff,
        last_progress: &mut Option<Progress>,
    ) -> io::Result<()> {
        let mut client = Client::connect(&self.dir).await?;
        let mut next = Some(client.call(Request::Subscribe).await?);
        while let Some(response) = next {
            backoff.reset();
            match response.state {
                Some(WorkState::Absent | WorkState::Lost(_)) | None => {}
                Some(WorkState::Exited(_)) => *last_progress = response.progress,
                Some(state) => self.publish(state, response.progress),
            }
            next = client.next().await?;
        }
        Ok(())
    }

    fn publish(&self, state: WorkState, progress: Option<Progress>) {
        if matches!(state, WorkState::Exited(_) | WorkState::Lost(_) | WorkState::Absent) {
            self.enforcer.cancel();
        }
        self.state.send_replace(Some(state.clone()));
        self.observations.publish(&self.key, state, progress);
    }
}

fn sidecar_lost() -> Reason {
    let text = "the sidecar ended without a record of the workload's exit. The agent killed every \
                process of the workload that it found; a process that left its group \
                and cleared its environment cannot be found. Start a new run";
    Reason::new(ReasonCode::SidecarLost, text)
}
