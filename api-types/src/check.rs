//! Dry runs: what the parties of a task would do.

use flow_domain::member::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Named, Reason, schema};

/// A task that is valid, and the answers of its parties. Nothing was created or reserved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskCheck {
    /// Name of the task.
    pub name: String,
    /// Answers of the parties, in the order of the members.
    pub members: Vec<MemberCheck>,
}

/// The answer of one party about its part of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MemberCheck {
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub party: String,
    /// Role of the party in the task.
    #[schema(value_type = schema::Role)]
    pub role: Named<Role>,
    /// Answer of the party.
    #[schema(value_type = CheckAnswer)]
    pub answer: Named<CheckAnswer>,
    /// Cause for which the party would ask or refuse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Cause for which the answer is unknown, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Answer of a party to the question whether it would accept its part of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckAnswer {
    /// The party would start it.
    Accept,
    /// A person at the party would have to approve it.
    Ask,
    /// The party would refuse it.
    Refuse,
    /// The party did not answer: it is not connected, or its agent is too old.
    Unknown,
}

impl std::fmt::Display for CheckAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Accept => "accept",
            Self::Ask => "ask",
            Self::Refuse => "refuse",
            Self::Unknown => "unknown",
        })
    }
}
