//! Outputs of members.

use flow_domain::output::OutputPath;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Time, schema};

/// The outputs of one member.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = OutputList::sample)]
pub struct OutputList {
    /// Files, ordered by path.
    pub outputs: Vec<Output>,
    /// Number of entries that are not listed: beyond 1,000 files, not plain files, or with names
    /// that cannot be printed.
    pub left_out: u32,
}

/// A file that a workload left in its output directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Output {
    /// Path relative to the output directory.
    #[schema(value_type = schema::OutputPath)]
    pub path: OutputPath,
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change, from the clock of the party.
    pub modified_at: Time,
    /// SHA-256 of the file. Absent while the party computes it, or while the file changes.
    #[schema(value_type = Option<schema::Digest>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}
