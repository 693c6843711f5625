//! OpenAPI schemas of identifiers, enumerated values and limits. The domain does not depend on
//! OpenAPI: these marker types describe its types, with the values of its tables and constants.

use flow_domain::limits as limit;
use flow_domain::task::Rules;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::limits;

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

/// Integers of a range, with the default of an optional one.
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

/// Arrays and maps, with the schemas that they refer to.
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

/// A command whose program is not blank.
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

/// An id or a name: both match the form of names.
fn reference_text(object: ObjectBuilder) -> ObjectBuilder {
    object
        .pattern(Some(limit::NAME_PATTERN))
        .min_length(Some(limit::NAME_CHARS_MIN))
        .max_length(Some(limit::NAME_CHARS_MAX))
}

fn rules() -> Rules {
    Rules::default()
}

number_schema! {
    /// Number of training rounds.
    Epochs = 1_u32, limit::EPOCHS_MAX;
    /// Number of a revision of a template, from 1.
    RevisionNumber = 1_u32, u32::MAX;
    /// Number of trainers that must be ready for a start; at most the number of trainers of the
    /// task.
    MinimumParties = 1_u32, u32::try_from(limit::MEMBERS_MAX).unwrap_or(u32::MAX);
    /// Number of new runs after failures that a new run may avoid.
    Retries = 0_u32, limit::RETRIES_MAX, rules().retries;
    /// Longest time from the start of the task to its first workload, in seconds.
    QueueDeadline = 1_u32, limit::DEADLINE_S_MAX, rules().queue_deadline_s;
    /// Longest time from the start of the members until all are running, in seconds.
    StartDeadline = 1_u32, limit::START_DEADLINE_S_MAX, rules().start_deadline_s;
    /// Longest time without progress while the run is running, in seconds.
    NoProgressDeadline = 1_u32, limit::DEADLINE_S_MAX, rules().no_progress_s;
    /// Longest absence of a required party before the run fails, in seconds.
    GiveUpDeadline = 1_u32, limit::DEADLINE_S_MAX, rules().give_up_after_s;
    /// Longest runtime of a workload, in seconds.
    MaxRuntime = 1_u32, limit::RUNTIME_S_MAX, limit::RUNTIME_S_DEFAULT;
    /// Grace period between SIGTERM and SIGKILL when a workload is stopped, in seconds.
    StopGrace = 0_u32, limit::GRACE_S_MAX, limit::GRACE_S_DEFAULT;
    /// Processor time, in thousandths of a core; 0 requests none.
    CpuMillis = 0_u32, limit::CPU_MILLIS_MAX, 0_u32;
    /// Memory, in MiB; 0 requests none.
    MemoryMib = 0_u32, limit::MEMORY_MIB_MAX, 0_u32;
    /// Largest number of items of a page.
    PageLimit = 1_u32, limits::PAGE_ITEMS_MAX, limits::PAGE_ITEMS_DEFAULT;
    /// Largest number of sessions of a page.
    SessionLimit = 1_u32, limits::PAGE_ITEMS_MAX, limits::PAGE_ITEMS_MAX;
    /// Number of an event within its task; 0 is before the first event.
    EventNumber = 0_u32, i64::MAX.unsigned_abs();
    /// Days until a token expires; 0: never.
    TokenDays = 0_u32, limits::TOKEN_DAYS_MAX, limits::TOKEN_DAYS_DEFAULT;
    /// Largest number of stored objects of one kind in a project.
    QuotaLimit = 0_u32, limits::QUOTA_MAX;
    /// Hours of the period of an overview.
    OverviewHours = 1_u32, limits::OVERVIEW_HOURS_MAX, limits::OVERVIEW_HOURS_DEFAULT;
    /// Number of lines from the end of a log.
    TailLines = 0_u32, limits::TAIL_LINES_MAX;
}

container_schema! {
    /// Program and its arguments.
    Command of Argument = command(1);
    /// Program and its arguments. Empty selects the framework's own.
    OptionalCommand of Argument = command(0);
    /// Environment variables, by name. `FED_*`, `HOME`, `*_PROXY`, `LD_*` and other names that
    /// change which code a program loads are reserved.
    Environment of Argument = map::<Argument>(limit::ENV_NAME_PATTERN, limit::ENV_ITEMS_MAX);
    /// Parameters that a task may set, by name.
    ParameterSchemas of crate::ParamSchemaInput = map::<crate::ParamSchemaInput>(limit::PARAMETER_NAME_PATTERN, limit::PARAMETERS_MAX);
    /// Values of parameters, by name. Numbers are text too.
    ParameterValues of ParameterValue = map::<ParameterValue>(limit::PARAMETER_NAME_PATTERN, limit::PARAMETERS_MAX);
    /// Labels of a task, by name.
    Labels of LabelValue = map::<LabelValue>(limit::LABEL_NAME_PATTERN, limit::LABELS_MAX);
    /// Valid values of a parameter.
    ParameterEnum of ParameterValue =
        ArrayBuilder::new().items(reference::<ParameterValue>()).max_items(Some(limit::PARAMETER_ENUM_MAX));
    /// Members of a task, at most one per party.
    TaskMembers of crate::TaskMemberInput = ArrayBuilder::new()
        .items(reference::<crate::TaskMemberInput>())
        .min_items(Some(1))
        .max_items(Some(limit::MEMBERS_MAX));
    /// Names of datasets that a project may use.
    OfferedDatasets of DatasetName = ArrayBuilder::new()
        .items(reference::<DatasetName>())
        .max_items(Some(limits::OFFERED_DATASETS_MAX));
    /// Ids of different runs.
    ComparedRuns of ComparedRun = ArrayBuilder::new()
        .items(reference::<ComparedRun>())
        .min_items(Some(limits::COMPARED_RUNS_MIN))
        .max_items(Some(limits::COMPARED_RUNS_MAX))
        .unique_items(true);
    /// Templates to apply.
    AppliedTemplates of crate::TemplateInput = ArrayBuilder::new()
        .items(reference::<crate::TemplateInput>())
        .max_items(Some(limits::APPLY_ITEMS_MAX));
    /// Ids of tasks.
    BulkTasks of Id = ArrayBuilder::new().items(reference::<Id>()).max_items(Some(limits::BULK_TASKS_MAX as usize));
    /// Tasks to apply.
    AppliedTasks of crate::TaskDocument = ArrayBuilder::new()
        .items(reference::<crate::TaskDocument>())
        .max_items(Some(limits::APPLY_ITEMS_MAX));
    /// Labels that a task has, all of them.
    LabelFilters of LabelFilter = ArrayBuilder::new()
        .items(reference::<LabelFilter>())
        .min_items(Some(1))
        .max_items(Some(limits::LABEL_FILTERS_MAX));
    /// Kinds of events.
    EventKinds of EventKind = ArrayBuilder::new().items(reference::<EventKind>()).min_items(Some(1));
    /// Fields of a task, separated by commas.
    TaskFields of TaskField = ArrayBuilder::new().items(reference::<TaskField>()).min_items(Some(1));
    /// Fields of a run, separated by commas.
    RunFields of RunField = ArrayBuilder::new().items(reference::<RunField>()).min_items(Some(1));
    /// Phases of a run, separated by commas.
    RunPhaseFilters of RunPhase = ArrayBuilder::new().items(reference::<RunPhase>()).min_items(Some(1));
    /// Phases of the newest run, separated by commas; `new` selects tasks without a run.
    PhaseFilters of PhaseFilter = ArrayBuilder::new().items(reference::<PhaseFilter>()).min_items(Some(1));
}

text_schema! {
    /// Name of a template or task, unique among its kind in the project. Control characters, `/`,
    /// `\` and `..` are not allowed, nor is white space at either end.
    Name = |object| object
        .pattern(Some(limit::NAME_PATTERN))
        .min_length(Some(limit::NAME_CHARS_MIN))
        .max_length(Some(limit::NAME_CHARS_MAX));
    /// Free text for people, without control characters except line breaks and tabs.
    Remark = |object| object.pattern(Some(limit::REMARK_PATTERN)).max_length(Some(limit::REMARK_CHARS_MAX)).default(Some("".into()));
    /// Image name. Each party resolves it with its image map.
    Image = |object| object.pattern(Some(limit::IMAGE_PATTERN)).min_length(Some(1)).max_length(Some(limit::IMAGE_CHARS_MAX));
    /// Path without `..`. Empty selects the run directory of the member.
    Workdir = |object| object.pattern(Some(limit::WORKDIR_PATTERN)).max_length(Some(limit::WORKDIR_CHARS_MAX)).default(Some("".into()));
    /// Argument of a program, or value of an environment variable.
    Argument = |object| object.pattern(Some(limit::ARGUMENT_PATTERN)).max_length(Some(limit::ARGUMENT_CHARS_MAX));
    /// Value of a parameter, as text.
    ParameterValue = |object| object.pattern(Some(limit::ARGUMENT_PATTERN)).max_length(Some(limit::PARAMETER_CHARS_MAX));
    /// Value of a label: empty, or at most 63 letters, digits, `-`, `_` and `.`, starting and ending
    /// with a letter or digit.
    LabelValue = |object| object.pattern(Some(limit::LABEL_VALUE_PATTERN));
    /// Description of a parameter, for people.
    Description = |object| object.max_length(Some(limit::DESCRIPTION_CHARS_MAX)).default(Some("".into()));
    /// Beginning of a name.
    NamePrefix = |object| object.pattern(Some(limits::FILTER_PATTERN)).max_length(Some(limits::FILTER_CHARS_MAX));
    /// Start of a page: the `next` of the page before.
    Cursor = |object| object.pattern(Some(limits::CURSOR_PATTERN));
    /// Phase of a run, or `new` for a task that was never started.
    PhaseFilter = |object| object.enum_values(Some(
        flow_domain::run::RunPhase::ALL.iter().map(|phase| phase.as_str()).chain([limits::NEVER_STARTED])
    ));
    /// A label as `name=value`.
    LabelFilter = |object| object.pattern(Some(limits::LABEL_FILTER_PATTERN)).examples(["season=spring"]);
    /// Name of a field of a task.
    TaskField = |object| object.enum_values(Some(limits::TASK_FIELDS));
    /// Name of a field of a run.
    RunField = |object| object.enum_values(Some(limits::RUN_FIELDS));
    /// Order of a list of tasks.
    TaskSort = |object| object.enum_values(Some(["name", "created", "modified"]));
    /// Direction of a list.
    Direction = |object| object.enum_values(Some(["asc", "desc"]));
    /// 1 to 255 visible ASCII characters, new for each different request.
    IdempotencyKey = |object| object
        .pattern(Some(limits::IDEMPOTENCY_KEY_PATTERN))
        .min_length(Some(1))
        .max_length(Some(limits::IDEMPOTENCY_KEY_CHARS_MAX));
    /// `ETag` of a resource, or `*` for any version.
    IfMatch = |object| object.pattern(Some(limits::IF_MATCH_PATTERN));
    /// Server-sent events of a task. `id` is the number of the event, `event` is its kind, and
    /// `data` is an `Event` as JSON.
    EventStream = |object| object;
    /// Server-sent events of all tasks of a project. `id` is the number of the event in the feed,
    /// `event` is its kind, and `data` is a `FeedEvent` as JSON. With `progress`, also events
    /// `progress` with a `ProgressEvent` as JSON; with `parties`, also events `party` with a
    /// `PartyEvent` as JSON. Both have no `id`.
    FeedStream = |object| object;
    /// Server-sent events of an agent. `event` is `member` with a `PartyMember` as `data`, `removed` with
    /// a `MemberRemoved`, `party` with a `PartyState`, or `lost` with an empty object.
    PartyEventStream = |object| object;
    /// Format of an export.
    ExportFormat = |object| object.enum_values(Some(["json", "csv"]));
    /// Id of a task, run, template or agent instance: 32 lower-case hexadecimal digits.
    Id = |object| object.pattern(Some(flow_domain::id::ID_PATTERN)).examples([flow_domain::sample::task_id().as_str()]);
    /// First digits of an id.
    IdPrefix = |object| object.pattern(Some(limits::ID_PREFIX_PATTERN));
    /// Id or name of a task. A text of 32 lower-case hexadecimal digits is an id, any other text is
    /// a name.
    TaskReference = reference_text;
    /// Id or name of a template. A text of 32 lower-case hexadecimal digits is an id, any other text
    /// is a name.
    TemplateReference = reference_text;
    /// Id or name of a webhook. A text of 32 lower-case hexadecimal digits is an id, any other text
    /// is a name.
    WebhookReference = reference_text;
    /// Address of the receiver of a webhook.
    WebhookUrl = |object| object
        .pattern(Some(limits::WEBHOOK_URL_PATTERN))
        .max_length(Some(flow_domain::webhook::URL_CHARS_MAX))
        .examples(["https://hooks.example/flow"]);
    /// State of a delivery.
    DeliveryState = values!(flow_domain::webhook::DeliveryState);
    /// Id of a run, its number within the task, or `latest`.
    RunReference = |object| object.pattern(Some(limits::RUN_REFERENCE_PATTERN)).examples([flow_domain::sample::run_id().as_str()]);
    /// Id of a run, TASK/NUMBER, TASK/latest, or TASK for its newest run. TASK is the name or id of a
    /// task; a text of 32 lower-case hexadecimal digits is the id of a run.
    ComparedRun = |object| object.min_length(Some(1)).examples(["digits/1"]);
    /// SHA-256 of canonical bytes, in lower-case hexadecimal.
    Digest = |object| object.pattern(Some(flow_domain::id::DIGEST_PATTERN));
    /// Path of an output relative to the output directory, at most 512 bytes and 16 parts: no empty
    /// part, `.` or `..`, and no control character.
    OutputPath = |object| object
        .pattern(Some(flow_domain::output::PATH_PATTERN))
        .min_length(Some(1))
        .max_length(Some(flow_domain::output::PATH_BYTES_MAX))
        .examples(["model.npz"]);
    /// Bytes of a file.
    Bytes = |object| object.format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
    /// The bytes from this one on.
    ByteRange = |object| object.pattern(Some(limits::BYTE_RANGE_PATTERN)).examples(["bytes=4096-"]);
    /// Name of a party: 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'.
    PartyName = |object| object.pattern(Some(flow_domain::id::SLUG_PATTERN)).examples(["hospital-a"]);
    /// Id of an orphan: party, run and attempt, separated by dots.
    OrphanId = |object| object.pattern(Some(limits::ORPHAN_ID_PATTERN)).examples([crate::Orphan::sample().id]);
    /// Name under which a party offers data: 1 to 63 of a-z, 0-9 and '-', not starting or ending
    /// with '-'.
    DatasetName = |object| object.pattern(Some(flow_domain::id::SLUG_PATTERN)).examples(["digits"]);
    /// Name of a project: 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'.
    ProjectName = |object| object.pattern(Some(flow_domain::id::SLUG_PATTERN)).examples(["default"]);
    /// Name of an account: 1 to 63 of a-z, 0-9, '.', '_', '@' and '-', starting with a letter or
    /// digit.
    UserName = |object| object.pattern(Some(flow_domain::id::USER_NAME_PATTERN)).examples(["alice"]);
    /// Name of an identity provider: 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'.
    ProviderName = |object| object.pattern(Some(flow_domain::id::SLUG_PATTERN)).examples(["company"]);
    /// Code that a device shows. Small letters and a missing hyphen are accepted.
    UserCode = |object| object.pattern(Some(limits::USER_CODE_PATTERN)).examples(["WDJB-MJHT"]);
    /// One-time code for a browser.
    SignInCodeText = |object| object.pattern(Some(limits::SIGN_IN_CODE_PATTERN)).examples(["WDJB-MJHT-BCDF-GHJK"]);
    /// Password.
    Password = |object| object
        .min_length(Some(limits::PASSWORD_CHARS_MIN))
        .max_length(Some(limits::PASSWORD_CHARS_MAX));
    /// Purpose of an API token.
    TokenName = |object| object
        .pattern(Some(limits::FILTER_PATTERN))
        .min_length(Some(1))
        .max_length(Some(limits::TOKEN_NAME_CHARS_MAX));
    /// Role of an account in a project. A role includes the roles before it.
    ProjectRole = values!(flow_domain::access::ProjectRole);
    /// Kind of an account.
    UserKind = values!(flow_domain::access::UserKind);
    /// Uses of an API token: the API, or only the metrics page.
    TokenScope = values!(flow_domain::access::TokenScope);
    /// Time as RFC 3339 in UTC.
    DateTime = |object| object.format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)));
    /// Role of a party in a task.
    Role = values!(flow_domain::member::Role);
    /// Phase that the hub wants a member to reach.
    DesiredPhase = values!(flow_domain::member::DesiredPhase);
    /// Last reported phase of a member.
    MemberPhase = values!(flow_domain::member::MemberPhase);
    /// Reason for the phase of a member.
    ReasonCode = values!(flow_domain::member::ReasonCode);
    /// Phase of a run.
    RunPhase = values!(flow_domain::run::RunPhase);
    /// Result of a run.
    Outcome = values!(flow_domain::run::Outcome);
    /// Cause of the end of a run.
    EndCode = values!(flow_domain::run::EndCode);
    /// Cause for which a run is not running yet.
    WaitCode = values!(flow_domain::run::WaitCode);
    /// Kind of event.
    EventKind = values!(flow_domain::run::EventKind);
    /// Framework: how the workload gets its arguments and how its success is recognised.
    Framework = values!(flow_domain::template::Framework);
    /// Type of a parameter: which texts are valid.
    ParamType = values!(flow_domain::template::ParamType);
    /// Kind of failure.
    ErrorCode = |object| object.enum_values(Some(flow_domain::error::ErrorCode::ALL.iter().map(|code| code.row().slug)));
    /// Kind of mistake in a field.
    FieldCode = values!(flow_domain::error::FieldCode);
}

impl PartialSchema for crate::Time {
    fn schema() -> RefOr<Schema> {
        DateTime::schema()
    }
}

impl ToSchema for crate::Time {
    fn name() -> std::borrow::Cow<'static, str> {
        "DateTime".into()
    }
}
