//! Outputs of members on their way through the hub, which stores none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flow_domain::id::Digest;
use flow_proto::v1::{OutputChunk, OutputFile, OutputHead, OutputList, OutputOpen};
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::json;

use super::logs::Running;
use crate::common::FakeAgent;
use crate::common::agent::OLDER_AGENT;

const FILE: &[u8] = b"0123456789";

fn file(path: &str, sha256: &str) -> OutputFile {
    OutputFile {
        path: path.to_owned(),
        size: FILE.len() as u64,
        modified_at: 1_000_000,
        sha256: sha256.to_owned(),
    }
}

fn sha256() -> String {
    Digest::of(FILE).to_string()
}

fn head(path: &str, offset: u64) -> OutputChunk {
    let head = OutputHead { file: Some(file(path, &sha256())), offset };
    OutputChunk { head: Some(head), ..OutputChunk::default() }
}

fn data(bytes: &'static [u8]) -> OutputChunk {
    OutputChunk { data: Bytes::from_static(bytes), ..OutputChunk::default() }
}

/// Answers the next request with these chunks.
async fn answer(agent: &mut FakeAgent, chunks: Vec<OutputChunk>) -> OutputOpen {
    let wanted = agent.output_wanted().await;
    let sender = agent.open_output(&wanted);
    for chunk in chunks {
        // The hub stops to read after an error.
        let _ = sender.send(chunk).await;
    }
    wanted
}

#[tokio::test]
async fn u6_outputs_are_listed_as_the_party_names_them() {
    let mut running = Running::new().await;
    let path = format!("{}/members/hospital-a/outputs", running.path);
    let (agent, member) = &mut running.agents[1];
    let files = vec![file("a/model.npz", &sha256()), file("new", "")];
    let list = |files| OutputChunk {
        list: Some(OutputList { files, left_out: 3 }),
        ..OutputChunk::default()
    };
    let (listed, wanted) =
        tokio::join!(running.hub.get(&path).into_future(), answer(agent, vec![list(files)]));
    assert_eq!(
        (wanted.run_id.as_str(), wanted.attempt, wanted.path.as_str()),
        (member.run_id.as_str(), member.attempt, "")
    );
    assert_eq!(wanted.project, "default", "a party may release outputs to some projects only");
    let listed = listed.expect(StatusCode::OK).json();
    assert_eq!(
        listed,
        json!({"left_out": 3, "outputs": [
            {"path": "a/model.npz", "size": 10, "modified_at": "1970-01-01T00:00:01.000000Z", "sha256": sha256()},
            {"path": "new", "size": 10, "modified_at": "1970-01-01T00:00:01.000000Z"},
        ]})
    );
    // The hub does not trust the party: no reader may get a path out of its folder.
    for bad in ["../model.npz", "/etc/passwd", "a\u{1b}[2J", ""] {
        let (listed, _) = tokio::join!(
            running.hub.get(&path).into_future(),
            answer(agent, vec![list(vec![file(bad, "")])])
        );
        listed.problem(503, "output_unavailable");
    }
    let many = vec![file("x", ""); 1001];
    let (listed, _) =
        tokio::join!(running.hub.get(&path).into_future(), answer(agent, vec![list(many)]));
    listed.problem(503, "output_unavailable");
}

#[tokio::test]
async fn u6_output_is_fetched_whole_and_continued() {
    let mut running = Running::new().await;
    let path = format!("{}/members/hospital-a/outputs/a%2Fmodel.npz", running.path);
    let (agent, _) = &mut running.agents[1];
    let tag = format!("\"{}\"", sha256());
    let whole = vec![head("a/model.npz", 0), data(&FILE[..4]), data(&FILE[4..])];
    let (got, wanted) =
        tokio::join!(running.hub.get(&path).into_future(), answer(agent, whole.clone()));
    assert_eq!((wanted.path.as_str(), wanted.offset), ("a/model.npz", 0));
    let got = got.expect(StatusCode::OK);
    assert_eq!((got.header("etag"), got.header("content-length")), (tag.as_str(), "10"));
    assert_eq!(
        (got.header("accept-ranges"), got.header("x-content-type-options")),
        ("bytes", "nosniff")
    );
    assert_eq!((got.header("content-disposition"), got.text().as_bytes()), ("attachment", FILE));

    let resume = || running.hub.get(&path).header("range", "bytes=4-").header("if-range", &tag);
    let rest = vec![head("a/model.npz", 4), data(&FILE[4..])];
    let (got, wanted) = tokio::join!(resume().into_future(), answer(agent, rest));
    assert_eq!((wanted.offset, wanted.if_sha256), (4, sha256()));
    let got = got.expect(StatusCode::PARTIAL_CONTENT);
    assert_eq!((got.header("content-range"), got.text().as_str()), ("bytes 4-9/10", "456789"));
    // The file has changed: the party sends the whole one.
    let (got, _) = tokio::join!(resume().into_future(), answer(agent, whole.clone()));
    assert_eq!(got.expect(StatusCode::OK).text().as_bytes(), FILE);
    // A tag that is none of ours: no range.
    let other = running.hub.get(&path).header("range", "bytes=4-").header("if-range", "\"7\"");
    let (got, wanted) = tokio::join!(other.into_future(), answer(agent, whole));
    assert_eq!((got.status, wanted.offset), (StatusCode::OK, 0));
    let beyond = running.hub.get(&path).header("range", "bytes=10-");
    let (got, _) = tokio::join!(beyond.into_future(), answer(agent, vec![head("a/model.npz", 10)]));
    assert_eq!(got.header("content-range"), "bytes */10");
    got.problem(416, "range_not_satisfiable");
    let empty = OutputHead {
        file: Some(OutputFile { size: 0, ..file("a/model.npz", &sha256()) }),
        offset: 0,
    };
    let empty = OutputChunk { head: Some(empty), ..OutputChunk::default() };
    let (got, _) = tokio::join!(running.hub.get(&path).into_future(), answer(agent, vec![empty]));
    assert_eq!((got.header("content-length"), got.text().as_str()), ("0", ""));
}

#[tokio::test]
async fn u6_output_that_breaks_off_or_is_longer_does_not_look_whole() {
    let mut running = Running::new().await;
    let path = format!("{}/members/hospital-a/outputs/model.npz", running.path);
    let (agent, _) = &mut running.agents[1];
    let broken: [&[OutputChunk]; 2] = [
        &[head("model.npz", 0), data(&FILE[..9])],
        &[head("model.npz", 0), data(FILE), data(FILE)],
    ];
    for (chunks, is_shorter) in broken.into_iter().zip([true, false]) {
        let (got, _) = tokio::join!(running.hub.get(&path).open(), answer(agent, chunks.to_vec()));
        assert_eq!(got.status(), StatusCode::OK);
        let body = got.into_body().collect().await;
        assert_eq!(body.is_err(), is_shorter, "{body:?}");
        // Nothing follows the announced bytes.
        assert!(body.map_or(true, |body| body.to_bytes() == FILE));
    }
    // Another file, an offset that was not asked for, or no digest.
    let unknown = OutputHead { file: Some(file("model.npz", "")), offset: 0 };
    let unknown = OutputChunk { head: Some(unknown), ..OutputChunk::default() };
    for first in [head("other", 0), unknown, data(FILE)] {
        let (got, _) =
            tokio::join!(running.hub.get(&path).into_future(), answer(agent, vec![first]));
        got.problem(503, "output_unavailable");
    }
}

#[tokio::test]
async fn u6_refusals_name_the_party_and_an_older_agent_is_named() {
    let mut running = Running::new().await;
    let path = format!("{}/members/hospital-a/outputs", running.path);
    let (agent, _) = &mut running.agents[1];
    for (code, status, shown) in [
        ("policy_denied", 403, "output_refused"),
        ("output_not_found", 404, "output_not_found"),
        ("runtime_error", 503, "output_unavailable"),
    ] {
        for path in [path.clone(), format!("{path}/model.npz")] {
            let (got, ()) = tokio::join!(running.hub.get(&path).into_future(), async {
                let wanted = agent.output_wanted().await;
                agent.refuse_output(&wanted, code).await;
            });
            let problem = got.problem(status, shown);
            let detail = problem["detail"].as_str().expect("text");
            assert!(detail.starts_with("hospital-a ") && detail.contains("keeps"), "{problem}");
        }
    }
    let older = format!("{}/members/{OLDER_AGENT}/outputs", running.path);
    let problem = running.hub.get(&older).await.problem(409, "agent_outdated");
    let detail = problem["detail"].as_str().expect("text");
    assert!(detail.contains("the agent of hospital-b has version test"), "{problem}");
    // Paths that no output can have do not reach the party.
    for bad in [
        "..%2Fx",
        "%2Fetc%2Fpasswd",
        "a%00b",
        "a%2F%2Fb",
        "%2e%2e",
        ".",
        "a%0Ab",
        "%ff",
        &"x".repeat(513),
    ] {
        let got = running.hub.get(&format!("{path}/{bad}")).await;
        assert!([400, 404].contains(&got.status.as_u16()), "{bad}: {}", got.status);
    }
    running.hub.get(&format!("{path}/a/b")).await.problem(404, "route_not_found");
}

#[tokio::test]
async fn u6_slow_reader_of_an_output_costs_bounded_memory_and_a_reader_that_leaves_ends_it() {
    const CHUNKS: usize = 1024;
    let chunk = OutputChunk { data: vec![b'x'; 32 * 1024].into(), ..OutputChunk::default() };
    let mut running = Running::new().await;
    let path = format!("{}/members/hospital-a/outputs/model.npz", running.path);
    let (agent, _) = &mut running.agents[1];
    let size = CHUNKS * chunk.data.len();
    let first = OutputFile { size: size as u64, ..file("model.npz", &sha256()) };
    let first = OutputHead { file: Some(first), offset: 0 };
    let first = OutputChunk { head: Some(first), ..OutputChunk::default() };
    let (got, sender) = tokio::join!(running.hub.get(&path).open(), async {
        let wanted = agent.output_wanted().await;
        let sender = agent.open_output(&wanted);
        sender.send(first.clone()).await.expect("somebody reads");
        sender
    });
    let sent = Arc::new(AtomicUsize::new(0));
    let (counter, repeated) = (Arc::clone(&sent), chunk.clone());
    let mut pushing = tokio::spawn(async move {
        for _ in 0..CHUNKS {
            sender.send(repeated.clone()).await.expect("somebody reads");
            counter.fetch_add(repeated.data.len(), Ordering::SeqCst);
        }
    });
    // Without a reader, bounded buffers stop the party long before the end.
    assert!(flow_common::clock::timeout(Duration::from_millis(500), &mut pushing).await.is_err());
    let held = sent.load(Ordering::SeqCst);
    assert!(held < 2 * 1024 * 1024, "{held} bytes were taken in without a reader");
    assert_eq!(got.into_body().collect().await.expect("whole").to_bytes().len(), size);
    pushing.await.expect("all is sent");

    let (got, sender) = tokio::join!(running.hub.get(&path).open(), async {
        let wanted = agent.output_wanted().await;
        let sender = agent.open_output(&wanted);
        sender.send(first.clone()).await.expect("somebody reads");
        sender
    });
    drop(got);
    flow_common::clock::timeout(Duration::from_secs(30), sender.closed())
        .await
        .expect("the hub ends the stream of a reader that left");
}
