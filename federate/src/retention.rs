//! Retention of the logs and outputs of ended members, and the warning about a full disk.
//!
//! Outputs are results of the party: only the party's configuration, or the party itself, removes
//! them. The proof of a member's end and its scratch directories are kept for
//! [`SETTLED_RETENTION_S`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{self, Clock as _, Reading, SystemClock};
use flow_common::disk::Disk;
use flow_common::error::chain;
use flow_domain::time::Timestamp;
use serde::Deserialize;

use crate::journal::SETTLED_RETENTION_S;
use crate::metrics::AgentMetrics;
use crate::runtime::Runtime;

const SWEEP_PERIOD: Duration = Duration::from_secs(3600);
const DAY_S: u64 = 24 * 3600;
/// Shortest retention in days: until then the directory also proves the end of its member.
const DAYS_MIN: u64 = SETTLED_RETENTION_S / DAY_S;

/// The keys of `[retention]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days for which logs and outputs are kept after the end of their member; 0 = without limit.
    pub days: u32,
    /// Free share of the disk, in percent, below which the agent warns; 0 = never.
    pub min_free_percent: u8,
}

impl Retention {
    /// Checks the values. An error is a key and a message.
    pub fn check(self) -> Result<(), (&'static str, String)> {
        if self.days != 0 && u64::from(self.days) < DAYS_MIN {
            let message = format!(
                "{} is too short: set 0 (keep without limit) or at least {DAYS_MIN}, because a \
                 restored hub may ask for members of the last {DAYS_MIN} days",
                self.days
            );
            return Err(("days", message));
        }
        if self.min_free_percent > 100 {
            let message = format!("{} is no percentage: set 0 to 100", self.min_free_percent);
            return Err(("min_free_percent", message));
        }
        Ok(())
    }

    /// Retention of logs and outputs; `None` = without limit.
    #[must_use]
    pub fn results(self) -> Option<Duration> {
        (self.days > 0).then(|| Duration::from_secs(u64::from(self.days) * DAY_S))
    }

    /// A warning if the disk of `data_dir` has less free space than the party wants.
    #[must_use]
    pub fn warning(self, data_dir: &Path) -> Option<String> {
        // An unreadable directory has other symptoms.
        let disk = Disk::of(data_dir).ok().filter(|disk| disk.is_below(self.min_free_percent))?;
        Some(self.describe(data_dir, disk))
    }

    fn describe(self, data_dir: &Path, disk: Disk) -> String {
        let kept = match self.days {
            0 => "until you delete them".to_owned(),
            days => format!("for {days} days"),
        };
        let (dir, percent) = (data_dir.display(), self.min_free_percent);
        format!(
            "on the disk of {dir} {disk}, less than {percent} %; logs and outputs of members are \
             kept {kept}: delete what you do not need from RUN/output and RUN/log in {dir}"
        )
    }
}

/// Times before which a member must have been forgotten for its proof and its results to be
/// removed. A wall clock that was set restarts the retention of both.
#[derive(Debug)]
pub struct Cutoffs {
    proof: clock::Retention,
    results: Option<clock::Retention>,
}

impl Cutoffs {
    /// Begins with one reading of the clocks.
    #[must_use]
    pub fn new(retention: Retention, first: Reading) -> Self {
        let proof = clock::Retention::new(Duration::from_secs(SETTLED_RETENTION_S), first);
        Self { proof, results: retention.results().map(|keep| clock::Retention::new(keep, first)) }
    }

    /// The cutoffs of proofs and of results. `None`: nothing, or no results, may be removed.
    pub fn at(&mut self, reading: Reading) -> Option<(Timestamp, Option<Timestamp>)> {
        let results = self.results.as_mut().and_then(|results| results.cutoff(reading));
        Some((self.proof.cutoff(reading)?, results))
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
        if let Some((proof, results)) = cutoffs.at(SystemClock.read()) {
            let began = clock::monotonic();
            let swept = runtime.sweep(proof, results).await;
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
        if let Some(warning) = retention.warning(&data_dir) {
            tracing::warn!("{warning}");
        }
        clock::sleep(SWEEP_PERIOD).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u4_results_are_kept_without_limit_by_default() {
        let of = |days, min_free_percent| Retention { days, min_free_percent };
        assert_eq!((of(0, 10).results(), of(0, 10).check()), (None, Ok(())));
        assert_eq!(of(30, 0).results(), Some(Duration::from_secs(30 * DAY_S)));
        assert_eq!(
            (of(1, 0).check().unwrap_err().0, of(0, 101).check().unwrap_err().0),
            ("days", "min_free_percent")
        );
        let warning =
            of(0, 100).describe(Path::new("/srv/flow"), Disk { size: 10 << 20, free: 1 << 20 });
        assert!(
            warning.starts_with("on the disk of /srv/flow 1 of 10 MiB are free, less than 100 %")
                && warning.contains("until you delete"),
            "{warning}"
        );
        assert_eq!(of(0, 0).warning(Path::new("/")), None);
    }
}
