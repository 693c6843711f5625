//! Tasks: conversion to and from rows, for a change ([`Aggregate`]) or for display ([`TaskRow`]).
//! [`list`] contains the statements of lists, [`total`] their totals.

mod list;
mod total;

use flow_domain::id::{ProjectId, TaskId};
use flow_domain::run::RunPhase;
use flow_domain::task::Task;
use flow_domain::time::Timestamp;
use sqlx::QueryBuilder;

use super::Store;
use super::db::{id_batches, in_tx, push_list, reading};
use super::error::StoreError;
use super::runs::{Body, assemble};
use super::types::{Aggregate, TaskRow};

pub(super) use total::Totals;

/// A row of `tasks`.
#[derive(sqlx::FromRow)]
struct TaskColumns {
    id: String,
    name: String,
    project_id: String,
    phase: String,
    latest_run: Option<String>,
    runs: i64,
    version: i64,
    event_seq: i64,
    due_at: Option<i64>,
    created_at: i64,
    modified_at: i64,
    deleted_at: Option<i64>,
    body: String,
    creator: Option<String>,
}

/// Text of `tasks.phase` for a task that was never started.
const NEVER_STARTED: &str = "new";

/// Returns the text of `tasks.phase` for the phase of the newest run.
pub(super) fn phase_text(phase: Option<RunPhase>) -> &'static str {
    phase.map_or(NEVER_STARTED, RunPhase::as_str)
}

const COLUMNS: &str = "t.id, t.name, t.project_id, t.phase, t.latest_run, t.runs, t.version, t.event_seq, t.due_at, t.created_at, t.modified_at, \
                       t.deleted_at, t.body, \
                       (SELECT u.name FROM task_creators tc JOIN users u ON u.id = tc.user_id WHERE tc.task_id = t.id) AS creator";

impl TaskColumns {
    fn read(self) -> Result<(TaskRow, Option<Timestamp>), StoreError> {
        let Self {
            id,
            name: _,
            project_id,
            phase,
            latest_run,
            runs,
            version,
            event_seq,
            due_at,
            created_at,
            modified_at,
            deleted_at,
            body,
            creator,
        } = self;
        let corrupt = |column, problem: String| StoreError::corrupt("tasks", column, &id, problem);
        let task = Task {
            id: id.parse().map_err(|problem| corrupt("id", format!("{problem}")))?,
            project: project_id
                .parse()
                .map_err(|problem| corrupt("project_id", format!("{problem}")))?,
            body: serde_json::from_str(&body)
                .map_err(|problem| corrupt("body", problem.to_string()))?,
            created_at: Timestamp(created_at),
            modified_at: Timestamp(modified_at),
            runs: u32::try_from(runs).map_err(|problem| corrupt("runs", problem.to_string()))?,
            deleted_at: deleted_at.map(Timestamp),
        };
        let row = TaskRow {
            task,
            version: u64::try_from(version)
                .map_err(|problem| corrupt("version", problem.to_string()))?,
            event_seq,
            phase: match phase.as_str() {
                NEVER_STARTED => None,
                text => Some(text.parse().map_err(|problem| corrupt("phase", problem))?),
            },
            latest_run: match latest_run {
                None => None,
                Some(text) => Some(
                    text.parse().map_err(|problem| corrupt("latest_run", format!("{problem}")))?,
                ),
            },
            creator,
        };
        Ok((row, due_at.map(Timestamp)))
    }
}

impl Store {
    /// Returns a task that is not deleted, for display.
    pub async fn task(&self, id: &TaskId) -> Result<Option<TaskRow>, StoreError> {
        let row: Option<TaskColumns> = reading!(&*self.db, |c| {
            let mut sql = QueryBuilder::new("SELECT ");
            sql.push(COLUMNS)
                .push(" FROM tasks t WHERE t.tombstone = '' AND t.id = ")
                .push_bind(id.as_str());
            sql.build_query_as().fetch_optional(c).await
        })?;
        Ok(row.map(TaskColumns::read).transpose()?.map(|(row, _)| row))
    }

    /// Returns the task with this name that is not deleted.
    pub async fn task_by_name(
        &self,
        project: &ProjectId,
        name: &str,
    ) -> Result<Option<TaskRow>, StoreError> {
        let row: Option<TaskColumns> = reading!(&*self.db, |c| {
            let mut sql = QueryBuilder::new("SELECT ");
            sql.push(COLUMNS)
                .push(" FROM tasks t WHERE t.project_id = ")
                .push_bind(project.as_str());
            sql.push(" AND t.tombstone = '' AND t.name = ").push_bind(name);
            sql.build_query_as().fetch_optional(c).await
        })?;
        Ok(row.map(TaskColumns::read).transpose()?.map(|(row, _)| row))
    }

    /// Returns a task for a change, deleted or not.
    pub async fn load_task(&self, id: &TaskId) -> Result<Option<Aggregate>, StoreError> {
        Ok(self.load_tasks(std::slice::from_ref(id)).await?.pop())
    }

    /// Returns these tasks for changes, in the order of their ids; unknown ids are left out.
    pub async fn load_tasks(&self, ids: &[TaskId]) -> Result<Vec<Aggregate>, StoreError> {
        let mut loaded = Vec::with_capacity(ids.len());
        let mut tx = self.db.snapshot().await?;
        for batch in id_batches(ids) {
            let (tasks, runs, members) = in_tx!(&mut tx, |c| {
                // Unsettled, or the newest.
                let wanted = " AND (r.settled_at IS NULL OR r.id = t.latest_run)";
                let mut sql = QueryBuilder::new("SELECT ");
                sql.push(COLUMNS).push(" FROM tasks t WHERE t.id IN ");
                push_list!(sql, batch.iter().copied().map(TaskId::as_str));
                sql.push(" ORDER BY t.id");
                let tasks: Vec<TaskColumns> = sql.build_query_as().fetch_all(&mut *c).await?;
                let mut sql = QueryBuilder::new(
                    "SELECT r.id, r.body FROM tasks t JOIN runs r ON r.task_id = t.id WHERE t.id IN ",
                );
                push_list!(sql, batch.iter().copied().map(TaskId::as_str));
                sql.push(wanted).push(" ORDER BY r.task_id, r.number");
                let runs: Vec<Body> = sql.build_query_as().fetch_all(&mut *c).await?;
                let mut sql = QueryBuilder::new(
                    "SELECT m.run_id, m.body FROM tasks t JOIN runs r ON r.task_id = t.id JOIN members m ON m.run_id = r.id WHERE t.id IN ",
                );
                push_list!(sql, batch.iter().copied().map(TaskId::as_str));
                sql.push(wanted).push(" ORDER BY m.run_id, m.position");
                let members: Vec<Body> = sql.build_query_as().fetch_all(&mut *c).await?;
                (tasks, runs, members)
            });
            let mut runs = assemble(runs, members)?.into_iter().peekable();
            let start = loaded.len();
            for row in tasks {
                let (
                    TaskRow { task, version, event_seq, phase: _, latest_run: _, creator: _ },
                    due,
                ) = row.read()?;
                loaded.push(Aggregate { task, version, event_seq, due, runs: Vec::new() });
            }
            for aggregate in &mut loaded[start..] {
                while let Some(run) = runs.next_if(|run| run.task == aggregate.task.id) {
                    aggregate.runs.push(run);
                }
            }
            if let Some(run) = runs.next() {
                return Err(StoreError::corrupt(
                    "runs",
                    "body",
                    run.id.as_str(),
                    "it names a different task than its row",
                ));
            }
        }
        loaded.sort_by(|a, b| a.task.id.cmp(&b.task.id));
        Ok(loaded)
    }

    /// Returns tasks whose deadline has passed, the longest overdue first.
    pub async fn due_tasks(&self, now: Timestamp, limit: u32) -> Result<Vec<TaskId>, StoreError> {
        let ids: Vec<String> = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT id FROM tasks WHERE due_at <= ? ORDER BY due_at LIMIT ?")
                .bind(now.0)
                .bind(i64::from(limit))
                .fetch_all(c)
                .await
        })?;
        task_ids("tasks", ids)
    }

    /// Returns the earliest deadline.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let next: Option<i64> = reading!(&*self.db, |c| {
            sqlx::query_scalar(
                "SELECT due_at FROM tasks WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1",
            )
            .fetch_optional(c)
            .await
        })?;
        Ok(next.map(Timestamp))
    }

    /// Returns tasks with an unsettled run, deleted tasks too.
    pub async fn active_tasks(&self) -> Result<Vec<TaskId>, StoreError> {
        let ids: Vec<String> = reading!(&*self.db, |c| {
            sqlx::query_scalar(
                "SELECT DISTINCT task_id FROM runs WHERE settled_at IS NULL ORDER BY task_id",
            )
            .fetch_all(c)
            .await
        })?;
        task_ids("runs", ids)
    }
}

fn task_ids(table: &'static str, ids: Vec<String>) -> Result<Vec<TaskId>, StoreError> {
    ids.into_iter()
        .map(|id| id.parse().map_err(|problem| StoreError::corrupt(table, "id", &id, problem)))
        .collect()
}
