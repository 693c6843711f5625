//! Sessions of browsers, by the SHA-256 of their cookie.

use flow_domain::id::{Digest, SessionId, UserId};
use flow_domain::time::Timestamp;

use super::Store;
use super::access_audit::{self, AccessEntry};
use super::db::{Tx, execute, reading};
use super::error::StoreError;
use super::page::into_page;
use super::types::{Page, PageRequest};
use super::users::{self, User, UserColumns};

/// A session without its cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserSession {
    pub id: SessionId,
    pub user: UserId,
    pub digest: Digest,
    /// Method of the sign-in, as in `password`.
    pub method: String,
    /// The client as it named itself, for people.
    pub client: String,
    pub created_at: Timestamp,
    /// Last use, in steps of some minutes.
    pub seen_at: Timestamp,
    /// The session ends at this time at the latest.
    pub expires_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct SessionColumns {
    session_id: String,
    user_id: String,
    digest: String,
    method: String,
    client: String,
    session_created_at: i64,
    seen_at: i64,
    expires_at: i64,
    #[sqlx(flatten)]
    user: UserColumns,
}

const SELECT: &str = "SELECT s.id AS session_id, s.user_id, s.digest, s.method, s.client, s.created_at AS session_created_at, \
                      s.seen_at, s.expires_at, ";
const FROM: &str = " FROM browser_sessions s JOIN users u ON u.id = s.user_id";

impl SessionColumns {
    fn read(self) -> Result<(BrowserSession, User), StoreError> {
        let id = self.session_id;
        let corrupt =
            |column, problem: String| StoreError::corrupt("browser_sessions", column, &id, problem);
        let session = BrowserSession {
            id: id.parse().map_err(|problem| corrupt("id", format!("{problem}")))?,
            user: self
                .user_id
                .parse()
                .map_err(|problem| corrupt("user_id", format!("{problem}")))?,
            digest: self
                .digest
                .parse()
                .map_err(|problem| corrupt("digest", format!("{problem}")))?,
            method: self.method,
            client: self.client,
            created_at: Timestamp(self.session_created_at),
            seen_at: Timestamp(self.seen_at),
            expires_at: Timestamp(self.expires_at),
        };
        Ok((session, self.user.read()?))
    }
}

/// Inserts a session. Returns `false` if the account was deleted or disabled, or has another password
/// than the one with this hash.
pub(super) async fn insert(
    tx: &mut Tx,
    session: &BrowserSession,
    password_hash: Option<&str>,
) -> Result<bool, StoreError> {
    // Counts the row also if nothing changes, and orders this against a change of the account.
    let enabled = execute!(
        &mut *tx,
        "UPDATE users SET created_at = created_at WHERE id = ? AND disabled_at IS NULL \
         AND (password_hash = ? OR ? IS NULL)",
        session.user.as_str(),
        password_hash,
        password_hash,
    )?;
    if enabled == 0 {
        return Ok(false);
    }
    execute!(
        tx,
        "INSERT INTO browser_sessions (id, user_id, digest, method, client, created_at, seen_at, expires_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        session.id.as_str(),
        session.user.as_str(),
        session.digest.as_str(),
        session.method.as_str(),
        session.client.as_str(),
        session.created_at.0,
        session.seen_at.0,
        session.expires_at.0,
    )?;
    Ok(true)
}

impl Store {
    /// Stores a session. Returns `false` if the account was deleted or disabled, or has another
    /// password than the one with this hash that opens the session.
    pub async fn create_session(
        &self,
        session: &BrowserSession,
        password_hash: Option<&str>,
        entry: &AccessEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("create_session").await?;
        if !insert(&mut tx, session, password_hash).await? {
            tx.rollback().await;
            return Ok(false);
        }
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Returns the session with this digest and its account, also after its end.
    pub async fn session_by_digest(
        &self,
        digest: &Digest,
    ) -> Result<Option<(BrowserSession, User)>, StoreError> {
        let row: Option<SessionColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(users::COLUMNS)
                .push(FROM)
                .push(" WHERE s.digest = ")
                .push_bind(digest.as_str());
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(SessionColumns::read).transpose()
    }

    /// Returns the sessions of an account, oldest first.
    pub async fn sessions_of(
        &self,
        user: &UserId,
        page: &PageRequest,
    ) -> Result<Page<BrowserSession>, StoreError> {
        let rows: Vec<SessionColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(users::COLUMNS)
                .push(FROM)
                .push(" WHERE s.user_id = ")
                .push_bind(user.as_str());
            sql.push(" AND s.id > ").push_bind(page.after.as_deref().unwrap_or_default());
            sql.push(" ORDER BY s.id LIMIT ").push_bind(i64::from(page.limit) + 1);
            sql.build_query_as().fetch_all(c).await
        })?;
        let sessions: Result<Vec<_>, StoreError> =
            rows.into_iter().map(|row| Ok(row.read()?.0)).collect();
        Ok(into_page(sessions?, page, |session: &BrowserSession| session.id.to_string()))
    }

    /// Ends a session of an account. Returns `false` if it has none with this id.
    pub async fn delete_session(
        &self,
        user: &UserId,
        id: &SessionId,
        entry: &AccessEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("delete_session").await?;
        let sql = "DELETE FROM browser_sessions WHERE user_id = ? AND id = ?";
        let deleted = execute!(&mut tx, sql, user.as_str(), id.as_str())?;
        if deleted > 0 {
            access_audit::write(&mut tx, entry).await?;
        }
        tx.commit().await?;
        Ok(deleted > 0)
    }

    /// Records the last use of a session.
    pub async fn session_seen(&self, id: &SessionId, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write_tx("session_seen").await?;
        let sql = "UPDATE browser_sessions SET seen_at = ? WHERE id = ?";
        execute!(&mut tx, sql, at.0, id.as_str())?;
        tx.commit().await
    }

    /// Deletes the sessions that have ended: expired before `now`, or idle since before
    /// `idle_since`.
    pub async fn purge_sessions(
        &self,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut tx = self.write_tx("purge_sessions").await?;
        let sql = "DELETE FROM browser_sessions WHERE expires_at <= ? OR seen_at <= ?";
        let purged = execute!(&mut tx, sql, now.0, idle_since.0)?;
        tx.commit().await?;
        Ok(purged)
    }
}
