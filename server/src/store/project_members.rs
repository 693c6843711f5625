//! Roles of accounts in projects.

use flow_domain::access::ProjectRole;
use flow_domain::id::{ProjectId, UserName};
use flow_domain::time::Timestamp;

use super::access_audit::{self, AccessEntry};
use super::db::{execute, in_tx, reading};
use super::error::StoreError;
use super::page::into_page;
use super::types::{Page, PageRequest};
use super::{Store, projects, users};

/// An account with a role in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectMember {
    pub user: UserName,
    pub role: ProjectRole,
    pub added_at: Timestamp,
}

/// An object that a change of a project names and that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Project,
    User,
    Party,
    /// The entry itself.
    Entry,
}

impl Store {
    /// Gives an account a role in a project, in place of the role that it had.
    pub async fn set_member(
        &self,
        project: &ProjectId,
        member: &ProjectMember,
        entry: &AccessEntry,
    ) -> Result<Result<(), Missing>, StoreError> {
        let mut tx = self.write_tx("set_member").await?;
        if !projects::exists(&mut tx, project).await? {
            tx.rollback().await;
            return Ok(Err(Missing::Project));
        }
        let Some(user) = users::read(&mut tx, &member.user).await? else {
            tx.rollback().await;
            return Ok(Err(Missing::User));
        };
        let tail = tx.or_update("project_id, user_id", &["role"]);
        in_tx!(&mut tx, |c| {
            let mut sql = sqlx::QueryBuilder::new(
                "INSERT INTO project_members (project_id, user_id, role, added_at) ",
            );
            sql.push_values([()], |mut row, ()| {
                row.push_bind(project.as_str())
                    .push_bind(user.id.as_str())
                    .push_bind(member.role.as_str())
                    .push_bind(member.added_at.0);
            });
            sql.push(&tail).build().execute(&mut *c).await.map(|_| ())
        })?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Takes an account's role in a project away.
    pub async fn remove_member(
        &self,
        project: &ProjectId,
        user: &UserName,
        entry: &AccessEntry,
    ) -> Result<Result<(), Missing>, StoreError> {
        let mut tx = self.write_tx("remove_member").await?;
        let Some(user) = users::read(&mut tx, user).await? else {
            tx.rollback().await;
            return Ok(Err(Missing::User));
        };
        let sql = "DELETE FROM project_members WHERE project_id = ? AND user_id = ?";
        if execute!(&mut tx, sql, project.as_str(), user.id.as_str())? == 0 {
            tx.rollback().await;
            return Ok(Err(Missing::Entry));
        }
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Returns the members of a project, ordered by name.
    pub async fn members_of(
        &self,
        project: &ProjectId,
        page: &PageRequest,
    ) -> Result<Page<ProjectMember>, StoreError> {
        let rows: Vec<(String, String, i64)> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(
                "SELECT u.name, m.role, m.added_at FROM project_members m JOIN users u ON u.id = m.user_id WHERE m.project_id = ",
            );
            sql.push_bind(project.as_str());
            sql.push(" AND u.name > ").push_bind(page.after.as_deref().unwrap_or_default());
            sql.push(" ORDER BY u.name LIMIT ").push_bind(i64::from(page.limit) + 1);
            sql.build_query_as().fetch_all(c).await
        })?;
        let read = |(name, role, added_at): (String, String, i64)| {
            let corrupt = |column, problem: String| {
                StoreError::corrupt("project_members", column, &name, problem)
            };
            Ok(ProjectMember {
                user: name.parse().map_err(|problem| corrupt("name", format!("{problem}")))?,
                role: role.parse().map_err(|problem| corrupt("role", problem))?,
                added_at: Timestamp(added_at),
            })
        };
        let members = rows.into_iter().map(read).collect::<Result<_, StoreError>>()?;
        Ok(into_page(members, page, |member: &ProjectMember| member.user.to_string()))
    }
}
