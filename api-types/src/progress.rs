//! Progress of runs and members. The newest values replace older ones; progress never changes a
//! phase.

use std::collections::BTreeMap;

use flow_domain::progress::{PartyProgress, Progress};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema;

/// Progress of one party, as the aggregator's framework reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FederationProgress {
    /// The party has registered and asked to begin.
    pub ready: bool,
    /// The party has reported to the aggregator that it is done.
    pub complete: bool,
    /// Epoch in progress.
    pub current_epoch: u32,
    /// Number of epochs with which the aggregator was started.
    pub total_epoch: u32,
}

impl From<PartyProgress> for FederationProgress {
    fn from(progress: PartyProgress) -> Self {
        let PartyProgress { ready, complete, current_epoch, total_epoch } = progress;
        Self { ready, complete, current_epoch, total_epoch }
    }
}

/// Progress of one member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MemberProgress {
    /// Epoch in progress. `null` if the framework does not report it.
    pub epoch: Option<u32>,
    /// Number of epochs of the run.
    pub epochs: Option<u32>,
    /// Latest value of each metric. `null` is a value that is not a finite number.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Progress of every party, as the aggregator reports it. Absent for other members.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parties: BTreeMap<String, FederationProgress>,
}

impl From<&Progress> for MemberProgress {
    fn from(progress: &Progress) -> Self {
        // `complete` is a fact about the member and is shown there.
        let Progress { epoch, epochs, parties, metrics, points: _, complete: _ } = progress;
        Self {
            epoch: *epoch,
            epochs: *epochs,
            metrics: metrics.iter().map(|(name, value)| (name.clone(), number(value))).collect(),
            parties: parties.iter().map(|(name, party)| (name.clone(), (*party).into())).collect(),
        }
    }
}

/// Progress of a run: the epoch of its slowest trainer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProgressSummary {
    /// Epoch that every trainer has reached. `null` until every trainer has reported one.
    pub epoch: Option<u32>,
    /// Number of epochs of the run.
    pub epochs: Option<u32>,
    /// Epoch of each member that has reported one.
    #[schema(value_type = BTreeMap<String, u32>, example = json!({"hospital-a": 3, "hospital-b": 4}))]
    pub members: BTreeMap<String, u32>,
}

impl ProgressSummary {
    /// Summarises the progress of the required members. `epochs` is the number of epochs of the
    /// run, if the hub has recorded it; otherwise the members' own number counts.
    #[must_use]
    pub fn new<'a>(
        members: impl Iterator<Item = (&'a flow_domain::member::Member, Option<&'a Progress>)>,
        epochs: Option<u32>,
    ) -> Self {
        let mut summary = Self { epoch: None, epochs, members: BTreeMap::new() };
        let mut slowest = Some(u32::MAX);
        for (member, progress) in members.filter(|(member, _)| member.required) {
            let epoch = progress.and_then(|p| p.epoch);
            summary.epochs = summary.epochs.or(progress.and_then(|p| p.epochs));
            if let Some(epoch) = epoch {
                summary.members.insert(member.party.to_string(), epoch);
            }
            if member.role == flow_domain::member::Role::Trainer {
                slowest = slowest.and_then(|least| epoch.map(|epoch| least.min(epoch)));
            }
        }
        summary.epoch = slowest.filter(|epoch| *epoch != u32::MAX);
        summary
    }
}

/// All series of one member.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = SeriesList::sample)]
pub struct SeriesList {
    /// Series, sorted by name.
    pub series: Vec<Series>,
}

/// All series of one run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunSeries {
    /// Members of the run, in the order of the task.
    pub members: Vec<MemberSeries>,
}

/// All series of one member of a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MemberSeries {
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub party: String,
    /// Series, sorted by name.
    pub series: Vec<Series>,
}

/// Values of one metric over time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Series {
    /// Name of the metric.
    #[schema(example = "local/acc")]
    pub name: String,
    /// Points, sorted by step. The hub thins out a long series.
    pub points: Vec<SeriesPoint>,
}

/// One value of a metric.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SeriesPoint {
    /// Epoch or step.
    pub step: u64,
    /// Value of the metric. `null` is a value that is not a finite number.
    pub value: Option<f64>,
}

impl SeriesList {
    /// Sorts points by series and step.
    #[must_use]
    pub fn new(points: Vec<flow_domain::progress::Point>) -> Self {
        let mut series: BTreeMap<String, BTreeMap<u64, Option<f64>>> = BTreeMap::new();
        for flow_domain::progress::Point { series: name, step, value } in points {
            series.entry(name).or_default().insert(step, number(&value));
        }
        let points = |points: BTreeMap<_, _>| {
            points.into_iter().map(|(step, value)| SeriesPoint { step, value }).collect()
        };
        Self {
            series: series
                .into_iter()
                .map(|(name, by_step)| Series { name, points: points(by_step) })
                .collect(),
        }
    }
}

/// Parses a number. JSON has no infinity and no NaN: they become `None`.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}
