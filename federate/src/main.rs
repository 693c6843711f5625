//! `flow-federate`: one party's agent, or the sidecar beside one of its workloads.

use std::process::ExitCode;

fn main() -> ExitCode {
    flow_common::lifecycle::private_files();
    // First of all: a sidecar stands beside every workload and must stay small.
    match flow_federate::sidecar::run_if_asked(std::env::args_os()) {
        Some(code) => code,
        None => flow_federate::cli::main(),
    }
}
