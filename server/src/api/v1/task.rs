//! Tasks: create, list, edit, start, stop, delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use flow_domain::error::{Error, ErrorCode, FieldCode};
use flow_domain::id::{PartyId, RunId, TaskId};
use flow_domain::member::Role;
use flow_domain::progress::{PartyProgress, Progress};
use flow_domain::run::{Outcome, Run, RunPhase};
use flow_domain::task::{Overrides, Rules, TaskBody, TaskMember};
use flow_domain::template::{Framework, Template};
use serde::Deserialize;
use serde_json::{Value, json};

use super::envelope::success;
use super::mask::Mask;
use super::paging::Paging;
use super::{check_name, dataset, hyper_parameter, or_default, renamed, rfc_822, template};
use crate::api::extract::{Body, Caller, Ids, OptionalBody};
use crate::api::problem::{ApiError, field};
use crate::api::v2::runs;
use crate::iflearner_flow::template_id_text;
use crate::state::App;
use crate::store::{TaskFilter, TaskRow};

/// Epochs of a task whose start names none.
const EPOCHS_DEFAULT: u32 = 10;
/// Attempts to delete a task that changes at the same time.
const DELETE_ATTEMPTS_MAX: u32 = 5;

/// Error for a task that other requests change.
const CHANGES: &str = "the task changes at this time: repeat the request";

#[derive(Debug, Deserialize)]
pub(super) struct TaskPath {
    task_id: String,
}

/// The body of a create or edit. Unknown fields are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct TaskFields {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    remark: String,
    #[serde(default, deserialize_with = "or_default")]
    template_id: String,
    federate_data: Option<Vec<FederateData>>,
    /// The spelling of the published document and of the agent (defect F24).
    federate_datas: Option<Vec<FederateData>>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct FederateData {
    federated_id: String,
    #[serde(default, deserialize_with = "or_default")]
    federated_data: String,
}

/// The body of a start; every field may be absent or `null`, as may the body.
#[derive(Debug, Default, Deserialize)]
pub(super) struct StartFields {
    epochs: Option<u32>,
    #[serde(default, deserialize_with = "or_default")]
    hyper_parameter: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    enable_smpc: bool,
}

impl TaskFields {
    /// Returns the parties of the request with their data.
    fn federates(&mut self) -> Result<Vec<(PartyId, String)>, Error> {
        let list = match (self.federate_data.take(), self.federate_datas.take()) {
            (Some(one), Some(other)) if one != other => {
                let message = "differs from federate_data; send one of the two spellings";
                return Err(field("/federate_datas", FieldCode::NotAllowed, message));
            }
            (Some(list), _) | (None, Some(list)) => list,
            (None, None) => {
                let message = "is required: a list of {\"federated_id\", \"federated_data\"}";
                return Err(field("/federate_data", FieldCode::Required, message));
            }
        };
        let parsed = list.into_iter().enumerate().map(|(index, data)| {
            let FederateData { federated_id, federated_data } = data;
            let party = federated_id.parse().map_err(|problem| {
                let path = format!("/federate_data/{index}/federated_id");
                field(path, FieldCode::Pattern, format!("is no party: {problem}"))
            })?;
            Ok((party, federated_data))
        });
        parsed.collect()
    }

    /// Checks the request as far as possible without the engine and returns the content of the
    /// task. `base` is the content that the request edits.
    async fn content(
        mut self,
        app: &App,
        caller: &Caller,
        base: Option<&TaskBody>,
    ) -> Result<TaskBody, ApiError> {
        if self.name.is_empty() {
            return Err(Error::of(ErrorCode::TaskNameEmpty).into());
        }
        check_name(&self.name)?;
        let federates = self.federates()?;
        let template = template::visible(app, caller, &self.template_id).await?;
        let aggregator = aggregator(app, caller, &template, base).await?;
        if let Some(index) = federates
            .iter()
            .position(|(party, _)| aggregator.as_ref().is_some_and(|member| &member.party == party))
        {
            let message = "is the party that aggregates; name the other parties";
            let path = format!("/federate_data/{index}/federated_id");
            return Err(field(path, FieldCode::NotAllowed, message).into());
        }
        let datasets = dataset::resolve(app, &caller.0.project, &federates).await?;
        let trainer = |((party, _), dataset)| TaskMember { party, role: Role::Trainer, dataset };
        let trainers = federates.into_iter().zip(datasets).map(trainer);
        let Self { name, remark, .. } = self;
        let same_template = base.filter(|base| base.template == template.id);
        Ok(TaskBody {
            name,
            remark,
            revision: template.revision,
            epochs: base.map_or(EPOCHS_DEFAULT, |base| base.epochs),
            parameters: same_template.map(|base| base.parameters.clone()).unwrap_or_default(),
            members: aggregator.into_iter().chain(trainers).collect(),
            rules: base.map_or_else(Rules::default, |base| base.rules.clone()),
            labels: base.map(|base| base.labels.clone()).unwrap_or_default(),
            template: template.id,
        })
    }
}

/// Returns the aggregator of a task: the one that the task has, else the party of the hub if the
/// template needs one.
async fn aggregator(
    app: &App,
    Caller(principal): &Caller,
    template: &Template,
    base: Option<&TaskBody>,
) -> Result<Option<TaskMember>, ApiError> {
    if let Some(member) = base.and_then(TaskBody::aggregator) {
        return Ok(Some(member.clone()));
    }
    if template.body.framework != Framework::Iflearner && !template.body.requires_aggregator {
        return Ok(None);
    }
    let party = app.v1.aggregator.clone();
    if app.store.offered(&principal.project, &[&party]).await?.is_empty() {
        let message = format!(
            "no party can aggregate: the project has no party {party}; ask an administrator to enable hub_agent, or to create the party {party} and run its agent, and to offer it to the project"
        );
        return Err(field("/federate_data", FieldCode::Required, message).into());
    }
    Ok(Some(TaskMember { party, role: Role::Aggregator, dataset: None }))
}

/// Status of a task, as iflearner-flow names it. `None` = never started.
fn status(phase: Option<RunPhase>, latest: Option<&Run>) -> Option<&'static str> {
    Some(match phase? {
        RunPhase::Queued => "Started",
        RunPhase::Reserving | RunPhase::Starting => "Pending",
        RunPhase::Running => "Running",
        // A stop counts at once, although the parties have not confirmed it.
        RunPhase::Stopping if latest.is_some_and(is_cancelled) => "Cancelled",
        RunPhase::Stopping => "Running",
        RunPhase::Succeeded => "Succeeded",
        RunPhase::Failed => "Failed",
        RunPhase::Cancelled => "Cancelled",
    })
}

fn is_cancelled(run: &Run) -> bool {
    run.ending.as_ref().is_some_and(|ending| ending.outcome == Outcome::Cancelled)
}

fn is_active(status: Option<&str>) -> bool {
    matches!(status, Some("Started" | "Pending" | "Running"))
}

/// Returns a task of the caller's project.
async fn visible(app: &App, Caller(principal): &Caller, id: &str) -> Result<TaskRow, ApiError> {
    let found = match id.parse::<TaskId>() {
        Ok(id) => app.store.task(&id).await?,
        Err(_) => None,
    };
    let found = found.filter(|found| found.task.project == principal.project);
    found.ok_or_else(|| {
        Error::new(
            ErrorCode::TaskNotFound,
            "there is no task with this id; GET /api/v1/task lists the tasks",
        )
        .into()
    })
}

/// Returns the newest runs of tasks whose phase alone does not determine their status.
async fn stopping_runs(app: &App, rows: &[TaskRow]) -> Result<BTreeMap<RunId, Run>, ApiError> {
    let stopping = rows.iter().filter(|row| row.phase == Some(RunPhase::Stopping));
    let ids: Vec<RunId> = stopping.filter_map(|row| row.latest_run.clone()).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let runs = app.store.runs_by_id(&ids).await?;
    Ok(runs.into_iter().map(|run| (run.id.clone(), run)).collect())
}

/// Returns the current status of a task.
async fn status_now(app: &App, row: &TaskRow) -> Result<Option<&'static str>, ApiError> {
    let runs = stopping_runs(app, std::slice::from_ref(row)).await?;
    Ok(status(row.phase, row.latest_run.as_ref().and_then(|id| runs.get(id))))
}

fn conflict(message: impl Into<String>) -> ApiError {
    Error::new(ErrorCode::TaskActive, message).into()
}

/// Converts tasks to the response. Reads only the store, in a number of statements that does not
/// depend on the number of tasks (defects F26, F27).
async fn show(app: &App, rows: Vec<TaskRow>) -> Result<Vec<Value>, ApiError> {
    let latest: Vec<RunId> = rows.iter().filter_map(|row| row.latest_run.clone()).collect();
    let (stopping, mut progress) = if latest.is_empty() {
        Default::default()
    } else {
        tokio::try_join!(stopping_runs(app, &rows), runs::progress(app, &latest))?
    };
    let tasks = rows.into_iter().map(|row| {
        let TaskRow { task, version: _, event_seq: _, phase, latest_run, creator: _ } = row;
        let run = latest_run.as_ref().and_then(|id| stopping.get(id));
        let parties = latest_run.as_ref().and_then(|id| progress.remove(id));
        let trainers = task.body.members.iter().filter(|member| member.role == Role::Trainer);
        let federates: Vec<Value> = trainers
            .map(|member| {
                let dataset = member.dataset.as_ref().map_or("", |dataset| dataset.as_str());
                json!({ "federated_id": member.party, "federated_data": dataset })
            })
            .collect();
        json!({
            "name": task.body.name,
            "remark": task.body.remark,
            "template_id": template_id_text(&task.body.template),
            "federate_data": federates,
            "federate_datas": federates,
            "task_id": task.id,
            "status": status(phase, run),
            "party_status": parties.and_then(party_status),
            "create_time": rfc_822(task.created_at),
            "modify_time": rfc_822(task.modified_at),
        })
    });
    Ok(tasks.collect())
}

/// Returns the progress that the aggregator has reported, by party; `None` if there is none.
fn party_status(members: BTreeMap<PartyId, Progress>) -> Option<Vec<Value>> {
    let parties = members.into_values().flat_map(|progress| progress.parties);
    let lines: Vec<Value> = parties
        .map(|(name, line)| {
            let PartyProgress { ready, complete, current_epoch, total_epoch } = line;
            json!({ "name": name, "ready": ready, "complete": complete, "current_epoch": current_epoch, "total_epoch": total_epoch })
        })
        .collect();
    Some(lines).filter(|lines| !lines.is_empty())
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    mask: Mask,
    paging: Paging,
) -> Result<Response, ApiError> {
    let mut filter = TaskFilter::project(principal.project);
    let (tasks, count) = match paging.federated_id.parse::<PartyId>() {
        // No party has such a name.
        Err(_) if !paging.federated_id.is_empty() => (Vec::new(), 0),
        party => {
            filter.party = party.ok();
            let page = app.store.list_tasks(&filter, &paging.request()).await?;
            (show(&app, page.items).await?, app.store.count_tasks(&filter).await?)
        }
    };
    Ok(success(&mask, Some(json!({ "tasks": tasks, "task_count": count }))))
}

pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    mask: Mask,
    Body { value, digest: _ }: Body<TaskFields>,
) -> Result<Response, ApiError> {
    let body = value.content(&app, &caller, None).await?;
    let created = app.engine.create_task(&caller.0, body, None).await.map_err(renamed)?;
    Ok(success(&mask, Some(json!({ "task_id": created.id() }))))
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TaskPath { task_id }): Ids<TaskPath>,
    mask: Mask,
) -> Result<Response, ApiError> {
    let row = visible(&app, &caller, &task_id).await?;
    let task = show(&app, vec![row]).await?.pop();
    Ok(success(&mask, task))
}

pub(super) async fn edit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TaskPath { task_id }): Ids<TaskPath>,
    mask: Mask,
    Body { value, digest: _ }: Body<TaskFields>,
) -> Result<Response, ApiError> {
    let row = visible(&app, &caller, &task_id).await?;
    let body = value.content(&app, &caller, Some(&row.task.body)).await?;
    app.engine.edit_task(&caller.0, &row.task.id, body, None).await.map_err(renamed)?;
    Ok(success(&mask, None))
}

/// Deletes a task that is not active. Needs no party (defects F11, F12).
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TaskPath { task_id }): Ids<TaskPath>,
    mask: Mask,
) -> Result<Response, ApiError> {
    for _ in 0..DELETE_ATTEMPTS_MAX {
        let row = visible(&app, &caller, &task_id).await?;
        if let Some(status) = status_now(&app, &row).await?.filter(|status| is_active(Some(status)))
        {
            return Err(conflict(format!("the task is {status}: stop it first")));
        }
        match app.engine.delete_task(&caller.0, &row.task.id, Some(row.version)).await {
            // It may have been started since.
            Err(error) if error.code == ErrorCode::PreconditionFailed => {}
            deleted => return Ok(deleted.map(|()| success(&mask, None))?),
        }
    }
    Err(conflict(CHANGES))
}

/// Starts a task. Nothing is started unless every party is connected (defect F10): a run that waits
/// for a party could not show here for which.
pub(super) async fn start(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TaskPath { task_id }): Ids<TaskPath>,
    mask: Mask,
    OptionalBody(body): OptionalBody<StartFields>,
) -> Result<Response, ApiError> {
    let StartFields { epochs, hyper_parameter, enable_smpc } =
        body.map(|body| body.value).unwrap_or_default();
    if enable_smpc {
        let message = "must be false: connections between the trainers of a task, which secure aggregation needs, are not available in this version";
        return Err(field("/enable_smpc", FieldCode::Unsupported, message).into());
    }
    let parameters = hyper_parameter::parse(hyper_parameter)?;
    let row = visible(&app, &caller, &task_id).await?;
    if let Some(status) = status_now(&app, &row).await?.filter(|status| is_active(Some(status))) {
        return Err(conflict(format!("the task is {status}: stop it, or wait for its end")));
    }
    let (task, version) = (row.task, row.version);
    let away = |member: &&TaskMember| !app.sessions.is_connected(&member.party);
    if let Some(TaskMember { party, .. }) = task.body.members.iter().find(away) {
        let message = format!(
            "party {party} is not connected: nothing was started; start its agent, or remove the party from the task"
        );
        return Err(Error::new(ErrorCode::PartyNotFound, message).into());
    }
    // This API has no revisions: a start uses the template as it is now.
    let revision = template::visible(&app, &caller, task.body.template.as_str()).await?.revision;
    if revision != task.body.revision {
        let body = TaskBody { revision, ..task.body };
        // Without the version it would overwrite an edit that was made since.
        let edited = app.engine.edit_task(&caller.0, &task.id, body, Some(version)).await;
        edited.map_err(|error| match error.code {
            ErrorCode::PreconditionFailed => conflict(CHANGES),
            _ => renamed(error).into(),
        })?;
    }
    let overrides = Overrides { epochs, parameters };
    app.engine.start_task(&caller.0, &task.id, overrides, None).await.map_err(renamed)?;
    Ok(success(&mask, None))
}

/// Stops an active task. Needs no party (defect F11).
pub(super) async fn stop(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TaskPath { task_id }): Ids<TaskPath>,
    mask: Mask,
) -> Result<Response, ApiError> {
    let row = visible(&app, &caller, &task_id).await?;
    let status = status_now(&app, &row).await?;
    if !is_active(status) {
        let status = status.unwrap_or("not started");
        let message = format!("the task is {status}: there is nothing to stop");
        return Err(Error::new(ErrorCode::TaskNotActive, message).into());
    }
    app.engine.stop_task(&caller.0, &row.task.id).await?;
    Ok(success(&mask, None))
}
