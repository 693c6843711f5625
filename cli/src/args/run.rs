//! `flowctl run …`

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use flow_domain::id::PartyId;
use flow_domain::run::RunPhase;

use super::{CreatedRange, TaskName};
use crate::complete;

#[derive(Debug, Subcommand)]
pub enum RunCommand {
    /// List the newest runs, of all tasks or of one
    List {
        /// Name or id of the task [default: all tasks]
        #[arg(add = ArgValueCompleter::new(complete::tasks))]
        task: Option<String>,
        #[command(flatten)]
        filters: RunFilters,
        /// Number of runs to list
        #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show a run: its state, inputs and members
    Get(RunName),
    /// Compare runs: inputs that differ, metrics side by side, outcome, duration
    Compare {
        /// Two to ten runs: TASK/NUMBER, TASK for its newest run, or the id of a run or its first
        /// digits
        #[arg(required = true, num_args = 2..=10, value_name = "RUN")]
        runs: Vec<String>,
    },
    /// List the outputs of a run: the files that its workloads left at the parties
    Outputs {
        #[command(flatten)]
        name: RunName,
        /// Name of the party [default: every party of the run]
        #[arg(add = ArgValueCompleter::new(complete::parties))]
        party: Option<PartyId>,
    },
    /// Stop a run; it ends as cancelled
    #[command(visible_alias = "cancel")]
    Stop(RunName),
    /// Print the logs of a run, of one party or of all
    Logs(RunLogsArgs),
    /// Show the metrics of a run over time
    Metrics(RunMetricsArgs),
}

#[derive(Debug, Args)]
pub struct RunFilters {
    /// Only runs in one of these phases, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = phases())]
    pub phase: Vec<String>,
    /// Only runs with this party
    #[arg(long, add = ArgValueCompleter::new(complete::parties))]
    pub party: Option<PartyId>,
    #[command(flatten)]
    pub created: CreatedRange,
}

fn phases() -> PossibleValuesParser {
    RunPhase::ALL.iter().map(|phase| phase.as_str()).into()
}

/// A run on the command line.
#[derive(Debug, Args)]
pub struct RunName {
    /// TASK/NUMBER, TASK for its newest run, or the id of a run or its first digits
    #[arg(add = ArgValueCompleter::new(complete::tasks))]
    pub run: String,
}

#[derive(Debug, Args)]
pub struct RunLogsArgs {
    #[command(flatten)]
    pub name: RunName,
    /// Name of the party [default: all, each line with its party]
    #[arg(add = ArgValueCompleter::new(complete::parties))]
    pub party: Option<PartyId>,
    #[command(flatten)]
    pub part: LogPart,
}

/// Part of a log.
#[derive(Debug, Clone, Copy, Args)]
pub struct LogPart {
    /// Print new lines until the workload ends
    #[arg(short, long)]
    pub follow: bool,
    /// Print only the last N lines
    #[arg(long, value_name = "N")]
    pub tail: Option<u32>,
}

#[derive(Debug, Args)]
pub struct RunMetricsArgs {
    #[command(flatten)]
    pub name: RunName,
    #[command(flatten)]
    pub chosen: ChosenMetrics,
}

/// Metrics to show, and how.
#[derive(Debug, Args)]
pub struct ChosenMetrics {
    /// Name of the party [default: all]
    #[arg(add = ArgValueCompleter::new(complete::parties))]
    pub party: Option<PartyId>,
    /// Only this metric; can be repeated
    #[arg(short, long = "metric", value_name = "NAME")]
    pub metrics: Vec<String>,
    /// Print all points as CSV
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Print all points as JSON; the same as -o json
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct LogsArgs {
    #[command(flatten)]
    pub task: TaskName,
    /// Name of the party [default: all, each line with its party]
    #[arg(add = ArgValueCompleter::new(complete::parties))]
    pub party: Option<PartyId>,
    #[command(flatten)]
    pub part: LogPart,
    /// Number of the run [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    pub run: Option<u32>,
}

#[derive(Debug, Args)]
pub struct MetricsArgs {
    #[command(flatten)]
    pub task: TaskName,
    #[command(flatten)]
    pub chosen: ChosenMetrics,
    /// Number of the run [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    pub run: Option<u32>,
}
