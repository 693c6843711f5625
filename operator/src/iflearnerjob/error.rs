//! The error of a reconcile pass. The controller repeats the pass with backoff.

use crate::children::ChildError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Child(#[from] ChildError),
    /// A request failed; `operation` completes "cannot …".
    #[error("cannot {operation}: {source}")]
    Api {
        operation: &'static str,
        #[source]
        source: kube::Error,
    },
    /// The object existed a moment ago.
    #[error("{0} was deleted during the reconcile pass")]
    Vanished(String),
}

impl Error {
    /// Returns a closure for `map_err`; `operation` completes "cannot …".
    pub fn api(operation: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Api { operation, source }
    }

    /// Returns the value of the metric's label `error`.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Child(ChildError::Terminating { .. }) => "leaving",
            Self::Child(_) => "child",
            Self::Api { .. } => "api",
            Self::Vanished(_) => "vanished",
        }
    }
}
