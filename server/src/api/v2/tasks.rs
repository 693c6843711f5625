//! Tasks: create, list, edit, start, stop, delete.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flow_domain::id::{PartyId, RunId, TaskId, TemplateId};
use flow_domain::progress::Progress;
use flow_domain::run::Run;
use flow_domain::task::TaskBody;
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::filter;
use super::lookup::{task_id, visible_task, visible_template};
use super::params::{IdempotencyHeader, IfMatchHeader, TaskPath};
use super::reference::Reference;
use super::runs;
use crate::api::extract::{Body, Caller, Idempotency, Ids, IfMatch, OptionalBody, Params, etag};
use crate::api::list::{Fields, List};
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::engine::{CreatedTask, IdempotencyKey, StartedRun};
use crate::state::App;
use crate::store::{TaskFilter, TaskOrder, TaskRow};
use flow_api_types::limits::TASK_FIELDS;
use flow_api_types::{
    CloneInput, Page, PhaseFilter, RunSummary, Selection, StartInput, Task, TaskInput,
    TaskSelector, schema,
};

failures!(NotFound = TaskNotFound);
failures!(
    CreateFailures = TaskNameTaken,
    QuotaExceeded,
    TemplateNotFound,
    RevisionNotFound,
    TaskNameEmpty,
    Invalid,
    IdempotencyKeyReused
);
failures!(
    EditFailures = TaskNotFound,
    TemplateNotFound,
    RevisionNotFound,
    TaskNameTaken,
    TaskActive,
    PreconditionFailed,
    TaskNameEmpty,
    Invalid
);
failures!(
    CloneFailures = TaskNotFound,
    QuotaExceeded,
    TaskNameTaken,
    TemplateNotFound,
    RevisionNotFound,
    TaskNameEmpty,
    Invalid,
    IdempotencyKeyReused
);
failures!(DeleteFailures = TaskNotFound, PreconditionFailed);
failures!(
    StartFailures = TaskNotFound,
    TaskActive,
    QuotaExceeded,
    PartyNotFound,
    IdempotencyKeyReused
);
failures!(StopFailures = TaskNotFound, TaskNotActive);
failures!(ListFailures = CursorInvalid, TemplateNotFound);

/// Filter, order and page of tasks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListTasks {
    /// Return only tasks whose name begins with this text, sorted by name unless `sort` is given.
    /// Without it the newest task is first.
    #[param(value_type = Option<schema::NamePrefix>)]
    name: Option<String>,
    /// Return only tasks whose newest run is in one of these phases, separated by commas. `new`
    /// selects tasks without a run.
    #[serde(default, deserialize_with = "filter::separated")]
    #[param(value_type = Option<schema::PhaseFilters>, style = Form, explode = false, example = json!(["queued", "running"]))]
    phase: Vec<PhaseFilter>,
    /// Return only tasks with this party as a member.
    #[param(value_type = Option<schema::PartyName>)]
    party: Option<PartyId>,
    /// Return only tasks of this template, given by id or name.
    #[param(value_type = Option<schema::TemplateReference>)]
    template: Option<String>,
    /// Return only tasks with this label, as `name=value`. The parameter is repeated for several
    /// labels, all of which a task must have.
    #[serde(default)]
    #[param(value_type = Option<schema::LabelFilters>, style = Form, explode, example = json!(["season=spring"]))]
    label: Option<String>,
    /// Return only tasks that were created at this time or later.
    #[param(value_type = Option<schema::DateTime>)]
    created_since: Option<String>,
    /// Return only tasks that were created before this time.
    #[param(value_type = Option<schema::DateTime>)]
    created_before: Option<String>,
    /// Order of the tasks.
    #[param(value_type = Option<schema::TaskSort>)]
    sort: Option<Sort>,
    /// Direction of the order: names ascend by default, times descend.
    #[param(value_type = Option<schema::Direction>)]
    direction: Option<Direction>,
    /// Return only these fields of each task, separated by commas, and the `id`. The response has
    /// another media type then.
    #[param(value_type = Option<schema::TaskFields>, style = Form, explode = false, example = json!(["name", "run"]))]
    fields: Option<String>,
    /// `next` of the previous page. Absent for the first page.
    #[param(value_type = Option<schema::Cursor>)]
    cursor: Option<String>,
    /// Largest number of items of the page.
    #[param(value_type = Option<schema::PageLimit>)]
    limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sort {
    Name,
    Created,
    Modified,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Direction {
    Asc,
    Desc,
}

/// List tasks
///
/// A page may be short or empty if several filters select many tasks each, or the order is not that
/// of the filter; follow `next` until it is absent. Tasks that are created or deleted meanwhile
/// cause no other task to be left out or repeated.
#[utoipa::path(get, path = "/tasks", tag = "tasks", operation_id = "list_tasks", params(ListTasks),
    responses((status = 200, description = "One page of tasks", content(
        (Page<Task> = "application/json"), (Page<Selection> = "application/vnd.flow.selection+json"))), ListFailures))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ListTasks>,
) -> Result<Response, ApiError> {
    let ListTasks {
        name,
        phase,
        party,
        template,
        label,
        created_since,
        created_before,
        sort,
        direction,
        fields,
        cursor,
        limit,
    } = params;
    let fields = Fields::parse(fields, &TASK_FIELDS)?;
    let selector = TaskSelector {
        name,
        phase,
        party,
        template,
        labels: BTreeMap::new(),
        created_since,
        created_before,
    };
    let filter = TaskFilter {
        labels: label.map_or(Ok(Vec::new()), |label| filter::labels(&label))?,
        order: sort.map(|sort| match sort {
            Sort::Name => TaskOrder::Name,
            Sort::Created => TaskOrder::Created,
            Sort::Modified => TaskOrder::Modified,
        }),
        descending: direction.map(|direction| direction == Direction::Desc),
        ..filter::of_tasks(&app, &caller, selector, "?").await?
    };
    let list = List::of("tasks", &filter);
    let page = app.store.list_tasks(&filter, &list.request(cursor.as_deref(), limit)?).await?;
    let latest = page.items.iter().filter_map(|row| row.latest_run.clone());
    let latest: Vec<RunId> = latest.filter(|_| fields.contains("run")).collect();
    let mut runs = summaries(&app, &latest).await?;
    Ok(fields.respond(list.page(page, |row| show(row, &mut runs))))
}

/// Create a task
///
/// The hub checks the task against its template and the known parties. The task runs when it is
/// started.
#[utoipa::path(post, path = "/tasks", tag = "tasks", operation_id = "create_task", params(IdempotencyHeader), request_body = TaskInput,
    responses((status = 201, description = "The task", body = Task, headers(
        ("Location" = String, description = "Path of the task"), ("ETag" = String, description = "Version of the task"))), CreateFailures))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    idempotency: Idempotency,
    Body { value, digest }: Body<TaskInput>,
) -> Result<impl IntoResponse, ApiError> {
    let body = content(&app, &caller, value).await?;
    created(&app, &caller, body, idempotency.bind(&caller, Some(&digest))).await
}

/// Creates a task and returns the response.
async fn created(
    app: &App,
    caller: &Caller,
    body: TaskBody,
    key: Option<IdempotencyKey>,
) -> Result<impl IntoResponse + use<>, ApiError> {
    let created = app.engine.create_task(&caller.0, body, key).await?;
    let id = created.id().clone();
    let task = match created {
        CreatedTask::New(row, template) => {
            let (project, body) = (&caller.0.project, &row.task.body);
            let warnings = super::warnings::of_task(app, project, &template, body, false).await?;
            Task { warnings, ..show(*row, &mut Latest::new()) }
        }
        CreatedTask::Earlier(id) => warned(app, caller, &id, &BTreeSet::new()).await?,
    };
    let location = [(header::LOCATION, format!("/api/v2/tasks/{id}"))];
    Ok((StatusCode::CREATED, location, etag(task.version), Json(task)))
}

/// Returns the content of the request. Without a revision the task gets the newest one and keeps
/// it.
pub(super) async fn content(
    app: &App,
    caller: &Caller,
    input: TaskInput,
) -> Result<TaskBody, ApiError> {
    let revision = match input.revision {
        Some(revision) => revision,
        None => {
            let template = Reference::Id(input.template.clone());
            visible_template(app, caller, &template).await?.revision
        }
    };
    Ok(input.into_body(revision))
}

/// Returns the task after its creation or an edit, with warnings about members that their parties
/// would refuse. `unmapped`: templates whose image no party maps, as the response already reports.
pub(super) async fn warned(
    app: &App,
    caller: &Caller,
    id: &TaskId,
    unmapped: &BTreeSet<TemplateId>,
) -> Result<Task, ApiError> {
    let row = visible_task(app, caller, &Reference::Id(id.clone())).await?;
    let body = &row.task.body;
    let warnings = match app.store.template_revision(&body.template, body.revision).await? {
        Some(template) => {
            let image_reported = unmapped.contains(&body.template);
            let project = &caller.0.project;
            super::warnings::of_task(app, project, &template.body, body, image_reported).await?
        }
        None => Vec::new(),
    };
    Ok(Task { warnings, ..with_run(app, row).await? })
}

/// Get a task
#[utoipa::path(get, path = "/tasks/{task}", tag = "tasks", operation_id = "get_task", params(TaskPath),
    responses((status = 200, description = "The task", body = Task, headers(("ETag" = String, description = "Version of the task"))), NotFound))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TaskPath { task }): Ids<TaskPath>,
) -> Result<impl IntoResponse, ApiError> {
    let task = read(&app, &caller, &task).await?;
    Ok((etag(task.version), Json(task)))
}

pub(super) async fn read(
    app: &App,
    caller: &Caller,
    task: &Reference<TaskId>,
) -> Result<Task, ApiError> {
    let row = visible_task(app, caller, task).await?;
    with_run(app, row).await
}

async fn with_run(app: &App, row: TaskRow) -> Result<Task, ApiError> {
    let latest = Vec::from_iter(row.latest_run.clone());
    let mut runs = summaries(app, &latest).await?;
    Ok(show(row, &mut runs))
}

/// Newest runs of some tasks, with the progress of their members.
type Latest = BTreeMap<RunId, (Run, BTreeMap<PartyId, Progress>)>;

async fn summaries(app: &App, ids: &[RunId]) -> Result<Latest, ApiError> {
    if ids.is_empty() {
        return Ok(Latest::new());
    }
    let runs = async { Ok(app.store.runs_by_id(ids).await?) };
    let (runs, mut progress) = tokio::try_join!(runs, runs::progress(app, ids))?;
    let with = |run: Run| {
        let progress = progress.remove(&run.id).unwrap_or_default();
        (run.id.clone(), (run, progress))
    };
    Ok(runs.into_iter().map(with).collect())
}

fn show(row: TaskRow, runs: &mut Latest) -> Task {
    let TaskRow { task, version, event_seq: _, phase: _, latest_run, creator } = row;
    let latest = latest_run.and_then(|id| runs.remove(&id));
    let run = latest.map(|(run, progress)| RunSummary::new(&run, &progress));
    Task { created_by: creator, ..Task::new(task, version, run) }
}

/// Edit a task
///
/// Replaces the content of the task. Fails while a run of the task is active.
#[utoipa::path(put, path = "/tasks/{task}", tag = "tasks", operation_id = "edit_task", params(TaskPath, IfMatchHeader), request_body = TaskInput,
    responses((status = 200, description = "The task after the edit", body = Task, headers(("ETag" = String, description = "Version of the task"))), EditFailures))]
pub(super) async fn edit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TaskPath { task }): Ids<TaskPath>,
    IfMatch(version): IfMatch,
    Body { value, digest: _ }: Body<TaskInput>,
) -> Result<impl IntoResponse, ApiError> {
    let task = task_id(&app, &caller, task).await?;
    let body = content(&app, &caller, value).await?;
    app.engine.edit_task(&caller.0, &task, body, version).await?;
    let task = warned(&app, &caller, &task, &BTreeSet::new()).await?;
    Ok((etag(task.version), Json(task)))
}

/// Delete a task
///
/// Deletes the task at once and stops its active run. A second deletion succeeds, too.
#[utoipa::path(delete, path = "/tasks/{task}", tag = "tasks", operation_id = "delete_task", params(TaskPath, IfMatchHeader),
    responses((status = 204, description = "The task was deleted"), DeleteFailures))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TaskPath { task }): Ids<TaskPath>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, ApiError> {
    let task = task_id(&app, &caller, task).await?;
    app.engine.delete_task(&caller.0, &task, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Start a task
///
/// Creates a new run. The run is queued until all parties are connected, have admitted their
/// members and have reserved resources. Values in the body replace those of the task in this run
/// and its retries; the task does not change.
#[utoipa::path(post, path = "/tasks/{task}/start", tag = "tasks", operation_id = "start_task", params(TaskPath, IdempotencyHeader), request_body = Option<StartInput>,
    responses((status = 202, description = "The run", body = flow_api_types::Run, headers(("Location" = String, description = "Path of the run"))), StartFailures))]
pub(super) async fn start(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TaskPath { task }): Ids<TaskPath>,
    idempotency: Idempotency,
    OptionalBody(body): OptionalBody<StartInput>,
) -> Result<impl IntoResponse, ApiError> {
    let task = task_id(&app, &caller, task).await?;
    let (input, digest) = body.map(|Body { value, digest }| (value, digest)).unzip();
    let overrides = input.unwrap_or_default().into();
    let idempotency = idempotency.bind(&caller, digest.as_ref());
    let run = match app.engine.start_task(&caller.0, &task, overrides, idempotency).await? {
        // Nothing has progressed yet.
        StartedRun::New(run) => flow_api_types::Run::new(*run, &BTreeMap::new()),
        StartedRun::Earlier(id) => runs::read(&app, &id).await?,
    };
    let location = [(header::LOCATION, format!("/api/v2/tasks/{task}/runs/{}", run.id))];
    Ok((StatusCode::ACCEPTED, location, Json(run)))
}

/// Stop a task
///
/// Stops the active run of the task. A second stop has no effect.
#[utoipa::path(post, path = "/tasks/{task}/stop", tag = "tasks", operation_id = "stop_task", params(TaskPath),
    responses((status = 202, description = "The task, whose run is stopping", body = Task), StopFailures))]
pub(super) async fn stop(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TaskPath { task }): Ids<TaskPath>,
) -> Result<impl IntoResponse, ApiError> {
    let task = task_id(&app, &caller, task).await?;
    app.engine.stop_task(&caller.0, &task).await?;
    let task = read(&app, &caller, &Reference::Id(task)).await?;
    Ok((StatusCode::ACCEPTED, Json(task)))
}

/// Clone a task
///
/// Creates a task with the content of another, with this revision of its template, and another name.
#[utoipa::path(post, path = "/tasks/{task}/clone", tag = "tasks", operation_id = "clone_task", params(TaskPath, IdempotencyHeader), request_body = CloneInput,
    responses((status = 201, description = "The new task", body = Task, headers(
        ("Location" = String, description = "Path of the task"), ("ETag" = String, description = "Version of the task"))), CloneFailures))]
pub(super) async fn clone(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TaskPath { task }): Ids<TaskPath>,
    idempotency: Idempotency,
    Body { value: CloneInput { name }, digest }: Body<CloneInput>,
) -> Result<impl IntoResponse, ApiError> {
    let source = visible_task(&app, &caller, &task).await?;
    let body = TaskBody { name, ..source.task.body };
    created(&app, &caller, body, idempotency.bind(&caller, Some(&digest))).await
}
