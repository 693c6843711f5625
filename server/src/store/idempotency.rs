//! Answers under idempotency keys. A request is stored with its answer, so that a repeated request
//! gets the same answer; `apply` and `templates` write them in the transaction of the change.

use flow_domain::time::Timestamp;

use super::Store;
use super::db::{execute, reading};
use super::error::StoreError;
use super::types::IdempotencyRecord;

impl Store {
    /// Returns the answer that was stored under this key.
    pub async fn idempotency(
        &self,
        scope: &str,
        key: &str,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        let row: Option<(String, String, i64)> = reading!(&*self.db, |c| {
            sqlx::query_as(
                "SELECT request, response, at FROM idempotency WHERE scope = ? AND idem_key = ?",
            )
            .bind(scope)
            .bind(key)
            .fetch_optional(c)
            .await
        })?;
        row.map(|(request, response, at)| {
            let request = request
                .parse()
                .map_err(|problem| StoreError::corrupt("idempotency", "request", key, problem))?;
            Ok(IdempotencyRecord {
                scope: scope.to_owned(),
                key: key.to_owned(),
                request,
                response,
                at: Timestamp(at),
            })
        })
        .transpose()
    }

    /// Deletes answers from before this moment; returns their number.
    pub async fn purge_idempotency(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.write_tx("purge_idempotency").await?;
        let purged = execute!(&mut tx, "DELETE FROM idempotency WHERE at < ?", before.0)?;
        tx.commit().await?;
        Ok(purged)
    }
}
