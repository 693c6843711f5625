//! Changes of the party and its members as a stream of server-sent events. The agent keeps no record
//! of changes: a stream sends the newest states, and a client that reconnects reads the lists again.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use flow_api_types::agent::MemberRemoved;
use flow_api_types::schema;
use flow_common::clock;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::RunId;
use futures::StreamExt as _;
use futures::stream::{self, Stream};
use serde::Serialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::members::member_of;
use crate::control::Change;
use crate::rest::failures::failures;
use crate::rest::{App, Failure, STREAMS_MAX};

/// Interval of keep-alive comments on an idle stream.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
/// Shortest time between two batches of a stream: a member that changes often is sent once in it.
const BATCH_INTERVAL_MIN: Duration = Duration::from_millis(500);
/// Life of a stream. The client opens the next one, whose credential is checked again.
const STREAM_LIFE: Duration = Duration::from_secs(1800);

failures!(StreamFailures = StoreUnavailable);

/// Follow the changes
///
/// A stream of server-sent events without ids. It begins with `party`. Then it has `member` for each
/// member that has changed, `removed` for each of which the agent keeps no record any more, and `party`
/// after them; of several changes within half a second it has the last. `lost` means that the
/// client did not read fast enough: it must read the lists again, as after a reconnect. The stream
/// ends after half an hour.
#[utoipa::path(get, path = "/api/v2/events", tag = "events", operation_id = "follow_events",
    responses((status = 200, description = "A stream of events", body = schema::PartyEventStream, content_type = "text/event-stream"), StreamFailures))]
pub(in crate::rest) async fn follow(State(app): State<Arc<App>>) -> Result<Response, Failure> {
    let Ok(permit) = Arc::clone(&app.streams).try_acquire_owned() else {
        let message = format!(
            "{STREAMS_MAX} event streams are open, the limit: close a page of the party view"
        );
        return Err(Error::new(ErrorCode::Busy, message).into());
    };
    // Before the first state, so that no change is missed.
    let changes = app.parts.changes.follow();
    let first = event("party", &app.state().await?);
    let follow = Follow { app, changes, pending: VecDeque::from([first]), _permit: permit };
    let stream = events(follow).take_until(clock::sleep(STREAM_LIFE));
    let keep_alive = KeepAlive::new().interval(HEARTBEAT_INTERVAL).text("alive");
    Ok(Sse::new(stream).keep_alive(keep_alive).into_response())
}

struct Follow {
    app: Arc<App>,
    changes: Receiver<Change>,
    pending: VecDeque<Event>,
    _permit: OwnedSemaphorePermit,
}

fn events(follow: Follow) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(follow, async |mut follow| {
        while follow.pending.is_empty() {
            follow.read_batch().await?;
        }
        let next = follow.pending.pop_front()?;
        Some((Ok(next), follow))
    })
}

fn event(name: &str, data: &impl Serialize) -> Event {
    // JSON has no line break, and its keys are texts.
    Event::default().event(name).json_data(data).unwrap_or_default()
}

impl Follow {
    /// Waits for changes and reads the new states. `None`: the agent ends, or cannot read them.
    async fn read_batch(&mut self) -> Option<()> {
        let mut runs = BTreeSet::new();
        let mut is_behind = false;
        let mut record = |change| match change {
            Change::Member(run) => drop(runs.insert(run)),
            Change::Party => {}
        };
        match self.changes.recv().await {
            Ok(change) => record(change),
            Err(RecvError::Lagged(_)) => is_behind = true,
            Err(RecvError::Closed) => return None,
        }
        clock::sleep(BATCH_INTERVAL_MIN).await;
        loop {
            match self.changes.try_recv() {
                Ok(change) => record(change),
                Err(TryRecvError::Lagged(_)) => is_behind = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        if is_behind {
            self.pending.push_back(event("lost", &json!({})));
        }
        match self.states(runs).await {
            Ok(()) => Some(()),
            Err(error) => {
                tracing::warn!(%error, "an event stream ended: cannot read the members");
                None
            }
        }
    }

    async fn states(&mut self, mut runs: BTreeSet<RunId>) -> Result<(), Error> {
        if !runs.is_empty() {
            let members = self.app.members_of(runs.iter().cloned().collect()).await?;
            for member in members {
                runs.remove(&member.run);
                self.pending.push_back(event("member", &member_of(member)));
            }
        }
        // The rest is unknown.
        for run in runs {
            self.pending.push_back(event("removed", &MemberRemoved { run: run.into() }));
        }
        self.pending.push_back(event("party", &self.app.state().await?));
        Ok(())
    }
}
