//! A runtime without machines, for tests and benches. It is deterministic: its reports depend only
//! on the requests and on the clock. It outlives an agent while a handle exists, as sidecars do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flow_common::clock::SharedClock;
use flow_domain::member::{Exit, Reason, ReasonCode};
use flow_domain::progress::Progress;
use futures::stream::{BoxStream, StreamExt as _};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{mpsc, watch};

use crate::outputs::OutputDir;

use super::{
    Expired, Held, HoldRequest, LogRequest, Observation, ProgressSource, Runtime, RuntimeError,
    StartRequest, WorkKey, WorkState,
};

/// The behaviour of a started workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It runs for `run_s` seconds and exits with status 0. An aggregator with a status page
    /// reports completion and runs until a stop.
    Auto {
        /// Seconds of the runtime's clock; 0 = it exits at once.
        run_s: u64,
    },
    /// The test sets every state, see [`FakeRuntime::set_state`].
    Scripted,
}

/// A clone is a handle on the same runtime.
#[derive(Clone)]
pub struct FakeRuntime {
    mode: Mode,
    clock: SharedClock,
    inner: Arc<Mutex<Inner>>,
}

/// The error of every request.
#[derive(Debug, Clone)]
pub enum FakeError {
    Transient(Reason),
    Permanent(Reason),
}

#[derive(Default)]
struct Inner {
    states: BTreeMap<WorkKey, WorkState>,
    starts: Vec<StartRequest>,
    stops: Vec<WorkKey>,
    forgotten: BTreeSet<WorkKey>,
    used: BTreeSet<WorkKey>,
    reject_next: Option<Reason>,
    error: Option<FakeError>,
    logs: BTreeMap<WorkKey, Bytes>,
    log_dirs: BTreeMap<WorkKey, (PathBuf, watch::Sender<Option<WorkState>>)>,
    observations: Option<mpsc::UnboundedSender<Observation>>,
    ports: u16,
}

impl Inner {
    fn set(&mut self, key: &WorkKey, state: WorkState, progress: Option<Progress>) {
        if let Some((_, ends)) = self.log_dirs.get(key) {
            ends.send_replace(Some(state.clone()));
        }
        if state == WorkState::Absent {
            self.states.remove(key);
        } else {
            self.states.insert(key.clone(), state.clone());
        }
        if let Some(observations) = &self.observations {
            // Fails if the agent ended: the next agent gets the state when it watches.
            let _ = observations.send(Observation { key: key.clone(), state, progress });
        }
    }
}

impl FakeRuntime {
    #[must_use]
    pub fn new(mode: Mode, clock: SharedClock) -> Self {
        Self { mode, clock, inner: Arc::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Sets the state of a key and reports it.
    pub fn set_state(&self, key: &WorkKey, state: WorkState) {
        self.inner().set(key, state, None);
    }

    /// Reports progress of a running key.
    pub fn progress(&self, key: &WorkKey, progress: Progress) {
        let mut inner = self.inner();
        let state = inner.states.get(key).cloned().unwrap_or(WorkState::Running);
        inner.set(key, state, Some(progress));
    }

    /// Ends the workload with this exit status.
    pub fn exit(&self, key: &WorkKey, code: i32) {
        let exit = self.exited(Some(code), None);
        self.set_state(key, WorkState::Exited(exit));
    }

    /// Rejects the next hold or start with a permanent error.
    pub fn reject_next(&self, reason: Reason) {
        self.inner().reject_next = Some(reason);
    }

    /// Fails every request until `None` is set.
    pub fn fail(&self, error: Option<FakeError>) {
        self.inner().error = error;
    }

    pub fn set_log(&self, key: &WorkKey, log: impl Into<Bytes>) {
        self.inner().logs.insert(key.clone(), log.into());
    }

    /// Every started workload, in order. A key occurs at most once, or the agent has a defect.
    #[must_use]
    pub fn starts(&self) -> Vec<StartRequest> {
        self.inner().starts.clone()
    }

    /// Every requested stop, in order.
    #[must_use]
    pub fn stops(&self) -> Vec<WorkKey> {
        self.inner().stops.clone()
    }

    #[must_use]
    pub fn state(&self, key: &WorkKey) -> WorkState {
        self.inner().states.get(key).cloned().unwrap_or(WorkState::Absent)
    }

    #[must_use]
    pub fn is_forgotten(&self, key: &WorkKey) -> bool {
        self.inner().forgotten.contains(key)
    }

    /// Keeps the log of a key in the segments of a directory, as the other runtimes do.
    pub fn set_log_dir(&self, key: &WorkKey, dir: PathBuf) {
        let mut inner = self.inner();
        let state = inner.states.get(key).cloned();
        inner.log_dirs.insert(key.clone(), (dir, watch::Sender::new(state)));
    }

    fn exited(&self, code: Option<i32>, reason: Option<Reason>) -> Exit {
        let signal = code.is_none().then_some(15);
        let now = self.clock.now();
        Exit { code, signal, reason, last_lines: Vec::new(), started_at: now, finished_at: now }
    }

    fn run_automatically(&self, request: &StartRequest, run_s: u64) {
        let key = request.key.clone();
        let endless = matches!(request.progress, ProgressSource::IflearnerStatus { .. });
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

    fn check_error(&self) -> Result<(), RuntimeError> {
        match self.inner().error.clone() {
            None => Ok(()),
            Some(FakeError::Permanent(reason)) => Err(RuntimeError::Refused(reason)),
            Some(FakeError::Transient(reason)) => {
                let source = std::io::ErrorKind::ConnectionRefused.into();
                Err(RuntimeError::Transient {
                    context: "the fake runtime failed".to_owned(),
                    source,
                    reason,
                })
            }
        }
    }

    fn check_rejection(&self) -> Result<(), RuntimeError> {
        self.check_error()?;
        self.inner().reject_next.take().map_or(Ok(()), |reason| Err(RuntimeError::Refused(reason)))
    }

    fn hold_now(&self, request: HoldRequest) -> Result<Held, RuntimeError> {
        self.check_rejection()?;
        let mut inner = self.inner();
        if let Some(WorkState::Held(held)) = inner.states.get(&request.key) {
            return Ok(held.clone());
        }
        if inner.used.contains(&request.key) || inner.states.contains_key(&request.key) {
            return Err(RuntimeError::Refused(Reason::new(
                ReasonCode::RuntimeError,
                "the key was used before",
            )));
        }
        let mut ports = BTreeMap::new();
        for name in request.ports {
            inner.ports = inner.ports.wrapping_add(1) % 20_000;
            ports.insert(name, 40_000 + inner.ports);
        }
        let held = Held::on_loopback(ports);
        inner.set(&request.key, WorkState::Held(held.clone()), None);
        Ok(held)
    }

    fn ensure_now(&self, request: &StartRequest) -> Result<(), RuntimeError> {
        self.check_rejection()?;
        {
            let mut inner = self.inner();
            match inner.states.get(&request.key) {
                Some(WorkState::Held { .. }) => {}
                // The workload was started before.
                Some(_) => return Ok(()),
                None => {
                    return Err(RuntimeError::Refused(Reason::new(
                        ReasonCode::RuntimeError,
                        "nothing is held for this key",
                    )));
                }
            }
            inner.starts.push(request.clone());
            inner.set(&request.key, WorkState::Starting { reason: None }, None);
        }
        if let Mode::Auto { run_s } = self.mode {
            self.run_automatically(request, run_s);
        }
        Ok(())
    }

    fn stop_now(&self, key: &WorkKey) {
        let state = self.state(key);
        let exit = self.exited(None, Some(Reason::new(ReasonCode::StopRequested, "stopped")));
        let mut inner = self.inner();
        inner.stops.push(key.clone());
        inner.used.insert(key.clone());
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

#[async_trait]
impl Runtime for FakeRuntime {
    async fn hold(&self, request: HoldRequest) -> Result<Held, RuntimeError> {
        self.hold_now(request)
    }

    async fn ensure(&self, request: StartRequest) -> Result<(), RuntimeError> {
        self.ensure_now(&request)
    }

    async fn stop(&self, key: WorkKey, _grace_s: u64) -> Result<(), RuntimeError> {
        self.check_error()?;
        self.stop_now(&key);
        Ok(())
    }

    async fn known(&self) -> Result<Vec<WorkKey>, RuntimeError> {
        Ok(self.inner().states.keys().cloned().collect())
    }

    fn describe(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("kind".to_owned(), "fake".to_owned())])
    }

    fn watch(&self) -> mpsc::Receiver<Observation> {
        let (observations, mut pending) = mpsc::unbounded_channel();
        let (sender, receiver) = mpsc::channel(256);
        let mut inner = self.inner();
        for (key, state) in &inner.states {
            let observation =
                Observation { key: key.clone(), state: state.clone(), progress: None };
            // The receiver is alive: the task below owns it.
            let _ = observations.send(observation);
        }
        inner.observations = Some(observations);
        tokio::spawn(async move {
            while let Some(observation) = pending.recv().await {
                if sender.send(observation).await.is_err() {
                    return;
                }
            }
        });
        receiver
    }

    async fn logs(
        &self,
        key: WorkKey,
        request: LogRequest,
    ) -> Result<BoxStream<'static, std::io::Result<Bytes>>, RuntimeError> {
        let kept =
            self.inner().log_dirs.get(&key).map(|(dir, ends)| (dir.clone(), ends.subscribe()));
        if let Some((dir, ends)) = kept {
            let opened = super::logs::open(dir, request, Some(ends)).await;
            return opened.map_err(|error| RuntimeError::of_machine("read a log", error));
        }
        let log = self.inner().logs.get(&key).cloned();
        match log {
            Some(log) => Ok(futures::stream::iter([Ok(log)]).boxed()),
            None => Err(RuntimeError::Refused(Reason::new(
                ReasonCode::RuntimeError,
                "this agent keeps no log of this run",
            ))),
        }
    }

    async fn outputs(&self, _key: WorkKey) -> Result<OutputDir, RuntimeError> {
        Err(RuntimeError::Refused(Reason::new(
            ReasonCode::RuntimeError,
            "this agent keeps no outputs of this run",
        )))
    }

    async fn forget(&self, key: WorkKey) -> Result<(), RuntimeError> {
        let mut inner = self.inner();
        inner.states.remove(&key);
        inner.used.insert(key.clone());
        inner.forgotten.insert(key);
        Ok(())
    }

    async fn sweep(&self, _: &Expired) -> Result<usize, RuntimeError> {
        Ok(0)
    }
}
