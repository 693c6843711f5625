//! Sessions from the agent's side: which agent gets a session, the content of both full sets, the
//! effect of reports.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness serves other tests too")]
mod common;

mod call_limits;
mod clock;
mod limits;
mod listeners;
mod live;
mod lost_commits;
mod orphans;
mod raw;
mod recorded;

use flow_proto::v1::agent_message::Body as ToHub;
use flow_proto::v1::hub_message::Body as FromHub;
use flow_proto::v1::{Hello, Inventory};
use flow_testkit::wait_for;
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

use common::TestApp;
use raw::{AgentListener, Raw, hello};

const SOON: Duration = Duration::from_secs(30);

/// Creates a generic template; returns the body of a task of `hospital-a` and `hospital-b`.
async fn both(hub: &TestApp) -> Value {
    let template = hub
        .post("/api/v2/templates")
        .json(&json!({ "name": "generic", "framework": "generic", "image": "x:1", "command": ["./x"] }))
        .await
        .expect(StatusCode::CREATED)
        .json();
    json!({
        "name": "both", "template": template["id"], "revision": 1, "epochs": 1,
        "members": [{ "party": "hospital-a", "role": "trainer" }, { "party": "hospital-b", "role": "trainer" }],
    })
}

/// Returns the items of a list.
async fn items(hub: &TestApp, path: &str) -> Vec<Value> {
    let list = hub.get(path).await.expect(StatusCode::OK).json();
    list["items"].as_array().expect("a list").clone()
}

/// Creates and starts a task of `hospital-a` and `hospital-b`; returns its id and the run's path.
async fn started(hub: &TestApp) -> (String, String) {
    let body = both(hub).await;
    start(hub, &body).await
}

/// Creates and starts the task; returns its id and the run's path.
async fn start(hub: &TestApp, body: &Value) -> (String, String) {
    let task = hub.post("/api/v2/tasks").json(body).await.expect(StatusCode::CREATED).json();
    let task = task["id"].as_str().expect("an id").to_owned();
    let run =
        hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED).json();
    (task.clone(), format!("/api/v2/tasks/{task}/runs/{}", run["id"].as_str().expect("an id")))
}

async fn until(hub: &TestApp, path: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    wait_for(what, SOON, async || {
        let run = hub.get(path).await.expect(StatusCode::OK).json();
        fits(&run).then_some(run)
    })
    .await
}

/// Brings both members to `running`.
async fn running(hub: &TestApp, listener: &AgentListener) -> (Raw, Raw, String) {
    let (_, path) = started(hub).await;
    let mut a = listener.open("hospital-a").await;
    let mut b = listener.open("hospital-b").await;
    for phase in ["reserved", "running"] {
        let (one, two) = (a.next_desired(phase).await, b.next_desired(phase).await);
        a.report(&one, phase).await;
        b.report(&two, phase).await;
    }
    until(hub, &path, "the run runs", |run| run["phase"] == "running").await;
    (a, b, path)
}

#[tokio::test]
async fn same_agent_supersedes_its_older_session() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a"]).await;
    let mut older = listener.open("hospital-a").await;
    let newer = listener.open_as("hospital-a", &older.instance).await;
    assert_eq!(newer.welcome.epoch, older.welcome.epoch + 1);
    assert_eq!(older.refused().await, "superseded");
    let party = hub.get("/api/v2/parties/hospital-a").await.expect(StatusCode::OK).json();
    assert_eq!(party["contact"]["state"], "connected", "{party}");
}

#[tokio::test]
async fn another_agent_is_rejected_until_the_first_was_away_long_enough() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a"]).await;
    let first = listener.open("hospital-a").await;
    let mut second = listener.dial("hospital-a", hello()).await;
    assert_eq!(second.refused().await, "party_in_use");

    drop(first);
    wait_for("the hub notices", SOON, async || {
        !hub.app.sessions.is_connected(&"hospital-a".parse().expect("a name"))
    })
    .await;
    wait_for("the store knows", SOON, async || {
        hub.get("/api/v2/parties/hospital-a").await.expect(StatusCode::OK).json()["contact"]["state"] == "away"
    })
    .await;
    hub.clock.advance(29);
    let mut third = listener.dial("hospital-a", hello()).await;
    assert_eq!(third.refused().await, "party_in_use");
    hub.clock.advance(2);
    listener.open("hospital-a").await;
}

#[tokio::test]
async fn members_of_a_lost_journal_fail_and_are_never_restarted() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a", "hospital-b"]).await;
    let (a, _b, path) = running(&hub, &listener).await;
    drop(a);
    until(&hub, &path, "the party is away", |run| run["members"][0]["contact"]["state"] == "away")
        .await;
    hub.clock.advance(31);
    let mut newborn = listener.open("hospital-a").await;
    let run =
        until(&hub, &path, "the member fails", |run| run["members"][0]["phase"] == "failed").await;
    assert_eq!(run["members"][0]["reason"]["code"], "agent_state_lost", "{run}");
    assert_eq!(run["ending"]["code"], "member_failed", "{run}");
    // It settles when the new agent confirms that no process is alive.
    assert_eq!(run["members"][0]["settled"], false, "{run}");
    let stop = match newborn.set.pop() {
        Some(stop) => stop,
        None => newborn.next_desired("stopped").await,
    };
    assert_eq!(stop.desired, "stopped", "{stop:?}");
    newborn.report(&stop, "failed").await;
    until(&hub, &path, "the member settles", |run| run["members"][0]["settled"] == true).await;
}

#[tokio::test]
async fn full_set_repairs_lost_messages() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a", "hospital-b"]).await;
    let (a, _b, _) = running(&hub, &listener).await;
    let instance = a.instance.clone();
    drop(a);
    let again = listener.open_as("hospital-a", &instance).await;
    let [member] = again.set.as_slice() else { panic!("one member: {:?}", again.set) };
    assert_eq!((member.desired.as_str(), member.attempt), ("running", 1));
    assert_eq!(flow_domain::id::Digest::of(&member.spec).as_str(), member.spec_digest);
    assert_eq!(member.bindings["trainers"], "2", "{:?}", member.bindings);
}

#[tokio::test]
async fn repeated_report_is_acknowledged_twice_and_stored_once() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a", "hospital-b"]).await;
    let (mut a, _b, path) = running(&hub, &listener).await;
    let before = hub.get(&path).await.expect(StatusCode::OK).json();
    let last = a.last.clone().expect("something was reported");
    a.send(ToHub::Report(last.clone())).await;
    let ack = a.acked(last.sequence).await;
    assert!(!ack.settled);
    assert_eq!(hub.get(&path).await.expect(StatusCode::OK).json(), before);
}

#[tokio::test]
async fn inventory_is_requested_only_when_unknown() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a"]).await;
    let json = br#"{"images":["x:1"]}"#.to_vec();
    let digest = flow_domain::id::Digest::of(&json).to_string();
    let hello_message = Hello { inventory_digest: digest.clone(), ..hello() };
    let mut agent = listener.dial("hospital-a", hello_message.clone()).await;
    agent.opened().await;
    assert!(agent.welcome.want_inventory);
    agent.send(ToHub::Inventory(Inventory { digest, json })).await;
    wait_for("it is shown", SOON, async || {
        hub.get("/api/v2/parties/hospital-a").await.expect(StatusCode::OK).json()["inventory"]["images"][0] == "x:1"
    })
    .await;
    let mut again = listener.dial("hospital-a", hello_message).await;
    again.opened().await;
    assert!(!again.welcome.want_inventory);
}

#[tokio::test]
async fn wrong_secret_and_unknown_party_get_the_same_error() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a"]).await;
    let wrong = listener
        .try_dial("hospital-a", Some("0".repeat(64)), hello())
        .await
        .expect_err("a wrong secret");
    let unknown = listener
        .try_dial("hospital-z", Some("0".repeat(64)), hello())
        .await
        .expect_err("an unknown party");
    let none = listener.try_dial("hospital-a", None, hello()).await.expect_err("no secret");
    for status in [&wrong, &unknown, &none] {
        assert_eq!(status.code(), tonic::Code::Unauthenticated);
        assert_eq!(status.message(), wrong.message());
    }
}

#[tokio::test]
async fn unreadable_message_ends_the_session_with_a_reason() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a"]).await;
    let mut agent = listener.dial("hospital-a", Hello { protocol: 99, ..hello() }).await;
    assert_eq!(agent.refused().await, "protocol_unsupported");
    let mut agent =
        listener.dial("hospital-a", Hello { instance: "../x".to_owned(), ..hello() }).await;
    assert_eq!(agent.refused().await, "malformed");
    for bad in [
        flow_proto::v1::MemberReport { run_id: "x".to_owned(), ..raw::orphan("running") },
        flow_proto::v1::MemberReport { phase: "dancing".to_owned(), ..raw::orphan("running") },
        flow_proto::v1::MemberReport { sequence: u64::MAX, ..raw::orphan("running") },
    ] {
        let mut agent = listener.open_as("hospital-a", &hello_instance()).await;
        agent.send(ToHub::Report(bad)).await;
        assert_eq!(agent.refused().await, "malformed");
    }
    let mut agent = listener.open_as("hospital-a", &hello_instance()).await;
    agent.send(ToHub::Hello(hello())).await;
    assert_eq!(agent.refused().await, "malformed");
}

/// One instance for agents that reconnect.
fn hello_instance() -> String {
    "0123456789abcdef0123456789abcdef".to_owned()
}

#[tokio::test]
async fn f8_hub_outage_never_counts_against_a_party() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a", "hospital-b"]).await;
    let (a, b, path) = running(&hub, &listener).await;
    // The hub is stopped for longer than any party may be away.
    let hub = {
        drop((a, b));
        let clock = hub.clock.clone();
        let restarted = hub.restart();
        clock.advance(3 * 3600);
        restarted.await
    };
    let run = hub.get(&path).await.expect(StatusCode::OK).json();
    assert_eq!(run["phase"], "running", "{run}");
    hub.clock.advance(890);
    let run = hub.get(&path).await.expect(StatusCode::OK).json();
    assert_eq!(run["phase"], "running", "{run}");
    hub.clock.advance(20);
    let run = until(&hub, &path, "the run is given up", |run| run["phase"] == "stopping").await;
    assert_eq!(run["ending"]["code"], "party_lost", "{run}");
}

#[tokio::test]
async fn deadlines_are_checked_although_a_killed_hub_held_the_lease() {
    let hub = TestApp::start().await;
    hub.parties(&["hospital-a", "hospital-b"]).await;
    let (_, path) = started(&hub).await;
    // A killed hub released no lease.
    let (store, now) = (&hub.app.store, hub.app.clock.now());
    wait_for("the lease to be another's", SOON, async || {
        store.free_lease("sweeper").await.expect("the store writes");
        store
            .take_lease("sweeper", "killed", now, now.plus_secs(30 * 86_400))
            .await
            .expect("the store writes")
    })
    .await;
    let hub = hub.restart().await;
    hub.clock.advance(3601);
    let run =
        until(&hub, &path, "the queue's deadline is noticed", |run| run["phase"] == "failed").await;
    assert_eq!(run["ending"]["code"], "queue_deadline", "{run}");
}

#[tokio::test]
async fn shutdown_asks_agents_to_reconnect() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a"]).await;
    let mut agent = listener.open("hospital-a").await;
    hub.stop();
    assert!(matches!(agent.next().await, FromHub::Goodbye(_)));
}
