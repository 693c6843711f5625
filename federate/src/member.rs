//! One member of a run as its own agent records it, and the transitions of that record.
//!
//! [`WorkStage`] is the life of one `WorkKey`: the runtime holds it once, starts it once and stops
//! it once. A key that was released is never used again; only a new attempt can hold again. A
//! member enters a terminal phase only when no work of any of its attempts is alive.
//!
//! The journal stores [`Member`] as JSON, so a renamed field keeps its old name in `serde(rename)`.

use std::collections::{BTreeMap, BTreeSet};

use flow_common::loopback::is_loopback_host;
use flow_domain::bindings::Bindings;
use flow_domain::framework::contract::EXIT_PEER_LOST;
use flow_domain::id::{Digest, RunId, TaskId};
use flow_domain::member::{DesiredPhase, Exit, MemberPhase, Reason, ReasonCode, Role};
use flow_domain::template::Resources;
use flow_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::runtime::{WorkKey, WorkState};

pub const PORTS_PER_MEMBER_MAX: usize = 16;

/// The parsed message of the hub about one member, without the bytes of the spec.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DesiredMember {
    pub run: RunId,
    pub task: TaskId,
    /// Name of the task for people; empty if the hub did not send it. Escaped and clipped.
    pub task_name: String,
    /// Number of the run in its task for people; 0 if the hub did not send it.
    pub run_number: u32,
    pub attempt: u32,
    pub generation: u64,
    pub phase: DesiredPhase,
    /// Digest of the spec. `None` if the hub does not know the member either.
    pub digest: Option<Digest>,
    /// Values for the spec's holes; only with `running`.
    pub bindings: Bindings,
    /// The hub does not know the member and wants it stopped.
    pub orphan: bool,
    /// With `stopped`: the run continues without this party.
    pub released: bool,
}

impl DesiredMember {
    /// Bindings of a start. The agent does not keep those of any other desired phase.
    fn start_bindings(&self) -> Bindings {
        if self.phase == DesiredPhase::Running { self.bindings.clone() } else { Bindings::new() }
    }
}

/// Needs of a member, read from its spec at admission.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Needs {
    /// Names of the ports to hold.
    pub ports: Vec<String>,
    pub resources: Resources,
    /// Seconds between SIGTERM and SIGKILL.
    pub grace_s: u64,
    /// Digest of what the spec's image and dataset names mean at this party.
    pub resolution: Option<Digest>,
    /// Role in the spec, for people: the agent does not keep the spec of an ended member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// The decision of the party's policy about a spec.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Admission {
    Admit(Needs),
    /// A person must approve the spec first.
    Ask(Needs, Reason),
    Refuse(Reason),
}

/// Life of one `WorkKey`, in order. A stage never returns to an earlier one.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum WorkStage {
    /// No request was made.
    #[default]
    None,
    /// A hold was requested.
    Holding,
    Held,
    /// The start is recorded, so it may have happened.
    Started,
    /// A stop was requested.
    Stopping,
    /// Nothing of the key is alive or will ever be.
    Dead,
}

/// A hub of an earlier version names no number of the run.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_unknown(run_number: &u32) -> bool {
    *run_number == 0
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Member {
    pub run: RunId,
    pub task: TaskId,
    /// See [`DesiredMember::task_name`]; from the first desired member that has one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task_name: String,
    #[serde(default, skip_serializing_if = "is_unknown")]
    pub run_number: u32,
    /// Newest attempt that the hub has named.
    pub attempt: u32,
    /// Generation of the newest desired member.
    pub generation: u64,
    /// Incarnation of the hub's database that last sent a desired member for this run.
    #[serde(default)]
    pub incarnation: u64,
    pub desired: DesiredPhase,
    pub digest: Option<Digest>,
    /// Values for the spec's holes, from the request to start until the end.
    pub bindings: Bindings,
    pub needs: Needs,
    /// Stage of the work of this attempt.
    pub work: WorkStage,
    /// The start of this attempt is recorded, so there may be a log.
    #[serde(default)]
    pub started: bool,
    /// Older attempts whose work may be alive and is being stopped.
    #[serde(rename = "strays")]
    pub stale_attempts: BTreeSet<u32>,
    /// The terminal phase to enter as soon as nothing is alive, and its reason.
    #[serde(rename = "doom")]
    pub pending_outcome: Option<(MemberPhase, Option<Reason>)>,
    /// The phase that the agent reports.
    pub phase: MemberPhase,
    pub reason: Option<Reason>,
    /// The resolution for which the party's administrator has approved the spec. A start uses the
    /// approval up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Digest>,
    /// Reason for the delay of the current request to the runtime; the runtime queue retries it.
    #[serde(default)]
    pub delay: Option<Reason>,
    pub exit: Option<Exit>,
    /// Held ports by name.
    pub ports: BTreeMap<String, u16>,
    /// Addresses for the other members, by port name.
    #[serde(default)]
    pub endpoints: BTreeMap<String, String>,
    /// The framework reports that the training is complete.
    pub complete: bool,
    /// Sequence of the newest report.
    pub sequence: u64,
    /// The hub has stored the terminal report.
    pub settled: bool,
    /// Time at which the member entered its terminal phase.
    pub finished_at: Option<Timestamp>,
}

impl Member {
    #[must_use]
    pub fn new(desired: &DesiredMember) -> Self {
        Self {
            run: desired.run.clone(),
            task: desired.task.clone(),
            task_name: desired.task_name.clone(),
            run_number: desired.run_number,
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
            approved: None,
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

    /// The substitute for a member whose journal entry cannot be read. Its work may have been
    /// started, so the agent stops it and starts nothing in this or an older attempt. `settled` is
    /// the time of its end if it had settled.
    #[must_use]
    pub fn unreadable(run: RunId, task: TaskId, attempt: u32, settled: Option<Timestamp>) -> Self {
        let desired = DesiredMember {
            run,
            task,
            task_name: String::new(),
            run_number: 0,
            attempt,
            generation: 0,
            phase: DesiredPhase::Stopped,
            digest: None,
            bindings: Bindings::new(),
            orphan: false,
            released: false,
        };
        let text = "the entry of this member in its agent's journal is damaged; the agent stopped \
                    the work that it found: start the task again";
        let (phase, reason) =
            (MemberPhase::Failed, Some(Reason::new(ReasonCode::AgentStateLost, text)));
        let member = Self::new(&desired);
        match settled {
            None => {
                Self { work: WorkStage::Stopping, pending_outcome: Some((phase, reason)), ..member }
            }
            finished_at => {
                Self { work: WorkStage::Dead, phase, reason, settled: true, finished_at, ..member }
            }
        }
    }

    /// TASK/NUMBER for people; empty if the hub did not send the name of the task.
    #[must_use]
    pub fn run_name(&self) -> String {
        match (self.task_name.as_str(), self.run_number) {
            ("", _) => String::new(),
            (name, 0) => name.to_owned(),
            (name, number) => format!("{name}/{number}"),
        }
    }

    /// The key of this attempt's work.
    #[must_use]
    pub fn key(&self) -> WorkKey {
        WorkKey { run: self.run.clone(), attempt: self.attempt }
    }

    /// No work of the member is alive, in any attempt.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(self.work, WorkStage::None | WorkStage::Dead) && self.stale_attempts.is_empty()
    }

    /// The reason that the agent reports: the delay of the current request, else the reason of the
    /// phase.
    #[must_use]
    pub fn reported_reason(&self) -> Option<&Reason> {
        self.delay.as_ref().or(self.reason.as_ref())
    }

    /// Digest of the spec from which the member may still be started.
    #[must_use]
    pub fn startable_spec(&self) -> Option<&Digest> {
        self.digest.as_ref().filter(|_| !self.phase.is_terminal())
    }

    /// The policy refused the member, which never held anything. The journal need not keep it: a
    /// repeated request is decided again.
    #[must_use]
    pub fn is_refused_without_hold(&self) -> bool {
        self.phase == MemberPhase::Refused
            && self.reason.as_ref().is_none_or(|why| why.code != ReasonCode::ApprovalDenied)
            && self.work == WorkStage::None
            && self.stale_attempts.is_empty()
    }

    /// The part of the record that neither the hub nor the runtime can report again. A change of
    /// it must be durable before the agent acts on it or reports it.
    #[must_use]
    pub(crate) fn durable_state(&self) -> Self {
        let mut state = Self { sequence: 0, delay: None, ..self.clone() };
        if !self.phase.is_terminal() {
            state.phase = MemberPhase::Pending;
            state.reason = None;
            state.ports = BTreeMap::new();
            state.endpoints = BTreeMap::new();
        }
        if self.work == WorkStage::Held {
            state.work = WorkStage::Holding;
        }
        state
    }

    /// True if the reports of both states are equal.
    #[must_use]
    pub(crate) fn has_same_report(&self, other: &Self) -> bool {
        let view = |m: &Self| (m.attempt, m.phase, m.complete);
        view(self) == view(other)
            && self.reported_reason() == other.reported_reason()
            && self.exit == other.exit
            && self.endpoints == other.endpoints
            && self.needs.resolution == other.needs.resolution
    }

    /// Applies a desired member of the hub. Returns false if it is outdated.
    pub(crate) fn apply_desired(&mut self, desired: &DesiredMember) -> bool {
        let is_older = (desired.attempt, desired.generation) <= (self.attempt, self.generation);
        // A stop is final in every attempt: a hub restored from a backup may know fewer attempts.
        let is_stop =
            desired.phase == DesiredPhase::Stopped && self.desired != DesiredPhase::Stopped;
        if is_older && !is_stop {
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
                Reason::new(ReasonCode::Released, "the run continued without this party")
            } else {
                Reason::new(ReasonCode::StopRequested, "stopped on request of the hub")
            };
            self.pending_outcome = Some((MemberPhase::Stopped, Some(reason)));
        }
        true
    }

    /// Begins a reservation round; the work of the older attempt becomes stale.
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

    /// Enters `admitted`, in which the member holds nothing.
    pub(crate) fn return_to_admitted(&mut self, reason: Option<Reason>) {
        self.phase = MemberPhase::Admitted;
        self.reason = reason;
        self.ports.clear();
        self.endpoints.clear();
    }

    /// Applies the policy's decision about the spec, unless the work has started or is ending.
    pub(crate) fn apply_admission(&mut self, admission: Admission) {
        if self.phase.is_terminal()
            || self.pending_outcome.is_some()
            || matches!(self.work, WorkStage::Started | WorkStage::Stopping)
        {
            return;
        }
        let admission = match admission {
            Admission::Ask(needs, _)
                if self.approved.is_some() && self.approved == needs.resolution =>
            {
                Admission::Admit(needs)
            }
            other => other,
        };
        match admission {
            Admission::Admit(needs) | Admission::Ask(needs, _)
                if needs.ports.len() > PORTS_PER_MEMBER_MAX =>
            {
                let message = format!(
                    "the spec requests {} ports; an agent holds at most {PORTS_PER_MEMBER_MAX} \
                     for a member: use fewer ports in the template",
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
                self.approved = None;
                let command = format!("{}: flow-federate approve {}", reason.message, self.run);
                let reason = Reason::new(reason.code, command);
                if self.desired == DesiredPhase::Running {
                    self.pending_outcome = Some((MemberPhase::Refused, Some(reason)));
                    return;
                }
                self.release_hold();
                self.phase = MemberPhase::WaitingApproval;
                self.reason = Some(reason);
            }
            Admission::Refuse(reason) => {
                // The journal must not keep them: their size is checked only for a start.
                self.bindings.clear();
                self.pending_outcome = Some((MemberPhase::Refused, Some(reason)));
            }
        }
    }

    /// Applies the approval of the party's administrator for this resolution of the spec.
    pub(crate) fn approve(&mut self, resolution: &Digest) {
        if self.is_waiting_for_approval() && self.needs.resolution.as_ref() == Some(resolution) {
            self.approved = Some(resolution.clone());
            self.return_to_admitted(None);
        }
    }

    /// True if the member waits for the party's administrator.
    #[must_use]
    pub fn is_waiting_for_approval(&self) -> bool {
        self.phase == MemberPhase::WaitingApproval && self.pending_outcome.is_none()
    }

    /// Ends the member with an outcome that the party's administrator decided, unless it is ending
    /// already.
    pub(crate) fn end_by_party(&mut self, phase: MemberPhase, reason: Reason) {
        if self.pending_outcome.is_none() && !self.phase.is_terminal() {
            self.pending_outcome = Some((phase, Some(reason)));
        }
    }

    /// Records the start. The agent must persist it before it asks the runtime to start.
    pub(crate) fn record_start(&mut self) {
        self.work = WorkStage::Started;
        self.started = true;
        self.approved = None;
    }

    /// Undoes [`Self::record_start`] after the journal refused the write: no start was requested.
    pub(crate) fn undo_start(&mut self) {
        self.work = WorkStage::Held;
        self.started = false;
    }

    pub(crate) fn release_hold(&mut self) {
        if matches!(self.work, WorkStage::Holding | WorkStage::Held) {
            self.work = WorkStage::Stopping;
        }
    }

    /// Fails the member, unless it is ending already.
    pub(crate) fn fail(&mut self, code: ReasonCode, message: impl Into<String>) {
        if self.pending_outcome.is_none() && !self.phase.is_terminal() {
            self.pending_outcome = Some((MemberPhase::Failed, Some(Reason::new(code, message))));
        }
    }

    /// Applies what the runtime observed of this attempt's work. Returns true if the work is alive
    /// and must be stopped.
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
                    let reason = Reason::new(ReasonCode::HoldExpired, "the hold was lost");
                    self.return_to_admitted(Some(reason));
                }
                // The start may still be on its way. Only a stop proves that it never happens.
                WorkStage::Started if self.phase == MemberPhase::Running => self.fail(
                    ReasonCode::SidecarLost,
                    "its run directory was removed while it ran; the agent killed every process of \
                     it that it found: start a new run",
                ),
                WorkStage::Started => self.fail(
                    ReasonCode::SidecarLost,
                    "its start is recorded, but the runtime has no trace of it: its run directory \
                     was removed, or it never started; start a new run",
                ),
                WorkStage::None | WorkStage::Dead => {}
            },
        }
        false
    }

    /// Applies the observation that the work is starting or running. A journal restored from a
    /// backup may not hold the request, but the work counts as started all the same. `running`
    /// never changes back to `starting`. A reason is reported also while the work is being stopped.
    /// Returns true if the work must be stopped.
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

    /// Applies the end of the workload. Success outranks every request; any other end yields to a
    /// stop.
    fn apply_exit(&mut self, exit: Exit) {
        if self.phase.is_terminal() {
            return;
        }
        let failed =
            |code, message: String| (MemberPhase::Failed, Some(Reason::new(code, message)));
        let is_stopped = exit.reason.as_ref().is_some_and(|r| r.code == ReasonCode::StopRequested);
        let outcome = match (&exit.reason, exit.code, exit.signal, self.pending_outcome.take()) {
            (None, Some(0), ..) => (MemberPhase::Succeeded, None),
            (.., Some(pending)) => pending,
            (Some(reason), ..) if is_stopped => (MemberPhase::Stopped, Some(reason.clone())),
            (Some(Reason { code: ReasonCode::PeerLost, .. }), ..)
            | (None, Some(EXIT_PEER_LOST), ..) => {
                failed(ReasonCode::PeerLost, self.peer_lost(&exit.last_lines))
            }
            (Some(reason), ..) => (MemberPhase::Failed, Some(reason.clone())),
            (None, Some(code), ..) => {
                failed(ReasonCode::ExitNonzero, format!("exited with status {code}"))
            }
            (None, None, Some(signal), _) => failed(
                ReasonCode::ExitSignal,
                format!("ended by signal {signal}; read its log for the cause"),
            ),
            (None, None, None, _) => {
                failed(ReasonCode::RuntimeError, "ended with an unknown exit status".to_owned())
            }
        };
        let mut exit = exit;
        if outcome.0 != MemberPhase::Failed {
            exit.last_lines.clear();
        }
        self.exit = Some(exit);
        self.pending_outcome = Some(outcome);
    }

    /// Describes the loss of a peer. The address is the one of the bindings that the workload
    /// printed, or the only one: the hub knows it.
    fn peer_lost(&self, last_lines: &[String]) -> String {
        let endpoints = self.bindings.iter().filter_map(|(name, address)| {
            let (party, _port) = name.strip_prefix("endpoint.")?.rsplit_once('.')?;
            Some((party, address))
        });
        let is_printed = |(_, address): &(&str, &String)| {
            last_lines.iter().any(|line| line.contains(address.as_str()))
        };
        let mut printed = endpoints.clone().filter(is_printed);
        let peer =
            printed.next().or_else(|| endpoints.clone().next().filter(|_| endpoints.count() == 1));
        let Some((party, address)) = peer else {
            return format!(
                "exited with status {EXIT_PEER_LOST}: it lost the connection to a peer; start a new run"
            );
        };
        let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
        let place = if is_loopback_host(host) {
            ", its own machine (members that run as processes connect on one machine only)"
        } else {
            ""
        };
        format!(
            "exited with status {EXIT_PEER_LOST}: it could not reach {party} at {address}{place}, or \
             lost the connection; start a new run"
        )
    }

    /// Enters the terminal phase if one is pending and nothing is alive.
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
