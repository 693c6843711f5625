//! The results of [`step()`](super::step()): effects, events and refusals.

use serde::{Deserialize, Serialize};

use crate::id::{PartyId, RunId};
use crate::member::text_enum;
use crate::time::Timestamp;

/// A consequence of a step. The caller applies it in the transaction that stores the run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Append an event to the task.
    Event(Event),
    /// Create a new run that retries this one.
    Retry {
        /// Earliest start of the new run.
        not_before: Timestamp,
    },
}

text_enum!(
    /// Kind of an event.
    EventKind {
        /// A run was created or returned to the queue.
        RunQueued = "run.queued",
        /// A reservation round began.
        RunReserving = "run.reserving",
        /// The start was committed.
        RunStarting = "run.starting",
        /// Every required member runs.
        RunRunning = "run.running",
        /// The outcome became known.
        RunStopping = "run.stopping",
        /// The run ended successfully.
        RunSucceeded = "run.succeeded",
        /// The run failed.
        RunFailed = "run.failed",
        /// A user ended the run.
        RunCancelled = "run.cancelled",
        /// Every member has settled.
        RunSettled = "run.settled",
        /// A new run will retry this one.
        RunRetry = "run.retry",
        /// A member reported a new phase.
        MemberPhase = "member.phase",
        /// An agent of the party connected.
        MemberConnected = "member.connected",
        /// The session of the party ended.
        MemberAway = "member.away",
        /// The run continues without this member.
        MemberReleased = "member.released",
        /// The party's agent connected with another journal than before.
        MemberReplaced = "member.replaced",
        /// The task was submitted.
        TaskCreated = "task.created",
        /// The task was edited.
        TaskEdited = "task.edited",
        /// The task was deleted.
        TaskDeleted = "task.deleted",
    }
);

/// One entry of a task's history.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// Kind of the event.
    pub kind: EventKind,
    /// Run of the event, if there is one.
    pub run: Option<RunId>,
    /// Party of the event, if there is one.
    pub party: Option<PartyId>,
    /// Sentence for people, or the name of a phase.
    pub message: String,
}

text_enum!(
    /// The rule that rejected an input.
    Refusal {
        /// The party is not a member of the run.
        UnknownParty = "unknown_party",
        /// The report comes from another journal.
        WrongInstance = "wrong_instance",
        /// The report belongs to an older reservation round.
        OldAttempt = "old_attempt",
        /// The hub already has a report with this or a greater sequence.
        NotNewer = "not_newer",
        /// The member has settled.
        MemberTerminal = "member_terminal",
        /// The run has ended or is stopping.
        Ended = "ended",
        /// The input changes nothing.
        NoChange = "no_change",
    }
);
