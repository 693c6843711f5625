//! The web console, the page for devices, and the guides. Static files without data of users or
//! parties: the console asks the API for them.
//!
//! An address that a person opens leads to the page of the console, which knows its own paths; below
//! [`RESERVED`] it does not, because there clients expect an error.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use flow_console::{Base, Mode, is_navigation};
use flow_domain::error::{Error, ErrorCode};
use http::uri::PathAndQuery;
use http::{Extensions, HeaderMap, Uri};

use super::extract::Ids;
use super::openapi::failures;
use super::problem::ApiError;
use super::reference;
use crate::state::App;

/// First segments of the paths that are no pages of the console.
const RESERVED: [&str; 10] = [
    ".well-known",
    "api",
    "assets",
    "device",
    "docs",
    "guides",
    "livez",
    "metrics",
    "openapi.json",
    "readyz",
];

/// Get the web console
///
/// The page of the console, or a page that states how to build it. A browser gets it at every unknown
/// path, too.
#[utoipa::path(get, path = "/", tag = "service", security(()), operation_id = "start_page",
    responses((status = 200, description = "The page, as HTML", body = String, content_type = "text/html"),
        (status = 304, description = "The page has not changed")))]
pub async fn page(State(app): State<Arc<App>>, request: Request) -> Response {
    index(&app, request.extensions(), request.headers())
}

fn index(app: &App, extensions: &Extensions, headers: &HeaderMap) -> Response {
    let base = extensions.get::<Base>().unwrap_or_else(|| app.access.public_base());
    app.console.index(base, Mode::Hub, headers).map(Body::from)
}

failures!(NoFile = RouteNotFound);

#[derive(serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ConsoleFile {
    /// Name of the file. It contains a hash of the content.
    #[param(example = "index-1a2b3c4d.js")]
    file: String,
}

/// Get a file of the web console
///
/// The page of the console names its files. Each encoding has its own `ETag`.
#[utoipa::path(get, path = "/assets/{file}", tag = "service", security(()), operation_id = "console_asset", params(ConsoleFile),
    responses((status = 200, description = "The file", content((String = "text/javascript"), (String = "text/css"), (String = "application/octet-stream"))),
        (status = 304, description = "The client has the file"), NoFile))]
pub async fn asset(
    State(app): State<Arc<App>>,
    Ids(ConsoleFile { file }): Ids<ConsoleFile>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let found = app.console.file(&format!("assets/{file}"), &headers);
    let found = found.ok_or_else(|| Error::of(ErrorCode::RouteNotFound))?;
    Ok(found.map(Body::from))
}

/// Answers requests that match no route: other files and the pages of the console.
pub async fn fallback(State(app): State<Arc<App>>, request: Request) -> Response {
    if is_console(&app, &request) {
        let (path, headers) = (file_path(&request), request.headers());
        return match app.console.file(path, headers) {
            Some(file) => file.map(Body::from),
            None => index(&app, request.extensions(), headers),
        };
    }
    ApiError::from(Error::of(ErrorCode::RouteNotFound)).into_response()
}

/// True if a request that matches no route is for a file or a page of the console.
pub(super) fn is_console(app: &App, request: &Request) -> bool {
    let path = file_path(request);
    if app.console.has_file(path) {
        return request.method().is_safe();
    }
    !is_reserved(path) && is_navigation(request.method(), request.headers())
}

fn file_path(request: &Request) -> &str {
    request.uri().path().trim_start_matches('/')
}

fn is_reserved(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    RESERVED.contains(&first)
}

/// Removes the path of `access.public_url` from the address of a request: a proxy may leave it there,
/// and the page of the console names it to a browser without a proxy, too.
pub(super) fn remove_base(app: &App, uri: &mut Uri) {
    let base = app.access.public_base();
    if is_reserved(base.as_str().trim_start_matches('/')) {
        return;
    }
    let Some(rest) = base.strip(uri.path()) else { return };
    let path = match uri.query() {
        Some(query) => format!("{rest}?{query}"),
        None => rest.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(path).ok();
    if let Ok(changed) = Uri::from_parts(parts) {
        *uri = changed;
    }
}

/// Get the page for the approval of devices
#[utoipa::path(get, path = "/device", tag = "service", security(()), operation_id = "device_page",
    responses((status = 200, description = "The page, as HTML", body = String, content_type = "text/html")))]
pub async fn device() -> Response {
    reference::page("text/html; charset=utf-8", include_str!("front/device.html"))
}

failures!(NoGuide = RouteNotFound);

/// Guides for users and administrators: name and text.
const GUIDES: [(&str, &str); 7] = [
    ("api.md", include_str!("../../../docs/api.md")),
    ("access.md", include_str!("../../../docs/access.md")),
    ("authorization.md", include_str!("../../../docs/authorization.md")),
    ("first-task.md", include_str!("../../../docs/first-task.md")),
    ("flowctl.md", include_str!("../../../docs/flowctl.md")),
    ("glossary.md", include_str!("../../../docs/glossary.md")),
    ("operations.md", include_str!("../../../docs/operations.md")),
];

#[derive(serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub struct Guide {
    /// Name of the guide.
    #[param(example = "flowctl.md")]
    file: String,
}

/// Get a guide
#[utoipa::path(get, path = "/guides/{file}", tag = "service", security(()), operation_id = "guide", params(Guide),
    responses((status = 200, description = "The guide, as Markdown", body = String, content_type = "text/plain"), NoGuide))]
pub async fn guide(Ids(Guide { file }): Ids<Guide>) -> Result<Response, ApiError> {
    let found = GUIDES.iter().find(|(name, _)| *name == file);
    let (_, text) = found.ok_or_else(|| Error::of(ErrorCode::RouteNotFound))?;
    Ok(reference::page("text/plain; charset=utf-8", text))
}
