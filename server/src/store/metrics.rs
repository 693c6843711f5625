//! Metrics of the store: count and duration of its write transactions, by name and outcome.

use std::fmt;
use std::sync::Arc;

use flow_common::clock::{Monotonic, monotonic};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tracing::Span;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TransactionLabels {
    name: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NameLabel {
    name: &'static str,
}

/// Shared by all transactions of a store. Cheap to clone.
#[derive(Clone)]
pub struct StoreMetrics(Arc<Families>);

struct Families {
    transactions: Family<TransactionLabels, Counter>,
    duration: Family<NameLabel, Histogram>,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        let buckets = || Histogram::new(exponential_buckets(0.000_1, 2.0, 16));
        Self(Arc::new(Families {
            transactions: Family::default(),
            duration: Family::new_with_constructor(buckets),
        }))
    }
}

impl fmt::Debug for StoreMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreMetrics")
    }
}

impl StoreMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "store_transactions",
            "Write transactions by name and outcome: committed, rolled_back or unknown",
            self.0.transactions.clone(),
        );
        registry.register_with_unit(
            "store_transaction",
            "Duration of write transactions by name",
            Unit::Seconds,
            self.0.duration.clone(),
        );
    }

    /// Starts the measurement of a transaction, and its span.
    pub(super) fn begin(&self, name: &'static str) -> TransactionTimer {
        TransactionTimer {
            metrics: self.clone(),
            name,
            outcome: "rolled_back",
            started: monotonic(),
            span: tracing::debug_span!(
                "store",
                name,
                outcome = tracing::field::Empty,
                duration_ms = tracing::field::Empty
            ),
        }
    }
}

/// The measurement of one transaction; recorded on drop. Without an outcome the transaction was
/// rolled back.
#[derive(Debug)]
pub(super) struct TransactionTimer {
    metrics: StoreMetrics,
    name: &'static str,
    outcome: &'static str,
    started: Monotonic,
    span: Span,
}

impl TransactionTimer {
    /// Records the outcome of the COMMIT.
    pub(super) fn finish(&mut self, is_committed: bool) {
        self.outcome = if is_committed { "committed" } else { "unknown" };
    }
}

impl Drop for TransactionTimer {
    fn drop(&mut self) {
        let duration = self.started.elapsed();
        let labels = TransactionLabels { name: self.name, outcome: self.outcome };
        self.metrics.0.transactions.get_or_create(&labels).inc();
        self.metrics
            .0
            .duration
            .get_or_create(&NameLabel { name: self.name })
            .observe(duration.as_secs_f64());
        self.span.record("outcome", self.outcome);
        self.span.record("duration_ms", duration.as_secs_f64() * 1_000.0);
    }
}
