//! The command line of `flow-federate`.

#[cfg(feature = "kubernetes")]
mod cluster;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use flow_common::clock::SystemClock;
use flow_common::config::Loaded;
use flow_common::lifecycle::Shutdown;
use flow_common::{private_dir, secret_file, telemetry};
use futures::future::{BoxFuture, FutureExt as _};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::agent::{self, AgentConfig, RETENTION_S};
use crate::config::{self, Checked, Config, RuntimeKind};
use crate::health::{self, Pages};
use crate::offer::{Offer, UNREPAIRED};
use crate::runtime::process::{ProcessConfig, ProcessRuntime, containment};
use crate::runtime::{DataSource, ImageSource, Runtime};
use crate::session::Connector;

/// Time between two looks for run directories past their retention.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// One party's agent: runs what the hub asks for and this party allows.
#[derive(Debug, Parser)]
#[command(name = "flow-federate", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Connect to the hub and serve until SIGTERM. Work that was started goes on and is taken up by the next agent.
    /// SIGHUP reads images, datasets and resources anew.
    Run(Source),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check what this party needs: configuration, secret, directories, cluster, hub.
    Doctor(Source),
    /// What an administrator of a cluster needs.
    #[cfg(feature = "kubernetes")]
    #[command(subcommand)]
    Kubernetes(cluster::Command),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say whether the configuration is good.
    Check(Source),
    /// Print every effective value with its source, secrets left out.
    Dump(Source),
}

#[derive(Debug, Clone, Args)]
struct Source {
    /// Configuration file (TOML); without it defaults and environment alone.
    #[arg(long, value_name = "FILE", env = "FLOW_FEDERATE_CONFIG")]
    config: Option<PathBuf>,
    /// Override one key, e.g. --set log.level=debug. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be key=value")?;
    Ok((key.to_owned(), value.to_owned()))
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Source {
    fn load(&self) -> Result<Loaded<Config>, Failure> {
        Ok(config::load(self.config.clone(), self.set.clone())?)
    }
}

/// Everything but the sidecar.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(source) => run(&source),
        Command::Config(ConfigCommand::Check(source)) => check(&source),
        Command::Config(ConfigCommand::Dump(source)) => dump(&source),
        Command::Doctor(source) => doctor(&source),
        #[cfg(feature = "kubernetes")]
        Command::Kubernetes(command) => cluster::main(command),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "flow-federate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn check(source: &Source) -> Result<bool, Failure> {
    let checked = source.load()?.value.check()?;
    say(&format!("good: party {}, hub {}", checked.party, checked.hub))
}

fn dump(source: &Source) -> Result<bool, Failure> {
    say(source.load()?.dump().trim_end())
}

fn say(text: &str) -> Result<bool, Failure> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(true)
}

fn run(source: &Source) -> Result<bool, Failure> {
    let config = source.load()?.value;
    telemetry::init(&config.log)?;
    let checked = config.check()?;
    let secret = secret_file::read(&config.hub.secret_file)?;
    // One thread is plenty for an agent, and small: the work is done by others.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(source.clone(), config, checked, secret))?;
    // What still blocks must not keep us: nothing of it needs an end.
    runtime.shutdown_background();
    Ok(true)
}

async fn serve(source: Source, config: Config, checked: Checked, secret: secret_file::Secret) -> Result<(), Failure> {
    let shutdown = Shutdown::on_signals()?;
    let (questions, asked) = mpsc::channel(1);
    if let Some(address) = checked.health {
        let listener = TcpListener::bind(address).await.map_err(|error| format!("health.listen = {address}: {error}"))?;
        tracing::info!(address = %listener.local_addr()?, "health and metrics");
        tokio::spawn(health::serve(listener, Pages { questions, data_dir: config.data_dir.clone() }));
    }
    let (runtime, lost) = tokio::select! {
        runtime = runtime(&config, &checked) => runtime?,
        // A cluster that does not answer is waited for.
        () = shutdown.soft.cancelled() => return Ok(()),
    };
    let (offers, offer) = watch::channel(Arc::new(checked.offer));
    let logs = config.logs.policy();
    tokio::spawn(reread(source, offers, signal(SignalKind::hangup())?));
    tracing::info!(party.id = %checked.party, hub = %checked.hub, version = env!("CARGO_PKG_VERSION"), "agent started");
    let agent = agent::run(
        AgentConfig {
            party: checked.party,
            data_dir: config.data_dir,
            secret: Some(secret),
            hold_max_s: config.hold_max_s,
            offer,
            logs,
            questions: asked,
        },
        Connector::Network(checked.hub),
        runtime,
        SystemClock::shared(),
        shutdown.soft.clone(),
    );
    tokio::select! {
        ended = agent => ended?,
        why = lost => return Err(why.into()),
        () = shutdown.hard.cancelled() => tracing::warn!("ended at once, as asked"),
    }
    Ok(())
}

/// What members run on, and what completes, with the reason, when they cannot be run any more.
async fn runtime(config: &Config, checked: &Checked) -> Result<(Arc<dyn Runtime>, BoxFuture<'static, String>), Failure> {
    match config.runtime {
        RuntimeKind::Process => {
            let processes = ProcessConfig { hold_max_s: config.hold_max_s, ..ProcessConfig::new(&config.data_dir) };
            let processes = Arc::new(ProcessRuntime::new(processes)?);
            tokio::spawn(sweep(Arc::clone(&processes)));
            Ok((processes, std::future::pending().boxed()))
        }
        #[cfg(feature = "kubernetes")]
        RuntimeKind::Kubernetes => cluster::runtime(config, checked).await,
        #[cfg(not(feature = "kubernetes"))]
        RuntimeKind::Kubernetes => Err(format!("{}: this build knows no clusters", checked.party).into()),
    }
}

/// SIGHUP: images, datasets and resources are read anew; anything else needs a restart.
async fn reread(source: Source, offers: watch::Sender<Arc<Offer>>, mut hangups: tokio::signal::unix::Signal) {
    while hangups.recv().await.is_some() {
        let read = source.load().and_then(|loaded| Ok(loaded.value.check()?));
        match read {
            Ok(checked) => {
                offers.send_replace(Arc::new(checked.offer));
            }
            Err(error) => tracing::error!(%error, "the configuration is not taken over; the old one stays"),
        }
    }
}

/// Logs and outputs of members that ended long ago go with what proved their end.
pub async fn sweep(processes: Arc<ProcessRuntime>) {
    loop {
        match processes.sweep_older_than(Duration::from_secs(RETENTION_S)).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "run directories past their retention were removed"),
            Err(error) => tracing::warn!(%error, "run directories could not be removed; trying again later"),
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

fn doctor(source: &Source) -> Result<bool, Failure> {
    let mut report = Report::default();
    let Some(loaded) = report.note("configuration", source.load().map_err(|e| e.to_string())) else { return report.print() };
    let config = loaded.value;
    let checked = report.note("values", config.check().map_err(|e| e.to_string()));
    report.note("secret", secret_file::read(&config.hub.secret_file).map(|_| ()).map_err(|e| e.to_string()));
    report.note("data_dir", writable(&config.data_dir));
    for (name, image) in &config.images {
        let ImageSource::Root(root) = &image.source else { continue };
        let there = root.is_dir().then_some(()).ok_or_else(|| format!("{} is not a directory", root.display()));
        report.note(&format!("image {name}"), there);
        if image.source.is_unrepaired() {
            report.lines.push(format!("warn  image {name}: it has no compat/: {UNREPAIRED}"));
        }
    }
    for (name, dataset) in &config.datasets {
        let DataSource::Directory(path) = &dataset.source else { continue };
        let there = std::fs::read_dir(path).map(|_| ()).map_err(|e| format!("{}: {e}", path.display()));
        report.note(&format!("dataset {name}"), there);
    }
    if let Some(Checked { hub, .. }) = checked {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        report.note("hub", runtime.block_on(hub.knock()).map_err(|e| e.to_string()));
    }
    match config.runtime {
        RuntimeKind::Process => report.lines.push(format!("ok    containment of workloads: {}", containment())),
        #[cfg(feature = "kubernetes")]
        RuntimeKind::Kubernetes => cluster::doctor(&config, &mut report)?,
        #[cfg(not(feature = "kubernetes"))]
        RuntimeKind::Kubernetes => {}
    }
    report.print()
}

fn writable(dir: &std::path::Path) -> Result<(), String> {
    private_dir::ensure(dir).map_err(|error| error.to_string())?;
    let probe = dir.join(".doctor");
    let tried = std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe));
    tried.map_err(|error| format!("{}: {error}", dir.display()))
}

#[derive(Default)]
struct Report {
    lines: Vec<String>,
    bad: bool,
}

impl Report {
    fn note<T>(&mut self, what: &str, found: Result<T, String>) -> Option<T> {
        match found {
            Ok(value) => {
                self.lines.push(format!("ok    {what}"));
                Some(value)
            }
            Err(error) => {
                self.bad = true;
                self.lines.push(format!("FAIL  {what}: {error}"));
                None
            }
        }
    }

    fn print(self) -> Result<bool, Failure> {
        say(&self.lines.join("\n"))?;
        Ok(!self.bad)
    }
}
