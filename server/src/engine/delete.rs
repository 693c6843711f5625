//! Deletion of a task. The task is hidden at once; its members are kept until they have settled.

use flow_domain::error::Error;
use flow_domain::run::{Event, EventKind, Input};
use flow_domain::time::Timestamp;

use super::Principal;
use super::draft::TaskDraft;

pub(super) fn delete(
    draft: &mut TaskDraft,
    principal: &Principal,
    if_version: Option<u64>,
    now: Timestamp,
) -> Result<(), Error> {
    if draft.task.deleted_at.is_some() {
        return Ok(());
    }
    draft.check_version(if_version)?;
    draft.task.deleted_at = Some(now);
    let message = format!("deleted by {}", principal.subject);
    draft.event(now, Event { kind: EventKind::TaskDeleted, run: None, party: None, message });
    let active: Vec<_> =
        draft.runs.iter().filter(|run| run.is_active()).map(|run| run.id.clone()).collect();
    for run in active {
        // A refusal means that the run is ending already: the first cause stays.
        let _ =
            draft.input(&run, &Input::Stop { by: principal.subject.clone(), deleting: true }, now);
    }
    Ok(())
}
