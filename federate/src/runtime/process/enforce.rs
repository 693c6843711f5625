//! Ends that the agent brings about itself, because the sidecar does not.
//!
//! Sidecar and workload belong to one user, so a workload can freeze its sidecar (SIGSTOP), keep it busy or take its place.
//! After a stop the workload therefore has its grace period, and after its longest runtime as much, and [`ProcessConfig::
//! overdue`](super::ProcessConfig) more; then the agent kills both, and writes the exit in the sidecar's place.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flow_common::clock::{self, Monotonic};
use flow_domain::member::{Reason, ReasonCode};
use tokio_util::task::AbortOnDropHandle;

use super::follow::Entry;
use super::sweep;

/// What is due for one key.
#[derive(Debug, Default)]
pub struct Enforcer {
    stop: Mutex<Option<Due>>,
    limit: Mutex<Option<Due>>,
    /// Why the agent ended the workload; the first cause counts.
    cause: Mutex<Option<Reason>>,
}

/// An end that is due at a time. Dropping it calls it off.
#[derive(Debug)]
struct Due {
    at: Monotonic,
    called_off: Arc<AtomicBool>,
    _task: AbortOnDropHandle<()>,
}

impl Due {
    fn new(entry: &Arc<Entry>, at: Monotonic, cause: Reason) -> Self {
        let (entry, called_off) = (Arc::clone(entry), Arc::new(AtomicBool::new(false)));
        let is_over = Arc::clone(&called_off);
        let task = tokio::spawn(async move {
            clock::sleep(at.since(clock::monotonic())).await;
            entry.end_by_force(cause, is_over).await;
        });
        Self { at, called_off, _task: AbortOnDropHandle::new(task) }
    }
}

impl Drop for Due {
    /// Killing goes on in a thread that cannot be aborted.
    fn drop(&mut self) {
        self.called_off.store(true, Ordering::Release);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Enforcer {
    /// The key has ended: nothing is due any more.
    pub fn call_off(&self) {
        let due = (lock(&self.stop).take(), lock(&self.limit).take());
        drop(due);
    }

    /// The key is held anew: nothing of it has run.
    pub fn reset(&self) {
        self.call_off();
        *lock(&self.cause) = None;
    }

    /// Why the agent ended the workload itself, if it did.
    pub fn cause(&self) -> Option<Reason> {
        lock(&self.cause).clone()
    }
}

impl Entry {
    /// A stop was asked for: the workload has so long. A later stop can only bring the end nearer.
    pub fn must_stop_within(self: &Arc<Self>, time: Duration) {
        let at = clock::monotonic() + time;
        let mut due = lock(&self.enforcer.stop);
        if due.as_ref().is_none_or(|due| at < due.at) {
            let text = "ended because a stop was requested; its supervisor did not end it in time, and the agent killed what it found of both";
            *due = Some(Due::new(self, at, Reason::new(ReasonCode::StopRequested, text)));
        }
    }

    /// The workload may run so long from its start on. `is_new`: it has been started just now; else its age is asked of
    /// the kernel, unless a limit is known already.
    pub async fn must_end_within(self: &Arc<Self>, time: Duration, is_new: bool) {
        let mut age = Duration::ZERO;
        if !is_new {
            if lock(&self.enforcer.limit).is_some() {
                return;
            }
            let dir = self.dir.clone();
            age = tokio::task::spawn_blocking(move || sweep::age(&dir))
                .await
                .ok()
                .flatten()
                .unwrap_or_default();
        }
        let at = clock::monotonic() + time.saturating_sub(age);
        let text = "ran longer than its longest runtime; its supervisor did not end it, and the agent killed what it found of both";
        *lock(&self.enforcer.limit) =
            Some(Due::new(self, at, Reason::new(ReasonCode::MaxRuntimeExceeded, text)));
    }

    async fn end_by_force(self: &Arc<Self>, cause: Reason, is_over: Arc<AtomicBool>) {
        tracing::warn!(run.id = %self.key.run, attempt = self.key.attempt, "the supervisor of a workload does not end it; killing both");
        lock(&self.enforcer.cause).get_or_insert(cause);
        let (dir, key) = (self.dir.clone(), self.key.clone());
        let killed = tokio::task::spawn_blocking(move || {
            sweep::kill_supervised(&dir, &key, || is_over.load(Ordering::Acquire))
        })
        .await;
        if let Err(error) = killed {
            tracing::error!(run.id = %self.key.run, error = %error, "killing a supervisor failed");
        }
        self.follow_if_idle();
    }
}
