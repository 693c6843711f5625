//! Runs of all tasks: their list, and a comparison side by side.

use std::collections::{BTreeMap, BTreeSet};

use flow_domain::id::{Digest, PartyId};
use flow_domain::progress::{Progress, SeriesSummary};
use flow_domain::run::Run;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Rules, RunSummary, schema};

/// State of a run and its task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ListedRun {
    /// State of the run.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// Id of the task.
    #[schema(value_type = schema::Id)]
    pub task: String,
    /// Name of the task.
    pub task_name: String,
    /// Time from the creation to the end of the run, in seconds. Absent until the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
}

impl ListedRun {
    /// Converts a domain run. `progress` is the progress of its members.
    #[must_use]
    pub fn new(run: &Run, task_name: String, progress: &BTreeMap<PartyId, Progress>) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a duration has fewer than 53 bits")]
        let seconds = |micros: i64| micros as f64 / 1e6;
        Self {
            summary: RunSummary::new(run, progress),
            task: run.task.clone().into(),
            task_name,
            duration_s: run.finished_at.map(|end| seconds(end.0 - run.created_at.0)),
        }
    }
}

/// Runs side by side. Each list of values is in the order of the runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunComparison {
    /// The runs, in the order of the request.
    pub runs: Vec<ListedRun>,
    /// Inputs whose values differ, sorted by name.
    pub inputs: Vec<ComparedInput>,
    /// Series of the runs, sorted by party and name.
    pub metrics: Vec<ComparedMetric>,
    /// At least one run has more series than the comparison shows.
    pub more_metrics: bool,
}

/// One input of the runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComparedInput {
    /// Name of the input.
    #[schema(example = "parameters.learning_rate")]
    pub name: String,
    /// Value in each run. `null` if the run does not have the input.
    pub values: Vec<Option<String>>,
}

/// One series of the runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ComparedMetric {
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub party: String,
    /// Name of the metric.
    #[schema(example = "local/acc")]
    pub name: String,
    /// The smallest value is the best. True if a word of the name contains `loss`, `error`,
    /// `perplexity`, `mse` or `mae`.
    pub lower_is_better: bool,
    /// Values in each run. `null` if the run does not have the series.
    pub values: Vec<Option<MetricValues>>,
}

/// Newest and best value of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricValues {
    /// Newest value. `null` is a value that is not a finite number.
    pub last: Option<f64>,
    /// Epoch or step of the newest value.
    pub last_step: u64,
    /// Best value. `null` if no value is a finite number.
    pub best: Option<f64>,
    /// Epoch or step of the best value.
    pub best_step: Option<u64>,
}

/// One run to compare: its state, and its series by party and name.
#[derive(Debug, Clone, PartialEq)]
pub struct RunToCompare {
    /// The run.
    pub run: Run,
    /// Its state for the response.
    pub listed: ListedRun,
    /// Image of its template, if the hub still has the revision.
    pub image: Option<String>,
    /// Its series by party and name.
    pub series: BTreeMap<(PartyId, String), SeriesSummary>,
}

impl RunComparison {
    /// Compares runs. `more_metrics`: `series` of at least one run is not complete.
    #[must_use]
    pub fn new(runs: Vec<RunToCompare>, more_metrics: bool) -> Self {
        let mut inputs: Vec<_> = runs.iter().map(inputs).collect();
        add_contents(&runs, &mut inputs);
        let names: BTreeSet<&String> = inputs.iter().flat_map(BTreeMap::keys).collect();
        let inputs = names.into_iter().map(|name| ComparedInput {
            name: name.clone(),
            values: inputs.iter().map(|inputs| inputs.get(name).cloned()).collect(),
        });
        let differs =
            |input: &ComparedInput| input.values.iter().any(|value| *value != input.values[0]);
        let inputs = inputs.filter(differs).collect();
        let keys: BTreeSet<_> = runs.iter().flat_map(|compared| compared.series.keys()).collect();
        let metric = |key: &(PartyId, String)| {
            let lower_is_better = lower_is_better(&key.1);
            let values = |series: &SeriesSummary| {
                let SeriesSummary { last, lowest, highest } = *series;
                let best = if lower_is_better { lowest } else { highest };
                MetricValues {
                    last: last.1,
                    last_step: last.0,
                    best: best.map(|(_, value)| value),
                    best_step: best.map(|(step, _)| step),
                }
            };
            ComparedMetric {
                party: key.0.clone().into(),
                name: key.1.clone(),
                lower_is_better,
                values: runs.iter().map(|compared| compared.series.get(key).map(values)).collect(),
            }
        };
        let metrics = keys.into_iter().map(metric).collect();
        let runs = runs.into_iter().map(|compared| compared.listed).collect();
        Self { runs, inputs, metrics, more_metrics }
    }
}

/// Adds `members.PARTY.content` where image and dataset have the same names in several runs and the
/// party changed the meaning of a name between them. The values number the meanings from 1.
fn add_contents(runs: &[RunToCompare], inputs: &mut [BTreeMap<String, String>]) {
    let members = runs.iter().flat_map(|compared| &compared.run.members);
    let parties: BTreeSet<&PartyId> = members.map(|member| &member.party).collect();
    for party in parties {
        let name = format!("members.{party}.content");
        let mut meanings: BTreeMap<_, Vec<&Digest>> = BTreeMap::new();
        let mut values = Vec::new();
        for (index, compared) in runs.iter().enumerate() {
            let run = &compared.run;
            let member = run.members.iter().find(|member| member.party == *party);
            let Some(resolution) = member.and_then(|member| member.resolution.as_ref()) else {
                continue;
            };
            let dataset = run.inputs.as_ref().and_then(|inputs| inputs.datasets.get(party));
            let seen = meanings.entry((&compared.image, dataset)).or_default();
            let number = seen.iter().position(|known| *known == resolution).unwrap_or_else(|| {
                seen.push(resolution);
                seen.len() - 1
            });
            values.push((index, format!("version {}", number + 1)));
        }
        if meanings.values().any(|seen| seen.len() > 1) {
            for (index, value) in values {
                inputs[index].insert(name.clone(), value);
            }
        }
    }
}

/// Returns the inputs of a run as texts. Digests are left out: they follow from the other inputs.
fn inputs(RunToCompare { run, image, .. }: &RunToCompare) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    all.extend(image.iter().map(|image| ("image".to_owned(), image.clone())));
    if let Some(inputs) = &run.inputs {
        all.insert("template".to_owned(), inputs.template_name.clone());
        all.insert("revision".to_owned(), inputs.revision.to_string());
        all.insert("epochs".to_owned(), inputs.epochs.to_string());
        let parameters = inputs.parameters.iter();
        all.extend(parameters.map(|(name, value)| (format!("parameters.{name}"), value.clone())));
        let datasets = inputs.datasets.iter();
        all.extend(
            datasets.map(|(party, name)| (format!("members.{party}.dataset"), name.to_string())),
        );
    }
    let Rules {
        minimum_parties,
        retries,
        queue_deadline_s,
        start_deadline_s,
        no_progress_s,
        give_up_after_s,
    } = run.rules.clone().into();
    let rules = [
        ("minimum_parties", minimum_parties.map(u64::from)),
        ("retries", Some(u64::from(retries))),
        ("queue_deadline_s", Some(queue_deadline_s)),
        ("start_deadline_s", Some(start_deadline_s)),
        ("no_progress_s", Some(no_progress_s)),
        ("give_up_after_s", Some(give_up_after_s)),
    ];
    let rules = rules.into_iter().filter_map(|(name, value)| Some((name, value?)));
    all.extend(rules.map(|(name, value)| (format!("rules.{name}"), value.to_string())));
    for member in &run.members {
        all.insert(format!("members.{}.role", member.party), member.role.to_string());
    }
    all
}

fn lower_is_better(name: &str) -> bool {
    let name = name.to_lowercase();
    ["loss", "error", "perplexity", "mse", "mae"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// People cannot compare digests.
    #[test]
    fn u1_changed_content_under_the_same_names_is_numbered() {
        let compared = |image: &str, content: &str| {
            let mut run = crate::sample::run();
            for member in &mut run.members {
                member.resolution = Some(Digest::of(content.as_bytes()));
            }
            let listed = ListedRun::new(&run, "digits".to_owned(), &BTreeMap::new());
            RunToCompare { run, listed, image: Some(image.to_owned()), series: BTreeMap::new() }
        };
        let inputs = |runs: &[(&str, &str)]| {
            let runs = runs.iter().map(|(image, content)| compared(image, content)).collect();
            let found = RunComparison::new(runs, false).inputs;
            found.into_iter().map(|input| (input.name, input.values)).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(inputs(&[("a", "1"), ("a", "1")]), BTreeMap::new());
        let values = |texts: &[&str]| texts.iter().map(|text| Some((*text).to_owned())).collect();
        let other_image = inputs(&[("a", "1"), ("b", "2")]);
        assert_eq!(other_image, BTreeMap::from([("image".to_owned(), values(&["a", "b"]))]));
        let changed = inputs(&[("a", "1"), ("a", "2"), ("a", "1")]);
        assert!(!changed.is_empty());
        for (name, found) in changed {
            assert!(name.starts_with("members.") && name.ends_with(".content"), "{name}");
            assert_eq!(found, values(&["version 1", "version 2", "version 1"]) as Vec<_>);
        }
    }
}
