//! A run is one start of a task; [`step()`] is the only function that changes it.
//!
//! ```text
//!  queued ⇄ reserving ─▶ starting ─▶ running ─▶ stopping ─▶ succeeded | failed | cancelled
//!     └──────────┴────────────┴───────── any cause to end ─────▲
//! ```
//!
//! [`step()`] is total: each (run, input) pair has a result or a [`Refusal`] that names the rule.
//! It first records the input as facts about members, then `advance` derives the conclusions.
//! Conclusions depend on facts alone: the order of reports does not matter, and a repeated report
//! changes nothing.

mod advance;
mod due;
mod effect;
mod input;
mod step;

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

use crate::framework;
use crate::id::{DatasetName, Digest, InstanceId, PartyId, RunId, TaskId, TemplateId};
use crate::member::{Contact, DesiredPhase, Member, MemberPhase, Reason, Role, text_enum};
use crate::task::{Rules, TaskBody, TaskMember};
use crate::template::{Framework, TemplateBody};
use crate::time::Timestamp;

pub use due::next_due;
pub use effect::{Effect, Event, EventKind, Refusal};
pub use input::Input;
pub use step::step;

/// Longest time of a reservation round, from its begin to the start commit, in seconds.
pub const RESERVE_DEADLINE_S: u64 = 30;
/// Delay after a failed reservation round, in seconds.
pub const RESERVE_BACKOFF_S: u64 = 10;
/// Longest delay before a retry of a run, in seconds.
const RETRY_BACKOFF_MAX_S: u64 = 600;
/// Time beyond the spec's grace period after which a stopping run ends without its members, in
/// seconds.
pub const STOP_SLACK_S: u64 = 30;
/// Longest time from the exit of the last trainer with status 0 until the framework's status shows
/// completion, in seconds.
pub const COMPLETION_DEADLINE_S: u64 = 60;

text_enum!(
    /// Phase of a run.
    RunPhase {
        /// Waits for a party, an approval or the time of a retry. Members hold no resources.
        Queued = "queued",
        /// Parties reserve resources and ports.
        Reserving = "reserving",
        /// The start is committed; members start their workloads.
        Starting = "starting",
        /// Every required member runs or has succeeded.
        Running = "running",
        /// The outcome is known; the hub stops the remaining members.
        Stopping = "stopping",
        /// Ended; the framework's completion rule was met. Terminal.
        Succeeded = "succeeded",
        /// Ended after a failure. Terminal.
        Failed = "failed",
        /// Ended by a user. Terminal.
        Cancelled = "cancelled",
    }
);

impl RunPhase {
    /// True if the phase is final.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

text_enum!(
    /// Outcome of a run.
    Outcome {
        /// The framework's completion rule was met.
        Succeeded = "succeeded",
        /// A failure; [`EndCode`] and message name the cause.
        Failed = "failed",
        /// A user stopped it.
        Cancelled = "cancelled",
    }
);

text_enum!(
    /// Cause of a run's end.
    EndCode {
        /// The completion rule was met.
        Completed = "completed",
        /// A user stopped the task.
        Stopped = "stopped",
        /// A user deleted the task.
        Deleted = "deleted",
        /// The policy of a party refused a spec.
        Refused = "refused",
        /// The run did not start before the queue deadline.
        QueueDeadline = "queue_deadline",
        /// A member could not start its workload.
        StartFailed = "start_failed",
        /// A member did not run before the start deadline.
        StartDeadline = "start_deadline",
        /// A member failed.
        MemberFailed = "member_failed",
        /// No member reported progress within the limit.
        NoProgress = "no_progress",
        /// A required party had no session within the limit.
        PartyLost = "party_lost",
        /// All trainers exited with 0, but the framework's status never showed completion.
        NoVerdict = "no_verdict",
    }
);

/// The end of a run. Set once: the first cause wins.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ending {
    /// Outcome.
    pub outcome: Outcome,
    /// Cause, for programs.
    pub code: EndCode,
    /// Cause, for people.
    pub message: String,
    /// The party that caused the end, if one did.
    pub party: Option<PartyId>,
    /// The reason in the member's report, if there is one.
    pub reason: Option<Reason>,
    /// The user who stopped the run, if one did.
    pub by: Option<String>,
    /// Time of the decision.
    pub at: Timestamp,
}

/// The cause for which a run does not proceed; the same text in API, CLI and console.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Waiting {
    /// Code for programs.
    pub code: WaitCode,
    /// Sentence for people that names party and cause.
    pub message: String,
    /// The party that the run waits for, if there is one.
    pub party: Option<PartyId>,
    /// Begin of the wait.
    pub since: Timestamp,
    /// Time of the next attempt, or end of the wait.
    pub until: Option<Timestamp>,
}

text_enum!(
    /// The condition that a run waits for.
    WaitCode {
        /// The delay before a retry or a reservation round.
        Backoff = "backoff",
        /// A required party is not connected.
        PartyAway = "party_away",
        /// A required party is disabled at the hub.
        PartyDisabled = "party_disabled",
        /// A person at a party must approve.
        Approval = "approval",
        /// A party has not decided about the spec yet.
        Admission = "admission",
        /// A party has not reserved resources yet.
        Reservation = "reservation",
        /// An older run of the task may still be alive at a party.
        PreviousRunStopping = "previous_run_stopping",
        /// Members have not started all workloads yet.
        Starting = "starting",
        /// Members have not confirmed their end yet.
        Stopping = "stopping",
    }
);

/// Inputs of a run: task and template at its start. A retry has the inputs of the run that it
/// repeats.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunInputs {
    /// Template of the task.
    pub template: TemplateId,
    /// Name of the template.
    pub template_name: String,
    /// Revision of the template.
    pub revision: u32,
    /// Rounds of training.
    pub epochs: u32,
    /// Parameters by name, with the defaults of the template.
    pub parameters: BTreeMap<String, String>,
    /// Dataset of each party that uses one.
    pub datasets: BTreeMap<PartyId, DatasetName>,
}

impl RunInputs {
    /// The inputs of a run of `task` with this revision of its template.
    #[must_use]
    pub fn new(task: &TaskBody, template: &TemplateBody, template_name: &str) -> Self {
        let dataset = |member: &TaskMember| Some((member.party.clone(), member.dataset.clone()?));
        Self {
            template: task.template.clone(),
            template_name: template_name.to_owned(),
            revision: task.revision,
            epochs: task.epochs,
            parameters: task.parameters(template),
            datasets: task.members.iter().filter_map(dataset).collect(),
        }
    }
}

/// A run without its members. The hub stores it in one row, and each member in another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunHead {
    /// Id of the run.
    pub id: RunId,
    /// Task of the run.
    pub task: TaskId,
    /// Number of the run in its task, from 1.
    pub number: u32,
    /// The failed run that this run retries.
    pub retry_of: Option<RunId>,
    /// The credential that started the task; `None` in runs of earlier versions.
    #[serde(default)]
    pub started_by: Option<String>,
    /// Inputs of the run; `None` in runs of earlier versions.
    #[serde(default)]
    pub inputs: Option<RunInputs>,
    /// Number of retries left after this run.
    pub retries_left: u32,
    /// Earliest time of the next reservation round.
    pub not_before: Timestamp,
    /// Framework of the template; defines the completion rule.
    pub framework: Framework,
    /// Rules of the task at the time of the start.
    pub rules: Rules,
    /// Grace period of the template, in seconds.
    pub stop_grace_s: u64,
    /// Phase of the run.
    pub phase: RunPhase,
    /// Number of the newest reservation round; 0 before the first.
    pub attempt: u32,
    /// Cause and outcome, once known.
    pub ending: Option<Ending>,
    /// The condition that the run waits for, if any.
    pub waiting: Option<Waiting>,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time at which a run that has not started fails.
    pub queue_until: Timestamp,
    /// Deadline of the present phase (reserving, starting, stopping).
    pub phase_until: Option<Timestamp>,
    /// Time at which every required member ran.
    pub running_at: Option<Timestamp>,
    /// Time of the last progress of any member.
    pub progress_at: Timestamp,
    /// Time at which the last required trainer exited with 0, or the aggregator ended.
    pub trainers_done_at: Option<Timestamp>,
    /// Time at which the phase became terminal.
    pub finished_at: Option<Timestamp>,
    /// Time at which the last member settled.
    pub settled_at: Option<Timestamp>,
}

/// One start of a task. Derefs to its head.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Run {
    /// Everything but the members.
    pub head: RunHead,
    /// Members in the order of the task.
    pub members: Vec<Member>,
}

impl Deref for Run {
    type Target = RunHead;

    fn deref(&self) -> &RunHead {
        &self.head
    }
}

impl DerefMut for Run {
    fn deref_mut(&mut self) -> &mut RunHead {
        &mut self.head
    }
}

/// The input for one member of a new run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMember {
    /// Party of the member.
    pub party: PartyId,
    /// Role of the party.
    pub role: Role,
    /// Digest of the member's spec.
    pub digest: Digest,
    /// Instance of the connected agent, if there is one.
    pub connected: Option<InstanceId>,
    /// Begin of the absence, if no agent is connected.
    pub away_since: Timestamp,
    /// See [`Member::never_connected`].
    pub never_connected: bool,
    /// See [`Member::disabled`].
    pub disabled: bool,
}

/// The input for a new run; the fields are those of [`RunHead`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// See [`RunHead::id`].
    pub id: RunId,
    /// See [`RunHead::task`].
    pub task: TaskId,
    /// See [`RunHead::number`].
    pub number: u32,
    /// See [`RunHead::retry_of`].
    pub retry_of: Option<RunId>,
    /// See [`RunHead::started_by`].
    pub started_by: Option<String>,
    /// See [`RunHead::inputs`].
    pub inputs: Option<RunInputs>,
    /// See [`RunHead::retries_left`].
    pub retries_left: u32,
    /// See [`RunHead::not_before`].
    pub not_before: Timestamp,
    /// See [`RunHead::framework`].
    pub framework: Framework,
    /// Rules of the task.
    pub rules: Rules,
    /// Grace period of the template, in seconds.
    pub stop_grace_s: u64,
    /// Members in the order of the task.
    pub members: Vec<NewMember>,
}

impl Run {
    /// Creates a run and advances it as far as the facts allow.
    #[must_use]
    pub fn new(new: NewRun, now: Timestamp) -> (Self, Vec<Effect>) {
        let NewRun {
            id,
            task,
            number,
            retry_of,
            started_by,
            inputs,
            retries_left,
            not_before,
            framework,
            rules,
            stop_grace_s,
            members,
        } = new;
        let queue_until = now.max(not_before).plus_secs(rules.queue_deadline_s);
        let head = RunHead {
            id,
            task,
            number,
            retry_of,
            started_by,
            inputs,
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
        };
        let members = members
            .into_iter()
            .map(|new| {
                let NewMember {
                    party,
                    role,
                    digest,
                    connected,
                    away_since,
                    never_connected,
                    disabled,
                } = new;
                Member {
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
                    never_connected: never_connected && connected.is_none(),
                    disabled,
                    instance: connected.filter(|_| !disabled),
                    sequence: 0,
                    reason: None,
                    exit: None,
                    endpoints: BTreeMap::new(),
                    resolution: None,
                    complete: false,
                    settled: false,
                }
            })
            .collect();
        let mut run = Self { head, members };
        let mut effects =
            vec![run.event(EventKind::RunQueued, None, format!("run {number} is queued"))];
        advance::advance(&mut run, now, &mut effects);
        (run, effects)
    }

    /// Returns the member of this party.
    #[must_use]
    pub fn member(&self, party: &PartyId) -> Option<&Member> {
        self.members.iter().find(|m| &m.party == party)
    }

    /// True if all members have settled.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.head.settled_at.is_some()
    }

    /// True if the run has not ended: its task cannot be started again.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        !self.head.phase.is_terminal()
    }

    /// Returns the values for the holes of one member's spec.
    ///
    /// # Errors
    /// The name of the first hole that has no value yet.
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

    /// Longest time in phase `stopping` before the run ends without its members, in seconds.
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
