//! Path parameters, query parameters and headers that several resources share.

use flow_api_types::schema;
use flow_domain::id::{PartyId, TaskId, TemplateId};
use serde::Deserialize;
use utoipa::IntoParams;

/// A task in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct TaskPath {
    /// Id of the task.
    #[param(value_type = schema::Id, example = flow_domain::sample::task_id)]
    pub(super) task: TaskId,
}

/// A template in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct TemplatePath {
    /// Id of the template.
    #[param(value_type = schema::Id, example = flow_domain::sample::template_id)]
    pub(super) template: TemplateId,
}

/// A party in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct PartyPath {
    /// Name of the party.
    #[param(value_type = schema::PartyName)]
    pub(super) party: PartyId,
}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PageParams {
    /// `next` of the page before; absent = from the start.
    #[param(value_type = Option<schema::Cursor>)]
    pub(super) cursor: Option<String>,
    /// Most items wanted.
    #[param(value_type = Option<schema::PageLimit>)]
    pub(super) limit: Option<u32>,
}

/// What makes a repeated POST harmless.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents the header that `extract::Idempotency` reads")]
pub(super) struct IdempotencyHeader {
    /// 1 to 255 visible ASCII characters, fresh for each different request. The same request sent again with the same
    /// key is carried out once and answered the same, for a week.
    #[param(rename = "Idempotency-Key", value_type = schema::IdempotencyKey, required = false)]
    key: Option<String>,
}

/// Keeps an edit or a deletion from undoing the edit of somebody else.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents the header that `extract::IfMatch` reads")]
pub(super) struct IfMatchHeader {
    /// The `ETag` of the version that was read. Absent or `*` = any version.
    #[param(rename = "If-Match", value_type = schema::IfMatch, required = false, example = "\"7\"")]
    version: Option<String>,
}
