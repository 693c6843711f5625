//! Finds tasks and templates that the caller may see.

use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{TaskId, TemplateId};
use flow_domain::template::Template;

use crate::api::extract::Caller;
use crate::api::problem::ApiError;
use crate::state::App;
use crate::store::TaskRow;

/// Returns the task if the caller may see it. A deleted task is unknown.
pub(super) async fn visible_task(
    app: &App,
    Caller(principal): &Caller,
    task: &TaskId,
) -> Result<TaskRow, ApiError> {
    let found = app.store.task(task).await?.filter(|found| found.task.project == principal.project);
    found.ok_or_else(|| {
        Error::new(ErrorCode::TaskNotFound, format!("there is no task {task}")).into()
    })
}

/// Returns the template if the caller may see it.
pub(super) async fn visible_template(
    app: &App,
    Caller(principal): &Caller,
    template: &TemplateId,
) -> Result<Template, ApiError> {
    let found =
        app.store.template(template).await?.filter(|found| found.project == principal.project);
    found.ok_or_else(|| no_template(template).into())
}

pub(super) fn no_template(template: &TemplateId) -> Error {
    Error::new(ErrorCode::TemplateNotFound, format!("there is no template {template}"))
}
