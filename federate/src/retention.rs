//! Retention of the outputs, logs and scratch files of ended members, and the warning about a full
//! disk.
//!
//! Outputs are results of the party: only the party's configuration, or the party itself, removes
//! them. The proof of a member's end is kept for [`SETTLED_RETENTION_S`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flow_api_types::agent::FileRetention;
use flow_common::clock::{self, Clock as _, Reading, SystemClock};
use flow_common::disk::Disk;
use flow_common::error::chain;
use serde::Deserialize;

use crate::journal::SETTLED_RETENTION_S;
use crate::metrics::AgentMetrics;
use crate::outputs;
use crate::runtime::{Expired, Runtime};
use crate::sidecar::rundir;

const SWEEP_PERIOD: Duration = Duration::from_secs(3600);
const DAY_S: u64 = 24 * 3600;
/// Members that a warning about the disk names.
const LARGEST_MAX: usize = 3;

/// The keys of `[retention]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days for which outputs are kept after the end of their member; 0 = without limit.
    pub output_days: u32,
    /// As `output_days`, for logs.
    pub log_days: u32,
    /// As `output_days`, for the working directory and `HOME`.
    pub scratch_days: u32,
    /// Free share of the disk, in percent, below which the agent warns; 0 = never.
    pub min_free_percent: u8,
    /// Free space of the disk, in MiB, below which the agent refuses reservations; 0 = never.
    pub min_free_mib: u32,
}

impl From<Retention> for FileRetention {
    fn from(retention: Retention) -> Self {
        let Retention { output_days, log_days, scratch_days, min_free_percent, min_free_mib } =
            retention;
        let min_free_percent = min_free_percent.into();
        Self { output_days, log_days, scratch_days, min_free_percent, min_free_mib }
    }
}

impl Retention {
    /// Checks the values. An error is a key and a message.
    pub fn check(self) -> Result<(), (&'static str, String)> {
        if self.min_free_percent > 100 {
            let message = format!("{} is no percentage: set 0 to 100", self.min_free_percent);
            return Err(("min_free_percent", message));
        }
        Ok(())
    }

    /// Free space below which the agent refuses reservations, in bytes.
    #[must_use]
    pub fn min_free_bytes(self) -> u64 {
        u64::from(self.min_free_mib) << 20
    }

    /// A warning if the disk of `data_dir` has less free space than the party wants.
    #[must_use]
    pub fn warning(self, data_dir: &Path) -> Option<String> {
        // An unreadable directory has other symptoms.
        let disk = Disk::of(data_dir).ok()?;
        let is_low = disk.is_below(self.min_free_percent) || disk.free < self.min_free_bytes();
        is_low.then(|| self.describe(data_dir, disk))
    }

    fn describe(self, data_dir: &Path, disk: Disk) -> String {
        let kept = |days: u32| match days {
            0 => "until you delete them".to_owned(),
            days => format!("for {days} days"),
        };
        let limit = if disk.is_below(self.min_free_percent) {
            format!("{} %", self.min_free_percent)
        } else {
            format!("{} MiB, so that reservations are refused", self.min_free_mib)
        };
        let (dir, outputs, logs) =
            (data_dir.display(), kept(self.output_days), kept(self.log_days));
        format!(
            "on the disk of {dir} {disk}, less than {limit}; outputs of members are kept {outputs}, \
             logs {logs}: `flow-federate outputs list` shows the use of each member, and \
             `flow-federate outputs remove RUN` frees it"
        )
    }
}

/// Times before which a member must have been forgotten for its parts to be removed. A wall clock
/// that was set restarts every retention.
#[derive(Debug)]
pub struct Cutoffs {
    proof: clock::Retention,
    outputs: Option<clock::Retention>,
    logs: Option<clock::Retention>,
    scratch: Option<clock::Retention>,
}

impl Cutoffs {
    /// Begins with one reading of the clocks.
    #[must_use]
    pub fn new(retention: Retention, first: Reading) -> Self {
        let days = |days: u32| {
            let period = Duration::from_secs(u64::from(days) * DAY_S);
            (days > 0).then(|| clock::Retention::new(period, first))
        };
        Self {
            proof: clock::Retention::new(Duration::from_secs(SETTLED_RETENTION_S), first),
            outputs: days(retention.output_days),
            logs: days(retention.log_days),
            scratch: days(retention.scratch_days),
        }
    }

    /// The cutoffs at this time. `None`: nothing may be removed.
    pub fn at(&mut self, reading: Reading) -> Option<Expired> {
        let at = |retention: &mut Option<clock::Retention>| retention.as_mut()?.cutoff(reading);
        let (outputs, logs, scratch) =
            (at(&mut self.outputs), at(&mut self.logs), at(&mut self.scratch));
        Some(Expired { proof: self.proof.cutoff(reading)?, outputs, logs, scratch })
    }
}

/// The disk use of the run directories of a data directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct DiskUse {
    bytes: u64,
    /// The members that use most, with their bytes.
    largest: Vec<(String, u64)>,
}

impl DiskUse {
    /// Reads the directories. Blocks.
    fn of(data_dir: &Path) -> Self {
        let mut members: Vec<(String, u64)> = rundir::list(&data_dir.join("runs"))
            .unwrap_or_default()
            .into_iter()
            .map(|(key, dir)| (rundir::dir_name(&key), outputs::disk_use(dir.path())))
            .collect();
        members.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let bytes = members.iter().map(|(_, bytes)| bytes).sum();
        members.truncate(LARGEST_MAX);
        Self { bytes, largest: members }
    }
}

/// Removes data past its retention and warns about the disk, once per [`SWEEP_PERIOD`].
pub async fn sweep(
    runtime: Arc<dyn Runtime>,
    retention: Retention,
    data_dir: PathBuf,
    metrics: AgentMetrics,
) {
    let mut cutoffs = Cutoffs::new(retention, SystemClock.read());
    loop {
        if let Some(expired) = cutoffs.at(SystemClock.read()) {
            let began = clock::monotonic();
            let swept = runtime.sweep(&expired).await;
            metrics.sweep(swept.is_ok(), began.elapsed());
            match swept {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "removed members past their retention"),
                Err(error) => tracing::warn!(
                    error = %chain(&error),
                    "cannot remove members past their retention; retrying in an hour"
                ),
            }
        }
        let measured = data_dir.clone();
        let used = tokio::task::spawn_blocking(move || DiskUse::of(&measured)).await;
        let used = used.unwrap_or_default();
        metrics.disk_use(used.bytes);
        if let Some(warning) = retention.warning(&data_dir) {
            let largest = used.largest.iter();
            let largest: Vec<_> =
                largest.map(|(name, bytes)| format!("{name} {} MiB", bytes >> 20)).collect();
            tracing::warn!(largest = largest.join(", "), "{warning}");
        }
        clock::sleep(SWEEP_PERIOD).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_common::clock::MockClock;
    use flow_domain::time::Timestamp;

    fn retention() -> Retention {
        Retention {
            output_days: 0,
            log_days: 0,
            scratch_days: 7,
            min_free_percent: 10,
            min_free_mib: 100,
        }
    }

    #[test]
    fn u4_results_are_kept_without_limit_by_default() {
        let clock = MockClock::default();
        let mut cutoffs = Cutoffs::new(retention(), clock.read());
        let limited = Retention { output_days: 30, log_days: 1, scratch_days: 0, ..retention() };
        let mut shorter = Cutoffs::new(limited, clock.read());
        clock.advance(100 * DAY_S);
        let reading = clock.read();
        let ago = |days: u64| {
            let micros = i64::try_from(days * DAY_S * 1_000_000).unwrap();
            Some(Timestamp(reading.wall.0 - micros))
        };
        let expired = cutoffs.at(reading).expect("the clock was not set");
        assert_eq!((expired.outputs, expired.logs, expired.scratch), (None, None, ago(7)));
        let expired = shorter.at(reading).expect("the clock was not set");
        assert_eq!((expired.outputs, expired.logs, expired.scratch), (ago(30), ago(1), None));

        assert_eq!(retention().check(), Ok(()));
        let wrong = Retention { min_free_percent: 101, ..retention() };
        assert_eq!(wrong.check().unwrap_err().0, "min_free_percent");
        let (dir, low) = (Path::new("/srv/flow"), Disk { size: 10 << 20, free: 1 << 20 });
        let warning = Retention { min_free_percent: 100, ..retention() }.describe(dir, low);
        assert!(
            warning.starts_with("on the disk of /srv/flow 1 of 10 MiB are free, less than 100 %")
                && warning.contains("kept until you delete them")
                && warning.contains("`flow-federate outputs remove RUN`"),
            "{warning}"
        );
        let warning = Retention { min_free_percent: 0, ..retention() }.describe(dir, low);
        assert!(
            warning.contains("less than 100 MiB, so that reservations are refused"),
            "{warning}"
        );
        let never = Retention { min_free_percent: 0, min_free_mib: 0, ..retention() };
        assert_eq!(never.warning(Path::new("/")), None);
    }
}
