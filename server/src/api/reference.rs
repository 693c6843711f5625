//! The reference page: static files without data. The page asks the user for a token, fetches the
//! OpenAPI document and renders it. The content security policy forbids other sources.

use axum::Extension;
use axum::response::{IntoResponse, Response};
use flow_domain::error::{Error, ErrorCode};
use http::header;
use std::sync::LazyLock;

use super::extract::Ids;
use super::openapi::failures;
use super::problem::ApiError;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page with the table of errors. The `type` of every problem links to it.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    let rows: String = ErrorCode::ALL
        .iter()
        .map(|code| code.row())
        .map(|row| {
            let repeat = if row.retryable { "yes" } else { "no" };
            let (title, remedy) = (marked(row.title), marked(row.remedy));
            format!(
                "<tr id=\"{0}\"><td><code>{0}</code></td><td>{1}</td><td>{repeat}</td><td>{title}</td><td>{remedy}</td></tr>\n",
                row.slug, row.http
            )
        })
        .collect();
    include_str!("reference/page.html").replace("<!--errors-->", &rows)
});

/// Converts a text with `code` in backticks to HTML.
fn marked(text: &str) -> String {
    let safe = text.replace('&', "&amp;").replace('<', "&lt;");
    let parts = safe.split('`').enumerate().map(|(index, part)| {
        if index % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }
    });
    parts.collect()
}

/// Returns a static file with the content security policy of all pages.
pub fn page(kind: &'static str, body: &'static str) -> Response {
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        body,
    )
        .into_response()
}

/// Get the reference page
#[utoipa::path(get, path = "/docs", tag = "service", security(()), responses((status = 200, description = "The page, as HTML", body = String, content_type = "text/html")))]
pub async fn docs() -> Response {
    page("text/html; charset=utf-8", PAGE.as_str())
}

failures!(NoAsset = RouteNotFound);

/// File of the reference page.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "documents the names that the handler knows")]
pub enum AssetName {
    /// Script of the page.
    #[schema(rename = "docs.js")]
    Script,
    /// Style sheet of the page.
    #[schema(rename = "docs.css")]
    Style,
}

#[derive(serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub struct Asset {
    /// Name of the file.
    #[param(value_type = AssetName, inline)]
    file: String,
}

/// Get a file of the reference page
#[utoipa::path(get, path = "/docs/{file}", tag = "service", security(()), params(Asset), responses(
    (status = 200, description = "The file", content((String = "text/javascript"), (String = "text/css"))), NoAsset))]
pub async fn asset(Ids(Asset { file }): Ids<Asset>) -> Result<Response, ApiError> {
    match file.as_str() {
        "docs.js" => Ok(page("text/javascript; charset=utf-8", include_str!("reference/docs.js"))),
        "docs.css" => Ok(page("text/css; charset=utf-8", include_str!("reference/docs.css"))),
        _ => Err(Error::of(ErrorCode::RouteNotFound).into()),
    }
}

/// Text of the OpenAPI document, which the router passes to the handler: only the router knows all
/// routes.
#[derive(Debug, Clone, Copy)]
pub struct OpenApiText(pub &'static str);

/// Get the OpenAPI document
#[utoipa::path(get, path = "/openapi.json", tag = "service", responses((status = 200, description = "This document", body = Object)))]
pub async fn document(Extension(OpenApiText(text)): Extension<OpenApiText>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
