//! Events of all tasks of a project: as pages, and as a stream of server-sent events.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use flow_domain::error::{Error, ErrorCode, FieldCode};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream, Stream};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;

use super::events::{HEARTBEAT_INTERVAL, StreamHeaders, last_event, wants_stream};
use super::live;
use crate::api::extract::{Caller, Params};
use crate::api::list;
use crate::api::openapi::failures;
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
    /// Add events `progress` to a stream: new progress of members of runs, at most one each second
    /// for each member.
    #[serde(default)]
    #[param(default = false)]
    progress: bool,
    /// Add events `party` to a stream: openings and ends of the sessions of parties that the caller
    /// may see.
    #[serde(default)]
    #[param(default = false)]
    parties: bool,
}

failures!(Expired = EventsExpired);

impl From<FeedRow> for FeedEvent {
    fn from(FeedRow { number, project: _, task, task_name, event }: FeedRow) -> Self {
        Self { number, task: task.into(), task_name, event: event.into() }
    }
}

/// List or follow the events of all tasks
///
/// Returns one page of the events of the project, in the order in which the hub stored them; its
/// `next` is the `after` of the next page. With `Accept: text/event-stream` the response is a stream
/// of new events, with the number as `id` and the kind as `event`, and of keep-alive comments. To
/// resume a broken stream, send `Last-Event-ID`. The hub keeps the feed for `retention.events_days`
/// days: a request that resumes after an older event fails with `events_expired`. Without a position,
/// or with 0, the page begins with the oldest event that the feed has.
///
/// A stream with `progress=true` also has events `progress`, and one with `parties=true` events
/// `party`. They have no `id` and are not repeated: a client that resumes reads the present state
/// first. A client that reads slowly misses events `progress`; a stream that would miss an event
/// `party` ends.
#[utoipa::path(get, path = "/events", tag = "events", operation_id = "list_all_events", params(FeedParams, StreamHeaders),
    responses((status = 200, description = "One page of events, or a stream of events", content(
        (Page<FeedEvent> = "application/json"), (schema::FeedStream = "text/event-stream"))), Expired))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(FeedParams { after, limit, progress, parties }): Params<FeedParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(after) = after.filter(|after| *after < 0) {
        let message = format!("is {after} and must be 0 or more");
        return Err(field("?after", FieldCode::OutOfRange, message).into());
    }
    let resumed = last_event(&headers)?;
    let project = caller.0.project;
    if wants_stream(&headers) {
        let after = resumed.or(after);
        check_kept(&app, after).await?;
        let none = || stream::pending().boxed();
        let progress =
            if progress { live::progress(&app, project.clone()).boxed() } else { none() };
        let sees_all = caller.0.federation_admin;
        let parties = match parties {
            true => live::parties(Arc::clone(&app), project.clone(), sees_all).boxed(),
            false => none(),
        };
        let follower = app.engine.follow(project, after).await?;
        // The end of one of them ends the stream.
        let ending = |part: BoxStream<'static, sse::Event>| {
            part.map(Some).chain(stream::iter([None::<sse::Event>]))
        };
        let live = stream::select(ending(progress), ending(parties));
        let stream = stream::select(ending(follow(follower).boxed()), live)
            .take_while(|event| std::future::ready(event.is_some()))
            .filter_map(|event| std::future::ready(event.map(Ok::<_, Infallible>)))
            .take_until(app.stopping.clone().cancelled_owned());
        let keep_alive = KeepAlive::new().interval(HEARTBEAT_INTERVAL).text("alive");
        return Ok(Sse::new(stream).keep_alive(keep_alive).into_response());
    }
    let limit = list::checked(limit)?;
    let mut rows = app.store.feed(Some(&project), after.unwrap_or(0), limit + 1).await?;
    // After the read: events may have been deleted before it.
    check_kept(&app, after).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.number.to_string());
    Ok(Json(Page { items: rows.into_iter().map(FeedEvent::from).collect(), next }).into_response())
}

/// Rejects a position after which events were deleted. 0 is the beginning, wherever it is.
async fn check_kept(app: &App, after: Option<i64>) -> Result<(), ApiError> {
    let Some(after) = after.filter(|after| *after > 0) else { return Ok(()) };
    let pruned = app.store.feed_pruned().await?;
    if after >= pruned {
        return Ok(());
    }
    let message = format!(
        "the feed begins after event {pruned}; read the state of the tasks, and then the feed without a position"
    );
    Err(Error::new(ErrorCode::EventsExpired, message).into())
}

fn follow(follower: FeedFollower) -> impl Stream<Item = sse::Event> {
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
        let event = head.json_data(FeedEvent::from(row.as_ref().clone())).unwrap_or_default();
        Some((event, follower))
    })
}
