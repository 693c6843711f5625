//! The spec of a member as canonical bytes. A party approves their SHA-256 digest.
//!
//! The hub builds and seals specs ([`seal`]); an agent opens them ([`SealedSpec::open`]). Opening
//! checks everything, since the bytes may come from a faulty or hostile hub.

pub mod canonical;
mod check;
mod fill;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bindings::PORT_PREFIX;
use crate::error::{Error, ErrorCode};
use crate::id::{DatasetName, Digest, PartyId};
use crate::member::Role;
use crate::template::{Framework, Resources};

pub use crate::bindings::Hole;
pub use fill::Filled;

/// Version of the spec format.
pub const VERSION: u32 = 1;
/// Largest spec, in bytes of its canonical form.
pub const SPEC_BYTES_MAX: usize = 256 * 1024;

/// A member of the task in the specs of its peers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecParty {
    /// Party of the member.
    pub party: PartyId,
    /// Role of the party.
    pub role: Role,
}

/// The spec of one member, a pure function of (template revision, task). It contains no run id,
/// attempt, port, time or certificate; those are bindings. In `argv` and `env` `${name}` is a hole
/// and `$$` a dollar sign.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberSpec {
    /// Version of this format: 1.
    pub version: u32,
    /// Party that executes the spec.
    pub party: PartyId,
    /// Role of the party.
    pub role: Role,
    /// Framework of the template: arguments, environment and completion rule.
    pub framework: Framework,
    /// Image reference, which the party resolves with its image map.
    pub image: String,
    /// Program and its arguments, with holes.
    pub argv: Vec<String>,
    /// Working directory inside the image; empty = the member's own.
    pub workdir: String,
    /// Environment variables by name, with holes.
    pub env: BTreeMap<String, String>,
    /// The member and its peers in the order of the task: all members for an aggregator; for a
    /// trainer the aggregator and, if trainers connect to each other, the other trainers.
    pub parties: Vec<SpecParty>,
    /// Rounds of training.
    pub epochs: u32,
    /// Parameters by name, with defaults.
    pub parameters: BTreeMap<String, String>,
    /// Dataset name, if the member has one.
    pub dataset: Option<DatasetName>,
    /// Requested processor time and memory.
    pub resources: Resources,
    /// Runtime limit of the workload, in seconds.
    pub max_runtime_s: u64,
    /// Grace period between SIGTERM and SIGKILL, in seconds.
    pub stop_grace_s: u64,
    /// Holes by name, filled at the start.
    pub holes: BTreeMap<String, Hole>,
}

/// A spec together with its canonical bytes and their digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SealedSpec {
    /// The parsed spec.
    pub spec: MemberSpec,
    /// RFC 8785 JSON on a subset: no floats, integers below 2^53, sorted keys.
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes.
    pub digest: Digest,
}

impl MemberSpec {
    /// Names of the ports on which this member listens and which its party must hold.
    pub fn ports(&self) -> impl Iterator<Item = &str> {
        self.holes
            .iter()
            .filter(|(_, hole)| matches!(hole, Hole::Port { .. }))
            .filter_map(|(name, _)| name.strip_prefix(PORT_PREFIX))
    }
}

/// Checks a spec and computes its bytes and digest.
///
/// # Errors
/// [`ErrorCode::Invalid`] if the spec is not valid or larger than [`SPEC_BYTES_MAX`].
pub fn seal(spec: MemberSpec) -> Result<SealedSpec, Error> {
    let refused = |why: String| {
        Error::new(ErrorCode::Invalid, format!("cannot build the spec for {}: {why}", spec.party))
    };
    spec.check().map_err(refused)?;
    let bytes = canonical::bytes(&spec).map_err(refused)?;
    if bytes.len() > SPEC_BYTES_MAX {
        let size = bytes.len();
        return Err(refused(format!(
            "it has {size} bytes; the limit is {SPEC_BYTES_MAX}: shorten command, parameters or environment"
        )));
    }
    Ok(SealedSpec { digest: Digest::of(&bytes), bytes, spec })
}

impl SealedSpec {
    /// Parses and checks untrusted bytes of the spec with this digest.
    ///
    /// # Errors
    /// The cause, for all bytes that [`seal`] does not produce.
    pub fn open(bytes: &[u8], digest: &Digest) -> Result<Self, String> {
        if bytes.len() > SPEC_BYTES_MAX {
            return Err(format!(
                "the spec has {} bytes; the limit is {SPEC_BYTES_MAX}",
                bytes.len()
            ));
        }
        if Digest::of(bytes) != *digest {
            return Err("the bytes do not match the digest".to_owned());
        }
        let value: serde_json::Value =
            serde_json::from_slice(bytes).map_err(|e| format!("the spec is not JSON: {e}"))?;
        let version = value.get("version").and_then(serde_json::Value::as_u64);
        if version != Some(u64::from(VERSION)) {
            return Err(format!(
                "the spec must have version {VERSION}: update the agent if the hub is newer"
            ));
        }
        let spec: MemberSpec = serde_json::from_value(value)
            .map_err(|e| format!("the spec has unknown or wrong fields: {e}"))?;
        if canonical::bytes(&spec)? != bytes {
            return Err("the spec is not in canonical form".to_owned());
        }
        spec.check()?;
        Ok(Self { spec, bytes: bytes.to_vec(), digest: digest.clone() })
    }
}
