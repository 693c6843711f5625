//! Parties that never connect, disconnect, reconnect too late, without their journal or twice; and
//! a hub restored from an older backup.

use std::time::Duration;

use flow_e2e::{Builder, Federation, Job, SOON, eventually, member};
use reqwest::Method;

const BOTH: [&str; 2] = ["hospital-a", "hospital-b"];
const ALL: [&str; 3] = ["hospital-a", "hospital-b", "hub"];

#[tokio::test]
async fn absent_party_fails_the_run_at_its_queue_deadline() {
    let federation = Federation::start().await;
    federation.add_party("hospital-c").await;
    let members = [("hospital-a", "trainer"), ("hospital-c", "trainer")];
    let run =
        federation.hub.launch(&Job::new("ok").members(&members).rule("queue_deadline_s", 1)).await;
    let end = federation.hub.ends(&run, "failed", "queue_deadline").await;
    assert!(
        end["ending"]["message"].as_str().is_some_and(|text| text.contains("hospital-c")),
        "{end:#}"
    );
    assert_eq!(member(&end, "hospital-c")["reason"]["code"], "never_delivered");
    assert!(federation.starts().is_empty());
    federation.end().await;
}

#[tokio::test]
async fn party_that_returns_within_the_limit_does_not_affect_the_run() {
    let mut federation = Federation::start().await;
    let run = federation.hub.launch(&Job::new("gate").rule("give_up_after_s", 60)).await;
    federation.hub.wait_phase(&run, "running").await;
    federation.wait_started(&run, &ALL).await;
    federation.kill9_agent("hospital-b");
    let away = |now: &serde_json::Value| {
        now["phase"] == "running" && now["waiting"]["code"] == "party_away"
    };
    federation.hub.wait(&run, "the run to say that hospital-b is away", SOON, away).await;
    // The workload ends during the absence: the agent finds the end in the run directory.
    federation.release(&run);
    federation.nothing_left(&run, Some("hospital-b")).await;
    federation.start_agent("hospital-b").await;
    federation.hub.ends(&run, "succeeded", "completed").await;
    assert_eq!(federation.started(&run), ALL);
    federation.end().await;
}

#[tokio::test]
async fn party_that_returns_after_the_limit_is_stopped_and_settles() {
    let mut federation = Federation::start().await;
    let run = federation.hub.launch(&Job::new("hang").rule("give_up_after_s", 1)).await;
    federation.hub.wait_phase(&run, "running").await;
    federation.wait_started(&run, &ALL).await;
    federation.kill9_agent("hospital-b");
    let stopping = federation.hub.wait_phase(&run, "stopping").await;
    assert_eq!(
        (&stopping["ending"]["code"], &stopping["ending"]["party"]),
        (&"party_lost".into(), &"hospital-b".into())
    );
    federation.nothing_left(&run, Some("hospital-a")).await;
    assert!(!federation.alive(&run, Some("hospital-b")).is_empty(), "nobody told it to end yet");
    federation.start_agent("hospital-b").await;
    let end = federation.hub.ends(&run, "failed", "party_lost").await;
    assert_eq!(member(&end, "hospital-b")["phase"], "stopped");
    assert_eq!(federation.started(&run), ALL);
    federation.end().await;
}

#[tokio::test]
async fn stopped_run_ends_without_an_absent_party_and_the_next_run_waits_for_it_there() {
    let mut federation = Federation::start().await;
    let job = Job::new("gate").trainers_only();
    let old = federation.hub.launch(&job).await;
    federation.hub.wait_phase(&old, "running").await;
    federation.wait_started(&old, &BOTH).await;
    federation.kill9_agent("hospital-b");
    federation.hub.stop(&old).await;
    let ended = |now: &serde_json::Value| now["phase"] == "cancelled";
    // The grace of the workload and 30 s more.
    let end = federation
        .hub
        .wait(&old, "the run to end without hospital-b", Duration::from_secs(60), ended)
        .await;
    assert!(end["settled_at"].is_null() && !federation.alive(&old, Some("hospital-b")).is_empty());

    let new = federation.hub.start(&old.task).await;
    federation.start_agent("hospital-b").await;
    federation.hub.wait_phase(&new, "running").await;
    federation.nothing_left(&old, None).await;
    federation.release(&new);
    federation.hub.ends(&new, "succeeded", "completed").await;
    federation.hub.ends(&old, "cancelled", "stopped").await;
    assert_eq!(
        (federation.started(&old), federation.started(&new)),
        (BOTH.map(str::to_owned).into(), BOTH.map(str::to_owned).into())
    );
    federation.end().await;
}

#[tokio::test]
async fn lost_journal_fails_the_run_and_causes_no_second_start() {
    let mut federation = Federation::start().await;
    let run = federation.hub.launch(&Job::new("hang").trainers_only()).await;
    federation.hub.wait_phase(&run, "running").await;
    federation.wait_started(&run, &BOTH).await;
    federation.kill9_agent("hospital-b");
    federation.wipe_agent_journal("hospital-b");
    federation.start_agent("hospital-b").await;
    let end = federation.hub.ends(&run, "failed", "member_failed").await;
    assert_eq!(end["ending"]["party"], "hospital-b");
    assert_eq!(member(&end, "hospital-b")["reason"]["code"], "agent_state_lost");
    federation.nothing_left(&run, None).await;
    assert_eq!(federation.started(&run), BOTH);
    // The party works again.
    let next = federation.hub.launch(&Job::new("ok").trainers_only()).await;
    federation.hub.ends(&next, "succeeded", "completed").await;
    federation.end().await;
}

#[tokio::test]
async fn second_agent_of_one_identity_is_refused_and_the_first_continues() {
    let mut federation = Federation::start().await;
    let run = federation.hub.launch(&Job::new("gate").trainers_only()).await;
    federation.hub.wait_phase(&run, "running").await;
    let instance = federation.hub.get("/parties/hospital-b").await["agent"]["instance"].clone();
    let second = federation.start_second_agent("hospital-b");
    let refused = eventually(SOON, async || {
        federation.agent(&second).log().contains("party_in_use").then_some(())
    })
    .await;
    assert!(
        refused.is_some(),
        "the second agent says nothing:\n{}",
        federation.agent(&second).log()
    );
    assert_eq!(federation.hub.get("/parties/hospital-b").await["agent"]["instance"], instance);
    federation.release(&run);
    federation.hub.ends(&run, "succeeded", "completed").await;
    assert_eq!(federation.started(&run), BOTH);
    federation.kill9_agent(&second);
    federation.end().await;
}

#[tokio::test]
async fn hub_restored_from_an_older_backup_adopts_known_runs_and_stops_no_unknown_run() {
    let mut federation = Federation::start().await;
    federation.add_party("hospital-c").await;
    let hub = federation.hub.clone();
    let gate = Job::new("gate").trainers_only();
    let running = hub.launch(&gate).await;
    hub.wait_phase(&running, "running").await;
    // Queued in the backup, running when it is restored.
    let queued = hub
        .launch(&gate.clone().members(&[("hospital-a", "trainer"), ("hospital-c", "trainer")]))
        .await;
    hub.wait_phase(&queued, "queued").await;
    // Running in the backup, over when it is restored.
    let finished = hub.launch(&gate).await;
    hub.wait_phase(&finished, "running").await;
    let backup = federation.backup("yesterday.db");

    federation.start_agent("hospital-c").await;
    hub.wait_phase(&queued, "running").await;
    federation.release(&finished);
    hub.ends(&finished, "succeeded", "completed").await;
    let unknown = hub.launch(&gate).await;
    hub.wait_phase(&unknown, "running").await;
    federation.wait_started(&unknown, &BOTH).await;

    federation.restore(&backup).await;
    for party in ["hospital-a", "hospital-b", "hospital-c"] {
        federation.wait_contact(party, "connected").await;
    }
    let (status, _) = hub
        .try_call(Method::GET, &format!("/tasks/{}", unknown.task), None)
        .await
        .expect("the hub answers");
    assert_eq!(status, 404, "the hub cannot know a task that is younger than its backup");
    hub.ends(&finished, "succeeded", "completed").await;
    hub.wait_phase(&queued, "running").await;
    federation.release(&running);
    federation.release(&queued);
    hub.ends(&running, "succeeded", "completed").await;
    hub.ends(&queued, "succeeded", "completed").await;
    // An orphan of another incarnation continues until it ends by itself.
    for party in BOTH {
        assert!(
            !federation.alive(&unknown, Some(party)).is_empty(),
            "{party} killed what the restored hub did not know"
        );
    }
    federation.release(&unknown);
    federation.nothing_left(&unknown, None).await;
    for run in [&running, &finished, &unknown] {
        assert_eq!(federation.started(run), BOTH);
    }
    assert_eq!(federation.started(&queued), ["hospital-a", "hospital-c"]);
    federation.end().await;
}

#[tokio::test]
async fn task_deleted_during_an_absence_is_stopped_when_the_party_returns() {
    let mut federation = Federation::start().await;
    let run = federation.hub.launch(&Job::new("hang")).await;
    federation.hub.wait_phase(&run, "running").await;
    federation.wait_started(&run, &ALL).await;
    federation.kill9_agent("hospital-b");
    federation.hub.delete(&run).await;
    federation.hub.delete(&run).await;
    let (status, _) = federation
        .hub
        .try_call(Method::GET, &format!("/tasks/{}", run.task), None)
        .await
        .expect("the hub answers");
    assert_eq!(status, 404);
    federation.nothing_left(&run, Some("hospital-a")).await;
    federation.nothing_left(&run, Some("hub")).await;
    assert!(!federation.alive(&run, Some("hospital-b")).is_empty(), "nobody told it to end yet");
    federation.start_agent("hospital-b").await;
    federation.nothing_left(&run, Some("hospital-b")).await;
    assert_eq!(federation.started(&run), ALL);
    federation.end().await;
}

#[tokio::test]
async fn with_a_quorum_the_run_starts_without_the_party_that_holds_nothing() {
    let federation =
        Builder::default().parties(&["hospital-a", "hospital-b", "hospital-c"]).start().await;
    let members = [("hospital-a", "trainer"), ("hospital-b", "trainer"), ("hospital-c", "trainer")];
    federation.freeze("hospital-c");
    let run =
        federation.hub.launch(&Job::new("ok").members(&members).rule("minimum_parties", 2)).await;
    // At the reservation deadline of 30 s.
    let done = |now: &serde_json::Value| now["ending"]["code"] == "completed";
    federation.hub.wait(&run, "the two to finish", Duration::from_secs(60), done).await;
    federation.thaw("hospital-c");
    let end = federation.hub.ends(&run, "succeeded", "completed").await;
    let silent = member(&end, "hospital-c");
    assert_eq!((&silent["required"], &silent["phase"]), (&false.into(), &"stopped".into()));
    assert_eq!(federation.started(&run), BOTH);
    federation.end().await;
}
