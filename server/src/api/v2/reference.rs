//! References of requests to tasks, templates and runs: an id, or what people call the object.

use std::str::FromStr;

use flow_domain::id::RunId;
use flow_domain::validation::validate_head;
use serde::{Deserialize, Deserializer};

/// Text that selects the newest run of a task.
pub(super) const LATEST: &str = "latest";

/// Id or name of a task or template. A text with the form of an id is an id, also if an object has
/// this text as its name.
#[derive(Debug, Clone)]
pub(super) enum Reference<Id> {
    Id(Id),
    Name(String),
}

impl<'de, Id: FromStr> Deserialize<'de> for Reference<Id> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = String::deserialize(source)?;
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        match validate_head(&text, "") {
            Ok(()) => Ok(Self::Name(text)),
            Err(_) => Err(serde::de::Error::custom("must be an id or a name")),
        }
    }
}

/// Reference to a run of a task.
#[derive(Debug, Clone)]
pub(super) enum RunReference {
    Id(RunId),
    /// Number of the run within its task, from 1.
    Number(u32),
    Latest,
}

impl<'de> Deserialize<'de> for RunReference {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = String::deserialize(source)?;
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        if text == LATEST {
            return Ok(Self::Latest);
        }
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        text.parse().ok().filter(|_| is_number).map(Self::Number).ok_or_else(|| {
            serde::de::Error::custom("a run is named by its id, its number or `latest`")
        })
    }
}

#[cfg(test)]
mod tests {
    use flow_domain::id::TaskId;

    use super::*;

    fn read<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, serde_json::Error> {
        serde_json::from_value(text.into())
    }

    #[test]
    fn reference_with_the_form_of_an_id_is_an_id() {
        let id = "0190f3a4d3e27e00a1b2c3d4e5f60718";
        assert!(matches!(read::<Reference<TaskId>>(id), Ok(Reference::Id(_))));
        for name in ["digits", "0190F3A4D3E27E00A1B2C3D4E5F60718", &id[1..], "7", "latest"] {
            assert!(matches!(read::<Reference<TaskId>>(name), Ok(Reference::Name(_))), "{name}");
        }
        for text in ["", "..", " x", "a/b"] {
            assert!(read::<Reference<TaskId>>(text).is_err(), "{text}");
        }
        assert!(matches!(read(id), Ok(RunReference::Id(_))));
        assert!(matches!(read("12"), Ok(RunReference::Number(12))));
        assert!(matches!(read("latest"), Ok(RunReference::Latest)));
        for text in ["0", "01", "+1", "4294967296", "newest", ""] {
            assert!(read::<RunReference>(text).is_err(), "{text}");
        }
    }
}
