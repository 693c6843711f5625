//! Whether the hub works: what `/readyz` asks of engine, store, tasks and locks.
//!
//! Probes are open to everybody, and one of the checks commits a transaction. So callers share a result for
//! [`RESULT_AGE_MAX`], and check one after the other.

use std::fmt;
use std::time::Duration;

use flow_common::clock::{Monotonic, monotonic, timeout};
use flow_common::error::chain;
use tokio::sync::Mutex;

use crate::app::App;
use crate::store::StoreError;

/// Age up to which a result is given again.
const RESULT_AGE_MAX: Duration = Duration::from_secs(1);
/// Longest wait for the engine, and for the store.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Why requests are not served. Holds nothing internal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReady {
    /// Told to go down.
    Stopping,
    /// Not begun yet.
    Starting,
    /// An essential task has ended, or a lock is lost: the process ends.
    Failed,
    /// The engine is stuck, or waits for the store.
    Engine,
    /// The database's disk is full.
    DiskFull,
    /// The database cannot be read or written.
    Store,
    /// The database takes too long.
    StoreLate,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopping => "stopping",
            Self::Starting => "starting",
            Self::Failed => "this hub has failed and ends; its log says why",
            Self::Engine => "the engine does not answer in time",
            Self::DiskFull => "the disk of the database is full: free some space",
            Self::Store => "the database does not answer",
            Self::StoreLate => "the database does not answer in time",
        })
    }
}

/// The last result, and when it was found.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<Option<(Monotonic, Result<(), NotReady>)>>);

/// Whether requests are served.
pub async fn check(app: &App) -> Result<(), NotReady> {
    if app.supervisor.failure().is_some() {
        return Err(NotReady::Failed);
    }
    if app.stopping.is_cancelled() {
        return Err(NotReady::Stopping);
    }
    if !*app.ready.borrow() {
        return Err(NotReady::Starting);
    }
    let mut last = app.readiness.0.lock().await;
    if let Some((at, result)) = &*last
        && at.elapsed() < RESULT_AGE_MAX
    {
        return *result;
    }
    let (stored, engine) = tokio::join!(store(app), timeout(CHECK_TIMEOUT, app.engine.ping()));
    let full = app.engine.trouble().is_some_and(|error| error.is_disk_full());
    let result = match (stored, engine) {
        (Err(why), _) => Err(why),
        (Ok(()), _) if full => Err(NotReady::DiskFull),
        (Ok(()), Ok(true)) => Ok(()),
        (Ok(()), Ok(false) | Err(_)) => Err(NotReady::Engine),
    };
    if let Err(why) = result {
        tracing::warn!(%why, "not ready");
    }
    *last = Some((monotonic(), result));
    result
}

async fn store(app: &App) -> Result<(), NotReady> {
    let asked = async {
        app.store.ping().await?;
        app.store.probe(app.clock.now()).await
    };
    let error: StoreError = match timeout(CHECK_TIMEOUT, asked).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error,
        Err(_) => return Err(NotReady::StoreLate),
    };
    tracing::warn!(error = chain(&error), "the store failed the check of readiness");
    Err(if error.is_disk_full() { NotReady::DiskFull } else { NotReady::Store })
}
