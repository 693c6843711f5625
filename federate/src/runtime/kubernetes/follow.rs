//! The state of one key and the task that follows it.
//!
//! The watched objects are enough to report that a member waits or runs. An end needs a fresh read
//! of the object and of all its Pods that shows that nothing is alive. The follower then records
//! the end, so that no agent needs the cluster to know it.

use std::collections::BTreeMap;
use std::mem::take;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use flow_common::error::root_cause;
use flow_crd::{IflearnerJob, SIDECAR_CONTAINER};
use flow_domain::member::{Exit, Reason};
use flow_domain::progress::Progress;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::build::WORKLOAD;
use super::record::{Record, Stage};
use super::spool::{ProgressLines, Spool};
use super::tail::{self, Source};
use super::work_state::{MemberView, work_state};
use super::{Shared, pod_state};
use crate::runtime::backoff::Backoff;
use crate::runtime::logs::last_lines;
use crate::runtime::observe::merge;
use crate::runtime::{RuntimeError, WorkKey, WorkState};

/// Bounds of the delay before the follower reconciles again after an error.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(200);
const RETRY_DELAY_MAX: Duration = Duration::from_secs(20);

/// Timeout without new output, after which the follower stops to wait for the end of a log.
const LOG_IDLE_TIMEOUT: Duration = Duration::from_secs(10);

pub struct Entry {
    pub key: WorkKey,
    /// The durable record. Its lock serializes the requests.
    pub record: tokio::sync::Mutex<Option<Record>>,
    state: watch::Sender<Option<WorkState>>,
    wake: Notify,
    /// Notified when output of a log arrives.
    activity: Arc<Notify>,
    task: Mutex<Option<AbortOnDropHandle<()>>>,
    seen: Mutex<Seen>,
}

/// Observations that the cluster may not show again.
#[derive(Default)]
struct Seen {
    exit: Option<Exit>,
    ran: bool,
    /// The latest progress, with the newest points.
    progress: Option<Progress>,
    /// Readers of logs by UID of the Pod.
    logs: BTreeMap<String, AbortOnDropHandle<()>>,
    sidecars: BTreeMap<String, AbortOnDropHandle<()>>,
    /// Cancels all reads.
    cancel_reads: CancellationToken,
}

/// The continuation after a reconcile pass.
enum Next {
    /// Reconcile again after a change.
    Wait,
    /// The member ended.
    Done,
}

impl Entry {
    pub fn new(key: WorkKey, record: Option<Record>) -> Arc<Self> {
        Arc::new(Self {
            key,
            record: tokio::sync::Mutex::new(record),
            state: watch::Sender::new(None),
            wake: Notify::new(),
            activity: Arc::default(),
            task: Mutex::default(),
            seen: Mutex::default(),
        })
    }

    /// The published state as it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<Option<WorkState>> {
        self.state.subscribe()
    }

    /// Wakes the follower after a possible change; starts it if needed.
    pub fn wake(self: &Arc<Self>, shared: &Arc<Shared>) {
        self.wake.notify_one();
        let mut task = self.task.lock();
        if task.as_ref().is_none_or(AbortOnDropHandle::is_finished) {
            let follower = shared
                .observations
                .essential("follower of a member", Arc::clone(self).run(Arc::clone(shared)));
            *task = Some(AbortOnDropHandle::new(tokio::spawn(follower)));
        }
    }

    /// Stops the follower and all readers.
    pub fn abandon(&self) {
        drop(self.task.lock().take());
        let mut seen = self.seen();
        seen.logs.clear();
        seen.sidecars.clear();
    }

    /// Publishes the state if it changed.
    pub fn publish(&self, shared: &Shared, state: WorkState) {
        let has_changed = self.state.send_if_modified(|before| {
            let has_changed = before.as_ref() != Some(&state);
            *before = Some(state.clone());
            has_changed
        });
        if has_changed {
            shared.observations.publish(&self.key, state, None);
        }
    }

    /// Publishes that the state of a member that was alive is unknown.
    fn publish_unknown(&self, shared: &Shared, reason: &Reason) {
        let published = self.state.borrow().clone();
        if let Some(state) = published
            .filter(|state| matches!(state, WorkState::Starting { .. } | WorkState::Running))
        {
            self.publish(shared, with_staleness(state, Some(reason)));
        }
    }

    /// Publishes the end, also if it was published before.
    pub fn publish_end(&self, shared: &Shared, state: WorkState, progress: Option<Progress>) {
        self.state.send_replace(Some(state.clone()));
        shared.observations.publish(&self.key, state, progress);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock()
    }

    async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        let mut backoff = Backoff::new(RETRY_DELAY_MIN, RETRY_DELAY_MAX);
        loop {
            match self.reconcile(&shared).await {
                Ok(Next::Wait) => {
                    backoff.reset();
                    self.wake.notified().await;
                }
                Ok(Next::Done) => {
                    if self
                        .record
                        .lock()
                        .await
                        .as_ref()
                        .is_some_and(|record| record.stage == Stage::Forgotten)
                    {
                        shared.entries().remove(&self.key);
                    }
                    return;
                }
                Err(error) => {
                    self.publish_unknown(&shared, error.reason());
                    let attempt = self.key.attempt;
                    tracing::warn!(run.id = %self.key.run, attempt, cause = %root_cause(&error), "{error}; retrying");
                    backoff.sleep().await;
                }
            }
        }
    }

    async fn reconcile(self: &Arc<Self>, shared: &Arc<Shared>) -> Result<Next, RuntimeError> {
        let mut record = self.record.lock().await;
        shared.repair_record(&self.key, &mut record).await?;
        let stage = record.as_ref().map(|record| record.stage.clone());
        if let Some(Stage::Ended { state, progress, .. }) = stage {
            self.publish_end(shared, state, progress);
            return Ok(Next::Done);
        }
        if let Some(Stage::Forgotten) = stage {
            return Ok(Next::Done);
        }
        if let Some(Stage::Damaged) = stage {
            return Ok(Next::Wait);
        }
        let Some((object, pods)) = shared.cache.of(&self.key) else { return Ok(Next::Wait) };
        match stage {
            Some(Stage::Created { uid, stopping }) => {
                let object = object.filter(|object| object.uid().as_deref() == Some(&uid));
                self.observe_pods(shared, &pods);
                let state = self.work_state(shared, object.as_deref(), &pods, stopping);
                if !is_end(&state) {
                    self.publish(shared, with_staleness(state, shared.staleness().as_ref()));
                    return Ok(Next::Wait);
                }
                self.confirm_end(shared, &mut record, &uid, stopping).await
            }
            Some(Stage::Held) if object.is_none() => {
                let held = record.as_ref().map(|record| record.held.clone()).unwrap_or_default();
                self.publish(shared, WorkState::Held(held));
                Ok(Next::Wait)
            }
            // Created and not recorded yet; or an object of a lost journal, which the agent has
            // stopped.
            _ if object.is_some() => {
                self.publish(shared, WorkState::Starting { reason: None });
                Ok(Next::Wait)
            }
            _ => {
                self.publish_end(shared, WorkState::Absent, None);
                Ok(Next::Done)
            }
        }
    }

    fn work_state(
        &self,
        shared: &Shared,
        object: Option<&IflearnerJob>,
        pods: &[Arc<Pod>],
        stopping: bool,
    ) -> WorkState {
        let seen = self.seen();
        let pods: Vec<&Pod> = pods.iter().map(AsRef::as_ref).collect();
        let now = shared.clock.now();
        work_state(&MemberView {
            object,
            pods: &pods,
            stopping,
            seen: seen.exit.as_ref(),
            ran: seen.ran,
            now,
        })
    }

    /// Confirms an end with a fresh read; then records and publishes it.
    async fn confirm_end(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        record: &mut Option<Record>,
        uid: &str,
        stopping: bool,
    ) -> Result<Next, RuntimeError> {
        let to_error = |failure: super::cluster::ApiFailure| {
            failure.into_runtime_error("confirm that a member has ended")
        };
        let object = shared
            .cluster
            .job(&self.key)
            .await
            .map_err(to_error)?
            .filter(|object| object.uid().as_deref() == Some(uid));
        let pods: Vec<Arc<Pod>> = shared
            .cluster
            .pods_of(&self.key)
            .await
            .map_err(to_error)?
            .into_iter()
            .map(Arc::new)
            .collect();
        self.observe_pods(shared, &pods);
        let mut state = self.work_state(shared, object.as_ref(), &pods, stopping);
        if !is_end(&state) {
            // The watched objects were stale: their changes follow.
            self.publish(shared, state);
            return Ok(Next::Wait);
        }
        self.read_logs_to_the_end().await;
        if let WorkState::Exited(exit) = &mut state
            && exit.code != Some(0)
        {
            exit.last_lines = last_lines(shared.records.log(&self.key)).await;
        }
        if state == WorkState::Absent {
            shared.remove(&self.key).await?;
            *record = None;
            self.publish_end(shared, WorkState::Absent, None);
            return Ok(Next::Done);
        }
        let progress = self.seen().progress.clone();
        let held = record.as_ref().map(|record| record.held.clone()).unwrap_or_default();
        let ended = Record {
            held,
            stage: Stage::Ended {
                uid: uid.to_owned(),
                state: state.clone(),
                progress: progress.clone(),
            },
        };
        let written = shared.write(&self.key, &ended).await;
        // Publish the end also if a full disk prevented the record, because the end may free space.
        // Its points were published as they arrived.
        self.publish_end(
            shared,
            state,
            progress.map(|progress| Progress { points: Vec::new(), ..progress }),
        );
        written?;
        *record = Some(ended);
        Ok(Next::Done)
    }

    /// Waits for the end of the logs while output arrives. Each log ends with its container.
    async fn read_logs_to_the_end(&self) {
        let (logs, sidecars, cancel_reads) = {
            let mut seen = self.seen();
            (take(&mut seen.logs), take(&mut seen.sidecars), take(&mut seen.cancel_reads))
        };
        let mut all =
            pin!(futures::future::join_all(logs.into_values().chain(sidecars.into_values())));
        if !finishes_while_active(&mut all, &self.activity, LOG_IDLE_TIMEOUT).await {
            tracing::warn!(run.id = %self.key.run, "the end of a member's log could not be read");
            cancel_reads.cancel();
            all.await;
        }
    }

    /// Keeps what a Pod shows only while it exists.
    fn observe_pods(self: &Arc<Self>, shared: &Arc<Shared>, pods: &[Arc<Pod>]) {
        for pod in pods {
            let (Some(uid), name) = (pod.uid(), pod.name_any()) else { continue };
            let mut seen = self.seen();
            if pod_state::has_started(pod, WORKLOAD) {
                seen.ran = true;
                let cancel_reads = seen.cancel_reads.clone();
                seen.logs.entry(uid.clone()).or_insert_with(|| {
                    let (entry, shared, uid, name) =
                        (Arc::clone(self), Arc::clone(shared), uid.clone(), name.clone());
                    let observations = Arc::clone(&shared.observations);
                    let keep =
                        async move { entry.keep_log(&shared, &uid, name, &cancel_reads).await };
                    AbortOnDropHandle::new(tokio::spawn(
                        observations.essential("reader of a member's log", keep),
                    ))
                });
            }
            if pod_state::has_started(pod, SIDECAR_CONTAINER) {
                let cancel_reads = seen.cancel_reads.clone();
                seen.sidecars.entry(uid.clone()).or_insert_with(|| {
                    let (entry, shared, uid) = (Arc::clone(self), Arc::clone(shared), uid.clone());
                    let observations = Arc::clone(&shared.observations);
                    let follow = async move {
                        entry.follow_progress(&shared, &uid, name, &cancel_reads).await
                    };
                    AbortOnDropHandle::new(tokio::spawn(
                        observations.essential("reader of a member's progress", follow),
                    ))
                });
            }
            if let Some(exit) = pod_state::exit_of(pod, shared.clock.now()) {
                seen.exit = Some(exit);
            }
        }
    }

    async fn keep_log(
        &self,
        shared: &Shared,
        pod: &str,
        name: String,
        cancel_reads: &CancellationToken,
    ) {
        let source = self.source(shared, name, WORKLOAD);
        let file = shared.records.dir(&self.key).join("cursor.json");
        match Spool::open(shared.records.log(&self.key), file, pod, shared.log_limit_bytes) {
            Ok((mut spool, since)) => {
                let reading = tail::follow(&source, since, &mut spool, || {
                    shared.has_ended(&self.key, pod, WORKLOAD)
                });
                if cancel_reads.run_until_cancelled(reading).await == Some(true) {
                    spool.mark_complete().await;
                } else {
                    spool.mark_end_missing().await;
                }
                spool.save().await;
            }
            Err(error) => {
                tracing::error!(run.id = %self.key.run, error = %error, "the log of a member cannot be kept")
            }
        }
    }

    async fn follow_progress(
        &self,
        shared: &Shared,
        pod: &str,
        name: String,
        cancel_reads: &CancellationToken,
    ) {
        let source = self.source(shared, name, SIDECAR_CONTAINER);
        let mut lines = ProgressLines::new(|progress: Progress| {
            let mut seen = self.seen();
            seen.progress = merge(seen.progress.take(), Some(progress.clone()));
            drop(seen);
            shared.observations.publish_progress(&self.key, progress);
        });
        let reading = tail::follow(&source, None, &mut lines, || {
            shared.has_ended(&self.key, pod, SIDECAR_CONTAINER)
        });
        cancel_reads.run_until_cancelled(reading).await;
    }

    fn source(&self, shared: &Shared, pod: String, container: &str) -> Source {
        Source {
            pods: shared.cluster.pods.clone(),
            pod,
            container: container.to_owned(),
            activity: Arc::clone(&self.activity),
        }
    }
}

/// Waits until `reading` ends or until no activity occurs for `idle_timeout`. Returns `true` if it
/// ended.
async fn finishes_while_active(
    reading: impl Future,
    activity: &Notify,
    idle_timeout: Duration,
) -> bool {
    let mut reading = pin!(reading);
    loop {
        tokio::select! {
            biased;
            _ = &mut reading => return true,
            () = activity.notified() => {}
            () = flow_common::clock::sleep(idle_timeout) => return false,
        }
    }
}

/// Adds the reason of the staleness to the state of a living member.
fn with_staleness(state: WorkState, staleness: Option<&Reason>) -> WorkState {
    match (state, staleness) {
        (WorkState::Running, Some(reason)) => WorkState::Unseen(reason.clone()),
        (WorkState::Starting { reason: None }, Some(reason)) => {
            WorkState::Starting { reason: Some(reason.clone()) }
        }
        (state, _) => state,
    }
}

/// True for a state in which no Pod is alive.
fn is_end(state: &WorkState) -> bool {
    matches!(state, WorkState::Exited(_) | WorkState::Lost(_) | WorkState::Absent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE_TIMEOUT: Duration = Duration::from_millis(500);

    #[test]
    fn staleness_is_added_to_living_states_only() {
        let reason = |text: &str| Reason::new(flow_domain::member::ReasonCode::RuntimeError, text);
        let starting = |text: Option<&str>| WorkState::Starting { reason: text.map(reason) };
        let through = |state: WorkState| with_staleness(state, Some(&reason("no answer")));
        assert_eq!(through(WorkState::Running), WorkState::Unseen(reason("no answer")));
        assert_eq!(through(starting(None)), starting(Some("no answer")));
        for state in [
            starting(Some("no node")),
            WorkState::Unseen(reason("no node")),
            WorkState::Absent,
            WorkState::Lost(reason("deleted")),
        ] {
            assert_eq!(through(state.clone()), state);
        }
        assert_eq!(with_staleness(WorkState::Running, None), WorkState::Running);
    }

    #[tokio::test]
    async fn wait_for_an_end_lasts_while_there_is_activity() {
        let activity = Arc::new(Notify::new());
        let slow = tokio::spawn({
            let activity = Arc::clone(&activity);
            async move {
                let mut end = pin!(flow_common::clock::sleep(2 * IDLE_TIMEOUT));
                while futures::poll!(&mut end).is_pending() {
                    activity.notify_one();
                    flow_common::clock::sleep(IDLE_TIMEOUT / 20).await;
                }
            }
        });
        assert!(finishes_while_active(slow, &activity, IDLE_TIMEOUT).await);
        assert!(
            !finishes_while_active(std::future::pending::<()>(), &activity, IDLE_TIMEOUT).await
        );
    }
}
