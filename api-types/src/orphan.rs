//! Orphans.

use std::fmt;

use flow_domain::member::MemberPhase;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Named, Time, schema};

/// Decision of an administrator about an orphan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrphanDecision {
    /// The party stops the orphan.
    Stop,
    /// The orphan runs until it ends.
    Keep,
}

impl fmt::Display for OrphanDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "stop",
            Self::Keep => "keep",
        })
    }
}

/// Member that a party's agent reports and that the hub does not know.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = Orphan::sample)]
pub struct Orphan {
    /// Id of the orphan: party, run and attempt.
    #[schema(value_type = schema::OrphanId)]
    pub id: String,
    /// Name of the party that reports the orphan.
    #[schema(value_type = schema::PartyName)]
    pub party: String,
    /// Id of the run, as the agent reports it.
    #[schema(value_type = schema::Id)]
    pub run: String,
    /// Id of the task, as the agent reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Id>)]
    pub task: Option<String>,
    /// Number of the reservation round.
    pub attempt: u32,
    /// Digest of the spec that the orphan executes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Digest>)]
    pub spec_digest: Option<String>,
    /// Last reported phase.
    #[schema(value_type = schema::MemberPhase)]
    pub phase: Named<MemberPhase>,
    /// When the agent last reported the orphan.
    pub seen_at: Time,
    /// Decision of an administrator. Absent until there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OrphanDecision>)]
    pub decision: Option<Named<OrphanDecision>>,
}
