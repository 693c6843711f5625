//! `/api/v2` of a party's agent, on the machine of the party. Its readers are administrators of the
//! party: the types show meanings of names, paths and command lines, which never leave the party.
//! None of them contains a secret.

use std::collections::BTreeMap;
use std::fmt;

use flow_domain::id::Digest;
use flow_domain::member::{DesiredPhase, MemberPhase, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Contact, Exit, MemberProgress, Named, Reason, Resources, Time, schema};

/// The party of an agent, the agent's state, and the configuration in force.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PartyView {
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub name: String,
    /// Version of flow-federate.
    pub version: String,
    /// Identity of the agent's journal.
    #[schema(value_type = schema::Id)]
    pub instance: String,
    /// When the agent started.
    pub started_at: Time,
    /// Address of the hub in the configuration.
    pub hub: String,
    /// Properties of the runtime by name, such as its kind.
    pub runtime: BTreeMap<String, String>,
    /// State of the agent.
    pub state: PartyState,
    /// Configuration in force.
    pub configuration: PartyConfiguration,
}

/// State of an agent, as it changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartyState {
    /// Connection with the hub.
    pub contact: Contact,
    /// Sessions with the hub since the agent started.
    pub sessions: u64,
    /// The journal takes writes. If it does not, the agent takes no new work.
    pub journal_writable: bool,
    /// Numbers of members whose end the hub has not stored yet, by phase. A phase without members is
    /// absent.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"running": 2, "waiting_approval": 1}))]
    pub members: BTreeMap<String, u64>,
    /// Resources of the members.
    pub resources: ResourceUse,
    /// Disk of the data directory. Absent if the agent cannot read its figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskSpace>,
    /// Number of reloads of the configuration since the agent started. Another number means that
    /// `configuration` of the party may have changed.
    pub reloads: u64,
}

/// Resources of all members of a party.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResourceUse {
    /// Limit of all members together; 0: no limit.
    pub total: Resources,
    /// Requests of the members that hold or use resources.
    pub used: Resources,
}

/// Disk of the data directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DiskSpace {
    /// Data directory.
    pub path: String,
    /// Size of the file system, in bytes.
    pub total_bytes: u64,
    /// Bytes that the agent can still write.
    pub free_bytes: u64,
    /// Size of the journal, in bytes.
    pub journal_bytes: u64,
}

/// Configuration of a party that decides what its members may do. Without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartyConfiguration {
    /// Images by name.
    pub images: Vec<PartyImage>,
    /// Datasets by name.
    pub datasets: Vec<PartyDataset>,
    /// Rules by which outputs may leave the party. Without rules none leaves it.
    pub releases: Vec<OutputRelease>,
    /// Addresses that workloads may dial. Absent: only this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peers: Option<Vec<String>>,
    /// The hub gets the names of images and datasets.
    pub discloses_names: bool,
    /// The hub may read logs.
    pub discloses_logs: bool,
    /// Bytes of a log that the hub gets for one request. Absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes_max: Option<u64>,
    /// Time in seconds without the hub after which a reservation expires.
    pub hold_max_s: u64,
    /// Largest number of members that have not settled.
    pub members_max: u64,
    /// Retention of the files of ended members.
    pub retention: FileRetention,
}

/// Use of an image that a party allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImageUse {
    /// Every member with the image may run.
    Yes,
    /// No member with the image may run.
    No,
    /// An administrator of the party approves each member.
    Ask,
}

impl fmt::Display for ImageUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Ask => "ask",
        })
    }
}

/// An image of a party.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartyImage {
    /// Name that templates use.
    pub name: String,
    /// Meaning of the name at the party: a directory, or a container image with its settings as JSON.
    pub meaning: String,
    /// Use that the party allows.
    #[schema(value_type = ImageUse)]
    pub allow: Named<ImageUse>,
    /// Names of environment variables that a template may set.
    pub env: Vec<String>,
}

/// A dataset of a party.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartyDataset {
    /// Name that tasks use.
    #[schema(value_type = schema::DatasetName)]
    pub name: String,
    /// Meaning of the name at the party: a directory, or a volume or image as JSON.
    pub meaning: String,
    /// Path by which clients of `/api/v1` name the dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v1_path: Option<String>,
}

/// A rule that releases outputs: those of members with this image and this dataset, to readers of
/// these projects. An absent field matches everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutputRelease {
    /// Name of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Name of the dataset.
    #[schema(value_type = Option<schema::DatasetName>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Names of the projects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projects: Option<Vec<String>>,
}

/// Days for which a party keeps files of ended members; 0: until its administrator deletes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FileRetention {
    /// Days for outputs.
    pub output_days: u32,
    /// Days for logs.
    pub log_days: u32,
    /// Days for working directories.
    pub scratch_days: u32,
    /// Free share of the disk, in percent, below which the agent warns; 0: never.
    pub min_free_percent: u32,
    /// Free space, in MiB, below which the agent refuses reservations; 0: never.
    pub min_free_mib: u32,
}

/// A member at its own party.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartyMember {
    /// Id of the run.
    #[schema(value_type = schema::Id)]
    pub run: String,
    /// Id of the task.
    #[schema(value_type = schema::Id)]
    pub task: String,
    /// Name of the task at the hub. Empty if the hub did not send it.
    pub task_name: String,
    /// Number of the run in its task. 0 if the hub did not send it.
    pub run_number: u32,
    /// Number of the reservation round.
    pub attempt: u32,
    /// Role of the party in the run, if the agent knows it.
    #[schema(value_type = Option<schema::Role>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Named<Role>>,
    /// Phase that the hub wants.
    #[schema(value_type = schema::DesiredPhase)]
    pub desired: Named<DesiredPhase>,
    /// Phase of the member.
    #[schema(value_type = schema::MemberPhase)]
    pub phase: Named<MemberPhase>,
    /// Phase in which the member is ending. Absent if it is not ending, or has ended.
    #[schema(value_type = Option<schema::MemberPhase>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<Named<MemberPhase>>,
    /// Reason for the phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The member waits for an approval of the party's administrator, who approves `digest` and
    /// `resolution`.
    pub waits_for_approval: bool,
    /// The member is approved and has not started.
    pub approved: bool,
    /// Digest of the spec.
    #[schema(value_type = Option<schema::Digest>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Digest of what image and dataset of the spec mean at the party.
    #[schema(value_type = Option<schema::Digest>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// Name of the image. The agent keeps it until the member has settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Name of the dataset. The agent keeps it until the member has settled.
    #[schema(value_type = Option<schema::DatasetName>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Resources that the member requests.
    pub resources: Resources,
    /// Latest progress. The agent keeps it until the member has settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<MemberProgress>,
    /// The workload was started, so that there may be a log.
    pub started: bool,
    /// End of the workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// When the member ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// The hub has stored the end of the member.
    pub settled: bool,
}

/// A member at its own party, with its spec and its use of the disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartyMemberDetails {
    /// The member.
    pub member: PartyMember,
    /// Spec of the member. The agent keeps it until the member has settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<PartyMemberSpec>,
    /// Ports that are reserved for the member, by name.
    pub ports: BTreeMap<String, u16>,
    /// Bytes of the member's directory on the disk: log, outputs, working directory. Absent if the
    /// agent has none, or the member runs as a Pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
}

/// Command, variables and parameters of a member. `${name}` in a command or variable is filled at the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartyMemberSpec {
    /// Meaning of the image at the party. Absent if the party does not declare the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_meaning: Option<String>,
    /// Meaning of the dataset at the party. Absent without a dataset, or if the party does not
    /// declare it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset_meaning: Option<String>,
    /// Program and its arguments.
    pub command: Vec<String>,
    /// Working directory in the image. Empty: the run directory of the member.
    pub workdir: String,
    /// Environment variables by name.
    pub env: BTreeMap<String, String>,
    /// Parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// Number of training rounds.
    pub epochs: u32,
    /// Longest runtime, in seconds.
    pub max_runtime_s: u64,
    /// Grace period between SIGTERM and SIGKILL, in seconds.
    pub stop_grace_s: u64,
    /// This party and the parties that it exchanges data with.
    pub parties: Vec<SpecParty>,
}

/// A party in the spec of a member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SpecParty {
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub party: String,
    /// Role of the party.
    #[schema(value_type = schema::Role)]
    pub role: Named<Role>,
}

/// Approval of a member for one start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// `digest` of the member that the administrator has seen.
    #[schema(value_type = schema::Digest)]
    pub digest: Digest,
    /// `resolution` of the member that the administrator has seen.
    #[schema(value_type = schema::Digest)]
    pub resolution: Digest,
}

/// Denial of an approval.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// Reason for the users of the hub. The agent sends its first 500 characters.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub reason: Option<String>,
}

/// Result of a change of a member.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MemberChanged {
    /// Sentence for people.
    pub message: String,
    /// The member after the change.
    pub member: PartyMember,
}

/// A member of which the agent keeps no record any more.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MemberRemoved {
    /// Id of the run.
    #[schema(value_type = schema::Id)]
    pub run: String,
}
