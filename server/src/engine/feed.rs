//! The newest events of all tasks in memory, for the streams of projects.
//!
//! One task reads the feed from the store after commits, while there are streams, and keeps the
//! newest [`EVENTS_MAX`] events. A stream takes them from here at its own speed, and from the store
//! if it is further behind: a slow client costs neither memory nor time of others.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock;
use flow_domain::id::ProjectId;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::store::{FeedRow, Store, StoreError};

/// Events in memory.
const EVENTS_MAX: usize = 4_096;
/// Events that one read of the store returns.
const READ_EVENTS_MAX: u32 = 256;
/// Events that a stream takes at once.
const TAKEN_EVENTS_MAX: u32 = 64;
/// Interval of reads in case a wake was lost or another program wrote.
const READ_INTERVAL_MAX: Duration = Duration::from_secs(15);
/// Wait after a failed read of the store.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct Recent {
    /// In order.
    events: VecDeque<Arc<FeedRow>>,
    /// Every event with a greater number, up to the head, is in `events`.
    after: i64,
    /// No task keeps `events` up to date.
    stale: bool,
}

/// The newest events of all projects.
#[derive(Debug)]
pub(super) struct Feed {
    recent: Mutex<Recent>,
    /// Number of the newest event in `recent`.
    head: watch::Sender<i64>,
    /// Changes were committed, or a stream was opened.
    wakes: watch::Sender<()>,
}

impl Default for Feed {
    fn default() -> Self {
        let recent = Recent { stale: true, ..Recent::default() };
        Self { recent: Mutex::new(recent), head: watch::channel(0).0, wakes: watch::channel(()).0 }
    }
}

impl Feed {
    /// Call after a commit.
    pub(super) fn wake(&self) {
        self.wakes.send_replace(());
    }

    pub(super) fn commits(&self) -> watch::Receiver<()> {
        self.wakes.subscribe()
    }

    fn subscribe(&self) -> watch::Receiver<i64> {
        let head = self.head.subscribe();
        self.wake();
        head
    }

    /// Returns events of the project after this number, and the number up to which they are
    /// complete; `None` if they are not in memory.
    fn after(&self, project: &ProjectId, after: i64) -> Option<(Vec<Arc<FeedRow>>, i64)> {
        let recent = self.recent.lock();
        if recent.stale || after < recent.after {
            return None;
        }
        let start = recent.events.partition_point(|row| row.number <= after);
        let (mut taken, mut complete) = (Vec::new(), after);
        for row in recent.events.iter().skip(start) {
            if &row.project == project {
                taken.push(Arc::clone(row));
            }
            complete = row.number;
            if taken.len() == TAKEN_EVENTS_MAX as usize {
                break;
            }
        }
        Some((taken, complete))
    }

    /// Keeps the newest events in memory while there are streams.
    pub(super) async fn run(self: Arc<Self>, store: Arc<Store>, stopping: CancellationToken) {
        let mut wakes = self.wakes.subscribe();
        while !stopping.is_cancelled() {
            if let Err(error) = self.read(&store).await {
                tracing::warn!(%error, "cannot read new events for event streams; retrying");
                clock::sleep(RETRY_INTERVAL).await;
                continue;
            }
            tokio::select! {
                () = stopping.cancelled() => {}
                _ = clock::timeout(READ_INTERVAL_MAX, wakes.changed()) => {}
            }
        }
    }

    async fn read(&self, store: &Store) -> Result<(), StoreError> {
        if self.head.receiver_count() == 0 {
            let mut recent = self.recent.lock();
            *recent = Recent { stale: true, ..Recent::default() };
            return Ok(());
        }
        if self.recent.lock().stale {
            let head = store.feed_head().await?;
            *self.recent.lock() = Recent { after: head, ..Recent::default() };
            // Streams read what came before from the store.
            self.head.send_replace(head);
        }
        loop {
            let after = *self.head.borrow();
            let rows = store.feed(None, after, READ_EVENTS_MAX).await?;
            let Some(last) = rows.last().map(|row| row.number) else { return Ok(()) };
            let more = rows.len() == READ_EVENTS_MAX as usize;
            {
                let mut recent = self.recent.lock();
                recent.events.extend(rows.into_iter().map(Arc::new));
                while recent.events.len() > EVENTS_MAX
                    && let Some(oldest) = recent.events.pop_front()
                {
                    recent.after = oldest.number;
                }
            }
            self.head.send_replace(last);
            if !more {
                return Ok(());
            }
        }
    }
}

/// A stream of the events of a project.
pub struct FeedFollower {
    feed: Arc<Feed>,
    store: Arc<Store>,
    project: ProjectId,
    head: watch::Receiver<i64>,
    /// Every event up to this number was taken.
    after: i64,
    pending: VecDeque<Arc<FeedRow>>,
}

impl std::fmt::Debug for FeedFollower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FeedFollower({}, {})", self.project, self.after)
    }
}

impl FeedFollower {
    /// A stream of the events after this number; `None` = of new events only. A number that the hub
    /// has not reached, because it was restored, counts as the newest.
    pub(super) async fn new(
        feed: Arc<Feed>,
        store: Arc<Store>,
        project: ProjectId,
        after: Option<i64>,
    ) -> Result<Self, StoreError> {
        // Before the first read, so that no commit is missed.
        let head = feed.subscribe();
        let newest = store.feed_head().await?;
        let after = after.map_or(newest, |after| after.min(newest));
        Ok(Self { feed, store, project, head, after, pending: VecDeque::new() })
    }

    /// Waits for the next event; `None` when the engine has stopped.
    pub async fn next(&mut self) -> Result<Option<Arc<FeedRow>>, StoreError> {
        loop {
            if let Some(row) = self.pending.pop_front() {
                return Ok(Some(row));
            }
            self.head.mark_unchanged();
            match self.feed.after(&self.project, self.after) {
                Some((taken, complete)) => {
                    self.pending.extend(taken);
                    self.after = complete;
                }
                None => {
                    let rows =
                        self.store.feed(Some(&self.project), self.after, TAKEN_EVENTS_MAX).await?;
                    if let Some(last) = rows.last() {
                        self.after = last.number;
                    }
                    self.pending.extend(rows.into_iter().map(Arc::new));
                }
            }
            if self.pending.is_empty()
                && let Ok(Err(_)) = clock::timeout(READ_INTERVAL_MAX, self.head.changed()).await
            {
                return Ok(None);
            }
        }
    }
}
