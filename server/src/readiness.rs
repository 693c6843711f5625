//! The readiness check behind `/readyz`: engine, store, essential tasks and locks.
//!
//! Any caller may probe, and one of the checks commits a transaction. Callers therefore share a
//! result for [`RESULT_AGE_MAX`], and one check runs at a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{Monotonic, SharedClock, monotonic, timeout};
use flow_common::error::chain;
use flow_common::supervisor::Supervisor;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::store::{Store, StoreError};

/// Age up to which a result is reused.
const RESULT_AGE_MAX: Duration = Duration::from_secs(1);
/// Timeout of the engine's check, and of the store's check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The reason why the hub is not ready. Probes are public, so that the text holds nothing internal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReady {
    Stopping,
    Starting,
    /// An essential task has ended, or a lock is lost: the process is about to end.
    Failed,
    Engine,
    DiskFull,
    Store,
    StoreLate,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopping => "stopping",
            Self::Starting => "starting",
            Self::Failed => "this hub has failed and ends; its log contains the reason",
            Self::Engine => "the engine does not answer in time",
            Self::DiskFull => "the disk of the database is full: free some space",
            Self::Store => "the database does not answer",
            Self::StoreLate => "the database does not answer in time",
        })
    }
}

/// The parts of the hub that are checked, and the last result.
pub struct Readiness {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<Store>,
    pub(crate) clock: SharedClock,
    pub(crate) supervisor: Supervisor,
    pub(crate) stopping: CancellationToken,
    /// `true` while the hub accepts requests.
    pub(crate) is_started: watch::Receiver<bool>,
    pub(crate) last: Mutex<Option<(Monotonic, Checked)>>,
}

/// Results of one check.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked {
    pub(crate) store: Result<(), NotReady>,
    pub(crate) engine: Result<(), NotReady>,
}

impl Readiness {
    /// Returns `Ok` if the hub serves requests now, or served them within [`RESULT_AGE_MAX`].
    pub async fn check(&self) -> Result<(), NotReady> {
        self.process()?;
        let Checked { store, engine } = self.parts().await;
        store.and(engine)
    }

    /// Returns `Ok` if the process accepts requests.
    pub(crate) fn process(&self) -> Result<(), NotReady> {
        if self.supervisor.failure().is_some() {
            return Err(NotReady::Failed);
        }
        if self.stopping.is_cancelled() {
            return Err(NotReady::Stopping);
        }
        if !*self.is_started.borrow() {
            return Err(NotReady::Starting);
        }
        Ok(())
    }

    /// Checks store and engine, or returns the results of the last check within [`RESULT_AGE_MAX`].
    pub(crate) async fn parts(&self) -> Checked {
        let mut last = self.last.lock().await;
        if let Some((at, checked)) = &*last
            && at.elapsed() < RESULT_AGE_MAX
        {
            return *checked;
        }
        let (stored, engine) =
            tokio::join!(self.check_store(), timeout(CHECK_TIMEOUT, self.engine.ping()));
        let is_full = self.engine.store_fault().is_some_and(|error| error.is_disk_full());
        let store = if is_full { stored.and(Err(NotReady::DiskFull)) } else { stored };
        let engine = if engine == Ok(true) { Ok(()) } else { Err(NotReady::Engine) };
        if let Err(reason) = store.and(engine) {
            tracing::warn!(%reason, "the hub is not ready");
        }
        let checked = Checked { store, engine };
        *last = Some((monotonic(), checked));
        checked
    }

    async fn check_store(&self) -> Result<(), NotReady> {
        let checked = async {
            self.store.ping().await?;
            self.store.probe(self.clock.now()).await
        };
        let error: StoreError = match timeout(CHECK_TIMEOUT, checked).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => return Err(NotReady::StoreLate),
        };
        tracing::warn!(error = chain(&error), "the store failed the readiness check");
        Err(if error.is_disk_full() { NotReady::DiskFull } else { NotReady::Store })
    }
}
