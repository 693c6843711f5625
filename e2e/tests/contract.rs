//! The API against its own document: schemathesis makes requests of the document and checks each answer against it.

use std::process::Stdio;
use std::time::Duration;

use flow_e2e::{Builder, Job, SOON, eventually};
use flow_testkit::{repository, schemathesis};
use reqwest::Method;

/// Longest time for all of it, on two processors that others use too.
const DEADLINE: Duration = Duration::from_secs(240);

/// What is excluded, and why, stands in `contract/schemathesis.toml`.
#[tokio::test]
async fn u40_u41_u42_schemathesis_finds_nothing_against_the_served_document() {
    let mut federation = Builder::default().start().await;
    // A run that goes on while its members are read, and a member that the hub has forgotten.
    let forgotten = federation.backup("before.db");
    federation.hub.launch(&Job::new("talk")).await;
    let held = federation.hub.launch(&Job::new("talk")).await;
    federation.hub.wait_phase(&held, "running").await;
    federation.restore(&forgotten).await;
    for party in ["hospital-a", "hospital-b"] {
        federation.wait_contact(party, "connected").await;
    }
    let orphans = eventually(SOON, async || {
        let found = federation.hub.get("/orphans").await;
        found["items"].as_array().is_some_and(|items| items.len() >= 4).then_some(())
    });
    orphans.await.expect("the agents report the members that the hub has forgotten");

    let run = federation.hub.launch(&Job::new("talk")).await;
    federation.hub.wait_phase(&run, "running").await;
    let task = federation.hub.get(&format!("/tasks/{}", run.task)).await;
    let idle = federation.hub.submit(&Job::new("ok")).await;

    let config = repository().join("e2e/contract");
    let mut command = tokio::process::Command::new(schemathesis());
    command
        .args(["--config-file", "schemathesis.toml", "run", "--phases", "examples,coverage,stateful"])
        .arg(format!("{}/openapi.json", federation.hub.base))
        .current_dir(&config)
        .env("CONTRACT_TOKEN", federation.hub.token())
        .env("CONTRACT_TEMPLATE", task["template"].as_str().expect("an id"))
        .env("CONTRACT_TASK", &run.task)
        .env("CONTRACT_RUN", &run.id)
        .env("CONTRACT_IDLE_TASK", idle)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(DEADLINE, command.output()).await.expect("schemathesis ends in time").expect("it can be executed");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}\nthe hub's log:\n{}", String::from_utf8_lossy(&output.stderr), federation.server_log());
    assert!(text.contains("No issues found"), "{text}");

    // Nothing that schemathesis made may outlive the federation.
    loop {
        let page = federation.hub.get("/tasks?limit=200").await;
        let tasks = page["items"].as_array().expect("a list");
        if tasks.is_empty() {
            break;
        }
        for task in tasks {
            federation.hub.call(Method::DELETE, &format!("/tasks/{}", task["id"].as_str().expect("an id")), None).await;
        }
    }
    federation.end().await;
}
