//! Replaced secrets that are still accepted: at most one per party.

use flow_domain::id::{Digest, PartyId};
use flow_domain::time::Timestamp;

use super::db::{execute, reading};
use super::error::StoreError;
use super::{DEFAULT_PROJECT, Store, parties};

impl Store {
    /// Replaces the party's secret. The previous secret is accepted until `former_until`, older
    /// ones are not. Returns `false` if there is no such party.
    pub async fn rotate_party_secret(
        &self,
        id: &PartyId,
        secret_digest: &Digest,
        former_until: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("rotate_party_secret").await?;
        let Some(party) = parties::read(&mut tx, id).await? else {
            tx.rollback().await;
            return Ok(false);
        };
        execute!(&mut tx, "DELETE FROM former_secrets WHERE party_id = ?", id.as_str())?;
        if let Some(until) = former_until {
            let former = party.row.secret_digest;
            let sql = "INSERT INTO former_secrets (party_id, project_id, secret_digest, accepted_until) VALUES (?, ?, ?, ?)";
            execute!(&mut tx, sql, id.as_str(), DEFAULT_PROJECT, former.as_str(), until.0)?;
        }
        execute!(
            &mut tx,
            "UPDATE parties SET secret_digest = ? WHERE id = ?",
            secret_digest.as_str(),
            id.as_str()
        )?;
        tx.commit().await?;
        Ok(true)
    }

    /// Returns the previous secret, and the time until which it is accepted.
    pub async fn former_secret(
        &self,
        id: &PartyId,
    ) -> Result<Option<(Digest, Timestamp)>, StoreError> {
        let row: Option<(String, i64)> = reading!(&*self.db, |c| {
            let sql = "SELECT secret_digest, accepted_until FROM former_secrets WHERE party_id = ?";
            sqlx::query_as(sql).bind(id.as_str()).fetch_optional(c).await
        })?;
        let read = |(digest, until): (String, i64)| {
            let digest = digest.parse();
            let digest = digest.map_err(|problem| {
                StoreError::corrupt(
                    "former_secrets",
                    "secret_digest",
                    id.as_str(),
                    format!("{problem}"),
                )
            })?;
            Ok((digest, Timestamp(until)))
        };
        row.map(read).transpose()
    }
}
