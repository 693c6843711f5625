//! Metrics in the OpenMetrics text format: the parts that all programs share.
//!
//! A metric is shared between its owner, which records, and a registry, which encodes the page. The
//! functions here create a metric and register it in one step.

use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry, Unit};

use crate::telemetry;

/// Labels of a metric: names and values.
pub type Labels<const N: usize, V = &'static str> = [(&'static str, V); N];

/// Creates a registry with the prefix `flow` and the metrics that every program has.
#[must_use]
pub fn registry() -> Registry {
    let mut registry = Registry::with_prefix("flow");
    registry.register_collector(Box::new(LogLinesDropped));
    registry
}

/// Encodes the page of these registries.
///
/// # Errors
/// An error of the encoder.
pub fn page(registries: &[&Registry]) -> Result<String, fmt::Error> {
    let mut page = String::new();
    for registry in registries {
        text::encode_registry(&mut page, registry)?;
    }
    text::encode_eof(&mut page)?;
    Ok(page)
}

/// Creates and registers a metric.
pub fn add<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

/// Registers a metric with a unit, which becomes the suffix of its name.
pub fn add_with_unit<M: Metric + Clone>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    unit: Unit,
    metric: M,
) -> M {
    registry.register_with_unit(name, help, unit, metric.clone());
    metric
}

/// Creates a histogram. `first` is the bound of the first bucket; each bound is `factor` times the
/// one before.
#[must_use]
pub fn histogram(first: f64, factor: f64, buckets: u16) -> Histogram {
    Histogram::new(exponential_buckets(first, factor, buckets))
}

/// Calls, loop passes or other repeated work: a counter by labels and a histogram of the durations.
/// Clones share both.
#[derive(Debug, Clone)]
pub struct CallMetrics<const N: usize> {
    count: Family<Labels<N>, Counter>,
    seconds: Histogram,
}

impl<const N: usize> CallMetrics<N> {
    /// Begins with no calls.
    #[must_use]
    pub fn new(seconds: Histogram) -> Self {
        Self { count: Family::default(), seconds }
    }

    /// Adds name and help of the counter and of the duration to a registry.
    pub fn register(&self, registry: &mut Registry, count: [&str; 2], duration: [&str; 2]) {
        registry.register(count[0], count[1], self.count.clone());
        registry.register_with_unit(duration[0], duration[1], Unit::Seconds, self.seconds.clone());
    }

    /// Records one call.
    pub fn record(&self, labels: Labels<N>, took: Duration) {
        self.count.get_or_create(&labels).inc();
        self.seconds.observe(took.as_secs_f64());
    }
}

/// As [`CallMetrics`], for calls with names: both metrics have the label `name`, and the counter has
/// the label `outcome`.
#[derive(Debug, Clone)]
pub struct NamedCallMetrics {
    count: Family<Labels<2>, Counter>,
    seconds: Family<Labels<1>, Histogram>,
}

impl NamedCallMetrics {
    /// Begins with no calls. `seconds` creates the histogram of each name.
    #[must_use]
    pub fn new(seconds: fn() -> Histogram) -> Self {
        Self { count: Family::default(), seconds: Family::new_with_constructor(seconds) }
    }

    /// Adds name and help of the counter and of the duration to a registry.
    pub fn register(&self, registry: &mut Registry, count: [&str; 2], duration: [&str; 2]) {
        registry.register(count[0], count[1], self.count.clone());
        registry.register_with_unit(duration[0], duration[1], Unit::Seconds, self.seconds.clone());
    }

    /// Records one call.
    pub fn record(&self, name: &'static str, outcome: &'static str, took: Duration) {
        self.count.get_or_create(&[("name", name), ("outcome", outcome)]).inc();
        self.seconds.get_or_create(&[("name", name)]).observe(took.as_secs_f64());
    }
}

#[derive(Debug)]
struct LogLinesDropped;

impl Collector for LogLinesDropped {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let lines = ConstCounter::new(telemetry::lines_dropped());
        let help = "Log lines that could not be written";
        let kind = lines.metric_type();
        lines.encode(encoder.encode_descriptor("log_lines_dropped", help, None, kind)?)
    }
}
