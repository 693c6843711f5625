//! A task: a template revision, members, parameters and rules, which can be started many times.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{DatasetName, PartyId, ProjectId, TaskId, TemplateId};
use crate::label::Labels;
use crate::member::Role;
use crate::template::TemplateBody;
use crate::time::Timestamp;

/// One member of a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskMember {
    /// Party of the member; unique in the task.
    pub party: PartyId,
    /// Role of the party.
    pub role: Role,
    /// Name of the party's dataset, if the member uses one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetName>,
}

/// Rules for the runs of a task. All times are in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Number of reserved trainers (besides the aggregator) that suffices at the reservation
    /// deadline; `None` = all.
    pub minimum_parties: Option<u32>,
    /// Retries after failures with a retryable reason. Default 0.
    pub retries: u32,
    /// Longest time from the start request to the start commit. Default 1 h.
    pub queue_deadline_s: u64,
    /// Longest time from the start commit until every member runs. Default 5 min: imports alone
    /// take 2–12 s (L15).
    pub start_deadline_s: u64,
    /// Longest time without progress of a running run. Default 30 min (L1, L2: the framework has no
    /// timeouts).
    pub no_progress_s: u64,
    /// Longest absence of a required party before the run fails. Default 15 min.
    pub give_up_after_s: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            minimum_parties: None,
            retries: 0,
            queue_deadline_s: 3_600,
            start_deadline_s: 300,
            no_progress_s: 1_800,
            give_up_after_s: 900,
        }
    }
}

/// The content of a task, which can be edited while the task has no active run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskBody {
    /// Name, unique in the project. 1–50 characters.
    pub name: String,
    /// Remark for people. 0–500 characters.
    pub remark: String,
    /// Template of the task.
    pub template: TemplateId,
    /// Revision of the template.
    pub revision: u32,
    /// Rounds of training, from 1.
    pub epochs: u32,
    /// Parameters by name, as declared in the template. Parameters of the framework need no
    /// declaration: `strategy`, `strategy_params`, `smpc` and `enable_ll` of iflearner.
    pub parameters: BTreeMap<String, String>,
    /// Members in the order of the request.
    pub members: Vec<TaskMember>,
    /// Deadlines, retries and quorum.
    pub rules: Rules,
    /// Names and values by which lists select the task.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// Values that replace those of a task in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Rounds of training.
    pub epochs: Option<u32>,
    /// Parameters by name; the others keep the value of the task.
    pub parameters: BTreeMap<String, String>,
}

/// A task without its runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Id of the task.
    pub id: TaskId,
    /// Project of the task.
    pub project: ProjectId,
    /// Content of the task.
    pub body: TaskBody,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last edit.
    pub modified_at: Timestamp,
    /// Number of runs so far.
    pub runs: u32,
    /// Time of deletion. The hub hides a deleted task and keeps it until its members have settled.
    pub deleted_at: Option<Timestamp>,
}

impl TaskBody {
    /// Returns the content of the task with these values.
    #[must_use]
    pub fn overridden(&self, overrides: &Overrides) -> Self {
        let Overrides { epochs, parameters } = overrides.clone();
        let mut body = self.clone();
        body.epochs = epochs.unwrap_or(body.epochs);
        body.parameters.extend(parameters);
        body
    }

    /// Returns the aggregator, if there is one.
    #[must_use]
    pub fn aggregator(&self) -> Option<&TaskMember> {
        self.members.iter().find(|m| m.role == Role::Aggregator)
    }

    /// Number of trainers.
    #[must_use]
    pub fn trainers(&self) -> u32 {
        let count = self.members.iter().filter(|m| m.role == Role::Trainer).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Returns the other trainers.
    pub(crate) fn peers<'a>(&'a self, of: &'a TaskMember) -> impl Iterator<Item = &'a TaskMember> {
        self.members.iter().filter(move |m| m.role == Role::Trainer && m.party != of.party)
    }

    /// Returns the parameters of the workload: the template's defaults, overridden by those of the
    /// task.
    #[must_use]
    pub fn parameters(&self, template: &TemplateBody) -> BTreeMap<String, String> {
        let defaults = template
            .parameters
            .iter()
            .filter_map(|(name, schema)| Some((name.clone(), schema.default.clone()?)));
        defaults.chain(self.parameters.clone()).collect()
    }
}
