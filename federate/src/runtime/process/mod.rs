//! Work as plain processes beside the agent. The run directory decides, not the journal (see `sidecar::rundir`).
//!
//! ```text
//!  hold   ──▶ spawn a sidecar: it takes the lock, binds the ports and says so
//!  ensure ──▶ control socket: `started` is written, then the workload is spawned
//!  watch  ◀── one follower per key: control socket while the sidecar lives, then what the directory proves
//! ```
//!
//! Nothing here is remembered that a restart would miss: an agent killed at any point finds the sidecars by their
//! directories, and every verb may be said again. Two agents on one data directory cannot start a key twice either: the
//! sidecar's lock and the exclusive `started` decide.

mod client;
mod enforce;
mod follow;
mod sweep;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use flow_domain::member::{Reason, ReasonCode};
use flow_domain::time::Timestamp;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

use self::client::Client;
use self::follow::Entry;
use super::logs;
use super::observe::Observations;
use super::{
    DataSource, Held, HoldRequest, ImageSource, LogRequest, Observation, Runtime, RuntimeError,
    StartRequest, WorkKey, WorkState,
};
use crate::sidecar::container::Containment;
use crate::sidecar::io_reason;
use crate::sidecar::protocol::{Answer, HoldFile, LINE_LIMIT, Verb};
use crate::sidecar::rundir::{RunDir, Verdict, marker, name, parse_marker, private_dir};

/// Time a new sidecar has to become ready. It takes milliseconds; a machine that swaps takes seconds.
const BIRTH: Duration = Duration::from_secs(20);

/// How long a sidecar may be late with an end. It needs milliseconds; a machine that swaps needs seconds.
const OVERDUE: Duration = Duration::from_secs(10);

/// Tries within one call, when a sidecar goes away while it is spoken to.
const TRIES: u32 = 4;

/// How a process runtime is set up.
#[derive(Debug, Clone)]
pub struct ProcessConfig {
    /// The agent's data directory; work is kept under `runs/` in it.
    pub data_root: PathBuf,
    /// The program that is the sidecar; `None` = the agent's own, by `/proc/self/exe`, which outlives an upgrade.
    pub sidecar: Option<PathBuf>,
    /// Largest log kept of one member, whatever its launch asks for.
    pub log_limit_bytes: u64,
    /// How long a hold stays without an agent, in seconds.
    pub hold_max_s: u64,
    /// Ports to choose from; `None` = what the kernel gives.
    pub port_range: Option<(u16, u16)>,
    /// Where descendants are caught; `None` = the best this machine allows.
    pub containment: Option<Containment>,
    /// How long after a workload should have been killed the agent relies on its sidecar; then it kills both.
    pub overdue: Duration,
}

impl ProcessConfig {
    /// The defaults, in this data directory.
    #[must_use]
    pub fn new(data_root: impl Into<PathBuf>) -> Self {
        Self {
            data_root: data_root.into(),
            sidecar: None,
            log_limit_bytes: 64 << 20,
            hold_max_s: 600,
            port_range: None,
            containment: None,
            overdue: OVERDUE,
        }
    }
}

/// How workloads are contained on this machine, for the inventory.
#[must_use]
pub fn containment() -> &'static str {
    Containment::detect().as_str()
}

/// The runtime of plain processes.
#[derive(Debug)]
pub struct ProcessRuntime {
    config: ProcessConfig,
    runs: PathBuf,
    entries: Mutex<HashMap<WorkKey, Arc<Entry>>>,
    observations: Arc<Observations>,
}

impl ProcessRuntime {
    /// Open the data directory and look after everything found there. Needs a tokio runtime around it.
    pub fn new(config: ProcessConfig) -> io::Result<Self> {
        // Sidecars stand in their own directories: a relative root would mean another place to them.
        let runs = std::path::absolute(&config.data_root)?.join("runs");
        private_dir(&runs)?;
        let observations = Arc::new(Observations::default());
        let runtime = Self { config, runs, entries: Mutex::default(), observations };
        for (key, dir) in runtime.directories()? {
            if !dir.has(name::FORGOTTEN) {
                runtime.entry(&key).follow();
            }
        }
        Ok(runtime)
    }

    /// Remove everything of a key, its log and outputs included. It must have ended.
    pub async fn remove(&self, key: &WorkKey) -> Result<(), RuntimeError> {
        let entry = self.entry(key);
        let _turn = entry.turn.lock().await;
        entry.unfollow().await;
        match entry.judge_ended().await? {
            Verdict::Alive => {
                entry.follow();
                return Err(still_alive());
            }
            Verdict::CutOff(_lock) => entry.sweep().await,
            Verdict::Missing | Verdict::Fresh(_) | Verdict::Exited(_) | Verdict::Forgotten => {}
        }
        self.drop_entry(key);
        self.observations.forget(key);
        entry.remove_dir().await
    }

    /// Removes what is kept no longer of forgotten keys: proof and scratch of those forgotten at `proof` or before, logs and
    /// outputs of those at `results` or before; `None` keeps them. Answers how many run directories are gone.
    pub async fn sweep(
        &self,
        proof: Timestamp,
        results: Option<Timestamp>,
    ) -> Result<usize, RuntimeError> {
        let directories = self.directories().map_err(|error| transient("list the runs", error))?;
        let forgotten = |dir: &RunDir| {
            let at = dir.join(name::FORGOTTEN).metadata().and_then(|meta| meta.modified()).ok()?;
            Some(at.duration_since(std::time::UNIX_EPOCH).ok()?.as_micros())
        };
        let is_before =
            |since: u128, cutoff: Timestamp| since <= u128::from(cutoff.0.max(0).unsigned_abs());
        let mut removed = 0;
        for (key, dir) in directories {
            let Some(since) = forgotten(&dir).filter(|since| is_before(*since, proof)) else {
                continue;
            };
            if results.is_some_and(|results| is_before(since, results)) || !dir.has_results() {
                self.remove(&key).await?;
                removed += 1;
            } else {
                let cleared = tokio::task::spawn_blocking(move || dir.remove_scratch()).await;
                let cleared = cleared.unwrap_or_else(|error| Err(io::Error::other(error)));
                cleared.map_err(|error| transient("remove the scratch of a member", error))?;
            }
        }
        Ok(removed)
    }

    /// Where the results of a key are.
    #[must_use]
    pub fn output_dir(&self, key: &WorkKey) -> PathBuf {
        self.dir(key).join(name::OUTPUT)
    }

    fn dir(&self, key: &WorkKey) -> RunDir {
        RunDir::at(self.runs.join(marker(key)))
    }

    fn directories(&self) -> io::Result<Vec<(WorkKey, RunDir)>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.runs)? {
            let path = entry?.path();
            found.extend(
                path.file_name()
                    .and_then(OsStr::to_str)
                    .and_then(parse_marker)
                    .map(|key| (key, RunDir::at(&path))),
            );
        }
        Ok(found)
    }

    fn entry(&self, key: &WorkKey) -> Arc<Entry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Entry::new(key.clone(), self.dir(key), self.observations.clone());
        entries.entry(key.clone()).or_insert_with(make).clone()
    }

    fn drop_entry(&self, key: &WorkKey) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    async fn hold_now(&self, hold: HoldRequest) -> Result<Held, RuntimeError> {
        let entry = self.entry(&hold.key);
        let _turn = entry.turn.lock().await;
        let mut last = None;
        for attempt in 0..TRIES {
            pause(attempt).await;
            let answer = match entry.judge()? {
                Verdict::Missing => self.birth(&entry, &hold).await,
                Verdict::Fresh(lock) => {
                    // Not a moment longer: the sidecar needs it.
                    drop(lock);
                    self.birth(&entry, &hold).await
                }
                Verdict::Alive => ask(&entry.dir, Verb::Status).await,
                Verdict::Exited(_) | Verdict::CutOff(_) => {
                    return Err(refused(
                        "this attempt was started before; a new one needs a new attempt number",
                    ));
                }
                Verdict::Forgotten => return Err(forgotten()),
            };
            match answer {
                Ok(Answer { error: None, ports, .. }) => {
                    entry.follow_if_idle();
                    return Ok(Held::on_loopback(ports));
                }
                Ok(Answer { error: Some(reason), .. }) => {
                    return Err(RuntimeError::Refused(reason));
                }
                Err(error) => last = Some(error),
            }
        }
        Err(transient(
            "hold ports for a member",
            last.unwrap_or_else(|| io::ErrorKind::TimedOut.into()),
        ))
    }

    /// Spawn a sidecar and wait until it says what it holds.
    async fn birth(&self, entry: &Arc<Entry>, hold: &HoldRequest) -> io::Result<Answer> {
        // The follower of an earlier sidecar might speak of that one's end while a new one is born.
        entry.unfollow().await;
        entry.enforcer.reset();
        entry.dir.create()?;
        let mut ports =
            entry.dir.read::<HoldFile>(name::HOLD).map(|before| before.ports).unwrap_or_default();
        ports.retain(|name, _| hold.ports.contains(name));
        let file = HoldFile {
            hold: hold.clone(),
            ports,
            port_range: self.config.port_range,
            hold_max_s: self.config.hold_max_s,
            containment: self.config.containment.unwrap_or_else(Containment::detect),
        };
        entry.dir.write(name::HOLD, &file)?;
        let program =
            self.config.sidecar.clone().unwrap_or_else(|| PathBuf::from("/proc/self/exe"));
        let mut child = Command::new(program)
            .arg("sidecar")
            .arg("--run-dir")
            .arg(entry.dir.path())
            // The agent's environment may hold secrets, and a workload of the same user could read it there.
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        // Taken when it ends; until then it is nobody's business, and it stays when this agent goes.
        tokio::spawn(async move { child.wait().await });
        let mut line = Vec::new();
        let mut reader = BufReader::new(pipe).take(LINE_LIMIT as u64);
        flow_common::clock::timeout(BIRTH, reader.read_until(b'\n', &mut line)).await??;
        // Also when another agent's sidecar was faster: the next try will ask that one.
        if line.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the sidecar ended before it was ready",
            ));
        }
        Ok(serde_json::from_slice(&line)?)
    }

    async fn ensure_now(&self, mut launch: StartRequest) -> Result<(), RuntimeError> {
        if !matches!(launch.image, None | Some(ImageSource::Root(_)))
            || !matches!(launch.data, None | Some(DataSource::Directory(_)))
        {
            return Err(refused(
                "this agent runs plain processes: its images and datasets must be directories",
            ));
        }
        launch.log_limit_bytes = launch.log_limit_bytes.min(self.config.log_limit_bytes);
        let limit = Duration::from_secs(launch.max_runtime_s.saturating_add(launch.stop_grace_s))
            .saturating_add(self.config.overdue);
        let entry = self.entry(&launch.key);
        let _turn = entry.turn.lock().await;
        let mut last = None;
        for attempt in 0..TRIES {
            pause(attempt).await;
            match entry.judge()? {
                Verdict::Alive => {
                    // It may have been started by an earlier agent, and be frozen since.
                    let started = entry.dir.has(name::STARTED);
                    if started {
                        entry.must_end_within(limit, false).await;
                    }
                    match ask(&entry.dir, Verb::Start(Box::new(launch.clone()))).await {
                        Ok(Answer { error: Some(reason), .. }) => {
                            return Err(RuntimeError::Refused(reason));
                        }
                        Ok(Answer {
                            state: Some(WorkState::Absent | WorkState::Held { .. }),
                            ..
                        }) => last = Some(io::ErrorKind::ConnectionReset.into()),
                        Ok(_) => {
                            if !started {
                                entry.must_end_within(limit, true).await;
                            }
                            entry.follow_if_idle();
                            return Ok(());
                        }
                        Err(error) => last = Some(error),
                    }
                }
                // Its sidecar died before the start: nothing has run. The ports it had told are bound again, or it fails.
                Verdict::Fresh(lock) => {
                    drop(lock);
                    let Ok(before) = entry.dir.read::<HoldFile>(name::HOLD) else {
                        return Err(hold_gone());
                    };
                    match self.birth(&entry, &before.hold).await {
                        Ok(Answer { error: Some(reason), .. }) => {
                            return Err(RuntimeError::Refused(reason));
                        }
                        Ok(_) => entry.follow_if_idle(),
                        Err(error) => last = Some(error),
                    }
                }
                // It was started. How it stands is told by its follower.
                Verdict::Exited(_) | Verdict::CutOff(_) => {
                    entry.follow_if_idle();
                    return Ok(());
                }
                Verdict::Missing => return Err(hold_gone()),
                Verdict::Forgotten => return Err(forgotten()),
            }
        }
        Err(transient("start a member", last.unwrap_or_else(|| io::ErrorKind::TimedOut.into())))
    }

    async fn stop_now(&self, key: WorkKey, grace_s: u64) -> Result<(), RuntimeError> {
        let entry = self.entry(&key);
        let _turn = entry.turn.lock().await;
        let mut last = None;
        for attempt in 0..TRIES {
            pause(attempt).await;
            match entry.judge()? {
                Verdict::Alive => {
                    entry.release_when_fresh();
                    // Before the sidecar is asked, which may not answer.
                    entry.must_stop_within(
                        Duration::from_secs(grace_s).saturating_add(self.config.overdue),
                    );
                    match ask(&entry.dir, Verb::Stop { grace_s }).await {
                        Ok(_) => {
                            entry.follow_if_idle();
                            return Ok(());
                        }
                        Err(error) => last = Some(error),
                    }
                }
                // A workload can remove its directory.
                Verdict::Missing => {
                    entry.sweep().await;
                    entry.unfollow().await;
                    entry.follow();
                    return Ok(());
                }
                // Nothing runs: say so (again), and keep no empty directory.
                Verdict::Fresh(_)
                | Verdict::Forgotten
                | Verdict::Exited(_)
                | Verdict::CutOff(_) => {
                    entry.release_when_fresh();
                    entry.unfollow().await;
                    entry.follow();
                    return Ok(());
                }
            }
        }
        Err(transient("stop a member", last.unwrap_or_else(|| io::ErrorKind::TimedOut.into())))
    }

    async fn forget_now(&self, key: WorkKey) -> Result<(), RuntimeError> {
        let entry = self.entry(&key);
        let _turn = entry.turn.lock().await;
        entry.unfollow().await;
        match entry.judge_ended().await? {
            Verdict::Alive => {
                entry.follow();
                return Err(still_alive());
            }
            Verdict::CutOff(_lock) => entry.sweep().await,
            // Nothing has run in a directory that is not there: a mark in it would only let a hub fill the disk.
            Verdict::Missing => {
                self.drop_entry(&key);
                self.observations.forget(&key);
                return Ok(());
            }
            Verdict::Fresh(_) | Verdict::Exited(_) | Verdict::Forgotten => {}
        }
        let dir = entry.dir.clone();
        let forgotten = tokio::task::spawn_blocking(move || dir.forget()).await;
        forgotten
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|error| transient("forget a member", error))?;
        self.drop_entry(&key);
        self.observations.forget(&key);
        Ok(())
    }
}

impl Drop for ProcessRuntime {
    /// A follower holds its entry, so it would go on for ever. The sidecars stay.
    fn drop(&mut self) {
        self.entries
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .for_each(|entry| entry.abandon());
    }
}

impl Runtime for ProcessRuntime {
    fn hold(&self, hold: HoldRequest) -> BoxFuture<'_, Result<Held, RuntimeError>> {
        self.hold_now(hold).boxed()
    }

    fn ensure(&self, launch: StartRequest) -> BoxFuture<'_, Result<(), RuntimeError>> {
        self.ensure_now(launch).boxed()
    }

    fn stop(&self, key: WorkKey, grace_s: u64) -> BoxFuture<'_, Result<(), RuntimeError>> {
        self.stop_now(key, grace_s).boxed()
    }

    fn known(&self) -> BoxFuture<'_, Result<Vec<WorkKey>, RuntimeError>> {
        let listed = self.directories().map_err(|error| transient("list the runs", error));
        let kept = listed.map(|all| {
            all.into_iter()
                .filter(|(_, dir)| !dir.has(name::FORGOTTEN))
                .map(|(key, _)| key)
                .collect()
        });
        std::future::ready(kept).boxed()
    }

    fn describe(&self) -> BTreeMap<String, String> {
        let way = self.config.containment.unwrap_or_else(Containment::detect).as_str();
        [("kind", "process"), ("containment", way)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    fn watch(&self) -> mpsc::Receiver<Observation> {
        self.observations.watch()
    }

    fn logs(
        &self,
        key: WorkKey,
        request: LogRequest,
    ) -> BoxFuture<'_, Result<BoxStream<'static, io::Result<Bytes>>, RuntimeError>> {
        let dir = self.dir(&key);
        let state = self
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .map(|entry| entry.state());
        let opened = if dir.path().is_dir() {
            Ok(())
        } else {
            Err(refused("no log of this member is kept here any more"))
        };
        async move {
            opened?;
            logs::open(dir.join(name::LOG), request, state)
                .await
                .map_err(|error| transient("read a member's log", error))
        }
        .boxed()
    }

    fn forget(&self, key: WorkKey) -> BoxFuture<'_, Result<(), RuntimeError>> {
        self.forget_now(key).boxed()
    }
}

async fn ask(dir: &RunDir, verb: Verb) -> io::Result<Answer> {
    Client::connect(dir).await?.ask(verb).await
}

/// Before another try. Only a sidecar that died while it was spoken to leads here.
async fn pause(attempt: u32) {
    if attempt > 0 {
        flow_common::clock::sleep(Duration::from_millis(5 << attempt)).await;
    }
}

fn refused(text: &str) -> RuntimeError {
    RuntimeError::Refused(Reason::new(ReasonCode::RuntimeError, text))
}

fn forgotten() -> RuntimeError {
    refused(
        "this attempt was forgotten and is never started again; a new one needs a new attempt number",
    )
}

fn still_alive() -> RuntimeError {
    refused("this member is still alive; stop it first")
}

fn hold_gone() -> RuntimeError {
    RuntimeError::Refused(Reason::new(
        ReasonCode::HoldExpired,
        "nothing is held for this attempt any more; reserve again",
    ))
}

/// An error of the machine: final if waiting does not help, else to be tried again.
fn transient(deed: &str, source: io::Error) -> RuntimeError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            RuntimeError::Refused(io_reason(deed, &source))
        }
        _ => RuntimeError::of_machine(deed, source),
    }
}
