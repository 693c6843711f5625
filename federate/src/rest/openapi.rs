//! The routes with their OpenAPI document, which the agent serves and `docs/openapi-agent.json`
//! contains, and a page made from it.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use axum::response::{IntoResponse, Response};
use flow_api_types::agent::{MemberRemoved, PartyMember, PartyState};
use flow_api_types::{FieldProblem, Problem, schema};
use http::header;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayItems, Schema};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::Api;
use super::v1::{logs, tasks};
use super::v2::{events, members, party};
use super::view::escaped;
use super::{App, view};

const TOKEN: &str = "token";
const BASIC: &str = "basic";
const SESSION: &str = "session";

/// The router with all routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(head())
        .routes(routes!(party::get))
        .routes(routes!(members::list))
        .routes(routes!(members::get))
        .routes(routes!(members::log))
        .routes(routes!(members::stop))
        .routes(routes!(members::approve))
        .routes(routes!(members::deny))
        .routes(routes!(events::follow))
        .routes(routes!(tasks::list))
        .routes(routes!(tasks::get))
        .routes(routes!(logs::get))
        .routes(routes!(swagger))
        .routes(routes!(page))
        .routes(routes!(view::sign_in))
}

/// Returns the OpenAPI document as text. `docs/openapi-agent.json` is this text and a line break.
#[must_use]
pub fn openapi_json() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        let mut document = routes().into_openapi();
        finish(&mut document);
        document.to_pretty_json().expect("a document of strings and maps is serializable")
    });
    DOCUMENT.as_str()
}

/// Adds what the macros of utoipa leave out: schemas of errors and parameters, the name of the items
/// of a page, and the credentials of `/api/v2`.
fn finish(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    for schemas in [
        schemas_of::<Problem>(),
        schemas_of::<FieldProblem>(),
        schemas_of::<schema::PageLimit>(),
        schemas_of::<schema::TailLines>(),
        schemas_of::<schema::Id>(),
        schemas_of::<schema::PartyEventStream>(),
        schemas_of::<PartyState>(),
        schemas_of::<MemberRemoved>(),
    ] {
        components.schemas.extend(schemas);
    }
    let item = Ref::from_schema_name(PartyMember::name());
    if let Some(RefOr::T(Schema::Object(page))) = components.schemas.get_mut("Page_PartyMember")
        && let Some(RefOr::T(Schema::Array(items))) = page.properties.get_mut("items")
    {
        items.items = ArrayItems::RefOrSchema(Box::new(item.into()));
    }
    let credentials =
        [TOKEN, BASIC, SESSION].map(|scheme| SecurityRequirement::new::<_, _, String>(scheme, []));
    for (path, item) in &mut document.paths.paths {
        if Api::of(path) == Api::V2 {
            let operations = [&mut item.get, &mut item.post];
            for operation in operations.into_iter().flatten() {
                operation.security = Some(credentials.to_vec());
            }
        }
    }
}

fn schemas_of<T: ToSchema>() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    schemas
}

fn head() -> OpenApi {
    let tag = |name: &str, description: &str| {
        TagBuilder::new().name(name).description(Some(description)).build()
    };
    let mut components = Components::new();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The token in the file v1-token of the agent's data directory"))
        .build();
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("Any name, and the token as the password"))
        .build();
    let session = ApiKey::Cookie(ApiKeyValue::with_description(
        "flow_party_PORT",
        "Session of a browser that opened the link of `flow-federate console`; for `/api/v2` and the party view",
    ));
    components.add_security_scheme(TOKEN, SecurityScheme::Http(bearer));
    components.add_security_scheme(BASIC, SecurityScheme::Http(basic));
    components.add_security_scheme(SESSION, SecurityScheme::ApiKey(session));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("flow-federate")
                .version("2")
                .description(Some(
                    "API of a party's agent on the agent's machine, for the administrators of the party.\n\n\
                     `/api/v2` is the API of the party view. Errors are `application/problem+json` with a stable `code`, as at the hub. \
                     A POST with the session of a browser must be sent by a page of the party view.\n\n\
                     `/api/v1` is for clients of iflearner-flow, and only reads. Every answer is \
                     an envelope; an error in the content of a request has HTTP status 200 and a `ret_code` other than 0. \
                     The header `X-Fields` selects fields.",
                ))
                .build(),
        )
        .tags(Some([
            tag("party", "The party, its agent, and what its configuration allows."),
            tag("members", "Members of this party, their logs, and the decisions of its administrator."),
            tag("events", "Changes as they happen."),
            tag("task", "`/api/v1`: tasks of which this party has a member, and their logs."),
            tag("document", "`/api/v1`: description of this API."),
            tag("view", "Sign-in of a browser."),
        ]))
        .security(Some(
            [TOKEN, BASIC].map(|scheme| SecurityRequirement::new::<_, _, String>(scheme, [])),
        ))
        .components(Some(components))
        .build()
}

/// Get this document
#[utoipa::path(get, path = "/api/v1/swagger.json", tag = "document",
    responses((status = 200, description = "This document", body = Object)))]
pub(super) async fn swagger() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json()).into_response()
}

/// Get a page with all routes
#[utoipa::path(get, path = "/api/v1/doc", tag = "document",
    responses((status = 200, description = "The page, as HTML", body = String, content_type = "text/html")))]
pub(super) async fn page() -> Response {
    let document: Value = serde_json::from_str(openapi_json()).unwrap_or_default();
    let mut rows = String::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let names: Vec<_> = parameters
                .filter(|parameter| parameter["in"] == "query")
                .filter_map(|parameter| parameter["name"].as_str())
                .collect();
            let _ = writeln!(
                rows,
                "<tr><td><code>{} {}</code></td><td>{}</td><td>{}</td></tr>",
                method.to_uppercase(),
                escaped(path),
                escaped(operation["summary"].as_str().unwrap_or_default()),
                escaped(&names.join(", ")),
            );
        }
    }
    let body = format!(
        "<p>The API of a party's agent, for clients of iflearner-flow; <a href=\"/api/v1/swagger.json\">swagger.json</a> has the models.</p>\n\
         <table><thead><tr><th>request</th><th>meaning</th><th>parameters</th></tr></thead>\n<tbody>\n{rows}</tbody></table>\n"
    );
    view::html("flow-federate API v1", &body)
}
