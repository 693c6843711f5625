//! Fills the holes of a spec with the bindings of the hub and the ports of the party.

use std::collections::BTreeMap;

use super::MemberSpec;
use crate::bindings::{Bindings, Hole, PORT_PREFIX, Piece, check, pieces};

/// The texts of a spec with all holes filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// Program and its arguments.
    pub argv: Vec<String>,
    /// Environment variables by name.
    pub env: BTreeMap<String, String>,
}

impl MemberSpec {
    /// Checks `bindings` and `ports` (port name → number that this party holds) and fills the holes
    /// of the self.
    ///
    /// # Errors
    /// A sentence about the first value that is missing or not allowed.
    pub fn fill(
        &self,
        bindings: &Bindings,
        ports: &BTreeMap<String, u16>,
    ) -> Result<Filled, String> {
        check(&self.holes, bindings)?;
        let mut values = bindings.clone();
        for (name, hole) in &self.holes {
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
            argv: self.argv.iter().map(text).collect::<Result<_, _>>()?,
            env: self
                .env
                .iter()
                .map(|(name, value)| Ok((name.clone(), text(value)?)))
                .collect::<Result<_, String>>()?,
        })
    }
}
