//! Events of all tasks of a project: as pages, and as a stream of server-sent events.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use flow_domain::error::FieldCode;
use futures::StreamExt as _;
use futures::stream::{self, Stream};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;

use super::events::{HEARTBEAT_INTERVAL, StreamHeaders, last_event, wants_stream};
use crate::api::extract::{Caller, Params};
use crate::api::list;
use crate::api::problem::{ApiError, field};
use crate::engine::FeedFollower;
use crate::state::App;
use crate::store::FeedRow;
use flow_api_types::{FeedEvent, Page, schema};

/// Filter and page of the feed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct FeedParams {
    /// Return events with a greater number. Without it, a page begins with the oldest event, and a
    /// stream has new events only.
    #[param(value_type = Option<schema::EventNumber>)]
    after: Option<i64>,
    /// Largest number of events of a page. A stream has no limit.
    #[param(value_type = Option<schema::PageLimit>)]
    limit: Option<u32>,
}

fn shown(row: &FeedRow) -> FeedEvent {
    let FeedRow { number, project: _, task, task_name, event } = row.clone();
    FeedEvent { number, task: task.into(), task_name, event: event.into() }
}

/// List or follow the events of all tasks
///
/// Returns one page of the events of the project, in the order in which the hub stored them; its
/// `next` is the `after` of the next page. With `Accept: text/event-stream` the response is a stream
/// of new events, with the number as `id` and the kind as `event`, and of keep-alive comments. To
/// resume a broken stream, send `Last-Event-ID`. The feed begins with the release of the hub that
/// introduced it.
#[utoipa::path(get, path = "/events", tag = "events", operation_id = "list_all_events", params(FeedParams, StreamHeaders),
    responses((status = 200, description = "One page of events, or a stream of events", content(
        (Page<FeedEvent> = "application/json"), (schema::FeedStream = "text/event-stream")))))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(FeedParams { after, limit }): Params<FeedParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(after) = after.filter(|after| *after < 0) {
        let message = format!("is {after} and must be 0 or more");
        return Err(field("?after", FieldCode::OutOfRange, message).into());
    }
    let resumed = last_event(&headers)?;
    let project = caller.0.project;
    if wants_stream(&headers) {
        let follower = app.engine.follow(project, resumed.or(after)).await?;
        let stream = follow(follower).take_until(app.stopping.clone().cancelled_owned());
        let keep_alive = KeepAlive::new().interval(HEARTBEAT_INTERVAL).text("alive");
        return Ok(Sse::new(stream).keep_alive(keep_alive).into_response());
    }
    let limit = list::checked(limit)?;
    let mut rows = app.store.feed(Some(&project), after.unwrap_or(0), limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.number.to_string());
    Ok(Json(Page { items: rows.iter().map(shown).collect(), next }).into_response())
}

fn follow(follower: FeedFollower) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    stream::unfold(follower, async |mut follower| {
        let row = match follower.next().await {
            Ok(row) => row?,
            Err(error) => {
                // The client resumes with `Last-Event-ID`.
                tracing::warn!(%error, "event stream ended: cannot read the events of the project from the store");
                return None;
            }
        };
        let head =
            sse::Event::default().id(row.number.to_string()).event(row.event.event.kind.as_str());
        let event = head.json_data(shown(&row)).unwrap_or_default();
        Some((Ok(event), follower))
    })
}
