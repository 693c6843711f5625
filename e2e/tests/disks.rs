//! Disks that are full to the last byte.

use flow_e2e::{Builder, Job, SOON, eventually, mounts};
use reqwest::Method;
use serde_json::json;

const BOTH: [&str; 2] = ["hospital-a", "hospital-b"];

#[tokio::test]
async fn a_full_disk_at_an_agent_refuses_new_work_and_still_stops_what_runs() {
    if !mounts::are_our_own("a_full_disk_at_an_agent_refuses_new_work_and_still_stops_what_runs") {
        return;
    }
    let federation = Builder::default().at_data_dir("hospital-b", mounts::small_disk).start().await;
    let hub = &federation.hub;
    let run = hub.launch(&Job::new("hang").trainers_only()).await;
    hub.wait_phase(&run, "running").await;
    let ballast = mounts::fill(&federation.data_dir("hospital-b"));
    let refused = hub.launch(&Job::new("ok").trainers_only()).await;
    let end = hub.ends(&refused, "failed", "start_failed").await;
    assert_eq!((&end["ending"]["party"], &end["ending"]["reason"]["code"]), (&json!("hospital-b"), &json!("agent_disk_full")));
    assert!(!federation.started(&refused).contains(&"hospital-b".to_owned()));
    hub.stop(&run).await;
    hub.ends(&run, "cancelled", "stopped").await;
    federation.nothing_left(&run, None).await;
    // With room again the party works again.
    drop(ballast);
    let next = hub.launch(&Job::new("ok").trainers_only()).await;
    hub.ends(&next, "succeeded", "completed").await;
    federation.end().await;
}

#[tokio::test]
async fn a_full_disk_at_the_hub_acknowledges_nothing_it_cannot_keep_and_recovers_with_room() {
    if !mounts::are_our_own("a_full_disk_at_the_hub_acknowledges_nothing_it_cannot_keep_and_recovers_with_room") {
        return;
    }
    let mut federation = Builder::default().at_data_dir("server", mounts::small_disk).start().await;
    let hub = federation.hub.clone();
    let run = hub.launch(&Job::new("gate").trainers_only()).await;
    hub.wait_phase(&run, "running").await;
    let task = hub.prepare(&Job::new("ok").trainers_only()).await;

    let ballast = mounts::fill(&federation.data_dir("server"));
    // What the log of the database has room for is kept; at some number there is no more.
    let mut made = 0;
    let refused = eventually(SOON, async || {
        let mut task = task.clone();
        task["name"] = json!(format!("full-{made}"));
        let (status, problem) = hub.try_call(Method::POST, "/tasks", Some(&task)).await.expect("the hub answers");
        if status.is_success() {
            made += 1;
            return None;
        }
        Some((status, problem))
    });
    let (status, problem) = refused.await.expect("a disk that is full at some time");
    assert!(status.is_server_error() && problem["retryable"] == true, "{status}: {problem:#}");
    // The work ends while the hub cannot write it down, and reading goes on.
    federation.release(&run);
    federation.nothing_left(&run, None).await;
    assert_eq!(hub.run(&run).await["phase"], "running");

    drop(ballast);
    hub.ends(&run, "succeeded", "completed").await;
    let kept = hub.get("/tasks?name=full-&limit=200").await;
    assert_eq!(kept["items"].as_array().map(Vec::len), Some(made), "what was acknowledged, and no more");
    federation.restart_server().await;
    let kept = hub.get("/tasks?name=full-&limit=200").await;
    assert_eq!(kept["items"].as_array().map(Vec::len), Some(made), "what was acknowledged, and no more");
    let next = hub.launch(&Job::new("ok").trainers_only()).await;
    hub.ends(&next, "succeeded", "completed").await;
    assert_eq!(federation.started(&run), BOTH);
    federation.end().await;
}
