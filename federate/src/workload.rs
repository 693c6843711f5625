//! Workloads as agent, runtime and sidecar describe them: key, hold, start and state. Agent and
//! sidecar store these types and send them to each other across releases: a renamed field or variant
//! keeps its old name in serde.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flow_domain::id::{DatasetName, Digest, PartyId, RunId, TaskId};
use flow_domain::member::{Exit, Reason, Role};
use flow_domain::template::Resources;
use serde::{Deserialize, Serialize};

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
    /// `None` if the request was not made from a spec.
    #[serde(default)]
    pub origin: Option<Origin>,
}

/// The names in a member's spec that the party's policy for outputs refers to. Both are names of
/// the party's own configuration, and the digest of the spec covers them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub image: String,
    pub dataset: Option<DatasetName>,
    /// TASK/NUMBER of the run, for people. Escaped; the digest does not cover it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub run_name: String,
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
