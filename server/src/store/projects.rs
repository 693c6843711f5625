//! Projects.

use flow_domain::id::ProjectId;
use flow_domain::time::Timestamp;

use super::Store;
use super::access_audit::{self, AccessEntry};
use super::db::{Tx, execute, in_tx, push_list, reading};
use super::error::{StoreError, is_unique_violation};
use super::page::into_page;
use super::types::{Page, PageRequest};

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    pub id: ProjectId,
    pub remark: String,
    /// Every party of the federation is offered to the project.
    pub all_parties: bool,
    pub created_at: Timestamp,
}

type Columns = (String, String, i64, i64);

const SELECT: &str = "SELECT id, remark, all_parties, created_at FROM projects";

fn parse((id, remark, all_parties, created_at): Columns) -> Result<Project, StoreError> {
    let parsed = id.parse().map_err(|problem| StoreError::corrupt("projects", "id", &id, problem));
    Ok(Project {
        id: parsed?,
        remark,
        all_parties: all_parties != 0,
        created_at: Timestamp(created_at),
    })
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
    /// Creates a project; [`StoreError::Exists`] if its name is taken.
    pub async fn create_project(
        &self,
        project: &Project,
        entry: &AccessEntry,
    ) -> Result<(), StoreError> {
        let Project { id, remark, all_parties, created_at } = project;
        let mut tx = self.write_tx("create_project").await?;
        let inserted = execute!(
            &mut tx,
            "INSERT INTO projects (id, remark, all_parties, created_at) VALUES (?, ?, ?, ?)",
            id.as_str(),
            remark.as_str(),
            i64::from(*all_parties),
            created_at.0,
        );
        match inserted {
            Err(error) if is_unique_violation(&error) => {
                tx.rollback().await;
                return Err(StoreError::Exists("the project"));
            }
            inserted => inserted?,
        };
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await
    }

    pub async fn project(&self, id: &ProjectId) -> Result<Option<Project>, StoreError> {
        let row: Option<Columns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE id = ").push_bind(id.as_str());
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(parse).transpose()
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
            sql.push(" WHERE id IN ");
            push_list!(sql, among.iter().map(|id| id.as_str()));
            sql.push(" AND id > ").push_bind(page.after.as_deref().unwrap_or_default());
            sql.push(" ORDER BY id LIMIT ").push_bind(i64::from(page.limit) + 1);
            sql.build_query_as().fetch_all(c).await
        })?;
        let projects = rows.into_iter().map(parse).collect::<Result<_, _>>()?;
        Ok(into_page(projects, page, |project: &Project| project.id.to_string()))
    }

    /// Replaces remark and `all_parties` of a project. Returns `false` if there is no such project.
    pub async fn edit_project(
        &self,
        id: &ProjectId,
        remark: &str,
        all_parties: bool,
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
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(true)
    }
}
