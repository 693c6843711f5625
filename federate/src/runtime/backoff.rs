//! Delays between retries: they double from a minimum to a maximum.

use std::time::Duration;

/// The delays of one loop of retries.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    min: Duration,
    max: Duration,
}

impl Backoff {
    #[must_use]
    pub const fn new(min: Duration, max: Duration) -> Self {
        Self { next: min, min, max }
    }

    /// Returns the delay before the next retry and doubles the one after it.
    pub fn next_delay(&mut self) -> Duration {
        let delay = self.next;
        self.next = (delay * 2).min(self.max);
        delay
    }

    /// Starts again at the minimum, after a success.
    pub fn reset(&mut self) {
        self.next = self.min;
    }

    /// Sleeps for the next delay.
    pub async fn sleep(&mut self) {
        flow_common::clock::sleep(self.next_delay()).await;
    }

    /// As [`Backoff::sleep`], on a thread that may block.
    pub fn sleep_blocking(&mut self) {
        flow_common::clock::sleep_blocking(self.next_delay());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_maximum_and_a_reset_starts_at_the_minimum() {
        let millis = Duration::from_millis;
        let mut backoff = Backoff::new(millis(2), millis(5));
        let delays: Vec<_> = (0..4).map(|_| backoff.next_delay()).collect();
        assert_eq!(delays, [millis(2), millis(4), millis(5), millis(5)]);
        backoff.reset();
        assert_eq!(backoff.next_delay(), millis(2));
    }
}
