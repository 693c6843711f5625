//! Events of a task.

use flow_domain::run::EventKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Contact, MemberProgress, Named, Series, Time, schema};

/// One event of a task. Events are numbered from 1 without gaps, in the order in which the hub
/// stored them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = Event::sample)]
pub struct Event {
    /// Number of the event within its task, from 1.
    pub seq: i64,
    /// When the hub stored the event.
    pub at: Time,
    /// Kind of event.
    #[schema(value_type = schema::EventKind)]
    pub kind: Named<EventKind>,
    /// Id of the run that the event belongs to, if any.
    #[schema(value_type = Option<schema::Id>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Name of the party that the event belongs to, if any.
    #[schema(value_type = Option<schema::PartyName>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub party: Option<String>,
    /// Description for people, or the name of the new phase.
    pub message: String,
}

impl Event {
    /// Converts a domain event that the hub stored with this number at this time.
    #[must_use]
    pub fn new(seq: i64, at: Time, event: flow_domain::run::Event) -> Self {
        let flow_domain::run::Event { kind, run, party, message } = event;
        Self {
            seq,
            at,
            kind: kind.into(),
            run: run.map(Into::into),
            party: party.map(Into::into),
            message,
        }
    }
}

/// An event in the feed of all tasks of a project.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FeedEvent {
    /// Number of the event in the feed. Numbers grow, and have gaps.
    pub number: i64,
    /// Id of the task.
    #[schema(value_type = schema::Id)]
    pub task: String,
    /// Name of the task.
    pub task_name: String,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

/// New progress of a member of a run, in a stream of events. The hub may leave out events of
/// progress for a client that reads slowly.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProgressEvent {
    /// Id of the task.
    #[schema(value_type = schema::Id)]
    pub task: String,
    /// Id of the run.
    #[schema(value_type = schema::Id)]
    pub run: String,
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub party: String,
    /// When the hub stored the progress.
    pub at: Time,
    /// Progress of the member.
    pub progress: MemberProgress,
    /// New points of the member's series since the last event, at most the newest 200.
    pub series: Vec<Series>,
}

/// Opening or end of the session of a party's agent, in a stream of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartyEvent {
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub name: String,
    /// Connection of the party's agent.
    pub contact: Contact,
}
