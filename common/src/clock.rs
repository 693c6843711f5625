//! Time as an argument. Nothing but [`SystemClock`] reads the machine's clock, so that a test can move every deadline
//! of a server or an agent by hand and never sleeps.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flow_domain::time::Timestamp;
use futures::future::BoxFuture;
use tokio::sync::watch;

/// Longest single sleep: a wall clock that is set forward is noticed after so long.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Completes once [`Clock::now`] is `at` or later; at once if it is already.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}

/// A clock as it is handed around.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The machine's clock, ready to be handed around.
    #[must_use]
    pub fn shared() -> SharedClock {
        Arc::new(Self)
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        wall()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            while let Ok(left @ 1..) = u64::try_from(at.0.saturating_sub(wall().0)) {
                tokio::time::sleep(Duration::from_micros(left).min(LONGEST_SLEEP)).await;
            }
        })
    }
}

/// A clock that stands still until it is moved. Sleepers whose time has come wake when it moves.
#[derive(Clone)]
pub struct MockClock {
    now: watch::Sender<Timestamp>,
}

impl MockClock {
    /// A clock that shows `at`.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self { now: watch::Sender::new(at) }
    }

    /// Move forward.
    pub fn advance(&self, seconds: u64) {
        self.now.send_modify(|now| *now = now.plus_secs(seconds));
    }

    /// Move to `at`, forward or backward.
    pub fn set(&self, at: Timestamp) {
        self.now.send_replace(at);
    }

    /// How many sleeps are under way: lets a test wait until somebody waits for the time to pass.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.now.receiver_count()
    }
}

impl Default for MockClock {
    /// A clock that shows a moment in 2026, so that subtracting from it stays positive.
    fn default() -> Self {
        Self::new(Timestamp(1_767_225_600_000_000))
    }
}

impl fmt::Debug for MockClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockClock").field("now", &self.now()).finish()
    }
}

impl Clock for MockClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        // The sender is kept by the sleep itself: a dropped clock leaves its sleepers asleep, it does not wake them.
        let clock = self.now.clone();
        Box::pin(async move {
            let mut shown = clock.subscribe();
            let _ = shown.wait_for(|now| *now >= at).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn a_mock_sleep_ends_exactly_when_its_moment_is_shown() {
        let clock = MockClock::default();
        let mut sleep = clock.sleep_until(clock.now().plus_secs(10));
        assert!(sleep.as_mut().now_or_never().is_none());
        clock.advance(9);
        assert!(sleep.as_mut().now_or_never().is_none());
        clock.advance(1);
        sleep.await;
    }

    #[tokio::test]
    async fn a_sleep_until_the_past_ends_at_once() {
        SystemClock.sleep_until(Timestamp(0)).await;
        MockClock::default().sleep_until(Timestamp(0)).await;
    }
}
