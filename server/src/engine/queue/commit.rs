//! Commits changes in one transaction, with retries, and publishes what is stored.

use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{self, Moment};
use flow_common::error::chain;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{PartyId, TaskId};
use flow_domain::time::Timestamp;

use super::{AppliedChanges, Queue, TaskChanges};
use crate::engine::{Change, ChangeResult, QueuedChange, create, wake};
use crate::metrics::Metrics;
use crate::store::{Aggregate, ApplyError, StoreError, TaskUpdate};

/// Time after which a caller gets an error while the database does not answer.
const CALLER_WAIT_MAX: Duration = Duration::from_secs(10);
/// Time after which a caller gets an error while the disk is full: freeing space takes longer than
/// any caller waits.
const CALLER_WAIT_MAX_DISK_FULL: Duration = Duration::from_secs(1);
/// Timeout of one transaction.
pub(super) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);
/// Retries of a task that other programs keep changing, before its caller gets an error.
const STALE_RETRIES_MAX: u32 = 50;

impl Queue {
    /// Commits all groups, with retries.
    pub(super) async fn commit(&mut self, groups: Vec<TaskChanges>) {
        let mut waiting = vec![groups];
        while let Some(groups) = waiting.pop() {
            self.commit_together(groups, &mut waiting).await;
        }
        self.perhaps_stored.clear();
    }

    /// Commits the groups in one transaction. Groups that have to be committed separately are moved
    /// to `alone`.
    async fn commit_together(
        &mut self,
        mut groups: Vec<TaskChanges>,
        alone: &mut Vec<Vec<TaskChanges>>,
    ) {
        let mut tries = 0;
        while !groups.is_empty() {
            let now = self.observe();
            let error = match self.try_commit(&groups, now).await {
                Ok((applied, updates)) => {
                    self.metrics.engine_commit("ok");
                    self.publish(groups, applied, updates).await;
                    return;
                }
                Err(error) => error,
            };
            self.metrics.engine_commit(commit_outcome(&error));
            tries += 1;
            match error {
                ApplyError::Stale(tasks) => {
                    for task in &tasks {
                        self.tasks.remove(task);
                    }
                    if groups.len() > 1 {
                        let (stale, rest) = groups
                            .into_iter()
                            .partition(|group: &TaskChanges| tasks.contains(&group.task));
                        groups = rest;
                        alone.extend(Vec::into_iter(stale).map(|group| vec![group]));
                        tries = 0;
                    } else if tries > STALE_RETRIES_MAX {
                        let busy = Error::new(
                            ErrorCode::Busy,
                            "too many concurrent changes of this task: retry in a moment",
                        );
                        reject_callers(&self.metrics, &mut groups, &busy);
                    }
                }
                ApplyError::Duplicate { task, .. } => {
                    let Some(index) = groups.iter().position(|group| group.task == task) else {
                        tracing::error!(task.id = %task, "the store reported a duplicate for a task that was not written");
                        self.pause(tries).await;
                        continue;
                    };
                    let TaskChanges { task, mut queued } = groups.swap_remove(index);
                    if queued.len() > 1 {
                        alone.extend(queued.into_iter().rev().map(|change| {
                            vec![TaskChanges { task: task.clone(), queued: vec![change] }]
                        }));
                    } else if let Some(change) = queued.pop() {
                        self.duplicate(task, change, alone).await;
                    }
                }
                ApplyError::Store(error @ StoreError::Unknown(_)) => {
                    tracing::warn!(error = %chain(&error), "the outcome of a commit is unknown; reading the tasks again");
                    self.outage.failed(now.monotonic, &error);
                    self.perhaps_stored.extend(groups.iter().map(|group| group.task.clone()));
                    // If the commit succeeded, applying again yields no update to publish. Every
                    // agent that may have missed one is disconnected; its next session starts with
                    // the full set, built after this commit.
                    for party in groups
                        .iter()
                        .filter_map(|group| self.tasks.remove(&group.task))
                        .flat_map(|task| parties(&task))
                    {
                        self.sessions.disconnect(&party);
                    }
                    self.wait_for_store(&mut groups, tries, &error).await;
                }
                ApplyError::Store(error) if error.is_refusal() => {
                    for group in &groups {
                        self.tasks.remove(&group.task);
                    }
                    // Each change gets its own answer.
                    let mut changes: Vec<_> = std::mem::take(&mut groups)
                        .into_iter()
                        .flat_map(|TaskChanges { task, queued }| {
                            let alone = move |change| {
                                vec![TaskChanges { task: task.clone(), queued: vec![change] }]
                            };
                            queued.into_iter().map(alone)
                        })
                        .collect();
                    match &mut changes[..] {
                        [refused] => reject_callers(&self.metrics, refused, &error.into()),
                        _ => alone.extend(changes.into_iter().rev()),
                    }
                }
                ApplyError::Store(error) if !error.is_retryable() => {
                    for group in &groups {
                        self.tasks.remove(&group.task);
                    }
                    if groups.len() > 1 {
                        alone.extend(groups.drain(..).map(|group| vec![group]));
                    } else {
                        tracing::error!(error = %chain(&error), task.id = ?groups.first().map(|group| &group.task), "cannot store a change of a task; rejecting it");
                        reject_callers(&self.metrics, &mut groups, &error.into());
                        groups.clear();
                    }
                }
                ApplyError::Store(error) => {
                    tracing::warn!(error = %chain(&error), "the store does not answer; retrying");
                    self.outage.failed(now.monotonic, &error);
                    for group in &groups {
                        self.tasks.remove(&group.task);
                    }
                    self.wait_for_store(&mut groups, tries, &error).await;
                }
            }
        }
    }

    /// Applies the groups in memory, and stores the result in one transaction.
    async fn try_commit(
        &mut self,
        groups: &[TaskChanges],
        now: Moment,
    ) -> Result<(Vec<AppliedChanges>, Vec<TaskUpdate>), ApplyError> {
        let mut applied = self.apply_all(groups, now).await?;
        let updates: Vec<TaskUpdate> =
            applied.iter_mut().filter_map(|applied| applied.update.take()).collect();
        let started = clock::monotonic();
        if !updates.is_empty() {
            self.write(&updates).await?;
        }
        if self.outage.answered(now) {
            self.tasks.clear();
        }
        if !updates.is_empty() {
            self.metrics.commit(updates.len(), started.elapsed());
        }
        Ok((applied, updates))
    }

    /// Bounds the wait for a database that disappeared: TCP alone would wait for minutes.
    async fn write(&self, changes: &[TaskUpdate]) -> Result<(), ApplyError> {
        match clock::timeout(TRANSACTION_TIMEOUT, self.store.apply(changes)).await {
            Ok(applied) => applied,
            Err(_) => Err(ApplyError::Store(StoreError::timed_out())),
        }
    }

    /// Handles a violated unique index: either another request used the same key just now, or the
    /// name is taken.
    async fn duplicate(
        &mut self,
        task: TaskId,
        change: QueuedChange,
        alone: &mut Vec<Vec<TaskChanges>>,
    ) {
        let (name, idem) = match &change.change {
            Change::Create { body, idem, .. } => (body.name.clone(), idem.clone()),
            Change::Edit { body, .. } => (body.name.clone(), None),
            Change::Start(request) => (String::new(), request.idem.clone()),
            _ => (String::new(), None),
        };
        if let Some(idem) = idem {
            let found = self.store.idempotency(&idem.scope, &idem.key).await;
            if let Err(error) = &found {
                tracing::warn!(%error, "the store does not answer; retrying");
                self.pause(1).await;
            }
            if !matches!(found, Ok(None)) {
                alone.push(vec![TaskChanges { task, queued: vec![change] }]);
                return;
            }
        }
        answer(&self.metrics, change, Err(create::name_taken(&name)));
    }

    /// Waits before a retry. Callers get an error after a timeout; facts are kept.
    async fn wait_for_store(
        &mut self,
        groups: &mut Vec<TaskChanges>,
        tries: u32,
        error: &StoreError,
    ) {
        let patience =
            if error.is_disk_full() { CALLER_WAIT_MAX_DISK_FULL } else { CALLER_WAIT_MAX };
        let impatient = |change: &QueuedChange| change.posted.elapsed() > patience;
        if self.stopping.is_cancelled() && tries > 5 {
            tracing::error!(
                "shutting down while the store does not answer; unstored changes are lost"
            );
            reject_callers(&self.metrics, groups, &error.clone().into());
            groups.clear();
        } else if groups.iter().flat_map(|group| &group.queued).any(impatient) {
            reject_callers(&self.metrics, groups, &error.clone().into());
        }
        self.pause(tries).await;
    }

    pub(super) async fn pause(&self, tries: u32) {
        let wait = Duration::from_millis(10 << tries.min(6));
        clock::sleep(wait).await;
    }

    /// Publishes a durable update to the cache, the agents, the watchers and the callers, in this
    /// order.
    pub(super) async fn publish(
        &mut self,
        groups: Vec<TaskChanges>,
        applied: Vec<AppliedChanges>,
        changes: Vec<TaskUpdate>,
    ) {
        let revision = self.next_revision();
        let mut earliest: Option<Timestamp> = None;
        for mut change in changes {
            for spec in change.specs.drain(..) {
                self.specs.keep(spec);
            }
            if let Some(due) = change.due {
                earliest = Some(earliest.map_or(due, |known| known.min(due)));
            }
            for run in &change.runs {
                if run.before.as_ref().is_none_or(|before| before.running_at.is_none())
                    && let Some(running_at) = run.after.running_at
                {
                    self.metrics.run_started(running_at.0 - run.after.created_at.0);
                }
                let was_finished =
                    run.before.as_ref().is_some_and(|before| before.finished_at.is_some());
                if let (false, Some(_), Some(ending)) =
                    (was_finished, run.after.finished_at, &run.after.ending)
                {
                    self.metrics.run_finished(ending);
                }
                self.metrics.run_state(&run.after);
                for member in wake::moved(run) {
                    let party = &member.party;
                    if !self.sessions.is_connected(party) {
                        continue;
                    }
                    match wake::desired_member(
                        &self.store,
                        &mut self.specs,
                        &change.task.body.name,
                        &run.after,
                        member,
                        revision,
                    )
                    .await
                    {
                        Ok(desired) => self.sessions.send_desired(party, desired),
                        Err(error) => {
                            // The full set of the next session repairs it.
                            tracing::error!(party.id = %party, %error, "cannot build the desired state of a member; disconnecting the agent");
                            self.sessions.disconnect(party);
                        }
                    }
                }
            }
        }
        if let Some(earliest) = earliest {
            self.due.earlier(earliest);
        }
        for (group, applied) in groups.into_iter().zip(applied) {
            if let Some(after) = applied.after {
                after.runs.iter().for_each(|run| self.metrics.run_state(run));
                self.watchers.notify(&group.task, after.event_seq);
                self.keep(Arc::new(after));
            }
            for (change, result) in group.queued.into_iter().zip(applied.results) {
                answer(&self.metrics, change, result);
            }
        }
        self.specs.trim();
    }
}

/// Returns the outcome of a failed commit for the metrics.
const fn commit_outcome(error: &ApplyError) -> &'static str {
    match error {
        ApplyError::Stale(_) => "stale",
        ApplyError::Duplicate { .. } => "duplicate",
        ApplyError::Store(StoreError::Unknown(_)) => "unknown",
        ApplyError::Store(StoreError::Unavailable(_)) => "unavailable",
        ApplyError::Store(_) => "failed",
    }
}

/// Returns the outcome of a change for the metrics.
fn change_outcome(result: &Result<ChangeResult, Error>) -> &'static str {
    match result {
        Ok(_) => "accepted",
        Err(error) => match error.code {
            ErrorCode::StoreUnavailable | ErrorCode::StoreFull | ErrorCode::Busy => "unavailable",
            _ => "rejected",
        },
    }
}

/// Returns all parties of the task and of its runs.
fn parties(aggregate: &Aggregate) -> Vec<PartyId> {
    let of_runs =
        aggregate.runs.iter().flat_map(|run| &run.members).map(|member| member.party.clone());
    aggregate.task.body.members.iter().map(|member| member.party.clone()).chain(of_runs).collect()
}

fn answer(metrics: &Metrics, change: QueuedChange, result: Result<ChangeResult, Error>) {
    if let Some(name) = change.change.name() {
        metrics.task_change(name, change_outcome(&result));
    }
    if let Some(reply) = change.reply {
        // The caller may have disconnected.
        let _ = reply.send(result);
    }
}

/// Returns `error` to every caller and drops its change. Facts, which have no caller, stay.
fn reject_callers(metrics: &Metrics, groups: &mut Vec<TaskChanges>, error: &Error) {
    for group in groups.iter_mut() {
        let (callers, facts): (Vec<QueuedChange>, Vec<QueuedChange>) =
            std::mem::take(&mut group.queued)
                .into_iter()
                .partition(|change| change.reply.is_some());
        group.queued = facts;
        for change in callers {
            answer(metrics, change, Err(error.clone()));
        }
    }
    groups.retain(|group| !group.queued.is_empty());
}
