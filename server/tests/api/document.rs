//! The OpenAPI document agrees with the hub: responses, limits, examples and links. The request
//! helper also checks the response of every request in all tests.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::document::{Operation, document, faults, schema};
use crate::common::{FakeAgent, TestApp};

/// Operations that [`u40_every_operation_succeeds_as_documented`] leaves out, and the tests in
/// which they succeed.
const ELSEWHERE: [(&str, &str); 17] = [
    (
        "keep_orphan",
        "tests/sessions/orphans.rs, whose agents hold members that the hub has forgotten",
    ),
    ("stop_orphan", "tests/sessions/orphans.rs"),
    ("check_task", "tests/api/tasks.rs, whose agents answer"),
    ("list_member_outputs", "tests/api/outputs.rs, whose agent answers with files"),
    ("get_member_output", "tests/api/outputs.rs"),
    ("get_access_token_keys", "tests/api/sign_in.rs"),
    ("device_page", "tests/api/sign_in.rs"),
    ("create_access_token", "tests/api/sign_in.rs"),
    ("start_device_sign_in", "tests/api/sign_in.rs"),
    ("poll_device_sign_in", "tests/api/sign_in.rs"),
    ("get_device_sign_in", "tests/api/sign_in.rs"),
    ("approve_device_sign_in", "tests/api/sign_in.rs"),
    ("deny_device_sign_in", "tests/api/sign_in.rs"),
    ("list_oidc_providers", "tests/api/sign_in.rs"),
    ("start_oidc_sign_in", "tests/api/sign_in.rs"),
    ("end_oidc_sign_in", "tests/api/sign_in.rs"),
    ("link_identity", "tests/api/sign_in.rs"),
];

#[test]
fn document_is_valid_openapi_3_1() {
    let meta: Value = serde_json::from_str(include_str!("openapi-3.1.schema.json")).expect("JSON");
    let validator = jsonschema::draft202012::new(&meta).expect("a schema");
    let wrong: Vec<String> = validator
        .iter_errors(document())
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(wrong, [""; 0]);
    // The meta-schema does not cover schemas; the one of JSON Schema does.
    for (name, schema) in document()["components"]["schemas"].as_object().expect("schemas") {
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{name}");
    }
}

/// A schema that combines an object without additional properties with another object has no valid
/// instance.
#[test]
fn u40_no_schema_combines_objects_that_exclude_each_other() {
    let mut open = vec![document()];
    while let Some(value) = open.pop() {
        for part in value["allOf"].as_array().into_iter().flatten() {
            let part = part["$ref"]
                .as_str()
                .map_or(part, |name| document().pointer(&name[1..]).expect("a schema"));
            assert_ne!(part["additionalProperties"], false, "{value}");
        }
        match value {
            Value::Object(object) => open.extend(object.values()),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
}

#[tokio::test]
async fn u40_every_operation_succeeds_as_documented() {
    let hub = TestApp::start().await;
    let mut agents: Vec<FakeAgent> = Vec::new();
    for party in ["hub", "hospital-a", "hospital-b"] {
        agents.push(hub.agent(party).await);
    }
    let get = async |path: &str| hub.get(path).await.expect(StatusCode::OK);
    for path in [
        "/",
        "/guides/flowctl.md",
        "/api/v2/version",
        "/api/v2/info",
        "/api/v2/system",
        "/api/v2/overview",
        "/livez",
        "/readyz",
        "/assets/app-1a2b.js",
        "/docs",
        "/docs/docs.js",
        "/docs/docs.css",
        "/metrics",
        "/openapi.json",
    ] {
        get(path).await;
    }

    for verb in ["stop", "delete"] {
        hub.post(&format!("/api/v2/bulk/tasks/{verb}"))
            .json(&json!({}))
            .await
            .expect(StatusCode::OK);
    }
    let empty = json!({"templates": [], "tasks": []});
    hub.post("/api/v2/apply").json(&empty).await.expect(StatusCode::OK);
    let template = format!("/api/v2/templates/{}", hub.template().await);
    let body = json!(flow_api_types::TemplateInput::sample());
    hub.put(&template).header("if-match", "\"1\"").json(&body).await.expect(StatusCode::OK);
    for path in [
        &template,
        "/api/v2/templates",
        &format!("{template}/revisions"),
        &format!("{template}/revisions/1"),
    ] {
        get(path).await;
    }

    let body = hub.task_body(template.rsplit('/').next().expect("an id"));
    let task = hub.post("/api/v2/tasks").json(&body).await.expect(StatusCode::CREATED);
    let path = task.header("location").to_owned();
    hub.put(&path).header("if-match", task.header("etag")).json(&body).await.expect(StatusCode::OK);
    let clone = json!({"name": "clone"});
    hub.post(&format!("{path}/clone")).json(&clone).await.expect(StatusCode::CREATED);
    let run = hub
        .post(&format!("{path}/start"))
        .await
        .expect(StatusCode::ACCEPTED)
        .header("location")
        .to_owned();
    for agent in &mut agents {
        let reserve = agent.next_desired("reserved").await;
        agent.report(&reserve, "reserved").await;
    }
    for agent in &mut agents {
        let start = agent.next_desired("running").await;
        agent.report(&start, "running").await;
    }
    let member = format!("{run}/members/hospital-a");
    let id = run.rsplit('/').next().expect("an id").to_owned();
    for path in [
        &path,
        "/api/v2/runs",
        "/api/v2/tasks",
        &format!("{path}/events"),
        &format!("{path}/runs"),
        &run,
        &format!("{run}/series"),
        "/api/v2/events",
        &member,
        &format!("{member}/series"),
    ] {
        get(path).await;
    }
    let log = format!("{member}/logs");
    let reading = hub.get(&log).into_future();
    let (log, ()) = tokio::join!(reading, async {
        let wanted = agents[1].log_wanted().await;
        let lines = agents[1].open_log(&wanted).await;
        lines.send("epoch 1\n".into()).await.expect("somebody reads");
    });
    log.expect(StatusCode::OK);
    for path in [
        "/api/v2/parties",
        "/api/v2/parties/hospital-a",
        "/api/v2/parties/hospital-a/contacts",
        "/api/v2/orphans",
    ] {
        get(path).await;
    }
    hub.post(&format!("{path}/stop")).await.expect(StatusCode::ACCEPTED);
    let second = hub.post(&format!("{path}/start")).json(&json!({ "epochs": 2 })).await;
    let second = second.expect(StatusCode::ACCEPTED).json()["id"].clone();
    let second = second.as_str().expect("an id");
    get(&format!("/api/v2/runs/compare?run={id}&run={second}")).await;
    hub.delete(&path).await.expect(StatusCode::NO_CONTENT);
    let other =
        hub.post("/api/v2/templates").json(&renamed("other")).await.expect(StatusCode::CREATED);
    hub.delete(other.header("location")).await.expect(StatusCode::NO_CONTENT);
    let left = hub
        .post("/api/v2/parties")
        .json(&json!({"name": "hospital-c"}))
        .await
        .expect(StatusCode::CREATED);
    let left = left.header("location").to_owned();
    for verb in ["disable", "enable"] {
        hub.post(&format!("{left}/{verb}")).await.expect(StatusCode::OK);
    }
    hub.post(&format!("{left}/secret")).json(&json!({})).await.expect(StatusCode::OK);
    hub.delete(&left).await.expect(StatusCode::NO_CONTENT);
    access_succeeds(&hub).await;
    webhooks_succeed(&hub).await;

    let elsewhere = ELSEWHERE.map(|(id, _)| id);
    let all: BTreeSet<&str> = Operation::all()
        .map(|operation| operation.id())
        .filter(|id| !elsewhere.contains(id))
        .collect();
    assert_eq!(
        hub.answered(),
        all,
        "call the operation that is missing here, or say where it is tested"
    );
}

/// Calls the operations about accounts, tokens and projects.
async fn access_succeeds(hub: &TestApp) {
    let get = async |path: &str| hub.get(path).await.expect(StatusCode::OK);
    let create = async |path: &str, body: Value| {
        hub.post(path).json(&body).await.expect(StatusCode::CREATED)
    };
    let put = async |path: &str, body: Value, status: StatusCode| {
        hub.put(path).json(&body).await.expect(status)
    };
    let remove = async |path: &str| hub.delete(path).await.expect(StatusCode::NO_CONTENT);
    let bob = create("/api/v2/users", json!({"name": "bob"})).await.header("location").to_owned();
    put(&bob, json!({"federation_admin": true}), StatusCode::OK).await;
    let password = json!({"password": "correct horse battery"});
    put(&format!("{bob}/password"), password, StatusCode::NO_CONTENT).await;
    let sign_in = json!({"name": "bob", "password": "correct horse battery"});
    let opened = create("/api/v2/sessions", sign_in).await;
    let cookie = opened.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let session = opened.json()["id"].as_str().expect("an id").to_owned();
    let end = hub.delete(&format!("/api/v2/sessions/{session}")).anonymous();
    end.header("cookie", &cookie).await.expect(StatusCode::NO_CONTENT);
    hub.post("/api/v2/sign-in-codes").await.expect(StatusCode::CREATED);
    let token = create("/api/v2/tokens", json!({"name": "x"})).await.header("location").to_owned();
    let project = create("/api/v2/projects", json!({"name": "other"})).await;
    let project = project.header("location").to_owned();
    put(&project, json!({"remark": "changed"}), StatusCode::OK).await;
    let member = format!("{project}/members/bob");
    put(&member, json!({"role": "viewer"}), StatusCode::OK).await;
    let party = format!("{project}/parties/hospital-a");
    put(&party, json!({"datasets": ["digits"]}), StatusCode::OK).await;
    for path in [
        "/api/v2/me",
        "/api/v2/users",
        &bob,
        "/api/v2/sessions",
        "/api/v2/tokens",
        &token,
        "/api/v2/projects",
        &project,
        &format!("{project}/members"),
        &format!("{project}/parties"),
        "/api/v2/audit",
    ] {
        get(path).await;
    }
    for path in [&party, &member, &token, &bob, &project] {
        remove(path).await;
    }
}

async fn webhooks_succeed(hub: &TestApp) {
    let sample = json!(flow_api_types::WebhookInput::sample());
    let created = hub.post("/api/v2/webhooks").json(&sample).await.expect(StatusCode::CREATED);
    let webhook = created.header("location").to_owned();
    let edit = hub.put(&webhook).header("if-match", created.header("etag"));
    edit.json(&sample).await.expect(StatusCode::OK);
    let rotation = json!({"overlap_s": 60});
    hub.post(&format!("{webhook}/rotate-secret")).json(&rotation).await.expect(StatusCode::OK);
    let test = hub.post(&format!("{webhook}/test")).await.expect(StatusCode::ACCEPTED).json();
    let delivery = test["id"].as_str().expect("an id");
    for path in ["/api/v2/webhooks", &webhook, &format!("{webhook}/deliveries")] {
        hub.get(path).await.expect(StatusCode::OK);
    }
    let again = format!("{webhook}/deliveries/{delivery}/redeliver");
    hub.post(&again).await.expect(StatusCode::ACCEPTED);
    hub.delete(&webhook).await.expect(StatusCode::NO_CONTENT);
}

fn renamed(name: &str) -> Value {
    let mut body = json!(flow_api_types::TemplateInput::sample());
    body["name"] = name.into();
    body
}

/// The document accepts a value if and only if the hub does. Rules across fields are left out: a
/// schema cannot state them.
#[tokio::test]
async fn u41_document_and_hub_accept_the_same_bodies() {
    let hub = TestApp::start().await;
    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    let (long, control) = ("x".repeat(51), "a\u{7f}b");
    let names = json!([
        "abc",
        "ab",
        "a",
        "",
        ".",
        "..",
        ".a",
        "a.",
        " ",
        ". ",
        "病院",
        "x".repeat(50),
        long,
        " abc",
        "abc ",
        "a bc",
        "a/b",
        "a\\b",
        "a..b",
        "...",
        ".a.",
        "a.b.c",
        ".ab",
        "ab.",
        "..a",
        ". a",
        "a .",
        "a\tb",
        control,
        "größe",
        "\u{3000}abc",
        "日本語",
        "\u{1f349}\u{1f349}\u{1f349}"
    ]);
    let remarks = json!(["", "a\r\n\tb", "a\u{0}", control, "é".repeat(500), "x".repeat(501)]);
    let command = |command: Value| command;
    let mut template: Vec<(&str, Value)> =
        vec![("/name", names.clone()), ("/remark", remarks.clone())];
    template.extend([
        ("/framework", json!(["generic", "other", null])),
        ("/image", json!(["a", "", "a b", "x".repeat(255), "x".repeat(256), "a\u{85}", "ä"])),
        ("/command", command(json!([[], ["x"], [" "], [""], ["x", ""], ["x", "é".repeat(8192)], ["x", "x".repeat(8193)], ["x\u{0}"], vec!["x"; 256], vec!["x"; 257], "x"]))),
        ("/aggregator_command", json!([[], ["x"], [" "], vec!["x"; 257]])),
        ("/workdir", json!(["", "a/b", "..", "a/../b", "a/..", "../a", "..a/b..", "a/.../b", ".", "./a", "/a//b/", "a\nb", "é".repeat(255), "x".repeat(256)])),
        ("/env", json!([{}, {"A": ""}, {"a_1": "x"}, {"1a": "x"}, {"": "x"}, {"a-b": "x"}, {"x": "\u{0}"}, {"x".repeat(128): ""}, {"x".repeat(129): ""}, numbered(128), numbered(129)])),
        ("/parameters", json!([
            {}, {"a": {"type": "string"}}, {"1a": {"type": "string"}}, {"a_b-c": {"type": "string"}}, {"a": {"type": "other"}},
            {"a": {"type": "string", "default": "x".repeat(1024)}}, {"a": {"type": "string", "default": "x".repeat(1025)}},
            {"a": {"type": "string", "default": null}}, {"a": {"type": "string", "enum": vec!["x"; 257]}},
            {"a": {"type": "string", "enum": vec!["x"; 256]}}, {"a": {"type": "string", "description": "x".repeat(501)}}
        ])),
        ("/resources", json!([{}, {"cpu_millis": 0}, {"cpu_millis": 1_024_000}, {"cpu_millis": 1_024_001}, {"memory_mib": -1}, {"memory_mib": 16_777_216}, {"memory_mib": 16_777_217}, {"gpus": 1}])),
        ("/max_runtime_s", json!([0, 1, 31_536_000, 31_536_001, "1", 1.5, u64::MAX])),
        ("/stop_grace_s", json!([0, 600, 601, -1])),
        ("/other", json!([1])),
    ]);
    let base = json!({ "name": "base", "framework": "generic", "image": "x", "command": ["x"] });
    agree(&hub, "TemplateInput", "/api/v2/templates", &base, &template).await;

    let base = hub.task_body(&hub.template().await);
    let seconds = |max: u64| json!([0, 1, max, max + 1]);
    let day = 86_400;
    let task = [
        ("/name", names),
        ("/remark", remarks.clone()),
        ("/revision", json!([1, null, 0.5, "1", -1, u64::from(u32::MAX) + 1])),
        ("/epochs", json!([0, 1, 100_000, 100_001, null])),
        ("/members", json!([[], {}, null])),
        ("/members/1/party", json!(["hospital-a", "A", "-a", "a-", "", "x".repeat(64)])),
        ("/members/1/role", json!(["trainer", "boss"])),
        ("/members/1/dataset", json!(["digits", null, "a.b"])),
        ("/rules", json!([{}, {"other": 1}, null])),
        ("/rules/minimum_parties", json!([0, 1, null, 1001])),
        ("/rules/retries", json!([0, 10, 11])),
        ("/rules/queue_deadline_s", seconds(30 * day)),
        ("/rules/start_deadline_s", seconds(day)),
        ("/rules/no_progress_s", seconds(30 * day)),
        ("/rules/give_up_after_s", seconds(30 * day)),
        (
            "/labels",
            json!([
                {}, {"a": "b"}, {"a": ""}, {"": "x"}, {"a": " "}, {"a": "-"}, {"x.y/z": "1"}, {"X/y": "1"}, {"a/b/c": "1"},
                {"-a": "1"}, {"a.": "1"}, {"a": 1}, null, {"a": "x".repeat(63)}, {"a": "x".repeat(64)}, {"x".repeat(64): ""},
                {"größe": "1"}, {"a": "ä"}, numbered(32), numbered(33)
            ]),
        ),
        ("/other", json!([1])),
    ];
    agree(&hub, "TaskInput", "/api/v2/tasks", &base, &task).await;

    let parties = [
        ("/name", json!(["p", "", "a-b", "A", "x".repeat(63), "x".repeat(64)])),
        ("/remark", remarks),
        ("/other", json!([1])),
    ];
    agree(&hub, "NewParty", "/api/v2/parties", &json!({ "name": "base" }), &parties).await;

    let long = |length: usize| format!("https://hooks.example/{}", "x".repeat(length - 22));
    let urls = json!([
        "https://hooks.example",
        "http://hooks.example?a=b@c",
        "https://hooks.example/@x",
        "https://user@hooks.example/",
        "https://a\\@hooks.example/",
        "https://hooks.example/#x",
        "https://hooks.example/a b",
        "https://hooks.example/\u{7f}",
        " https://hooks.example",
        "HTTPS://hooks.example",
        "https:hooks.example",
        "https://",
        "ftp://hooks.example",
        "",
        null,
        long(2048),
        long(2049),
    ]);
    let webhooks = [
        ("/url", urls),
        ("/events", json!([["run.failed", "run.failed"], [], ["other"], "run.failed"])),
        ("/labels", json!([{"a": "b"}, {"a b": "c"}, {"a": "b c"}])),
        ("/enabled", json!([false, "false"])),
        ("/other", json!([1])),
    ];
    let base = json!({ "name": "base", "url": "https://hooks.example/" });
    agree(&hub, "WebhookInput", "/api/v2/webhooks", &base, &webhooks).await;
}

fn numbered(count: usize) -> BTreeMap<String, String> {
    (0..count).map(|index| (format!("V{index}"), String::new())).collect()
}

/// Posts the body with each of the values at its pointer, and compares hub and document.
async fn agree(hub: &TestApp, name: &str, path: &str, base: &Value, fields: &[(&str, Value)]) {
    let mut number = 0;
    for (pointer, values) in fields {
        for value in values.as_array().expect("values") {
            let mut body = base.clone();
            number += 1;
            body["name"] = format!("n{number}").into();
            set(&mut body, pointer, value.clone());
            let wrong = faults(&schema(name), &body);
            let answer = hub.post(path).json(&body).await;
            let refused = answer.status == StatusCode::UNPROCESSABLE_ENTITY;
            assert_eq!(
                !wrong.is_empty(),
                refused,
                "{pointer} = {value}: the document says {wrong:?}, the hub says {}",
                answer.text()
            );
            // Earlier cases have used these members and templates.
            assert!(
                refused || answer.status.is_success() || answer.status == StatusCode::CONFLICT,
                "{pointer} = {value}: {}",
                answer.text()
            );
        }
    }
}

fn set(body: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).expect("a parent");
    parent.as_object_mut().expect("an object").insert(key.to_owned(), value);
}

/// Texts in the query that are times, and others.
const TIMES: [&str; 9] = [
    "2026-11-30T14:00:00Z",
    "2026-11-30T14:00:00.123456789Z",
    "2026-11-30T14:00:00-01:00",
    "2026-11-30",
    "2026-11-30T14:00:00",
    "2026-11-30%2014:00:00Z",
    "2026-13-30T14:00:00Z",
    "now",
    "",
];

#[tokio::test]
async fn u41_document_and_hub_accept_the_same_parameters_and_headers() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    let cursor = "0".repeat(18);
    let list: [(&str, &[&str]); 13] = [
        ("limit", &["1", "200", "0", "201", "-1", "x", ""]),
        ("cursor", &["", "x", "0", &cursor, &cursor[..17]]),
        ("name", &["", "a", "%C3%A9", "a%00", "a%7F"]),
        ("party", &["hospital-a", "", "A"]),
        ("template", &["0", "", "..", "a/b"]),
        ("phase", &["new", "queued,running", "", "queued,", "other", "new,new"]),
        ("label", &["a=b", "a=", "a", "", "=b", "a=b,c=d", "a=b,", "a=b=c", "x.y/z=1", "X/z=1"]),
        ("sort", &["name", "created", "modified", "id", ""]),
        ("direction", &["asc", "desc", "up"]),
        ("fields", &["name", "name,run", "", "name,", "other", "warnings"]),
        ("created_since", &TIMES),
        ("created_before", &TIMES),
        ("other", &["1"]),
    ];
    for (name, values) in list {
        for value in values {
            compare(&hub, Method::GET, "/api/v2/tasks", "query", name, value).await;
        }
    }
    let id = "0".repeat(32);
    let events = format!("/api/v2/tasks/{task}/events");
    for value in ["0", "9223372036854775807", "9223372036854775808", "-1", "x"] {
        compare(&hub, Method::GET, &events, "query", "after", value).await;
        compare(&hub, Method::GET, &events, "header", "Last-Event-ID", value).await;
    }
    let list: [(&str, &[&str]); 6] = [
        ("id", &["", "0", &id, &"0".repeat(33), "x", "A"]),
        ("phase", &["queued", "queued,running", "new", ""]),
        ("party", &["hospital-a", "A"]),
        ("task", &[&task, "..", ""]),
        ("fields", &["phase", "task,phase", "name"]),
        ("created_since", &TIMES),
    ];
    for (name, values) in list {
        for value in values {
            compare(&hub, Method::GET, "/api/v2/runs", "query", name, value).await;
        }
    }
    let start = format!("/api/v2/tasks/{task}/start");
    for value in ["k", &"x".repeat(255), &"x".repeat(256), "a b", ""] {
        compare(&hub, Method::POST, &start, "header", "Idempotency-Key", value).await;
    }
    let logs = format!("/api/v2/tasks/{id}/runs/{id}/members/p/logs");
    for value in ["0", "1000000000", "1000000001", "-1"] {
        compare(&hub, Method::GET, &logs, "query", "tail", value).await;
    }
}

/// Sends a request with this parameter, and compares hub and document.
async fn compare(
    hub: &TestApp,
    method: Method,
    path: &str,
    place: &'static str,
    name: &'static str,
    text: &str,
) {
    let operation = Operation::of(&method, path).expect("it is documented");
    let allowed =
        operation.parameter(place, name).is_some_and(|parameter| allows(&parameter, text));
    let call = match place {
        "query" => hub.call(method, &format!("{path}?{name}={text}")),
        _ => hub.call(method, path).header(name, text),
    };
    let answer = call.await;
    let refused = answer.status == StatusCode::UNPROCESSABLE_ENTITY
        || (name == "cursor" && !allowed && answer.status == StatusCode::BAD_REQUEST);
    assert_eq!(allowed, !refused, "{name}={text}: {}", answer.text());
}

/// Returns whether a text matches the schema of a parameter.
fn allows(parameter: &Value, text: &str) -> bool {
    let text = text.replace("%00", "\0").replace("%7F", "\u{7f}").replace("%C3%A9", "é");
    let text = text.replace("%20", " ");
    let parameter = &parameter["schema"];
    let number = text.parse::<serde_json::Number>().ok().map(Value::Number);
    let list = Value::from(text.split(',').collect::<Vec<_>>());
    [Some(Value::from(text.as_str())), number, Some(list)]
        .into_iter()
        .flatten()
        .any(|value| faults(parameter, &value).is_empty())
}

#[test]
fn u42_every_example_matches_its_schema() {
    let mut seen = BTreeSet::new();
    for (name, value) in document()["components"]["schemas"].as_object().expect("schemas") {
        for example in value
            .get("example")
            .into_iter()
            .chain(value["examples"].as_array().into_iter().flatten())
        {
            assert_eq!(faults(&schema(name), example), [""; 0], "{name}: {example}");
            seen.insert(name.as_str());
        }
    }
    for name in [
        "TemplateInput",
        "Template",
        "TaskInput",
        "StartInput",
        "Task",
        "Run",
        "Member",
        "Event",
        "Party",
        "Orphan",
        "Problem",
        "Id",
    ] {
        assert!(seen.contains(name), "{name} has no example");
    }
    for operation in Operation::all() {
        for parameter in operation.parameters() {
            if let Some(example) = parameter.get("example") {
                assert_eq!(
                    faults(&parameter["schema"], example),
                    [""; 0],
                    "{} {parameter}",
                    operation.id()
                );
            }
        }
    }
}

/// Each link names an operation, parameters of the operation, and parts of the response that exist.
#[test]
fn u42_every_link_names_an_operation_and_its_parameters() {
    let operations: BTreeMap<&str, Operation> =
        Operation::all().map(|operation| (operation.id(), operation)).collect();
    let mut reached = BTreeSet::new();
    for operation in operations.values() {
        for (name, link, response) in operation.links() {
            let target = operations[link["operationId"].as_str().expect("an operation")];
            for (parameter, expression) in link["parameters"].as_object().expect("parameters") {
                assert!(
                    target.parameters().any(|known| known["name"] == *parameter),
                    "{name}: {parameter} is no parameter of {}",
                    target.id()
                );
                let expression = expression.as_str().expect("an expression");
                if let Some(header) = expression.strip_prefix("$response.header.") {
                    assert!(response["headers"][header].is_object(), "{name}: {expression}");
                } else if let Some(parameter) = expression.strip_prefix("$request.path.") {
                    assert!(
                        operation.parameter("path", parameter).is_some(),
                        "{name}: {expression}"
                    );
                } else {
                    let pointer =
                        expression.strip_prefix("$response.body#").expect("a place in the body");
                    assert!(
                        has_place(&response["content"]["application/json"]["schema"], pointer),
                        "{name}: {expression}"
                    );
                }
            }
            reached.insert(target.id());
        }
    }
    for operation in operations
        .values()
        .filter(|operation| operation.parameters().any(|parameter| parameter["in"] == "path"))
    {
        assert!(
            reached.contains(operation.id())
                || ["asset", "console_asset", "guide"].contains(&operation.id()),
            "no link leads to {}",
            operation.id()
        );
    }
}

/// Returns whether instances of a schema can have a value at this pointer.
fn has_place(schema: &Value, pointer: &str) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        return has_place(document().pointer(&reference[1..]).expect("a schema"), pointer);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().any(|part| has_place(part, pointer));
    }
    let Some(rest) = pointer.strip_prefix('/') else { return true };
    let (key, rest) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let next =
        if key.parse::<usize>().is_ok() { &schema["items"] } else { &schema["properties"][key] };
    !next.is_null() && has_place(next, rest)
}
