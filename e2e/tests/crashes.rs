//! Each program is killed with SIGKILL at every stage of a run, and the run still ends correctly:
//! no task is lost, no workload starts twice, no process is left.

use std::collections::BTreeSet;

use flow_e2e::{Builder, Federation, Hub, Job, Run, SOON, eventually, member};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A stage of a run at which a program is killed. Each lasts until the test continues the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Queued,
    Reserving,
    Starting,
    Running,
    Stopping,
}

const STAGES: [Stage; 5] =
    [Stage::Queued, Stage::Reserving, Stage::Starting, Stage::Running, Stage::Stopping];
const ALL: [&str; 3] = ["hospital-a", "hospital-b", "hub"];
const TRAINERS: [&str; 2] = ["hospital-a", "hospital-b"];

/// A federation with an additional party that has no agent.
async fn federation() -> Federation {
    let federation = Builder::default().start().await;
    federation.add_party("hospital-c").await;
    federation
}

/// Starts a run and brings it to the stage.
async fn run_at(federation: &mut Federation, stage: Stage) -> Run {
    let hub = federation.hub.clone();
    let gate = Job::new("gate");
    match stage {
        Stage::Queued => {
            let members = [
                ("hub", "aggregator"),
                ("hospital-a", "trainer"),
                ("hospital-b", "trainer"),
                ("hospital-c", "trainer"),
            ];
            let run = hub.launch(&gate.members(&members)).await;
            let waits = |now: &serde_json::Value| {
                now["phase"] == "queued" && now["waiting"]["party"] == "hospital-c"
            };
            hub.wait(&run, "the run to wait for hospital-c", SOON, waits).await;
            run
        }
        Stage::Reserving => {
            federation.freeze("hospital-b");
            let run = hub.launch(&gate).await;
            hub.wait_member(&run, "hospital-a", "reserved").await;
            hub.wait_phase(&run, "reserving").await;
            run
        }
        Stage::Starting => {
            // Freeze B after its report of the reservation: the hub commits the start, but B does
            // not receive it.
            federation.freeze("hospital-a");
            let run = hub.launch(&gate).await;
            hub.wait_member(&run, "hospital-b", "reserved").await;
            federation.freeze("hospital-b");
            federation.thaw("hospital-a");
            hub.wait_phase(&run, "starting").await;
            hub.wait_member(&run, "hospital-a", "running").await;
            run
        }
        Stage::Running => {
            let run = hub.launch(&gate).await;
            hub.wait_phase(&run, "running").await;
            run
        }
        Stage::Stopping => {
            let run = hub.launch(&Job::new("stubborn").template("stop_grace_s", 15)).await;
            hub.wait_phase(&run, "running").await;
            federation.wait_started(&run, &ALL).await;
            hub.stop(&run).await;
            hub.wait_phase(&run, "stopping").await;
            run
        }
    }
}

/// Continues a run and waits for its end.
async fn continue_run(federation: &mut Federation, run: &Run, stage: Stage) {
    let hub = federation.hub.clone();
    match stage {
        Stage::Stopping => {
            hub.ends(run, "cancelled", "stopped").await;
            assert_eq!(federation.started(run), ALL);
        }
        Stage::Queued | Stage::Reserving | Stage::Starting | Stage::Running => {
            if stage == Stage::Queued {
                federation.start_agent("hospital-c").await;
            }
            for party in TRAINERS {
                federation.thaw(party);
            }
            federation.wait_started(run, &ALL).await;
            federation.release(run);
            hub.ends(run, "succeeded", "completed").await;
            if stage == Stage::Queued {
                federation.kill9_agent("hospital-c");
                assert_eq!(
                    federation.started(run),
                    ["hospital-a", "hospital-b", "hospital-c", "hub"]
                );
            } else {
                assert_eq!(federation.started(run), ALL);
            }
        }
    }
    federation.nothing_left(run, None).await;
}

#[tokio::test]
async fn hub_killed_at_any_stage_changes_no_outcome() {
    let mut federation = federation().await;
    for stage in STAGES {
        let run = run_at(&mut federation, stage).await;
        federation.restart_server().await;
        continue_run(&mut federation, &run, stage).await;
    }
    federation.end().await;
}

#[tokio::test]
async fn agent_killed_at_any_stage_changes_no_outcome() {
    let mut federation = federation().await;
    for stage in STAGES {
        let run = run_at(&mut federation, stage).await;
        federation.restart_agent("hospital-a").await;
        continue_run(&mut federation, &run, stage).await;
    }
    federation.end().await;
}

#[tokio::test]
async fn both_agents_killed_at_any_stage_change_no_outcome() {
    let mut federation = federation().await;
    for stage in STAGES {
        let run = run_at(&mut federation, stage).await;
        federation.kill9_agent("hospital-a");
        federation.kill9_agent("hospital-b");
        federation.start_agent("hospital-b").await;
        federation.start_agent("hospital-a").await;
        continue_run(&mut federation, &run, stage).await;
    }
    federation.end().await;
}

#[tokio::test]
async fn hub_and_agents_killed_at_any_stage_change_no_outcome() {
    let mut federation = federation().await;
    for stage in STAGES {
        let run = run_at(&mut federation, stage).await;
        federation.kill9_server();
        federation.kill9_agent("hospital-a");
        federation.kill9_agent("hospital-b");
        federation.restart_server().await;
        federation.start_agent("hospital-a").await;
        federation.start_agent("hospital-b").await;
        continue_run(&mut federation, &run, stage).await;
    }
    federation.end().await;
}

#[tokio::test]
async fn killed_sidecar_of_a_running_member_fails_the_run_and_leaves_no_process() {
    let mut federation = federation().await;
    let run = run_at(&mut federation, Stage::Running).await;
    federation.wait_started(&run, &ALL).await;
    federation.kill9_sidecar("hospital-a", &run);
    let end = federation.hub.ends(&run, "failed", "member_failed").await;
    assert_eq!(end["ending"]["party"], "hospital-a");
    assert_eq!(member(&end, "hospital-a")["reason"]["code"], "sidecar_lost");
    assert_eq!(member(&end, "hospital-b")["phase"], "stopped");
    assert_eq!(federation.started(&run), ALL);
    federation.nothing_left(&run, None).await;
    federation.end().await;
}

#[tokio::test]
async fn sidecar_killed_during_a_stop_leads_to_stopped() {
    let mut federation = federation().await;
    let run = run_at(&mut federation, Stage::Stopping).await;
    federation.kill9_sidecar("hospital-a", &run);
    continue_run(&mut federation, &run, Stage::Stopping).await;
    federation.end().await;
}

/// Files of a run directory in the order in which a start writes them. The test kills the sidecar
/// once a file exists; the result must be correct regardless of the files written in the meantime.
const WRITES: [&str; 5] = ["launch.json", "started", "container.json", "work", "exit"];

#[tokio::test]
async fn sidecar_killed_between_any_two_writes_of_a_start_causes_no_second_start() {
    let federation = federation().await;
    for file in WRITES {
        federation.freeze("hospital-b");
        let run = federation.hub.launch(&Job::new("ok")).await;
        federation.hub.wait_member(&run, "hospital-a", "reserved").await;
        let sidecar = federation.sidecar("hospital-a", &run).expect("the hold has a sidecar");
        let path = sidecar.cwd.join(file);
        // The usual poll interval of 15 ms would miss all stages.
        let killer = tokio::task::spawn_blocking(move || {
            let begun = flow_common::clock::monotonic();
            while path.symlink_metadata().is_err() && begun.elapsed() < SOON {
                std::hint::spin_loop();
            }
            sidecar.signal(nix::sys::signal::Signal::SIGKILL);
        });
        federation.thaw("hospital-b");
        killer.await.expect("the task that kills does not panic");
        let over = |now: &serde_json::Value| now["settled_at"].is_string();
        let end = federation
            .hub
            .wait(&run, &format!("the run to end after a kill at {file}"), SOON, over)
            .await;
        let a = member(&end, "hospital-a");
        let outcome = (end["phase"].as_str(), a["phase"].as_str(), a["reason"]["code"].as_str());
        match outcome {
            (Some("succeeded"), Some("succeeded"), None) => {
                assert_eq!(federation.trained(&run), TRAINERS, "{file}")
            }
            (Some("failed"), Some("failed"), Some("sidecar_lost" | "hold_expired"))
            | (Some("failed"), Some("stopped"), _) => {}
            other => panic!("killed at {file}: {other:?}: {end:#}"),
        }
        let started = federation.started(&run);
        let parties: BTreeSet<_> = started.iter().collect();
        assert_eq!(
            parties.len(),
            started.len(),
            "killed at {file}: a workload started twice: {started:?}"
        );
        federation.nothing_left(&run, None).await;
    }
    federation.end().await;
}

#[tokio::test]
async fn sidecar_killed_during_a_reservation_costs_one_round() {
    let federation = federation().await;
    federation.freeze("hospital-b");
    let run = federation.hub.launch(&Job::new("ok")).await;
    federation.hub.wait_member(&run, "hospital-a", "reserved").await;
    federation.kill9_sidecar("hospital-a", &run);
    federation.hub.wait_member(&run, "hospital-a", "admitted").await;
    federation.thaw("hospital-b");
    let end = federation
        .hub
        .ends_within(&run, "succeeded", "completed", std::time::Duration::from_secs(90))
        .await;
    assert!(end["attempt"].as_u64() >= Some(2), "{end:#}");
    assert_eq!(federation.trained(&run), TRAINERS);
    federation.end().await;
}

/// Kills of the hub, each while requests are on their way.
const KILLS: usize = 3;
/// Tasks that one bulk request deletes.
const BULK_TASKS: usize = 20;

/// Sends a request with this header until the hub answers.
async fn with_header(hub: &Hub, path: &str, name: &str, value: &str) -> StatusCode {
    let request = || hub.http().get(format!("{}/api/v2{path}", hub.base)).header(name, value);
    let answered = eventually(SOON, async || request().send().await.ok()).await;
    answered.expect("the hub answers").status()
}

/// Returns the code with which a device asks for its token; root has approved it.
async fn approved_device(hub: &Hub) -> String {
    let started =
        hub.call(Method::POST, "/device-sign-ins", Some(&json!({"client": "robot"}))).await;
    let user_code = started["user_code"].as_str().expect("a code for people");
    hub.call(Method::POST, &format!("/device-sign-ins/{user_code}/approve"), None).await;
    started["device_code"].as_str().expect("a code for the device").to_owned()
}

/// Returns all events of the project.
async fn feed(hub: &Hub) -> Vec<Value> {
    let (mut events, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let page = hub.get(&format!("/events?limit=200&after={after}")).await;
        events.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return events,
        }
    }
}

/// Keys are stored before they sign, a session before its cookie is sent, the use of a device code
/// with its token, a change with its events: a hub that is killed at any moment accepts what it has
/// given out, gives nothing twice, and loses no event.
#[tokio::test(flavor = "multi_thread")]
async fn hub_killed_among_requests_keeps_credentials_and_repeats_nothing() {
    let mut federation = Builder::default().parties(&[]).start().await;
    let hub = federation.hub.clone();
    // The first key of a new hub.
    let signed = hub.call(Method::POST, "/access-tokens", None).await;
    let signed = format!("Bearer {}", signed["access_token"].as_str().expect("a token"));
    let account = json!({"name": "bob", "password": "a long password of bob"});
    hub.call(Method::POST, "/users", Some(&account)).await;
    let opened = hub.http().post(format!("{}/api/v2/sessions", hub.base)).json(&account).send();
    let opened = opened.await.expect("the hub answers");
    let cookie = opened.headers()["set-cookie"].to_str().expect("ASCII").to_owned();
    let cookie = cookie.split(';').next().expect("a cookie");
    flow_testkit::secrets::register(cookie.split_once('=').expect("name and value").1);

    let template = hub.prepare(&Job::new("gate").trainers_only()).await;
    let new_task = |name: String| {
        let mut task = template.clone();
        task["name"] = json!(name);
        task["members"] = json!([{"party": "hub", "role": "trainer"}]);
        task
    };
    let mut created = BTreeSet::new();
    for kill in 0..KILLS {
        let mut bulk = Vec::new();
        for number in 0..BULK_TASKS {
            let task = new_task(format!("bulk-{kill}-{number}"));
            let task = hub.call(Method::POST, "/tasks", Some(&task)).await;
            bulk.push(task["id"].clone());
        }
        created.extend(bulk.iter().filter_map(Value::as_str).map(str::to_owned));
        let device = json!({"device_code": approved_device(&hub).await});
        let key = format!("create-{kill}");
        let task = new_task(key.clone());
        let bulk = json!({"tasks": bulk});

        // The first response is the moment of the kill: it interrupts the other requests.
        let create =
            hub.request(Method::POST, "/tasks").header("idempotency-key", &key).json(&task);
        tokio::select! {
            _ = create.send() => {}
            _ = hub.try_call(Method::POST, "/device-sign-ins/token", Some(&device)) => {}
            _ = hub.try_call(Method::POST, "/bulk/tasks/delete", Some(&bulk)) => {}
        }
        federation.restart_server().await;

        for (header, value) in [("authorization", signed.as_str()), ("cookie", cookie)] {
            let status = with_header(&hub, "/me", header, value).await;
            assert_eq!(status, StatusCode::OK, "{header}");
        }
        let task = hub.insist("/tasks", &key, Some(&task)).await;
        created.insert(task["id"].as_str().expect("an id").to_owned());
        // If the token was lost with the response, its code is used up, too.
        for _ in 0..2 {
            let (status, answer) = hub
                .try_call(Method::POST, "/device-sign-ins/token", Some(&device))
                .await
                .expect("the hub answers");
            assert!(
                status == StatusCode::CREATED || answer["code"] == "invalid_grant",
                "{status}: {answer}"
            );
        }
        let done = hub.call(Method::POST, "/bulk/tasks/delete", Some(&bulk)).await;
        let results = done["tasks"].as_array().expect("a result for each task");
        assert_eq!(results.len(), BULK_TASKS, "{done}");
        for result in results {
            let code = &result["error"]["code"];
            assert!(code.is_null() || code == "task_not_found", "{result}");
        }
        let left = hub.get(&format!("/tasks?name=bulk-{kill}-")).await;
        assert_eq!(left["items"], json!([]));
    }

    let tokens = hub.get("/tokens?limit=200").await;
    let tokens = tokens["items"].as_array().expect("tokens");
    let of_devices = tokens.iter().filter(|token| token["name"] == "sign-in of robot").count();
    assert_eq!(of_devices, KILLS, "one token for each code");

    let events = feed(&hub).await;
    let numbers: Vec<_> = events.iter().map(|event| event["number"].as_i64()).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    for task in &created {
        let of_task = events.iter().filter(|event| event["task"] == *task);
        let numbers: Vec<_> = of_task.filter_map(|event| event["seq"].as_i64()).collect();
        assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>(), "{task}");
    }
    let tasks_with = |kind: &str| {
        let mut tasks: Vec<String> = events
            .iter()
            .filter(|event| event["kind"] == kind)
            .map(|event| event["task"].as_str().expect("an id").to_owned())
            .collect();
        tasks.sort();
        tasks
    };
    assert_eq!(tasks_with("task.created"), created.iter().cloned().collect::<Vec<_>>());
    assert_eq!(tasks_with("task.deleted").len(), KILLS * BULK_TASKS);
    federation.end().await;
}
