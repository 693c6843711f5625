//! The operator as a process: one leader, its controllers, and what the outside sees of them.

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
use crate::events::Events;
use crate::iflearnerjob::controller::{IflearnerJobs, Inputs};
use crate::leader::Elector;
use crate::serve::{self, Pages};

/// How often is looked whether optional APIs came or went.
const DISCOVER_EVERY: Duration = Duration::from_secs(60);

/// Looks that are under way when the operator is asked to end have so long to finish.
const GRACE: Duration = Duration::from_secs(10);

/// Longest wait for the API server to take the Lease back.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest time from the first signal to the end: reconciles, the Lease, events.
pub const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(25);

/// Why the operator ended.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Run until asked to stop, or until the Lease is lost.
pub async fn run(
    client: Client,
    config: Config,
    clock: SharedClock,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let config = Arc::new(config);
    let pages = Pages::default();
    let supervisor = Supervisor::default();
    let over = CancellationToken::new();
    if let Some(address) = config.http.address()? {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| {
            format!("http.listen = {address}: {error}: is another process there?")
        })?;
        let (pages, failing) = (pages.clone(), supervisor.clone());
        let serving = async move {
            if let Err(error) = serve::serve(listener, pages).await {
                failing.fail(format!("health and metrics can be served no longer: {error}"));
            }
        };
        tokio::spawn(supervisor.essential("health listener", &over, serving));
    }
    if !apis::has::<IflearnerJob>(&client).await? {
        return Err("the cluster does not know IflearnerJobs: install the definition first (flow-operator crd | kubectl apply -f -)".into());
    }
    let identity = identity();
    let (events, telling) =
        Events::new(client.clone(), identity.clone(), Arc::clone(&pages.metrics), over.clone());
    let telling = tokio::spawn(supervisor.essential("sender of events", &over, telling));
    let inputs = Inputs {
        apis: Apis::discover(&client).await?,
        events,
        metrics: Arc::clone(&pages.metrics),
        client: client.clone(),
        config: Arc::clone(&config),
        clock: Arc::clone(&clock),
    };
    let ended = lead(inputs, identity, &pages, &supervisor, &shutdown).await;
    pages.ready.store(false, Ordering::Relaxed);
    shutdown.begin();
    over.cancel();
    // An event that is not sent is lost, and nothing depends on it.
    let _ = timeout(GRACE, telling).await;
    ended
}

/// Work once no other does.
async fn lead(
    inputs: Inputs,
    identity: String,
    pages: &Pages,
    supervisor: &Supervisor,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let Inputs { client, config, clock, .. } = inputs.clone();
    let work = async {
        tokio::select! {
            ended = work(inputs, pages, &shutdown.soft) => ended,
            reason = supervisor.failed() => Err(reason.into()),
            () = async { shutdown.soft.cancelled().await; sleep(GRACE).await; } => Err("what was under way did not end in time".into()),
        }
    };
    if !config.leader.elect {
        pages.metrics.leads(true);
        return work.await;
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
    pages.ready.store(true, Ordering::Relaxed);
    tokio::select! {
        () = elector.acquire() => {}
        () = shutdown.soft.cancelled() => return Ok(()),
        reason = supervisor.failed() => return Err(reason.into()),
    }
    pages.ready.store(false, Ordering::Relaxed);
    pages.metrics.leads(true);
    let ended = tokio::select! {
        ended = work => ended,
        lost = elector.hold() => Err(lost.into()),
    };
    pages.metrics.leads(false);
    match timeout(RELEASE_TIMEOUT, elector.release()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the Lease was not given back; it ends by itself"),
        Err(late) => tracing::warn!(%late, "the Lease was not given back; it ends by itself"),
    }
    ended
}

/// Control until asked to stop; begin again whenever an optional API comes or goes.
async fn work(mut inputs: Inputs, pages: &Pages, stop: &CancellationToken) -> Result<(), Failure> {
    loop {
        tracing::info!(
            grpc_route = inputs.apis.grpc_route,
            ingress = inputs.apis.ingress,
            "controllers start"
        );
        let namespaces = &inputs.config.namespaces;
        let scopes: Vec<Option<&str>> = if namespaces.is_empty() {
            vec![None]
        } else {
            namespaces.iter().map(|name| Some(name.as_str())).collect()
        };
        let controllers: Vec<IflearnerJobs> =
            scopes.into_iter().map(|scope| IflearnerJobs::new(inputs.clone(), scope)).collect();
        let views: Vec<_> = controllers.iter().map(IflearnerJobs::view).collect();
        pages.views.lock().expect("nothing panics while it holds this lock").clone_from(&views);
        let round = stop.child_token();
        let listed = async {
            join_all(views.iter().map(|view| view.ready())).await;
            pages.ready.store(true, Ordering::Relaxed);
            std::future::pending::<()>().await;
        };
        let controlling = async {
            tokio::select! {
                _ = join_all(controllers.into_iter().map(|controller| controller.run(round.clone()))) => {}
                () = listed => {}
            }
        };
        let noticing = async {
            let found = tokio::select! {
                found = change(&inputs) => Some(found),
                () = round.cancelled() => None,
            };
            round.cancel();
            found
        };
        let controlling = async {
            controlling.await;
            let unasked = !round.is_cancelled();
            // Nobody reconciles any more: the round is over, whatever else goes on.
            round.cancel();
            unasked
        };
        let (found, unasked) = tokio::join!(noticing, controlling);
        if unasked {
            return Err("a controller ended although nobody asked for that".into());
        }
        let Some(apis) = found else { return Ok(()) };
        inputs.apis = apis;
    }
}

/// Completes with what is installed once that is another.
async fn change(inputs: &Inputs) -> Apis {
    loop {
        sleep(DISCOVER_EVERY).await;
        match Apis::discover(&inputs.client).await {
            Ok(found) if found != inputs.apis => return found,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot see which APIs there are; looking again later")
            }
        }
    }
}

/// This process among its like: the Pod's name where there is one.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", host.trim(), &ids::request_id()[..8])
}
