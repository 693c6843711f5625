//! The state that all request handlers and sessions share.
//!
//! `serve.rs` builds it. This module knows neither listeners nor handlers.

use std::sync::{Arc, OnceLock};

use flow_common::clock::SharedClock;
use flow_common::supervisor::Supervisor;
use flow_console::Assets;
use flow_domain::id::PartyId;
use flow_domain::time::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::cors::Cors;
use crate::engine::{Engine, RetentionDays};
use crate::metrics::Metrics;
use crate::network::Network;
use crate::overview::Overviews;
use crate::readiness::Readiness;
use crate::sessions::Sessions;
use crate::sign_in_log::SignInLog;
use crate::store::Store;
use crate::webhooks::Webhooks;

pub struct App {
    /// Accepts every change of a task.
    pub engine: Engine,
    /// For reads, and for writes that concern no task.
    pub store: Arc<Store>,
    pub sessions: Sessions,
    pub clock: SharedClock,
    pub access: Access,
    pub metrics: Arc<Metrics>,
    pub readiness: Readiness,
    pub supervisor: Supervisor,
    /// Cancelled at shutdown: streams end, and agents are asked to reconnect later.
    pub stopping: CancellationToken,
    /// When this process started.
    pub started_at: Timestamp,
    pub settings: HubSettings,
    /// The newest overviews of projects.
    pub(crate) overviews: Overviews,
    /// Seconds without contact after which another agent may replace the party's agent.
    pub away_after_s: u64,
    /// Bytes of request bodies that all requests together may hold in memory.
    pub body_bytes: Arc<Semaphore>,
    /// Limits the log lines about failed sign-ins of agents.
    pub(crate) sign_in_log: SignInLog,
    pub v1: V1Options,
    pub cors: Cors,
    /// The files of the web console.
    pub console: Assets,
    pub webhooks: Arc<Webhooks>,
    /// The party of the agent inside this process, if there is one.
    pub embedded: OnceLock<PartyId>,
}

/// Settings that the state of the system shows.
#[derive(Debug, Clone, Copy)]
pub struct HubSettings {
    /// Requests of an account per second.
    pub requests_per_s: u32,
    /// See [`App::body_bytes`].
    pub body_bytes: usize,
    pub retention: RetentionDays,
}

/// Options of `/api/v1`.
#[derive(Debug, Clone)]
pub struct V1Options {
    /// The party of the hub, which aggregates every task.
    pub aggregator: PartyId,
    /// Networks whose requests need no credentials.
    pub anonymous_networks: Vec<Network>,
}
