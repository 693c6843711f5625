//! When a run has to be looked at again though nothing is heard.

use super::advance::all_heard;
use super::{Run, RunPhase, VERDICT_DEADLINE_S};
use crate::member::Contact;
use crate::time::Timestamp;

/// The next moment at which [`super::Input::Tick`] may change something; `None` if only news can.
#[must_use]
pub fn next_due(run: &Run) -> Option<Timestamp> {
    let give_up = || {
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
            // Past `not_before`, only news move a queued run: a party that comes, or agrees.
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
            due.extend(give_up());
        }
        RunPhase::Running => {
            if all_heard(run) {
                due.push(run.progress_at.plus_secs(run.rules.no_progress_s));
                due.extend(run.trainers_done_at.map(|at| at.plus_secs(VERDICT_DEADLINE_S)));
            }
            due.extend(give_up());
        }
        RunPhase::Stopping => due.extend(run.phase_until),
        RunPhase::Succeeded | RunPhase::Failed | RunPhase::Cancelled => {}
    }
    due.into_iter().min()
}
