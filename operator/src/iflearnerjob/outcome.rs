//! The result of a reconcile pass, for the requeue and for the counter.

use std::time::Duration;

use kube::runtime::controller::Action;

/// Requeue delay after a version conflict: until then the watch has shown the newer object.
const CONFLICT_REQUEUE_DELAY: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Children and status are as desired. The next pass follows a change, or this delay.
    Reconciled { requeue: Option<Duration> },
    /// The pass wrote no status because the state is about to change.
    Postponed(Duration),
    /// The object changed after it was read.
    Conflict,
    /// The status is terminal.
    Finished,
    /// The object is being deleted, or is gone.
    Deleted,
    /// The object does not fit its type.
    Unreadable,
}

impl Outcome {
    /// Returns the value of the metric's label `outcome`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Reconciled { .. } => "reconciled",
            Self::Postponed(_) => "postponed",
            Self::Conflict => "conflict",
            Self::Finished => "finished",
            Self::Deleted => "deleted",
            Self::Unreadable => "unreadable",
        }
    }

    pub fn action(self) -> Action {
        match self {
            Self::Postponed(delay) | Self::Reconciled { requeue: Some(delay) } => {
                Action::requeue(delay)
            }
            Self::Conflict => Action::requeue(CONFLICT_REQUEUE_DELAY),
            Self::Reconciled { requeue: None }
            | Self::Finished
            | Self::Deleted
            | Self::Unreadable => Action::await_change(),
        }
    }
}
