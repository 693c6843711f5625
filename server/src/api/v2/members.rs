//! Members of a run: how one stands, its log, its series.

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

use super::lookup::visible_task;
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
    /// Id of the task.
    #[param(value_type = schema::Id, example = flow_domain::sample::task_id)]
    task: TaskId,
    /// Id of the run.
    #[param(value_type = schema::Id, example = flow_domain::sample::run_id)]
    run: RunId,
    /// Name of the party.
    #[param(value_type = schema::PartyName)]
    party: PartyId,
}

/// Which part of a log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct LogParams {
    /// Only so many of the last lines; absent = from the start of what is kept.
    #[param(value_type = Option<schema::TailLines>)]
    tail: Option<u64>,
    /// Go on with what is written from now on, until the member ends.
    #[serde(default)]
    #[param(default = false)]
    follow: bool,
}

async fn stored(
    app: &App,
    caller: &Caller,
    MemberPath { task, run, party }: &MemberPath,
) -> Result<flow_domain::member::Member, ApiError> {
    visible_task(app, caller, task).await?;
    let run = runs::stored(app, task, run).await?;
    let number = run.number;
    let member = run.members.into_iter().find(|member| &member.party == party);
    member.ok_or_else(|| {
        Error::new(
            ErrorCode::MemberNotFound,
            format!("{party} has no part in run {number} of the task"),
        )
        .into()
    })
}

/// Read a member
#[utoipa::path(get, path = "/tasks/{task}/runs/{run}/members/{party}", tag = "runs", operation_id = "get_member", params(MemberPath),
    responses((status = 200, description = "The member", body = Member), NotFound))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(path): Ids<MemberPath>,
) -> Result<Json<Member>, ApiError> {
    let member = stored(&app, &caller, &path).await?;
    let progress = runs::progress_of(&app, &path.run).await?;
    Ok(Json(Member::new(member, progress.get(&path.party))))
}

/// Read a member's log
///
/// Fetched from the party while it is read, no faster than it is read; the hub keeps none. What the party discloses is
/// its own decision. A connection that breaks in the middle means that the rest could not be fetched.
#[utoipa::path(get, path = "/tasks/{task}/runs/{run}/members/{party}/logs", tag = "runs", operation_id = "get_member_log", params(MemberPath, LogParams),
    responses((status = 200, description = "The log, as the workload wrote it", body = String, content_type = "text/plain"), LogFailures))]
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
    let member = stored(&app, &caller, &path).await?;
    let stream =
        app.sessions.open_log(&path.party, &path.run, member.attempt, tail, follow).await?;
    let stream = stream.take_until(app.stopping.clone().cancelled_owned());
    let MemberPath { run, party, .. } = path;
    let body = Body::from_stream(
        stream.inspect_err(move |error| tracing::warn!(%run, %party, %error, "a log broke off")),
    );
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response())
}

/// Read a member's series
#[utoipa::path(get, path = "/tasks/{task}/runs/{run}/members/{party}/series", tag = "runs", operation_id = "get_member_series", params(MemberPath),
    responses((status = 200, description = "What was measured", body = SeriesList), NotFound))]
pub(super) async fn series(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(path): Ids<MemberPath>,
) -> Result<Json<SeriesList>, ApiError> {
    stored(&app, &caller, &path).await?;
    let series = app.store.series(&path.run, &path.party).await?;
    Ok(Json(SeriesList::new(series.into_values().flatten().collect())))
}
