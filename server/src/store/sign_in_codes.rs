//! One-time codes with which a person opens a session in a browser, by their SHA-256.

use flow_domain::id::{Digest, UserId};
use flow_domain::time::Timestamp;

use super::Store;
use super::access_audit::{self, AccessEntry};
use super::browser_sessions::{self, BrowserSession};
use super::db::{execute, in_tx};
use super::device_sign_ins::account;
use super::error::StoreError;
use super::users::User;

impl Store {
    /// Stores a code of an account in the place of its former one, and deletes expired codes.
    pub async fn create_sign_in_code(
        &self,
        user: &UserId,
        digest: &Digest,
        expires_at: Timestamp,
        entry: &AccessEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.write_tx("create_sign_in_code").await?;
        execute!(&mut tx, "DELETE FROM sign_in_codes WHERE expires_at <= ?", entry.at.0)?;
        execute!(&mut tx, "DELETE FROM sign_in_codes WHERE user_id = ?", user.as_str())?;
        execute!(
            &mut tx,
            "INSERT INTO sign_in_codes (digest, user_id, expires_at) VALUES (?, ?, ?)",
            digest.as_str(),
            user.as_str(),
            expires_at.0,
        )?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await
    }

    /// Uses a code up and stores the session that it opens, in one transaction. `open` creates the
    /// session and the entry of the audit. Returns `None` if the code is unknown or expired, or if
    /// its account is disabled.
    pub async fn use_sign_in_code(
        &self,
        digest: &Digest,
        now: Timestamp,
        open: impl FnOnce(&User) -> (BrowserSession, AccessEntry) + Send,
    ) -> Result<Option<(User, BrowserSession)>, StoreError> {
        let mut tx = self.write_tx("use_sign_in_code").await?;
        // Locks the row: one of two requests at the same time gets the session.
        let lock = "UPDATE sign_in_codes SET expires_at = expires_at WHERE digest = ?";
        execute!(&mut tx, lock, digest.as_str())?;
        let found: Option<(String, i64)> = in_tx!(&mut tx, |c| {
            sqlx::query_as("SELECT user_id, expires_at FROM sign_in_codes WHERE digest = ?")
                .bind(digest.as_str())
                .fetch_optional(&mut *c)
                .await
        })?;
        let Some((user, _)) = found.filter(|(_, expires_at)| now.0 < *expires_at) else {
            tx.rollback().await;
            return Ok(None);
        };
        execute!(&mut tx, "DELETE FROM sign_in_codes WHERE digest = ?", digest.as_str())?;
        let user = account(&mut tx, &user).await?.filter(|user| user.disabled_at.is_none());
        let opened = match user {
            Some(user) => {
                let (session, entry) = open(&user);
                if browser_sessions::insert(&mut tx, &session, None).await? {
                    access_audit::write(&mut tx, &entry).await?;
                    Some((user, session))
                } else {
                    None
                }
            }
            None => None,
        };
        tx.commit().await?;
        Ok(opened)
    }
}
