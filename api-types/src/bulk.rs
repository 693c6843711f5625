//! Changes of many tasks in one request.

use flow_domain::id::TaskId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{TaskSelector, object, schema};

/// Tasks to change: by id, or by conditions, page by page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = BulkRequest::sample)]
pub struct BulkRequest {
    /// Ids of the tasks. Not together with `filter`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = schema::BulkTasks)]
    pub tasks: Vec<TaskId>,
    /// Conditions for the tasks; at least one.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object::optional")]
    #[schema(value_type = Option<TaskSelector>)]
    pub filter: Option<TaskSelector>,
    /// `next` of the previous response to the same filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Cursor>)]
    pub cursor: Option<String>,
}

/// Result of a change of many tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BulkResult {
    /// The tasks that the request was about, each once.
    pub tasks: Vec<BulkTask>,
    /// Value of `cursor` for the next tasks of the filter. Absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Result of the change of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BulkTask {
    /// Id of the task.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// Name of the task, if the filter found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Cause for which the task was not changed. Absent if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<BulkError>,
}

/// Cause for which a task was not changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkError {
    /// Kind of failure, as in a problem.
    #[schema(value_type = schema::ErrorCode)]
    pub code: String,
    /// Description for people.
    pub message: String,
}

/// Request to create a task with the content of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloneInput {
    /// Name of the new task.
    #[schema(value_type = schema::Name)]
    pub name: String,
}
