//! Templates and tasks that are applied together.

use std::collections::BTreeMap;
use std::fmt;

use flow_domain::id::TemplateId;
use flow_domain::task::TaskBody;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Named, RulesInput, Task, TaskCheck, TaskInput, TaskMemberInput, Template, TemplateInput,
    object, schema,
};

/// Templates and tasks to create or edit, by name. The hub applies all of them in one transaction
/// or none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = ApplyRequest::sample)]
pub struct ApplyRequest {
    /// Templates, each with its own name. They are applied before the tasks.
    #[serde(default)]
    #[schema(value_type = schema::AppliedTemplates)]
    pub templates: Vec<TemplateInput>,
    /// Tasks, each with its own name.
    #[serde(default)]
    #[schema(value_type = schema::AppliedTasks)]
    pub tasks: Vec<TaskDocument>,
}

/// Content of a task that refers to its template by id or name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskDocument {
    /// Name of the task, unique in the project.
    #[schema(value_type = schema::Name)]
    pub name: String,
    /// Free text for people.
    #[serde(default)]
    #[schema(value_type = schema::Remark)]
    pub remark: String,
    /// Id or name of the template, which the same request may contain.
    #[schema(value_type = schema::TemplateReference)]
    pub template: String,
    /// Revision of the template. Without it the task gets the newest revision and keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::RevisionNumber>)]
    pub revision: Option<u32>,
    /// Number of training rounds.
    #[serde(default = "one")]
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

const fn one() -> u32 {
    1
}

impl TaskDocument {
    /// Converts the document to the content of a task with this revision of this template.
    #[must_use]
    pub fn into_body(self, template: TemplateId, revision: u32) -> TaskBody {
        let Self {
            name,
            remark,
            template: _,
            revision: _,
            epochs,
            parameters,
            members,
            rules,
            labels,
        } = self;
        let task = TaskInput {
            name,
            remark,
            template,
            revision: Some(revision),
            epochs,
            parameters,
            members,
            rules,
            labels,
        };
        task.into_body(revision)
    }
}

/// Effect of one template or task of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApplyOutcome {
    /// The object did not exist.
    Created,
    /// The object had another content.
    Edited,
    /// The object already had this content.
    Unchanged,
}

impl fmt::Display for ApplyOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Edited => "edited",
            Self::Unchanged => "unchanged",
        })
    }
}

/// Templates and tasks after they were applied, in the order of the request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// Templates.
    pub templates: Vec<AppliedTemplate>,
    /// Tasks.
    pub tasks: Vec<AppliedTask>,
    /// Answers of the parties of each task of the request. Only in the response to a dry run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<TaskCheck>,
}

/// A template after it was applied.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AppliedTemplate {
    /// Effect of the request.
    #[schema(value_type = ApplyOutcome)]
    pub outcome: Named<ApplyOutcome>,
    /// The template.
    pub template: Template,
}

/// A task after it was applied.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AppliedTask {
    /// Effect of the request.
    #[schema(value_type = ApplyOutcome)]
    pub outcome: Named<ApplyOutcome>,
    /// The task.
    pub task: Task,
}
