//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use flow_domain::id::PartyId;

use crate::output::Format;

/// Train models together with parties that keep their data: templates say what may be run, tasks ask for it, runs are
/// what happens.
#[derive(Debug, Parser)]
#[command(name = "flowctl", version, after_help = EXIT_CODES, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused or invalid, 5 not allowed, \
6 hub unreachable, 7 the watched run was cancelled, 130 interrupted.";

/// Options every command takes.
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
    /// File with the certificate of the authority that signed the hub's, for an https address; no other authority counts
    /// then [default: the authorities of this machine]
    #[arg(long, global = true, env = "FLOW_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// File that holds your API token
    #[arg(long, global = true, env = "FLOW_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The hub's data directory, if it is on this machine: its bootstrap-token is used when no token file is named
    #[arg(
        long,
        global = true,
        env = "FLOW_DATA_DIR",
        default_value = "flow-server.data",
        value_name = "DIR"
    )]
    pub data_dir: PathBuf,
    /// How answers are printed
    #[arg(short, long, global = true, value_enum, default_value_t)]
    pub output: Format,
}

/// The verbs and nouns.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create or edit the templates and tasks of a file, by name
    Apply {
        /// YAML or JSON with `kind: Template` and `kind: Task` documents; - is standard input
        #[arg(short, long = "file", required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// What may be run
    #[command(subcommand)]
    Template(TemplateCommand),
    /// What is asked for, and what came of it
    #[command(subcommand)]
    Task(TaskCommand),
    /// One start of a task
    #[command(subcommand)]
    Run(RunCommand),
    /// Organisations taking part
    #[command(subcommand)]
    Party(PartyCommand),
    /// Members that run at parties and that a restored hub does not know
    #[command(subcommand)]
    Orphan(OrphanCommand),
    /// Print the log of a party's workload (the same as `task logs`)
    Logs(LogsArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Verbs of templates.
#[derive(Debug, Subcommand)]
pub enum TemplateCommand {
    /// List templates
    List,
    /// Show a template
    Get {
        /// Name or id
        template: String,
        /// An older revision
        #[arg(long)]
        revision: Option<u32>,
    },
    /// Create the templates of a file; a name that exists is refused
    Create {
        /// YAML or JSON; - is standard input
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Make a new revision: from a file, or in your $EDITOR
    Edit {
        /// Name or id
        template: String,
        /// YAML or JSON; - is standard input
        #[arg(short, long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Delete a template no task refers to
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

/// Verbs of tasks.
#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Create (or edit) the tasks of a file, templates in it included, and start them
    Submit {
        /// YAML or JSON; - is standard input
        file: PathBuf,
        /// Follow the run to its end; the exit code is then the run's
        #[arg(short, long)]
        watch: bool,
        /// Another name for the task
        #[arg(long)]
        name: Option<String>,
        /// Another number of epochs
        #[arg(long)]
        epochs: Option<u32>,
        /// Set a parameter; may be given several times
        #[arg(short, long = "param", value_name = "NAME=VALUE")]
        params: Vec<String>,
    },
    /// List tasks
    List,
    /// Show a task
    Get {
        /// Name or id
        task: String,
    },
    /// Start a task: a new run
    Start {
        /// Name or id
        task: String,
        /// Follow the run to its end; the exit code is then the run's
        #[arg(short, long)]
        watch: bool,
    },
    /// Stop the task's run
    Stop {
        /// Name or id
        task: String,
    },
    /// Delete a task; a run of it is stopped
    Delete {
        /// Name or id
        task: String,
    },
    /// Show what happened
    Events {
        /// Name or id
        task: String,
    },
    /// Follow the newest run to its end; the exit code is the run's
    Watch {
        /// Name or id
        task: String,
        /// Number of an older run
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

/// Which log, and how much of it.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Name or id of the task
    pub task: String,
    /// Name of the party
    pub party: PartyId,
    /// Go on printing what is added
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last N lines
    #[arg(long, value_name = "N")]
    pub tail: Option<u32>,
    /// Number of the run [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    pub run: Option<u32>,
}

/// Verbs of runs.
#[derive(Debug, Subcommand)]
pub enum RunCommand {
    /// Show a run with its members
    Get {
        /// Name or id of the task
        task: String,
        /// Number of the run [default: the newest]
        run: Option<u32>,
    },
}

/// Verbs of parties.
#[derive(Debug, Subcommand)]
pub enum PartyCommand {
    /// Add a party and receive the secret its agent identifies itself by
    Add {
        /// Its name: 1 to 63 of a-z, 0-9 and '-'
        name: PartyId,
        /// For people
        #[arg(long, default_value = "")]
        remark: String,
        #[command(flatten)]
        secret: SecretArgs,
    },
    /// Give a party another secret, in place of one that was lost or stolen
    RotateSecret {
        /// Its name
        party: PartyId,
        /// Accept the replaced secret for so long, in seconds, at most a week [default: not at all]
        #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true)]
        overlap: u32,
        #[command(flatten)]
        secret: SecretArgs,
    },
    /// Remove a party of which nothing runs; what it took part in stays readable
    Remove {
        /// Its name
        party: PartyId,
        /// Also if its agent has not confirmed the end of its part in runs that are over
        #[arg(long)]
        force: bool,
    },
    /// List parties
    List,
    /// Show a party and what it offers
    Get {
        /// Its name
        party: PartyId,
    },
}

/// Where a new secret goes.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct SecretArgs {
    /// New file for the secret; only you can read it
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// Print the secret instead of writing it to a file
    #[arg(long)]
    pub print_secret: bool,
}

/// Verbs of orphans.
#[derive(Debug, Subcommand)]
pub enum OrphanCommand {
    /// List orphans
    List {
        /// Only those of this party
        #[arg(long)]
        party: Option<PartyId>,
    },
    /// Have an orphan stopped at its party
    Stop {
        /// Its id, as the list tells it
        orphan: String,
    },
    /// Note that an orphan is to run to its own end
    Keep {
        /// Its id, as the list tells it
        orphan: String,
    },
}
