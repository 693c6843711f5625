//! Waiting for a condition with a deadline, in place of sleeping and hoping.

use std::time::Duration;

use flow_common::clock;

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// What a waited-for closure may answer: `bool`, or `Option` when the wait should hand back what it found.
pub trait Condition {
    /// What the wait returns.
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

/// Looks every 10 ms until the condition holds; panics with `what` at the deadline, also when a look itself hangs.
///
/// Measures real time: not for a runtime whose clock is paused.
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

/// [`wait_for`] for tests without a runtime. A look that hangs is not cut short.
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
        assert!(began.elapsed() < deadline, "waited {deadline:?} in vain for: {what}");
        clock::sleep_blocking(PAUSE);
    }
}
