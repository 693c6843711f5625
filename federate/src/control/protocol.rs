//! The protocol of the control socket: one JSON object per line. The client sends a request, the
//! agent one response; after [`Response::Log`] the bytes of the log follow until the connection
//! ends. Fields are added, never changed: client and agent may be of different versions during an
//! upgrade.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use flow_domain::error::ErrorCode;
use flow_domain::id::{DatasetName, Digest, InstanceId, RunId, TaskId};
use flow_domain::member::{DesiredPhase, Exit, MemberPhase, Reason, Role};
use flow_domain::progress::Progress;
use flow_domain::spec::MemberSpec;
use flow_domain::template::Resources;
use flow_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of this program's protocol.
pub const VERSION: u32 = 1;
/// Longest request.
pub const REQUEST_BYTES_MAX: u64 = 16 * 1024;

/// A line from the client.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// Version of the sender.
    pub version: u32,
    pub request: Request,
}

/// A request. `member` is a run id or a prefix of one, or the name or id of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    List {
        /// Also members that have ended and settled.
        all: bool,
    },
    Show {
        member: String,
    },
    Stop {
        member: String,
    },
    /// Approves exactly this spec with this resolution.
    Approve {
        member: String,
        digest: Digest,
        resolution: Digest,
    },
    Deny {
        member: String,
        /// Reason for the users of the hub.
        reason: Option<String>,
    },
    Logs {
        member: String,
        tail: Option<u64>,
        follow: bool,
    },
    /// Reload the configuration.
    Reload,
    /// Make a link that signs a browser in to the party view.
    Console,
    /// Get the state of the agent.
    Status,
    /// Get a page of all members: those that have not ended, then the others, each the newest first.
    Page {
        /// The last member of the page before.
        after: Option<Position>,
        limit: u32,
    },
    /// Get these members. Unknown runs are left out.
    Members {
        runs: Vec<RunId>,
    },
}

/// Position of a member in the list of all members.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    pub has_ended: bool,
    /// Ids of runs begin with their time.
    pub run: Reverse<RunId>,
}

/// The line from the agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    Members(Vec<MemberInfo>),
    Member(Box<MemberDetails>),
    /// The request is done. A sentence for the administrator.
    Done(String),
    /// The bytes of the log follow.
    Log,
    Reloaded {
        /// Changed keys that need a restart, in a list for people.
        ignored: String,
    },
    Console {
        /// Valid once and for a short time.
        link: String,
    },
    Problem(Problem),
    Status(Box<Status>),
    Page {
        members: Vec<MemberInfo>,
        /// There are further members after these.
        has_more: bool,
    },
}

/// The state of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub instance: InstanceId,
    pub connected: bool,
    /// End of the last session; `None` without one.
    pub away_since: Option<Timestamp>,
    /// Sessions opened since the process started.
    pub sessions: u64,
    pub journal_writable: bool,
    /// Unsettled members by phase.
    pub members: BTreeMap<MemberPhase, u64>,
    /// Limit of all members together; 0 = no limit.
    pub capacity: Resources,
    /// Requests of the members that hold or use resources.
    pub used: Resources,
    /// Reloads of the configuration since the process started.
    pub reloads: u64,
}

/// The cause for which the agent does not fulfil a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub message: String,
    /// The members that match an ambiguous name.
    #[serde(default)]
    pub candidates: Vec<MemberInfo>,
    /// Code for the REST API of the agent.
    #[serde(skip)]
    pub code: Option<ErrorCode>,
}

impl Problem {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), candidates: Vec::new(), code: None }
    }

    pub fn coded(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code: Some(code), ..Self::new(message) }
    }
}

/// One member in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberInfo {
    pub run: RunId,
    pub task: TaskId,
    /// Name of the task and number of the run, as the hub names them.
    pub task_name: String,
    pub run_number: u32,
    pub attempt: u32,
    pub phase: MemberPhase,
    pub desired: DesiredPhase,
    /// The member is ending in this phase.
    pub ending: Option<MemberPhase>,
    pub reason: Option<Reason>,
    pub exit: Option<Exit>,
    pub finished_at: Option<Timestamp>,
    /// Role, image and dataset of the spec, which the agent keeps until the member has settled.
    pub role: Option<Role>,
    pub image: Option<String>,
    pub dataset: Option<DatasetName>,
    /// Digest of the spec, and of what its image and dataset mean at this party. An approval is
    /// valid for both.
    pub digest: Option<Digest>,
    pub resolution: Option<Digest>,
    /// The member is approved and has not started.
    pub approved: bool,
    /// The hub has stored the end of the member.
    pub settled: bool,
    /// The start of this attempt is recorded, so there may be a log.
    #[serde(default)]
    pub started: bool,
    #[serde(default)]
    pub resources: Resources,
    /// The latest progress, without points, until the member has settled.
    #[serde(default)]
    pub progress: Option<Progress>,
}

/// One member with its spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberDetails {
    pub member: MemberInfo,
    pub spec: Option<MemberSpec>,
    /// Meanings of the spec's image and dataset at this party.
    pub image_meaning: Option<String>,
    pub dataset_meaning: Option<String>,
    /// Held ports by name.
    pub ports: BTreeMap<String, u16>,
}

/// Encodes a message as one line.
pub fn line<T: Serialize>(message: &T) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec(message).expect("messages have text keys and no failing serializer");
    bytes.push(b'\n');
    bytes
}

/// Decodes a request. The error is for the client.
pub(super) fn parse_request(line: &[u8]) -> Result<Request, String> {
    // The version first: a request of a newer version may not be readable.
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    let invalid = |error: serde_json::Error| format!("the request is invalid: {error}");
    let head: Head = serde_json::from_slice(line).map_err(invalid)?;
    if head.version != VERSION {
        return Err(format!(
            "this agent understands version {VERSION} of the control protocol, the request has {}: use the flow-federate of the agent",
            head.version
        ));
    }
    let envelope: Envelope = serde_json::from_slice(line).map_err(invalid)?;
    Ok(envelope.request)
}
