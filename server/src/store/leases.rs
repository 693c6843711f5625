//! Leases: the right to run a loop that only one hub may run.

use flow_domain::time::Timestamp;

use super::db::{execute, in_tx, reading};
use super::error::{StoreError, is_unique_violation};
use super::{DEFAULT_PROJECT, Store};

impl Store {
    /// Acquires or renews the lease; `true` if `holder` has it until `until`. An expired lease may
    /// be acquired by any holder.
    pub async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("take_lease").await?;
        let found: Option<(String, i64, i64)> = in_tx!(&mut tx, |c| {
            sqlx::query_as("SELECT holder, version, held_until FROM leases WHERE name = ?")
                .bind(name)
                .fetch_optional(&mut *c)
                .await
        })?;
        let taken = match found {
            None => {
                let sql = "INSERT INTO leases (name, project_id, holder, version, held_until) VALUES (?, ?, ?, 1, ?)";
                match execute!(&mut tx, sql, name, DEFAULT_PROJECT, holder, until.0) {
                    Err(error) if is_unique_violation(&error) => 0,
                    other => other?,
                }
            }
            Some((other, _, held_until)) if other != holder && held_until > now.0 => 0,
            Some((_, version, _)) => execute!(
                &mut tx,
                "UPDATE leases SET holder = ?, held_until = ?, version = version + 1 WHERE name = ? AND version = ?",
                holder,
                until.0,
                name,
                version,
            )?,
        };
        if taken == 0 {
            tx.rollback().await;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Releases the lease; no effect if another holder has it.
    pub async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        let mut tx = self.write_tx("release_lease").await?;
        let sql =
            "UPDATE leases SET held_until = 0, version = version + 1 WHERE name = ? AND holder = ?";
        execute!(&mut tx, sql, name, holder)?;
        tx.commit().await
    }

    /// Releases the lease of any holder. For a caller that knows that the holder has ended.
    pub async fn free_lease(&self, name: &str) -> Result<(), StoreError> {
        let mut tx = self.write_tx("free_lease").await?;
        execute!(
            &mut tx,
            "UPDATE leases SET held_until = 0, version = version + 1 WHERE name = ?",
            name
        )?;
        tx.commit().await
    }

    /// Returns the last holder.
    pub async fn lease_holder(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(reading!(&*self.db, |c| sqlx::query_scalar("SELECT holder FROM leases WHERE name = ?")
            .bind(name)
            .fetch_optional(c)
            .await)?)
    }
}
