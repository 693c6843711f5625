//! Limits of a rate, per key: an account or a source address.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use flow_common::clock::Monotonic;
use parking_lot::Mutex;

/// Keys remembered. Beyond them, keys that are within their limit are forgotten.
const KEYS_MAX: usize = 10_000;

/// Admits `burst` events of a key at once, and one more per `interval` (GCRA).
#[derive(Debug)]
pub(crate) struct RateLimit<K> {
    interval: Duration,
    burst: u32,
    /// When each key will have its whole burst again.
    full_at: Mutex<HashMap<K, Monotonic>>,
}

impl<K: Eq + Hash> RateLimit<K> {
    pub(crate) fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst, full_at: Mutex::default() }
    }

    /// Counts an event; `Err` with the time to wait if it exceeds the limit, and is not counted.
    pub(crate) fn admit(&self, key: K, now: Monotonic) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock();
        let known = full_at.get(&key).copied().unwrap_or(now).max(now);
        let next = known + self.interval;
        let ahead = next.since(now);
        let most = self.interval * self.burst;
        if ahead > most {
            return Err(ahead.saturating_sub(most));
        }
        if full_at.len() >= KEYS_MAX {
            full_at.retain(|_, at| *at > now);
            // A flood of new keys must not grow memory, nor make each of them cost a scan.
            if full_at.len() >= KEYS_MAX {
                full_at.clear();
            }
        }
        full_at.insert(key, next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_origin(Duration::from_millis(millis))
    }

    #[test]
    fn burst_is_admitted_and_then_one_event_per_interval() {
        let limit = RateLimit::new(Duration::from_millis(100), 3);
        for _ in 0..3 {
            limit.admit("a", at(1000)).expect("within the burst");
        }
        assert_eq!(limit.admit("a", at(1000)), Err(Duration::from_millis(100)));
        assert_eq!(limit.admit("a", at(1040)), Err(Duration::from_millis(60)));
        limit.admit("b", at(1000)).expect("another key");
        limit.admit("a", at(1100)).expect("one interval later");
        assert!(limit.admit("a", at(1100)).is_err());
        for _ in 0..3 {
            limit.admit("a", at(5000)).expect("a whole burst after a rest");
        }
        assert!(limit.admit("a", at(5000)).is_err(), "a rest saves no more than a burst");
    }

    #[test]
    fn many_keys_do_not_grow_memory() {
        let limit = RateLimit::new(Duration::from_secs(60), 1);
        for key in 0..3 * KEYS_MAX {
            let _ = limit.admit(key, at(1));
        }
        assert!(limit.full_at.lock().len() <= KEYS_MAX);
    }
}
