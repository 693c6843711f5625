//! Invalid input is rejected with a code, a pointer and the valid values, and changes nothing.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::TestApp;

struct Submit {
    hub: TestApp,
    body: Value,
}

impl Submit {
    async fn new() -> Self {
        let hub = TestApp::start().await;
        hub.parties(&["hub", "hospital-a", "hospital-b"]).await;
        let body = hub.task_body(&hub.template().await);
        Self { hub, body }
    }

    /// Posts the example with one change and returns the response.
    async fn with(&self, change: impl FnOnce(&mut Value)) -> crate::common::Answer {
        let mut body = self.body.clone();
        change(&mut body);
        self.hub.post("/api/v2/tasks").json(&body).await
    }

    async fn nothing_was_stored(&self) {
        let tasks = self.hub.get("/api/v2/tasks").await.expect(StatusCode::OK).json();
        assert_eq!(tasks["items"], json!([]));
    }
}

#[tokio::test]
async fn malformed_json_error_has_line_and_column() {
    let submit = Submit::new().await;
    for body in [
        "",
        "{",
        "{\"name\": \"x\",}",
        "nonsense",
        "\u{feff}{}",
        "{}{}",
        "{\"name\": \"\\ud800\"}",
        "{\"epochs\": 1e999}",
    ] {
        let answer =
            submit.hub.post("/api/v2/tasks").body("application/json", body.to_owned()).await;
        assert!(answer.status.is_client_error(), "{body:?}: {}", answer.text());
        if answer.status == StatusCode::BAD_REQUEST {
            let problem = answer.problem(400, "malformed");
            assert!(
                problem["detail"].as_str().expect("text").contains("line 1 column"),
                "{problem}"
            );
        }
    }
    let answer =
        submit.hub.post("/api/v2/tasks").body("application/json", vec![b'"', 0xff, b'"']).await;
    assert!(answer.status.is_client_error());
    submit
        .hub
        .post("/api/v2/tasks")
        .body("application/json", "{\n\"name\": }")
        .await
        .problem(400, "malformed");
    submit.nothing_was_stored().await;
}

#[tokio::test]
async fn body_of_another_media_type_is_rejected() {
    let submit = Submit::new().await;
    let body = submit.body.to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        submit
            .hub
            .post("/api/v2/tasks")
            .body(kind, body.clone())
            .await
            .problem(415, "unsupported_media_type");
    }
    submit
        .hub
        .post("/api/v2/tasks")
        .body("Application/JSON; charset=utf-8", body)
        .await
        .expect(StatusCode::CREATED);
}

#[tokio::test]
async fn body_or_url_over_the_limit_is_rejected() {
    let submit = Submit::new().await;
    let huge = submit
        .with(|body| body["remark"] = "x".repeat(1024 * 1024).into())
        .await
        .problem(413, "too_large");
    assert!(huge["detail"].as_str().expect("text").contains("1048576"), "{huge}");
    let long = "x".repeat(10_000);
    for path in
        [format!("/api/v2/tasks/{long}"), format!("/api/v2/tasks?name={long}"), format!("/{long}")]
    {
        submit.hub.get(&path).await.problem(413, "too_large");
    }
    submit.nothing_was_stored().await;
}

#[tokio::test]
async fn wrong_types_are_rejected_with_their_pointers() {
    let submit = Submit::new().await;
    for (pointer, value, code) in [
        ("/name", json!(5), "wrong_type"),
        ("/epochs", json!("ten"), "wrong_type"),
        ("/epochs", json!(-1), "out_of_range"),
        ("/epochs", json!(0), "out_of_range"),
        ("/epochs", json!(1.5), "wrong_type"),
        ("/epochs", json!(100_000_000), "out_of_range"),
        ("/revision", json!(0), "out_of_range"),
        ("/members", json!({}), "wrong_type"),
        ("/members/0/role", json!("boss"), "not_allowed"),
        ("/members/0/party", json!("../x"), "pattern"),
        ("/members/1/dataset", json!("/etc/passwd"), "pattern"),
        ("/template", json!("digits"), "pattern"),
        ("/rules/retries", json!(1000), "out_of_range"),
        ("/rules/no_progress_s", json!(0), "out_of_range"),
    ] {
        let answer = submit
            .with(|body| *body.pointer_mut(pointer).expect("in the example") = value.clone())
            .await;
        if pointer == "/revision" {
            answer.problem(404, "revision_not_found");
        } else {
            answer.field(pointer, code);
        }
    }
    submit.nothing_was_stored().await;
}

#[tokio::test]
async fn unknown_and_missing_fields_are_rejected_by_name() {
    let submit = Submit::new().await;
    let unknown = submit.with(|body| body["members"][1]["datset"] = "digits".into()).await;
    assert!(unknown.text().contains("did you mean \\\"dataset\\\"?"), "{}", unknown.text());
    unknown.field("/members/1/datset", "unknown");
    submit.with(|body| body["nmae"] = "x".into()).await.field("/nmae", "unknown");
    submit.with(|body| body["rules"]["retrys"] = 1.into()).await.field("/rules/retrys", "unknown");
    submit
        .with(|body| drop(body.as_object_mut().expect("an object").remove("epochs")))
        .await
        .field("/epochs", "required");
    submit
        .with(|body| drop(body["members"][0].as_object_mut().expect("an object").remove("party")))
        .await
        .field("/members/0/party", "required");
    submit.nothing_was_stored().await;
}

#[tokio::test]
async fn name_with_invalid_length_or_control_character_is_rejected() {
    let submit = Submit::new().await;
    for (name, code) in [
        ("", "too_short"),
        (&*"x".repeat(51), "too_long"),
        (&*"x".repeat(10_000), "too_long"),
        ("a\u{0}b", "pattern"),
        ("a\nb", "pattern"),
        (" ab ", "pattern"),
    ] {
        submit.with(|body| body["name"] = name.into()).await.field("/name", code);
    }
    submit.with(|body| body["remark"] = "x".repeat(501).into()).await.field("/remark", "too_long");
    submit.nothing_was_stored().await;
}

#[tokio::test]
async fn name_like_a_path_is_rejected_for_tasks_and_templates() {
    let submit = Submit::new().await;
    let hub = &submit.hub;
    let known = hub.get("/api/v2/templates").await.expect(StatusCode::OK).json();
    for name in ["../../etc", "a/b", "/etc/passwd", "..\\x", "a..b"] {
        let answer = submit.with(|body| body["name"] = name.into()).await;
        assert!(answer.text().contains("must not contain `/`"), "{}", answer.text());
        answer.field("/name", "pattern");
        let mut template = json!(flow_api_types::TemplateInput::sample());
        template["name"] = name.into();
        hub.post("/api/v2/templates").json(&template).await.field("/name", "pattern");
        let path =
            format!("/api/v2/templates/{}", submit.body["template"].as_str().expect("an id"));
        hub.put(&path).json(&template).await.field("/name", "pattern");
    }
    submit.nothing_was_stored().await;
    assert_eq!(hub.get("/api/v2/templates").await.expect(StatusCode::OK).json(), known);
}

#[tokio::test]
async fn parameters_are_checked_against_the_template() {
    let submit = Submit::new().await;
    let set =
        |name: &'static str, value: Value| move |body: &mut Value| body["parameters"][name] = value;
    submit
        .with(set("learning_rate", json!("fast")))
        .await
        .field("/parameters/learning_rate", "wrong_type");
    submit
        .with(set("learning_rate", json!("2")))
        .await
        .field("/parameters/learning_rate", "out_of_range");
    submit
        .with(set("learning_rate", json!(0.1)))
        .await
        .field("/parameters/learning_rate", "wrong_type");
    submit.with(set("momentum", json!("1"))).await.field("/parameters/momentum", "unknown");
    submit.nothing_was_stored().await;
}

#[tokio::test]
async fn impossible_strategy_is_rejected() {
    let submit = Submit::new().await;
    for strategy in ["FedOpt", "qFedAvg", "FedNova", "Nonsense"] {
        let answer = submit.with(|body| body["parameters"]["strategy"] = strategy.into()).await;
        let problem = answer.problem(422, "invalid");
        assert_eq!(problem["fields"][0]["pointer"], "/parameters/strategy", "{problem}");
    }
    submit.nothing_was_stored().await;
}

#[tokio::test]
async fn members_must_be_known_parties_once_each_with_one_aggregator() {
    let submit = Submit::new().await;
    submit
        .with(|body| body["members"][2]["party"] = "hospital-a".into())
        .await
        .field("/members/2/party", "duplicate");
    submit
        .with(|body| body["members"][2]["party"] = "nobody".into())
        .await
        .field("/members/2/party", "unknown");
    submit.with(|body| body["members"] = json!([])).await.problem(422, "invalid");
    submit.with(|body| body["members"][0]["role"] = "trainer".into()).await.problem(422, "invalid");
    submit
        .with(|body| body["members"][1]["role"] = "aggregator".into())
        .await
        .field("/members/1/role", "duplicate");
    let only = |body: &mut Value| body["members"].as_array_mut().expect("members").truncate(1);
    submit.with(only).await.field("/members", "required");
    submit
        .with(|body| body["rules"]["minimum_parties"] = 3.into())
        .await
        .field("/rules/minimum_parties", "out_of_range");
    submit.nothing_was_stored().await;
}

#[tokio::test]
async fn unknown_objects_are_not_found() {
    let submit = Submit::new().await;
    let unknown = "0".repeat(32);
    submit
        .with(|body| body["template"] = unknown.clone().into())
        .await
        .problem(404, "template_not_found");
    submit.with(|body| body["revision"] = 9.into()).await.problem(404, "revision_not_found");
    for id in [
        unknown.as_str(),
        "x",
        "..%2F..%2Fetc%2Fpasswd",
        "%00",
        "%0A",
        "'%20OR%201=1",
        "1e9",
        "%F0%9F%8D%89",
    ] {
        let path = format!("/api/v2/tasks/{id}");
        let hub = &submit.hub;
        hub.get(&path).await.problem(404, "task_not_found");
        hub.delete(&path).await.problem(404, "task_not_found");
        hub.put(&path).json(&submit.body).await.problem(404, "task_not_found");
        for verb in ["start", "stop"] {
            hub.post(&format!("{path}/{verb}")).await.problem(404, "task_not_found");
        }
        hub.get(&format!("{path}/runs")).await.problem(404, "task_not_found");
        hub.get(&format!("{path}/events")).await.problem(404, "task_not_found");
        hub.get(&format!("/api/v2/templates/{id}")).await.problem(404, "template_not_found");
    }
    submit.hub.get("/api/v2/tasks/%ff").await.problem(400, "malformed");
    submit.hub.call(Method::GET, "/api/v2/tasks/../../etc").await.problem(404, "route_not_found");
}

#[tokio::test]
async fn unknown_query_parameters_are_rejected() {
    let submit = Submit::new().await;
    let get = async |query: &str| submit.hub.get(&format!("/api/v2/tasks?{query}")).await;
    get("limit=0").await.field("?limit", "out_of_range");
    get("limit=201").await.field("?limit", "out_of_range");
    get("limit=ten").await.field("?limit", "wrong_type");
    get("limit=-1").await.field("?limit", "wrong_type");
    get("phase=runing").await.field("?phase", "pattern");
    get("phase=").await.field("?phase", "pattern");
    get("party=..").await.field("?party", "pattern");
    get("template=..").await.field("?template", "pattern");
    get("name=a%00b").await.field("?name", "pattern");
    get(&format!("name={}", "x".repeat(51))).await.field("?name", "too_long");
    get("pahse=running").await.field("?pahse", "unknown");
    get("limit=1&limit=2").await.field("?limit", "duplicate");
}

#[tokio::test]
async fn many_mistakes_are_truncated_and_long_names_shortened() {
    let submit = Submit::new().await;
    let member = json!({ "party": "nobody", "role": "trainer" });
    let answer = submit.with(|body| body["members"] = vec![member; 5000].into()).await;
    assert!(answer.body.len() < 50_000, "{} bytes", answer.body.len());
    let problem = answer.problem(422, "invalid");
    assert_eq!(problem["fields"].as_array().map(Vec::len), Some(100));
    assert!(problem["more_fields"].as_u64().is_some_and(|more| more > 9_000), "{problem}");
    assert!(problem["detail"].as_str().expect("text").contains(" more"), "{problem}");

    let long = "x".repeat(500_000);
    let unknown = submit.with(|body| body[&long] = 1.into()).await;
    let parameter = submit.with(|body| body["parameters"][&long] = "1".into()).await;
    let role = submit.with(|body| body["members"][0]["role"] = long.as_str().into()).await;
    let number = submit
        .with(|body| body["parameters"]["learning_rate"] = format!("1{}", "0".repeat(900)).into())
        .await;
    for answer in [unknown, parameter, role, number] {
        assert!(
            answer.body.len() < 2_000,
            "{} bytes: {}…",
            answer.body.len(),
            &answer.text()[..500]
        );
        answer.problem(422, "invalid");
    }
    submit.nothing_was_stored().await;
}
