//! The fields of the hub's answers that `flowctl` reads: no more than it shows. `tests/openapi.rs` checks each one
//! against the published document. Unknown fields are ignored, so an older flowctl reads a newer hub.

use std::collections::BTreeMap;

use flow_common::text::visible;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::{Exit, Failure};

/// One page of a list.
#[derive(Debug, Clone, Deserialize)]
pub struct Page<T> {
    /// What it holds.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    #[serde(default)]
    pub next: Option<String>,
}

/// A template, or one revision of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Template {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub remark: String,
    /// Number of the revision.
    pub revision: u32,
    /// How the workload is told what to do.
    pub framework: String,
    /// Image reference.
    pub image: String,
    /// When this revision was made.
    pub modified_at: String,
}

/// A task, in a list or alone.
#[derive(Debug, Clone, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub remark: String,
    /// Id of the template.
    pub template: String,
    /// Revision of the template.
    pub revision: u32,
    /// Rounds of training.
    pub epochs: u32,
    /// Parameters by name.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Who takes part.
    pub members: Vec<TaskMember>,
    /// Runs so far.
    pub runs: u32,
    /// The newest run.
    #[serde(default)]
    pub run: Option<RunSummary>,
    /// When it was made.
    pub created_at: String,
}

/// One party's part in a task.
#[derive(Debug, Clone, Deserialize)]
pub struct TaskMember {
    /// Which party.
    pub party: String,
    /// What it does.
    pub role: String,
    /// Name of the data it works on.
    #[serde(default)]
    pub dataset: Option<String>,
}

/// How a run stands, in short.
#[derive(Debug, Clone, Deserialize)]
pub struct RunSummary {
    /// Its id.
    pub id: String,
    /// Counts the task's runs, from 1.
    pub number: u32,
    /// Where it stands.
    pub phase: String,
    /// What it waits for.
    #[serde(default)]
    pub waiting: Option<Waiting>,
    /// Its end, once known.
    #[serde(default)]
    pub ending: Option<Ending>,
    /// How far it is.
    #[serde(default)]
    pub progress: ProgressSummary,
    /// When it was made.
    pub created_at: String,
    /// When its phase became final.
    #[serde(default)]
    pub finished_at: Option<String>,
}

/// How far a run is: the slowest of its trainers decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ProgressSummary {
    /// The epoch every trainer has reached.
    pub epoch: Option<u32>,
    /// Epochs wanted.
    pub epochs: Option<u32>,
}

/// One start of a task.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Counts the task's runs, from 1.
    pub number: u32,
    /// The run this one repeats.
    pub retry_of: Option<String>,
    /// Retries still allowed after this one.
    pub retries_left: u32,
    /// Where it stands.
    pub phase: String,
    /// Why it is not running.
    pub waiting: Option<Waiting>,
    /// How far it is.
    pub progress: ProgressSummary,
    /// Its end, once known.
    pub ending: Option<Ending>,
    /// When it was made.
    pub created_at: String,
    /// When the phase became final.
    pub finished_at: Option<String>,
    /// Its members, in the task's order.
    pub members: Vec<Member>,
}

/// Why a run is not running.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// For programs.
    pub code: String,
    /// For people: names party and cause.
    pub message: String,
    /// Since when.
    pub since: String,
    /// When it is tried again, or the wait ends.
    pub until: Option<String>,
}

/// Why and how a run ends.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Ending {
    /// How.
    pub outcome: String,
    /// Why, for programs.
    pub code: String,
    /// Why, for people.
    pub message: String,
    /// Who asked, if a user did.
    pub by: Option<String>,
}

/// One party's part in a run.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Member {
    /// Which party.
    pub party: String,
    /// What it does.
    pub role: String,
    /// What was last seen.
    pub phase: String,
    /// The run cannot succeed without it.
    pub required: bool,
    /// Whether the party's agent is connected.
    pub contact: Contact,
    /// Why it is where it is.
    pub reason: Option<Reason>,
    /// What its framework shows.
    pub progress: Option<Progress>,
}

/// A reason: a code for programs, a sentence for people.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Reason {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
}

/// What one member shows now.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Epoch in progress.
    pub epoch: Option<u32>,
    /// Epochs wanted.
    pub epochs: Option<u32>,
    /// Latest value of each metric; `None` = not a finite number.
    pub metrics: BTreeMap<String, Option<f64>>,
}

/// One line of a task's history.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// Its number in the task's history.
    pub seq: u64,
    /// What happened.
    pub kind: String,
    /// The party it is about.
    #[serde(default)]
    pub party: Option<String>,
    /// For people, or the phase's name.
    #[serde(default)]
    pub message: String,
    /// When.
    pub at: String,
}

/// A party.
#[derive(Debug, Clone, Deserialize)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub remark: String,
    /// When it was made known.
    pub created_at: String,
    /// Whether its agent is connected.
    pub contact: Contact,
    /// The agent that last spoke for it.
    #[serde(default)]
    pub agent: Option<Agent>,
    /// What it offers, as its agent declares it.
    #[serde(default)]
    pub inventory: Option<Value>,
}

/// The agent that last spoke for a party.
#[derive(Debug, Clone, Deserialize)]
pub struct Agent {
    /// Its version.
    pub version: String,
}

/// A member that runs at a party and that the hub does not know.
#[derive(Debug, Clone, Deserialize)]
pub struct Orphan {
    /// Names it.
    pub id: String,
    /// Where it stands.
    pub phase: String,
    /// When its party last told of it.
    pub seen_at: String,
    /// What was decided about it.
    #[serde(default)]
    pub decision: Option<String>,
    /// The task it says it belongs to.
    #[serde(default)]
    pub task: Option<String>,
}

/// Whether a party's agent is connected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Contact {
    /// `connected` or `away`.
    pub state: String,
    /// Away since; absent if never seen.
    pub since: Option<String>,
}

/// One revision of a template.
#[derive(Debug, Clone, Deserialize)]
pub struct Revision {
    /// Its number.
    pub revision: u32,
    /// When it was made.
    pub created_at: String,
    /// Image reference.
    pub image: String,
    /// Trainer's program and arguments.
    pub command: Vec<String>,
}

/// A party's new secret, by which its agent identifies itself.
#[derive(Clone, Deserialize)]
pub struct NewSecret {
    /// Shown this once.
    pub secret: String,
    /// Until when the secret that it replaces is accepted.
    #[serde(default)]
    pub former_until: Option<String>,
}

impl Run {
    /// Nothing will change any more.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self.phase.as_str(), "succeeded" | "failed" | "cancelled")
    }
}

impl Progress {
    /// The metrics worth a glance: accuracies first, then the others, by name.
    #[must_use]
    pub fn headline(&self) -> Vec<(&str, String)> {
        let text = |value: &Option<f64>| {
            value.map_or_else(|| "not a number".to_owned(), |value| value.to_string())
        };
        let mut metrics: Vec<_> =
            self.metrics.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
        metrics.sort_by_key(|(name, _)| (!name.contains("acc"), *name));
        metrics
    }
}

/// Reads the part of a document that is shown to people. Its texts come from hub and parties: what a terminal would obey
/// is written out.
pub fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    exact(&shown(value))
}

fn shown(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(visible(text).into_owned()),
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (visible(name).into_owned(), shown(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Reads the part of a document that is used here, as it is: to be compared, or sent again.
pub fn exact<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    serde::Deserialize::deserialize(value).map_err(|error: serde_json::Error| {
        Failure::new(
            Exit::Failed,
            format!("the hub's answer cannot be read: {}", visible(&error.to_string())),
        )
        .with_remedy("Use the flowctl of the hub's version.")
    })
}
