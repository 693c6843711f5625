//! The command line of `flow-federate`: its commands and their exit status. Each command is a
//! module; shared options are in `source`.

mod backup;
#[cfg(feature = "kubernetes")]
mod cluster;
mod configuration;
mod doctor;
mod member;
mod outputs;
mod report;
mod serve;
mod source;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use flow_common::telemetry;

use source::ConfigArgs;

/// Agent of one party: runs the members that the hub requests and the party's policy admits.
#[derive(Debug, Parser)]
#[command(name = "flow-federate", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Connect to the hub and serve until SIGTERM. Started work continues; the next agent takes it
    /// over. SIGHUP reloads images, datasets, outputs and resources, and logs the other changed
    /// keys, which need a restart.
    Run(ConfigArgs),
    /// Check or print the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check the configuration, secret, directories, cluster and the hub's answer to the secret.
    /// Writes nothing.
    Doctor(ConfigArgs),
    /// List the members of the running agent.
    List(member::ListArgs),
    /// Show a member of the running agent: command, image, data and digest.
    Show(member::ShowArgs),
    /// Stop a member. The hub sees the reason and cannot start it again.
    Stop(member::MemberArgs),
    /// Print the log of a member's workload.
    Logs(member::LogArgs),
    /// Approve one start of a member whose image has `allow = "ask"`. Shows it and asks, or takes
    /// the digest that `show` printed.
    Approve(member::ApproveArgs),
    /// Deny a member that waits for approval.
    Deny(member::DenyArgs),
    /// Reload images, datasets, outputs and resources of the running agent, as SIGHUP does.
    Reload(ConfigArgs),
    /// Print a link to the party view, which signs a browser on this machine in: members, reasons
    /// and logs. The link is valid once, for two minutes.
    Console(ConfigArgs),
    /// List or remove the outputs of members in the data directory; the agent may be running.
    #[command(subcommand)]
    Outputs(outputs::Command),
    /// Copy configuration, secret and certificate authorities with their checksums to a new
    /// directory, also while the agent is running. The journal is no part of it: it must never be
    /// restored.
    Backup(backup::BackupArgs),
    /// Print what the administrator of a cluster applies.
    #[cfg(feature = "kubernetes")]
    #[command(subcommand)]
    Kubernetes(cluster::Command),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the configuration and print its faults.
    Check(ConfigArgs),
    /// Print every effective value with its source; secrets are omitted.
    Dump(ConfigArgs),
}

/// Runs a command other than the sidecar.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => serve::run(&args),
        Command::Config(ConfigCommand::Check(args)) => configuration::check(&args),
        Command::Config(ConfigCommand::Dump(args)) => configuration::dump(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::List(args) => member::list(&args),
        Command::Show(args) => member::show(&args),
        Command::Stop(args) => member::stop(&args),
        Command::Logs(args) => member::logs(&args),
        Command::Approve(args) => member::approve(&args),
        Command::Deny(args) => member::deny(&args),
        Command::Reload(args) => member::reload(&args),
        Command::Console(args) => member::console(&args),
        Command::Outputs(command) => outputs::main(command),
        Command::Backup(args) => backup::run(&args),
        #[cfg(feature = "kubernetes")]
        Command::Kubernetes(command) => cluster::main(command),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            telemetry::last_words(&format!("flow-federate: {error}"));
            ExitCode::FAILURE
        }
    }
}
