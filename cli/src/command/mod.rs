//! Commands of flowctl, one file per noun.

pub mod apply;
mod check;
mod logs;
mod orphan;
mod party;
mod run;
mod task;
mod template;

use clap::CommandFactory as _;

use crate::args::{Cli, Command};
use crate::client::{Client, find_token};
use crate::error::{CliError, Exit};
use crate::output;

/// Runs the command.
pub async fn run(Cli { global, command }: Cli) -> Result<Exit, CliError> {
    if let Command::Completions { shell } = command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "flowctl", &mut script);
        output::print(&String::from_utf8_lossy(&script))?;
        return Ok(Exit::Ok);
    }
    let token = find_token(global.token_file.as_deref(), &global.data_dir)?;
    let client = Client::new(&global.server, global.ca_file.as_deref(), token)?;
    let format = global.output;
    match command {
        Command::Completions { .. } => Ok(Exit::Ok),
        Command::Apply { files } => apply::files(&client, &files, format).await,
        Command::Template(command) => template::run(&client, command, format).await,
        Command::Task(command) => task::run(&client, command, format).await,
        Command::Run(command) => run::run(&client, command, format).await,
        Command::Party(command) => party::run(&client, command, format).await,
        Command::Orphan(command) => orphan::run(&client, command, format).await,
        Command::Logs(args) => logs::print(&client, args).await,
    }
}
