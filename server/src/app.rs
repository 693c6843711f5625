//! The hub put together: what its doors share, how it comes up and how it goes down.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flow_common::clock::{SharedClock, monotonic};
use flow_common::config::Loaded;
use flow_common::dir_lock::{DirLock, DirLockError};
use flow_common::error::chain;
use flow_common::lifecycle::Shutdown;
use flow_common::supervisor::Supervisor;
use flow_domain::error::Error;
use flow_domain::id::PartyId;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Auth;
use crate::config::{self, Config, SynchronousConfig};
use crate::engine::{Engine, EngineParts};
use crate::grpc::sessions::Sessions;
use crate::metrics::{Machine, Metrics};
use crate::readiness::Readiness;
use crate::reload::Reload;
use crate::store::{HubLock, Store, StoreError, StoreOptions, Synchronous};
use crate::{api, grpc};

/// Longest time for the engine to store what was posted, once the listeners are closed.
const ENGINE_FINISH_MAX: Duration = Duration::from_secs(10);
/// Time of an orderly end beyond `shutdown.grace_s` after which the process is ended whatever it waits for.
const SHUTDOWN_MARGIN: Duration = Duration::from_secs(15);

/// What every handler and session shares.
pub struct App {
    /// The door to every change.
    pub engine: Engine,
    /// For reading, and for what is not a task.
    pub store: Arc<Store>,
    /// Who is connected.
    pub sessions: Sessions,
    /// What time it is.
    pub clock: SharedClock,
    /// Who is calling.
    pub auth: Auth,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Requests are welcome.
    pub ready: watch::Receiver<bool>,
    /// The result of the last check whether the hub works.
    pub readiness: Readiness,
    /// Why the hub can work no longer, if it cannot.
    pub supervisor: Supervisor,
    /// The hub is going down: streams end, agents are told to come back.
    pub stopping: CancellationToken,
    /// Seconds without contact after which another agent may take a party's place.
    pub away_after_s: u64,
    /// Bytes of request bodies that are in memory at a time, of all requests together.
    pub body_bytes: Arc<Semaphore>,
    /// The party whose agent is inside this process; unset if there is none.
    pub embedded: OnceLock<PartyId>,
}

/// What an [`App`] is made of.
pub struct Parts {
    /// Migrated.
    pub store: Arc<Store>,
    /// What time it is.
    pub clock: SharedClock,
    /// Who may call.
    pub auth: Auth,
    /// See [`App::away_after_s`].
    pub away_after_s: u64,
    /// Most bytes of request bodies in memory at a time, of all requests together.
    pub body_bytes: usize,
}

/// An [`App`] with its loops.
pub struct Running {
    /// The app.
    pub app: Arc<App>,
    ready: watch::Sender<bool>,
    engine_stops: CancellationToken,
    engine_tasks: TaskTracker,
}

impl Running {
    /// Starts the engine, notes that nobody is connected, and is ready.
    pub async fn start(parts: Parts) -> Result<Self, Error> {
        let Parts { store, clock, auth, away_after_s, body_bytes } = parts;
        let sessions = Sessions::default();
        let metrics = Arc::new(Metrics::default());
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
        })
        .await?;
        let (ready, is_ready) = watch::channel(true);
        let stopping = CancellationToken::new();
        let app = App {
            engine,
            store,
            sessions,
            clock,
            auth,
            metrics,
            ready: is_ready,
            readiness: Readiness::default(),
            supervisor,
            stopping,
            away_after_s,
            body_bytes: Arc::new(Semaphore::new(body_bytes)),
            embedded: OnceLock::new(),
        };
        Ok(Self { app: Arc::new(app), ready, engine_stops, engine_tasks })
    }

    /// No longer ready, streams end, agents are told to come back. What was asked before is still done.
    pub fn stop(&self) {
        self.ready.send_replace(false);
        self.app.stopping.cancel();
    }

    /// Waits until everything posted is stored. Call when the doors are closed.
    pub async fn finish(self) {
        self.stop();
        self.engine_stops.cancel();
        self.engine_tasks.wait().await;
        self.app.store.close().await;
    }
}

/// A hub cannot be started, for a reason the operator can mend.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

fn cannot(what: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> StartError {
    move |error| StartError(format!("{what}: {error}"))
}

/// The lock on the data directory: one hub at a time. Held as long as the value lives.
pub fn lock_data_dir(data_dir: &Path) -> Result<DirLock, StartError> {
    let shown = data_dir.display();
    flow_common::private_dir::ensure(data_dir)
        .map_err(|error| StartError(format!("data_dir: {error}")))?;
    DirLock::acquire(&data_dir.join("lock")).map_err(|error| match error {
        DirLockError::InUse(_) => StartError(format!(
            "another flow-server is using {shown}: stop it, or set another data_dir"
        )),
        DirLockError::Io { .. } => {
            StartError(format!("cannot write to the data directory {shown}: {}", chain(&error)))
        }
    })
}

/// Opens the configured store. The caller holds the lock on the data directory if it means to write.
pub async fn open_store(config: &Config) -> Result<Store, StartError> {
    open_store_within(config, Duration::ZERO).await
}

/// [`open_store`], asking again for as long as `patience` while the database does not answer.
pub async fn open_store_within(config: &Config, patience: Duration) -> Result<Store, StartError> {
    let url = config.store_url().map_err(|error| StartError(error.to_string()))?;
    let options = StoreOptions {
        synchronous: match config.store.synchronous {
            SynchronousConfig::Full => Synchronous::Full,
            SynchronousConfig::Normal => Synchronous::Normal,
        },
        max_connections: config.store.max_connections,
    };
    let deadline = monotonic() + patience;
    loop {
        match Store::open(&url, options).await {
            Err(error @ StoreError::Unavailable(_)) if monotonic() < deadline => {
                tracing::info!(error = chain(&error), "waiting for the database");
                flow_common::clock::sleep(Duration::from_secs(1)).await;
            }
            done => {
                return done.map_err(|error| {
                    StartError(format!("cannot open the store: {}", chain(&error)))
                });
            }
        }
    }
}

/// The lock on the database: one hub at a time, wherever each runs. Held as long as the value lives.
pub async fn lock_database(store: &Store) -> Result<HubLock, StartError> {
    store
        .lock_hub(flow_common::ids::instance_id().as_str())
        .await
        .map_err(|error| StartError(chain(&error)))
}

async fn bind(key: &str, address: std::net::SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = if error.kind() == std::io::ErrorKind::AddrInUse {
            ": end the program that uses it, or set another"
        } else {
            ""
        };
        StartError(format!("cannot listen on {address} ({key}): {error}{hint}"))
    })
}

/// Longest time from the first signal to the end of a hub of this configuration.
#[must_use]
pub fn shutdown_deadline(config: &Config) -> Duration {
    Duration::from_secs(config.shutdown.grace_s) + SHUTDOWN_MARGIN
}

/// Runs a hub until it is told to stop, or until something essential of it has ended: that is an error. `reload` is answered
/// at each SIGHUP.
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
            StartError(format!("cannot bring the database up to date: {}", chain(&error)))
        })?;
    }
    store.check_schema().await.map_err(|error| StartError(chain(&error)))?;
    let mut lock = lock_database(&store).await?;
    let (auth, token_file) =
        Auth::open(&config.data_dir).map_err(|error| StartError(error.to_string()))?;
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
        .filter_map(|(door, tls)| Some((door, tls.as_ref()?.certificate.clone())))
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

    let parts = Parts {
        store: Arc::new(store),
        clock: clock.clone(),
        auth,
        away_after_s: config.contact.away_after_s,
        body_bytes: config.limits.body_bytes,
    };
    let running = Running::start(parts).await.map_err(|error| StartError(chain(&error)))?;
    let app = Arc::clone(&running.app);
    app.metrics
        .observe(Machine { data_dir: config.data_dir.clone(), certificates: certificates.clone() });
    let supervisor = &app.supervisor;
    let doors = TaskTracker::new();
    if let Some(listener) = health {
        tracing::info!(address = %listener.local_addr().map_err(cannot("health.listen"))?, "probes and metrics");
        // Served to the very end: a probe sees that the hub is stopping.
        let probes = api::serve_probes(Arc::clone(&app), listener);
        tokio::spawn(supervisor.essential(
            "listener for probes",
            &CancellationToken::new(),
            probes,
        ));
    }
    let serve_agents = grpc::serve(Arc::clone(&app), agents, config.grpc.limits(), agents_tls);
    doors.spawn(supervisor.essential("gRPC listener", &app.stopping, serve_agents));
    let serve_rest = api::serve(Arc::clone(&app), rest, config.rest.limits(), rest_tls);
    doors.spawn(supervisor.essential("REST listener", &app.stopping, serve_rest));
    let offers = match config.hub_agent.enabled {
        true => Some(crate::hub_agent::spawn(config, &app, &doors, clock).await?),
        false => None,
    };
    doors.close();
    let pid = std::process::id();
    tracing::info!(rest = %addresses.0, grpc = %addresses.1, token = %token_file.display(), pid, "the hub is ready");

    // Watched to the very end: what is still to be stored is this hub's alone.
    let watched = CancellationToken::new();
    let data_lock_lost = data_lock.lost();
    let failing = supervisor.clone();
    let watch_locks = async move {
        let reason = tokio::select! {
            lost = lock.lost() => chain(&lost),
            lost = data_lock_lost => lost,
        };
        failing.fail(format!("this hub has lost its place: {reason}"));
    };
    let watch = tokio::spawn(supervisor.essential("lock watch", &watched, watch_locks));
    let ended = tokio::select! {
        never = reload.run(&loaded, offers.as_ref(), &certificates) => match never {},
        () = shutdown.soft.cancelled() => Ok(()),
        reason = supervisor.failed() => Err(StartError(reason)),
    };
    shutdown.begin();
    running.stop();
    tokio::select! {
        () = doors.wait() => {}
        () = flow_common::clock::sleep(Duration::from_secs(config.shutdown.grace_s)) => tracing::warn!("some requests did not finish in time"),
    }
    let finished = flow_common::clock::timeout(ENGINE_FINISH_MAX, running.finish()).await;
    watched.cancel();
    watch.abort();
    match (ended, app.supervisor.failure()) {
        (Ok(()), Some(reason)) => Err(StartError(reason)),
        (Ok(()), None) if finished.is_err() => {
            let seconds = ENGINE_FINISH_MAX.as_secs();
            Err(StartError(format!(
                "the store did not finish within {seconds} s; requests without an answer may or may not be stored"
            )))
        }
        (ended, _) => ended,
    }
}
