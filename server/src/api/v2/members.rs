//! Members of a run, with their logs and metrics.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flow_domain::error::{Error, ErrorCode, FieldCode};
use flow_domain::id::{PartyId, RunId, TaskId};
use futures::{StreamExt as _, TryStreamExt as _};
use http::header;
use serde::Deserialize;
use utoipa::IntoParams;

use super::lookup::{run_of, visible_task};
use super::reference::{Reference, RunReference};
use super::runs;
use crate::api::extract::{Caller, Ids, Params};
use crate::api::openapi::failures;
use crate::api::problem::{ApiError, field};
use crate::state::App;
use flow_api_types::limits::TAIL_LINES_MAX;
use flow_api_types::{Member, SeriesList, schema};

failures!(NotFound = TaskNotFound, RunNotFound, MemberNotFound);
failures!(
    LogFailures = TaskNotFound,
    RunNotFound,
    MemberNotFound,
    LogNotFound,
    LogRefused,
    LogUnavailable
);

/// A member in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct MemberPath {
    /// Id or name of the task.
    #[param(value_type = schema::TaskReference, example = flow_domain::sample::task_id)]
    pub(super) task: Reference<TaskId>,
    /// Id or number of the run, or `latest`.
    #[param(value_type = schema::RunReference, example = flow_domain::sample::run_id)]
    pub(super) run: RunReference,
    /// Name of the party.
    #[param(value_type = schema::PartyName)]
    pub(super) party: PartyId,
}

/// Part of a log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct LogParams {
    /// Return only the last lines. Without it the log starts with the oldest line that the party
    /// keeps.
    #[param(value_type = Option<schema::TailLines>)]
    tail: Option<u64>,
    /// Continue with new lines until the member ends.
    #[serde(default)]
    #[param(default = false)]
    follow: bool,
}

/// Returns the member and the id of its run.
pub(super) async fn stored(
    app: &App,
    caller: &Caller,
    MemberPath { task, run, party }: &MemberPath,
) -> Result<(RunId, flow_domain::member::Member), ApiError> {
    let task = visible_task(app, caller, task).await?;
    let run = run_of(app, &task, run).await?;
    let (id, number) = (run.id.clone(), run.number);
    let member = run.members.into_iter().find(|member| &member.party == party);
    member.map(|member| (id, member)).ok_or_else(|| {
        Error::new(
            ErrorCode::MemberNotFound,
            format!("party {party} is not a member of run {number} of the task"),
        )
        .into()
    })
}

/// Get a member of a run
#[utoipa::path(get, path = "/tasks/{task}/runs/{run}/members/{party}", tag = "runs", operation_id = "get_member", params(MemberPath),
    responses((status = 200, description = "The member", body = Member), NotFound))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(path): Ids<MemberPath>,
) -> Result<Json<Member>, ApiError> {
    let (run, member) = stored(&app, &caller, &path).await?;
    let progress = runs::progress_of(&app, &run).await?;
    Ok(Json(Member::new(member, progress.get(&path.party))))
}

/// Get the log of a member
///
/// The hub streams the log from the party and does not store it. The policy of the party decides
/// which logs it discloses. If the connection breaks before the end, the hub could not get the
/// remaining lines.
#[utoipa::path(get, path = "/tasks/{task}/runs/{run}/members/{party}/logs", tag = "runs", operation_id = "get_member_log", params(MemberPath, LogParams),
    responses((status = 200, description = "The log, unchanged", body = String, content_type = "text/plain"), LogFailures))]
pub(super) async fn logs(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(path): Ids<MemberPath>,
    Params(LogParams { tail, follow }): Params<LogParams>,
) -> Result<Response, ApiError> {
    if let Some(lines) = tail.filter(|lines| *lines > TAIL_LINES_MAX) {
        return Err(field(
            "?tail",
            FieldCode::OutOfRange,
            format!("is {lines} and must be 0 to {TAIL_LINES_MAX}"),
        )
        .into());
    }
    let (run, member) = stored(&app, &caller, &path).await?;
    let party = path.party;
    let stream = app.sessions.open_log(&party, &run, member.attempt, tail, follow).await?;
    let stream = stream.take_until(app.stopping.clone().cancelled_owned());
    let body = Body::from_stream(stream.inspect_err(
        move |error| tracing::warn!(%run, %party, %error, "log stream from the party broke"),
    ));
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response())
}

/// Get the metrics of a member over time
#[utoipa::path(get, path = "/tasks/{task}/runs/{run}/members/{party}/series", tag = "runs", operation_id = "get_member_series", params(MemberPath),
    responses((status = 200, description = "All series of the member", body = SeriesList), NotFound))]
pub(super) async fn series(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(path): Ids<MemberPath>,
) -> Result<Json<SeriesList>, ApiError> {
    let (run, _) = stored(&app, &caller, &path).await?;
    let series = app.store.series(&run, &path.party).await?;
    Ok(Json(SeriesList::new(series.into_values().flatten().collect())))
}
