//! State of a project at a glance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ListedRun, Time, schema};

/// State of a project: counts, objects that need attention, and runs over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// When the hub read the state.
    pub at: Time,
    /// Hours of the period, which ends at `at`.
    pub hours: u32,
    /// Number of tasks by the phase of the newest run; `new` counts tasks without a run. A phase
    /// without tasks is absent.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"new": 2, "running": 1, "succeeded": 40}))]
    pub counts: BTreeMap<String, u64>,
    /// Objects that need attention.
    pub attention: Attention,
    /// Equal parts of the period, oldest first.
    pub buckets: Vec<OverviewBucket>,
}

/// Objects that need attention.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Attention {
    /// Newest failed runs of the period, at most 10.
    pub failed: Vec<ListedRun>,
    /// Oldest runs that wait, at most 10.
    pub waiting: Vec<ListedRun>,
    /// Parties of the project whose agents have disconnected, newest absence first, at most 20. A
    /// disabled party, and one whose agent has never connected, are left out.
    pub parties_away: Vec<PartyAway>,
    /// Certificates of the hub that expire within 30 days. Empty unless the caller administers the
    /// federation.
    pub certificates: Vec<ExpiringCertificate>,
}

/// Party whose agent has disconnected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartyAway {
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub name: String,
    /// When the agent disconnected.
    pub since: Time,
}

/// Certificate that expires soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExpiringCertificate {
    /// Listener that uses the certificate, as in `rest` or `grpc`.
    pub name: String,
    /// When the certificate, or another one of its chain, expires.
    pub not_after: Time,
}

/// One part of the period of an overview.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OverviewBucket {
    /// Begin of the part. It ends at the begin of the next one.
    pub at: Time,
    /// Runs that were created.
    pub started: u64,
    /// Runs that ended with success.
    pub succeeded: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Runs that were cancelled.
    pub cancelled: u64,
    /// Median time from the creation of a run until all of its members ran, of the runs that ended
    /// in this part, in seconds. It is an estimate if there are many runs. `null` if none of them
    /// ran.
    pub queue_seconds_p50: Option<f64>,
    /// Longest such time, in seconds.
    pub queue_seconds_max: Option<f64>,
}
