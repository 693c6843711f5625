//! How the hub itself is: for probes and for Prometheus. Only the probes are open, and they tell nothing but the state.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flow_common::probe::OPENMETRICS;
use flow_domain::error::Error;
use http::{StatusCode, header};

use super::problem::ApiError;
use crate::state::App;

/// Whether the process lives
#[utoipa::path(get, path = "/livez", tag = "service", security(()), responses((status = 200, description = "It lives", body = String, content_type = "text/plain")))]
pub async fn livez() -> &'static str {
    "ok\n"
}

/// Whether requests are served: not while starting or stopping, nor while the engine is stuck or nothing can be stored
#[utoipa::path(get, path = "/readyz", tag = "service", security(()), responses(
    (status = 200, description = "They are", body = String, content_type = "text/plain"),
    (status = 503, description = "They are not; the text says why", body = String, content_type = "text/plain")
))]
pub async fn readyz(State(app): State<Arc<App>>) -> (StatusCode, String) {
    match app.readiness.check().await {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

/// Measurements, as Prometheus reads them
#[utoipa::path(get, path = "/metrics", tag = "service", responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text")))]
pub async fn metrics(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let text = metrics_text(&app).await?;
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

/// The metrics in the OpenMetrics text format.
pub async fn metrics_text(app: &App) -> Result<String, Error> {
    let counts = app.store.counts().await?;
    app.metrics.encode(&counts, app.sessions.count()).map_err(Error::internal)
}
