//! Selections of tasks and of their fields.

use std::collections::BTreeMap;

use flow_domain::id::PartyId;
use flow_domain::run::RunPhase;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::limits::NEVER_STARTED;
use crate::schema;

/// Conditions for tasks; a task must match all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TaskSelector {
    /// Beginning of the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::NamePrefix>)]
    pub name: Option<String>,
    /// Phases of the newest run, of which one must match; `new` matches tasks without a run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::PhaseFilter>)]
    pub phase: Vec<PhaseFilter>,
    /// A party with a part in the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::PartyName>)]
    pub party: Option<PartyId>,
    /// Id or name of the template.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::TemplateReference>)]
    pub template: Option<String>,
    /// Labels of the task.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = schema::Labels)]
    pub labels: BTreeMap<String, String>,
    /// First time of creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::DateTime>)]
    pub created_since: Option<String>,
    /// First time after the last time of creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::DateTime>)]
    pub created_before: Option<String>,
}

/// A phase of the newest run of a task; `None` for a task without a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseFilter(pub Option<RunPhase>);

impl std::str::FromStr for PhaseFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == NEVER_STARTED {
            return Ok(Self(None));
        }
        let phase = text.parse().map(|phase| Self(Some(phase)));
        phase.map_err(|problem| format!("each {problem}, {NEVER_STARTED}"))
    }
}

impl Serialize for PhaseFilter {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        target.serialize_str(self.0.map_or(NEVER_STARTED, RunPhase::as_str))
    }
}

impl<'de> Deserialize<'de> for PhaseFilter {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        String::deserialize(source)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Selected fields of an item of a list, each as in the whole item.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Selection {
    /// Id of the item.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// The other fields.
    #[serde(flatten)]
    pub fields: BTreeMap<String, serde_json::Value>,
}
