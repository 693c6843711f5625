//! Values for the holes of a spec, sent with desired `running` and checked by the agent against the declared types.
//!
//! In `argv` and `env` of a spec a hole is written `${name}` and a dollar sign `$$`; nothing else may follow a dollar.
//! Texts of users and template authors are escaped when the spec is built ([`literal`]), so only framework adapters
//! can place holes. Ports are never bound from outside: the party that listens chooses them ([`fill`]).

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use crate::id::{PartyId, RunId};
use crate::spec::{Hole, MemberSpec};

/// Hole name → value, as text.
pub type Bindings = BTreeMap<String, String>;

/// What a spec's texts became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment.
    pub env: BTreeMap<String, String>,
}

/// The hub's half of the bindings: everything but the ports, which each party chooses for itself. Answers the name of
/// the first hole that has no value yet.
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

/// Whether `bindings` are what `holes` ask for, no less and no more; the agent's check of what the hub sent.
pub fn check(holes: &BTreeMap<String, Hole>, bindings: &Bindings) -> Result<(), String> {
    if let Some(name) = bindings.keys().find(|name| !holes.contains_key(*name)) {
        return Err(format!("{name:?} is not a hole of the spec"));
    }
    for (name, hole) in holes {
        let value = match (hole, bindings.get(name)) {
            (Hole::Port { .. }, None) => continue,
            (Hole::Port { .. }, Some(_)) => {
                return Err(format!("{name:?} is a port, which the party chooses itself"));
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

/// Checks `bindings` and `ports` (port name → number this party holds) and writes them into the spec's texts.
pub fn fill(
    spec: &MemberSpec,
    bindings: &Bindings,
    ports: &BTreeMap<String, u16>,
) -> Result<Filled, String> {
    check(&spec.holes, bindings)?;
    let mut values = bindings.clone();
    for (name, hole) in &spec.holes {
        let Hole::Port { min, max } = hole else { continue };
        let port = name.strip_prefix(PORT_PREFIX).and_then(|port| ports.get(port));
        let port = port.ok_or_else(|| format!("no port is held for {name:?}"))?;
        if port < min || port > max {
            return Err(format!("{name:?} is {port} and must be {min} to {max}"));
        }
        values.insert(name.clone(), port.to_string());
    }
    let text = |text: &String| -> Result<String, String> {
        pieces(text)?
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => Ok(text),
                Piece::Hole(name) => values
                    .get(name)
                    .map(String::as_str)
                    .ok_or_else(|| format!("{name:?} is not a hole of the spec")),
            })
            .collect()
    };
    Ok(Filled {
        argv: spec.argv.iter().map(text).collect::<Result<_, _>>()?,
        env: spec
            .env
            .iter()
            .map(|(name, value)| Ok((name.clone(), text(value)?)))
            .collect::<Result<_, String>>()?,
    })
}

/// How the hole of a port is named: this and the port's own name.
pub(crate) const PORT_PREFIX: &str = "port.";

/// `text` as it must stand in a spec to come out as it is.
#[must_use]
pub fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// Part of a text with holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Stands for itself.
    Text(&'a str),
    /// Stands for the value of this name.
    Hole(&'a str),
}

/// Takes a text with holes apart.
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

/// `host:port` with nothing in the host that could mean something in an argument list.
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
