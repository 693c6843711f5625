//! Orphans.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Time, schema};
use crate::store;

/// What an operator wants of an orphan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrphanDecision {
    /// It is to end.
    Stop,
    /// It is to run to its own end.
    Keep,
}

impl From<store::OrphanDecision> for OrphanDecision {
    fn from(decision: store::OrphanDecision) -> Self {
        match decision {
            store::OrphanDecision::Stop => Self::Stop,
            store::OrphanDecision::Keep => Self::Keep,
        }
    }
}

/// A member that runs at a party and that the hub does not know.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = Orphan::sample)]
pub struct Orphan {
    /// Names it.
    #[schema(value_type = schema::OrphanId)]
    pub id: String,
    /// Who holds it.
    #[schema(value_type = schema::PartyName)]
    pub party: String,
    /// The run it says it belongs to.
    #[schema(value_type = schema::Id)]
    pub run: String,
    /// The task it says it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Id>)]
    pub task: Option<String>,
    /// Reservation round.
    pub attempt: u32,
    /// Digest of the spec it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Digest>)]
    pub spec_digest: Option<String>,
    /// Where it stands.
    #[schema(value_type = schema::MemberPhase)]
    pub phase: String,
    /// When its party last told of it.
    pub seen_at: Time,
    /// What an operator decided; absent if nobody has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<OrphanDecision>,
}

impl From<store::Orphan> for Orphan {
    fn from(orphan: store::Orphan) -> Self {
        let store::Orphan { key, task, digest, phase, seen_at, decision } = orphan;
        let id = key.to_string();
        let store::OrphanKey { party, run, attempt } = key;
        Self {
            id,
            party: party.into(),
            run: run.into(),
            task: task.map(Into::into),
            attempt,
            spec_digest: digest.map(Into::into),
            phase: phase.to_string(),
            seen_at: seen_at.into(),
            decision: decision.map(Into::into),
        }
    }
}
