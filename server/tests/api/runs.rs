//! Runs and their members.

use std::collections::BTreeMap;

use flow_domain::progress::{Point, Progress};
use flow_server::store::ProgressWrite;
use http::StatusCode;
use serde_json::{Value, json};

use crate::common::TestApp;

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
    hub.get(&format!("/api/v2/tasks/{task}/runs/1")).await.problem(404, "run_not_found");
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
