//! The pages for health probes and metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flow_common::probe;
use tokio::net::TcpListener;

use crate::iflearnerjob::controller::CacheView;
use crate::metrics::{JobCounts, Metrics};

/// The state that the pages show.
#[derive(Clone, Debug, Default)]
pub struct HealthState {
    pub metrics: Arc<Metrics>,
    /// True while this process is the leader and has listed all objects, or stands by.
    pub ready: Arc<AtomicBool>,
    /// The caches of the running controllers.
    pub views: Arc<std::sync::Mutex<Vec<CacheView>>>,
}

impl probe::Pages for HealthState {
    const LIVENESS_PATH: &'static str = "/healthz";

    async fn readiness(&self) -> Result<(), String> {
        if self.ready.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err("the operator has not listed all objects yet, or is shutting down".to_owned())
        }
    }

    async fn metrics(&self) -> Result<String, String> {
        let mut counts = JobCounts::new();
        for view in self.views.lock().expect("no thread panics while it holds this lock").iter() {
            view.count(&mut counts);
        }
        self.metrics.encode(&counts).map_err(|error| error.to_string())
    }
}

/// Serves `/healthz`, `/readyz` and `/metrics` on `listener` until the caller drops the future.
pub async fn serve(listener: TcpListener, state: HealthState) -> std::io::Result<()> {
    tracing::info!(address = %listener.local_addr()?, "serving health and metrics");
    probe::serve(listener, state).await;
    Ok(())
}
