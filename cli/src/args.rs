//! The command line.

mod access;
mod run;
mod task;
mod webhook;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use clap_complete::engine::ArgValueCompleter;
use flow_domain::id::PartyId;
use flow_domain::output::OutputPath;

pub use access::{
    ContextCommand, DeviceCommand, Limit, LoginArgs, MemberCommand, OfferCommand, ProjectCommand,
    SetupArgs, TokenCommand, UserCommand,
};
pub use run::{
    ChosenMetrics, LogPart, LogsArgs, MetricsArgs, RunCommand, RunFilters, RunLogsArgs,
    RunMetricsArgs, RunName,
};
pub use task::{
    CreatedRange, RunValues, SubmitArgs, TaskCommand, TaskFilters, TaskName, TaskSelection,
    TaskSorting, WatchArgs,
};
pub use webhook::{Kinds, WebhookCommand, WebhookName};

use crate::complete;
use crate::global::Global;

/// Train models across parties without moving their data. A template describes a program, a task
/// assigns it to parties, and each start of a task is a run
#[derive(Debug, Parser)]
#[command(
    name = "flowctl",
    version,
    after_help = AFTER_HELP,
    propagate_version = true,
    max_term_width = 80
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  flowctl task init > task.yaml             a manifest to edit
  flowctl task submit task.yaml --watch     create, start and follow it
  flowctl logs digits                       logs of all parties
  flowctl metrics digits                    metrics with a plot
  flowctl top                               parties, runs and queue, live

Exit codes: 0 success, 1 failure, 2 invalid command line or file, 3 not found,
4 rejected by the hub, 5 token missing, wrong or not sufficient, 6 hub does not
answer, 7 watched run cancelled, 130 interrupted.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create or edit the templates and tasks in files, all or none, by name
    Apply {
        /// YAML or JSON file with `kind: Template` and `kind: Task` documents; - is standard input
        #[arg(short, long = "file", required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Only check the files, and ask the parties whether they would accept the tasks
        #[arg(long)]
        dry_run: bool,
    },
    /// Show what `apply` would change; exits with 1 if there is a difference
    Diff {
        /// YAML or JSON file; - is standard input
        #[arg(short, long = "file", required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Manage templates: which program runs, with which image and parameters
    #[command(subcommand)]
    Template(TemplateCommand),
    /// Manage tasks: a template with parties and parameters
    #[command(subcommand)]
    Task(TaskCommand),
    /// Show, compare and stop runs: one start of a task
    #[command(subcommand)]
    Run(RunCommand),
    /// Fetch the files that workloads left at the parties
    #[command(subcommand)]
    Output(OutputCommand),
    /// Manage parties: the organisations that take part
    #[command(subcommand)]
    Party(PartyCommand),
    /// Manage orphans: members that run at parties and that a restored hub does not know
    #[command(subcommand)]
    Orphan(OrphanCommand),
    /// Create the first account of a hub and sign in
    Setup(SetupArgs),
    /// Sign in with name and password, or with a code; flowctl keeps an API token
    Login(LoginArgs),
    /// Delete the token of the context
    Logout,
    /// Approve devices that sign in with a code
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Print the address of the web console and a one-time code to sign in to it
    Console,
    /// Show your account, project and role
    Whoami,
    /// Choose between hubs
    #[command(subcommand)]
    Context(ContextCommand),
    /// Manage API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Manage accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Manage projects, their members and their parties
    #[command(subcommand)]
    Project(ProjectCommand),
    /// Manage webhooks: signed requests of the hub for events of the project
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// List the newest sign-ins and changes of access
    Audit {
        /// Number of entries
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=200))]
        limit: u8,
    },
    /// Show a task with its newest run, members and events
    Describe(TaskName),
    /// Follow a run until it ends; the same as `task watch`
    Watch(WatchArgs),
    /// Print the logs of a run; the same as `task logs`
    Logs(LogsArgs),
    /// Show the metrics of a run; the same as `task metrics`
    Metrics(MetricsArgs),
    /// Show parties, runs and queue, live; q quits
    Top,
    /// Print the versions of flowctl and of the hub
    Version,
    /// Print the JSON schema of manifests, for editors
    Schema,
    /// Print a completion script for a shell
    Completions { shell: Shell },
    /// Apply a file and start its tasks; the same as `task submit`
    #[command(hide = true)]
    Submit(SubmitArgs),
    /// Stop the active run of a task; the same as `task stop`
    #[command(hide = true)]
    Cancel(TaskName),
    /// Compare runs; the same as `run compare`
    #[command(hide = true)]
    Compare {
        #[arg(required = true, num_args = 2..=10, value_name = "RUN")]
        runs: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum TemplateCommand {
    /// List templates
    List,
    /// Show a template
    Get {
        /// Name or id
        #[arg(add = ArgValueCompleter::new(complete::templates))]
        template: String,
        /// Number of the revision [default: the newest]
        #[arg(long)]
        revision: Option<u32>,
    },
    /// Create the templates in a file; fails if a name exists
    Create {
        /// YAML or JSON file; - is standard input
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Create a new revision from a file, or in $VISUAL, $EDITOR or vi
    Edit {
        /// Name or id
        #[arg(add = ArgValueCompleter::new(complete::templates))]
        template: String,
        /// YAML or JSON file; - is standard input
        #[arg(short, long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Delete a template that no task uses
    Delete {
        /// Name or id
        #[arg(add = ArgValueCompleter::new(complete::templates))]
        template: String,
    },
    /// List the revisions of a template
    Revisions {
        /// Name or id
        #[arg(add = ArgValueCompleter::new(complete::templates))]
        template: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum OutputCommand {
    /// Fetch an output of a member, or all; an interrupted download continues
    Get(OutputGetArgs),
}

#[derive(Debug, Args)]
pub struct OutputGetArgs {
    #[command(flatten)]
    pub name: RunName,
    /// Name of the party
    #[arg(add = ArgValueCompleter::new(complete::parties))]
    pub party: PartyId,
    /// Path of the output, as `run outputs` lists it
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub path: Option<OutputPath>,
    /// Fetch all outputs that `run outputs` lists into a folder
    #[arg(long)]
    pub all: bool,
    /// File to write, or with --all the folder [default: the name of the output, or of the party]
    #[arg(long, value_name = "PATH")]
    pub to: Option<PathBuf>,
    /// Replace existing files
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Subcommand)]
pub enum PartyCommand {
    /// Add a party and get the secret with which its agent authenticates
    Add {
        /// Name of the party: 1 to 63 of a-z, 0-9 and '-'
        name: PartyId,
        /// Free text for people
        #[arg(long, default_value = "")]
        remark: String,
        #[command(flatten)]
        secret: SecretArgs,
    },
    /// Replace the secret of a party, for example one that was lost or stolen
    #[command(
        override_usage = "flowctl party rotate-secret [OPTIONS] --secret-file <FILE> <PARTY>"
    )]
    RotateSecret {
        /// Name of the party
        #[arg(add = ArgValueCompleter::new(complete::parties))]
        party: PartyId,
        /// Accept the old secret for this many seconds, at most 604800 (one week) [default: 0]
        #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true)]
        overlap: u32,
        #[command(flatten)]
        secret: SecretArgs,
    },
    /// Send no new members to a party; its running members continue
    Disable {
        /// Name of the party
        party: PartyId,
    },
    /// Send members to a disabled party again
    Enable {
        /// Name of the party
        party: PartyId,
    },
    /// Remove a party without active runs; its tasks and runs stay readable
    Remove {
        /// Name of the party
        #[arg(add = ArgValueCompleter::new(complete::parties))]
        party: PartyId,
        /// Remove the party even if its agent has not confirmed that all its workloads have ended
        #[arg(long)]
        force: bool,
    },
    /// List parties
    List,
    /// Show a party with its images, datasets and resources
    Get {
        /// Name of the party
        #[arg(add = ArgValueCompleter::new(complete::parties))]
        party: PartyId,
    },
}

/// Destination of a new secret.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct SecretArgs {
    /// Write the secret to this new file with mode 0600
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// Print the secret to standard output
    #[arg(long)]
    pub print_secret: bool,
}

#[derive(Debug, Subcommand)]
pub enum OrphanCommand {
    /// List orphans
    List {
        /// List only the orphans of this party
        #[arg(long, add = ArgValueCompleter::new(complete::parties))]
        party: Option<PartyId>,
    },
    /// Stop an orphan at its party
    Stop {
        /// Id of the orphan from `flowctl orphan list`
        orphan: String,
    },
    /// Record that an orphan runs until it ends
    Keep {
        /// Id of the orphan from `flowctl orphan list`
        orphan: String,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn u13_help_fits_80_columns_and_separates_global_options() {
        let mut open = vec![Cli::command()];
        while let Some(mut command) = open.pop() {
            command.build();
            let help = command.render_help().to_string();
            for line in help.lines() {
                let width = console::measure_text_width(line);
                assert!(width <= 80, "{}: {width}: {line}", command.get_name());
            }
            let global = help.find("Global options:").expect("a heading of their own");
            assert!(help.find("--server").is_some_and(|at| at > global), "{help}");
            open.extend(command.get_subcommands().filter(|sub| sub.get_name() != "help").cloned());
        }
    }
}
