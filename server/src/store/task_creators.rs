//! The accounts that created tasks. Written with the task; never changed.

use flow_domain::id::{TaskId, UserId};

use super::Store;
use super::db::reading;
use super::error::StoreError;

impl Store {
    /// Returns the account that created a task; `None` for a task from before accounts.
    pub async fn task_creator(&self, task: &TaskId) -> Result<Option<UserId>, StoreError> {
        let id: Option<String> = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT user_id FROM task_creators WHERE task_id = ?")
                .bind(task.as_str())
                .fetch_optional(c)
                .await
        })?;
        id.map(|id| id.parse()).transpose().map_err(|problem| {
            StoreError::corrupt("task_creators", "user_id", task.as_str(), problem)
        })
    }
}
