//! What a user submits: a template revision, members, parameters and rules.

mod validate;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{DatasetName, PartyId, ProjectId, TaskId, TemplateId};
use crate::member::Role;
use crate::template::TemplateBody;
use crate::time::Timestamp;

/// One party's part, as asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskMember {
    /// Which party.
    pub party: PartyId,
    /// What it does.
    pub role: Role,
    /// Name of the data it works on, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetName>,
}

/// How a task is carried through. All times are in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Start with so many trainers reserved at the reservation deadline (the aggregator besides); `None` = all.
    pub minimum_parties: Option<u32>,
    /// New runs after a failure that may go better by itself.
    pub retries: u32,
    /// Longest wait from start to the first workload. Default 1 h.
    pub queue_deadline_s: u64,
    /// Longest wait from the start commit until every member runs. Default 5 min: imports alone take 2–12 s (L15).
    pub start_deadline_s: u64,
    /// Longest time without any progress of a running run. Default 30 min (L1, L2: the framework waits for ever).
    pub no_progress_s: u64,
    /// Absence of a required party after which the run is given up. Default 15 min.
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

/// The content of a task: what is edited while it is not active.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskBody {
    /// Its name, unique in the project. 1–50 characters.
    pub name: String,
    /// For people. 0–500 characters.
    pub remark: String,
    /// The template.
    pub template: TemplateId,
    /// The revision of it.
    pub revision: u32,
    /// Rounds of training, from 1.
    pub epochs: u32,
    /// Parameters by name; checked against the template's schema. Those of the framework itself need no declaration:
    /// `strategy`, `strategy_params`, `smpc` and `enable_ll` of iflearner.
    pub parameters: BTreeMap<String, String>,
    /// Members, in the order given.
    pub members: Vec<TaskMember>,
    /// How it is carried through.
    pub rules: Rules,
}

/// A task without its runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// What was submitted.
    pub body: TaskBody,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub modified_at: Timestamp,
    /// Runs so far.
    pub runs: u32,
    /// Hidden; kept until its members have settled.
    pub deleted_at: Option<Timestamp>,
}

impl TaskBody {
    /// The member that averages, if one does.
    #[must_use]
    pub fn aggregator(&self) -> Option<&TaskMember> {
        self.members.iter().find(|m| m.role == Role::Aggregator)
    }

    /// How many members train.
    #[must_use]
    pub fn trainers(&self) -> u32 {
        let count = self.members.iter().filter(|m| m.role == Role::Trainer).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// The other trainers.
    pub(crate) fn peers<'a>(&'a self, of: &'a TaskMember) -> impl Iterator<Item = &'a TaskMember> {
        self.members.iter().filter(move |m| m.role == Role::Trainer && m.party != of.party)
    }

    /// What the workload is given: the template's defaults, and over them what the task says.
    #[must_use]
    pub fn parameters(&self, template: &TemplateBody) -> BTreeMap<String, String> {
        let defaults = template
            .parameters
            .iter()
            .filter_map(|(name, schema)| Some((name.clone(), schema.default.clone()?)));
        defaults.chain(self.parameters.clone()).collect()
    }
}
