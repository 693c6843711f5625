//! Probes and metrics on a listener of their own, without a token: callers that hold every place of the other listeners
//! do not delay them.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

use super::problem::Failure;
use super::service;
use crate::app::App;

/// Serves `/livez`, `/readyz` and `/metrics` until the caller drops the future.
pub async fn serve(app: Arc<App>, listener: TcpListener) {
    let router = Router::new()
        .route("/livez", get(service::livez))
        .route("/readyz", get(service::readyz))
        .route("/metrics", get(metrics))
        .with_state(app);
    flow_common::probe::serve(listener, TowerToHyperService::new(router)).await;
}

async fn metrics(state: State<Arc<App>>) -> Response {
    match service::metrics(state).await {
        Ok(page) => page,
        Err(Failure(error)) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response()
        }
    }
}
