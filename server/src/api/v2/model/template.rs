//! Templates and their revisions.

use std::collections::BTreeMap;

use flow_domain::limits::{GRACE_S_DEFAULT, RUNTIME_S_DEFAULT};
use flow_domain::template::{Framework, ParamType, TemplateBody};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Time, schema};

/// What may be run. Sent whole to create a template, and whole again to edit it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = TemplateInput::sample)]
pub struct TemplateInput {
    /// Its name.
    #[schema(value_type = schema::Name)]
    pub name: String,
    /// For people.
    #[serde(default)]
    #[schema(value_type = schema::Remark)]
    pub remark: String,
    /// How the workload is told what to do and how its end is recognised.
    #[schema(value_type = schema::Framework)]
    pub framework: Framework,
    /// Image reference; each party resolves it by its own image map.
    #[schema(value_type = schema::Image)]
    pub image: String,
    /// The trainer's program and arguments. The framework adds its own arguments.
    #[schema(value_type = schema::Command)]
    pub command: Vec<String>,
    /// The aggregator's program and arguments; empty = the framework's own.
    #[serde(default)]
    #[schema(value_type = schema::OptionalCommand)]
    pub aggregator_command: Vec<String>,
    /// Working directory inside the image; empty = the member's own.
    #[serde(default)]
    #[schema(value_type = schema::Workdir)]
    pub workdir: String,
    /// Environment added to the contract's own.
    #[serde(default)]
    #[schema(value_type = schema::Environment)]
    pub env: BTreeMap<String, String>,
    /// Parameters a task may set.
    #[serde(default)]
    #[schema(value_type = schema::ParameterSchemas)]
    pub parameters: BTreeMap<String, ParamSchema>,
    /// What each member asks of its machine.
    #[serde(default)]
    pub resources: Resources,
    /// Longest time a workload may run, in seconds. A suspend of its machine does not count.
    #[serde(default = "default_max_runtime")]
    #[schema(value_type = schema::MaxRuntime)]
    pub max_runtime_s: u64,
    /// Time between the polite and the hard end of a workload, in seconds.
    #[serde(default = "default_grace")]
    #[schema(value_type = schema::StopGrace)]
    pub stop_grace_s: u64,
}

const fn default_max_runtime() -> u64 {
    RUNTIME_S_DEFAULT
}

const fn default_grace() -> u64 {
    GRACE_S_DEFAULT
}

impl TemplateInput {
    /// The example of the documentation, which is what the tests send.
    #[must_use]
    pub fn sample() -> Self {
        let rate = ParamSchema {
            kind: ParamType::Number,
            default: Some("0.1".to_owned()),
            allowed: Vec::new(),
            minimum: Some("0".to_owned()),
            maximum: Some("1".to_owned()),
            description: "learning rate".to_owned(),
        };
        Self {
            name: "digits".to_owned(),
            remark: "Handwritten digits with a numpy model".to_owned(),
            framework: Framework::Iflearner,
            image: "iflearner-digits:1".to_owned(),
            command: vec!["python".to_owned(), "-u".to_owned(), "client.py".to_owned()],
            aggregator_command: Vec::new(),
            workdir: String::new(),
            env: BTreeMap::new(),
            parameters: BTreeMap::from([("learning_rate".to_owned(), rate)]),
            resources: Resources::default(),
            max_runtime_s: default_max_runtime(),
            stop_grace_s: default_grace(),
        }
    }

    /// Name, remark and what the revision says.
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
        };
        (name, remark, body)
    }
}

/// One parameter a template declares. Values travel as text; the type says which texts are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ParamSchema {
    /// Which texts are accepted.
    #[serde(rename = "type")]
    #[schema(value_type = schema::ParamType)]
    pub kind: ParamType,
    /// Used when a task gives none; without it the parameter is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ParameterValue>)]
    pub default: Option<String>,
    /// Accepted values, if only these are.
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = schema::ParameterEnum)]
    pub allowed: Vec<String>,
    /// Smallest accepted number, in decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ParameterValue>)]
    pub minimum: Option<String>,
    /// Largest accepted number, in decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ParameterValue>)]
    pub maximum: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(value_type = schema::Description)]
    pub description: String,
}

impl From<ParamSchema> for flow_domain::template::ParamSchema {
    fn from(parameter: ParamSchema) -> Self {
        let ParamSchema { kind, default, allowed, minimum, maximum, description } = parameter;
        Self { kind, default, allowed, minimum, maximum, description }
    }
}

impl From<flow_domain::template::ParamSchema> for ParamSchema {
    fn from(parameter: flow_domain::template::ParamSchema) -> Self {
        let flow_domain::template::ParamSchema {
            kind,
            default,
            allowed,
            minimum,
            maximum,
            description,
        } = parameter;
        Self { kind, default, allowed, minimum, maximum, description }
    }
}

/// What each member asks of its machine; 0 = no claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resources {
    /// Processor time, in thousandths of a core.
    #[schema(value_type = schema::CpuMillis)]
    pub cpu_millis: u32,
    /// Memory, in MiB.
    #[schema(value_type = schema::MemoryMib)]
    pub memory_mib: u32,
}

impl From<Resources> for flow_domain::template::Resources {
    fn from(Resources { cpu_millis, memory_mib }: Resources) -> Self {
        Self { cpu_millis, memory_mib }
    }
}

impl From<flow_domain::template::Resources> for Resources {
    fn from(resources: flow_domain::template::Resources) -> Self {
        let flow_domain::template::Resources { cpu_millis, memory_mib } = resources;
        Self { cpu_millis, memory_mib }
    }
}

// A type of its own beside `TemplateInput`: an answer has every field, and names of earlier versions keep the form that
// was accepted then. A schema that forbids other properties cannot be part of another (`allOf`).
/// What a revision of a template holds.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TemplateContent {
    /// Its name, unique in the project.
    pub name: String,
    /// For people.
    pub remark: String,
    /// How the workload is told what to do and how its end is recognised.
    #[schema(value_type = schema::Framework)]
    pub framework: Framework,
    /// Image reference; each party resolves it by its own image map.
    pub image: String,
    /// The trainer's program and arguments. The framework adds its own arguments.
    pub command: Vec<String>,
    /// The aggregator's program and arguments; empty = the framework's own.
    pub aggregator_command: Vec<String>,
    /// Working directory inside the image; empty = the member's own.
    pub workdir: String,
    /// Environment added to the contract's own.
    pub env: BTreeMap<String, String>,
    /// Parameters a task may set.
    pub parameters: BTreeMap<String, ParamSchema>,
    /// What each member asks of its machine.
    pub resources: Resources,
    /// Longest time a workload may run, in seconds.
    pub max_runtime_s: u64,
    /// Time between the polite and the hard end of a workload, in seconds.
    pub stop_grace_s: u64,
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
        } = body;
        let parameters =
            parameters.into_iter().map(|(name, parameter)| (name, parameter.into())).collect();
        Self {
            name,
            remark,
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
        }
    }
}

/// A template with its newest revision.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = Template::sample)]
pub struct Template {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// Number of the newest revision; also the `ETag`.
    #[schema(minimum = 1)]
    pub revision: u32,
    /// When the template was made.
    pub created_at: Time,
    /// When the newest revision was made.
    pub modified_at: Time,
    /// What it says.
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
            content: TemplateContent::new(name, remark, body),
        }
    }
}

/// One revision of a template. Revisions never change.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = Revision::sample)]
pub struct Revision {
    /// Its number, from 1.
    #[schema(minimum = 1)]
    pub revision: u32,
    /// When it was made.
    pub created_at: Time,
    /// What it says. The name is the template's present one.
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
