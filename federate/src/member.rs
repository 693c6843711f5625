//! One member as its own agent holds it: a value, and what a desired, a verdict or an observation makes of it.
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
pub const PORTS_PER_MEMBER_MAX: usize = 16;

/// What the hub wishes one member to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DesiredMember {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// Reservation round.
    pub attempt: u32,
    /// Number of the desired.
    pub generation: u64,
    /// What is wished.
    pub phase: DesiredPhase,
    /// Digest of the spec; may be missing when the hub does not know the member either.
    pub digest: Option<Digest>,
    /// With `running`: values for the spec's holes.
    pub bindings: Bindings,
    /// The hub does not know the member and wants it ended.
    pub orphan: bool,
    /// With `stopped`: the run goes on without this party.
    pub released: bool,
}

impl DesiredMember {
    /// Values for a start; with any other desired they mean nothing and are not kept.
    fn start_bindings(&self) -> Bindings {
        if self.phase == DesiredPhase::Running { self.bindings.clone() } else { Bindings::new() }
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
pub enum Admission {
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
pub enum WorkStage {
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
    /// Number of the newest desired heard.
    pub generation: u64,
    /// The incarnation of the hub's database that last wished something of it.
    #[serde(default)]
    pub incarnation: u64,
    /// The newest desired.
    pub desired: DesiredPhase,
    /// Digest of the spec.
    pub digest: Option<Digest>,
    /// Values for the spec's holes, once they are known.
    pub bindings: Bindings,
    /// What it asks of the party.
    pub needs: Needs,
    /// How far the work of this attempt is.
    pub work: WorkStage,
    /// The start of this attempt has been written down: there may be a log.
    #[serde(default)]
    pub started: bool,
    /// Other attempts of which something may be alive: they are being stopped.
    #[serde(rename = "strays")]
    pub stale_attempts: BTreeSet<u32>,
    /// The terminal phase to enter as soon as nothing is alive, and why.
    #[serde(rename = "doom")]
    pub pending_outcome: Option<(MemberPhase, Option<Reason>)>,
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
    pub fn new(desired: &DesiredMember) -> Self {
        Self {
            run: desired.run.clone(),
            task: desired.task.clone(),
            attempt: desired.attempt,
            generation: desired.generation,
            incarnation: 0,
            desired: desired.phase,
            digest: desired.digest.clone(),
            bindings: desired.start_bindings(),
            needs: Needs::default(),
            work: WorkStage::None,
            started: false,
            stale_attempts: BTreeSet::new(),
            pending_outcome: None,
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
        let phase = DesiredPhase::Stopped;
        let (bindings, digest) = (Bindings::new(), None);
        let desired = DesiredMember {
            run,
            task,
            attempt,
            generation: 0,
            phase,
            digest,
            bindings,
            orphan: false,
            released: false,
        };
        let text = "the entry of this member in its agent's journal was damaged: what the agent found of it was ended; start again";
        let (phase, reason) =
            (MemberPhase::Failed, Some(Reason::new(ReasonCode::AgentStateLost, text)));
        let unknown = Self::new(&desired);
        match settled {
            None => Self {
                work: WorkStage::Stopping,
                pending_outcome: Some((phase, reason)),
                ..unknown
            },
            at => Self {
                work: WorkStage::Dead,
                phase,
                reason,
                settled: true,
                finished_at: at,
                ..unknown
            },
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
        matches!(self.work, WorkStage::None | WorkStage::Dead) && self.stale_attempts.is_empty()
    }

    /// Why it is where it is, as it is reported: what it is waiting for now comes before what led there.
    #[must_use]
    pub fn reported_reason(&self) -> Option<&Reason> {
        self.delay.as_ref().or(self.reason.as_ref())
    }

    /// Digest of the spec it may still be started from.
    #[must_use]
    pub fn startable_spec(&self) -> Option<&Digest> {
        self.digest.as_ref().filter(|_| !self.phase.is_terminal())
    }

    /// Refused without ever having held anything. Whoever asks again is judged again; there is nothing to remember.
    #[must_use]
    pub fn is_refused_without_hold(&self) -> bool {
        self.phase == MemberPhase::Refused
            && self.work == WorkStage::None
            && self.stale_attempts.is_empty()
    }

    /// What a lost journal could not find out again from the hub and the runtime: a change of it must be durable before
    /// anything is done or said. The rest (that ports are held, that the workload runs) the runtime tells again.
    #[must_use]
    pub(crate) fn durable_state(&self) -> Self {
        let mut durable_state = Self { sequence: 0, delay: None, ..self.clone() };
        if !self.phase.is_terminal() {
            durable_state.phase = MemberPhase::Pending;
            durable_state.reason = None;
            durable_state.ports = BTreeMap::new();
            durable_state.endpoints = BTreeMap::new();
        }
        if self.work == WorkStage::Held {
            durable_state.work = WorkStage::Holding;
        }
        durable_state
    }

    /// Whether a report would say the same of both.
    #[must_use]
    pub(crate) fn has_same_report(&self, other: &Self) -> bool {
        let view = |m: &Self| (m.attempt, m.phase, m.complete);
        view(self) == view(other)
            && self.reported_reason() == other.reported_reason()
            && self.exit == other.exit
            && self.endpoints == other.endpoints
            && self.needs.resolution == other.needs.resolution
    }

    /// The hub wishes something. Answers whether it was news.
    pub(crate) fn apply_desired(&mut self, desired: &DesiredMember) -> bool {
        let older = (desired.attempt, desired.generation) <= (self.attempt, self.generation);
        // The end of a member is final whatever round the hub believes it is in: it may have been restored from a
        // backup and know fewer rounds than there were.
        let stop = desired.phase == DesiredPhase::Stopped && self.desired != DesiredPhase::Stopped;
        if older && !stop {
            return false;
        }
        if desired.attempt > self.attempt {
            self.begin_attempt(desired.attempt);
        }
        self.generation = desired.generation;
        if self.phase.is_terminal() {
            return true;
        }
        self.desired = desired.phase;
        self.bindings = desired.start_bindings();
        if desired.phase == DesiredPhase::Stopped && self.pending_outcome.is_none() {
            let reason = if desired.released {
                Reason::new(ReasonCode::Released, "the run went on without this party")
            } else {
                Reason::new(ReasonCode::StopRequested, "stopped as the hub wished")
            };
            self.pending_outcome = Some((MemberPhase::Stopped, Some(reason)));
        }
        true
    }

    /// A new reservation round: what the older one holds is let go.
    fn begin_attempt(&mut self, attempt: u32) {
        if !matches!(self.work, WorkStage::None | WorkStage::Dead) {
            self.stale_attempts.insert(self.attempt);
        }
        self.attempt = attempt;
        self.delay = None;
        if self.phase.is_terminal() {
            return;
        }
        self.work = WorkStage::None;
        self.started = false;
        self.ports.clear();
        self.endpoints.clear();
        self.bindings.clear();
        if self.phase != MemberPhase::WaitingApproval {
            self.return_to_admitted(None);
        }
    }

    /// Checked, nothing held.
    pub(crate) fn return_to_admitted(&mut self, reason: Option<Reason>) {
        self.phase = MemberPhase::Admitted;
        self.reason = reason;
        self.ports.clear();
        self.endpoints.clear();
    }

    /// The party's answer to the spec, for the present desired.
    pub(crate) fn apply_admission(&mut self, verdict: Admission) {
        if self.phase.is_terminal()
            || self.pending_outcome.is_some()
            || matches!(self.work, WorkStage::Started | WorkStage::Stopping)
        {
            return;
        }
        match verdict {
            Admission::Admit(needs) | Admission::Ask(needs, _)
                if needs.ports.len() > PORTS_PER_MEMBER_MAX =>
            {
                let message = format!(
                    "the spec wants {} ports; an agent holds at most {PORTS_PER_MEMBER_MAX} for a member",
                    needs.ports.len()
                );
                self.pending_outcome = Some((
                    MemberPhase::Refused,
                    Some(Reason::new(ReasonCode::SpecInvalid, message)),
                ));
            }
            Admission::Admit(needs) => {
                self.needs = needs;
                if self.phase == MemberPhase::WaitingApproval {
                    self.return_to_admitted(None);
                }
            }
            Admission::Ask(needs, reason) => {
                self.needs = needs;
                if self.desired == DesiredPhase::Running {
                    self.pending_outcome = Some((MemberPhase::Refused, Some(reason)));
                    return;
                }
                self.release_hold();
                self.phase = MemberPhase::WaitingApproval;
                self.reason = Some(reason);
            }
            Admission::Refuse(reason) => {
                // Nothing starts with them, so nothing bounds their size.
                self.bindings.clear();
                self.pending_outcome = Some((MemberPhase::Refused, Some(reason)));
            }
        }
    }

    /// The start is written down.
    pub(crate) fn record_start(&mut self) {
        self.work = WorkStage::Started;
        self.started = true;
    }

    /// It was not: the start cannot have happened.
    pub(crate) fn undo_start(&mut self) {
        self.work = WorkStage::Held;
        self.started = false;
    }

    /// Let go of a hold, if there is one.
    pub(crate) fn release_hold(&mut self) {
        if matches!(self.work, WorkStage::Holding | WorkStage::Held) {
            self.work = WorkStage::Stopping;
        }
    }

    /// It ends badly, unless it is ending already.
    pub(crate) fn fail(&mut self, code: ReasonCode, message: impl Into<String>) {
        if self.pending_outcome.is_none() && !self.phase.is_terminal() {
            self.pending_outcome = Some((MemberPhase::Failed, Some(Reason::new(code, message))));
        }
    }

    /// The runtime tells how the work of this attempt stands. Answers whether it is alive against our will.
    pub(crate) fn apply_observed(&mut self, state: WorkState) -> bool {
        match state {
            WorkState::Held(held) => match self.work {
                WorkStage::Holding | WorkStage::Held if self.pending_outcome.is_none() => {
                    self.work = WorkStage::Held;
                    self.ports = held.ports;
                    self.endpoints = held.endpoints;
                    self.phase = MemberPhase::Reserved;
                    self.reason = None;
                }
                WorkStage::Holding | WorkStage::Held | WorkStage::Started | WorkStage::Stopping => {
                }
                WorkStage::None | WorkStage::Dead => return true,
            },
            WorkState::Starting { reason } => {
                return self.mark_started(MemberPhase::Starting, reason);
            }
            WorkState::Running => return self.mark_started(MemberPhase::Running, None),
            WorkState::Unseen(reason) => {
                return self.mark_started(MemberPhase::Running, Some(reason));
            }
            WorkState::Exited(exit) => {
                self.work = WorkStage::Dead;
                self.apply_exit(exit);
            }
            WorkState::Lost(reason) => {
                self.work = WorkStage::Dead;
                if !self.phase.is_terminal() {
                    self.pending_outcome = Some((MemberPhase::Failed, Some(reason)));
                }
            }
            WorkState::Absent => match self.work {
                WorkStage::Stopping => self.work = WorkStage::Dead,
                WorkStage::Holding | WorkStage::Held => {
                    self.work = WorkStage::Dead;
                    self.return_to_admitted(Some(Reason::new(
                        ReasonCode::HoldExpired,
                        "the hold was lost",
                    )));
                }
                // Told to start and not there: it may have been on its way. Only a stop proves that it never comes.
                WorkStage::Started => self.fail(
                    ReasonCode::SidecarLost,
                    "the held work vanished before it was seen to start",
                ),
                WorkStage::None | WorkStage::Dead => {}
            },
        }
        false
    }

    /// A start is under way or done. A journal that was put back from a backup may not know that it was asked for:
    /// what runs, runs. It never goes back to starting; why somebody should look at it is told all the same, also of what
    /// is being stopped.
    fn mark_started(&mut self, phase: MemberPhase, reason: Option<Reason>) -> bool {
        match self.work {
            WorkStage::None | WorkStage::Holding | WorkStage::Held | WorkStage::Started
                if self.pending_outcome.is_none() =>
            {
                self.record_start();
                if self.phase != MemberPhase::Running {
                    self.phase = phase;
                }
                self.reason = reason;
                false
            }
            WorkStage::Stopping | WorkStage::Started | WorkStage::Holding | WorkStage::Held => {
                if self.phase.is_live() {
                    self.reason = reason;
                }
                false
            }
            WorkStage::None | WorkStage::Dead => true,
        }
    }

    /// The workload has ended. That it ended well outranks every desired; how it ended otherwise yields to a stop.
    fn apply_exit(&mut self, exit: Exit) {
        if self.phase.is_terminal() {
            return;
        }
        let failed =
            |code, message: String| (MemberPhase::Failed, Some(Reason::new(code, message)));
        let stopped = exit.reason.as_ref().is_some_and(|r| r.code == ReasonCode::StopRequested);
        let end = match (&exit.reason, exit.code, exit.signal) {
            (None, Some(0), _) => (MemberPhase::Succeeded, None),
            (Some(_), ..) | (None, ..) if self.pending_outcome.is_some() => {
                self.pending_outcome.take().expect("just seen")
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
        self.pending_outcome = Some(end);
    }

    /// Enter the terminal phase, if there is one to enter and nothing is alive.
    pub(crate) fn finish(&mut self, now: Timestamp) {
        if self.phase.is_terminal() || !self.is_dead() {
            return;
        }
        if let Some((phase, reason)) = self.pending_outcome.take() {
            self.phase = phase;
            self.reason = reason;
            self.delay = None;
            self.finished_at = Some(now);
            self.bindings.clear();
        }
    }
}
