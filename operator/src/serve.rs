//! Health and metrics over plain HTTP: nothing on it is secret, and nothing can be changed through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

use crate::iflearnerjob::controller::View;
use crate::metrics::{Counts, Metrics};

/// What the pages show.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Works, or stands by.
    pub ready: Arc<AtomicBool>,
    /// The caches of the controllers that run.
    pub views: Arc<std::sync::Mutex<Vec<View>>>,
}

/// Serves on `listener` until the caller drops the future.
pub async fn serve(listener: TcpListener, pages: Pages) -> std::io::Result<()> {
    tracing::info!(address = %listener.local_addr()?, "health and metrics");
    let router = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(pages);
    flow_common::probe::serve(listener, TowerToHyperService::new(router)).await;
    Ok(())
}

async fn readyz(State(pages): State<Pages>) -> (StatusCode, &'static str) {
    if pages.ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not everything was listed yet, or the operator ends")
    }
}

async fn metrics(State(pages): State<Pages>) -> Result<String, StatusCode> {
    let mut counts = Counts::new();
    for view in pages.views.lock().expect("nothing panics while it holds this lock").iter() {
        view.count(&mut counts);
    }
    pages.metrics.encode(&counts).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
