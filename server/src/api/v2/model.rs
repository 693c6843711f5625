//! What `/api/v2` says and hears, as JSON. A third set of types beside domain and rows, so that neither a new column
//! nor a new rule changes the interface by accident.
//!
//! `From` goes outward and takes its source apart without `..`, so a new domain field fails to compile here until
//! somebody decides whether it is shown. Inward, ids and names are parsed by serde into domain types; what a request
//! asks for is judged by the domain, never here.

mod event;
mod orphan;
mod party;
mod progress;
mod run;
mod sample;
pub mod schema;
mod task;
mod template;

use flow_domain::error::FieldCode;
use flow_domain::time::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

pub use event::Event;
pub use orphan::{Orphan, OrphanDecision};
pub use party::{
    Agent, Contact, ContactState, NewParty, Party, PartyCreated, PartySecret, SecretRotation,
};
pub use progress::{
    FederationProgress, MemberProgress, ProgressSummary, Series, SeriesList, SeriesPoint,
};
pub use run::{Ending, Exit, Member, Reason, Run, RunSummary, Waiting};
pub use task::{Rules, Task, TaskInput, TaskMember};
pub use template::{ParamSchema, Resources, Revision, Template, TemplateContent, TemplateInput};

/// A moment, RFC 3339 in UTC with microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Timestamp);

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = if self.0.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        write!(f, "{:.6}", jiff::Timestamp::from_microsecond(self.0.0).unwrap_or(end))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// What the page holds, in the order of the list.
    pub items: Vec<T>,
    /// Give this as `cursor` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A failure, as RFC 9457 describes it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = Problem::sample)]
pub struct Problem {
    /// Names the kind of problem: the place of its code in the documentation of errors.
    #[schema(example = "/docs#task_not_found")]
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What went wrong this time and what to do about it.
    pub detail: String,
    /// The kind of problem, for programs: stable.
    #[schema(value_type = schema::ErrorCode)]
    pub code: &'static str,
    /// The same request may succeed later without any change.
    pub retryable: bool,
    /// Everything wrong with the fields of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
    /// How many more fields are wrong than are listed; absent if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_fields: Option<usize>,
    /// The request, as the hub's log knows it. The same as the header `X-Request-Id`.
    pub request_id: String,
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldProblem {
    /// JSON pointer into the body, `?name` for a query parameter, or the name of a header.
    #[schema(example = "/members/1/party")]
    pub pointer: String,
    /// What, for programs.
    #[schema(value_type = schema::FieldCode)]
    pub code: FieldCode,
    /// What is wrong and what would be accepted.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc_3339_and_never_fails() {
        assert_eq!(Time(Timestamp(1_500_000)).to_string(), "1970-01-01T00:00:01.500000Z");
        assert!(Time(Timestamp(i64::MAX)).to_string().starts_with("9999-12-3"));
        assert!(Time(Timestamp(i64::MIN)).to_string().starts_with("-00"));
    }
}
