//! `flowctl task …`

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use flow_api_types::limits::NEVER_STARTED;
use flow_domain::id::PartyId;
use flow_domain::run::RunPhase;

use super::{LogsArgs, MetricsArgs};
use crate::complete;

#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Print a commented manifest to edit and submit
    Init,
    /// Apply a file and start its tasks
    Submit(SubmitArgs),
    /// List tasks
    List {
        #[command(flatten)]
        filters: TaskFilters,
        #[command(flatten)]
        sorting: TaskSorting,
    },
    /// Show a task
    Get {
        #[command(flatten)]
        task: TaskName,
        /// Print a file for `task edit -f` and `apply -f`
        #[arg(long)]
        manifest: bool,
    },
    /// Show a task with its newest run, members and events
    Describe(TaskName),
    /// Start a new run of a task
    Start {
        #[command(flatten)]
        task: TaskName,
        #[command(flatten)]
        values: RunValues,
        /// Follow the run until it ends; the exit code reports its result
        #[arg(short, long)]
        watch: bool,
    },
    /// Stop the active run of a task, or of all tasks that the filters select; the runs end as
    /// cancelled
    #[command(visible_alias = "cancel")]
    Stop(TaskSelection),
    /// Edit a task with a file, or in $VISUAL, $EDITOR or vi
    Edit {
        #[command(flatten)]
        task: TaskName,
        /// YAML or JSON file; - is standard input
        #[arg(short, long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Create a task with the content of another
    Clone {
        #[command(flatten)]
        task: TaskName,
        /// Name of the new task
        name: String,
    },
    /// Delete a task, or all tasks that the filters select; asks if a run is active
    Delete(TaskSelection),
    /// List the events of a task
    Events(TaskName),
    /// Follow a run until it ends; the exit code reports its result
    Watch(WatchArgs),
    /// List the runs of a task
    Runs(TaskName),
    /// Print the logs of a run, of one party or of all
    Logs(LogsArgs),
    /// Show the metrics of a run over time
    Metrics(MetricsArgs),
}

/// One task, or several by filters.
#[derive(Debug, Args)]
pub struct TaskSelection {
    /// Name or id of the task
    #[arg(add = ArgValueCompleter::new(complete::tasks))]
    pub task: Option<String>,
    #[command(flatten)]
    pub filters: TaskFilters,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// A task on the command line.
#[derive(Debug, Args)]
pub struct TaskName {
    /// Name or id of the task
    #[arg(add = ArgValueCompleter::new(complete::tasks))]
    pub task: String,
}

#[derive(Debug, Args)]
pub struct SubmitArgs {
    /// YAML or JSON file; - is standard input
    pub file: PathBuf,
    /// Follow the run until it ends; the exit code reports its result
    #[arg(short, long)]
    pub watch: bool,
    /// Only check the file, and ask the parties whether they would accept its tasks
    #[arg(long, conflicts_with = "watch")]
    pub dry_run: bool,
    /// Name of the task instead of the name in the file
    #[arg(long)]
    pub name: Option<String>,
    #[command(flatten)]
    pub values: RunValues,
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

#[derive(Debug, Default, Args)]
pub struct TaskFilters {
    /// Only tasks whose name begins with this text
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Only tasks whose newest run is in one of these phases, separated by commas; new: without a
    /// run
    #[arg(long, value_delimiter = ',', value_parser = phases())]
    pub phase: Vec<String>,
    /// Only tasks of this party
    #[arg(long, add = ArgValueCompleter::new(complete::parties))]
    pub party: Option<PartyId>,
    /// Only tasks of this template, by name or id
    #[arg(long, add = ArgValueCompleter::new(complete::templates))]
    pub template: Option<String>,
    /// Only tasks with this label; can be repeated
    #[arg(short, long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
    #[command(flatten)]
    pub created: CreatedRange,
}

/// A range of times of creation.
#[derive(Debug, Clone, Default, Args)]
pub struct CreatedRange {
    /// Only what was created at this time or later: 2026-11-30T14:00:00Z, or an age as in 30m, 12h,
    /// 7d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only what was created before this time
    #[arg(long, value_name = "TIME")]
    pub before: Option<String>,
}

/// Order of a list of tasks.
#[derive(Debug, Args)]
pub struct TaskSorting {
    /// Order: name, created or modified
    #[arg(long, value_parser = ["name", "created", "modified"], hide_possible_values = true)]
    pub sort: Option<String>,
    /// Reverse the order
    #[arg(short, long)]
    pub reverse: bool,
}

fn phases() -> PossibleValuesParser {
    RunPhase::ALL.iter().map(|phase| phase.as_str()).chain([NEVER_STARTED]).into()
}

#[derive(Debug, Args)]
pub struct WatchArgs {
    #[command(flatten)]
    pub task: TaskName,
    /// Number of the run [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    pub run: Option<u32>,
}
