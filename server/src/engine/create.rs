//! Creation of a task.

use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{PartyId, TaskId};
use flow_domain::limits::MEMBERS_MAX;
use flow_domain::run::{Event, EventKind};
use flow_domain::task::{Task, TaskBody};
use flow_domain::template::Template;
use flow_domain::time::Timestamp;
use std::collections::HashSet;

use super::draft::TaskDraft;
use super::{IdempotencyKey, Principal};
use crate::store::{IdempotencyRecord, PageRequest, Store};

/// Existing parties that the error about an unknown one names.
const NAMED_PARTIES_MAX: u32 = 20;

/// Checks all rules of a task's content that do not depend on the stored task. Revisions of
/// templates never change; a party that is removed before the task is stored is detected at the
/// start.
pub(super) async fn check(
    store: &Store,
    principal: &Principal,
    body: &TaskBody,
) -> Result<(), Error> {
    let template = template(store, principal, body).await?;
    let mut known: HashSet<&PartyId> = HashSet::new();
    // The validation below rejects more members than this, so that no lookup is needed for them.
    for member in body.members.iter().take(MEMBERS_MAX) {
        if store.party(&member.party).await?.is_some() {
            known.insert(&member.party);
        }
    }
    let is_known = |party: &PartyId| known.contains(party);
    let names = if body.members.iter().all(|member| is_known(&member.party)) {
        Vec::new()
    } else {
        existing_parties(store).await?
    };
    body.validate_among(&template.body, &is_known, &names)?;
    Ok(())
}

/// Returns the parties that an error about an unknown one names.
pub(super) async fn existing_parties(store: &Store) -> Result<Vec<PartyId>, Error> {
    let parties = store.parties(&PageRequest::first(NAMED_PARTIES_MAX)).await?.items;
    Ok(parties.into_iter().map(|party| party.row.id).collect())
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
    let message = format!("submitted by {}", principal.subject);
    draft.event(now, Event { kind: EventKind::TaskCreated, run: None, party: None, message });
    draft.idempotency = idem.map(|idem| record(idem, id.as_str(), now));
    draft
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
