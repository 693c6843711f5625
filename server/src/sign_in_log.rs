//! Limits of the log lines about failed sign-ins of agents: per source address, and in total,
//! because a caller may have many addresses.

use std::collections::HashMap;
use std::net::IpAddr;

use flow_common::clock::monotonic;
use flow_common::log_limit::LogLimit;
use parking_lot::Mutex;

use crate::listener::source_of;

/// Sources remembered. Beyond them all limits start again; the total limit remains.
const SOURCES_MAX: usize = 1024;
/// Lines of all sources.
const LINES_PER_MINUTE_MAX: u32 = 300;

pub(crate) struct SignInLog(Mutex<Limits>);

struct Limits {
    by_source: HashMap<IpAddr, LogLimit>,
    total: LogLimit,
}

impl Default for SignInLog {
    fn default() -> Self {
        let total = LogLimit::per_minute(LINES_PER_MINUTE_MAX);
        Self(Mutex::new(Limits { by_source: HashMap::new(), total }))
    }
}

impl SignInLog {
    /// Returns `Some` if a line about this address may be written now, with the number of
    /// suppressed lines before it.
    pub(crate) fn admit(&self, address: IpAddr) -> Option<u64> {
        let (source, now) = (source_of(address), monotonic());
        let mut limits = self.0.lock();
        if limits.by_source.len() >= SOURCES_MAX && !limits.by_source.contains_key(&source) {
            limits.by_source.clear();
        }
        let left_out = limits.by_source.entry(source).or_default().admit(now)?;
        Some(limits.total.admit(now)?.max(left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u26_lines_about_failed_sign_ins_are_limited_per_address_and_in_total() {
        let log = SignInLog::default();
        let address = |n: u32| IpAddr::from(std::net::Ipv4Addr::from_bits(n));
        let written = (0..1_000).filter(|_| log.admit(address(1)).is_some()).count();
        assert!(written < 50, "{written} lines");
        assert_eq!(log.admit(address(2)), Some(0), "another address");
        let written = (0..10_000).filter(|n| log.admit(address(100 + n)).is_some()).count();
        assert!(written < 300, "{written} lines");
        assert!(log.0.lock().by_source.len() <= SOURCES_MAX);
    }
}
