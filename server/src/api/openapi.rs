//! The OpenAPI document. It is collected from the routes themselves, so a route cannot exist without it; here are its
//! head, and what is true of every operation and would be tedious to say at each.

use std::collections::BTreeMap;

use flow_domain::error::ErrorCode;
use utoipa::ToSchema as _;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr};

use super::v2::model::{FieldProblem, Problem};

/// Declares the failures an operation has of its own, for `responses(…)`.
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

/// The document before any route has been added.
pub fn head() -> OpenApi {
    let tag = |name: &str, description: &str| TagBuilder::new().name(name).description(Some(description)).build();
    let mut components = Components::new();
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The hub's API token.")).build();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(token));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("flow-server")
                .version("2")
                .description(Some(
                    "Federations of parties that train together without sharing their data.\n\n\
                     Failures are `application/problem+json` with a stable `code`; the reference page explains each. \
                     A POST that creates or starts something takes an `Idempotency-Key`: the same request with the \
                     same key is carried out once. Lists answer one page and a `next` cursor.",
                ))
                .build(),
        )
        .tags(Some([
            tag("templates", "What may be run. Each edit makes a new, immutable revision."),
            tag("tasks", "A template revision, members, parameters and rules."),
            tag("runs", "One start of a task, with its members."),
            tag("events", "What happened to a task, in order and without gaps."),
            tag("parties", "The organisations that take part."),
            tag("orphans", "Members that run at a party and that this hub does not know."),
            tag("service", "How the hub itself is."),
        ]))
        .security(Some([SecurityRequirement::new::<_, _, String>(TOKEN, [])]))
        .components(Some(components))
        .build()
}

/// Failures by status, each listing its codes.
pub fn responses(codes: &[ErrorCode]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<String, String> = BTreeMap::new();
    for row in codes.iter().map(|code| code.row()) {
        let text = by_status.entry(row.http.to_string()).or_default();
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(&format!("`{}`: {}", row.slug, row.title));
    }
    by_status.into_iter().map(|(status, text)| (status, problem(text).into())).collect()
}

fn problem(description: String) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}

/// Adds what every operation has in common.
pub fn finish(mut document: OpenApi) -> OpenApi {
    let mut schemas = Vec::new();
    for (name, schema) in [
        (Problem::name(), <Problem as utoipa::PartialSchema>::schema()),
        (FieldProblem::name(), <FieldProblem as utoipa::PartialSchema>::schema()),
    ] {
        schemas.push((name.into_owned(), schema));
    }
    Problem::schemas(&mut schemas);
    document.components.get_or_insert_default().schemas.extend(schemas);
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            common(operation);
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().filter_map(Option::as_mut)
}

fn common(operation: &mut Operation) {
    let public = operation.security.as_ref().is_some_and(|required| required.contains(&SecurityRequirement::default()));
    if public {
        return;
    }
    let mut codes =
        vec![ErrorCode::Unauthenticated, ErrorCode::TooLarge, ErrorCode::Internal, ErrorCode::Busy, ErrorCode::StoreUnavailable];
    if operation.request_body.is_some() {
        codes.extend([ErrorCode::Malformed, ErrorCode::UnsupportedMediaType, ErrorCode::Invalid]);
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
        }
    }
}
