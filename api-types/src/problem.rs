//! Failed requests, as RFC 9457 describes them. Every field has a default for reading: a proxy may
//! answer with fewer.

use flow_domain::error::FieldCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Named, schema};

/// Failure of a request (RFC 9457).
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(example = Problem::sample)]
pub struct Problem {
    /// Link to the description of the `code` in the table of errors.
    #[schema(required = true, example = "/docs#task_not_found")]
    #[serde(default, rename = "type")]
    pub kind: String,
    /// Summary of the `code`; the same for every failure of this kind.
    #[schema(required = true)]
    #[serde(default)]
    pub title: String,
    /// HTTP status.
    #[schema(required = true, example = 404)]
    #[serde(default)]
    pub status: u16,
    /// Description of this failure: the object, the cause and the next step.
    #[schema(required = true)]
    #[serde(default)]
    pub detail: String,
    /// Kind of failure, for programs. Codes do not change.
    #[schema(required = true, value_type = schema::ErrorCode)]
    #[serde(default)]
    pub code: String,
    /// The same request may succeed later without a change.
    #[schema(required = true)]
    #[serde(default)]
    pub retryable: bool,
    /// All invalid fields of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
    /// Number of invalid fields that `fields` leaves out. Absent if it lists all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_fields: Option<usize>,
    /// Id of the request in the log of the hub; the same as the header `X-Request-Id`.
    #[schema(required = true)]
    #[serde(default)]
    pub request_id: String,
}

/// One invalid field of a request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// JSON pointer into the body, `?name` for a query parameter, or the name of a header.
    #[schema(required = true, example = "/members/1/party")]
    #[serde(default)]
    pub pointer: String,
    /// Kind of mistake, for programs.
    #[schema(required = true, value_type = schema::FieldCode)]
    #[serde(default = "unknown")]
    pub code: Named<FieldCode>,
    /// Description of the mistake, with the valid values.
    #[schema(required = true)]
    #[serde(default)]
    pub message: String,
}

fn unknown() -> Named<FieldCode> {
    Named::Unknown(String::new())
}
