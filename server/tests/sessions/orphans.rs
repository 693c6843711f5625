//! Members an agent holds and the hub does not know.

use flow_proto::v1::agent_message::Body as ToHub;
use flow_proto::v1::{Hello, MemberReport, SnapshotBegin, SnapshotEnd};
use flow_testkit::wait_for;
use http::StatusCode;
use serde_json::Value;

use crate::SOON;
use crate::common::TestApp;
use crate::raw::{AgentListener, Raw, hello, orphan};

/// An agent that knew this hub before it was restored.
fn of_old() -> Hello {
    Hello { seen_incarnation: 77, seen_revision: 1, ..hello() }
}

async fn listed(hub: &TestApp, filter: &str) -> Vec<Value> {
    let page = hub.get(&format!("/api/v2/orphans{filter}")).await.expect(StatusCode::OK).json();
    page["items"].as_array().expect("items").clone()
}

/// A hub, and an agent with a live member of which the hub hears for the first time.
async fn with_orphan() -> (TestApp, AgentListener, Raw, String) {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a"]).await;
    let mut agent = listener.dial("hospital-a", of_old()).await;
    agent.opened().await;
    agent.say(ToHub::Report(orphan("running"))).await;
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
async fn a_member_of_an_unknown_run_is_stopped_if_this_very_hub_must_have_made_it() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a"]).await;
    let incarnation = hub.app.store.incarnation().await.expect("a number");
    let mut agent = listener
        .dial("hospital-a", Hello { seen_incarnation: incarnation, seen_revision: 1, ..hello() })
        .await;
    agent.opened().await;
    agent.say(ToHub::Report(orphan("running"))).await;
    let told = agent.next_desired("stopped").await;
    assert!(told.orphan && told.generation > 0, "{told:?}");
    agent.say(ToHub::Report(MemberReport { sequence: 8, ..orphan("stopped") })).await;
    assert!(agent.acked(8).await.settled);
    assert_eq!(listed(&hub, "").await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_orphan_an_operator_stops_is_told_at_once_and_leaves_the_list_when_it_has_ended() {
    let (hub, _door, mut agent, id) = with_orphan().await;
    let answer =
        hub.post(&format!("/api/v2/orphans/{id}/stop")).await.expect(StatusCode::ACCEPTED).json();
    assert_eq!(answer["decision"], "stop");
    let told = agent.next_desired("stopped").await;
    let expected = orphan("running");
    assert_eq!(
        (&told.run_id, &told.task_id, told.attempt),
        (&expected.run_id, &expected.task_id, expected.attempt)
    );
    assert!(told.orphan);
    agent.say(ToHub::Report(MemberReport { sequence: 8, ..orphan("stopped") })).await;
    assert!(agent.acked(8).await.settled);
    assert_eq!(listed(&hub, "").await, Vec::<Value>::new());
    hub.post(&format!("/api/v2/orphans/{id}/stop")).await.problem(404, "orphan_not_found");
}

#[tokio::test]
async fn an_orphan_stopped_while_its_party_is_away_is_told_when_it_returns() {
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
    agent.say(ToHub::Report(orphan("running"))).await;
    assert!(agent.next_desired("stopped").await.orphan);
}

#[tokio::test]
async fn an_orphan_an_operator_keeps_runs_on_to_its_end() {
    let (hub, listener, agent, id) = with_orphan().await;
    let answer =
        hub.post(&format!("/api/v2/orphans/{id}/keep")).await.expect(StatusCode::OK).json();
    assert_eq!(answer["decision"], "keep");
    let instance = agent.instance.clone();
    drop(agent);
    // However often the agent comes back, also to the incarnation it knows by now.
    let incarnation = hub.app.store.incarnation().await.expect("a number");
    let known = Hello { instance, seen_incarnation: incarnation, seen_revision: 1, ..hello() };
    let mut agent = listener.dial("hospital-a", known).await;
    agent.opened().await;
    agent.say(ToHub::Report(MemberReport { sequence: 8, ..orphan("running") })).await;
    agent.say(ToHub::Report(MemberReport { sequence: 9, ..orphan("succeeded") })).await;
    assert!(agent.acked(9).await.settled);
    assert!(agent.set.is_empty(), "nothing was wished: {:?}", agent.set);
    assert_eq!(listed(&hub, "").await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_orphan_its_agent_no_longer_speaks_of_is_forgotten_at_the_end_of_the_set() {
    let (hub, listener, agent, id) = with_orphan().await;
    let instance = agent.instance.clone();
    drop(agent);
    let mut agent = listener.dial("hospital-a", Hello { instance, ..of_old() }).await;
    agent.opened().await;
    let epoch = agent.welcome.epoch;
    agent.say(ToHub::SnapshotBegin(SnapshotBegin { epoch, ..SnapshotBegin::default() })).await;
    agent.say(ToHub::Report(MemberReport { attempt: 4, ..orphan("running") })).await;
    wait_for("the other is listed", SOON, async || listed(&hub, "").await.len() == 2).await;
    agent.say(ToHub::SnapshotEnd(SnapshotEnd { epoch })).await;
    let left = wait_for("the first is forgotten", SOON, async || {
        let left = listed(&hub, "").await;
        (left.len() == 1).then_some(left)
    })
    .await;
    assert_ne!(left[0]["id"], id.as_str());
}

#[tokio::test]
async fn orphans_are_listed_by_party_and_page_and_ids_are_read_strictly() {
    let (hub, _door, agent, id) = with_orphan().await;
    for attempt in [4, 5] {
        agent.say(ToHub::Report(MemberReport { attempt, ..orphan("running") })).await;
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
