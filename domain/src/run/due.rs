//! The next deadline of a run without messages.

use super::advance::all_connected;
use super::{COMPLETION_DEADLINE_S, Run, RunPhase};
use crate::member::Contact;
use crate::time::Timestamp;

/// Returns the next time at which [`super::Input::Tick`] may change the run; `None` if only other
/// inputs can.
#[must_use]
pub fn next_due(run: &Run) -> Option<Timestamp> {
    let party_lost = || {
        run.members
            .iter()
            .filter(|m| m.required && !m.phase.is_terminal())
            .filter_map(|m| match m.contact {
                Contact::Away(since) => Some(since.plus_secs(run.rules.give_up_after_s)),
                Contact::Connected => None,
            })
            .min()
    };
    let mut due: Vec<Timestamp> = Vec::with_capacity(4);
    match run.phase {
        RunPhase::Queued => {
            due.push(run.queue_until);
            // After `not_before` only messages advance a queued run: a party connects or admits the
            // spec.
            if run.waiting.as_ref().is_some_and(|w| w.code == super::WaitCode::Backoff) {
                due.push(run.not_before);
            }
        }
        RunPhase::Reserving => {
            due.push(run.queue_until);
            due.extend(run.phase_until);
        }
        RunPhase::Starting => {
            due.extend(run.phase_until);
            due.extend(party_lost());
        }
        RunPhase::Running => {
            if all_connected(run) {
                due.push(run.progress_at.plus_secs(run.rules.no_progress_s));
                due.extend(run.trainers_done_at.map(|at| at.plus_secs(COMPLETION_DEADLINE_S)));
            }
            due.extend(party_lost());
        }
        RunPhase::Stopping => due.extend(run.phase_until),
        RunPhase::Succeeded | RunPhase::Failed | RunPhase::Cancelled => {}
    }
    due.into_iter().min()
}
