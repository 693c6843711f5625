//! Specs of members by digest. `apply` writes them with the run that needs them; they never change.

use flow_domain::id::{Digest, TaskId};

use super::Store;
use super::db::reading;
use super::error::StoreError;

impl Store {
    /// Returns the canonical bytes of the spec with this digest.
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
                "the bytes do not have this digest",
            )),
            other => Ok(other),
        }
    }
}
