//! Time as the platform stores it: microseconds since 1970-01-01 UTC. RFC 3339 appears only at the edges.

use serde::{Deserialize, Serialize};

/// A moment, in microseconds since 1970-01-01 UTC. Always handed in; nothing here reads a clock.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment and `seconds` more. Saturates at the end of time.
    #[must_use]
    pub fn plus_secs(self, seconds: u64) -> Self {
        let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        Self(self.0.saturating_add(micros))
    }

    /// Whole seconds from `earlier` to this moment; 0 if `earlier` is later.
    #[must_use]
    pub fn secs_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0) / 1_000_000).unwrap_or(0)
    }
}
