//! The party's rule for the output of its workloads: what the hub may read of it.

/// Disclosure of members' logs to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPolicy {
    /// True if the hub may read logs.
    pub disclose: bool,
    /// Bytes sent for each request; `None` = no limit.
    pub limit_bytes_per_stream: Option<u64>,
}

impl Default for LogPolicy {
    fn default() -> Self {
        Self { disclose: true, limit_bytes_per_stream: None }
    }
}

impl LogPolicy {
    /// Leaves of the last lines of a workload what the hub may read.
    pub fn restrict(self, lines: &mut Vec<String>) {
        let mut left =
            if self.disclose { self.limit_bytes_per_stream.unwrap_or(u64::MAX) } else { 0 };
        let fits = |line: &&String| {
            let is_fitting = line.len() as u64 <= left;
            left = left.saturating_sub(line.len() as u64);
            is_fitting
        };
        let count = lines.iter().rev().take_while(fits).count();
        lines.drain(..lines.len() - count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u8_last_lines_obey_the_policy_for_logs() {
        let left = |disclose, limit| {
            let mut lines = ["first".to_owned(), "second".to_owned(), "third".to_owned()].to_vec();
            LogPolicy { disclose, limit_bytes_per_stream: limit }.restrict(&mut lines);
            lines
        };
        assert_eq!(left(true, None), ["first", "second", "third"]);
        assert_eq!(left(true, Some(12)), ["second", "third"]);
        assert!(left(true, Some(4)).is_empty());
        assert!(left(false, None).is_empty());
    }
}
