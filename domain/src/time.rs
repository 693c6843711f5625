//! Stored wall-clock time in microseconds since 1970-01-01 UTC. RFC 3339 appears only in REST and
//! CLI.

use serde::{Deserialize, Serialize};

/// A wall-clock time in microseconds since 1970-01-01 UTC. Callers pass it in; this crate reads no
/// clock.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Adds `seconds`; saturates at the largest time.
    #[must_use]
    pub fn plus_secs(self, seconds: u64) -> Self {
        let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        Self(self.0.saturating_add(micros))
    }

    /// Returns the whole seconds since `earlier`; 0 if `earlier` is later.
    #[must_use]
    pub fn secs_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0) / 1_000_000).unwrap_or(0)
    }
}
