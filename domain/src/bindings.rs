//! Bindings: values for the holes of a spec. The hub sends them with the desired phase `running`, and
//! the agent checks them against the declared types.
//!
//! In `argv` and `env` of a spec `${name}` is a hole and `$$` a dollar sign; every other text after
//! a dollar sign is an error. The builder of a spec escapes texts of users and template authors
//! ([`literal`]), so that only framework adapters place holes. The hub never sets ports: the
//! listening party chooses them (`MemberSpec::fill`).

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use crate::id::{PartyId, RunId};

/// Hole name → value, as text.
pub type Bindings = BTreeMap<String, String>;

/// Type of a hole and the range of its values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Hole {
    /// A TCP port on which this member listens; its own party chooses and holds the port.
    Port {
        /// Smallest accepted number.
        min: u16,
        /// Largest accepted number.
        max: u16,
    },
    /// `host:port` of another member's port.
    Endpoint {
        /// Party of the other member.
        party: PartyId,
        /// Name of the port.
        port: String,
    },
    /// A whole number.
    Integer {
        /// Smallest accepted number.
        min: u32,
        /// Largest accepted number.
        max: u32,
    },
    /// The id of the run.
    RunId,
}

/// Returns all bindings except the ports, which each party chooses itself.
///
/// # Errors
/// The name of the first hole that has no value yet.
pub fn compose(
    holes: &BTreeMap<String, Hole>,
    run: &RunId,
    number: u32,
    trainers: u32,
    endpoint: &dyn Fn(&PartyId, &str) -> Option<String>,
) -> Result<Bindings, String> {
    let mut bindings = Bindings::new();
    for (name, hole) in holes {
        let value = match hole {
            Hole::Port { .. } => continue,
            Hole::RunId => run.to_string(),
            Hole::Endpoint { party, port } => endpoint(party, port).ok_or_else(|| name.clone())?,
            Hole::Integer { .. } => match name.as_str() {
                "trainers" => trainers.to_string(),
                "run_number" => number.to_string(),
                _ => return Err(name.clone()),
            },
        };
        bindings.insert(name.clone(), value);
    }
    Ok(bindings)
}

/// Checks that `bindings` contains a value of the declared type for each hole and nothing more. The
/// agent applies this check to the bindings of the hub.
///
/// # Errors
/// A sentence about the first binding that is missing, superfluous or of the wrong type.
pub fn check(holes: &BTreeMap<String, Hole>, bindings: &Bindings) -> Result<(), String> {
    if let Some(name) = bindings.keys().find(|name| !holes.contains_key(*name)) {
        return Err(format!("{name:?} is not a hole of the spec"));
    }
    for (name, hole) in holes {
        let value = match (hole, bindings.get(name)) {
            (Hole::Port { .. }, None) => continue,
            (Hole::Port { .. }, Some(_)) => {
                return Err(format!("{name:?} is a port: only the party may choose its number"));
            }
            (_, None) => return Err(format!("{name:?} has no value")),
            (_, Some(value)) => value,
        };
        let problem = match hole {
            Hole::Port { .. } => None,
            Hole::Endpoint { .. } => (!is_endpoint(value)).then(|| "host:port".to_owned()),
            Hole::RunId => value.parse::<RunId>().is_err().then(|| "a run id".to_owned()),
            Hole::Integer { min, max } => (!integer_within(value, *min, *max))
                .then(|| format!("a whole number from {min} to {max}")),
        };
        if let Some(accepted) = problem {
            return Err(format!("{name:?} is {value:?} and must be {accepted}"));
        }
    }
    Ok(())
}

/// Prefix of the name of a port's hole; the name of the port follows.
pub(crate) const PORT_PREFIX: &str = "port.";
/// Smallest port of a workload; ports below are privileged.
pub(crate) const PORT_MIN: u16 = 1024;

/// Escapes `text` for a spec: `MemberSpec::fill` returns the text unchanged.
#[must_use]
pub fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// Part of a text with holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Literal text.
    Text(&'a str),
    /// The hole with this name.
    Hole(&'a str),
}

/// Splits a text into literal parts and holes.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        found.push(Piece::Text(before));
        if let Some(after) = after.strip_prefix('$') {
            found.push(Piece::Text("$"));
            rest = after;
        } else {
            let (name, after) =
                after.strip_prefix('{').and_then(|hole| hole.split_once('}')).ok_or_else(|| {
                    format!("a dollar sign in {text:?} is neither doubled nor the start of a hole")
                })?;
            found.push(Piece::Hole(name));
            rest = after;
        }
    }
    found.push(Piece::Text(rest));
    Ok(found)
}

fn integer_within(value: &str, min: u32, max: u32) -> bool {
    let plain =
        value.bytes().all(|b| b.is_ascii_digit()) && (value == "0" || !value.starts_with('0'));
    plain && value.parse::<u32>().is_ok_and(|number| (min..=max).contains(&number))
}

/// True if `value` is `host:port` and the host contains only characters that are safe in an
/// argument list.
#[must_use]
pub fn is_endpoint(value: &str) -> bool {
    let Some((host, port)) = value.rsplit_once(':') else { return false };
    let name = (1..=253).contains(&host.len())
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        && !host.starts_with(['-', '.']);
    let v6 = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .is_some_and(|h| h.parse::<Ipv6Addr>().is_ok());
    (name || v6) && integer_within(port, 1, u32::from(u16::MAX))
}
