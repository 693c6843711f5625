//! Progress of members, apart from their state. One value per member is held in memory; the latest
//! wins, and a batch is written every [`FLUSH_PERIOD`].
//!
//! A hub that is killed loses the progress of the last period; the agents send it again in their
//! next session. Progress from before a member's end is written before the end.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{SharedClock, monotonic};
use flow_domain::error::Error;
use flow_domain::id::{PartyId, ProjectId, RunId, TaskId};
use flow_domain::progress::Progress;
use flow_domain::run::Input;
use flow_domain::time::Timestamp;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::Engine;
use crate::metrics::Metrics;
use crate::store::{ProgressWrite, Store, StoreError};

/// Period of writes.
const FLUSH_PERIOD: Duration = Duration::from_secs(2);
/// Points held in memory per member between two writes; the oldest are dropped first.
const PENDING_POINTS_MAX: usize = 4096;
/// Members per transaction.
const BATCH_MEMBERS_MAX: usize = 64;

/// Batches of stored progress queued for a stream that is behind. It loses older ones.
const QUEUED_BATCHES_MAX: usize = 64;

/// Progress of a member that was stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredProgress {
    pub(crate) owner: RunOwner,
    pub(crate) run: RunId,
    pub(crate) party: PartyId,
    pub(crate) at: Timestamp,
    pub(crate) progress: Progress,
}

/// The task of a run, and its project.
pub(crate) type RunOwner = (TaskId, ProjectId);

type Key = (RunId, PartyId);
type Entry = (Key, (RunOwner, Progress));
type PendingProgress = BTreeMap<Key, (RunOwner, Progress)>;

/// Collects progress from all sessions.
pub(crate) struct ProgressSink {
    clock: SharedClock,
    waiting: Mutex<PendingProgress>,
    /// The newest value of each member, without points. An unchanged value is no movement.
    last: Mutex<HashMap<(RunId, PartyId), Progress>>,
    /// One write at a time: entries that were taken are stored, or pending again, before the next
    /// write starts.
    writing: tokio::sync::Mutex<()>,
    /// Stored progress, for streams.
    stored: broadcast::Sender<Arc<[StoredProgress]>>,
}

impl ProgressSink {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            waiting: Mutex::default(),
            last: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            stored: broadcast::channel(QUEUED_BATCHES_MAX).0,
        }
    }

    /// Returns a receiver of the progress that is stored from now on: of each member that moved, once
    /// per [`FLUSH_PERIOD`] and at its end. A receiver that is behind loses the oldest batches.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<[StoredProgress]>> {
        self.stored.subscribe()
    }

    /// Replaces the pending progress of a member, and adds its points.
    pub(crate) fn put(&self, owner: RunOwner, run: RunId, party: PartyId, progress: Progress) {
        let mut waiting = self.waiting.lock();
        let (_, kept) = waiting.entry((run, party)).or_insert_with(|| (owner, Progress::default()));
        let older = std::mem::take(kept);
        *kept = newer_over(older, progress);
    }

    /// Writes the pending progress of a member that has ended. After an error it stays pending for
    /// the caller's retry.
    pub(crate) async fn flush_member(
        &self,
        store: &Store,
        run: &RunId,
        party: &PartyId,
    ) -> Result<(), Error> {
        let key = (run.clone(), party.clone());
        let _turn = self.writing.lock().await;
        let taken = self.waiting.lock().remove_entry(&key);
        let (_, error) = self.write(store, taken).await;
        self.last.lock().remove(&key);
        error.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Writes all pending progress. Returns the members that moved, and the error because of which
    /// the rest stays pending.
    async fn flush(&self, store: &Store) -> (Vec<(TaskId, RunId, PartyId)>, Option<StoreError>) {
        let _turn = self.writing.lock().await;
        let taken = std::mem::take(&mut *self.waiting.lock());
        self.write(store, taken).await
    }

    async fn write(
        &self,
        store: &Store,
        taken: impl IntoIterator<Item = Entry>,
    ) -> (Vec<(TaskId, RunId, PartyId)>, Option<StoreError>) {
        let mut taken = taken.into_iter();
        let batches = std::iter::from_fn(|| {
            Some(taken.by_ref().take(BATCH_MEMBERS_MAX).collect())
                .filter(|batch: &Vec<_>| !batch.is_empty())
        });
        let mut batches: VecDeque<Vec<Entry>> = batches.collect();
        let mut moved = Vec::new();
        while let Some(batch) = batches.pop_front() {
            let at = self.clock.now();
            let row = |((run, party), ((_, project), progress)): &Entry| ProgressWrite {
                project: project.clone(),
                run: run.clone(),
                party: party.clone(),
                at,
                progress: progress.clone(),
            };
            let rows: Vec<_> = batch.iter().map(row).collect();
            match (store.write_progress(&rows).await, &batch[..]) {
                (Ok(()), _) => {
                    let batch = batch.into_iter().filter(|entry| self.is_moved(entry));
                    let batch: Vec<Entry> = batch.collect();
                    let member = |((run, party), ((task, _), _)): &Entry| {
                        (task.clone(), run.clone(), party.clone())
                    };
                    moved.extend(batch.iter().map(member));
                    self.publish(batch, at);
                }
                // Progress that was stored without confirmation may be written again.
                (Err(error @ (StoreError::Unavailable(_) | StoreError::Unknown(_))), _) => {
                    self.put_back(batch.into_iter().chain(batches.into_iter().flatten()));
                    return (moved, Some(error));
                }
                (Err(error), [((run, party), _)]) => {
                    tracing::warn!(run.id = %run, party.id = %party, %error, "cannot store progress of a member; dropping it")
                }
                // One entry cannot be stored: the others are written one by one.
                (Err(_), _) => batch.into_iter().for_each(|entry| batches.push_front(vec![entry])),
            }
        }
        (moved, None)
    }

    /// Makes entries pending again, under newer values that have arrived meanwhile.
    fn put_back(&self, entries: impl Iterator<Item = Entry>) {
        let mut waiting = self.waiting.lock();
        for (key, (owner, older)) in entries {
            let progress = match waiting.remove(&key) {
                Some((_, newer)) => newer_over(older, newer),
                None => older,
            };
            waiting.insert(key, (owner, progress));
        }
    }

    /// Returns true if the progress of the member differs from the last one.
    fn is_moved(&self, (key, (_, progress)): &Entry) -> bool {
        let shown = Progress { points: Vec::new(), ..progress.clone() };
        let mut last = self.last.lock();
        if progress.points.is_empty() && last.get(key) == Some(&shown) {
            return false;
        }
        last.insert(key.clone(), shown);
        true
    }

    fn publish(&self, batch: Vec<Entry>, at: Timestamp) {
        if batch.is_empty() || self.stored.receiver_count() == 0 {
            return;
        }
        let stored = batch.into_iter().map(|((run, party), (owner, progress))| StoredProgress {
            owner,
            run,
            party,
            at,
            progress,
        });
        // The last stream may have ended.
        let _ = self.stored.send(stored.collect());
    }
}

/// The latest values win, and points add up.
fn newer_over(older: Progress, mut newer: Progress) -> Progress {
    newer.points.splice(0..0, older.points);
    let surplus = newer.points.len().saturating_sub(PENDING_POINTS_MAX);
    newer.points.drain(..surplus);
    newer
}

pub(super) async fn run(
    engine: Engine,
    store: Arc<Store>,
    clock: SharedClock,
    sink: Arc<ProgressSink>,
    metrics: Arc<Metrics>,
    stopping: CancellationToken,
) {
    loop {
        let stop = tokio::select! {
            () = stopping.cancelled() => true,
            () = clock.sleep(FLUSH_PERIOD) => false,
        };
        let started = monotonic();
        let (moved, error) = sink.flush(&store).instrument(tracing::debug_span!("progress")).await;
        metrics.loop_pass("progress", error.is_none(), started);
        if let Some(error) = error {
            tracing::warn!(%error, "cannot write progress; retrying");
        }
        if stop {
            return;
        }
        for (task, run, party) in moved {
            if engine.post_fact(task, run, Input::Moved { party }).await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use flow_common::clock::SystemClock;
    use flow_domain::progress::Point;
    use sqlx::Connection as _;

    use super::*;
    use crate::store::StoreOptions;

    async fn open(folder: &tempfile::TempDir) -> (String, Store) {
        let url = format!("sqlite:{}", folder.path().join("hub.db").display());
        let store = Store::open(&url, StoreOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        (url, store)
    }

    fn sink() -> ProgressSink {
        ProgressSink::new(Arc::new(SystemClock))
    }

    fn member(number: u8) -> Key {
        (format!("{number:032x}").parse().unwrap(), "a".parse().unwrap())
    }

    fn put(sink: &ProgressSink, (run, party): Key, step: u64) {
        let points = vec![Point { series: "loss".to_owned(), step, value: "0.5".to_owned() }];
        let owner = (format!("{:032x}", 99).parse().unwrap(), "default".parse().unwrap());
        sink.put(owner, run, party, Progress { points, ..Progress::default() });
    }

    async fn steps(store: &Store, (run, party): Key) -> Vec<u64> {
        store
            .series(&run, &party)
            .await
            .unwrap()
            .into_values()
            .flatten()
            .map(|point| point.step)
            .collect()
    }

    #[tokio::test]
    async fn failed_progress_write_stays_pending() {
        let folder = tempfile::tempdir().unwrap();
        let (sink, (_, store), (one, other)) =
            (sink(), open(&folder).await, (member(1), member(2)));
        store.close().await;
        put(&sink, one.clone(), 1);
        put(&sink, other.clone(), 1);
        assert!(sink.flush(&store).await.1.is_some());
        assert!(
            sink.flush_member(&store, &one.0, &one.1).await.is_err(),
            "its end is not told before what it showed"
        );
        put(&sink, one.clone(), 2);

        let (_, store) = open(&folder).await;
        sink.flush_member(&store, &one.0, &one.1).await.unwrap();
        assert_eq!(
            (steps(&store, one).await, steps(&store, other.clone()).await),
            (vec![1, 2], vec![])
        );
        let (moved, error) = sink.flush(&store).await;
        assert!(
            error.is_none() && moved.iter().map(|(_, run, _)| run).eq([&other.0]),
            "{moved:?} {error:?}"
        );
        assert_eq!(steps(&store, other).await, [1]);
    }

    #[tokio::test]
    async fn unwritable_progress_delays_neither_other_members_nor_the_members_end() {
        let folder = tempfile::tempdir().unwrap();
        let (sink, (url, store), (spoilt, good)) =
            (sink(), open(&folder).await, (member(1), member(2)));
        put(&sink, spoilt.clone(), 1);
        assert!(sink.flush(&store).await.1.is_none());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query("UPDATE series SET tail = 'spoilt'").execute(&mut connection).await.unwrap();

        put(&sink, spoilt.clone(), 2);
        put(&sink, good.clone(), 1);
        let (moved, error) = sink.flush(&store).await;
        assert!(
            error.is_none() && moved.iter().map(|(_, run, _)| run).eq([&good.0]),
            "{moved:?} {error:?}"
        );
        put(&sink, spoilt.clone(), 3);
        sink.flush_member(&store, &spoilt.0, &spoilt.1).await.unwrap();
        assert_eq!(steps(&store, good).await, [1]);
    }
}
