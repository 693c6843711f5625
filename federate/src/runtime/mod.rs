//! The seam between an agent and the machines it starts work on.
//!
//! A runtime is told what shall be (`hold`, `ensure`, `stop`, `forget`) and says what is (`watch`); every verb is
//! idempotent and level-triggered, so that a caller that died may simply say it again. What a runtime must keep true:
//!
//! * one `WorkKey` is started at most once, whatever crashes between any two writes; doubt resolves to `Lost`,
//!   never to a second start;
//! * `Exited`, `Lost` and `Absent` are said only when no process (or pod) of that key is alive any more that can be found:
//!   a process that left its group and cleared its environment cannot be;
//! * after a restart of the agent, `watch` first tells the state of every key the runtime still knows.

pub mod fake;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
mod logs;
mod observe;
pub mod process;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use flow_domain::id::{Digest, PartyId, RunId, TaskId};
use flow_domain::member::{Exit, Reason, ReasonCode, Role};
use flow_domain::progress::Progress;
use flow_domain::template::Resources;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// What is started at most once: one reservation round of one run. (The party is the agent's own.)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkKey {
    /// The run.
    pub run: RunId,
    /// The reservation round that led to this work.
    pub attempt: u32,
}

/// What has to be set aside before a start: ports (and, where a runtime has them, quota).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRequest {
    /// Whose hold.
    pub key: WorkKey,
    /// The task the run belongs to: for labels and for sweeping.
    pub task: TaskId,
    /// The party: for labels and for sweeping.
    pub party: PartyId,
    /// Names of the ports wanted, e.g. `grpc`, `http`.
    pub ports: Vec<String>,
}

/// What a hold has set aside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Held {
    /// Numbers the workload listens on, by port name.
    pub ports: BTreeMap<String, u16>,
    /// `host:port` by port name, as the other members shall dial it.
    #[serde(default)]
    pub endpoints: BTreeMap<String, String>,
}

impl Held {
    /// Ports of this machine, dialled on this machine.
    #[must_use]
    pub fn on_loopback(ports: BTreeMap<String, u16>) -> Self {
        let endpoints =
            ports.iter().map(|(name, port)| (name.clone(), format!("127.0.0.1:{port}"))).collect();
        Self { ports, endpoints }
    }
}

/// What an image name means at a party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ImageSource {
    /// A directory with the image's programs: relative `workdir`s and programs start here.
    Root(PathBuf),
    /// A container image.
    Container(Container),
}

/// A container image, and what its pods need at this party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Reference of the image.
    pub image: String,
    /// Directory inside it where relative `workdir`s and programs start.
    pub root: PathBuf,
    /// Fields of a pod's spec, as the party wrote them: node selector, tolerations, pull secrets and the like.
    pub pod: serde_json::Map<String, serde_json::Value>,
    /// Extended resources for the workload, such as `nvidia.com/gpu`.
    pub limits: BTreeMap<String, String>,
}

/// What a dataset name means at a party. Always read-only for the workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DataSource {
    /// A directory of the agent's machine.
    Directory(PathBuf),
    /// A volume claim in the agent's namespace.
    Claim {
        /// Its name.
        claim: String,
        /// Directory inside it; empty = all of it.
        sub_path: String,
    },
    /// A directory of whatever node the pod lands on.
    HostPath {
        /// Its path.
        host_path: PathBuf,
    },
    /// An image whose program puts the data into `FED_DATA_DIR` before the workload starts.
    Image {
        /// Reference of the image.
        image: String,
        /// Arguments for its program.
        args: Vec<String>,
    },
}

/// How progress of a workload is learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProgressSource {
    /// Follow `metrics.jsonl` in the output directory: one JSON object a line.
    // An agent of before wrote `None` and meant the same: the file is followed whatever else there is.
    #[serde(alias = "None")]
    MetricsFile,
    /// Besides, poll iflearner's status page each second, on the held port of this name.
    IflearnerStatus {
        /// Name of the port (see [`HoldRequest::ports`]).
        port: String,
        /// Parties and epoch count that the page must show before it is believed (hazard L12).
        parties: Vec<PartyId>,
        /// Epoch every party must have completed, see `flow_domain::framework::iflearner::final_epoch`.
        final_epoch: u32,
        /// Value `total_epoch` must show.
        total_epoch: u32,
        /// How many of the parties the page must show: those of the frozen set (k of n).
        trainers: u32,
    },
}

/// Everything a start needs, with all bindings filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartRequest {
    /// What is started.
    pub key: WorkKey,
    /// The task.
    pub task: TaskId,
    /// The party.
    pub party: PartyId,
    /// What the party does in the task.
    pub role: Role,
    /// Digest of the spec, if one led to this.
    #[serde(default)]
    pub digest: Option<Digest>,
    /// Program and arguments. A relative program is looked up by the image's root.
    pub argv: Vec<String>,
    /// Other members that it is told to dial, as `host:port`.
    #[serde(default)]
    pub dials: Vec<String>,
    /// The whole environment: nothing is inherited from the agent.
    pub env: BTreeMap<String, String>,
    /// What the image reference was resolved to at this party, if it was.
    #[serde(rename = "image_root")]
    pub image: Option<ImageSource>,
    /// Working directory below the image's root; empty = the member's own.
    pub workdir: String,
    /// The dataset.
    #[serde(rename = "data_dir")]
    pub data: Option<DataSource>,
    /// Share of a machine it may use; 0 = no limit.
    #[serde(default)]
    pub resources: Resources,
    /// Longest time the workload may run, in seconds, on a clock that does not jump.
    pub max_runtime_s: u64,
    /// Time between SIGTERM and SIGKILL, in seconds.
    pub stop_grace_s: u64,
    /// Largest log kept, in bytes, over all rotated files.
    pub log_limit_bytes: u64,
    /// Where progress comes from.
    pub progress: ProgressSource,
}

impl StartRequest {
    /// The image's root, if the image is a directory of this machine.
    #[must_use]
    pub fn root(&self) -> Option<&Path> {
        match &self.image {
            Some(ImageSource::Root(root)) => Some(root),
            Some(ImageSource::Container(_)) | None => None,
        }
    }

    /// The dataset's directory, if it is one of this machine.
    #[must_use]
    pub fn data_dir(&self) -> Option<&Path> {
        match &self.data {
            Some(DataSource::Directory(path)) => Some(path),
            Some(
                DataSource::Claim { .. } | DataSource::HostPath { .. } | DataSource::Image { .. },
            )
            | None => None,
        }
    }
}

/// What is true of one key now.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WorkState {
    /// Nothing is held, nothing runs and nothing ever will for this key unless told again.
    Absent,
    /// Ports are held; nothing has been started.
    Held(Held),
    /// The start is under way.
    Starting {
        /// What it waits for, if it waits.
        reason: Option<Reason>,
    },
    /// The workload is alive.
    Running,
    /// The workload was seen alive, and the way to look at it is cut, for this reason. Nothing says that it has ended.
    // A variant of its own: `Running` as it is written is in the journals and on the sockets of earlier releases.
    Unseen(Reason),
    /// The workload has ended and nothing of it is alive.
    Exited(Exit),
    /// It cannot be known how the workload ended (or whether it ran); nothing of it is alive.
    Lost(Reason),
}

/// One observation. Latest wins; `Absent` closes a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Of what.
    pub key: WorkKey,
    /// What is true now.
    pub state: WorkState,
    /// Latest progress, if it changed since the last observation.
    pub progress: Option<Progress>,
}

/// Which part of a log is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRequest {
    /// Start this many lines before the end; `None` = from the beginning of what is kept.
    pub tail_lines: Option<u64>,
    /// Keep the stream open until the workload has ended.
    pub follow: bool,
}

/// Why a runtime could not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// It will not work however often it is tried: the member fails with this reason.
    #[error("{0}")]
    Refused(Reason),
    /// It may work later: try again with back-off.
    #[error("{context}")]
    Transient {
        /// What was being done.
        context: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
        /// The same for the hub: names nothing of the party's own.
        reason: Reason,
    },
}

impl RuntimeError {
    /// Why, as the hub may know it.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        match self {
            Self::Refused(reason) | Self::Transient { reason, .. } => reason,
        }
    }

    /// An error of the party's own machine, met while doing `deed`, that may pass.
    pub(crate) fn of_machine(deed: &str, source: std::io::Error) -> Self {
        let text = format!("the party's agent could not {deed} and tries again: its log says why");
        Self::Transient {
            context: format!("could not {deed}"),
            source,
            reason: Reason::new(ReasonCode::RuntimeError, text),
        }
    }
}

/// What starts work, stops it and tells how it stands.
pub trait Runtime: Send + Sync + 'static {
    /// Set aside what `hold` asks for and say what that is. Told twice, answers the same.
    fn hold(&self, hold: HoldRequest) -> BoxFuture<'_, Result<Held, RuntimeError>>;

    /// See to it that the work has been started, once. Returns when the start is durable, not when it has ended.
    fn ensure(&self, launch: StartRequest) -> BoxFuture<'_, Result<(), RuntimeError>>;

    /// Release the hold, or end the work: SIGTERM, `grace_s` seconds, SIGKILL. Returns when the wish is placed;
    /// that it came true is told by `watch`. Told about an unknown key, `watch` answers `Absent`.
    fn stop(&self, key: WorkKey, grace_s: u64) -> BoxFuture<'_, Result<(), RuntimeError>>;

    /// Every key of which something is left at this machine, alive or not. Asked once at the agent's start: what its
    /// journal does not know is stopped before the hub hears of the agent (the journal may have been lost).
    fn known(&self) -> BoxFuture<'_, Result<Vec<WorkKey>, RuntimeError>>;

    /// What others may know of this runtime, by name: its kind, and how it contains a workload's descendants. Goes
    /// into the inventory; holds no path.
    fn describe(&self) -> BTreeMap<String, String>;

    /// Observations from now on, beginning with the state of every key known. One receiver at a time.
    fn watch(&self) -> mpsc::Receiver<Observation>;

    /// The log, oldest first, in chunks of at most 64 KiB.
    fn logs(
        &self,
        key: WorkKey,
        request: LogRequest,
    ) -> BoxFuture<'_, Result<BoxStream<'static, std::io::Result<Bytes>>, RuntimeError>>;

    /// The key's state is settled and stored elsewhere: drop what only served to prove it. Logs and outputs stay
    /// until the agent's retention removes them.
    fn forget(&self, key: WorkKey) -> BoxFuture<'_, Result<(), RuntimeError>>;
}
