//! From the request to start a task until every one of 100 agents has heard what it shall do.

use std::time::{Duration, Instant};

use flow_e2e::Builder;

use crate::agents::{Conduct, Fleet, Seen};
use crate::disk::Disk;
use crate::table::{Table, Times, millis};
use crate::world;

const AGENTS: usize = 100;
const WARM_UP: usize = 20;
const ROUNDS: usize = 200;
/// Allowed beyond the disk's own commit.
const BUDGET: Duration = Duration::from_millis(10);

pub async fn measure(table: &mut Table) {
    let (federation, grpc) = world::hub(Builder::default().parties(&[])).await;
    let hub = &federation.hub;
    let mut disk = Disk::open(federation.root()).await;
    let parties = world::parties(hub, AGENTS).await;
    let mut fleet = Fleet::start(grpc, &parties, Conduct::Silent);
    fleet.all(AGENTS, |seen| *seen == Seen::Set).await;
    let template = world::template(hub, "start").await;

    let (mut starts, mut commits) = (Times::default(), Times::default());
    let mut before = ((0.0, 0.0), (0.0, 0.0));
    for round in 0..WARM_UP + ROUNDS {
        let mut task = world::task(&format!("start-{round}"), &template, &parties);
        // Other epochs make other specs: nothing is there already of an earlier start.
        task["epochs"] = (round + 1).into();
        let task = world::submit(hub, &task).await;
        let commit = disk.commit().await;
        let asked = Instant::now();
        let told = fleet.all(
            AGENTS,
            |seen| matches!(seen, Seen::Wish { desired, .. } if desired == "reserved"),
        );
        let (_, told) = tokio::join!(world::start(hub, &task), told);
        if round >= WARM_UP {
            starts.push(told - asked);
            commits.push(commit);
        } else {
            before = (
                world::histogram(hub, "flow_commit_seconds").await,
                world::histogram(hub, "flow_queue_age_seconds").await,
            );
        }
        world::stop(hub, &task).await;
        fleet.all(AGENTS, |seen| matches!(seen, Seen::Settled { .. })).await;
    }
    let after = world::histogram(hub, "flow_commit_seconds").await;
    let allowed = BUDGET + commits.percentile(99);
    table.row(
        format!("REST start → all of {AGENTS} agents told ({} starts of new tasks)", starts.len()),
        format!("p99 < 10 ms + p99 commit = {}", millis(allowed)),
        starts.shown(),
        starts.percentile(99) < allowed,
    );
    table.figure("  the disk's own commit, in between (one row, SQLite, FULL)", commits.shown());
    let ((sum, count), _) = before;
    let mean = Duration::from_secs_f64((after.0 - sum) / (after.1 - count).max(1.0));
    table.figure(
        "  the hub's own commits meanwhile (starts, stops, reports)",
        format!("mean {}", millis(mean)),
    );
}
