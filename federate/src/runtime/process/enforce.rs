//! Ends a workload that its sidecar does not end in time.
//!
//! Sidecar and workload run as the same user, so a workload can freeze its sidecar (SIGSTOP), keep
//! it busy or replace it. The agent therefore has a deadline of its own: the grace period after a
//! stop, and the longest runtime with its grace period, each plus
//! [`ProcessConfig::overdue`](super::ProcessConfig). At the deadline the agent kills sidecar and
//! workload; the follower then writes the exit with the [`Enforcer::cause`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flow_common::clock::{self, Monotonic};
use flow_domain::member::{Reason, ReasonCode};
use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;

use super::sweep;
use crate::runtime::WorkKey;
use crate::sidecar::rundir::RunDir;

/// The deadlines of one key.
#[derive(Debug)]
pub struct Enforcer {
    key: WorkKey,
    dir: RunDir,
    stop: Mutex<Option<Deadline>>,
    limit: Mutex<Option<Deadline>>,
    /// The first cause for which the agent killed the workload.
    cause: Arc<Mutex<Option<Reason>>>,
}

/// A deadline and the task that enforces it. Dropping it cancels both.
#[derive(Debug)]
struct Deadline {
    at: Monotonic,
    is_cancelled: Arc<AtomicBool>,
    _task: AbortOnDropHandle<()>,
}

impl Drop for Deadline {
    /// The thread that kills cannot be aborted: it reads the flag.
    fn drop(&mut self) {
        self.is_cancelled.store(true, Ordering::Release);
    }
}

impl Enforcer {
    #[must_use]
    pub fn new(key: WorkKey, dir: RunDir) -> Self {
        Self { key, dir, stop: Mutex::default(), limit: Mutex::default(), cause: Arc::default() }
    }

    /// Cancels every deadline, because the workload ended.
    pub fn cancel(&self) {
        let deadlines = (self.stop.lock().take(), self.limit.lock().take());
        drop(deadlines);
    }

    /// Cancels every deadline and forgets the cause, because the key gets a new hold.
    pub fn reset(&self) {
        self.cancel();
        *self.cause.lock() = None;
    }

    /// The cause for which the agent killed the workload; `None` if it did not.
    pub fn cause(&self) -> Option<Reason> {
        self.cause.lock().clone()
    }

    /// Sets the deadline of a stop. A later stop can only bring it forward. `after_kill` runs when
    /// the agent has killed the workload.
    pub fn stop_within(&self, time: Duration, after_kill: impl FnOnce() + Send + 'static) {
        let at = clock::monotonic() + time;
        let mut stop = self.stop.lock();
        if stop.as_ref().is_none_or(|known| at < known.at) {
            let text = "ended because a stop was requested; its sidecar did not end it in time, so \
                        the agent killed every process of both that it found";
            let cause = Reason::new(ReasonCode::StopRequested, text);
            *stop = Some(self.deadline(at, cause, after_kill));
        }
    }

    /// Sets the deadline of the longest runtime, counted from the workload's start. `is_new` = the
    /// workload has just started; otherwise its age comes from the kernel. A deadline that is
    /// already set stays. `after_kill` runs when the agent has killed the workload.
    pub async fn limit_runtime(
        &self,
        time: Duration,
        is_new: bool,
        after_kill: impl FnOnce() + Send + 'static,
    ) {
        let mut age = Duration::ZERO;
        if !is_new {
            if self.limit.lock().is_some() {
                return;
            }
            let dir = self.dir.clone();
            age = tokio::task::spawn_blocking(move || sweep::workload_age(&dir))
                .await
                .ok()
                .flatten()
                .unwrap_or_default();
        }
        let at = clock::monotonic() + time.saturating_sub(age);
        let text = "ran longer than max_runtime_s; its sidecar did not end it, so the agent killed \
                    every process of both that it found. Raise max_runtime_s or make the training \
                    shorter";
        let cause = Reason::new(ReasonCode::MaxRuntimeExceeded, text);
        let deadline = self.deadline(at, cause, after_kill);
        *self.limit.lock() = Some(deadline);
    }

    fn deadline(
        &self,
        at: Monotonic,
        reason: Reason,
        after_kill: impl FnOnce() + Send + 'static,
    ) -> Deadline {
        let is_cancelled = Arc::new(AtomicBool::new(false));
        let (key, dir, cause) = (self.key.clone(), self.dir.clone(), Arc::clone(&self.cause));
        let cancelled = Arc::clone(&is_cancelled);
        let task = tokio::spawn(async move {
            clock::sleep(at.since(clock::monotonic())).await;
            tracing::warn!(
                run.id = %key.run,
                attempt = key.attempt,
                "the sidecar did not end its workload in time; the agent kills both"
            );
            cause.lock().get_or_insert(reason);
            let run = key.run.clone();
            let killed = tokio::task::spawn_blocking(move || {
                sweep::kill_supervised(&dir, &key, || cancelled.load(Ordering::Acquire));
            })
            .await;
            if let Err(error) = killed {
                tracing::error!(run.id = %run, error = %error, "the agent could not kill a sidecar and its workload");
            }
            after_kill();
        });
        Deadline { at, is_cancelled, _task: AbortOnDropHandle::new(task) }
    }
}
