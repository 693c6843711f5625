//! Templates and tasks that are stored together.

use flow_domain::id::ProjectId;

use super::apply::{WriteFailure, write_counted};
use super::db::{Tx, execute};
use super::error::{ApplyError, StoreError, is_unique_violation};
use super::quotas::{self, Usage};
use super::types::{IdempotencyRecord, Quotas, TaskUpdate, TemplateWrite};
use super::{Store, templates};

/// The reason why documents were not stored. After any error but [`StoreError::Unknown`] nothing was
/// stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DocumentsError {
    /// A template, a task or the idempotency key was changed since it was read. Read again, and apply
    /// again.
    #[error("an object has changed since it was read")]
    Conflict,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for DocumentsError {
    fn from(error: sqlx::Error) -> Self {
        if is_unique_violation(&error) { Self::Conflict } else { Self::Store(error.into()) }
    }
}

impl From<WriteFailure> for DocumentsError {
    fn from(failure: WriteFailure) -> Self {
        match failure {
            WriteFailure::Refused(ApplyError::Store(error)) => Self::Store(error),
            WriteFailure::Refused(ApplyError::Stale(_) | ApplyError::Duplicate { .. })
            | WriteFailure::Moved
            | WriteFailure::Exists(_) => Self::Conflict,
        }
    }
}

impl Store {
    /// Stores templates, updates of tasks and the answer to their request in one transaction.
    pub async fn apply_documents(
        &self,
        project: &ProjectId,
        templates: &[TemplateWrite],
        tasks: &[TaskUpdate],
        answer: Option<&IdempotencyRecord>,
    ) -> Result<(), DocumentsError> {
        let mut tx = self.write_tx("apply_documents").await?;
        match write_all(&mut tx, self.quotas, project, templates, tasks, answer).await {
            Ok(()) => Ok(tx.commit().await?),
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }
}

async fn write_all(
    tx: &mut Tx,
    quotas: Quotas,
    project: &ProjectId,
    templates: &[TemplateWrite],
    tasks: &[TaskUpdate],
    answer: Option<&IdempotencyRecord>,
) -> Result<(), DocumentsError> {
    if let Some(answer) = answer {
        execute!(
            &mut *tx,
            "INSERT INTO idempotency (scope, idem_key, project_id, request, response, at) VALUES (?, ?, ?, ?, ?, ?)",
            answer.scope.as_str(),
            answer.key.as_str(),
            project.as_str(),
            answer.request.as_str(),
            answer.response.as_str(),
            answer.at.0,
        )?;
    }
    let is_new = |write: &&TemplateWrite| matches!(write, TemplateWrite::Create(_));
    let mut usage = Usage::of_templates(templates.iter().filter(is_new).count());
    tasks.iter().for_each(|update| usage.add(update));
    quotas::count(tx, quotas, project, usage).await?;
    for write in templates {
        match write {
            TemplateWrite::Create(template) => templates::insert(tx, template).await?,
            TemplateWrite::Edit(template) => {
                if templates::edit(tx, template, template.revision - 1).await? == 0 {
                    return Err(DocumentsError::Conflict);
                }
            }
        }
    }
    let mut tasks: Vec<&TaskUpdate> = tasks.iter().collect();
    tasks.sort_by(|a, b| a.task.id.cmp(&b.task.id));
    Ok(write_counted(tx, &tasks).await?)
}
