//! A hub on a real MariaDB or MySQL server that is locked, killed and restarted: acknowledged
//! changes persist, and repeated requests with one idempotency key have one effect.

use std::time::Duration;

use flow_e2e::{Builder, Federation, Job, Run};
use flow_testkit::Server;
use futures::future::join_all;
use sqlx::{Connection as _, Executor as _, MySqlConnection};

const ALL: [&str; 3] = ["hospital-a", "hospital-b", "hub"];

async fn federation_on(server: &Server) -> (Federation, String) {
    let url = server.create_database().await;
    let (scheme_and_user, rest) = url.split_once('@').expect("user@host");
    let (user, password) = scheme_and_user.rsplit_once(':').expect("user:password");
    let federation = Builder::default().database(&format!("{user}@{rest}"), password).start().await;
    (federation, url)
}

async fn submit_patiently(federation: &Federation, task: &serde_json::Value, number: usize) -> Run {
    let mut task = task.clone();
    task["name"] = format!("patient-{number}").into();
    let made = federation.hub.insist("/tasks", &format!("task-{number}"), Some(&task)).await;
    let id = made["id"].as_str().expect("an id").to_owned();
    let run = federation
        .hub
        .insist(&format!("/tasks/{id}/start"), &format!("start-{number}"), None)
        .await;
    Run { task: id, id: run["id"].as_str().expect("an id").to_owned() }
}

async fn each_ran_once(federation: &Federation, runs: &[Run]) {
    for run in runs {
        federation.hub.ends_within(run, "succeeded", "completed", Duration::from_secs(120)).await;
        assert_eq!(federation.hub.runs(&run.task).await.len(), 1);
        assert_eq!(federation.trained(run), ["hospital-a", "hospital-b"]);
    }
    let tasks = federation.hub.get("/tasks?name=patient-&limit=200").await;
    assert_eq!(
        tasks["items"].as_array().map(Vec::len),
        Some(runs.len()),
        "a task was lost or made twice"
    );
}

#[tokio::test]
async fn mariadb_killed_under_load_loses_and_repeats_no_change() {
    killed_under_load(flow_testkit::mariadb().await).await;
}

#[tokio::test]
async fn mysql_killed_under_load_loses_and_repeats_no_change() {
    killed_under_load(flow_testkit::mysql().await).await;
}

async fn killed_under_load(mut server: Server) {
    let (federation, _) = federation_on(&server).await;
    let hub_process = federation.server().pid();
    let task = federation.hub.prepare(&Job::new("ok")).await;
    let load = join_all((0..10).map(|number| submit_patiently(&federation, &task, number)));
    let crash = async {
        // In the middle of the load: some runs are active, others not yet requested.
        federation
            .hub
            .wait(
                &submit_patiently(&federation, &task, 10).await,
                "a run to begin",
                flow_e2e::SOON,
                |run| run["phase"] != "queued",
            )
            .await;
        server.kill9();
        server.restart().await;
    };
    let (mut runs, ()) = tokio::join!(load, crash);
    runs.push(submit_patiently(&federation, &task, 10).await);
    each_ran_once(&federation, &runs).await;
    assert_eq!(federation.server().pid(), hub_process);
    federation.end().await;
}

#[tokio::test]
async fn locked_mariadb_delays_changes_and_loses_none() {
    locked(flow_testkit::mariadb().await, "FLUSH TABLES WITH READ LOCK").await;
}

#[tokio::test]
async fn locked_task_table_of_mysql_delays_changes_and_loses_none() {
    locked(flow_testkit::mysql().await, "LOCK TABLES tasks READ").await;
}

async fn locked(server: Server, lock: &'static str) {
    let (federation, url) = federation_on(&server).await;
    let task = federation.hub.prepare(&Job::new("ok")).await;
    let running = federation.hub.launch(&Job::new("gate")).await;
    federation.hub.wait_phase(&running, "running").await;
    federation.wait_started(&running, &ALL).await;

    let mut other = MySqlConnection::connect(&url).await.expect("the database takes connections");
    other.execute(lock).await.expect("nobody holds a lock for long");
    let load = join_all((0..5).map(|number| submit_patiently(&federation, &task, number)));
    let unlock = async {
        // The workloads end while the database rejects writes; the aggregator waits for the stop
        // request.
        federation.release(&running);
        for party in ["hospital-a", "hospital-b"] {
            federation.nothing_left(&running, Some(party)).await;
        }
        let now = federation.hub.run(&running).await;
        assert_eq!(now["phase"], "running", "a hub that cannot write cannot know better");
        other.execute("UNLOCK TABLES").await.expect("the session lives");
    };
    let (runs, ()) = tokio::join!(load, unlock);
    federation.hub.ends(&running, "succeeded", "completed").await;
    each_ran_once(&federation, &runs).await;
    assert_eq!(federation.started(&running), ALL);
    federation.end().await;
}

#[tokio::test]
async fn hub_killed_on_a_database_server_adopts_running_members() {
    let server = flow_testkit::mariadb().await;
    let (mut federation, _) = federation_on(&server).await;
    let run = federation.hub.launch(&Job::new("gate")).await;
    federation.hub.wait_phase(&run, "running").await;
    federation.wait_started(&run, &ALL).await;
    federation.restart_server().await;
    federation.release(&run);
    federation.hub.ends(&run, "succeeded", "completed").await;
    assert_eq!(federation.started(&run), ALL);
    federation.end().await;
}
