//! What the hub must not forget, in SQLite or MySQL/MariaDB.
//!
//! ```text
//!  Store ── apply: all changes of many tasks in one transaction, each under its task's version
//!    │      tasks, runs, events …: reads, one file per table
//!    └── db: one body of code, two drivers      schema: migrations      error: what to do about a failure
//! ```
//!
//! The unit of change is the task with its runs and members ([`Aggregate`]); its row orders everything that happens to
//! it. What a method returns `Ok` for is durable. SQL decides nothing: rules live in `domain`, this remembers.
//!
//! A row's `body` is JSON and the truth; columns beside it exist to be looked up by, and are written with it.

mod apply;
mod audit;
mod backup;
mod db;
mod dialect;
mod doctor;
mod error;
mod events;
mod former_secrets;
mod idempotency;
mod leases;
mod lock;
mod orphans;
mod page;
mod parties;
mod progress;
mod runs;
mod schema;
mod sessions;
mod specs;
mod stats;
mod tasks;
mod templates;
mod types;

use std::sync::Arc;

pub use error::{ApplyError, Duplicate, StoreError};
pub use lock::HubLock;
pub use orphans::ORPHAN_ID_PATTERN;
pub use types::*;

use db::{Db, reading};
use flow_domain::time::Timestamp;
use tokio::sync::mpsc;

/// Project of what belongs to no project of its own yet.
const DEFAULT_PROJECT: &str = "default";
/// The row that is written to see whether something can be stored. Nobody holds this lease.
const PROBE_LEASE: &str = "probe";

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Arc<Db>,
    sessions: mpsc::Sender<sessions::WriteRequest>,
    unpruned_parties: Arc<audit::UnprunedParties>,
}

impl Store {
    /// Connects to `sqlite:PATH` (the file is made if missing) or `mysql://…`. Neither migrates nor checks the schema.
    pub async fn open(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let db = Arc::new(Db::open(url, options).await?);
        Ok(Self {
            sessions: sessions::start(Arc::clone(&db)),
            db,
            unpruned_parties: Arc::default(),
        })
    }

    /// Completes if the task that writes what sessions say has ended, which it does only by a panic.
    pub async fn session_writer_ended(&self) {
        self.sessions.closed().await;
    }

    /// Whether something can be stored now: writes, and commits.
    pub async fn probe(&self, now: Timestamp) -> Result<(), StoreError> {
        self.take_lease(PROBE_LEASE, PROBE_LEASE, Timestamp(0), now).await.map(|_| ())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let _: i64 = reading!(&*self.db, |c| sqlx::query_scalar("SELECT 1").fetch_one(c).await)?;
        Ok(())
    }

    /// For a moment in which nobody waits: does what the database would otherwise put upon some later commit.
    pub async fn rest(&self) -> Result<(), StoreError> {
        self.db.checkpoint().await
    }

    /// Ends all connections; what is being stored is stored.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

/// Returns the JSON of a stored value.
fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("stored types have text keys and no fallible serialisers")
}

/// Counters are unsigned outside and i64 in every database; they do not get that far.
fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
