//! Detects that the wall clock was set or that this process did not run for some time. Pure:
//! callers pass readings in.

use std::time::Duration;

use flow_domain::time::Timestamp;

use super::{Monotonic, Reading};

/// Smallest difference between the clocks that counts: NTP's slewing and rounding cause smaller
/// ones.
const WALL_SET_MIN: Duration = Duration::from_secs(1);
/// Longest gap between two readings that a busy machine explains; after a longer gap the process
/// did not run.
pub const STALL_MIN: Duration = Duration::from_secs(5);

/// Adds up the gaps between the heartbeats of a process.
#[derive(Debug, Default)]
pub struct Stalls {
    last: Option<Monotonic>,
    total: Duration,
}

impl Stalls {
    /// Before the first heartbeat.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None, total: Duration::ZERO }
    }

    /// Records that the process runs at `now`; returns the total known time in which it did not
    /// run.
    pub fn beat(&mut self, now: Monotonic) -> Duration {
        let gap = self.last.replace(now).map_or(Duration::ZERO, |last| now.since(last));
        if gap > STALL_MIN {
            self.total += gap;
        }
        self.total
    }
}

/// A deviation from the undisturbed passing of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disturbance {
    /// Change of the wall clock in microseconds: negative = set back, 0 = not set.
    pub wall_set_by: i64,
    /// Time in which this process did not run: stopped, frozen or suspended.
    pub paused: Duration,
}

impl Disturbance {
    /// True if the wall clock was set.
    #[must_use]
    pub const fn is_clock_set(&self) -> bool {
        self.wall_set_by != 0
    }
}

/// Compares each reading with the one before.
#[derive(Debug)]
pub struct Detector {
    last: Reading,
}

impl Detector {
    /// Creates a detector with its first reading.
    #[must_use]
    pub const fn new(first: Reading) -> Self {
        Self { last: first }
    }

    /// Compares `reading` with the previous one. Callers must check the result before they compare
    /// a deadline with `reading.wall`.
    pub fn observe(&mut self, reading: Reading) -> Option<Disturbance> {
        let last = std::mem::replace(&mut self.last, reading);
        let boot = reading.boot.since(last.boot);
        let set_by = reading.wall.0.saturating_sub(last.wall.0).saturating_sub(micros(boot));
        let suspended = boot.saturating_sub(reading.monotonic.since(last.monotonic));
        let wall_set_by =
            if set_by.unsigned_abs() > micros(WALL_SET_MIN).unsigned_abs() { set_by } else { 0 };
        let suspended = if suspended > WALL_SET_MIN { suspended } else { Duration::ZERO };
        let paused = suspended + reading.stalled.saturating_sub(last.stalled);
        (wall_set_by != 0 || !paused.is_zero()).then_some(Disturbance { wall_set_by, paused })
    }
}

/// Computes the age limit for deletions. A wall clock that was set forward makes everything look
/// old: after each change of the wall clock nothing is deleted until all earlier items are old by
/// monotonic time, too.
#[derive(Debug)]
pub struct Retention {
    keep: Duration,
    detector: Detector,
    set_at: Option<Monotonic>,
}

impl Retention {
    /// Creates a retention of `keep`.
    #[must_use]
    pub const fn new(keep: Duration, first: Reading) -> Self {
        Self { keep, detector: Detector::new(first), set_at: None }
    }

    /// Returns the time before which stored items may be deleted; `None` if no item may be deleted.
    pub fn cutoff(&mut self, reading: Reading) -> Option<Timestamp> {
        if self.detector.observe(reading).is_some_and(|disturbance| disturbance.is_clock_set()) {
            self.set_at = Some(reading.monotonic);
        }
        let is_known = self.set_at.is_none_or(|at| reading.monotonic.since(at) >= self.keep);
        is_known.then(|| Timestamp(reading.wall.0.saturating_sub(micros(self.keep))))
    }
}

fn micros(length: Duration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, MockClock};

    const HOUR: i64 = 3_600;

    fn observed(clock: &MockClock, happening: impl FnOnce(&MockClock)) -> Option<Disturbance> {
        let mut detector = Detector::new(clock.read());
        happening(clock);
        let seen = detector.observe(clock.read());
        assert_eq!(detector.observe(clock.read()), None, "a disturbance is reported once");
        seen
    }

    #[test]
    fn clock_changes_and_pauses_of_the_process_are_distinguished() {
        let clock = MockClock::default();
        for seconds in [HOUR, -HOUR, 240 * HOUR, -240 * HOUR] {
            let seen = observed(&clock, |clock| clock.set_by(seconds));
            assert_eq!(
                seen,
                Some(Disturbance { wall_set_by: seconds * 1_000_000, paused: Duration::ZERO })
            );
        }
        let paused =
            |seconds| Some(Disturbance { wall_set_by: 0, paused: Duration::from_secs(seconds) });
        assert_eq!(observed(&clock, |clock| clock.pause(30)), paused(30));
        assert_eq!(observed(&clock, |clock| clock.suspend(86_400)), paused(86_400));
        let both = observed(&clock, |clock| {
            clock.suspend(60);
            clock.set_by(-HOUR);
        });
        assert_eq!(
            both,
            Some(Disturbance { wall_set_by: -HOUR * 1_000_000, paused: Duration::from_secs(60) })
        );
    }

    #[test]
    fn long_time_between_readings_is_no_disturbance() {
        assert_eq!(observed(&MockClock::default(), |clock| clock.advance(10 * 86_400)), None);
    }

    #[test]
    fn b5_no_item_is_deleted_after_a_clock_change() {
        let clock = MockClock::default();
        let mut retention = Retention::new(Duration::from_secs(7 * 86_400), clock.read());
        let week_ago = |clock: &MockClock| Some(Timestamp(clock.now().0 - 7 * 86_400_000_000));
        assert_eq!(retention.cutoff(clock.read()), week_ago(&clock));
        for seconds in [240 * HOUR, -240 * HOUR] {
            clock.set_by(seconds);
            assert_eq!(retention.cutoff(clock.read()), None);
            clock.advance(7 * 86_400 - 1);
            assert_eq!(retention.cutoff(clock.read()), None);
            clock.advance(1);
            assert_eq!(retention.cutoff(clock.read()), week_ago(&clock));
        }
    }

    #[test]
    fn gap_between_heartbeats_counts_only_beyond_the_limit() {
        let at = |seconds| Monotonic::from_origin(Duration::from_secs(seconds));
        let mut stalls = Stalls::new();
        let total: Vec<u64> = [1_000, 1_001, 1_006, 1_036, 1_037, 1_047]
            .map(|second| stalls.beat(at(second)).as_secs())
            .into();
        assert_eq!(total, [0, 0, 0, 30, 30, 40]);
    }
}
