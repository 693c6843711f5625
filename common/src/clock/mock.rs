//! A clock for tests, whose time only the test changes.

use std::fmt;
use std::time::Duration;

use flow_domain::time::Timestamp;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::{Boot, Clock, Monotonic, Reading};

/// Clocks that do not advance by themselves. A change of monotonic time wakes the sleepers whose
/// time has passed.
#[derive(Clone)]
pub struct MockClock {
    now: watch::Sender<Reading>,
}

impl MockClock {
    /// Creates clocks with the wall time `wall`.
    #[must_use]
    pub fn new(wall: Timestamp) -> Self {
        // Different values, so that tests detect a confusion of clocks.
        let monotonic = Monotonic::from_origin(Duration::from_secs(1_000));
        let boot = Boot::from_origin(Duration::from_secs(2_000));
        Self { now: watch::Sender::new(Reading { wall, monotonic, boot, stalled: Duration::ZERO }) }
    }

    /// Advances all clocks; the process runs.
    pub fn advance(&self, seconds: u64) {
        self.now.send_modify(|now| pass(now, seconds));
    }

    /// Advances all clocks; the process does not run (SIGSTOP, a frozen container, a paused virtual
    /// machine).
    pub fn pause(&self, seconds: u64) {
        self.now.send_modify(|now| {
            pass(now, seconds);
            now.stalled += Duration::from_secs(seconds);
        });
    }

    /// Suspends the machine: monotonic time does not advance.
    pub fn suspend(&self, seconds: u64) {
        self.now.send_modify(|now| {
            now.wall = now.wall.plus_secs(seconds);
            now.boot = now.boot + Duration::from_secs(seconds);
        });
    }

    /// Sets the wall clock forward or, with a negative number, back by `seconds`.
    pub fn set_by(&self, seconds: i64) {
        self.now.send_modify(|now| now.wall.0 += seconds * 1_000_000);
    }
}

fn pass(now: &mut Reading, seconds: u64) {
    let length = Duration::from_secs(seconds);
    now.wall = now.wall.plus_secs(seconds);
    now.monotonic = now.monotonic + length;
    now.boot = now.boot + length;
}

impl Default for MockClock {
    /// A time in 2026, so that differences to earlier times stay positive.
    fn default() -> Self {
        Self::new(Timestamp(1_767_225_600_000_000))
    }
}

impl fmt::Debug for MockClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockClock").field("now", &self.read()).finish()
    }
}

impl Clock for MockClock {
    fn read(&self) -> Reading {
        *self.now.borrow()
    }

    fn now(&self) -> Timestamp {
        self.read().wall
    }

    fn monotonic(&self) -> Monotonic {
        self.read().monotonic
    }

    fn boot(&self) -> Boot {
        self.read().boot
    }

    fn sleep_until(&self, at: Monotonic) -> BoxFuture<'static, ()> {
        // The sleep owns a sender: dropping the clock must not wake its sleepers.
        let clock = self.now.clone();
        Box::pin(async move {
            let mut shown = clock.subscribe();
            let _ = shown.wait_for(|now| now.monotonic >= at).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn sleep_ends_exactly_after_its_monotonic_time() {
        let clock = MockClock::default();
        let mut sleep = clock.sleep(Duration::from_secs(10));
        assert!(sleep.as_mut().now_or_never().is_none());
        clock.advance(9);
        assert!(sleep.as_mut().now_or_never().is_none());
        clock.advance(1);
        sleep.await;
        clock.sleep(Duration::ZERO).await;
    }

    #[tokio::test]
    async fn a7_sleep_ignores_wall_clock_and_suspend() {
        let clock = MockClock::default();
        let mut sleep = clock.sleep(Duration::from_secs(10));
        clock.set_by(86_400);
        clock.suspend(86_400);
        assert!(sleep.as_mut().now_or_never().is_none());
        clock.set_by(-10 * 86_400);
        clock.advance(10);
        sleep.await;
    }
}
