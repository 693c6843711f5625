//! The REST interface.
//!
//! ```text
//!  guard (request id, limits, panics, problem+json) ─▶ authenticate ─▶ v2/<resource>: params, handler, documentation
//! ```
//!
//! A handler parses, asks engine or store, and translates the answer; it holds no rule. Changes are posted to the engine
//! and awaited, so a client that leaves cancels nothing. Routes are registered through `routes!` alone: none exists
//! without its documentation, and none is open unless [`PUBLIC`] names it.

mod extract;
mod guard;
mod list;
mod openapi;
mod problem;
mod reference;
mod service;
pub mod v2;

use std::sync::{Arc, LazyLock};

use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use flow_domain::error::{Error, ErrorCode};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use extract::Caller;
use problem::Failure;

/// Routes that answer without a token. They hold nothing of anybody's.
pub const PUBLIC: [&str; 4] = ["/livez", "/readyz", "/docs", "/docs/{file}"];

/// The whole interface as a service.
pub fn router(app: Arc<App>) -> axum::Router {
    let (router, _) = all().split_for_parts();
    router
        .fallback(async || Failure::from(Error::of(ErrorCode::RouteNotFound)))
        .method_not_allowed_fallback(async || Failure::from(Error::of(ErrorCode::MethodNotAllowed)))
        .layer(DefaultBodyLimit::max(extract::MAX_BODY))
        .layer(from_fn(guard::finish))
        .layer(from_fn_with_state(Arc::clone(&app), authenticate))
        .layer(from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}

/// The OpenAPI document of the whole interface.
#[must_use]
pub fn document() -> OpenApi {
    openapi::finish(all().into_openapi())
}

/// The document as text, as it is served and, with a line break at its end, checked in.
#[must_use]
pub fn openapi_json() -> &'static str {
    static DOCUMENT: LazyLock<String> =
        LazyLock::new(|| document().to_pretty_json().expect("a document made of strings and maps is serializable"));
    DOCUMENT.as_str()
}

fn all() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::head())
        .nest("/api/v2", v2::router())
        .routes(routes!(service::livez))
        .routes(routes!(service::readyz))
        .routes(routes!(service::metrics))
        .routes(routes!(reference::document))
        .routes(routes!(reference::docs))
        .routes(routes!(reference::asset))
}

/// Everything is closed but what [`PUBLIC`] names: addresses that do not exist, too.
async fn authenticate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let public = request.extensions().get::<MatchedPath>().is_some_and(|route| PUBLIC.contains(&route.as_str()));
    if !public {
        match app.auth.principal(request.headers()) {
            Ok(principal) => request.extensions_mut().insert(Caller(principal)),
            Err(error) => return Failure::from(error).into_response(),
        };
    }
    next.run(request).await
}
