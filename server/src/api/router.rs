//! Routes and middleware of the API, and the OpenAPI document of its routes.

use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use flow_domain::error::{Error, ErrorCode};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::authorize::{Rules, authorize};
use super::problem::ApiError;
use super::{bodies, extract, front, guard, keys, openapi, reference, service, v1, v2};
use crate::state::App;

/// Creates the service with all routes.
pub fn router(app: Arc<App>) -> axum::Router {
    let (router, document) = all().split_for_parts();
    let rules = Arc::new(Rules::of(&document));
    router
        .merge(v1::router())
        .fallback(front::fallback)
        .method_not_allowed_fallback(async || {
            ApiError::from(Error::of(ErrorCode::MethodNotAllowed))
        })
        .layer(Extension(reference::OpenApiText(openapi_json())))
        .layer(DefaultBodyLimit::max(extract::BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&app), bodies::meter))
        .layer(from_fn(guard::finish))
        .layer(from_fn_with_state((Arc::clone(&app), rules), authorize))
        .layer(from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}

/// Returns the OpenAPI document of all routes.
#[must_use]
pub fn document() -> OpenApi {
    openapi::finish(all().into_openapi())
}

/// Returns the OpenAPI document as text. `docs/openapi.json` is this text and a line break.
#[must_use]
pub fn openapi_json() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        document().to_pretty_json().expect("document of strings and maps is serializable")
    });
    DOCUMENT.as_str()
}

fn all() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::head())
        .nest("/api/v2", v2::router())
        .routes(routes!(front::page))
        .routes(routes!(front::asset))
        .routes(routes!(front::guide))
        .routes(routes!(front::device))
        .routes(routes!(keys::keys))
        .routes(routes!(service::livez))
        .routes(routes!(service::readyz))
        .routes(routes!(service::metrics))
        .routes(routes!(service::version))
        .routes(routes!(reference::document))
        .routes(routes!(reference::docs))
        .routes(routes!(reference::asset))
}
