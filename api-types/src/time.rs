//! Times of responses.

use std::fmt;

use flow_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Wall-clock time as RFC 3339 text in UTC, with microseconds as the hub writes it. A client keeps
/// the text as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(String);

/// Form of a time to the second; `0` is any digit.
const SECONDS_FORM: &str = "0000-00-00T00:00:00";

impl Time {
    /// Reads a time in RFC 3339, in any time zone.
    #[must_use]
    pub fn parse(text: &str) -> Option<Timestamp> {
        let is_of = |form: &str, text: &str| {
            form.len() == text.len()
                && form.bytes().zip(text.bytes()).all(|(form, byte)| match form {
                    b'0' => byte.is_ascii_digit(),
                    _ => form == byte.to_ascii_uppercase(),
                })
        };
        let (head, rest) = text.split_at_checked(SECONDS_FORM.len())?;
        let fraction = rest.strip_prefix('.').map_or("", |rest| {
            rest.find(|c: char| !c.is_ascii_digit()).map_or("", |end| &rest[..end])
        });
        let zone = &rest[if fraction.is_empty() { 0 } else { 1 + fraction.len() }..];
        let is_zone = ["Z", "+00:00", "-00:00"].iter().any(|form| is_of(form, zone));
        if !is_of(SECONDS_FORM, head) || !is_zone {
            return None;
        }
        // The library reads nanoseconds at most, and more forms than RFC 3339 has.
        let fraction = &fraction[..fraction.len().min(9)];
        let dot = if fraction.is_empty() { "" } else { "." };
        let time: jiff::Timestamp = format!("{head}{dot}{fraction}{zone}").parse().ok()?;
        Some(Timestamp(time.as_microsecond()))
    }

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
    fn time_of_every_zone_is_read() {
        for text in [
            "1970-01-01T00:00:01.5Z",
            "1970-01-01t01:00:01.5000000000009+01:00",
            "1969-12-31T23:00:01.500-01:00",
        ] {
            assert_eq!(Time::parse(text), Some(Timestamp(1_500_000)), "{text}");
        }
        for text in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:01",
            "1970-01-01 00:00:01Z",
            "1970-01-01T00:00:01.Z",
            "1970-01-01T00:00:01Z[UTC]",
            "1970-13-01T00:00:01Z",
            "1970-01-01T00:00:0éZ",
            "yesterday",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }

    #[test]
    fn time_is_rfc_3339_and_out_of_range_is_clamped() {
        assert_eq!(Time::from(Timestamp(1_500_000)).as_str(), "1970-01-01T00:00:01.500000Z");
        assert!(Time::from(Timestamp(i64::MAX)).as_str().starts_with("9999-12-3"));
        assert!(Time::from(Timestamp(i64::MIN)).as_str().starts_with("-00"));
    }
}
