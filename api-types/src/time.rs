//! Times of responses.

use std::fmt;

use flow_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Wall-clock time as RFC 3339 text in UTC, with microseconds as the hub writes it. A client keeps
/// the text as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(String);

impl Time {
    /// Returns the time as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Timestamp> for Time {
    fn from(Timestamp(micros): Timestamp) -> Self {
        let end = if micros < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        Self(format!("{:.6}", jiff::Timestamp::from_microsecond(micros).unwrap_or(end)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_rfc_3339_and_out_of_range_is_clamped() {
        assert_eq!(Time::from(Timestamp(1_500_000)).as_str(), "1970-01-01T00:00:01.500000Z");
        assert!(Time::from(Timestamp(i64::MAX)).as_str().starts_with("9999-12-3"));
        assert!(Time::from(Timestamp(i64::MIN)).as_str().starts_with("-00"));
    }
}
