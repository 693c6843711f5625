//! What a member will execute, as canonical bytes. Their SHA-256 is the digest, the thing a party approves.
//!
//! The hub builds and seals ([`seal_all`]); an agent opens ([`SealedSpec::open`]), and trusts nothing that it has not
//! checked there: the bytes may come from a broken or hostile hub.

mod build;
pub mod canonical;
mod check;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bindings::PORT_PREFIX;
use crate::error::{Error, ErrorCode};
use crate::id::{DatasetName, Digest, PartyId};
use crate::member::Role;
use crate::template::{Framework, Resources};

pub use build::seal_all;
pub(crate) use check::FIRST_PORT;

/// Version of the spec format.
pub const VERSION: u32 = 1;
/// Largest spec, in bytes of its canonical form.
pub const MAX_BYTES: usize = 256 * 1024;

/// Type of a hole, with its range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Hole {
    /// A TCP port this member listens on, chosen and held by its own party.
    Port {
        /// Smallest accepted number.
        min: u16,
        /// Largest accepted number.
        max: u16,
    },
    /// `host:port` of another member's port.
    Endpoint {
        /// Whose.
        party: PartyId,
        /// Which of its ports.
        port: String,
    },
    /// A whole number.
    Integer {
        /// Smallest accepted number.
        min: u32,
        /// Largest accepted number.
        max: u32,
    },
    /// The run's id.
    RunId,
}

/// A member of the task, as those who deal with it see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecParty {
    /// Which party.
    pub party: PartyId,
    /// What it does.
    pub role: Role,
}

/// What one member will execute. A pure function of (template revision, task, party list): it holds no run id, attempt,
/// port, time or certificate; those are bindings. In `argv` and `env` a hole is written `${name}`, a dollar sign `$$`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberSpec {
    /// Version of this format: 1.
    pub version: u32,
    /// Who executes it.
    pub party: PartyId,
    /// As what.
    pub role: Role,
    /// How the workload is told what to do.
    pub framework: Framework,
    /// Image reference, resolved by the party.
    pub image: String,
    /// Program and arguments, with holes.
    pub argv: Vec<String>,
    /// Working directory inside the image; empty = the member's own.
    pub workdir: String,
    /// Environment, with holes.
    pub env: BTreeMap<String, String>,
    /// Those of the task it deals with, itself included, in the task's order: everybody for an aggregator, the aggregator
    /// and, if they talk to each other, the other trainers for a trainer.
    pub parties: Vec<SpecParty>,
    /// Rounds of training.
    pub epochs: u32,
    /// Parameters, defaults filled in.
    pub parameters: BTreeMap<String, String>,
    /// Name of the data, if any.
    pub dataset: Option<DatasetName>,
    /// What it asks of its machine.
    pub resources: Resources,
    /// Longest time the workload may run, in seconds.
    pub max_runtime_s: u64,
    /// Time between the polite and the hard end, in seconds.
    pub stop_grace_s: u64,
    /// What is filled in late, by name.
    pub holes: BTreeMap<String, Hole>,
}

/// A spec together with its canonical bytes and their digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SealedSpec {
    /// The spec.
    pub spec: MemberSpec,
    /// RFC 8785 JSON on a subset: no floats, integers below 2^53, sorted keys.
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes.
    pub digest: Digest,
}

impl MemberSpec {
    /// Names of the ports this member listens on: what its party has to hold for it.
    pub fn ports(&self) -> impl Iterator<Item = &str> {
        self.holes
            .iter()
            .filter(|(_, hole)| matches!(hole, Hole::Port { .. }))
            .filter_map(|(name, _)| name.strip_prefix(PORT_PREFIX))
    }
}

/// Gives a spec its bytes and digest.
pub fn seal(spec: MemberSpec) -> Result<SealedSpec, Error> {
    let refused = |why: String| {
        Error::new(ErrorCode::Invalid, format!("the spec for {} cannot be made: {why}", spec.party))
    };
    spec.check().map_err(refused)?;
    let bytes = canonical::bytes(&spec).map_err(refused)?;
    if bytes.len() > MAX_BYTES {
        let size = bytes.len();
        return Err(refused(format!(
            "it would have {size} bytes and may have {MAX_BYTES}; shorten command, parameters or environment"
        )));
    }
    Ok(SealedSpec { digest: Digest::of(&bytes), bytes, spec })
}

impl SealedSpec {
    /// Takes bytes from outside for the spec of `digest`. Refuses, saying why, whatever [`seal`] would not have made.
    pub fn open(bytes: &[u8], digest: &Digest) -> Result<Self, String> {
        if bytes.len() > MAX_BYTES {
            return Err(format!("the spec has {} bytes and may have {MAX_BYTES}", bytes.len()));
        }
        if Digest::of(bytes) != *digest {
            return Err("the bytes are not those of the digest".to_owned());
        }
        let value: serde_json::Value =
            serde_json::from_slice(bytes).map_err(|e| format!("the spec is not JSON: {e}"))?;
        let version = value.get("version").and_then(serde_json::Value::as_u64);
        if version != Some(u64::from(VERSION)) {
            return Err(format!(
                "the spec must be of version {VERSION}: update the agent if the hub is newer"
            ));
        }
        let spec: MemberSpec = serde_json::from_value(value)
            .map_err(|e| format!("the spec is not understood: {e}"))?;
        if canonical::bytes(&spec)? != bytes {
            return Err("the spec is not in canonical form".to_owned());
        }
        spec.check()?;
        Ok(Self { spec, bytes: bytes.to_vec(), digest: digest.clone() })
    }
}
