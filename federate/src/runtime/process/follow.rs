//! What is known of one key, and the task that follows its sidecar.
//!
//! While the sidecar lives it is listened to; when it has gone, the directory is judged under the lock. So an end is
//! told exactly once, whoever died first.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use flow_common::clock::{Clock as _, SystemClock};
use flow_domain::member::{Exit, Reason, ReasonCode};
use flow_domain::progress::Progress;
use flow_domain::time::Timestamp;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::client::Client;
use super::enforce::Enforcer;
use super::{sweep, transient};
use crate::runtime::observe::Observations;
use crate::runtime::{RuntimeError, WorkKey, WorkState};
use crate::sidecar::protocol::Verb;
use crate::sidecar::rundir::{ExitRecord, RunDir, Verdict, name};

/// First and longest pause before a sidecar that does not answer is asked again.
const SOON: Duration = Duration::from_millis(1);
const LATER: Duration = Duration::from_millis(500);

/// One key.
#[derive(Debug)]
pub struct Entry {
    /// Which.
    pub key: WorkKey,
    /// Its directory.
    pub dir: RunDir,
    /// Verbs about one key take turns.
    pub turn: tokio::sync::Mutex<()>,
    state: watch::Sender<Option<WorkState>>,
    follower: Mutex<Option<AbortOnDropHandle<()>>>,
    /// What the agent ends itself if the sidecar does not.
    pub(super) enforcer: Enforcer,
    /// A stop was wished: remove the directory once it is proven that nothing has run.
    release: AtomicBool,
    observations: Arc<Observations>,
}

impl Entry {
    /// A key of which nothing is known yet.
    #[must_use]
    pub fn new(key: WorkKey, dir: RunDir, observations: Arc<Observations>) -> Arc<Self> {
        Arc::new(Self {
            key,
            dir,
            turn: tokio::sync::Mutex::default(),
            state: watch::Sender::new(None),
            follower: Mutex::default(),
            enforcer: Enforcer::default(),
            release: AtomicBool::new(false),
            observations,
        })
    }

    /// What is known, as it changes; `None` until something is.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<Option<WorkState>> {
        self.state.subscribe()
    }

    /// What the directory proves now.
    pub fn judge(&self) -> Result<Verdict, RuntimeError> {
        self.dir.judge().map_err(|error| transient("look at a run directory", error))
    }

    /// As [`Entry::judge`]; a sidecar that has told the end is given the moment it needs to leave.
    pub async fn judge_ended(&self) -> Result<Verdict, RuntimeError> {
        let mut pause = SOON;
        loop {
            let verdict = self.judge()?;
            if !matches!(verdict, Verdict::Alive) || !self.dir.has(name::EXIT) || pause > LATER {
                return Ok(verdict);
            }
            flow_common::clock::sleep(pause).await;
            pause *= 2;
        }
    }

    /// Remove the directory once nothing is held in it any more.
    pub fn release_when_fresh(&self) {
        self.release.store(true, Ordering::Release);
    }

    /// Follow the sidecar, beginning anew.
    pub fn follow(self: &Arc<Self>) {
        let followed =
            tokio::spawn(self.observations.essential("follower of a sidecar", self.clone().run()));
        *self.follower.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(AbortOnDropHandle::new(followed));
    }

    /// Follow, unless that is being done.
    pub fn follow_if_idle(self: &Arc<Self>) {
        let busy = self
            .follower
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_some_and(|task| !task.is_finished());
        if !busy {
            self.follow();
        }
    }

    /// Stop following, and wait until that is so. Nothing alive is unfollowed, so nothing is due either.
    pub async fn unfollow(&self) {
        self.enforcer.call_off();
        let task = self.follower.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            // Aborted, finished or panicked: it says nothing any more.
            let _ = task.await;
        }
    }

    /// Stop following, at the runtime's own end.
    pub fn abandon(&self) {
        self.enforcer.call_off();
        drop(self.follower.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Kill what is found of a key whose sidecar is gone. The caller holds the lock, or there is no directory.
    pub async fn sweep(&self) {
        let (dir, key) = (self.dir.clone(), self.key.clone());
        let swept = tokio::task::spawn_blocking(move || sweep::sweep(&dir, &key)).await;
        if let Err(error) = swept {
            tracing::error!(run.id = %self.key.run, error = %error, "sweeping after a vanished sidecar failed");
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
        let mut pause = SOON;
        // The last progress that the sidecar told, together with the end.
        let mut last = None;
        loop {
            match self.dir.judge() {
                Ok(Verdict::Alive) => {
                    if let Err(error) = self.listen(&mut pause, &mut last).await {
                        tracing::debug!(run.id = %self.key.run, error = %error, "the sidecar does not answer");
                    }
                }
                Ok(Verdict::Exited(record)) => {
                    // A workload can write an exit and kill its sidecar.
                    self.sweep().await;
                    return self.tell(WorkState::Exited(record.exit), last.or(record.progress));
                }
                Ok(Verdict::CutOff(lock)) => {
                    self.sweep().await;
                    let Some(cause) = self.enforcer.cause() else {
                        drop(lock);
                        let text = "its supervisor vanished. The agent killed every process of the workload that it found; one that left \
                                    its group and cleared its environment cannot be found. Start a new run";
                        return self.tell(
                            WorkState::Lost(Reason::new(ReasonCode::SidecarLost, text)),
                            None,
                        );
                    };
                    let exit = self.write_exit(cause).await;
                    drop(lock);
                    return self.tell(WorkState::Exited(exit), None);
                }
                Ok(Verdict::Fresh(lock)) => {
                    if self.release.swap(false, Ordering::AcqRel)
                        && let Err(error) = self.remove_dir().await
                    {
                        tracing::warn!(run.id = %self.key.run, error = %error, "an empty run directory stays");
                    }
                    drop(lock);
                    return self.tell(WorkState::Absent, None);
                }
                Ok(Verdict::Missing) => {
                    // A workload can remove its directory. Of a key that nobody has seen there is nothing to look for.
                    let was_seen = self.state.borrow().is_some();
                    if was_seen {
                        self.sweep().await;
                    }
                    return self.tell(WorkState::Absent, None);
                }
                Ok(Verdict::Forgotten) => return self.tell(WorkState::Absent, None),
                Err(error) => {
                    tracing::warn!(run.id = %self.key.run, error = %error, "a run directory cannot be judged")
                }
            }
            flow_common::clock::sleep(pause).await;
            pause = (pause * 2).min(LATER);
        }
    }

    /// Put down in the sidecar's place that the agent ended the workload. If that fails, a later agent tells it as lost.
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
            started_at: started.map_or(now, Timestamp),
            finished_at: now,
        };
        let record = ExitRecord { exit: exit.clone(), progress: None };
        let written = tokio::task::spawn_blocking(move || dir.write_exit(&record, || ())).await;
        if let Err(error) = written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            tracing::warn!(run.id = %self.key.run, error = %error, "the end of a workload could not be put down");
        }
        exit
    }

    /// Listen until the sidecar has gone. Its end, and that nothing runs, the directory tells once the lock is free: then
    /// it is proven, whoever spoke here.
    async fn listen(&self, pause: &mut Duration, last: &mut Option<Progress>) -> io::Result<()> {
        let mut client = Client::connect(&self.dir).await?;
        let mut next = Some(client.ask(Verb::Subscribe).await?);
        while let Some(answer) = next {
            *pause = SOON;
            match answer.state {
                Some(WorkState::Absent | WorkState::Lost(_)) | None => {}
                Some(WorkState::Exited(_)) => *last = answer.progress,
                Some(state) => self.tell(state, answer.progress),
            }
            next = client.next().await?;
        }
        Ok(())
    }

    fn tell(&self, state: WorkState, progress: Option<Progress>) {
        if matches!(state, WorkState::Exited(_) | WorkState::Lost(_) | WorkState::Absent) {
            self.enforcer.call_off();
        }
        self.state.send_replace(Some(state.clone()));
        self.observations.publish(&self.key, state, progress);
    }
}
