//! Opens the resources of a hub: the lock on the data directory, the store, the lock on the
//! database.
//!
//! `serve` and the other commands share these functions. Errors name the object and the remedy.

use std::path::Path;
use std::time::Duration;

use flow_common::clock::monotonic;
use flow_common::dir_lock::{DirLock, DirLockError};

use flow_common::error::chain;

use crate::config::{Config, SynchronousConfig};
use crate::error::StartError;
use crate::store::{HubLock, Store, StoreError, StoreOptions, Synchronous};

/// Delay between two attempts to open a database that does not answer.
const OPEN_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Locks the data directory for one process until the value is dropped.
pub fn lock_data_dir(data_dir: &Path) -> Result<DirLock, StartError> {
    let shown = data_dir.display();
    flow_common::private_dir::ensure(data_dir)
        .map_err(|error| StartError(format!("data_dir: {error}")))?;
    DirLock::acquire(&data_dir.join("lock")).map_err(|error| match error {
        DirLockError::InUse(_) => StartError(format!(
            "another flow-server is using {shown}: stop it, or set another data_dir"
        )),
        DirLockError::Io { .. } => {
            StartError(format!("cannot write to the data directory {shown}: {}", chain(&error)))
        }
    })
}

/// Opens the configured store. A caller that writes must hold the lock on the data directory.
pub async fn open_store(config: &Config) -> Result<Store, StartError> {
    open_store_within(config, Duration::ZERO).await
}

/// Opens the configured store; retries for `timeout` while the database does not answer.
pub async fn open_store_within(config: &Config, timeout: Duration) -> Result<Store, StartError> {
    let url = config.store_url().map_err(|error| StartError(error.to_string()))?;
    let options = StoreOptions {
        synchronous: match config.store.synchronous {
            SynchronousConfig::Full => Synchronous::Full,
            SynchronousConfig::Normal => Synchronous::Normal,
        },
        max_connections: config.store.max_connections,
        quotas: config.quota,
    };
    let deadline = monotonic() + timeout;
    loop {
        match Store::open(&url, options).await {
            Err(error @ StoreError::Unavailable(_)) if monotonic() < deadline => {
                tracing::info!(error = chain(&error), "waiting for the database");
                flow_common::clock::sleep(OPEN_RETRY_DELAY).await;
            }
            done => {
                return done.map_err(|error| {
                    StartError(format!("cannot open the store: {}", chain(&error)))
                });
            }
        }
    }
}

/// Locks the database for one hub, on whichever machine it runs, until the value is dropped.
pub async fn lock_database(store: &Store) -> Result<HubLock, StartError> {
    store
        .lock_hub(flow_common::ids::instance_id().as_str())
        .await
        .map_err(|error| StartError(chain(&error)))
}
