//! The rules for every spec. The hub checks them before sealing, the agent after opening.

use super::{Hole, MemberSpec, VERSION};
use crate::bindings::{PORT_MIN, PORT_PREFIX, Piece, pieces};
use crate::limits::{EPOCHS_MAX, GRACE_S_MAX, RUNTIME_S_MAX};
use crate::template::is_workdir;
use crate::variables::{is_env_name, is_spec_variable};

/// Longest argument or environment value, in bytes. Linux refuses more than 128 KiB with all holes
/// filled.
const TEXT_BYTES_MAX: usize = 120 * 1024;

impl MemberSpec {
    /// Checks the spec without its context.
    ///
    /// # Errors
    /// A sentence about the first rule that the spec violates.
    pub(crate) fn check(&self) -> Result<(), String> {
        ensure(self.version == VERSION, || format!("its version must be {VERSION}"))?;
        ensure(self.argv.first().is_some_and(|program| !program.is_empty()), || {
            "argv names no program".to_owned()
        })?;
        ensure(!self.image.is_empty(), || "the image is empty".to_owned())?;
        ensure(!has_nul(&self.image) && is_workdir(&self.workdir), || {
            "image or workdir has characters that are not accepted".to_owned()
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
        ensure(me, || format!("its parties do not include {} as {}", self.party, self.role))?;
        for (name, hole) in &self.holes {
            self.check_hole(name, hole).map_err(|why| format!("hole {name:?}: {why}"))?;
        }
        if let Some(name) = self.env.keys().find(|name| !is_env_name(name)) {
            return Err(format!("{name:?} is not a valid name of an environment variable"));
        }
        if let Some(name) = self.env.keys().find(|name| !is_spec_variable(name)) {
            return Err(format!("a spec must not set the environment variable {name}"));
        }
        self.argv.iter().chain(self.env.values()).try_for_each(|text| self.check_text(text))
    }

    fn check_hole(&self, name: &str, hole: &Hole) -> Result<(), String> {
        let is_port = matches!(hole, Hole::Port { .. });
        ensure(is_port == name.starts_with(PORT_PREFIX), || {
            format!("names of ports, and only those, begin with {PORT_PREFIX}")
        })?;
        match hole {
            Hole::Port { min, max } => ensure(PORT_MIN <= *min && min <= max, || {
                format!("ports must be {PORT_MIN} or greater, and the range not empty")
            }),
            Hole::Integer { min, max } => ensure(min <= max, || "its range is empty".to_owned()),
            // A member gets only addresses of members of its task (defect F4).
            Hole::Endpoint { party, .. } => {
                ensure(self.parties.iter().any(|p| p.party == *party), || {
                    format!("{party} is not in the task")
                })
            }
            Hole::RunId => Ok(()),
        }
    }

    fn check_text(&self, text: &str) -> Result<(), String> {
        ensure(!has_nul(text), || "an argument or environment value contains a NUL".to_owned())?;
        ensure(text.len() <= TEXT_BYTES_MAX, || {
            format!("an argument or environment value is longer than {TEXT_BYTES_MAX} bytes")
        })?;
        for piece in pieces(text)? {
            if let Piece::Hole(name) = piece {
                ensure(self.holes.contains_key(name), || {
                    format!("a text uses the undeclared hole {name:?}")
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
