//! Clocks of the hub: a wall clock that is set, a hub that was not running, a suspended machine.
//! None of them ends a run or extends a deadline beyond its rule.

use flow_common::clock::{Clock as _, MockClock};
use flow_domain::id::TaskId;
use flow_proto::v1::agent_message::Body as ToHub;
use flow_proto::v1::{MemberProgress, Point, ProgressBatch};
use flow_testkit::wait_for;
use serde_json::{Value, json};

use super::common::TestApp;
use super::raw::{AgentListener, Raw, hello};
use super::{SOON, both, running, start, until};

const HOUR_S: i64 = 3_600;
const TEN_DAYS_S: i64 = 240 * HOUR_S;

type Disturb = fn(&MockClock);

/// Disturbances of the clocks, by name.
const DISTURBANCES: [(&str, Disturb); 6] = [
    ("an hour forward", |clock| clock.set_by(HOUR_S)),
    ("an hour back", |clock| clock.set_by(-HOUR_S)),
    ("ten days forward", |clock| clock.set_by(TEN_DAYS_S)),
    ("ten days back", |clock| clock.set_by(-TEN_DAYS_S)),
    ("stopped for ten days", |clock| clock.pause(TEN_DAYS_S.unsigned_abs())),
    ("suspended for ten days", |clock| clock.suspend(TEN_DAYS_S.unsigned_abs())),
];

/// A run in some phase, and the longest time that it may stay there, in seconds.
struct Case {
    phase: &'static str,
    task: TaskId,
    path: String,
    limit_s: u64,
}

async fn bring(
    hub: &TestApp,
    body: &Value,
    a: &mut Raw,
    b: &mut Raw,
    phase: &'static str,
    limit_s: u64,
) -> Case {
    let mut body = body.clone();
    body["name"] = phase.into();
    if phase == "queued" {
        body["members"][1]["party"] = "hospital-c".into();
    }
    let (task, path) = start(hub, &body).await;
    let steps: &[&str] = match phase {
        "queued" | "reserving" => &[],
        "starting" => &["reserved"],
        _ => &["reserved", "running"],
    };
    for step in steps {
        for agent in [&mut *a, &mut *b] {
            let member = agent.next_desired(step).await;
            agent.report(&member, step).await;
        }
    }
    if phase == "stopping" {
        hub.post(&format!("/api/v2/tasks/{task}/stop")).await;
    }
    until(hub, &path, phase, |run| run["phase"] == phase).await;
    Case { phase, task: task.parse().expect("an id"), path, limit_s }
}

#[tokio::test]
async fn b5_b6_clock_change_or_hub_pause_ends_no_phase_of_a_run() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a", "hospital-b", "hospital-c"]).await;
    let (mut a, mut b) = (listener.open("hospital-a").await, listener.open("hospital-b").await);
    let body = both(&hub).await;
    let mut cases = Vec::new();
    // The last agent leaves its desired members unread.
    for (phase, limit_s) in [
        ("starting", 300),
        ("running", 1_800),
        ("stopping", 120),
        ("queued", 3_600),
        ("reserving", 30),
    ] {
        cases.push(bring(&hub, &body, &mut a, &mut b, phase, limit_s).await);
        a.set.clear();
        b.set.clear();
    }
    for (name, disturb) in DISTURBANCES {
        disturb(&hub.clock);
        hub.clock.advance(1);
        for Case { phase, task, path, limit_s } in &cases {
            let now = hub.clock.now();
            // After a stop of the hub, the queue deadline is extended by no more than a reservation
            // needs.
            let least = now.plus_secs(limit_s.min(&30) - 2);
            let most = now.plus_secs(*limit_s);
            wait_for(&format!("{name}: the deadline in {phase} begins again"), SOON, async || {
                let due = hub
                    .app
                    .store
                    .load_task(task)
                    .await
                    .expect("the store reads")
                    .expect("a task")
                    .due
                    .expect("a deadline");
                (least..=most).contains(&due)
            })
            .await;
            let run = hub.get(path).await.expect(http::StatusCode::OK).json();
            assert_eq!(run["phase"], *phase, "{name}: {run}");
        }
    }
}

#[tokio::test]
async fn b5_deadlines_expire_after_the_clock_was_set_back() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a", "hospital-b"]).await;
    let (_a, _b, path) = running(&hub, &listener).await;
    hub.clock.set_by(-TEN_DAYS_S);
    hub.clock.advance(1);
    let task: TaskId =
        path.split('/').nth(4).and_then(|id| id.parse().ok()).expect("the path names the task");
    let due = async || {
        hub.app
            .store
            .load_task(&task)
            .await
            .expect("the store reads")
            .expect("a task")
            .due
            .expect("a deadline")
    };
    wait_for("the deadline begins again", SOON, async || {
        due().await <= hub.clock.now().plus_secs(1_800)
    })
    .await;
    hub.clock.advance(1_790);
    let run = until(&hub, &path, "the run", |_| true).await;
    assert_eq!(run["phase"], "running", "{run}");
    hub.clock.advance(20);
    let run = until(&hub, &path, "the run is ended", |run| run["phase"] == "stopping").await;
    assert_eq!(run["ending"]["code"], "no_progress", "{run}");
}

#[tokio::test]
async fn b6_report_is_processed_before_a_deadline_that_passed_during_a_hub_pause() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a", "hospital-b"]).await;
    let (a, _b, path) = running(&hub, &listener).await;
    hub.clock.pause(86_400);
    // The hub checks its deadlines before the agent's report arrives.
    hub.clock.advance(10);
    until(&hub, &path, "the hub answers", |_| true).await;
    hub.clock.advance(1_000);
    moved(&a, 1).await;
    progress(&hub, &path, 1).await;
    hub.clock.advance(1_000);
    let run = until(&hub, &path, "the hub answers", |_| true).await;
    assert_eq!(run["phase"], "running", "{run}");
}

/// Reports an epoch of the member of hospital-a.
pub(crate) async fn moved(agent: &Raw, epoch: u32) {
    let last = agent.last.clone().expect("it has reported");
    let point = Point { series: "loss".to_owned(), step: epoch.into(), value: "0.5".to_owned() };
    let member = MemberProgress {
        run_id: last.run_id,
        attempt: last.attempt,
        epoch: Some(epoch),
        epochs: Some(3),
        points: vec![point],
        ..MemberProgress::default()
    };
    agent.send(ToHub::Progress(ProgressBatch { members: vec![member] })).await;
}

/// Waits until the hub has stored this epoch, while the clock advances.
pub(crate) async fn progress(hub: &TestApp, path: &str, epoch: u32) {
    wait_for(&format!("epoch {epoch} to be written"), SOON, async || {
        hub.clock.advance(1);
        let run = hub.get(path).await.expect(http::StatusCode::OK).json();
        run["members"][0]["progress"]["epoch"] == json!(epoch)
    })
    .await;
}

#[tokio::test]
async fn a7_clock_set_back_delays_neither_progress_nor_deadlines() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a", "hospital-b"]).await;
    let (a, _b, path) = running(&hub, &listener).await;
    hub.clock.set_by(-2 * HOUR_S);
    let before = hub.clock.now();
    moved(&a, 1).await;
    progress(&hub, &path, 1).await;
    let took = hub.clock.now().secs_since(before);
    assert!(took < 600, "{took} s passed");
    until(&hub, &path, "the run is ended for want of progress", |run| {
        hub.clock.advance(60);
        run["phase"] == "stopping"
    })
    .await;
    let took = hub.clock.now().secs_since(before);
    assert!((1_800..7_200).contains(&took), "{took} s passed");
}

#[tokio::test]
async fn b5_clock_change_neither_replaces_an_agent_early_nor_excludes_another() {
    for seconds in [HOUR_S, -TEN_DAYS_S] {
        let hub = TestApp::start().await;
        let listener = AgentListener::of(&hub, &["hospital-a"]).await;
        drop(listener.open("hospital-a").await);
        let since = async || {
            let party = hub
                .app
                .store
                .party(&"hospital-a".parse().expect("a name"))
                .await
                .expect("the store reads")
                .expect("a party");
            (!party.connected).then_some(party.since)
        };
        wait_for("the hub notices that it is gone", SOON, since).await;
        hub.clock.set_by(seconds);
        hub.clock.advance(1);
        wait_for("its absence counts by the clock as it is set", SOON, async || {
            since().await.is_some_and(|since| (hub.clock.now().0 - since.0).abs() < 5_000_000)
        })
        .await;
        assert_eq!(
            listener.dial("hospital-a", hello()).await.refused().await,
            "party_in_use",
            "{seconds}"
        );
        hub.clock.advance(31);
        listener.open("hospital-a").await;
    }
}
