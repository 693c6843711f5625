//! One party's part in one run: what is wished of it, what it was seen to be, and the four numbers that order both.

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
    /// What a party does in a task.
    Role {
        /// Averages what the trainers send (v1: server).
        Aggregator = "aggregator",
        /// Trains on its own data (v1: client).
        Trainer = "trainer",
    }
);

text_enum!(
    /// What the hub wishes a member to be.
    DesiredPhase {
        /// Checked by the party, nothing held.
        Admitted = "admitted",
        /// Resources held, ready to start.
        Reserved = "reserved",
        /// Started.
        Running = "running",
        /// Ended, or never started.
        Stopped = "stopped",
    }
);

text_enum!(
    /// What a member was last seen to be.
    MemberPhase {
        /// Nothing heard yet.
        Pending = "pending",
        /// The party's policy says a person must approve first.
        WaitingApproval = "waiting_approval",
        /// The party said no. Terminal.
        Refused = "refused",
        /// Checked; nothing held.
        Admitted = "admitted",
        /// Resources held.
        Reserved = "reserved",
        /// The start has been written down at the party.
        Starting = "starting",
        /// The workload is alive.
        Running = "running",
        /// The workload exited 0. Terminal.
        Succeeded = "succeeded",
        /// The workload failed, or could not be started. Terminal.
        Failed = "failed",
        /// Ended by wish, or never started. Terminal.
        Stopped = "stopped",
    }
);

impl MemberPhase {
    /// Terminal phases stay: nothing of the member is alive, nor ever will be.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Refused | Self::Succeeded | Self::Failed | Self::Stopped)
    }

    /// A workload may exist.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Starting | Self::Running)
    }
}

text_enum!(
    /// Why a member is where it is. Each has a row in `docs/errors.md` saying what to do.
    ReasonCode {
        /// The party's policy refuses the spec.
        PolicyDenied = "policy_denied",
        /// The party's policy wants a person's approval.
        ApprovalRequired = "approval_required",
        /// The party cannot run this image: nothing is mapped to the name.
        ImageUnknown = "image_unknown",
        /// The image is known but its root or program is not there.
        ImageUnusable = "image_unusable",
        /// The party has no dataset of this name.
        DatasetUnknown = "dataset_unknown",
        /// The dataset is declared but its directory is not there.
        DatasetUnusable = "dataset_unusable",
        /// The spec's bytes are not what they claim to be.
        SpecInvalid = "spec_invalid",
        /// Bindings are missing, of a wrong type or out of range.
        BindingsInvalid = "bindings_invalid",
        /// The agent has not enough free resources.
        ResourcesExhausted = "resources_exhausted",
        /// The agent's disk is full: no new work.
        AgentDiskFull = "agent_disk_full",
        /// An older run of the same task is not yet proven dead.
        PreviousRunStopping = "previous_run_stopping",
        /// The hold was let go after the longest time without the hub.
        HoldExpired = "hold_expired",
        /// The program could not be executed.
        SpawnFailed = "spawn_failed",
        /// The workload exited with a status other than 0.
        ExitNonzero = "exit_nonzero",
        /// The workload was ended by a signal.
        ExitSignal = "exit_signal",
        /// The workload lost the other side (status 71 of the contract): a new run may go better.
        PeerLost = "peer_lost",
        /// The workload ran longer than the spec allows.
        MaxRuntimeExceeded = "max_runtime_exceeded",
        /// The supervising sidecar vanished; what the agent found of the workload was killed.
        SidecarLost = "sidecar_lost",
        /// The agent's journal was lost or replaced.
        AgentStateLost = "agent_state_lost",
        /// A port that was held is in use by another process.
        PortTaken = "port_taken",
        /// Nothing was ever sent to the party.
        NeverDelivered = "never_delivered",
        /// Released: the run went on without this party (k of n).
        Released = "released",
        /// Stopped because the hub wished so.
        StopRequested = "stop_requested",
        /// The object that stood for the work was deleted by somebody else.
        ObjectDeleted = "object_deleted",
        /// An object of that name exists and is not ours.
        NameTaken = "name_taken",
        /// The machine is pulling the image.
        Pulling = "pulling",
        /// The cluster finds no node for it.
        Unschedulable = "unschedulable",
        /// The runtime failed in a way that has no better name; the message says how.
        RuntimeError = "runtime_error",
    }
);

impl ReasonCode {
    /// Whether a new run of the same task may go better without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        !matches!(
            self,
            Self::PolicyDenied
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

/// A reason: a code for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// For programs.
    pub code: ReasonCode,
    /// For people: names what to change. Holds no path of the party's.
    pub message: String,
}

impl Reason {
    /// A reason from its two halves. A message may quote what a stranger sent; it is journaled, reported and shown, so its
    /// length is bounded here.
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

/// How a workload ended. Times are of the party's own clock and are shown, never compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// Exit status, if it exited.
    pub code: Option<i32>,
    /// Signal number, if a signal ended it.
    pub signal: Option<i32>,
    /// Set when the supervisor ended it (stop, longest runtime), or could not start it.
    pub reason: Option<Reason>,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// Whether a party's agent is connected; the hub's own knowledge, not a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contact {
    /// A session is open.
    Connected,
    /// No session since this moment (or since this hub took over, whichever is later).
    Away(Timestamp),
}

/// What an agent says of one member: a whole snapshot, never a delta.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Report {
    /// The journal that holds the member.
    pub instance: InstanceId,
    /// The reservation round it speaks of.
    pub attempt: u32,
    /// The agent's journaled counter: greater is newer.
    pub sequence: u64,
    /// The wish the agent had seen. Never a cause of refusal.
    pub observed_generation: u64,
    /// Where the member stands.
    pub phase: MemberPhase,
    /// Why, where there is something to say.
    pub reason: Option<Reason>,
    /// How the workload ended, if it did.
    pub exit: Option<Exit>,
    /// What others may dial, by name: `grpc` → `127.0.0.1:41234`. From `reserved` on.
    pub endpoints: BTreeMap<String, String>,
    /// What the image and dataset names mean at this party, hashed.
    pub resolution: Option<Digest>,
    /// The framework's own verdict that the federation has finished.
    pub complete: bool,
}

/// One member of a run, as the hub knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Member {
    /// Which party.
    pub party: PartyId,
    /// What it does.
    pub role: Role,
    /// Digest of the spec it will execute.
    pub digest: Digest,
    /// The run cannot succeed without it. False once released (k of n).
    pub required: bool,
    /// Reservation round: fences the start.
    pub attempt: u32,
    /// Every change of what is wished.
    pub generation: u64,
    /// What is wished.
    pub desired: DesiredPhase,
    /// What was last seen.
    pub phase: MemberPhase,
    /// The wish the agent had seen when it reported.
    pub observed_generation: u64,
    /// The journal that holds the member; `None` as long as nothing can have been delivered.
    pub instance: Option<InstanceId>,
    /// Sequence of the last report taken.
    pub sequence: u64,
    /// Whether the party is connected.
    pub contact: Contact,
    /// Why it is where it is.
    pub reason: Option<Reason>,
    /// How its workload ended.
    pub exit: Option<Exit>,
    /// What others may dial.
    pub endpoints: BTreeMap<String, String>,
    /// What its names resolved to, hashed.
    pub resolution: Option<Digest>,
    /// The framework's verdict, as this member saw it.
    pub complete: bool,
    /// The terminal report is stored: nothing is alive, and the agent may purge.
    pub settled: bool,
}
