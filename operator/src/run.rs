//! The operator as a process: leader election, controllers, health page and shutdown.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use flow_common::clock::{SharedClock, sleep, timeout};
use flow_common::ids;
use flow_common::lifecycle::Shutdown;
use flow_common::supervisor::Supervisor;
use flow_crd::IflearnerJob;
use futures::future::join_all;
use kube::Client;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::apis::{self, Apis};
use crate::config::Config;
use crate::creations::Creations;
use crate::events::EventQueue;
use crate::health::{self, HealthState};
use crate::iflearnerjob::controller::{IflearnerJobController, Inputs};
use crate::leader::Elector;

/// Interval at which the optional APIs are read again.
const API_DISCOVERY_INTERVAL: Duration = Duration::from_secs(60);

/// Time for the passes in progress, and for the queued events, after a request to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for the release of the Lease.
const LEASE_RELEASE_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest time from the first signal to the end of the process: passes in progress, Lease and
/// events.
pub const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(25);

/// The error that ends the operator.
pub type RunError = Box<dyn std::error::Error + Send + Sync>;

/// Runs the operator until a request to stop, or until it loses the Lease.
pub async fn run(
    client: Client,
    config: Config,
    clock: SharedClock,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    let config = Arc::new(config);
    let health = HealthState::default();
    let supervisor = Supervisor::default();
    let stop = CancellationToken::new();
    if let Some(address) = config.http.address()? {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| {
            format!("cannot listen on http.listen = {address}: {error}; check whether another process uses the port")
        })?;
        let (state, failing) = (health.clone(), supervisor.clone());
        let serving = async move {
            if let Err(error) = health::serve(listener, state).await {
                failing.fail(format!("health and metrics cannot be served: {error}"));
            }
        };
        tokio::spawn(supervisor.essential("health listener", &stop, serving));
    }
    if !apis::has::<IflearnerJob>(&client).await? {
        return Err("the cluster has no definition of IflearnerJob: install the definition first (flow-operator crd | kubectl apply -f -)".into());
    }
    let identity = identity();
    let creations = Creations::default();
    let (events, sender) = EventQueue::new(
        client.clone(),
        identity.clone(),
        Arc::clone(&health.metrics),
        creations.clone(),
        stop.clone(),
    );
    let sender = tokio::spawn(supervisor.essential("event sender", &stop, sender));
    let inputs = Inputs {
        apis: Apis::discover(&client).await?,
        events,
        creations,
        metrics: Arc::clone(&health.metrics),
        client: client.clone(),
        config: Arc::clone(&config),
        clock: Arc::clone(&clock),
    };
    let ended = run_as_leader(inputs, identity, &health, &supervisor, &shutdown).await;
    health.ready.store(false, Ordering::Relaxed);
    shutdown.begin();
    stop.cancel();
    // Events that are not sent by then are discarded; no behaviour depends on an event.
    let _ = timeout(DRAIN_TIMEOUT, sender).await;
    ended
}

/// Acquires the Lease and runs the controllers while this process holds it.
async fn run_as_leader(
    inputs: Inputs,
    identity: String,
    health: &HealthState,
    supervisor: &Supervisor,
    shutdown: &Shutdown,
) -> Result<(), RunError> {
    let Inputs { client, config, clock, .. } = inputs.clone();
    let controllers = async {
        tokio::select! {
            ended = run_controllers(inputs, health, &shutdown.soft) => ended,
            reason = supervisor.failed() => Err(reason.into()),
            () = async { shutdown.soft.cancelled().await; sleep(DRAIN_TIMEOUT).await; } => Err("the passes in progress did not end within the drain timeout".into()),
        }
    };
    if !config.leader.elect {
        health.metrics.set_leader(true);
        return controllers.await;
    }
    let namespace = if config.leader.namespace.is_empty() {
        client.default_namespace()
    } else {
        &config.leader.namespace
    };
    let elector = Elector::new(
        client.clone(),
        namespace,
        &config.leader.lease,
        identity,
        config.leader.validity(),
        clock,
    );
    health.ready.store(true, Ordering::Relaxed);
    tokio::select! {
        () = elector.acquire() => {}
        () = shutdown.soft.cancelled() => return Ok(()),
        reason = supervisor.failed() => return Err(reason.into()),
    }
    health.ready.store(false, Ordering::Relaxed);
    health.metrics.set_leader(true);
    let ended = tokio::select! {
        ended = controllers => ended,
        lost = elector.hold() => Err(lost.into()),
    };
    health.metrics.set_leader(false);
    match timeout(LEASE_RELEASE_TIMEOUT, elector.release()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "cannot release the Lease; it will expire"),
        Err(late) => tracing::warn!(%late, "cannot release the Lease; it will expire"),
    }
    ended
}

/// Runs the controllers until a request to stop. Starts new controllers when an optional API
/// appears or disappears.
async fn run_controllers(
    mut inputs: Inputs,
    health: &HealthState,
    stop: &CancellationToken,
) -> Result<(), RunError> {
    loop {
        tracing::info!(
            grpc_route = inputs.apis.grpc_route,
            ingress = inputs.apis.ingress,
            "starting the controllers"
        );
        let namespaces = &inputs.config.namespaces;
        let scopes: Vec<Option<&str>> = if namespaces.is_empty() {
            vec![None]
        } else {
            namespaces.iter().map(|name| Some(name.as_str())).collect()
        };
        let controllers: Vec<IflearnerJobController> = scopes
            .into_iter()
            .map(|scope| IflearnerJobController::new(inputs.clone(), scope))
            .collect();
        let views: Vec<_> = controllers.iter().map(IflearnerJobController::view).collect();
        health.views.lock().expect("no thread panics while it holds this lock").clone_from(&views);
        let round = stop.child_token();
        let mark_ready = async {
            join_all(views.iter().map(|view| view.ready())).await;
            health.ready.store(true, Ordering::Relaxed);
            std::future::pending::<()>().await;
        };
        let running = async {
            tokio::select! {
                _ = join_all(controllers.into_iter().map(|controller| controller.run(round.clone()))) => {}
                () = mark_ready => {}
            }
        };
        let discovering = async {
            let changed = tokio::select! {
                apis = changed_apis(&inputs) => Some(apis),
                () = round.cancelled() => None,
            };
            round.cancel();
            changed
        };
        let running = async {
            running.await;
            let ended_unexpectedly = !round.is_cancelled();
            // No controller runs any more, so the discovery of APIs ends too.
            round.cancel();
            ended_unexpectedly
        };
        let (changed, ended_unexpectedly) = tokio::join!(discovering, running);
        if ended_unexpectedly {
            return Err("a controller ended without a request to stop".into());
        }
        let Some(apis) = changed else { return Ok(()) };
        inputs.apis = apis;
    }
}

/// Waits until the optional APIs have changed, and returns them.
async fn changed_apis(inputs: &Inputs) -> Apis {
    loop {
        sleep(API_DISCOVERY_INTERVAL).await;
        match Apis::discover(&inputs.client).await {
            Ok(found) if found != inputs.apis => return found,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot read the optional APIs; retrying at the next interval")
            }
        }
    }
}

/// Returns the identity of this process: the host name, which is the name of its Pod, and a random
/// suffix.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", host.trim(), &ids::request_id()[..8])
}
