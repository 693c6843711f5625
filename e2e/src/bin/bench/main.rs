//! `make bench`: what the design allows each thing to cost, beside what it costs on this machine now, in one table.
//!
//! ```text
//!  start, noop, lifecycles, idle, lists, memory, operator   one budget each; `bench NAME…` measures only these
//!  agents    fake agents: the real session with the hub, no runtime behind it
//!  world     a hub for fake agents, and what is submitted to it
//!  disk      the disk's own commit, measured in between
//!  machine   processor and memory of a process, the machine in one line
//!  table     what is printed
//! ```
//!
//! Nothing is asserted: a machine that is slow or busy says so in its own row, since whatever a figure depends on (the
//! disk, the load) is measured in the same run and stands beside it.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench measures the time that passes, and waits for it"
)]

mod agents;
mod disk;
mod idle;
mod lifecycles;
mod lists;
mod machine;
mod memory;
mod noop;
mod operator;
mod start;
mod table;
mod world;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use futures::FutureExt as _;
use table::Table;

const NAMES: [&str; 7] = ["start", "noop", "lifecycles", "idle", "lists", "memory", "operator"];

fn main() -> ExitCode {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = chosen.iter().find(|name| !NAMES.contains(&name.as_str())) {
        eprintln!(
            "bench: there is no {unknown:?}; choose from {}, or give none for all",
            NAMES.join(", ")
        );
        return ExitCode::from(2);
    }
    machine::allow_many_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a process can start threads");
    let mut table = Table::new(machine::describe());
    let mut code = ExitCode::SUCCESS;
    for name in NAMES
        .into_iter()
        .filter(|name| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name))
    {
        eprintln!("bench: {name} …");
        table.load(name, machine::load());
        // What the others have measured is not lost because one broke.
        let measured = runtime.block_on(AssertUnwindSafe(measure(name, &mut table)).catch_unwind());
        if measured.is_err() {
            table.note(format!("{name} broke: its panic stands above"));
            code = ExitCode::FAILURE;
        }
    }
    table.print();
    code
}

async fn measure(name: &str, table: &mut Table) {
    match name {
        "start" => start::measure(table).await,
        "noop" => noop::measure(table).await,
        "lifecycles" => lifecycles::measure(table).await,
        "idle" => idle::measure(table).await,
        "lists" => lists::measure(table).await,
        "memory" => memory::measure(table).await,
        _ => operator::measure(table).await,
    }
}
