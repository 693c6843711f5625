//! Parties and their agents.

use std::fmt;

use flow_domain::id::PartyId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Named, Time, schema};

/// Connection state of a party's agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContactState {
    /// The agent has a session with the hub.
    Connected,
    /// The agent has no session with the hub.
    Away,
}

impl fmt::Display for ContactState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connected => "connected",
            Self::Away => "away",
        })
    }
}

/// Connection of a party's agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Contact {
    /// Connection state.
    #[schema(value_type = ContactState)]
    pub state: Named<ContactState>,
    /// When the agent disconnected. Absent if it is connected or never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

impl Contact {
    /// A party whose agent has never connected.
    #[must_use]
    pub fn never() -> Self {
        Self { state: ContactState::Away.into(), since: None }
    }
}

impl From<flow_domain::member::Contact> for Contact {
    fn from(contact: flow_domain::member::Contact) -> Self {
        match contact {
            flow_domain::member::Contact::Connected => {
                Self { state: ContactState::Connected.into(), since: None }
            }
            flow_domain::member::Contact::Away(since) => {
                Self { state: ContactState::Away.into(), since: Some(since.into()) }
            }
        }
    }
}

/// Opening or end of a session of a party's agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactChange {
    /// When the session was opened or ended.
    pub at: Time,
    /// Connection state from then on.
    #[schema(value_type = ContactState)]
    pub state: Named<ContactState>,
    /// Cause of the end, as in `disconnected`, `shutdown` or `limit_exceeded`; `hub_restarted` if the
    /// hub ended without a shutdown. Absent for an opened session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Version of the agent that opened the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Newest contact changes of a party.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ContactList {
    /// Contact changes, newest first, at most 100.
    pub items: Vec<ContactChange>,
}

/// Request to add a party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = NewParty::sample)]
pub struct NewParty {
    /// Name and identity of the party. It cannot be changed.
    #[schema(value_type = schema::PartyName)]
    pub name: PartyId,
    /// Free text for people.
    #[serde(default)]
    #[schema(value_type = schema::Remark)]
    pub remark: String,
}

/// New party with its secret.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(example = PartyCreated::sample)]
pub struct PartyCreated {
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub name: String,
    /// Secret with which the party's agent authenticates. The hub stores only its hash and cannot
    /// show it again.
    pub secret: String,
}

/// Request to replace a party's secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = SecretRotation::sample)]
pub struct SecretRotation {
    /// Seconds for which the hub still accepts the old secret. 0 revokes the old secret at once.
    #[serde(default)]
    #[schema(maximum = 604800, default = 0)]
    pub overlap_s: u32,
}

/// New secret of a party.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct PartySecret {
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub name: String,
    /// Secret with which the party's agent authenticates. The hub stores only its hash and cannot
    /// show it again.
    pub secret: String,
    /// When the hub stops accepting the old secret. Absent if it already has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_until: Option<Time>,
}

/// Agent that last connected for a party.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Agent {
    /// Identity of the agent's journal.
    #[schema(value_type = schema::Id)]
    pub instance: String,
    /// Version of flow-federate.
    pub version: String,
}

/// Organisation that takes part in tasks with its own agent and data.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = Party::sample)]
pub struct Party {
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub name: String,
    /// Free text for people.
    pub remark: String,
    /// When the party was added.
    pub created_at: Time,
    /// Connection of the party's agent.
    pub contact: Contact,
    /// When an administrator disabled the party. Absent if the party is enabled. A disabled party
    /// gets no new members; running ones continue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Time>,
    /// Agent that last connected. Absent if none ever did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// Images, datasets and resources of the party, as its agent reports them. Lists leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub inventory: Option<serde_json::Value>,
}
