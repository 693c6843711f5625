//! What is measured, in the OpenMetrics text format.
//!
//! Writes are counted where they are sent: what an object costs the API server is a promise of this operator. Jobs by
//! role and phase are counted from the cache when the page is asked for.

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
struct Write {
    kind: String,
    verb: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    error: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Jobs {
    role: &'static str,
    phase: &'static str,
}

/// How many jobs there are, by role and phase.
pub type Counts = BTreeMap<(&'static str, &'static str), i64>;

/// The registry and its metrics.
pub struct Metrics {
    registry: Registry,
    reconcile: Histogram,
    failures: Family<Failure, Counter<u64, AtomicU64>>,
    writes: Family<Write, Counter<u64, AtomicU64>>,
    jobs: Family<Jobs, Gauge>,
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
        let mut all = Registry::with_prefix("flow");
        let metrics = Self {
            registry: Registry::default(),
            reconcile: Histogram::new(exponential_buckets(0.000_5, 2.0, 16)),
            failures: Family::default(),
            writes: Family::default(),
            jobs: Family::default(),
            time_to_run: Histogram::new(exponential_buckets(0.1, 2.0, 14)),
            leader: Gauge::default(),
            log_lines_dropped: Counter::default(),
        };
        all.register(
            "log_lines_dropped",
            "Lines of the log that could not be written",
            metrics.log_lines_dropped.clone(),
        );
        let registry = all.sub_registry_with_prefix("operator");
        registry.register_with_unit(
            "reconcile",
            "Time of one look at one object",
            Unit::Seconds,
            metrics.reconcile.clone(),
        );
        registry.register(
            "reconcile_failures",
            "Looks that ended in an error, and will be repeated",
            metrics.failures.clone(),
        );
        registry.register(
            "writes",
            "Requests sent to the API server that change something",
            metrics.writes.clone(),
        );
        registry.register("iflearnerjobs", "IflearnerJobs by role and phase", metrics.jobs.clone());
        registry.register_with_unit(
            "time_to_run",
            "From the making of an IflearnerJob until its workload runs",
            Unit::Seconds,
            metrics.time_to_run.clone(),
        );
        registry.register(
            "leader",
            "1 if this operator is the one that works",
            metrics.leader.clone(),
        );
        Self { registry: all, ..metrics }
    }
}

impl Metrics {
    /// A look at an object took so long.
    pub fn reconciled(&self, took: Duration) {
        self.reconcile.observe(took.as_secs_f64());
    }

    /// A look at an object failed.
    pub fn failed(&self, error: &'static str) {
        self.failures.get_or_create(&Failure { error }).inc();
    }

    /// A write is about to be sent.
    pub fn wrote(&self, kind: &str, verb: &'static str) {
        self.writes.get_or_create(&Write { kind: kind.to_owned(), verb }).inc();
    }

    /// A workload runs, so many seconds after its job was made.
    pub fn runs(&self, after_s: f64) {
        self.time_to_run.observe(after_s.max(0.0));
    }

    /// Whether this operator works or stands by.
    pub fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// The page.
    pub fn encode(&self, counts: &Counts) -> Result<String, fmt::Error> {
        self.log_lines_dropped
            .inner()
            .store(flow_common::telemetry::lines_dropped(), Ordering::Relaxed);
        self.jobs.clear();
        for ((role, phase), count) in counts {
            self.jobs.get_or_create(&Jobs { role, phase }).set(*count);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
