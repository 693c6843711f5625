//! Reads responses of the hub into the types of the API.

use flow_common::text::visible;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{CliError, ExitStatus};
use crate::escape::escaped;

/// Reads a response that flowctl prints. Its texts are escaped.
pub fn read<T: DeserializeOwned>(value: &Value) -> Result<T, CliError> {
    exact(&escaped(value))
}

/// Reads a response that flowctl compares or sends again. Its texts are unchanged.
pub fn exact<T: DeserializeOwned>(value: &Value) -> Result<T, CliError> {
    serde::Deserialize::deserialize(value).map_err(|error| unreadable(&error))
}

/// Error for a response that does not have the documented form.
pub fn unreadable(error: &serde_json::Error) -> CliError {
    let message = format!("cannot read the response of the hub: {}", visible(&error.to_string()));
    CliError::new(ExitStatus::Failed, message)
        .with_remedy("Use flowctl of the same version as the hub.")
}
