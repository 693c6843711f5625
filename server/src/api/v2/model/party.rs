//! Parties and their agents.

use flow_domain::id::PartyId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Time, schema};

/// Whether a party's agent is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContactState {
    /// A session is open.
    Connected,
    /// None is.
    Away,
}

/// Whether a party's agent is connected, and if not, since when.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Contact {
    /// Connected or away.
    pub state: ContactState,
    /// Away since this moment; absent if connected or never seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

impl From<flow_domain::member::Contact> for Contact {
    fn from(contact: flow_domain::member::Contact) -> Self {
        match contact {
            flow_domain::member::Contact::Connected => {
                Self { state: ContactState::Connected, since: None }
            }
            flow_domain::member::Contact::Away(since) => {
                Self { state: ContactState::Away, since: Some(since.into()) }
            }
        }
    }
}

/// A party to be made known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = NewParty::sample)]
pub struct NewParty {
    /// Its name, which is also its identity. It cannot be changed.
    #[schema(value_type = schema::PartyName)]
    pub name: PartyId,
    /// For people.
    #[serde(default)]
    #[schema(value_type = schema::Remark)]
    pub remark: String,
}

impl NewParty {
    /// The example of the documentation, which is what the tests send.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            name: "hospital-a".parse().expect("a constant of the right form"),
            remark: "Children's hospital".to_owned(),
        }
    }
}

/// A party with the secret its agent proves itself with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = PartyCreated::sample)]
pub struct PartyCreated {
    /// Its name.
    #[schema(value_type = schema::PartyName)]
    pub name: String,
    /// The agent's secret. Shown this once; only its hash is kept.
    pub secret: String,
}

/// How a party's secret is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = SecretRotation::sample)]
pub struct SecretRotation {
    /// Seconds for which the replaced secret is still accepted; 0 = it stops at once.
    #[serde(default)]
    #[schema(maximum = 604800, default = 0)]
    pub overlap_s: u32,
}

impl SecretRotation {
    /// The example of the documentation, which is what the tests send.
    #[must_use]
    pub const fn sample() -> Self {
        Self { overlap_s: 3600 }
    }
}

/// A party with the secret its agent proves itself with from now on.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartySecret {
    /// Its name.
    #[schema(value_type = schema::PartyName)]
    pub name: String,
    /// The agent's secret. Shown this once; only its hash is kept.
    pub secret: String,
    /// Until when the replaced secret is accepted; absent if it stopped at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_until: Option<Time>,
}

/// The agent that last spoke for a party.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Agent {
    /// Identity of its journal.
    #[schema(value_type = schema::Id)]
    pub instance: String,
    /// Its version.
    pub version: String,
}

/// An organisation that takes part.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = Party::sample)]
pub struct Party {
    /// Its name.
    #[schema(value_type = schema::PartyName)]
    pub name: String,
    /// For people.
    pub remark: String,
    /// When it was made known.
    pub created_at: Time,
    /// Whether its agent is connected.
    pub contact: Contact,
    /// The agent that last spoke for it; absent if none ever did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// What it offers: images, datasets, resources, as its agent declares them. Left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub inventory: Option<serde_json::Value>,
}
