//! Schemas of the domain's identifiers and named values. The domain knows nothing of OpenAPI; these markers say what
//! its types look like on the wire, read from the domain's own tables so that they cannot disagree with it.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! text_schema {
    ($($(#[doc = $doc:literal])+ $name:ident = $build:expr;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let build: fn(ObjectBuilder) -> ObjectBuilder = $build;
                    let description = concat!($($doc),+).trim();
                    build(ObjectBuilder::new().schema_type(Type::String).description(Some(description))).into()
                }
            }

            impl ToSchema for $name {}
        )+
    };
}

macro_rules! values {
    ($domain:ty) => {
        |object| object.enum_values(Some(<$domain>::ALL.iter().map(|value| value.as_str())))
    };
}

const SLUG: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

text_schema! {
    /// The id of a task, run, template or agent instance: 32 lower-case hexadecimal digits.
    Id = |object| object.pattern(Some("^[0-9a-f]{32}$")).examples(["0198f1c2a4b57d3e8f60718293a4b5c6"]);
    /// SHA-256 of canonical bytes, in lower-case hexadecimal.
    Digest = |object| object.pattern(Some("^[0-9a-f]{64}$"));
    /// The name of a party: 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'.
    PartyName = |object| object.pattern(Some(SLUG)).examples(["hospital-a"]);
    /// The id of an orphan: party, run and reservation round, with dots between them.
    OrphanId = |object| object.examples(["hospital-a.0198f1c2a4b57d3e8f60718293a4b5c6.1"]);
    /// The name a party gives to data it holds: 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'.
    DatasetName = |object| object.pattern(Some(SLUG)).examples(["digits"]);
    /// A moment, RFC 3339 in UTC.
    DateTime = |object| object.format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)));
    /// What a party does in a task.
    Role = values!(flow_domain::member::Role);
    /// What the hub wishes a member to be.
    Desired = values!(flow_domain::member::Desired);
    /// What a member was last seen to be.
    MemberPhase = values!(flow_domain::member::MemberPhase);
    /// Why a member is where it is.
    ReasonCode = values!(flow_domain::member::ReasonCode);
    /// Where a run stands.
    RunPhase = values!(flow_domain::run::RunPhase);
    /// How a run ends.
    Outcome = values!(flow_domain::run::Outcome);
    /// Why a run ended, or is ending.
    EndCode = values!(flow_domain::run::EndCode);
    /// What a run waits for.
    WaitCode = values!(flow_domain::run::WaitCode);
    /// What an event tells.
    EventKind = values!(flow_domain::run::EventKind);
    /// How a workload is told what to do and how its end is recognised.
    Framework = values!(flow_domain::template::Framework);
    /// Type of a parameter: which texts are accepted.
    ParamType = values!(flow_domain::template::ParamType);
    /// The kind of a failure.
    ErrorCode = |object| object.enum_values(Some(flow_domain::error::ErrorCode::ALL.iter().map(|code| code.row().slug)));
    /// What is wrong with a field.
    FieldCode = values!(flow_domain::error::FieldCode);
}

impl PartialSchema for super::Time {
    fn schema() -> RefOr<Schema> {
        DateTime::schema()
    }
}

impl ToSchema for super::Time {
    fn name() -> std::borrow::Cow<'static, str> {
        "DateTime".into()
    }
}
