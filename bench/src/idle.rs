//! 10,000 idle agents: memory and processor time of the hub, and the time until all have
//! reconnected.

use std::time::{Duration, Instant};

use flow_e2e::Builder;

use crate::agents::{AgentEvent, Behaviour, Fleet};
use crate::fixture;
use crate::machine::{self, Memory, megabytes};
use crate::table::Table;

const AGENTS: usize = 10_000;
const IDLE_PERIOD: Duration = Duration::from_secs(20);

pub async fn measure(table: &mut Table) {
    let (mut federation, grpc) = fixture::hub(Builder::default().parties(&[])).await;
    let parties = fixture::parties(&federation.hub, AGENTS).await;
    let alone = Memory::of(federation.server().pid());
    let begun = Instant::now();
    let mut fleet = Fleet::start(grpc, &parties, Behaviour::Silent);
    let connected = fleet.all(AGENTS, |event| *event == AgentEvent::Synchronised).await - begun;

    // Let the hub finish the work of the connects: inventories, the write-ahead log.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let pid = federation.server().pid();
    let (used, since) = (machine::processor_time(pid), Instant::now());
    tokio::time::sleep(IDLE_PERIOD).await;
    let share =
        100.0 * (machine::processor_time(pid) - used).as_secs_f64() / since.elapsed().as_secs_f64();
    let memory = Memory::of(pid);
    table.row(
        format!("{AGENTS} idle agents: the hub's memory"),
        "< 400 MB RSS",
        format!("{} ({} before they connected)", memory.shown(), megabytes(alone.resident)),
        memory.resident * 1024 < 400_000_000,
    );
    let each = (memory.resident.saturating_sub(alone.resident) * 1024) / AGENTS as u64;
    let peak = megabytes(machine::peak_memory(pid));
    table.figure("  memory per agent", format!("{each} B (peak of the hub: {peak})"));
    let period = format!("over {} s", IDLE_PERIOD.as_secs());
    table.row(
        format!("{AGENTS} idle agents: the hub's processor time"),
        "< 5 % of a core",
        format!("{share:.1} % {period}"),
        share < 5.0,
    );

    let killed = Instant::now();
    federation.restart_server().await;
    let ready = killed.elapsed();
    let reconnected = fleet.all(AGENTS, |event| *event == AgentEvent::Synchronised).await - killed;
    table.row(
        format!("{AGENTS} agents: all reconnected after kill -9 and restart of the hub"),
        "< 30 s",
        format!(
            "{:.1} s (hub ready after {:.1} s)",
            reconnected.as_secs_f64(),
            ready.as_secs_f64()
        ),
        reconnected < Duration::from_secs(30),
    );
    table.figure(
        "  first connect of all at once, with inventories",
        format!("{:.1} s", connected.as_secs_f64()),
    );
}
