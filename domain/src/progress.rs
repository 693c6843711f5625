//! Progress of a member, as its framework shows it. The latest value counts; progress is not state
//! and makes no event.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One party's line of iflearner's status page (`/v1/status`, spec iflearner-framework §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartyProgress {
    /// The party has registered and requested the begin at least once; stays true.
    pub ready: bool,
    /// The party has reported its completion to the aggregator.
    pub complete: bool,
    /// The epoch in progress.
    pub current_epoch: u32,
    /// Number of epochs with which the aggregator was started.
    pub total_epoch: u32,
}

/// One measurement. The value is text, because integers would lose accuracy and canonical JSON has
/// no fractions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Point {
    /// Name of the series, e.g. `local/acc`.
    pub series: String,
    /// Epoch or step of the point.
    pub step: u64,
    /// The number, in JSON notation; or `NaN`, `Infinity`, `-Infinity`.
    pub value: String,
}

/// Newest value and extremes of a series, each with its step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesSummary {
    /// Newest value; `None` if it is not a finite number.
    pub last: (u64, Option<f64>),
    /// Smallest finite value, if there is one.
    pub lowest: Option<(u64, f64)>,
    /// Largest finite value, if there is one.
    pub highest: Option<(u64, f64)>,
}

/// The latest progress of one member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Progress {
    /// Epoch in progress at this member, if its framework shows it.
    pub epoch: Option<u32>,
    /// Number of epochs of the task, if the framework shows it.
    pub epochs: Option<u32>,
    /// The aggregator's line for every party, by party name.
    pub parties: BTreeMap<String, PartyProgress>,
    /// Latest value of each metric, as in [`Point::value`].
    pub metrics: BTreeMap<String, String>,
    /// New points since the previous progress; empty in a stored progress.
    pub points: Vec<Point>,
    /// The framework's status shows that the federation is complete (see `framework`). Agents send
    /// this in reports.
    pub complete: bool,
}
