//! `flow-operator setup`: what the original's guide does by hand, one command each.
//!
//! Every command says what it would do (`--dry-run`) and can be given again: what is there and good stays as it is. None
//! touches an object that it did not make unless told to (`--replace`), and none prints a private key or a password.
//! They run with the kubeconfig of whoever calls them; the operator itself has none of these rights.

mod authority;
mod certificates;
mod dns;
mod names;
mod objects;
mod remove;
mod secrets;
mod status;

use std::io::Write as _;

use clap::Subcommand;
use flow_common::clock::Clock;
use kube::Client;

pub use self::authority::{Authority, Pair, Unfit};
pub use self::dns::{Misfit, blocks, patched};
pub use self::names::namespace;
pub use self::objects::{COMPONENT, MANAGED_BY, PART_OF};

/// What went wrong, as a sentence for the caller.
pub type SetupError = Box<dyn std::error::Error + Send + Sync>;

/// Set up a cluster, look at it, take everything away.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the authority and one key pair per namespace, and put them where jobs and gateways look for them
    Certificates(certificates::Args),
    /// Make the names of jobs known in the cluster: a wildcard in CoreDNS, or host aliases for Pods
    Dns(dns::Args),
    /// Make the passwords and secrets that no manifest may hold
    Secrets(secrets::Args),
    /// Show every component and what is missing; exit status 1 if something is
    Status(status::Args),
    /// Take away one component, or all; what goes is shown first
    Remove(remove::Args),
}

/// Carry a command out. Answers whether all is well; printing goes to standard output, questions and notes to standard
/// error.
pub async fn run(command: Command, clock: &dyn Clock) -> Result<bool, SetupError> {
    match command {
        Command::Certificates(args) => certificates::run(args, clock.now()).await,
        Command::Dns(args) => dns::run(args, clock.now()).await,
        Command::Secrets(args) => secrets::run(args).await,
        Command::Status(args) => status::run(args, clock.now()).await,
        Command::Remove(args) => remove::run(args, clock.now()).await,
    }
}

/// The cluster that the caller's kubeconfig names.
async fn connect() -> Result<Client, SetupError> {
    let config = kube::Config::infer()
        .await
        .map_err(|error| format!("no cluster is configured: {error}; set KUBECONFIG"))?;
    Ok(Client::try_from(config)?)
}

fn say(text: &str) -> Result<(), SetupError> {
    writeln!(std::io::stdout(), "{}", text.trim_end())?;
    Ok(())
}

fn note(text: &str) -> Result<(), SetupError> {
    writeln!(std::io::stderr(), "{text}")?;
    Ok(())
}
