//! The web console in its party view: its page and its files. They contain nothing of the party, and
//! need the credential of the party view all the same.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use flow_console::{Assets, Base, Mode, is_navigation};
use flow_domain::error::{Error, ErrorCode};

use super::Failure;
use crate::control::console::PATH;

/// Serves a file of the console, and for an address that a person opens its page.
pub(super) async fn serve(request: Request) -> Result<Response, Failure> {
    let assets = Assets::embedded();
    let path = request.uri().path().strip_prefix(PATH).unwrap_or_default();
    let path = path.trim_start_matches('/');
    if let Some(file) = assets.file(path, request.headers()) {
        return Ok(file.map(Body::from).into_response());
    }
    if !path.is_empty() && !is_navigation(request.method(), request.headers()) {
        return Err(Error::of(ErrorCode::RouteNotFound).into());
    }
    let base = Base::parse(PATH).unwrap_or_default();
    Ok(assets.index(&base, Mode::Party, request.headers()).map(Body::from).into_response())
}
