//! `flow-operator setup`: the steps that the original operator's guide does by hand, one command
//! for each.
//!
//! Every command prints its changes with `--dry-run` and can be repeated: an object that is current
//! is not changed. No command changes an object that it did not create, except with `--replace`,
//! and no command prints a private key or a password. The commands run with the kubeconfig of their
//! caller; the operator has none of these permissions.

mod authority;
mod certificates;
mod dns;
mod objects;
mod remove;
mod secrets;
mod status;
mod terminal;

use clap::Subcommand;
use flow_common::clock::Clock;

pub use self::authority::{Authority, Pair, Unfit};
pub use self::dns::{CorefileConflict, blocks, patch_corefile};
pub use self::objects::{COMPONENT, MANAGED_BY, PART_OF};
pub use self::terminal::SetupError;

/// The commands of `flow-operator setup`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create the certificate authority and one key pair per namespace, in the objects that jobs
    /// and gateways read
    Certificates(certificates::Args),
    /// Resolve the names of jobs in the cluster: a wildcard in CoreDNS, or host aliases for Pods
    Dns(dns::Args),
    /// Create the passwords and secrets that no manifest contains
    Secrets(secrets::Args),
    /// Show the state of every component; exit status 1 if a component is missing or fails
    Status(status::Args),
    /// Remove one component or all; prints the objects before it deletes them
    Remove(remove::Args),
}

/// Runs a command. Returns false for exit status 1. Results go to standard output, questions and
/// notes to standard error.
pub async fn run(command: Command, clock: &dyn Clock) -> Result<bool, SetupError> {
    match command {
        Command::Certificates(args) => certificates::run(args, clock.now()).await,
        Command::Dns(args) => dns::run(args, clock.now()).await,
        Command::Secrets(args) => secrets::run(args).await,
        Command::Status(args) => status::run(args, clock.now()).await,
        Command::Remove(args) => remove::run(args, clock.now()).await,
    }
}
