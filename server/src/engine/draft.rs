//! One task in memory while changes are applied to it, and the update to be stored.

use std::sync::Arc;

use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{PartyId, RunId, UserId};
use flow_domain::run::{self, Effect, Event, Input, NewMember, NewRun, Refusal, Run};
use flow_domain::spec::SealedSpec;
use flow_domain::task::Task;
use flow_domain::time::Timestamp;

use crate::store::{Aggregate, IdempotencyRecord, NewEvent, RunUpdate, TaskUpdate};

#[derive(Debug, Clone)]
pub struct TaskDraft {
    /// As stored; `None` for a new task.
    base: Option<Arc<Aggregate>>,
    pub task: Task,
    /// Unsettled runs and the newest run.
    pub runs: Vec<Run>,
    events: Vec<NewEvent>,
    pub body_changed: bool,
    /// Specs of new runs.
    pub specs: Vec<SealedSpec>,
    pub idempotency: Option<IdempotencyRecord>,
    /// The account that creates a new task.
    pub creator: Option<UserId>,
    /// A tick was applied: deadlines that have passed were checked.
    pub ticked: bool,
}

impl TaskDraft {
    pub fn of(base: Arc<Aggregate>) -> Self {
        let (task, runs) = (base.task.clone(), base.runs.clone());
        Self::from_parts(Some(base), task, runs)
    }

    pub fn new(task: Task) -> Self {
        Self::from_parts(None, task, Vec::new())
    }

    fn from_parts(base: Option<Arc<Aggregate>>, task: Task, runs: Vec<Run>) -> Self {
        Self {
            base,
            task,
            runs,
            events: Vec::new(),
            body_changed: false,
            specs: Vec::new(),
            idempotency: None,
            creator: None,
            ticked: false,
        }
    }

    /// Returns the stored version; 0 for a new task.
    pub fn version(&self) -> u64 {
        self.base.as_ref().map_or(0, |base| base.version)
    }

    /// Rejects a change that was made from another version. Changes that were applied before in the
    /// same batch count too: their version comes with the commit.
    pub fn check_version(&self, from: Option<u64>) -> Result<(), Error> {
        let changed = || {
            let stored = self.base.as_ref();
            !self.events.is_empty()
                || stored.is_none_or(|stored| stored.task != self.task || stored.runs != self.runs)
        };
        if from.is_some_and(|version| version != self.version() || changed()) {
            return Err(Error::new(
                ErrorCode::PreconditionFailed,
                "the task was changed since it was read: read it again",
            ));
        }
        Ok(())
    }

    pub fn run(&self, id: &RunId) -> Option<&Run> {
        self.runs.iter().find(|run| &run.id == id)
    }

    /// Returns a run that prevents start and edit. A run that is about to be `cancelled` does not:
    /// its members settle by themselves, and agents admit no newer member before.
    pub fn busy(&self) -> Option<&Run> {
        self.runs.iter().find(|run| {
            run.is_active()
                && run
                    .ending
                    .as_ref()
                    .is_none_or(|ending| ending.outcome != run::Outcome::Cancelled)
        })
    }

    /// Adds an event to the task's history.
    pub fn event(&mut self, at: Timestamp, event: Event) {
        self.events.push(NewEvent { at, event });
    }

    /// Applies one input to one run.
    pub fn input(&mut self, id: &RunId, input: &Input, now: Timestamp) -> Result<(), Refusal> {
        let Some(index) = self.runs.iter().position(|run| &run.id == id) else {
            return Err(Refusal::Ended);
        };
        let (next, effects) = run::step(&self.runs[index], input, now)?;
        self.runs[index] = next;
        self.perform(index, effects, now);
        Ok(())
    }

    pub fn add_run(&mut self, new: NewRun, now: Timestamp) {
        let (run, effects) = Run::new(new, now);
        self.task.runs = run.number;
        self.runs.push(run);
        self.perform(self.runs.len() - 1, effects, now);
    }

    fn perform(&mut self, index: usize, effects: Vec<Effect>, now: Timestamp) {
        for effect in effects {
            match effect {
                Effect::Event(event) => self.event(now, event),
                Effect::Retry { not_before } => self.retry(index, not_before, now),
            }
        }
    }

    /// Creates the run that repeats another, with the same specs. A deleted task gets none.
    fn retry(&mut self, index: usize, not_before: Timestamp, now: Timestamp) {
        if self.task.deleted_at.is_some() {
            return;
        }
        let old = &self.runs[index];
        let new = NewRun {
            id: flow_common::ids::run_id(),
            task: old.task.clone(),
            number: self.task.runs + 1,
            retry_of: Some(old.id.clone()),
            started_by: old.started_by.clone(),
            inputs: old.inputs.clone(),
            retries_left: old.retries_left.saturating_sub(1),
            not_before,
            framework: old.framework,
            rules: old.rules.clone(),
            stop_grace_s: old.stop_grace_s,
            members: old
                .members
                .iter()
                .map(|member| NewMember {
                    party: member.party.clone(),
                    role: member.role,
                    digest: member.digest.clone(),
                    // The queue, which knows the contacts, sets it.
                    connected: None,
                    away_since: now,
                    never_connected: member.never_connected,
                    // As for the contact.
                    disabled: false,
                })
                .collect(),
        };
        self.add_run(new, now);
    }

    /// Returns run and party of each member of the retry runs that this draft created.
    pub fn retries(&self) -> Vec<(RunId, PartyId)> {
        let known = |run: &Run| {
            self.base.as_ref().is_some_and(|base| base.runs.iter().any(|old| old.id == run.id))
        };
        let new = self.runs.iter().filter(|run| run.retry_of.is_some() && !known(run));
        new.flat_map(|run| run.members.iter().map(|member| (run.id.clone(), member.party.clone())))
            .collect()
    }

    /// Returns the next deadline to check. After a tick the result is in the future: a deadline
    /// that the tick did not clear would otherwise be checked in an endless loop.
    fn due(&self, now: Timestamp) -> Option<Timestamp> {
        self.runs
            .iter()
            .filter_map(run::next_due)
            .min()
            .map(|due| if self.ticked { due.max(now.plus_secs(1)) } else { due })
    }

    /// Returns the update to store, if there is one, and the aggregate as it will be stored.
    pub fn finish(self, now: Timestamp) -> (Option<TaskUpdate>, Aggregate) {
        let due = self.due(now);
        let Self { base, task, runs, events, body_changed, specs, idempotency, creator, ticked: _ } =
            self;
        let (base_version, base_event_seq, before) = base
            .as_ref()
            .map_or((0, 0, &[][..]), |base| (base.version, base.event_seq, base.runs.as_slice()));
        let stored = base.as_ref().map(|base| &base.task);
        let base_runs = stored.filter(|task| task.deleted_at.is_none()).map(|task| task.runs);
        let run_changes: Vec<_> = runs
            .iter()
            .filter_map(|after| {
                let before = before.iter().find(|run| run.id == after.id);
                (before != Some(after))
                    .then(|| RunUpdate { before: before.cloned(), after: after.clone() })
            })
            .collect();
        let insert = base.is_none();
        let task_changed = base.as_ref().is_none_or(|base| base.task != task);
        let nothing = run_changes.is_empty()
            && events.is_empty()
            && !task_changed
            && idempotency.is_none()
            && base.as_ref().is_some_and(|base| base.due == due);
        let event_seq = base_event_seq + i64::try_from(events.len()).unwrap_or(i64::MAX);
        let after = Aggregate {
            version: if nothing { base_version } else { base_version + 1 },
            event_seq: if nothing { base_event_seq } else { event_seq },
            // Settled runs are history, except for the newest, which is the state of the task.
            runs: {
                let newest = runs.iter().map(|run| run.number).max().unwrap_or(0);
                runs.into_iter().filter(|run| !run.is_settled() || run.number == newest).collect()
            },
            due,
            task: task.clone(),
        };
        if nothing {
            return (None, after);
        }
        let change = TaskUpdate {
            task,
            insert,
            creator,
            base_version,
            base_event_seq,
            base_runs,
            body_changed,
            runs: run_changes,
            events,
            specs,
            due,
            idempotency,
        };
        (Some(change), after)
    }
}
