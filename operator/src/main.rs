//! `flow-operator`: the Kubernetes controllers of the platform.

use std::process::ExitCode;

fn main() -> ExitCode {
    flow_operator::cli::main()
}
