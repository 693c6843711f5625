//! Requests and responses of the REST API `/api/v2`. The hub serves these types, flowctl reads
//! them, and `docs/openapi.json` describes them.
//!
//! - A request rejects unknown fields. A response ignores them, so an older client reads a newer
//!   hub. A response never contains a request type.
//! - A response carries an enumerated value as [`Named`], which keeps a value that this version
//!   does not know.
//! - Conversions take a domain type apart without `..`: a new domain field does not compile until
//!   this crate decides whether the API shows it. Conversions of the hub's tables are in the hub.
//! - The crate checks only the form of ids and names. The domain checks everything else of a
//!   request.
//!
//! A field that a later version adds to a response needs `#[serde(default)]`, so that a newer
//! client reads an older hub.

#![warn(missing_docs)]

/// Converts between structs with the same fields. A field that only one of them has does not
/// compile.
macro_rules! same_fields {
    ($from:path => $to:path { $($field:ident),+ }) => {
        impl From<$from> for $to {
            fn from($from { $($field),+ }: $from) -> Self {
                Self { $($field: $field.into()),+ }
            }
        }
    };
}

mod access;
pub mod agent;
mod apply;
mod bulk;
mod check;
mod comparison;
mod event;
pub mod limits;
mod named;
mod object;
mod orphan;
mod output;
mod overview;
mod page;
mod party;
mod problem;
mod progress;
mod run;
mod sample;
pub mod schema;
mod selection;
mod service;
mod sign_in;
mod task;
mod template;
mod time;
pub mod v1;
mod webhook;

pub use access::{
    AuditEntry, Me, Membership, MembershipInput, NewPassword, NewProject, NewToken, NewUser,
    OfferInput, OfferedParty, Project, ProjectAccess, ProjectEdit, ProjectQuotas, Quota, QuotaEdit,
    SecretText, Session, SessionList, SetupDone, SetupInput, SignIn, SignInCode, Token,
    TokenCreated, User, UserEdit,
};
pub use apply::{Applied, AppliedTask, AppliedTemplate, ApplyOutcome, ApplyRequest, TaskDocument};
pub use bulk::{BulkError, BulkRequest, BulkResult, BulkTask, CloneInput};
pub use check::{CheckAnswer, MemberCheck, TaskCheck};
pub use comparison::{
    ComparedInput, ComparedMetric, ListedRun, MetricValues, RunComparison, RunToCompare,
};
pub use event::{Event, FeedEvent, PartyEvent, ProgressEvent};
pub use named::Named;
pub use orphan::{Orphan, OrphanDecision};
pub use output::{Output, OutputList};
pub use overview::{Attention, ExpiringCertificate, Overview, OverviewBucket, PartyAway};
pub use page::Page;
pub use party::{
    Agent, Contact, ContactChange, ContactList, ContactState, NewParty, Party, PartyCreated,
    PartySecret, SecretRotation,
};
pub use problem::{FieldProblem, Problem};
pub use progress::{
    FederationProgress, MemberProgress, MemberSeries, ProgressSummary, RunSeries, Series,
    SeriesList, SeriesPoint,
};
pub use run::{Ending, Exit, Member, Reason, Run, RunInputs, RunSummary, Waiting};
pub use selection::{PhaseFilter, Selection, TaskSelector};
pub use service::{
    HubInfo, HubLimits, HubVersion, System, SystemCertificate, SystemCheck, SystemDisk,
    SystemLimits, SystemStore,
};
pub use sign_in::{
    AccessToken, DevicePoll, DeviceRequest, DeviceStart, DeviceStarted, IdentityInput, JsonWebKey,
    JsonWebKeySet, OidcProvider, OidcProviderList,
};
pub use task::{Rules, RulesInput, StartInput, Task, TaskInput, TaskMember, TaskMemberInput};
pub use template::{
    ParamSchema, ParamSchemaInput, Resources, ResourcesInput, Revision, Template, TemplateContent,
    TemplateInput,
};
pub use time::Time;
pub use webhook::{Delivery, Webhook, WebhookCreated, WebhookInput, WebhookSecret};
