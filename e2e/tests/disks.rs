//! Completely full disks, with the log of a program on the same disk as its data.

use flow_e2e::{Builder, Job, SOON, eventually, mounts};
use reqwest::Method;
use serde_json::json;

const BOTH: [&str; 2] = ["hospital-a", "hospital-b"];

#[tokio::test]
async fn b2_full_disk_at_an_agent_rejects_new_members_and_permits_stops() {
    if !mounts::are_our_own("b2_full_disk_at_an_agent_rejects_new_members_and_permits_stops") {
        return;
    }
    let federation = Builder::default()
        .logs_in_data_dirs()
        .agent("retention.min_free_mib", "0")
        .at_data_dir("hospital-b", mounts::small_disk)
        .start()
        .await;
    let hub = &federation.hub;
    let run = hub.launch(&Job::new("hang").trainers_only()).await;
    hub.wait_phase(&run, "running").await;
    let ballast = mounts::fill(&federation.data_dir("hospital-b"));
    mounts::fill_up(&federation.log_file("hospital-b"));
    let refused = hub.launch(&Job::new("ok").trainers_only()).await;
    let end = hub.ends(&refused, "failed", "start_failed").await;
    assert_eq!(
        (&end["ending"]["party"], &end["ending"]["reason"]["code"]),
        (&json!("hospital-b"), &json!("agent_disk_full"))
    );
    assert!(!federation.started(&refused).contains(&"hospital-b".to_owned()));
    hub.stop(&run).await;
    hub.ends(&run, "cancelled", "stopped").await;
    federation.nothing_left(&run, None).await;
    // With free space the party works again.
    drop(ballast);
    let next = hub.launch(&Job::new("ok").trainers_only()).await;
    hub.ends(&next, "succeeded", "completed").await;
    federation.end().await;
}

#[tokio::test]
async fn b1_a_full_disk_at_the_hub_acknowledges_nothing_it_cannot_keep_and_recovers_with_room() {
    if !mounts::are_our_own(
        "b1_a_full_disk_at_the_hub_acknowledges_nothing_it_cannot_keep_and_recovers_with_room",
    ) {
        return;
    }
    let mut federation = Builder::default()
        .logs_in_data_dirs()
        .at_data_dir("server", mounts::small_disk)
        .start()
        .await;
    let hub = federation.hub.clone();
    let run = hub.launch(&Job::new("gate").trainers_only()).await;
    hub.wait_phase(&run, "running").await;
    let task = hub.prepare(&Job::new("ok").trainers_only()).await;

    let ballast = mounts::fill(&federation.data_dir("server"));
    mounts::fill_up(&federation.log_file("server"));
    // The database's log still accepts some writes, until it is full, too.
    let mut made = 0;
    let refused = eventually(SOON, async || {
        let mut task = task.clone();
        task["name"] = json!(format!("full-{made}"));
        let (status, problem) =
            hub.try_call(Method::POST, "/tasks", Some(&task)).await.expect("the hub answers");
        if status.is_success() {
            made += 1;
            return None;
        }
        Some((status, problem))
    });
    let (status, problem) = refused.await.expect("a disk that is full at some time");
    assert_eq!(
        (status.as_u16(), &problem["code"], &problem["retryable"]),
        (503, &json!("store_full"), &json!(true)),
        "{problem:#}"
    );
    let ready = async || {
        hub.http().get(format!("{}/readyz", hub.base)).send().await.expect("the hub answers")
    };
    let unready =
        eventually(SOON, async || Some(ready().await).filter(|answer| answer.status() == 503))
            .await
            .expect("it is not ready");
    let why = unready.text().await.expect("a text");
    assert!(why.contains("disk") && why.contains("full"), "{why}");
    // The workloads end while the hub cannot store reports; reads still work.
    federation.release(&run);
    federation.nothing_left(&run, None).await;
    assert_eq!(hub.run(&run).await["phase"], "running");

    drop(ballast);
    hub.ends(&run, "succeeded", "completed").await;
    eventually(SOON, async || ready().await.status().is_success().then_some(()))
        .await
        .expect("it is ready again");
    let page = hub
        .http()
        .get(format!("{}/metrics", hub.base))
        .bearer_auth(hub.token())
        .send()
        .await
        .expect("the hub answers");
    let page = page.text().await.expect("a text");
    let dropped = page
        .lines()
        .find_map(|line| line.strip_prefix("flow_log_lines_dropped_total "))
        .expect("a metric");
    assert_ne!(dropped, "0", "its log is on the same disk");
    let kept = hub.get("/tasks?name=full-&limit=200").await;
    assert_eq!(
        kept["items"].as_array().map(Vec::len),
        Some(made),
        "what was acknowledged, and no more"
    );
    federation.restart_server().await;
    let kept = hub.get("/tasks?name=full-&limit=200").await;
    assert_eq!(
        kept["items"].as_array().map(Vec::len),
        Some(made),
        "what was acknowledged, and no more"
    );
    let next = hub.launch(&Job::new("ok").trainers_only()).await;
    hub.ends(&next, "succeeded", "completed").await;
    assert_eq!(federation.started(&run), BOTH);
    federation.end().await;
}
