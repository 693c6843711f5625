//! Finds tasks, templates and runs that the caller may see, by id or by name.

use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{RunId, TaskId, TemplateId};
use flow_domain::run::Run;
use flow_domain::template::Template;

use super::reference::{Reference, RunReference};
use crate::api::extract::Caller;
use crate::api::problem::ApiError;
use crate::state::App;
use crate::store::{PageRequest, TaskRow};

/// Returns the task if the caller may see it. A deleted task is unknown.
pub(super) async fn visible_task(
    app: &App,
    Caller(principal): &Caller,
    task: &Reference<TaskId>,
) -> Result<TaskRow, ApiError> {
    let found = match task {
        Reference::Id(id) => app.store.task(id).await?,
        Reference::Name(name) => app.store.task_by_name(&principal.project, name).await?,
    };
    let found = found.filter(|found| found.task.project == principal.project);
    found.ok_or_else(|| Error::new(ErrorCode::TaskNotFound, unknown("task", task)).into())
}

/// Returns the id of a task. Looks up only names: the engine checks ids.
pub(super) async fn task_id(
    app: &App,
    caller: &Caller,
    task: Reference<TaskId>,
) -> Result<TaskId, ApiError> {
    match task {
        Reference::Id(id) => Ok(id),
        name @ Reference::Name(_) => Ok(visible_task(app, caller, &name).await?.task.id),
    }
}

/// Returns the template if the caller may see it.
pub(super) async fn visible_template(
    app: &App,
    Caller(principal): &Caller,
    template: &Reference<TemplateId>,
) -> Result<Template, ApiError> {
    let found = match template {
        Reference::Id(id) => app.store.template(id).await?,
        Reference::Name(name) => app.store.template_by_name(&principal.project, name).await?,
    };
    let found = found.filter(|found| found.project == principal.project);
    found.ok_or_else(|| no_template(template).into())
}

pub(super) fn no_template(template: &Reference<TemplateId>) -> Error {
    Error::new(ErrorCode::TemplateNotFound, unknown("template", template))
}

fn unknown<Id: std::fmt::Display>(noun: &str, reference: &Reference<Id>) -> String {
    match reference {
        Reference::Id(id) => format!("there is no {noun} {id}"),
        Reference::Name(name) => format!("there is no {noun} named {name:?}"),
    }
}

/// Returns a run of the task.
pub(super) async fn run_of(
    app: &App,
    TaskRow { task, latest_run, .. }: &TaskRow,
    run: &RunReference,
) -> Result<Run, ApiError> {
    let (found, missing) = match run {
        RunReference::Id(id) => (by_id(app, &task.id, id).await?, format!("no run {id}")),
        RunReference::Number(number) => {
            // Runs are listed from the newest on.
            let after = (u64::from(*number) + 1).to_string();
            let page = PageRequest { after: Some(after), ..PageRequest::first(1) };
            let runs = app.store.runs(&task.id, &page).await?;
            let found = runs.items.into_iter().find(|found| found.number == *number);
            (found, format!("no run {number}"))
        }
        RunReference::Latest => match latest_run {
            Some(id) => (by_id(app, &task.id, id).await?, format!("no run {id}")),
            None => (None, "no run: it was never started".to_owned()),
        },
    };
    found.ok_or_else(|| {
        let message = format!("task {:?} has {missing}", task.body.name);
        Error::new(ErrorCode::RunNotFound, message).into()
    })
}

async fn by_id(app: &App, task: &TaskId, run: &RunId) -> Result<Option<Run>, ApiError> {
    Ok(app.store.run(run).await?.filter(|found| &found.task == task))
}
