//! Progress, apart from state: one value in memory per member, latest wins, written in batches every two seconds.
//!
//! Losing the newest two seconds costs nothing but freshness. The one order that matters: what a member showed before
//! its end is written before the end is.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use flow_common::clock::SharedClock;
use flow_domain::error::Error;
use flow_domain::id::{PartyId, ProjectId, RunId, TaskId};
use flow_domain::progress::Progress;
use flow_domain::run::Input;
use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::store::{ProgressWrite, Store};

/// Time between two writes, in seconds.
const FLUSH_S: u64 = 2;
/// Points kept in memory per member between two writes; the oldest are dropped first.
const POINTS: usize = 4096;

/// The task a run belongs to, and its project.
pub(crate) type Owner = (TaskId, ProjectId);

type Waiting = BTreeMap<(RunId, PartyId), (Owner, Progress)>;

/// Where sessions put progress.
pub(crate) struct ProgressSink {
    clock: SharedClock,
    waiting: Mutex<Waiting>,
    /// The newest value seen, without its points: what has not changed is no movement.
    last: Mutex<HashMap<(RunId, PartyId), Progress>>,
}

impl ProgressSink {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self { clock, waiting: Mutex::default(), last: Mutex::default() }
    }

    /// Takes the newest progress of a member.
    pub(crate) fn put(&self, owner: Owner, run: RunId, party: PartyId, progress: Progress) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, kept) = waiting.entry((run, party)).or_insert_with(|| (owner, Progress::default()));
        let mut points = std::mem::take(&mut kept.points);
        points.extend(progress.points.iter().cloned());
        if points.len() > POINTS {
            points.drain(..points.len() - POINTS);
        }
        *kept = Progress { points, ..progress };
    }

    /// Writes what waits of one member.
    pub(crate) async fn flush_member(&self, store: &Store, run: &RunId, party: &PartyId) -> Result<(), Error> {
        let key = (run.clone(), party.clone());
        let taken = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.last.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        match taken {
            Some(((_, project), progress)) => Ok(store.write_progress(&[self.row(key, project, progress)]).await?),
            None => Ok(()),
        }
    }

    fn row(&self, (run, party): (RunId, PartyId), project: ProjectId, progress: Progress) -> ProgressWrite {
        ProgressWrite { project, run, party, at: self.clock.now(), progress }
    }

    /// Writes everything that waits; answers the members that moved.
    async fn flush(&self, store: &Store) -> Result<Vec<(TaskId, RunId, PartyId)>, Error> {
        let taken = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        let mut moved = Vec::new();
        let mut rows = Vec::with_capacity(taken.len());
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, ((task, _), progress)) in &taken {
                let shown = Progress { points: Vec::new(), ..progress.clone() };
                if !progress.points.is_empty() || last.get(key) != Some(&shown) {
                    moved.push((task.clone(), key.0.clone(), key.1.clone()));
                    last.insert(key.clone(), shown);
                }
            }
        }
        for (key, ((_, project), progress)) in taken.clone() {
            rows.push(self.row(key, project, progress));
        }
        if let Err(error) = store.write_progress(&rows).await {
            // Kept for the next try, unless something newer has come meanwhile.
            for (key, value) in taken {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.entry(key).or_insert(value);
            }
            return Err(error.into());
        }
        Ok(moved)
    }
}

pub(super) async fn run(engine: Engine, store: Arc<Store>, clock: SharedClock, sink: Arc<ProgressSink>, stopping: CancellationToken) {
    loop {
        let stop = tokio::select! {
            () = stopping.cancelled() => true,
            () = clock.sleep_until(clock.now().plus_secs(FLUSH_S)) => false,
        };
        match sink.flush(&store).await {
            Ok(moved) if !stop => {
                for (task, run, party) in moved {
                    if engine.tell(task, run, Input::Moved { party }).await.is_err() {
                        return;
                    }
                }
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "progress could not be written; trying again"),
        }
        if stop {
            return;
        }
    }
}
