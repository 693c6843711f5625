//! Templates and their revisions.

use http::StatusCode;
use serde_json::{Value, json};

use crate::common::TestApp;

fn sample() -> Value {
    json!(flow_api_types::TemplateInput::sample())
}

#[tokio::test]
async fn template_is_returned_as_created() {
    let hub = TestApp::start().await;
    let created = hub.post("/api/v2/templates").json(&sample()).await.expect(StatusCode::CREATED);
    assert_eq!(created.header("etag"), "\"1\"");
    let read = hub.get(created.header("location")).await.expect(StatusCode::OK);
    assert_eq!(read.header("etag"), "\"1\"");
    assert_eq!(read.json(), created.json());
    for (field, value) in sample().as_object().expect("an object") {
        assert_eq!(&read.json()[field], value, "{field}");
    }
    assert_eq!(read.json()["created_at"], "2026-01-01T00:00:00.000000Z");
    hub.post("/api/v2/templates").json(&sample()).await.problem(409, "template_name_taken");
}

#[tokio::test]
async fn edit_creates_a_new_revision_and_keeps_the_old_one() {
    let hub = TestApp::start().await;
    let id = hub.template().await;
    let path = format!("/api/v2/templates/{id}");
    let mut edited = sample();
    edited["image"] = "iflearner-digits:2".into();
    let answer =
        hub.put(&path).header("if-match", "\"1\"").json(&edited).await.expect(StatusCode::OK);
    assert_eq!((answer.header("etag"), &answer.json()["revision"]), ("\"2\"", &json!(2)));

    // The second of two edits of revision 1.
    edited["image"] = "iflearner-digits:3".into();
    hub.put(&path)
        .header("if-match", "\"1\"")
        .json(&edited)
        .await
        .problem(412, "precondition_failed");
    hub.put(&path).header("if-match", "2").json(&edited).await.field("If-Match", "pattern");

    for tag in ["\"1\"", "\"02\"", "W/\"2\""] {
        hub.delete(&path).header("if-match", tag).await.problem(412, "precondition_failed");
    }

    let revisions = hub.get(&format!("{path}/revisions")).await.expect(StatusCode::OK).json();
    let images: Vec<_> =
        revisions["items"].as_array().expect("items").iter().map(|r| r["image"].clone()).collect();
    assert_eq!(images, ["iflearner-digits:2", "iflearner-digits:1"]);
    let first = hub.get(&format!("{path}/revisions/1")).await.expect(StatusCode::OK).json();
    assert_eq!((&first["revision"], &first["image"]), (&json!(1), &json!("iflearner-digits:1")));
    hub.get(&format!("{path}/revisions/3")).await.problem(404, "revision_not_found");
    hub.get(&format!("{path}/revisions/x")).await.problem(404, "revision_not_found");
}

#[tokio::test]
async fn template_in_use_cannot_be_deleted() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    let templates = hub.get("/api/v2/templates?name=dig").await.expect(StatusCode::OK).json();
    let path =
        format!("/api/v2/templates/{}", templates["items"][0]["id"].as_str().expect("an id"));
    let problem = hub.delete(&path).await.problem(409, "template_in_use");
    assert!(problem["detail"].as_str().expect("text").contains("digits-spring"), "{problem}");

    hub.delete(&format!("/api/v2/tasks/{task}")).await.expect(StatusCode::NO_CONTENT);
    hub.delete(&path).await.expect(StatusCode::NO_CONTENT);
    hub.get(&path).await.problem(404, "template_not_found");
    hub.delete(&path).await.problem(404, "template_not_found");
}

#[tokio::test]
async fn all_mistakes_of_a_template_are_listed() {
    let hub = TestApp::start().await;
    let mut body = sample();
    body["name"] = "".into();
    body["image"] = "".into();
    body["command"] = json!([]);
    body["env"] = json!({ "FED_X": "1", "a/b": "2" });
    body["max_runtime_s"] = 0.into();
    let problem = hub.post("/api/v2/templates").json(&body).await.problem(422, "invalid");
    let mut pointers: Vec<_> = problem["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .filter_map(|f| f["pointer"].as_str())
        .collect();
    pointers.sort_unstable();
    pointers.dedup();
    assert_eq!(
        pointers,
        ["/command", "/env/FED_X", "/env/a~1b", "/image", "/max_runtime_s", "/name"]
    );
}

#[tokio::test]
async fn repeated_creation_with_one_key_creates_one_template() {
    let hub = TestApp::start().await;
    let create = || hub.post("/api/v2/templates").header("idempotency-key", "k-1");
    let first = create().json(&sample()).await.expect(StatusCode::CREATED);
    let again = create().json(&sample()).await.expect(StatusCode::CREATED);
    assert_eq!(first.json(), again.json());
    let mut other = sample();
    other["name"] = "other".into();
    create().json(&other).await.problem(422, "idempotency_key_reused");
}
