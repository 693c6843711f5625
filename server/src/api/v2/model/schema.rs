//! Schemas of the domain's identifiers, named values and limits. The domain knows nothing of OpenAPI; these markers say
//! what its types look like on the wire, read from the domain's own tables and constants so that they cannot disagree
//! with it.

use flow_domain::limits as limit;
use flow_domain::task::Rules;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::api::limits;

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

/// Whole numbers of a range, with the value that an absent one has.
macro_rules! number_schema {
    ($($(#[doc = $doc:literal])+ $name:ident = $min:expr, $max:expr $(, $default:expr)?;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let default: Option<u64> = None $(.or(Some(u64::from($default))))?;
                    integer(u64::from($min), u64::from($max), default, concat!($($doc),+).trim()).into()
                }
            }

            impl ToSchema for $name {}
        )+
    };
}

fn integer(min: u64, max: u64, default: Option<u64>, description: &str) -> ObjectBuilder {
    let format =
        if max > i32::MAX.unsigned_abs().into() { KnownFormat::Int64 } else { KnownFormat::Int32 };
    let integer = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(format)));
    integer
        .minimum(Some(min))
        .maximum(Some(max))
        .default(default.map(Into::into))
        .description(Some(description))
}

/// Arrays and maps, and the schemas that they refer to.
macro_rules! container_schema {
    ($($(#[doc = $doc:literal])+ $name:ident of $($part:ty),+ = $build:expr;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    $build.description(Some(concat!($($doc),+).trim())).into()
                }
            }

            impl ToSchema for $name {
                fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                    $(
                        schemas.push((<$part>::name().into_owned(), <$part>::schema()));
                        <$part>::schemas(schemas);
                    )+
                }
            }
        )+
    };
}

fn reference<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}

/// A command: its program is not blank.
fn command(min_items: usize) -> ArrayBuilder {
    let program =
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(limit::PROGRAM_PATTERN));
    let program = Schema::Object(program.max_length(Some(limit::ARGUMENT_CHARS_MAX)).build());
    ArrayBuilder::new()
        .prefix_items([program])
        .items(reference::<Argument>())
        .min_items(Some(min_items))
        .max_items(Some(limit::COMMAND_ITEMS_MAX))
}

fn map<T: ToSchema>(names: &str, max: usize) -> ObjectBuilder {
    let names = ObjectBuilder::new().schema_type(Type::String).pattern(Some(names)).build();
    ObjectBuilder::new()
        .additional_properties(Some(reference::<T>()))
        .property_names(Some(Schema::Object(names)))
        .max_properties(Some(max))
}

fn rules() -> Rules {
    Rules::default()
}

number_schema! {
    /// Rounds of training.
    Epochs = 1_u32, limit::EPOCHS_MAX;
    /// The number of a template's revision, from 1.
    RevisionNumber = 1_u32, u32::MAX;
    /// Trainers that must be ready for a start; at most as many as the task has.
    MinimumParties = 1_u32, u32::try_from(limit::MEMBERS_MAX).unwrap_or(u32::MAX);
    /// New runs after a failure that may go better by itself.
    Retries = 0_u32, limit::RETRIES_MAX, rules().retries;
    /// Longest wait from start to the first workload, in seconds.
    QueueDeadline = 1_u32, limit::DEADLINE_S_MAX, rules().queue_deadline_s;
    /// Longest wait from the start commit until every member runs, in seconds.
    StartDeadline = 1_u32, limit::START_DEADLINE_S_MAX, rules().start_deadline_s;
    /// Longest time without any progress of a running run, in seconds.
    NoProgressDeadline = 1_u32, limit::DEADLINE_S_MAX, rules().no_progress_s;
    /// Absence of a required party after which the run is given up, in seconds.
    GiveUpDeadline = 1_u32, limit::DEADLINE_S_MAX, rules().give_up_after_s;
    /// Longest time a workload may run, in seconds.
    MaxRuntime = 1_u32, limit::RUNTIME_S_MAX, limit::RUNTIME_S_DEFAULT;
    /// Time between the polite and the hard end of a workload, in seconds.
    StopGrace = 0_u32, limit::GRACE_S_MAX, limit::GRACE_S_DEFAULT;
    /// Processor time, in thousandths of a core; 0 = no claim.
    CpuMillis = 0_u32, limit::CPU_MILLIS_MAX, 0_u32;
    /// Memory, in MiB; 0 = no claim.
    MemoryMib = 0_u32, limit::MEMORY_MIB_MAX, 0_u32;
    /// Most items of a page.
    PageLimit = 1_u32, limits::PAGE_ITEMS_MAX, limits::PAGE_ITEMS_DEFAULT;
    /// Number of an event in its task's history; 0 = before the first.
    EventNumber = 0_u32, i64::MAX.unsigned_abs();
    /// Lines counted from the end of a log.
    TailLines = 0_u32, limits::TAIL_LINES_MAX;
}

container_schema! {
    /// A program, then its arguments.
    Command of Argument = command(1);
    /// A program, then its arguments; empty = the framework's own.
    OptionalCommand of Argument = command(0);
    /// Environment variables by name. `FED_*`, `HOME`, `*_PROXY`, `LD_*` and other names that change which program runs
    /// are reserved.
    Environment of Argument = map::<Argument>(limit::ENV_NAME_PATTERN, limit::ENV_ITEMS_MAX);
    /// Parameters that a task may set, by name.
    ParameterSchemas of super::ParamSchema = map::<super::ParamSchema>(limit::PARAMETER_NAME_PATTERN, limit::PARAMETERS_MAX);
    /// Values of parameters by name. Each is text, also a number.
    ParameterValues of ParameterValue = map::<ParameterValue>(limit::PARAMETER_NAME_PATTERN, limit::PARAMETERS_MAX);
    /// Accepted values of a parameter.
    ParameterEnum of ParameterValue =
        ArrayBuilder::new().items(reference::<ParameterValue>()).max_items(Some(limit::PARAMETER_ENUM_MAX));
    /// Who takes part in a task.
    TaskMembers of super::TaskMember = ArrayBuilder::new()
        .items(reference::<super::TaskMember>())
        .min_items(Some(1))
        .max_items(Some(limit::MEMBERS_MAX));
    /// Phases of a task's newest run, separated by commas; `new` = never started.
    PhaseFilters of PhaseFilter = ArrayBuilder::new().items(reference::<PhaseFilter>()).min_items(Some(1));
}

text_schema! {
    /// The name of a template or task, unique among its kind in the project; without `/`, `\`, `..` and control characters,
    /// and without white space at either end.
    Name = |object| object
        .pattern(Some(limit::NAME_PATTERN))
        .min_length(Some(limit::NAME_CHARS_MIN))
        .max_length(Some(limit::NAME_CHARS_MAX));
    /// A text for people, without control characters other than line breaks and tabs.
    Remark = |object| object.pattern(Some(limit::REMARK_PATTERN)).max_length(Some(limit::REMARK_CHARS_MAX)).default(Some("".into()));
    /// A reference of an image, which each party resolves by its own image map.
    Image = |object| object.pattern(Some(limit::IMAGE_PATTERN)).min_length(Some(1)).max_length(Some(limit::IMAGE_CHARS_MAX));
    /// A path without `..`; empty = the member's own directory.
    Workdir = |object| object.pattern(Some(limit::WORKDIR_PATTERN)).max_length(Some(limit::WORKDIR_CHARS_MAX)).default(Some("".into()));
    /// An argument of a program, or the value of an environment variable.
    Argument = |object| object.pattern(Some(limit::ARGUMENT_PATTERN)).max_length(Some(limit::ARGUMENT_CHARS_MAX));
    /// The value of a parameter as text.
    ParameterValue = |object| object.pattern(Some(limit::ARGUMENT_PATTERN)).max_length(Some(limit::PARAMETER_CHARS_MAX));
    /// The description of a parameter, for people.
    Description = |object| object.max_length(Some(limit::DESCRIPTION_CHARS_MAX)).default(Some("".into()));
    /// The beginning of a name.
    NamePrefix = |object| object.pattern(Some(limits::FILTER_PATTERN)).max_length(Some(limits::FILTER_CHARS_MAX));
    /// The place at which a page begins: the `next` of the page before.
    Cursor = |object| object.pattern(Some(limits::CURSOR_PATTERN));
    /// A phase of a run, or `new` for a task that was never started.
    PhaseFilter = |object| object.enum_values(Some(
        flow_domain::run::RunPhase::ALL.iter().map(|phase| phase.as_str()).chain([limits::NEVER_STARTED])
    ));
    /// 1 to 255 visible ASCII characters, fresh for each different request.
    IdempotencyKey = |object| object
        .pattern(Some(limits::IDEMPOTENCY_KEY_PATTERN))
        .min_length(Some(1))
        .max_length(Some(limits::IDEMPOTENCY_KEY_CHARS_MAX));
    /// The `ETag` of a resource, or `*` for any.
    IfMatch = |object| object.pattern(Some(limits::IF_MATCH_PATTERN));
    /// Events of a task as server-sent events. Each has the number of the event as `id`, its kind as `event` and an
    /// `Event` in JSON as `data`.
    EventStream = |object| object;
    /// The id of a task, run, template or agent instance: 32 lower-case hexadecimal digits.
    Id = |object| object.pattern(Some(flow_domain::id::ID_PATTERN)).examples([flow_domain::sample::task_id().as_str()]);
    /// SHA-256 of canonical bytes, in lower-case hexadecimal.
    Digest = |object| object.pattern(Some(flow_domain::id::DIGEST_PATTERN));
    /// The name of a party: 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'.
    PartyName = |object| object.pattern(Some(flow_domain::id::SLUG_PATTERN)).examples(["hospital-a"]);
    /// The id of an orphan: party, run and reservation round, with dots between them.
    OrphanId = |object| object.pattern(Some(crate::store::ORPHAN_ID_PATTERN)).examples([super::Orphan::sample().id]);
    /// The name a party gives to data it holds: 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'.
    DatasetName = |object| object.pattern(Some(flow_domain::id::SLUG_PATTERN)).examples(["digits"]);
    /// A moment, RFC 3339 in UTC.
    DateTime = |object| object.format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)));
    /// What a party does in a task.
    Role = values!(flow_domain::member::Role);
    /// What the hub wishes a member to be.
    DesiredPhase = values!(flow_domain::member::DesiredPhase);
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
