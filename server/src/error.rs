//! Errors that end a command of `flow-server`.

/// The reason why a command of `flow-server` failed. The text names the object and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);
