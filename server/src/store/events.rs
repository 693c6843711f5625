//! A task's history, specs, and answers given: rows that are written once with a change and only read afterwards.

use flow_domain::id::{Digest, TaskId};
use flow_domain::run::Event;
use flow_domain::time::Timestamp;

use super::Store;
use super::db::{execute, reading};
use super::error::StoreError;
use super::types::{EventRow, IdemRecord};

impl Store {
    /// Events of the task with numbers greater than `after`, in order.
    pub async fn events(
        &self,
        task: &TaskId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        type Row = (i64, i64, String, Option<String>, Option<String>, String);
        let rows: Vec<Row> = reading!(&*self.db, |c| {
            sqlx::query_as("SELECT seq, at, kind, run_id, party_id, message FROM events WHERE task_id = ? AND seq > ? ORDER BY seq LIMIT ?")
                .bind(task.as_str())
                .bind(after)
                .bind(i64::from(limit))
                .fetch_all(c)
                .await
        })?;
        rows.into_iter()
            .map(|(seq, at, kind, run, party, message)| {
                let corrupt = |column, problem: String| {
                    StoreError::corrupt("events", column, format!("{task}/{seq}"), problem)
                };
                let event = Event {
                    kind: kind.parse().map_err(|problem| corrupt("kind", problem))?,
                    run: run
                        .map(|id| id.parse())
                        .transpose()
                        .map_err(|problem| corrupt("run_id", format!("{problem}")))?,
                    party: party
                        .map(|id| id.parse())
                        .transpose()
                        .map_err(|problem| corrupt("party_id", format!("{problem}")))?,
                    message,
                };
                Ok(EventRow { seq, at: Timestamp(at), event })
            })
            .collect()
    }

    /// The canonical bytes of the spec of a task's member under this digest.
    pub async fn spec(
        &self,
        task: &TaskId,
        digest: &Digest,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes: Option<Vec<u8>> = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT bytes FROM specs WHERE task_id = ? AND digest = ?")
                .bind(task.as_str())
                .bind(digest.as_str())
                .fetch_optional(c)
                .await
        })?;
        match bytes {
            Some(bytes) if Digest::of(&bytes) != *digest => Err(StoreError::corrupt(
                "specs",
                "bytes",
                digest.as_str(),
                "they do not have this digest",
            )),
            other => Ok(other),
        }
    }

    /// The answer given under this key.
    pub async fn idempotency(
        &self,
        scope: &str,
        key: &str,
    ) -> Result<Option<IdemRecord>, StoreError> {
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
            Ok(IdemRecord {
                scope: scope.to_owned(),
                key: key.to_owned(),
                request,
                response,
                at: Timestamp(at),
            })
        })
        .transpose()
    }

    /// Forgets answers given before this moment; their number.
    pub async fn purge_idempotency(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.db.write().await?;
        let purged = execute!(&mut tx, "DELETE FROM idempotency WHERE at < ?", before.0)?;
        tx.commit().await?;
        Ok(purged)
    }
}
