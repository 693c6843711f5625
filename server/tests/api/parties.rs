//! Parties.

use http::StatusCode;
use serde_json::json;

use crate::common::TestApp;

#[tokio::test]
async fn the_secret_of_a_party_is_shown_once_and_only_its_hash_is_kept() {
    let hub = TestApp::start().await;
    let body = json!(flow_server::api::v2::model::NewParty::sample());
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
async fn parties_are_listed_by_name_page_by_page() {
    let hub = TestApp::start().await;
    hub.parties(&["c", "a", "e", "b", "d"]).await;
    let mut names = Vec::new();
    let mut path = "/api/v2/parties?limit=2".to_owned();
    for pages in 1.. {
        let page = hub.get(&path).await.expect(StatusCode::OK).json();
        names.extend(page["items"].as_array().expect("items").iter().map(|party| party["name"].as_str().expect("a name").to_owned()));
        let Some(next) = page["next"].as_str() else {
            assert_eq!(pages, 3);
            break;
        };
        path = format!("/api/v2/parties?limit=2&cursor={next}");
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_party_nobody_knows_is_not_found() {
    let hub = TestApp::start().await;
    hub.get("/api/v2/parties/nobody").await.problem(404, "party_not_found");
    for odd in ["..%2F..%2Fetc", "%00", "UPPER", "%ff", &"a".repeat(10_000)] {
        let answer = hub.get(&format!("/api/v2/parties/{odd}")).await;
        assert!(answer.status.is_client_error(), "{odd}: {}", answer.text());
        assert!(answer.json()["code"].is_string(), "{odd}");
    }
}

#[tokio::test]
async fn a_party_name_must_be_a_slug() {
    let hub = TestApp::start().await;
    for odd in ["", "../x", "a/b", "A", "a b", "a\u{0}", "-a", &"a".repeat(64), &"a".repeat(10_000)] {
        hub.post("/api/v2/parties").json(&json!({ "name": odd })).await.field("/name", "pattern");
    }
    let long = json!({ "name": "a", "remark": "x".repeat(501) });
    hub.post("/api/v2/parties").json(&long).await.field("/remark", "too_long");
}
