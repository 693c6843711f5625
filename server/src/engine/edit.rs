//! Changing a task's content between two runs.

use flow_domain::error::{Error, ErrorCode};
use flow_domain::run::{Event, EventKind};
use flow_domain::task::TaskBody;
use flow_domain::time::Timestamp;

use super::Principal;
use super::working::Working;

pub(super) fn edit(
    working: &mut Working,
    principal: &Principal,
    body: &TaskBody,
    if_version: Option<u64>,
    now: Timestamp,
) -> Result<(), Error> {
    if working.task.body == *body {
        return Ok(());
    }
    working.check_version(if_version)?;
    if let Some(run) = working.busy() {
        return Err(Error::new(
            ErrorCode::TaskActive,
            format!(
                "run {} of the task is {}: stop it, or wait for its end",
                run.number, run.phase
            ),
        ));
    }
    working.task.body = body.clone();
    working.task.modified_at = now;
    working.body_changed = true;
    let message = format!("edited by {}", principal.subject);
    working.event(now, Event { kind: EventKind::TaskEdited, run: None, party: None, message });
    Ok(())
}
