//! Applies the templates and tasks of one request in one transaction, between the other changes.

use flow_api_types::ApplyOutcome;
use flow_common::clock;
use flow_common::error::chain;
use flow_domain::error::Error;

use super::commit::TRANSACTION_TIMEOUT;
use super::{AppliedChanges, Queue, TaskChanges};
use crate::engine::documents::{AppliedDocuments, DocumentsPost, Plan, PlannedTask};
use crate::engine::{IdempotencyKey, Principal, create, edit};
use crate::store::{DocumentsError, IdempotencyRecord, StoreError};

impl Queue {
    pub(super) async fn apply_documents(
        &mut self,
        DocumentsPost { principal, plan, idem, reply }: DocumentsPost,
    ) {
        let applied = self.apply_plan(&principal, plan, idem).await;
        // The caller may have disconnected.
        let _ = reply.send(applied);
    }

    /// Stores the plan. Returns `None`, and stores nothing, if an object has changed since the plan
    /// was made.
    async fn apply_plan(
        &mut self,
        principal: &Principal,
        Plan { templates, tasks }: Plan,
        idem: Option<IdempotencyKey>,
    ) -> Result<Option<AppliedDocuments>, Error> {
        let now = self.observe();
        let mut done = AppliedDocuments {
            templates: templates
                .iter()
                .map(|planned| (planned.outcome, planned.template.id.clone()))
                .collect(),
            tasks: Vec::with_capacity(tasks.len()),
        };
        let (mut groups, mut applied, mut updates) = (Vec::new(), Vec::new(), Vec::new());
        for PlannedTask { id, is_new, body, template: _ } in tasks {
            let (outcome, draft) = match self.draft(&id, now).await? {
                None if is_new => {
                    let draft = create::create(id.clone(), principal, &body, None, now.wall);
                    (ApplyOutcome::Created, draft)
                }
                Some(draft) if draft.task.deleted_at.is_some() => return Ok(None),
                Some(draft) if draft.task.body == body => (ApplyOutcome::Unchanged, draft),
                Some(mut draft) if draft.task.body.name == body.name => {
                    self.check_owner(principal, &draft).await?;
                    edit::edit(&mut draft, principal, &body, None, now.wall).map_err(|error| {
                        Error::new(error.code, format!("task {:?}: {}", body.name, error.message))
                    })?;
                    (ApplyOutcome::Edited, draft)
                }
                _ => return Ok(None),
            };
            done.tasks.push((outcome, id.clone()));
            let (update, after) = draft.finish(now.wall);
            updates.extend(update);
            groups.push(TaskChanges { task: id, queued: Vec::new() });
            applied.push(AppliedChanges { results: Vec::new(), update: None, after: Some(after) });
        }
        let record = idem.map(|idem| IdempotencyRecord {
            scope: idem.scope,
            key: idem.key,
            request: idem.request,
            response: serde_json::to_string(&done).unwrap_or_default(),
            at: now.wall,
        });
        let writes: Vec<_> = templates.iter().filter_map(|planned| planned.write()).collect();
        let storing =
            self.store.apply_documents(&principal.project, &writes, &updates, record.as_ref());
        let stored = match clock::timeout(TRANSACTION_TIMEOUT, storing).await {
            Ok(stored) => stored,
            Err(_) => Err(StoreError::timed_out().into()),
        };
        match stored {
            Ok(()) => {
                for (outcome, _) in &done.tasks {
                    match outcome {
                        ApplyOutcome::Created => self.metrics.task_change("create", "accepted"),
                        ApplyOutcome::Edited => self.metrics.task_change("edit", "accepted"),
                        ApplyOutcome::Unchanged => {}
                    }
                }
                self.publish(groups, applied, updates).await;
                Ok(Some(done))
            }
            Err(error) => {
                for group in &groups {
                    self.tasks.remove(&group.task);
                }
                match error {
                    DocumentsError::Conflict => Ok(None),
                    DocumentsError::Store(error) if error.is_refusal() => Err(error.into()),
                    DocumentsError::Store(error) => {
                        tracing::warn!(error = %chain(&error), "cannot store the documents of a request");
                        Err(error.into())
                    }
                }
            }
        }
    }
}
