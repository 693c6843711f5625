//! Templates and their revisions.

use std::collections::{BTreeMap, BTreeSet};

use flow_domain::limits::{GRACE_S_DEFAULT, RUNTIME_S_DEFAULT};
use flow_domain::member::Role;
use flow_domain::template::{Framework, ParamType, TemplateBody};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Named, Time, object, schema};

/// Request to create a template or a new revision of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = TemplateInput::sample)]
pub struct TemplateInput {
    /// Name of the template, unique in the project.
    #[schema(value_type = schema::Name)]
    pub name: String,
    /// Free text for people.
    #[serde(default)]
    #[schema(value_type = schema::Remark)]
    pub remark: String,
    /// Framework: how the workload gets its arguments and how its success is recognised.
    #[schema(value_type = schema::Framework)]
    pub framework: Framework,
    /// Image name. Each party resolves it with its image map.
    #[schema(value_type = schema::Image)]
    pub image: String,
    /// Program and arguments of the trainer. The framework adds its own arguments.
    #[schema(value_type = schema::Command)]
    pub command: Vec<String>,
    /// Program and arguments of the aggregator. Empty selects the framework's own.
    #[serde(default)]
    #[schema(value_type = schema::OptionalCommand)]
    pub aggregator_command: Vec<String>,
    /// Working directory inside the image. Empty selects the run directory of the member.
    #[serde(default)]
    #[schema(value_type = schema::Workdir)]
    pub workdir: String,
    /// Environment variables that the workload gets besides those of the platform.
    #[serde(default)]
    #[schema(value_type = schema::Environment)]
    pub env: BTreeMap<String, String>,
    /// Parameters that a task may set, by name.
    #[serde(default)]
    #[schema(value_type = schema::ParameterSchemas)]
    pub parameters: BTreeMap<String, ParamSchemaInput>,
    /// Resources that each member requests.
    #[serde(default, deserialize_with = "object::required")]
    pub resources: ResourcesInput,
    /// Longest runtime of a workload, in seconds. Time in which its machine is suspended does not
    /// count.
    #[serde(default = "default_max_runtime")]
    #[schema(value_type = schema::MaxRuntime)]
    pub max_runtime_s: u64,
    /// Grace period between SIGTERM and SIGKILL when a workload is stopped, in seconds.
    #[serde(default = "default_grace")]
    #[schema(value_type = schema::StopGrace)]
    pub stop_grace_s: u64,
    /// A task of this template must have a member with the role aggregator.
    #[serde(default)]
    pub requires_aggregator: bool,
    /// Roles whose members must name a dataset.
    #[serde(default)]
    #[schema(value_type = Vec<schema::Role>)]
    pub requires_dataset: BTreeSet<Role>,
}

pub(crate) const fn default_max_runtime() -> u64 {
    RUNTIME_S_DEFAULT
}

pub(crate) const fn default_grace() -> u64 {
    GRACE_S_DEFAULT
}

impl TemplateInput {
    /// Splits the request into name, remark and the content of a revision.
    #[must_use]
    pub fn into_parts(self) -> (String, String, TemplateBody) {
        let Self {
            name,
            remark,
            framework,
            image,
            command,
            aggregator_command,
            workdir,
            env,
            parameters,
            resources,
            max_runtime_s,
            stop_grace_s,
            requires_aggregator,
            requires_dataset,
        } = self;
        let parameters =
            parameters.into_iter().map(|(name, parameter)| (name, parameter.into())).collect();
        let body = TemplateBody {
            framework,
            image,
            command,
            aggregator_command,
            workdir,
            env,
            parameters,
            resources: resources.into(),
            max_runtime_s,
            stop_grace_s,
            requires_aggregator,
            requires_dataset,
        };
        (name, remark, body)
    }
}

/// One parameter that a template declares, in a request. Values are text; the type restricts which
/// texts are valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ParamSchemaInput {
    /// Type of the value.
    #[serde(rename = "type")]
    #[schema(value_type = schema::ParamType)]
    pub kind: ParamType,
    /// Value if a task sets none. Without a default every task must set the parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ParameterValue>)]
    pub default: Option<String>,
    /// Valid values. Absent if the type alone decides.
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = schema::ParameterEnum)]
    pub allowed: Vec<String>,
    /// Smallest valid number, as decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ParameterValue>)]
    pub minimum: Option<String>,
    /// Largest valid number, as decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ParameterValue>)]
    pub maximum: Option<String>,
    /// Description for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(value_type = schema::Description)]
    pub description: String,
}

same_fields!(ParamSchemaInput => flow_domain::template::ParamSchema {
    kind, default, allowed, minimum, maximum, description
});

/// Resources that each member requests, in a request. 0 requests none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResourcesInput {
    /// Processor time, in thousandths of a core.
    #[schema(value_type = schema::CpuMillis)]
    pub cpu_millis: u32,
    /// Memory, in MiB.
    #[schema(value_type = schema::MemoryMib)]
    pub memory_mib: u32,
}

same_fields!(ResourcesInput => flow_domain::template::Resources { cpu_millis, memory_mib });

/// One parameter that a template declares. Values are text; the type restricts which texts are
/// valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParamSchema {
    /// Type of the value.
    #[serde(rename = "type")]
    #[schema(value_type = schema::ParamType)]
    pub kind: Named<ParamType>,
    /// Value if a task sets none. Without a default every task must set the parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ParameterValue>)]
    pub default: Option<String>,
    /// Valid values. Absent if the type alone decides.
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = schema::ParameterEnum)]
    pub allowed: Vec<String>,
    /// Smallest valid number, as decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ParameterValue>)]
    pub minimum: Option<String>,
    /// Largest valid number, as decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ParameterValue>)]
    pub maximum: Option<String>,
    /// Description for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(value_type = schema::Description)]
    pub description: String,
}

same_fields!(flow_domain::template::ParamSchema => ParamSchema {
    kind, default, allowed, minimum, maximum, description
});

/// Resources that each member requests. 0 requests none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resources {
    /// Processor time, in thousandths of a core.
    #[schema(value_type = schema::CpuMillis)]
    pub cpu_millis: u32,
    /// Memory, in MiB.
    #[schema(value_type = schema::MemoryMib)]
    pub memory_mib: u32,
}

same_fields!(flow_domain::template::Resources => Resources { cpu_millis, memory_mib });

// Names and texts have no limits here: an old revision keeps the form that was valid when it was
// made.
/// Content of one revision of a template.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TemplateContent {
    /// Name of the template, unique in the project.
    pub name: String,
    /// Free text for people.
    pub remark: String,
    /// Framework: how the workload gets its arguments and how its success is recognised.
    #[schema(value_type = schema::Framework)]
    pub framework: Named<Framework>,
    /// Image name. Each party resolves it with its image map.
    pub image: String,
    /// Program and arguments of the trainer. The framework adds its own arguments.
    pub command: Vec<String>,
    /// Program and arguments of the aggregator. Empty selects the framework's own.
    pub aggregator_command: Vec<String>,
    /// Working directory inside the image. Empty selects the run directory of the member.
    pub workdir: String,
    /// Environment variables that the workload gets besides those of the platform.
    pub env: BTreeMap<String, String>,
    /// Parameters that a task may set, by name.
    pub parameters: BTreeMap<String, ParamSchema>,
    /// Resources that each member requests.
    pub resources: Resources,
    /// Longest runtime of a workload, in seconds.
    pub max_runtime_s: u64,
    /// Grace period between SIGTERM and SIGKILL when a workload is stopped, in seconds.
    pub stop_grace_s: u64,
    /// A task of this template must have a member with the role aggregator.
    #[serde(default)]
    pub requires_aggregator: bool,
    /// Roles whose members must name a dataset.
    #[serde(default)]
    #[schema(value_type = Vec<schema::Role>)]
    pub requires_dataset: Vec<Named<Role>>,
}

impl TemplateContent {
    fn new(name: String, remark: String, body: TemplateBody) -> Self {
        let TemplateBody {
            framework,
            image,
            command,
            aggregator_command,
            workdir,
            env,
            parameters,
            resources,
            max_runtime_s,
            stop_grace_s,
            requires_aggregator,
            requires_dataset,
        } = body;
        let parameters =
            parameters.into_iter().map(|(name, parameter)| (name, parameter.into())).collect();
        Self {
            name,
            remark,
            framework: framework.into(),
            image,
            command,
            aggregator_command,
            workdir,
            env,
            parameters,
            resources: resources.into(),
            max_runtime_s,
            stop_grace_s,
            requires_aggregator,
            requires_dataset: requires_dataset.into_iter().map(Into::into).collect(),
        }
    }
}

/// Template with its newest revision.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = Template::sample)]
pub struct Template {
    /// Id of the template.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// Number of the newest revision; the same as the `ETag`.
    #[schema(minimum = 1)]
    pub revision: u32,
    /// When the template was created.
    pub created_at: Time,
    /// When the newest revision was created.
    pub modified_at: Time,
    /// Sentence for people about an image that no party maps. Only in the response to the creation or
    /// an edit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Content of the newest revision.
    #[serde(flatten)]
    pub content: TemplateContent,
}

impl From<flow_domain::template::Template> for Template {
    fn from(template: flow_domain::template::Template) -> Self {
        let flow_domain::template::Template {
            id,
            project: _,
            name,
            remark,
            revision,
            body,
            created_at,
            modified_at,
        } = template;
        Self {
            id: id.into(),
            revision,
            created_at: created_at.into(),
            modified_at: modified_at.into(),
            warnings: Vec::new(),
            content: TemplateContent::new(name, remark, body),
        }
    }
}

/// One revision of a template. Revisions never change.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = Revision::sample)]
pub struct Revision {
    /// Number of the revision, from 1.
    #[schema(minimum = 1)]
    pub revision: u32,
    /// When the revision was created.
    pub created_at: Time,
    /// Content of the revision. Its name is the current name of the template.
    #[serde(flatten)]
    pub content: TemplateContent,
}

impl From<flow_domain::template::Template> for Revision {
    fn from(template: flow_domain::template::Template) -> Self {
        let flow_domain::template::Template {
            id: _,
            project: _,
            name,
            remark,
            revision,
            body,
            created_at: _,
            modified_at,
        } = template;
        Self {
            revision,
            created_at: modified_at.into(),
            content: TemplateContent::new(name, remark, body),
        }
    }
}
