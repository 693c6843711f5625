//! Everything that [`step()`](super::step()) handles.

use crate::id::{InstanceId, PartyId};
use crate::member::Report;
use crate::time::Timestamp;

/// An input to [`step()`](super::step()).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    /// A user stops the run.
    Stop {
        /// Name of the user.
        by: String,
        /// True if the user deletes the task.
        deleting: bool,
    },
    /// An agent has reported a member.
    Report {
        /// Party of the agent.
        party: PartyId,
        /// Snapshot of the member.
        report: Report,
    },
    /// A session was opened. The hub applies this input before it sends a message to the agent.
    Connected {
        /// Party of the agent.
        party: PartyId,
        /// Instance of the agent's journal.
        instance: InstanceId,
    },
    /// A session ended, or this hub took over while the party had no session.
    Away {
        /// Party of the agent.
        party: PartyId,
        /// Begin of the absence.
        since: Timestamp,
    },
    /// An administrator of the hub has disabled or enabled the party.
    PartyDisabled {
        /// The party.
        party: PartyId,
        /// False if the party is enabled again.
        disabled: bool,
        /// Instance of the connected agent, if there is one.
        connected: Option<InstanceId>,
    },
    /// A member has made progress.
    Moved {
        /// Party of the member.
        party: PartyId,
    },
    /// An outage of the hub, its process or its database ended at `from`: every deadline for
    /// messages of parties restarts, because the outage does not count against parties.
    /// [`Input::Away`] reports absent parties separately.
    TakenOver {
        /// The end of the outage.
        from: Timestamp,
        /// Time at which the hub's wall clock was last set, if it was: the queue deadline restarts,
        /// too.
        clock_set: Option<Timestamp>,
    },
    /// Time has passed: check the deadlines.
    Tick,
}
