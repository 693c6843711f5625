//! The delay before a failed reconcile pass is repeated: exponential, per object, with jitter.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use flow_common::ids::jitter;

const DELAY_MIN: Duration = Duration::from_millis(500);
const DELAY_MAX: Duration = Duration::from_secs(300);

/// Consecutive failed passes by UID of the object.
#[derive(Debug, Default)]
pub struct Backoff(Mutex<HashMap<String, u32>>);

impl Backoff {
    /// Counts a failed pass. Returns the number of consecutive failures and the delay of the next
    /// pass.
    pub fn next(&self, uid: String) -> (u32, Duration) {
        let mut failures = self.locked();
        let count = failures.entry(uid).or_default();
        *count += 1;
        let limit = DELAY_MAX.min(DELAY_MIN * 2_u32.saturating_pow(*count - 1));
        let random = jitter(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        (*count, limit / 4 + Duration::from_millis(random))
    }

    pub fn reset(&self, uid: &str) {
        self.locked().remove(uid);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.0.lock().expect("no thread panics while it holds this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_grows_to_its_limit_and_is_reset_after_a_successful_pass() {
        let backoff = Backoff::default();
        for failures in 1..40 {
            let (count, delay) = backoff.next("a".to_owned());
            assert_eq!(count, failures);
            assert!(delay <= DELAY_MAX + DELAY_MAX / 4, "{delay:?}");
        }
        assert!(backoff.next("a".to_owned()).1 >= DELAY_MAX / 4);
        backoff.reset("a");
        assert_eq!(backoff.next("a".to_owned()).0, 1);
    }
}
