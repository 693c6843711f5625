//! What a member will execute, as canonical bytes. Their SHA-256 is the digest, the thing a party approves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{DatasetName, Digest, PartyId};
use crate::member::Role;
use crate::template::{Framework, Resources};

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

/// Another member of the task, as its peers see it.
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
    /// Everybody in the task, in its order.
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
