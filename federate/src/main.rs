//! The agent of one party. A sidecar is the same program, told apart before anything else is set up.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = flow_federate::sidecar::run_if_asked(std::env::args_os()) {
        return code;
    }
    ExitCode::from(2)
}
