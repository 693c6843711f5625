//! Progress, apart from state: one value in memory per member, latest wins, written in batches every two seconds.
//!
//! A hub that is killed loses the newest two seconds, and is told them again by the agents' next sessions. The one order
//! that matters: what a member showed before its end is written before the end is.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use flow_common::clock::SharedClock;
use flow_domain::error::Error;
use flow_domain::id::{PartyId, ProjectId, RunId, TaskId};
use flow_domain::progress::Progress;
use flow_domain::run::Input;
use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::store::{ProgressWrite, Store, StoreError};

/// Time between two writes, in seconds.
const FLUSH_S: u64 = 2;
/// Points kept in memory per member between two writes; the oldest are dropped first.
const POINTS: usize = 4096;
/// Members written in one transaction.
const CHUNK: usize = 64;

/// The task a run belongs to, and its project.
pub(crate) type Owner = (TaskId, ProjectId);

type Key = (RunId, PartyId);
type Entry = (Key, (Owner, Progress));
type Waiting = BTreeMap<Key, (Owner, Progress)>;

/// Where sessions put progress.
pub(crate) struct ProgressSink {
    clock: SharedClock,
    waiting: Mutex<Waiting>,
    /// The newest value seen, without its points: what has not changed is no movement.
    last: Mutex<HashMap<(RunId, PartyId), Progress>>,
    /// One write at a time: what was taken to be written is either stored or waiting again before the next looks.
    writing: tokio::sync::Mutex<()>,
}

impl ProgressSink {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self { clock, waiting: Mutex::default(), last: Mutex::default(), writing: tokio::sync::Mutex::default() }
    }

    /// Takes the newest progress of a member.
    pub(crate) fn put(&self, owner: Owner, run: RunId, party: PartyId, progress: Progress) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, kept) = waiting.entry((run, party)).or_insert_with(|| (owner, Progress::default()));
        let older = std::mem::take(kept);
        *kept = newer_over(older, progress);
    }

    /// Writes what waits of one member.
    pub(crate) async fn flush_member(&self, store: &Store, run: &RunId, party: &PartyId) -> Result<(), Error> {
        let key = (run.clone(), party.clone());
        let _turn = self.writing.lock().await;
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
    async fn flush(&self, store: &Store) -> Result<Vec<(TaskId, RunId, PartyId)>, StoreError> {
        let _turn = self.writing.lock().await;
        let taken = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut taken: Vec<_> = taken.into_iter().collect();
        let mut moved = Vec::new();
        while !taken.is_empty() {
            let rest = taken.split_off(taken.len().min(CHUNK));
            let chunk = std::mem::replace(&mut taken, rest);
            let row = |(key, ((_, project), progress)): &Entry| self.row(key.clone(), project.clone(), progress.clone());
            let rows: Vec<_> = chunk.iter().map(row).collect();
            match store.write_progress(&rows).await {
                Ok(()) => moved.extend(chunk.iter().filter_map(|entry| self.moved(entry))),
                Err(error) if error.is_retryable() => {
                    // Kept for the next try, under what has come meanwhile.
                    let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                    for (key, (owner, older)) in chunk.into_iter().chain(taken) {
                        let progress = match waiting.remove(&key) {
                            Some((_, newer)) => newer_over(older, newer),
                            None => older,
                        };
                        waiting.insert(key, (owner, progress));
                    }
                    return Err(error);
                }
                Err(_) => {
                    // Something in it cannot be stored: the others are not to suffer for it.
                    for entry in &chunk {
                        match store.write_progress(&[row(entry)]).await {
                            Ok(()) => moved.extend(self.moved(entry)),
                            Err(error) => tracing::warn!(run = %entry.0.0, party = %entry.0.1, %error, "progress of a member is dropped"),
                        }
                    }
                }
            }
        }
        Ok(moved)
    }

    /// The member, if it shows anything but what it showed before.
    fn moved(&self, (key, ((task, _), progress)): &Entry) -> Option<(TaskId, RunId, PartyId)> {
        let shown = Progress { points: Vec::new(), ..progress.clone() };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.points.is_empty() && last.get(key) == Some(&shown) {
            return None;
        }
        last.insert(key.clone(), shown);
        Some((task.clone(), key.0.clone(), key.1.clone()))
    }
}

/// Latest wins, points add up.
fn newer_over(older: Progress, mut newer: Progress) -> Progress {
    newer.points.splice(0..0, older.points);
    let surplus = newer.points.len().saturating_sub(POINTS);
    newer.points.drain(..surplus);
    newer
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
