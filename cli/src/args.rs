//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use flow_domain::id::PartyId;

use crate::output::Format;

/// Train models across parties without moving their data. A template describes a program, a task
/// assigns it to parties, and each start of a task is a run
#[derive(Debug, Parser)]
#[command(name = "flowctl", version, after_help = EXIT_CODES, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 success, 1 failure, 2 invalid command line or file, 3 not found, 4 rejected by the hub, \
5 token missing, wrong or not sufficient, 6 hub does not answer, 7 watched run cancelled, 130 interrupted.";

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// REST address of the hub
    #[arg(
        long,
        global = true,
        env = "FLOW_SERVER",
        default_value = "http://127.0.0.1:1235",
        value_name = "URL"
    )]
    pub server: String,
    /// File with the only trusted certificate authorities for the hub's certificate [default: the
    /// authorities of this machine]
    #[arg(long, global = true, env = "FLOW_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// File with your API token
    #[arg(long, global = true, env = "FLOW_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Data directory of a hub on this machine: flowctl uses its bootstrap-token if no token file
    /// is named
    #[arg(
        long,
        global = true,
        env = "FLOW_DATA_DIR",
        default_value = "flow-server.data",
        value_name = "DIR"
    )]
    pub data_dir: PathBuf,
    /// Output format
    #[arg(short, long, global = true, value_enum, default_value_t)]
    pub output: Format,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create or edit the templates and tasks in files, by name
    Apply {
        /// YAML or JSON file with `kind: Template` and `kind: Task` documents; - is standard input
        #[arg(short, long = "file", required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Manage templates: which program runs, with which image and parameters
    #[command(subcommand)]
    Template(TemplateCommand),
    /// Manage tasks: a template with parties and parameters
    #[command(subcommand)]
    Task(TaskCommand),
    /// Show runs: one start of a task
    #[command(subcommand)]
    Run(RunCommand),
    /// Manage parties: the organisations that take part
    #[command(subcommand)]
    Party(PartyCommand),
    /// Manage orphans: members that run at parties and that a restored hub does not know
    #[command(subcommand)]
    Orphan(OrphanCommand),
    /// Print the log of a party's workload; the same as `task logs`
    Logs(LogsArgs),
    /// Print a completion script for a shell
    Completions { shell: Shell },
}

#[derive(Debug, Subcommand)]
pub enum TemplateCommand {
    /// List templates
    List,
    /// Show a template
    Get {
        /// Name or id
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
        template: String,
        /// YAML or JSON file; - is standard input
        #[arg(short, long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Delete a template that no task uses
    Delete {
        /// Name or id
        template: String,
    },
    /// List the revisions of a template
    Revisions {
        /// Name or id
        template: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Apply a file and start its tasks
    Submit {
        /// YAML or JSON file; - is standard input
        file: PathBuf,
        /// Follow the run until it ends; the exit code reports its result
        #[arg(short, long)]
        watch: bool,
        /// Name of the task instead of the name in the file
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        values: RunValues,
    },
    /// List tasks
    List,
    /// Show a task
    Get {
        /// Name or id
        task: String,
    },
    /// Start a new run of a task
    Start {
        /// Name or id
        task: String,
        #[command(flatten)]
        values: RunValues,
        /// Follow the run until it ends; the exit code reports its result
        #[arg(short, long)]
        watch: bool,
    },
    /// Stop the active run of a task
    Stop {
        /// Name or id
        task: String,
    },
    /// Stop the active run of a task and delete the task
    Delete {
        /// Name or id
        task: String,
    },
    /// List the events of a task
    Events {
        /// Name or id
        task: String,
    },
    /// Follow the newest run until it ends; the exit code reports its result
    Watch {
        /// Name or id
        task: String,
        /// Number of the run [default: the newest]
        #[arg(long)]
        run: Option<u32>,
    },
    /// List the runs of a task
    Runs {
        /// Name or id
        task: String,
    },
    /// Print the log of a party's workload
    Logs(LogsArgs),
}

/// Values for the new run alone; the task does not change.
#[derive(Debug, Args)]
pub struct RunValues {
    /// Number of epochs of this run
    #[arg(long)]
    pub epochs: Option<u32>,
    /// Value of a parameter in this run; can be repeated
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
}

#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Name or id of the task
    pub task: String,
    /// Name of the party
    pub party: PartyId,
    /// Print new lines until the workload ends
    #[arg(short, long)]
    pub follow: bool,
    /// Print only the last N lines
    #[arg(long, value_name = "N")]
    pub tail: Option<u32>,
    /// Number of the run [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    pub run: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub enum RunCommand {
    /// List the newest runs, of all tasks or of one
    List {
        /// Name or id of the task [default: all tasks]
        task: Option<String>,
        /// Number of runs to list
        #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show a run: its state, inputs and members
    Get {
        /// TASK/NUMBER, TASK for its newest run, or the id of a run or its first digits
        run: String,
    },
    /// Compare runs: inputs that differ, metrics side by side, outcome, duration
    Compare {
        /// Two to ten runs: TASK/NUMBER, TASK for its newest run, or the id of a run or its first
        /// digits
        #[arg(required = true, num_args = 2..=10, value_name = "RUN")]
        runs: Vec<String>,
    },
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
    RotateSecret {
        /// Name of the party
        party: PartyId,
        /// Accept the old secret for this many seconds, at most 604800 (one week) [default: 0]
        #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true)]
        overlap: u32,
        #[command(flatten)]
        secret: SecretArgs,
    },
    /// Remove a party without active runs; its tasks and runs stay readable
    Remove {
        /// Name of the party
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
        #[arg(long)]
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
