//! Storing what the engine decided: all changes of many tasks in one transaction.
//!
//! Each task's row is the lock and the clock of all that belongs to it: the first statement of a change raises the
//! version it was computed from, and rows of the task are written only after that has matched. Tasks go in the order of
//! their ids, so that two writers wait for each other but never in a ring.

use std::collections::HashSet;
use std::sync::Arc;

use flow_domain::id::TaskId;
use flow_domain::run::{Run, RunPhase};

use super::db::{Tx, execute, insert_rows};
use super::error::{ApplyError, Duplicate, StoreError, is_unique_violation};
use super::runs::{RunRows, json};
use super::types::{Change, IdemRecord};
use super::{Store, signed};

/// What `tasks.phase` holds for a task that was never started.
pub(super) const NEVER_STARTED: &str = "new";

pub(super) fn phase_text(phase: Option<RunPhase>) -> &'static str {
    phase.map_or(NEVER_STARTED, RunPhase::as_str)
}

/// The newest run, if the change touches it.
fn latest(change: &Change) -> Option<&Run> {
    change.runs.iter().map(|run| &run.after).find(|run| run.number == change.task.runs)
}

fn tombstone(change: &Change) -> &str {
    if change.task.deleted_at.is_some() { change.task.id.as_str() } else { "" }
}

/// Why a batch was not written.
enum Failure {
    Refused(ApplyError),
    /// A new task or answer met a row of its key. Which one is looked up when the transaction is undone: inside it, the
    /// batch's own rows would look like others'.
    Exists(sqlx::Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        if is_unique_violation(&error) { Self::Exists(error) } else { StoreError::from(error).into() }
    }
}

impl Store {
    /// Stores all changes or none. After an error other than [`StoreError::Unknown`], none.
    pub async fn apply(&self, changes: &[Change]) -> Result<(), ApplyError> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut changes: Vec<&Change> = changes.iter().collect();
        changes.sort_by(|a, b| a.task.id.cmp(&b.task.id));
        let mut tx = self.db.write().await?;
        let failure = match write(&mut tx, &changes).await {
            Ok(()) => return Ok(tx.commit().await?),
            Err(failure) => failure,
        };
        tx.rollback().await;
        match failure {
            Failure::Refused(error) => Err(error),
            // Found by nobody: the other row is gone again, and the same call will go better.
            Failure::Exists(error) => {
                Err(self.duplicate(&changes).await?.unwrap_or_else(|| StoreError::Unavailable(Arc::new(error)).into()))
            }
        }
    }

    /// The first change that collides with a stored row or with an earlier change of the batch. Answers come first: a
    /// request that is repeated shall hear of its first answer, not that the name is taken.
    async fn duplicate(&self, changes: &[&Change]) -> Result<Option<ApplyError>, StoreError> {
        let duplicate = |change: &Change, what| Ok(Some(ApplyError::Duplicate { task: change.task.id.clone(), what }));
        let mut keys = HashSet::new();
        for change in changes {
            let Some(answer) = &change.idempotency else { continue };
            if !keys.insert((&answer.scope, &answer.key)) || self.idempotency(&answer.scope, &answer.key).await?.is_some() {
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
            if !names.insert((&task.project, name)) || self.task_by_name(&task.project, name).await?.is_some() {
                return duplicate(change, Duplicate::Name);
            }
        }
        Ok(None)
    }
}

async fn write(tx: &mut Tx, changes: &[&Change]) -> Result<(), Failure> {
    insert_answers(tx, changes).await?;
    raise_versions(tx, changes).await?;
    insert_tasks(tx, changes).await?;
    write_parties(tx, changes).await?;
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

/// The compare-and-swap of every task that exists already.
async fn raise_versions(tx: &mut Tx, changes: &[&Change]) -> Result<(), Failure> {
    let mut stale: Vec<TaskId> = Vec::new();
    for change in changes.iter().filter(|change| !change.insert) {
        let task = &change.task;
        let latest = latest(change);
        let matched = if change.body_changed || task.deleted_at.is_some() {
            let updated = execute!(
                &mut *tx,
                "UPDATE tasks SET version = version + 1, event_seq = event_seq + ?, due_at = ?, modified_at = ?, deleted_at = ?, \
                 tombstone = ?, name = ?, template_id = ?, body = ?, runs = ?, phase = COALESCE(?, phase), \
                 latest_run = COALESCE(?, latest_run) WHERE id = ? AND version = ?",
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
                    return Err(Failure::Refused(ApplyError::Duplicate { task: task.id.clone(), what: Duplicate::Name }));
                }
                other => other?,
            }
        } else if let Some(run) = latest {
            execute!(
                &mut *tx,
                "UPDATE tasks SET version = version + 1, event_seq = event_seq + ?, due_at = ?, runs = ?, phase = ?, latest_run = ? \
                 WHERE id = ? AND version = ?",
                signed(change.events.len()),
                change.due.map(|at| at.0),
                i64::from(task.runs),
                run.phase.as_str(),
                run.id.as_str(),
                task.id.as_str(),
                signed(change.base_version),
            )?
        } else {
            execute!(
                &mut *tx,
                "UPDATE tasks SET version = version + 1, event_seq = event_seq + ?, due_at = ? WHERE id = ? AND version = ?",
                signed(change.events.len()),
                change.due.map(|at| at.0),
                task.id.as_str(),
                signed(change.base_version),
            )?
        };
        if matched == 0 {
            stale.push(task.id.clone());
        }
    }
    if stale.is_empty() { Ok(()) } else { Err(Failure::Refused(ApplyError::Stale(stale))) }
}

async fn insert_tasks(tx: &mut Tx, changes: &[&Change]) -> Result<(), sqlx::Error> {
    let new: Vec<&Change> = changes.iter().copied().filter(|change| change.insert).collect();
    let head = "INSERT INTO tasks (id, project_id, name, tombstone, template_id, phase, latest_run, runs, version, event_seq, due_at, \
                created_at, modified_at, deleted_at, body) ";
    insert_rows!(tx, head, "", new, |row, change| {
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
            .push_bind(json(&task.body))
    });
    Ok(())
}

async fn insert_answers(tx: &mut Tx, changes: &[&Change]) -> Result<(), sqlx::Error> {
    let answers: Vec<(&Change, &IdemRecord)> =
        changes.iter().filter_map(|change| change.idempotency.as_ref().map(|answer| (*change, answer))).collect();
    insert_rows!(tx, "INSERT INTO idempotency (scope, idem_key, project_id, request, response, at) ", "", answers, |row, item| {
        let (change, answer) = item;
        row.push_bind(answer.scope.as_str())
            .push_bind(answer.key.as_str())
            .push_bind(change.task.project.as_str())
            .push_bind(answer.request.as_str())
            .push_bind(answer.response.as_str())
            .push_bind(answer.at.0)
    });
    Ok(())
}

/// `task_parties` holds living tasks only.
async fn write_parties(tx: &mut Tx, changes: &[&Change]) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for change in changes {
        let task = &change.task;
        if !change.insert && (change.body_changed || task.deleted_at.is_some()) {
            execute!(&mut *tx, "DELETE FROM task_parties WHERE task_id = ?", task.id.as_str())?;
        }
        if task.deleted_at.is_none() && (change.insert || change.body_changed) {
            let parties: HashSet<&str> = task.body.members.iter().map(|member| member.party.as_str()).collect();
            rows.extend(parties.into_iter().map(|party| (task, party)));
        }
    }
    insert_rows!(tx, "INSERT INTO task_parties (project_id, party_id, task_id) ", "", rows, |row, item| {
        let (task, party) = item;
        row.push_bind(task.project.as_str()).push_bind(*party).push_bind(task.id.as_str())
    });
    Ok(())
}

async fn write_events(tx: &mut Tx, changes: &[&Change]) -> Result<(), StoreError> {
    let rows: Vec<_> = changes
        .iter()
        .flat_map(|change| change.events.iter().zip(change.base_event_seq + 1..).map(move |(event, seq)| (&change.task, seq, event)))
        .collect();
    insert_rows!(tx, "INSERT INTO events (task_id, seq, project_id, at, kind, run_id, party_id, message) ", "", rows, |row, item| {
        let (task, seq, new) = item;
        row.push_bind(task.id.as_str())
            .push_bind(*seq)
            .push_bind(task.project.as_str())
            .push_bind(new.at.0)
            .push_bind(new.event.kind.as_str())
            .push_bind(new.event.run.as_ref().map(|run| run.as_str()))
            .push_bind(new.event.party.as_ref().map(|party| party.as_str()))
            .push_bind(new.event.message.as_str())
    });
    Ok(())
}

async fn write_specs(tx: &mut Tx, changes: &[&Change]) -> Result<(), StoreError> {
    let mut rows: Vec<_> = changes.iter().flat_map(|change| change.specs.iter().map(move |spec| (&change.task, spec))).collect();
    rows.sort_by(|(_, a), (_, b)| a.digest.cmp(&b.digest));
    rows.dedup_by(|(_, a), (_, b)| a.digest == b.digest);
    let tail = tx.or_keep("digest", "digest");
    insert_rows!(tx, "INSERT INTO specs (digest, project_id, bytes) ", tail, rows, |row, item| {
        let (task, spec) = item;
        row.push_bind(spec.digest.as_str()).push_bind(task.project.as_str()).push_bind(spec.bytes.as_slice())
    });
    Ok(())
}
