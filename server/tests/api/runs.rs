//! Runs and their members.

use std::collections::BTreeMap;
use std::time::Duration;

use flow_domain::progress::{Point, Progress};
use flow_proto::v1::Reason;
use flow_server::store::ProgressWrite;
use flow_testkit::wait_for;
use http::StatusCode;
use serde_json::{Value, json};

use crate::common::{FakeAgent, TestApp};

async fn started(hub: &TestApp) -> (String, Value) {
    let task = hub.task().await;
    let run =
        hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED).json();
    (task, run)
}

#[tokio::test]
async fn run_shows_members_with_attempt_generation_and_sequence() {
    let hub = TestApp::start().await;
    let (task, run) = started(&hub).await;
    let path = format!("/api/v2/tasks/{task}/runs/{}", run["id"].as_str().expect("an id"));
    let read = hub.get(&path).await.expect(StatusCode::OK).json();
    assert_eq!(read, run);
    assert_eq!(
        (&run["task"], &run["number"], &run["framework"]),
        (&json!(task), &json!(1), &json!("iflearner"))
    );
    let members = run["members"].as_array().expect("members");
    let parties: Vec<_> =
        members.iter().map(|member| member["party"].as_str().expect("a party")).collect();
    assert_eq!(parties, ["hub", "hospital-a", "hospital-b"]);
    for member in members {
        let numbers = ["attempt", "generation", "observed_generation", "sequence"]
            .map(|name| member[name].as_u64());
        assert_eq!(numbers, [Some(0), Some(1), Some(0), Some(0)], "{member}");
        assert_eq!(
            (&member["phase"], &member["desired"], &member["contact"]["state"]),
            (&json!("pending"), &json!("admitted"), &json!("away"))
        );
        assert_eq!(member["digest"].as_str().map(str::len), Some(64));
        let one = hub
            .get(&format!("{path}/members/{}", member["party"].as_str().expect("a party")))
            .await
            .expect(StatusCode::OK);
        assert_eq!(&one.json(), member);
    }
}

#[tokio::test]
async fn u15_names_are_accepted_wherever_ids_are() {
    let hub = TestApp::start().await;
    let (task, run) = started(&hub).await;
    let id = run["id"].as_str().expect("an id");
    let read = hub.get(&format!("/api/v2/tasks/{task}")).await.expect(StatusCode::OK).json();
    let get = async |path: &str| hub.get(path).await.expect(StatusCode::OK).json();
    assert_eq!(get("/api/v2/tasks/digits-spring").await, read);
    for reference in [id, "1", "latest"] {
        let path = format!("/api/v2/tasks/digits-spring/runs/{reference}");
        assert_eq!(get(&path).await, run, "{reference}");
        let member = get(&format!("{path}/members/hospital-a")).await;
        assert_eq!(member, run["members"][1]);
        assert_eq!(get(&format!("{path}/members/hospital-a/series")).await, json!({"series": []}));
    }
    assert_eq!(get("/api/v2/tasks/digits-spring/runs").await["items"], json!([run]));
    let events = get("/api/v2/tasks/digits-spring/events").await;
    assert_eq!(events, get(&format!("/api/v2/tasks/{task}/events")).await);
    let template = get("/api/v2/templates/digits").await;
    assert_eq!(template["id"], read["template"]);
    get("/api/v2/templates/digits/revisions/1").await;
    get("/api/v2/templates/digits/revisions").await;
    assert_eq!(get("/api/v2/tasks?template=digits").await["items"], json!([read]));

    // An id is an id, even if an object has this name.
    let mut other = hub.task_body(template["id"].as_str().expect("an id"));
    other["name"] = json!(task);
    let other = hub.post("/api/v2/tasks").json(&other).await.expect(StatusCode::CREATED).json();
    assert_eq!(get(&format!("/api/v2/tasks/{task}")).await["id"], json!(task));
    assert_ne!(other["id"], json!(task));

    for (path, code) in [
        ("/api/v2/tasks/digits", "task_not_found"),
        ("/api/v2/tasks?template=digit", "template_not_found"),
        ("/api/v2/templates/digits-spring", "template_not_found"),
        ("/api/v2/tasks/digits-spring/runs/2", "run_not_found"),
        ("/api/v2/tasks/digits-spring/runs/newest", "run_not_found"),
        (
            &format!("/api/v2/tasks/{}/runs/latest", other["id"].as_str().expect("an id")),
            "run_not_found",
        ),
    ] {
        hub.get(path).await.problem(404, code);
    }
    hub.post("/api/v2/tasks/digits-spring/stop").await.expect(StatusCode::ACCEPTED);
    hub.post("/api/v2/tasks/digits-spring/start").await.expect(StatusCode::ACCEPTED);
    hub.delete("/api/v2/tasks/digits-spring").await.expect(StatusCode::NO_CONTENT);
    hub.delete("/api/v2/tasks/digits-spring").await.problem(404, "task_not_found");
}

#[tokio::test]
async fn runs_are_listed_newest_first() {
    let hub = TestApp::start().await;
    let (task, first) = started(&hub).await;
    hub.post(&format!("/api/v2/tasks/{task}/stop")).await.expect(StatusCode::ACCEPTED);
    let second =
        hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED).json();
    let page =
        hub.get(&format!("/api/v2/tasks/{task}/runs?limit=1")).await.expect(StatusCode::OK).json();
    assert_eq!(page["items"][0]["id"], second["id"]);
    let next = page["next"].as_str().expect("there is more");
    let page = hub
        .get(&format!("/api/v2/tasks/{task}/runs?limit=1&cursor={next}"))
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(
        (&page["items"][0]["id"], &page["items"][0]["phase"]),
        (&first["id"], &json!("cancelled"))
    );
    assert_eq!(page["next"], Value::Null);
}

#[tokio::test]
async fn u1_a_run_records_its_inputs_and_who_started_it() {
    let hub = TestApp::start().await;
    let (task, run) = started(&hub).await;
    let task = format!("/api/v2/tasks/{task}");
    let template = hub.get(&task).await.json()["template"].clone();
    let inputs = json!({
        "template": template, "template_name": "digits", "revision": 1, "epochs": 10,
        "parameters": { "learning_rate": "0.05" },
        "datasets": { "hospital-a": "digits", "hospital-b": "digits" },
    });
    assert_eq!((&run["inputs"], &run["started_by"]), (&inputs, &json!("alice")));

    // Neither an edit of the task nor one of the template changes the record. A later run has the
    // new name of the template and the default of its parameter.
    hub.post(&format!("{task}/stop")).await.expect(StatusCode::ACCEPTED);
    let path = format!("/api/v2/templates/{}", template.as_str().expect("an id"));
    let mut edited = json!(flow_api_types::TemplateInput::sample());
    edited["name"] = "numerals".into();
    hub.put(&path).json(&edited).await.expect(StatusCode::OK);
    let mut body = hub.task_body(template.as_str().expect("an id"));
    body["parameters"] = json!({});
    body["epochs"] = 3.into();
    hub.put(&task).json(&body).await.expect(StatusCode::OK);
    let hub = hub.restart().await;
    let second = hub.post(&format!("{task}/start")).await.expect(StatusCode::ACCEPTED).json();
    let mut of_second = inputs.clone();
    of_second["template_name"] = "numerals".into();
    of_second["epochs"] = 3.into();
    of_second["parameters"]["learning_rate"] = "0.1".into();
    assert_eq!(second["inputs"], of_second);
    let page = hub.get(&format!("{task}/runs")).await.expect(StatusCode::OK).json();
    let recorded = |index: usize| (&page["items"][index]["inputs"], &page["items"][index]["id"]);
    assert_eq!(recorded(0), (&of_second, &second["id"]));
    assert_eq!(recorded(1), (&inputs, &run["id"]));
    // The same revision has another name now.
    hub.post(&format!("{task}/stop")).await.expect(StatusCode::ACCEPTED);
    hub.put(&path)
        .json(&json!(flow_api_types::TemplateInput::sample()))
        .await
        .expect(StatusCode::OK);
    let third = hub.post(&format!("{task}/start")).await.expect(StatusCode::ACCEPTED).json();
    assert_eq!(third["inputs"], {
        of_second["template_name"] = "digits".into();
        of_second
    });
}

#[tokio::test]
async fn run_of_an_earlier_version_has_no_inputs() {
    let hub = TestApp::start().await;
    let (task, run) = started(&hub).await;
    let earlier = "UPDATE runs SET body = json_set(json_remove(body, '$.inputs', '$.started_by'), '$.members', json('[]'))";
    sqlx::query(earlier).execute(&mut hub.database().await).await.expect("changed");
    let hub = hub.restart().await;
    let path = format!("/api/v2/tasks/{task}/runs/{}", run["id"].as_str().expect("an id"));
    let read = hub.get(&path).await.expect(StatusCode::OK).json();
    assert_eq!((&read["inputs"], &read["started_by"]), (&Value::Null, &Value::Null));
    assert_eq!(read["members"].as_array().map(Vec::len), Some(3));
    hub.post(&format!("/api/v2/tasks/{task}/stop")).await.expect(StatusCode::ACCEPTED);
}

#[tokio::test]
async fn u2_overrides_belong_to_the_run_and_leave_the_task_unchanged() {
    let hub = TestApp::start().await;
    let id = hub.task().await;
    let task = format!("/api/v2/tasks/{id}");
    let before = hub.get(&task).await.json();
    let start = || hub.post(&format!("{task}/start"));
    for (body, pointer, code) in [
        (json!({ "epochs": 0 }), "/epochs", "out_of_range"),
        (
            json!({ "parameters": { "learning_rate": "2" } }),
            "/parameters/learning_rate",
            "out_of_range",
        ),
        (json!({ "parameters": { "speed": "2" } }), "/parameters/speed", "unknown"),
        (json!({ "members": [] }), "/members", "unknown"),
    ] {
        start().json(&body).await.field(pointer, code);
    }
    let body = json!({ "epochs": 2, "parameters": { "learning_rate": "0.5" } });
    let first = start().header("idempotency-key", "k").json(&body).await;
    let first = first.expect(StatusCode::ACCEPTED).json();
    let inputs = (&first["inputs"]["epochs"], &first["inputs"]["parameters"]["learning_rate"]);
    assert_eq!(inputs, (&json!(2), &json!("0.5")));
    assert_eq!(first["progress"]["epochs"], 2);
    let again = start().header("idempotency-key", "k").json(&body).await;
    assert_eq!(again.expect(StatusCode::ACCEPTED).json()["id"], first["id"]);
    let other = start().header("idempotency-key", "k").json(&json!({ "epochs": 3 })).await;
    other.problem(422, "idempotency_key_reused");
    start().header("idempotency-key", "k").await.problem(422, "idempotency_key_reused");
    let after = hub.get(&task).await.json();
    for field in ["epochs", "parameters", "revision", "modified_at"] {
        assert_eq!(after[field], before[field], "{field}");
    }

    hub.post(&format!("{task}/stop")).await.expect(StatusCode::ACCEPTED);
    let second = start().json(&Value::Null).await.expect(StatusCode::ACCEPTED).json();
    assert_eq!(second["inputs"]["epochs"], 10);
    assert_ne!(second["members"][1]["digest"], first["members"][1]["digest"]);

    let compared = [&first, &second].map(|run| run["id"].as_str().expect("an id").to_owned());
    let [a, b] = &compared;
    let comparison = hub
        .get(&format!("/api/v2/runs/compare?run={a}&run={b}"))
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(
        comparison["inputs"],
        json!([
            { "name": "epochs", "values": ["2", "10"] },
            { "name": "parameters.learning_rate", "values": ["0.5", "0.05"] },
        ])
    );
    // As everywhere else, names and numbers are accepted for ids.
    for (one, other) in [
        ("digits-spring/1", "digits-spring/2"),
        ("digits-spring/1", "digits-spring"),
        (a, "digits-spring/latest"),
        (&format!("{id}/1"), b),
    ] {
        let compared = hub.get(&format!("/api/v2/runs/compare?run={one}&run={other}")).await;
        assert_eq!(compared.expect(StatusCode::OK).json(), comparison, "{one} {other}");
    }
    hub.get(&format!("/api/v2/runs/compare?run={a}&run=digits-spring/1"))
        .await
        .field("?run", "duplicate");
}

#[tokio::test]
async fn u2_retry_has_the_inputs_of_its_run() {
    let hub = TestApp::start().await;
    let mut agents = Vec::new();
    for party in ["hub", "hospital-a", "hospital-b"] {
        agents.push(hub.agent(party).await);
    }
    let mut body = hub.task_body(&hub.template().await);
    body["rules"]["retries"] = 1.into();
    let task = hub.post("/api/v2/tasks").json(&body).await.expect(StatusCode::CREATED);
    let task = task.header("location").to_owned();
    let first = hub.post(&format!("{task}/start")).json(&json!({ "epochs": 2 })).await;
    let first = first.expect(StatusCode::ACCEPTED).json();
    for (desired, phase) in [("reserved", "reserved"), ("running", "running")] {
        for (index, agent) in agents.iter_mut().enumerate() {
            let member = agent.next_desired(desired).await;
            agent.report(&member, phase).await;
            if (desired, index) == ("running", 1) {
                let lost = Reason { code: "peer_lost".to_owned(), message: String::new() };
                agent.report_with(&member, "failed", |report| report.reason = Some(lost)).await;
            }
        }
    }
    for agent in [0, 2] {
        let member = agents[agent].next_desired("stopped").await;
        agents[agent].report(&member, "stopped").await;
    }
    let retry = agents[1].next_desired("admitted").await;
    let path = format!("{task}/runs/{}", retry.run_id);
    let retry = hub.get(&path).await.expect(StatusCode::OK).json();
    assert_eq!(retry["retry_of"], first["id"]);
    assert_eq!(retry["inputs"]["epochs"], 2);
    for field in ["inputs", "started_by", "rules"] {
        assert_eq!(retry[field], first[field], "{field}");
    }
    assert_eq!(retry["members"][1]["digest"], first["members"][1]["digest"]);
}

#[tokio::test]
async fn runs_of_all_tasks_are_listed_by_the_beginning_of_their_ids() {
    let hub = TestApp::start().await;
    let (task, first) = started(&hub).await;
    hub.post(&format!("/api/v2/tasks/{task}/stop")).await.expect(StatusCode::ACCEPTED);
    let template = hub.get(&format!("/api/v2/tasks/{task}")).await.json()["template"].clone();
    let mut body = hub.task_body(template.as_str().expect("an id"));
    body["name"] = "other".into();
    let other = hub.post("/api/v2/tasks").json(&body).await.expect(StatusCode::CREATED);
    let other = other.header("location").to_owned();
    let second = hub.post(&format!("{other}/start")).await.expect(StatusCode::ACCEPTED).json();
    let ids = async |query: &str| {
        let page = hub.get(&format!("/api/v2/runs{query}")).await.expect(StatusCode::OK).json();
        let items = page["items"].as_array().expect("items").iter();
        let ids: Vec<Value> = items.map(|run| run["id"].clone()).collect();
        (ids, page["next"].as_str().map(str::to_owned), page["items"][0]["task_name"].clone())
    };
    let (found, next, name) = ids("?limit=1").await;
    assert_eq!((found, name), (vec![second["id"].clone()], json!("other")));
    let (found, next, name) =
        ids(&format!("?limit=1&cursor={}", next.expect("there is more"))).await;
    assert_eq!((found, next, name), (vec![first["id"].clone()], None, json!("digits-spring")));
    let id = first["id"].as_str().expect("an id");
    assert_eq!(ids(&format!("?id={id}")).await.0, [first["id"].clone()]);
    assert_eq!(ids(&format!("?id={}", &id[..4])).await.0.len(), 2);
    assert_eq!(ids("?id=ffff").await.0.len(), 0);
    for wrong in ["x", "A", &"0".repeat(33)] {
        hub.get(&format!("/api/v2/runs?id={wrong}")).await.field("?id", "pattern");
    }
    hub.delete(&other).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(ids("").await.0, [first["id"].clone()]);
}

#[tokio::test]
async fn runs_are_compared_by_metrics_outcome_and_duration() {
    let hub = TestApp::start().await;
    let (task, first) = started(&hub).await;
    let task = format!("/api/v2/tasks/{task}");
    hub.clock.advance(2);
    hub.post(&format!("{task}/stop")).await.expect(StatusCode::ACCEPTED);
    let second = hub.post(&format!("{task}/start")).await.expect(StatusCode::ACCEPTED).json();
    let [first, second] = [&first, &second].map(|run| run["id"].as_str().expect("an id"));
    let write = |run: &str, points: &[(&str, u64, &str)]| ProgressWrite {
        project: "default".parse().expect("a project"),
        run: run.parse().expect("an id"),
        party: "hospital-a".parse().expect("a party"),
        at: hub.app.clock.now(),
        progress: Progress {
            points: points
                .iter()
                .map(|(series, step, value)| Point {
                    series: (*series).to_owned(),
                    step: *step,
                    value: (*value).to_owned(),
                })
                .collect(),
            ..Progress::default()
        },
    };
    let writes = [
        write(first, &[("acc", 1, "0.5"), ("acc", 2, "0.75"), ("loss", 1, "3"), ("loss", 2, "2")]),
        write(second, &[("acc", 1, "0.9"), ("acc", 2, "0.8"), ("acc", 3, "NaN")]),
    ];
    hub.app.store.write_progress(&writes).await.expect("stored");
    let compare = |runs: &[&str]| {
        let query: Vec<String> = runs.iter().map(|run| format!("run={run}")).collect();
        hub.get(&format!("/api/v2/runs/compare?{}", query.join("&")))
    };
    let found = compare(&[first, second]).await.expect(StatusCode::OK).json();
    assert_eq!((&found["inputs"], &found["more_metrics"]), (&json!([]), &json!(false)));
    let runs = &found["runs"];
    assert_eq!(
        (&runs[0]["ending"]["outcome"], &runs[0]["duration_s"], &runs[0]["task_name"]),
        (&json!("cancelled"), &json!(2.0), &json!("digits-spring"))
    );
    assert_eq!((&runs[1]["id"], &runs[1]["duration_s"]), (&json!(second), &Value::Null));
    let value = |last: Value, last_step: u64, best: f64, best_step: u64| json!({ "last": last, "last_step": last_step, "best": best, "best_step": best_step });
    let metric = |name: &str, lower: bool, values: Value| json!({ "party": "hospital-a", "name": name, "lower_is_better": lower, "values": values });
    assert_eq!(
        found["metrics"],
        json!([
            metric(
                "acc",
                false,
                json!([value(json!(0.75), 2, 0.75, 2), value(Value::Null, 3, 0.9, 1)])
            ),
            metric("loss", true, json!([value(json!(2.0), 2, 2.0, 2), null])),
        ])
    );
    compare(&[first]).await.field("?run", "out_of_range");
    compare(&[first, first]).await.field("?run", "duplicate");
    for (reference, code) in [
        ("digits-sprint/1", "task_not_found"),
        ("a%2Fb%2F1", "task_not_found"),
        ("digits-spring/9", "run_not_found"),
        ("digits-spring/x", "run_not_found"),
        ("", "task_not_found"),
    ] {
        compare(&[first, reference]).await.problem(404, code);
    }
    compare(&[first, &"0".repeat(32)]).await.problem(404, "run_not_found");
    hub.get("/api/v2/runs/compare?runs=x").await.field("?runs", "unknown");
}

#[tokio::test]
async fn run_or_member_of_another_task_is_not_found() {
    let hub = TestApp::start().await;
    let (task, run) = started(&hub).await;
    let run = run["id"].as_str().expect("an id");
    let mut body = hub.task_body(
        hub.get(&format!("/api/v2/tasks/{task}")).await.json()["template"].as_str().expect("an id"),
    );
    body["name"] = "other".into();
    let other = hub.post("/api/v2/tasks").json(&body).await.expect(StatusCode::CREATED).json();
    let other = other["id"].as_str().expect("an id");
    hub.get(&format!("/api/v2/tasks/{other}/runs/{run}")).await.problem(404, "run_not_found");
    hub.get(&format!("/api/v2/tasks/{task}/runs/2")).await.problem(404, "run_not_found");
    hub.get(&format!("/api/v2/tasks/{task}/runs/{run}/members/clinic"))
        .await
        .problem(404, "member_not_found");
    hub.get(&format!("/api/v2/tasks/{task}/runs/{run}/members/clinic/series"))
        .await
        .problem(404, "member_not_found");
    hub.get(&format!("/api/v2/tasks/{}/runs/{run}", "0".repeat(32)))
        .await
        .problem(404, "task_not_found");
}

#[tokio::test]
async fn progress_is_shown_in_task_run_member_and_series() {
    let hub = TestApp::start().await;
    let (task, run) = started(&hub).await;
    let run = run["id"].as_str().expect("an id");
    let write = |party: &str, epoch: u32, accuracy: &str| ProgressWrite {
        project: "default".parse().expect("a project"),
        run: run.parse().expect("an id"),
        party: party.parse().expect("a party"),
        at: hub.app.clock.now(),
        progress: Progress {
            epoch: Some(epoch),
            epochs: Some(10),
            metrics: BTreeMap::from([("local/acc".to_owned(), accuracy.to_owned())]),
            points: vec![Point {
                series: "local/acc".to_owned(),
                step: u64::from(epoch),
                value: accuracy.to_owned(),
            }],
            ..Progress::default()
        },
    };
    let writes = [
        write("hospital-a", 3, "0.5"),
        write("hospital-a", 4, "0.75"),
        write("hospital-b", 5, "NaN"),
    ];
    for progress in writes {
        hub.app.store.write_progress(&[progress]).await.expect("stored");
    }
    let expected =
        json!({ "epoch": 4, "epochs": 10, "members": { "hospital-a": 4, "hospital-b": 5 } });
    let shown = hub.get(&format!("/api/v2/tasks/{task}")).await.expect(StatusCode::OK).json();
    assert_eq!(shown["run"]["progress"], expected);
    let listed = hub.get("/api/v2/tasks").await.expect(StatusCode::OK).json();
    assert_eq!(listed["items"][0], shown);

    let path = format!("/api/v2/tasks/{task}/runs/{run}");
    let shown = hub.get(&path).await.expect(StatusCode::OK).json();
    assert_eq!(shown["progress"], expected);
    assert_eq!(shown["members"][0].get("progress"), None);
    assert_eq!(shown["members"][1]["progress"]["metrics"], json!({ "local/acc": 0.75 }));
    assert_eq!(shown["members"][2]["progress"]["metrics"], json!({ "local/acc": null }));

    let series =
        hub.get(&format!("{path}/members/hospital-a/series")).await.expect(StatusCode::OK).json();
    let points = json!([{ "step": 3, "value": 0.5 }, { "step": 4, "value": 0.75 }]);
    assert_eq!(series, json!({ "series": [{ "name": "local/acc", "points": points }] }));
}

#[tokio::test]
async fn log_of_an_absent_party_is_a_retryable_error() {
    let hub = TestApp::start().await;
    let (task, run) = started(&hub).await;
    let path = format!(
        "/api/v2/tasks/{task}/runs/{}/members/hospital-a/logs",
        run["id"].as_str().expect("an id")
    );
    let problem = hub.get(&path).await.problem(503, "log_unavailable");
    assert_eq!(problem["retryable"], true);
    hub.get(&format!("{path}?tail=x")).await.field("?tail", "wrong_type");
    hub.get(&format!("{path}?tail=-1")).await.field("?tail", "wrong_type");
    hub.get(&format!("{path}?follow=maybe")).await.problem(422, "invalid");
    hub.get(&format!("{path}?folow=true")).await.field("?folow", "unknown");
}

#[tokio::test]
async fn overview_has_counts_waiting_and_failed_runs_and_buckets_of_the_project() {
    let hub = TestApp::start().await;
    let overview = async |hours: u32| {
        let path = format!("/api/v2/overview?hours={hours}");
        hub.get(&path).await.expect(StatusCode::OK).json()
    };
    let empty = overview(1).await;
    assert_eq!((&empty["counts"], &empty["hours"]), (&json!({}), &json!(1)));
    assert_eq!(empty["buckets"].as_array().map(Vec::len), Some(24));
    assert_eq!(empty["buckets"][0]["queue_seconds_p50"], Value::Null);

    let mut agents = Vec::new();
    for party in ["hub", "hospital-a"] {
        agents.push(hub.agent(party).await);
    }
    let secret = hub.party("hospital-b").await;
    let task = hub.task_of_parties().await;
    assert_eq!(overview(2).await["counts"], json!({"new": 1}));
    hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED);
    let waiting = overview(3).await;
    assert_eq!(waiting["counts"], json!({"queued": 1}));
    assert_eq!(waiting["attention"]["waiting"][0]["task"], task.as_str());
    assert_eq!(waiting["attention"]["parties_away"], json!([]), "one has never connected");
    assert_eq!(waiting["buckets"][23]["started"], 1);

    hub.clock.advance(90);
    agents.push(FakeAgent::connect(hub.agents_address().await, "hospital-b", &secret).await);
    for phase in ["reserved", "running"] {
        for agent in &mut agents {
            let member = agent.next_desired(phase).await;
            agent.report(&member, phase).await;
        }
    }
    let path = format!("/api/v2/tasks/{task}/runs/latest");
    wait_for("the run runs", Duration::from_secs(30), async || {
        hub.get(&path).await.json()["phase"] == "running"
    })
    .await;
    hub.post(&format!("/api/v2/tasks/{task}/stop")).await.expect(StatusCode::ACCEPTED);
    for agent in &mut agents {
        let member = agent.next_desired("stopped").await;
        agent.report(&member, "stopped").await;
    }
    wait_for("the run has ended", Duration::from_secs(30), async || {
        hub.get(&path).await.json()["phase"] == "cancelled"
    })
    .await;
    drop(agents.remove(1));
    let contacts = wait_for("the party is away", Duration::from_secs(30), async || {
        let list = hub.get("/api/v2/parties/hospital-a/contacts").await;
        let list = list.expect(StatusCode::OK).json();
        (list["items"][0]["state"] == "away").then_some(list)
    })
    .await;
    assert_eq!(contacts["items"][0]["reason"], "disconnected");
    assert_eq!(contacts["items"][1]["state"], "connected");
    assert_eq!(contacts["items"].as_array().map(Vec::len), Some(2));
    let ended = overview(4).await;
    assert_eq!(ended["counts"], json!({"cancelled": 1}));
    let bucket = &ended["buckets"][23];
    assert_eq!((&bucket["cancelled"], &bucket["failed"]), (&json!(1), &json!(0)), "{ended}");
    assert!(bucket["queue_seconds_p50"].as_f64().is_some_and(|s| s >= 90.0), "{ended}");
    assert_eq!(bucket["queue_seconds_p50"], bucket["queue_seconds_max"]);
    assert_eq!(ended["attention"]["parties_away"][0]["name"], "hospital-a");
    assert_eq!(
        (&ended["attention"]["waiting"], &ended["attention"]["failed"]),
        (&json!([]), &json!([]))
    );

    hub.get("/api/v2/overview?hours=721").await.field("?hours", "out_of_range");
    let project = json!({"name": "other"});
    hub.post("/api/v2/projects").json(&project).await.expect(StatusCode::CREATED);
    let foreign = hub.account("foreign", "other", "admin").await;
    let other = hub.get("/api/v2/overview").token(&foreign).await.expect(StatusCode::OK).json();
    assert_eq!((&other["counts"], &other["attention"]["parties_away"]), (&json!({}), &json!([])));
    let contacts = hub.get("/api/v2/parties/hospital-a/contacts").token(&foreign).await;
    contacts.problem(404, "party_not_found");
    let system = hub.get("/api/v2/system").await.expect(StatusCode::OK).json();
    assert!(system["ready"].as_array().expect("checks").iter().all(|check| check["ok"] == true));
    assert_eq!(
        (&system["store"]["kind"], &system["agents_connected"]),
        (&json!("sqlite"), &json!(2))
    );
    assert!(system["store"]["size_bytes"].as_u64().is_some_and(|size| size > 4096), "{system}");
}
