//! Templates and their revisions. A revision is never changed nor deleted, so that every run stays
//! explainable.

use flow_domain::id::{ProjectId, TemplateId};
use flow_domain::template::Template;
use flow_domain::time::Timestamp;

use super::db::{Tx, execute, in_tx, reading};
use super::error::{StoreError, is_unique_violation};
use super::page::{after_number, after_prefix, into_page};
use super::quotas::{self, Usage};
use super::types::{
    IdempotencyRecord, Page, PageRequest, TemplateChange, TemplateCreation, TemplateFilter,
};
use super::{Store, json, unsigned};

/// Tasks that a refused deletion names.
const NAMED_TASKS_MAX: i64 = 5;

#[derive(sqlx::FromRow)]
struct TemplateColumns {
    id: String,
    project_id: String,
    name: String,
    remark: String,
    revision: i64,
    created_at: i64,
    modified_at: i64,
    body: String,
}

/// Selects a template with one of its revisions.
const SELECT: &str = "SELECT t.id, t.project_id, t.name, r.remark, r.revision, t.created_at, r.created_at AS modified_at, r.body \
                      FROM templates t JOIN template_revisions r ON r.template_id = t.id";

impl TemplateColumns {
    fn read(self) -> Result<Template, StoreError> {
        let Self { id, project_id, name, remark, revision, created_at, modified_at, body } = self;
        let corrupt =
            |table, column, problem: String| StoreError::corrupt(table, column, &id, problem);
        Ok(Template {
            id: id.parse().map_err(|problem| corrupt("templates", "id", format!("{problem}")))?,
            project: project_id
                .parse()
                .map_err(|problem| corrupt("templates", "project_id", format!("{problem}")))?,
            name,
            remark,
            revision: u32::try_from(revision).map_err(|problem| {
                corrupt("template_revisions", "revision", problem.to_string())
            })?,
            body: serde_json::from_str(&body)
                .map_err(|problem| corrupt("template_revisions", "body", problem.to_string()))?,
            created_at: Timestamp(created_at),
            modified_at: Timestamp(modified_at),
        })
    }
}

/// Inserts a template with its first revision.
pub(super) async fn insert(tx: &mut Tx, template: &Template) -> Result<(), sqlx::Error> {
    execute!(
        &mut *tx,
        "INSERT INTO templates (id, project_id, name, tombstone, remark, revision, created_at, modified_at) VALUES (?, ?, ?, '', ?, 1, ?, ?)",
        template.id.as_str(),
        template.project.as_str(),
        template.name.as_str(),
        template.remark.as_str(),
        template.created_at.0,
        template.modified_at.0,
    )?;
    insert_revision(tx, template, 1).await
}

/// Adds a revision on top of revision `base`. Returns 0 if that is not the newest revision.
pub(super) async fn edit(tx: &mut Tx, template: &Template, base: u32) -> Result<u64, sqlx::Error> {
    let updated = execute!(
        &mut *tx,
        "UPDATE templates SET revision = revision + 1, name = ?, remark = ?, modified_at = ? WHERE id = ? AND revision = ? AND tombstone = ''",
        template.name.as_str(),
        template.remark.as_str(),
        template.modified_at.0,
        template.id.as_str(),
        i64::from(base),
    )?;
    if updated > 0 {
        insert_revision(tx, template, base + 1).await?;
    }
    Ok(updated)
}

async fn insert_revision(
    tx: &mut Tx,
    template: &Template,
    revision: u32,
) -> Result<(), sqlx::Error> {
    execute!(
        tx,
        "INSERT INTO template_revisions (template_id, revision, project_id, remark, body, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        template.id.as_str(),
        i64::from(revision),
        template.project.as_str(),
        template.remark.as_str(),
        json(&template.body),
        template.modified_at.0,
    )?;
    Ok(())
}

/// Returns the reason why a compare-and-swap matched no row.
async fn explain(tx: &mut Tx, id: &TemplateId) -> Result<TemplateChange, StoreError> {
    let newest: Option<i64> = in_tx!(tx, |c| {
        sqlx::query_scalar("SELECT revision FROM templates WHERE id = ? AND tombstone = ''")
            .bind(id.as_str())
            .fetch_optional(&mut *c)
            .await
    })?;
    Ok(match newest {
        None => TemplateChange::NotFound,
        Some(revision) => {
            TemplateChange::Stale { revision: u32::try_from(revision).unwrap_or(u32::MAX) }
        }
    })
}

impl Store {
    /// Creates a template with its first revision; stores the answer for the idempotency key with
    /// it.
    pub async fn create_template(
        &self,
        template: &Template,
        answer: Option<&IdempotencyRecord>,
    ) -> Result<TemplateCreation, StoreError> {
        let mut tx = self.write_tx("create_template").await?;
        if let Some(answer) = answer {
            let inserted = execute!(
                &mut tx,
                "INSERT INTO idempotency (scope, idem_key, project_id, request, response, at) VALUES (?, ?, ?, ?, ?, ?)",
                answer.scope.as_str(),
                answer.key.as_str(),
                template.project.as_str(),
                answer.request.as_str(),
                answer.response.as_str(),
                answer.at.0,
            );
            match inserted {
                Err(error) if is_unique_violation(&error) => {
                    tx.rollback().await;
                    let known = self.idempotency(&answer.scope, &answer.key).await?;
                    return known
                        .map(TemplateCreation::Answered)
                        .ok_or_else(|| StoreError::Unavailable(std::sync::Arc::new(error)));
                }
                other => other?,
            };
        }
        let usage = Usage::of_templates(1);
        quotas::count(&mut tx, self.quotas, &template.project, usage).await?;
        match insert(&mut tx, template).await {
            Err(error) if is_unique_violation(&error) => {
                tx.rollback().await;
                return Ok(TemplateCreation::NameTaken);
            }
            other => other?,
        };
        tx.commit().await?;
        Ok(TemplateCreation::Done)
    }

    /// Adds a revision with the name, remark, body and time of `template`; only on top of revision
    /// `base`, if given.
    pub async fn edit_template(
        &self,
        template: &Template,
        base: Option<u32>,
    ) -> Result<TemplateChange, StoreError> {
        let mut tx = self.write_tx("edit_template").await?;
        let known: Option<i64> = in_tx!(&mut tx, |c| {
            sqlx::query_scalar("SELECT revision FROM templates WHERE id = ? AND tombstone = ''")
                .bind(template.id.as_str())
                .fetch_optional(&mut *c)
                .await
        })?;
        let Some(known) = known.and_then(|revision| u32::try_from(revision).ok()) else {
            tx.rollback().await;
            return Ok(TemplateChange::NotFound);
        };
        let base = base.unwrap_or(known);
        let outcome = match edit(&mut tx, template, base).await {
            Err(error) if is_unique_violation(&error) => TemplateChange::NameTaken,
            Err(error) => return Err(error.into()),
            Ok(0) => explain(&mut tx, &template.id).await?,
            Ok(_) => {
                tx.commit().await?;
                return Ok(TemplateChange::Done { revision: base + 1 });
            }
        };
        tx.rollback().await;
        Ok(outcome)
    }

    /// Deletes a template that no task refers to. A task that is created in the same moment may
    /// keep it: its revision stays readable, so that it runs like any other.
    pub async fn delete_template(
        &self,
        id: &TemplateId,
        base: Option<u32>,
    ) -> Result<TemplateChange, StoreError> {
        let mut tx = self.write_tx("delete_template").await?;
        quotas::forget_template(&mut tx, id).await?;
        let matched = match base {
            None => execute!(
                &mut tx,
                "UPDATE templates SET tombstone = id WHERE id = ? AND tombstone = ''",
                id.as_str()
            )?,
            Some(base) => execute!(
                &mut tx,
                "UPDATE templates SET tombstone = id WHERE id = ? AND tombstone = '' AND revision = ?",
                id.as_str(),
                i64::from(base),
            )?,
        };
        if matched == 0 {
            let outcome = explain(&mut tx, id).await?;
            tx.rollback().await;
            return Ok(outcome);
        }
        let tasks: Vec<String> = in_tx!(&mut tx, |c| {
            sqlx::query_scalar(
                "SELECT name FROM tasks WHERE template_id = ? AND tombstone = '' LIMIT ?",
            )
            .bind(id.as_str())
            .bind(NAMED_TASKS_MAX)
            .fetch_all(&mut *c)
            .await
        })?;
        if !tasks.is_empty() {
            tx.rollback().await;
            return Ok(TemplateChange::InUse { tasks });
        }
        let revision: i64 = in_tx!(&mut tx, |c| {
            sqlx::query_scalar("SELECT revision FROM templates WHERE id = ?")
                .bind(id.as_str())
                .fetch_one(&mut *c)
                .await
        })?;
        tx.commit().await?;
        Ok(TemplateChange::Done { revision: u32::try_from(revision).unwrap_or(u32::MAX) })
    }

    /// Returns a template that is not deleted, with its newest revision.
    pub async fn template(&self, id: &TemplateId) -> Result<Option<Template>, StoreError> {
        let row: Option<TemplateColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" AND r.revision = t.revision WHERE t.tombstone = '' AND t.id = ")
                .push_bind(id.as_str());
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(TemplateColumns::read).transpose()
    }

    pub async fn template_by_name(
        &self,
        project: &ProjectId,
        name: &str,
    ) -> Result<Option<Template>, StoreError> {
        let row: Option<TemplateColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" AND r.revision = t.revision WHERE t.project_id = ")
                .push_bind(project.as_str());
            sql.push(" AND t.tombstone = '' AND t.name = ").push_bind(name);
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(TemplateColumns::read).transpose()
    }

    /// Returns one revision of a template, deleted or not: tasks keep their revision.
    pub async fn template_revision(
        &self,
        id: &TemplateId,
        revision: u32,
    ) -> Result<Option<Template>, StoreError> {
        let row: Option<TemplateColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE t.id = ")
                .push_bind(id.as_str())
                .push(" AND r.revision = ")
                .push_bind(i64::from(revision));
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(TemplateColumns::read).transpose()
    }

    /// Returns the revisions of a template, newest first.
    pub async fn template_revisions(
        &self,
        id: &TemplateId,
        page: &PageRequest,
    ) -> Result<Page<Template>, StoreError> {
        let before = after_number(page)?.unwrap_or(i64::MAX);
        let rows: Vec<TemplateColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE t.id = ")
                .push_bind(id.as_str())
                .push(" AND r.revision < ")
                .push_bind(before);
            sql.push(" ORDER BY r.revision DESC LIMIT ").push_bind(i64::from(page.limit) + 1);
            sql.push(" OFFSET ").push_bind(i64::from(page.offset));
            sql.build_query_as().fetch_all(c).await
        })?;
        let revisions = rows.into_iter().map(TemplateColumns::read).collect::<Result<_, _>>()?;
        Ok(into_page(revisions, page, |template: &Template| template.revision.to_string()))
    }

    /// Returns templates that are not deleted, ordered by name.
    pub async fn templates(
        &self,
        filter: &TemplateFilter,
        page: &PageRequest,
    ) -> Result<Page<Template>, StoreError> {
        let prefix = filter.name_prefix.as_deref().unwrap_or_default();
        let rows: Vec<TemplateColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" AND r.revision = t.revision WHERE t.project_id = ")
                .push_bind(filter.project.as_str());
            sql.push(" AND t.tombstone = '' AND t.name >= ")
                .push_bind(prefix)
                .push(" AND t.name < ")
                .push_bind(after_prefix(prefix));
            if let Some(after) = &page.after {
                sql.push(" AND t.name > ").push_bind(after.as_str());
            }
            sql.push(" ORDER BY t.name LIMIT ").push_bind(i64::from(page.limit) + 1);
            sql.push(" OFFSET ").push_bind(i64::from(page.offset));
            sql.build_query_as().fetch_all(c).await
        })?;
        let templates = rows.into_iter().map(TemplateColumns::read).collect::<Result<_, _>>()?;
        Ok(into_page(templates, page, |template: &Template| template.name.clone()))
    }

    /// Counts the templates of the list.
    pub async fn count_templates(&self, filter: &TemplateFilter) -> Result<u64, StoreError> {
        let prefix = filter.name_prefix.as_deref().unwrap_or_default();
        let count: i64 = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT COUNT(*) FROM templates WHERE project_id = ? AND tombstone = '' AND name >= ? AND name < ?")
                .bind(filter.project.as_str())
                .bind(prefix)
                .bind(after_prefix(prefix))
                .fetch_one(c)
                .await
        })?;
        Ok(unsigned(count))
    }
}
