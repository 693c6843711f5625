//! Rate limit for log lines that another machine can cause, so that they neither fill the disk nor
//! hide other lines.

use std::time::Duration;

use crate::clock::Monotonic;

/// Lines per period of a default limit.
const LINES_PER_PERIOD: u32 = 20;
/// Duration of a period.
const PERIOD: Duration = Duration::from_secs(60);

/// The lines of one cause in the current period.
#[derive(Debug)]
pub struct LogLimit {
    lines_max: u32,
    period: Duration,
    began_at: Option<Monotonic>,
    lines: u32,
    dropped: u64,
}

/// The field of a log line with the number of lines that were left out before it; no field for none.
#[must_use]
pub fn if_any(left_out: u64) -> Option<u64> {
    (left_out > 0).then_some(left_out)
}

impl Default for LogLimit {
    fn default() -> Self {
        Self::per_minute(LINES_PER_PERIOD)
    }
}

impl LogLimit {
    /// A limit of this many lines a minute.
    #[must_use]
    pub const fn per_minute(lines_max: u32) -> Self {
        Self::new(lines_max, PERIOD)
    }

    /// A limit of `lines_max` lines in each `period`.
    #[must_use]
    pub const fn new(lines_max: u32, period: Duration) -> Self {
        Self { lines_max, period, began_at: None, lines: 0, dropped: 0 }
    }

    /// Returns `None` if the line at `now` exceeds the limit, otherwise the number of lines dropped
    /// since the last one.
    pub fn admit(&mut self, now: Monotonic) -> Option<u64> {
        if self.began_at.is_none_or(|began_at| now.since(began_at) >= self.period) {
            (self.began_at, self.lines) = (Some(now), 0);
        }
        if self.lines >= self.lines_max {
            self.dropped = self.dropped.saturating_add(1);
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a11_lines_beyond_the_limit_are_counted_for_the_next_period() {
        let (mut limit, begin) = (LogLimit::default(), Monotonic::default());
        let admitted = (0..1_000).filter(|_| limit.admit(begin).is_some()).count();
        assert_eq!(admitted, 20);
        assert_eq!(limit.admit(begin + PERIOD), Some(980));
        assert_eq!(limit.admit(begin + PERIOD), Some(0));
    }
}
