//! `flowctl`, the command line of the platform: a client of the REST API `/api/v2`.
//!
//! flowctl has no rules of its own. It checks files with the rules of the domain before it sends a
//! request, and the hub checks every request again. `-o json` prints the response of the hub
//! unchanged.
//!
//! ```text
//!  args ─▶ command ─▶ resolve, manifest ─▶ client ─▶ hub
//!                  └▶ watch ─▶ view      └▶ error (exit codes)
//! ```

mod args;
mod client;
mod command;
mod editor;
mod error;
mod escape;
mod manifest;
mod output;
mod resolve;
mod response;
mod sse;
mod view;
mod watch;
mod yaml;

use clap::Parser as _;

/// Runs the command line of this process and returns its exit code.
pub async fn run() -> u8 {
    let cli = args::Cli::parse();
    let exit = match command::run(cli).await {
        Ok(exit) => exit,
        Err(error) => {
            eprint!("{}", error.render());
            error.exit
        }
    };
    exit as u8
}
