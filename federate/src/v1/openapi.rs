//! The routes with their OpenAPI document, which the agent serves and `docs/openapi-agent.json`
//! contains, and a page made from it.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::Value;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::escaped;
use super::{App, logs, tasks, view};

const TOKEN: &str = "token";
const BASIC: &str = "basic";
const SESSION: &str = "session";

/// The router with all routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(head())
        .routes(routes!(tasks::list))
        .routes(routes!(tasks::get))
        .routes(routes!(logs::get))
        .routes(routes!(swagger))
        .routes(routes!(page))
        .routes(routes!(view::sign_in))
        .routes(routes!(view::style))
        .routes(routes!(view::members))
        .routes(routes!(view::member))
        .routes(routes!(view::log))
}

/// Returns the OpenAPI document as text. `docs/openapi-agent.json` is this text and a line break.
#[must_use]
pub fn openapi_json() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        let document = routes().into_openapi();
        document.to_pretty_json().expect("a document of strings and maps is serializable")
    });
    DOCUMENT.as_str()
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
        "Session of a browser that opened the link of `flow-federate console`; for the party view",
    ));
    components.add_security_scheme(TOKEN, SecurityScheme::Http(bearer));
    components.add_security_scheme(BASIC, SecurityScheme::Http(basic));
    components.add_security_scheme(SESSION, SecurityScheme::ApiKey(session));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("flow-federate")
                .version("1")
                .description(Some(
                    "API of a party's agent, for clients of iflearner-flow, on the agent's machine. It only reads. Every answer is \
                     an envelope; an error in the content of a request has HTTP status 200 and a `ret_code` other than 0. \
                     The header `X-Fields` selects fields.",
                ))
                .build(),
        )
        .tags(Some([
            tag("task", "Tasks of which this party has a member, and their logs."),
            tag("document", "Description of this API."),
            tag("view", "Pages for a browser."),
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
    view::html("flow-federate API v1", &body, None)
}
