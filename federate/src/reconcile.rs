//! What one agent makes of what it hears: pure, total, and told the time.
//!
//! [`Party`] holds the members that have not settled. Each [`Input`] changes it and yields an [`Outcome`]: members to
//! journal, actions for the runtime, members to report. The driver performs them in that order, so that whatever is
//! done has been written before. Actions are derived from what members *are*, not from what just happened: after a
//! crash [`Party::restore`] yields again whatever was under way.
//!
//! Kept true here:
//! * no start without a hold of the very same attempt, and no hold or start twice for one key (see [`crate::member`]);
//! * at most one live member per task: a newer one waits, `previous_run_stopping`, until the older is proven dead;
//! * nothing is concluded from silence, but that a hold is let go after `hold_max_s` without the hub;
//! * what the runtime knows and nobody asked for is stopped;
//! * at most [`MOST_MEMBERS`] are held: who is turned away is answered, and not remembered;
//! * a run that neither journal nor runtime knows is answered from memory, and nothing is written for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use flow_common::clock::{Moment, Monotonic};
use flow_domain::id::{RunId, TaskId};
use flow_domain::member::{DesiredPhase, MemberPhase, Reason, ReasonCode};
use flow_domain::template::Resources;

use crate::member::{Member, Needs, Verdict, Wish, Work};
use crate::runtime::{WorkKey, WorkState};

/// Most members held at once that have not settled. Far more than a machine runs: it bounds what a hub can make us keep.
pub const MOST_MEMBERS: usize = 256;

/// What an agent can hear.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    /// The hub wishes something; unless it is a stop, with the party's verdict on the spec.
    Wish(Wish, Option<Verdict>),
    /// The party's configuration changed: its verdict on a member's spec now.
    Verdict(RunId, Verdict),
    /// The runtime tells how a key stands.
    Seen(WorkKey, WorkState),
    /// The framework says that the federation has finished.
    Complete(WorkKey),
    /// What was asked for this key will never work.
    Failed(WorkKey, Reason),
    /// What was asked for this key does not work yet, for this reason; `None` = it did, or is asked no more.
    Delayed(WorkKey, Option<Reason>),
    /// The hub has stored a report of this attempt; `settled`: it wants to hear no more.
    Acked {
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
    Away,
    /// This process did not run for a while, so it could not hear the hub: the time without the hub begins again.
    Resumed,
    /// The journal could not be written: these actions were not done.
    NotWritten(Vec<Action>),
    /// The journal can be written again.
    Written,
    /// Time has passed.
    Tick,
}

/// What the runtime is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Set aside what the member needs.
    Hold(WorkKey),
    /// See to it that the member is started.
    Ensure(WorkKey),
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
            Self::Hold(key) | Self::Ensure(key) | Self::Stop(key, _) | Self::Forget(key) => key,
        }
    }
}

/// What follows from an input, in the order in which it is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Members to journal before anything else. A settled one has left the party.
    pub write: BTreeMap<RunId, Member>,
    /// Members to journal at leisure: the runtime would tell it again.
    pub write_later: BTreeSet<RunId>,
    /// For the runtime.
    pub actions: Vec<Action>,
    /// Members whose report has changed.
    pub reports: BTreeSet<RunId>,
    /// Members to report as they are, once: there is no room to keep them.
    pub turned_away: Vec<Member>,
}

/// All unsettled members of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Party {
    members: BTreeMap<RunId, Member>,
    /// Runs of each task of which something may be alive here.
    alive: BTreeMap<TaskId, BTreeSet<RunId>>,
    /// Runs that wish a hold and have to wait for one.
    waiting: BTreeSet<RunId>,
    /// What the runtime was last asked for each key; not journaled, so that a new process asks again.
    asked: BTreeMap<WorkKey, Action>,
    /// Members that neither journal nor runtime knew when the hub claimed a start of them. They are never journaled: a hub
    /// that invents runs fills no disk, and a new process gives the same answer.
    unwritten: BTreeSet<RunId>,
    /// Those of them that settled in this session, at most [`MOST_MEMBERS`]: an older wish that was overtaken starts nothing.
    closed: BTreeMap<RunId, Member>,
    capacity: Resources,
    hold_max_s: u64,
    sequence: u64,
    incarnation: u64,
    away_since: Option<Monotonic>,
    journal_broken: bool,
}

impl Party {
    /// The party as its journal left it, and what has to be asked of the runtime again.
    #[must_use]
    pub fn restore(
        members: Vec<Member>,
        capacity: Resources,
        hold_max_s: u64,
        sequence: u64,
        incarnation: u64,
        now: Moment,
    ) -> (Self, Outcome) {
        let mut party = Self {
            members: members.into_iter().map(|m| (m.run.clone(), m)).collect(),
            alive: BTreeMap::new(),
            waiting: BTreeSet::new(),
            asked: BTreeMap::new(),
            unwritten: BTreeSet::new(),
            closed: BTreeMap::new(),
            capacity,
            hold_max_s,
            sequence,
            incarnation,
            away_since: Some(now.monotonic),
            journal_broken: false,
        };
        let mut out = Outcome::default();
        let runs: Vec<RunId> = party.members.keys().cloned().collect();
        for run in &runs {
            party.note_alive(run);
        }
        for run in &runs {
            party.touch(run, now, &mut out, |_| {});
        }
        (party, out)
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
    pub fn asked(&self, key: &WorkKey) -> Option<&Action> {
        self.asked.get(key)
    }

    /// When [`Input::Tick`] may change something.
    #[must_use]
    pub fn next_due(&self) -> Option<Monotonic> {
        let holds = self.members.values().any(Self::may_expire);
        self.away_since.filter(|_| holds).map(|since| since + Duration::from_secs(self.hold_max_s))
    }

    fn may_expire(member: &Member) -> bool {
        matches!(member.work, Work::Holding | Work::Held)
            && member.desired == DesiredPhase::Reserved
            && member.doom.is_none()
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
    pub fn recall(&mut self, mut member: Member, out: &mut Outcome) -> bool {
        self.sequence += 1;
        member.sequence = self.sequence;
        if self.members.len() >= MOST_MEMBERS {
            out.turned_away.push(member);
            return false;
        }
        member.settled = false;
        out.reports.insert(member.run.clone());
        out.write.insert(member.run.clone(), member.clone());
        self.members.insert(member.run.clone(), member);
        true
    }

    /// What follows from `input`.
    pub fn apply(&mut self, input: Input, now: Moment, out: &mut Outcome) {
        match input {
            Input::Wish(wish, verdict) => self.wish(&wish, verdict, now, out),
            Input::Verdict(run, verdict) => self.touch(&run, now, out, |m| m.judge(verdict)),
            Input::Seen(key, state) => self.seen(&key, state, now, out),
            Input::Complete(key) => {
                self.touch(&key.run, now, out, |m| m.complete |= m.attempt == key.attempt)
            }
            Input::Failed(key, reason) => self.touch(&key.run, now, out, |m| {
                if m.attempt == key.attempt {
                    m.fail(reason.code, reason.message);
                }
            }),
            Input::Delayed(key, reason) => self.touch(&key.run, now, out, |m| {
                if m.attempt == key.attempt && !m.phase.is_terminal() {
                    m.delay = reason;
                }
            }),
            Input::Acked { run, attempt, settled } => self.acked(&run, attempt, settled, now, out),
            Input::Connected { incarnation } => {
                self.away_since = None;
                if incarnation != self.incarnation {
                    // A restored hub counts its wishes from an older number on.
                    self.incarnation = incarnation;
                    self.members.values_mut().for_each(|m| m.generation = 0);
                    out.write_later.extend(
                        self.members.keys().filter(|run| !self.unwritten.contains(*run)).cloned(),
                    );
                }
                self.wake(now, out);
            }
            Input::Away => {
                self.away_since = Some(self.away_since.unwrap_or(now.monotonic));
                self.closed.clear();
            }
            Input::Resumed => self.away_since = self.away_since.map(|_| now.monotonic),
            Input::NotWritten(actions) => self.not_written(&actions, now, out),
            Input::Written => {
                self.journal_broken = false;
                self.wake(now, out);
            }
            Input::Tick => self.tick(now, out),
        }
    }

    fn wish(&mut self, wish: &Wish, verdict: Option<Verdict>, now: Moment, out: &mut Outcome) {
        if self.members.len() < MOST_MEMBERS
            && let Some(member) = self.closed.remove(&wish.run)
        {
            self.sequence += 1;
            out.reports.insert(wish.run.clone());
            self.unwritten.insert(wish.run.clone());
            self.members.insert(
                wish.run.clone(),
                Member { settled: false, sequence: self.sequence, ..member },
            );
        }
        if let Some(member) = self.members.get(&wish.run) {
            let exchanged =
                wish.digest.is_some() && member.digest.is_some() && wish.digest != member.digest;
            let incarnation = self.incarnation;
            self.touch(&wish.run, now, out, |m| {
                // A hub that does not know the member vouches for nothing.
                if !wish.orphan {
                    m.incarnation = incarnation;
                }
                if !m.hear(wish) {
                    return;
                }
                if exchanged && wish.desired != DesiredPhase::Stopped {
                    m.judge(Verdict::Refuse(Reason::new(
                        ReasonCode::SpecInvalid,
                        "the spec is not the one this run began with",
                    )));
                } else if let Some(verdict) = verdict {
                    m.judge(verdict);
                }
            });
        } else if !wish.orphan && self.members.len() >= MOST_MEMBERS {
            self.turn_away(wish, out);
        } else if !wish.orphan {
            // It may have been started here, by a journal that is gone. Never again.
            let claimed = matches!(wish.desired, DesiredPhase::Running | DesiredPhase::Stopped);
            let seen = self.is_being_stopped(&wish.run);
            let member = Member { incarnation: self.incarnation, ..Member::new(wish) };
            if claimed && !seen {
                self.unwritten.insert(wish.run.clone());
            } else {
                out.write.insert(wish.run.clone(), member.clone());
            }
            self.members.insert(wish.run.clone(), member);
            self.touch(&wish.run, now, out, |m| {
                if claimed {
                    // What the journal does not know was seen dead before the hub heard of this agent, except for work that
                    // the runtime found later.
                    m.work = if seen { Work::Stopping } else { Work::None };
                    m.bindings.clear();
                    m.fail(ReasonCode::AgentStateLost, UNKNOWN);
                } else if let Some(verdict) = verdict {
                    m.judge(verdict);
                }
            });
        }
    }

    /// Whether the runtime has shown work of this run that the journal does not know, and that has not ended yet.
    fn is_being_stopped(&self, run: &RunId) -> bool {
        let first = WorkKey { run: run.clone(), attempt: 0 };
        self.asked.range(first..).next().is_some_and(|(key, _)| &key.run == run)
    }

    /// There is no room for a member nobody here knows. Nothing of it is alive either: what the journal does not know is
    /// stopped before the hub hears of us.
    fn turn_away(&mut self, wish: &Wish, out: &mut Outcome) {
        self.sequence += 1;
        let (phase, reason) = match wish.desired {
            DesiredPhase::Admitted | DesiredPhase::Reserved => {
                let message = format!(
                    "the agent holds {MOST_MEMBERS} members, the most it takes: try again when some have ended"
                );
                (MemberPhase::Refused, Reason::new(ReasonCode::ResourcesExhausted, message))
            }
            DesiredPhase::Running | DesiredPhase::Stopped => {
                (MemberPhase::Failed, Reason::new(ReasonCode::AgentStateLost, UNKNOWN))
            }
        };
        out.turned_away.push(Member {
            sequence: self.sequence,
            phase,
            reason: Some(reason),
            ..Member::new(wish)
        });
    }

    fn seen(&mut self, key: &WorkKey, state: WorkState, now: Moment, out: &mut Outcome) {
        let alive = matches!(
            state,
            WorkState::Held { .. }
                | WorkState::Starting { .. }
                | WorkState::Running
                | WorkState::Unseen(_)
        );
        let gone = state == WorkState::Absent;
        if gone {
            self.asked.remove(key);
        }
        let Some(member) = self.members.get(&key.run) else {
            // Nobody's: left by a journal that is lost, or settled and on its way out.
            if alive {
                self.ask(Action::Stop(key.clone(), 0), out);
            } else if !gone {
                self.forget(key.clone(), out);
            }
            return;
        };
        if key.attempt != member.attempt {
            self.touch(&key.run, now, out, |m| {
                if alive {
                    m.strays.insert(key.attempt);
                } else {
                    m.strays.remove(&key.attempt);
                }
            });
            if !alive && !gone {
                self.forget(key.clone(), out);
            }
            return;
        }
        let mut rogue = false;
        self.touch(&key.run, now, out, |m| rogue = m.see(state));
        if rogue {
            self.ask(Action::Stop(key.clone(), 0), out);
        }
    }

    fn acked(&mut self, run: &RunId, attempt: u32, settled: bool, now: Moment, out: &mut Outcome) {
        let Some(member) = self.members.get(run).filter(|m| settled && m.attempt == attempt) else {
            return;
        };
        if !member.phase.is_terminal() {
            // For the hub it is history, and nobody will ever tell us to end it.
            self.touch(run, now, out, |m| {
                if m.doom.is_none() {
                    m.doom = Some((
                        MemberPhase::Stopped,
                        Some(Reason::new(ReasonCode::StopRequested, "the hub has closed the run")),
                    ));
                }
            });
            return;
        }
        let Some(mut member) = self.members.remove(run) else { return };
        if member.work == Work::Dead {
            self.forget(member.key(), out);
        }
        self.asked.retain(|key, _| &key.run != run);
        member.settled = true;
        self.waiting.remove(run);
        out.write_later.remove(run);
        out.reports.remove(run);
        if !self.unwritten.remove(run) {
            out.write.insert(run.clone(), member);
            return;
        }
        self.closed.insert(run.clone(), member);
        if self.closed.len() > MOST_MEMBERS {
            self.closed.pop_first();
        }
    }

    fn not_written(&mut self, actions: &[Action], now: Moment, out: &mut Outcome) {
        self.journal_broken = true;
        for action in actions {
            let key = action.key();
            match action {
                Action::Hold(_) => {
                    self.asked.remove(key);
                    self.touch(&key.run, now, out, |m| {
                        if m.work == Work::Holding && m.attempt == key.attempt {
                            m.work = Work::None;
                        }
                    });
                }
                Action::Ensure(_) => {
                    self.asked.remove(key);
                    self.touch(&key.run, now, out, |m| {
                        if m.work == Work::Started && m.attempt == key.attempt {
                            m.unstart();
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

    fn tick(&mut self, now: Moment, out: &mut Outcome) {
        if self.next_due().is_none_or(|due| now.monotonic < due) {
            return;
        }
        let expired: Vec<RunId> =
            self.members.values().filter(|m| Self::may_expire(m)).map(|m| m.run.clone()).collect();
        let message = format!("let go after {} s without the hub", self.hold_max_s);
        for run in expired {
            self.touch(&run, now, out, |m| {
                m.release();
                m.rest(Some(Reason::new(ReasonCode::HoldExpired, message.clone())));
            });
        }
    }

    /// Try again for all that wait.
    fn wake(&mut self, now: Moment, out: &mut Outcome) {
        for run in self.waiting.iter().cloned().collect::<Vec<_>>() {
            self.touch(&run, now, out, |_| {});
        }
    }

    /// Change one member, draw the conclusions, and note what has to be written, done and said about it.
    fn touch(
        &mut self,
        run: &RunId,
        now: Moment,
        out: &mut Outcome,
        change: impl FnOnce(&mut Member),
    ) {
        let Some(before) = self.members.get(run).cloned() else { return };
        let Some(member) = self.members.get_mut(run) else { return };
        change(member);
        self.drive(run, now, out);
        let Some(member) = self.members.get_mut(run) else { return };
        if !member.looks_like(&before) {
            self.sequence += 1;
            member.sequence = self.sequence;
            out.reports.insert(run.clone());
        }
        let written = !self.unwritten.contains(run);
        if written && (member.essence() != before.essence() || out.write.contains_key(run)) {
            out.write.insert(run.clone(), member.clone());
        } else if written && *member != before {
            out.write_later.insert(run.clone());
        }
        let freed = member.is_dead() && !before.is_dead();
        self.note_alive(run);
        if freed {
            self.wake(now, out);
        }
    }

    fn note_alive(&mut self, run: &RunId) {
        let Some(member) = self.members.get(run) else { return };
        if !member.is_dead() {
            self.alive.entry(member.task.clone()).or_default().insert(run.clone());
        } else if let Some(runs) = self.alive.get_mut(&member.task) {
            runs.remove(run);
            if runs.is_empty() {
                self.alive.remove(&member.task);
            }
        }
    }

    /// What follows from what a member is. Calling it twice does nothing more.
    fn drive(&mut self, run: &RunId, now: Moment, out: &mut Outcome) {
        let block = self.obstacle(run);
        let Some(member) = self.members.get_mut(run) else { return };
        self.waiting.remove(run);
        if member.doom.is_none() && !member.phase.is_terminal() {
            match member.desired {
                DesiredPhase::Admitted => {
                    if matches!(member.work, Work::Holding | Work::Held) {
                        member.release();
                        member.rest(None);
                    } else if member.phase == MemberPhase::Pending {
                        member.rest(None);
                    }
                }
                DesiredPhase::Reserved
                    if member.work == Work::None
                        && member.phase != MemberPhase::WaitingApproval =>
                {
                    match block {
                        None => {
                            member.work = Work::Holding;
                        }
                        Some(Obstacle::Never(reason)) => {
                            member.doom = Some((MemberPhase::Refused, Some(reason)))
                        }
                        Some(Obstacle::NotNow(reason)) => {
                            let reason = reason.or_else(|| member.reason.take());
                            member.rest(reason);
                            self.waiting.insert(run.clone());
                        }
                    }
                }
                DesiredPhase::Running => match member.work {
                    Work::Held => {
                        member.start();
                        member.phase = MemberPhase::Starting;
                    }
                    Work::Holding | Work::Started => {}
                    Work::None | Work::Stopping | Work::Dead => {
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
        if member.doom.is_some()
            && matches!(member.work, Work::Holding | Work::Held | Work::Started)
        {
            member.work = Work::Stopping;
        }
        member.finish(now.wall);
        let grace = member.needs.grace_s;
        let mut wanted: Vec<Action> = member
            .strays
            .iter()
            .map(|attempt| Action::Stop(WorkKey { run: run.clone(), attempt: *attempt }, grace))
            .collect();
        wanted.extend(match member.work {
            Work::Holding => Some(Action::Hold(member.key())),
            Work::Started => Some(Action::Ensure(member.key())),
            Work::Stopping => Some(Action::Stop(member.key(), grace)),
            Work::None | Work::Held | Work::Dead => None,
        });
        for action in wanted {
            self.ask(action, out);
        }
    }

    fn forget(&mut self, key: WorkKey, out: &mut Outcome) {
        self.asked.remove(&key);
        out.actions.push(Action::Forget(key));
    }

    fn ask(&mut self, action: Action, out: &mut Outcome) {
        let same =
            |asked: &Action| std::mem::discriminant(asked) == std::mem::discriminant(&action);
        if self.asked.get(action.key()).is_some_and(same) {
            return;
        }
        self.asked.insert(action.key().clone(), action.clone());
        out.actions.push(action);
    }

    /// What keeps a member that wishes a hold from having one.
    fn obstacle(&self, run: &RunId) -> Option<Obstacle> {
        let member = self.members.get(run)?;
        let not_now =
            |code, message: String| Some(Obstacle::NotNow(Some(Reason::new(code, message))));
        if member.desired != DesiredPhase::Reserved || member.work != Work::None {
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
            return Some(Obstacle::Never(Reason::new(ReasonCode::ResourcesExhausted, message)));
        }
        if !member.strays.is_empty()
            || self
                .alive
                .get(&member.task)
                .is_some_and(|runs| runs.iter().any(|other| other != run))
        {
            return not_now(
                ReasonCode::PreviousRunStopping,
                "an older run of this task is not yet proven dead".to_owned(),
            );
        }
        if self.journal_broken {
            return not_now(
                ReasonCode::AgentDiskFull,
                "the agent's disk is full: it takes no new work".to_owned(),
            );
        }
        if self.away_since.is_some() {
            return Some(Obstacle::NotNow(None));
        }
        if *cpu_millis == 0 && *memory_mib == 0 {
            return None;
        }
        let mut used = Resources::default();
        for other in self.alive.values().flatten().filter_map(|run| self.members.get(run)) {
            used.cpu_millis = used.cpu_millis.saturating_add(other.needs.resources.cpu_millis);
            used.memory_mib = used.memory_mib.saturating_add(other.needs.resources.memory_mib);
        }
        if beyond(used.cpu_millis, wanted.cpu_millis, *cpu_millis)
            || beyond(used.memory_mib, wanted.memory_mib, *memory_mib)
        {
            return not_now(
                ReasonCode::ResourcesExhausted,
                "other runs use what the party offers; waiting for them to end".to_owned(),
            );
        }
        None
    }
}

const UNKNOWN: &str = "the party's agent does not know the run: its journal was lost";

/// Why a hold is not taken.
enum Obstacle {
    /// It never will be.
    Never(Reason),
    /// It is tried again when something has changed.
    NotNow(Option<Reason>),
}
