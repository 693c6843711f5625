//! The page at `/`, which introduces this server, and the guides that it links to.
//! Static files without data of users or parties.

use axum::response::Response;
use flow_domain::error::{Error, ErrorCode};

use super::extract::Ids;
use super::openapi::failures;
use super::problem::ApiError;
use super::reference;

/// Get the start page
#[utoipa::path(get, path = "/", tag = "service", security(()), operation_id = "start_page",
    responses((status = 200, description = "The page, as HTML", body = String, content_type = "text/html")))]
pub async fn page() -> Response {
    reference::page("text/html; charset=utf-8", include_str!("front/page.html"))
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
