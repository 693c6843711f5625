//! Creation of a task.

use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::TaskId;
use flow_domain::run::{Event, EventKind};
use flow_domain::task::{Task, TaskBody};
use flow_domain::template::Template;
use flow_domain::time::Timestamp;

use super::draft::TaskDraft;
use super::offers::Offers;
use super::{IdempotencyKey, Principal};
use crate::store::{IdempotencyRecord, Store, TaskRow};

/// Returns the template after a check of all rules of a task's content that do not depend on the
/// stored task. Revisions of templates never change; a party that is removed before the task is
/// stored is detected at the start.
pub(super) async fn check(
    store: &Store,
    principal: &Principal,
    body: &TaskBody,
) -> Result<Template, Error> {
    let template = template(store, principal, body).await?;
    let offers = Offers::of_task(store, &principal.project, body).await?;
    body.validate_among(&template.body, &|party| offers.contains(party), &offers.named)?;
    offers.check_datasets(body)?;
    Ok(template)
}

/// Returns the template of a task in the revision that the task names.
pub(super) async fn template(
    store: &Store,
    principal: &Principal,
    body: &TaskBody,
) -> Result<Template, Error> {
    let Some(latest) =
        store.template(&body.template).await?.filter(|found| found.project == principal.project)
    else {
        return Err(Error::new(
            ErrorCode::TemplateNotFound,
            format!("there is no template {}", body.template),
        ));
    };
    if latest.revision == body.revision {
        return Ok(latest);
    }
    store.template_revision(&body.template, body.revision).await?.ok_or_else(|| {
        let message = format!(
            "template {:?} has revisions 1 to {}, not {}",
            latest.name, latest.revision, body.revision
        );
        Error::new(ErrorCode::RevisionNotFound, message)
    })
}

/// Error for a new task with the name of another.
pub(super) fn name_taken(name: &str) -> Error {
    let message =
        format!("a task named {name:?} exists: choose another name, or start the existing one");
    Error::new(ErrorCode::TaskNameTaken, message)
}

pub(super) fn create(
    id: TaskId,
    principal: &Principal,
    body: &TaskBody,
    idem: Option<&IdempotencyKey>,
    now: Timestamp,
) -> TaskDraft {
    let mut draft = TaskDraft::new(Task {
        id: id.clone(),
        project: principal.project.clone(),
        body: body.clone(),
        created_at: now,
        modified_at: now,
        runs: 0,
        deleted_at: None,
    });
    draft.body_changed = true;
    draft.creator = Some(principal.user.clone());
    let message = format!("submitted by {}", principal.subject);
    draft.event(now, Event { kind: EventKind::TaskCreated, run: None, party: None, message });
    draft.idempotency = idem.map(|idem| record(idem, id.as_str(), now));
    draft
}

/// Returns a task that was just created, as the store returns it.
pub(super) fn row(task: Task, principal: &Principal) -> TaskRow {
    let creator = Some(principal.subject.clone());
    TaskRow { task, version: 1, event_seq: 1, phase: None, latest_run: None, creator }
}

pub(super) fn record(idem: &IdempotencyKey, resource: &str, now: Timestamp) -> IdempotencyRecord {
    IdempotencyRecord {
        scope: idem.scope.clone(),
        key: idem.key.clone(),
        request: idem.request.clone(),
        response: resource.to_owned(),
        at: now,
    }
}
