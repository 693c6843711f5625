//! Edit of a task's content. Rejected while a run is active.

use flow_domain::error::{Error, ErrorCode};
use flow_domain::run::{Event, EventKind};
use flow_domain::task::TaskBody;
use flow_domain::time::Timestamp;

use super::Principal;
use super::draft::TaskDraft;

pub(super) fn edit(
    draft: &mut TaskDraft,
    principal: &Principal,
    body: &TaskBody,
    if_version: Option<u64>,
    now: Timestamp,
) -> Result<(), Error> {
    if draft.task.body == *body {
        return Ok(());
    }
    draft.check_version(if_version)?;
    if let Some(run) = draft.busy() {
        return Err(Error::new(
            ErrorCode::TaskActive,
            format!(
                "run {} of the task is {}: stop it, or wait for its end",
                run.number, run.phase
            ),
        ));
    }
    draft.task.body = body.clone();
    draft.task.modified_at = now;
    draft.body_changed = true;
    let message = format!("edited by {}", principal.subject);
    draft.event(now, Event { kind: EventKind::TaskEdited, run: None, party: None, message });
    Ok(())
}
