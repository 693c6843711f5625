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
        Self::of(hub, &format!("/api/v2/tasks/{task}/events"), after).await
    }

    /// Opens the stream of the project.
    async fn of_project(hub: &TestApp, after: Option<i64>) -> Self {
        Self::of(hub, "/api/v2/events", after).await
    }

    async fn of(hub: &TestApp, path: &str, after: Option<i64>) -> Self {
        let mut call = hub.get(path).header("accept", "text/event-stream");
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

/// Creates tasks with these names.
async fn create(hub: &TestApp, names: &[&str]) {
    let template =
        hub.get("/api/v2/templates").await.expect(StatusCode::OK).json()["items"][0]["id"].clone();
    for name in names {
        let mut body = hub.task_body(template.as_str().expect("an id"));
        body["name"] = (*name).into();
        hub.post("/api/v2/tasks").json(&body).await.expect(StatusCode::CREATED);
    }
}

async fn next_task(reader: &mut Reader) -> (i64, String) {
    let (number, _, data) = reader.next().await.expect("an event");
    assert_eq!(faults(&schema("FeedEvent"), &data), [""; 0], "{data}");
    assert_eq!(data["number"], number);
    (number, data["task_name"].as_str().expect("a name").to_owned())
}

#[tokio::test]
async fn project_stream_has_the_events_of_all_tasks_and_resumes() {
    let hub = TestApp::start().await;
    hub.task().await;
    // Without a position only new events.
    let mut new = Reader::of_project(&hub, None).await;
    create(&hub, &["a", "b"]).await;
    let (first, name) = next_task(&mut new).await;
    assert_eq!(name, "a");
    let (second, name) = next_task(&mut new).await;
    assert_eq!((name.as_str(), second > first), ("b", true));
    drop(new);
    create(&hub, &["c"]).await;
    // A broken stream continues from the store, and then with what is new.
    let mut resumed = Reader::of_project(&hub, Some(first)).await;
    assert_eq!(next_task(&mut resumed).await, (second, "b".to_owned()));
    assert_eq!(next_task(&mut resumed).await.1, "c");
    hub.delete("/api/v2/tasks/a").await.expect(StatusCode::NO_CONTENT);
    let (_, kind, data) = resumed.next().await.expect("an event");
    assert_eq!((kind.as_str(), &data["task_name"]), ("task.deleted", &"a".into()));
    // A number beyond the newest is that of another database.
    let mut ahead = Reader::of_project(&hub, Some(i64::MAX)).await;
    create(&hub, &["d"]).await;
    assert_eq!(next_task(&mut ahead).await.1, "d");

    let page = hub.get("/api/v2/events?limit=2").await.expect(StatusCode::OK).json();
    assert_eq!(page["items"][1]["task_name"], "a");
    let next = page["next"].as_str().expect("there is more");
    let rest = hub.get(&format!("/api/v2/events?after={next}")).await.expect(StatusCode::OK).json();
    let names: Vec<&str> = rest["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|event| event["task_name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["b", "c", "a", "d"]);
    hub.get("/api/v2/events?after=-1").await.field("?after", "out_of_range");
}

#[tokio::test]
async fn five_hundred_unread_streams_delay_neither_commits_nor_another_stream() {
    let hub = TestApp::start().await;
    hub.task().await;
    let mut slow = Vec::new();
    for _ in 0..500 {
        slow.push(Reader::of_project(&hub, None).await);
    }
    let mut fast = Reader::of_project(&hub, None).await;
    let names: Vec<String> = (0..30).map(|number| format!("t{number}")).collect();
    create(&hub, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for name in &names {
        assert_eq!(&next_task(&mut fast).await.1, name);
    }
    // Each of them still gets all of it.
    for reader in slow.iter_mut().step_by(499) {
        for name in &names {
            assert_eq!(&next_task(reader).await.1, name);
        }
    }
}
