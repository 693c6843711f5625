//! What may be run. A template is a name with a list of immutable revisions.

mod validate;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{ProjectId, TemplateId};
use crate::limits::{GRACE_S_DEFAULT, RUNTIME_S_DEFAULT};
use crate::member::text_enum;
use crate::time::Timestamp;

pub(crate) use validate::{check_head, is_workdir};
pub use validate::{check_remark, is_env_name, validate_head};

text_enum!(
    /// How a workload is told what to do and how its end is recognised.
    Framework {
        /// The published iflearner 0.1.0: one aggregator, trainers, status page.
        Iflearner = "iflearner",
        /// Any program that follows the environment contract (`FED_*`).
        Generic = "generic",
    }
);

text_enum!(
    /// Type of a parameter. Values travel as text; the type says which texts are accepted.
    ParamType {
        /// Any text.
        String = "string",
        /// A whole number.
        Integer = "integer",
        /// A decimal number.
        Number = "number",
        /// `true` or `false`.
        Boolean = "boolean",
    }
);

/// One parameter a template declares.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParamSchema {
    /// Which texts are accepted.
    #[serde(rename = "type")]
    pub kind: ParamType,
    /// Used when a task gives none; without it the parameter is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Accepted values, if only these are.
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// Smallest accepted number, in decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<String>,
    /// Largest accepted number, in decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// What each member asks of its machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Resources {
    /// Processor time, in thousandths of a core; 0 = no claim.
    pub cpu_millis: u32,
    /// Memory, in MiB; 0 = no claim.
    pub memory_mib: u32,
}

/// The content of one revision: everything that decides what is executed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateBody {
    /// How the workload is told what to do.
    pub framework: Framework,
    /// Image reference, resolved by each party's own image map. 1–255 characters.
    pub image: String,
    /// Trainer's program and arguments. The framework adds its own arguments.
    pub command: Vec<String>,
    /// Aggregator's program and arguments; empty = the framework's own default.
    #[serde(default)]
    pub aggregator_command: Vec<String>,
    /// Working directory inside the image; empty = the member's own.
    #[serde(default)]
    pub workdir: String,
    /// Environment added to the contract's own.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Parameters a task may set (defect F18: they reach the workload).
    #[serde(default)]
    pub parameters: BTreeMap<String, ParamSchema>,
    /// What each member asks of its machine.
    #[serde(default)]
    pub resources: Resources,
    /// Longest time a workload may run, in seconds. Default 86 400. A suspend of its machine does not count.
    #[serde(default = "default_max_runtime")]
    pub max_runtime_s: u64,
    /// Time between the polite and the hard end of a workload, in seconds. Default 10.
    #[serde(default = "default_grace")]
    pub stop_grace_s: u64,
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
    /// Its id.
    pub id: TemplateId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// Its name, unique in the project. 1–50 characters.
    pub name: String,
    /// For people. 0–500 characters.
    pub remark: String,
    /// Number of this revision, from 1.
    pub revision: u32,
    /// What this revision says.
    pub body: TemplateBody,
    /// When the template was made.
    pub created_at: Timestamp,
    /// When this revision was made.
    pub modified_at: Timestamp,
}
