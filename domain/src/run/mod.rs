//! One start of a task, and the one function that moves it.
//!
//! ```text
//!  queued ⇄ reserving ─▶ starting ─▶ running ─▶ stopping ─▶ succeeded | failed | cancelled
//!     └──────────┴────────────┴───────── any cause to end ─────▲
//! ```
//!
//! [`step()`] is total: each (run, input) pair is answered, if only by a [`Refusal`] naming the rule that refused. It
//! first writes the input down as facts about members, then lets `advance` draw the conclusions; since conclusions
//! rest on facts alone, the order in which reports arrive does not matter, and repeating one changes nothing.

mod advance;
mod due;
mod step;

use serde::{Deserialize, Serialize};

use crate::framework;
use crate::id::{Digest, InstanceId, PartyId, RunId, TaskId};
use crate::member::{Contact, DesiredPhase, Member, MemberPhase, Reason, Report, Role, text_enum};
use crate::task::Rules;
use crate::template::Framework;
use crate::time::Timestamp;

pub use due::next_due;
pub use step::step;

/// Longest time from the first reserved member to the start commit, in seconds.
pub const RESERVE_DEADLINE_S: u64 = 30;
/// Wait after a reservation round that failed, in seconds.
pub const RESERVE_BACKOFF_S: u64 = 10;
/// Longest wait before a run is repeated, in seconds.
const RETRY_BACKOFF_MAX_S: u64 = 600;
/// What a stop may take beyond the spec's grace before the run ends without its members, in seconds.
pub const STOP_SLACK_S: u64 = 30;
/// Longest wait for the framework's own verdict once all trainers have exited 0, in seconds.
pub const VERDICT_DEADLINE_S: u64 = 60;

text_enum!(
    /// Where a run stands.
    RunPhase {
        /// Waiting: for a party, an approval, or the time of a retry. Nothing is held.
        Queued = "queued",
        /// Parties are setting resources aside.
        Reserving = "reserving",
        /// The start is committed; members come up.
        Starting = "starting",
        /// Every required member runs (or has run).
        Running = "running",
        /// The outcome is known; what still runs is being stopped.
        Stopping = "stopping",
        /// Terminal.
        Succeeded = "succeeded",
        /// Terminal.
        Failed = "failed",
        /// Terminal.
        Cancelled = "cancelled",
    }
);

impl RunPhase {
    /// Terminal phases stay.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

text_enum!(
    /// How a run ends.
    Outcome {
        /// The framework's completion rule was met.
        Succeeded = "succeeded",
        /// Something went wrong; the reason says what.
        Failed = "failed",
        /// A user stopped it.
        Cancelled = "cancelled",
    }
);

text_enum!(
    /// Why a run ended, or is ending.
    EndCode {
        /// The completion rule was met.
        Completed = "completed",
        /// A user asked.
        Stopped = "stopped",
        /// The task was deleted.
        Deleted = "deleted",
        /// A party said no.
        Refused = "refused",
        /// Not all parties came together before the queue deadline.
        QueueDeadline = "queue_deadline",
        /// A member could not be started.
        StartFailed = "start_failed",
        /// A member did not come up before the start deadline.
        StartDeadline = "start_deadline",
        /// A member failed.
        MemberFailed = "member_failed",
        /// Nothing moved for too long.
        NoProgress = "no_progress",
        /// A party was away for too long.
        PartyLost = "party_lost",
        /// All trainers exited 0 but the framework never confirmed that the federation finished.
        NoVerdict = "no_verdict",
    }
);

/// Why and how a run ends. Written once: the first cause wins.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ending {
    /// How.
    pub outcome: Outcome,
    /// Why, for programs.
    pub code: EndCode,
    /// Why, for people.
    pub message: String,
    /// The party that caused it, if one did.
    pub party: Option<PartyId>,
    /// The member's own reason, if it gave one.
    pub reason: Option<Reason>,
    /// Who asked, if a user did.
    pub by: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Why a run is not running: for API, CLI and console alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Waiting {
    /// For programs.
    pub code: WaitCode,
    /// For people: names party and cause.
    pub message: String,
    /// The party it waits for, if one.
    pub party: Option<PartyId>,
    /// Since when.
    pub since: Timestamp,
    /// When it is tried again, or the wait ends.
    pub until: Option<Timestamp>,
}

text_enum!(
    /// What a run waits for.
    WaitCode {
        /// A retry or a new reservation round has its time.
        Backoff = "backoff",
        /// A required party is not connected.
        PartyAway = "party_away",
        /// A person at a party must approve.
        Approval = "approval",
        /// A party has not checked the spec yet.
        Admission = "admission",
        /// A party has not set resources aside yet.
        Reservation = "reservation",
        /// An older run of the task is not yet proven dead at a party.
        PreviousRunStopping = "previous_run_stopping",
        /// Members are coming up.
        Starting = "starting",
        /// Members are ending.
        Stopping = "stopping",
    }
);

/// One start of a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The task.
    pub task: TaskId,
    /// Counts the task's runs, from 1.
    pub number: u32,
    /// The run this one repeats.
    pub retry_of: Option<RunId>,
    /// Retries still allowed after this one.
    pub retries_left: u32,
    /// Not before this moment.
    pub not_before: Timestamp,
    /// How the workload's end is recognised.
    pub framework: Framework,
    /// Rules of the task at the time of the start.
    pub rules: Rules,
    /// Grace of the template, in seconds.
    pub stop_grace_s: u64,
    /// Where it stands.
    pub phase: RunPhase,
    /// Newest reservation round.
    pub attempt: u32,
    /// Its end, once known.
    pub ending: Option<Ending>,
    /// What it waits for.
    pub waiting: Option<Waiting>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The queue deadline.
    pub queue_until: Timestamp,
    /// Deadline of the present phase (reserving, starting, stopping).
    pub phase_until: Option<Timestamp>,
    /// When every required member ran.
    pub running_at: Option<Timestamp>,
    /// Last time any progress moved.
    pub progress_at: Timestamp,
    /// When the last required trainer exited 0.
    pub trainers_done_at: Option<Timestamp>,
    /// When the phase became terminal.
    pub finished_at: Option<Timestamp>,
    /// When the last member settled.
    pub settled_at: Option<Timestamp>,
    /// Its members, in the task's order.
    pub members: Vec<Member>,
}

/// What a member of a new run needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMember {
    /// Which party.
    pub party: PartyId,
    /// What it does.
    pub role: Role,
    /// Digest of its spec.
    pub digest: Digest,
    /// The agent connected now, if one is.
    pub connected: Option<InstanceId>,
    /// Away since, if none is.
    pub away_since: Timestamp,
}

/// What a new run needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// The task.
    pub task: TaskId,
    /// Counts the task's runs, from 1.
    pub number: u32,
    /// The run this one repeats.
    pub retry_of: Option<RunId>,
    /// Retries still allowed after this one.
    pub retries_left: u32,
    /// Not before this moment.
    pub not_before: Timestamp,
    /// How the workload's end is recognised.
    pub framework: Framework,
    /// Rules of the task.
    pub rules: Rules,
    /// Grace of the template, in seconds.
    pub stop_grace_s: u64,
    /// Members, in the task's order.
    pub members: Vec<NewMember>,
}

/// What may happen to a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    /// A user wants it to end.
    Stop {
        /// Who.
        by: String,
        /// Because the task is being deleted.
        deleting: bool,
    },
    /// An agent says how its member stands.
    Report {
        /// Whose member.
        party: PartyId,
        /// The snapshot.
        report: Report,
    },
    /// A session was opened. Folded before anything is sent to the agent.
    Connected {
        /// Whose.
        party: PartyId,
        /// Of which journal.
        instance: InstanceId,
    },
    /// A session ended, or this hub took over and found none.
    Away {
        /// Whose.
        party: PartyId,
        /// Since when.
        since: Timestamp,
    },
    /// Progress of a member moved.
    Moved {
        /// Whose.
        party: PartyId,
    },
    /// Until `from` this hub could hear nobody, because it, its process or its database did not run: every deadline by which
    /// a party must have been heard begins again. ([`Input::Away`] says that a party is away.)
    TakenOver {
        /// The end of the outage.
        from: Timestamp,
        /// When the hub's wall clock was last set, if it was: then the queue deadline begins again, too.
        clock_set: Option<Timestamp>,
    },
    /// Time has passed: look at the deadlines.
    Tick,
}

/// A thing to do because of a step; done in the transaction that stores the run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Append this to the task's events.
    Event(Event),
    /// Make a new run that repeats this one.
    Retry {
        /// Not before this moment.
        not_before: Timestamp,
    },
}

text_enum!(
    /// What an event tells.
    EventKind {
        /// A run was made.
        RunQueued = "run.queued",
        /// Resources are being set aside.
        RunReserving = "run.reserving",
        /// The start is committed.
        RunStarting = "run.starting",
        /// Every required member runs.
        RunRunning = "run.running",
        /// The outcome is known.
        RunStopping = "run.stopping",
        /// Terminal.
        RunSucceeded = "run.succeeded",
        /// Terminal.
        RunFailed = "run.failed",
        /// Terminal.
        RunCancelled = "run.cancelled",
        /// Every member has settled.
        RunSettled = "run.settled",
        /// A new run will repeat this one.
        RunRetry = "run.retry",
        /// A member was seen in a new phase.
        MemberPhase = "member.phase",
        /// A party came.
        MemberConnected = "member.connected",
        /// A party went.
        MemberAway = "member.away",
        /// The run goes on without this member.
        MemberReleased = "member.released",
        /// The party's agent has another journal than before.
        MemberReplaced = "member.replaced",
        /// The task was submitted.
        TaskCreated = "task.created",
        /// The task was edited.
        TaskEdited = "task.edited",
        /// The task was deleted.
        TaskDeleted = "task.deleted",
    }
);

/// One line of a task's history.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The run it is about, if one.
    pub run: Option<RunId>,
    /// The party it is about, if one.
    pub party: Option<PartyId>,
    /// For people, or the phase's name.
    pub message: String,
}

text_enum!(
    /// The rule by which an input was refused.
    Refusal {
        /// The party has no part in the run.
        UnknownParty = "unknown_party",
        /// The report is of another journal.
        WrongInstance = "wrong_instance",
        /// The report is of an older reservation round.
        OldAttempt = "old_attempt",
        /// A report as new or newer was taken already.
        NotNewer = "not_newer",
        /// The member has ended; nothing changes it.
        MemberTerminal = "member_terminal",
        /// The run has ended, or is ending already.
        Ended = "ended",
        /// It would change nothing.
        NoChange = "no_change",
    }
);

impl Run {
    /// A new run, already advanced as far as the facts allow.
    #[must_use]
    pub fn new(new: NewRun, now: Timestamp) -> (Self, Vec<Effect>) {
        let NewRun {
            id,
            task,
            number,
            retry_of,
            retries_left,
            not_before,
            framework,
            rules,
            stop_grace_s,
            members,
        } = new;
        let queue_until = now.max(not_before).plus_secs(rules.queue_deadline_s);
        let mut run = Self {
            id,
            task,
            number,
            retry_of,
            retries_left,
            not_before,
            framework,
            rules,
            stop_grace_s,
            phase: RunPhase::Queued,
            attempt: 0,
            ending: None,
            waiting: None,
            created_at: now,
            queue_until,
            phase_until: None,
            running_at: None,
            progress_at: now,
            trainers_done_at: None,
            finished_at: None,
            settled_at: None,
            members: members
                .into_iter()
                .map(|NewMember { party, role, digest, connected, away_since }| Member {
                    party,
                    role,
                    digest,
                    required: true,
                    attempt: 0,
                    generation: 1,
                    desired: DesiredPhase::Admitted,
                    phase: MemberPhase::Pending,
                    observed_generation: 0,
                    contact: if connected.is_some() {
                        Contact::Connected
                    } else {
                        Contact::Away(away_since)
                    },
                    instance: connected,
                    sequence: 0,
                    reason: None,
                    exit: None,
                    endpoints: std::collections::BTreeMap::new(),
                    resolution: None,
                    complete: false,
                    settled: false,
                })
                .collect(),
        };
        let mut effects =
            vec![run.event(EventKind::RunQueued, None, format!("run {number} is queued"))];
        advance::advance(&mut run, now, &mut effects);
        (run, effects)
    }

    /// The member of this party.
    #[must_use]
    pub fn member(&self, party: &PartyId) -> Option<&Member> {
        self.members.iter().find(|m| &m.party == party)
    }

    /// All members have settled: the run is history.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.settled_at.is_some()
    }

    /// The run keeps its task from being started again.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        !self.phase.is_terminal()
    }

    /// Values for the holes of one member's spec, or the name of the first hole that has none yet.
    pub fn bindings(
        &self,
        spec: &crate::spec::MemberSpec,
    ) -> Result<crate::bindings::Bindings, String> {
        let trainers =
            self.members.iter().filter(|m| m.required && m.role == Role::Trainer).count();
        crate::bindings::compose(
            &spec.holes,
            &self.id,
            self.number,
            u32::try_from(trainers).unwrap_or(u32::MAX),
            &|party, port| self.member(party).and_then(|m| m.endpoints.get(port).cloned()),
        )
    }

    /// Longest time in `stopping` before the run ends without its members, in seconds.
    fn stop_limit_s(&self) -> u64 {
        self.stop_grace_s.saturating_add(STOP_SLACK_S)
    }

    fn event(&self, kind: EventKind, party: Option<&PartyId>, message: String) -> Effect {
        Effect::Event(Event { kind, run: Some(self.id.clone()), party: party.cloned(), message })
    }

    fn required(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|m| m.required)
    }

    fn completes(&self) -> bool {
        let facts: Vec<_> = self
            .required()
            .map(|m| (m.role, m.phase == MemberPhase::Succeeded, m.complete))
            .collect();
        framework::completes(self.framework, &facts)
    }
}
