//! Orphans: members that an agent holds and the hub does not know.

use flow_proto::v1::agent_message::Body as ToHub;
use flow_proto::v1::{Hello, MemberReport, SnapshotBegin, SnapshotEnd};
use flow_testkit::wait_for;
use http::StatusCode;
use serde_json::Value;

use crate::SOON;
use crate::common::TestApp;
use crate::raw::{AgentListener, Raw, hello, orphan};

/// An agent that knew this hub before its restore.
fn of_old() -> Hello {
    Hello { seen_incarnation: 77, seen_revision: 1, ..hello() }
}

async fn listed(hub: &TestApp, filter: &str) -> Vec<Value> {
    let page = hub.get(&format!("/api/v2/orphans{filter}")).await.expect(StatusCode::OK).json();
    page["items"].as_array().expect("items").clone()
}

/// A hub, and an agent with a live member that the hub does not know.
async fn with_orphan() -> (TestApp, AgentListener, Raw, String) {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a"]).await;
    let mut agent = listener.dial("hospital-a", of_old()).await;
    agent.opened().await;
    agent.send(ToHub::Report(orphan("running"))).await;
    let found = wait_for("it is listed", SOON, async || listed(&hub, "").await.pop()).await;
    let id = found["id"].as_str().expect("an id").to_owned();
    assert_eq!(id, format!("hospital-a.{}.3", orphan("running").run_id));
    assert_eq!(
        (found["phase"].as_str(), found.get("decision")),
        (Some("running"), None),
        "{found}"
    );
    assert_eq!(found["task"], orphan("running").task_id, "{found}");
    (hub, listener, agent, id)
}

#[tokio::test]
async fn member_of_an_unknown_run_is_stopped_if_this_incarnation_created_it() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a"]).await;
    let incarnation = hub.app.store.incarnation().await.expect("a number");
    let mut agent = listener
        .dial("hospital-a", Hello { seen_incarnation: incarnation, seen_revision: 1, ..hello() })
        .await;
    agent.opened().await;
    agent.send(ToHub::Report(orphan("running"))).await;
    let stop = agent.next_desired("stopped").await;
    assert!(stop.orphan && stop.generation > 0, "{stop:?}");
    agent.send(ToHub::Report(MemberReport { sequence: 8, ..orphan("stopped") })).await;
    assert!(agent.acked(8).await.settled);
    assert_eq!(listed(&hub, "").await, Vec::<Value>::new());
}

#[tokio::test]
async fn stopped_orphan_receives_the_stop_and_leaves_the_list_when_it_has_ended() {
    let (hub, _listener, mut agent, id) = with_orphan().await;
    let answer =
        hub.post(&format!("/api/v2/orphans/{id}/stop")).await.expect(StatusCode::ACCEPTED).json();
    assert_eq!(answer["decision"], "stop");
    let stop = agent.next_desired("stopped").await;
    let expected = orphan("running");
    assert_eq!(
        (&stop.run_id, &stop.task_id, stop.attempt),
        (&expected.run_id, &expected.task_id, expected.attempt)
    );
    assert!(stop.orphan);
    agent.send(ToHub::Report(MemberReport { sequence: 8, ..orphan("stopped") })).await;
    assert!(agent.acked(8).await.settled);
    assert_eq!(listed(&hub, "").await, Vec::<Value>::new());
    hub.post(&format!("/api/v2/orphans/{id}/stop")).await.problem(404, "orphan_not_found");
}

#[tokio::test]
async fn orphan_stopped_while_its_party_is_away_receives_the_stop_at_reconnect() {
    let (hub, listener, agent, id) = with_orphan().await;
    let instance = agent.instance.clone();
    drop(agent);
    wait_for("the hub notices", SOON, async || {
        !hub.app.sessions.is_connected(&"hospital-a".parse().expect("a name"))
    })
    .await;
    hub.post(&format!("/api/v2/orphans/{id}/stop")).await.expect(StatusCode::ACCEPTED);
    let mut agent = listener.dial("hospital-a", Hello { instance, ..of_old() }).await;
    agent.opened().await;
    agent.send(ToHub::Report(orphan("running"))).await;
    assert!(agent.next_desired("stopped").await.orphan);
}

#[tokio::test]
async fn kept_orphan_runs_to_its_end() {
    let (hub, listener, agent, id) = with_orphan().await;
    let answer =
        hub.post(&format!("/api/v2/orphans/{id}/keep")).await.expect(StatusCode::OK).json();
    assert_eq!(answer["decision"], "keep");
    let instance = agent.instance.clone();
    drop(agent);
    // The agent reconnects repeatedly, also with the present incarnation.
    let incarnation = hub.app.store.incarnation().await.expect("a number");
    let known = Hello { instance, seen_incarnation: incarnation, seen_revision: 1, ..hello() };
    let mut agent = listener.dial("hospital-a", known).await;
    agent.opened().await;
    agent.send(ToHub::Report(MemberReport { sequence: 8, ..orphan("running") })).await;
    agent.send(ToHub::Report(MemberReport { sequence: 9, ..orphan("succeeded") })).await;
    assert!(agent.acked(9).await.settled);
    assert!(agent.set.is_empty(), "nothing was wished: {:?}", agent.set);
    assert_eq!(listed(&hub, "").await, Vec::<Value>::new());
}

#[tokio::test]
async fn unreported_orphan_is_deleted_at_the_end_of_the_set() {
    let (hub, listener, agent, id) = with_orphan().await;
    let instance = agent.instance.clone();
    drop(agent);
    let mut agent = listener.dial("hospital-a", Hello { instance, ..of_old() }).await;
    agent.opened().await;
    let epoch = agent.welcome.epoch;
    agent.send(ToHub::SnapshotBegin(SnapshotBegin { epoch, ..SnapshotBegin::default() })).await;
    agent.send(ToHub::Report(MemberReport { attempt: 4, ..orphan("running") })).await;
    wait_for("the other is listed", SOON, async || listed(&hub, "").await.len() == 2).await;
    agent.send(ToHub::SnapshotEnd(SnapshotEnd { epoch })).await;
    let left = wait_for("the first is forgotten", SOON, async || {
        let left = listed(&hub, "").await;
        (left.len() == 1).then_some(left)
    })
    .await;
    assert_ne!(left[0]["id"], id.as_str());
}

#[tokio::test]
async fn orphans_are_listed_by_party_and_page_and_ids_are_parsed_strictly() {
    let (hub, _listener, agent, id) = with_orphan().await;
    for attempt in [4, 5] {
        agent.send(ToHub::Report(MemberReport { attempt, ..orphan("running") })).await;
    }
    wait_for("all are listed", SOON, async || listed(&hub, "?party=hospital-a").await.len() == 3)
        .await;
    assert_eq!(listed(&hub, "?party=hospital-b").await, Vec::<Value>::new());
    let first = hub.get("/api/v2/orphans?limit=2").await.expect(StatusCode::OK).json();
    let cursor = first["next"].as_str().expect("there is more");
    let rest = hub
        .get(&format!("/api/v2/orphans?limit=2&cursor={cursor}"))
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(
        (rest["items"].as_array().map(Vec::len), rest.get("next")),
        (Some(1), None),
        "{rest}"
    );
    hub.get(&format!("/api/v2/orphans?party=hospital-a&cursor={cursor}"))
        .await
        .problem(400, "cursor_invalid");
    hub.get("/api/v2/orphans?party=..").await.field("?party", "pattern");
    hub.get("/api/v2/orphans?run=x").await.field("?run", "unknown");
    for odd in
        ["x", "hospital-a", &format!("{id}0"), &id.replace(".3", ".-3"), "..%2F..%2Fetc", "%00"]
    {
        hub.post(&format!("/api/v2/orphans/{odd}/stop")).await.problem(404, "orphan_not_found");
        hub.post(&format!("/api/v2/orphans/{odd}/keep")).await.problem(404, "orphan_not_found");
    }
}
