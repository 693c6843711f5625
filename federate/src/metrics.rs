//! Counters and durations of the agent's loops, shared by the loops and the page that shows them.
//!
//! Durations are monotonic. Labels hold no run, dataset or address, because the page is not secret.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassOutcome {
    Ok,
    /// The journal refused a write.
    JournalFailed,
    /// The pass ended the agent.
    Ended,
}

impl PassOutcome {
    const fn label(self) -> OutcomeLabel {
        let outcome = match self {
            Self::Ok => "ok",
            Self::JournalFailed => "journal_failed",
            Self::Ended => "ended",
        };
        OutcomeLabel { outcome }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestOutcome {
    Done,
    Refused,
    /// The request failed for now and is retried.
    Failed,
}

impl RequestOutcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionOutcome {
    /// The session was open and ended.
    Ended,
    /// The session was never open.
    Failed,
}

impl SessionOutcome {
    const fn label(self) -> OutcomeLabel {
        let outcome = match self {
            Self::Ended => "ended",
            Self::Failed => "failed",
        };
        OutcomeLabel { outcome }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepOutcome {
    Ok,
    Failed,
}

impl SweepOutcome {
    const fn label(self) -> OutcomeLabel {
        let outcome = match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
        };
        OutcomeLabel { outcome }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabel {
    request: &'static str,
    outcome: &'static str,
}

/// One loop: its passes by outcome and their duration.
#[derive(Debug, Clone)]
struct Loop<L> {
    count: Family<L, Counter>,
    seconds: Histogram,
}

impl<L: Clone + Eq + std::hash::Hash> Loop<L> {
    /// `first` is the upper bound of the first bucket in seconds; each of the ten buckets is four
    /// times as wide as the one before.
    fn new(first: f64) -> Self {
        Self {
            count: Family::default(),
            seconds: Histogram::new(exponential_buckets(first, 4.0, 10)),
        }
    }

    fn record(&self, label: &L, took: Duration) {
        self.count.get_or_create(label).inc();
        self.seconds.observe(took.as_secs_f64());
    }
}

/// Clones share the same counters.
#[derive(Debug, Clone)]
pub struct AgentMetrics {
    passes: Loop<OutcomeLabel>,
    requests: Loop<RequestLabel>,
    sessions: Loop<OutcomeLabel>,
    sweeps: Loop<OutcomeLabel>,
}

impl Default for AgentMetrics {
    fn default() -> Self {
        Self {
            passes: Loop::new(0.000_1),
            requests: Loop::new(0.001),
            sessions: Loop::new(1.0),
            sweeps: Loop::new(0.001),
        }
    }
}

impl AgentMetrics {
    /// Records one pass of the agent's loop, without the time that it waited for an input.
    pub fn pass(&self, outcome: PassOutcome, took: Duration) {
        self.passes.record(&outcome.label(), took);
    }

    /// Records one call of the runtime; a retry is a call of its own.
    pub fn runtime_request(&self, request: &'static str, outcome: RequestOutcome, took: Duration) {
        self.requests.record(&RequestLabel { request, outcome: outcome.as_str() }, took);
    }

    /// Records one session, or one failed attempt to open one.
    pub fn session(&self, outcome: SessionOutcome, took: Duration) {
        self.sessions.record(&outcome.label(), took);
    }

    /// Records one sweep of what is past its retention.
    pub fn sweep(&self, outcome: SweepOutcome, took: Duration) {
        self.sweeps.record(&outcome.label(), took);
    }

    /// Adds all metrics to a registry whose prefix is `flow_agent`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let Self { passes, requests, sessions, sweeps } = self;
        registry.register("passes", "Passes of the agent's loop, by outcome", passes.count.clone());
        registry.register_with_unit(
            "pass_duration",
            "Duration of a pass of the agent's loop",
            Unit::Seconds,
            passes.seconds.clone(),
        );
        registry.register(
            "runtime_requests",
            "Requests to the runtime, retries included, by request and outcome",
            requests.count.clone(),
        );
        registry.register_with_unit(
            "runtime_request_duration",
            "Duration of a request to the runtime",
            Unit::Seconds,
            requests.seconds.clone(),
        );
        registry.register(
            "session_ends",
            "Sessions with the hub that ended or could not be opened, by outcome",
            sessions.count.clone(),
        );
        registry.register_with_unit(
            "session_duration",
            "Duration of a session with the hub, or of the attempt to open one",
            Unit::Seconds,
            sessions.seconds.clone(),
        );
        registry.register(
            "retention_sweeps",
            "Sweeps that remove logs, outputs and records past their retention, by outcome",
            sweeps.count.clone(),
        );
        registry.register_with_unit(
            "retention_sweep_duration",
            "Duration of a retention sweep",
            Unit::Seconds,
            sweeps.seconds.clone(),
        );
    }
}
