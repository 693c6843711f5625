//! Reconciliation of one agent's members: pure functions of the state, an input and the time.
//!
//! [`MemberSet`] holds the unsettled members. Each [`Input`] changes it and yields a
//! [`Transition`]: members to journal, actions for the runtime, members to report. The agent
//! performs them in this order, so whatever it does is durable first. Actions follow from the state
//! of the members, not from the last input: [`MemberSet::restore`] yields them again after a crash.
//!
//! Invariants:
//! * no start without a hold of the same attempt; no key is held or started twice ([`crate::member`]);
//! * at most one live member per task: a newer one waits with `previous_run_stopping` until the
//!   older one is proven dead;
//! * nothing is concluded from silence, except that a hold expires after `hold_max_s` without the
//!   hub;
//! * work that the runtime knows and no member owns is stopped;
//! * at most [`MEMBERS_MAX`] members are held: the agent rejects others and does not record them;
//! * a run that neither journal nor runtime knows is answered without a write to the journal.

mod desired;
mod hold;
mod observed;
mod update;

use std::collections::{BTreeMap, BTreeSet};

use flow_common::clock::{Moment, Monotonic};
use flow_domain::id::{Digest, RunId, TaskId};
use flow_domain::member::{MemberPhase, Reason};
use flow_domain::template::Resources;

use crate::member::{Admission, DesiredMember, Member};
use crate::runtime::{WorkKey, WorkState};

/// Unsettled members held at once. Far more than a machine runs: it bounds the memory that a hub
/// can make the agent use.
pub const MEMBERS_MAX: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    /// The hub sent a desired member; with the policy's decision about its spec unless it is a stop.
    DesiredReceived(DesiredMember, Option<Admission>),
    /// The party's configuration changed; the policy's new decision about a member's spec.
    AdmissionChanged(RunId, Admission),
    /// The party's administrator approved the spec with this resolution.
    Approved(RunId, Digest),
    /// The party's administrator denied the approval.
    Denied(RunId, Reason),
    /// The party's administrator stopped the member.
    StoppedByParty(RunId, Reason),
    WorkObserved(WorkKey, WorkState),
    /// The framework reports that the training is complete.
    WorkCompleted(WorkKey),
    /// The runtime refused a request for this key; a retry cannot succeed.
    RequestRefused(WorkKey, Reason),
    /// A request for this key has not succeeded yet; `None` = it has, or there is no request any
    /// more.
    RequestDelayed(WorkKey, Option<Reason>),
    /// The hub has stored a report of this attempt.
    ReportAcked {
        run: RunId,
        attempt: u32,
        /// The report was the terminal one: the hub needs no further report of the member.
        settled: bool,
    },
    /// A session is open with a hub database of this incarnation.
    Connected {
        incarnation: u64,
    },
    Disconnected,
    /// The process did not run for a while and could not receive messages: the time without the
    /// hub begins again.
    Resumed,
    /// The journal refused the write, so the agent did not perform these actions.
    WriteFailed(Vec<Action>),
    /// The journal takes writes again.
    WriteRecovered,
    Tick,
}

/// A request to the runtime that reconciliation asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    Hold(WorkKey),
    Start(WorkKey),
    /// Releases the hold or ends the workload, with this grace period in seconds.
    Stop(WorkKey, u64),
    /// Removes the runtime's record of the end: it is stored elsewhere.
    Forget(WorkKey),
}

impl Action {
    #[must_use]
    pub const fn key(&self) -> &WorkKey {
        match self {
            Self::Hold(key) | Self::Start(key) | Self::Stop(key, _) | Self::Forget(key) => key,
        }
    }
}

/// The consequences of inputs, in the order in which the agent performs them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transition {
    /// Members to journal before anything else. A settled one has left the set.
    pub write: BTreeMap<RunId, Member>,
    /// Members to journal with the next write: the runtime can report their state again.
    pub write_later: BTreeSet<RunId>,
    pub actions: Vec<Action>,
    /// Members whose report has changed.
    pub reports: BTreeSet<RunId>,
    /// Members to report once and not to record: [`MEMBERS_MAX`] is reached.
    pub rejected: Vec<Member>,
    /// Steps of members, in order, for the log.
    pub steps: Vec<MemberStep>,
}

/// A step of a member's life, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStep {
    pub kind: StepKind,
    /// The member after the step.
    pub member: Member,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// The hub named the member for the first time, or again after it had settled.
    Received,
    /// The member entered another phase.
    PhaseChanged,
    /// The hub has stored the end of the member, which leaves the set.
    Settled,
}

/// All unsettled members of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MemberSet {
    members: BTreeMap<RunId, Member>,
    /// Runs with live work at this party, by task.
    live_runs: BTreeMap<TaskId, BTreeSet<RunId>>,
    /// Runs whose hold waits for an obstacle to disappear.
    waiting: BTreeSet<RunId>,
    /// The last request for each key. Not journaled: a new process repeats its requests.
    requested: BTreeMap<WorkKey, Action>,
    /// Members that neither journal nor runtime knew when the hub claimed a start. The agent never
    /// journals them, so a hub that invents runs cannot fill the disk; a new process gives the same
    /// answer.
    unjournaled: BTreeSet<RunId>,
    /// Members of `unjournaled` that settled in this session, at most [`MEMBERS_MAX`]: an outdated
    /// message of the hub must not start them.
    settled_unjournaled: BTreeMap<RunId, Member>,
    /// Resources of all members together; 0 = no limit.
    capacity: Resources,
    hold_max_s: u64,
    sequence: u64,
    incarnation: u64,
    disconnected_since: Option<Monotonic>,
    is_journal_failing: bool,
}

impl MemberSet {
    /// Restores the members of a journal, with the requests that the runtime must receive again.
    #[must_use]
    pub fn restore(
        members: Vec<Member>,
        capacity: Resources,
        hold_max_s: u64,
        sequence: u64,
        incarnation: u64,
        now: Moment,
    ) -> (Self, Transition) {
        let mut set = Self {
            members: members.into_iter().map(|m| (m.run.clone(), m)).collect(),
            live_runs: BTreeMap::new(),
            waiting: BTreeSet::new(),
            requested: BTreeMap::new(),
            unjournaled: BTreeSet::new(),
            settled_unjournaled: BTreeMap::new(),
            capacity,
            hold_max_s,
            sequence,
            incarnation,
            disconnected_since: Some(now.monotonic),
            is_journal_failing: false,
        };
        let mut out = Transition::default();
        let runs: Vec<RunId> = set.members.keys().cloned().collect();
        for run in &runs {
            set.index_live_run(run);
        }
        for run in &runs {
            set.update_member(run, now, &mut out, |_| {});
        }
        (set, out)
    }

    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    #[must_use]
    pub fn member(&self, run: &RunId) -> Option<&Member> {
        self.members.get(run)
    }

    /// Sequence of the newest report.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The oldest incarnation of the hub's database that last sent a desired member for a live
    /// member. A hub of a newer incarnation was restored, perhaps to a time before it created that
    /// member, and must not conclude that the member is unwanted.
    #[must_use]
    pub fn oldest_incarnation(&self) -> u64 {
        let live = self.members.values().filter(|m| !m.phase.is_terminal());
        live.map(|m| m.incarnation).fold(self.incarnation, u64::min)
    }

    /// Sets the resources of all members together.
    pub fn set_capacity(&mut self, capacity: Resources) {
        self.capacity = capacity;
    }

    /// Applies one input and adds its consequences to `out`.
    pub fn apply(&mut self, input: Input, now: Moment, out: &mut Transition) {
        match input {
            Input::DesiredReceived(desired, admission) => {
                self.apply_desired(&desired, admission, now, out);
            }
            Input::AdmissionChanged(run, admission) => {
                self.update_member(&run, now, out, |m| m.apply_admission(admission));
            }
            Input::Approved(run, resolution) => {
                self.update_member(&run, now, out, |m| m.approve(&resolution));
            }
            Input::Denied(run, reason) => self.update_member(&run, now, out, |m| {
                if m.is_waiting_for_approval() {
                    m.end_by_party(MemberPhase::Refused, reason);
                }
            }),
            Input::StoppedByParty(run, reason) => self.update_member(&run, now, out, |m| {
                m.end_by_party(MemberPhase::Stopped, reason);
            }),
            Input::WorkObserved(key, state) => self.apply_observed(&key, state, now, out),
            Input::WorkCompleted(key) => {
                self.update_member(&key.run, now, out, |m| m.complete |= m.attempt == key.attempt);
            }
            Input::RequestRefused(key, reason) => self.update_member(&key.run, now, out, |m| {
                if m.attempt == key.attempt {
                    m.fail(reason.code, reason.message);
                }
            }),
            Input::RequestDelayed(key, reason) => self.update_member(&key.run, now, out, |m| {
                if m.attempt == key.attempt && !m.phase.is_terminal() {
                    m.delay = reason;
                }
            }),
            Input::ReportAcked { run, attempt, settled } => {
                self.apply_ack(&run, attempt, settled, now, out);
            }
            Input::Connected { incarnation } => self.connect(incarnation, now, out),
            Input::Disconnected => {
                self.disconnected_since = Some(self.disconnected_since.unwrap_or(now.monotonic));
                self.settled_unjournaled.clear();
            }
            Input::Resumed => {
                self.disconnected_since = self.disconnected_since.map(|_| now.monotonic);
            }
            Input::WriteFailed(actions) => self.undo_unwritten(&actions, now, out),
            Input::WriteRecovered => {
                self.is_journal_failing = false;
                self.retry_waiting(now, out);
            }
            Input::Tick => self.expire_holds(now, out),
        }
    }

    fn connect(&mut self, incarnation: u64, now: Moment, out: &mut Transition) {
        self.disconnected_since = None;
        if incarnation != self.incarnation {
            // A restored hub continues from an older generation.
            self.incarnation = incarnation;
            self.members.values_mut().for_each(|m| m.generation = 0);
            out.write_later.extend(
                self.members.keys().filter(|run| !self.unjournaled.contains(*run)).cloned(),
            );
        }
        self.retry_waiting(now, out);
    }
}
