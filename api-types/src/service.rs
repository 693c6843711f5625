//! The hub itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Version of the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HubVersion {
    /// Version of flow-server.
    #[schema(example = "0.1.0")]
    pub version: String,
}

/// Version, features and limits of the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HubInfo {
    /// Version of flow-server.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// Names of features that older releases of the same API do not have. Later releases add names.
    #[schema(example = json!(["event_feed"]))]
    pub features: Vec<String>,
    /// Limits of requests.
    pub limits: HubLimits,
}

/// Limits of requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HubLimits {
    /// Items of a page without `limit`.
    pub page_items_default: u64,
    /// Largest `limit` of a page.
    pub page_items_max: u64,
    /// Templates, and tasks, of one apply request.
    pub apply_items_max: u64,
    /// Tasks that one request stops or deletes.
    pub bulk_tasks_max: u64,
    /// Runs of one comparison.
    pub compared_runs_max: u64,
    /// Members of a task.
    pub task_members_max: u64,
    /// Labels of a task.
    pub task_labels_max: u64,
    /// Labels of a filter.
    pub label_filters_max: u64,
    /// Bytes of a request body.
    pub body_bytes_max: u64,
}
