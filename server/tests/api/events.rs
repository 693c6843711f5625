//! Events of a task, as pages and as a stream.

use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::common::TestApp;
use crate::common::document::{faults, schema};

/// Reads server-sent events one by one.
struct Reader {
    body: Body,
    text: String,
}

impl Reader {
    async fn open(hub: &TestApp, task: &str, after: Option<i64>) -> Self {
        let mut call =
            hub.get(&format!("/api/v2/tasks/{task}/events")).header("accept", "text/event-stream");
        if let Some(after) = after {
            call = call.header("last-event-id", &after.to_string());
        }
        let answer = call.open().await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { body: answer.into_body(), text: String::new() }
    }

    /// Returns id, kind and data of the next event, or `None` at the end of the stream.
    async fn next(&mut self) -> Option<(i64, String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let line = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(|text| text.trim().to_owned())
                };
                let parsed = line("id:").map(|id| {
                    let data = serde_json::from_str(&line("data:").expect("data")).expect("JSON");
                    assert_eq!(faults(&schema("Event"), &data), [""; 0], "{data}");
                    (id.parse().expect("a number"), line("event:").expect("a kind"), data)
                });
                self.text = rest.to_owned();
                if parsed.is_some() {
                    return parsed;
                }
                continue;
            }
            let frame = flow_common::clock::timeout(Duration::from_secs(30), self.body.frame())
                .await
                .expect("something is said in time");
            let frame = frame?.expect("the stream is whole");
            self.text += std::str::from_utf8(frame.data_ref().expect("data")).expect("UTF-8");
        }
    }
}

#[tokio::test]
async fn events_are_numbered_without_gaps_and_paged() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED);
    hub.post(&format!("/api/v2/tasks/{task}/stop")).await.expect(StatusCode::ACCEPTED);
    let all = hub.get(&format!("/api/v2/tasks/{task}/events")).await.expect(StatusCode::OK).json();
    let all = all["items"].as_array().expect("items").clone();
    assert_eq!(all[0]["kind"], "task.created");
    assert!(all.iter().any(|event| event["kind"] == "run.cancelled"), "{all:?}");
    let mut read = Vec::new();
    let mut after = "0".to_owned();
    loop {
        let page = hub
            .get(&format!("/api/v2/tasks/{task}/events?limit=2&after={after}"))
            .await
            .expect(StatusCode::OK)
            .json();
        read.extend(page["items"].as_array().expect("items").clone());
        let Some(next) = page["next"].as_str() else { break };
        after = next.to_owned();
    }
    assert_eq!(read, all);
    let numbers: Vec<_> =
        all.iter().map(|event| event["seq"].as_u64().expect("a number")).collect();
    assert_eq!(numbers, (1..=all.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn stream_has_stored_and_new_events_until_the_task_is_deleted() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    let mut reader = Reader::open(&hub, &task, None).await;
    let (id, kind, data) = reader.next().await.expect("an event");
    assert_eq!((id, kind.as_str()), (1, "task.created"));
    assert_eq!((&data["seq"], &data["kind"]), (&1.into(), &"task.created".into()));

    hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED);
    let (id, kind, data) = reader.next().await.expect("an event");
    assert_eq!((id, kind.as_str()), (2, "run.queued"));
    assert_eq!(data["run"].as_str().map(str::len), Some(32));

    hub.delete(&format!("/api/v2/tasks/{task}")).await.expect(StatusCode::NO_CONTENT);
    let mut last = String::new();
    while let Some((_, kind, _)) = reader.next().await {
        last = kind;
    }
    assert!(!last.is_empty());
}

#[tokio::test]
async fn broken_stream_resumes_after_the_last_event_across_a_restart() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    let mut reader = Reader::open(&hub, &task, None).await;
    let (last, ..) = reader.next().await.expect("an event");
    drop(reader);
    hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED);
    let hub = hub.restart().await;
    let mut reader = Reader::open(&hub, &task, Some(last)).await;
    let (id, kind, _) = reader.next().await.expect("an event");
    assert_eq!((id, kind.as_str()), (2, "run.queued"));
}

#[tokio::test]
async fn stream_ends_when_the_hub_stops() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    let mut reader = Reader::open(&hub, &task, None).await;
    reader.next().await.expect("an event");
    hub.stop();
    assert!(reader.next().await.is_none());
}

#[tokio::test]
async fn invalid_event_number_is_rejected() {
    let hub = TestApp::start().await;
    let path = format!("/api/v2/tasks/{}/events", hub.task().await);
    let stream = |last: &str| {
        hub.get(&path).header("accept", "text/event-stream").header("last-event-id", last)
    };
    stream("x").await.field("Last-Event-ID", "pattern");
    stream("-1").await.field("Last-Event-ID", "pattern");
    hub.get(&format!("{path}?after=x")).await.field("?after", "wrong_type");
    hub.get(&format!("{path}?after=-1")).await.field("?after", "out_of_range");
    hub.get(&format!("{path}?limit=0")).await.field("?limit", "out_of_range");
}
