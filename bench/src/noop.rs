//! A task of two parties whose program is `true`: the time from the submit request to the event of
//! its end, with real agents, sidecars and processes.

use std::time::{Duration, Instant};

use flow_e2e::{Builder, Federation, Hub};
use futures::StreamExt as _;
use reqwest::Method;
use serde_json::json;

use crate::disk::Disk;
use crate::fixture;
use crate::table::{Table, Times, millis};

const WARM_UP: usize = 5;
const ROUNDS: usize = 60;
const BUDGET: Duration = Duration::from_millis(150);

pub async fn measure(table: &mut Table) {
    let federation: Federation = Builder::default().start().await;
    let hub = &federation.hub;
    let image = federation.root().join("image/true");
    std::fs::copy("/bin/true", image).expect("/bin/true exists, and this user owns the folder");
    let mut disk = Disk::open(federation.root()).await;
    let template =
        json!({"name": "noop", "framework": "generic", "image": "e2e", "command": ["true"]});
    let template = hub.call(Method::POST, "/templates", Some(&template)).await["id"].clone();

    let (mut times, mut commits) = (Times::default(), Times::default());
    for round in 0..WARM_UP + ROUNDS {
        let members =
            ["hospital-a", "hospital-b"].map(|party| json!({"party": party, "role": "trainer"}));
        let task = json!({"name": format!("noop-{round}"), "template": template, "epochs": 1, "members": members});
        let commit = disk.commit().await;
        let begun = Instant::now();
        let task = fixture::submit(hub, &task).await;
        let (_, ()) = tokio::join!(fixture::start(hub, &task), end(hub, &task));
        if round >= WARM_UP {
            times.push(begun.elapsed());
            commits.push(commit);
        }
    }
    table.row(
        format!("two-party no-op task, submit → end, process runtime ({} tasks)", times.len()),
        format!("p50 < {}", millis(BUDGET)),
        times.shown(),
        times.percentile(50) < BUDGET,
    );
    table.figure("  one commit on this disk, between the rounds", commits.shown());
    federation.end().await;
}

/// Follows the task's events until its run has succeeded.
async fn end(hub: &Hub, task: &str) {
    let request = hub
        .request(Method::GET, &format!("/tasks/{task}/events"))
        .header("accept", "text/event-stream");
    let mut stream = request
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .expect("the hub answers")
        .bytes_stream();
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        text += &String::from_utf8_lossy(&chunk.expect("the stream lasts until the task ends"));
        if text.contains("event: run.succeeded\n") {
            return;
        }
        assert!(!text.contains("event: run.failed\n"), "the run failed:\n{text}");
    }
    panic!("the stream of events ended before the run did:\n{text}");
}
