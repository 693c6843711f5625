//! The hub itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

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
    /// Webhooks of a project.
    #[serde(default)]
    pub project_webhooks_max: u64,
    /// Characters of the URL of a webhook.
    #[serde(default)]
    pub webhook_url_chars_max: u64,
    /// Deliveries that the hub keeps of each webhook.
    #[serde(default)]
    pub webhook_deliveries_max: u64,
}

/// State of the hub's process, database, disk and certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct System {
    /// Version of flow-server.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// When the process of the hub started.
    pub started_at: Time,
    /// Checks behind `/readyz`: `process`, `store` and `engine`.
    pub ready: Vec<SystemCheck>,
    /// Database of the hub.
    pub store: SystemStore,
    /// Disk of the data directory. Absent if it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<SystemDisk>,
    /// Certificates of the listeners. A listener without TLS has none.
    pub certificates: Vec<SystemCertificate>,
    /// Agents that have a session with this process.
    pub agents_connected: u64,
    /// Settings that limit requests and stored data.
    pub limits: SystemLimits,
}

/// Result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemCheck {
    /// Checked part of the hub.
    #[schema(example = "store")]
    pub name: String,
    /// The part works.
    pub ok: bool,
    /// Failure, for people. Absent if the part works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Database of the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemStore {
    /// Kind of database: `sqlite`, or `mysql` for MySQL and MariaDB.
    #[schema(example = "sqlite")]
    pub kind: String,
    /// Version that the database reports. Absent if it does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Size of the data in bytes, as the database estimates it. Absent if it does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

/// Disk of the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemDisk {
    /// Data directory of the hub.
    pub path: String,
    /// Bytes that the hub can still write.
    pub free_bytes: u64,
    /// Size of the file system in bytes.
    pub total_bytes: u64,
}

/// Certificate of a listener, or one of its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemCertificate {
    /// Listener, as in `rest` or `grpc`.
    pub name: String,
    /// Subject of the certificate.
    pub subject: String,
    /// Begin of the validity.
    pub not_before: Time,
    /// End of the validity.
    pub not_after: Time,
}

/// Settings that limit requests and stored data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemLimits {
    /// Requests of an account per second.
    pub requests_per_s: u64,
    /// Bytes of request bodies that all requests together may hold in memory.
    pub body_bytes: u64,
    /// Days for which the hub keeps the feed of events.
    pub events_days: u64,
    /// Days for which the hub keeps the audit of access.
    pub audit_days: u64,
    /// Seconds without contact after which another agent may replace the agent of a party.
    pub away_after_s: u64,
}
