//! Commands of flowctl, one file per noun, or per verb with much to do.

pub mod apply;
mod describe;
mod diff;
mod edit;
mod init;
mod logs;
mod metrics;
mod orphan;
mod outputs;
mod party;
mod run;
mod submit;
mod task;
mod template;
mod top;
mod version;

use clap::CommandFactory as _;
use clap_complete::env::Shells;

use crate::args::{Cli, Command, RunCommand, TaskCommand};
use crate::client::{Client, find_token};
use crate::error::{CliError, ExitStatus};
use crate::output;
use crate::schema;

/// Runs the command.
pub async fn run(Cli { global, command }: Cli) -> Result<ExitStatus, CliError> {
    global.color.apply();
    match command {
        Command::Completions { shell } => return completions(&shell.to_string()),
        Command::Schema => {
            output::print(&schema::manifests()?)?;
            return Ok(ExitStatus::Ok);
        }
        Command::Task(TaskCommand::Init) => {
            output::print(init::MANIFEST)?;
            return Ok(ExitStatus::Ok);
        }
        _ => {}
    }
    let token = find_token(global.token_file.as_deref(), &global.data_dir)?;
    let missing_token = std::path::absolute(global.data_dir.join("bootstrap-token"))?;
    let client = Client::new(&global.server, global.ca_file.as_deref(), token)?
        .with_missing_token(missing_token);
    let format = global.output;
    match command {
        Command::Completions { .. } | Command::Schema => Ok(ExitStatus::Ok),
        Command::Apply { files } => apply::files(&client, &files, format).await,
        Command::Diff { files } => diff::files(&client, &files).await,
        Command::Template(command) => template::run(&client, command, format).await,
        Command::Task(command) => task::run(&client, command, format).await,
        Command::Run(command) => run::run(&client, command, format).await,
        Command::Output(command) => outputs::run(&client, command, format).await,
        Command::Party(command) => party::run(&client, command, format).await,
        Command::Orphan(command) => orphan::run(&client, command, format).await,
        Command::Describe(task) => describe::print(&client, &task.task, format).await,
        Command::Watch(args) => task::watch(&client, args, format).await,
        Command::Logs(args) => logs::print(&client, args).await,
        Command::Metrics(args) => metrics::print(&client, args, format).await,
        Command::Top => top::run(&client).await,
        Command::Version => version::print(&client, format).await,
        Command::Submit(args) => submit::run(&client, args, format).await,
        Command::Compare { runs } => run::run(&client, RunCommand::Compare { runs }, format).await,
        Command::Cancel(task) => task::run(&client, TaskCommand::Stop(task), format).await,
    }
}

/// Prints the script with which a shell asks flowctl for completions.
fn completions(shell: &str) -> Result<ExitStatus, CliError> {
    let shells = Shells::builtins();
    let unknown = || CliError::usage(format!("no completion for {shell}"));
    let completer = shells.completer(shell).ok_or_else(unknown)?;
    let name = Cli::command().get_name().to_owned();
    let mut script = Vec::new();
    completer.write_registration("COMPLETE", &name, &name, &name, &mut script)?;
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitStatus::Ok)
}
