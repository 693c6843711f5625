//! The only module that reads the machine's clocks. Each of the three clocks has one purpose:
//!
//! * **monotonic time** ([`Monotonic`]) for timeouts, backoff and polling: it cannot be set, and it
//!   does not advance while the machine is suspended;
//! * **boot time** ([`Boot`]) for leases that other processes grant: it cannot be set, and it counts
//!   a suspend;
//! * **wall time** ([`Timestamp`]) for stored and displayed times. An administrator or NTP can set
//!   it at any time, in both directions: code that compares a stored deadline with it uses a
//!   [`Detector`], which detects such changes.
//!
//! Code whose tests set the time takes a [`SharedClock`]; the free functions serve code that needs
//! no mock.

mod detector;
mod mock;

use std::convert::Infallible;
use std::ops::Add;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flow_domain::time::Timestamp;
use futures::future::BoxFuture;
use nix::time::{ClockId, clock_gettime};

pub use detector::{Detector, Disturbance, Retention, STALL_MIN, Stalls};
pub use mock::MockClock;

/// Longest time between two calls of [`Clock::read`] while a [`Detector`] is in use.
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// Longest time to read all clocks. A longer read may contain a pause of the process and is
/// repeated.
const READ_MAX: Duration = Duration::from_millis(50);

macro_rules! instant {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(Duration);

        impl $name {
            /// Returns the instant `since` after the clock's origin, which is arbitrary.
            #[must_use]
            pub const fn from_origin(since: Duration) -> Self {
                Self(since)
            }

            /// Returns the time since `earlier`; zero if `earlier` is later.
            #[must_use]
            pub fn since(self, earlier: Self) -> Duration {
                self.0.saturating_sub(earlier.0)
            }
        }

        impl Add<Duration> for $name {
            type Output = Self;

            /// Adds a duration; saturates.
            fn add(self, later: Duration) -> Self {
                Self(self.0.saturating_add(later))
            }
        }
    };
}

instant!(
    /// An instant of the machine's `CLOCK_MONOTONIC`. Not valid in another process or after a
    /// restart.
    Monotonic
);
instant!(
    /// An instant of the machine's `CLOCK_BOOTTIME`. Not valid after a reboot.
    Boot
);

impl Monotonic {
    /// Returns the monotonic time since this instant.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        monotonic().since(self)
    }
}

/// One reading of all clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Wall time.
    pub wall: Timestamp,
    /// Monotonic time.
    pub monotonic: Monotonic,
    /// Boot time.
    pub boot: Boot,
    /// Total known time in which this process did not run: stopped by a signal, frozen, or without
    /// processor time.
    pub stalled: Duration,
}

/// A reading of wall clock and monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Wall time, for stored times.
    pub wall: Timestamp,
    /// Monotonic time, for timeouts.
    pub monotonic: Monotonic,
}

impl From<Reading> for Moment {
    fn from(Reading { wall, monotonic, .. }: Reading) -> Self {
        Self { wall, monotonic }
    }
}

/// A source of time: [`SystemClock`], or [`MockClock`] in tests.
pub trait Clock: Send + Sync + 'static {
    /// Reads all clocks at once, for a [`Detector`]. Call it at least every [`HEARTBEAT`]: a longer
    /// gap counts as time in which this process did not run.
    fn read(&self) -> Reading;

    /// Wall time, for stored and displayed times.
    fn now(&self) -> Timestamp;

    /// Monotonic time, for timeouts.
    fn monotonic(&self) -> Monotonic;

    /// Boot time, for leases.
    fn boot(&self) -> Boot;

    /// Completes at `at`, or at once if `at` has passed.
    fn sleep_until(&self, at: Monotonic) -> BoxFuture<'static, ()>;

    /// Completes after `length` of monotonic time.
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.monotonic() + length)
    }
}

/// A shared clock.
pub type SharedClock = Arc<dyn Clock>;

/// Reads all clocks every [`HEARTBEAT`] without end. Without it an idle process looks like one that
/// did not run.
pub async fn heartbeat(clock: SharedClock) -> Infallible {
    loop {
        clock.read();
        clock.sleep(HEARTBEAT).await;
    }
}

/// The clocks of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// Gaps between the readings of this process.
static STALLS: Mutex<Stalls> = Mutex::new(Stalls::new());

impl SystemClock {
    /// Returns the machine's clocks as a shared clock.
    #[must_use]
    pub fn shared() -> SharedClock {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    fn read(&self) -> Reading {
        let mut stalls = STALLS.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let before = boot();
            let (wall, monotonic, boot) = (wall(), monotonic(), boot());
            if boot.since(before) <= READ_MAX {
                return Reading { wall, monotonic, boot, stalled: stalls.beat(monotonic) };
            }
        }
    }

    fn now(&self) -> Timestamp {
        wall()
    }

    fn monotonic(&self) -> Monotonic {
        monotonic()
    }

    fn boot(&self) -> Boot {
        boot()
    }

    fn sleep_until(&self, at: Monotonic) -> BoxFuture<'static, ()> {
        Box::pin(async move { sleep(at.since(monotonic())).await })
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Returns the monotonic time of the machine.
#[must_use]
pub fn monotonic() -> Monotonic {
    Monotonic(elapsed_of(ClockId::CLOCK_MONOTONIC))
}

/// Returns the boot time of the machine.
#[must_use]
pub fn boot() -> Boot {
    Boot(elapsed_of(ClockId::CLOCK_BOOTTIME))
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the other clocks")]
fn elapsed_of(clock: ClockId) -> Duration {
    clock_gettime(clock).map(Duration::from).expect("Linux has this clock")
}

/// Completes after `length` of monotonic time of the machine.
#[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
pub async fn sleep(length: Duration) {
    tokio::time::sleep(length).await;
}

/// Blocks the thread for `length` of monotonic time, in programs without an async runtime.
#[expect(clippy::disallowed_methods, reason = "the one place that blocks a thread")]
pub fn sleep_blocking(length: Duration) {
    std::thread::sleep(length);
}

/// Error of [`timeout`]: the limit passed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not done within its time limit")]
pub struct Elapsed;

impl From<Elapsed> for std::io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(std::io::ErrorKind::TimedOut, elapsed)
    }
}

/// Returns the output of `future`.
///
/// # Errors
/// [`Elapsed`] if `limit` of monotonic time passes first.
#[expect(clippy::disallowed_methods, reason = "the one place that limits time")]
pub async fn timeout<F: IntoFuture>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    tokio::time::timeout(limit, future).await.map_err(|_| Elapsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn system_clocks_advance_together() {
        let first = SystemClock.read();
        sleep(Duration::from_millis(2)).await;
        let second = SystemClock.read();
        assert!(second.monotonic.since(first.monotonic) >= Duration::from_millis(2));
        assert!(second.boot.since(first.boot) >= Duration::from_millis(2));
        assert_eq!(first.monotonic.since(second.monotonic), Duration::ZERO, "never negative");
        assert_eq!(Detector::new(first).observe(second), None);
    }

    #[tokio::test]
    async fn timeout_ends_only_futures_that_take_longer() {
        assert_eq!(timeout(Duration::from_secs(60), async { 7 }).await, Ok(7));
        assert_eq!(timeout(Duration::ZERO, std::future::pending::<()>()).await, Err(Elapsed));
    }
}
