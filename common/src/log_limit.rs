//! A bound on log lines that another machine can cause, so that it neither fills the disk nor hides other lines.

use std::time::Duration;

use crate::clock::Monotonic;

/// Lines let through in one period.
const LINES_PER_PERIOD: u32 = 20;
/// Length of one period.
const PERIOD: Duration = Duration::from_secs(60);

/// How many lines one cause has written lately.
#[derive(Debug, Default)]
pub struct LogLimit {
    began: Option<Monotonic>,
    lines: u32,
    left_out: u64,
}

impl LogLimit {
    /// Whether one more line may be written at `now`: if so, how many were left out since the last one that was.
    pub fn admit(&mut self, now: Monotonic) -> Option<u64> {
        if self.began.is_none_or(|began| now.since(began) >= PERIOD) {
            (self.began, self.lines) = (Some(now), 0);
        }
        if self.lines >= LINES_PER_PERIOD {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a11_lines_beyond_the_limit_are_counted_and_told_in_the_next_period() {
        let (mut limit, begin) = (LogLimit::default(), Monotonic::default());
        let admitted = (0..1_000).filter(|_| limit.admit(begin).is_some()).count();
        assert_eq!(admitted, 20);
        assert_eq!(limit.admit(begin + PERIOD), Some(980));
        assert_eq!(limit.admit(begin + PERIOD), Some(0));
    }
}
