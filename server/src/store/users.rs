//! Accounts.

use flow_domain::access::{ProjectRole, UserKind};
use flow_domain::id::{ProjectId, UserId, UserName};
use flow_domain::time::Timestamp;

use super::Store;
use super::access_audit::{self, AccessEntry};
use super::db::{Tx, execute, in_tx, reading};
use super::error::{StoreError, is_unique_violation};
use super::page::into_page;
use super::types::{Page, PageRequest};

/// An account.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub name: UserName,
    pub kind: UserKind,
    pub federation_admin: bool,
    /// argon2id in PHC form; `None` = no sign-in with a password.
    pub password_hash: Option<String>,
    pub created_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A change of an account; `None` keeps the value.
#[derive(Clone, Default)]
pub struct UserEdit {
    pub federation_admin: Option<bool>,
    /// Disable the account at this time, or enable it.
    pub disabled_at: Option<Option<Timestamp>>,
    pub password_hash: Option<String>,
}

/// Result of a change of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserChange {
    Done,
    Unknown,
    /// Rejected: the federation would have no administrator.
    LastAdmin,
}

#[derive(sqlx::FromRow)]
pub(super) struct UserColumns {
    id: String,
    name: String,
    kind: String,
    federation_admin: i64,
    password_hash: Option<String>,
    created_at: i64,
    disabled_at: Option<i64>,
}

pub(super) const COLUMNS: &str =
    "u.id, u.name, u.kind, u.federation_admin, u.password_hash, u.created_at, u.disabled_at";

impl UserColumns {
    pub(super) fn read(self) -> Result<User, StoreError> {
        let Self { id, name, kind, federation_admin, password_hash, created_at, disabled_at } =
            self;
        let corrupt = |column, problem: String| StoreError::corrupt("users", column, &id, problem);
        Ok(User {
            id: id.parse().map_err(|problem| corrupt("id", format!("{problem}")))?,
            name: name.parse().map_err(|problem| corrupt("name", format!("{problem}")))?,
            kind: kind.parse().map_err(|problem| corrupt("kind", problem))?,
            federation_admin: federation_admin != 0,
            password_hash,
            created_at: Timestamp(created_at),
            disabled_at: disabled_at.map(Timestamp),
        })
    }
}

/// Serialises changes that count accounts: MySQL reads the newest commits, but takes no lock on
/// rows that do not exist.
pub(super) async fn lock_accounts(tx: &mut Tx) -> Result<(), StoreError> {
    execute!(tx, "UPDATE hub SET incarnation = incarnation WHERE id = 1")?;
    Ok(())
}

pub(super) async fn insert(tx: &mut Tx, user: &User) -> Result<(), StoreError> {
    let User { id, name, kind, federation_admin, password_hash, created_at, disabled_at } = user;
    let inserted = execute!(
        tx,
        "INSERT INTO users (id, name, kind, federation_admin, password_hash, created_at, disabled_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        id.as_str(),
        name.as_str(),
        kind.as_str(),
        i64::from(*federation_admin),
        password_hash.as_deref(),
        created_at.0,
        disabled_at.map(|at| at.0),
    );
    match inserted {
        Err(error) if is_unique_violation(&error) => Err(StoreError::Exists("the account")),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

pub(super) async fn read(tx: &mut Tx, name: &UserName) -> Result<Option<User>, StoreError> {
    let row: Option<UserColumns> = in_tx!(tx, |c| {
        let mut sql = sqlx::QueryBuilder::new("SELECT ");
        sql.push(COLUMNS).push(" FROM users u WHERE u.name = ").push_bind(name.as_str());
        sql.build_query_as().fetch_optional(&mut *c).await
    })?;
    row.map(UserColumns::read).transpose()
}

/// Returns whether the federation has an enabled administrator besides this account.
async fn has_other_admin(tx: &mut Tx, id: &UserId) -> Result<bool, StoreError> {
    let others: i64 = in_tx!(tx, |c| {
        sqlx::query_scalar(
            "SELECT COUNT(*) FROM users WHERE federation_admin = 1 AND disabled_at IS NULL AND id <> ?",
        )
        .bind(id.as_str())
        .fetch_one(&mut *c)
        .await
    })?;
    Ok(others > 0)
}

impl Store {
    /// Returns whether there is an account.
    pub async fn has_users(&self) -> Result<bool, StoreError> {
        let some: i64 = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT COUNT(*) FROM (SELECT id FROM users LIMIT 1) some")
                .fetch_one(c)
                .await
        })?;
        Ok(some > 0)
    }

    /// Creates an account; [`StoreError::Exists`] if its name is taken.
    pub async fn create_user(&self, user: &User, entry: &AccessEntry) -> Result<(), StoreError> {
        let mut tx = self.write_tx("create_user").await?;
        insert(&mut tx, user).await?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await
    }

    pub async fn user(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        let row: Option<UserColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new("SELECT ");
            sql.push(COLUMNS).push(" FROM users u WHERE u.name = ").push_bind(name.as_str());
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(UserColumns::read).transpose()
    }

    pub async fn user_by_id(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let row: Option<UserColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new("SELECT ");
            sql.push(COLUMNS).push(" FROM users u WHERE u.id = ").push_bind(id.as_str());
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(UserColumns::read).transpose()
    }

    /// Returns accounts ordered by name.
    pub async fn users(&self, page: &PageRequest) -> Result<Page<User>, StoreError> {
        let rows: Vec<UserColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new("SELECT ");
            sql.push(COLUMNS)
                .push(" FROM users u WHERE u.name > ")
                .push_bind(page.after.as_deref().unwrap_or_default());
            sql.push(" ORDER BY u.name LIMIT ").push_bind(i64::from(page.limit) + 1);
            sql.build_query_as().fetch_all(c).await
        })?;
        let users = rows.into_iter().map(UserColumns::read).collect::<Result<_, _>>()?;
        Ok(into_page(users, page, |user: &User| user.name.to_string()))
    }

    /// Changes an account. A disabled account and one with a new password lose their sessions, and
    /// the devices that they have approved and that have no token yet.
    pub async fn edit_user(
        &self,
        name: &UserName,
        edit: &UserEdit,
        entry: &AccessEntry,
    ) -> Result<UserChange, StoreError> {
        let UserEdit { federation_admin, disabled_at, password_hash } = edit;
        let mut tx = self.write_tx("edit_user").await?;
        lock_accounts(&mut tx).await?;
        let Some(mut user) = read(&mut tx, name).await? else {
            tx.rollback().await;
            return Ok(UserChange::Unknown);
        };
        let id = user.id.clone();
        user.federation_admin = federation_admin.unwrap_or(user.federation_admin);
        if let Some(change) = disabled_at
            && change.is_some() != user.disabled_at.is_some()
        {
            user.disabled_at = *change;
        }
        let is_admin = user.federation_admin && user.disabled_at.is_none();
        if !is_admin && !has_other_admin(&mut tx, &id).await? {
            tx.rollback().await;
            return Ok(UserChange::LastAdmin);
        }
        if user.disabled_at.is_some() || password_hash.is_some() {
            execute!(&mut tx, "DELETE FROM browser_sessions WHERE user_id = ?", id.as_str())?;
            execute!(&mut tx, "DELETE FROM device_sign_ins WHERE user_id = ?", id.as_str())?;
            execute!(&mut tx, "DELETE FROM sign_in_codes WHERE user_id = ?", id.as_str())?;
        }
        execute!(
            &mut tx,
            "UPDATE users SET federation_admin = ?, disabled_at = ?, password_hash = COALESCE(?, password_hash) WHERE id = ?",
            i64::from(user.federation_admin),
            user.disabled_at.map(|at| at.0),
            password_hash.as_deref(),
            id.as_str(),
        )?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(UserChange::Done)
    }

    /// Deletes an account with its tokens, sessions and roles. Its tasks stay.
    pub async fn delete_user(
        &self,
        name: &UserName,
        entry: &AccessEntry,
    ) -> Result<UserChange, StoreError> {
        let mut tx = self.write_tx("delete_user").await?;
        lock_accounts(&mut tx).await?;
        let Some(User { id, .. }) = read(&mut tx, name).await? else {
            tx.rollback().await;
            return Ok(UserChange::Unknown);
        };
        if !has_other_admin(&mut tx, &id).await? {
            tx.rollback().await;
            return Ok(UserChange::LastAdmin);
        }
        execute!(&mut tx, "DELETE FROM api_tokens WHERE user_id = ?", id.as_str())?;
        execute!(&mut tx, "DELETE FROM browser_sessions WHERE user_id = ?", id.as_str())?;
        execute!(&mut tx, "DELETE FROM sign_in_codes WHERE user_id = ?", id.as_str())?;
        execute!(&mut tx, "DELETE FROM project_members WHERE user_id = ?", id.as_str())?;
        execute!(&mut tx, "DELETE FROM oidc_identities WHERE user_id = ?", id.as_str())?;
        execute!(&mut tx, "DELETE FROM users WHERE id = ?", id.as_str())?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(UserChange::Done)
    }

    /// Returns the projects of an account with its role in each: for a federation administrator all
    /// projects.
    pub async fn roles_of(&self, user: &User) -> Result<Vec<(ProjectId, ProjectRole)>, StoreError> {
        let corrupt = |column, problem: String| {
            StoreError::corrupt("project_members", column, user.id.as_str(), problem)
        };
        let project =
            |id: &str| id.parse().map_err(|problem| corrupt("project_id", format!("{problem}")));
        if user.federation_admin {
            let ids: Vec<String> = reading!(&*self.db, |c| {
                sqlx::query_scalar("SELECT id FROM projects").fetch_all(c).await
            })?;
            return ids.iter().map(|id| Ok((project(id)?, ProjectRole::Admin))).collect();
        }
        let rows: Vec<(String, String)> = reading!(&*self.db, |c| {
            sqlx::query_as("SELECT project_id, role FROM project_members WHERE user_id = ?")
                .bind(user.id.as_str())
                .fetch_all(c)
                .await
        })?;
        rows.into_iter()
            .map(|(id, role)| {
                Ok((project(&id)?, role.parse().map_err(|problem| corrupt("role", problem))?))
            })
            .collect()
    }
}
