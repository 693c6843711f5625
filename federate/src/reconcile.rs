//! What one agent makes of what it hears: pure, total, and told the time.
//!
//! [`MemberSet`] holds the members that have not settled. Each [`Input`] changes it and yields an [`Transition`]: members to
//! journal, actions for the runtime, members to report. The driver performs them in that order, so that whatever is
//! done has been written before. Actions are derived from what members *are*, not from what just happened: after a
//! crash [`MemberSet::restore`] yields again whatever was under way.
//!
//! Kept true here:
//! * no start without a hold of the very same attempt, and no hold or start twice for one key (see [`crate::member`]);
//! * at most one live member per task: a newer one waits, `previous_run_stopping`, until the older is proven dead;
//! * nothing is concluded from silence, but that a hold is let go after `hold_max_s` without the hub;
//! * what the runtime knows and nobody asked for is stopped;
//! * at most [`MEMBERS_MAX`] are held: who is turned away is answered, and not remembered;
//! * a run that neither journal nor runtime knows is answered from memory, and nothing is written for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use flow_common::clock::{Moment, Monotonic};
use flow_domain::id::{RunId, TaskId};
use flow_domain::member::{DesiredPhase, MemberPhase, Reason, ReasonCode};
use flow_domain::template::Resources;

use crate::member::{Admission, DesiredMember, Member, Needs, WorkStage};
use crate::runtime::{WorkKey, WorkState};

/// Most members held at once that have not settled. Far more than a machine runs: it bounds what a hub can make us keep.
pub const MEMBERS_MAX: usize = 256;

/// What an agent can hear.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    /// The hub wishes something; unless it is a stop, with the party's admission on the spec.
    DesiredReceived(DesiredMember, Option<Admission>),
    /// The party's configuration changed: its admission on a member's spec now.
    AdmissionChanged(RunId, Admission),
    /// The runtime tells how a key stands.
    WorkObserved(WorkKey, WorkState),
    /// The framework says that the federation has finished.
    WorkCompleted(WorkKey),
    /// What was asked for this key will never work.
    RequestRefused(WorkKey, Reason),
    /// What was asked for this key does not work yet, for this reason; `None` = it did, or is asked no more.
    RequestDelayed(WorkKey, Option<Reason>),
    /// The hub has stored a report of this attempt; `settled`: it wants to hear no more.
    ReportAcked {
        /// The run.
        run: RunId,
        /// The attempt reported.
        attempt: u32,
        /// The member is history for the hub.
        settled: bool,
    },
    /// A session is open, with a hub database of this incarnation.
    Connected {
        /// Raised by each restore of the hub's database.
        incarnation: u64,
    },
    /// The session is gone.
    Disconnected,
    /// This process did not run for a while, so it could not hear the hub: the time without the hub begins again.
    Resumed,
    /// The journal could not be written: these actions were not done.
    WriteFailed(Vec<Action>),
    /// The journal can be written again.
    WriteRecovered,
    /// Time has passed.
    Tick,
}

/// What the runtime is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Set aside what the member needs.
    Hold(WorkKey),
    /// See to it that the member is started.
    Start(WorkKey),
    /// Release or end it, with this grace in seconds.
    Stop(WorkKey, u64),
    /// Its end is stored elsewhere.
    Forget(WorkKey),
}

impl Action {
    /// Which key it is about.
    #[must_use]
    pub const fn key(&self) -> &WorkKey {
        match self {
            Self::Hold(key) | Self::Start(key) | Self::Stop(key, _) | Self::Forget(key) => key,
        }
    }
}

/// What follows from an input, in the order in which it is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transition {
    /// Members to journal before anything else. A settled one has left the party.
    pub write: BTreeMap<RunId, Member>,
    /// Members to journal at leisure: the runtime would tell it again.
    pub write_later: BTreeSet<RunId>,
    /// For the runtime.
    pub actions: Vec<Action>,
    /// Members whose report has changed.
    pub reports: BTreeSet<RunId>,
    /// Members to report as they are, once: there is no room to keep them.
    pub rejected: Vec<Member>,
}

/// All unsettled members of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MemberSet {
    members: BTreeMap<RunId, Member>,
    /// Runs of each task of which something may be alive here.
    live_runs: BTreeMap<TaskId, BTreeSet<RunId>>,
    /// Runs that desired a hold and have to wait for one.
    waiting: BTreeSet<RunId>,
    /// What the runtime was last asked for each key; not journaled, so that a new process asks again.
    requested: BTreeMap<WorkKey, Action>,
    /// Members that neither journal nor runtime knew when the hub claimed a start of them. They are never journaled: a hub
    /// that invents runs fills no disk, and a new process gives the same answer.
    unjournaled: BTreeSet<RunId>,
    /// Those of them that settled in this session, at most [`MEMBERS_MAX`]: an older desired that was overtaken starts nothing.
    settled_unjournaled: BTreeMap<RunId, Member>,
    capacity: Resources,
    hold_max_s: u64,
    sequence: u64,
    incarnation: u64,
    disconnected_since: Option<Monotonic>,
    is_journal_failing: bool,
}

impl MemberSet {
    /// The party as its journal left it, and what has to be asked of the runtime again.
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

    /// The unsettled members.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// The unsettled member of this run.
    #[must_use]
    pub fn member(&self, run: &RunId) -> Option<&Member> {
        self.members.get(run)
    }

    /// Sequence of the newest report.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What was last asked for this key: the driver gives up repeating anything else.
    #[must_use]
    pub fn requested(&self, key: &WorkKey) -> Option<&Action> {
        self.requested.get(key)
    }

    /// When [`Input::Tick`] may change something.
    #[must_use]
    pub fn next_due(&self) -> Option<Monotonic> {
        let holds = self.members.values().any(Self::is_expirable_hold);
        self.disconnected_since
            .filter(|_| holds)
            .map(|since| since + Duration::from_secs(self.hold_max_s))
    }

    fn is_expirable_hold(member: &Member) -> bool {
        matches!(member.work, WorkStage::Holding | WorkStage::Held)
            && member.desired == DesiredPhase::Reserved
            && member.pending_outcome.is_none()
    }

    /// The incarnation of the oldest hub database that a live member was last wished by. A hub of a newer one has been
    /// restored since, perhaps to a moment before it made that member, and must not conclude that nobody wants it.
    #[must_use]
    pub fn oldest_incarnation(&self) -> u64 {
        let live = self.members.values().filter(|m| !m.phase.is_terminal());
        live.map(|m| m.incarnation).fold(self.incarnation, u64::min)
    }

    /// Change what the machine offers to all members together.
    pub fn set_capacity(&mut self, capacity: Resources) {
        self.capacity = capacity;
    }

    /// Take back a settled member of which the hub speaks again (it was restored from a backup). Answers whether there
    /// was room for it.
    pub fn restore_settled(&mut self, mut member: Member, out: &mut Transition) -> bool {
        self.sequence += 1;
        member.sequence = self.sequence;
        if self.members.len() >= MEMBERS_MAX {
            out.rejected.push(member);
            return false;
        }
        member.settled = false;
        out.reports.insert(member.run.clone());
        out.write.insert(member.run.clone(), member.clone());
        self.members.insert(member.run.clone(), member);
        true
    }

    /// What follows from `input`.
    pub fn apply(&mut self, input: Input, now: Moment, out: &mut Transition) {
        match input {
            Input::DesiredReceived(desired, admission) => {
                self.apply_desired(&desired, admission, now, out)
            }
            Input::AdmissionChanged(run, admission) => {
                self.update_member(&run, now, out, |m| m.apply_admission(admission))
            }
            Input::WorkObserved(key, state) => self.apply_observed(&key, state, now, out),
            Input::WorkCompleted(key) => {
                self.update_member(&key.run, now, out, |m| m.complete |= m.attempt == key.attempt)
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
                self.apply_ack(&run, attempt, settled, now, out)
            }
            Input::Connected { incarnation } => {
                self.disconnected_since = None;
                if incarnation != self.incarnation {
                    // A restored hub counts its wishes from an older number on.
                    self.incarnation = incarnation;
                    self.members.values_mut().for_each(|m| m.generation = 0);
                    out.write_later.extend(
                        self.members.keys().filter(|run| !self.unjournaled.contains(*run)).cloned(),
                    );
                }
                self.retry_waiting(now, out);
            }
            Input::Disconnected => {
                self.disconnected_since = Some(self.disconnected_since.unwrap_or(now.monotonic));
                self.settled_unjournaled.clear();
            }
            Input::Resumed => {
                self.disconnected_since = self.disconnected_since.map(|_| now.monotonic)
            }
            Input::WriteFailed(actions) => self.undo_unwritten(&actions, now, out),
            Input::WriteRecovered => {
                self.is_journal_failing = false;
                self.retry_waiting(now, out);
            }
            Input::Tick => self.expire_holds(now, out),
        }
    }

    fn apply_desired(
        &mut self,
        desired: &DesiredMember,
        admission: Option<Admission>,
        now: Moment,
        out: &mut Transition,
    ) {
        if self.members.len() < MEMBERS_MAX
            && let Some(member) = self.settled_unjournaled.remove(&desired.run)
        {
            self.sequence += 1;
            out.reports.insert(desired.run.clone());
            self.unjournaled.insert(desired.run.clone());
            self.members.insert(
                desired.run.clone(),
                Member { settled: false, sequence: self.sequence, ..member },
            );
        }
        if let Some(member) = self.members.get(&desired.run) {
            let exchanged = desired.digest.is_some()
                && member.digest.is_some()
                && desired.digest != member.digest;
            let incarnation = self.incarnation;
            self.update_member(&desired.run, now, out, |m| {
                // A hub that does not know the member vouches for nothing.
                if !desired.orphan {
                    m.incarnation = incarnation;
                }
                if !m.apply_desired(desired) {
                    return;
                }
                if exchanged && desired.phase != DesiredPhase::Stopped {
                    m.apply_admission(Admission::Refuse(Reason::new(
                        ReasonCode::SpecInvalid,
                        "the spec is not the one this run began with",
                    )));
                } else if let Some(admission) = admission {
                    m.apply_admission(admission);
                }
            });
        } else if !desired.orphan && self.members.len() >= MEMBERS_MAX {
            self.reject(desired, out);
        } else if !desired.orphan {
            // It may have been started here, by a journal that is gone. Never again.
            let claimed = matches!(desired.phase, DesiredPhase::Running | DesiredPhase::Stopped);
            let seen = self.is_being_stopped(&desired.run);
            let member = Member { incarnation: self.incarnation, ..Member::new(desired) };
            if claimed && !seen {
                self.unjournaled.insert(desired.run.clone());
            } else {
                out.write.insert(desired.run.clone(), member.clone());
            }
            self.members.insert(desired.run.clone(), member);
            self.update_member(&desired.run, now, out, |m| {
                if claimed {
                    // What the journal does not know was seen dead before the hub heard of this agent, except for work that
                    // the runtime found later.
                    m.work = if seen { WorkStage::Stopping } else { WorkStage::None };
                    m.bindings.clear();
                    m.fail(ReasonCode::AgentStateLost, RUN_UNKNOWN);
                } else if let Some(admission) = admission {
                    m.apply_admission(admission);
                }
            });
        }
    }

    /// Whether the runtime has shown work of this run that the journal does not know, and that has not ended yet.
    fn is_being_stopped(&self, run: &RunId) -> bool {
        let first = WorkKey { run: run.clone(), attempt: 0 };
        self.requested.range(first..).next().is_some_and(|(key, _)| &key.run == run)
    }

    /// There is no room for a member nobody here knows. Nothing of it is alive either: what the journal does not know is
    /// stopped before the hub hears of us.
    fn reject(&mut self, desired: &DesiredMember, out: &mut Transition) {
        self.sequence += 1;
        let (phase, reason) = match desired.phase {
            DesiredPhase::Admitted | DesiredPhase::Reserved => {
                let message = format!(
                    "the agent holds {MEMBERS_MAX} members, the most it takes: try again when some have ended"
                );
                (MemberPhase::Refused, Reason::new(ReasonCode::ResourcesExhausted, message))
            }
            DesiredPhase::Running | DesiredPhase::Stopped => {
                (MemberPhase::Failed, Reason::new(ReasonCode::AgentStateLost, RUN_UNKNOWN))
            }
        };
        out.rejected.push(Member {
            sequence: self.sequence,
            phase,
            reason: Some(reason),
            ..Member::new(desired)
        });
    }

    fn apply_observed(
        &mut self,
        key: &WorkKey,
        state: WorkState,
        now: Moment,
        out: &mut Transition,
    ) {
        let alive = matches!(
            state,
            WorkState::Held { .. }
                | WorkState::Starting { .. }
                | WorkState::Running
                | WorkState::Unseen(_)
        );
        let gone = state == WorkState::Absent;
        if gone {
            self.requested.remove(key);
        }
        let Some(member) = self.members.get(&key.run) else {
            // Nobody's: left by a journal that is lost, or settled and on its way out.
            if alive {
                self.request(Action::Stop(key.clone(), 0), out);
            } else if !gone {
                self.request_forget(key.clone(), out);
            }
            return;
        };
        if key.attempt != member.attempt {
            self.update_member(&key.run, now, out, |m| {
                if alive {
                    m.stale_attempts.insert(key.attempt);
                } else {
                    m.stale_attempts.remove(&key.attempt);
                }
            });
            if !alive && !gone {
                self.request_forget(key.clone(), out);
            }
            return;
        }
        let mut is_unwanted = false;
        self.update_member(&key.run, now, out, |m| is_unwanted = m.apply_observed(state));
        if is_unwanted {
            self.request(Action::Stop(key.clone(), 0), out);
        }
    }

    fn apply_ack(
        &mut self,
        run: &RunId,
        attempt: u32,
        settled: bool,
        now: Moment,
        out: &mut Transition,
    ) {
        let Some(member) = self.members.get(run).filter(|m| settled && m.attempt == attempt) else {
            return;
        };
        if !member.phase.is_terminal() {
            // For the hub it is history, and nobody will ever tell us to end it.
            self.update_member(run, now, out, |m| {
                if m.pending_outcome.is_none() {
                    m.pending_outcome = Some((
                        MemberPhase::Stopped,
                        Some(Reason::new(ReasonCode::StopRequested, "the hub has closed the run")),
                    ));
                }
            });
            return;
        }
        let Some(mut member) = self.members.remove(run) else { return };
        if member.work == WorkStage::Dead {
            self.request_forget(member.key(), out);
        }
        self.requested.retain(|key, _| &key.run != run);
        member.settled = true;
        self.waiting.remove(run);
        out.write_later.remove(run);
        out.reports.remove(run);
        if !self.unjournaled.remove(run) {
            out.write.insert(run.clone(), member);
            return;
        }
        self.settled_unjournaled.insert(run.clone(), member);
        if self.settled_unjournaled.len() > MEMBERS_MAX {
            self.settled_unjournaled.pop_first();
        }
    }

    fn undo_unwritten(&mut self, actions: &[Action], now: Moment, out: &mut Transition) {
        self.is_journal_failing = true;
        for action in actions {
            let key = action.key();
            match action {
                Action::Hold(_) => {
                    self.requested.remove(key);
                    self.update_member(&key.run, now, out, |m| {
                        if m.work == WorkStage::Holding && m.attempt == key.attempt {
                            m.work = WorkStage::None;
                        }
                    });
                }
                Action::Start(_) => {
                    self.requested.remove(key);
                    self.update_member(&key.run, now, out, |m| {
                        if m.work == WorkStage::Started && m.attempt == key.attempt {
                            m.undo_start();
                            m.fail(
                                ReasonCode::AgentDiskFull,
                                "the agent's disk is full: it cannot write down the start",
                            );
                        }
                    });
                }
                Action::Stop(..) | Action::Forget(_) => {}
            }
        }
    }

    fn expire_holds(&mut self, now: Moment, out: &mut Transition) {
        if self.next_due().is_none_or(|due| now.monotonic < due) {
            return;
        }
        let expired: Vec<RunId> = self
            .members
            .values()
            .filter(|m| Self::is_expirable_hold(m))
            .map(|m| m.run.clone())
            .collect();
        let message = format!("let go after {} s without the hub", self.hold_max_s);
        for run in expired {
            self.update_member(&run, now, out, |m| {
                m.release_hold();
                m.return_to_admitted(Some(Reason::new(ReasonCode::HoldExpired, message.clone())));
            });
        }
    }

    /// Try again for all that wait.
    fn retry_waiting(&mut self, now: Moment, out: &mut Transition) {
        for run in self.waiting.iter().cloned().collect::<Vec<_>>() {
            self.update_member(&run, now, out, |_| {});
        }
    }

    /// Change one member, draw the conclusions, and note what has to be written, done and said about it.
    fn update_member(
        &mut self,
        run: &RunId,
        now: Moment,
        out: &mut Transition,
        change: impl FnOnce(&mut Member),
    ) {
        let Some(before) = self.members.get(run).cloned() else { return };
        let Some(member) = self.members.get_mut(run) else { return };
        change(member);
        self.reconcile_member(run, now, out);
        let Some(member) = self.members.get_mut(run) else { return };
        if !member.has_same_report(&before) {
            self.sequence += 1;
            member.sequence = self.sequence;
            out.reports.insert(run.clone());
        }
        let written = !self.unjournaled.contains(run);
        if written
            && (member.durable_state() != before.durable_state() || out.write.contains_key(run))
        {
            out.write.insert(run.clone(), member.clone());
        } else if written && *member != before {
            out.write_later.insert(run.clone());
        }
        let freed = member.is_dead() && !before.is_dead();
        self.index_live_run(run);
        if freed {
            self.retry_waiting(now, out);
        }
    }

    fn index_live_run(&mut self, run: &RunId) {
        let Some(member) = self.members.get(run) else { return };
        if !member.is_dead() {
            self.live_runs.entry(member.task.clone()).or_default().insert(run.clone());
        } else if let Some(runs) = self.live_runs.get_mut(&member.task) {
            runs.remove(run);
            if runs.is_empty() {
                self.live_runs.remove(&member.task);
            }
        }
    }

    /// What follows from what a member is. Calling it twice does nothing more.
    fn reconcile_member(&mut self, run: &RunId, now: Moment, out: &mut Transition) {
        let obstacle = self.hold_obstacle(run);
        let Some(member) = self.members.get_mut(run) else { return };
        self.waiting.remove(run);
        if member.pending_outcome.is_none() && !member.phase.is_terminal() {
            match member.desired {
                DesiredPhase::Admitted => {
                    if matches!(member.work, WorkStage::Holding | WorkStage::Held) {
                        member.release_hold();
                        member.return_to_admitted(None);
                    } else if member.phase == MemberPhase::Pending {
                        member.return_to_admitted(None);
                    }
                }
                DesiredPhase::Reserved
                    if member.work == WorkStage::None
                        && member.phase != MemberPhase::WaitingApproval =>
                {
                    match obstacle {
                        None => {
                            member.work = WorkStage::Holding;
                        }
                        Some(Obstacle::Permanent(reason)) => {
                            member.pending_outcome = Some((MemberPhase::Refused, Some(reason)))
                        }
                        Some(Obstacle::Temporary(reason)) => {
                            let reason = reason.or_else(|| member.reason.take());
                            member.return_to_admitted(reason);
                            self.waiting.insert(run.clone());
                        }
                    }
                }
                DesiredPhase::Running => match member.work {
                    WorkStage::Held => {
                        member.record_start();
                        member.phase = MemberPhase::Starting;
                    }
                    WorkStage::Holding | WorkStage::Started => {}
                    WorkStage::None | WorkStage::Stopping | WorkStage::Dead => {
                        let message = format!(
                            "nothing is held here for reservation round {}",
                            member.attempt
                        );
                        member.fail(ReasonCode::HoldExpired, message);
                    }
                },
                DesiredPhase::Reserved | DesiredPhase::Stopped => {}
            }
        }
        if member.pending_outcome.is_some()
            && matches!(member.work, WorkStage::Holding | WorkStage::Held | WorkStage::Started)
        {
            member.work = WorkStage::Stopping;
        }
        member.finish(now.wall);
        let grace = member.needs.grace_s;
        let mut wanted: Vec<Action> = member
            .stale_attempts
            .iter()
            .map(|attempt| Action::Stop(WorkKey { run: run.clone(), attempt: *attempt }, grace))
            .collect();
        wanted.extend(match member.work {
            WorkStage::Holding => Some(Action::Hold(member.key())),
            WorkStage::Started => Some(Action::Start(member.key())),
            WorkStage::Stopping => Some(Action::Stop(member.key(), grace)),
            WorkStage::None | WorkStage::Held | WorkStage::Dead => None,
        });
        for action in wanted {
            self.request(action, out);
        }
    }

    fn request_forget(&mut self, key: WorkKey, out: &mut Transition) {
        self.requested.remove(&key);
        out.actions.push(Action::Forget(key));
    }

    fn request(&mut self, action: Action, out: &mut Transition) {
        let same =
            |asked: &Action| std::mem::discriminant(asked) == std::mem::discriminant(&action);
        if self.requested.get(action.key()).is_some_and(same) {
            return;
        }
        self.requested.insert(action.key().clone(), action.clone());
        out.actions.push(action);
    }

    /// What keeps a member that wishes a hold from having one.
    fn hold_obstacle(&self, run: &RunId) -> Option<Obstacle> {
        let member = self.members.get(run)?;
        let temporary =
            |code, message: String| Some(Obstacle::Temporary(Some(Reason::new(code, message))));
        if member.desired != DesiredPhase::Reserved || member.work != WorkStage::None {
            return None;
        }
        let Needs { resources: wanted, .. } = &member.needs;
        let Resources { cpu_millis, memory_mib } = &self.capacity;
        let beyond = |used: u32, want: u32, all: u32| all > 0 && want > all.saturating_sub(used);
        if beyond(0, wanted.cpu_millis, *cpu_millis) || beyond(0, wanted.memory_mib, *memory_mib) {
            let message = format!(
                "asks for {} cpu_millis and {} memory_mib; the party offers {cpu_millis} and {memory_mib} (0 = no limit)",
                wanted.cpu_millis, wanted.memory_mib
            );
            return Some(Obstacle::Permanent(Reason::new(ReasonCode::ResourcesExhausted, message)));
        }
        if !member.stale_attempts.is_empty()
            || self
                .live_runs
                .get(&member.task)
                .is_some_and(|runs| runs.iter().any(|other| other != run))
        {
            return temporary(
                ReasonCode::PreviousRunStopping,
                "an older run of this task is not yet proven dead".to_owned(),
            );
        }
        if self.is_journal_failing {
            return temporary(
                ReasonCode::AgentDiskFull,
                "the agent's disk is full: it takes no new work".to_owned(),
            );
        }
        if self.disconnected_since.is_some() {
            return Some(Obstacle::Temporary(None));
        }
        if *cpu_millis == 0 && *memory_mib == 0 {
            return None;
        }
        let mut used = Resources::default();
        for other in self.live_runs.values().flatten().filter_map(|run| self.members.get(run)) {
            used.cpu_millis = used.cpu_millis.saturating_add(other.needs.resources.cpu_millis);
            used.memory_mib = used.memory_mib.saturating_add(other.needs.resources.memory_mib);
        }
        if beyond(used.cpu_millis, wanted.cpu_millis, *cpu_millis)
            || beyond(used.memory_mib, wanted.memory_mib, *memory_mib)
        {
            return temporary(
                ReasonCode::ResourcesExhausted,
                "other runs use what the party offers; waiting for them to end".to_owned(),
            );
        }
        None
    }
}

const RUN_UNKNOWN: &str = "the party's agent does not know the run: its journal was lost";

/// Why a hold is not taken.
enum Obstacle {
    /// It never will be.
    Permanent(Reason),
    /// It is tried again when something has changed.
    Temporary(Option<Reason>),
}
