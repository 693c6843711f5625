//! Accounts of people at identity providers, by the SHA-256 of issuer and subject.

use flow_domain::access::ProjectRole;
use flow_domain::id::{Digest, ProjectId, UserId};
use flow_domain::time::Timestamp;

use super::Store;
use super::access_audit::{self, AccessEntry};
use super::db::{Tx, execute, in_tx, reading};
use super::error::{StoreError, is_unique_violation};
use super::users::{self, User, UserColumns};

/// A person, as a provider names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcIdentity {
    pub issuer: String,
    pub subject: String,
}

impl OidcIdentity {
    /// Key of the row: issuer and subject may be long.
    fn digest(&self) -> Digest {
        Digest::of(format!("{}\n{}", self.issuer, self.subject).as_bytes())
    }
}

pub(super) async fn insert(
    tx: &mut Tx,
    identity: &OidcIdentity,
    user: &UserId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let inserted = execute!(
        tx,
        "INSERT INTO oidc_identities (digest, issuer, subject, user_id, created_at) VALUES (?, ?, ?, ?, ?)",
        identity.digest().as_str(),
        identity.issuer.as_str(),
        identity.subject.as_str(),
        user.as_str(),
        at.0,
    );
    match inserted {
        Err(error) if is_unique_violation(&error) => Err(StoreError::Exists("the identity")),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

impl Store {
    /// Returns the account of a person.
    pub async fn user_of_identity(
        &self,
        identity: &OidcIdentity,
    ) -> Result<Option<User>, StoreError> {
        let digest = identity.digest();
        let row: Option<UserColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new("SELECT ");
            sql.push(users::COLUMNS)
                .push(" FROM oidc_identities i JOIN users u ON u.id = i.user_id WHERE i.digest = ")
                .push_bind(digest.as_str());
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(UserColumns::read).transpose()
    }

    /// Creates an account for a person; [`StoreError::Exists`] if the person has one or the name is
    /// taken.
    pub async fn create_user_of_identity(
        &self,
        user: &User,
        identity: &OidcIdentity,
        entry: &AccessEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.write_tx("create_user_of_identity").await?;
        users::insert(&mut tx, user).await?;
        insert(&mut tx, identity, &user.id, user.created_at).await?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await
    }

    /// Links a person to an account; [`StoreError::Exists`] if the person has one. Returns `false`
    /// if there is no such account.
    pub async fn link_identity(
        &self,
        user: &UserId,
        identity: &OidcIdentity,
        entry: &AccessEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("link_identity").await?;
        let sql = "UPDATE users SET created_at = created_at WHERE id = ?";
        if execute!(&mut tx, sql, user.as_str())? == 0 {
            tx.rollback().await;
            return Ok(false);
        }
        insert(&mut tx, identity, user, entry.at).await?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Lets an account administer the federation, or no longer, even if it is the last one. Returns
    /// whether that has changed.
    pub async fn set_federation_admin(
        &self,
        user: &UserId,
        is_admin: bool,
        entry: &AccessEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("set_federation_admin").await?;
        let changed = execute!(
            &mut tx,
            "UPDATE users SET federation_admin = ? WHERE id = ? AND federation_admin <> ?",
            i64::from(is_admin),
            user.as_str(),
            i64::from(is_admin),
        )?;
        if changed > 0 {
            access_audit::write(&mut tx, entry).await?;
        }
        tx.commit().await?;
        Ok(changed > 0)
    }

    /// Gives an account exactly these roles in these projects; `None` = no role. Other projects keep
    /// theirs. Projects that do not exist are left out. Returns whether a role has changed.
    pub async fn set_roles_of(
        &self,
        user: &UserId,
        roles: &[(ProjectId, Option<ProjectRole>)],
        entry: &AccessEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("set_roles_of").await?;
        let mut is_changed = false;
        for (project, role) in roles {
            let found: Option<String> = in_tx!(&mut tx, |c| {
                sqlx::query_scalar(
                    "SELECT role FROM project_members WHERE project_id = ? AND user_id = ?",
                )
                .bind(project.as_str())
                .bind(user.as_str())
                .fetch_optional(&mut *c)
                .await
            })?;
            let role = role.map(ProjectRole::as_str);
            if found.as_deref() == role {
                continue;
            }
            let sql = "DELETE FROM project_members WHERE project_id = ? AND user_id = ?";
            let mut rows = execute!(&mut tx, sql, project.as_str(), user.as_str())?;
            if let Some(role) = role {
                rows += execute!(
                    &mut tx,
                    "INSERT INTO project_members (project_id, user_id, role, added_at) \
                     SELECT id, ?, ?, ? FROM projects WHERE id = ?",
                    user.as_str(),
                    role,
                    entry.at.0,
                    project.as_str(),
                )?;
            }
            is_changed |= rows > 0;
        }
        if is_changed {
            access_audit::write(&mut tx, entry).await?;
        }
        tx.commit().await?;
        Ok(is_changed)
    }
}
