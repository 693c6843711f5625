//! The events of all tasks in the order of their commits. `apply` numbers them with the change that
//! caused them: the row of `feed_head` is locked until the commit, so that a reader who has seen a
//! number has seen all smaller ones.

use std::collections::{BTreeSet, HashMap};

use flow_domain::id::{ProjectId, TaskId};
use flow_domain::label::Labels;
use flow_domain::task::TaskBody;
use flow_domain::time::Timestamp;
use sqlx::QueryBuilder;

use super::Store;
use super::db::{Tx, execute, id_batches, insert_rows, push_list, reading};
use super::error::StoreError;
use super::events;
use super::signed;
use super::types::{EventRow, FeedRow};

/// Events that one transaction deletes from the feed.
const PURGED_EVENTS_MAX: u32 = 500;

/// Identifies an event: project, task and its number in the task.
pub(super) type EventKey<'a> = (&'a ProjectId, &'a TaskId, i64);

/// Adds events to the feed.
pub(super) async fn write(tx: &mut Tx, keys: &[EventKey<'_>]) -> Result<(), StoreError> {
    if keys.is_empty() {
        return Ok(());
    }
    let count = signed(keys.len());
    let head = tx.raise_feed_head(count).await?.ok_or_else(missing_head)?;
    let rows: Vec<(i64, &EventKey<'_>)> = (head - count + 1..).zip(keys).collect();
    insert_rows!(
        tx,
        "INSERT INTO event_feed (feed_seq, project_id, task_id, seq) ",
        "",
        rows,
        |_| 120,
        |row, (number, (project, task, seq))| {
            row.push_bind(*number)
                .push_bind(project.as_str())
                .push_bind(task.as_str())
                .push_bind(*seq)
        }
    );
    Ok(())
}

fn missing_head() -> StoreError {
    StoreError::corrupt("feed_head", "id", "1", "the row is missing; run `flow-server migrate`")
}

impl Store {
    /// Returns the number of the newest event of the feed; 0 = none.
    pub async fn feed_head(&self) -> Result<i64, StoreError> {
        let head: Option<i64> = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT seq FROM feed_head WHERE id = 1").fetch_optional(c).await
        })?;
        head.ok_or_else(missing_head)
    }

    /// Returns events of a project, or of all, with numbers greater than `after`, in order.
    pub async fn feed(
        &self,
        project: Option<&ProjectId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<FeedRow>, StoreError> {
        type Row =
            (i64, String, String, String, i64, i64, String, Option<String>, Option<String>, String);
        let rows: Vec<Row> = reading!(&*self.db, |c| {
            let mut sql = QueryBuilder::new(
                "SELECT f.feed_seq, f.project_id, f.task_id, t.name, e.seq, e.at, e.kind, e.run_id, e.party_id, e.message \
                 FROM event_feed f JOIN events e ON e.task_id = f.task_id AND e.seq = f.seq JOIN tasks t ON t.id = f.task_id WHERE ",
            );
            if let Some(project) = project {
                sql.push("f.project_id = ").push_bind(project.to_string()).push(" AND ");
            }
            sql.push("f.feed_seq > ").push_bind(after);
            sql.push(" ORDER BY f.feed_seq LIMIT ").push_bind(i64::from(limit));
            sql.build_query_as().fetch_all(c).await
        })?;
        rows.into_iter()
            .map(|(number, project, task, task_name, seq, at, kind, run, party, message)| {
                let corrupt = |column, problem: String| {
                    StoreError::corrupt("event_feed", column, number.to_string(), problem)
                };
                let task: TaskId =
                    task.parse().map_err(|problem| corrupt("task_id", format!("{problem}")))?;
                let project = project
                    .parse()
                    .map_err(|problem| corrupt("project_id", format!("{problem}")))?;
                let event = events::parse(&task, seq, &kind, run, party, message)?;
                let event = EventRow { seq, at: Timestamp(at), event };
                Ok(FeedRow { number, project, task, task_name, event })
            })
            .collect()
    }

    /// Returns the number of the newest event that was deleted from the feed; 0 = none.
    pub async fn feed_pruned(&self) -> Result<i64, StoreError> {
        let pruned: Option<i64> = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT seq FROM feed_head WHERE id = 2").fetch_optional(c).await
        })?;
        pruned.ok_or_else(missing_head)
    }

    /// Deletes the oldest events from before this moment from the feed; they stay events of their
    /// tasks. An event that an enabled webhook has not queued yet is deleted later.
    pub async fn purge_feed(&self, before: Timestamp) -> Result<(), StoreError> {
        loop {
            let after = self.feed_pruned().await?;
            let oldest = self.feed(None, after, PURGED_EVENTS_MAX).await?;
            let Some(last) = oldest.iter().take_while(|row| row.event.at < before).last() else {
                return Ok(());
            };
            let mut tx = self.write_tx("purge_feed").await?;
            execute!(
                &mut tx,
                "DELETE FROM event_feed WHERE feed_seq <= ? AND NOT EXISTS (SELECT 1 FROM webhooks \
                 WHERE webhooks.project_id = event_feed.project_id AND webhooks.enabled = 1 AND webhooks.feed_seq < event_feed.feed_seq)",
                last.number,
            )?;
            execute!(&mut tx, "UPDATE feed_head SET seq = ? WHERE id = 2", last.number)?;
            tx.commit().await?;
        }
    }

    /// Returns the labels of tasks, also of deleted ones.
    pub async fn labels_of(
        &self,
        tasks: &BTreeSet<&TaskId>,
    ) -> Result<HashMap<TaskId, Labels>, StoreError> {
        let ids: Vec<&str> = tasks.iter().map(|task| task.as_str()).collect();
        let mut labels = HashMap::new();
        for batch in id_batches(&ids) {
            let rows: Vec<(String, String)> = reading!(&*self.db, |c| {
                let mut sql = QueryBuilder::new("SELECT id, body FROM tasks WHERE id IN ");
                push_list!(sql, batch.iter().map(|id| (**id).to_owned()));
                sql.build_query_as().fetch_all(c).await
            })?;
            for (id, body) in rows {
                let corrupt = |column, problem: String| {
                    StoreError::corrupt("tasks", column, id.clone(), problem)
                };
                let body: TaskBody = serde_json::from_str(&body)
                    .map_err(|problem| corrupt("body", problem.to_string()))?;
                let task = id.parse().map_err(|problem| corrupt("id", format!("{problem}")))?;
                labels.insert(task, body.labels);
            }
        }
        Ok(labels)
    }
}
