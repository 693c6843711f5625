//! Parties.

use std::time::Duration;

use flow_api_types::SecretRotation;
use flow_testkit::wait_for;
use http::StatusCode;
use serde_json::{Value, json};

use crate::common::{FakeAgent, TestApp};

#[tokio::test]
async fn party_secret_is_shown_once_and_stored_as_hash() {
    let hub = TestApp::start().await;
    let body = json!(flow_api_types::NewParty::sample());
    let created = hub.post("/api/v2/parties").json(&body).await.expect(StatusCode::CREATED);
    assert_eq!(created.header("location"), "/api/v2/parties/hospital-a");
    let secret = created.json()["secret"].as_str().expect("a secret").to_owned();
    assert_eq!(secret.len(), 64);

    let party = hub.get("/api/v2/parties/hospital-a").await.expect(StatusCode::OK);
    assert!(!party.text().contains(&secret));
    let party = party.json();
    assert_eq!((&party["name"], &party["remark"]), (&body["name"], &body["remark"]));
    assert_eq!(party["contact"]["state"], "away");
    assert_eq!(party["agent"], json!(null));

    let id = "hospital-a".parse().expect("a name");
    let stored = hub.app.store.party(&id).await.expect("the store answers").expect("it is stored");
    assert_eq!(stored.row.secret_digest, flow_domain::id::Digest::of(secret.as_bytes()));
    hub.post("/api/v2/parties").json(&body).await.problem(409, "party_exists");
}

#[tokio::test]
async fn u21_replaced_secret_is_revoked_at_once_or_after_the_overlap() {
    let hub = TestApp::start().await;
    let first = hub
        .post("/api/v2/parties")
        .json(&json!({ "name": "hospital-a" }))
        .await
        .expect(StatusCode::CREATED)
        .json();
    let first = first["secret"].as_str().expect("a secret");
    let rotate = async |body: Value| {
        let answer = hub
            .post("/api/v2/parties/hospital-a/secret")
            .json(&body)
            .await
            .expect(StatusCode::OK)
            .json();
        (answer["secret"].as_str().expect("a secret").to_owned(), answer["former_until"].clone())
    };
    let address = hub.agents_address().await;
    // An agent that still has this secret after its session was closed.
    let refused = async |agent: &FakeAgent, secret: &str| {
        let answer =
            agent.again(address, secret).await.err().expect("the secret is no longer accepted");
        assert_eq!(answer.code(), tonic::Code::Unauthenticated);
    };
    let mut agent = FakeAgent::connect(address, "hospital-a", first).await;
    let (second, until) = rotate(json!({})).await;
    assert_eq!(until, Value::Null);
    agent.cut_off().await;
    refused(&agent, first).await;

    let mut agent = agent.again(address, &second).await.expect("a session");
    let (third, until) = rotate(json!(SecretRotation::sample())).await;
    assert_eq!(until, "2026-01-01T01:00:00.000000Z");
    agent.cut_off().await;
    // An agent without the new secret connects with the old one until the overlap ends.
    let mut agent = agent.again(address, &second).await.expect("a session");
    hub.clock.advance(3600);
    agent.cut_off().await;
    refused(&agent, &second).await;
    agent.again(address, &third).await.expect("a session");

    hub.post("/api/v2/parties/nobody/secret")
        .json(&json!({}))
        .await
        .problem(404, "party_not_found");
    hub.post("/api/v2/parties/hospital-a/secret")
        .json(&json!({ "overlap_s": 604_801 }))
        .await
        .field("/overlap_s", "out_of_range");
}

#[tokio::test]
async fn u21_party_without_active_runs_is_removed_and_its_history_stays() {
    let hub = TestApp::start().await;
    let [mut hub_agent, mut a, mut b] =
        [hub.agent("hub").await, hub.agent("hospital-a").await, hub.agent("hospital-b").await];
    let task = hub
        .post("/api/v2/tasks")
        .json(&hub.task_body(&hub.template().await).clone())
        .await
        .expect(StatusCode::CREATED)
        .json();
    let task = format!("/api/v2/tasks/{}", task["id"].as_str().expect("an id"));
    let run = hub.post(&format!("{task}/start")).await.expect(StatusCode::ACCEPTED).json();
    let run = format!("{task}/runs/{}", run["id"].as_str().expect("an id"));
    let (one, two, three) = tokio::join!(hub_agent.run(), a.run(), b.run());
    let refused = hub.delete("/api/v2/parties/hospital-b").await.problem(409, "party_active");
    assert!(refused["detail"].as_str().expect("text").contains("run 1 of task"), "{refused}");

    hub.post(&format!("{task}/stop")).await.expect(StatusCode::ACCEPTED);
    for (agent, member) in [(&mut hub_agent, &one), (&mut a, &two), (&mut b, &three)] {
        let stop = agent.next_desired("stopped").await;
        assert_eq!(stop.run_id, member.run_id);
        agent.report(&stop, "stopped").await;
    }
    wait_for("the run to end", Duration::from_secs(30), async || {
        (hub.get(&run).await.json()["phase"] == "cancelled").then_some(())
    })
    .await;
    hub.delete("/api/v2/parties/hospital-b").await.expect(StatusCode::NO_CONTENT);
    b.cut_off().await;
    hub.get("/api/v2/parties/hospital-b").await.problem(404, "party_not_found");
    let history = hub.get(&format!("{run}/members/hospital-b")).await.expect(StatusCode::OK).json();
    assert_eq!(history["phase"], "stopped");
    let refused = hub.post(&format!("{task}/start")).await.problem(404, "party_not_found");
    assert!(refused["detail"].as_str().expect("text").contains("hospital-b"), "{refused}");
    hub.delete("/api/v2/parties/hospital-b").await.problem(404, "party_not_found");
}

#[tokio::test]
async fn parties_are_listed_by_name_in_pages() {
    let hub = TestApp::start().await;
    hub.parties(&["c", "a", "e", "b", "d"]).await;
    let mut names = Vec::new();
    let mut path = "/api/v2/parties?limit=2".to_owned();
    for pages in 1.. {
        let page = hub.get(&path).await.expect(StatusCode::OK).json();
        names.extend(
            page["items"]
                .as_array()
                .expect("items")
                .iter()
                .map(|party| party["name"].as_str().expect("a name").to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            assert_eq!(pages, 3);
            break;
        };
        path = format!("/api/v2/parties?limit=2&cursor={next}");
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn unknown_party_is_not_found() {
    let hub = TestApp::start().await;
    hub.get("/api/v2/parties/nobody").await.problem(404, "party_not_found");
    for odd in ["..%2F..%2Fetc", "%00", "UPPER", "%ff", &"a".repeat(10_000)] {
        let answer = hub.get(&format!("/api/v2/parties/{odd}")).await;
        assert!(answer.status.is_client_error(), "{odd}: {}", answer.text());
        assert!(answer.json()["code"].is_string(), "{odd}");
    }
}

#[tokio::test]
async fn party_name_must_be_a_slug() {
    let hub = TestApp::start().await;
    for odd in ["", "../x", "a/b", "A", "a b", "a\u{0}", "-a", &"a".repeat(64), &"a".repeat(10_000)]
    {
        hub.post("/api/v2/parties").json(&json!({ "name": odd })).await.field("/name", "pattern");
    }
    let long = json!({ "name": "a", "remark": "x".repeat(501) });
    hub.post("/api/v2/parties").json(&long).await.field("/remark", "too_long");
}
