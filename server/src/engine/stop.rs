//! Stop of a task's active run.

use flow_domain::error::{Error, ErrorCode};
use flow_domain::run::{Input, Outcome, Run};
use flow_domain::time::Timestamp;

use super::Principal;
use super::draft::TaskDraft;

pub(super) fn stop(
    draft: &mut TaskDraft,
    principal: &Principal,
    now: Timestamp,
) -> Result<(), Error> {
    let active: Vec<_> =
        draft.runs.iter().filter(|run| run.is_active()).map(|run| run.id.clone()).collect();
    if active.is_empty() {
        let newest = draft.runs.iter().max_by_key(|run| run.number);
        // A second stop succeeds, because the answer to the first may have been lost.
        let stopped = newest
            .and_then(|run| run.ending.as_ref())
            .is_some_and(|ending| ending.outcome == Outcome::Cancelled);
        let message = newest.map_or_else(|| "the task was never started".to_owned(), ended);
        return if stopped { Ok(()) } else { Err(Error::new(ErrorCode::TaskNotActive, message)) };
    }
    for run in active {
        // A refusal means that the run is ending already: the first cause stays.
        let _ =
            draft.input(&run, &Input::Stop { by: principal.subject.clone(), deleting: false }, now);
    }
    Ok(())
}

fn ended(run: &Run) -> String {
    format!("run {} of the task has {}: nothing is left to stop", run.number, run.phase)
}
