//! Times in which this hub could hear nobody: its database did not answer, its process did not run, or it had not started.
//! And moments at which its wall clock was set. None of it counts against a party: deadlines begin again
//! ([`Input::TakenOver`]).
//!
//! A task is pardoned when it is applied for the first time after the outage, before anything else is applied into it, so no
//! deadline is judged before. The queue knows that first time by its cache, which an outage empties. Pardoning twice
//! changes nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flow_common::clock::{Detector, Disturbance, Moment, Monotonic, Reading};
use flow_domain::run::Input;
use flow_domain::time::Timestamp;

use super::draft::TaskDraft;
use crate::store::StoreError;

/// A database that answers within this time was not away.
const OUTAGE_MIN: Duration = Duration::from_secs(5);

/// Why the store does not take what the engine writes, while it does not.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoreFault(Arc<Mutex<Option<StoreError>>>);

impl StoreFault {
    pub(crate) fn get(&self) -> Option<StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, fault: Option<StoreError>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

#[derive(Debug)]
pub(super) struct Outage {
    /// Shown to callers whose request the engine does not come to.
    fault: StoreFault,
    detector: Detector,
    /// The first failure of the database's present outage.
    failing_since: Option<Monotonic>,
    /// When the newest outage ended, by the wall clock as it is set now.
    unreachable_until: Timestamp,
    /// When the wall clock was last set.
    clock_set: Option<Timestamp>,
}

impl Outage {
    /// A hub that starts now has heard nobody before.
    pub(super) const fn new(start: Reading, fault: StoreFault) -> Self {
        Self {
            fault,
            detector: Detector::new(start),
            failing_since: None,
            unreachable_until: start.wall,
            clock_set: None,
        }
    }

    /// Takes a reading of the clocks by which deadlines are going to be judged.
    pub(super) fn observe(&mut self, reading: Reading) -> Option<Disturbance> {
        let disturbance = self.detector.observe(reading)?;
        self.unreachable_until = reading.wall;
        if disturbance.is_clock_set() {
            self.clock_set = Some(reading.wall);
        }
        Some(disturbance)
    }

    /// The database did not answer.
    pub(super) fn failed(&mut self, now: Monotonic, error: &StoreError) {
        self.failing_since.get_or_insert(now);
        self.fault.set(Some(error.clone()));
    }

    /// The database has answered. `true` if that ended an outage.
    pub(super) fn answered(&mut self, now: Moment) -> bool {
        self.fault.set(None);
        let ended = self.is_present(now.monotonic);
        self.failing_since = None;
        if ended {
            self.unreachable_until = now.wall;
        }
        ended
    }

    /// The database does not answer, and that is long enough to matter.
    pub(super) fn is_present(&self, now: Monotonic) -> bool {
        self.failing_since.is_some_and(|since| now.since(since) >= OUTAGE_MIN)
    }

    /// The moment before which nobody could be heard.
    pub(super) fn unreachable_until(&self, now: Moment) -> Timestamp {
        if self.is_present(now.monotonic) { now.wall } else { self.unreachable_until }
    }

    /// Gives the task's runs their time anew.
    pub(super) fn extend_deadlines(&self, draft: &mut TaskDraft, now: Moment) {
        let from = self.unreachable_until(now);
        for run in draft
            .runs
            .iter()
            .filter(|run| run.is_active())
            .map(|run| run.id.clone())
            .collect::<Vec<_>>()
        {
            // A refusal says that the run had all its time.
            let _ =
                draft.input(&run, &Input::TakenOver { from, clock_set: self.clock_set }, now.wall);
        }
    }
}
