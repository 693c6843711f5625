//! Entry point of `flowctl`.

use std::process::ExitCode;

fn main() -> ExitCode {
    flowctl::complete();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => ExitCode::from(runtime.block_on(flowctl::run())),
        Err(error) => {
            eprintln!("error: cannot start flowctl: {error}");
            ExitCode::FAILURE
        }
    }
}
