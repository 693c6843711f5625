//! Progress of a member: what the framework shows of its epochs. Latest wins; it is not state and has no event.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One party's line of iflearner's status page (`/v1/status`, spec iflearner-framework §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartyProgress {
    /// The party has registered and asked to begin at least once; stays true.
    pub ready: bool,
    /// The party has told the aggregator that it is done.
    pub complete: bool,
    /// The epoch in progress.
    pub current_epoch: u32,
    /// Epochs the aggregator was started with.
    pub total_epoch: u32,
}

/// One measurement: milli-units would lose accuracy, so numbers travel as text and are parsed where they are drawn.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Point {
    /// Name of the series, e.g. `local/acc`.
    pub series: String,
    /// Epoch or step of the point.
    pub step: u64,
    /// The number, in JSON notation; or `NaN`, `Infinity`, `-Infinity`.
    pub value: String,
}

/// What one member shows now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Progress {
    /// Epoch in progress at this member, if its framework tells.
    pub epoch: Option<u32>,
    /// Epochs wanted.
    pub epochs: Option<u32>,
    /// The aggregator's view of every party, by the name on the wire.
    pub parties: BTreeMap<String, PartyProgress>,
    /// Latest value of each metric, as in [`Point::value`].
    pub metrics: BTreeMap<String, String>,
    /// New points since the progress before: empty in a stored progress.
    pub points: Vec<Point>,
    /// The framework's own verdict that the federation has finished (see `framework`). A fact: travels in reports.
    pub complete: bool,
}
