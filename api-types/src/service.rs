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
