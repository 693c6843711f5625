//! Head of the OpenAPI document and the parts that all operations share. The operations come from
//! the routes, so no route is undocumented.

mod links;

use std::collections::BTreeMap;

use flow_domain::error::ErrorCode;
use utoipa::ToSchema as _;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
};

use super::project::{PROJECT, PROJECT_PATH, V2};
use crate::access::matrix::{self, Rule};
use flow_api_types::{Event, FieldProblem, PartyEvent, Problem, ProgressEvent, schema};

/// Declares the errors of an operation besides the common ones, for `responses(…)`.
macro_rules! failures {
    ($(#[$doc:meta])* $name:ident = $($code:ident),+) => {
        $(#[$doc])*
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::response::Response>> {
                $crate::api::openapi::responses(&[$(flow_domain::error::ErrorCode::$code),+])
            }
        }
    };
}
pub(super) use failures;

const TOKEN: &str = "token";
const SESSION: &str = "session";
const BASIC: &str = "basic";
/// Media type of errors.
const PROBLEM: &str = "application/problem+json";
/// Prefix that utoipa gives the names of page schemas.
const PAGE: &str = "Page_";
/// Header of every response, and the name of its component.
const REQUEST_ID: (&str, &str) = ("X-Request-Id", "RequestId");

/// Returns the document without routes.
pub fn head() -> OpenApi {
    let tag = |name: &str, description: &str| {
        TagBuilder::new().name(name).description(Some(description)).build()
    };
    let mut components = Components::new();
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("API token of the hub"))
        .build();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(token));
    components.headers.insert(
        REQUEST_ID.1.to_owned(),
        header("^[A-Za-z0-9_.-]{1,64}$", "Id of the request in the log of the hub").into(),
    );
    let project = ParameterBuilder::new()
        .name(PROJECT)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(
            "Project of the request. Absent: the project of the token, else the only project of the account, else `default`.",
        ))
        .schema(Some(Ref::from_schema_name(schema::ProjectName::name())))
        .build();
    components.parameters.insert(PROJECT.to_owned(), project.into());
    let session = ApiKey::Cookie(ApiKeyValue::with_description(
        "__Host-flow_session",
        "Session of a browser; `flow_session` over a connection without TLS",
    ));
    components.add_security_scheme(SESSION, SecurityScheme::ApiKey(session));
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("Name of the account, and an API token of it as the password"))
        .build();
    components.add_security_scheme(BASIC, SecurityScheme::Http(basic));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("flow-server")
                .version("2")
                .description(Some(
                    "Schedules tasks that train models across parties; the data stays at the parties.\n\n\
                     Errors are `application/problem+json` with a stable `code`; the reference page describes each code. \
                     A POST that creates or starts something accepts an `Idempotency-Key`: the hub executes requests \
                     with the same key once. A list returns one page and a `next` cursor.",
                ))
                .build(),
        )
        .tags(Some([
            tag("templates", "Program, image and parameters of a task. Each edit creates a new, immutable revision."),
            tag("tasks", "A revision of a template with members, parameters and rules."),
            tag("runs", "Starts of a task, with their members."),
            tag("events", "Events of a task, in order and without gaps."),
            tag("webhooks", "Signed requests of the hub to a URL for events of the project."),
            tag("parties", "Organisations that take part in tasks."),
            tag("orphans", "Members that run at a party and that the hub does not know."),
            tag("access", "Accounts, API tokens, sessions, projects and the audit of access."),
            tag("service", "State of the hub."),
        ]))
        .security(Some(
            [TOKEN, SESSION, BASIC].map(|scheme| SecurityRequirement::new::<_, _, String>(scheme, [])),
        ))
        .components(Some(components))
        .build()
}

/// Returns the error responses by status. Each lists its codes.
pub fn responses(codes: &[ErrorCode]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<String, String> = BTreeMap::new();
    for row in codes.iter().map(|code| code.row()) {
        let text = by_status.entry(row.http.to_string()).or_default();
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(&format!("`{}`: {}", row.slug, row.title));
    }
    by_status
        .into_iter()
        .map(|(status, text)| {
            let problem = problem(&status, text);
            (status, problem.into())
        })
        .collect()
}

fn problem(status: &str, description: String) -> Response {
    let content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let problem = ResponseBuilder::new().description(description).content(PROBLEM, content);
    match status {
        "401" => problem.header("WWW-Authenticate", header("^Bearer$", "Authentication scheme")),
        "429" | "503" => problem.header(
            "Retry-After",
            header("^[0-9]+$", "Seconds to wait before the request is repeated"),
        ),
        _ => problem,
    }
    .build()
}

fn header(pattern: &str, description: &str) -> Header {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    HeaderBuilder::new().schema(Some(text)).description(Some(description)).build()
}

/// Adds the parts that all operations share.
pub fn finish(mut document: OpenApi) -> OpenApi {
    let components = document.components.get_or_insert_default();
    register::<Problem>(components);
    register::<FieldProblem>(components);
    register::<Event>(components);
    register::<ProgressEvent>(components);
    register::<PartyEvent>(components);
    register::<schema::OverviewHours>(components);
    register::<schema::SessionLimit>(components);
    register::<schema::OrphanId>(components);
    register::<schema::ProjectName>(components);
    register::<schema::UserName>(components);
    register::<schema::Cursor>(components);
    register::<schema::PageLimit>(components);
    register::<schema::NamePrefix>(components);
    register::<schema::TaskReference>(components);
    register::<schema::TemplateReference>(components);
    register::<schema::WebhookReference>(components);
    register::<schema::RunReference>(components);
    register::<schema::PhaseFilters>(components);
    register::<schema::IdPrefix>(components);
    register::<schema::LabelFilters>(components);
    register::<schema::TaskFields>(components);
    register::<schema::TaskSort>(components);
    register::<schema::Direction>(components);
    register::<schema::RunPhaseFilters>(components);
    register::<schema::RunFields>(components);
    register::<schema::DateTime>(components);
    register::<schema::ComparedRuns>(components);
    register::<schema::IdempotencyKey>(components);
    register::<schema::IfMatch>(components);
    register::<schema::EventNumber>(components);
    register::<schema::EventStream>(components);
    register::<schema::FeedStream>(components);
    register::<schema::ExportFormat>(components);
    register::<schema::OutputPath>(components);
    register::<schema::ByteRange>(components);
    register::<schema::Bytes>(components);
    register::<schema::TailLines>(components);
    register::<schema::RevisionNumber>(components);
    name_items(components);
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            common(path, operation);
            links::link(operation);
        }
    }
    document
}

/// Adds a schema and the schemas that it refers to. The macros of utoipa find those of bodies but
/// not of parameters.
fn register<T: utoipa::ToSchema>(components: &mut Components) {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    components.schemas.extend(schemas);
}

/// Makes each page refer to the schema of its items. The macros of utoipa repeat the schema, and
/// client generators would create a second type.
fn name_items(components: &mut Components) {
    for (name, page) in &mut components.schemas {
        let Some(item) = name.strip_prefix(PAGE) else { continue };
        if let RefOr::T(Schema::Object(page)) = page
            && let Some(RefOr::T(Schema::Array(items))) = page.properties.get_mut("items")
        {
            items.items = utoipa::openapi::schema::ArrayItems::RefOrSchema(Box::new(
                Ref::from_schema_name(item).into(),
            ));
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch]
        .into_iter()
        .filter_map(Option::as_mut)
}

fn common(path: &str, operation: &mut Operation) {
    let mut codes = vec![ErrorCode::TooLarge, ErrorCode::Internal, ErrorCode::Busy];
    let is_public = operation.operation_id.as_deref().and_then(matrix::rule) == Some(Rule::Public);
    if !is_public {
        codes.extend([
            ErrorCode::Unauthenticated,
            ErrorCode::SetupRequired,
            ErrorCode::Forbidden,
            ErrorCode::CrossSite,
            ErrorCode::RateLimited,
            ErrorCode::StoreUnavailable,
            ErrorCode::StoreFull,
        ]);
    }
    let of_project = !is_public && path.starts_with(V2);
    if of_project {
        codes.push(ErrorCode::ProjectNotFound);
        if !path.starts_with(PROJECT_PATH) {
            let project = Ref::new(format!("#/components/parameters/{PROJECT}"));
            operation.parameters.get_or_insert_default().push(RefOr::Ref(project));
        }
    }
    if operation.request_body.is_some() {
        codes.extend([
            ErrorCode::Malformed,
            ErrorCode::RequestTimeout,
            ErrorCode::UnsupportedMediaType,
            ErrorCode::Invalid,
        ]);
    } else if operation.parameters.is_some() {
        codes.extend([ErrorCode::Malformed, ErrorCode::Invalid]);
    }
    for (status, response) in responses(&codes) {
        let known = operation.responses.responses.entry(status);
        let known = known.or_insert_with(|| RefOr::T(Response::default()));
        let (RefOr::T(known), RefOr::T(more)) = (known, response) else { continue };
        if known.description.is_empty() {
            *known = more;
        } else {
            known.description = format!("{}; {}", known.description, more.description);
            // Another response with this status does not have the headers of the error.
            if known.content.contains_key(PROBLEM) {
                known.headers.extend(more.headers);
            }
            known.content.extend(more.content);
        }
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            let id = Ref::new(format!("#/components/headers/{}", REQUEST_ID.1));
            response.headers.insert(REQUEST_ID.0.to_owned(), RefOr::Ref(id));
        }
    }
}
