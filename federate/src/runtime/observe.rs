//! From many followers to one receiver: latest wins, so a slow receiver costs no memory and misses no end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_common::supervisor::Supervisor;
use flow_domain::progress::{Point, Progress};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::runtime::{Observation, WorkKey, WorkState};

/// Observations under way to the receiver.
const CHANNEL: usize = 64;

/// Points kept for a receiver that is slow; older ones are dropped.
const POINTS_KEPT: usize = 2000;

#[derive(Debug, Default)]
struct Inner {
    /// The last word on every key; the progress without points.
    known: BTreeMap<WorkKey, (WorkState, Option<Progress>)>,
    /// What the receiver has not been told.
    pending: BTreeMap<WorkKey, (WorkState, Option<Progress>)>,
    /// Progress of keys that nothing else is known of yet: it waits for their state.
    early: BTreeMap<WorkKey, Progress>,
    /// Receivers so far: only the last one is served.
    receiver: u64,
}

/// The last word on every key, on its way to the receiver.
#[derive(Debug, Default)]
pub struct Observations {
    inner: Arc<Mutex<Inner>>,
    changed: watch::Sender<()>,
    supervisor: Supervisor,
}

impl Observations {
    /// Wraps a task without which nothing more is observed, of a key or at all: after its panic the receiver is closed.
    /// Such a task may return.
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

    /// Closes the receiver: nothing is observed any more.
    #[cfg(feature = "kubernetes")]
    pub fn fail(&self, reason: &str) {
        self.supervisor.fail(reason);
    }

    /// Put down what is true of a key now.
    pub fn publish(&self, key: &WorkKey, state: WorkState, progress: Option<Progress>) {
        let mut inner = lock(&self.inner);
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

    /// Put down how far a key is; its state stays. Of a key without one it is told together with the first.
    #[cfg(feature = "kubernetes")]
    pub fn publish_progress(&self, key: &WorkKey, progress: Progress) {
        let mut inner = lock(&self.inner);
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

    /// Say nothing of this key any more.
    pub fn forget(&self, key: &WorkKey) {
        let mut inner = lock(&self.inner);
        inner.known.remove(key);
        inner.pending.remove(key);
        inner.early.remove(key);
    }

    /// A new receiver, which is first told the last word on every key, with the points nobody has been told of: the work
    /// may have been followed for a while before anybody watches. The receiver before is served no more.
    pub fn watch(&self) -> mpsc::Receiver<Observation> {
        let (sender, receiver) = mpsc::channel(CHANNEL);
        let number = {
            let mut inner = lock(&self.inner);
            let mut untold = std::mem::take(&mut inner.pending);
            let known = inner.known.iter().map(|(key, (state, latest))| {
                let newer = untold.remove(key).and_then(|(_, progress)| progress);
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

/// Holds no `Observations`: it ends with them.
async fn forward(
    inner: Arc<Mutex<Inner>>,
    mut changed: watch::Receiver<()>,
    sender: mpsc::Sender<Observation>,
    number: u64,
) {
    loop {
        // Room first, so that what is taken then is the latest.
        let Ok(room) = sender.reserve().await else { return };
        let taken = {
            changed.borrow_and_update();
            let mut inner = lock(&inner);
            if inner.receiver != number {
                return;
            }
            inner.pending.pop_first()
        };
        match taken {
            Some((key, (state, progress))) => room.send(Observation { key, state, progress }),
            None => {
                drop(room);
                if changed.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The newer progress, with the newest points of both.
pub fn merge(before: Option<Progress>, now: Option<Progress>) -> Option<Progress> {
    let (Some(before), Some(mut now)) = (before.clone(), now.clone()) else {
        return now.or(before);
    };
    let mut points: Vec<Point> = before.points;
    points.append(&mut now.points);
    points.drain(..points.len().saturating_sub(POINTS_KEPT));
    Some(Progress { points, ..now })
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
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
    async fn a_receiver_that_was_slow_gets_the_latest_state_and_every_point() {
        let all = Observations::default();
        for step in 1..=3 {
            all.publish(&key(1), WorkState::Running, progress(step));
        }
        let told = |seen: Option<Observation>| {
            seen.and_then(|seen| seen.progress).map(|all| (all.epoch, all.points.len()))
        };
        let mut first = all.watch();
        assert_eq!(
            told(first.recv().await),
            Some((Some(3), 3)),
            "what was said before anybody watched"
        );
        let mut first = all.watch();
        assert_eq!(told(first.recv().await), Some((Some(3), 0)), "no point twice");
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
    async fn progress_that_is_faster_than_the_first_state_is_told_with_it() {
        let all = Observations::default();
        let mut seen = all.watch();
        for step in 1..=3 {
            all.publish_progress(&key(1), progress(step).expect("progress"));
        }
        all.publish(&key(1), WorkState::Running, None);
        let told = seen.recv().await.and_then(|seen| seen.progress).expect("progress");
        assert_eq!((told.epoch, told.points.len()), (Some(3), 3));
        all.publish(&key(1), WorkState::Running, None);
        assert_eq!(seen.recv().await.and_then(|seen| seen.progress), None, "once");
    }

    #[tokio::test]
    async fn a_new_receiver_hears_of_every_known_key_and_the_old_one_ends() {
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
