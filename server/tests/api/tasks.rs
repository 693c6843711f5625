//! Tasks: create, list, edit, start, stop, delete.

use http::StatusCode;
use serde_json::{Value, json};

use crate::common::TestApp;
use crate::common::document::document;
use flow_proto::v1::Reason;

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

/// Creates tasks with these names and labels, each a second after the one before.
async fn labelled(hub: &TestApp, tasks: &[(&str, Value)]) {
    let template = hub.template().await;
    for (name, labels) in tasks {
        let mut body = hub.task_body(&template);
        body["name"] = (*name).into();
        body["labels"] = labels.clone();
        hub.post("/api/v2/tasks").json(&body).await.expect(StatusCode::CREATED);
        hub.clock.advance(1);
    }
}

async fn listed(hub: &TestApp, query: &str) -> Vec<String> {
    let page = hub.get(&format!("/api/v2/tasks?{query}")).await.expect(StatusCode::OK).json();
    let items = page["items"].as_array().expect("a list").iter();
    items.map(|task| task["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn tasks_are_selected_by_labels_and_time_and_sorted() {
    let hub = TestApp::start().await;
    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    labelled(
        &hub,
        &[
            ("c", json!({"season": "spring", "team": "x"})),
            ("a", json!({"season": "spring"})),
            ("b", json!({"season": "autumn"})),
        ],
    )
    .await;
    let get = async |query: &str| listed(&hub, query).await;
    assert_eq!(get("label=season=spring").await, ["a", "c"]);
    assert_eq!(get("label=season=spring&label=team=x").await, ["c"]);
    assert_eq!(get("label=season%3Dspring%2Cteam%3Dx").await, ["c"]);
    assert_eq!(get("label=season=spring&label=season=autumn").await, [""; 0]);
    assert_eq!(get("sort=name").await, ["a", "b", "c"]);
    assert_eq!(get("sort=name&direction=desc").await, ["c", "b", "a"]);
    assert_eq!(get("sort=created&direction=asc").await, ["c", "a", "b"]);
    assert_eq!(get("sort=created&name=c").await, ["c"]);
    let all = hub.get("/api/v2/tasks?sort=created").await.expect(StatusCode::OK).json();
    let second = all["items"][1]["created_at"].as_str().expect("a time");
    assert_eq!(get(&format!("created_since={second}")).await, ["b", "a"]);
    assert_eq!(get(&format!("created_before={second}")).await, ["c"]);
    assert_eq!(get(&format!("created_since={second}&created_before={second}")).await, [""; 0]);

    // An edit replaces the labels.
    let task = hub.get("/api/v2/tasks/c").await.expect(StatusCode::OK).json();
    let mut body = hub.task_body(task["template"].as_str().expect("an id"));
    body["name"] = "c".into();
    body["labels"] = json!({"season": "autumn"});
    hub.put("/api/v2/tasks/c").json(&body).await.expect(StatusCode::OK);
    assert_eq!(get("label=season=autumn").await, ["b", "c"]);
    assert_eq!(get("sort=modified").await, ["c", "b", "a"]);
    let too_many: Vec<String> = (0..11).map(|n| format!("label=l{n}=1")).collect();
    hub.get(&format!("/api/v2/tasks?{}", too_many.join("&"))).await.field("?label", "too_long");
    hub.get("/api/v2/tasks?sort=name&sort=name").await.field("?sort", "duplicate");
}

#[tokio::test]
async fn list_with_selected_fields_has_these_and_the_id() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED);
    let page = hub.get("/api/v2/tasks?fields=name,run").await.expect(StatusCode::OK);
    assert_eq!(page.header("content-type"), "application/vnd.flow.selection+json");
    let item = page.json()["items"][0].clone();
    let names: Vec<&String> = item.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["id", "name", "run"]);
    assert_eq!(item["run"]["phase"], "queued");
    let page = hub.get("/api/v2/runs?fields=task_name,number").await.expect(StatusCode::OK).json();
    assert_eq!(page["items"][0]["task_name"], "digits-spring");
    assert_eq!(page["items"][0].as_object().map(serde_json::Map::len), Some(3));
    // The names of the parameter are those of a task in a list.
    let task = &document()["components"]["schemas"]["Task"]["properties"];
    let mut fields: Vec<&str> =
        task.as_object().expect("properties").keys().map(String::as_str).collect();
    fields.retain(|field| *field != "warnings");
    let mut known = flow_api_types::limits::TASK_FIELDS;
    fields.sort_unstable();
    known.sort_unstable();
    assert_eq!(fields, known);
}

#[tokio::test]
async fn runs_are_selected_by_phase_party_task_and_time() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED);
    let count = async |query: &str| {
        let page = hub.get(&format!("/api/v2/runs?{query}")).await.expect(StatusCode::OK).json();
        page["items"].as_array().map_or(0, Vec::len)
    };
    for query in [
        "phase=queued",
        "phase=running,queued",
        "party=hospital-a",
        "task=digits-spring",
        &format!("task={task}&party=hub&phase=queued&created_since=1970-01-01T00:00:00Z"),
    ] {
        assert_eq!(count(query).await, 1, "{query}");
    }
    for query in ["phase=running", "party=other", "created_before=1970-01-01T00:00:00Z"] {
        assert_eq!(count(query).await, 0, "{query}");
    }
    hub.get("/api/v2/runs?task=other").await.problem(404, "task_not_found");
    hub.get("/api/v2/runs?phase=new").await.field("?phase", "pattern");
}

#[tokio::test]
async fn dry_run_asks_the_agents_and_changes_nothing() {
    let hub = TestApp::start().await;
    let mut aggregator = hub.agent("hub").await;
    let mut trainer = hub.agent("hospital-a").await;
    // An older agent, which cannot answer.
    let _older = hub.agent("hospital-b").await;
    let body = hub.task_body(&hub.template().await);
    let reason =
        Reason { code: "approval_required".to_owned(), message: "ask\u{1b} Ada".to_owned() };
    let asking = hub.post("/api/v2/check").json(&body);
    let (answer, ()) = tokio::join!(asking, async {
        let check = aggregator.spec_check().await;
        let spec: Value = serde_json::from_slice(&check.spec).expect("a spec is JSON");
        assert_eq!((&spec["party"], &spec["role"]), (&json!("hub"), &json!("aggregator")));
        aggregator.answer_check(&check, "accept", None).await;
        let check = trainer.spec_check().await;
        trainer.answer_check(&check, "ask", Some(reason)).await;
    });
    let answer = answer.expect(StatusCode::OK).json();
    assert_eq!(answer["name"], "digits-spring");
    let members = [
        json!({"party": "hub", "role": "aggregator", "answer": "accept"}),
        json!({"party": "hospital-a", "role": "trainer", "answer": "ask",
            "reason": {"code": "approval_required", "message": "ask\u{fffd} Ada"}}),
    ];
    assert_eq!([&answer["members"][0], &answer["members"][1]], [&members[0], &members[1]]);
    let older = &answer["members"][2];
    assert_eq!(older["answer"], "unknown");
    assert!(older["message"].as_str().is_some_and(|text| text.contains("version test")), "{older}");
    assert_eq!(listed(&hub, "").await, [""; 0]);

    // The same through the dry run of manifests, with a refusal and a party that disconnects.
    let documents = json!({ "tasks": [body] });
    let reason = Reason { code: "image_unknown".to_owned(), message: "no such image".to_owned() };
    let asking = hub.post("/api/v2/apply?dry_run=true").json(&documents);
    let (answer, ()) = tokio::join!(asking, async {
        let check = aggregator.spec_check().await;
        aggregator.answer_check(&check, "refuse", Some(reason)).await;
        trainer.spec_check().await;
        drop(trainer);
    });
    let answer = answer.expect(StatusCode::OK).json();
    assert_eq!(answer["tasks"], json!([]));
    let members = &answer["checks"][0]["members"];
    assert_eq!(members[0]["reason"], json!({"code": "image_unknown", "message": "no such image"}));
    assert_eq!(members[1]["message"], "hospital-a is not connected");
    assert_eq!(listed(&hub, "").await, [""; 0]);

    hub.post("/api/v2/parties/hub/disable").await.expect(StatusCode::OK);
    let answer = hub.post("/api/v2/check").json(&body).await.expect(StatusCode::OK).json();
    let message = answer["members"][0]["message"].as_str().expect("a cause").to_owned();
    assert!(message.contains("hub is disabled"), "{message}");

    // The same errors as those of a creation.
    let mut wrong = body.clone();
    wrong["epochs"] = 0.into();
    hub.post("/api/v2/check").json(&wrong).await.field("/epochs", "out_of_range");
    hub.post("/api/v2/tasks").json(&body).await.expect(StatusCode::CREATED);
    hub.post("/api/v2/check").json(&body).await.problem(409, "task_name_taken");
}

#[tokio::test]
async fn tasks_are_stopped_and_deleted_in_bulk_with_a_result_for_each() {
    let hub = TestApp::start().await;
    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    let spring = json!({"season": "spring"});
    labelled(&hub, &[("a", spring.clone()), ("b", spring), ("c", json!({}))]).await;
    for task in ["a", "c"] {
        hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED);
    }
    let post = async |verb: &str, body: Value| {
        let done = hub.post(&format!("/api/v2/bulk/tasks/{verb}")).json(&body).await;
        done.expect(StatusCode::OK).json()
    };
    let by_label = json!({"filter": {"labels": {"season": "spring"}}});
    let stopped = post("stop", by_label.clone()).await;
    assert_eq!(stopped.get("next"), None);
    assert_eq!(
        (&stopped["tasks"][0]["name"], &stopped["tasks"][1]["name"]),
        (&json!("b"), &json!("a"))
    );
    assert_eq!(stopped["tasks"][0]["error"]["code"], "task_not_active");
    assert_eq!(stopped["tasks"][1].get("error"), None);
    assert_eq!(listed(&hub, "phase=queued").await, ["c"]);
    for labels in [json!({"": "spring"}), json!({"season": "-"})] {
        let filter = json!({"filter": {"labels": labels}});
        hub.post("/api/v2/bulk/tasks/stop").json(&filter).await.problem(422, "invalid");
    }

    let c = hub.get("/api/v2/tasks/c").await.expect(StatusCode::OK).json()["id"].clone();
    let unknown = "0".repeat(32);
    let deleted = post("delete", json!({"tasks": [c, unknown, c]})).await;
    let results = deleted["tasks"].as_array().expect("a list");
    assert_eq!(results.len(), 2, "{deleted}");
    assert_eq!(results[0]["error"]["code"], "task_not_found");
    assert_eq!(results[1], json!({"id": c}));
    assert_eq!(listed(&hub, "").await, ["b", "a"]);
    // More tasks than one request changes.
    let many: Vec<(String, Value)> = (0..101).map(|n| (format!("n{n}"), json!({}))).collect();
    let many: Vec<(&str, Value)> =
        many.iter().map(|(name, labels)| (name.as_str(), labels.clone())).collect();
    let template = hub.get("/api/v2/templates").await.json()["items"][0]["name"].clone();
    let tasks = |some: &[(&str, Value)]| {
        let task = |(name, _): &(&str, Value)| {
            let mut body = hub.task_body("x");
            (body["name"], body["template"]) = ((*name).into(), template.clone());
            body.as_object_mut().expect("an object").remove("revision");
            body
        };
        json!({ "tasks": some.iter().map(task).collect::<Vec<_>>() })
    };
    for some in many.chunks(100) {
        hub.post("/api/v2/apply").json(&tasks(some)).await.expect(StatusCode::OK);
    }
    let filter = json!({"name": "n"});
    let first = post("delete", json!({"filter": filter})).await;
    assert_eq!(first["tasks"].as_array().map(Vec::len), Some(100));
    let rest = post("delete", json!({"filter": filter, "cursor": first["next"]})).await;
    assert_eq!((rest["tasks"].as_array().map(Vec::len), rest.get("next")), (Some(1), None));
    assert_eq!(listed(&hub, "").await, ["b", "a"]);

    let refused = async |body: Value| hub.post("/api/v2/bulk/tasks/delete").json(&body).await;
    for all in [json!({}), json!({"name": ""})] {
        refused(json!({"filter": all})).await.field("/filter", "required");
    }
    refused(json!({"tasks": [unknown], "filter": {"name": "a"}}))
        .await
        .field("/tasks", "not_allowed");
    refused(json!({"cursor": first["next"]})).await.field("/cursor", "not_allowed");
    refused(json!({"tasks": vec![&unknown; 101]})).await.field("/tasks", "too_long");
    refused(json!({"filter": {"created_since": "x"}}))
        .await
        .field("/filter/created_since", "pattern");
    refused(json!({"filter": {"name": "b"}, "cursor": first["next"]}))
        .await
        .problem(400, "cursor_invalid");
    assert_eq!(post("delete", json!({})).await["tasks"], json!([]));
}

#[tokio::test]
async fn clone_has_the_content_of_its_source_and_another_name() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    let path = format!("/api/v2/tasks/{task}/clone");
    let clone = async |key: &str| {
        let body = json!({"name": "digits-summer"});
        hub.post(&path).header("idempotency-key", key).json(&body).await
    };
    let created = clone("k").await.expect(StatusCode::CREATED);
    let source = hub.get(&format!("/api/v2/tasks/{task}")).await.expect(StatusCode::OK).json();
    let mut copy = created.json();
    assert_ne!(copy["id"], source["id"]);
    assert_eq!(copy["name"], "digits-summer");
    for field in ["id", "name", "created_at", "modified_at", "version"] {
        copy[field] = source[field].clone();
    }
    assert_eq!(copy, source);
    assert_eq!(clone("k").await.expect(StatusCode::CREATED).json(), created.json());
    clone("other").await.problem(409, "task_name_taken");
    hub.post(&path).json(&json!({"name": ""})).await.field("/name", "too_short");
    hub.post("/api/v2/tasks/other/clone")
        .json(&json!({"name": "x"}))
        .await
        .problem(404, "task_not_found");
}
