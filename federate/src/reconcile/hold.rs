//! Holds: the obstacles that delay or prevent one, and its expiry without the hub.

use std::time::Duration;

use flow_common::clock::{Moment, Monotonic};
use flow_domain::id::RunId;
use flow_domain::member::{DesiredPhase, Reason, ReasonCode};
use flow_domain::template::Resources;

use super::{MemberSet, Transition};
use crate::member::{Member, WorkStage};

/// Reason for which the agent does not request a hold.
pub(super) enum Obstacle {
    Permanent(Reason),
    /// The agent retries after a change of the set, the session or the journal.
    Temporary(Option<Reason>),
}

impl MemberSet {
    /// The time at which [`super::Input::Tick`] may change something.
    #[must_use]
    pub fn next_due(&self) -> Option<Monotonic> {
        let has_hold = self.members.values().any(Self::is_expirable_hold);
        self.disconnected_since
            .filter(|_| has_hold)
            .map(|since| since + Duration::from_secs(self.hold_max_s))
    }

    fn is_expirable_hold(member: &Member) -> bool {
        matches!(member.work, WorkStage::Holding | WorkStage::Held)
            && member.desired == DesiredPhase::Reserved
            && member.pending_outcome.is_none()
    }

    pub(super) fn expire_holds(&mut self, now: Moment, out: &mut Transition) {
        if self.next_due().is_none_or(|due| now.monotonic < due) {
            return;
        }
        let expired: Vec<RunId> = self
            .members
            .values()
            .filter(|m| Self::is_expirable_hold(m))
            .map(|m| m.run.clone())
            .collect();
        let message = format!("the hold expired after {} s without the hub", self.hold_max_s);
        for run in expired {
            self.update_member(&run, now, out, |m| {
                m.release_hold();
                let reason = Reason::new(ReasonCode::HoldExpired, message.clone());
                m.return_to_admitted(Some(reason));
            });
        }
    }

    /// Reconciles all members that wait for a hold.
    pub(super) fn retry_waiting(&mut self, now: Moment, out: &mut Transition) {
        for run in self.waiting.iter().cloned().collect::<Vec<_>>() {
            self.update_member(&run, now, out, |_| {});
        }
    }

    /// The obstacle to the hold that the hub wants for this member, if there is one.
    pub(super) fn hold_obstacle(&self, run: &RunId) -> Option<Obstacle> {
        let member = self.members.get(run)?;
        if member.desired != DesiredPhase::Reserved || member.work != WorkStage::None {
            return None;
        }
        if let Some(reason) = self.exceeds_capacity(&member.needs.resources) {
            return Some(Obstacle::Permanent(reason));
        }
        let temporary =
            |code, message: &str| Some(Obstacle::Temporary(Some(Reason::new(code, message))));
        if !member.stale_attempts.is_empty() || self.has_other_live_run(member) {
            return temporary(
                ReasonCode::PreviousRunStopping,
                "an older run of this task is not proven dead yet",
            );
        }
        if self.is_journal_failing {
            return temporary(
                ReasonCode::AgentDiskFull,
                "the agent cannot write its journal and takes no new work: free space on its disk",
            );
        }
        if self.disconnected_since.is_some() {
            return Some(Obstacle::Temporary(None));
        }
        if self.is_capacity_in_use(member) {
            return temporary(
                ReasonCode::ResourcesExhausted,
                "other runs use the party's resources; the member waits for their end",
            );
        }
        None
    }

    fn has_other_live_run(&self, member: &Member) -> bool {
        let live = self.live_runs.get(&member.task);
        live.is_some_and(|runs| runs.iter().any(|run| *run != member.run))
    }

    /// The reason for which the party never holds these resources, if there is one.
    pub fn exceeds_capacity(&self, needed: &Resources) -> Option<Reason> {
        let Resources { cpu_millis, memory_mib } = needed;
        let capacity = &self.capacity;
        if fits(&Resources::default(), needed, capacity) {
            return None;
        }
        let message = format!(
            "the member needs {cpu_millis} cpu_millis and {memory_mib} memory_mib; the party \
             allows {} and {} (0 = no limit)",
            capacity.cpu_millis, capacity.memory_mib
        );
        Some(Reason::new(ReasonCode::ResourcesExhausted, message))
    }

    fn is_capacity_in_use(&self, member: &Member) -> bool {
        if self.capacity.cpu_millis == 0 && self.capacity.memory_mib == 0 {
            return false;
        }
        !fits(&self.used(), &member.needs.resources, &self.capacity)
    }

    /// Requests of the members that hold or use resources.
    #[must_use]
    pub fn used(&self) -> Resources {
        let mut used = Resources::default();
        for other in self.live_runs.values().flatten().filter_map(|run| self.members.get(run)) {
            used.cpu_millis = used.cpu_millis.saturating_add(other.needs.resources.cpu_millis);
            used.memory_mib = used.memory_mib.saturating_add(other.needs.resources.memory_mib);
        }
        used
    }
}

/// True if `needed` fits into `capacity` beside `used`. A capacity of 0 has no limit.
fn fits(used: &Resources, needed: &Resources, capacity: &Resources) -> bool {
    let fits = |used: u32, needed: u32, capacity: u32| {
        capacity == 0 || needed <= capacity.saturating_sub(used)
    };
    fits(used.cpu_millis, needed.cpu_millis, capacity.cpu_millis)
        && fits(used.memory_mib, needed.memory_mib, capacity.memory_mib)
}
