//! Events of a task: as pages, and as a stream of server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use flow_domain::error::{Error, FieldCode};
use flow_domain::id::TaskId;
use flow_domain::run::EventKind;
use futures::StreamExt as _;
use futures::stream::{self, Stream};
use http::{HeaderMap, header};
use serde::Deserialize;
use tokio::sync::watch;
use utoipa::IntoParams;

use super::lookup::visible_task;
use super::params::TaskPath;
use crate::api::extract::{Caller, Ids, Params};
use crate::api::list;
use crate::api::openapi::failures;
use crate::api::problem::{ApiError, field};
use crate::state::App;
use crate::store::EventRow;
use flow_api_types::{Event, Page, schema};

/// Interval of keep-alive comments on an idle stream, and of reads of the store in case a wake was
/// lost.
pub(super) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
/// Events that a stream reads at once from the store.
const READ_EVENTS_MAX: u32 = 200;

failures!(NotFound = TaskNotFound);

/// Filter and page of events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct EventParams {
    /// Return events with a greater number. 0 returns all.
    #[serde(default)]
    #[param(value_type = schema::EventNumber, required = false)]
    after: i64,
    /// Largest number of events of a page. A stream has no limit.
    #[param(value_type = Option<schema::PageLimit>)]
    limit: Option<u32>,
}

/// Position at which a stream resumes.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents the headers that the handler reads")]
pub(super) struct StreamHeaders {
    /// Number of the last received event. The stream resumes after it. Takes precedence over
    /// `after`.
    #[param(rename = "Last-Event-ID", value_type = schema::EventNumber, required = false)]
    last: Option<i64>,
}

impl From<EventRow> for Event {
    fn from(EventRow { seq, at, event }: EventRow) -> Self {
        Self::new(seq, at.into(), event)
    }
}

/// List or follow the events of a task
///
/// Returns one page; its `next` is the `after` of the next page. With `Accept: text/event-stream`
/// the response is a stream of the stored events and of each new event, with its number as `id` and
/// its kind as `event`, and of keep-alive comments. The stream ends when the task is deleted. To
/// resume a broken stream, send `Last-Event-ID`.
#[utoipa::path(get, path = "/tasks/{task}/events", tag = "events", operation_id = "list_events", params(TaskPath, EventParams, StreamHeaders),
    responses((status = 200, description = "One page of events, or a stream of events", content(
        (Page<Event> = "application/json"), (schema::EventStream = "text/event-stream"))), NotFound))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TaskPath { task }): Ids<TaskPath>,
    Params(EventParams { after, limit }): Params<EventParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if after < 0 {
        return Err(field(
            "?after",
            FieldCode::OutOfRange,
            format!("is {after} and must be 0 or more"),
        )
        .into());
    }
    let task = visible_task(&app, &caller, &task).await?.task.id;
    let resumed = last_event(&headers)?;
    if wants_stream(&headers) {
        let after = resumed.unwrap_or(after);
        let stream = follow(Arc::clone(&app), task, after)
            .take_until(app.stopping.clone().cancelled_owned());
        let keep_alive = KeepAlive::new().interval(HEARTBEAT_INTERVAL).text("alive");
        return Ok(Sse::new(stream).keep_alive(keep_alive).into_response());
    }
    let limit = list::checked(limit)?;
    let mut rows = app.store.events(&task, after, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.seq.to_string());
    Ok(Json(Page { items: rows.into_iter().map(Event::from).collect(), next }).into_response())
}

pub(super) fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    accepted
        .map(|kind| kind.split(';').next().unwrap_or_default().trim())
        .any(|kind| kind.eq_ignore_ascii_case("text/event-stream"))
}

pub(super) fn last_event(headers: &HeaderMap) -> Result<Option<i64>, Error> {
    let Some(sent) = headers.get("last-event-id") else { return Ok(None) };
    let number =
        sent.to_str().ok().and_then(|text| text.parse().ok()).filter(|number| *number >= 0);
    let number = number.ok_or_else(|| {
        field("Last-Event-ID", FieldCode::Pattern, "must be the `id` of an event of this stream")
    })?;
    Ok(Some(number))
}

struct Follow {
    app: Arc<App>,
    task: TaskId,
    changed: watch::Receiver<i64>,
    after: i64,
    pending: VecDeque<EventRow>,
    is_complete: bool,
}

/// Streams the events after this number. The subscription begins before the first read, so that no
/// commit is missed.
fn follow(
    app: Arc<App>,
    task: TaskId,
    after: i64,
) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    let changed = app.engine.subscribe(&task);
    let begin = Follow { app, task, changed, after, pending: VecDeque::new(), is_complete: false };
    stream::unfold(begin, async |mut follow| {
        let row = follow.next().await?;
        let head = sse::Event::default().id(row.seq.to_string()).event(row.event.kind.as_str());
        let event = head.json_data(Event::from(row)).unwrap_or_default();
        Some((Ok(event), follow))
    })
}

impl Follow {
    async fn next(&mut self) -> Option<EventRow> {
        loop {
            if let Some(row) = self.pending.pop_front() {
                self.after = row.seq;
                self.is_complete |= row.event.kind == EventKind::TaskDeleted;
                return Some(row);
            }
            if self.is_complete {
                return None;
            }
            match self.app.store.events(&self.task, self.after, READ_EVENTS_MAX).await {
                Ok(rows) => self.pending.extend(rows),
                Err(error) => {
                    // The client resumes with `Last-Event-ID`.
                    tracing::warn!(task.id = %self.task, %error, "event stream ended: cannot read the events of the task from the store");
                    return None;
                }
            }
            if self.pending.is_empty() {
                // The sender is dropped when the engine stops. After a lost wake the next read is
                // one interval later.
                if let Ok(Err(_)) =
                    flow_common::clock::timeout(HEARTBEAT_INTERVAL, self.changed.changed()).await
                {
                    return None;
                }
            }
        }
    }
}
