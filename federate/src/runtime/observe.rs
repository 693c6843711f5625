//! Forwards the observations of many followers to one receiver. The latest state of a key replaces
//! earlier ones, so a slow receiver costs bounded memory and misses no end.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_common::supervisor::Supervisor;
use flow_domain::progress::{Point, Progress};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::runtime::{Observation, WorkKey, WorkState};

/// Capacity of the channel to the receiver, in observations.
const CHANNEL_CAPACITY: usize = 64;

/// Limit of the points that wait for a slow receiver; the oldest are dropped.
const PENDING_POINTS_MAX: usize = 2000;

#[derive(Debug, Default)]
struct Inner {
    /// The latest state of every key and its progress without points.
    known: BTreeMap<WorkKey, (WorkState, Option<Progress>)>,
    /// Observations that the receiver did not get yet.
    pending: BTreeMap<WorkKey, (WorkState, Option<Progress>)>,
    /// Progress of keys whose state is not known yet: it is sent with the first state.
    early: BTreeMap<WorkKey, Progress>,
    /// Number of the current receiver; earlier ones are closed.
    receiver: u64,
}

/// The latest state of every key and the channel to the receiver.
#[derive(Debug, Default)]
pub struct Observations {
    inner: Arc<Mutex<Inner>>,
    changed: watch::Sender<()>,
    supervisor: Supervisor,
}

impl Observations {
    /// Wraps a task that observes one or all keys: its panic closes the receiver. The task may
    /// return.
    pub fn essential<F>(
        &self,
        name: &'static str,
        task: F,
    ) -> impl Future<Output = ()> + Send + use<F>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let may_return = CancellationToken::new();
        may_return.cancel();
        self.supervisor.essential(name, &may_return, task)
    }

    /// Closes the receiver, because the runtime observes nothing any more.
    #[cfg(feature = "kubernetes")]
    pub fn fail(&self, reason: &str) {
        self.supervisor.fail(reason);
    }

    /// Records and sends the state of a key.
    pub fn publish(&self, key: &WorkKey, state: WorkState, progress: Option<Progress>) {
        let mut inner = self.inner.lock();
        let progress = merge(inner.early.remove(key), progress);
        if state == WorkState::Absent {
            inner.known.remove(key);
        } else {
            let known = inner.known.entry(key.clone()).or_insert_with(|| (state.clone(), None));
            known.0 = state.clone();
            if let Some(progress) = &progress {
                known.1 = Some(Progress { points: Vec::new(), ..progress.clone() });
            }
        }
        let before = inner.pending.remove(key).and_then(|(_, progress)| progress);
        inner.pending.insert(key.clone(), (state, merge(before, progress)));
        drop(inner);
        self.changed.send_replace(());
    }

    /// Records and sends progress of a key without a change of its state.
    #[cfg(feature = "kubernetes")]
    pub fn publish_progress(&self, key: &WorkKey, progress: Progress) {
        let mut inner = self.inner.lock();
        let Some((state, latest)) = inner.known.get_mut(key) else {
            let before = inner.early.remove(key);
            inner
                .early
                .extend(merge(before, Some(progress)).map(|progress| (key.clone(), progress)));
            return;
        };
        *latest = Some(Progress { points: Vec::new(), ..progress.clone() });
        let state = state.clone();
        let before = inner.pending.remove(key).and_then(|(_, progress)| progress);
        inner.pending.insert(key.clone(), (state, merge(before, Some(progress))));
        drop(inner);
        self.changed.send_replace(());
    }

    /// Removes a key.
    pub fn forget(&self, key: &WorkKey) {
        let mut inner = self.inner.lock();
        inner.known.remove(key);
        inner.pending.remove(key);
        inner.early.remove(key);
    }

    /// Returns a new receiver. It first gets the latest state of every key, with the points that no
    /// receiver got. The previous receiver is closed.
    pub fn watch(&self) -> mpsc::Receiver<Observation> {
        let (sender, receiver) = mpsc::channel(CHANNEL_CAPACITY);
        let number = {
            let mut inner = self.inner.lock();
            let mut pending = std::mem::take(&mut inner.pending);
            let known = inner.known.iter().map(|(key, (state, latest))| {
                let newer = pending.remove(key).and_then(|(_, progress)| progress);
                (key.clone(), (state.clone(), merge(latest.clone(), newer)))
            });
            inner.pending = known.collect();
            inner.receiver += 1;
            inner.receiver
        };
        let (forwarding, supervisor) = (
            forward(self.inner.clone(), self.changed.subscribe(), sender, number),
            self.supervisor.clone(),
        );
        tokio::spawn(async move {
            tokio::select! {
                () = forwarding => {}
                _ = supervisor.failed() => {}
            }
        });
        self.changed.send_replace(());
        receiver
    }
}

/// It owns no `Observations`, so that it ends with them.
async fn forward(
    inner: Arc<Mutex<Inner>>,
    mut changed: watch::Receiver<()>,
    sender: mpsc::Sender<Observation>,
    number: u64,
) {
    loop {
        // Reserve the capacity first, so that the observation taken afterwards is the latest.
        let Ok(permit) = sender.reserve().await else { return };
        let taken = {
            changed.borrow_and_update();
            let mut inner = inner.lock();
            if inner.receiver != number {
                return;
            }
            inner.pending.pop_first()
        };
        match taken {
            Some((key, (state, progress))) => permit.send(Observation { key, state, progress }),
            None => {
                drop(permit);
                if changed.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Returns the newer progress with the newest points of both.
pub fn merge(before: Option<Progress>, now: Option<Progress>) -> Option<Progress> {
    let (Some(before), Some(mut now)) = (before.clone(), now.clone()) else {
        return now.or(before);
    };
    let mut points: Vec<Point> = before.points;
    points.append(&mut now.points);
    points.drain(..points.len().saturating_sub(PENDING_POINTS_MAX));
    Some(Progress { points, ..now })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(attempt: u32) -> WorkKey {
        WorkKey { run: "0".repeat(32).parse().expect("an id"), attempt }
    }

    fn progress(step: u64) -> Option<Progress> {
        let point = Point { series: "s".to_owned(), step, value: "1".to_owned() };
        Some(Progress {
            epoch: u32::try_from(step).ok(),
            points: vec![point],
            ..Progress::default()
        })
    }

    #[tokio::test]
    async fn slow_receiver_gets_the_latest_state_and_every_point() {
        let all = Observations::default();
        for step in 1..=3 {
            all.publish(&key(1), WorkState::Running, progress(step));
        }
        let summary = |seen: Option<Observation>| {
            seen.and_then(|seen| seen.progress).map(|all| (all.epoch, all.points.len()))
        };
        let mut first = all.watch();
        assert_eq!(
            summary(first.recv().await),
            Some((Some(3), 3)),
            "observations from before the first receiver"
        );
        let mut first = all.watch();
        assert_eq!(summary(first.recv().await), Some((Some(3), 0)), "no point is sent twice");
        for attempt in 2..200 {
            all.publish(&key(attempt), WorkState::Running, None);
        }
        for step in 4..=5 {
            all.publish(&key(300), WorkState::Running, progress(step));
        }
        let mut last = None;
        while last.as_ref().is_none_or(|seen: &Observation| seen.key != key(300)) {
            last = first.recv().await;
        }
        let points: Vec<u64> = last
            .and_then(|seen| seen.progress)
            .into_iter()
            .flat_map(|p| p.points)
            .map(|p| p.step)
            .collect();
        assert_eq!(points, [4, 5]);
    }

    #[cfg(feature = "kubernetes")]
    #[tokio::test]
    async fn progress_before_the_first_state_is_sent_with_it() {
        let all = Observations::default();
        let mut seen = all.watch();
        for step in 1..=3 {
            all.publish_progress(&key(1), progress(step).expect("progress"));
        }
        all.publish(&key(1), WorkState::Running, None);
        let sent = seen.recv().await.and_then(|seen| seen.progress).expect("progress");
        assert_eq!((sent.epoch, sent.points.len()), (Some(3), 3));
        all.publish(&key(1), WorkState::Running, None);
        assert_eq!(seen.recv().await.and_then(|seen| seen.progress), None, "once");
    }

    #[tokio::test]
    async fn new_receiver_gets_every_known_key_and_the_old_one_is_closed() {
        let all = Observations::default();
        let mut old = all.watch();
        all.publish(&key(1), WorkState::Running, None);
        all.publish(&key(2), WorkState::Absent, None);
        let mut new = all.watch();
        assert_eq!(new.recv().await.map(|seen| seen.key), Some(key(1)));
        while old.recv().await.is_some() {}
        drop(all);
        assert_eq!(new.recv().await, None, "an absent key is closed");
    }
}
