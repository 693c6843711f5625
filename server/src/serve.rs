//! Composes a hub, serves it, and shuts it down in order.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flow_common::clock::SharedClock;
use flow_common::config::Loaded;
use flow_common::error::chain;
use flow_common::lifecycle::Shutdown;
use flow_common::supervisor::Supervisor;
use flow_console::Assets;
use flow_domain::error::Error;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::{Access, AccessOptions, SetupCode};
use crate::config::{self, Config};
use crate::cors::Cors;
use crate::engine::{Engine, EngineParts, RetentionDays};
use crate::error::StartError;
use crate::metrics::{HostSources, Metrics};
use crate::overview::Overviews;
use crate::readiness::Readiness;
use crate::reload::Reload;
use crate::sessions::Sessions;
use crate::sign_in::SignIn;
use crate::sign_in_log::SignInLog;
use crate::startup::{lock_data_dir, lock_database, open_store};
use crate::state::{App, HubSettings, V1Options};
use crate::store::Store;
use crate::webhooks::{Dispatcher, DispatcherParts, WebhookOptions, Webhooks};
use crate::{api, grpc};

/// Longest time for the engine to store posted changes after the listeners have closed.
const ENGINE_DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Time beyond `shutdown.grace_s` after which the process ends even if a task is still running.
const SHUTDOWN_MARGIN: Duration = Duration::from_secs(15);

/// Input of [`Hub::start`].
pub struct HubParts {
    /// The store, with its schema up to date.
    pub store: Arc<Store>,
    pub clock: SharedClock,
    /// The code of a hub without accounts.
    pub setup: Option<SetupCode>,
    pub sign_in: SignIn,
    pub access: AccessOptions,
    /// See [`App::away_after_s`].
    pub away_after_s: u64,
    /// Bytes of request bodies that all requests together may hold in memory.
    pub body_bytes: usize,
    pub v1: V1Options,
    pub cors: Cors,
    pub console: Assets,
    pub webhooks: WebhookOptions,
    pub retention: RetentionDays,
}

/// An [`App`] whose engine runs.
pub struct Hub {
    pub app: Arc<App>,
    is_started: watch::Sender<bool>,
    engine_stops: CancellationToken,
    engine_tasks: TaskTracker,
}

impl Hub {
    /// Records that no agent is connected, then starts the engine.
    pub async fn start(parts: HubParts) -> Result<Self, Error> {
        let HubParts {
            store,
            clock,
            setup,
            sign_in,
            access,
            away_after_s,
            body_bytes,
            v1,
            cors,
            console,
            webhooks: webhook_options,
            retention,
        } = parts;
        let settings = HubSettings { requests_per_s: access.requests_per_s, body_bytes, retention };
        let sessions = Sessions::default();
        let metrics = Arc::new(Metrics::new(store.metrics()));
        let supervisor = Supervisor::default();
        let engine_stops = CancellationToken::new();
        let (engine, engine_tasks) = Engine::start(EngineParts {
            store: Arc::clone(&store),
            sessions: sessions.clone(),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
            stopping: engine_stops.clone(),
            supervisor: supervisor.clone(),
            away_after_s,
            retention,
        })
        .await?;
        let (is_started, started) = watch::channel(true);
        let stopping = CancellationToken::new();
        let readiness = Readiness {
            engine: engine.clone(),
            store: Arc::clone(&store),
            clock: clock.clone(),
            supervisor: supervisor.clone(),
            stopping: stopping.clone(),
            is_started: started,
            last: Mutex::default(),
        };
        let webhooks = Arc::new(Webhooks::new(webhook_options.rules.clone()));
        let dispatcher = Dispatcher::new(DispatcherParts {
            store: Arc::clone(&store),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
            options: webhook_options,
            webhooks: Arc::clone(&webhooks),
            commits: engine.commits(),
            stopping: stopping.clone(),
        });
        engine_tasks.spawn(supervisor.essential("webhooks", &stopping, dispatcher.run()));
        let access = Access::new(Arc::clone(&store), clock.clone(), setup, sign_in, access);
        let app = App {
            engine,
            store,
            sessions,
            started_at: clock.now(),
            settings,
            overviews: Overviews::default(),
            clock,
            access,
            metrics,
            readiness,
            supervisor,
            stopping,
            away_after_s,
            body_bytes: Arc::new(Semaphore::new(body_bytes)),
            sign_in_log: SignInLog::default(),
            v1,
            cors,
            console,
            webhooks,
            embedded: OnceLock::new(),
        };
        Ok(Self { app: Arc::new(app), is_started, engine_stops, engine_tasks })
    }

    /// Stops being ready, ends streams, and asks agents to reconnect later. Accepted changes are
    /// still stored.
    pub fn stop(&self) {
        self.is_started.send_replace(false);
        self.app.stopping.cancel();
    }

    /// Waits until every posted change is stored. Call after the listeners have closed.
    pub async fn finish(self) {
        self.stop();
        self.engine_stops.cancel();
        self.engine_tasks.wait().await;
        self.app.store.close().await;
    }
}

/// Returns the setup code of a hub without accounts.
async fn setup_code(store: &Store, data_dir: &Path) -> Result<Option<SetupCode>, StartError> {
    let has_users = store.has_users().await.map_err(|error| StartError(chain(&error)))?;
    let setup = if has_users {
        SetupCode::remove(data_dir).map(|()| None)
    } else {
        SetupCode::open(data_dir).map(Some)
    };
    setup.map_err(|error| StartError(error.to_string()))
}

fn v1_options(config: &Config) -> V1Options {
    let anonymous_networks = config.v1.anonymous_networks.clone();
    if !anonymous_networks.is_empty() {
        let networks: Vec<String> = anonymous_networks.iter().map(ToString::to_string).collect();
        let networks = networks.join(", ");
        tracing::warn!(%networks, "v1.anonymous_networks: /api/v1 needs no credentials from these networks; each user there can start, stop and delete tasks of project default");
    }
    V1Options { aggregator: config.hub_agent.party.clone(), anonymous_networks }
}

fn cannot(what: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> StartError {
    move |error| StartError(format!("{what}: {error}"))
}

async fn bind(key: &str, address: std::net::SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = if error.kind() == std::io::ErrorKind::AddrInUse {
            ": stop the program that uses it, or set another address"
        } else {
            ""
        };
        StartError(format!("cannot listen on {address} ({key}): {error}{hint}"))
    })
}

/// Returns the longest time from the first signal to the end of a hub with this configuration.
#[must_use]
pub fn shutdown_deadline(config: &Config) -> Duration {
    Duration::from_secs(config.shutdown.grace_s) + SHUTDOWN_MARGIN
}

/// Runs a hub until `shutdown`, or until an essential task has ended, which is an error. `reload`
/// handles SIGHUP.
pub async fn serve(
    loaded: Loaded<Config>,
    mut reload: Reload,
    clock: SharedClock,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let wrong = config::faults(&loaded);
    if !wrong.is_empty() {
        return Err(StartError(wrong.join("\n")));
    }
    let config = &loaded.value;
    let data_lock = lock_data_dir(&config.data_dir)?;
    let store = open_store(config).await?;
    if config.store.url.is_none() {
        store.migrate().await.map_err(|error| {
            StartError(format!("cannot migrate the database: {}", chain(&error)))
        })?;
    }
    store.check_schema().await.map_err(|error| StartError(chain(&error)))?;
    let mut lock = lock_database(&store).await?;
    let setup = setup_code(&store, &config.data_dir).await?;
    let rest_tls = config
        .rest
        .tls
        .listener(&api::ALPN)
        .map_err(|error| StartError(format!("rest.tls: {error}")))?;
    let agents_tls = config
        .grpc
        .tls
        .listener(&grpc::ALPN)
        .map_err(|error| StartError(format!("grpc.tls: {error}")))?;
    let certificates: Vec<_> = [("rest", &rest_tls), ("grpc", &agents_tls)]
        .into_iter()
        .filter_map(|(listener, tls)| Some((listener, tls.as_ref()?.certificate.clone())))
        .collect();
    let [rest_tls, agents_tls] = [rest_tls, agents_tls].map(|tls| tls.map(|tls| tls.acceptor));
    let rest = bind("rest.listen", config.rest.listen).await?;
    let agents = bind("grpc.listen", config.grpc.listen).await?;
    let health = match config.health.listen {
        Some(address) => Some(bind("health.listen", address).await?),
        None => None,
    };
    let addresses = (
        rest.local_addr().map_err(cannot("rest.listen"))?,
        agents.local_addr().map_err(cannot("grpc.listen"))?,
    );

    let scheme = if rest_tls.is_some() { "https" } else { "http" };
    let address = format!("{scheme}://{}", addresses.0);
    let sign_in = SignIn::open(&config.data_dir, &config.access.sign_in(), &address, &clock)
        .map_err(StartError)?;
    let parts = HubParts {
        store: Arc::new(store),
        clock: clock.clone(),
        setup: setup.clone(),
        sign_in,
        access: AccessOptions {
            is_tls: rest_tls.is_some() || config.access.is_public_tls(),
            has_tls_listener: rest_tls.is_some(),
            requests_per_s: config.access.requests_per_s,
            trusted_proxies: config.access.trusted_proxies.clone(),
        },
        away_after_s: config.contact.away_after_s,
        body_bytes: config.limits.body_bytes,
        v1: v1_options(config),
        cors: Cors::new(config.cors.allow_origins.clone()),
        console: Assets::embedded(),
        webhooks: config.webhooks.options(),
        retention: config.retention.into(),
    };
    let hub = Hub::start(parts).await.map_err(|error| StartError(chain(&error)))?;
    let app = Arc::clone(&hub.app);
    app.metrics.observe(HostSources {
        data_dir: config.data_dir.clone(),
        certificates: certificates.clone(),
    });
    let supervisor = &app.supervisor;
    let listeners = TaskTracker::new();
    if let Some(listener) = health {
        tracing::info!(address = %listener.local_addr().map_err(cannot("health.listen"))?, "serving probes and metrics");
        // Served until the process ends: a probe sees that the hub is stopping.
        let probes = api::serve_probes(Arc::clone(&app), listener);
        tokio::spawn(supervisor.essential(
            "listener for probes",
            &CancellationToken::new(),
            probes,
        ));
    }
    let serve_agents = grpc::serve(Arc::clone(&app), agents, config.grpc.limits(), agents_tls);
    listeners.spawn(supervisor.essential("gRPC listener", &app.stopping, serve_agents));
    let serve_rest = api::serve(Arc::clone(&app), rest, config.rest.limits(), rest_tls);
    listeners.spawn(supervisor.essential("REST listener", &app.stopping, serve_rest));
    let offers = match config.hub_agent.enabled {
        true => Some(crate::hub_agent::spawn(config, &app, &listeners, clock).await?),
        false => None,
    };
    listeners.close();
    let pid = std::process::id();
    tracing::info!(rest = %addresses.0, grpc = %addresses.1, pid, "the hub is ready");
    if let Some(path) = setup.as_ref().and_then(SetupCode::path) {
        tracing::warn!(setup_code = %path.display(), "the hub has no account yet: run `flowctl setup` on this machine, or `flowctl setup --code-file FILE` with a copy of the setup code on another");
    }

    // Watched until the process ends: while changes are still being stored, no other hub may run.
    let watched = CancellationToken::new();
    let data_lock_lost = data_lock.lost();
    let failing = supervisor.clone();
    let watch_locks = async move {
        let reason = tokio::select! {
            lost = lock.lost() => chain(&lost),
            lost = data_lock_lost => lost,
        };
        failing.fail(format!("this hub has lost its lock: {reason}"));
    };
    let watch = tokio::spawn(supervisor.essential("lock watch", &watched, watch_locks));
    let ended = tokio::select! {
        never = reload.run(&loaded, offers.as_ref(), &certificates) => match never {},
        () = shutdown.soft.cancelled() => Ok(()),
        reason = supervisor.failed() => Err(StartError(reason)),
    };
    shutdown.begin();
    hub.stop();
    tokio::select! {
        () = listeners.wait() => {}
        () = flow_common::clock::sleep(Duration::from_secs(config.shutdown.grace_s)) => tracing::warn!("shutdown.grace_s is over; ending requests that did not finish"),
    }
    let finished = flow_common::clock::timeout(ENGINE_DRAIN_TIMEOUT, hub.finish()).await;
    watched.cancel();
    watch.abort();
    match (ended, app.supervisor.failure()) {
        (Ok(()), Some(reason)) => Err(StartError(reason)),
        (Ok(()), None) if finished.is_err() => {
            let seconds = ENGINE_DRAIN_TIMEOUT.as_secs();
            Err(StartError(format!(
                "the store did not finish within {seconds} s; unanswered requests may or may not be stored"
            )))
        }
        (ended, _) => ended,
    }
}
