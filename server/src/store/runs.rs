//! Runs and members: conversion to and from rows. [`list`] contains the lists of all runs.

mod list;

use std::collections::HashMap;

use flow_domain::id::{PartyId, ProjectId, RunId, TaskId};
use flow_domain::member::Member;
use flow_domain::run::{Run, RunHead};
use flow_domain::time::Timestamp;

use super::db::{Tx, id_batches, in_tx, insert_rows, push_list, reading};
use super::error::StoreError;
use super::page::{after_number, into_page};
use super::types::{Page, PageRequest, RunUpdate};
use super::{Store, json};

/// Rows to write for a batch of updates.
#[derive(Default)]
pub(super) struct RunRows<'a> {
    new: RunRowSet<'a>,
    changed: RunRowSet<'a>,
    /// Project and end of each run that ends.
    ended: Vec<(&'a ProjectId, &'a Run, Timestamp)>,
}

#[derive(Default)]
struct RunRowSet<'a> {
    runs: Vec<(&'a ProjectId, &'a Run, String)>,
    members: Vec<(&'a ProjectId, &'a Run, usize, String)>,
}

impl<'a> RunRows<'a> {
    /// Adds the rows of `change` that are new or differ.
    pub fn add(&mut self, project: &'a ProjectId, change: &'a RunUpdate) {
        let RunUpdate { before, after } = change;
        if let Some(at) = after.finished_at
            && before.as_ref().is_none_or(|before| before.finished_at.is_none())
        {
            self.ended.push((project, after, at));
        }
        let rows = if before.is_some() { &mut self.changed } else { &mut self.new };
        if before.as_ref().is_none_or(|before| before.head != after.head) {
            rows.runs.push((project, after, json(&after.head)));
        }
        for (position, member) in after.members.iter().enumerate() {
            if before.as_ref().and_then(|before| before.members.get(position)) != Some(member) {
                rows.members.push((project, after, position, json(member)));
            }
        }
    }

    /// Writes the rows. Changed rows are overwritten; a new row must not exist, so that no run can
    /// replace another.
    pub async fn write(&self, tx: &mut Tx) -> Result<(), StoreError> {
        self.new.write(tx, "", "").await?;
        let run = tx.or_update("id", &["phase", "settled_at", "body"]);
        let member = tx.or_update("run_id, party_id", &["phase", "unsettled_party", "body"]);
        self.changed.write(tx, &run, &member).await?;
        let tail = tx.or_keep("project_id, finished_at, run_id", "phase");
        let head = "INSERT INTO finished_runs (project_id, finished_at, run_id, phase, queued_us) ";
        insert_rows!(tx, head, tail, self.ended, |_| 150, |row, (project, run, at)| {
            row.push_bind(project.as_str())
                .push_bind(at.0)
                .push_bind(run.id.as_str())
                .push_bind(run.phase.as_str())
                .push_bind(run.running_at.map(|running| running.0 - run.created_at.0))
        });
        Ok(())
    }
}

impl RunRowSet<'_> {
    async fn write(
        &self,
        tx: &mut Tx,
        run_tail: &str,
        member_tail: &str,
    ) -> Result<(), StoreError> {
        let head = "INSERT INTO runs (id, project_id, task_id, number, phase, created_at, settled_at, body) ";
        insert_rows!(tx, head, run_tail, self.runs, |(.., body)| body.len() + 200, |row,
                                                                                    (
            project,
            run,
            body,
        )| {
            row.push_bind(run.id.as_str())
                .push_bind(project.as_str())
                .push_bind(run.task.as_str())
                .push_bind(i64::from(run.number))
                .push_bind(run.phase.as_str())
                .push_bind(run.created_at.0)
                .push_bind(run.settled_at.map(|at| at.0))
                .push_bind(body.as_str())
        });
        let head = "INSERT INTO members (run_id, party_id, project_id, task_id, position, phase, unsettled_party, body) ";
        insert_rows!(
            tx,
            head,
            member_tail,
            self.members,
            |(.., body)| body.len() + 200,
            |row, (project, run, position, body)| {
                let member = &run.members[*position];
                row.push_bind(run.id.as_str())
                    .push_bind(member.party.as_str())
                    .push_bind(project.as_str())
                    .push_bind(run.task.as_str())
                    .push_bind(i64::try_from(*position).unwrap_or(i64::MAX))
                    .push_bind(member.phase.as_str())
                    .push_bind((!member.settled).then(|| member.party.as_str()))
                    .push_bind(body.as_str())
            }
        );
        Ok(())
    }
}

/// Run id and body.
pub(super) type Body = (String, String);

/// Builds runs from rows of `runs` and `members`; members keep the order of their rows.
pub(super) fn assemble(runs: Vec<Body>, members: Vec<Body>) -> Result<Vec<Run>, StoreError> {
    let mut of_run: HashMap<String, Vec<Member>> = HashMap::new();
    for (run, body) in members {
        let member = serde_json::from_str(&body)
            .map_err(|problem| StoreError::corrupt("members", "body", &run, problem))?;
        of_run.entry(run).or_default().push(member);
    }
    runs.into_iter()
        .map(|(id, body)| {
            let head: RunHead = serde_json::from_str(&body)
                .map_err(|problem| StoreError::corrupt("runs", "body", &id, problem))?;
            if head.id.as_str() != id {
                return Err(StoreError::corrupt("runs", "body", id, "it belongs to another run"));
            }
            let members = of_run.remove(&id).unwrap_or_default();
            if members.is_empty() {
                return Err(StoreError::corrupt("members", "run_id", id, "the run has no members"));
            }
            Ok(Run { head, members })
        })
        .collect()
}

/// Run id, position of the member, and body. The run itself has the position [`HEAD`].
type Part = (String, i64, String);

const HEAD: i64 = -1;

/// Pushes the statement that reads runs and their members. It is one statement, so that they belong
/// together without a transaction.
macro_rules! push_parts {
    ($sql:expr, $ids:expr) => {
        $sql.push("SELECT id, -1, body FROM runs WHERE id IN ");
        push_list!($sql, $ids.iter().copied().copied());
        $sql.push(" UNION ALL SELECT run_id, position, body FROM members WHERE run_id IN ");
        push_list!($sql, $ids.iter().copied().copied());
    };
}

/// Builds runs from the rows of [`push_parts!`].
fn assemble_parts(mut parts: Vec<Part>) -> Result<Vec<Run>, StoreError> {
    // The databases sort a union on disk.
    parts.sort_by_key(|(_, position, _)| *position);
    let (runs, members): (Vec<Part>, Vec<Part>) =
        parts.into_iter().partition(|(_, position, _)| *position == HEAD);
    let body = |(run, _, body): Part| (run, body);
    assemble(runs.into_iter().map(body).collect(), members.into_iter().map(body).collect())
}

pub(super) async fn read_runs(tx: &mut Tx, ids: &[&str]) -> Result<Vec<Run>, StoreError> {
    let mut parts: Vec<Part> = Vec::new();
    for batch in id_batches(ids) {
        let some: Vec<Part> = in_tx!(&mut *tx, |c| {
            let mut sql = sqlx::QueryBuilder::new("");
            push_parts!(sql, batch);
            sql.build_query_as().fetch_all(&mut *c).await
        })?;
        parts.extend(some);
    }
    assemble_parts(parts)
}

impl Store {
    pub async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        Ok(self.runs_by_id(std::slice::from_ref(id)).await?.pop())
    }

    /// Returns these runs with their members, in any order; unknown ids are left out.
    pub async fn runs_by_id(&self, ids: &[RunId]) -> Result<Vec<Run>, StoreError> {
        let mut parts: Vec<Part> = Vec::new();
        let ids: Vec<&str> = ids.iter().map(RunId::as_str).collect();
        for batch in id_batches(&ids) {
            let some: Vec<Part> = reading!(&*self.db, |c| {
                let mut sql = sqlx::QueryBuilder::new("");
                push_parts!(sql, batch);
                sql.build_query_as().fetch_all(c).await
            })?;
            parts.extend(some);
        }
        assemble_parts(parts)
    }

    /// Returns the runs of a task, newest first.
    pub async fn runs(&self, task: &TaskId, page: &PageRequest) -> Result<Page<Run>, StoreError> {
        let before = after_number(page)?.unwrap_or(i64::MAX);
        let mut tx = self.db.snapshot().await?;
        let rows: Vec<(String, i64)> = in_tx!(&mut tx, |c| {
            sqlx::query_as("SELECT id, number FROM runs WHERE task_id = ? AND number < ? ORDER BY number DESC LIMIT ? OFFSET ?")
                .bind(task.as_str())
                .bind(before)
                .bind(i64::from(page.limit) + 1)
                .bind(i64::from(page.offset))
                .fetch_all(&mut *c)
                .await
        })?;
        let rows = into_page(rows, page, |(_, number)| number.to_string());
        let ids: Vec<&str> = rows.items.iter().map(|(id, _)| id.as_str()).collect();
        let mut runs = read_runs(&mut tx, &ids).await?;
        runs.sort_by_key(|run| std::cmp::Reverse(run.number));
        Ok(Page { items: runs, next: rows.next })
    }

    /// Returns task and run of every unsettled member of the party.
    pub async fn unsettled_of_party(
        &self,
        party: &PartyId,
    ) -> Result<Vec<(TaskId, RunId)>, StoreError> {
        let rows: Vec<(String, String)> = reading!(&*self.db, |c| {
            sqlx::query_as("SELECT task_id, run_id FROM members WHERE unsettled_party = ? ORDER BY task_id, run_id")
                .bind(party.as_str())
                .fetch_all(c)
                .await
        })?;
        rows.into_iter()
            .map(|(task, run)| {
                Ok((
                    task.parse().map_err(|problem| {
                        StoreError::corrupt("members", "task_id", &task, problem)
                    })?,
                    run.parse().map_err(|problem| {
                        StoreError::corrupt("members", "run_id", &run, problem)
                    })?,
                ))
            })
            .collect()
    }
}
