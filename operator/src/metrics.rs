//! The metrics of the operator in the OpenMetrics text format.
//!
//! Write requests are counted where they are sent: the load on the API server is a promise of this operator. Jobs by role
//! and phase are counted from the cache when the page is requested.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabels {
    kind: String,
    verb: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    error: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    role: &'static str,
    phase: &'static str,
}

/// The number of IflearnerJobs by role and phase.
pub type JobCounts = BTreeMap<(&'static str, &'static str), i64>;

pub struct Metrics {
    registry: Registry,
    pass_durations: Histogram,
    passes: Family<OutcomeLabels, Counter<u64, AtomicU64>>,
    failures: Family<FailureLabels, Counter<u64, AtomicU64>>,
    writes: Family<WriteLabels, Counter<u64, AtomicU64>>,
    jobs: Family<JobLabels, Gauge>,
    time_to_run: Histogram,
    leader: Gauge,
    log_lines_dropped: Counter<u64, AtomicU64>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("flow");
        let metrics = Self {
            registry: Registry::default(),
            pass_durations: Histogram::new(exponential_buckets(0.000_5, 2.0, 16)),
            passes: Family::default(),
            failures: Family::default(),
            writes: Family::default(),
            jobs: Family::default(),
            time_to_run: Histogram::new(exponential_buckets(0.1, 2.0, 14)),
            leader: Gauge::default(),
            log_lines_dropped: Counter::default(),
        };
        registry.register(
            "log_lines_dropped",
            "Log lines that could not be written",
            metrics.log_lines_dropped.clone(),
        );
        let operator = registry.sub_registry_with_prefix("operator");
        operator.register_with_unit(
            "reconcile",
            "Duration of a reconcile pass",
            Unit::Seconds,
            metrics.pass_durations.clone(),
        );
        operator.register("reconciles", "Reconcile passes by outcome", metrics.passes.clone());
        operator.register(
            "reconcile_failures",
            "Reconcile passes that failed and will be repeated, by error",
            metrics.failures.clone(),
        );
        operator.register(
            "writes",
            "Write requests to the API server by kind and verb",
            metrics.writes.clone(),
        );
        operator.register("iflearnerjobs", "IflearnerJobs by role and phase", metrics.jobs.clone());
        operator.register_with_unit(
            "time_to_run",
            "Time from the creation of an IflearnerJob until its workload runs",
            Unit::Seconds,
            metrics.time_to_run.clone(),
        );
        operator.register("leader", "1 if this operator holds the Lease", metrics.leader.clone());
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Counts a reconcile pass. `outcome` is the value of the label.
    pub fn record_pass(&self, outcome: &'static str, duration: Duration) {
        self.pass_durations.observe(duration.as_secs_f64());
        self.passes.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    pub fn record_failure(&self, error: &'static str) {
        self.failures.get_or_create(&FailureLabels { error }).inc();
    }

    /// Counts a write request that is about to be sent.
    pub fn record_write(&self, kind: &str, verb: &'static str) {
        self.writes.get_or_create(&WriteLabels { kind: kind.to_owned(), verb }).inc();
    }

    /// Records the age of an IflearnerJob, in seconds, whose workload began to run.
    pub fn record_time_to_run(&self, age_s: f64) {
        self.time_to_run.observe(age_s.max(0.0));
    }

    pub fn set_leader(&self, is_leader: bool) {
        self.leader.set(is_leader.into());
    }

    /// Returns the metrics page.
    pub fn encode(&self, counts: &JobCounts) -> Result<String, fmt::Error> {
        self.log_lines_dropped
            .inner()
            .store(flow_common::telemetry::lines_dropped(), Ordering::Relaxed);
        self.jobs.clear();
        for ((role, phase), count) in counts {
            self.jobs.get_or_create(&JobLabels { role, phase }).set(*count);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
