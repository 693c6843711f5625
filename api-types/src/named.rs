//! Enumerated values of responses.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An enumerated value of a response. A value of a newer hub that this version does not know keeps
/// its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Named<T> {
    /// A value that this version knows.
    Known(T),
    /// The text of any other value.
    Unknown(String),
}

impl<T: Copy> Named<T> {
    /// Returns the value if this version knows it.
    #[must_use]
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(value) => Some(*value),
            Self::Unknown(_) => None,
        }
    }
}

impl<T: Copy + PartialEq> PartialEq<T> for Named<T> {
    fn eq(&self, other: &T) -> bool {
        self.known().as_ref() == Some(other)
    }
}

impl<T> From<T> for Named<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T: fmt::Display> fmt::Display for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => value.fmt(f),
            Self::Unknown(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use flow_domain::run::RunPhase;

    use super::*;

    #[test]
    fn unknown_value_keeps_its_text() {
        let phases: Vec<Named<RunPhase>> =
            serde_json::from_str(r#"["running", "hibernating"]"#).unwrap();
        assert_eq!(phases[0], RunPhase::Running);
        assert_eq!((phases[1].known(), phases[1].to_string()), (None, "hibernating".to_owned()));
        assert_eq!(serde_json::to_string(&phases).unwrap(), r#"["running","hibernating"]"#);
        serde_json::from_str::<Named<RunPhase>>("7").unwrap_err();
    }
}
