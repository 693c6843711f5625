//! Templates and tasks that are applied together.

use http::StatusCode;
use serde_json::{Value, json};

use crate::common::TestApp;

const PATH: &str = "/api/v2/apply";

async fn hub() -> TestApp {
    let hub = TestApp::start().await;
    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    hub
}

fn sample() -> Value {
    json!(flow_api_types::ApplyRequest::sample())
}

async fn apply(hub: &TestApp, body: &Value) -> Value {
    hub.post(PATH).json(body).await.expect(StatusCode::OK).json()
}

fn outcomes(applied: &Value) -> Vec<&str> {
    let of = |list: &str| applied[list].as_array().expect("a list").iter();
    of("templates").chain(of("tasks")).map(|item| item["outcome"].as_str().expect("text")).collect()
}

#[tokio::test]
async fn documents_are_created_then_unchanged_then_edited() {
    let hub = hub().await;
    let mut body = sample();
    let checked = hub.post("/api/v2/apply?dry_run=true").json(&body).await.expect(StatusCode::OK);
    assert_eq!(outcomes(&checked.json()), [""; 0]);
    let created = apply(&hub, &body).await;
    assert_eq!(outcomes(&created), ["created", "created"]);
    assert_eq!(created["tasks"][0]["task"]["template"], created["templates"][0]["template"]["id"]);
    let again = apply(&hub, &body).await;
    assert_eq!(outcomes(&again), ["unchanged", "unchanged"]);
    assert_eq!(again["tasks"][0]["task"], created["tasks"][0]["task"]);

    body["templates"][0]["image"] = json!("iflearner-digits:2");
    let edited = apply(&hub, &body).await;
    assert_eq!(
        outcomes(&edited),
        ["edited", "edited"],
        "a task without a revision gets the newest"
    );
    assert_eq!(edited["tasks"][0]["task"]["revision"], 2);
    body["tasks"][0]["revision"] = json!(1);
    assert_eq!(outcomes(&apply(&hub, &body).await), ["unchanged", "edited"]);
    assert_eq!(outcomes(&apply(&hub, &json!({})).await), [""; 0]);
}

/// The hub stores all documents of a request or none.
#[tokio::test]
async fn u10_rejected_document_changes_nothing() {
    let hub = hub().await;
    let mut body = sample();
    body["templates"][0]["name"] = json!("new");
    body["tasks"][0]["template"] = json!("new");
    let other = body["tasks"][0].clone();
    body["tasks"].as_array_mut().expect("a list").push(other);
    for (pointer, value, wrong, code) in [
        ("/tasks/1/name", json!("digits-spring"), "/tasks/1/name", "duplicate"),
        ("/tasks/1/template", json!("other"), "/tasks/1/template", "unknown"),
        ("/tasks/1/revision", json!(2), "/tasks/1/revision", "unknown"),
        ("/tasks/1/epochs", json!(0), "/tasks/1/epochs", "out_of_range"),
        ("/tasks/1/members/0/party", json!("nobody"), "/tasks/1/members/0/party", "unknown"),
        ("/templates/0/command", json!([" "]), "/templates/0/command/0", "required"),
    ] {
        let mut body = body.clone();
        body["tasks"][1]["name"] = json!("second");
        match pointer.strip_suffix("/revision") {
            Some(task) => body.pointer_mut(task).expect("a task")["revision"] = value,
            None => *body.pointer_mut(pointer).expect("in the sample") = value,
        }
        let problem = hub.post(PATH).json(&body).await.problem(422, "invalid");
        let found: Vec<_> = problem["fields"].as_array().expect("fields").iter().collect();
        assert!(
            found.iter().any(|field| field["pointer"] == wrong && field["code"] == code
                || pointer.contains("command")),
            "{pointer}: {problem}"
        );
        hub.post("/api/v2/apply?dry_run=true").json(&body).await.problem(422, "invalid");
        for list in ["/api/v2/templates", "/api/v2/tasks"] {
            let page = hub.get(list).await.expect(StatusCode::OK).json();
            assert_eq!(page["items"], json!([]), "{pointer}");
        }
    }
}

#[tokio::test]
async fn u10_busy_task_keeps_the_template_as_it_is() {
    let hub = hub().await;
    let mut body = sample();
    let created = apply(&hub, &body).await;
    let task = created["tasks"][0]["task"]["id"].as_str().expect("an id").to_owned();
    hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED);
    body["templates"][0]["image"] = json!("iflearner-digits:2");
    let problem = hub.post(PATH).json(&body).await.problem(409, "task_active");
    let detail = problem["detail"].as_str().expect("text");
    assert!(detail.starts_with("task \"digits-spring\": run 1"), "{detail}");
    let template = hub.get("/api/v2/templates/digits").await.expect(StatusCode::OK).json();
    assert_eq!(template["revision"], 1);
}

#[tokio::test]
async fn repeated_apply_with_one_key_has_one_effect() {
    let hub = hub().await;
    let mut body = sample();
    let send = async |body: &Value| hub.post(PATH).header("idempotency-key", "k").json(body).await;
    let first = send(&body).await.expect(StatusCode::OK).json();
    let second = send(&body).await.expect(StatusCode::OK).json();
    assert_eq!(outcomes(&second), ["created", "created"]);
    assert_eq!(first, second);
    body["tasks"][0]["epochs"] = json!(11);
    send(&body).await.problem(422, "idempotency_key_reused");
    let task = hub.get("/api/v2/tasks/digits-spring").await.expect(StatusCode::OK).json();
    assert_eq!(task["epochs"], 10);
}

/// Concurrent requests for the same names end in one order, without an error.
#[tokio::test]
async fn concurrent_applies_of_one_file_agree() {
    let hub = hub().await;
    let body = sample();
    let sent = (0..8).map(|_| apply(&hub, &body));
    let applied = futures::future::join_all(sent).await;
    let created = applied.iter().filter(|applied| outcomes(applied) == ["created", "created"]);
    assert_eq!(created.count(), 1);
    let page = hub.get("/api/v2/templates/digits/revisions").await.expect(StatusCode::OK).json();
    assert_eq!(page["items"].as_array().expect("a list").len(), 1);
}
