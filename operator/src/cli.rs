//! The command line of `flow-operator`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use flow_common::clock::SystemClock;
use flow_common::config::Loaded;
use flow_common::lifecycle::Shutdown;
use flow_common::telemetry;
use kube::Client;

use crate::config::{self, Config};
use crate::{rbac, run, setup};

/// Makes real work of IflearnerJobs in a Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(name = "flow-operator", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the cluster that the environment names: that of the Pod this runs in, or KUBECONFIG.
    Run(ConfigArgs),
    /// Print the definition of IflearnerJob, for `kubectl apply -f -`.
    Crd,
    /// Print the service account and the roles that the operator needs, for `kubectl apply -f -`.
    Rbac {
        /// Namespace of the operator.
        #[arg(long, default_value = "flow-system", value_parser = setup::namespace)]
        namespace: String,
        /// Namespaces it serves, separated by commas; without it all.
        #[arg(long, value_delimiter = ',', value_parser = setup::namespace)]
        namespaces: Vec<String>,
    },
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Set up a cluster, look at it, take everything away: certificates, DNS, secrets, status, remove.
    #[command(subcommand)]
    Setup(setup::Command),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say whether the configuration is good.
    Check(ConfigArgs),
    /// Print every effective value with its source.
    Dump(ConfigArgs),
}

/// Names the environment variable with the path of the configuration file.
#[derive(Debug, Clone)]
struct Program;

impl flow_common::config_args::Program for Program {
    const CONFIG_ENV: &'static str = "FLOW_OPERATOR_CONFIG";
}

type ConfigArgs = flow_common::config_args::ConfigArgs<Program>;

fn load(args: ConfigArgs) -> Result<Loaded<Config>, run::Failure> {
    let loaded = config::load(args.file, args.overrides)?;
    loaded.value.check()?;
    Ok(loaded)
}

/// Run the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Setup(command) => return set_up(command),
        Command::Run(args) => serve(args),
        Command::Crd => say(&crd_manifest()),
        Command::Rbac { namespace, namespaces } => say(&rbac::manifests(&namespace, &namespaces)),
        Command::Config(ConfigCommand::Check(args)) => load(args).and_then(|_| say("good\n")),
        Command::Config(ConfigCommand::Dump(args)) => {
            load(args).and_then(|loaded| say(&loaded.dump()))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::last_words(&format!("flow-operator: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The definition of IflearnerJob, as YAML.
#[must_use]
pub fn crd_manifest() -> String {
    serde_yaml_ng::to_string(&flow_crd::definition())
        .expect("the definition is text and can be written as such")
}

fn say(text: &str) -> Result<(), run::Failure> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn set_up(command: setup::Command) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime
        .map_err(setup::Failure::from)
        .and_then(|runtime| runtime.block_on(setup::run(command, &SystemClock)))
    {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            telemetry::last_words(&format!("flow-operator: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(args: ConfigArgs) -> Result<(), run::Failure> {
    let config = load(args)?.value;
    telemetry::init(&config.log)?;
    // One thread keeps up with an API server that stores each write; a second one would only cost memory.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals(run::SHUTDOWN_DEADLINE)?;
        let client = Client::try_default()
            .await
            .map_err(|error| format!("no cluster: {error}; set KUBECONFIG, or run in a Pod"))?;
        run::run(client, config, SystemClock::shared(), shutdown).await
    })
}
