//! Values for the holes of a spec, sent with desired `running` and checked by the agent against the declared types.

use std::collections::BTreeMap;

use crate::id::{PartyId, RunId};
use crate::spec::Hole;

/// Hole name → value, as text.
pub type Bindings = BTreeMap<String, String>;

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
