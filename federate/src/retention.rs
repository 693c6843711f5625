//! How long a party keeps the logs and outputs of members that have ended, and when it is warned about its disk.
//!
//! Outputs are the party's results: nothing but the party's own configuration, or the party itself, removes them. The
//! proof that a member has ended, and its scratch directories, are needed for [`SETTLED_RETENTION_S`] only.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{self, Clock as _, Reading, SystemClock};
use flow_common::disk::Disk;
use flow_domain::time::Timestamp;
use serde::Deserialize;

use crate::agent::SETTLED_RETENTION_S;
use crate::runtime::process::ProcessRuntime;

/// Time between two sweeps.
pub const SWEEP_PERIOD: Duration = Duration::from_secs(3600);
const DAY_S: u64 = 24 * 3600;
/// Shortest retention, in days: until then the directory also proves that its member has ended.
const DAYS_MIN: u64 = SETTLED_RETENTION_S / DAY_S;

/// The keys of `[retention]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days for which logs and outputs are kept after the end of their member; 0 = until the party deletes them.
    pub days: u32,
    /// Share of the disk, in percent, below which the party is warned; 0 = never.
    pub min_free_percent: u8,
}

impl Retention {
    /// Checks the values; an error is a key and a sentence.
    pub fn check(self) -> Result<(), (&'static str, String)> {
        if self.days != 0 && u64::from(self.days) < DAYS_MIN {
            let message = format!(
                "is {} and must be 0 (keep) or at least {DAYS_MIN}: a restored hub may ask for so long",
                self.days
            );
            return Err(("days", message));
        }
        if self.min_free_percent > 100 {
            return Err((
                "min_free_percent",
                format!("is {} and must be 0 to 100", self.min_free_percent),
            ));
        }
        Ok(())
    }

    /// How long logs and outputs are kept; `None` = until somebody deletes them.
    #[must_use]
    pub fn results(self) -> Option<Duration> {
        (self.days > 0).then(|| Duration::from_secs(u64::from(self.days) * DAY_S))
    }

    /// A sentence if the disk of `data_dir` is fuller than the party wants.
    #[must_use]
    pub fn warning(self, data_dir: &Path) -> Option<String> {
        // The disk of a directory that cannot be read shows in everything else.
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
            "on the disk of {dir} {disk}, less than {percent} %; logs and outputs of members are kept {kept}: delete what is no longer \
             needed from RUN/output and RUN/log in {dir}"
        )
    }
}

/// The moments at which members must have been forgotten for their proof and their results to be removed. A wall clock that
/// was set keeps both for their whole time again.
#[derive(Debug)]
pub struct Cutoffs {
    proof: clock::Retention,
    results: Option<clock::Retention>,
}

impl Cutoffs {
    /// Starts with one reading of the clocks.
    #[must_use]
    pub fn new(retention: Retention, first: Reading) -> Self {
        let proof = clock::Retention::new(Duration::from_secs(SETTLED_RETENTION_S), first);
        Self { proof, results: retention.results().map(|keep| clock::Retention::new(keep, first)) }
    }

    /// For proofs and for results. `None`: nothing, or no results, may be removed.
    pub fn at(&mut self, reading: Reading) -> Option<(Timestamp, Option<Timestamp>)> {
        let results = self.results.as_mut().and_then(|results| results.cutoff(reading));
        Some((self.proof.cutoff(reading)?, results))
    }
}

/// Removes what the party keeps no longer, and warns about the disk.
pub async fn sweep(processes: Arc<ProcessRuntime>, retention: Retention, data_dir: PathBuf) {
    let mut cutoffs = Cutoffs::new(retention, SystemClock.read());
    loop {
        if let Some((proof, results)) = cutoffs.at(SystemClock.read()) {
            match processes.sweep(proof, results).await {
                Ok(0) => {}
                Ok(count) => {
                    tracing::info!(count, "run directories past their retention were removed")
                }
                Err(error) => {
                    tracing::warn!(%error, "run directories could not be removed; trying again later")
                }
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
    fn u4_results_are_kept_unless_the_party_says_otherwise() {
        let of = |days, min_free_percent| Retention { days, min_free_percent };
        assert_eq!((of(0, 10).results(), of(0, 10).check()), (None, Ok(())));
        assert_eq!(of(30, 0).results(), Some(Duration::from_secs(30 * DAY_S)));
        assert_eq!(
            (of(1, 0).check().unwrap_err().0, of(0, 101).check().unwrap_err().0),
            ("days", "min_free_percent")
        );
        let told =
            of(0, 100).describe(Path::new("/srv/flow"), Disk { size: 10 << 20, free: 1 << 20 });
        assert!(
            told.starts_with("on the disk of /srv/flow 1 of 10 MiB are free, less than 100 %")
                && told.contains("until you delete"),
            "{told}"
        );
        assert_eq!(of(0, 0).warning(Path::new("/")), None);
    }
}
