//! Ten thousand agents that have nothing to do: what they cost the hub, and how long they take to come back.

use std::time::{Duration, Instant};

use flow_e2e::Builder;

use crate::agents::{Conduct, Fleet, Seen};
use crate::machine::{self, Memory, megabytes};
use crate::table::Table;
use crate::world;

const AGENTS: usize = 10_000;
const QUIET: Duration = Duration::from_secs(20);

pub async fn measure(table: &mut Table) {
    let (mut federation, grpc) = world::hub(Builder::default().parties(&[])).await;
    let parties = world::parties(&federation.hub, AGENTS).await;
    let alone = Memory::of(federation.server().pid());
    let begun = Instant::now();
    let mut fleet = Fleet::start(grpc, &parties, Conduct::Silent);
    let came = fleet.all(AGENTS, |seen| *seen == Seen::Set).await - begun;

    // What the coming left behind: inventories, the write-ahead log.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let pid = federation.server().pid();
    let (used, since) = (machine::processor_time(pid), Instant::now());
    tokio::time::sleep(QUIET).await;
    let share =
        100.0 * (machine::processor_time(pid) - used).as_secs_f64() / since.elapsed().as_secs_f64();
    let memory = Memory::of(pid);
    table.row(
        format!("{AGENTS} idle agents: the hub's memory"),
        "< 400 MB RSS",
        format!("{} ({} before they came)", memory.shown(), megabytes(alone.resident)),
        memory.resident * 1024 < 400_000_000,
    );
    let each = (memory.resident.saturating_sub(alone.resident) * 1024) / AGENTS as u64;
    let peak = megabytes(machine::peak_memory(pid));
    table.figure(
        "  of it for each agent",
        format!("{each} B (the most that the hub had meanwhile: {peak})"),
    );
    let quiet = format!("over {} s", QUIET.as_secs());
    table.row(
        format!("{AGENTS} idle agents: the hub's processor time"),
        "< 5 % of a core",
        format!("{share:.1} % {quiet}"),
        share < 5.0,
    );

    let killed = Instant::now();
    federation.restart_server().await;
    let ready = killed.elapsed();
    let back = fleet.all(AGENTS, |seen| *seen == Seen::Set).await - killed;
    table.row(
        format!("{AGENTS} agents: all back after kill -9 and restart of the hub"),
        "< 30 s",
        format!("{:.1} s (the hub itself after {:.1} s)", back.as_secs_f64(), ready.as_secs_f64()),
        back < Duration::from_secs(30),
    );
    table.figure(
        "  their first coming, all at once, inventories included",
        format!("{:.1} s", came.as_secs_f64()),
    );
}
