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

#[tokio::test]
async fn u25_disabled_party_gets_no_new_members_and_running_ones_continue() {
    let hub = TestApp::start().await;
    let mut agents =
        [hub.agent("hub").await, hub.agent("hospital-a").await, hub.agent("hospital-b").await];
    let task = format!("/api/v2/tasks/{}", hub.task_of_parties().await);
    let start = async || {
        let run = hub.post(&format!("{task}/start")).await.expect(StatusCode::ACCEPTED).json();
        format!("{task}/runs/{}", run["id"].as_str().expect("an id"))
    };
    let shows = async |what: &str, run: &str, condition: &dyn Fn(&Value) -> bool| {
        wait_for(what, Duration::from_secs(30), async || {
            let now = hub.get(run).await.json();
            condition(&now).then_some(now)
        })
        .await
    };
    let first = start().await;
    let [one, two, three] = &mut agents;
    let (one, two, three) = tokio::join!(one.run(), two.run(), three.run());
    let disable = async |verb: &str| {
        hub.post(&format!("/api/v2/parties/hospital-b/{verb}")).await.expect(StatusCode::OK).json()
    };
    let disabled = disable("disable").await;
    assert_eq!(disabled["disabled_at"], "2026-01-01T00:00:00.000000Z");
    assert_eq!(disabled["contact"]["state"], "connected");
    hub.clock.advance(5);
    assert_eq!(disable("disable").await, disabled, "a second request changes nothing");
    shows("the run to continue", &first, &|now| now["phase"] == "running").await;
    hub.post(&format!("{task}/stop")).await.expect(StatusCode::ACCEPTED);
    for (agent, member) in agents.iter_mut().zip([&one, &two, &three]) {
        let stop = agent.next_desired("stopped").await;
        assert_eq!(stop.run_id, member.run_id);
        agent.report(&stop, "stopped").await;
    }
    shows("the run to end", &first, &|now| now["phase"] == "cancelled").await;

    let second = start().await;
    let waits = |now: &Value| now["waiting"]["code"] == "party_disabled";
    let waiting = shows("the run to wait", &second, &waits).await;
    assert_eq!(waiting["waiting"]["message"], "hospital-b is disabled at the hub");
    assert_eq!(waiting["waiting"]["party"], "hospital-b");
    assert_eq!(disable("enable").await["disabled_at"], Value::Null);
    // The first message about the run comes after the party was enabled.
    let [_, _, b] = &mut agents;
    let desired = b.next_member().await;
    assert_eq!(desired.desired, "reserved");
    shows("the run to go on", &second, &|now| now["phase"] == "reserving").await;

    disable("disable").await;
    let hub = hub.restart().await;
    let party = hub.get("/api/v2/parties/hospital-b").await.expect(StatusCode::OK).json();
    assert!(party["disabled_at"].is_string(), "{party}");
    hub.post("/api/v2/parties/nobody/disable").await.problem(404, "party_not_found");
}

/// `disable` writes the party first and the runs that wait for it second.
#[tokio::test]
async fn u25_hub_killed_between_the_two_writes_of_disable_completes_it_at_its_start() {
    let mut hub = TestApp::start().await;
    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    let task = format!("/api/v2/tasks/{}", hub.task_of_parties().await);
    let run = hub.post(&format!("{task}/start")).await.expect(StatusCode::ACCEPTED).json();
    let path = format!("{task}/runs/{}", run["id"].as_str().expect("an id"));
    assert_eq!(run["waiting"]["code"], "party_away");
    for (first_write, code) in [
        (
            "INSERT INTO disabled_parties (party_id, project_id, disabled_at) VALUES ('hub', 'default', 7)",
            "party_disabled",
        ),
        ("DELETE FROM disabled_parties WHERE party_id = 'hub'", "party_away"),
    ] {
        sqlx::query(first_write).execute(&mut hub.database().await).await.expect("written");
        hub = hub.restart().await;
        wait_for(code, Duration::from_secs(30), async || {
            let now = hub.get(&path).await.json();
            (now["waiting"]["code"] == code).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn u25_party_that_never_connected_has_no_time_of_contact() {
    let hub = TestApp::start().await;
    let mut agents = [hub.agent("hub").await, hub.agent("hospital-a").await];
    let secret = hub.party("hospital-b").await;
    let contact = async || hub.get("/api/v2/parties/hospital-b").await.json()["contact"].clone();
    assert_eq!(contact().await, json!({"state": "away"}));
    let task = format!("/api/v2/tasks/{}", hub.task_of_parties().await);
    let run = hub.post(&format!("{task}/start")).await.expect(StatusCode::ACCEPTED).json();
    let run = format!("{task}/runs/{}", run["id"].as_str().expect("an id"));
    let now = hub.get(&run).await.json();
    assert_eq!(now["waiting"]["message"], "hospital-b has never connected");
    let member = now["members"].as_array().expect("members").iter();
    let member = member.clone().find(|member| member["party"] == "hospital-b").expect("a member");
    assert_eq!(member["contact"], json!({"state": "away"}));
    for agent in &mut agents {
        agent.next_desired("admitted").await;
    }

    // A wrong secret is counted, and changes nothing.
    let address = hub.agents_address().await;
    let wrong = FakeAgent::connect(address, "hospital-b", &secret).await;
    assert!(wrong.again(address, "wrong").await.is_err());
    let metrics = hub.get("/metrics").await.expect(StatusCode::OK).text();
    let counted = "flow_sign_ins_failed_total{cause=\"wrong_secret\"} 1";
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");
}
