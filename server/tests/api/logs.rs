//! A complete run with agents that use the real protocol, and the logs of its members.

use std::time::Duration;

use bytes::Bytes;
use flow_testkit::wait_for;
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::common::{FakeAgent, TestApp};

/// A task with three running members, and the path of its run.
pub struct Running {
    pub hub: TestApp,
    pub agents: [(FakeAgent, flow_proto::v1::DesiredMember); 3],
    pub path: String,
}

impl Running {
    pub async fn new() -> Self {
        let hub = TestApp::start().await;
        let [mut hub_agent, mut a, mut b] =
            [hub.agent("hub").await, hub.agent("hospital-a").await, hub.agent("hospital-b").await];
        let body = hub.task_body(&hub.template().await);
        let task = hub.post("/api/v2/tasks").json(&body).await.expect(StatusCode::CREATED).json();
        let task = task["id"].as_str().expect("an id");
        let run = hub
            .post(&format!("/api/v2/tasks/{task}/start"))
            .await
            .expect(StatusCode::ACCEPTED)
            .json();
        let path = format!("/api/v2/tasks/{task}/runs/{}", run["id"].as_str().expect("an id"));
        let (one, two, three) = tokio::join!(hub_agent.run(), a.run(), b.run());
        let running = Self { hub, agents: [(hub_agent, one), (a, two), (b, three)], path };
        running.until("running").await;
        running
    }

    /// Waits for a phase of the run and returns the run.
    async fn until(&self, phase: &str) -> Value {
        wait_for("the run moves on", Duration::from_secs(30), async || {
            let run = self.hub.get(&self.path).await.expect(StatusCode::OK).json();
            (run["phase"] == phase).then_some(run)
        })
        .await
    }
}

#[tokio::test]
async fn run_shows_the_reports_of_its_members() {
    let mut running = Running::new().await;
    let run = running.until("running").await;
    assert_eq!(run["members"][0]["endpoints"]["grpc"], "127.0.0.1:41234");
    assert_eq!(run["members"][1]["contact"], json!({ "state": "connected" }));
    assert_eq!(
        (&run["members"][1]["attempt"], &run["members"][1]["sequence"]),
        (&json!(1), &json!(2))
    );
    assert!(run.get("waiting").is_none(), "{run}");

    let (agent, member) = &mut running.agents[1];
    agent.exited(member, 3).await;
    let run = running.until("stopping").await;
    assert_eq!(
        (&run["ending"]["code"], &run["ending"]["party"]),
        (&json!("member_failed"), &json!("hospital-a"))
    );
    assert_eq!(run["ending"]["reason"]["code"], "exit_nonzero");
    assert_eq!(run["members"][1]["exit"]["code"], 3);
    assert_eq!(run["members"][1]["exit"]["started_at"], "1970-01-01T00:00:01.000000Z");
    for (agent, member) in running.agents.iter_mut().step_by(2) {
        let stop = agent.next_desired("stopped").await;
        assert_eq!(stop.run_id, member.run_id);
        agent.report(&stop, "stopped").await;
    }
    let run = running.until("failed").await;
    assert_eq!(run["ending"]["outcome"], "failed");
    let party = running.hub.get("/api/v2/parties/hospital-a").await.expect(StatusCode::OK).json();
    assert_eq!(
        (&party["contact"]["state"], &party["agent"]["version"]),
        (&json!("connected"), &json!("test"))
    );
}

#[tokio::test]
async fn u8_last_lines_of_a_failed_member_are_shown_bounded_and_escaped() {
    let mut running = Running::new().await;
    let (agent, member) = &mut running.agents[1];
    let mut lines: Vec<String> = (0..20).map(|n| format!("line {n}")).collect();
    lines.push(format!("\u{1b}[2J{}", "x".repeat(10_000)));
    agent
        .report_with(member, "failed", |report| {
            report.exit = Some(flow_proto::v1::Exit {
                code: Some(1),
                last_lines: lines,
                ..Default::default()
            });
        })
        .await;
    let run = running.until("stopping").await;
    let shown = run["members"][1]["exit"]["last_lines"].as_array().expect("lines").clone();
    assert_eq!((shown.len(), &shown[8]), (10, &json!("line 19")));
    let last = shown[9].as_str().expect("text");
    assert!(last.starts_with("\\u{1b}[2Jxxx") && last.chars().count() < 210, "{last}");
}

#[tokio::test]
async fn followed_log_arrives_as_it_is_written() {
    let mut running = Running::new().await;
    let path = format!("{}/members/hospital-a/logs?tail=2&follow=true", running.path);
    let (agent, member) = &mut running.agents[1];
    let (answer, lines) = tokio::join!(running.hub.get(&path).open(), async {
        let wanted = agent.log_wanted().await;
        assert_eq!(
            (wanted.run_id.as_str(), wanted.attempt),
            (member.run_id.as_str(), member.attempt)
        );
        assert_eq!((wanted.tail_lines, wanted.follow), (Some(2), true));
        agent.open_log(&wanted).await
    });
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    let mut body = answer.into_body();
    for line in ["epoch 1\n", "epoch 2\n"] {
        lines.send(Bytes::from(line)).await.expect("somebody reads");
        let frame = body.frame().await.expect("a frame").expect("whole");
        assert_eq!(frame.into_data().expect("data"), line);
    }
    drop(lines);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn b3_empty_log_is_empty_and_truncated_log_is_an_error() {
    let mut running = Running::new().await;
    for query in ["", "?tail=0"] {
        let path = format!("{}/members/hospital-a/logs{query}", running.path);
        let (agent, _) = &mut running.agents[1];
        let (answer, ()) = tokio::join!(running.hub.get(&path).into_future(), async {
            let wanted = agent.log_wanted().await;
            agent.send_empty_log(&wanted).await;
        });
        assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, ""));
    }
    let path = format!("{}/members/hospital-a/logs?follow=true", running.path);
    let (agent, _) = &mut running.agents[1];
    let (answer, lines) = tokio::join!(running.hub.get(&path).open(), async {
        let wanted = agent.log_wanted().await;
        agent.open_log(&wanted).await
    });
    running
        .hub
        .post("/api/v2/parties/hospital-a/secret")
        .json(&json!({}))
        .await
        .expect(StatusCode::OK);
    let mut body = answer.into_body();
    let broken = flow_common::clock::timeout(Duration::from_secs(30), body.frame())
        .await
        .expect("the reader is refusals in time");
    assert!(broken.expect("an error").is_err(), "a log that was cut must not look whole");
    drop(lines);
}

#[tokio::test]
async fn log_has_backpressure_from_its_reader() {
    const CHUNKS: usize = 1024;
    let chunk = Bytes::from(vec![b'x'; 32 * 1024]);
    let mut running = Running::new().await;
    let path = format!("{}/members/hospital-a/logs", running.path);
    let (agent, _) = &mut running.agents[1];
    let (answer, lines) = tokio::join!(running.hub.get(&path).open(), async {
        let wanted = agent.log_wanted().await;
        assert_eq!((wanted.tail_lines, wanted.follow), (None, false));
        agent.open_log(&wanted).await
    });
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&sent);
    let size = chunk.len();
    let mut pushing = tokio::spawn(async move {
        for _ in 0..CHUNKS {
            lines.send(chunk.clone()).await.expect("somebody reads");
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    // Without a reader, bounded buffers stop the writer long before the end.
    assert!(flow_common::clock::timeout(Duration::from_millis(500), &mut pushing).await.is_err());
    let held = sent.load(std::sync::atomic::Ordering::SeqCst) * size;
    assert!(held < 2 * 1024 * 1024, "{held} bytes were taken in without a reader");
    let all = answer.into_body().collect().await.expect("whole").to_bytes();
    assert_eq!(all.len(), CHUNKS * size);
    pushing.await.expect("all is sent");
}

#[tokio::test]
async fn agent_is_notified_when_the_reader_of_a_log_disconnects() {
    let mut running = Running::new().await;
    let path = format!("{}/members/hospital-a/logs?follow=true", running.path);
    let (agent, _) = &mut running.agents[1];
    let (answer, (id, lines)) = tokio::join!(running.hub.get(&path).open(), async {
        let wanted = agent.log_wanted().await;
        (wanted.stream_id, agent.open_log(&wanted).await)
    });
    drop(answer);
    assert_eq!(agent.log_unwanted().await, id);
    drop(lines);
}

#[tokio::test]
async fn undisclosed_log_is_rejected() {
    let mut running = Running::new().await;
    let path = format!("{}/members/hospital-b/logs", running.path);
    let (agent, _) = &mut running.agents[2];
    let refusals = [
        ("policy_denied", 403, "log_refused"),
        ("log_not_found", 404, "log_not_found"),
        ("runtime_error", 503, "log_unavailable"),
    ];
    for (code, status, shown) in refusals {
        let (answer, ()) = tokio::join!(running.hub.get(&path).into_future(), async {
            let wanted = agent.log_wanted().await;
            agent.refuse_log(&wanted, code).await;
        });
        let problem = answer.problem(status, shown);
        assert!(problem["detail"].as_str().expect("text").contains("keeps its logs"), "{problem}");
        assert_eq!(problem["retryable"], status == 503, "only a temporary error is retryable");
    }
}

#[tokio::test]
async fn followed_log_ends_when_the_hub_stops() {
    let mut running = Running::new().await;
    let path = format!("{}/members/hospital-a/logs?follow=true", running.path);
    let (agent, _) = &mut running.agents[1];
    let (answer, lines) = tokio::join!(running.hub.get(&path).open(), async {
        let wanted = agent.log_wanted().await;
        agent.open_log(&wanted).await
    });
    running.hub.stop();
    assert!(answer.into_body().frame().await.is_none());
    drop(lines);
}
