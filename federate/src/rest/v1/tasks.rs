//! The tasks of which this party has a member, from the agent's journal. Only the hub knows remark,
//! template, time of creation and the progress of all parties: those fields are `null`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flow_api_types::v1::{Paging, rfc_822, success};
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{PartyId, TaskId};
use flow_domain::member::MemberPhase;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{App, Failure, Fields, Named, Query};
use crate::control::protocol::MemberInfo;

/// Path of one task.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::rest) struct TaskPath {
    /// Id of the task
    pub(in crate::rest) task_id: String,
}

/// Query parameters of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `Paging` reads")]
pub(in crate::rest) struct ListQuery {
    /// Page
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// Tasks of a page
    #[param(minimum = 1, maximum = 1000, default = 10)]
    limit: Option<u32>,
}

/// A task with its newest run at this party
#[derive(Serialize, ToSchema)]
pub(in crate::rest) struct Task {
    task_id: String,
    name: String,
    /// Started, Pending, Running, Succeeded, Failed or Cancelled: the state of this party's member
    status: &'static str,
    /// This party and its dataset
    federate_data: Vec<FederateData>,
    /// The other spelling of `federate_data`
    federate_datas: Vec<FederateData>,
    /// Id of the newest run
    run_id: String,
    /// Number of that run in the task
    run_number: u32,
    /// Phase of the member, as `flow-federate list` shows it
    phase: &'static str,
    /// Cause of the phase
    reason: Option<String>,
    /// Status of the exited program
    exit_code: Option<i32>,
    /// Time at which the member ended
    modify_time: Option<String>,
    /// Only the hub knows it: null
    create_time: Option<String>,
    /// Only the hub knows it: null
    remark: Option<String>,
    /// Only the hub knows it: null
    template_id: Option<String>,
    /// Only the hub knows it: null
    #[schema(value_type = Option<Vec<String>>)]
    party_status: Option<()>,
}

/// A party of a task with its data
#[derive(Clone, Serialize, ToSchema)]
pub(in crate::rest) struct FederateData {
    federated_id: String,
    /// Name of the dataset; empty if it has none, or after the end of the member
    federated_data: String,
}

/// One page of tasks
#[derive(Serialize, ToSchema)]
pub(in crate::rest) struct TaskList {
    tasks: Vec<Task>,
    task_count: usize,
}

impl Task {
    fn of(party: &PartyId, member: MemberInfo) -> Self {
        let MemberInfo { run, task, task_name, run_number, phase, reason, exit, .. } = member;
        let dataset = member.dataset.map(|dataset| dataset.to_string()).unwrap_or_default();
        let data = vec![FederateData { federated_id: party.to_string(), federated_data: dataset }];
        Self {
            task_id: task.to_string(),
            name: task_name,
            status: status(member.ending.unwrap_or(phase)),
            federate_datas: data.clone(),
            federate_data: data,
            run_id: run.to_string(),
            run_number,
            phase: phase.as_str(),
            reason: reason.map(|reason| reason.to_string()),
            exit_code: exit.and_then(|exit| exit.code),
            modify_time: member.finished_at.map(rfc_822),
            create_time: None,
            remark: None,
            template_id: None,
            party_status: None,
        }
    }
}

/// Status of a task, as iflearner-flow names it.
const fn status(phase: MemberPhase) -> &'static str {
    match phase {
        MemberPhase::Pending | MemberPhase::WaitingApproval | MemberPhase::Admitted => "Started",
        MemberPhase::Reserved | MemberPhase::Starting => "Pending",
        MemberPhase::Running => "Running",
        MemberPhase::Succeeded => "Succeeded",
        MemberPhase::Failed | MemberPhase::Refused => "Failed",
        MemberPhase::Stopped => "Cancelled",
    }
}

/// The newest run of each task. Ids of runs sort by their time.
fn by_task(members: Vec<MemberInfo>) -> BTreeMap<TaskId, MemberInfo> {
    let mut newest: BTreeMap<TaskId, MemberInfo> = BTreeMap::new();
    for member in members {
        match newest.get(&member.task) {
            Some(known) if known.run >= member.run => {}
            _ => {
                newest.insert(member.task.clone(), member);
            }
        }
    }
    newest
}

/// The newest run of one task.
pub(in crate::rest) async fn newest(app: &App, task_id: &str) -> Result<MemberInfo, Error> {
    let found = match task_id.parse::<TaskId>() {
        Ok(id) => by_task(app.members().await?).remove(&id),
        Err(_) => None,
    };
    found.ok_or_else(|| {
        Error::new(
            ErrorCode::TaskNotFound,
            "this party has no member of a task with this id; GET /api/v1/task lists its tasks",
        )
    })
}

/// List the tasks of this party
///
/// The newest first: tasks with a member that has not settled, and those of the last 1,000 members
/// that have.
#[utoipa::path(get, path = "/api/v1/task", tag = "task", params(ListQuery),
    responses((status = 200, description = "One page", body = super::Envelope<TaskList>)))]
pub(in crate::rest) async fn list(
    State(app): State<Arc<App>>,
    Fields(mask): Fields,
    Query(pairs): Query,
) -> Result<Response, Failure> {
    let paging = Paging::of_query(&pairs)?;
    let tasks = by_task(app.members().await?);
    let task_count = tasks.len();
    let tasks =
        paging.slice(tasks.into_values().rev()).map(|member| Task::of(&app.about.party, member));
    let page = TaskList { tasks: tasks.collect(), task_count };
    Ok(Json(success(&mask, Some(json!(page)))).into_response())
}

/// Get a task
#[utoipa::path(get, path = "/api/v1/task/{task_id}", tag = "task", params(TaskPath),
    responses((status = 200, description = "The task", body = super::Envelope<Task>)))]
pub(in crate::rest) async fn get(
    State(app): State<Arc<App>>,
    Named(TaskPath { task_id }): Named<TaskPath>,
    Fields(mask): Fields,
) -> Result<Response, Failure> {
    let member = newest(&app, &task_id).await?;
    let task = Task::of(&app.about.party, member);
    Ok(Json(success(&mask, Some(json!(task)))).into_response())
}
