//! `make bench` measures the budgets of the design on this machine and prints one table.
//!
//! ```text
//!  start, noop, lifecycles, idle, lists, rest, memory, operator, console   one subject
//!            each, for `bench NAME…`
//!  agents    fake agents: the real session with the hub, without a runtime
//!  fixture   a hub for fake agents, and templates and tasks for it
//!  million   a hub with a million tasks, for lists and rest; FLOW_BENCH_TASKS sets another number
//!  load      requests at a fixed rate, or one after the other
//!  disk      the duration of one durable commit, measured between the rounds
//!  machine   processor time and memory of a process; a description of the machine
//!  table     the printed table
//! ```
//!
//! A missed budget is printed and does not fail the run: figures that depend on the disk or the
//! load stand beside measurements of both from the same run. A bench that panics fails the run.

#![expect(clippy::disallowed_methods, reason = "a bench measures real time and waits in real time")]

mod agents;
mod console;
mod disk;
mod fixture;
mod idle;
mod lifecycles;
mod lists;
mod load;
mod machine;
mod memory;
mod million;
mod noop;
mod operator;
mod rest;
mod start;
mod table;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use futures::FutureExt as _;
use table::Table;

const NAMES: [&str; 9] =
    ["start", "noop", "lifecycles", "idle", "lists", "rest", "memory", "operator", "console"];

fn main() -> ExitCode {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = chosen.iter().find(|name| !NAMES.contains(&name.as_str())) {
        eprintln!(
            "bench: unknown bench {unknown:?}: give names from {}, or no name to run all",
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
        // A panic in one bench does not discard the figures of the others.
        let measured = runtime.block_on(AssertUnwindSafe(measure(name, &mut table)).catch_unwind());
        if measured.is_err() {
            table.note(format!("{name} panicked: see the message above the table"));
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
        "rest" => rest::measure(table).await,
        "memory" => memory::measure(table).await,
        "console" => console::measure(table).await,
        _ => operator::measure(table).await,
    }
}
