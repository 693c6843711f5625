//! Changes of one member: each change is followed by one reconciliation, whose consequences
//! (writes, requests, reports) are added to the transition.

use flow_common::clock::Moment;
use flow_domain::id::RunId;
use flow_domain::member::{DesiredPhase, MemberPhase, ReasonCode};

use super::hold::Obstacle;
use super::{Action, MemberSet, MemberStep, StepKind, Transition};
use crate::member::{Member, WorkStage};
use crate::runtime::WorkKey;

impl MemberSet {
    /// Changes one member, reconciles it and records what to write, request and report.
    pub(super) fn update_member(
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
        if member.phase != before.phase {
            let step = MemberStep { kind: StepKind::PhaseChanged, member: member.clone() };
            out.steps.push(step);
        }
        let is_journaled = !self.unjournaled.contains(run);
        let is_urgent =
            member.durable_state() != before.durable_state() || out.write.contains_key(run);
        if is_journaled && is_urgent {
            out.write.insert(run.clone(), member.clone());
        } else if is_journaled && *member != before {
            out.write_later.insert(run.clone());
        }
        let has_died = member.is_dead() && !before.is_dead();
        self.index_live_run(run);
        if has_died {
            self.retry_waiting(now, out);
        }
    }

    pub(super) fn index_live_run(&mut self, run: &RunId) {
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

    /// Moves a member towards its desired phase and requests what its state needs. Idempotent.
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
                        None => member.work = WorkStage::Holding,
                        Some(Obstacle::Permanent(reason)) => {
                            member.pending_outcome = Some((MemberPhase::Refused, Some(reason)));
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
                        let message =
                            format!("attempt {} has no hold at this party", member.attempt);
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
        for action in needed_actions(member) {
            self.request(action, out);
        }
    }

    /// Requests an action unless it is the last one requested for its key.
    pub(super) fn request(&mut self, action: Action, out: &mut Transition) {
        let is_same =
            |last: &Action| std::mem::discriminant(last) == std::mem::discriminant(&action);
        if self.requested.get(action.key()).is_some_and(is_same) {
            return;
        }
        self.requested.insert(action.key().clone(), action.clone());
        out.actions.push(action);
    }

    pub(super) fn request_forget(&mut self, key: WorkKey, out: &mut Transition) {
        self.requested.remove(&key);
        out.actions.push(Action::Forget(key));
    }
}

/// The requests that the state of a member needs.
fn needed_actions(member: &Member) -> Vec<Action> {
    let grace_s = member.needs.grace_s;
    let stale = member.stale_attempts.iter().map(|attempt| {
        Action::Stop(WorkKey { run: member.run.clone(), attempt: *attempt }, grace_s)
    });
    let current = match member.work {
        WorkStage::Holding => Some(Action::Hold(member.key())),
        WorkStage::Started => Some(Action::Start(member.key())),
        WorkStage::Stopping => Some(Action::Stop(member.key(), grace_s)),
        WorkStage::None | WorkStage::Held | WorkStage::Dead => None,
    };
    stale.chain(current).collect()
}
