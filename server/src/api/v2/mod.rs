//! `/api/v2`, the native interface: a file per resource.

mod events;
mod members;
pub mod model;
mod orphans;
mod parties;
mod runs;
mod tasks;
mod templates;

use std::sync::Arc;

use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{PartyId, TaskId, TemplateId};
use flow_domain::template::Template;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::Caller;
use super::problem::Failure;
use crate::state::App;
use crate::store::TaskRow;
use model::schema;

/// All routes, relative to `/api/v2`. Paths that are the same up to the method stand in one `routes!`.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .routes(routes!(templates::list, templates::create))
        .routes(routes!(templates::get, templates::edit, templates::delete))
        .routes(routes!(templates::revisions))
        .routes(routes!(templates::revision))
        .routes(routes!(tasks::list, tasks::create))
        .routes(routes!(tasks::get, tasks::edit, tasks::delete))
        .routes(routes!(tasks::start))
        .routes(routes!(tasks::stop))
        .routes(routes!(events::list))
        .routes(routes!(runs::list))
        .routes(routes!(runs::get))
        .routes(routes!(members::get))
        .routes(routes!(members::logs))
        .routes(routes!(members::series))
        .routes(routes!(parties::list, parties::create))
        .routes(routes!(parties::get, parties::delete))
        .routes(routes!(parties::rotate_secret))
        .routes(routes!(orphans::list))
        .routes(routes!(orphans::stop))
        .routes(routes!(orphans::keep))
}

/// A task in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct TaskPath {
    /// Id of the task.
    #[param(value_type = schema::Id, example = flow_domain::sample::task_id)]
    task: TaskId,
}

/// A template in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct TemplatePath {
    /// Id of the template.
    #[param(value_type = schema::Id, example = flow_domain::sample::template_id)]
    template: TemplateId,
}

/// A party in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct PartyPath {
    /// Name of the party.
    #[param(value_type = schema::PartyName)]
    party: PartyId,
}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct PageParams {
    /// `next` of the page before; absent = from the start.
    #[param(value_type = Option<schema::Cursor>)]
    cursor: Option<String>,
    /// Most items wanted.
    #[param(value_type = Option<schema::PageLimit>)]
    limit: Option<u32>,
}

/// What makes a repeated POST harmless.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents the header that `extract::Idempotency` reads")]
struct IdempotencyHeader {
    /// 1 to 255 visible ASCII characters, fresh for each different request. The same request sent again with the same
    /// key is carried out once and answered the same, for a week.
    #[param(rename = "Idempotency-Key", value_type = schema::IdempotencyKey, required = false)]
    key: Option<String>,
}

/// Keeps an edit or a deletion from undoing the edit of somebody else.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents the header that `extract::IfMatch` reads")]
struct IfMatchHeader {
    /// The `ETag` of the version that was read. Absent or `*` = any version.
    #[param(rename = "If-Match", value_type = schema::IfMatch, required = false, example = "\"7\"")]
    version: Option<String>,
}

/// The task, if the caller may see it. A deleted one is gone.
async fn visible_task(
    app: &App,
    Caller(principal): &Caller,
    task: &TaskId,
) -> Result<TaskRow, Failure> {
    let found = app.store.task(task).await?.filter(|found| found.task.project == principal.project);
    found.ok_or_else(|| {
        Error::new(ErrorCode::TaskNotFound, format!("there is no task {task}")).into()
    })
}

/// The template, if the caller may see it.
async fn visible_template(
    app: &App,
    Caller(principal): &Caller,
    template: &TemplateId,
) -> Result<Template, Failure> {
    let found =
        app.store.template(template).await?.filter(|found| found.project == principal.project);
    found.ok_or_else(|| no_template(template).into())
}

fn no_template(template: &TemplateId) -> Error {
    Error::new(ErrorCode::TemplateNotFound, format!("there is no template {template}"))
}
