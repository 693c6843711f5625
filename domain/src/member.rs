//! A member is one party's part in one run: its desired phase, its last report, and the four
//! numbers that order both (attempt, generation, sequence, instance).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{Digest, InstanceId, PartyId};
use crate::text::clip;
use crate::time::Timestamp;

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name on the wire and in the store.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(format!("must be one of {}", [$($text),+].join(", "))),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use text_enum;

text_enum!(
    /// Role of a party in a task.
    Role {
        /// Averages the updates of the trainers (`server` in the original system).
        Aggregator = "aggregator",
        /// Trains on its own data (`client` in the original system).
        Trainer = "trainer",
    }
);

text_enum!(
    /// The phase that the hub wants a member to reach.
    DesiredPhase {
        /// The party has checked the spec; it holds no resources.
        Admitted = "admitted",
        /// The party holds resources and ports, ready to start.
        Reserved = "reserved",
        /// The workload runs.
        Running = "running",
        /// The workload has ended or will never start.
        Stopped = "stopped",
    }
);

text_enum!(
    /// The phase of a member in its last report.
    MemberPhase {
        /// No report yet.
        Pending = "pending",
        /// The party's policy requires the approval of a person.
        WaitingApproval = "waiting_approval",
        /// The party's policy refuses the spec. Terminal.
        Refused = "refused",
        /// The party admits the spec; it holds no resources.
        Admitted = "admitted",
        /// The party holds resources and ports.
        Reserved = "reserved",
        /// The party has recorded the start.
        Starting = "starting",
        /// The workload is alive.
        Running = "running",
        /// The workload exited 0. Terminal.
        Succeeded = "succeeded",
        /// The workload failed, or could not be started. Terminal.
        Failed = "failed",
        /// Stopped on request, or never started. Terminal.
        Stopped = "stopped",
    }
);

impl MemberPhase {
    /// True if the phase is final: the member has no workload and will never have one.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Refused | Self::Succeeded | Self::Failed | Self::Stopped)
    }

    /// True if a workload may exist.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Starting | Self::Running)
    }
}

text_enum!(
    /// Cause of a member's phase. `docs/errors.md` lists a remedy for each.
    ReasonCode {
        /// The party's policy refuses the spec.
        PolicyDenied = "policy_denied",
        /// The party's policy requires the approval of a person.
        ApprovalRequired = "approval_required",
        /// A person at the party denied the approval.
        ApprovalDenied = "approval_denied",
        /// The image map of the party has no entry for the image.
        ImageUnknown = "image_unknown",
        /// The image map has an entry, but its root or program does not exist.
        ImageUnusable = "image_unusable",
        /// The party declares no dataset with this name.
        DatasetUnknown = "dataset_unknown",
        /// The party declares the dataset, but its directory does not exist.
        DatasetUnusable = "dataset_unusable",
        /// The bytes of the spec do not match their digest or their format.
        SpecInvalid = "spec_invalid",
        /// A binding is missing, of a wrong type or out of range.
        BindingsInvalid = "bindings_invalid",
        /// The agent has not enough free resources.
        ResourcesExhausted = "resources_exhausted",
        /// The agent's disk is full; the agent accepts no new work.
        AgentDiskFull = "agent_disk_full",
        /// An older run of the same task may still be alive at the party.
        PreviousRunStopping = "previous_run_stopping",
        /// The agent released the hold after the longest time without a session.
        HoldExpired = "hold_expired",
        /// The operating system could not execute the program.
        SpawnFailed = "spawn_failed",
        /// The workload exited with a status other than 0.
        ExitNonzero = "exit_nonzero",
        /// A signal ended the workload.
        ExitSignal = "exit_signal",
        /// The workload lost the connection to its peers (exit status 71 of the contract). A new
        /// run may succeed.
        PeerLost = "peer_lost",
        /// The workload ran longer than the spec allows.
        MaxRuntimeExceeded = "max_runtime_exceeded",
        /// The sidecar ended unexpectedly; the agent killed the processes of the workload that it
        /// found.
        SidecarLost = "sidecar_lost",
        /// The agent's journal was lost or replaced.
        AgentStateLost = "agent_state_lost",
        /// Another process uses a held port.
        PortTaken = "port_taken",
        /// The hub never sent the member to the party.
        NeverDelivered = "never_delivered",
        /// The run continued without this party (k of n).
        Released = "released",
        /// The hub requested the stop.
        StopRequested = "stop_requested",
        /// The administrator of the party stopped the member.
        StoppedByParty = "stopped_by_party",
        /// Another client of the cluster deleted the member's object.
        ObjectDeleted = "object_deleted",
        /// Another client owns an object with this name.
        NameTaken = "name_taken",
        /// The machine is pulling the image.
        Pulling = "pulling",
        /// The cluster has no node for the Pod.
        Unschedulable = "unschedulable",
        /// The runtime failed for another reason; see the message.
        RuntimeError = "runtime_error",
    }
);

impl ReasonCode {
    /// True if a new run of the same task may succeed without a change of template, task or party.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        !matches!(
            self,
            Self::PolicyDenied
                | Self::ApprovalDenied
                | Self::StoppedByParty
                | Self::ImageUnknown
                | Self::ImageUnusable
                | Self::DatasetUnknown
                | Self::DatasetUnusable
                | Self::SpecInvalid
                | Self::BindingsInvalid
        )
    }
}

/// Longest message of a reason, in characters.
const MESSAGE_CHARS_MAX: usize = 1000;

/// A reason: a code for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Code for programs.
    pub code: ReasonCode,
    /// Sentence for people, at most 1,000 characters. Contains no path of the party.
    pub message: String,
}

impl Reason {
    /// Creates a reason. Clips the message to 1,000 characters, because a message may quote
    /// untrusted text and is journaled, reported and displayed.
    pub fn new(code: ReasonCode, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Cow::Owned(short) = clip(&message, MESSAGE_CHARS_MAX) {
            message = short;
        }
        Self { code, message }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// Limit of the lines in [`Exit::last_lines`].
pub const LAST_LINES_MAX: usize = 10;
/// Longest line in [`Exit::last_lines`], in characters.
pub const LAST_LINE_CHARS_MAX: usize = 200;

/// The end of a workload. Both times come from the party's clock: the hub displays them and never
/// compares them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// Exit status, unless a signal ended the workload.
    pub code: Option<i32>,
    /// Signal number, if a signal ended the workload.
    pub signal: Option<i32>,
    /// Set when the sidecar ended the workload (stop request, runtime limit) or could not start it.
    pub reason: Option<Reason>,
    /// Last lines that a failed workload printed, oldest first, with control characters escaped. At
    /// most [`LAST_LINES_MAX`] lines of [`LAST_LINE_CHARS_MAX`] characters. Empty if the party does
    /// not disclose logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<String>,
    /// Start of the workload.
    pub started_at: Timestamp,
    /// End of the workload.
    pub finished_at: Timestamp,
}

/// Connection state of a party's agent, as the hub observes it. Not part of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contact {
    /// A session is open.
    Connected,
    /// No session since this time, or since this hub took over, whichever is later.
    Away(Timestamp),
}

/// An agent's report of one member: a complete snapshot, never a difference.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Report {
    /// The journal that holds the member.
    pub instance: InstanceId,
    /// The reservation round of the reported state.
    pub attempt: u32,
    /// The agent's journaled counter: a greater number is newer.
    pub sequence: u64,
    /// Generation of the desired member that the agent had processed. The hub never rejects a
    /// report because of it.
    pub observed_generation: u64,
    /// Phase of the member.
    pub phase: MemberPhase,
    /// Cause of the phase, if there is one.
    pub reason: Option<Reason>,
    /// End of the workload, once known.
    pub exit: Option<Exit>,
    /// Addresses for other members by port name: `grpc` → `127.0.0.1:41234`. Set from `reserved`
    /// on.
    pub endpoints: BTreeMap<String, String>,
    /// Digest of the party's resolution of image and dataset names.
    pub resolution: Option<Digest>,
    /// The framework's status shows that the federation is complete.
    pub complete: bool,
}

impl Member {
    /// True if the hub does not send the member to its party: the party is disabled and has not
    /// received the member.
    #[must_use]
    pub const fn is_withheld(&self) -> bool {
        self.disabled && self.instance.is_none()
    }
}

/// One member of a run in the hub's records.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Member {
    /// Party of the member; unique in the run.
    pub party: PartyId,
    /// Role of the party in the task.
    pub role: Role,
    /// Digest of the member's spec.
    pub digest: Digest,
    /// The run cannot succeed without this member. False once released (k of n).
    pub required: bool,
    /// Reservation round; fences the start.
    pub attempt: u32,
    /// Number of the last change of the desired member.
    pub generation: u64,
    /// The phase that the hub wants.
    pub desired: DesiredPhase,
    /// Phase of the last report.
    pub phase: MemberPhase,
    /// Generation that the agent had processed at its last report.
    pub observed_generation: u64,
    /// The journal that holds the member; `None` while the hub cannot have delivered the member to
    /// an agent, as for a disabled party.
    pub instance: Option<InstanceId>,
    /// Sequence of the last accepted report.
    pub sequence: u64,
    /// Connection state of the party.
    pub contact: Contact,
    /// No agent of the party had ever connected when the run began, nor has since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub never_connected: bool,
    /// An administrator of the hub has disabled the party: it gets no new member, and this member
    /// takes part in no new reservation round.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Cause of the phase, if there is one.
    pub reason: Option<Reason>,
    /// End of the workload, once known.
    pub exit: Option<Exit>,
    /// Addresses for other members by port name.
    pub endpoints: BTreeMap<String, String>,
    /// Digest of the party's resolution of image and dataset names.
    pub resolution: Option<Digest>,
    /// This member's framework status shows that the federation is complete.
    pub complete: bool,
    /// The terminal report is stored: the workload has ended, and the agent may purge the member.
    pub settled: bool,
}
