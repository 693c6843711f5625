//! The agent of the hub's own party. It runs in this process with the code of flow-federate and
//! connects over a channel in memory.

use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::SharedClock;
use flow_common::error::chain;
use flow_domain::id::Digest;
use flow_federate::admission::PartyPolicy;
use flow_federate::agent::{self, AgentConfig, AgentError, LogPolicy};
use flow_federate::metrics::AgentMetrics;
use flow_federate::runtime::process::{ProcessConfig, ProcessRuntime};
use flow_federate::session::{Connector, SecretSource};
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::error::StartError;
use crate::grpc::{self, Peer};
use crate::listener::{ConnectionRequests, ListenerLimits};
use crate::state::App;
use crate::store::PartyRow;

/// Delay before a failed agent is restarted.
const RESTART_DELAY: Duration = Duration::from_secs(5);

/// Returns the policy of the hub's own agent, from the hub's configuration.
pub(crate) fn offer(config: &Config) -> PartyPolicy {
    PartyPolicy {
        images: config.hub_agent.images.clone(),
        datasets: config.hub_agent.datasets.clone(),
        resources: config.hub_agent.resources.clone(),
        release: config.hub_agent.outputs.release.clone(),
        ..PartyPolicy::default()
    }
}

/// Starts the agent, and creates its party if it does not exist. The returned channel updates its
/// policy. The agent ends with the hub; its workloads continue, and the next agent adopts them.
pub(crate) async fn spawn(
    config: &Config,
    app: &Arc<App>,
    listeners: &TaskTracker,
    clock: SharedClock,
) -> Result<watch::Sender<Arc<PartyPolicy>>, StartError> {
    let party = app.embedded.get_or_init(|| config.hub_agent.party.clone()).clone();
    let failed = |error: &dyn std::error::Error| {
        StartError(format!("cannot start the hub's own agent: {}", chain(error)))
    };
    if app.store.party(&party).await.map_err(|error| failed(&error))?.is_none() {
        let row = PartyRow {
            id: party.clone(),
            // A random secret that is dropped: the party is reachable only through this process.
            secret_digest: Digest::of(flow_common::ids::secret().as_bytes()),
            created_at: clock.now(),
            remark: "the hub's own agent".to_owned(),
        };
        app.store.create_party(&row).await.map_err(|error| failed(&error))?;
    }
    let data_dir = config.data_dir.join("agent");
    let hold_max_s = config.hub_agent.hold_max_s;
    let min_free_bytes = config.hub_agent.retention.min_free_bytes();
    let processes = ProcessConfig { hold_max_s, min_free_bytes, ..ProcessConfig::new(&data_dir) };
    let runtime = Arc::new(ProcessRuntime::new(processes).map_err(|error| failed(&error))?);
    let (offers, offer) = watch::channel(Arc::new(offer(config)));
    let (dial, mut dialled) = mpsc::channel(4);
    let (stopping, supervisor) = (app.stopping.clone(), &app.supervisor);
    {
        let (app, party, metrics) = (Arc::clone(app), party.clone(), app.metrics.listener("grpc"));
        let serve = async move {
            while let Some(io) = dialled.recv().await {
                tokio::spawn(grpc::serve_io(
                    Arc::clone(&app),
                    io,
                    Peer::Embedded(party.clone()),
                    ConnectionRequests::default(),
                    ListenerLimits::of(1),
                    metrics.clone(),
                ));
            }
        };
        listeners.spawn(supervisor.essential("listener of the hub's own agent", &stopping, serve));
    }
    {
        let sweep = flow_federate::retention::sweep(
            runtime.clone(),
            config.hub_agent.retention,
            data_dir.clone(),
            AgentMetrics::default(),
        );
        let sweep = stopping.clone().run_until_cancelled_owned(sweep);
        listeners.spawn(supervisor.essential(
            "retention of the hub's own agent",
            &stopping,
            async move {
                sweep.await;
            },
        ));
    }
    let (ends, failing) = (stopping.clone(), supervisor.clone());
    let run = async move {
        while !stopping.is_cancelled() {
            let (party, data_dir, offer, dial) =
                (party.clone(), data_dir.clone(), offer.clone(), dial.clone());
            // The default discloses logs without a limit: their reader is the owner of this party.
            // Nothing requests the agent's status: the probes of the hub answer for both.
            let (logs, status_requests) = (LogPolicy::default(), mpsc::channel(1).1);
            let agent = AgentConfig {
                party,
                data_dir,
                secret: SecretSource::Embedded,
                hold_max_s,
                policy: offer,
                logs,
                status_requests,
                reload: None,
                rest: None,
                metrics: AgentMetrics::default(),
            };
            let runtime = Arc::clone(&runtime);
            match agent::run(
                agent,
                Connector::Memory(dial),
                runtime,
                clock.clone(),
                stopping.clone(),
            )
            .await
            {
                Ok(()) => {}
                // The disk may have free space again.
                Err(error @ AgentError::Journal(_)) => {
                    tracing::error!(error = %chain(&error), "the hub's own agent failed; restarting it");
                    tokio::select! {
                        () = clock.sleep(RESTART_DELAY) => {}
                        () = stopping.cancelled() => {}
                    }
                }
                // A restart in this process would fail for the same reason.
                Err(error) => {
                    return failing.fail(format!("the hub's own agent: {}", chain(&error)));
                }
            }
        }
    };
    listeners.spawn(supervisor.essential("hub's own agent", &ends, run));
    Ok(offers)
}
