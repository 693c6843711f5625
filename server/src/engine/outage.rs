//! Detects outages of the hub and changes of the wall clock. In an outage the database does not
//! answer, the process is paused, or it is not started. An outage does not count against a party:
//! afterwards all deadlines of active runs restart ([`Input::TakenOver`]).
//!
//! The queue restarts the deadlines of a task before it applies the first change to the task after
//! an outage, so that no deadline expires because of the outage. An outage empties the cache of the
//! queue; a task that is not in the cache gets its restart when it is loaded. A second restart has
//! no effect.

use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{Detector, Disturbance, Moment, Monotonic, Reading};
use flow_domain::run::Input;
use flow_domain::time::Timestamp;

use super::draft::TaskDraft;
use crate::store::StoreError;
use parking_lot::Mutex;

/// A database that fails for a shorter time is no outage.
const OUTAGE_MIN: Duration = Duration::from_secs(5);

/// The failure of the store, while the engine cannot write. Shared with callers.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoreFault(Arc<Mutex<Option<StoreError>>>);

impl StoreFault {
    pub(crate) fn get(&self) -> Option<StoreError> {
        self.0.lock().clone()
    }

    fn set(&self, fault: Option<StoreError>) {
        *self.0.lock() = fault;
    }
}

#[derive(Debug)]
pub(super) struct Outage {
    fault: StoreFault,
    detector: Detector,
    /// Time of the first failure in the current outage.
    failing_since: Option<Monotonic>,
    /// End of the newest outage, by the wall clock as it is set now.
    unreachable_until: Timestamp,
    /// When the wall clock was last set.
    clock_set: Option<Timestamp>,
}

impl Outage {
    /// The time before the start counts as an outage.
    pub(super) const fn new(start: Reading, fault: StoreFault) -> Self {
        Self {
            fault,
            detector: Detector::new(start),
            failing_since: None,
            unreachable_until: start.wall,
            clock_set: None,
        }
    }

    /// Records a reading of the clocks that deadlines will be compared with. Returns a disturbance
    /// if the process was paused or the wall clock was set.
    pub(super) fn observe(&mut self, reading: Reading) -> Option<Disturbance> {
        let disturbance = self.detector.observe(reading)?;
        self.unreachable_until = reading.wall;
        if disturbance.is_clock_set() {
            self.clock_set = Some(reading.wall);
        }
        Some(disturbance)
    }

    /// Records that the database did not answer.
    pub(super) fn failed(&mut self, now: Monotonic, error: &StoreError) {
        self.failing_since.get_or_insert(now);
        self.fault.set(Some(error.clone()));
    }

    /// Records that the database has answered. Returns `true` if that ended an outage.
    pub(super) fn answered(&mut self, now: Moment) -> bool {
        self.fault.set(None);
        let ended = self.is_present(now.monotonic);
        self.failing_since = None;
        if ended {
            self.unreachable_until = now.wall;
        }
        ended
    }

    /// Returns whether the database has failed for [`OUTAGE_MIN`] or longer.
    pub(super) fn is_present(&self, now: Monotonic) -> bool {
        self.failing_since.is_some_and(|since| now.since(since) >= OUTAGE_MIN)
    }

    /// Returns the end of the newest outage; during an outage, the present moment.
    pub(super) fn unreachable_until(&self, now: Moment) -> Timestamp {
        if self.is_present(now.monotonic) { now.wall } else { self.unreachable_until }
    }

    /// Restarts the deadlines of the task's active runs.
    pub(super) fn extend_deadlines(&self, draft: &mut TaskDraft, now: Moment) {
        let from = self.unreachable_until(now);
        for run in draft
            .runs
            .iter()
            .filter(|run| run.is_active())
            .map(|run| run.id.clone())
            .collect::<Vec<_>>()
        {
            // The run rejects the input if its deadlines started after the outage.
            let _ =
                draft.input(&run, &Input::TakenOver { from, clock_set: self.clock_set }, now.wall);
        }
    }
}
