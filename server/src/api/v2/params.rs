//! Path parameters, query parameters and headers that several resources share.

use flow_api_types::schema;
use flow_domain::id::{PartyId, TaskId, TemplateId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::reference::Reference;

/// A task in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct TaskPath {
    /// Id or name of the task.
    #[param(value_type = schema::TaskReference, example = flow_domain::sample::task_id)]
    pub(super) task: Reference<TaskId>,
}

/// A template in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct TemplatePath {
    /// Id or name of the template.
    #[param(value_type = schema::TemplateReference, example = flow_domain::sample::template_id)]
    pub(super) template: Reference<TemplateId>,
}

/// A party in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct PartyPath {
    /// Name of the party.
    #[param(value_type = schema::PartyName)]
    pub(super) party: PartyId,
}

/// Page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PageParams {
    /// `next` of the previous page. Absent for the first page.
    #[param(value_type = Option<schema::Cursor>)]
    pub(super) cursor: Option<String>,
    /// Largest number of items of the page.
    #[param(value_type = Option<schema::PageLimit>)]
    pub(super) limit: Option<u32>,
}

/// Header that makes a repeated POST safe.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents the header that `extract::Idempotency` reads")]
pub(super) struct IdempotencyHeader {
    /// 1 to 255 visible ASCII characters, new for each different request. For a week the hub
    /// executes requests with the same key once and returns the same result.
    #[param(rename = "Idempotency-Key", value_type = schema::IdempotencyKey, required = false)]
    key: Option<String>,
}

/// Header that prevents an edit or a deletion from overwriting a concurrent edit.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents the header that `extract::IfMatch` reads")]
pub(super) struct IfMatchHeader {
    /// `ETag` of the version that the client has read. Absent or `*` accepts any version.
    #[param(rename = "If-Match", value_type = schema::IfMatch, required = false, example = "\"7\"")]
    version: Option<String>,
}
