//! Messages of the hub: desired members, and acknowledgements that settle a member.

use flow_common::clock::Moment;
use flow_domain::id::RunId;
use flow_domain::member::{DesiredPhase, MemberPhase, Reason, ReasonCode};

use super::{MEMBERS_MAX, MemberSet, MemberStep, StepKind, Transition};
use crate::member::{Admission, DesiredMember, Member, WorkStage};
use crate::runtime::WorkKey;

const RUN_UNKNOWN: &str =
    "the party's agent does not know the run: its journal was lost; start the task again";

impl MemberSet {
    pub(super) fn apply_desired(
        &mut self,
        desired: &DesiredMember,
        admission: Option<Admission>,
        now: Moment,
        out: &mut Transition,
    ) {
        self.reopen_unjournaled(&desired.run, out);
        if self.members.contains_key(&desired.run) {
            self.update_desired(desired, admission, now, out);
        } else if desired.orphan {
            // Neither side knows the member: there is nothing to stop.
        } else if self.members.len() >= MEMBERS_MAX {
            self.reject(desired, out);
        } else {
            self.insert(desired, admission, now, out);
        }
    }

    /// Returns a settled, unjournaled member to the set when the hub names it again.
    fn reopen_unjournaled(&mut self, run: &RunId, out: &mut Transition) {
        if self.members.len() >= MEMBERS_MAX {
            return;
        }
        let Some(member) = self.settled_unjournaled.remove(run) else { return };
        self.sequence += 1;
        out.reports.insert(run.clone());
        self.unjournaled.insert(run.clone());
        let member = Member { settled: false, sequence: self.sequence, ..member };
        self.members.insert(run.clone(), member);
    }

    fn update_desired(
        &mut self,
        desired: &DesiredMember,
        admission: Option<Admission>,
        now: Moment,
        out: &mut Transition,
    ) {
        let incarnation = self.incarnation;
        self.update_member(&desired.run, now, out, |m| {
            let has_other_spec = desired.digest.is_some()
                && m.digest.is_some()
                && desired.digest != m.digest
                && desired.phase != DesiredPhase::Stopped;
            // A hub that does not know the member confirms nothing about it.
            if !desired.orphan {
                m.incarnation = incarnation;
            }
            if !m.apply_desired(desired) {
                return;
            }
            if has_other_spec {
                m.apply_admission(Admission::Refuse(Reason::new(
                    ReasonCode::SpecInvalid,
                    "the hub changed the spec during the run: start the task again",
                )));
            } else if let Some(admission) = admission {
                m.apply_admission(admission);
            }
        });
    }

    fn insert(
        &mut self,
        desired: &DesiredMember,
        admission: Option<Admission>,
        now: Moment,
        out: &mut Transition,
    ) {
        // A lost journal may have started this run. The agent never starts it again.
        let claims_start = matches!(desired.phase, DesiredPhase::Running | DesiredPhase::Stopped);
        let has_unknown_work = self.has_unknown_work(&desired.run);
        let member = Member { incarnation: self.incarnation, ..Member::new(desired) };
        if claims_start && !has_unknown_work {
            self.unjournaled.insert(desired.run.clone());
        } else {
            out.write.insert(desired.run.clone(), member.clone());
        }
        out.steps.push(MemberStep { kind: StepKind::Received, member: member.clone() });
        self.members.insert(desired.run.clone(), member);
        self.update_member(&desired.run, now, out, |m| {
            if claims_start {
                // The agent stops all work that the journal does not know before it connects. Only
                // work that the runtime found later may still be alive.
                m.work = if has_unknown_work { WorkStage::Stopping } else { WorkStage::None };
                m.bindings.clear();
                m.fail(ReasonCode::AgentStateLost, RUN_UNKNOWN);
            } else if let Some(admission) = admission {
                m.apply_admission(admission);
            }
        });
    }

    /// True if the runtime has shown work of this run that the journal does not know and that has
    /// not ended yet.
    fn has_unknown_work(&self, run: &RunId) -> bool {
        let first = WorkKey { run: run.clone(), attempt: 0 };
        self.requested.range(first..).next().is_some_and(|(key, _)| &key.run == run)
    }

    /// Rejects a member that the agent does not know, because the set is full. None of its work is
    /// alive: the agent stops what the journal does not know before it connects.
    fn reject(&mut self, desired: &DesiredMember, out: &mut Transition) {
        self.sequence += 1;
        let (phase, reason) = match desired.phase {
            DesiredPhase::Admitted | DesiredPhase::Reserved => {
                let message = format!(
                    "the agent holds {MEMBERS_MAX} members, the limit: retry when some have ended"
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

    /// Returns a settled member to the set when a hub restored from a backup names it again.
    /// Returns false if the set is full.
    pub fn restore_settled(&mut self, mut member: Member, out: &mut Transition) -> bool {
        self.sequence += 1;
        member.sequence = self.sequence;
        if self.members.len() >= MEMBERS_MAX {
            out.rejected.push(member);
            return false;
        }
        member.settled = false;
        out.steps.push(MemberStep { kind: StepKind::Received, member: member.clone() });
        out.reports.insert(member.run.clone());
        out.write.insert(member.run.clone(), member.clone());
        self.members.insert(member.run.clone(), member);
        true
    }

    pub(super) fn apply_ack(
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
            // The hub has closed the run and will never send a stop.
            self.update_member(run, now, out, |m| {
                if m.pending_outcome.is_none() {
                    let reason =
                        Reason::new(ReasonCode::StopRequested, "the hub has closed the run");
                    m.pending_outcome = Some((MemberPhase::Stopped, Some(reason)));
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
        out.steps.push(MemberStep { kind: StepKind::Settled, member: member.clone() });
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
}
