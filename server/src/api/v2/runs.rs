//! Runs of a task, with their members.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{PartyId, RunId, TaskId};
use flow_domain::progress::Progress;
use serde::Deserialize;
use utoipa::IntoParams;

use super::lookup::visible_task;
use super::params::{PageParams, TaskPath};
use crate::api::extract::{Caller, Ids, Params};
use crate::api::list::List;
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::state::App;
use flow_api_types::{Page, Run, schema};

failures!(ListFailures = TaskNotFound, CursorInvalid);
failures!(NotFound = TaskNotFound, RunNotFound);

/// A run in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RunPath {
    /// Id of the task.
    #[param(value_type = schema::Id, example = flow_domain::sample::task_id)]
    task: TaskId,
    /// Id of the run.
    #[param(value_type = schema::Id, example = flow_domain::sample::run_id)]
    run: RunId,
}

/// List the runs of a task, newest first
#[utoipa::path(get, path = "/tasks/{task}/runs", tag = "runs", operation_id = "list_runs", params(TaskPath, PageParams),
    responses((status = 200, description = "One page of runs", body = Page<Run>), ListFailures))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TaskPath { task }): Ids<TaskPath>,
    Params(PageParams { cursor, limit }): Params<PageParams>,
) -> Result<Json<Page<Run>>, ApiError> {
    visible_task(&app, &caller, &task).await?;
    let list = List::of("runs", &task);
    let page = app.store.runs(&task, &list.request(cursor.as_deref(), limit)?).await?;
    let ids: Vec<RunId> = page.items.iter().map(|run| run.id.clone()).collect();
    let progress = progress(&app, &ids).await?;
    let none = BTreeMap::new();
    Ok(Json(list.page(page, |run| {
        let progress = progress.get(&run.id).unwrap_or(&none);
        Run::new(run, progress)
    })))
}

/// Get a run
#[utoipa::path(get, path = "/tasks/{task}/runs/{run}", tag = "runs", operation_id = "get_run", params(RunPath),
    responses((status = 200, description = "The run", body = Run), NotFound))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(RunPath { task, run }): Ids<RunPath>,
) -> Result<Json<Run>, ApiError> {
    visible_task(&app, &caller, &task).await?;
    Ok(Json(read(&app, &task, &run).await?))
}

/// Returns a run of the task. The handler has already checked that the caller may see the task.
pub(super) async fn read(app: &App, task: &TaskId, run: &RunId) -> Result<Run, ApiError> {
    let found = stored(app, task, run).await?;
    Ok(Run::new(found, &progress_of(app, run).await?))
}

pub(super) async fn stored(
    app: &App,
    task: &TaskId,
    run: &RunId,
) -> Result<flow_domain::run::Run, ApiError> {
    let found = app.store.run(run).await?.filter(|found| &found.task == task);
    found.ok_or_else(|| {
        Error::new(ErrorCode::RunNotFound, format!("task {task} has no run {run}")).into()
    })
}

/// Returns the progress of the members of these runs.
pub(super) async fn progress(
    app: &App,
    runs: &[RunId],
) -> Result<BTreeMap<RunId, BTreeMap<PartyId, Progress>>, ApiError> {
    let mut progress: BTreeMap<RunId, BTreeMap<PartyId, Progress>> = BTreeMap::new();
    for row in app.store.progress(runs).await? {
        progress.entry(row.run).or_default().insert(row.party, row.progress);
    }
    Ok(progress)
}

pub(super) async fn progress_of(
    app: &App,
    run: &RunId,
) -> Result<BTreeMap<PartyId, Progress>, ApiError> {
    Ok(progress(app, std::slice::from_ref(run)).await?.remove(run).unwrap_or_default())
}
