//! Tasks: what a user submits, and how it stands.

use std::collections::BTreeMap;

use flow_domain::id::{DatasetName, PartyId, TemplateId};
use flow_domain::member::Role;
use flow_domain::task::TaskBody;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{RunSummary, Time, schema};

/// A task as submitted. Sent whole to create a task, and whole again to edit it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = TaskInput::sample)]
pub struct TaskInput {
    /// Its name.
    #[schema(value_type = schema::Name)]
    pub name: String,
    /// For people.
    #[serde(default)]
    #[schema(value_type = schema::Remark)]
    pub remark: String,
    /// The id of the template.
    #[schema(value_type = schema::Id)]
    pub template: TemplateId,
    /// The revision of it; absent = the newest, which the task then keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::RevisionNumber>)]
    pub revision: Option<u32>,
    /// Rounds of training.
    #[schema(value_type = schema::Epochs)]
    pub epochs: u32,
    /// Parameters by name, checked against the template's schema.
    #[serde(default)]
    #[schema(value_type = schema::ParameterValues)]
    pub parameters: BTreeMap<String, String>,
    /// Who takes part, each party once.
    #[schema(value_type = schema::TaskMembers)]
    pub members: Vec<TaskMember>,
    /// How it is carried through.
    #[serde(default)]
    pub rules: Rules,
}

impl TaskInput {
    /// The example of the documentation, which is what the tests send.
    #[must_use]
    pub fn sample() -> Self {
        let party = |text: &str| text.parse::<PartyId>().expect("a constant of the right form");
        let data: Option<DatasetName> = "digits".parse().ok();
        Self {
            name: "digits-spring".to_owned(),
            remark: String::new(),
            template: flow_domain::sample::template_id(),
            revision: Some(1),
            epochs: 10,
            parameters: BTreeMap::from([("learning_rate".to_owned(), "0.05".to_owned())]),
            members: vec![
                TaskMember { party: party("hub"), role: Role::Aggregator, dataset: None },
                TaskMember {
                    party: party("hospital-a"),
                    role: Role::Trainer,
                    dataset: data.clone(),
                },
                TaskMember { party: party("hospital-b"), role: Role::Trainer, dataset: data },
            ],
            rules: Rules::default(),
        }
    }

    /// The task's content, with the revision it shall keep.
    #[must_use]
    pub fn into_body(self, revision: u32) -> TaskBody {
        let Self { name, remark, template, revision: _, epochs, parameters, members, rules } = self;
        let members = members.into_iter().map(Into::into).collect();
        TaskBody {
            name,
            remark,
            template,
            revision,
            epochs,
            parameters,
            members,
            rules: rules.into(),
        }
    }
}

/// One party's part in a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskMember {
    /// Which party.
    #[schema(value_type = schema::PartyName)]
    pub party: PartyId,
    /// What it does.
    #[schema(value_type = schema::Role)]
    pub role: Role,
    /// Name of the data it works on, as the party calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::DatasetName>)]
    pub dataset: Option<DatasetName>,
}

impl From<TaskMember> for flow_domain::task::TaskMember {
    fn from(TaskMember { party, role, dataset }: TaskMember) -> Self {
        Self { party, role, dataset }
    }
}

impl From<flow_domain::task::TaskMember> for TaskMember {
    fn from(member: flow_domain::task::TaskMember) -> Self {
        let flow_domain::task::TaskMember { party, role, dataset } = member;
        Self { party, role, dataset }
    }
}

/// How a task is carried through. All times are in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Start with so many trainers ready at the reservation deadline (the aggregator besides); absent = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::MinimumParties>)]
    pub minimum_parties: Option<u32>,
    /// New runs after a failure that may go better by itself.
    #[schema(value_type = schema::Retries)]
    pub retries: u32,
    /// Longest wait from start to the first workload.
    #[schema(value_type = schema::QueueDeadline)]
    pub queue_deadline_s: u64,
    /// Longest wait from the start commit until every member runs.
    #[schema(value_type = schema::StartDeadline)]
    pub start_deadline_s: u64,
    /// Longest time without any progress of a running run.
    #[schema(value_type = schema::NoProgressDeadline)]
    pub no_progress_s: u64,
    /// Absence of a required party after which the run is given up.
    #[schema(value_type = schema::GiveUpDeadline)]
    pub give_up_after_s: u64,
}

impl Default for Rules {
    fn default() -> Self {
        flow_domain::task::Rules::default().into()
    }
}

impl From<Rules> for flow_domain::task::Rules {
    fn from(rules: Rules) -> Self {
        let Rules {
            minimum_parties,
            retries,
            queue_deadline_s,
            start_deadline_s,
            no_progress_s,
            give_up_after_s,
        } = rules;
        Self {
            minimum_parties,
            retries,
            queue_deadline_s,
            start_deadline_s,
            no_progress_s,
            give_up_after_s,
        }
    }
}

impl From<flow_domain::task::Rules> for Rules {
    fn from(rules: flow_domain::task::Rules) -> Self {
        let flow_domain::task::Rules {
            minimum_parties,
            retries,
            queue_deadline_s,
            start_deadline_s,
            no_progress_s,
            give_up_after_s,
        } = rules;
        Self {
            minimum_parties,
            retries,
            queue_deadline_s,
            start_deadline_s,
            no_progress_s,
            give_up_after_s,
        }
    }
}

/// A task and how its newest run stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = Task::sample)]
pub struct Task {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// Its name, unique in the project.
    pub name: String,
    /// For people.
    pub remark: String,
    /// The id of its template.
    #[schema(value_type = schema::Id)]
    pub template: String,
    /// The revision of the template.
    pub revision: u32,
    /// Rounds of training.
    pub epochs: u32,
    /// Parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// Who takes part.
    pub members: Vec<TaskMember>,
    /// How it is carried through.
    pub rules: Rules,
    /// When it was made.
    pub created_at: Time,
    /// When it was last edited.
    pub modified_at: Time,
    /// Changes with every change of the task or its runs; also the `ETag`.
    pub version: u64,
    /// Runs so far.
    pub runs: u32,
    /// The newest run; absent if it was never started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunSummary>,
}

impl Task {
    /// A task with its version and its newest run.
    #[must_use]
    pub fn new(task: flow_domain::task::Task, version: u64, run: Option<RunSummary>) -> Self {
        let flow_domain::task::Task {
            id,
            project: _,
            body,
            created_at,
            modified_at,
            runs,
            deleted_at: _,
        } = task;
        let TaskBody { name, remark, template, revision, epochs, parameters, members, rules } =
            body;
        Self {
            id: id.into(),
            name,
            remark,
            template: template.into(),
            revision,
            epochs,
            parameters,
            members: members.into_iter().map(Into::into).collect(),
            rules: rules.into(),
            created_at: created_at.into(),
            modified_at: modified_at.into(),
            version,
            runs,
            run,
        }
    }
}
