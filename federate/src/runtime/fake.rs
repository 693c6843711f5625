//! A runtime without machines, for tests and benches. Deterministic: what it tells depends on what it was asked, on the
//! clock, and on nothing else. It outlives an agent if the handle is kept, as sidecars do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use flow_common::clock::SharedClock;
use flow_domain::member::{Exit, Reason, ReasonCode};
use flow_domain::progress::Progress;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{BoxStream, StreamExt as _};
use tokio::sync::mpsc;

use super::{
    Held, HoldRequest, LogRequest, Observation, ProgressSource, Runtime, RuntimeError,
    StartRequest, WorkKey, WorkState,
};

/// What a started workload does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It runs for so many seconds and exits 0; an aggregator with a status page shows completion and runs on until it
    /// is stopped. 0 = it has exited before anybody looked.
    Auto {
        /// Seconds by the clock.
        run_s: u64,
    },
    /// Nothing: the test tells how every key stands, see [`FakeRuntime::tell`].
    Scripted,
}

/// The runtime. Clones are handles on the same one.
#[derive(Clone)]
pub struct FakeRuntime {
    mode: Mode,
    clock: SharedClock,
    inner: Arc<Mutex<Inner>>,
}

/// What every verb answers.
#[derive(Debug, Clone)]
pub enum Failing {
    /// It may work later.
    ForNow(Reason),
    /// It will never work.
    ForGood(Reason),
}

#[derive(Default)]
struct Inner {
    states: BTreeMap<WorkKey, WorkState>,
    launches: Vec<StartRequest>,
    stops: Vec<WorkKey>,
    forgotten: BTreeSet<WorkKey>,
    burnt: BTreeSet<WorkKey>,
    refuse: Option<Reason>,
    failing: Option<Failing>,
    logs: BTreeMap<WorkKey, Bytes>,
    told: Option<mpsc::UnboundedSender<Observation>>,
    ports: u16,
}

impl Inner {
    fn set(&mut self, key: &WorkKey, state: WorkState, progress: Option<Progress>) {
        if state == WorkState::Absent {
            self.states.remove(key);
        } else {
            self.states.insert(key.clone(), state.clone());
        }
        if let Some(told) = &self.told {
            // An agent that went away hears the state again when the next one watches.
            let _ = told.send(Observation { key: key.clone(), state, progress });
        }
    }
}

impl FakeRuntime {
    /// A runtime with nothing in it.
    #[must_use]
    pub fn new(mode: Mode, clock: SharedClock) -> Self {
        Self { mode, clock, inner: Arc::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Say how a key stands.
    pub fn tell(&self, key: &WorkKey, state: WorkState) {
        self.inner().set(key, state, None);
    }

    /// Say how far a running key is.
    pub fn progress(&self, key: &WorkKey, progress: Progress) {
        let mut inner = self.inner();
        let state = inner.states.get(key).cloned().unwrap_or(WorkState::Running);
        inner.set(key, state, Some(progress));
    }

    /// The workload ended by itself with this status.
    pub fn exit(&self, key: &WorkKey, code: i32) {
        let exit = self.exited(Some(code), None);
        self.tell(key, WorkState::Exited(exit));
    }

    /// Refuse the next hold or start for good.
    pub fn refuse_next(&self, reason: Reason) {
        self.inner().refuse = Some(reason);
    }

    /// Let every verb fail, until this is taken back.
    pub fn fail(&self, failing: Option<Failing>) {
        self.inner().failing = failing;
    }

    /// What the log of a key holds.
    pub fn set_log(&self, key: &WorkKey, log: impl Into<Bytes>) {
        self.inner().logs.insert(key.clone(), log.into());
    }

    /// Everything that was really started, in order. A key appears at most once, or the agent is wrong.
    #[must_use]
    pub fn launches(&self) -> Vec<StartRequest> {
        self.inner().launches.clone()
    }

    /// Every stop asked for, in order.
    #[must_use]
    pub fn stops(&self) -> Vec<WorkKey> {
        self.inner().stops.clone()
    }

    /// How a key stands.
    #[must_use]
    pub fn state(&self, key: &WorkKey) -> WorkState {
        self.inner().states.get(key).cloned().unwrap_or(WorkState::Absent)
    }

    /// Whether the agent let go of the proof.
    #[must_use]
    pub fn is_forgotten(&self, key: &WorkKey) -> bool {
        self.inner().forgotten.contains(key)
    }

    fn exited(&self, code: Option<i32>, reason: Option<Reason>) -> Exit {
        let signal = code.is_none().then_some(15);
        let now = self.clock.now();
        Exit { code, signal, reason, started_at: now, finished_at: now }
    }

    fn run_by_itself(&self, launch: &StartRequest, run_s: u64) {
        let key = launch.key.clone();
        let endless = matches!(launch.progress, ProgressSource::IflearnerStatus { .. });
        let progress = endless.then(|| Progress { complete: true, ..Progress::default() });
        self.inner().set(&key, WorkState::Running, progress);
        if endless {
            return;
        }
        if run_s == 0 {
            self.exit(&key, 0);
            return;
        }
        let (fake, end) = (self.clone(), self.clock.sleep(Duration::from_secs(run_s)));
        tokio::spawn(async move {
            end.await;
            if fake.state(&key) == WorkState::Running {
                fake.exit(&key, 0);
            }
        });
    }

    fn works(&self) -> Result<(), RuntimeError> {
        match self.inner().failing.clone() {
            None => Ok(()),
            Some(Failing::ForGood(reason)) => Err(RuntimeError::Refused(reason)),
            Some(Failing::ForNow(reason)) => {
                let source = std::io::ErrorKind::ConnectionRefused.into();
                Err(RuntimeError::Transient {
                    context: "could not do it".to_owned(),
                    source,
                    reason,
                })
            }
        }
    }

    fn refused(&self) -> Result<(), RuntimeError> {
        self.works()?;
        self.inner().refuse.take().map_or(Ok(()), |reason| Err(RuntimeError::Refused(reason)))
    }

    fn hold_now(&self, hold: HoldRequest) -> Result<Held, RuntimeError> {
        self.refused()?;
        let mut inner = self.inner();
        if let Some(WorkState::Held(held)) = inner.states.get(&hold.key) {
            return Ok(held.clone());
        }
        if inner.burnt.contains(&hold.key) || inner.states.contains_key(&hold.key) {
            return Err(RuntimeError::Refused(Reason::new(
                ReasonCode::RuntimeError,
                "the key was used before",
            )));
        }
        let mut ports = BTreeMap::new();
        for name in hold.ports {
            inner.ports = inner.ports.wrapping_add(1) % 20_000;
            ports.insert(name, 40_000 + inner.ports);
        }
        let held = Held::on_loopback(ports);
        inner.set(&hold.key, WorkState::Held(held.clone()), None);
        Ok(held)
    }

    fn ensure_now(&self, launch: &StartRequest) -> Result<(), RuntimeError> {
        self.refused()?;
        {
            let mut inner = self.inner();
            match inner.states.get(&launch.key) {
                Some(WorkState::Held { .. }) => {}
                // Started before, once and for all.
                Some(_) => return Ok(()),
                None => {
                    return Err(RuntimeError::Refused(Reason::new(
                        ReasonCode::RuntimeError,
                        "nothing is held for this key",
                    )));
                }
            }
            inner.launches.push(launch.clone());
            inner.set(&launch.key, WorkState::Starting { reason: None }, None);
        }
        if let Mode::Auto { run_s } = self.mode {
            self.run_by_itself(launch, run_s);
        }
        Ok(())
    }

    fn stop_now(&self, key: &WorkKey) {
        let state = self.state(key);
        let exit = self.exited(None, Some(Reason::new(ReasonCode::StopRequested, "stopped")));
        let mut inner = self.inner();
        inner.stops.push(key.clone());
        inner.burnt.insert(key.clone());
        match state {
            WorkState::Absent | WorkState::Held { .. } => inner.set(key, WorkState::Absent, None),
            WorkState::Starting { .. } | WorkState::Running | WorkState::Unseen(_)
                if self.mode == Mode::Scripted => {}
            WorkState::Starting { .. } | WorkState::Running | WorkState::Unseen(_) => {
                inner.set(key, WorkState::Exited(exit), None)
            }
            ended @ (WorkState::Exited(_) | WorkState::Lost(_)) => inner.set(key, ended, None),
        }
    }
}

impl std::fmt::Debug for FakeRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeRuntime")
            .field("mode", &self.mode)
            .field("states", &self.inner().states)
            .finish()
    }
}

impl Runtime for FakeRuntime {
    fn hold(&self, hold: HoldRequest) -> BoxFuture<'_, Result<Held, RuntimeError>> {
        async move { self.hold_now(hold) }.boxed()
    }

    fn ensure(&self, launch: StartRequest) -> BoxFuture<'_, Result<(), RuntimeError>> {
        async move { self.ensure_now(&launch) }.boxed()
    }

    fn stop(&self, key: WorkKey, _grace_s: u64) -> BoxFuture<'_, Result<(), RuntimeError>> {
        async move {
            self.works()?;
            self.stop_now(&key);
            Ok(())
        }
        .boxed()
    }

    fn known(&self) -> BoxFuture<'_, Result<Vec<WorkKey>, RuntimeError>> {
        async move { Ok(self.inner().states.keys().cloned().collect()) }.boxed()
    }

    fn describe(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("kind".to_owned(), "fake".to_owned())])
    }

    fn watch(&self) -> mpsc::Receiver<Observation> {
        let (told, mut all) = mpsc::unbounded_channel();
        let (tx, rx) = mpsc::channel(256);
        let mut inner = self.inner();
        for (key, state) in &inner.states {
            // The receiver is held below.
            let _ =
                told.send(Observation { key: key.clone(), state: state.clone(), progress: None });
        }
        inner.told = Some(told);
        tokio::spawn(async move {
            while let Some(observation) = all.recv().await {
                if tx.send(observation).await.is_err() {
                    return;
                }
            }
        });
        rx
    }

    fn logs(
        &self,
        key: WorkKey,
        _request: LogRequest,
    ) -> BoxFuture<'_, Result<BoxStream<'static, std::io::Result<Bytes>>, RuntimeError>> {
        async move {
            let log = self.inner().logs.get(&key).cloned();
            match log {
                Some(log) => Ok(futures::stream::iter([Ok(log)]).boxed()),
                None => Err(RuntimeError::Refused(Reason::new(
                    ReasonCode::RuntimeError,
                    "no log is kept of this run",
                ))),
            }
        }
        .boxed()
    }

    fn forget(&self, key: WorkKey) -> BoxFuture<'_, Result<(), RuntimeError>> {
        async move {
            let mut inner = self.inner();
            inner.states.remove(&key);
            inner.burnt.insert(key.clone());
            inner.forgotten.insert(key);
            Ok(())
        }
        .boxed()
    }
}
