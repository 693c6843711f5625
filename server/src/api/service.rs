//! State of the hub, for probes and Prometheus. The probes need no token and return only the state.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flow_common::probe::OPENMETRICS;
use flow_domain::error::Error;
use http::{StatusCode, header};

use super::extract::Caller;
use super::problem::ApiError;
use crate::metrics::Disclosure;
use crate::state::App;
use flow_api_types::HubVersion;

/// Check that the process is alive
#[utoipa::path(get, path = "/livez", tag = "service", security(()), responses((status = 200, description = "The process is alive", body = String, content_type = "text/plain")))]
pub async fn livez() -> &'static str {
    "ok\n"
}

/// Check that the hub accepts requests
///
/// The hub is not ready while it starts or stops, while the engine makes no progress, and while the
/// store accepts no writes.
#[utoipa::path(get, path = "/readyz", tag = "service", security(()), responses(
    (status = 200, description = "The hub is ready", body = String, content_type = "text/plain"),
    (status = 503, description = "The hub is not ready; the text names the cause", body = String, content_type = "text/plain")
))]
pub async fn readyz(State(app): State<Arc<App>>) -> (StatusCode, String) {
    match app.readiness.check().await {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

/// Get the version of the hub
#[utoipa::path(get, path = "/api/v2/version", tag = "service", operation_id = "get_version",
    responses((status = 200, description = "The version", body = HubVersion)))]
pub async fn version(_: Caller) -> Json<HubVersion> {
    Json(HubVersion { version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// Get the metrics of the hub
#[utoipa::path(get, path = "/metrics", tag = "service", responses((status = 200, description = "Metrics in the OpenMetrics text format", body = String, content_type = "application/openmetrics-text")))]
pub async fn metrics(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let text = metrics_text(&app, Disclosure::Full).await?;
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

/// Returns the metrics in the OpenMetrics text format.
pub async fn metrics_text(app: &App, disclosure: Disclosure) -> Result<String, Error> {
    let counts = app.store.counts().await?;
    app.metrics.encode(&counts, &app.sessions, disclosure).map_err(Error::internal)
}
