//! The command line of `flow-operator`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use flow_common::clock::SystemClock;
use flow_common::config::Loaded;
use flow_common::lifecycle::Shutdown;
use flow_common::telemetry;
use kube::Client;

use crate::config::{self, Config};
use crate::run::RunError;
use crate::{arguments, rbac, run, setup};

/// Runs IflearnerJobs in a Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(name = "flow-operator", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator in the cluster of this Pod, or in the cluster of KUBECONFIG.
    Run(ConfigArgs),
    /// Print the definition of IflearnerJob, for `kubectl apply -f -`.
    Crd,
    /// Print the service account and the roles that the operator needs, for `kubectl apply -f -`.
    Rbac {
        /// Namespace of the operator.
        #[arg(long, default_value = "flow-system", value_parser = arguments::namespace)]
        namespace: String,
        /// Namespaces that the operator serves, separated by commas; default: all namespaces.
        #[arg(long, value_delimiter = ',', value_parser = arguments::namespace)]
        namespaces: Vec<String>,
    },
    /// Check or print the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Set up a cluster, show its state or remove the platform: certificates, DNS, secrets, status,
    /// remove.
    #[command(subcommand)]
    Setup(setup::Command),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the configuration.
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

fn load(args: ConfigArgs) -> Result<Loaded<Config>, RunError> {
    let loaded = config::load(args.file, args.overrides)?;
    loaded.value.check()?;
    Ok(loaded)
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Setup(command) => return run_setup(command),
        Command::Run(args) => run_operator(args),
        Command::Crd => print(&crd_manifest()),
        Command::Rbac { namespace, namespaces } => print(&rbac::manifests(&namespace, &namespaces)),
        Command::Config(ConfigCommand::Check(args)) => {
            load(args).and_then(|_| print("the configuration is valid\n"))
        }
        Command::Config(ConfigCommand::Dump(args)) => {
            load(args).and_then(|loaded| print(&loaded.dump()))
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

/// Returns the definition of IflearnerJob as YAML.
#[must_use]
pub fn crd_manifest() -> String {
    serde_yaml_ng::to_string(&flow_crd::definition())
        .expect("the definition can be serialized as YAML")
}

fn print(text: &str) -> Result<(), RunError> {
    Ok(flow_common::stdout::print(text)?)
}

fn run_setup(command: setup::Command) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime
        .map_err(setup::SetupError::from)
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

fn run_operator(args: ConfigArgs) -> Result<(), RunError> {
    let config = load(args)?.value;
    telemetry::init(&config.log)?;
    // One thread is faster than an API server that stores each write; a second one would only use
    // memory.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals(run::SHUTDOWN_DEADLINE)?;
        let client = Client::try_default().await.map_err(|error| {
            format!(
                "no cluster is configured: {error}; set KUBECONFIG, or run the operator in a Pod"
            )
        })?;
        run::run(client, config, SystemClock::shared(), shutdown).await
    })
}
