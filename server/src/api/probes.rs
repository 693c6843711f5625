//! Probes and metrics on a listener of their own, without a token: connections that occupy all
//! slots of the other listeners do not delay them. The metrics name no party.

use std::sync::Arc;

use flow_common::probe;
use tokio::net::TcpListener;

use super::service;
use crate::metrics::Disclosure;
use crate::state::App;

#[derive(Clone)]
struct Pages(Arc<App>);

impl probe::Pages for Pages {
    async fn readiness(&self) -> Result<(), String> {
        self.0.readiness.check().await.map_err(|why| why.to_string())
    }

    async fn metrics(&self) -> Result<String, String> {
        service::metrics_text(&self.0, Disclosure::Anonymous)
            .await
            .map_err(|error| error.to_string())
    }
}

/// Serves `/livez`, `/readyz` and `/metrics` until the caller drops the future.
pub async fn serve(app: Arc<App>, listener: TcpListener) {
    probe::serve(listener, Pages(app)).await;
}
