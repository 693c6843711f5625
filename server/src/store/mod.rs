//! All durable state of the hub, in SQLite or MySQL/MariaDB.
//!
//! ```text
//!  Store ── apply: updates of many tasks in one transaction, each under its task's version
//!    │      tasks, runs, events …: reads, one file per table
//!    └── db: one code path, two drivers      schema: migrations      error: what the caller has to do
//! ```
//!
//! The unit of change is a task with its runs and members ([`Aggregate`]); its row orders all
//! events of the task. When a method returns `Ok`, its effect is durable. SQL contains no rules:
//! `domain` does.
//!
//! The JSON in a row's `body` is authoritative; other columns exist for lookups, and are written
//! with it.

mod access_audit;
mod api_tokens;
mod apply;
mod audit;
mod backup;
mod browser_sessions;
mod contacts;
mod db;
mod deliveries;
mod device_sign_ins;
mod dialect;
mod doctor;
mod documents;
mod error;
mod events;
mod feed;
mod former_secrets;
mod idempotency;
mod leases;
mod list;
mod lock;
mod metrics;
mod offer_memory;
mod oidc_identities;
mod orphans;
mod overview;
mod page;
mod parties;
mod progress;
mod project_members;
mod project_parties;
mod projects;
mod quotas;
mod runs;
mod schema;
mod sessions;
mod sign_in_codes;
mod specs;
mod stats;
mod system;
mod task_creators;
mod tasks;
mod templates;
mod types;
mod users;
mod webhooks;

use std::sync::Arc;

pub use access_audit::AccessEntry;
pub use api_tokens::ApiToken;
pub use browser_sessions::BrowserSession;
pub use contacts::ContactChange;
pub use deliveries::{Attempt, Delivery, PendingDeliveries};
pub use device_sign_ins::{DevicePoll, DeviceSignIn};
pub use documents::DocumentsError;
pub use error::{ApplyError, Duplicate, StoreError};
pub use lock::HubLock;
pub use metrics::StoreMetrics;
pub use oidc_identities::OidcIdentity;
pub use overview::{AbsentParty, AttentionRuns, RunBucket};
pub use project_members::{Missing, ProjectMember};
pub use project_parties::OfferedParty;
pub use projects::{Project, ProjectDeletion};
pub use quotas::{ProjectQuotas, Quota, QuotaEdit};
pub use types::*;
pub use users::{User, UserChange, UserEdit};
pub use webhooks::{Webhook, WebhookChange, WebhookCreation};

use db::{Db, Tx, reading};
use flow_domain::time::Timestamp;
use tokio::sync::mpsc;

/// Project of rows whose resource has no project yet.
const DEFAULT_PROJECT: &str = "default";
/// The row that [`Store::probe`] writes. No holder has this lease.
const PROBE_LEASE: &str = "probe";

/// Handle of the database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Arc<Db>,
    metrics: StoreMetrics,
    sessions: mpsc::Sender<sessions::WriteRequest>,
    unpruned_parties: Arc<audit::UnprunedParties>,
    totals: Arc<tasks::Totals>,
    offers: Arc<offer_memory::OfferMemory>,
    quotas: Quotas,
    contacts: contacts::ContactFeed,
}

impl Store {
    /// Connects to `sqlite:PATH` (a missing file is created) or `mysql://…`. Neither migrates nor
    /// checks the schema.
    pub async fn open(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let quotas = options.quotas;
        let db = Arc::new(Db::open(url, options).await?);
        let metrics = StoreMetrics::default();
        let contacts = contacts::ContactFeed::default();
        Ok(Self {
            sessions: sessions::start(Arc::clone(&db), metrics.clone(), contacts.clone()),
            db,
            metrics,
            unpruned_parties: Arc::default(),
            totals: Arc::default(),
            offers: Arc::default(),
            quotas,
            contacts,
        })
    }

    /// Returns the metrics of this store's transactions.
    #[must_use]
    pub const fn metrics(&self) -> &StoreMetrics {
        &self.metrics
    }

    /// Begins a transaction that writes. `name` identifies it in spans and metrics.
    async fn write_tx(&self, name: &'static str) -> Result<Tx, StoreError> {
        let mut tx = self.db.write(name, &self.metrics).await?;
        tx.offer_change = offer_memory::OfferChange::of(name, &self.offers);
        Ok(tx)
    }

    /// Completes when the task that writes session data has ended, which only a panic causes.
    pub async fn session_writer_ended(&self) {
        self.sessions.closed().await;
    }

    /// Checks that the database can store data: writes and commits.
    pub async fn probe(&self, now: Timestamp) -> Result<(), StoreError> {
        self.take_lease(PROBE_LEASE, PROBE_LEASE, Timestamp(0), now).await.map(|_| ())
    }

    /// Checks that the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let _: i64 = reading!(&*self.db, |c| sqlx::query_scalar("SELECT 1").fetch_one(c).await)?;
        Ok(())
    }

    /// Does maintenance that the database would otherwise do within a later commit. Call while the
    /// engine is idle.
    pub async fn rest(&self) -> Result<(), StoreError> {
        self.db.checkpoint().await
    }

    /// Closes all connections; writes in progress are finished.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

/// Returns the JSON of a stored value.
fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("stored types have text keys and no fallible serialisers")
}

/// Counters are unsigned in Rust and i64 in every database; they never exceed i64.
fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
