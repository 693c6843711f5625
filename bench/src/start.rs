//! The time from the start request of a task until all of 100 agents have received their desired
//! members.

use std::time::{Duration, Instant};

use flow_e2e::Builder;

use crate::agents::{AgentEvent, Behaviour, Fleet};
use crate::disk::Disk;
use crate::fixture;
use crate::table::{Table, Times, millis};

const AGENTS: usize = 100;
const WARM_UP: usize = 20;
const ROUNDS: usize = 200;
/// Time allowed in addition to one commit of the disk.
const BUDGET: Duration = Duration::from_millis(10);

pub async fn measure(table: &mut Table) {
    let (federation, grpc) = fixture::hub(Builder::default().parties(&[])).await;
    let hub = &federation.hub;
    let mut disk = Disk::open(federation.root()).await;
    let parties = fixture::parties(hub, AGENTS).await;
    let mut fleet = Fleet::start(grpc, &parties, Behaviour::Silent);
    fleet.all(AGENTS, |event| *event == AgentEvent::Synchronised).await;
    let template = fixture::template(hub, "start").await;

    let (mut starts, mut commits) = (Times::default(), Times::default());
    let mut before = ((0.0, 0.0), (0.0, 0.0));
    for round in 0..WARM_UP + ROUNDS {
        let mut task = fixture::task(&format!("start-{round}"), &template, &parties);
        // Different epochs make different specs, so that no agent has a spec of an earlier start.
        task["epochs"] = (round + 1).into();
        let task = fixture::submit(hub, &task).await;
        let commit = disk.commit().await;
        let requested = Instant::now();
        let received = fleet.all(
            AGENTS,
            |event| matches!(event, AgentEvent::Desired { desired, .. } if desired == "reserved"),
        );
        let (_, received) = tokio::join!(fixture::start(hub, &task), received);
        if round >= WARM_UP {
            starts.push(received - requested);
            commits.push(commit);
        } else {
            before = (
                fixture::histogram(hub, "flow_commit_seconds").await,
                fixture::histogram(hub, "flow_queue_age_seconds").await,
            );
        }
        fixture::stop(hub, &task).await;
        fleet.all(AGENTS, |event| matches!(event, AgentEvent::Settled { .. })).await;
    }
    let after = fixture::histogram(hub, "flow_commit_seconds").await;
    let allowed = BUDGET + commits.percentile(99);
    table.row(
        format!(
            "REST start → all of {AGENTS} agents have the desired member ({} starts of new tasks)",
            starts.len()
        ),
        format!("p99 < 10 ms + p99 commit = {}", millis(allowed)),
        starts.shown(),
        starts.percentile(99) < allowed,
    );
    table.figure(
        "  one commit on this disk, between the rounds (one row, SQLite, FULL)",
        commits.shown(),
    );
    let ((sum, count), _) = before;
    let mean = Duration::from_secs_f64((after.0 - sum) / (after.1 - count).max(1.0));
    table.figure(
        "  commits of the hub in the same time (starts, stops, reports)",
        format!("mean {}", millis(mean)),
    );
}
