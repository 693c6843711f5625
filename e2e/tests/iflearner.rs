//! The published, unchanged iflearner 0.1.0 with real data: training succeeds, and hangs and wrong
//! states of the framework (hazards L1, L2, … of its specification, numbered in the names) end the
//! run with a clear cause.

use std::time::Duration;

use flow_e2e::{Builder, Federation, Job, Run, eventually, member, proc};
use futures::StreamExt as _;
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::Value;

/// Importing the framework takes seconds of processor time in each of its processes (L15).
const PATIENCE: Duration = Duration::from_secs(150);
const ALL: [&str; 2] = ["hospital-a", "hospital-b"];

async fn federation() -> Federation {
    Builder::default().digits().start().await
}

/// Accuracy of the average of both parties in the workload's README.
const AVERAGE: [(u64, f64); 3] = [(1, 0.8508), (2, 0.8953), (3, 0.9087)];

async fn running(federation: &Federation, run: &Run) -> Value {
    federation
        .hub
        .wait(run, "the run to be running", PATIENCE, |now| now["phase"] == "running")
        .await
}

async fn reaches_epoch(federation: &Federation, run: &Run, epoch: u64) {
    let there = |now: &Value| now["progress"]["epoch"].as_u64().is_some_and(|now| now >= epoch);
    federation.hub.wait(run, &format!("every party to reach epoch {epoch}"), PATIENCE, there).await;
}

/// Kills the training process of a party, but not its sidecar.
fn kill_trainer(federation: &Federation, run: &Run, party: &str) {
    let alive = federation.alive(run, Some(party));
    let trainer = alive
        .iter()
        .find(|process| process.command.contains("client.py"))
        .unwrap_or_else(|| panic!("no trainer among {alive:#?}"));
    trainer.signal(Signal::SIGKILL);
}

#[tokio::test]
async fn l8_l9_training_ends_by_itself_with_the_accuracy_of_the_federation() {
    let federation = federation().await;
    let run = federation.hub.launch(&Job::digits(3)).await;
    running(&federation, &run).await;
    let path = format!("/tasks/{}/runs/{}/members/hospital-b/logs?follow=true", run.task, run.id);
    let follower = federation.hub.request(Method::GET, &path).send().await.expect("a log");
    let mut lines = follower.bytes_stream();
    let end = federation.hub.ends_within(&run, "succeeded", "completed", PATIENCE).await;

    // The aggregator never ends by itself: the hub stopped it after its page had shown all parties
    // complete.
    assert_eq!(
        (&member(&end, "hub")["phase"], &member(&end, "hub")["complete"]),
        (&"stopped".into(), &true.into())
    );
    assert_eq!(end["progress"]["epoch"], 3);
    for party in ALL {
        assert_eq!(member(&end, party)["phase"], "succeeded");
        assert_eq!(federation.hub.series(&run, party, "global/acc").await, AVERAGE[..2]);
        let alone: Vec<u64> = federation
            .hub
            .series(&run, party, "local/acc")
            .await
            .iter()
            .map(|(step, _)| *step)
            .collect();
        assert_eq!(alone, [1, 2, 3]);
        let last = member(&end, party)["progress"]["metrics"]["global/acc"].as_f64();
        assert_eq!(last, Some(0.8953));
    }
    let mut log = Vec::new();
    while let Some(part) = lines.next().await {
        log.extend_from_slice(&part.expect("the log is whole"));
    }
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("\"event\": \"global\"") && log.contains("\"acc\": 0.8953"), "{log}");
    assert_eq!(federation.started(&run), ALL);
    federation.end().await;
}

#[tokio::test]
async fn l11_l13_two_trainings_at_once_share_neither_port_nor_folder_and_any_party_can_aggregate() {
    let federation = federation().await;
    let at_b = Job::digits(2).members(&[
        ("hospital-b", "aggregator"),
        ("hub", "trainer"),
        ("hospital-a", "trainer"),
    ]);
    let masked = Job::digits(2).parameter("smpc", "true");
    let (at_b, masked) = (federation.hub.launch(&at_b).await, federation.hub.launch(&masked).await);
    let end = federation.hub.ends_within(&at_b, "succeeded", "completed", PATIENCE).await;
    assert_eq!(member(&end, "hospital-b")["phase"], "stopped");
    // The hub's party has the rows of party A here: the average of twice the same is the same.
    assert_eq!(federation.hub.series(&at_b, "hub", "global/acc").await, [(1, 0.5011)]);
    federation.hub.ends_within(&masked, "succeeded", "completed", PATIENCE).await;
    for party in ALL {
        assert_eq!(federation.hub.series(&masked, party, "global/acc").await, AVERAGE[..1]);
    }
    federation.end().await;
}

#[tokio::test]
async fn l2_l4_a_trainer_killed_in_the_middle_fails_the_run_and_frees_the_others_that_would_wait_for_ever()
 {
    let federation = federation().await;
    let run = federation.hub.launch(&Job::digits(50).parameter("fit-seconds", "0.5")).await;
    reaches_epoch(&federation, &run, 2).await;
    kill_trainer(&federation, &run, "hospital-a");
    let end = federation.hub.ends_within(&run, "failed", "member_failed", PATIENCE).await;
    assert_eq!(
        (&end["ending"]["party"], &end["ending"]["reason"]["code"]),
        (&"hospital-a".into(), &"exit_signal".into())
    );
    assert_eq!(
        (&member(&end, "hospital-b")["phase"], &member(&end, "hub")["phase"]),
        (&"stopped".into(), &"stopped".into())
    );
    federation.nothing_left(&run, None).await;
    federation.end().await;
}

#[tokio::test]
async fn l3_an_exception_in_the_training_code_is_an_exit_status_and_not_a_standstill() {
    let federation = federation().await;
    let run = federation.hub.launch(&Job::digits(3).parameter("fail-at", "1")).await;
    let end = federation.hub.ends_within(&run, "failed", "member_failed", PATIENCE).await;
    assert_eq!(end["ending"]["reason"]["code"], "exit_nonzero");
    federation.nothing_left(&run, None).await;
    federation.end().await;
}

#[tokio::test]
async fn l1_the_lost_aggregate_race_is_repaired_where_it_is_certain_to_strike() {
    let federation = federation().await;
    let run = federation.hub.launch(&Job::digits(2).parameter("upload-lag", "1.5")).await;
    federation.hub.ends_within(&run, "succeeded", "completed", PATIENCE).await;
    assert_eq!(federation.hub.series(&run, "hospital-a", "global/acc").await, AVERAGE[..1]);
    federation.end().await;
}

#[tokio::test]
async fn l1_without_the_repair_a_standstill_ends_for_want_of_progress() {
    let federation = federation().await;
    let job = Job::digits(3).parameter("upload-lag", "1.5").rule("no_progress_s", 8);
    let job = job.template("env", serde_json::json!({"IFLEARNER_COMPAT": "seed,exit"}));
    let run = federation.hub.launch(&job).await;
    federation.hub.ends_within(&run, "failed", "no_progress", PATIENCE).await;
    federation.nothing_left(&run, None).await;
    federation.end().await;
}

#[tokio::test]
async fn l7_l21_unsupported_modes_of_iflearner_are_rejected_at_submission() {
    let federation = federation().await;
    for (parameters, words) in [
        (vec![("strategy", "FedOpt")], "FedOpt"),
        (vec![("strategy", "fedavg")], "FedAvg"),
        (vec![("smpc", "true"), ("strategy_params", "{\"weighted_fedavg\": true}")], "masks"),
    ] {
        let job =
            parameters.iter().fold(Job::digits(2), |job, (name, value)| job.parameter(name, value));
        let task = federation.hub.prepare(&job).await;
        let (status, problem) = federation
            .hub
            .try_call(Method::POST, "/tasks", Some(&task))
            .await
            .expect("the hub answers");
        assert!(
            status.is_client_error() && problem["fields"].to_string().contains(words),
            "{status}: {problem:#}"
        );
    }
    federation.end().await;
}

#[tokio::test]
async fn l4_killing_hub_and_agent_in_the_middle_of_training_changes_nothing_for_the_framework() {
    let mut federation = federation().await;
    let run = federation.hub.launch(&Job::digits(4).parameter("fit-seconds", "2")).await;
    reaches_epoch(&federation, &run, 1).await;
    let trainers = |federation: &Federation| {
        let mut pids: Vec<i32> = proc::with_word(&run.id)
            .iter()
            .filter(|p| p.command.contains("client.py"))
            .map(|p| p.pid)
            .collect();
        pids.sort_unstable();
        pids.dedup();
        assert!(federation.started(&run).len() == 2);
        pids
    };
    let before = trainers(&federation);
    federation.kill9_server();
    federation.kill9_agent("hospital-a");
    federation.restart_server().await;
    federation.start_agent("hospital-a").await;
    let after = eventually(PATIENCE, async || Some(trainers(&federation))).await;
    assert_eq!(after, Some(before), "a trainer died with its agent");
    federation.hub.ends_within(&run, "succeeded", "completed", PATIENCE).await;
    // Every point exists once, also those that the killed hub had not stored and those that the
    // agents repeated.
    for party in ALL {
        assert_eq!(federation.hub.series(&run, party, "global/acc").await, AVERAGE, "{party}");
        let alone: Vec<u64> = federation
            .hub
            .series(&run, party, "local/acc")
            .await
            .iter()
            .map(|(step, _)| *step)
            .collect();
        assert_eq!(alone, [1, 2, 3, 4], "{party}");
    }
    federation.end().await;
}

/// The class properties of the published client work in Python 3.9 to 3.12.
fn client_runs_here() -> bool {
    let check = "import sys; sys.exit(sys.version_info >= (3, 13))";
    let mut python = std::process::Command::new(flow_testkit::client_python());
    python.args(["-c", check]).status().expect("the interpreter runs").success()
}

#[tokio::test]
async fn f25_published_client_package_drives_the_hub_with_every_verb() {
    if !client_runs_here() {
        eprintln!("the client package of iflearner-flow needs Python 3.12 or older: not tested");
        return;
    }
    let federation =
        Builder::default().digits().agent("datasets.digits.v1_path", "/data/digits").start().await;
    let (host, port) = federation
        .hub
        .base
        .strip_prefix("http://")
        .and_then(|address| address.split_once(':'))
        .expect("an address");
    let folder = federation.root().join("client");
    std::fs::create_dir(&folder).expect("the folder is the test's own");
    // The client sends no header; its HTTP library reads user and password from this file.
    let netrc = federation.root().join("netrc");
    let line = format!(
        "machine {host} login {} password {}\n",
        federation.hub.user(),
        federation.hub.token()
    );
    std::fs::write(&netrc, line).expect("the folder is the test's own");
    let mut command = tokio::process::Command::new(flow_testkit::client_python());
    command
        .arg(flow_testkit::repository().join("e2e/client/drive.py"))
        .args([host, port])
        .arg(&folder)
        .env("NETRC", &netrc)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONWARNINGS", "ignore")
        .env_remove("http_proxy")
        .env_remove("HTTP_PROXY")
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    let output = flow_common::clock::timeout(2 * PATIENCE, command.output())
        .await
        .expect("the client ends in time")
        .expect("it can be executed");
    let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(
        output.status.success(),
        "{printed}\n{}\nthe hub's log:\n{}",
        String::from_utf8_lossy(&output.stderr),
        federation.server_log()
    );
    let task = printed.lines().last().expect("the id of a task");
    let runs = federation.hub.runs(task).await;
    assert_eq!((runs.len(), &runs[0]["phase"]), (1, &"succeeded".into()));
    assert_eq!(runs[0]["inputs"]["parameters"]["lr"], "0.4", "{:#}", runs[0]);
    federation.end().await;
}
