//! Counters and durations of the agent's loops, shared by the loops and the page that shows them.
//!
//! Durations are monotonic. Labels hold no run, dataset or address, because the page is not secret.

use std::time::Duration;

use flow_common::metrics::{CallMetrics, histogram};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Clones share the same counters.
#[derive(Debug, Clone)]
pub struct AgentMetrics {
    passes: CallMetrics<1>,
    requests: CallMetrics<2>,
    sessions: CallMetrics<1>,
    sweeps: CallMetrics<1>,
    disk_use: Gauge,
}

impl Default for AgentMetrics {
    fn default() -> Self {
        Self {
            passes: CallMetrics::new(histogram(0.000_1, 4.0, 10)),
            requests: CallMetrics::new(histogram(0.001, 4.0, 10)),
            sessions: CallMetrics::new(histogram(1.0, 4.0, 10)),
            sweeps: CallMetrics::new(histogram(0.001, 4.0, 10)),
            disk_use: Gauge::default(),
        }
    }
}

impl AgentMetrics {
    /// Records one pass of the agent's loop, without the time that it waited for an input. Outcomes:
    /// `ok`, `journal_failed` (the journal refused a write), `ended` (the pass ended the agent).
    pub fn pass(&self, outcome: &'static str, took: Duration) {
        self.passes.record([("outcome", outcome)], took);
    }

    /// Records one call of the runtime; a retry is a call of its own. Outcomes: `done`, `refused`,
    /// `failed` (the agent retries).
    pub fn runtime_request(&self, request: &'static str, outcome: &'static str, took: Duration) {
        self.requests.record([("request", request), ("outcome", outcome)], took);
    }

    /// Records one session that `ended`, or one attempt to open a session that `failed`.
    pub fn session(&self, outcome: &'static str, took: Duration) {
        self.sessions.record([("outcome", outcome)], took);
    }

    /// Records one sweep of data past its retention.
    pub fn sweep(&self, is_ok: bool, took: Duration) {
        self.sweeps.record([("outcome", if is_ok { "ok" } else { "failed" })], took);
    }

    /// Records the bytes that the run directories of all members occupy.
    pub fn disk_use(&self, bytes: u64) {
        self.disk_use.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Adds all metrics to a registry whose prefix is `flow_agent`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let Self { passes, requests, sessions, sweeps, disk_use } = self;
        registry.register_with_unit(
            "run_directories",
            "Space that outputs, logs and scratch files of all members occupy; measured each hour",
            Unit::Bytes,
            disk_use.clone(),
        );
        passes.register(
            registry,
            ["passes", "Passes of the agent's loop, by outcome"],
            ["pass_duration", "Duration of a pass of the agent's loop"],
        );
        requests.register(
            registry,
            [
                "runtime_requests",
                "Requests to the runtime, retries included, by request and outcome",
            ],
            ["runtime_request_duration", "Duration of a request to the runtime"],
        );
        sessions.register(
            registry,
            ["session_ends", "Sessions with the hub that ended or could not be opened, by outcome"],
            [
                "session_duration",
                "Duration of a session with the hub, or of the attempt to open one",
            ],
        );
        sweeps.register(
            registry,
            [
                "retention_sweeps",
                "Sweeps that remove logs, outputs and records past their retention, by outcome",
            ],
            ["retention_sweep_duration", "Duration of a retention sweep"],
        );
    }
}
