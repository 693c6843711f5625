//! Noticing that the wall clock was set, or that this process did not run for a while. Pure: readings are handed in.

use std::time::Duration;

use flow_domain::time::Timestamp;

use super::{Monotonic, Reading};

/// Differences between the clocks below this are NTP's slewing and rounding.
const WALL_SET_MIN: Duration = Duration::from_secs(1);
/// A gap between two readings up to this is a busy machine; beyond it this process did not run.
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

    /// The process runs at `now`. Answers how long it is known not to have run until then, in total.
    pub fn beat(&mut self, now: Monotonic) -> Duration {
        let gap = self.last.replace(now).map_or(Duration::ZERO, |last| now.since(last));
        if gap > STALL_MIN {
            self.total += gap;
        }
        self.total
    }
}

/// Time did not pass as this process must assume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disturbance {
    /// How far the wall clock was set, in microseconds: negative = back, 0 = it was not set.
    pub wall_set_by: i64,
    /// How long this process did not run: stopped, frozen or suspended.
    pub paused: Duration,
}

impl Disturbance {
    /// The wall clock was set.
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
    /// A detector that knows one reading.
    #[must_use]
    pub const fn new(first: Reading) -> Self {
        Self { last: first }
    }

    /// Compares `reading` with the one before. Who judges a deadline by `reading.wall` must look at the answer first.
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

/// Says what is old enough to be deleted. A wall clock that was set forward makes everything look old, so after each time
/// it was set nothing is deleted until whatever was stored before is old by monotonic time, too.
#[derive(Debug)]
pub struct Retention {
    keep: Duration,
    detector: Detector,
    set_at: Option<Monotonic>,
}

impl Retention {
    /// Keeps things for `keep`.
    #[must_use]
    pub const fn new(keep: Duration, first: Reading) -> Self {
        Self { keep, detector: Detector::new(first), set_at: None }
    }

    /// What was stored before this moment may be deleted; `None`: nothing may.
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
        assert_eq!(detector.observe(clock.read()), None, "noticed once");
        seen
    }

    #[test]
    fn a_clock_that_is_set_and_a_process_that_did_not_run_are_noticed_and_told_apart() {
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
    fn time_that_passes_is_no_disturbance_however_long_nobody_looked() {
        assert_eq!(observed(&MockClock::default(), |clock| clock.advance(10 * 86_400)), None);
    }

    #[test]
    fn b5_a_clock_that_was_set_makes_nothing_old_enough_to_be_deleted() {
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
    fn a_gap_between_heartbeats_counts_only_if_no_busy_machine_explains_it() {
        let at = |seconds| Monotonic::from_origin(Duration::from_secs(seconds));
        let mut stalls = Stalls::new();
        let total: Vec<u64> = [1_000, 1_001, 1_006, 1_036, 1_037, 1_047]
            .map(|second| stalls.beat(at(second)).as_secs())
            .into();
        assert_eq!(total, [0, 0, 0, 30, 30, 40]);
    }
}
