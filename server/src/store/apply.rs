//! Stores updates of many tasks in one transaction.
//!
//! A task's row is the lock and the event counter of all its rows: the first statement of an update
//! increments the version that the update is based on, and other rows are written only after that
//! version has matched. Tasks are updated in the order of their ids, so that two writers cannot
//! deadlock.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use flow_domain::id::{TaskId, UserId};
use flow_domain::run::Run;
use sqlx::{Database, Encode, MySqlConnection, QueryBuilder, SqliteConnection, Type};

use super::db::{Tx, TxConnection, batches, execute, id_batches, insert_rows, push_list, reading};
use super::error::{ApplyError, Duplicate, StoreError, is_unique_violation};
use super::feed;
use super::runs::RunRows;
use super::tasks::phase_text;
use super::types::{IdempotencyRecord, Quotas, TaskUpdate};
use super::{Store, json, quotas, signed};

/// Returns the newest run, if the update changes it.
fn latest(change: &TaskUpdate) -> Option<&Run> {
    change.runs.iter().map(|run| &run.after).find(|run| run.number == change.task.runs)
}

fn tombstone(change: &TaskUpdate) -> &str {
    if change.task.deleted_at.is_some() { change.task.id.as_str() } else { "" }
}

/// The reason why a batch was not written.
pub(super) enum WriteFailure {
    Refused(ApplyError),
    /// A task is not at the version that its update is based on. The task is looked up after the
    /// rollback: inside the transaction, a task incremented by this batch would look like one
    /// changed by another program.
    Moved,
    /// A new task or idempotency key exists. Looked up after the rollback for the same reason.
    Exists(sqlx::Error),
}

impl From<StoreError> for WriteFailure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<sqlx::Error> for WriteFailure {
    fn from(error: sqlx::Error) -> Self {
        if is_unique_violation(&error) {
            Self::Exists(error)
        } else {
            StoreError::from(error).into()
        }
    }
}

impl Store {
    /// Stores all updates or none; at most one update per task. Any error except
    /// [`StoreError::Unknown`] means none.
    pub async fn apply(&self, changes: &[TaskUpdate]) -> Result<(), ApplyError> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut changes: Vec<&TaskUpdate> = changes.iter().collect();
        changes.sort_by(|a, b| a.task.id.cmp(&b.task.id));
        let mut tx = self.write_tx("apply").await?;
        let failure = match write(&mut tx, self.quotas, &changes).await {
            Ok(()) => return Ok(tx.commit().await?),
            Err(failure) => failure,
        };
        tx.rollback().await;
        match failure {
            WriteFailure::Refused(error) => Err(error),
            WriteFailure::Moved => Err(ApplyError::Stale(self.moved(&changes).await?)),
            // The other row has been deleted meanwhile: a retry succeeds.
            WriteFailure::Exists(error) => Err(self
                .duplicate(&changes)
                .await?
                .unwrap_or_else(|| StoreError::Unavailable(Arc::new(error)).into())),
        }
    }

    /// Returns the tasks that are not at the version their update is based on. Versions only grow,
    /// so that the tasks are found.
    async fn moved(&self, changes: &[&TaskUpdate]) -> Result<Vec<TaskId>, StoreError> {
        let old: Vec<&TaskUpdate> =
            changes.iter().copied().filter(|change| !change.insert).collect();
        let mut versions = HashMap::new();
        for batch in id_batches(&old) {
            let found: Vec<(String, i64)> = reading!(&*self.db, |c| {
                let mut sql = QueryBuilder::new("SELECT id, version FROM tasks WHERE id IN ");
                push_list!(sql, batch.iter().map(|change| change.task.id.as_str()));
                sql.build_query_as().fetch_all(c).await
            })?;
            versions.extend(found);
        }
        let as_read = |change: &TaskUpdate| {
            versions.get(change.task.id.as_str()) == Some(&signed(change.base_version))
        };
        Ok(old
            .into_iter()
            .filter(|change| !as_read(change))
            .map(|change| change.task.id.clone())
            .collect())
    }

    /// Returns the first update that collides with a stored row or with an earlier update of the
    /// batch. Idempotency keys are checked first: a repeated request must get its first answer, not
    /// an error about the name.
    async fn duplicate(&self, changes: &[&TaskUpdate]) -> Result<Option<ApplyError>, StoreError> {
        let duplicate = |change: &TaskUpdate, what| {
            Ok(Some(ApplyError::Duplicate { task: change.task.id.clone(), what }))
        };
        let mut keys = HashSet::new();
        for change in changes {
            let Some(answer) = &change.idempotency else { continue };
            if !keys.insert((&answer.scope, &answer.key))
                || self.idempotency(&answer.scope, &answer.key).await?.is_some()
            {
                return duplicate(change, Duplicate::Idempotency);
            }
        }
        let (mut ids, mut names) = (HashSet::new(), HashSet::new());
        for change in changes.iter().filter(|change| change.insert) {
            let task = &change.task;
            if !ids.insert(&task.id) || self.load_task(&task.id).await?.is_some() {
                return duplicate(change, Duplicate::Id);
            }
            let name = &task.body.name;
            if !names.insert((&task.project, name))
                || self.task_by_name(&task.project, name).await?.is_some()
            {
                return duplicate(change, Duplicate::Name);
            }
        }
        Ok(None)
    }
}

async fn write(tx: &mut Tx, quotas: Quotas, changes: &[&TaskUpdate]) -> Result<(), WriteFailure> {
    insert_answers(tx, changes).await?;
    quotas::count_tasks(tx, quotas, changes).await?;
    write_counted(tx, changes).await
}

/// Writes updates whose use of quotas is counted.
pub(super) async fn write_counted(
    tx: &mut Tx,
    changes: &[&TaskUpdate],
) -> Result<(), WriteFailure> {
    raise_versions(tx, changes).await?;
    insert_tasks(tx, changes).await?;
    insert_creators(tx, changes).await?;
    write_parties(tx, changes).await?;
    write_labels(tx, changes).await?;
    let mut rows = RunRows::default();
    for change in changes {
        for run in &change.runs {
            rows.add(&change.task.project, run);
        }
    }
    rows.write(tx).await?;
    write_events(tx, changes).await?;
    write_specs(tx, changes).await?;
    Ok(())
}

/// Increments the versions of all existing tasks by compare-and-swap, in the order of their ids:
/// most in batches, edits and deletions one by one.
async fn raise_versions(tx: &mut Tx, changes: &[&TaskUpdate]) -> Result<(), WriteFailure> {
    let is_edit = |change: &TaskUpdate| change.body_changed || change.task.deleted_at.is_some();
    let old: Vec<&TaskUpdate> = changes.iter().copied().filter(|change| !change.insert).collect();
    for alike in old.chunk_by(|a, b| is_edit(a) == is_edit(b)) {
        if is_edit(alike[0]) {
            for change in alike {
                edit(tx, change).await?;
            }
        } else {
            for batch in batches(alike, tx.statement_bytes_max(), |_| 600) {
                raise(tx, batch).await?;
            }
        }
    }
    Ok(())
}

async fn edit(tx: &mut Tx, change: &TaskUpdate) -> Result<(), WriteFailure> {
    let task = &change.task;
    let latest = latest(change);
    let updated = execute!(
        tx,
        "UPDATE tasks SET version = version + 1, event_seq = event_seq + ?, due_at = ?, modified_at = ?, deleted_at = ?, tombstone = ?, \
         name = ?, template_id = ?, body = ?, runs = ?, phase = COALESCE(?, phase), latest_run = COALESCE(?, latest_run) \
         WHERE id = ? AND version = ?",
        signed(change.events.len()),
        change.due.map(|at| at.0),
        task.modified_at.0,
        task.deleted_at.map(|at| at.0),
        tombstone(change),
        task.body.name.as_str(),
        task.body.template.as_str(),
        json(&task.body),
        i64::from(task.runs),
        latest.map(|run| run.phase.as_str()),
        latest.map(|run| run.id.as_str()),
        task.id.as_str(),
        signed(change.base_version),
    );
    match updated {
        Err(error) if is_unique_violation(&error) => {
            Err(WriteFailure::Refused(ApplyError::Duplicate {
                task: task.id.clone(),
                what: Duplicate::Name,
            }))
        }
        Err(error) => Err(error.into()),
        Ok(0) => Err(WriteFailure::Moved),
        Ok(_) => Ok(()),
    }
}

async fn raise(tx: &mut Tx, batch: &[&TaskUpdate]) -> Result<(), WriteFailure> {
    let matched = match &mut tx.connection {
        TxConnection::Sqlite(tx, _) => raise_joined(tx, batch).await,
        TxConnection::MySql(tx) => raise_by_case(tx, batch).await,
    }?;
    if matched == batch.len() as u64 { Ok(()) } else { Err(WriteFailure::Moved) }
}

/// Finds each task in a table of the new values. (MySQL cannot compare the text of such a table
/// with that of a column: their collations differ.)
async fn raise_joined(
    connection: &mut SqliteConnection,
    batch: &[&TaskUpdate],
) -> Result<u64, sqlx::Error> {
    let mut sql = QueryBuilder::new("WITH new (id, base, events, due, runs, phase, latest) AS (");
    sql.push_values(batch, |mut row, change| {
        let latest = latest(change);
        row.push_bind(change.task.id.as_str())
            .push_bind(signed(change.base_version))
            .push_bind(signed(change.events.len()))
            .push_bind(change.due.map(|at| at.0))
            .push_bind(i64::from(change.task.runs))
            .push_bind(latest.map(|run| run.phase.as_str()))
            .push_bind(latest.map(|run| run.id.as_str()));
    });
    sql.push(
        ") UPDATE tasks SET version = version + 1, event_seq = event_seq + new.events, due_at = new.due, \
         runs = new.runs, phase = COALESCE(new.phase, tasks.phase), \
         latest_run = COALESCE(new.latest, latest_run) \
         FROM new WHERE tasks.id = new.id AND tasks.version = new.base",
    );
    Ok(sql.build().execute(connection).await?.rows_affected())
}

/// Compares each value with those of the whole batch, which is slow for a long one.
async fn raise_by_case(
    connection: &mut MySqlConnection,
    batch: &[&TaskUpdate],
) -> Result<u64, sqlx::Error> {
    let mut sql =
        QueryBuilder::new("UPDATE tasks SET version = version + 1, event_seq = event_seq + ");
    let as_is = ("", "");
    per_task(&mut sql, batch, as_is, |change| signed(change.events.len()));
    sql.push(", due_at = ");
    per_task(&mut sql, batch, as_is, |change| change.due.map(|at| at.0));
    sql.push(", runs = ");
    per_task(&mut sql, batch, as_is, |change| i64::from(change.task.runs));
    // MariaDB rejects COALESCE of the whole CASE if only some values are NULL: it finds no
    // common collation.
    sql.push(", phase = ");
    per_task(&mut sql, batch, ("COALESCE(", ", phase)"), |change| {
        latest(change).map(|run| run.phase.to_string())
    });
    sql.push(", latest_run = ");
    per_task(&mut sql, batch, ("COALESCE(", ", latest_run)"), |change| {
        latest(change).map(|run| run.id.to_string())
    });
    sql.push(" WHERE version = ");
    per_task(&mut sql, batch, as_is, |change| signed(change.base_version));
    sql.push(" AND id IN ");
    push_list!(sql, batch.iter().map(|change| change.task.id.as_str()));
    Ok(sql.build().execute(connection).await?.rows_affected())
}

/// Pushes a CASE with one value per task, each between these two pieces of SQL.
fn per_task<DB: Database, T>(
    sql: &mut QueryBuilder<DB>,
    batch: &[&TaskUpdate],
    (before, after): (&'static str, &'static str),
    value: impl Fn(&TaskUpdate) -> T,
) where
    String: for<'q> Encode<'q, DB> + Type<DB>,
    T: for<'q> Encode<'q, DB> + Type<DB>,
{
    sql.push("CASE id");
    for change in batch {
        sql.push(" WHEN ")
            .push_bind(change.task.id.to_string())
            .push(" THEN ")
            .push(before)
            .push_bind(value(change))
            .push(after);
    }
    sql.push(" END");
}

async fn insert_tasks(tx: &mut Tx, changes: &[&TaskUpdate]) -> Result<(), sqlx::Error> {
    let new: Vec<(&TaskUpdate, String)> = changes
        .iter()
        .filter(|change| change.insert)
        .map(|change| (*change, json(&change.task.body)))
        .collect();
    let head = "INSERT INTO tasks (id, project_id, name, tombstone, template_id, phase, latest_run, runs, version, event_seq, due_at, \
                created_at, modified_at, deleted_at, body) ";
    insert_rows!(tx, head, "", new, |(_, body)| body.len() + 300, |row, (change, body)| {
        let task = &change.task;
        let latest = latest(change);
        row.push_bind(task.id.as_str())
            .push_bind(task.project.as_str())
            .push_bind(task.body.name.as_str())
            .push_bind(tombstone(change))
            .push_bind(task.body.template.as_str())
            .push_bind(phase_text(latest.map(|run| run.phase)))
            .push_bind(latest.map(|run| run.id.as_str()))
            .push_bind(i64::from(task.runs))
            .push_bind(signed(change.base_version) + 1)
            .push_bind(change.base_event_seq + signed(change.events.len()))
            .push_bind(change.due.map(|at| at.0))
            .push_bind(task.created_at.0)
            .push_bind(task.modified_at.0)
            .push_bind(task.deleted_at.map(|at| at.0))
            .push_bind(body.as_str())
    });
    Ok(())
}

async fn insert_creators(tx: &mut Tx, changes: &[&TaskUpdate]) -> Result<(), sqlx::Error> {
    let created: Vec<(&TaskUpdate, &UserId)> = changes
        .iter()
        .filter(|change| change.insert)
        .filter_map(|change| change.creator.as_ref().map(|creator| (*change, creator)))
        .collect();
    let head = "INSERT INTO task_creators (task_id, project_id, user_id) ";
    insert_rows!(tx, head, "", created, |_| 150, |row, (change, creator)| {
        row.push_bind(change.task.id.as_str())
            .push_bind(change.task.project.as_str())
            .push_bind(creator.as_str())
    });
    Ok(())
}

async fn insert_answers(tx: &mut Tx, changes: &[&TaskUpdate]) -> Result<(), sqlx::Error> {
    let answers: Vec<(&TaskUpdate, &IdempotencyRecord)> = changes
        .iter()
        .filter_map(|change| change.idempotency.as_ref().map(|answer| (*change, answer)))
        .collect();
    let head = "INSERT INTO idempotency (scope, idem_key, project_id, request, response, at) ";
    insert_rows!(tx, head, "", answers, |(_, answer)| answer.response.len() + 300, |row,
                                                                                    (
        change,
        answer,
    )| {
        row.push_bind(answer.scope.as_str())
            .push_bind(answer.key.as_str())
            .push_bind(change.task.project.as_str())
            .push_bind(answer.request.as_str())
            .push_bind(answer.response.as_str())
            .push_bind(answer.at.0)
    });
    Ok(())
}

/// `task_parties` contains no deleted tasks.
async fn write_parties(tx: &mut Tx, changes: &[&TaskUpdate]) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for change in changes {
        let task = &change.task;
        if !change.insert && (change.body_changed || task.deleted_at.is_some()) {
            execute!(&mut *tx, "DELETE FROM task_parties WHERE task_id = ?", task.id.as_str())?;
        }
        if task.deleted_at.is_none() && (change.insert || change.body_changed) {
            let parties: HashSet<&str> =
                task.body.members.iter().map(|member| member.party.as_str()).collect();
            rows.extend(parties.into_iter().map(|party| (task, party)));
        }
    }
    insert_rows!(
        tx,
        "INSERT INTO task_parties (project_id, party_id, task_id) ",
        "",
        rows,
        |_| 100,
        |row, (task, party)| {
            row.push_bind(task.project.as_str()).push_bind(*party).push_bind(task.id.as_str())
        }
    );
    Ok(())
}

/// `task_labels` contains no deleted tasks.
async fn write_labels(tx: &mut Tx, changes: &[&TaskUpdate]) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for change in changes {
        let task = &change.task;
        if !change.insert && (change.body_changed || task.deleted_at.is_some()) {
            execute!(&mut *tx, "DELETE FROM task_labels WHERE task_id = ?", task.id.as_str())?;
        }
        if task.deleted_at.is_none() && (change.insert || change.body_changed) {
            rows.extend(task.body.labels.iter().map(|label| (task, label)));
        }
    }
    insert_rows!(
        tx,
        "INSERT INTO task_labels (project_id, label_name, label_value, task_id) ",
        "",
        rows,
        |_| 500,
        |row, (task, (name, value))| {
            row.push_bind(task.project.as_str())
                .push_bind(name.as_str())
                .push_bind(value.as_str())
                .push_bind(task.id.as_str())
        }
    );
    Ok(())
}

async fn write_events(tx: &mut Tx, changes: &[&TaskUpdate]) -> Result<(), StoreError> {
    let rows: Vec<_> = changes
        .iter()
        .flat_map(|change| {
            change
                .events
                .iter()
                .zip(change.base_event_seq + 1..)
                .map(move |(event, seq)| (&change.task, seq, event))
        })
        .collect();
    let head =
        "INSERT INTO events (task_id, seq, project_id, at, kind, run_id, party_id, message) ";
    insert_rows!(tx, head, "", rows, |(.., new)| new.event.message.len() + 180, |row,
                                                                                 (
        task,
        seq,
        new,
    )| {
        row.push_bind(task.id.as_str())
            .push_bind(*seq)
            .push_bind(task.project.as_str())
            .push_bind(new.at.0)
            .push_bind(new.event.kind.as_str())
            .push_bind(new.event.run.as_ref().map(|run| run.as_str()))
            .push_bind(new.event.party.as_ref().map(|party| party.as_str()))
            .push_bind(new.event.message.as_str())
    });
    let keys: Vec<feed::EventKey<'_>> =
        rows.iter().map(|(task, seq, _)| (&task.project, &task.id, *seq)).collect();
    feed::write(tx, &keys).await
}

async fn write_specs(tx: &mut Tx, changes: &[&TaskUpdate]) -> Result<(), StoreError> {
    let mut rows: Vec<_> = changes
        .iter()
        .flat_map(|change| change.specs.iter().map(move |spec| (&change.task, spec)))
        .collect();
    rows.sort_by_key(|(task, spec)| (&task.id, &spec.digest));
    rows.dedup_by_key(|(task, spec)| (&task.id, &spec.digest));
    let tail = tx.or_keep("task_id, digest", "digest");
    let head = "INSERT INTO specs (task_id, digest, project_id, bytes) ";
    insert_rows!(tx, head, tail, rows, |(_, spec)| spec.bytes.len() + 140, |row, (task, spec)| {
        row.push_bind(task.id.as_str())
            .push_bind(spec.digest.as_str())
            .push_bind(task.project.as_str())
            .push_bind(spec.bytes.as_slice())
    });
    Ok(())
}
