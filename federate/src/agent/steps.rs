//! The log of members' lives: one line for each step, limited in number because a hub can cause
//! steps without end. Texts of the hub are escaped and clipped.

use flow_common::clock;
use flow_common::text::foreign;
use flow_domain::member::{Exit, MemberPhase};

use super::Agent;
use crate::member::Member;
use crate::reconcile::{MemberStep, StepKind};

/// More than a busy party has; at this rate a hostile hub causes less than 1 GB a day.
pub(super) const STEP_LINES_PER_MINUTE_MAX: u32 = 600;
/// Longest name of the hub in a line, in characters.
const NAME_CHARS_MAX: usize = 100;
/// Longest reason in a line, in characters.
const REASON_CHARS_MAX: usize = 500;

impl Agent {
    pub(super) fn log_steps(&mut self, steps: impl Iterator<Item = MemberStep>) {
        for MemberStep { kind, member } in steps {
            if let Some(left_out) = self.step_lines.admit(clock::monotonic()) {
                self.log_step(kind, &member, left_out);
            }
        }
    }

    fn log_step(&self, kind: StepKind, member: &Member, left_out: u64) {
        let Member { run, task, attempt, .. } = member;
        let party = &self.config.party;
        match kind {
            StepKind::Received => {
                let spec = member.digest.as_ref().and_then(|digest| self.specs.get(digest));
                let spec = spec.map(|sealed| &sealed.spec);
                tracing::info!(
                    party.id = %party,
                    run.id = %run,
                    task.id = %task,
                    attempt,
                    role = spec.map(|spec| spec.role.as_str()),
                    image = spec.map(|spec| foreign(&spec.image, NAME_CHARS_MAX)),
                    dataset = spec.and_then(|spec| spec.dataset.as_ref()).map(|name| name.as_str()),
                    digest = member.digest.as_ref().map(|digest| digest.as_str()),
                    left_out = flow_common::log_limit::if_any(left_out),
                    "received a member"
                );
            }
            StepKind::PhaseChanged => {
                let event = phase_event(member.phase);
                let reason = member.reason.as_ref();
                let reason = reason.map(|why| foreign(&why.to_string(), REASON_CHARS_MAX));
                let exit = member.exit.as_ref();
                let exit = exit.map_or((None, None), |Exit { code, signal, .. }| (*code, *signal));
                tracing::info!(
                    party.id = %party,
                    run.id = %run,
                    task.id = %task,
                    attempt,
                    phase = member.phase.as_str(),
                    reason,
                    exit_status = exit.0,
                    signal = exit.1,
                    left_out = flow_common::log_limit::if_any(left_out),
                    "{event}"
                );
            }
            StepKind::Settled => {
                tracing::info!(
                    party.id = %party,
                    run.id = %run,
                    task.id = %task,
                    attempt,
                    phase = member.phase.as_str(),
                    left_out = flow_common::log_limit::if_any(left_out),
                    "purged a member: the hub has stored its end"
                );
            }
        }
    }
}

const fn phase_event(phase: MemberPhase) -> &'static str {
    match phase {
        MemberPhase::Pending => "the member has no decision yet",
        MemberPhase::WaitingApproval => "the member waits for approval",
        MemberPhase::Refused => "refused a member",
        MemberPhase::Admitted => "admitted a member; it holds nothing",
        MemberPhase::Reserved => "reserved ports and resources for a member",
        MemberPhase::Starting => "starting a member",
        MemberPhase::Running => "started a member",
        MemberPhase::Succeeded => "a member ended with success",
        MemberPhase::Failed => "a member failed",
        MemberPhase::Stopped => "stopped a member",
    }
}
