//! Helpers of the process runtime's tests: a data directory per test, real sidecars, and checks
//! that no process is left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use flow_domain::member::{Exit, ReasonCode, Role};
use flow_domain::template::Resources;
use flow_federate::runtime::process::{ProcessConfig, ProcessRuntime};
use flow_federate::runtime::{
    HoldRequest, Observation, ProgressSource, Runtime, StartRequest, WorkKey, WorkState,
};
use flow_federate::sidecar::container::stat;
use flow_federate::sidecar::rundir::{RunDir, dir_name};
use flow_testkit::{alive_with_marker, wait_for};
use futures::future::BoxFuture;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::mpsc;

/// Far longer than anything here takes on a busy machine.
pub const LONG: Duration = Duration::from_secs(60);

/// The program that ships, as a sidecar.
pub const SIDECAR: &str = env!("CARGO_BIN_EXE_flow-federate");

/// One agent's data directory, and the key under test.
pub struct Place {
    pub root: tempfile::TempDir,
    pub config: ProcessConfig,
    pub key: WorkKey,
}

impl Place {
    pub fn new() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let config =
            ProcessConfig { sidecar: Some(SIDECAR.into()), ..ProcessConfig::new(root.path()) };
        Self { config, root, key: WorkKey { run: flow_common::ids::run_id(), attempt: 1 } }
    }

    /// An agent on this directory, and what it observes.
    pub fn agent(&self) -> Agent {
        let runtime = ProcessRuntime::new(self.config.clone()).expect("a runtime");
        let observed = runtime.watch();
        Agent { runtime, observed, key: self.key.clone() }
    }

    pub fn hold(&self, ports: &[&str]) -> HoldRequest {
        let ports = ports.iter().map(|name| (*name).to_owned()).collect();
        HoldRequest {
            key: self.key.clone(),
            task: "1".repeat(32).parse().expect("an id"),
            party: "party-a".parse().expect("a name"),
            ports,
        }
    }

    /// A shell script as the workload.
    pub fn launch(&self, script: &str) -> StartRequest {
        StartRequest {
            key: self.key.clone(),
            task: "1".repeat(32).parse().expect("an id"),
            party: "party-a".parse().expect("a name"),
            role: Role::Trainer,
            digest: None,
            argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            dials: vec![],
            env: BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())]),
            image: None,
            workdir: String::new(),
            data: None,
            resources: Resources::default(),
            max_runtime_s: 600,
            stop_grace_s: 5,
            log_limit_bytes: 1 << 20,
            progress: ProgressSource::MetricsFile,
            origin: None,
        }
    }

    pub fn dir(&self) -> RunDir {
        RunDir::at(self.root.path().join("runs").join(dir_name(&self.key)))
    }

    /// A file of the run directory, as text.
    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir().join(name)).unwrap_or_default()
    }

    /// The sidecar's process: the oldest that has our directory in its command line.
    pub fn sidecar(&self) -> Option<Pid> {
        self.sidecars()
            .into_iter()
            .min_by_key(|pid| stat(pid.as_raw()).map_or(u64::MAX, |stat| stat.start))
    }

    fn sidecars(&self) -> Vec<Pid> {
        let wanted = self.root.path().as_os_str().as_encoded_bytes();
        let is_ours = |pid: &i32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.windows(wanted.len()).any(|part| part == wanted)
                && line.split(|byte| *byte == 0).any(|word| word == b"sidecar")
        };
        flow_federate::sidecar::container::all_pids().filter(is_ours).map(Pid::from_raw).collect()
    }

    /// Workload processes that are alive.
    pub fn alive(&self) -> Vec<u32> {
        alive_with_marker(&format!("FED_MEMBER={}", dir_name(&self.key)))
    }

    /// A sidecar that vanishes at this point of its life. Written by another process: a file that this one has just had
    /// open for writing may be "busy" while other tests fork.
    pub fn crashing_at(&self, point: &str) -> PathBuf {
        let path = self.root.path().join(format!("crash-at-{point}"));
        let script = format!("#!/bin/sh\nFLOW_SIDECAR_CRASH_AT={point} exec {SIDECAR} \"$@\"\n");
        shell(
            "printf %s \"$2\" > \"$1\" && chmod 755 \"$1\"",
            &[path.to_str().expect("text"), &script],
        );
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let left: Vec<Pid> = self.sidecars();
        for pid in &left {
            let _ = kill(*pid, Signal::SIGKILL);
        }
        for pid in self.alive() {
            let _ = kill(Pid::from_raw(i32::try_from(pid).expect("a pid")), Signal::SIGKILL);
        }
    }
}

/// Run a script now, and insist that it works.
pub fn shell(script: &str, args: &[&str]) {
    let status = Command::new("/bin/sh")
        .arg("-c")
        .arg(script)
        .arg("sh")
        .args(args)
        .stdin(Stdio::null())
        .status();
    assert!(status.expect("a shell").success(), "{script}");
}

/// A runtime and its observations.
pub struct Agent {
    pub runtime: ProcessRuntime,
    pub observed: mpsc::Receiver<Observation>,
    key: WorkKey,
}

impl Agent {
    pub async fn start(&self, place: &Place, launch: StartRequest) -> BTreeMap<String, u16> {
        let ports = self.runtime.hold(place.hold(&[])).await.expect("held").ports;
        self.runtime.ensure(launch).await.expect("started");
        ports
    }

    /// The next observation of the key.
    pub async fn next(&mut self) -> Observation {
        loop {
            let seen = flow_common::clock::timeout(LONG, self.observed.recv())
                .await
                .expect("an observation in time")
                .expect("open");
            if seen.key == self.key {
                return seen;
            }
        }
    }

    /// Observe until the state is one of these.
    pub async fn until(&mut self, wanted: impl Fn(&WorkState) -> bool) -> WorkState {
        loop {
            let seen = self.next().await.state;
            if wanted(&seen) {
                return seen;
            }
            assert!(
                !matches!(seen, WorkState::Exited(_) | WorkState::Lost(_)),
                "ended otherwise: {seen:?}"
            );
        }
    }

    pub async fn exit(&mut self) -> Exit {
        match self.until(|state| matches!(state, WorkState::Exited(_))).await {
            WorkState::Exited(exit) => exit,
            other => panic!("{other:?}"),
        }
    }

    /// Asks for something that may wait for the end, and observes that end meanwhile.
    pub async fn end_during<T>(
        &mut self,
        ask: impl for<'a> FnOnce(&'a ProcessRuntime) -> BoxFuture<'a, T>,
    ) -> (T, WorkState) {
        let Self { runtime, observed, key } = self;
        let end = async {
            loop {
                let seen = flow_common::clock::timeout(LONG, observed.recv())
                    .await
                    .expect("an observation in time")
                    .expect("open");
                if seen.key == *key
                    && matches!(
                        seen.state,
                        WorkState::Exited(_) | WorkState::Lost(_) | WorkState::Absent
                    )
                {
                    return seen.state;
                }
            }
        };
        futures::join!(ask(runtime), end)
    }

    /// The final state.
    pub async fn end(&mut self) -> WorkState {
        self.until_end().await
    }

    async fn until_end(&mut self) -> WorkState {
        loop {
            let seen = self.next().await.state;
            if matches!(seen, WorkState::Exited(_) | WorkState::Lost(_) | WorkState::Absent) {
                return seen;
            }
        }
    }
}

/// The code of an exit's reason.
pub fn code(exit: &Exit) -> Option<ReasonCode> {
    exit.reason.as_ref().map(|reason| reason.code)
}

/// Wait until a file has this many lines.
pub async fn lines(path: &Path, count: usize) -> Vec<String> {
    wait_for(&format!("{count} lines in a file"), LONG, async || {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (text.ends_with('\n') && lines.len() >= count).then_some(lines)
    })
    .await
}
