//! Events of tasks. `apply` writes them with the change that caused them.

use flow_domain::id::TaskId;
use flow_domain::run::Event;
use flow_domain::time::Timestamp;

use super::Store;
use super::db::reading;
use super::error::StoreError;
use super::types::EventRow;

impl Store {
    /// Returns events of the task with numbers greater than `after`, in order.
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
                let event = parse(task, seq, &kind, run, party, message)?;
                Ok(EventRow { seq, at: Timestamp(at), event })
            })
            .collect()
    }
}

/// Converts the columns of an event.
pub(super) fn parse(
    task: &TaskId,
    seq: i64,
    kind: &str,
    run: Option<String>,
    party: Option<String>,
    message: String,
) -> Result<Event, StoreError> {
    let corrupt = |column, problem: String| {
        StoreError::corrupt("events", column, format!("{task}/{seq}"), problem)
    };
    Ok(Event {
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
    })
}
