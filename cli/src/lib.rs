//! `flowctl`, the command line of the platform: a client of the REST API `/api/v2`.
//!
//! flowctl has no rules of its own: the hub checks every request. `-o json` prints the response of
//! the hub unchanged.
//!
//! ```text
//!  args ─▶ command ─▶ resolve, manifest ─▶ client ─▶ hub
//!                  └▶ watch ─▶ view      └▶ error (exit codes)
//! ```

mod args;
mod client;
mod command;
mod complete;
mod confirm;
mod contexts;
mod editor;
mod error;
mod escape;
mod global;
mod manifest;
mod names;
mod output;
mod password;
mod plot;
mod resolve;
mod response;
mod schema;
mod sse;
mod usage;
mod view;
mod watch;
mod yaml;

use clap::{CommandFactory as _, Parser as _};
use clap_complete::CompleteEnv;

use crate::args::Cli;
use crate::error::CliError;

/// Answers a shell that asks for completions, and ends the process then. Call before the runtime
/// starts: the completion of names has its own.
pub fn complete() {
    CompleteEnv::with_factory(Cli::command).complete();
}

/// Runs the command line of this process and returns its exit code.
pub async fn run() -> u8 {
    let exit = match schema::asked(std::env::args()) {
        Some(printed) => printed,
        None => match Cli::try_parse() {
            Ok(cli) => command::run(cli).await,
            Err(error) => usage::explain(error).exit(),
        },
    };
    exit.unwrap_or_else(|error: CliError| {
        eprint!("{}", error.render());
        error.exit
    }) as u8
}
