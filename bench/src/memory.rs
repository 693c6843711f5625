//! Memory of the idle processes at a party: the agent, and the sidecar of a waiting workload.

use flow_e2e::{Builder, Job};

use crate::machine::Memory;
use crate::table::Table;

pub async fn measure(table: &mut Table) {
    let mut federation = Builder::default().start().await;
    let pid = federation.agent("hospital-a").pid();
    let agent = Memory::of(pid);
    let run = federation.hub.launch(&Job::new("gate").trainers_only()).await;
    federation.hub.wait_phase(&run, "running").await;
    let sidecar = federation.sidecar("hospital-a", &run).expect("its workload runs");
    let sidecar = Memory::of(sidecar.pid);
    let after = Memory::of(pid);
    federation.release(&run);
    federation.hub.ends(&run, "succeeded", "completed").await;
    table.row(
        "agent, idle (process runtime)",
        "< 20 MB RSS",
        agent.shown(),
        agent.resident * 1024 < 20_000_000,
    );
    table.figure("  the same with one member running", after.shown());
    table.row(
        "sidecar of an idle workload",
        "< 10 MB RSS",
        sidecar.shown(),
        sidecar.resident * 1024 < 10_000_000,
    );
    federation.end().await;
}
