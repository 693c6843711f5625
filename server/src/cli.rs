//! The commands of `flow-server`.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use flow_common::clock::{Clock as _, SystemClock};
use flow_common::config_args::{self, ConfigArgs};
use flow_common::error::chain;
use flow_common::lifecycle::Shutdown;
use flow_common::{secret_file, stdout, telemetry};
use flow_domain::id::UserName;

use crate::access::{SETUP_FILE, SetupCode, recover};
use crate::config::{self, Config};
use crate::error::StartError;
use crate::import::{self, ImportArgs};
use crate::reload::Reload;
use crate::store::{Store, StoreError};
use crate::{backup, serve, startup};

/// The hub of a federation: stores tasks, schedules them across parties, reports their state.
#[derive(Debug, Parser)]
#[command(name = "flow-server", version)]
struct Cli {
    #[command(flatten)]
    config: ConfigArgs<Program>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub until SIGTERM or Ctrl-C; a second signal ends it at once. SIGHUP reloads images,
    /// datasets and resources of its own agent, and logs other changed keys, which need a restart.
    Serve,
    /// Apply pending migrations to the database. `serve` applies them to the embedded database by
    /// itself.
    Migrate {
        /// Seconds to wait for a database that does not answer.
        #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=86_400))]
        wait: u64,
    },
    /// Check or print the configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print the OpenAPI document of the REST API.
    Openapi,
    /// Print the setup code of a hub without accounts, for `flowctl setup` on another machine. For
    /// containers without `cat`.
    SetupCode,
    /// Print a new API token of a federation administrator, for one that was lost. Creates the
    /// account if there is none with this name, and enables a disabled one. The hub may be running.
    AdminToken {
        /// Name of the account.
        #[arg(value_name = "NAME")]
        name: UserName,
    },
    /// Check configuration, data directory, database and schema; print the remedy for each problem.
    Doctor,
    /// Copy the embedded database to a new file, also while the hub is running. With --all: also
    /// configuration, certificates and keys, to a new directory.
    ///
    /// A backup contains secrets; only its owner can read it. It never contains the database of
    /// MySQL and MariaDB: dump that with the database's own tools.
    Backup {
        /// Back up everything that a new machine needs for this hub, to the directory PATH.
        #[arg(long)]
        all: bool,
        /// File or directory to write; must not exist.
        #[arg(value_name = "PATH")]
        to: PathBuf,
    },
    /// Take over templates, tasks and parties from another system; the hub must not be running.
    Import {
        #[command(subcommand)]
        system: ImportCommand,
    },
    /// Replace the embedded database by a backup; the hub must not be running.
    ///
    /// From a directory of `backup --all` it also names configuration,
    /// certificates and keys that differ from the backup. With MySQL, first load the dump with
    /// MySQL's own tools, then run `restore --loaded`, so that agents learn of the restore.
    Restore {
        /// The backup: a file, or the directory of `backup --all`.
        #[arg(value_name = "PATH", required_unless_present = "loaded", conflicts_with = "loaded")]
        from: Option<PathBuf>,
        /// The database was restored by other means.
        #[arg(long)]
        loaded: bool,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the configuration and print all errors.
    Check,
    /// Print every effective value and its source.
    Dump,
}

#[derive(Debug, Subcommand)]
enum ImportCommand {
    /// From the database of iflearner-flow 0.2.0. Ids stay the same, so that an import can be
    /// repeated. The report lists what is left out and why.
    IflearnerFlow(ImportArgs),
}

/// Names the environment variable with the path of the configuration file.
#[derive(Debug, Clone)]
struct Program;

impl config_args::Program for Program {
    const CONFIG_ENV: &'static str = "FLOW_SERVER_CONFIG";
}

/// Runs the command line. Exit status: 0, 1 (failure; the reason is on standard error) or 2
/// (usage).
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            telemetry::last_words(&format!("flow-server: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(run(cli));
    // Requests that did not finish in time do not delay the exit.
    runtime.shutdown_background();
    match done {
        Ok(code) => code,
        Err(StartError(message)) => {
            telemetry::last_words(&format!("flow-server: {message}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode, StartError> {
    if let Command::Openapi = cli.command {
        print(crate::api::openapi_json())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Config { command: ConfigCommand::Check } | Command::Doctor = cli.command {
        let (loaded, faults) = config::load_sound(cli.config.file.as_deref(), cli.config.overrides)
            .map_err(|error| StartError(error.to_string()))?;
        let mut wrong: Vec<String> = faults.iter().map(ToString::to_string).collect();
        wrong.extend(config::faults(&loaded));
        return match cli.command {
            Command::Doctor => doctor(&loaded.value, &wrong).await,
            _ => check(&loaded.value, &wrong),
        };
    }
    let loaded = config::load(cli.config.file.as_deref(), cli.config.overrides.clone())
        .map_err(|error| StartError(error.to_string()))?;
    if let Command::Config { command: ConfigCommand::Dump } = cli.command {
        print(loaded.dump().trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = loaded.value.clone();
    telemetry::init(&config.log).map_err(|error| StartError(error.to_string()))?;
    match cli.command {
        Command::Serve => {
            if let Err(error) = flow_common::lifecycle::raise_open_files() {
                tracing::warn!(%error, "cannot raise the limit of open files; each connected agent needs one");
            }
            let shutdown = on_signals(serve::shutdown_deadline(&config))?;
            let reload = Reload::on_hangup(cli.config.file, cli.config.overrides)
                .map_err(|error| StartError(format!("cannot listen for signals: {error}")))?;
            serve::serve(loaded, reload, SystemClock::shared(), shutdown).await?;
        }
        Command::Migrate { wait } => {
            let _lock = startup::lock_data_dir(&config.data_dir)?;
            // As the first process of a container, the program has no default action for signals.
            // Only a second signal interrupts a migration that has begun.
            let shutdown = on_signals(Duration::MAX)?;
            let store = tokio::select! {
                opened = startup::open_store_within(&config, Duration::from_secs(wait)) => opened?,
                () = shutdown.soft.cancelled() => return Err(StartError("interrupted while waiting for the database".to_owned())),
            };
            store.migrate().await.map_err(|error| StartError(chain(&error)))?;
            store.close().await;
            print("the database is up to date")?;
        }
        Command::Backup { all: true, to } => {
            backup::write(&config, cli.config.file.as_deref(), &to).await?;
            print(format!("wrote {}", to.display()))?;
        }
        Command::Backup { all: false, to } => {
            let store = startup::open_store(&config).await?;
            store.check_schema().await.map_err(|error| StartError(chain(&error)))?;
            store.backup_to(&to).await.map_err(|error| StartError(chain(&error)))?;
            store.close().await;
            print(format!("wrote {}", to.display()))?;
        }
        Command::Import { system: ImportCommand::IflearnerFlow(args) } => {
            import::from_iflearner_flow(&config, args).await?;
        }
        Command::Restore { from, .. } => restore(&config, from.as_deref()).await?,
        Command::SetupCode => {
            let code = secret_file::read(&config.data_dir.join(SETUP_FILE));
            let code = code.map_err(|error| {
                StartError(format!(
                    "{error}; the first start of the hub creates it, and the first account removes it"
                ))
            })?;
            print(code.expose())?;
        }
        Command::AdminToken { name } => {
            let store = startup::open_store(&config).await?;
            let created = async {
                store.check_schema().await?;
                recover(&store, &name, SystemClock.now()).await
            };
            let token = created.await.map_err(|error| StartError(chain(&error)));
            store.close().await;
            print(token?.expose())?;
            SetupCode::remove(&config.data_dir).map_err(|error| StartError(error.to_string()))?;
        }
        Command::Config { .. } | Command::Doctor | Command::Openapi => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn on_signals(deadline: Duration) -> Result<Shutdown, StartError> {
    Shutdown::on_signals(deadline)
        .map_err(|error| StartError(format!("cannot listen for signals: {error}")))
}

/// Prints a line. The process ends if the reader has closed the pipe.
fn print(line: impl AsRef<str>) -> Result<(), StartError> {
    stdout::print(format!("{}\n", line.as_ref()))
        .map_err(|error| StartError(format!("cannot write to standard output: {error}")))
}

/// Prints a line about a step of a change that continues without a reader.
fn note(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints all errors; without errors, warnings.
fn check(config: &Config, wrong: &[String]) -> Result<ExitCode, StartError> {
    if !wrong.is_empty() {
        return Err(StartError(wrong.join("\n")));
    }
    for warning in config.warnings(SystemClock.now()) {
        print(format!("warning: {warning}"))?;
    }
    print("the configuration is valid")?;
    Ok(ExitCode::SUCCESS)
}

async fn doctor(config: &Config, wrong: &[String]) -> Result<ExitCode, StartError> {
    let mut well = true;
    let mut report = |ok: bool, check: &str, detail: &str| {
        well &= ok;
        print(format!("{} {check}: {detail}", if ok { "ok  " } else { "FAIL" }))
    };
    for warning in config.warnings(SystemClock.now()) {
        print(format!("warn {warning}"))?;
    }
    if wrong.is_empty() {
        report(true, "configuration", "valid")?;
    }
    for sentence in wrong {
        report(false, "configuration", sentence)?;
    }
    if config.store.url.is_none() && !config.sqlite_path().exists() {
        print("note database: there is none yet; the first `flow-server serve` creates it")?;
        return Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    match startup::open_store(config).await {
        Err(StartError(message)) => report(false, "database", &message)?,
        Ok(store) => {
            for finding in store.doctor().await {
                report(finding.ok, finding.check, &finding.detail)?;
            }
            store.close().await;
        }
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Restores a backup. The old database is kept beside the new one. A single rename over the old
/// file puts the backup in place: with two renames, a kill in between would leave no database, and
/// the next `serve` would create an empty one.
async fn restore(config: &Config, from: Option<&Path>) -> Result<(), StartError> {
    let _lock = startup::lock_data_dir(&config.data_dir)?;
    match (from, &config.store.url) {
        (Some(_), Some(_)) => {
            return Err(StartError("load the dump with the database's own tools, then run `flow-server restore --loaded`".to_owned()));
        }
        (None, _) => {
            let store = startup::open_store(config).await?;
            bring_up_to_date(&store).await?;
            mark_as_restored(&store, 0).await?;
        }
        (Some(from), None) => {
            let whole = from.is_dir().then_some(from);
            let from = whole.map_or_else(|| from.to_owned(), |whole| whole.join(backup::DATABASE));
            let place = config.sqlite_path();
            let staged = config.data_dir.join("flow.db.restoring");
            let failed = |what: &str| {
                let what = what.to_owned();
                move |error: std::io::Error| StartError(format!("{what}: {error}"))
            };
            for leftover in
                [staged.clone(), with_suffix(&staged, "-wal"), with_suffix(&staged, "-shm")]
            {
                match std::fs::remove_file(&leftover) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(failed("cannot delete the files of an interrupted restore")(
                            error,
                        ));
                    }
                    _ => {}
                }
            }
            std::fs::copy(&from, &staged).map_err(failed(&format!(
                "cannot copy {}, which this user must be able to read, into {}",
                from.display(),
                config.data_dir.display()
            )))?;
            // Checked, migrated and marked as restored before it replaces the old database.
            let mut of_staged = config.clone();
            of_staged.store.url = Some(format!("sqlite://{}", staged.display()));
            let store = startup::open_store(&of_staged).await?;
            bring_up_to_date(&store).await?;
            let before = if place.exists() { keep_old(config, &place).await? } else { 0 };
            mark_as_restored(&store, before).await?;
            if place.exists() {
                // The old write-ahead log must not be replayed into the new file.
                for log in [with_suffix(&place, "-wal"), with_suffix(&place, "-shm")] {
                    match std::fs::remove_file(&log) {
                        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                            return Err(failed("cannot delete the old write-ahead log")(error));
                        }
                        _ => {}
                    }
                }
            }
            std::fs::rename(&staged, &place).map_err(failed("cannot put the backup in place"))?;
            std::fs::File::open(&config.data_dir)
                .and_then(|dir| dir.sync_all())
                .map_err(failed("cannot sync the data directory"))?;
            if let Some(whole) = whole {
                backup::restore_setup_code(config, whole)?;
                backup::differing(whole)?.iter().for_each(note);
            }
        }
    }
    note(
        "restored; when agents reconnect, the hub adopts members of runs that the backup contains; other members run to their end",
    );
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

async fn bring_up_to_date(store: &Store) -> Result<(), StartError> {
    store
        .migrate()
        .await
        .map_err(|error| StartError(format!("the backup cannot be migrated: {}", chain(&error))))
}

/// Copies the database that a restore replaces. Returns its incarnation; 0 if it cannot be read,
/// which may be the reason for the restore.
async fn keep_old(config: &Config, place: &Path) -> Result<u64, StartError> {
    let kept =
        config.data_dir.join(format!("flow.db.before-restore-{}", flow_common::ids::run_id()));
    let whole = async {
        let old = startup::open_store(config).await?;
        let read = async {
            let incarnation = old.incarnation().await?;
            // Includes the content of the write-ahead log.
            old.backup_to(&kept).await?;
            Ok(incarnation)
        };
        let read = read.await.map_err(|error: StoreError| StartError(chain(&error)));
        old.close().await;
        read
    };
    match whole.await {
        Ok(incarnation) => {
            note(format_args!("kept the old database as {}", kept.display()));
            Ok(incarnation)
        }
        Err(problem) => {
            for (file, copy) in [
                (place.to_owned(), kept.clone()),
                (with_suffix(place, "-wal"), with_suffix(&kept, "-wal")),
            ] {
                match std::fs::copy(&file, copy) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(StartError(format!("cannot keep the old database: {error}")));
                    }
                    _ => {}
                }
            }
            note(format_args!(
                "cannot read the old database ({problem}); kept its files unchanged as {}",
                kept.display()
            ));
            Ok(0)
        }
    }
}

async fn mark_as_restored(store: &Store, before: u64) -> Result<(), StartError> {
    let _lock = startup::lock_database(store).await?;
    store.bump_incarnation(before).await.map_err(|error| StartError(chain(&error)))?;
    store.close().await;
    Ok(())
}
