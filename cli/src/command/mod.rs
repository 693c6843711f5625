//! Commands of flowctl, one file per noun, or per verb with much to do.

mod access;
pub mod apply;
mod bulk;
mod console;
mod describe;
mod device;
mod diff;
mod edit;
mod filter;
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
mod webhook;

use clap::CommandFactory as _;
use clap_complete::env::Shells;

use crate::args::{Cli, Command, RunCommand, TaskCommand, TaskFilters, TaskName, TaskSelection};
use crate::client::Client;
use crate::contexts::Contexts;
use crate::error::{CliError, ExitStatus};
use crate::global::Global;
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
    let format = global.output;
    if let Command::Context(command) = command {
        return access::context(command, format);
    }
    // Such a command creates the file with the token.
    let creates = matches!(command, Command::Setup(_) | Command::Login(_));
    let token_file = global.token_file.clone().filter(|_| !creates);
    let connection = Contexts::read()?.connection(&Global { token_file, ..global.clone() })?;
    let client = Client::of(&connection)?;
    match command {
        Command::Completions { .. } | Command::Schema | Command::Context(_) => Ok(ExitStatus::Ok),
        Command::Setup(args) => access::setup(&client, &global, &connection, args).await,
        Command::Login(args) => access::login(&client, &global, &connection, args).await,
        Command::Logout => access::logout(&client, &connection).await,
        Command::Device(command) => device::device(&client, command, format).await,
        Command::Console => console::print(&client, format).await,
        Command::Whoami => access::whoami(&client, format).await,
        Command::Token(command) => access::token(&client, command, format).await,
        Command::User(command) => access::user(&client, command, format).await,
        Command::Project(command) => access::project(&client, command, format).await,
        Command::Webhook(command) => webhook::run(&client, command, format).await,
        Command::Audit { limit } => access::audit(&client, limit.into(), format).await,
        Command::Apply { files, dry_run } => apply::files(&client, &files, dry_run, format).await,
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
        Command::Cancel(TaskName { task }) => {
            let selection =
                TaskSelection { task: Some(task), filters: TaskFilters::default(), yes: true };
            task::run(&client, TaskCommand::Stop(selection), format).await
        }
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
