//! The command line of `flow-federate`.

#[cfg(feature = "kubernetes")]
mod cluster;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use flow_common::clock::{self, Clock as _, SystemClock};
use flow_common::config::Loaded;
use flow_common::lifecycle::Shutdown;
use flow_common::supervisor::Supervisor;
use flow_common::tls::client::trusted;
use flow_common::tls::validity::WARNING_PERIOD;
use flow_common::{private_dir, secret_file, telemetry};
use futures::future::{BoxFuture, FutureExt as _};
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::AccessFlags;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::admission::{MISSING_SHIM_EFFECT, PartyPolicy};
use crate::agent::{self, AgentConfig};
use crate::config::{self, Checked, Config, Faults, RuntimeKind};
use crate::dial::Address;
use crate::health::{self, HealthPages};
use crate::retention;
use crate::runtime::process::{ProcessConfig, ProcessRuntime, containment};
use crate::runtime::{DataSource, ImageSource, Runtime};
use crate::session::{self, Connector, Login, SecretSource};

/// Longest time from the first signal to the end.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(15);
/// The name of the task that removes what is past its retention.
const SWEEP: &str = "sweep of what is past its retention";

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
    /// SIGHUP reads images, datasets and resources anew, and names what else changed and takes a restart.
    Run(ConfigArgs),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check what this party needs: configuration, secret, directories, cluster, and whether the hub accepts the secret.
    /// Writes nothing.
    Doctor(ConfigArgs),
    /// What an administrator of a cluster needs.
    #[cfg(feature = "kubernetes")]
    #[command(subcommand)]
    Kubernetes(cluster::Command),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say whether the configuration is good.
    Check(ConfigArgs),
    /// Print every effective value with its source, secrets left out.
    Dump(ConfigArgs),
}

/// Names the environment variable with the path of the configuration file.
#[derive(Debug, Clone)]
struct Program;

impl flow_common::config_args::Program for Program {
    const CONFIG_ENV: &'static str = "FLOW_FEDERATE_CONFIG";
}

type ConfigArgs = flow_common::config_args::ConfigArgs<Program>;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn load(args: &ConfigArgs) -> Result<Loaded<Config>, Failure> {
    Ok(config::load(args.file.clone(), args.overrides.clone())?)
}

/// Everything but the sidecar.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => run(&args),
        Command::Config(ConfigCommand::Check(args)) => check(&args),
        Command::Config(ConfigCommand::Dump(args)) => dump(&args),
        Command::Doctor(args) => doctor(&args),
        #[cfg(feature = "kubernetes")]
        Command::Kubernetes(command) => cluster::main(command),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            telemetry::last_words(&format!("flow-federate: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn check(args: &ConfigArgs) -> Result<bool, Failure> {
    let (loaded, faults) = config::load_sound(args.file.clone(), args.overrides.clone())?;
    let mut wrong: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let checked = loaded.value.check();
    if let Err(Faults(found)) = &checked {
        wrong.extend(found.iter().map(|fault| loaded.locate(&fault.to_string())));
    }
    let (expired, warnings) = trust_findings(checked.as_ref().ok());
    wrong.extend(expired);
    match checked {
        Ok(checked) if wrong.is_empty() => {
            warnings
                .iter()
                .try_for_each(|warning| say(&format!("warning: {warning}")).map(drop))?;
            say(&format!("good: party {}, hub {}", checked.party, checked.hub))
        }
        _ => Err(wrong.join("\n").into()),
    }
}

/// Faults and warnings about the certificates of the authorities in `hub.ca_file`.
fn trust_findings(checked: Option<&Checked>) -> (Vec<String>, Vec<String>) {
    let Some(Checked { hub: Address::Tls { ca_file: Some(file), .. }, .. }) = checked else {
        return Default::default();
    };
    let now = SystemClock.now();
    match trusted(file, now) {
        Err(error) => (vec![format!("hub.ca_file: {error}")], Vec::new()),
        Ok(trusted) => {
            let warnings = trusted.iter().filter_map(|certificate| certificate.warning(now));
            (Vec::new(), warnings.map(|warning| format!("hub.ca_file: {warning}")).collect())
        }
    }
}

fn dump(args: &ConfigArgs) -> Result<bool, Failure> {
    say(load(args)?.dump().trim_end())
}

fn say(text: &str) -> Result<bool, Failure> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(true)
}

fn run(args: &ConfigArgs) -> Result<bool, Failure> {
    let loaded = load(args)?;
    let config = loaded.value.clone();
    telemetry::init(&config.log)?;
    let checked = config.check().map_err(|faults| located(&loaded, &faults))?;
    let login = login(&config, &checked);
    login.credentials()?;
    // One thread is plenty for an agent, and small: the work is done by others.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(args.clone(), loaded, checked, login))?;
    // What still blocks must not keep us: nothing of it needs an end.
    runtime.shutdown_background();
    Ok(true)
}

fn login(config: &Config, checked: &Checked) -> Login {
    Login {
        party: checked.party.clone(),
        secret: SecretSource::File(config.hub.secret_file.clone()),
    }
}

/// Faults with the files that they are in, a sentence a line.
fn located(loaded: &Loaded<Config>, Faults(faults): &Faults) -> String {
    faults.iter().map(|fault| loaded.locate(&fault.to_string())).collect::<Vec<_>>().join("\n")
}

async fn serve(
    args: ConfigArgs,
    loaded: Loaded<Config>,
    checked: Checked,
    login: Login,
) -> Result<(), Failure> {
    let shutdown = Shutdown::on_signals(SHUTDOWN_DEADLINE)?;
    let (supervisor, stopping) = (Supervisor::default(), &shutdown.soft);
    // From the beginning: unheard, the signal would end the process.
    let hangups = signal(SignalKind::hangup())?;
    let config = loaded.value.clone();
    let (status_requests, asked) = mpsc::channel(1);
    if let Some(address) = checked.health {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| format!("health.listen = {address}: {error}"))?;
        tracing::info!(address = %listener.local_addr()?, "health and metrics");
        let pages = HealthPages {
            status_requests,
            data_dir: config.data_dir.clone(),
            ca_file: ca_file(&checked),
        };
        tokio::spawn(supervisor.essential(
            "health listener",
            stopping,
            health::serve(listener, pages),
        ));
    }
    let (runtime, lost) = tokio::select! {
        runtime = runtime(&config, &checked, &supervisor, stopping) => runtime?,
        // A cluster that does not answer is waited for.
        () = shutdown.soft.cancelled() => return Ok(()),
    };
    let (policies, policy) = watch::channel(Arc::new(checked.policy.clone()));
    let logs = config.logs.policy();
    if let Some(file) = ca_file(&checked) {
        tokio::spawn(supervisor.essential(
            "watch of the authorities' certificates",
            stopping,
            watch_trust(file),
        ));
    }
    let reread = reread(args, loaded, policies, hangups);
    tokio::spawn(supervisor.essential("reload of the configuration", stopping, reread));
    let pid = std::process::id();
    tracing::info!(party.id = %checked.party, hub = %checked.hub, version = env!("CARGO_PKG_VERSION"), pid, "agent started");
    let agent = agent::run(
        AgentConfig {
            party: checked.party,
            data_dir: config.data_dir,
            secret: login.secret,
            hold_max_s: config.hold_max_s,
            policy,
            logs,
            status_requests: asked,
        },
        Connector::Network(checked.hub),
        runtime,
        SystemClock::shared(),
        shutdown.soft.clone(),
    );
    let ended = tokio::select! {
        ended = agent => ended.map_err(Failure::from),
        why = lost => Err(why.into()),
        why = supervisor.failed() => Err(why.into()),
    };
    shutdown.begin();
    ended
}

/// What members run on, and what completes, with the reason, when they cannot be run any more.
async fn runtime(
    config: &Config,
    checked: &Checked,
    supervisor: &Supervisor,
    stopping: &CancellationToken,
) -> Result<(Arc<dyn Runtime>, BoxFuture<'static, String>), Failure> {
    match config.runtime {
        RuntimeKind::Process => {
            let processes = ProcessConfig {
                hold_max_s: config.hold_max_s,
                ..ProcessConfig::new(&config.data_dir)
            };
            let processes = Arc::new(ProcessRuntime::new(processes)?);
            let sweep =
                retention::sweep(Arc::clone(&processes), config.retention, config.data_dir.clone());
            tokio::spawn(supervisor.essential(SWEEP, stopping, sweep));
            Ok((processes, std::future::pending().boxed()))
        }
        #[cfg(feature = "kubernetes")]
        RuntimeKind::Kubernetes => cluster::runtime(config, checked, supervisor, stopping).await,
        #[cfg(not(feature = "kubernetes"))]
        RuntimeKind::Kubernetes => {
            Err(format!("{}: this build knows no clusters", checked.party).into())
        }
    }
}

/// SIGHUP: images, datasets and resources are read anew; of anything else that changed it is said that it takes a restart.
async fn reread(
    args: ConfigArgs,
    started: Loaded<Config>,
    policies: watch::Sender<Arc<PartyPolicy>>,
    mut hangups: tokio::signal::unix::Signal,
) {
    while hangups.recv().await.is_some() {
        let read = load(&args).and_then(|loaded| match loaded.value.check() {
            Ok(checked) => Ok((loaded, checked)),
            Err(faults) => Err(located(&loaded, &faults).into()),
        });
        match read {
            Ok((loaded, checked)) => {
                let ignored = loaded.changed_since(&started, &config::RELOADABLE).join(", ");
                if !ignored.is_empty() {
                    tracing::warn!(
                        "changed, and not reloadable: {ignored}; restart the agent to use the new values"
                    );
                }
                policies.send_replace(Arc::new(checked.policy));
            }
            Err(error) => {
                tracing::error!(%error, "the configuration is not taken over; the old one stays")
            }
        }
    }
}

/// The file of the authorities that say who the hub is, unless this machine's own count.
fn ca_file(checked: &Checked) -> Option<PathBuf> {
    match &checked.hub {
        Address::Tls { ca_file, .. } => ca_file.clone(),
        Address::Plain(_) => None,
    }
}

/// Says once a day what will soon be wrong with the authorities in this file.
async fn watch_trust(file: PathBuf) {
    loop {
        let now = SystemClock.now();
        match trusted(&file, now) {
            Ok(trusted) => trusted
                .iter()
                .filter_map(|certificate| certificate.warning(now))
                .for_each(|warning| tracing::warn!("{warning}")),
            Err(error) => tracing::warn!("hub.ca_file: {error}"),
        }
        clock::sleep(WARNING_PERIOD).await;
    }
}

fn doctor(args: &ConfigArgs) -> Result<bool, Failure> {
    let mut report = Report::default();
    let read =
        config::load_sound(args.file.clone(), args.overrides.clone()).map_err(|e| e.to_string());
    let Some((loaded, faults)) = report.note("configuration", read) else { return report.print() };
    faults.iter().for_each(|fault| report.fail("configuration", &fault.to_string()));
    let config = &loaded.value;
    let checked = report.note("values", config.check().map_err(|faults| located(&loaded, &faults)));
    report.note(
        "secret",
        secret_file::read(&config.hub.secret_file).map(|_| ()).map_err(|e| e.to_string()),
    );
    match usable(&config.data_dir) {
        Ok(None) => report.lines.push("ok    data_dir".to_owned()),
        Ok(Some(note)) => report.lines.push(format!("ok    data_dir: {note}")),
        Err(error) => report.fail("data_dir", &error),
    }
    if let Some(warning) = config.retention.warning(&config.data_dir) {
        report.warn(&warning);
    }
    for (name, image) in &config.images {
        let ImageSource::Root(root) = &image.source else { continue };
        let there = root
            .is_dir()
            .then_some(())
            .ok_or_else(|| format!("{} is not a directory", root.display()));
        report.note(&format!("image {name}"), there);
        if image.source.lacks_shim() {
            report.warn(&format!("image {name}: it has no compat/: {MISSING_SHIM_EFFECT}"));
        }
    }
    for (name, dataset) in &config.datasets {
        let DataSource::Directory(path) = &dataset.source else { continue };
        let there =
            std::fs::read_dir(path).map(|_| ()).map_err(|e| format!("{}: {e}", path.display()));
        report.note(&format!("dataset {name}"), there);
    }
    if let Some(checked) = &checked {
        let (expired, warnings) = trust_findings(Some(checked));
        warnings.iter().for_each(|warning| report.warn(warning));
        if expired.is_empty() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let known =
                runtime.block_on(session::authenticate(&checked.hub, &login(config, checked)));
            report.note("hub", known);
        } else {
            expired.iter().for_each(|problem| report.fail("hub", problem));
        }
    }
    match config.runtime {
        RuntimeKind::Process => {
            report.lines.push(format!("ok    containment of workloads: {}", containment()))
        }
        #[cfg(feature = "kubernetes")]
        RuntimeKind::Kubernetes => cluster::doctor(config, &mut report)?,
        #[cfg(not(feature = "kubernetes"))]
        RuntimeKind::Kubernetes => {}
    }
    report.print()
}

/// Checks that this user can use the directory, or that `run` can make it. Writes nothing: a directory made by the user who
/// runs `doctor`, perhaps root, would be of no use to the agent.
fn usable(dir: &Path) -> Result<Option<String>, String> {
    let writable = |dir: &Path| {
        let modes = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
        nix::unistd::faccessat(AT_FDCWD, dir, modes, AtFlags::AT_EACCESS)
            .map_err(|error| format!("{}: {}", dir.display(), error.desc()))
    };
    match std::fs::metadata(dir) {
        Ok(found) if found.is_dir() => {
            private_dir::check(dir).map_err(|error| error.to_string())?;
            writable(dir).map(|()| None)
        }
        Ok(_) => Err(format!("{} is not a directory", dir.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let absolute =
                std::path::absolute(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
            let parent = absolute
                .ancestors()
                .skip(1)
                .find(|parent| parent.is_dir())
                .unwrap_or(Path::new("/"));
            writable(parent)
                .map(|()| Some(format!("{} is not there yet; `run` makes it", dir.display())))
        }
        Err(error) => Err(format!("{}: {error}", dir.display())),
    }
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
                self.fail(what, &error);
                None
            }
        }
    }

    fn fail(&mut self, what: &str, error: &str) {
        self.bad = true;
        self.lines.extend(error.lines().map(|line| format!("FAIL  {what}: {line}")));
    }

    fn warn(&mut self, warning: &str) {
        self.lines.push(format!("warn  {warning}"));
    }

    fn print(self) -> Result<bool, Failure> {
        say(&self.lines.join("\n"))?;
        Ok(!self.bad)
    }
}
