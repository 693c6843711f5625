//! `flow-operator`: makes real work of IflearnerJobs.

use std::process::ExitCode;

fn main() -> ExitCode {
    flow_operator::cli::main()
}
