//! The metrics of the operator in the OpenMetrics text format.
//!
//! Write requests are counted where they are sent: the load on the API server is a promise of this
//! operator. Jobs by role and phase are counted from the cache when the page is requested.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use flow_common::metrics::{CallMetrics, Labels, add, add_with_unit, histogram, page, registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The number of IflearnerJobs by role and phase.
pub type JobCounts = BTreeMap<(&'static str, &'static str), i64>;

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    passes: CallMetrics<1>,
    failures: Family<Labels<1>, Counter>,
    writes: Family<Labels<2, String>, Counter>,
    jobs: Family<Labels<2>, Gauge>,
    time_to_run: Histogram,
    leader: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = registry();
        let operator = registry.sub_registry_with_prefix("operator");
        let passes = CallMetrics::new(histogram(0.000_5, 2.0, 16));
        passes.register(
            operator,
            ["reconciles", "Reconcile passes by outcome"],
            ["reconcile", "Duration of a reconcile pass"],
        );
        Self {
            passes,
            failures: add(
                operator,
                "reconcile_failures",
                "Reconcile passes that failed and will be repeated, by error",
            ),
            writes: add(operator, "writes", "Write requests to the API server by kind and verb"),
            jobs: add(operator, "iflearnerjobs", "IflearnerJobs by role and phase"),
            time_to_run: add_with_unit(
                operator,
                "time_to_run",
                "Time from the creation of an IflearnerJob until its workload runs",
                Unit::Seconds,
                histogram(0.1, 2.0, 14),
            ),
            leader: add(operator, "leader", "1 if this operator holds the Lease"),
            registry,
        }
    }
}

impl Metrics {
    /// Counts a reconcile pass. `outcome` is the value of the label.
    pub fn record_pass(&self, outcome: &'static str, duration: Duration) {
        self.passes.record([("outcome", outcome)], duration);
    }

    pub fn record_failure(&self, error: &'static str) {
        self.failures.get_or_create(&[("error", error)]).inc();
    }

    /// Counts a write request that is about to be sent.
    pub fn record_write(&self, kind: &str, verb: &'static str) {
        self.writes.get_or_create(&[("kind", kind.to_owned()), ("verb", verb.to_owned())]).inc();
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
        self.jobs.clear();
        for ((role, phase), count) in counts {
            self.jobs.get_or_create(&[("role", *role), ("phase", *phase)]).set(*count);
        }
        page(&[&self.registry])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u22_alert_rules_and_dashboard_use_metrics_of_the_page() {
        let metrics = Metrics::default();
        metrics.record_pass("applied", Duration::ZERO);
        metrics.record_failure("conflict");
        metrics.record_write("Job", "create");
        let page = metrics.encode(&JobCounts::from([(("server", "Running"), 1)])).unwrap();
        flow_testkit::assert_monitored(&page, |name| name.starts_with("flow_operator_"));
    }
}
