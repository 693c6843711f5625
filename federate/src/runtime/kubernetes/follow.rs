//! What is known of one key, and the task that follows it.
//!
//! The store's picture is enough to say that something waits or runs. An end is told only after the API server was asked
//! again, for this object and all its pods, and showed that nothing is alive; then it is put down, so that nobody needs
//! the cluster any more to know it.

use std::collections::BTreeMap;
use std::mem::take;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flow_common::error::root_cause;
use flow_crd::{IflearnerJob, SIDECAR_CONTAINER};
use flow_domain::member::{Exit, Reason};
use flow_domain::progress::Progress;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Shared;
use super::build::WORKLOAD;
use super::judge::{self, View};
use super::record::{Record, Stage};
use super::spool::{Lines, Spool};
use super::tail::{self, Source};
use crate::runtime::observe::merge;
use crate::runtime::{RuntimeError, WorkKey, WorkState};

/// First and longest pause before an end that could not be proven is looked at again.
const SOON: Duration = Duration::from_millis(200);
const LATER: Duration = Duration::from_secs(20);
/// So long nothing more of a log must come before its end is given up.
const LAST_LINES: Duration = Duration::from_secs(10);

/// One key.
pub struct Entry {
    /// Which.
    pub key: WorkKey,
    /// What must not be forgotten of it. Verbs take turns by holding it.
    pub record: tokio::sync::Mutex<Option<Record>>,
    state: watch::Sender<Option<WorkState>>,
    wake: Notify,
    /// Some of a log has arrived.
    flows: Arc<Notify>,
    task: Mutex<Option<AbortOnDropHandle<()>>>,
    memory: Mutex<Memory>,
}

/// What was seen and may not be seen again.
#[derive(Default)]
struct Memory {
    exit: Option<Exit>,
    ran: bool,
    /// The latest, with the newest points of all.
    progress: Option<Progress>,
    /// The logs being read, by UID of the pod.
    logs: BTreeMap<String, AbortOnDropHandle<()>>,
    sidecars: BTreeMap<String, AbortOnDropHandle<()>>,
    /// Gives up what is being read.
    give_up: CancellationToken,
}

/// What follows from a look.
enum Step {
    /// Look again when something has changed.
    Wait,
    /// There is nothing more to see.
    Done,
}

impl Entry {
    /// A key as its record left it.
    pub fn new(key: WorkKey, record: Option<Record>) -> Arc<Self> {
        Arc::new(Self {
            key,
            record: tokio::sync::Mutex::new(record),
            state: watch::Sender::new(None),
            wake: Notify::new(),
            flows: Arc::default(),
            task: Mutex::default(),
            memory: Mutex::default(),
        })
    }

    /// What was told last, as it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<Option<WorkState>> {
        self.state.subscribe()
    }

    /// Something may have changed: look.
    pub fn look_again(self: &Arc<Self>, shared: &Arc<Shared>) {
        self.wake.notify_one();
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(AbortOnDropHandle::is_finished) {
            let follower = shared
                .observations
                .essential("follower of a member", Arc::clone(self).run(Arc::clone(shared)));
            *task = Some(AbortOnDropHandle::new(tokio::spawn(follower)));
        }
    }

    /// Stop following.
    pub fn abandon(&self) {
        drop(self.task.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut memory = self.memory();
        memory.logs.clear();
        memory.sidecars.clear();
    }

    /// Say how the key stands, if that is news.
    pub fn tell(&self, shared: &Shared, state: WorkState) {
        let news = self.state.send_if_modified(|before| {
            let news = before.as_ref() != Some(&state);
            *before = Some(state.clone());
            news
        });
        if news {
            shared.observations.publish(&self.key, state, None);
        }
    }

    /// Say that it cannot be told how the key stands, if it was alive when that could be.
    fn doubt(&self, shared: &Shared, why: &Reason) {
        let told = self.state.borrow().clone();
        if let Some(state) =
            told.filter(|state| matches!(state, WorkState::Starting { .. } | WorkState::Running))
        {
            self.tell(shared, seen_through(state, Some(why)));
        }
    }

    /// Say how it ended, whether or not that was said before.
    pub fn tell_end(&self, shared: &Shared, state: WorkState, progress: Option<Progress>) {
        self.state.send_replace(Some(state.clone()));
        shared.observations.publish(&self.key, state, progress);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        let mut pause = SOON;
        loop {
            match self.look(&shared).await {
                Ok(Step::Wait) => {
                    pause = SOON;
                    self.wake.notified().await;
                }
                Ok(Step::Done) => {
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
                    self.doubt(&shared, error.reason());
                    let attempt = self.key.attempt;
                    tracing::warn!(run.id = %self.key.run, attempt, cause = %root_cause(&error), "{error}; looking again later");
                    flow_common::clock::sleep(pause).await;
                    pause = (pause * 2).min(LATER);
                }
            }
        }
    }

    async fn look(self: &Arc<Self>, shared: &Arc<Shared>) -> Result<Step, RuntimeError> {
        let mut record = self.record.lock().await;
        shared.mend(&self.key, &mut record).await?;
        let stage = record.as_ref().map(|record| record.stage.clone());
        if let Some(Stage::Ended { state, progress, .. }) = stage {
            self.tell_end(shared, state, progress);
            return Ok(Step::Done);
        }
        if let Some(Stage::Forgotten) = stage {
            return Ok(Step::Done);
        }
        if let Some(Stage::Damaged) = stage {
            return Ok(Step::Wait);
        }
        let Some((object, pods)) = shared.store.of(&self.key) else { return Ok(Step::Wait) };
        match stage {
            Some(Stage::Created { uid, stopping }) => {
                let object = object.filter(|object| object.uid().as_deref() == Some(&uid));
                self.remember(shared, &pods);
                let state = self.judge(shared, object.as_deref(), &pods, stopping);
                if !is_end(&state) {
                    self.tell(shared, seen_through(state, shared.blindness().as_ref()));
                    return Ok(Step::Wait);
                }
                self.prove(shared, &mut record, &uid, stopping).await
            }
            Some(Stage::Held) if object.is_none() => {
                let held = record.as_ref().map(|record| record.held.clone()).unwrap_or_default();
                self.tell(shared, WorkState::Held(held));
                Ok(Step::Wait)
            }
            // Made, and about to be put down; or somebody's who lost his journal, which the agent will have stopped.
            _ if object.is_some() => {
                self.tell(shared, WorkState::Starting { reason: None });
                Ok(Step::Wait)
            }
            _ => {
                self.tell_end(shared, WorkState::Absent, None);
                Ok(Step::Done)
            }
        }
    }

    fn judge(
        &self,
        shared: &Shared,
        object: Option<&IflearnerJob>,
        pods: &[Arc<Pod>],
        stopping: bool,
    ) -> WorkState {
        let memory = self.memory();
        let pods: Vec<&Pod> = pods.iter().map(AsRef::as_ref).collect();
        let now = shared.clock.now();
        judge::judge(&View {
            object,
            pods: &pods,
            stopping,
            seen: memory.exit.as_ref(),
            ran: memory.ran,
            now,
        })
    }

    /// Ask the API server itself whether it is over; if it is, put it down and say so.
    async fn prove(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        record: &mut Option<Record>,
        uid: &str,
        stopping: bool,
    ) -> Result<Step, RuntimeError> {
        let told = |trouble: super::cluster::Trouble| trouble.told("prove that a member has ended");
        let object = shared
            .cluster
            .job(&self.key)
            .await
            .map_err(told)?
            .filter(|object| object.uid().as_deref() == Some(uid));
        let pods: Vec<Arc<Pod>> = shared
            .cluster
            .pods_of(&self.key)
            .await
            .map_err(told)?
            .into_iter()
            .map(Arc::new)
            .collect();
        self.remember(shared, &pods);
        let state = self.judge(shared, object.as_ref(), &pods, stopping);
        if !is_end(&state) {
            // The picture was older than the cluster: what is missing in it is on its way.
            self.tell(shared, state);
            return Ok(Step::Wait);
        }
        self.read_to_the_end().await;
        if state == WorkState::Absent {
            shared.remove(&self.key).await?;
            *record = None;
            self.tell_end(shared, WorkState::Absent, None);
            return Ok(Step::Done);
        }
        let progress = self.memory().progress.clone();
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
        // On a full disk it is said all the same: it is a fact, and may be what makes room. Its points were told as they came.
        self.tell_end(
            shared,
            state,
            progress.map(|progress| Progress { points: Vec::new(), ..progress }),
        );
        written?;
        *record = Some(ended);
        Ok(Step::Done)
    }

    /// The logs end with their containers. What is still under way is waited for as long as it flows.
    async fn read_to_the_end(&self) {
        let (logs, sidecars, give_up) = {
            let mut memory = self.memory();
            (take(&mut memory.logs), take(&mut memory.sidecars), take(&mut memory.give_up))
        };
        let mut all =
            pin!(futures::future::join_all(logs.into_values().chain(sidecars.into_values())));
        if !ends_while_it_flows(&mut all, &self.flows, LAST_LINES).await {
            tracing::warn!(run.id = %self.key.run, "the end of a log could not be read");
            give_up.cancel();
            all.await;
        }
    }

    /// Keep what a pod shows only as long as it is there.
    fn remember(self: &Arc<Self>, shared: &Arc<Shared>, pods: &[Arc<Pod>]) {
        for pod in pods {
            let (Some(uid), name) = (pod.uid(), pod.name_any()) else { continue };
            let mut memory = self.memory();
            if judge::has_begun(pod, WORKLOAD) {
                memory.ran = true;
                let give_up = memory.give_up.clone();
                memory.logs.entry(uid.clone()).or_insert_with(|| {
                    let (entry, shared, uid, name) =
                        (Arc::clone(self), Arc::clone(shared), uid.clone(), name.clone());
                    let observations = Arc::clone(&shared.observations);
                    let spool = async move { entry.spool(&shared, &uid, name, &give_up).await };
                    AbortOnDropHandle::new(tokio::spawn(
                        observations.essential("reader of a member's log", spool),
                    ))
                });
            }
            if judge::has_begun(pod, SIDECAR_CONTAINER) {
                let give_up = memory.give_up.clone();
                memory.sidecars.entry(uid.clone()).or_insert_with(|| {
                    let (entry, shared, uid) = (Arc::clone(self), Arc::clone(shared), uid.clone());
                    let observations = Arc::clone(&shared.observations);
                    let listen = async move { entry.listen(&shared, &uid, name, &give_up).await };
                    AbortOnDropHandle::new(tokio::spawn(
                        observations.essential("reader of a member's progress", listen),
                    ))
                });
            }
            if let Some(exit) = judge::exit_of(pod, shared.clock.now()) {
                memory.exit = Some(exit);
            }
        }
    }

    async fn spool(&self, shared: &Shared, pod: &str, name: String, give_up: &CancellationToken) {
        let source = self.source(shared, name, WORKLOAD);
        let file = shared.records.dir(&self.key).join("cursor.json");
        match Spool::open(shared.records.log(&self.key), file, pod, shared.log_limit_bytes) {
            Ok((mut spool, since)) => {
                let reading = tail::follow(&source, since, &mut spool, || {
                    shared.has_ended(&self.key, pod, WORKLOAD)
                });
                if give_up.run_until_cancelled(reading).await == Some(true) {
                    spool.is_whole().await;
                } else {
                    spool.cut().await;
                }
                spool.save().await;
            }
            Err(error) => {
                tracing::error!(run.id = %self.key.run, error = %error, "the log of a member is not kept")
            }
        }
    }

    async fn listen(&self, shared: &Shared, pod: &str, name: String, give_up: &CancellationToken) {
        let source = self.source(shared, name, SIDECAR_CONTAINER);
        let mut lines = Lines::new(|progress: Progress| {
            let mut memory = self.memory();
            memory.progress = merge(memory.progress.take(), Some(progress.clone()));
            drop(memory);
            shared.observations.publish_progress(&self.key, progress);
        });
        let reading = tail::follow(&source, None, &mut lines, || {
            shared.has_ended(&self.key, pod, SIDECAR_CONTAINER)
        });
        give_up.run_until_cancelled(reading).await;
    }

    fn source(&self, shared: &Shared, pod: String, container: &str) -> Source {
        Source {
            pods: shared.cluster.pods.clone(),
            pod,
            container: container.to_owned(),
            flows: Arc::clone(&self.flows),
        }
    }
}

/// Wait for the end of what is read, unless nothing `flows` for so long. Answers whether it ended.
async fn ends_while_it_flows(reading: impl Future, flows: &Notify, longest: Duration) -> bool {
    let mut reading = pin!(reading);
    loop {
        tokio::select! {
            biased;
            _ = &mut reading => return true,
            () = flows.notified() => {}
            () = flow_common::clock::sleep(longest) => return false,
        }
    }
}

/// What was last seen of the living, told with the reason why nothing newer is.
fn seen_through(state: WorkState, blindness: Option<&Reason>) -> WorkState {
    match (state, blindness) {
        (WorkState::Running, Some(why)) => WorkState::Unseen(why.clone()),
        (WorkState::Starting { reason: None }, Some(why)) => {
            WorkState::Starting { reason: Some(why.clone()) }
        }
        (state, _) => state,
    }
}

/// Nothing is alive, if it is true.
fn is_end(state: &WorkState) -> bool {
    matches!(state, WorkState::Exited(_) | WorkState::Lost(_) | WorkState::Absent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_millis(500);

    #[test]
    fn what_lives_is_told_with_why_nothing_newer_is_known_and_an_end_as_it_is() {
        let why = |text: &str| Reason::new(flow_domain::member::ReasonCode::RuntimeError, text);
        let starting = |reason: Option<&str>| WorkState::Starting { reason: reason.map(why) };
        let through = |state: WorkState| seen_through(state, Some(&why("no answer")));
        assert_eq!(through(WorkState::Running), WorkState::Unseen(why("no answer")));
        assert_eq!(through(starting(None)), starting(Some("no answer")));
        for state in [
            starting(Some("no node")),
            WorkState::Unseen(why("no node")),
            WorkState::Absent,
            WorkState::Lost(why("deleted")),
        ] {
            assert_eq!(through(state.clone()), state);
        }
        assert_eq!(seen_through(WorkState::Running, None), WorkState::Running);
    }

    #[tokio::test]
    async fn an_end_is_waited_for_as_long_as_something_flows_and_no_longer() {
        let flows = Arc::new(Notify::new());
        let slow = tokio::spawn({
            let flows = Arc::clone(&flows);
            async move {
                let mut end = pin!(flow_common::clock::sleep(2 * LONGEST));
                while futures::poll!(&mut end).is_pending() {
                    flows.notify_one();
                    flow_common::clock::sleep(LONGEST / 20).await;
                }
            }
        });
        assert!(ends_while_it_flows(slow, &flows, LONGEST).await);
        assert!(!ends_while_it_flows(std::future::pending::<()>(), &flows, LONGEST).await);
    }
}
