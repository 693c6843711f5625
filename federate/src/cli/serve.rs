//! `flow-federate run`: starts the agent with its runtime and its essential tasks, and reloads the
//! configuration at SIGHUP.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{self, Clock as _, SystemClock};
use flow_common::config::Loaded;
use flow_common::lifecycle::Shutdown;
use flow_common::supervisor::Supervisor;
use flow_common::telemetry;
use flow_common::tls::client::trusted;
use flow_common::tls::validity::WARNING_PERIOD;
use futures::future::{BoxFuture, FutureExt as _};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

#[cfg(feature = "kubernetes")]
use super::cluster;
use super::source::{ConfigArgs, Failure, ca_file, load, located, login};
use crate::admission::PartyPolicy;
use crate::agent::{self, AgentConfig};
use crate::config::{self, Checked, Config, RuntimeKind};
use crate::control::ReloadRequest;
use crate::health::{self, HealthPages};
use crate::metrics::AgentMetrics;
use crate::rest;
use crate::retention;
use crate::runtime::Runtime;
use crate::runtime::process::{ProcessConfig, ProcessRuntime};
use crate::session::{Connector, Login};

/// Longest time from the first signal to the end of the process.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);

/// Idle time after which a thread for blocking calls ends: longer than the agent runs. A call that
/// finds no such thread panics if a workload has used up the processes of the user or unit.
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

pub(super) fn run(args: &ConfigArgs) -> Result<ExitCode, Failure> {
    let loaded = load(args)?;
    let config = loaded.value.clone();
    telemetry::init(&config.log)?;
    let checked = config.check().map_err(|faults| located(&loaded, &faults))?;
    let login = login(&config, &checked);
    login.credentials()?;
    // One thread: the agent waits for other processes most of the time, and must be small.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_keep_alive(THREAD_KEEP_ALIVE)
        .build()?;
    runtime.block_on(serve(args.clone(), loaded, checked, login))?;
    // No blocking call needs to complete.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve(
    args: ConfigArgs,
    loaded: Loaded<Config>,
    checked: Checked,
    login: Login,
) -> Result<(), Failure> {
    let shutdown = Shutdown::on_signals(SHUTDOWN_TIMEOUT)?;
    let (supervisor, stopping) = (Supervisor::default(), &shutdown.soft);
    // Before any await: without a handler the signal ends the process.
    let hangups = signal(SignalKind::hangup())?;
    let config = loaded.value.clone();
    let metrics = AgentMetrics::default();
    let (status_tx, status_requests) = mpsc::channel(1);
    if let Some(address) = checked.health {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| format!("health.listen = {address}: {error}"))?;
        tracing::info!(address = %listener.local_addr()?, "serving health and metrics");
        let pages = HealthPages {
            status_requests: status_tx,
            metrics: metrics.clone(),
            data_dir: config.data_dir.clone(),
            ca_file: ca_file(&checked),
        };
        tokio::spawn(supervisor.essential(
            "health listener",
            stopping,
            health::serve(listener, pages),
        ));
    }
    let rest = bind_rest(&loaded, &checked).await?;
    let (runtime, lost) = tokio::select! {
        started = start_runtime(&config, &checked) => started?,
        // The start waits for a cluster that does not answer.
        () = shutdown.soft.cancelled() => return Ok(()),
    };
    let (data_dir, swept) = (config.data_dir.clone(), Arc::clone(&runtime));
    let sweep = retention::sweep(swept, config.retention, data_dir, metrics.clone());
    tokio::spawn(supervisor.essential("sweep of data past its retention", stopping, sweep));
    let (policy_tx, policy) = watch::channel(Arc::new(checked.policy.clone()));
    let logs = config.logs.policy();
    if let Some(file) = ca_file(&checked) {
        tokio::spawn(supervisor.essential(
            "watch of the certificate authorities",
            stopping,
            watch_authorities(file),
        ));
    }
    let (reload_tx, reloads) = mpsc::channel(1);
    let reload = reload_on_request(args, loaded, policy_tx, hangups, reloads);
    tokio::spawn(supervisor.essential("reload of the configuration", stopping, reload));
    let pid = std::process::id();
    tracing::info!(
        party.id = %checked.party,
        hub = %checked.hub,
        version = env!("CARGO_PKG_VERSION"),
        pid,
        "agent started"
    );
    let agent = agent::run(
        AgentConfig {
            party: checked.party,
            data_dir: config.data_dir,
            secret: login.secret,
            hold_max_s: config.hold_max_s,
            policy,
            logs,
            status_requests,
            reload: Some(reload_tx),
            rest,
            metrics,
        },
        Connector::Network(checked.hub),
        runtime,
        SystemClock::shared(),
        shutdown.soft.clone(),
    );
    let ended = tokio::select! {
        ended = agent => ended.map_err(Failure::from),
        reason = lost => Err(reason.into()),
        reason = supervisor.failed() => Err(reason.into()),
    };
    shutdown.begin();
    ended
}

/// Binds `v1.listen`. The default address may be taken, because several agents can run on one
/// machine; an address of the configuration must be free.
async fn bind_rest(
    loaded: &Loaded<Config>,
    checked: &Checked,
) -> Result<Option<rest::Bound>, Failure> {
    let Some(address) = checked.v1 else { return Ok(None) };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(rest::Bound {
            listener,
            allow_remote: loaded.value.v1.allow_remote,
            hub: checked.hub.to_string(),
            retention: loaded.value.retention.into(),
        })),
        Err(error) if !loaded.is_set("v1.listen") => {
            tracing::warn!(
                %error,
                "REST API and party view are not served, because {address} is not free: set v1.listen to another address, or to \"\" for none"
            );
            Ok(None)
        }
        Err(error) => Err(format!("v1.listen = {address}: {error}").into()),
    }
}

/// Starts the runtime. The future completes with a reason when the runtime cannot run members any
/// more.
async fn start_runtime(
    config: &Config,
    checked: &Checked,
) -> Result<(Arc<dyn Runtime>, BoxFuture<'static, String>), Failure> {
    match config.runtime {
        RuntimeKind::Process => {
            let processes = ProcessConfig {
                hold_max_s: config.hold_max_s,
                min_free_bytes: config.retention.min_free_bytes(),
                ..ProcessConfig::new(&config.data_dir)
            };
            Ok((Arc::new(ProcessRuntime::new(processes)?), std::future::pending().boxed()))
        }
        #[cfg(feature = "kubernetes")]
        RuntimeKind::Kubernetes => cluster::start_runtime(config, checked).await,
        #[cfg(not(feature = "kubernetes"))]
        RuntimeKind::Kubernetes => Err(format!(
            "{}: this build has no support for clusters: build it with the feature kubernetes",
            checked.party
        )
        .into()),
    }
}

/// Reloads images, datasets, outputs and resources at SIGHUP and on requests of the control socket,
/// and logs the changed keys that need a restart.
async fn reload_on_request(
    args: ConfigArgs,
    started: Loaded<Config>,
    policy: watch::Sender<Arc<PartyPolicy>>,
    mut hangups: Signal,
    mut requests: mpsc::Receiver<ReloadRequest>,
) {
    loop {
        let request = tokio::select! {
            signal = hangups.recv() => match signal {
                Some(()) => None,
                None => return,
            },
            Some(request) = requests.recv() => Some(request),
        };
        let reloaded = reload(&args, &started, &policy);
        if let Some(request) = request {
            // The client may have disconnected.
            let _ = request.send(reloaded);
        }
    }
}

/// Returns the changed keys that need a restart, or the fault for which the agent keeps the old
/// configuration.
fn reload(
    args: &ConfigArgs,
    started: &Loaded<Config>,
    policy: &watch::Sender<Arc<PartyPolicy>>,
) -> Result<String, String> {
    let read = load(args).and_then(|loaded| match loaded.value.check() {
        Ok(checked) => Ok((loaded, checked)),
        Err(faults) => Err(located(&loaded, &faults).into()),
    });
    match read {
        Ok((loaded, checked)) => {
            let ignored = loaded.changed_since(started, &config::RELOADABLE).join(", ");
            if !ignored.is_empty() {
                tracing::warn!(
                    "changed, and not reloadable: {ignored}; restart the agent to use the new \
                     values"
                );
            }
            policy.send_replace(Arc::new(checked.policy));
            Ok(ignored)
        }
        Err(error) => {
            let line = error.to_string().replace('\n', "; ");
            tracing::error!(
                error = line,
                "cannot reload the configuration; the agent keeps the old one: correct the file \
                 and send SIGHUP again"
            );
            Err(error.to_string())
        }
    }
}

/// Warns once a day about certificate authorities that expire soon.
async fn watch_authorities(file: PathBuf) {
    loop {
        let now = SystemClock.now();
        match trusted(&file, now) {
            Ok(trusted) => trusted
                .iter()
                .filter_map(|certificate| certificate.warning(now))
                .for_each(|warning| tracing::warn!("hub.ca_file: {warning}")),
            Err(error) => tracing::warn!("hub.ca_file: {error}"),
        }
        clock::sleep(WARNING_PERIOD).await;
    }
}
