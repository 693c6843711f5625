//! Escapes texts of the hub and the parties before flowctl prints them, so that no text controls
//! the terminal.

use flow_common::text::visible;
use serde_json::Value;

/// Returns the document with the control characters of all its texts escaped.
pub fn escaped(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(visible(text).into_owned()),
        Value::Array(items) => items.iter().map(escaped).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (visible(name).into_owned(), escaped(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
