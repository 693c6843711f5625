//! Runs of a task, with their members.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use flow_domain::error::{Error, ErrorCode, FieldCode};
use flow_domain::id::{PartyId, RunId, TaskId};
use flow_domain::progress::Progress;
use flow_domain::run::RunPhase;
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use utoipa::IntoParams;

use super::filter;
use super::lookup::{run_of, visible_task};
use super::params::{PageParams, TaskPath};
use super::reference::{LATEST, Reference, RunReference};
use crate::api::extract::{Caller, Ids, Params};
use crate::api::list::{Fields, List};
use crate::api::openapi::failures;
use crate::api::problem::{ApiError, field};
use crate::state::App;
use crate::store::RunFilter;
use flow_api_types::limits::{COMPARED_RUNS_MAX, COMPARED_RUNS_MIN, ID_DIGITS, RUN_FIELDS};
use flow_api_types::{ListedRun, Page, Run, RunComparison, RunToCompare, Selection, schema};

failures!(ListFailures = TaskNotFound, CursorInvalid);
failures!(AllFailures = CursorInvalid, TaskNotFound);
failures!(CompareFailures = TaskNotFound, RunNotFound);
failures!(NotFound = TaskNotFound, RunNotFound);

/// Series of each run that a comparison shows.
const COMPARED_SERIES_MAX: u32 = 500;

/// A run in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RunPath {
    /// Id or name of the task.
    #[param(value_type = schema::TaskReference, example = flow_domain::sample::task_id)]
    pub(super) task: Reference<TaskId>,
    /// Id or number of the run, or `latest`.
    #[param(value_type = schema::RunReference, example = flow_domain::sample::run_id)]
    pub(super) run: RunReference,
}

/// Filter and page of runs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListRuns {
    /// Return only runs whose id begins with this text.
    #[serde(default)]
    #[param(value_type = Option<schema::IdPrefix>)]
    id: String,
    /// Return only runs in one of these phases, separated by commas.
    #[serde(default, deserialize_with = "filter::separated")]
    #[param(value_type = Option<schema::RunPhaseFilters>, style = Form, explode = false, example = json!(["running"]))]
    phase: Vec<RunPhase>,
    /// Return only runs with a member of this party.
    #[param(value_type = Option<schema::PartyName>)]
    party: Option<PartyId>,
    /// Return only runs of this task, given by id or name.
    #[param(value_type = Option<schema::TaskReference>)]
    task: Option<Reference<TaskId>>,
    /// Return only runs that were created at this time or later.
    #[param(value_type = Option<schema::DateTime>)]
    created_since: Option<String>,
    /// Return only runs that were created before this time.
    #[param(value_type = Option<schema::DateTime>)]
    created_before: Option<String>,
    /// Return only these fields of each run, separated by commas, and the `id`. The response has
    /// another media type then.
    #[param(value_type = Option<schema::RunFields>, style = Form, explode = false, example = json!(["number", "phase"]))]
    fields: Option<String>,
    /// `next` of the previous page. Absent for the first page.
    #[param(value_type = Option<schema::Cursor>)]
    cursor: Option<String>,
    /// Largest number of items of the page.
    #[param(value_type = Option<schema::PageLimit>)]
    limit: Option<u32>,
}

/// List the runs of all tasks, newest first
///
/// A page may be short or empty; follow `next` until it is absent.
#[utoipa::path(get, path = "/runs", tag = "runs", operation_id = "list_all_runs", params(ListRuns),
    responses((status = 200, description = "One page of runs", content(
        (Page<ListedRun> = "application/json"), (Page<Selection> = "application/vnd.flow.selection+json"))), AllFailures))]
pub(super) async fn list_all(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ListRuns>,
) -> Result<Response, ApiError> {
    let ListRuns { id, phase, party, task, created_since, created_before, fields, cursor, limit } =
        params;
    if id.len() > ID_DIGITS || !id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        let message = format!("must be at most {ID_DIGITS} lower-case hexadecimal digits");
        return Err(field("?id", FieldCode::Pattern, message).into());
    }
    let fields = Fields::parse(fields, &RUN_FIELDS)?;
    let task = match task {
        None => None,
        Some(task) => Some(visible_task(&app, &caller, &task).await?.task.id),
    };
    let filter = RunFilter {
        project: caller.0.project,
        id_prefix: id,
        phases: phase,
        party,
        task,
        created: filter::created(created_since.as_deref(), created_before.as_deref(), "?")?,
    };
    let list = List::of("all-runs", &filter);
    let request = list.request(cursor.as_deref(), limit)?;
    let page = app.store.list_runs(&filter, &request).await?;
    let ids = page.items.iter().map(|(run, _)| run.id.clone());
    let ids: Vec<RunId> = ids.filter(|_| fields.contains("progress")).collect();
    let progress = progress(&app, &ids).await?;
    let none = BTreeMap::new();
    Ok(fields.respond(list.page(page, |(run, task)| {
        ListedRun::new(&run, task, progress.get(&run.id).unwrap_or(&none))
    })))
}

/// Runs to compare.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameter that `compared_runs` reads")]
pub(super) struct CompareRuns {
    /// The runs: the parameter is repeated.
    #[param(value_type = schema::ComparedRuns, style = Form, explode)]
    run: Vec<String>,
}

/// Compare runs
///
/// Returns the inputs that differ, and the newest and best value of each metric side by side.
#[utoipa::path(get, path = "/runs/compare", tag = "runs", operation_id = "compare_runs", params(CompareRuns),
    responses((status = 200, description = "The runs side by side", body = RunComparison), CompareFailures))]
pub(super) async fn compare(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(pairs): Params<Vec<(String, String)>>,
) -> Result<Json<RunComparison>, ApiError> {
    let mut ids: Vec<RunId> = Vec::new();
    for reference in compared_runs(pairs)? {
        let id = match reference {
            ComparedRun::Id(id) => id,
            ComparedRun::OfTask(task, run) => {
                let task = visible_task(&app, &caller, &task).await?;
                run_of(&app, &task, &run).await?.id.clone()
            }
        };
        if ids.contains(&id) {
            return Err(field("?run", FieldCode::Duplicate, format!("has {id} twice")).into());
        }
        ids.push(id);
    }
    let mut stored: BTreeMap<RunId, flow_domain::run::Run> =
        app.store.runs_by_id(&ids).await?.into_iter().map(|run| (run.id.clone(), run)).collect();
    let mut progress = progress(&app, &ids).await?;
    let (mut runs, mut more_metrics) = (Vec::new(), false);
    for id in ids {
        let unknown = || Error::new(ErrorCode::RunNotFound, format!("there is no run {id}"));
        let run = stored.remove(&id).ok_or_else(unknown)?;
        let task = app.store.task(&run.task).await?;
        let task = task.filter(|task| task.task.project == caller.0.project).ok_or_else(unknown)?;
        let mut series = app.store.series_summaries(&id, COMPARED_SERIES_MAX + 1).await?;
        if series.len() > COMPARED_SERIES_MAX as usize {
            more_metrics = true;
            series.pop_last();
        }
        let progress = progress.remove(&id).unwrap_or_default();
        let listed = ListedRun::new(&run, task.task.body.name, &progress);
        let template = match &run.inputs {
            Some(inputs) => app.store.template_revision(&inputs.template, inputs.revision).await?,
            None => None,
        };
        let image = template.map(|template| template.body.image);
        runs.push(RunToCompare { run, listed, image, series });
    }
    Ok(Json(RunComparison::new(runs, more_metrics)))
}

/// Reference to a run of any task. A text with the form of an id is the id of a run.
#[derive(Debug)]
enum ComparedRun {
    Id(RunId),
    OfTask(Reference<TaskId>, RunReference),
}

impl FromStr for ComparedRun {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        // As in a path, a text that no task or run can have names none.
        let unknown = |code| {
            move |_: serde::de::value::Error| {
                let message = "a run is named by its id, by TASK/NUMBER, or by TASK for its newest";
                Error::new(code, format!("there is no run {text:?}: {message}"))
            }
        };
        let (task, run) = text.rsplit_once('/').unwrap_or((text, LATEST));
        let task = Reference::deserialize(task.into_deserializer());
        let run = RunReference::deserialize(run.into_deserializer());
        Ok(Self::OfTask(
            task.map_err(unknown(ErrorCode::TaskNotFound))?,
            run.map_err(unknown(ErrorCode::RunNotFound))?,
        ))
    }
}

/// Reads the repeated parameter `run`.
fn compared_runs(pairs: Vec<(String, String)>) -> Result<Vec<ComparedRun>, Error> {
    let mut runs = Vec::new();
    for (name, value) in pairs {
        if name != "run" {
            return Err(field(
                format!("?{name}"),
                FieldCode::Unknown,
                "is an unknown name; valid is run",
            ));
        }
        runs.push(value.parse()?);
    }
    if !(COMPARED_RUNS_MIN..=COMPARED_RUNS_MAX).contains(&runs.len()) {
        let message = format!(
            "must be sent {COMPARED_RUNS_MIN} to {COMPARED_RUNS_MAX} times, as in \
             ?run=digits/1&run=digits/2"
        );
        return Err(field("?run", FieldCode::OutOfRange, message));
    }
    Ok(runs)
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
    let task = visible_task(&app, &caller, &task).await?.task.id;
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
    let task = visible_task(&app, &caller, &task).await?;
    Ok(Json(shown(&app, run_of(&app, &task, &run).await?).await?))
}

/// Returns the run that the caller has just started.
pub(super) async fn read(app: &App, run: &RunId) -> Result<Run, ApiError> {
    let found = app.store.run(run).await?;
    let missing = || Error::new(ErrorCode::RunNotFound, format!("there is no run {run}"));
    shown(app, found.ok_or_else(missing)?).await
}

async fn shown(app: &App, run: flow_domain::run::Run) -> Result<Run, ApiError> {
    let progress = progress_of(app, &run.id).await?;
    Ok(Run::new(run, &progress))
}

/// Returns the progress of the members of these runs.
pub(in crate::api) async fn progress(
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
