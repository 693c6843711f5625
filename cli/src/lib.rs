//! `flowctl`, the command line of the platform: a client of `/api/v2` and nothing more. It holds no rule of its own:
//! documents are checked by the domain's rules, as the hub checks them again, and `-o json` is the hub's answer itself.
//!
//! ```text
//!  args ─▶ command ─▶ resolve, manifest ─▶ client ─▶ hub
//!                  └▶ watch ─▶ view      └▶ failure (exit codes)
//! ```

mod args;
mod client;
mod command;
mod editor;
mod failure;
mod manifest;
mod output;
mod resolve;
mod sse;
mod view;
mod watch;
pub mod wire;
mod yaml;

use clap::Parser as _;

/// Runs the command line of this process; gives its exit code.
pub async fn run() -> u8 {
    let cli = args::Cli::parse();
    let exit = match command::run(cli).await {
        Ok(exit) => exit,
        Err(failure) => {
            eprint!("{}", failure.render());
            failure.exit
        }
    };
    exit as u8
}
