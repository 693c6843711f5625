//! Metrics of the store: count and duration of its write transactions, by name and outcome.

use flow_common::clock::{Monotonic, monotonic};
use flow_common::metrics::{NamedCallMetrics, histogram};
use prometheus_client::registry::Registry;
use tracing::Span;

/// Shared by all transactions of a store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoreMetrics(NamedCallMetrics);

impl Default for StoreMetrics {
    fn default() -> Self {
        Self(NamedCallMetrics::new(|| histogram(0.000_1, 2.0, 16)))
    }
}

impl StoreMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.0.register(
            registry,
            [
                "store_transactions",
                "Write transactions by name and outcome: committed, rolled_back or unknown",
            ],
            ["store_transaction", "Duration of write transactions by name"],
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
        self.metrics.0.record(self.name, self.outcome, duration);
        self.span.record("outcome", self.outcome);
        self.span.record("duration_ms", duration.as_secs_f64() * 1_000.0);
    }
}
