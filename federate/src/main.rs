//! `flow-federate`: the agent of one party, or the sidecar of one of its workloads.

use std::process::ExitCode;

fn main() -> ExitCode {
    flow_common::lifecycle::private_files();
    // First, because each workload has a sidecar, which must stay small.
    match flow_federate::sidecar::run_if_asked(std::env::args_os()) {
        Some(code) => code,
        None => flow_federate::cli::main(),
    }
}
