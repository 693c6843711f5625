//! Runs workloads as plain processes beside the agent. The run directory, not the journal, holds
//! the state of a workload (see `sidecar::rundir`).
//!
//! ```text
//!  hold   ──▶ spawn a sidecar: it takes the lock, binds the ports and reports them
//!  ensure ──▶ control socket: the sidecar writes `started`, then spawns the workload
//!  watch  ◀── one follower per key: control socket while the sidecar lives, then the run directory
//! ```
//!
//! The runtime keeps no state that a restart would lose: a restarted agent finds the sidecars by
//! their directories, and every request may be repeated. Two agents on one data directory cannot
//! start a key twice, because the sidecar's lock and the exclusive creation of `started` decide.

mod client;
mod enforce;
mod follow;
mod sweep;

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flow_common::clock;
use flow_common::disk::Disk;
use flow_common::log_limit::LogLimit;
use flow_domain::member::{Reason, ReasonCode};
use flow_domain::time::Timestamp;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;
use tracing::Instrument as _;

use self::client::Client;
use self::follow::Entry;
use super::backoff::Backoff;
use super::logs;
use super::observe::Observations;
use super::rejection::{forgotten, hold_expired, rejected, started_before, still_alive};
use super::{
    DataSource, Expired, Held, HoldRequest, ImageSource, LogRequest, Observation, Runtime,
    RuntimeError, StartRequest, WorkKey, WorkState, request_span,
};
use crate::outputs::OutputDir;
use crate::sidecar::container::Containment;
use crate::sidecar::io_reason;
use crate::sidecar::protocol::{HoldRecord, LINE_BYTES_MAX, Request, Response};
use crate::sidecar::rundir::{self, RunDir, RunDirState, dir_name, name, private_dir};

/// Timeout until a new sidecar is ready. It takes milliseconds, on a machine that swaps seconds.
const SIDECAR_SPAWN_TIMEOUT: Duration = Duration::from_secs(20);

/// Default of [`ProcessConfig::overdue`]. A sidecar ends a workload within milliseconds, on a machine
/// that swaps within seconds.
const OVERDUE_DEFAULT: Duration = Duration::from_secs(10);

/// Limit of the attempts within one request, if the sidecar dies during a call.
const ATTEMPTS_MAX: u32 = 4;

/// Bounds of the delay between two attempts.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(10);
const RETRY_DELAY_MAX: Duration = Duration::from_millis(40);

#[derive(Debug, Clone)]
pub struct ProcessConfig {
    /// The agent's data directory; it contains the run directories in `runs/`.
    pub data_root: PathBuf,
    /// Program of the sidecar; `None` = the agent's program by `/proc/self/exe`, which stays valid
    /// after an upgrade.
    pub sidecar: Option<PathBuf>,
    /// Limit of the kept log of one member in bytes, whatever its spec requests.
    pub log_limit_bytes: u64,
    /// Time after which a sidecar without an agent releases its hold, in seconds.
    pub hold_max_s: u64,
    /// Range of the ports; `None` = the kernel chooses.
    pub port_range: Option<(u16, u16)>,
    /// Containment of descendants; `None` = the best that this machine allows.
    pub containment: Option<Containment>,
    /// Time that a sidecar gets to end a workload after its grace period. Then the agent kills
    /// both.
    pub overdue: Duration,
    /// Free bytes of the disk without which a reservation is refused.
    pub min_free_bytes: u64,
}

impl ProcessConfig {
    /// The defaults for this data directory.
    #[must_use]
    pub fn new(data_root: impl Into<PathBuf>) -> Self {
        Self {
            data_root: data_root.into(),
            sidecar: None,
            log_limit_bytes: 64 << 20,
            hold_max_s: 600,
            port_range: None,
            containment: None,
            overdue: OVERDUE_DEFAULT,
            min_free_bytes: 0,
        }
    }
}

/// Name under which this program was started, without its directory.
fn own_name() -> OsString {
    let started = std::env::args_os().next().map(PathBuf::from);
    let name = started.as_deref().and_then(Path::file_name);
    name.unwrap_or(OsStr::new("flow-federate")).to_owned()
}

/// Containment of workloads on this machine, for the inventory.
#[must_use]
pub fn containment() -> &'static str {
    Containment::detect().as_str()
}

#[derive(Debug)]
pub struct ProcessRuntime {
    config: ProcessConfig,
    runs: PathBuf,
    entries: Mutex<HashMap<WorkKey, Arc<Entry>>>,
    observations: Arc<Observations>,
    /// Limits log lines that a hub can cause.
    refusals: Mutex<LogLimit>,
}

impl ProcessRuntime {
    /// Opens the data directory and follows every run in it. Requires a tokio runtime.
    pub fn new(config: ProcessConfig) -> io::Result<Self> {
        // A sidecar changes to its run directory, where a relative root would be another path.
        let runs = std::path::absolute(&config.data_root)?.join("runs");
        private_dir(&runs)?;
        let observations = Arc::new(Observations::default());
        let runtime = Self {
            config,
            runs,
            entries: Mutex::default(),
            observations,
            refusals: Mutex::default(),
        };
        for (key, dir) in runtime.directories()? {
            if !dir.has(name::FORGOTTEN) {
                runtime.entry(&key).follow();
            }
        }
        Ok(runtime)
    }

    /// Removes the run directory of an ended key, with its log and outputs.
    pub async fn remove(&self, key: &WorkKey) -> Result<(), RuntimeError> {
        let entry = self.entry(key);
        let _turn = entry.turn.lock().await;
        entry.unfollow().await;
        match entry.inspect_ended().await? {
            RunDirState::Alive => {
                entry.follow();
                return Err(still_alive());
            }
            RunDirState::Interrupted(_lock) => entry.sweep().await,
            RunDirState::Missing
            | RunDirState::Fresh(_)
            | RunDirState::Exited(_)
            | RunDirState::Forgotten => {}
        }
        self.drop_entry(key);
        self.observations.forget(key);
        entry.remove_dir().await
    }

    async fn sweep_now(&self, expired: &Expired) -> Result<usize, RuntimeError> {
        let Expired { proof, outputs, logs, scratch } = *expired;
        let directories = self.directories().map_err(|error| transient("list the runs", error))?;
        let mut removed = 0;
        for (key, dir) in directories {
            let Some(since) = dir.forgotten_at() else { continue };
            let is_expired = |cutoff: Option<Timestamp>| cutoff.is_some_and(|at| since <= at);
            let expired = [
                (is_expired(outputs), &rundir::OUTPUTS[..]),
                (is_expired(logs), &[name::LOG]),
                (is_expired(scratch), &rundir::SCRATCH[..]),
            ];
            let cleared = tokio::task::spawn_blocking(move || {
                for (_, names) in expired.into_iter().filter(|(is_expired, _)| *is_expired) {
                    dir.remove_parts(names)?;
                }
                Ok(dir.is_empty())
            });
            let is_empty = cleared.await.unwrap_or_else(|error| Err(io::Error::other(error)));
            let is_empty =
                is_empty.map_err(|error| transient("remove old files of a member", error))?;
            if is_empty && since <= proof {
                self.remove(&key).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Refuses a reservation while the disk has less free space than the party wants.
    fn check_free_space(&self) -> Result<(), RuntimeError> {
        let needed = self.config.min_free_bytes;
        // Without a size the reservation shows whether the disk has space.
        let Some(disk) = Disk::of(&self.runs).ok().filter(|disk| disk.free < needed) else {
            return Ok(());
        };
        let (free, needed) = (disk.free >> 20, needed >> 20);
        if let Some(left_out) = self.refusals.lock().admit(clock::monotonic()) {
            tracing::warn!(
                path = %self.runs.display(), free_mib = free, needed_mib = needed, left_out = flow_common::log_limit::if_any(left_out),
                "refused a reservation, because the disk has too little free space: remove outputs \
                 with `flow-federate outputs remove`, or lower retention.min_free_mib"
            );
        }
        // The path stays in the party's own log.
        let text = format!(
            "the disk of the party's data_dir has {free} MiB free, and a reservation needs {needed} \
             MiB (retention.min_free_mib): ask the party to remove outputs that it does not need, \
             then start a new run"
        );
        Err(RuntimeError::Refused(Reason::new(ReasonCode::AgentDiskFull, text)))
    }

    /// The output directory of a key.
    #[must_use]
    pub fn output_dir(&self, key: &WorkKey) -> PathBuf {
        self.dir(key).join(name::OUTPUT)
    }

    fn dir(&self, key: &WorkKey) -> RunDir {
        RunDir::at(self.runs.join(dir_name(key)))
    }

    fn directories(&self) -> io::Result<Vec<(WorkKey, RunDir)>> {
        rundir::list(&self.runs)
    }

    fn entry(&self, key: &WorkKey) -> Arc<Entry> {
        let new = || Entry::new(key.clone(), self.dir(key), self.observations.clone());
        self.entries.lock().entry(key.clone()).or_insert_with(new).clone()
    }

    fn drop_entry(&self, key: &WorkKey) {
        self.entries.lock().remove(key);
    }

    async fn hold_now(&self, request: HoldRequest) -> Result<Held, RuntimeError> {
        let entry = self.entry(&request.key);
        let _turn = entry.turn.lock().await;
        let mut retries = Retries::new();
        while retries.next().await {
            let response = match entry.inspect()? {
                RunDirState::Missing => {
                    self.check_free_space()?;
                    self.spawn_sidecar(&entry, &request).await
                }
                RunDirState::Fresh(lock) => {
                    // The sidecar needs the lock.
                    drop(lock);
                    self.check_free_space()?;
                    self.spawn_sidecar(&entry, &request).await
                }
                RunDirState::Alive => call(&entry.dir, Request::Status).await,
                RunDirState::Exited(_) | RunDirState::Interrupted(_) => {
                    return Err(started_before());
                }
                RunDirState::Forgotten => return Err(forgotten()),
            };
            match response {
                Ok(Response { error: None, ports, .. }) => {
                    entry.follow_if_idle();
                    return Ok(Held::on_loopback(ports));
                }
                Ok(Response { error: Some(reason), .. }) => {
                    return Err(RuntimeError::Refused(reason));
                }
                Err(error) => retries.record(error),
            }
        }
        Err(transient("hold ports for a member", retries.into_error()))
    }

    /// Spawns a sidecar and waits until it reports its ports.
    async fn spawn_sidecar(
        &self,
        entry: &Arc<Entry>,
        request: &HoldRequest,
    ) -> io::Result<Response> {
        // The follower of an earlier sidecar might report that sidecar's end during the spawn.
        entry.unfollow().await;
        entry.reset_deadlines();
        entry.dir.create()?;
        let mut ports =
            entry.dir.read::<HoldRecord>(name::HOLD).map(|before| before.ports).unwrap_or_default();
        ports.retain(|name, _| request.ports.contains(name));
        let record = HoldRecord {
            hold: request.clone(),
            ports,
            port_range: self.config.port_range,
            hold_max_s: self.config.hold_max_s,
            containment: self.config.containment.unwrap_or_else(Containment::detect),
        };
        entry.dir.write(name::HOLD, &record)?;
        let program =
            self.config.sidecar.clone().unwrap_or_else(|| PathBuf::from("/proc/self/exe"));
        let mut child = Command::new(program)
            // `ps` shows this name in place of /proc/self/exe.
            .arg0(own_name())
            .arg("sidecar")
            .arg("--run-dir")
            .arg(entry.dir.path())
            // The agent's environment may contain secrets, and a workload of the same user can read
            // the environment of the sidecar.
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        // Reaps the sidecar when it exits. The sidecar outlives this agent.
        tokio::spawn(async move { child.wait().await });
        let mut line = Vec::new();
        let mut reader = BufReader::new(pipe).take(LINE_BYTES_MAX as u64);
        let read = reader.read_until(b'\n', &mut line);
        flow_common::clock::timeout(SIDECAR_SPAWN_TIMEOUT, read).await??;
        // Also if the sidecar of another agent took the lock first: the retry contacts that one.
        if line.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the sidecar exited before it was ready",
            ));
        }
        Ok(serde_json::from_slice(&line)?)
    }

    async fn ensure_now(&self, mut request: StartRequest) -> Result<(), RuntimeError> {
        if !matches!(request.image, None | Some(ImageSource::Root(_)))
            || !matches!(request.data, None | Some(DataSource::Directory(_)))
        {
            return Err(rejected(
                "this agent runs plain processes, so its images and datasets must be directories; \
                 ask the party to correct its image map or dataset entry",
            ));
        }
        request.log_limit_bytes = request.log_limit_bytes.min(self.config.log_limit_bytes);
        let limit = Duration::from_secs(request.max_runtime_s.saturating_add(request.stop_grace_s))
            .saturating_add(self.config.overdue);
        let entry = self.entry(&request.key);
        let _turn = entry.turn.lock().await;
        let mut retries = Retries::new();
        while retries.next().await {
            match entry.inspect()? {
                RunDirState::Alive => {
                    // An earlier agent may have started the workload, and the sidecar may be frozen.
                    let started = entry.dir.has(name::STARTED);
                    if started {
                        entry.limit_runtime(limit, false).await;
                    } else if let Some(origin) = &request.origin {
                        // Before the start, so that every output has one. If a power loss destroys
                        // it, the outputs stay at the party.
                        let written = entry.dir.write(name::ORIGIN, origin);
                        written.map_err(|error| transient("record the names of a spec", error))?;
                    }
                    match call(&entry.dir, Request::Start(Box::new(request.clone()))).await {
                        Ok(Response { error: Some(reason), .. }) => {
                            return Err(RuntimeError::Refused(reason));
                        }
                        Ok(Response {
                            state: Some(WorkState::Absent | WorkState::Held { .. }),
                            ..
                        }) => retries.record(io::ErrorKind::ConnectionReset.into()),
                        Ok(_) => {
                            if !started {
                                entry.limit_runtime(limit, true).await;
                            }
                            entry.follow_if_idle();
                            return Ok(());
                        }
                        Err(error) => retries.record(error),
                    }
                }
                // The sidecar died before the start, so nothing ran. The new sidecar binds the same
                // ports or fails.
                RunDirState::Fresh(lock) => {
                    drop(lock);
                    let Ok(before) = entry.dir.read::<HoldRecord>(name::HOLD) else {
                        return Err(hold_expired());
                    };
                    match self.spawn_sidecar(&entry, &before.hold).await {
                        Ok(Response { error: Some(reason), .. }) => {
                            return Err(RuntimeError::Refused(reason));
                        }
                        Ok(_) => entry.follow_if_idle(),
                        Err(error) => retries.record(error),
                    }
                }
                // The workload was started. The follower reports its state.
                RunDirState::Exited(_) | RunDirState::Interrupted(_) => {
                    entry.follow_if_idle();
                    return Ok(());
                }
                RunDirState::Missing => return Err(hold_expired()),
                RunDirState::Forgotten => return Err(forgotten()),
            }
        }
        Err(transient("start a member", retries.into_error()))
    }

    async fn stop_now(&self, key: WorkKey, grace_s: u64) -> Result<(), RuntimeError> {
        let entry = self.entry(&key);
        let _turn = entry.turn.lock().await;
        let mut retries = Retries::new();
        while retries.next().await {
            match entry.inspect()? {
                RunDirState::Alive => {
                    entry.release_when_fresh();
                    // Set the deadline before the call: the sidecar may not respond.
                    entry.stop_within(
                        Duration::from_secs(grace_s).saturating_add(self.config.overdue),
                    );
                    match call(&entry.dir, Request::Stop { grace_s }).await {
                        Ok(_) => {
                            entry.follow_if_idle();
                            return Ok(());
                        }
                        // The agent is killing both: the follower reports the end.
                        Err(_) if entry.is_killed() => return Ok(()),
                        Err(error) => retries.record(error),
                    }
                }
                // A workload can remove its directory.
                RunDirState::Missing => {
                    entry.sweep().await;
                    entry.unfollow().await;
                    entry.follow();
                    return Ok(());
                }
                // Nothing runs: report it again and remove an empty directory.
                RunDirState::Fresh(_)
                | RunDirState::Forgotten
                | RunDirState::Exited(_)
                | RunDirState::Interrupted(_) => {
                    entry.release_when_fresh();
                    entry.unfollow().await;
                    entry.follow();
                    return Ok(());
                }
            }
        }
        Err(transient("stop a member", retries.into_error()))
    }

    async fn forget_now(&self, key: WorkKey) -> Result<(), RuntimeError> {
        let entry = self.entry(&key);
        let _turn = entry.turn.lock().await;
        entry.unfollow().await;
        match entry.inspect_ended().await? {
            RunDirState::Alive => {
                entry.follow();
                return Err(still_alive());
            }
            RunDirState::Interrupted(_lock) => entry.sweep().await,
            // Nothing ran without a directory. A marker in a new directory would only let a hub fill
            // the disk.
            RunDirState::Missing => {
                self.drop_entry(&key);
                self.observations.forget(&key);
                return Ok(());
            }
            RunDirState::Fresh(_) | RunDirState::Exited(_) | RunDirState::Forgotten => {}
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
    /// A follower owns its entry, so it would never end. The sidecars stay.
    fn drop(&mut self) {
        self.entries.get_mut().values().for_each(|entry| entry.abandon());
    }
}

#[async_trait]
impl Runtime for ProcessRuntime {
    async fn hold(&self, request: HoldRequest) -> Result<Held, RuntimeError> {
        let span = request_span("hold", &request.key);
        self.hold_now(request).instrument(span).await
    }

    async fn ensure(&self, request: StartRequest) -> Result<(), RuntimeError> {
        let span = request_span("ensure", &request.key);
        self.ensure_now(request).instrument(span).await
    }

    async fn stop(&self, key: WorkKey, grace_s: u64) -> Result<(), RuntimeError> {
        let span = request_span("stop", &key);
        self.stop_now(key, grace_s).instrument(span).await
    }

    async fn known(&self) -> Result<Vec<WorkKey>, RuntimeError> {
        let found = self.directories().map_err(|error| transient("list the runs", error))?;
        let kept = found.into_iter().filter(|(_, dir)| !dir.has(name::FORGOTTEN));
        Ok(kept.map(|(key, _)| key).collect())
    }

    fn describe(&self) -> BTreeMap<String, String> {
        let containment = self.config.containment.unwrap_or_else(Containment::detect).as_str();
        [("kind", "process"), ("containment", containment)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    fn watch(&self) -> mpsc::Receiver<Observation> {
        self.observations.watch()
    }

    async fn logs(
        &self,
        key: WorkKey,
        request: LogRequest,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>, RuntimeError> {
        let dir = self.dir(&key);
        let state = self.entries.lock().get(&key).map(|entry| entry.state());
        if !dir.path().is_dir() {
            return Err(rejected("this agent no longer keeps a log of this member"));
        }
        logs::open(dir.join(name::LOG), request, state)
            .instrument(request_span("logs", &key))
            .await
            .map_err(|error| transient("read a member's log", error))
    }

    async fn outputs(&self, key: WorkKey) -> Result<OutputDir, RuntimeError> {
        let dir = self.dir(&key);
        if !dir.has(name::OUTPUT) {
            return Err(rejected("this agent keeps no outputs of this member"));
        }
        Ok(OutputDir::of(dir))
    }

    async fn forget(&self, key: WorkKey) -> Result<(), RuntimeError> {
        let span = request_span("forget", &key);
        self.forget_now(key).instrument(span).await
    }

    async fn sweep(&self, expired: &Expired) -> Result<usize, RuntimeError> {
        self.sweep_now(expired).await
    }
}

async fn call(dir: &RunDir, request: Request) -> io::Result<Response> {
    Client::connect(dir).await?.call(request).await
}

/// The attempts of one request whose sidecar died during a call.
struct Retries {
    attempts: u32,
    backoff: Backoff,
    last: Option<io::Error>,
}

impl Retries {
    const fn new() -> Self {
        Self { attempts: 0, backoff: Backoff::new(RETRY_DELAY_MIN, RETRY_DELAY_MAX), last: None }
    }

    /// Waits before a retry. Returns `false` when no attempt is left.
    async fn next(&mut self) -> bool {
        if self.attempts == ATTEMPTS_MAX {
            return false;
        }
        if self.attempts > 0 {
            self.backoff.sleep().await;
        }
        self.attempts += 1;
        true
    }

    fn record(&mut self, error: io::Error) {
        self.last = Some(error);
    }

    fn into_error(self) -> io::Error {
        self.last.unwrap_or_else(|| io::ErrorKind::TimedOut.into())
    }
}

/// An error of the machine. A full disk is permanent; the caller retries after any other error.
fn transient(action: &str, source: io::Error) -> RuntimeError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            RuntimeError::Refused(io_reason(action, &source))
        }
        _ => RuntimeError::of_machine(action, source),
    }
}
