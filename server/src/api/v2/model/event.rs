//! One line of a task's history.

use flow_domain::run::EventKind;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Time, schema};

/// One line of a task's history. Numbers are without gaps and in the order in which things were stored.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = Event::sample)]
pub struct Event {
    /// Its number in the task's history, from 1.
    pub seq: i64,
    /// When it was stored.
    pub at: Time,
    /// What happened.
    #[schema(value_type = schema::EventKind)]
    pub kind: EventKind,
    /// The run it is about, if one.
    #[schema(value_type = Option<schema::Id>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The party it is about, if one.
    #[schema(value_type = Option<schema::PartyName>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub party: Option<String>,
    /// For people, or the phase's name.
    pub message: String,
}

impl Event {
    /// From the domain's event with its number and time.
    #[must_use]
    pub fn new(seq: i64, at: Time, event: flow_domain::run::Event) -> Self {
        let flow_domain::run::Event { kind, run, party, message } = event;
        Self { seq, at, kind, run: run.map(Into::into), party: party.map(Into::into), message }
    }
}
