//! The database's own outages, which count against a party no more than the hub's: while nothing could be written,
//! nobody could be heard, and deadlines that ran out meanwhile begin again ([`Input::TakenOver`]).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use flow_domain::id::TaskId;
use flow_domain::run::Input;
use flow_domain::time::Timestamp;

use super::working::Working;
use crate::store::StoreError;

/// Shorter outages are forgiven to nobody, in seconds.
const NOTICED_S: u64 = 5;

/// Why the store does not take what the engine writes, while it does not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble(Arc<Mutex<Option<StoreError>>>);

impl Trouble {
    pub(crate) fn get(&self) -> Option<StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, trouble: Option<StoreError>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

#[derive(Debug, Default)]
pub(super) struct Outage {
    /// Shown to callers whose request the engine does not come to.
    trouble: Trouble,
    /// The first failure of the present one.
    since: Option<Timestamp>,
    /// When the newest one of notice ended.
    ended: Option<Timestamp>,
    /// Tasks that have had their time anew.
    pardoned: HashSet<TaskId>,
}

impl Outage {
    pub(super) fn new(trouble: Trouble) -> Self {
        Self { trouble, ..Self::default() }
    }

    /// The store did not answer.
    pub(super) fn failed(&mut self, now: Timestamp, error: &StoreError) {
        self.since.get_or_insert(now);
        self.trouble.set(Some(error.clone()));
    }

    /// The store has answered; these tasks were folded under [`Outage::pardon`].
    pub(super) fn answered<'a>(&mut self, now: Timestamp, tasks: impl Iterator<Item = &'a TaskId>) {
        self.trouble.set(None);
        if self.since.take().is_some_and(|since| now >= since.plus_secs(NOTICED_S)) {
            self.ended = Some(now);
            self.pardoned.clear();
        }
        if self.ended.is_some() {
            self.pardoned.extend(tasks.cloned());
        }
    }

    /// The moment before which nobody could be heard.
    pub(super) fn deaf_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.since {
            Some(since) if now >= since.plus_secs(NOTICED_S) => Some(now),
            _ => self.ended,
        }
    }

    /// Gives the task's runs their time anew, once per outage.
    pub(super) fn pardon(&self, task: &TaskId, working: &mut Working, now: Timestamp) {
        let Some(until) = self.deaf_until(now) else { return };
        if self.since.is_none() && self.pardoned.contains(task) {
            return;
        }
        let active = working.runs.iter().filter(|run| run.is_active() && run.created_at < until);
        for run in active.map(|run| run.id.clone()).collect::<Vec<_>>() {
            // A refusal says that nothing of it had run out.
            let _ = working.input(&run, &Input::TakenOver, until);
        }
    }
}
