//! Tasks.

use std::collections::BTreeMap;

use flow_domain::id::{DatasetName, PartyId, TemplateId};
use flow_domain::member::Role;
use flow_domain::task::{Overrides, TaskBody};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Named, RunSummary, Time, object, schema};

/// Request to create a task or to replace its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = TaskInput::sample)]
pub struct TaskInput {
    /// Name of the task, unique in the project.
    #[schema(value_type = schema::Name)]
    pub name: String,
    /// Free text for people.
    #[serde(default)]
    #[schema(value_type = schema::Remark)]
    pub remark: String,
    /// Id of the template.
    #[schema(value_type = schema::Id)]
    pub template: TemplateId,
    /// Revision of the template. Without it the task gets the newest revision and keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::RevisionNumber>)]
    pub revision: Option<u32>,
    /// Number of training rounds.
    #[schema(value_type = schema::Epochs)]
    pub epochs: u32,
    /// Values of parameters that the template declares, by name.
    #[serde(default)]
    #[schema(value_type = schema::ParameterValues)]
    pub parameters: BTreeMap<String, String>,
    /// Members of the task, at most one per party.
    #[schema(value_type = schema::TaskMembers)]
    pub members: Vec<TaskMemberInput>,
    /// Deadlines, retries and number of parties of each run.
    #[serde(default, deserialize_with = "object::required")]
    pub rules: RulesInput,
    /// Names and values by which lists select the task.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = schema::Labels)]
    pub labels: BTreeMap<String, String>,
}

impl TaskInput {
    /// Converts the request to the content of a task with this revision of the template.
    #[must_use]
    pub fn into_body(self, revision: u32) -> TaskBody {
        let Self {
            name,
            remark,
            template,
            revision: _,
            epochs,
            parameters,
            members,
            rules,
            labels,
        } = self;
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
            labels,
        }
    }
}

/// Request to start a task: values that replace those of the task in the new run and in its retries.
/// The task does not change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = StartInput::sample)]
pub struct StartInput {
    /// Number of training rounds.
    #[schema(value_type = Option<schema::Epochs>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// Values of parameters that the template declares, by name.
    #[schema(value_type = schema::ParameterValues)]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

same_fields!(StartInput => Overrides { epochs, parameters });

/// One party's part in a task, in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskMemberInput {
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub party: PartyId,
    /// Role of the party in the task.
    #[schema(value_type = schema::Role)]
    pub role: Role,
    /// Name that the party gives the dataset that the member works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::DatasetName>)]
    pub dataset: Option<DatasetName>,
}

same_fields!(TaskMemberInput => flow_domain::task::TaskMember { party, role, dataset });

/// Deadlines, retries and number of parties of each run of a task, in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RulesInput {
    /// Number of trainers, besides the aggregator, that must be ready for a start when the
    /// reservation deadline ends. Without it all must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::MinimumParties>)]
    pub minimum_parties: Option<u32>,
    /// Number of new runs after failures that a new run may avoid.
    #[schema(value_type = schema::Retries)]
    pub retries: u32,
    /// Longest time from the start of the task to its first workload, in seconds.
    #[schema(value_type = schema::QueueDeadline)]
    pub queue_deadline_s: u64,
    /// Longest time from the start of the members until all are running, in seconds.
    #[schema(value_type = schema::StartDeadline)]
    pub start_deadline_s: u64,
    /// Longest time without progress while the run is running, in seconds.
    #[schema(value_type = schema::NoProgressDeadline)]
    pub no_progress_s: u64,
    /// Longest absence of a required party before the run fails, in seconds.
    #[schema(value_type = schema::GiveUpDeadline)]
    pub give_up_after_s: u64,
}

impl Default for RulesInput {
    fn default() -> Self {
        flow_domain::task::Rules::default().into()
    }
}

same_fields!(flow_domain::task::Rules => RulesInput {
    minimum_parties, retries, queue_deadline_s, start_deadline_s, no_progress_s, give_up_after_s
});
same_fields!(RulesInput => flow_domain::task::Rules {
    minimum_parties, retries, queue_deadline_s, start_deadline_s, no_progress_s, give_up_after_s
});

/// One party's part in a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskMember {
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub party: String,
    /// Role of the party in the task.
    #[schema(value_type = schema::Role)]
    pub role: Named<Role>,
    /// Name that the party gives the dataset that the member works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::DatasetName>)]
    pub dataset: Option<String>,
}

impl From<flow_domain::task::TaskMember> for TaskMember {
    fn from(member: flow_domain::task::TaskMember) -> Self {
        let flow_domain::task::TaskMember { party, role, dataset } = member;
        Self { party: party.into(), role: role.into(), dataset: dataset.map(Into::into) }
    }
}

/// Deadlines, retries and number of parties of each run of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rules {
    /// Number of trainers, besides the aggregator, that must be ready for a start when the
    /// reservation deadline ends. Absent if all must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::MinimumParties>)]
    pub minimum_parties: Option<u32>,
    /// Number of new runs after failures that a new run may avoid.
    #[schema(value_type = schema::Retries)]
    pub retries: u32,
    /// Longest time from the start of the task to its first workload, in seconds.
    #[schema(value_type = schema::QueueDeadline)]
    pub queue_deadline_s: u64,
    /// Longest time from the start of the members until all are running, in seconds.
    #[schema(value_type = schema::StartDeadline)]
    pub start_deadline_s: u64,
    /// Longest time without progress while the run is running, in seconds.
    #[schema(value_type = schema::NoProgressDeadline)]
    pub no_progress_s: u64,
    /// Longest absence of a required party before the run fails, in seconds.
    #[schema(value_type = schema::GiveUpDeadline)]
    pub give_up_after_s: u64,
}

same_fields!(flow_domain::task::Rules => Rules {
    minimum_parties, retries, queue_deadline_s, start_deadline_s, no_progress_s, give_up_after_s
});

/// Task with the state of its newest run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = Task::sample)]
pub struct Task {
    /// Id of the task.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// Name of the task, unique in the project.
    pub name: String,
    /// Free text for people.
    pub remark: String,
    /// Id of the template.
    #[schema(value_type = schema::Id)]
    pub template: String,
    /// Revision of the template.
    pub revision: u32,
    /// Number of training rounds.
    pub epochs: u32,
    /// Values of parameters, by name.
    pub parameters: BTreeMap<String, String>,
    /// Members of the task.
    pub members: Vec<TaskMember>,
    /// Deadlines, retries and number of parties of each run.
    pub rules: Rules,
    /// Name of the account that created the task. Absent if the account was deleted, and for a task
    /// from before accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Names and values by which lists select the task.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// When the task was created.
    pub created_at: Time,
    /// When the task was last edited.
    pub modified_at: Time,
    /// Number of the last change of the task or its runs; the same as the `ETag`.
    pub version: u64,
    /// Number of runs.
    pub runs: u32,
    /// Newest run. Absent if the task was never started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunSummary>,
    /// Sentences for people about members that their parties would refuse, because they offer no such
    /// image or dataset. Only in the response to the creation or an edit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Task {
    /// Converts a domain task with its version and its newest run.
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
        let TaskBody {
            name,
            remark,
            template,
            revision,
            epochs,
            parameters,
            members,
            rules,
            labels,
        } = body;
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
            created_by: None,
            labels,
            created_at: created_at.into(),
            modified_at: modified_at.into(),
            version,
            runs,
            run,
            warnings: Vec::new(),
        }
    }
}
