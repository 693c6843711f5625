//! `flow-server`. The hub's own agent starts its sidecars from this binary, so that one file is
//! enough for an installation. A sidecar is recognised first, before anything that costs memory.

use std::process::ExitCode;

fn main() -> ExitCode {
    flow_common::lifecycle::private_files();
    if let Some(code) = flow_federate::sidecar::run_if_asked(std::env::args_os()) {
        return code;
    }
    flow_common::heap::map_large_allocations();
    flow_server::cli::main()
}
