//! Parts of event streams that no store has: progress of members, and contact changes of parties.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse;
use flow_api_types::limits::EVENT_POINTS_MAX;
use flow_api_types::{Contact, PartyEvent, ProgressEvent, SeriesList};
use flow_common::clock::{Monotonic, monotonic};
use flow_domain::id::{PartyId, ProjectId};
use flow_domain::member;
use futures::stream::{self, Stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::engine::progress::StoredProgress;
use crate::state::App;
use crate::store::{ContactChange, StoreError};

/// Age at which a stream reads the parties of its project again.
const PARTIES_AGE_MAX: Duration = Duration::from_secs(10);

/// Streams the progress of members of the project. Never ends before the hub.
pub(super) fn progress(app: &App, project: ProjectId) -> impl Stream<Item = sse::Event> + use<> {
    let begin = (app.engine.progress().subscribe(), project, Vec::new().into_iter());
    stream::unfold(begin, async |(mut stored, project, mut pending)| {
        loop {
            if let Some(event) = pending.next() {
                return Some((event, (stored, project, pending)));
            }
            match stored.recv().await {
                Ok(batch) => {
                    let of_project = batch.iter().filter(|stored| stored.owner.1 == project);
                    pending = of_project.map(progress_event).collect::<Vec<_>>().into_iter();
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    })
}

fn progress_event(stored: &StoredProgress) -> sse::Event {
    let StoredProgress { owner: (task, _), run, party, at, progress } = stored;
    let first = progress.points.len().saturating_sub(EVENT_POINTS_MAX);
    let event = ProgressEvent {
        task: task.to_string(),
        run: run.to_string(),
        party: party.to_string(),
        at: (*at).into(),
        progress: progress.into(),
        series: SeriesList::new(progress.points[first..].to_vec()).series,
    };
    sse::Event::default().event("progress").json_data(event).unwrap_or_default()
}

struct Parties {
    app: Arc<App>,
    project: ProjectId,
    /// Every party of the federation is visible.
    sees_all: bool,
    changes: Receiver<ContactChange>,
    offered: Option<Offered>,
}

/// The parties of a project, as they were at a moment.
struct Offered {
    read_at: Monotonic,
    /// `None` = every party.
    names: Option<HashSet<PartyId>>,
}

/// Streams the contact changes of parties that are visible in the project. Ends if the reader is too
/// far behind.
pub(super) fn parties(
    app: Arc<App>,
    project: ProjectId,
    sees_all: bool,
) -> impl Stream<Item = sse::Event> {
    let changes = app.store.watch_contacts();
    let begin = Parties { app, project, sees_all, changes, offered: None };
    stream::unfold(begin, async |mut parties| {
        let event = parties.next().await?;
        Some((event, parties))
    })
}

impl Parties {
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            let change = self.changes.recv().await.ok()?;
            match self.is_visible(&change.party).await {
                Ok(true) => return Some(party_event(change)),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "event stream ended: cannot read the parties of the project from the store");
                    return None;
                }
            }
        }
    }

    async fn is_visible(&mut self, party: &PartyId) -> Result<bool, StoreError> {
        if self.sees_all {
            return Ok(true);
        }
        let known = self.offered.take();
        let known = known.filter(|offered| offered.read_at.elapsed() < PARTIES_AGE_MAX);
        let offered = match known {
            Some(known) => known,
            None => {
                let names = self.app.store.offered_names(&self.project).await?;
                Offered { read_at: monotonic(), names }
            }
        };
        let names = &self.offered.insert(offered).names;
        Ok(names.as_ref().is_none_or(|names| names.contains(party)))
    }
}

fn party_event(change: ContactChange) -> sse::Event {
    let contact = match change.is_connected() {
        true => member::Contact::Connected,
        false => member::Contact::Away(change.at),
    };
    let event = PartyEvent { name: change.party.into(), contact: Contact::from(contact) };
    sse::Event::default().event("party").json_data(event).unwrap_or_default()
}
