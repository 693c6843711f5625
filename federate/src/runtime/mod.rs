//! The interface between the agent and the machines on which it runs workloads.
//!
//! The agent requests a state (`hold`, `ensure`, `stop`, `forget`), and the runtime reports the
//! actual state (`watch`). Every request is idempotent and level-triggered: an agent that restarted
//! may repeat it. Every runtime guarantees:
//!
//! * It starts one `WorkKey` at most once, whichever process crashes between any two writes. If the
//! history of a key is uncertain, the runtime reports `Lost` and never starts it again.
//! * It reports `Exited`, `Lost` and `Absent` only when it finds no live process (or Pod) of the
//!   key.
//! It cannot find a process that left its process group and cleared its environment.
//! * After a restart of the agent, `watch` first reports the state of every key that the runtime
//! knows.

mod backoff;
pub mod fake;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
mod logs;
mod observe;
pub mod process;
mod rejection;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use flow_domain::id::{Digest, PartyId, RunId, TaskId};
use flow_domain::member::{Exit, Reason, ReasonCode, Role};
use flow_domain::progress::Progress;
use flow_domain::template::Resources;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// The unit that is started at most once: one reservation round of one run. The party is the
/// agent's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkKey {
    pub run: RunId,
    /// Number of the reservation round.
    pub attempt: u32,
}

/// A request to reserve what a member needs before its start: ports and, in a cluster, quota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRequest {
    pub key: WorkKey,
    /// For labels.
    pub task: TaskId,
    /// For labels.
    pub party: PartyId,
    /// Names of the requested ports, such as `grpc` and `http`.
    pub ports: Vec<String>,
}

/// The ports that a hold reserves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Held {
    /// Numbers the workload listens on, by port name.
    pub ports: BTreeMap<String, u16>,
    /// `host:port` by port name: the address that the other members dial.
    #[serde(default)]
    pub endpoints: BTreeMap<String, String>,
}

impl Held {
    /// Ports of this machine for members on this machine.
    #[must_use]
    pub fn on_loopback(ports: BTreeMap<String, u16>) -> Self {
        let endpoints =
            ports.iter().map(|(name, port)| (name.clone(), format!("127.0.0.1:{port}"))).collect();
        Self { ports, endpoints }
    }
}

/// The party's entry for an image name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ImageSource {
    /// A directory with the image's programs: relative `workdir`s and programs are resolved against
    /// it.
    Root(PathBuf),
    Container(Container),
}

/// A container image and the party's settings for its Pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    pub image: String,
    /// Directory in the image against which relative `workdir`s and programs are resolved.
    pub root: PathBuf,
    /// Fields of a Pod's spec as the party wrote them, such as node selector and tolerations.
    pub pod: serde_json::Map<String, serde_json::Value>,
    /// Extended resources for the workload, such as `nvidia.com/gpu`.
    pub limits: BTreeMap<String, String>,
}

/// The party's entry for a dataset name. The workload always gets read-only access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DataSource {
    /// A directory on the agent's machine.
    Directory(PathBuf),
    /// A PersistentVolumeClaim in the agent's namespace.
    Claim {
        claim: String,
        /// Directory in the volume; empty = the whole volume.
        sub_path: String,
    },
    /// A directory of the node on which the Pod is scheduled.
    HostPath { host_path: PathBuf },
    /// An image whose program writes the data to `FED_DATA_DIR` before the workload starts.
    Image { image: String, args: Vec<String> },
}

/// The source of a workload's progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProgressSource {
    /// The file `metrics.jsonl` in the output directory: one JSON object per line.
    // An earlier release wrote `None` for the same source: it followed the file in any case.
    #[serde(alias = "None")]
    MetricsFile,
    /// The file, and iflearner's status page on the held port of this name, polled every second.
    IflearnerStatus {
        /// Name of the port, see [`HoldRequest::ports`].
        port: String,
        /// Parties that the page must show before the agent accepts its values (hazard L12).
        parties: Vec<PartyId>,
        /// Epoch that every party must complete, see
        /// `flow_domain::framework::iflearner::final_epoch`.
        final_epoch: u32,
        /// Value of `total_epoch` that the page must show.
        total_epoch: u32,
        /// Number of parties that the page must show: those of the frozen set (k of n).
        trainers: u32,
    },
}

/// A request to start a held member, with all bindings filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartRequest {
    pub key: WorkKey,
    pub task: TaskId,
    pub party: PartyId,
    pub role: Role,
    /// Digest of the spec; `None` if the request was not made from a spec.
    #[serde(default)]
    pub digest: Option<Digest>,
    /// Program and arguments. A relative program is resolved against the image's root.
    pub argv: Vec<String>,
    /// Addresses of other members that the workload dials, as `host:port`.
    #[serde(default)]
    pub dials: Vec<String>,
    /// The whole environment: the workload inherits nothing from the agent.
    pub env: BTreeMap<String, String>,
    /// The party's entry for the image; `None` if the spec names no image.
    #[serde(rename = "image_root")]
    pub image: Option<ImageSource>,
    /// Working directory below the image's root; empty = the member's scratch directory.
    pub workdir: String,
    #[serde(rename = "data_dir")]
    pub data: Option<DataSource>,
    /// Limits of CPU and memory; 0 = no limit.
    #[serde(default)]
    pub resources: Resources,
    /// Limit of the workload's running time, in seconds of monotonic time.
    pub max_runtime_s: u64,
    /// Time between SIGTERM and SIGKILL, in seconds.
    pub stop_grace_s: u64,
    /// Limit of the kept log in bytes, over all segments.
    pub log_limit_bytes: u64,
    pub progress: ProgressSource,
}

impl StartRequest {
    /// The image's root; `None` unless the image is a directory on this machine.
    #[must_use]
    pub fn root(&self) -> Option<&Path> {
        match &self.image {
            Some(ImageSource::Root(root)) => Some(root),
            Some(ImageSource::Container(_)) | None => None,
        }
    }

    /// The dataset's directory; `None` unless the dataset is a directory on this machine.
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

/// The current state of one key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WorkState {
    /// The runtime holds nothing, runs nothing, and starts nothing for this key without a new
    /// request.
    Absent,
    /// Ports are held; the workload is not started.
    Held(Held),
    /// The runtime is starting the workload.
    Starting {
        /// The reason of a delay.
        reason: Option<Reason>,
    },
    Running,
    /// The workload was running, and the runtime cannot observe it now, for this reason. Nothing
    /// shows that the workload ended.
    // A separate variant: earlier releases persist and send `Running` without a reason.
    Unseen(Reason),
    /// The workload ended and no process of it is alive.
    Exited(Exit),
    /// The runtime cannot determine how the workload ended or whether it ran. No process of it is
    /// alive.
    Lost(Reason),
}

/// One observation. A later observation of a key replaces an earlier one; `Absent` closes the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    pub key: WorkKey,
    pub state: WorkState,
    /// The latest progress; `None` if it did not change since the previous observation.
    pub progress: Option<Progress>,
}

/// The requested part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRequest {
    /// Start this many lines before the end; `None` = at the start of the kept log.
    pub tail_lines: Option<u64>,
    /// Keep the stream open until the workload ends.
    pub follow: bool,
}

/// The failure of a request to a runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Permanent: a retry cannot succeed. The member fails with this reason.
    #[error("{0}")]
    Refused(Reason),
    /// Transient: the caller retries with backoff.
    #[error("{context}")]
    Transient {
        /// The failed step, for the agent's log.
        context: String,
        #[source]
        source: std::io::Error,
        /// The failure as the hub may see it: without names of the party's files and hosts.
        reason: Reason,
    },
}

impl RuntimeError {
    /// The failure as the hub may see it.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        match self {
            Self::Refused(reason) | Self::Transient { reason, .. } => reason,
        }
    }

    /// A transient error of the agent's machine during `action`.
    pub(crate) fn of_machine(action: &str, source: std::io::Error) -> Self {
        let text = format!(
            "the party's agent could not {action} and retries; if this persists, ask the party \
             for the cause in the agent's log"
        );
        Self::Transient {
            context: format!("could not {action}"),
            source,
            reason: Reason::new(ReasonCode::RuntimeError, text),
        }
    }
}

/// Starts and stops workloads and reports their states.
#[async_trait]
pub trait Runtime: Send + Sync + 'static {
    /// Reserves the requested ports. A repeated request returns the same result.
    async fn hold(&self, request: HoldRequest) -> Result<Held, RuntimeError>;

    /// Starts the workload unless it was started before. Returns when the start is durable, before
    /// the workload ends.
    async fn ensure(&self, request: StartRequest) -> Result<(), RuntimeError>;

    /// Releases the hold, or ends the workload: SIGTERM, `grace_s` seconds, SIGKILL. Returns when
    /// the request is accepted; `watch` reports the end. For an unknown key `watch` reports
    /// `Absent`.
    async fn stop(&self, key: WorkKey, grace_s: u64) -> Result<(), RuntimeError>;

    /// Lists every key of which this machine has any trace, alive or not. The agent calls it once
    /// at its start and stops the keys that its journal does not contain before it connects to the
    /// hub, because the journal may be lost.
    async fn known(&self) -> Result<Vec<WorkKey>, RuntimeError>;

    /// Public properties of this runtime by name, such as its kind and its containment. They are
    /// part of the inventory and contain no path.
    fn describe(&self) -> BTreeMap<String, String>;

    /// Observations from now on, starting with the state of every known key. A new receiver
    /// replaces the previous one.
    fn watch(&self) -> mpsc::Receiver<Observation>;

    /// The log, oldest first, in chunks of at most 64 KiB.
    async fn logs(
        &self,
        key: WorkKey,
        request: LogRequest,
    ) -> Result<BoxStream<'static, std::io::Result<Bytes>>, RuntimeError>;

    /// Removes what only proved the key's state, because the hub has stored that state. Logs and
    /// outputs stay until the agent's retention removes them.
    async fn forget(&self, key: WorkKey) -> Result<(), RuntimeError>;
}

/// The span of one request to a runtime.
fn request_span(request: &'static str, key: &WorkKey) -> tracing::Span {
    tracing::info_span!("runtime", request, run.id = %key.run, attempt = key.attempt)
}
