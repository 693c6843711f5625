//! How far a run is: latest wins, and none of it is state.

use std::collections::BTreeMap;

use flow_domain::progress::{PartyProgress, Progress};
use serde::Serialize;
use utoipa::ToSchema;

/// What the aggregator's framework says of one party.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FederationProgress {
    /// The party has registered and asked to begin.
    pub ready: bool,
    /// The party has told the aggregator that it is done.
    pub complete: bool,
    /// The epoch in progress.
    pub current_epoch: u32,
    /// Epochs the aggregator was started with.
    pub total_epoch: u32,
}

impl From<PartyProgress> for FederationProgress {
    fn from(progress: PartyProgress) -> Self {
        let PartyProgress { ready, complete, current_epoch, total_epoch } = progress;
        Self { ready, complete, current_epoch, total_epoch }
    }
}

/// How far one member is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MemberProgress {
    /// The epoch in progress, if the framework tells.
    pub epoch: Option<u32>,
    /// Epochs wanted.
    pub epochs: Option<u32>,
    /// Latest value of each metric; `null` stands for what JSON has no number for.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// The aggregator's view of every party; empty elsewhere.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parties: BTreeMap<String, FederationProgress>,
}

impl From<&Progress> for MemberProgress {
    fn from(progress: &Progress) -> Self {
        // The verdict is a fact, and is shown with the member.
        let Progress { epoch, epochs, parties, metrics, points: _, complete: _ } = progress;
        Self {
            epoch: *epoch,
            epochs: *epochs,
            metrics: metrics.iter().map(|(name, value)| (name.clone(), number(value))).collect(),
            parties: parties.iter().map(|(name, party)| (name.clone(), (*party).into())).collect(),
        }
    }
}

/// How far a run is: the slowest of its trainers decides.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProgressSummary {
    /// The epoch every trainer has reached; absent until each has told.
    pub epoch: Option<u32>,
    /// Epochs wanted.
    pub epochs: Option<u32>,
    /// The epoch of each member that has told.
    #[schema(value_type = BTreeMap<String, u32>, example = json!({"hospital-a": 3, "hospital-b": 4}))]
    pub members: BTreeMap<String, u32>,
}

/// All series of one member.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = SeriesList::sample)]
pub struct SeriesList {
    /// The series, by name.
    pub series: Vec<Series>,
}

/// One measured quantity over time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Series {
    /// Its name.
    #[schema(example = "local/acc")]
    pub name: String,
    /// Its points in order; a long series is thinned.
    pub points: Vec<SeriesPoint>,
}

/// One measurement.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SeriesPoint {
    /// Epoch or step.
    pub step: u64,
    /// The value; `null` stands for what JSON has no number for.
    pub value: Option<f64>,
}

impl SeriesList {
    /// Points of any order, by series and step.
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

/// A number from its text. What is no finite number becomes `None`: a diverged training shows as `null`.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// How far all are, from how far each is.
pub(super) fn summarise<'a>(
    members: impl Iterator<Item = (&'a flow_domain::member::Member, Option<&'a Progress>)>,
    epochs: Option<u32>,
) -> ProgressSummary {
    let mut summary = ProgressSummary { epoch: None, epochs, members: BTreeMap::new() };
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
