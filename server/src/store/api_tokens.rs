//! API tokens, by the SHA-256 of their text.

use flow_domain::access::{ProjectRole, TokenScope};
use flow_domain::id::{Digest, ProjectId, TokenId, UserId, UserName};
use flow_domain::time::Timestamp;

use super::Store;
use super::access_audit::{self, AccessEntry};
use super::db::{Tx, execute, in_tx, reading};
use super::error::StoreError;
use super::page::into_page;
use super::types::{Page, PageRequest, Quotas};
use super::users::{self, User, UserColumns};

/// A token without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    pub id: TokenId,
    pub user: UserId,
    /// Purpose of the token, for people.
    pub name: String,
    pub digest: Digest,
    /// The last characters of the token, for people.
    pub hint: String,
    pub scope: TokenScope,
    /// The only project of the token; `None` = all of the account.
    pub project: Option<ProjectId>,
    /// The highest role of the token; `None` = that of the account.
    pub role: Option<ProjectRole>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// In steps of five minutes.
    pub last_used_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct TokenColumns {
    token_id: String,
    user_id: String,
    token_name: String,
    digest: String,
    hint: String,
    scope: String,
    project_id: Option<String>,
    role: Option<String>,
    token_created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
    #[sqlx(flatten)]
    user: UserColumns,
}

const SELECT: &str = "SELECT t.id AS token_id, t.user_id, t.name AS token_name, t.digest, t.hint, t.scope, t.project_id, t.role, \
                      t.created_at AS token_created_at, t.expires_at, t.last_used_at, ";
const FROM: &str = " FROM api_tokens t JOIN users u ON u.id = t.user_id";

impl TokenColumns {
    fn read(self) -> Result<(ApiToken, User), StoreError> {
        let id = self.token_id;
        let corrupt =
            |column, problem: String| StoreError::corrupt("api_tokens", column, &id, problem);
        let token = ApiToken {
            id: id.parse().map_err(|problem| corrupt("id", format!("{problem}")))?,
            user: self
                .user_id
                .parse()
                .map_err(|problem| corrupt("user_id", format!("{problem}")))?,
            name: self.token_name,
            digest: self
                .digest
                .parse()
                .map_err(|problem| corrupt("digest", format!("{problem}")))?,
            hint: self.hint,
            scope: self.scope.parse().map_err(|problem| corrupt("scope", problem))?,
            project: self
                .project_id
                .map(|text| text.parse())
                .transpose()
                .map_err(|problem| corrupt("project_id", format!("{problem}")))?,
            role: self
                .role
                .map(|text| text.parse())
                .transpose()
                .map_err(|problem| corrupt("role", problem))?,
            created_at: Timestamp(self.token_created_at),
            expires_at: self.expires_at.map(Timestamp),
            last_used_at: self.last_used_at.map(Timestamp),
        };
        Ok((token, self.user.read()?))
    }
}

/// Checks that the account may have another token, and deletes its expired ones: a sign-in of a
/// device creates a token each time.
pub(super) async fn make_room(
    tx: &mut Tx,
    quotas: Quotas,
    user: &User,
    now: Timestamp,
) -> Result<(), StoreError> {
    // Locks the account: tokens that are created at the same time count each other.
    let sql = "UPDATE users SET created_at = created_at WHERE id = ?";
    execute!(&mut *tx, sql, user.id.as_str())?;
    let sql = "DELETE FROM api_tokens WHERE user_id = ? AND expires_at <= ?";
    execute!(&mut *tx, sql, user.id.as_str(), now.0)?;
    let count: i64 = in_tx!(tx, |c| {
        sqlx::query_scalar("SELECT COUNT(*) FROM api_tokens WHERE user_id = ?")
            .bind(user.id.as_str())
            .fetch_one(&mut *c)
            .await
    })?;
    if count < i64::from(quotas.tokens_per_account) {
        return Ok(());
    }
    Err(StoreError::Quota(format!(
        "account {} may have {} API tokens: delete tokens that are not needed (`flowctl token list`, `flowctl token delete`), or ask the administrator of the hub to raise `quota.tokens_per_account`",
        user.name, quotas.tokens_per_account
    )))
}

pub(super) async fn insert(tx: &mut Tx, token: &ApiToken) -> Result<(), StoreError> {
    execute!(
        tx,
        "INSERT INTO api_tokens (id, user_id, name, digest, hint, scope, project_id, role, created_at, expires_at, last_used_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        token.id.as_str(),
        token.user.as_str(),
        token.name.as_str(),
        token.digest.as_str(),
        token.hint.as_str(),
        token.scope.as_str(),
        token.project.as_ref().map(ProjectId::as_str),
        token.role.map(ProjectRole::as_str),
        token.created_at.0,
        token.expires_at.map(|at| at.0),
    )?;
    Ok(())
}

impl Store {
    /// Creates the first account with its token. Returns `false`, and stores nothing, if there is an
    /// account.
    pub async fn create_first_user(
        &self,
        user: &User,
        token: &ApiToken,
        entry: &AccessEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("create_first_user").await?;
        users::lock_accounts(&mut tx).await?;
        let users: i64 = in_tx!(&mut tx, |c| {
            sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(&mut *c).await
        })?;
        if users > 0 {
            tx.rollback().await;
            return Ok(false);
        }
        users::insert(&mut tx, user).await?;
        insert(&mut tx, token).await?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Stores a token of an account. Returns `false` if there is no such account.
    pub async fn create_token(
        &self,
        token: &ApiToken,
        owner: &UserName,
        entry: &AccessEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("create_token").await?;
        // The account may have been deleted, or deleted and created again, since it was looked up.
        let user = users::read(&mut tx, owner).await?.filter(|user| user.id == token.user);
        let Some(user) = user else {
            tx.rollback().await;
            return Ok(false);
        };
        make_room(&mut tx, self.quotas, &user, token.created_at).await?;
        insert(&mut tx, token).await?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Returns the token with this digest and its account.
    pub async fn token_by_digest(
        &self,
        digest: &Digest,
    ) -> Result<Option<(ApiToken, User)>, StoreError> {
        let row: Option<TokenColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(users::COLUMNS)
                .push(FROM)
                .push(" WHERE t.digest = ")
                .push_bind(digest.as_str());
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(TokenColumns::read).transpose()
    }

    /// Returns the token with this id and its account.
    pub async fn token(&self, id: &TokenId) -> Result<Option<(ApiToken, User)>, StoreError> {
        let row: Option<TokenColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(users::COLUMNS).push(FROM).push(" WHERE t.id = ").push_bind(id.as_str());
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(TokenColumns::read).transpose()
    }

    /// Returns tokens with their accounts, oldest first: all, or those of one account.
    pub async fn tokens(
        &self,
        of: Option<&UserId>,
        page: &PageRequest,
    ) -> Result<Page<(ApiToken, User)>, StoreError> {
        let rows: Vec<TokenColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(users::COLUMNS).push(FROM);
            sql.push(" WHERE t.id > ").push_bind(page.after.as_deref().unwrap_or_default());
            if let Some(user) = of {
                sql.push(" AND t.user_id = ").push_bind(user.as_str());
            }
            sql.push(" ORDER BY t.id LIMIT ").push_bind(i64::from(page.limit) + 1);
            sql.build_query_as().fetch_all(c).await
        })?;
        let tokens = rows.into_iter().map(TokenColumns::read).collect::<Result<_, _>>()?;
        Ok(into_page(tokens, page, |(token, _): &(ApiToken, User)| token.id.to_string()))
    }

    /// Deletes a token. Returns `false` if there is none with this id.
    pub async fn delete_token(
        &self,
        id: &TokenId,
        entry: &AccessEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("delete_token").await?;
        let deleted = execute!(&mut tx, "DELETE FROM api_tokens WHERE id = ?", id.as_str())?;
        if deleted > 0 {
            access_audit::write(&mut tx, entry).await?;
        }
        tx.commit().await?;
        Ok(deleted > 0)
    }

    /// Records the last use of tokens.
    pub async fn tokens_used(&self, ids: &[TokenId], at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write_tx("tokens_used").await?;
        for id in ids {
            let sql = "UPDATE api_tokens SET last_used_at = ? WHERE id = ?";
            execute!(&mut tx, sql, at.0, id.as_str())?;
        }
        tx.commit().await
    }
}
