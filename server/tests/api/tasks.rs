//! Tasks: create, list, edit, start, stop, delete.

use http::StatusCode;
use serde_json::{Value, json};

use crate::common::TestApp;

#[tokio::test]
async fn new_task_is_returned_as_created_without_a_run() {
    let hub = TestApp::start().await;
    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    let body = hub.task_body(&hub.template().await);
    let created = hub.post("/api/v2/tasks").json(&body).await.expect(StatusCode::CREATED);
    let read = hub.get(created.header("location")).await.expect(StatusCode::OK);
    assert_eq!(read.json(), created.json());
    assert_eq!(read.header("etag"), created.header("etag"));
    for (field, value) in body.as_object().expect("an object") {
        assert_eq!(&read.json()[field], value, "{field}");
    }
    assert_eq!((&read.json()["runs"], &read.json()["run"]), (&json!(0), &Value::Null));
    hub.post("/api/v2/tasks").json(&body).await.problem(409, "task_name_taken");
}

#[tokio::test]
async fn task_without_a_revision_keeps_the_newest_at_its_creation() {
    let hub = TestApp::start().await;
    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    let template = hub.template().await;
    let mut edited = json!(flow_api_types::TemplateInput::sample());
    edited["image"] = "iflearner-digits:2".into();
    hub.put(&format!("/api/v2/templates/{template}")).json(&edited).await.expect(StatusCode::OK);
    let mut body = hub.task_body(&template);
    body.as_object_mut().expect("an object").remove("revision");
    let created = hub.post("/api/v2/tasks").json(&body).await.expect(StatusCode::CREATED);
    assert_eq!(created.json()["revision"], 2);
}

/// Stores an inventory as the agent of the party sends it.
async fn offers(hub: &TestApp, party: &str, inventory: Value) {
    let (json, id) = (inventory.to_string(), party.parse().expect("a name"));
    let digest = flow_domain::id::Digest::of(json.as_bytes());
    hub.app.store.set_inventory(&id, &digest, &json).await.expect("it is stored");
}

#[tokio::test]
async fn u16_creation_and_edit_warn_about_names_that_the_parties_do_not_have() {
    let hub = TestApp::start().await;
    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    let mut sample = json!(flow_api_types::TemplateInput::sample());
    let create = async |sample: &Value| {
        hub.post("/api/v2/templates").json(sample).await.expect(StatusCode::CREATED).json()
    };
    assert!(create(&sample).await.get("warnings").is_none(), "no party has connected yet");
    let template =
        hub.get("/api/v2/templates").await.expect(StatusCode::OK).json()["items"][0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
    let process = json!({ "kind": "process" });
    let images = json!({ "mine": true, "digits": true });
    let inventory = json!({ "images": images, "datasets": ["mine", "xray"], "runtime": process });
    offers(&hub, "hospital-a", inventory).await;
    sample["name"] = "other".into();
    let warnings = create(&sample).await["warnings"].clone();
    let warning = warnings[0].as_str().expect("a warning");
    for part in [
        "no party maps the image \"iflearner-digits:1\" (mapped are digits, mine)",
        "`[images.\"iflearner-digits:1\"]` and root = DIRECTORY",
    ] {
        assert!(warning.contains(part), "{part} in {warning}");
    }

    let body = hub.task_body(&template);
    let created = hub.post("/api/v2/tasks").json(&body).await.expect(StatusCode::CREATED);
    let warnings = created.json()["warnings"].clone();
    assert_eq!(warnings.as_array().map(Vec::len), Some(2), "{warnings}");
    let first = warnings[0].as_str().expect("a warning");
    assert!(
        first.contains("hospital-a maps no image \"iflearner-digits:1\" (it has digits, mine)"),
        "{first}"
    );
    assert_eq!(warnings[1], "hospital-a offers no dataset \"digits\" (it has mine, xray)");
    let location = created.header("location");
    assert!(hub.get(location).await.expect(StatusCode::OK).json().get("warnings").is_none());

    let documents = json!({ "templates": [sample], "tasks": [body] });
    let mut applied =
        hub.post("/api/v2/apply").json(&documents).await.expect(StatusCode::OK).json();
    assert_eq!(applied["tasks"][0]["task"].get("warnings"), None, "the task is unchanged");
    let mut documents = documents;
    documents["templates"][0]["image"] = "digits:9".into();
    documents["tasks"][0]["epochs"] = 4.into();
    applied = hub.post("/api/v2/apply").json(&documents).await.expect(StatusCode::OK).json();
    let warning = applied["templates"][0]["template"]["warnings"][0].as_str().expect("a warning");
    assert!(warning.starts_with("no party maps the image \"digits:9\""), "{warning}");
    assert_eq!(applied["tasks"][0]["task"]["warnings"], warnings, "of another template");

    // One warning for all parties of the task.
    offers(&hub, "hospital-b", json!({ "images": { "xray": true }, "runtime": process })).await;
    let task = applied["tasks"][0]["task"].clone();
    let edited = hub.put(&format!("/api/v2/tasks/{}", task["id"].as_str().expect("an id")));
    let edited = edited.json(&body).await.expect(StatusCode::OK).json();
    let expected = "hospital-a, hospital-b map no image \"iflearner-digits:1\" (mapped are digits, \
                    mine, xray); for example at hospital-a: map it with \
                    `[images.\"iflearner-digits:1\"]` and root = DIRECTORY in the configuration there";
    assert_eq!(edited["warnings"][0], expected);
    assert_eq!(edited["warnings"].as_array().map(Vec::len), Some(2), "{edited}");

    // A party that keeps its names causes no warning.
    offers(&hub, "hospital-a", json!({ "runtime": process })).await;
    let images = json!({ "iflearner-digits:1": false });
    offers(&hub, "hospital-b", json!({ "images": images, "datasets": ["digits"] })).await;
    let edited = hub.put(location).json(&body).await.expect(StatusCode::OK).json();
    let expected = ["hospital-b does not allow the image \"iflearner-digits:1\""];
    assert_eq!(edited["warnings"], json!(expected));
    sample["name"] = "third".into();
    assert!(create(&sample).await.get("warnings").is_none());
}

#[tokio::test]
async fn u8_task_without_what_its_template_requires_is_refused() {
    let hub = TestApp::start().await;
    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    let mut template = json!(flow_api_types::TemplateInput::sample());
    template["framework"] = "generic".into();
    template["requires_dataset"] = json!(["trainer", "trainer"]);
    let created = hub.post("/api/v2/templates").json(&template).await.expect(StatusCode::CREATED);
    assert_eq!(created.json()["requires_dataset"], json!(["trainer"]));
    let mut body = hub.task_body(created.json()["id"].as_str().expect("an id"));
    let members = body["members"].as_array_mut().expect("a list");
    members.remove(0);
    members[0].as_object_mut().expect("an object").remove("dataset");
    let refused = hub.post("/api/v2/tasks").json(&body).await.problem(422, "invalid");
    let messages: Vec<&str> = refused["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|field| field["message"].as_str().expect("text"))
        .collect();
    assert_eq!(
        messages,
        [
            "must contain a member with the role aggregator: the template requires one",
            "is required: the template needs a dataset for each trainer; name one that hospital-a offers",
        ]
    );
}

#[tokio::test]
async fn u8_unknown_party_is_refused_with_the_names_of_the_others() {
    let hub = TestApp::start().await;
    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    let mut body = hub.task_body(&hub.template().await);
    body["members"][1]["party"] = "hospital-c".into();
    body["members"][2]["party"] = "hub".into();
    body["epochs"] = "twenty".into();
    let fields = async |body: &Value| {
        hub.post("/api/v2/tasks").json(body).await.problem(422, "invalid")["fields"].clone()
    };
    assert_eq!(
        fields(&body).await[0]["message"],
        "must be a whole number from 0, not string \"twenty\""
    );
    body["epochs"] = 20.into();
    let fields = fields(&body).await;
    assert_eq!(
        fields[0]["message"],
        "there is no party hospital-c; there are hospital-a, hospital-b, hub"
    );
    assert_eq!(
        fields[1]["message"],
        "is hub, which is members[0] already; a party can be only one member of a task"
    );
}

#[tokio::test]
async fn started_task_shows_its_wait() {
    let hub = TestApp::start().await;
    let id = hub.task().await;
    let started = hub.post(&format!("/api/v2/tasks/{id}/start")).await.expect(StatusCode::ACCEPTED);
    let run = started.json();
    assert_eq!(
        started.header("location"),
        format!("/api/v2/tasks/{id}/runs/{}", run["id"].as_str().expect("an id"))
    );
    let task = hub.get(&format!("/api/v2/tasks/{id}")).await.expect(StatusCode::OK).json();
    assert_eq!(
        (&task["runs"], &task["run"]["id"], &task["run"]["phase"]),
        (&json!(1), &run["id"], &json!("queued"))
    );
    let waiting = &task["run"]["waiting"];
    assert_eq!((&waiting["code"], &waiting["party"]), (&json!("party_away"), &json!("hub")));
    assert_eq!(task["run"]["progress"], json!({ "epoch": null, "epochs": 10, "members": {} }));
    hub.post(&format!("/api/v2/tasks/{id}/start")).await.problem(409, "task_active");
}

#[tokio::test]
async fn f20_task_with_an_active_run_or_a_taken_name_cannot_be_edited() {
    let hub = TestApp::start().await;
    let id = hub.task().await;
    let path = format!("/api/v2/tasks/{id}");
    let as_made = hub.get(&path).await.expect(StatusCode::OK).json();
    let mut edited = hub.task_body(as_made["template"].as_str().expect("an id"));
    let mut other = edited.clone();
    other["name"] = "other".into();
    hub.post("/api/v2/tasks").json(&other).await.expect(StatusCode::CREATED);
    hub.put(&path).json(&other).await.problem(409, "task_name_taken");
    assert_eq!(hub.get(&path).await.expect(StatusCode::OK).json(), as_made);

    let members = edited["members"].as_array_mut().expect("members");
    assert_eq!(members.pop().expect("a trainer")["party"], "hospital-b");
    hub.put(&path).json(&edited).await.expect(StatusCode::OK);
    assert_eq!(hub.get(&path).await.expect(StatusCode::OK).json()["members"], edited["members"]);
    let with_b = hub.get("/api/v2/tasks?party=hospital-b").await.expect(StatusCode::OK).json();
    assert_eq!(with_b["items"].as_array().map(Vec::len), Some(1), "only the other one: {with_b}");

    hub.post(&format!("{path}/start")).await.expect(StatusCode::ACCEPTED);
    edited["epochs"] = 20.into();
    hub.put(&path).json(&edited).await.problem(409, "task_active");
}

#[tokio::test]
async fn second_stop_succeeds_and_stop_without_a_run_fails() {
    let hub = TestApp::start().await;
    let id = hub.task().await;
    let stop = || hub.post(&format!("/api/v2/tasks/{id}/stop"));
    stop().await.problem(409, "task_not_active");
    hub.post(&format!("/api/v2/tasks/{id}/start")).await.expect(StatusCode::ACCEPTED);
    let task = stop().await.expect(StatusCode::ACCEPTED).json();
    // The hub has sent nothing to any party, so it does not wait for one.
    assert_eq!(task["run"]["phase"], "cancelled");
    assert_eq!(
        (&task["run"]["ending"]["code"], &task["run"]["ending"]["by"]),
        (&json!("stopped"), &json!("alice"))
    );
    stop().await.expect(StatusCode::ACCEPTED);
    hub.post(&format!("/api/v2/tasks/{id}/start")).await.expect(StatusCode::ACCEPTED);
}

#[tokio::test]
async fn deleted_task_is_unknown_and_its_name_free() {
    let hub = TestApp::start().await;
    let id = hub.task().await;
    let path = format!("/api/v2/tasks/{id}");
    let template = hub.get(&path).await.json()["template"].as_str().expect("an id").to_owned();
    hub.post(&format!("{path}/start")).await.expect(StatusCode::ACCEPTED);
    hub.delete(&path).await.expect(StatusCode::NO_CONTENT);
    hub.delete(&path).await.expect(StatusCode::NO_CONTENT);
    for gone in [
        hub.get(&path),
        hub.get(&format!("{path}/runs")),
        hub.get(&format!("{path}/events")),
        hub.post(&format!("{path}/start")),
    ] {
        gone.await.problem(404, "task_not_found");
    }
    let tasks = hub.get("/api/v2/tasks").await.expect(StatusCode::OK).json();
    assert_eq!(tasks["items"], json!([]));
    hub.post("/api/v2/tasks").json(&hub.task_body(&template)).await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn second_of_two_concurrent_edits_is_rejected() {
    let hub = TestApp::start().await;
    let path = format!("/api/v2/tasks/{}", hub.task().await);
    let read = hub.get(&path).await.expect(StatusCode::OK);
    let mut body = hub.task_body(read.json()["template"].as_str().expect("an id"));
    body["epochs"] = 20.into();
    let first = hub
        .put(&path)
        .header("if-match", read.header("etag"))
        .json(&body)
        .await
        .expect(StatusCode::OK);
    assert_eq!(first.json()["epochs"], 20);
    assert_ne!(first.header("etag"), read.header("etag"));
    body["epochs"] = 30.into();
    hub.put(&path)
        .header("if-match", read.header("etag"))
        .json(&body)
        .await
        .problem(412, "precondition_failed");
    hub.put(&path)
        .header("if-match", "W/\"1\"")
        .json(&body)
        .await
        .problem(412, "precondition_failed");
    let third = hub
        .put(&path)
        .header("if-match", first.header("etag"))
        .json(&body)
        .await
        .expect(StatusCode::OK);
    assert_eq!(third.json()["epochs"], 30);
    hub.put(&path).header("if-match", "*").json(&body).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a9_one_of_many_concurrent_edits_succeeds_and_deletion_checks_the_tag() {
    let hub = TestApp::start().await;
    let path = format!("/api/v2/tasks/{}", hub.task().await);
    let read = hub.get(&path).await.expect(StatusCode::OK);
    let edit = async |epochs: u32| {
        let mut body = hub.task_body(read.json()["template"].as_str().expect("an id"));
        body["epochs"] = epochs.into();
        hub.put(&path).header("if-match", read.header("etag")).json(&body).await.status
    };
    let answers = futures::future::join_all((20..28).map(edit)).await;
    assert_eq!(
        answers.iter().filter(|status| **status == StatusCode::OK).count(),
        1,
        "{answers:?}"
    );
    assert!(
        answers
            .iter()
            .all(|status| *status == StatusCode::OK || *status == StatusCode::PRECONDITION_FAILED),
        "{answers:?}"
    );

    let stale = read.header("etag");
    let now = hub.get(&path).await.expect(StatusCode::OK).header("etag").to_owned();
    let version = now.trim_matches('"');
    for tag in [
        stale.to_owned(),
        format!("\"+{version}\""),
        format!("\"00{version}\""),
        format!("W/{now}"),
        "\"\"".to_owned(),
    ] {
        hub.delete(&path).header("if-match", &tag).await.problem(412, "precondition_failed");
    }
    for malformed in ["null", version, "\"", "\"1\", \"2\"", ""] {
        hub.delete(&path).header("if-match", malformed).await.field("If-Match", "pattern");
    }
    hub.delete(&path).header("if-match", &now).await.expect(StatusCode::NO_CONTENT);
    hub.delete(&path).header("if-match", &now).await.expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn repeated_create_or_start_with_one_key_has_one_effect_across_a_restart() {
    let hub = TestApp::start().await;
    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    let body = hub.task_body(&hub.template().await);
    let created = hub
        .post("/api/v2/tasks")
        .header("idempotency-key", "create-1")
        .json(&body)
        .await
        .expect(StatusCode::CREATED);
    let id = created.json()["id"].clone();
    let start = format!("/api/v2/tasks/{}/start", id.as_str().expect("an id"));
    let run = hub
        .post(&start)
        .header("idempotency-key", "start-1")
        .await
        .expect(StatusCode::ACCEPTED)
        .json()["id"]
        .clone();

    let hub = hub.restart().await;
    let again = hub
        .post("/api/v2/tasks")
        .header("idempotency-key", "create-1")
        .json(&body)
        .await
        .expect(StatusCode::CREATED);
    assert_eq!(again.json()["id"], id);
    let again =
        hub.post(&start).header("idempotency-key", "start-1").await.expect(StatusCode::ACCEPTED);
    assert_eq!(again.json()["id"], run);
    let mut other = body.clone();
    other["name"] = "other".into();
    hub.post("/api/v2/tasks")
        .header("idempotency-key", "create-1")
        .json(&other)
        .await
        .problem(422, "idempotency_key_reused");
    hub.post(&start)
        .header("idempotency-key", "create-1")
        .await
        .problem(422, "idempotency_key_reused");
    for bad in ["", "a b", "é", &"x".repeat(256)] {
        hub.post(&start).header("idempotency-key", bad).await.field("Idempotency-Key", "pattern");
    }
}

#[tokio::test]
async fn tasks_are_filtered_by_name_phase_party_and_template() {
    let hub = TestApp::start().await;
    hub.parties(&["hub", "hospital-a", "hospital-b", "clinic"]).await;
    let template = hub.template().await;
    let mut ids = Vec::new();
    for (name, party) in [("alpha-1", "hospital-a"), ("alpha-2", "clinic"), ("beta-1", "clinic")] {
        let mut body = hub.task_body(&template);
        body["name"] = name.into();
        body["members"][1]["party"] = party.into();
        let created = hub.post("/api/v2/tasks").json(&body).await.expect(StatusCode::CREATED);
        ids.push(created.json()["id"].as_str().expect("an id").to_owned());
    }
    hub.post(&format!("/api/v2/tasks/{}/start", ids[1])).await.expect(StatusCode::ACCEPTED);
    let names = async |query: &str| -> Vec<String> {
        let page = hub.get(&format!("/api/v2/tasks?{query}")).await.expect(StatusCode::OK).json();
        page["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|task| task["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    assert_eq!(names("").await, ["beta-1", "alpha-2", "alpha-1"]);
    assert_eq!(names("name=alpha").await, ["alpha-1", "alpha-2"]);
    assert_eq!(names("phase=queued").await, ["alpha-2"]);
    assert_eq!(names("phase=new").await, ["beta-1", "alpha-1"]);
    assert_eq!(names("phase=new,queued").await.len(), 3);
    assert_eq!(names("party=clinic").await, ["beta-1", "alpha-2"]);
    assert_eq!(names("party=clinic&phase=new").await, ["beta-1"]);
    assert_eq!(names(&format!("template={template}&limit=1")).await, ["beta-1"]);
    assert_eq!(names(&format!("template={}", "0".repeat(32))).await, [""; 0]);

    let page = hub.get("/api/v2/tasks?limit=2").await.expect(StatusCode::OK).json();
    let cursor = page["next"].as_str().expect("there is more");
    assert_eq!(names(&format!("limit=2&cursor={cursor}")).await, ["alpha-1"]);
    hub.get(&format!("/api/v2/tasks?party=clinic&cursor={cursor}"))
        .await
        .problem(400, "cursor_invalid");
    hub.get("/api/v2/tasks?cursor=zzz").await.problem(400, "cursor_invalid");
}
