//! One member as its own agent holds it: a value, and what a wish, a verdict or an observation makes of it.
//!
//! The heart of it is [`Work`], the life of one `WorkKey`: it is held once, started once and stopped once. A key that
//! was released is burnt; only a new reservation round, with a new attempt, can hold again. A terminal phase is entered
//! only when nothing of the member, in this attempt or an older one, is alive any more.

use std::collections::{BTreeMap, BTreeSet};

use flow_domain::bindings::Bindings;
use flow_domain::framework::contract::EXIT_PEER_LOST;
use flow_domain::id::{Digest, RunId, TaskId};
use flow_domain::member::{DesiredPhase, Exit, MemberPhase, Reason, ReasonCode};
use flow_domain::template::Resources;
use flow_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::runtime::{WorkKey, WorkState};

/// Most ports held for one member.
pub const MOST_PORTS: usize = 16;

/// What the hub wishes one member to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wish {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// Reservation round.
    pub attempt: u32,
    /// Number of the wish.
    pub generation: u64,
    /// What is wished.
    pub desired: DesiredPhase,
    /// Digest of the spec; may be missing when the hub does not know the member either.
    pub digest: Option<Digest>,
    /// With `running`: values for the spec's holes.
    pub bindings: Bindings,
    /// The hub does not know the member and wants it ended.
    pub orphan: bool,
    /// With `stopped`: the run goes on without this party.
    pub released: bool,
}

impl Wish {
    /// Values for a start; with any other wish they mean nothing and are not kept.
    fn start_values(&self) -> Bindings {
        if self.desired == DesiredPhase::Running { self.bindings.clone() } else { Bindings::new() }
    }
}

/// What a member asks of the party, found when its spec was judged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Needs {
    /// Names of the ports to hold.
    pub ports: Vec<String>,
    /// Share of the machine.
    pub resources: Resources,
    /// Seconds between the polite and the hard end.
    pub grace_s: u64,
    /// What the image and dataset names mean here, hashed.
    pub resolution: Option<Digest>,
}

/// The party's answer to a spec.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It may run.
    Admit(Needs),
    /// A person must approve first.
    Ask(Needs, Reason),
    /// It may not run.
    Refuse(Reason),
}

/// Life of one `WorkKey`, in order. Never goes back.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// The runtime has not been asked for anything.
    #[default]
    None,
    /// A hold has been asked for.
    Holding,
    /// Ports are held.
    Held,
    /// The start has been written down: it may have happened.
    Started,
    /// The end has been asked for.
    Stopping,
    /// Nothing is alive, nor ever will be: the key is burnt.
    Dead,
}

/// One member of a run, at its own party.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Member {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// Newest reservation round heard of.
    pub attempt: u32,
    /// Number of the newest wish heard.
    pub generation: u64,
    /// The incarnation of the hub's database that last wished something of it.
    #[serde(default)]
    pub incarnation: u64,
    /// The newest wish.
    pub desired: DesiredPhase,
    /// Digest of the spec.
    pub digest: Option<Digest>,
    /// Values for the spec's holes, once they are known.
    pub bindings: Bindings,
    /// What it asks of the party.
    pub needs: Needs,
    /// How far the work of this attempt is.
    pub work: Work,
    /// The start of this attempt has been written down: there may be a log.
    #[serde(default)]
    pub started: bool,
    /// Other attempts of which something may be alive: they are being stopped.
    pub strays: BTreeSet<u32>,
    /// The terminal phase to enter as soon as nothing is alive, and why.
    pub doom: Option<(MemberPhase, Option<Reason>)>,
    /// What is reported.
    pub phase: MemberPhase,
    /// Why.
    pub reason: Option<Reason>,
    /// What keeps the runtime from doing what it was asked last; it is asked again.
    #[serde(default)]
    pub delay: Option<Reason>,
    /// How the workload ended.
    pub exit: Option<Exit>,
    /// Ports held, by name.
    pub ports: BTreeMap<String, u16>,
    /// What others may dial, by name of the port.
    #[serde(default)]
    pub endpoints: BTreeMap<String, String>,
    /// The framework's verdict.
    pub complete: bool,
    /// Sequence of the newest report.
    pub sequence: u64,
    /// The hub has stored the terminal report.
    pub settled: bool,
    /// When the terminal phase was entered.
    pub finished_at: Option<Timestamp>,
}

impl Member {
    /// A member just heard of.
    #[must_use]
    pub fn new(wish: &Wish) -> Self {
        Self {
            run: wish.run.clone(),
            task: wish.task.clone(),
            attempt: wish.attempt,
            generation: wish.generation,
            incarnation: 0,
            desired: wish.desired,
            digest: wish.digest.clone(),
            bindings: wish.start_values(),
            needs: Needs::default(),
            work: Work::None,
            started: false,
            strays: BTreeSet::new(),
            doom: None,
            phase: MemberPhase::Pending,
            reason: None,
            delay: None,
            exit: None,
            ports: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            complete: false,
            sequence: 0,
            settled: false,
            finished_at: None,
        }
    }

    /// What stands for a member whose journal entry cannot be read. It may have been started, so it is ended, and nothing
    /// is started in this or an older attempt. If it settled, at `settled`, it is history all the same.
    #[must_use]
    pub fn unreadable(run: RunId, task: TaskId, attempt: u32, settled: Option<Timestamp>) -> Self {
        let desired = DesiredPhase::Stopped;
        let (bindings, digest) = (Bindings::new(), None);
        let wish = Wish {
            run,
            task,
            attempt,
            generation: 0,
            desired,
            digest,
            bindings,
            orphan: false,
            released: false,
        };
        let text = "the entry of this member in its agent's journal was damaged: what the agent found of it was ended; start again";
        let (phase, reason) =
            (MemberPhase::Failed, Some(Reason::new(ReasonCode::AgentStateLost, text)));
        let unknown = Self::new(&wish);
        match settled {
            None => Self { work: Work::Stopping, doom: Some((phase, reason)), ..unknown },
            at => {
                Self { work: Work::Dead, phase, reason, settled: true, finished_at: at, ..unknown }
            }
        }
    }

    /// The key of this attempt's work.
    #[must_use]
    pub fn key(&self) -> WorkKey {
        WorkKey { run: self.run.clone(), attempt: self.attempt }
    }

    /// Nothing of the member is alive, in any attempt.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(self.work, Work::None | Work::Dead) && self.strays.is_empty()
    }

    /// Why it is where it is, as it is reported: what it is waiting for now comes before what led there.
    #[must_use]
    pub fn told_reason(&self) -> Option<&Reason> {
        self.delay.as_ref().or(self.reason.as_ref())
    }

    /// Digest of the spec it may still be started from.
    #[must_use]
    pub fn startable(&self) -> Option<&Digest> {
        self.digest.as_ref().filter(|_| !self.phase.is_terminal())
    }

    /// Refused without ever having held anything. Whoever asks again is judged again; there is nothing to remember.
    #[must_use]
    pub fn left_no_trace(&self) -> bool {
        self.phase == MemberPhase::Refused && self.work == Work::None && self.strays.is_empty()
    }

    /// What a lost journal could not find out again from the hub and the runtime: a change of it must be durable before
    /// anything is done or said. The rest (that ports are held, that the workload runs) the runtime tells again.
    #[must_use]
    pub(crate) fn essence(&self) -> Self {
        let mut essence = Self { sequence: 0, delay: None, ..self.clone() };
        if !self.phase.is_terminal() {
            essence.phase = MemberPhase::Pending;
            essence.reason = None;
            essence.ports = BTreeMap::new();
            essence.endpoints = BTreeMap::new();
        }
        if self.work == Work::Held {
            essence.work = Work::Holding;
        }
        essence
    }

    /// Whether a report would say the same of both.
    #[must_use]
    pub(crate) fn looks_like(&self, other: &Self) -> bool {
        let view = |m: &Self| (m.attempt, m.phase, m.complete);
        view(self) == view(other)
            && self.told_reason() == other.told_reason()
            && self.exit == other.exit
            && self.endpoints == other.endpoints
            && self.needs.resolution == other.needs.resolution
    }

    /// The hub wishes something. Answers whether it was news.
    pub(crate) fn hear(&mut self, wish: &Wish) -> bool {
        let older = (wish.attempt, wish.generation) <= (self.attempt, self.generation);
        // The end of a member is final whatever round the hub believes it is in: it may have been restored from a
        // backup and know fewer rounds than there were.
        let stop = wish.desired == DesiredPhase::Stopped && self.desired != DesiredPhase::Stopped;
        if older && !stop {
            return false;
        }
        if wish.attempt > self.attempt {
            self.next_round(wish.attempt);
        }
        self.generation = wish.generation;
        if self.phase.is_terminal() {
            return true;
        }
        self.desired = wish.desired;
        self.bindings = wish.start_values();
        if wish.desired == DesiredPhase::Stopped && self.doom.is_none() {
            let reason = if wish.released {
                Reason::new(ReasonCode::Released, "the run went on without this party")
            } else {
                Reason::new(ReasonCode::StopRequested, "stopped as the hub wished")
            };
            self.doom = Some((MemberPhase::Stopped, Some(reason)));
        }
        true
    }

    /// A new reservation round: what the older one holds is let go.
    fn next_round(&mut self, attempt: u32) {
        if !matches!(self.work, Work::None | Work::Dead) {
            self.strays.insert(self.attempt);
        }
        self.attempt = attempt;
        self.delay = None;
        if self.phase.is_terminal() {
            return;
        }
        self.work = Work::None;
        self.started = false;
        self.ports.clear();
        self.endpoints.clear();
        self.bindings.clear();
        if self.phase != MemberPhase::WaitingApproval {
            self.rest(None);
        }
    }

    /// Checked, nothing held.
    pub(crate) fn rest(&mut self, reason: Option<Reason>) {
        self.phase = MemberPhase::Admitted;
        self.reason = reason;
        self.ports.clear();
        self.endpoints.clear();
    }

    /// The party's answer to the spec, for the present wish.
    pub(crate) fn judge(&mut self, verdict: Verdict) {
        if self.phase.is_terminal()
            || self.doom.is_some()
            || matches!(self.work, Work::Started | Work::Stopping)
        {
            return;
        }
        match verdict {
            Verdict::Admit(needs) | Verdict::Ask(needs, _) if needs.ports.len() > MOST_PORTS => {
                let message = format!(
                    "the spec wants {} ports; an agent holds at most {MOST_PORTS} for a member",
                    needs.ports.len()
                );
                self.doom = Some((
                    MemberPhase::Refused,
                    Some(Reason::new(ReasonCode::SpecInvalid, message)),
                ));
            }
            Verdict::Admit(needs) => {
                self.needs = needs;
                if self.phase == MemberPhase::WaitingApproval {
                    self.rest(None);
                }
            }
            Verdict::Ask(needs, reason) => {
                self.needs = needs;
                if self.desired == DesiredPhase::Running {
                    self.doom = Some((MemberPhase::Refused, Some(reason)));
                    return;
                }
                self.release();
                self.phase = MemberPhase::WaitingApproval;
                self.reason = Some(reason);
            }
            Verdict::Refuse(reason) => {
                // Nothing starts with them, so nothing bounds their size.
                self.bindings.clear();
                self.doom = Some((MemberPhase::Refused, Some(reason)));
            }
        }
    }

    /// The start is written down.
    pub(crate) fn start(&mut self) {
        self.work = Work::Started;
        self.started = true;
    }

    /// It was not: the start cannot have happened.
    pub(crate) fn unstart(&mut self) {
        self.work = Work::Held;
        self.started = false;
    }

    /// Let go of a hold, if there is one.
    pub(crate) fn release(&mut self) {
        if matches!(self.work, Work::Holding | Work::Held) {
            self.work = Work::Stopping;
        }
    }

    /// It ends badly, unless it is ending already.
    pub(crate) fn fail(&mut self, code: ReasonCode, message: impl Into<String>) {
        if self.doom.is_none() && !self.phase.is_terminal() {
            self.doom = Some((MemberPhase::Failed, Some(Reason::new(code, message))));
        }
    }

    /// The runtime tells how the work of this attempt stands. Answers whether it is alive against our will.
    pub(crate) fn see(&mut self, state: WorkState) -> bool {
        match state {
            WorkState::Held(held) => match self.work {
                Work::Holding | Work::Held if self.doom.is_none() => {
                    self.work = Work::Held;
                    self.ports = held.ports;
                    self.endpoints = held.endpoints;
                    self.phase = MemberPhase::Reserved;
                    self.reason = None;
                }
                Work::Holding | Work::Held | Work::Started | Work::Stopping => {}
                Work::None | Work::Dead => return true,
            },
            WorkState::Starting { reason } => return self.up(MemberPhase::Starting, reason),
            WorkState::Running => return self.up(MemberPhase::Running, None),
            WorkState::Unseen(reason) => return self.up(MemberPhase::Running, Some(reason)),
            WorkState::Exited(exit) => {
                self.work = Work::Dead;
                self.conclude(exit);
            }
            WorkState::Lost(reason) => {
                self.work = Work::Dead;
                if !self.phase.is_terminal() {
                    self.doom = Some((MemberPhase::Failed, Some(reason)));
                }
            }
            WorkState::Absent => match self.work {
                Work::Stopping => self.work = Work::Dead,
                Work::Holding | Work::Held => {
                    self.work = Work::Dead;
                    self.rest(Some(Reason::new(ReasonCode::HoldExpired, "the hold was lost")));
                }
                // Told to start and not there: it may have been on its way. Only a stop proves that it never comes.
                Work::Started => self.fail(
                    ReasonCode::SidecarLost,
                    "the held work vanished before it was seen to start",
                ),
                Work::None | Work::Dead => {}
            },
        }
        false
    }

    /// A start is under way or done. A journal that was put back from a backup may not know that it was asked for:
    /// what runs, runs. It never goes back to starting; why somebody should look at it is told all the same, also of what
    /// is being stopped.
    fn up(&mut self, phase: MemberPhase, reason: Option<Reason>) -> bool {
        match self.work {
            Work::None | Work::Holding | Work::Held | Work::Started if self.doom.is_none() => {
                self.start();
                if self.phase != MemberPhase::Running {
                    self.phase = phase;
                }
                self.reason = reason;
                false
            }
            Work::Stopping | Work::Started | Work::Holding | Work::Held => {
                if self.phase.is_live() {
                    self.reason = reason;
                }
                false
            }
            Work::None | Work::Dead => true,
        }
    }

    /// The workload has ended. That it ended well outranks every wish; how it ended otherwise yields to a stop.
    fn conclude(&mut self, exit: Exit) {
        if self.phase.is_terminal() {
            return;
        }
        let failed =
            |code, message: String| (MemberPhase::Failed, Some(Reason::new(code, message)));
        let stopped = exit.reason.as_ref().is_some_and(|r| r.code == ReasonCode::StopRequested);
        let end = match (&exit.reason, exit.code, exit.signal) {
            (None, Some(0), _) => (MemberPhase::Succeeded, None),
            (Some(_), ..) | (None, ..) if self.doom.is_some() => {
                self.doom.take().expect("just seen")
            }
            (Some(reason), ..) if stopped => (MemberPhase::Stopped, Some(reason.clone())),
            (Some(reason), ..) => (MemberPhase::Failed, Some(reason.clone())),
            (None, Some(EXIT_PEER_LOST), _) => failed(
                ReasonCode::PeerLost,
                "the workload lost the other side (status 71)".to_owned(),
            ),
            (None, Some(code), _) => {
                failed(ReasonCode::ExitNonzero, format!("the workload exited with status {code}"))
            }
            (None, None, Some(signal)) => {
                failed(ReasonCode::ExitSignal, format!("the workload was ended by signal {signal}"))
            }
            (None, None, None) => {
                failed(ReasonCode::RuntimeError, "the workload ended, but not how".to_owned())
            }
        };
        self.exit = Some(exit);
        self.doom = Some(end);
    }

    /// Enter the terminal phase, if there is one to enter and nothing is alive.
    pub(crate) fn finish(&mut self, now: Timestamp) {
        if self.phase.is_terminal() || !self.is_dead() {
            return;
        }
        if let Some((phase, reason)) = self.doom.take() {
            self.phase = phase;
            self.reason = reason;
            self.delay = None;
            self.finished_at = Some(now);
            self.bindings.clear();
        }
    }
}
