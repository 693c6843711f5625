//! What every spec keeps to, whoever made it: the hub checks before sealing, an agent again after opening.

use super::{Hole, MemberSpec, VERSION};
use crate::bindings::{PORT_PREFIX, Piece, pieces};
use crate::framework::contract;
use crate::limits::{EPOCHS_MAX, GRACE_S_MAX, RUNTIME_S_MAX};
use crate::template;

/// Longest single argument or environment value, in bytes: Linux refuses more than 128 KiB, after holes are filled.
const MAX_TEXT: usize = 120 * 1024;
/// Ports below belong to the machine, not to workloads.
pub(crate) const FIRST_PORT: u16 = 1024;

impl MemberSpec {
    /// Whether the spec is sound in itself. The sentence says what is not.
    pub(crate) fn check(&self) -> Result<(), String> {
        ensure(self.version == VERSION, || format!("its version must be {VERSION}"))?;
        ensure(self.argv.first().is_some_and(|program| !program.is_empty()), || {
            "argv names no program".to_owned()
        })?;
        ensure(!self.image.is_empty(), || "it names no image".to_owned())?;
        ensure(!has_nul(&self.image) && template::is_workdir(&self.workdir), || {
            "image or workdir is not acceptable".to_owned()
        })?;
        ensure((1..=EPOCHS_MAX).contains(&self.epochs), || {
            format!("epochs must be 1 to {EPOCHS_MAX}")
        })?;
        ensure((1..=RUNTIME_S_MAX).contains(&self.max_runtime_s), || {
            format!("max_runtime_s must be 1 to {RUNTIME_S_MAX}")
        })?;
        ensure(self.stop_grace_s <= GRACE_S_MAX, || {
            format!("stop_grace_s must be at most {GRACE_S_MAX}")
        })?;
        let me = self.parties.iter().any(|p| p.party == self.party && p.role == self.role);
        ensure(me, || format!("{} is not among its parties as {}", self.party, self.role))?;
        for (name, hole) in &self.holes {
            self.check_hole(name, hole).map_err(|why| format!("hole {name:?}: {why}"))?;
        }
        if let Some(name) = self.env.keys().find(|name| !template::is_env_name(name)) {
            return Err(format!("{name:?} is not a name of an environment variable"));
        }
        if let Some(name) = self.env.keys().find(|name| !contract::is_spec_variable(name)) {
            return Err(format!("the environment variable {name} is not a spec's to set"));
        }
        self.argv.iter().chain(self.env.values()).try_for_each(|text| self.check_text(text))
    }

    fn check_hole(&self, name: &str, hole: &Hole) -> Result<(), String> {
        let is_port = matches!(hole, Hole::Port { .. });
        ensure(is_port == name.starts_with(PORT_PREFIX), || {
            format!("ports, and only ports, are called {PORT_PREFIX}…")
        })?;
        match hole {
            Hole::Port { min, max } => ensure(FIRST_PORT <= *min && min <= max, || {
                format!("a port must be from {FIRST_PORT} on")
            }),
            Hole::Integer { min, max } => ensure(min <= max, || "its range is empty".to_owned()),
            // Nobody is handed the address of somebody outside of the task (defect F4).
            Hole::Endpoint { party, .. } => {
                ensure(self.parties.iter().any(|p| p.party == *party), || {
                    format!("{party} is not in the task")
                })
            }
            Hole::RunId => Ok(()),
        }
    }

    fn check_text(&self, text: &str) -> Result<(), String> {
        ensure(!has_nul(text), || "an argument or environment value holds a NUL".to_owned())?;
        ensure(text.len() <= MAX_TEXT, || {
            format!("an argument or environment value is longer than {MAX_TEXT} bytes")
        })?;
        for piece in pieces(text)? {
            if let Piece::Hole(name) = piece {
                ensure(self.holes.contains_key(name), || {
                    format!("{name:?} is used but is not one of its holes")
                })?;
            }
        }
        Ok(())
    }
}

fn has_nul(text: &str) -> bool {
    text.contains('\0')
}

fn ensure(holds: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem()) }
}
