//! Accounts, projects and roles: who may do what, and what of other projects exists for them.

use flow_domain::access::ProjectRole;
use flow_server::access::matrix::{self, Rule};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::{ADMIN, Answer, TestApp, document};

/// A caller of the walk.
#[derive(Debug, Clone)]
struct Who {
    name: &'static str,
    token: String,
    /// Role in the project `default`.
    role: Option<ProjectRole>,
    federation_admin: bool,
    is_limited: bool,
    is_metrics: bool,
    /// Member of another project only.
    is_foreign: bool,
}

async fn everybody(hub: &TestApp) -> Vec<Who> {
    let who = |name, token: &str| Who {
        name,
        token: token.to_owned(),
        role: None,
        federation_admin: false,
        is_limited: false,
        is_metrics: false,
        is_foreign: false,
    };
    let project = json!({"name": "other"});
    hub.post("/api/v2/projects").json(&project).await.expect(StatusCode::CREATED);
    let mut all = Vec::new();
    for role in ["viewer", "submitter", "operator", "admin"] {
        let token = hub.account(role, "default", role).await;
        all.push(Who { role: Some(role.parse().expect("a role")), ..who(role, &token) });
    }
    let foreign = hub.account("foreign", "other", "admin").await;
    all.push(Who { is_foreign: true, ..who("foreign", &foreign) });
    let created = hub.post("/api/v2/users").json(&json!({"name": "nobody"})).await;
    created.expect(StatusCode::CREATED);
    let token = hub.new_token(&json!({"name": "test", "user": "nobody"})).await;
    all.push(Who { is_foreign: true, ..who("nobody", &token) });
    let admin = Some(ProjectRole::Admin);
    all.push(Who { role: admin, federation_admin: true, ..who(ADMIN, hub.token()) });
    let capped = hub.new_token(&json!({"name": "test", "role": "viewer"})).await;
    let viewer = Some(ProjectRole::Viewer);
    all.push(Who { role: viewer, is_limited: true, ..who("capped", &capped) });
    let metrics = hub.new_token(&json!({"name": "test", "scope": "metrics"})).await;
    all.push(Who { role: admin, is_limited: true, is_metrics: true, ..who("metrics", &metrics) });
    all
}

/// Returns whether the rule admits the caller, in the project `default`.
fn admits(rule: Rule, who: &Who) -> bool {
    if who.is_metrics {
        return matches!(rule, Rule::Public | Rule::Metrics);
    }
    match rule {
        Rule::Public | Rule::SignedIn => true,
        Rule::Account => !who.is_limited,
        Rule::Project(role) | Rule::Own(role, _) => who.role >= Some(role),
        Rule::FederationAdmin | Rule::Metrics => who.federation_admin,
    }
}

/// All operations of the document: id, method and path.
fn operations() -> Vec<(String, Method, String)> {
    let paths = document::document()["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("operations");
        methods.iter().map(move |(method, operation)| {
            let id = operation["operationId"].as_str().expect("an id").to_owned();
            (id, method.to_uppercase().parse().expect("a method"), path.clone())
        })
    });
    operations.collect()
}

fn code(answer: &Answer) -> String {
    match answer.header("content-type") {
        "application/problem+json" => answer.json()["code"].as_str().unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}

#[tokio::test]
async fn every_operation_admits_exactly_the_callers_of_its_rule() {
    let hub = TestApp::start().await;
    let all = everybody(&hub).await;
    let none = "0".repeat(32);
    let mut walked = 0;
    for (id, method, path) in operations() {
        let rule = matrix::rule(&id).unwrap_or_else(|| panic!("{id} has no rule"));
        let mut real = path.clone();
        for name in ["task", "run", "template", "token", "session", "webhook", "delivery"] {
            real = real.replace(&format!("{{{name}}}"), &none);
        }
        for (name, value) in [
            ("party", "p"),
            ("revision", "1"),
            ("file", "docs.js"),
            ("path", "model.npz"),
            ("user", "unknown"),
            ("project", "default"),
            ("provider", "company"),
            ("user_code", "BCDF-GHJK"),
            ("orphan", &format!("p.{none}.1")),
        ] {
            real = real.replace(&format!("{{{name}}}"), value);
        }
        let anonymous = hub.call(method.clone(), &real).anonymous().await;
        assert_eq!(
            anonymous.status == StatusCode::UNAUTHORIZED,
            rule != Rule::Public,
            "{id}: {anonymous:?}"
        );
        for who in &all {
            let named = if path.starts_with("/api/v2/") && rule != Rule::Public {
                format!("{real}?project=default")
            } else {
                real.clone()
            };
            let answer = hub.call(method.clone(), &named).token(&who.token).await;
            let code = code(&answer);
            let rejected =
                ["unauthenticated", "forbidden", "project_not_found"].contains(&code.as_str());
            let what = format!("{id} by {}: {} {code}", who.name, answer.status);
            let is_outside = who.is_foreign && named != real;
            assert_eq!(!rejected, admits(rule, who) && !is_outside, "{what}");
            if is_outside {
                assert_eq!(code, "project_not_found", "{what}");
            }
            walked += 1;
        }
    }
    assert!(walked > 500, "{walked}");
}

#[tokio::test]
async fn objects_of_another_project_are_not_found() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    let shown = hub.get(&format!("/api/v2/tasks/{task}")).await.expect(StatusCode::OK).json();
    assert_eq!(shown["created_by"], ADMIN);
    let template = shown["template"].as_str().expect("an id").to_owned();
    let run = hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED);
    let run = run.json()["id"].as_str().expect("an id").to_owned();
    let input = json!(flow_api_types::WebhookInput::sample());
    let webhook = hub.post("/api/v2/webhooks").json(&input).await.expect(StatusCode::CREATED);
    let webhook = webhook.json()["webhook"]["id"].as_str().expect("an id").to_owned();
    let test = hub.post(&format!("/api/v2/webhooks/{webhook}/test")).await;
    let delivery = test.expect(StatusCode::ACCEPTED).json()["id"].as_str().expect("it").to_owned();
    let all = everybody(&hub).await;
    let foreign = all.iter().find(|who| who.name == "foreign").expect("an account");
    for (id, method, path) in operations() {
        let of_project = matches!(matrix::rule(&id), Some(Rule::Project(_) | Rule::Own(..)));
        if !of_project || !path.contains('{') || path.contains("{project}") {
            continue;
        }
        let real = path
            .replace("{task}", &task)
            .replace("{run}", &run)
            .replace("{template}", &template)
            .replace("{party}", "hospital-a")
            .replace("{webhook}", &webhook)
            .replace("{delivery}", &delivery)
            .replace("{revision}", "1")
            .replace("{path}", "model.npz");
        let body = match id.as_str() {
            "edit_task" => Some(hub.task_body(&template)),
            "clone_task" => Some(json!({"name": "clone"})),
            "edit_webhook" => Some(input.clone()),
            "rotate_webhook_secret" => Some(json!({})),
            "edit_template" => Some(json!(flow_api_types::TemplateInput::sample())),
            _ => None,
        };
        let call = hub.call(method, &real).token(&foreign.token);
        let answer = match &body {
            Some(body) => call.json(body).await,
            None => call.await,
        };
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}: {}", answer.text());
    }
    for list in ["tasks", "templates", "runs", "parties", "events", "webhooks"] {
        let page = hub.get(&format!("/api/v2/{list}")).token(&foreign.token).await;
        assert_eq!(page.expect(StatusCode::OK).json()["items"], json!([]), "{list}");
    }
    for verb in ["stop", "delete"] {
        let many = hub.post(&format!("/api/v2/bulk/tasks/{verb}")).token(&foreign.token);
        let result = many.json(&json!({"tasks": [task]})).await.expect(StatusCode::OK).json();
        assert_eq!(result["tasks"][0]["error"]["code"], "task_not_found", "{verb}");
    }
    let compare = hub.get(&format!("/api/v2/runs/compare?run={run}&run={}", "0".repeat(32)));
    compare.token(&foreign.token).await.problem(404, "run_not_found");
    let still = hub.get(&format!("/api/v2/tasks/{task}")).await.expect(StatusCode::OK).json();
    assert_eq!(still["version"], hub.get(&format!("/api/v2/tasks/{task}")).await.json()["version"]);
}

#[tokio::test]
async fn submitter_changes_own_tasks_and_operator_those_of_others() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    let submitter = hub.account("submitter", "default", "submitter").await;
    let operator = hub.account("operator", "default", "operator").await;
    let template = hub.get(&format!("/api/v2/tasks/{task}")).await.json()["template"].clone();
    let mut body = hub.task_body(template.as_str().expect("an id"));
    body["name"] = json!("mine");
    let mine = hub.post("/api/v2/tasks").token(&submitter).json(&body).await;
    let mine = mine.expect(StatusCode::CREATED).json();
    assert_eq!(mine["created_by"], "submitter");
    let mine = mine["id"].as_str().expect("an id").to_owned();
    let path = |task: &str, verb: &str| format!("/api/v2/tasks/{task}{verb}");
    for verb in ["/start", "/stop"] {
        hub.post(&path(&task, verb)).token(&submitter).await.problem(403, "forbidden");
    }
    hub.delete(&path(&task, "")).token(&submitter).await.problem(403, "forbidden");
    let mut other = hub.task_body(template.as_str().expect("an id"));
    other["remark"] = json!("changed");
    hub.put(&path(&task, "")).token(&submitter).json(&other).await.problem(403, "forbidden");
    let mut document = other.clone();
    document["template"] = template.clone();
    let apply = json!({"templates": [], "tasks": [document]});
    hub.post("/api/v2/apply").token(&submitter).json(&apply).await.problem(403, "forbidden");
    hub.put(&path(&task, "")).token(&operator).json(&other).await.expect(StatusCode::OK);

    hub.post(&path(&mine, "/start")).token(&submitter).await.expect(StatusCode::ACCEPTED);
    let run = hub.get(&path(&mine, "/runs/latest")).token(&submitter).await.json();
    assert_eq!(run["started_by"], "submitter");
    hub.post(&path(&mine, "/stop")).token(&operator).await.expect(StatusCode::ACCEPTED);
    hub.delete(&path(&mine, "")).token(&submitter).await.expect(StatusCode::NO_CONTENT);
    hub.delete(&path(&mine, "")).token(&submitter).await.expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn project_uses_only_parties_and_datasets_that_are_offered_to_it() {
    let hub = TestApp::start().await;
    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    let project = json!({"name": "other"});
    hub.post("/api/v2/projects").json(&project).await.expect(StatusCode::CREATED);
    let token = hub.account("bob", "other", "submitter").await;
    let sample = json!(flow_api_types::TemplateInput::sample());
    let template = hub.post("/api/v2/templates").token(&token).json(&sample).await;
    let template = template.expect(StatusCode::CREATED).json()["id"].clone();
    let body = hub.task_body(template.as_str().expect("an id"));
    let create = || hub.post("/api/v2/tasks").token(&token).json(&body);
    create().await.field("/members/1/party", "unknown");
    hub.get("/api/v2/parties/hospital-a").token(&token).await.problem(404, "party_not_found");

    let offer = |party: &str, offer: Value| {
        let path = format!("/api/v2/projects/other/parties/{party}");
        let hub = &hub;
        async move { hub.put(&path).json(&offer).await.expect(StatusCode::OK) }
    };
    for party in ["hub", "hospital-a", "hospital-b"] {
        offer(party, json!({})).await;
    }
    offer("hospital-a", json!({"datasets": ["other"]})).await;
    create().await.field("/members/1/dataset", "not_allowed");
    offer("hospital-a", json!({"datasets": ["digits", "other"]})).await;
    let task = create().await.expect(StatusCode::CREATED).json();
    let start = format!("/api/v2/tasks/{}/start", task["id"].as_str().expect("an id"));
    offer("hospital-a", json!({"datasets": []})).await;
    hub.post(&start).token(&token).await.problem(404, "party_not_found");
    let withdraw = hub.delete("/api/v2/projects/other/parties/hospital-a");
    withdraw.await.expect(StatusCode::NO_CONTENT);
    hub.post(&start).token(&token).await.problem(404, "party_not_found");
    offer("hospital-a", json!({})).await;
    hub.post(&start).token(&token).await.expect(StatusCode::ACCEPTED);
    let list = hub.get("/api/v2/parties").token(&token).await.json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn quotas_of_a_project_hold_and_are_visible() {
    let hub = TestApp::start().await;
    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    let template = hub.template().await;
    let bob = hub.account("bob", "default", "admin").await;
    let path = "/api/v2/projects/default";
    let limits = json!({"quotas": {"tasks": 3, "runs": 1, "templates": 2}});
    hub.put(path).token(&bob).json(&limits).await.problem(403, "forbidden");
    let edited = hub.put(path).json(&limits).await.expect(StatusCode::OK).json();
    assert_eq!(edited["quotas"]["tasks"], json!({"used": 0, "limit": 3}));
    let create = |name: &str| {
        let mut body = hub.task_body(&template);
        body["name"] = name.into();
        let call = hub.post("/api/v2/tasks").token(&bob);
        let key = body["name"].as_str().unwrap_or_default().replace(' ', "-");
        async move { call.header("idempotency-key", &key).json(&body).await }
    };
    let answers =
        futures::future::join_all(["a", "b", "c", "d", "e", "f", "g", "h"].map(create)).await;
    let (created, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == StatusCode::CREATED);
    assert_eq!(created.len(), 3);
    for answer in refused {
        let problem = answer.problem(409, "quota_exceeded");
        let detail = problem["detail"].as_str().expect("text");
        assert!(detail.contains("3 tasks") && detail.contains("set-quota"), "{detail}");
    }
    let name = created[0].json()["name"].as_str().expect("a name").to_owned();
    create(&name).await.expect(StatusCode::CREATED);
    let input = json!(flow_api_types::TemplateInput::sample());
    let template = |name: &str| {
        let mut input = input.clone();
        input["name"] = name.into();
        input
    };
    let applied = json!({"templates": [template("a"), template("b")], "tasks": []});
    hub.post("/api/v2/apply").json(&applied).await.problem(409, "quota_exceeded");
    let second = hub.post("/api/v2/templates").json(&template("a")).await;
    let second = second.expect(StatusCode::CREATED).json();
    hub.post("/api/v2/templates").json(&template("b")).await.problem(409, "quota_exceeded");
    let shown = hub.get(path).token(&bob).await.expect(StatusCode::OK).json();
    assert_eq!(shown["quotas"]["templates"], json!({"used": 2, "limit": 2}));
    let gone = format!("/api/v2/templates/{}", second["id"].as_str().expect("an id"));
    hub.delete(&gone).await.expect(StatusCode::NO_CONTENT);

    let task = |index: usize| created[index].header("location").to_owned();
    hub.post(&format!("{}/start", task(0))).await.expect(StatusCode::ACCEPTED);
    let refused = hub.post(&format!("{}/start", task(1))).await.problem(409, "quota_exceeded");
    assert!(refused["detail"].as_str().is_some_and(|text| text.contains("1 runs")), "{refused}");
    hub.delete(&task(0)).await.expect(StatusCode::NO_CONTENT);
    hub.post(&format!("{}/start", task(1))).await.expect(StatusCode::ACCEPTED);
    create("another").await.expect(StatusCode::CREATED);
    let shown = hub.get(path).await.expect(StatusCode::OK).json();
    let expected = json!({
        "tasks": {"used": 3, "limit": 3}, "runs": {"used": 1, "limit": 1},
        "templates": {"used": 1, "limit": 2},
    });
    assert_eq!(shown["quotas"], expected);
    let v1 = json!({"name": "by v1", "image_url": "ocr:2"});
    hub.put(path).json(&json!({"quotas": {"templates": 1}})).await.expect(StatusCode::OK);
    let refused = hub.post("/api/v1/template").json(&v1).await.expect(StatusCode::OK).json();
    assert_eq!(refused["ret_code"], 10018, "{refused}");
    let default = json!({"quotas": {"tasks": null}});
    let edited = hub.put(path).json(&default).await.expect(StatusCode::OK).json();
    assert_eq!(edited["quotas"]["tasks"]["limit"], 100_000);
    create("one more").await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn project_is_deleted_only_without_tasks_and_takes_its_tokens_along() {
    let hub = TestApp::start().await;
    hub.delete("/api/v2/projects/default").await.problem(409, "project_protected");
    hub.delete("/api/v2/projects/lab").await.problem(404, "project_not_found");
    let new = json!({"name": "lab", "all_parties": true});
    hub.post("/api/v2/projects").json(&new).await.expect(StatusCode::CREATED);
    let carol = hub.account("carol", "lab", "admin").await;
    hub.delete("/api/v2/projects/lab").token(&carol).await.problem(403, "forbidden");
    let limited = hub.new_token(&json!({"name": "x", "user": "carol", "project": "lab"})).await;
    hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
    let input = json!(flow_api_types::TemplateInput::sample());
    let template = hub.post("/api/v2/templates?project=lab").json(&input).await;
    let template = template.expect(StatusCode::CREATED).json();
    let body = hub.task_body(template["id"].as_str().expect("an id"));
    let task = hub.post("/api/v2/tasks").token(&limited).json(&body).await;
    let task = task.expect(StatusCode::CREATED).header("location").to_owned();
    let refused = hub.delete("/api/v2/projects/lab").await.problem(409, "project_not_empty");
    assert!(refused["detail"].as_str().is_some_and(|text| text.contains("1 tasks")), "{refused}");
    hub.delete(&task).token(&limited).await.expect(StatusCode::NO_CONTENT);
    hub.delete("/api/v2/projects/lab").await.expect(StatusCode::NO_CONTENT);

    hub.get("/api/v2/me").token(&limited).await.problem(401, "unauthenticated");
    let me = hub.get("/api/v2/me").token(&carol).await.expect(StatusCode::OK).json();
    assert_eq!(me["projects"], json!([]));
    hub.get("/api/v2/projects/lab").await.problem(404, "project_not_found");
    hub.get("/api/v2/templates?project=lab").await.problem(404, "project_not_found");
    hub.post("/api/v2/projects").json(&new).await.problem(409, "project_exists");
    let audit = hub.get("/api/v2/audit").await.expect(StatusCode::OK).json();
    assert_eq!(audit["items"][0]["action"], "delete_project");
}

#[tokio::test]
async fn selected_project_is_that_of_the_parameter_the_token_or_the_only_one() {
    let hub = TestApp::start().await;
    for name in ["one", "two"] {
        let project = json!({"name": name});
        hub.post("/api/v2/projects").json(&project).await.expect(StatusCode::CREATED);
    }
    let token = hub.account("bob", "one", "viewer").await;
    let me = async |token: &str, query: &str| {
        let path = format!("/api/v2/me{query}");
        hub.get(&path).token(token).await.expect(StatusCode::OK).json()
    };
    let only = me(&token, "").await;
    assert_eq!((&only["project"], &only["role"]), (&json!("one"), &json!("viewer")));
    let member = json!({"role": "admin"});
    let path = "/api/v2/projects/two/members/bob";
    hub.put(path).json(&member).await.expect(StatusCode::OK);
    let both = me(&token, "").await;
    assert_eq!((&both["project"], &both["role"]), (&json!("default"), &Value::Null));
    hub.get("/api/v2/tasks").token(&token).await.problem(403, "forbidden");
    hub.get("/api/v2/tasks?limit=1&project=two").token(&token).await.expect(StatusCode::OK);
    assert_eq!(me(&token, "?project=two").await["role"], "admin");
    let limited = json!({"name": "test", "user": "bob", "project": "two", "role": "operator"});
    let limited = hub.new_token(&limited).await;
    let without_role = json!({"name": "test", "user": "bob", "project": "three"});
    let refused = hub.post("/api/v2/tokens").json(&without_role).await;
    refused.problem(404, "project_member_not_found");
    let two = me(&limited, "").await;
    assert_eq!((&two["project"], &two["role"]), (&json!("two"), &json!("operator")));
    assert_eq!(two["projects"].as_array().map(Vec::len), Some(1));
    for (query, code) in [
        ("?project=one", "project_not_found"),
        ("?project=three", "project_not_found"),
        ("?project=..%2f", "project_not_found"),
        ("?project=", "project_not_found"),
    ] {
        hub.get(&format!("/api/v2/me{query}")).token(&limited).await.problem(404, code);
    }
    let twice = hub.get("/api/v2/me?project=two&project=two").token(&limited).await;
    twice.field("?project", "duplicate");
}

#[tokio::test]
async fn setup_works_once_and_its_code_is_no_token() {
    let hub = TestApp::start().await;
    let again = json!({"code": "0123", "name": "eve"});
    hub.post("/api/v2/setup").anonymous().json(&again).await.problem(409, "setup_done");
    let me = hub.get("/api/v2/me").await.expect(StatusCode::OK).json();
    assert_eq!(me["federation_admin"], true);
    let audit = hub.get("/api/v2/audit").await.expect(StatusCode::OK).json();
    assert_eq!(audit["items"][0]["action"], "setup");

    let hub = TestApp::without_account().await;
    let wrong = hub.get("/api/v2/tasks").token("0123").await.problem(401, "setup_required");
    assert!(wrong["detail"].as_str().is_some_and(|text| text.contains("no account yet")));
    let code = hub.token().to_owned();
    let code_as_token = hub.get("/api/v2/tasks").token(&code).await.problem(401, "setup_required");
    let detail = code_as_token["detail"].as_str().expect("text");
    assert!(detail.contains("setup code") && detail.contains("flowctl setup"), "{detail}");
    let setup =
        |code: &str| json!({"code": code, "name": "eve", "password": "long enough, really"});
    let wrong = hub.post("/api/v2/setup").anonymous().json(&setup("0123")).await;
    wrong.problem(401, "unauthenticated");
    let short = json!({"code": code, "name": "eve", "password": "short"});
    hub.post("/api/v2/setup").anonymous().json(&short).await.field("/password", "too_short");
    let done = hub.post("/api/v2/setup").anonymous().json(&setup(&code)).await;
    let done = done.expect(StatusCode::CREATED).json();
    let token = done["secret"].as_str().expect("a token");
    assert!(token.starts_with("flp_"), "{done}");
    hub.get("/api/v2/me").token(token).await.expect(StatusCode::OK);
    let second = hub.post("/api/v2/setup").anonymous().json(&setup(&code)).await;
    second.problem(409, "setup_done");
}

#[tokio::test]
async fn token_is_refused_at_once_after_a_change_and_after_its_time() {
    let hub = TestApp::start().await;
    let token = hub.account("bob", "default", "viewer").await;
    let get = || hub.get("/api/v2/tasks").token(&token);
    get().await.expect(StatusCode::OK);
    let remove = hub.delete("/api/v2/projects/default/members/bob");
    remove.await.expect(StatusCode::NO_CONTENT);
    get().await.problem(403, "forbidden");
    let role = json!({"role": "viewer"});
    let member = "/api/v2/projects/default/members/bob";
    hub.put(member).json(&role).await.expect(StatusCode::OK);
    get().await.expect(StatusCode::OK);
    for (disabled, status) in [(true, StatusCode::UNAUTHORIZED), (false, StatusCode::OK)] {
        let edit = json!({"disabled": disabled});
        hub.put("/api/v2/users/bob").json(&edit).await.expect(StatusCode::OK);
        get().await.expect(status);
    }
    let basic = |user: &str| {
        use base64::Engine as _;
        let text = format!("{user}:{token}");
        let text = base64::engine::general_purpose::STANDARD.encode(text);
        hub.get("/api/v2/me").anonymous().header("authorization", &format!("Basic {text}"))
    };
    basic("bob").await.expect(StatusCode::OK);
    basic("eve").await.problem(401, "unauthenticated");
    let tokens = hub.get("/api/v2/tokens?user=bob").await.expect(StatusCode::OK).json();
    let listed = &tokens["items"][0];
    assert!(!tokens.to_string().contains(&token[..36]), "{tokens}");
    assert!(token.ends_with(listed["hint"].as_str().expect("text").trim_start_matches("flp_…")));
    let id = listed["id"].as_str().expect("an id").to_owned();
    let eve = hub.account("eve", "default", "admin").await;
    let path = format!("/api/v2/tokens/{id}");
    hub.delete(&path).token(&eve).await.problem(404, "token_not_found");
    hub.delete(&path).token(&token).await.expect(StatusCode::NO_CONTENT);
    get().await.problem(401, "unauthenticated");

    let short = json!({"name": "short", "user": "bob", "expires_in_days": 1});
    let short = hub.new_token(&short).await;
    hub.get("/api/v2/me").token(&short).await.expect(StatusCode::OK);
    hub.clock.advance(24 * 3600);
    hub.get("/api/v2/me").token(&short).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn session_of_a_browser_signs_in_changes_password_and_ends() {
    let hub = TestApp::start().await;
    let bob = json!({"name": "bob", "password": "correct horse battery"});
    hub.post("/api/v2/users").json(&bob).await.expect(StatusCode::CREATED);
    let sign_in = async |name: &str, password: &str| {
        let input = json!({"name": name, "password": password});
        hub.post("/api/v2/sessions").anonymous().json(&input).await
    };
    for (name, password) in
        [("bob", "wrong"), ("nobody", "correct horse battery"), ("../x", "x"), (ADMIN, "x")]
    {
        let refused = sign_in(name, password).await.problem(401, "unauthenticated");
        assert_eq!(refused["detail"], "name or password is wrong");
    }
    let opened = sign_in("bob", "correct horse battery").await.expect(StatusCode::CREATED);
    let cookie = opened.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    assert!(cookie.starts_with("flow_session="), "{cookie}");
    assert!(!opened.text().contains(cookie.trim_start_matches("flow_session=")));
    let with =
        |method: Method, path: &str| hub.call(method, path).anonymous().header("cookie", &cookie);
    let me = with(Method::GET, "/api/v2/me").await.expect(StatusCode::OK).json();
    assert_eq!((&me["name"], &me["credential"]), (&json!("bob"), &json!("session")));
    let evil = with(Method::POST, "/api/v2/tokens").header("sec-fetch-site", "cross-site");
    evil.json(&json!({"name": "x"})).await.problem(403, "cross_site");
    let token = with(Method::POST, "/api/v2/tokens").header("sec-fetch-site", "same-origin");
    token.json(&json!({"name": "x"})).await.expect(StatusCode::CREATED);
    let list = with(Method::GET, "/api/v2/sessions").await.expect(StatusCode::OK).json();
    assert_eq!(list["items"][0]["current"], true);

    let path = "/api/v2/users/bob/password";
    let new = |current: &str| json!({"password": "battery horse correct", "current": current});
    with(Method::PUT, path)
        .json(&json!({"password": "battery horse correct"}))
        .await
        .field("/current", "required");
    with(Method::PUT, path).json(&new("wrong")).await.problem(401, "unauthenticated");
    let other = with(Method::PUT, "/api/v2/users/alice/password").json(&new("x")).await;
    other.problem(403, "forbidden");
    let set = with(Method::PUT, path).json(&new("correct horse battery")).await;
    set.expect(StatusCode::NO_CONTENT);
    with(Method::GET, "/api/v2/me").await.problem(401, "unauthenticated");

    let opened = sign_in("bob", "battery horse correct").await.expect(StatusCode::CREATED);
    let id = opened.json()["id"].as_str().expect("an id").to_owned();
    let cookie = opened.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let with =
        |method: Method, path: &str| hub.call(method, path).anonymous().header("cookie", &cookie);
    let ended = with(Method::DELETE, &format!("/api/v2/sessions/{id}")).await;
    assert!(ended.expect(StatusCode::NO_CONTENT).header("set-cookie").contains("Max-Age=0"));
    with(Method::GET, "/api/v2/me").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn session_cookie_is_for_tls_only_behind_a_proxy_with_tls() {
    let input = json!({"name": "bob", "password": "correct horse battery"});
    let trusting = TestApp::with_parts(|parts| {
        parts.access.trusted_proxies = "127.0.0.1".parse().expect("an address");
    });
    let strict = TestApp::with_parts(|parts| parts.access.is_tls = true);
    for (hub, scheme, is_secure) in [
        (trusting.await, "https", true),
        (TestApp::start().await, "https", false),
        (strict.await, "http", true),
    ] {
        hub.post("/api/v2/users").json(&input).await.expect(StatusCode::CREATED);
        let call = |method: Method, path: &str, scheme: &str| {
            hub.call(method, path).anonymous().header("x-forwarded-proto", scheme)
        };
        let opened = call(Method::POST, "/api/v2/sessions", scheme).json(&input).await;
        let opened = opened.expect(StatusCode::CREATED);
        let set = opened.header("set-cookie");
        let name = if is_secure { "__Host-flow_session=" } else { "flow_session=" };
        assert_eq!((set.starts_with(name), set.contains("; Secure")), (true, is_secure), "{set}");
        let cookie = set.split(';').next().expect("a cookie");
        let me = || call(Method::GET, "/api/v2/me", scheme).header("cookie", cookie);
        me().await.expect(StatusCode::OK);
        if scheme == "https" && is_secure {
            let plain = call(Method::GET, "/api/v2/me", "http").header("cookie", cookie);
            plain.await.problem(401, "unauthenticated");
        }
        let path = format!("/api/v2/sessions/{}", opened.json()["id"].as_str().expect("an id"));
        let ended = call(Method::DELETE, &path, scheme).header("cookie", cookie).await;
        assert!(ended.expect(StatusCode::NO_CONTENT).header("set-cookie").starts_with(name));
    }
}

#[tokio::test]
async fn a20_wrong_passwords_make_the_account_wait() {
    let hub = TestApp::start().await;
    let bob = json!({"name": "bob", "password": "correct horse battery"});
    hub.post("/api/v2/users").json(&bob).await.expect(StatusCode::CREATED);
    let sign_in = async |name: &str, password: &str| {
        let input = json!({"name": name, "password": password});
        hub.post("/api/v2/sessions").anonymous().json(&input).await
    };
    // At the same time: an attempt counts before its password is checked.
    let attempts = futures::future::join_all((0..9).map(|_| sign_in("bob", "wrong"))).await;
    let checked = attempts.iter().filter(|answer| answer.status == StatusCode::UNAUTHORIZED);
    assert_eq!(checked.count(), 5);
    let waits = sign_in("bob", "correct horse battery").await;
    assert!(waits.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1));
    waits.problem(429, "rate_limited");
}

#[tokio::test]
async fn federation_keeps_an_administrator_and_names_are_checked() {
    let hub = TestApp::start().await;
    let edit = json!({"federation_admin": false});
    let alice = format!("/api/v2/users/{ADMIN}");
    hub.put(&alice).json(&edit).await.problem(409, "last_admin");
    // serde would read the fields in their order.
    for list in ["[null, null]", "\u{feff} [null, null]"] {
        hub.put(&alice).body("application/json", list).await.field("", "wrong_type");
    }
    hub.delete(&alice).await.problem(409, "last_admin");
    hub.post("/api/v2/users").json(&json!({"name": ADMIN})).await.problem(409, "user_exists");
    hub.post("/api/v2/projects")
        .json(&json!({"name": "default"}))
        .await
        .problem(409, "project_exists");
    for name in ["Bob", "../x", "a b", "", "a\u{0}", "bob'; DROP TABLE users; --"] {
        hub.post("/api/v2/users").json(&json!({"name": name})).await.field("/name", "pattern");
        hub.post("/api/v2/projects").json(&json!({"name": name})).await.field("/name", "pattern");
    }
    let service = json!({"name": "ci", "kind": "service", "password": "long enough, really"});
    hub.post("/api/v2/users").json(&service).await.field("/password", "not_allowed");
    let service = json!({"name": "ci", "kind": "service"});
    hub.post("/api/v2/users").json(&service).await.expect(StatusCode::CREATED);
    let token = hub.new_token(&json!({"name": "nightly", "user": "ci"})).await;
    assert!(token.starts_with("fls_"), "a token of a service has a prefix of its own");
    let capped = hub.new_token(&json!({"name": "x", "role": "viewer"})).await;
    let refused = hub.post("/api/v2/tokens").token(&capped).json(&json!({"name": "y"})).await;
    refused.problem(403, "forbidden");
    let other = hub.post("/api/v2/tokens").token(&token);
    other.json(&json!({"name": "y", "user": ADMIN})).await.problem(403, "forbidden");
    for (input, field) in [
        (json!({"name": ""}), "/name"),
        (json!({"name": "a\nb"}), "/name"),
        (json!({"name": "x".repeat(101)}), "/name"),
        (json!({"name": "x", "expires_in_days": 4000}), "/expires_in_days"),
    ] {
        let answer = hub.post("/api/v2/tokens").json(&input).await;
        let problem = answer.problem(422, "invalid");
        assert_eq!(problem["fields"][0]["pointer"], field, "{problem}");
    }
}

#[tokio::test]
async fn a24_rights_end_at_the_projects_of_the_account() {
    let hub = TestApp::start().await;
    hub.parties(&["hospital-a"]).await;
    let project = json!({"name": "other"});
    hub.post("/api/v2/projects").json(&project).await.expect(StatusCode::CREATED);
    let token = hub.account("bob", "other", "admin").await;
    // The metrics name the parties of all projects.
    let metrics = json!({"name": "x", "scope": "metrics"});
    hub.post("/api/v2/tokens").token(&token).json(&metrics).await.problem(403, "forbidden");

    let paths = json!({"/data/digits": "digits", "/data/patients": "secret"});
    let inventory = json!({"datasets": ["digits", "secret"], "v1_paths": paths}).to_string();
    let digest = flow_domain::id::Digest::of(inventory.as_bytes());
    let party = "hospital-a".parse().expect("a name");
    hub.app.store.set_inventory(&party, &digest, &inventory).await.expect("it is stored");
    let offer = hub.put("/api/v2/projects/other/parties/hospital-a");
    offer.json(&json!({"datasets": ["digits"]})).await.expect(StatusCode::OK);
    let shown = hub.get("/api/v2/parties/hospital-a").token(&token).await.expect(StatusCode::OK);
    let expected = json!({"datasets": ["digits"], "v1_paths": {"/data/digits": "digits"}});
    assert_eq!(shown.json()["inventory"], expected);
}

#[tokio::test]
async fn stream_ends_when_its_account_loses_the_role() {
    use http_body_util::BodyExt as _;
    let hub = TestApp::start().await;
    let task = hub.task().await;
    let token = hub.account("bob", "default", "viewer").await;
    let open = async || {
        let stream = hub.get(&format!("/api/v2/tasks/{task}/events")).token(&token);
        let response = stream.header("accept", "text/event-stream").open().await;
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body()
    };
    let mut stream = open().await;
    stream.frame().await.expect("the first event").expect("a frame");
    hub.put("/api/v2/projects/default/members/bob")
        .json(&json!({"role": "operator"}))
        .await
        .expect(StatusCode::OK);
    hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED);
    stream.frame().await.expect("another role is enough").expect("a frame");
    let remove = hub.delete("/api/v2/projects/default/members/bob");
    remove.await.expect(StatusCode::NO_CONTENT);
    let ended = async { while stream.frame().await.is_some() {} };
    let soon = std::time::Duration::from_secs(30);
    flow_common::clock::timeout(soon, ended).await.expect("the stream ends");
}

/// Counts the reads of the store on this thread.
struct Reads(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl tracing::Subscriber for Reads {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.name() == "store_read"
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn creation_and_start_read_nothing_that_the_engine_has_in_memory() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    let template = hub.get(&format!("/api/v2/tasks/{task}")).await.json()["template"].clone();
    let reads = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let _second = tracing::Dispatch::new(Reads(std::sync::Arc::default()));
    let _counting = tracing::subscriber::set_default(Reads(std::sync::Arc::clone(&reads)));
    let count = || reads.load(std::sync::atomic::Ordering::SeqCst);
    let (mut of_creation, mut of_start) = (usize::MAX, usize::MAX);
    for number in 0..4 {
        let mut body = hub.task_body(template.as_str().expect("an id"));
        body["name"] = json!(format!("another-{number}"));
        let before = count();
        let created = hub.post("/api/v2/tasks").json(&body).await;
        of_creation = of_creation.min(count() - before);
        let created = created.expect(StatusCode::CREATED).json();
        let id = created["id"].as_str().expect("an id").to_owned();
        let path = format!("/api/v2/tasks/{id}");
        assert_eq!(created, hub.get(&path).await.json(), "as it is stored");
        let before = count();
        let started = hub.post(&format!("{path}/start")).await;
        of_start = of_start.min(count() - before);
        let started = started.expect(StatusCode::ACCEPTED).json();
        let run = started["id"].as_str().expect("an id");
        let stored = hub.get(&format!("{path}/runs/{run}")).await.json();
        assert_eq!(started["members"], stored["members"], "as it is stored");
    }
    assert!(of_creation <= 2, "template and inventories: {of_creation} reads");
    assert_eq!(of_start, 0, "reads of a start");
}

#[tokio::test]
async fn list_reads_the_store_at_most_three_times_for_any_length() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED);
    let template = hub.get(&format!("/api/v2/tasks/{task}")).await.json()["template"].clone();
    for number in 0..10 {
        let mut body = hub.task_body(template.as_str().expect("an id"));
        body["name"] = json!(format!("another-{number}"));
        hub.post("/api/v2/tasks").json(&body).await.expect(StatusCode::CREATED);
        hub.new_token(&json!({"name": "another"})).await;
    }
    let reads = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    // With only one subscriber in the process, `tracing` asks the thread that reaches a span first,
    // which may belong to another test and have none.
    let _second = tracing::Dispatch::new(Reads(std::sync::Arc::default()));
    let _counting = tracing::subscriber::set_default(Reads(std::sync::Arc::clone(&reads)));
    for list in ["tasks", "runs", "templates", "parties", "users", "tokens", "projects", "audit"] {
        let mut fewest = usize::MAX;
        // The hub's own loops read on this thread, too; the account is remembered after a request.
        for _ in 0..4 {
            let before = reads.load(std::sync::atomic::Ordering::SeqCst);
            hub.get(&format!("/api/v2/{list}?limit=50")).await.expect(StatusCode::OK);
            fewest = fewest.min(reads.load(std::sync::atomic::Ordering::SeqCst) - before);
        }
        assert!((1..=3).contains(&fewest), "{list}: {fewest} reads");
    }
}

#[tokio::test]
async fn sign_in_code_opens_one_session_of_its_account_within_fifteen_minutes() {
    let hub = TestApp::start().await;
    let bob = hub.account("bob", "default", "viewer").await;
    let create = async || {
        let created = hub.post("/api/v2/sign-in-codes").token(&bob).await;
        created.expect(StatusCode::CREATED).json()["code"].as_str().expect("a code").to_owned()
    };
    let open = async |input: Value| hub.post("/api/v2/sessions").anonymous().json(&input).await;
    let refuse = async |code: &str| {
        open(json!({"code": code})).await.problem(401, "unauthenticated");
    };
    let (former, code) = (create().await, create().await);
    refuse(&former).await;
    open(json!({})).await.field("/name", "required");
    open(json!({"name": "bob"})).await.field("/password", "required");
    open(json!({"code": null})).await.field("/code", "wrong_type");
    open(json!({"name": "bob", "code": code})).await.field("/code", "not_allowed");
    let mut database = hub.database().await;
    let stored: Vec<String> = sqlx::query_scalar("SELECT digest FROM sign_in_codes")
        .fetch_all(&mut database)
        .await
        .expect("the database reads");
    assert!(stored.len() == 1 && stored[0].len() == 64, "{stored:?}");

    // As people type it.
    let typed = code.to_lowercase().replace('-', " ");
    let opened = open(json!({"code": typed})).await.expect(StatusCode::CREATED);
    assert_eq!(opened.json()["method"], "code");
    let cookie = opened.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let me = hub.get("/api/v2/me").anonymous().header("cookie", &cookie).await;
    let me = me.expect(StatusCode::OK).json();
    assert_eq!((&me["name"], &me["credential"]), (&json!("bob"), &json!("session")));
    refuse(&code).await;

    let (one, other) = (create().await, |code: String| open(json!({ "code": code })));
    let both = tokio::join!(other(one.clone()), other(one));
    let opened = [both.0.status, both.1.status];
    assert_eq!(opened.iter().filter(|status| **status == StatusCode::CREATED).count(), 1);

    let page = hub.get("/api/v2/sessions?limit=1").anonymous().header("cookie", &cookie).await;
    let page = page.expect(StatusCode::OK).json();
    assert_eq!(
        (page["items"].as_array().map(Vec::len), &page["items"][0]["current"]),
        (Some(1), &json!(true))
    );
    let next = format!("/api/v2/sessions?cursor={}", page["next"].as_str().expect("there is more"));
    let rest = hub.get(&next).anonymous().header("cookie", &cookie).await.expect(StatusCode::OK);
    assert_eq!(rest.json()["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(rest.json()["next"], Value::Null);

    let late = create().await;
    hub.clock.advance(15 * 60);
    refuse(&late).await;
    let disabled = create().await;
    let edit = json!({"disabled": true});
    hub.put("/api/v2/users/bob").json(&edit).await.expect(StatusCode::OK);
    refuse(&disabled).await;

    let service = json!({"name": "ci", "kind": "service"});
    hub.post("/api/v2/users").json(&service).await.expect(StatusCode::CREATED);
    let service = hub.new_token(&json!({"name": "test", "user": "ci"})).await;
    hub.post("/api/v2/sign-in-codes").token(&service).await.problem(403, "forbidden");
    let audit = hub.get("/api/v2/audit").await.expect(StatusCode::OK).json();
    let entries = audit["items"].as_array().expect("entries");
    let count = |action: &str| entries.iter().filter(|entry| entry["action"] == action).count();
    assert_eq!((count("create_sign_in_code"), count("create_session")), (5, 2), "{audit}");
}
