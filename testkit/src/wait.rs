//! Waiting for a condition with a deadline instead of sleeping for a fixed time.

use std::time::Duration;

use flow_common::clock;

/// Interval between two evaluations of a condition.
const PAUSE: Duration = Duration::from_millis(10);

/// The result of a condition: `bool`, or `Option` with a value that the wait returns.
pub trait Condition {
    /// Value that the wait returns.
    type Found;
    /// `None` while the condition is not met.
    fn found(self) -> Option<Self::Found>;
}

impl Condition for bool {
    type Found = ();
    fn found(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Condition for Option<T> {
    type Found = T;
    fn found(self) -> Option<T> {
        self
    }
}

/// Evaluates the condition every 10 ms until it holds; panics with `what` at the deadline, even if
/// an evaluation hangs.
///
/// Uses real time: not for a runtime with a paused clock.
#[track_caller]
pub fn wait_for<C: Condition>(
    what: &str,
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> C,
) -> impl Future<Output = C::Found> {
    let caller = std::panic::Location::caller();
    async move {
        let poll = async {
            loop {
                if let Some(found) = condition().await.found() {
                    return found;
                }
                clock::sleep(PAUSE).await;
            }
        };
        match clock::timeout(deadline, poll).await {
            Ok(found) => found,
            Err(_) => panic!("{caller}: waited {deadline:?} in vain for: {what}"),
        }
    }
}

/// [`wait_for`] for tests without a runtime. The deadline does not interrupt an evaluation that
/// hangs.
#[track_caller]
pub fn wait_for_blocking<C: Condition>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> C,
) -> C::Found {
    let began = clock::monotonic();
    loop {
        if let Some(found) = condition().found() {
            return found;
        }
        assert!(began.elapsed() < deadline, "timeout after {deadline:?} while waiting for: {what}");
        clock::sleep_blocking(PAUSE);
    }
}
