//! Projects.

use flow_domain::id::ProjectId;
use flow_domain::time::Timestamp;

use super::access_audit::{self, AccessEntry};
use super::db::{Tx, execute, in_tx, push_list, reading};
use super::error::{StoreError, is_unique_violation};
use super::page::into_page;
use super::quotas::{ProjectQuotas, QuotaEdit};
use super::types::{Page, PageRequest, Quotas};
use super::{Store, quotas, unsigned};

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    pub id: ProjectId,
    pub remark: String,
    /// Every party of the federation is offered to the project.
    pub all_parties: bool,
    pub created_at: Timestamp,
    pub quotas: ProjectQuotas,
}

/// Result of the deletion of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectDeletion {
    Done,
    Unknown,
    /// Rejected: it has this number of tasks.
    HasTasks(u64),
    /// Rejected: members of runs of its deleted tasks have not ended.
    HasRuns,
}

#[derive(sqlx::FromRow)]
struct Columns {
    id: String,
    remark: String,
    all_parties: i64,
    created_at: i64,
    #[sqlx(flatten)]
    quotas: quotas::Columns,
}

const SELECT: &str = "SELECT p.id, p.remark, p.all_parties, p.created_at, q.tasks, q.runs, q.templates, q.tasks_max, q.runs_max, q.templates_max \
                      FROM projects p JOIN project_quotas q ON q.project_id = p.id";

impl Columns {
    fn read(self, quotas: Quotas) -> Result<Project, StoreError> {
        let Self { id, remark, all_parties, created_at, quotas: counted } = self;
        let parsed =
            id.parse().map_err(|problem| StoreError::corrupt("projects", "id", &id, problem));
        Ok(Project {
            id: parsed?,
            remark,
            all_parties: all_parties != 0,
            created_at: Timestamp(created_at),
            quotas: counted.read(quotas),
        })
    }
}

pub(super) async fn exists(tx: &mut Tx, id: &ProjectId) -> Result<bool, StoreError> {
    let found: Option<String> = in_tx!(tx, |c| {
        sqlx::query_scalar("SELECT id FROM projects WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(&mut *c)
            .await
    })?;
    Ok(found.is_some())
}

impl Store {
    /// Creates a project; [`StoreError::Exists`] if its name is taken, also by a deleted project.
    pub async fn create_project(
        &self,
        id: &ProjectId,
        remark: &str,
        all_parties: bool,
        entry: &AccessEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.write_tx("create_project").await?;
        let inserted = execute!(
            &mut tx,
            "INSERT INTO projects (id, remark, all_parties, created_at) \
             SELECT ?, ?, ?, ? FROM hub WHERE hub.id = 1 AND NOT EXISTS (SELECT 1 FROM former_projects f WHERE f.project_id = ?)",
            id.as_str(),
            remark,
            i64::from(all_parties),
            entry.at.0,
            id.as_str(),
        );
        match inserted {
            Err(error) if !is_unique_violation(&error) => return Err(error.into()),
            Ok(rows) if rows > 0 => {}
            _ => {
                tx.rollback().await;
                return Err(StoreError::Exists("the project"));
            }
        }
        execute!(
            &mut tx,
            "INSERT INTO project_quotas (project_id, tasks, runs, templates) VALUES (?, 0, 0, 0)",
            id.as_str(),
        )?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await
    }

    pub async fn project(&self, id: &ProjectId) -> Result<Option<Project>, StoreError> {
        let row: Option<Columns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE p.id = ").push_bind(id.as_str());
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(|row| row.read(self.quotas)).transpose()
    }

    /// Returns the projects among these, ordered by name.
    pub async fn projects(
        &self,
        among: &[&ProjectId],
        page: &PageRequest,
    ) -> Result<Page<Project>, StoreError> {
        if among.is_empty() {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let rows: Vec<Columns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE p.id IN ");
            push_list!(sql, among.iter().map(|id| id.as_str()));
            sql.push(" AND p.id > ").push_bind(page.after.as_deref().unwrap_or_default());
            sql.push(" ORDER BY p.id LIMIT ").push_bind(i64::from(page.limit) + 1);
            sql.build_query_as().fetch_all(c).await
        })?;
        let projects =
            rows.into_iter().map(|row| row.read(self.quotas)).collect::<Result<_, _>>()?;
        Ok(into_page(projects, page, |project: &Project| project.id.to_string()))
    }

    /// Replaces remark and `all_parties` of a project, and changes its limits. Returns `false` if there is no such project.
    pub async fn edit_project(
        &self,
        id: &ProjectId,
        remark: &str,
        all_parties: bool,
        quotas: &QuotaEdit,
        entry: &AccessEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("edit_project").await?;
        let edited = execute!(
            &mut tx,
            "UPDATE projects SET remark = ?, all_parties = ? WHERE id = ?",
            remark,
            i64::from(all_parties),
            id.as_str(),
        )?;
        if edited == 0 {
            tx.rollback().await;
            return Ok(false);
        }
        quotas::edit(&mut tx, id, quotas).await?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Deletes a project without tasks: with its templates, webhooks, members, offers and tokens. Its
    /// name stays taken.
    pub async fn delete_project(
        &self,
        id: &ProjectId,
        entry: &AccessEntry,
    ) -> Result<ProjectDeletion, StoreError> {
        let mut tx = self.write_tx("delete_project").await?;
        // Locks the row that every new task and template changes.
        let sql = "DELETE FROM project_quotas WHERE project_id = ? AND tasks <= 0";
        let refusal = if execute!(&mut tx, sql, id.as_str())? == 0 {
            let tasks: Option<i64> = in_tx!(&mut tx, |c| {
                sqlx::query_scalar("SELECT tasks FROM project_quotas WHERE project_id = ?")
                    .bind(id.as_str())
                    .fetch_optional(&mut *c)
                    .await
            })?;
            Some(tasks.map_or(ProjectDeletion::Unknown, |count| {
                ProjectDeletion::HasTasks(unsigned(count))
            }))
        } else {
            let runs: Option<String> = in_tx!(&mut tx, |c| {
                sqlx::query_scalar(
                    "SELECT id FROM runs WHERE settled_at IS NULL AND project_id = ? LIMIT 1",
                )
                .bind(id.as_str())
                .fetch_optional(&mut *c)
                .await
            })?;
            runs.map(|_| ProjectDeletion::HasRuns)
        };
        if let Some(refusal) = refusal {
            tx.rollback().await;
            return Ok(refusal);
        }
        execute!(
            &mut tx,
            "UPDATE templates SET tombstone = id WHERE project_id = ? AND tombstone = ''",
            id.as_str(),
        )?;
        for sql in [
            "DELETE FROM webhooks WHERE project_id = ?",
            "DELETE FROM webhook_deliveries WHERE project_id = ?",
            "DELETE FROM api_tokens WHERE project_id = ?",
            "DELETE FROM project_members WHERE project_id = ?",
            "DELETE FROM project_parties WHERE project_id = ?",
            "DELETE FROM projects WHERE id = ?",
        ] {
            execute!(&mut tx, sql, id.as_str())?;
        }
        let sql = "INSERT INTO former_projects (project_id, deleted_at) VALUES (?, ?)";
        execute!(&mut tx, sql, id.as_str(), entry.at.0)?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(ProjectDeletion::Done)
    }
}
