//! A template: a kind of task, as a name with a list of immutable revisions.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{ProjectId, TemplateId};
use crate::limits::{GRACE_S_DEFAULT, RUNTIME_S_DEFAULT, WORKDIR_CHARS_MAX};
use crate::member::{Role, text_enum};
use crate::time::Timestamp;

text_enum!(
    /// Training framework: arguments and environment of workloads, and the completion rule.
    Framework {
        /// The published iflearner 0.1.0: one aggregator, trainers, status page.
        Iflearner = "iflearner",
        /// Any program that follows the environment contract (`FED_*`).
        Generic = "generic",
    }
);

text_enum!(
    /// Type of a parameter. Values are text; the type defines the accepted texts.
    ParamType {
        /// Any text without NUL.
        String = "string",
        /// A whole number of 64 bits.
        Integer = "integer",
        /// A finite decimal number.
        Number = "number",
        /// `true` or `false`.
        Boolean = "boolean",
    }
);

/// The declaration of a parameter in a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParamSchema {
    /// Type of the value.
    #[serde(rename = "type")]
    pub kind: ParamType,
    /// Value for tasks that set none; without a default the parameter is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The only accepted values, if not empty.
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// Smallest accepted number, in decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<String>,
    /// Largest accepted number, in decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<String>,
    /// Description for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// Resources that each member requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Resources {
    /// Processor time, in thousandths of a core; 0 = no request.
    pub cpu_millis: u32,
    /// Memory, in MiB; 0 = no request.
    pub memory_mib: u32,
}

/// The content of one revision: all that determines the executed program.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateBody {
    /// Training framework.
    pub framework: Framework,
    /// Image reference, which each party resolves with its image map. 1–255 characters.
    pub image: String,
    /// Program and arguments of trainers. The framework adds its arguments.
    pub command: Vec<String>,
    /// Program and arguments of the aggregator; empty = default of the framework.
    #[serde(default)]
    pub aggregator_command: Vec<String>,
    /// Working directory inside the image; empty = the member's own.
    #[serde(default)]
    pub workdir: String,
    /// Environment variables in addition to those of the contract.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Parameters that a task may set; they reach the workload (defect F18).
    #[serde(default)]
    pub parameters: BTreeMap<String, ParamSchema>,
    /// Resources that each member requests.
    #[serde(default)]
    pub resources: Resources,
    /// Runtime limit of a workload, in seconds. Default 86 400. A suspend of the machine does not
    /// count.
    #[serde(default = "default_max_runtime")]
    pub max_runtime_s: u64,
    /// Grace period between SIGTERM and SIGKILL, in seconds. Default 10.
    #[serde(default = "default_grace")]
    pub stop_grace_s: u64,
    /// A task must have a member with the role aggregator.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub requires_aggregator: bool,
    /// Roles whose members must name a dataset.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub requires_dataset: BTreeSet<Role>,
}

const fn default_max_runtime() -> u64 {
    RUNTIME_S_DEFAULT
}

const fn default_grace() -> u64 {
    GRACE_S_DEFAULT
}

/// A template with its newest revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Id of the template.
    pub id: TemplateId,
    /// Project of the template.
    pub project: ProjectId,
    /// Name, unique in the project. 1–50 characters.
    pub name: String,
    /// Remark for people. 0–500 characters.
    pub remark: String,
    /// Number of this revision, from 1.
    pub revision: u32,
    /// Content of this revision.
    pub body: TemplateBody,
    /// Time of the template's creation.
    pub created_at: Timestamp,
    /// Time of this revision's creation.
    pub modified_at: Timestamp,
}

/// True if `path` is accepted as a working directory: see [`crate::limits::WORKDIR_PATTERN`].
pub(crate) fn is_workdir(path: &str) -> bool {
    path.chars().count() <= WORKDIR_CHARS_MAX
        && !path.chars().any(char::is_control)
        && path.split('/').all(|part| part != "..")
}
