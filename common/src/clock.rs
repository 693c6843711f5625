//! The one place that reads the machine's clocks. Three of them, each for one purpose:
//!
//! * **monotonic time** ([`Monotonic`]) for timeouts, backoff and polling: nobody can set it, and it stands still while
//!   the machine is suspended;
//! * **boot time** ([`Boot`]) for leases that others grant: nobody can set it, and it counts a suspend;
//! * **wall time** ([`Timestamp`]) for what is stored and shown. An administrator or NTP can set it at any moment, in both
//!   directions, so a stored deadline is judged only together with a [`Detector`], which notices that.
//!
//! Code that tests move by hand takes a [`SharedClock`]; the free functions are for code that needs no mock.

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

/// Longest time between two calls of [`Clock::read`] while somebody relies on a [`Detector`].
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// Longest time that reading all clocks may take; beyond it they were read before and after a pause, and are read again.
const READ_MAX: Duration = Duration::from_millis(50);

macro_rules! instant {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(Duration);

        impl $name {
            /// The instant this long after the clock's origin, which is arbitrary.
            #[must_use]
            pub const fn from_origin(since: Duration) -> Self {
                Self(since)
            }

            /// Time from `earlier` to this instant; zero if `earlier` is later.
            #[must_use]
            pub fn since(self, earlier: Self) -> Duration {
                self.0.saturating_sub(earlier.0)
            }
        }

        impl Add<Duration> for $name {
            type Output = Self;

            /// Saturates.
            fn add(self, later: Duration) -> Self {
                Self(self.0.saturating_add(later))
            }
        }
    };
}

instant!(
    /// An instant of the machine's `CLOCK_MONOTONIC`. Means nothing in another process or after a restart.
    Monotonic
);
instant!(
    /// An instant of the machine's `CLOCK_BOOTTIME`. Means nothing after a reboot.
    Boot
);

impl Monotonic {
    /// Monotonic time since this instant, by the machine's clock.
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
    /// How long this process is known not to have run, in total: stopped by a signal, frozen, or starved.
    pub stalled: Duration,
}

/// A moment of the two clocks that most rules need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// For what is stored.
    pub wall: Timestamp,
    /// For timeouts.
    pub monotonic: Monotonic,
}

impl From<Reading> for Moment {
    fn from(Reading { wall, monotonic, .. }: Reading) -> Self {
        Self { wall, monotonic }
    }
}

/// The source of time.
pub trait Clock: Send + Sync + 'static {
    /// All clocks at once. For a [`Detector`]; to be called at least every [`HEARTBEAT`], because a longer gap counts as
    /// time in which this process did not run.
    fn read(&self) -> Reading;

    /// Wall time, to be stored or shown.
    fn now(&self) -> Timestamp;

    /// Monotonic time, for timeouts.
    fn monotonic(&self) -> Monotonic;

    /// Boot time, for leases.
    fn boot(&self) -> Boot;

    /// Completes at `at` or as soon as possible after it.
    fn sleep_until(&self, at: Monotonic) -> BoxFuture<'static, ()>;

    /// Completes after this much monotonic time.
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.monotonic() + length)
    }
}

/// A clock as it is handed around.
pub type SharedClock = Arc<dyn Clock>;

/// Reads all clocks every [`HEARTBEAT`], for ever: without it a quiet process looks like one that did not run.
pub async fn heartbeat(clock: SharedClock) -> Infallible {
    loop {
        clock.read();
        clock.sleep(HEARTBEAT).await;
    }
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// Gaps between the readings of this process.
static STALLS: Mutex<Stalls> = Mutex::new(Stalls::new());

impl SystemClock {
    /// The machine's clocks, ready to be handed around.
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

/// Monotonic time by the machine's clock.
#[must_use]
pub fn monotonic() -> Monotonic {
    Monotonic(elapsed_of(ClockId::CLOCK_MONOTONIC))
}

/// Boot time by the machine's clock.
#[must_use]
pub fn boot() -> Boot {
    Boot(elapsed_of(ClockId::CLOCK_BOOTTIME))
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the other clocks")]
fn elapsed_of(clock: ClockId) -> Duration {
    clock_gettime(clock).map(Duration::from).expect("Linux has this clock")
}

/// Completes after this much monotonic time, by the machine's clock.
#[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
pub async fn sleep(length: Duration) {
    tokio::time::sleep(length).await;
}

/// Blocks the thread for this much monotonic time. For programs without an async runtime.
#[expect(clippy::disallowed_methods, reason = "the one place that blocks a thread")]
pub fn sleep_blocking(length: Duration) {
    std::thread::sleep(length);
}

/// The limit of [`timeout`] was reached first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not done within its time limit")]
pub struct Elapsed;

impl From<Elapsed> for std::io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(std::io::ErrorKind::TimedOut, elapsed)
    }
}

/// The future's output, unless `limit` of monotonic time passes first.
///
/// # Errors
/// [`Elapsed`] if it does.
#[expect(clippy::disallowed_methods, reason = "the one place that limits time")]
pub async fn timeout<F: IntoFuture>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    tokio::time::timeout(limit, future).await.map_err(|_| Elapsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_machines_clocks_are_read_together_and_move_on() {
        let first = SystemClock.read();
        sleep(Duration::from_millis(2)).await;
        let second = SystemClock.read();
        assert!(second.monotonic.since(first.monotonic) >= Duration::from_millis(2));
        assert!(second.boot.since(first.boot) >= Duration::from_millis(2));
        assert_eq!(first.monotonic.since(second.monotonic), Duration::ZERO, "never negative");
        assert_eq!(Detector::new(first).observe(second), None);
    }

    #[tokio::test]
    async fn a_timeout_ends_what_takes_longer_and_nothing_else() {
        assert_eq!(timeout(Duration::from_secs(60), async { 7 }).await, Ok(7));
        assert_eq!(timeout(Duration::ZERO, std::future::pending::<()>()).await, Err(Elapsed));
    }
}
