//! `/api/v1`, written from the documents of iflearner-flow: paths, envelope, codes, messages,
//! defaults and limits. The harness checks every response against `swagger.json`.

use std::collections::BTreeMap;
use std::time::Duration;

use flow_domain::progress::{PartyProgress, Progress};
use flow_server::store::ProgressWrite;
use flow_testkit::wait_for;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::{Answer, FakeAgent, TestApp};

const NOW: &str = "Thu, 01 Jan 2026 00:00:00 -0000";
const NOWHERE: &str = "0578abed1032425499abd20f2ef67938";

impl Answer {
    /// Asserts HTTP 200 with `ret_code` 0 and returns `data`.
    #[track_caller]
    fn data(self) -> Value {
        let envelope = self.expect(StatusCode::OK).json();
        assert_eq!(
            (&envelope["ret_code"], &envelope["ret_msg"]),
            (&json!(0), &json!("success")),
            "{envelope}"
        );
        envelope["data"].clone()
    }

    /// Asserts HTTP 200 with exactly the envelope of a success without a result.
    #[track_caller]
    fn success(self) {
        let envelope = self.expect(StatusCode::OK).json();
        assert_eq!(envelope, json!({ "ret_code": 0, "ret_msg": "success" }));
    }

    /// Asserts this status and `ret_code`, no `data`, and returns `ret_msg`.
    #[track_caller]
    fn refused(&self, status: u16, ret_code: i32) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/json");
        let envelope = self.json();
        assert_eq!(
            (&envelope["ret_code"], envelope.get("data")),
            (&json!(ret_code), None),
            "{envelope}"
        );
        envelope["ret_msg"].as_str().expect("a text").to_owned()
    }

    /// Asserts HTTP 200 with this `ret_code` and message.
    #[track_caller]
    fn fails(self, ret_code: i32, message: &str) {
        assert_eq!(self.refused(200, ret_code), message);
    }

    /// Asserts an invalid parameter whose message contains this text.
    #[track_caller]
    fn invalid(self, part: &str) {
        let message = self.refused(200, 10000);
        assert!(message.contains(part), "{message}");
    }
}

fn template_body() -> Value {
    json!({
        "name": "ocr", "remark": "This is a remark.", "image_url": "iflearner_ocr:0.0.1", "workdir": "/data/ocr",
        "command": ["python", "run.py"], "hyper_parameter": ["lr=0.1"],
    })
}

fn task_body(template: &str) -> Value {
    let data = |party: &str, data: &str| json!({ "federated_id": party, "federated_data": data });
    json!({
        "name": "testCase", "remark": "This is a remark.", "template_id": template,
        "federate_data": [data("hospital-a", "digits"), data("hospital-b", "")],
    })
}

impl TestApp {
    async fn v1_template(&self) -> String {
        let made = self.post("/api/v1/template").json(&template_body()).await.data();
        made["template_id"].as_str().expect("an id").to_owned()
    }

    /// Creates a template and a task; its parties exist.
    async fn v1_task(&self) -> String {
        let template = self.v1_template().await;
        let made = self.post("/api/v1/task").json(&task_body(&template)).await.data();
        made["task_id"].as_str().expect("an id").to_owned()
    }

    async fn v1_status(&self, task: &str) -> Value {
        self.get(&format!("/api/v1/task/{task}")).await.data()["status"].clone()
    }

    /// Adds and connects the parties of the tasks.
    async fn v1_agents(&self) -> [FakeAgent; 3] {
        [self.agent("hub").await, self.agent("hospital-a").await, self.agent("hospital-b").await]
    }
}

const PARTIES: [&str; 3] = ["hub", "hospital-a", "hospital-b"];

#[tokio::test]
async fn v1_templates_are_created_listed_edited_and_deleted() {
    let hub = TestApp::start().await;
    let id = hub.v1_template().await;
    assert!(
        [30, 32].contains(&id.len()) && id.bytes().all(|digit| digit.is_ascii_hexdigit()),
        "{id}"
    );
    let path = format!("/api/v1/template/{id}");
    let mut shown = template_body();
    shown["template_id"] = json!(id);
    shown["create_time"] = NOW.into();
    shown["modify_time"] = NOW.into();
    let read = hub.get(&path).await.expect(StatusCode::OK).json();
    assert_eq!(read, json!({ "ret_code": 0, "ret_msg": "success", "data": shown }));
    let list = hub.get("/api/v1/template").await.data();
    assert_eq!(list, json!({ "templates": [shown], "template_count": 1 }));

    // Missing fields become empty.
    hub.put(&path).json(&json!({ "name": "ocr-2", "image_url": "ocr:2" })).await.success();
    let edited = hub.get(&path).await.data();
    assert_eq!(
        [&edited["remark"], &edited["workdir"], &edited["command"], &edited["hyper_parameter"]],
        [&json!(""), &json!(""), &json!([]), &json!([])]
    );
    hub.delete(&path).await.success();
    for gone in [hub.get(&path), hub.delete(&path)] {
        gone.await.fails(10200, "template not found");
    }
    hub.put(&path).json(&template_body()).await.fails(10200, "template not found");
    for id in
        ["9942183d92bd4c8d9d9d30d1a74f7b", NOWHERE, "5d0b4a3e-5dc0-47c6-9a8d-86cd3e06b56a", "x'--"]
    {
        hub.get(&format!("/api/v1/template/{id}")).await.fails(10200, "template not found");
    }
}

#[tokio::test]
async fn v1_tasks_are_created_listed_edited_started_stopped_and_deleted() {
    let hub = TestApp::start().await;
    let _agents = hub.v1_agents().await;
    let id = hub.v1_task().await;
    let path = format!("/api/v1/task/{id}");
    let template = hub.get("/api/v1/template").await.data()["templates"][0]["template_id"].clone();
    let mut shown = task_body(template.as_str().expect("an id"));
    shown["federate_datas"] = shown["federate_data"].clone();
    for (name, value) in [
        ("task_id", json!(id)),
        ("status", Value::Null),
        ("party_status", Value::Null),
        ("create_time", NOW.into()),
        ("modify_time", NOW.into()),
    ] {
        shown[name] = value;
    }
    let read = hub.get(&path).await.expect(StatusCode::OK).json();
    assert_eq!(read, json!({ "ret_code": 0, "ret_msg": "success", "data": shown }));
    let list = hub.get("/api/v1/task").await.data();
    assert_eq!(list, json!({ "tasks": [shown], "task_count": 1 }));

    let mut edited = task_body(template.as_str().expect("an id"));
    edited["name"] = "testCase1".into();
    edited.as_object_mut().expect("an object").remove("remark");
    hub.put(&path).json(&edited).await.success();
    let read = hub.get(&path).await.data();
    assert_eq!((&read["name"], &read["remark"]), (&json!("testCase1"), &json!("")));

    hub.post(&format!("{path}/stop")).await.fails(10303, "status conflicit");
    hub.post(&format!("{path}/start")).await.success();
    assert!(["Started", "Pending"].contains(&hub.v1_status(&id).await.as_str().expect("a status")));
    hub.post(&format!("{path}/start")).await.fails(10303, "status conflicit");
    hub.put(&path).json(&edited.clone()).await.success();
    edited["remark"] = "new".into();
    hub.put(&path).json(&edited).await.fails(10303, "status conflicit");
    hub.delete(&path).await.fails(10303, "status conflicit");
    hub.post(&format!("{path}/stop")).await.success();
    assert_eq!(hub.v1_status(&id).await, "Cancelled");
    hub.post(&format!("{path}/stop")).await.fails(10303, "status conflicit");
    hub.post(&format!("{path}/start")).await.success();
    hub.post(&format!("{path}/stop")).await.success();
    hub.delete(&path).await.success();
    for gone in [
        hub.get(&path),
        hub.delete(&path),
        hub.post(&format!("{path}/start")),
        hub.post(&format!("{path}/stop")),
        hub.get("/api/v1/task/31b11982"),
    ] {
        gone.await.fails(10300, "task not found");
    }
    hub.put(&path).json(&edited).await.fails(10300, "task not found");
}

#[tokio::test]
async fn v1_task_of_another_project_is_not_found() {
    let hub = TestApp::start().await;
    hub.parties(&PARTIES).await;
    let task = hub.v1_task().await;
    for table in ["tasks", "templates"] {
        let move_all = format!("UPDATE {table} SET project_id = 'other'");
        let moved = sqlx::query(sqlx::AssertSqlSafe(move_all));
        moved.execute(&mut hub.database().await).await.expect("executed");
    }
    let path = format!("/api/v1/task/{task}");
    for foreign in [
        hub.get(&path),
        hub.delete(&path),
        hub.post(&format!("{path}/start")),
        hub.post(&format!("{path}/stop")),
    ] {
        foreign.await.fails(10300, "task not found");
    }
    hub.put(&path).json(&task_body(NOWHERE)).await.fails(10300, "task not found");
    assert_eq!(hub.get("/api/v1/task").await.data(), json!({ "tasks": [], "task_count": 0 }));
    let list = hub.get("/api/v1/template").await.data();
    assert_eq!(list, json!({ "templates": [], "template_count": 0 }));
}

#[tokio::test]
async fn f9_federates_are_the_connected_parties_without_that_of_the_hub() {
    let hub = TestApp::start().await;
    let [_hub, first, _second] = hub.v1_agents().await;
    hub.party("clinic").await;
    let federate = |name: &str| json!({ "name": name, "id": name });
    let list = hub.get("/api/v1/federate").await.data();
    let all = json!([federate("hospital-a"), federate("hospital-b")]);
    assert_eq!(list, json!({ "federates": all, "federate_count": 2 }));
    let page = hub.get("/api/v1/federate?page=2&limit=1").await.data();
    assert_eq!(page, json!({ "federates": [federate("hospital-b")], "federate_count": 2 }));

    drop(first);
    let gone = async || {
        let list = hub.get("/api/v1/federate").await.data();
        list["federate_count"] == 1
    };
    wait_for("the party to leave the list", Duration::from_secs(30), gone).await;
}

#[tokio::test]
async fn f10_start_with_an_absent_party_starts_nothing() {
    let hub = TestApp::start().await;
    hub.party("hospital-b").await;
    let _agents = [hub.agent("hub").await, hub.agent("hospital-a").await];
    let task = hub.v1_task().await;
    let start = format!("/api/v1/task/{task}/start");
    for _ in 0..2 {
        let refused = hub.post(&start).await;
        assert!(refused.json()["detail"].as_str().expect("text").contains("hospital-b"));
        refused.fails(10304, "task party not found");
    }
    assert_eq!(hub.v1_status(&task).await, Value::Null);
    let runs = hub.get(&format!("/api/v2/tasks/{task}/runs")).await.json();
    assert_eq!(runs["items"], json!([]));
}

#[tokio::test]
async fn f11_f12_stop_and_delete_need_no_party() {
    let hub = TestApp::start().await;
    let agents = hub.v1_agents().await;
    let task = hub.v1_task().await;
    let path = format!("/api/v1/task/{task}");
    hub.post(&format!("{path}/start")).await.success();
    drop(agents);
    let away = async || hub.get("/api/v1/federate").await.data()["federate_count"] == 0;
    wait_for("every party to be away", Duration::from_secs(30), away).await;
    hub.post(&format!("{path}/stop")).await.success();
    assert_eq!(hub.v1_status(&task).await, "Cancelled");
    hub.delete(&path).await.success();
    hub.get(&path).await.fails(10300, "task not found");
}

#[tokio::test]
async fn f18_hyper_parameters_of_template_and_start_reach_the_members() {
    let hub = TestApp::start().await;
    let [mut aggregator, mut first, mut second] = hub.v1_agents().await;
    let mut template = template_body();
    template["hyper_parameter"] = json!(["--lr=0.1", "batch=32"]);
    let made = hub.post("/api/v1/template").json(&template).await.data();
    let template = made["template_id"].as_str().expect("an id");
    let made = hub.post("/api/v1/task").json(&task_body(template)).await.data();
    let task = made["task_id"].as_str().expect("an id");
    let path = format!("/api/v1/task/{task}/start");
    let start = json!({ "epochs": 3, "hyper_parameter": ["lr=0.5"], "enable_smpc": false });
    hub.post(&path).json(&start).await.success();
    let run = hub.get(&format!("/api/v2/tasks/{task}/runs/latest")).await.json();
    assert_eq!(
        (&run["inputs"]["epochs"], &run["inputs"]["parameters"]),
        (&json!(3), &json!({ "lr": "0.5", "batch": "32" }))
    );
    let spec = first.next_member().await;
    for agent in [&mut aggregator, &mut second] {
        agent.next_member().await;
    }
    let spec: Value = serde_json::from_slice(&spec.spec).expect("JSON");
    let words: Vec<&str> =
        spec["argv"].as_array().expect("words").iter().filter_map(Value::as_str).collect();
    for word in ["--lr=0.5", "--batch=32", "--epochs=3", "--name=hospital-a"] {
        assert!(words.contains(&word), "{word} is not in {words:?}");
    }
    hub.post(&path.replace("start", "stop")).await.success();
    let undeclared = json!({ "hyper_parameter": ["momentum=0.9"] });
    hub.post(&path).json(&undeclared).await.invalid("/hyper_parameter/momentum");
}

#[tokio::test]
async fn v1_start_uses_the_template_as_it_is_now() {
    let hub = TestApp::start().await;
    let _agents = hub.v1_agents().await;
    let task = hub.v1_task().await;
    let id = hub.get(&format!("/api/v1/task/{task}")).await.data()["template_id"].clone();
    let mut template = template_body();
    template["hyper_parameter"] = json!(["lr=0.7"]);
    let path = format!("/api/v1/template/{}", id.as_str().expect("an id"));
    hub.put(&path).json(&template).await.success();
    hub.post(&format!("/api/v1/task/{task}/start")).await.success();
    let run = hub.get(&format!("/api/v2/tasks/{task}/runs/latest")).await.json();
    assert_eq!(
        (&run["inputs"]["revision"], &run["inputs"]["parameters"], &run["inputs"]["epochs"]),
        (&json!(2), &json!({ "lr": "0.7" }), &json!(10))
    );
}

#[tokio::test]
async fn v1_edit_keeps_what_v1_cannot_express() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    let before = hub.get(&format!("/api/v2/tasks/{task}")).await.json();
    let template = before["template"].as_str().expect("an id");
    let v1 = format!("/api/v1/template/{template}");
    let mut fields = hub.get(&v1).await.data();
    assert_eq!(fields["hyper_parameter"], json!(["learning_rate=0.1"]));
    let declared = hub.get(&format!("/api/v2/templates/{template}")).await.json();
    fields["hyper_parameter"] = json!(["learning_rate=0.2"]);
    hub.put(&v1).json(&fields).await.success();
    let mut expected = declared.clone();
    expected["parameters"]["learning_rate"]["default"] = "0.2".into();
    expected["revision"] = 2.into();
    let after = hub.get(&format!("/api/v2/templates/{template}")).await.json();
    for name in ["framework", "parameters", "resources", "env", "max_runtime_s", "revision"] {
        assert_eq!(after[name], expected[name], "{name}");
    }
    let v1 = format!("/api/v1/task/{task}");
    let mut fields = hub.get(&v1).await.data();
    fields["remark"] = "edited".into();
    hub.put(&v1).json(&fields).await.success();
    let after = hub.get(&format!("/api/v2/tasks/{task}")).await.json();
    for name in ["name", "epochs", "parameters", "members", "rules"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    assert_eq!((&after["remark"], &after["revision"]), (&json!("edited"), &json!(2)));
}

#[tokio::test]
async fn f20_v1_edit_of_an_active_task_or_to_a_taken_name_is_refused() {
    let hub = TestApp::start().await;
    let _agents = hub.v1_agents().await;
    let task = hub.v1_task().await;
    let template = hub.get(&format!("/api/v1/task/{task}")).await.data()["template_id"].clone();
    let mut other = task_body(template.as_str().expect("an id"));
    hub.post("/api/v1/task").json(&other).await.fails(10301, "duplicate task name");
    other["name"] = "other".into();
    hub.post("/api/v1/task").json(&other).await.data();
    hub.put(&format!("/api/v1/task/{task}")).json(&other).await.fails(10301, "duplicate task name");
    hub.post(&format!("/api/v1/task/{task}/start")).await.success();
    other["name"] = "third".into();
    hub.put(&format!("/api/v1/task/{task}")).json(&other).await.fails(10303, "status conflicit");

    let mut template = template_body();
    hub.post("/api/v1/template").json(&template).await.fails(10201, "duplicate template name");
    template["name"] = "ocr-2".into();
    let made = hub.post("/api/v1/template").json(&template).await.data();
    let path = format!("/api/v1/template/{}", made["template_id"].as_str().expect("an id"));
    let taken = template_body();
    hub.put(&path).json(&taken).await.fails(10201, "duplicate template name");
}

#[tokio::test]
async fn f21_v1_rejects_unknown_and_repeated_parties_and_keeps_used_templates() {
    let hub = TestApp::start().await;
    hub.parties(&PARTIES).await;
    let task = hub.v1_task().await;
    let template = hub.get(&format!("/api/v1/task/{task}")).await.data()["template_id"].clone();
    let template = template.as_str().expect("an id");
    let used = hub.delete(&format!("/api/v1/template/{template}")).await;
    assert!(used.refused(200, 10203).contains("testCase"));
    let with = async |id: &str| {
        let mut body = task_body(template);
        body["name"] = "another".into();
        body["federate_data"][1]["federated_id"] = id.into();
        hub.post("/api/v1/task").json(&body).await
    };
    with("hospital-c").await.invalid("there is no party hospital-c; there are hospital-a");
    with("hospital-a").await.invalid("/federate_data/1/federated_id");
    with("Federate 1").await.invalid("/federate_data/1/federated_id");
    with("hub").await.invalid("/federate_data/1/federated_id is the party that aggregates");
    for id in [NOWHERE, "ea0f10bfbaf64a74a061d54c94cc69", "", "../x"] {
        let mut body = task_body(id);
        body["name"] = "another".into();
        hub.post("/api/v1/task").json(&body).await.fails(10200, "template not found");
    }
}

#[tokio::test]
async fn v1_task_needs_a_party_that_aggregates() {
    let hub = TestApp::start().await;
    hub.parties(&["hospital-a", "hospital-b"]).await;
    let template = hub.v1_template().await;
    hub.post("/api/v1/task").json(&task_body(&template)).await.invalid("hub_agent");
}

#[tokio::test]
async fn f22_v1_enforces_the_documented_limits_and_defaults() {
    let hub = TestApp::start().await;
    let _agents = hub.v1_agents().await;
    let name = "Please set the name parameter length between 3 and 50";
    let image = "Please set the image_url parameter length between 1 and 255";
    for (field, value, message) in [
        ("name", json!("ab"), name),
        ("name", json!(""), name),
        ("name", Value::Null, name),
        ("name", json!("x".repeat(51)), name),
        ("image_url", json!(""), image),
        ("image_url", Value::Null, image),
        ("image_url", json!("x".repeat(256)), image),
    ] {
        let mut body = template_body();
        body[field] = value;
        hub.post("/api/v1/template").json(&body).await.fails(10000, message);
    }
    for (field, value, part) in [
        ("remark", json!("x".repeat(501)), "/remark"),
        ("workdir", json!("a/../b"), "/workdir"),
        ("command", json!("python run.py"), "/command must be a list"),
        ("command", json!([1]), "/command/0"),
        ("hyper_parameter", json!(["lr"]), "/hyper_parameter/0 must have the form name=value"),
        ("hyper_parameter", json!(["lr=1", "lr=2"]), "/hyper_parameter/1"),
        ("hyper_parameter", json!(["server=x"]), "/hyper_parameter/server"),
        ("hyper_parameter", json!({ "lr": 1 }), "/hyper_parameter must be a list"),
    ] {
        let mut body = template_body();
        body[field] = value;
        hub.post("/api/v1/template").json(&body).await.invalid(part);
    }
    // The command of more than 255 bytes and the shortest and longest names are valid.
    for name in ["abc".to_owned(), "x".repeat(50)] {
        let mut body = template_body();
        body["name"] = json!(name);
        body["command"] = json!(["python", "x".repeat(1000)]);
        hub.post("/api/v1/template").json(&body).await.data();
    }
    let template = hub.v1_template().await;
    let mut body = task_body(&template);
    body["name"] = "".into();
    hub.post("/api/v1/task").json(&body).await.fails(10302, "empty task name");
    body.as_object_mut().expect("an object").remove("name");
    hub.post("/api/v1/task").json(&body).await.fails(10302, "empty task name");
    for (field, value, part) in [
        ("name", json!("ab"), name),
        ("name", json!("x".repeat(51)), name),
        ("remark", json!("x".repeat(501)), "/remark"),
        ("federate_data", json!([]), "/federate_data"),
        ("federate_data", Value::Null, "/federate_data is required"),
        ("federate_data", json!([{ "federated_data": "x" }]), "/federate_data/0/federated_id"),
        ("federate_data", json!({ "hospital-a": "x" }), "/federate_data must be a list"),
    ] {
        let mut body = task_body(&template);
        body[field] = value;
        hub.post("/api/v1/task").json(&body).await.invalid(part);
    }
    let mut body = task_body(&template);
    body["remark"] = Value::Null;
    let made = hub.post("/api/v1/task").json(&body).await.data();
    let start = format!("/api/v1/task/{}/start", made["task_id"].as_str().expect("an id"));
    for (field, value, part) in [
        ("epochs", json!(0), "/epochs"),
        ("epochs", json!(-1), "/epochs"),
        ("epochs", json!(100_001), "/epochs"),
        ("epochs", json!("ten"), "/epochs"),
        ("epochs", json!(1.5), "/epochs"),
        ("enable_smpc", json!("no"), "/enable_smpc"),
        ("enable_smpc", json!(true), "/enable_smpc must be false"),
        ("hyper_parameter", json!("lr=1"), "/hyper_parameter"),
    ] {
        hub.post(&start).json(&json!({ (field): value })).await.invalid(part);
    }
    for body in [json!({}), Value::Null, json!({ "epochs": null, "hyper_parameter": null })] {
        hub.post(&start).json(&body).await.success();
        hub.post(&start.replace("start", "stop")).await.success();
    }
}

#[tokio::test]
async fn f23_v1_lists_are_ordered_and_paged_and_mistakes_are_no_server_errors() {
    let hub = TestApp::start().await;
    hub.parties(&PARTIES).await;
    let template = hub.v1_template().await;
    for (name, party) in
        [("task-1", "hospital-a"), ("task-2", "hospital-b"), ("task-3", "hospital-b")]
    {
        let mut body = task_body(&template);
        body["name"] = name.into();
        body["federate_data"] = json!([{ "federated_id": party, "federated_data": "" }]);
        hub.post("/api/v1/task").json(&body).await.data();
    }
    let names = async |query: &str| -> (Vec<String>, u64) {
        let list = hub.get(&format!("/api/v1/task{query}")).await.data();
        let tasks = list["tasks"].as_array().expect("tasks");
        let names = tasks.iter().map(|task| task["name"].as_str().expect("a name").to_owned());
        (names.collect(), list["task_count"].as_u64().expect("a number"))
    };
    let listed = |names: &[&str], count: u64| {
        (names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), count)
    };
    let all = listed(&["task-3", "task-2", "task-1"], 3);
    for query in
        ["", "?page=1&limit=10", "?limit=1000", "?keyword=nothing&unknown=1", "?federated_id="]
    {
        assert_eq!(names(query).await, all, "{query}");
    }
    assert_eq!(names("?page=1&limit=2").await, listed(&["task-3", "task-2"], 3));
    assert_eq!(names("?page=2&limit=2").await, listed(&["task-1"], 3));
    assert_eq!(names("?page=3&limit=2").await, listed(&[], 3));
    assert_eq!(names("?page=4294967295&limit=1000").await, listed(&[], 3));
    assert_eq!(names("?federated_id=hospital-b").await, listed(&["task-3", "task-2"], 2));
    assert_eq!(names("?federated_id=hospital-b&page=2&limit=1").await, listed(&["task-2"], 2));
    assert_eq!(names("?federated_id=nobody").await, listed(&[], 0));
    assert_eq!(names("?federated_id=No%20Party%27--").await, listed(&[], 0));
    for path in ["/api/v1/task", "/api/v1/template", "/api/v1/federate"] {
        for query in ["page=0", "page=-1", "page=x", "page=", "page=1.5", "page=99999999999"] {
            hub.get(&format!("{path}?{query}")).await.invalid("page must be a whole number from 1");
        }
        for query in ["limit=0", "limit=1001", "limit=x", "limit="] {
            let refused = hub.get(&format!("{path}?{query}")).await;
            refused.invalid("limit must be a whole number from 1 to 1000");
        }
    }
}

#[tokio::test]
async fn f24_v1_reads_and_shows_both_spellings_of_federate_data() {
    let hub = TestApp::start().await;
    hub.parties(&PARTIES).await;
    let template = hub.v1_template().await;
    let mut body = task_body(&template);
    let list = body.as_object_mut().expect("an object").remove("federate_data").expect("a list");
    body["federate_datas"] = list.clone();
    let made = hub.post("/api/v1/task").json(&body).await.data();
    let path = format!("/api/v1/task/{}", made["task_id"].as_str().expect("an id"));
    let read = hub.get(&path).await.data();
    assert_eq!((&read["federate_data"], &read["federate_datas"]), (&list, &list));
    // A request may contain the fields of a response.
    hub.put(&path).json(&read).await.success();
    body["federate_data"] = json!([list[0]]);
    hub.put(&path).json(&body).await.invalid("/federate_datas differs");
}

#[tokio::test]
async fn v1_data_is_a_dataset_of_the_party_by_name_or_published_path() {
    let hub = TestApp::start().await;
    hub.parties(&PARTIES).await;
    let inventory =
        json!({ "datasets": ["digits", "xray"], "v1_paths": { "/data/iflearner": "digits" } });
    let (text, party) = (inventory.to_string(), "hospital-a".parse().expect("a name"));
    let digest = flow_domain::id::Digest::of(text.as_bytes());
    hub.app.store.set_inventory(&party, &digest, &text).await.expect("it is stored");
    let template = hub.v1_template().await;
    for (number, (data, dataset)) in
        [("/data/iflearner", "digits"), ("/data/iflearner/", "digits"), ("xray", "xray"), ("", "")]
            .into_iter()
            .enumerate()
    {
        let mut body = task_body(&template);
        body["name"] = format!("task-{number}").into();
        body["federate_data"][0]["federated_data"] = data.into();
        let made = hub.post("/api/v1/task").json(&body).await.data();
        let id = made["task_id"].as_str().expect("an id");
        let read = hub.get(&format!("/api/v1/task/{id}")).await.data();
        assert_eq!(read["federate_data"][0]["federated_data"], dataset, "{data}");
    }
    for data in ["/data/other", "/etc", "other", "../digits", "/data/iflearner/x"] {
        let mut body = task_body(&template);
        body["federate_data"][0]["federated_data"] = data.into();
        let refused = hub.post("/api/v1/task").json(&body).await;
        let message = refused.refused(200, 10000);
        for part in ["/federate_data/0/federated_data", "hospital-a", "digits, xray", "v1_path"] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
    }
}

#[tokio::test]
async fn f26_f27_v1_shows_stored_progress_of_parties_that_are_gone() {
    let hub = TestApp::start().await;
    let agents = hub.v1_agents().await;
    let task = hub.v1_task().await;
    hub.post(&format!("/api/v1/task/{task}/start")).await.success();
    let run = hub.get(&format!("/api/v2/tasks/{task}/runs/latest")).await.json()["id"].clone();
    drop(agents);
    let line = PartyProgress { ready: true, complete: false, current_epoch: 3, total_epoch: 10 };
    let parties: BTreeMap<String, PartyProgress> =
        ["hospital-a", "hospital-b"].map(|party| (party.to_owned(), line)).into();
    let write = ProgressWrite {
        project: "default".parse().expect("a project"),
        run: run.as_str().expect("an id").parse().expect("an id"),
        party: "hub".parse().expect("a party"),
        at: hub.app.clock.now(),
        progress: Progress { parties, ..Progress::default() },
    };
    hub.app.store.write_progress(&[write]).await.expect("stored");
    let shown = |name: &str| json!({ "name": name, "ready": true, "complete": false, "current_epoch": 3, "total_epoch": 10 });
    let lines = json!([shown("hospital-a"), shown("hospital-b")]);
    assert_eq!(hub.get(&format!("/api/v1/task/{task}")).await.data()["party_status"], lines);
    let list = hub.get("/api/v1/task").await.data();
    assert_eq!(list["tasks"][0]["party_status"], lines);
    hub.post(&format!("/api/v1/task/{task}/stop")).await.success();
    assert_eq!(hub.get(&format!("/api/v1/task/{task}")).await.data()["party_status"], lines);
}

#[tokio::test]
async fn v1_status_follows_the_run() {
    let hub = TestApp::start().await;
    let [mut aggregator, mut first, mut second] = hub.v1_agents().await;
    let task = hub.v1_task().await;
    hub.post(&format!("/api/v1/task/{task}/start")).await.success();
    let status_is = async |expected: &str| {
        let reached = async || hub.v1_status(&task).await == expected;
        wait_for("the status", Duration::from_secs(30), reached).await;
    };
    status_is("Pending").await;
    let (_, member, _) = tokio::join!(aggregator.run(), first.run(), second.run());
    status_is("Running").await;
    first.exited(&member, 1).await;
    // The others have not stopped yet: the run is about to fail.
    let reached = async || {
        let task = hub.get(&format!("/api/v2/tasks/{task}")).await.json();
        task["run"]["phase"] == "stopping"
    };
    wait_for("the run to stop", Duration::from_secs(30), reached).await;
    assert_eq!(hub.v1_status(&task).await, "Running");
    for agent in [&mut aggregator, &mut second] {
        let stop = agent.next_desired("stopped").await;
        agent.report(&stop, "stopped").await;
    }
    status_is("Failed").await;
}

#[tokio::test]
async fn u30_v1_errors_of_transport_have_their_own_status_in_the_envelope() {
    let hub = TestApp::start().await;
    for path in ["/api/v1/task", "/api/v1/federate", "/api/v1/nothing", "/api/v1"] {
        hub.get(path).anonymous().await.refused(401, 10001);
    }
    hub.get("/api/v1/task")
        .anonymous()
        .header("authorization", "Bearer x")
        .await
        .refused(401, 10001);
    for path in ["/api/v1", "/api/v1/", "/api/v1/tasks", "/api/v1/task/x/start/y"] {
        hub.get(path).await.refused(404, 10003);
    }
    for (method, path) in [
        (Method::DELETE, "/api/v1/task"),
        (Method::POST, "/api/v1/federate"),
        (Method::PATCH, "/api/v1/template/x"),
        (Method::GET, "/api/v1/task/x/start"),
        (Method::PUT, "/api/v1/task/x/stop"),
    ] {
        let refused = hub.call(method, path).await;
        refused.refused(405, 10004);
        assert!(!refused.header("allow").is_empty(), "{path}");
    }
    let mut huge = template_body();
    huge["remark"] = "x".repeat(1024 * 1024).into();
    hub.post("/api/v1/template").json(&huge).await.refused(413, 10006);
    let long = "x".repeat(10_000);
    hub.get(&format!("/api/v1/task?keyword={long}")).await.refused(413, 10006);
    // Paths of other interfaces keep their own errors.
    hub.get("/api/v10/task").await.problem(404, "route_not_found");
    hub.get("/api/v2/nothing").await.problem(404, "route_not_found");
}

#[tokio::test]
async fn v1_trailing_slashes_are_not_significant() {
    let hub = TestApp::start().await;
    let _agents = hub.v1_agents().await;
    let task = hub.v1_task().await;
    let template = hub.get("/api/v1/template/").await.data()["templates"][0]["template_id"].clone();
    let template = template.as_str().expect("an id").to_owned();
    for path in [
        "task".to_owned(),
        "federate".into(),
        format!("task/{task}"),
        format!("template/{template}"),
    ] {
        let one = hub.get(&format!("/api/v1/{path}")).await.data();
        assert_eq!(hub.get(&format!("/api/v1/{path}/")).await.data(), one);
    }
    hub.post(&format!("/api/v1/task/{task}/start/")).await.success();
    hub.post(&format!("/api/v1/task/{task}/stop/")).await.success();
    hub.delete(&format!("/api/v1/task/{task}/")).await.success();
    for path in ["doc", "doc/", "swagger.json", "swagger.json/"] {
        hub.get(&format!("/api/v1/{path}")).anonymous().await.expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn v1_field_mask_selects_the_fields_of_a_success() {
    let hub = TestApp::start().await;
    hub.parties(&PARTIES).await;
    let task = hub.v1_task().await;
    let path = format!("/api/v1/task/{task}");
    let masked = async |path: &str, mask: &str| {
        hub.get(path).header("x-fields", mask).await.expect(StatusCode::OK).json()
    };
    assert_eq!(
        masked(&path, "ret_code,data{name,nothing}").await,
        json!({ "ret_code": 0, "data": { "name": "testCase" } })
    );
    assert_eq!(
        masked("/api/v1/task", "{data{tasks{task_id,federate_data{federated_id}}}}").await,
        json!({ "data": { "tasks": [{ "task_id": task, "federate_data": [
            { "federated_id": "hospital-a" }, { "federated_id": "hospital-b" }] }] } })
    );
    assert_eq!(masked(&path, "").await, hub.get(&path).await.json());
    for mask in ["{", "data{name", "data}", ",", "a;b"] {
        hub.get(&path).header("x-fields", mask).await.invalid("X-Fields");
    }
    // An error is complete.
    let missing = hub.get("/api/v1/task/x").header("x-fields", "data{name}").await;
    missing.fails(10300, "task not found");
}

#[tokio::test]
async fn v1_bad_input_is_an_envelope_and_changes_nothing() {
    let hub = TestApp::start().await;
    hub.parties(&PARTIES).await;
    let task = hub.v1_task().await;
    let template = hub.get(&format!("/api/v1/task/{task}")).await.data()["template_id"].clone();
    let template = template.as_str().expect("an id").to_owned();
    let state =
        async || (hub.get("/api/v1/task").await.data(), hub.get("/api/v1/template").await.data());
    let before = state().await;
    let nested = "[".repeat(100_000);
    let inner = format!("{{\"name\": \"abc\", \"extra\": {nested}}}");
    let bodies: [&[u8]; 12] = [
        b"",
        b"{",
        b"nonsense",
        b"[]",
        b"\"x\"",
        b"5",
        b"{\"name\": \"\\ud800\"}",
        b"{\"name\": \"a\xff\"}",
        b"{\"name\": \"abc\", \"name\": \"abd\"}",
        b"{\"name\": 5, \"image_url\": []}",
        nested.as_bytes(),
        inner.as_bytes(),
    ];
    for (method, path) in [
        (Method::POST, "/api/v1/template".to_owned()),
        (Method::PUT, format!("/api/v1/template/{template}")),
        (Method::POST, "/api/v1/task".to_owned()),
        (Method::PUT, format!("/api/v1/task/{task}")),
    ] {
        for body in bodies {
            let call = hub.call(method.clone(), &path).body("application/json", body.to_vec());
            let answer = call.await;
            let code = answer.json()["ret_code"].clone();
            assert!(code == 10000 || code == 10302, "{method} {path}: {}", answer.text());
            answer.expect(StatusCode::OK);
        }
        let other = hub.call(method.clone(), &path).body("text/plain", "{}").await;
        assert!(other.refused(200, 10005).contains("application/json"));
    }
    let start = format!("/api/v1/task/{task}/start");
    for body in bodies.into_iter().filter(|body| !body.is_empty()) {
        let answer = hub.post(&start).body("application/json", body.to_vec()).await;
        let code = answer.json()["ret_code"].clone();
        // Unknown fields are ignored; then the parties are absent.
        assert!(code == 10000 || code == 10304, "{}", answer.text());
    }
    for text in
        ["a\u{0}b", "a\u{7}b", "a\u{1b}[31m", "x'; DROP TABLE tasks; --", "\u{202e}abc", "a/../b"]
    {
        let mut body = template_body();
        body["name"] = text.into();
        let answer = hub.post("/api/v1/template").json(&body).await.expect(StatusCode::OK);
        if answer.json()["ret_code"] == 0 {
            let id = answer.json()["data"]["template_id"].as_str().expect("an id").to_owned();
            let path = format!("/api/v1/template/{id}");
            assert_eq!(hub.get(&path).await.data()["name"], text);
            hub.delete(&path).await.success();
        }
        for field in ["image_url", "workdir", "remark"] {
            let mut body = template_body();
            body[field] = text.into();
            let answer = hub.post("/api/v1/template").json(&body).await.expect(StatusCode::OK);
            // The name is taken: nothing is stored.
            assert_ne!(answer.json()["ret_code"], 0, "{}", answer.text());
        }
    }
    for id in ["%00", "%ff%fe", "..%2f..", "%27%20OR%201%3D1--", &"x".repeat(5000)] {
        for path in [format!("/api/v1/task/{id}"), format!("/api/v1/template/{id}")] {
            let answer = hub.get(&path).await.expect(StatusCode::OK);
            let code = answer.json()["ret_code"].clone();
            assert!([10000, 10200, 10300].iter().any(|known| code == *known), "{}", answer.text());
        }
    }
    hub.get("/api/v1/task?page=%ff&federated_id=%00").await.invalid("page");
    let many: String = (0..2000).map(|number| format!("&a={number}")).collect();
    let answer = hub.get(&format!("/api/v1/task?page=1{}", &many[..7000])).await;
    answer.data();
    assert_eq!(state().await, before);
}

#[tokio::test]
async fn v1_document_describes_every_route_and_no_other() {
    let hub = TestApp::start().await;
    let document = hub.get("/api/v1/swagger.json").anonymous().await.expect(StatusCode::OK).json();
    assert_eq!((&document["swagger"], &document["basePath"]), (&json!("2.0"), &json!("/api/v1")));
    let page = hub.get("/api/v1/doc").anonymous().await.expect(StatusCode::OK);
    assert!(page.header("content-type").starts_with("text/html"));
    let page = page.text();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys() {
            operations += 1;
            let method = method.to_uppercase();
            assert!(page.contains(&format!("{method} /api/v1{path}<")), "{method} {path}");
            let real = path.replace("{task_id}", NOWHERE).replace("{template_id}", NOWHERE);
            let method = method.parse().expect("a method");
            let answer = hub.call(method, &format!("/api/v1{real}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        }
    }
    assert_eq!(operations, 13);
    assert!(!page.contains("<!--"));
    let references = document.to_string();
    for part in references.split("#/definitions/").skip(1) {
        let name = part.split('"').next().expect("a name");
        assert!(document["definitions"].get(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn v1_roles_limit_what_an_account_may_do() {
    let hub = TestApp::start().await;
    let _agents = hub.v1_agents().await;
    let task = hub.v1_task().await;
    let path = format!("/api/v1/task/{task}");
    let bearer = |token: &str| format!("Bearer {token}");
    let viewer = bearer(&hub.account("viewer", "default", "viewer").await);
    let submitter = bearer(&hub.account("submitter", "default", "submitter").await);
    let call = |method: Method, path: &str, token: &str| {
        hub.call(method, path).anonymous().header("authorization", token)
    };
    call(Method::GET, &path, &viewer).await.data();
    call(Method::POST, "/api/v1/template", &viewer)
        .json(&template_body())
        .await
        .refused(403, 10002);
    call(Method::POST, &format!("{path}/start"), &viewer).await.refused(403, 10002);
    // A submitter starts own tasks only.
    for token in [&submitter, &viewer] {
        call(Method::POST, &format!("{path}/start"), token).await.refused(403, 10002);
        call(Method::DELETE, &path, token).await.refused(403, 10002);
    }
    let template = hub.get(&path).await.data()["template_id"].clone();
    let mut own = task_body(template.as_str().expect("an id"));
    own["name"] = "own".into();
    let made = call(Method::POST, "/api/v1/task", &submitter).json(&own).await.data();
    let own = format!("/api/v1/task/{}", made["task_id"].as_str().expect("an id"));
    call(Method::POST, &format!("{own}/start/"), &submitter).await.success();
    call(Method::POST, &format!("{own}/stop"), &submitter).await.success();
    call(Method::DELETE, &own, &submitter).await.success();

    // Clients that cannot set a header send user and token by HTTP Basic.
    let token = hub.account("old-script", "default", "operator").await;
    let basic = |user: &str| format!("Basic {}", base64_of(format!("{user}:{token}").as_bytes()));
    call(Method::GET, &path, &basic("old-script")).await.data();
    call(Method::GET, &path, &basic("viewer")).await.refused(401, 10001);
}

/// Encodes a text in base64, for HTTP Basic.
fn base64_of(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_usize, |group, byte| group << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[group >> (18 - 6 * place) & 63];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[tokio::test]
async fn v1_shows_only_what_is_offered_to_the_project() {
    let hub = TestApp::start().await;
    let _agents = hub.v1_agents().await;
    let inventory = json!({ "datasets": ["digits", "secret-data"] }).to_string();
    let digest = flow_domain::id::Digest::of(inventory.as_bytes());
    let party = "hospital-a".parse().expect("a name");
    hub.app.store.set_inventory(&party, &digest, &inventory).await.expect("it is stored");
    hub.post("/api/v2/projects").json(&json!({ "name": "lab" })).await.expect(StatusCode::CREATED);
    let token = format!("Bearer {}", hub.account("lab-user", "lab", "admin").await);
    let call = |method: Method, path: &str| {
        hub.call(method, path).anonymous().header("authorization", &token)
    };
    let list = call(Method::GET, "/api/v1/federate").await.data();
    assert_eq!(list, json!({ "federates": [], "federate_count": 0 }));
    let made = call(Method::POST, "/api/v1/template").json(&template_body()).await.data();
    let mut body = task_body(made["template_id"].as_str().expect("an id"));
    body["federate_data"][0]["federated_data"] = "unknown".into();
    call(Method::POST, "/api/v1/task").json(&body).await.invalid("no party hub");

    for (party, datasets) in [("hub", json!(null)), ("hospital-a", json!(["digits"]))] {
        let path = format!("/api/v2/projects/lab/parties/{party}");
        hub.put(&path).json(&json!({ "datasets": datasets })).await.expect(StatusCode::OK);
    }
    let list = call(Method::GET, "/api/v1/federate").await.data();
    assert_eq!(list["federates"], json!([{ "name": "hospital-a", "id": "hospital-a" }]));
    let refused = call(Method::POST, "/api/v1/task").json(&body).await;
    assert!(!refused.text().contains("secret-data"), "{}", refused.text());
    refused.invalid("it has digits");
    // A party that is not offered does not exist.
    body["federate_data"][0]["federated_data"] = "digits".into();
    let refused = call(Method::POST, "/api/v1/task").json(&body).await;
    refused.invalid("/federate_data/1/federated_id there is no party hospital-b");
    body["federate_data"].as_array_mut().expect("a list").pop();
    call(Method::POST, "/api/v1/task").json(&body).await.data();
    // Another project has the same names.
    assert_eq!(hub.get("/api/v1/task").await.data()["task_count"], 0);
}

#[tokio::test]
async fn v1_needs_no_credentials_from_named_networks_only() {
    let hub = TestApp::with_anonymous("127.0.0.0/8").await;
    hub.parties(&PARTIES).await;
    let made = hub.post("/api/v1/template").anonymous().json(&template_body()).await.data();
    let body = task_body(made["template_id"].as_str().expect("an id"));
    let made = hub.post("/api/v1/task").anonymous().json(&body).await.data();
    let task = made["task_id"].as_str().expect("an id");
    let events = hub.get(&format!("/api/v2/tasks/{task}/events")).await.json();
    assert!(events["items"][0]["message"].as_str().expect("text").contains("anonymous-v1"));
    let path = format!("/api/v1/task/{task}");
    // Credentials that are sent must be valid, and other interfaces need some.
    hub.get(&path).anonymous().header("authorization", "Bearer x").await.refused(401, 10001);
    hub.get(&path).anonymous().header("cookie", "flow_session=x").await.refused(401, 10001);
    hub.get("/api/v2/tasks").anonymous().await.problem(401, "unauthenticated");
    hub.delete(&path).anonymous().await.success();

    let hub = TestApp::with_anonymous("10.0.0.0/8").await;
    hub.get("/api/v1/task").anonymous().await.refused(401, 10001);
}

#[tokio::test]
async fn a22_pages_use_neither_the_network_nor_the_basic_credentials_of_a_browser() {
    let hub = TestApp::with_anonymous("127.0.0.0/8").await;
    let list = || hub.get("/api/v1/task").anonymous();
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-origin"),
        ("origin", "http://evil.example"),
        // The name of a page that points to the hub.
        ("host", "evil.example:1235"),
    ] {
        let forged = list().header(name, value).await;
        assert_eq!(forged.status, StatusCode::FORBIDDEN, "{name}: {}", forged.text());
    }
    for host in ["127.0.0.1:1235", "localhost:1235", "[::1]:1235"] {
        list().header("host", host).await.expect(StatusCode::OK);
    }
    list().header("sec-fetch-site", "none").await.expect(StatusCode::OK);

    use base64::Engine as _;
    let basic = format!("{}:{}", crate::common::ADMIN, hub.token());
    let basic = base64::engine::general_purpose::STANDARD.encode(basic);
    let basic = format!("Basic {basic}");
    let project = json!({"name": "other"});
    let create = |name: &'static str, value: &str| {
        let call = hub.post("/api/v2/projects").anonymous().header("authorization", &basic);
        call.header(name, value).json(&project)
    };
    create("sec-fetch-site", "cross-site").await.problem(403, "cross_site");
    create("origin", "http://evil.example").await.problem(403, "cross_site");
    create("user-agent", "curl").await.expect(StatusCode::CREATED);
}
