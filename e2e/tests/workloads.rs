//! Workloads that misbehave, and clients that disconnect.

use std::fs;
use std::time::Duration;

use flow_e2e::{Federation, Job, SOON, eventually, member, proc};
use futures::StreamExt as _;
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const BOTH: [&str; 2] = ["hospital-a", "hospital-b"];

#[tokio::test]
async fn workload_that_exits_1_fails_the_run_and_stops_the_other_members() {
    let federation = Federation::start().await;
    // The others would wait without end.
    let job = Job::new("fail").template("aggregator_command", json!(["work", "hang"]));
    let run = federation.hub.launch(&job).await;
    let end = federation.hub.ends(&run, "failed", "member_failed").await;
    let culprit = end["ending"]["party"].as_str().expect("a culprit").to_owned();
    assert!(BOTH.contains(&culprit.as_str()), "{end:#}");
    assert_eq!(end["ending"]["reason"]["code"], "exit_nonzero");
    assert_eq!(member(&end, &culprit)["exit"]["code"], 1);
    assert_eq!(member(&end, "hub")["phase"], "stopped");
    federation.nothing_left(&run, None).await;
    federation.end().await;
}

#[tokio::test]
async fn hanging_workload_ends_by_a_stop_by_its_longest_runtime_or_without_progress() {
    let federation = Federation::start().await;
    let hub = &federation.hub;
    let hang = Job::new("hang").trainers_only();
    let (stopped, too_long, idle) = (
        hub.launch(&hang).await,
        hub.launch(&hang.clone().template("max_runtime_s", 5)).await,
        hub.launch(&hang.clone().rule("no_progress_s", 5)).await,
    );
    hub.wait_phase(&stopped, "running").await;
    federation.wait_started(&stopped, &BOTH).await;
    hub.stop(&stopped).await;
    hub.stop(&stopped).await;
    let end = hub.ends(&stopped, "cancelled", "stopped").await;
    assert_eq!(member(&end, "hospital-a")["reason"]["code"], "stop_requested");
    let end = hub.ends(&too_long, "failed", "member_failed").await;
    assert_eq!(end["ending"]["reason"]["code"], "max_runtime_exceeded");
    hub.ends(&idle, "failed", "no_progress").await;
    for run in [stopped, too_long, idle] {
        assert_eq!(federation.started(&run), BOTH);
        federation.nothing_left(&run, None).await;
    }
    federation.end().await;
}

#[tokio::test]
async fn u25_administrator_of_a_party_approves_sees_and_stops_a_member() {
    let mut federation = Federation::start().await;
    let hub = federation.hub.clone();
    let file = federation.root().join("hospital-a.toml");
    let asks =
        fs::read_to_string(&file).expect("a file").replace("allow = true", "allow = \"ask\"");
    fs::write(&file, asks).expect("the folder is ours");
    federation.admin("hospital-a", &["reload"]);

    let run = hub.launch(&Job::new("gate").trainers_only()).await;
    let waits = |now: &Value| now["waiting"]["code"] == "approval";
    let waiting = hub.wait(&run, "the run to wait for the approval", SOON, waits).await;
    let command = format!("flow-federate approve {}", run.id);
    for text in
        [&waiting["waiting"]["message"], &member(&waiting, "hospital-a")["reason"]["message"]]
    {
        let text = text.as_str().expect("a text");
        assert!(text.contains(&command) && text.contains("hospital-a"), "{text}");
    }
    let shown = federation.admin("hospital-a", &["show", &run.id, "-o", "json"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let digest = shown["member"]["digest"].as_str().expect("a digest");
    assert_eq!(member(&waiting, "hospital-a")["digest"], digest, "the hub shows the same digest");
    federation.admin("hospital-a", &["approve", &run.id, "--digest", digest]);
    federation.kill9_agent("hospital-a");
    federation.restart_server().await;
    federation.start_agent("hospital-a").await;
    hub.wait_phase(&run, "running").await;
    federation.wait_started(&run, &BOTH).await;
    federation.admin("hospital-a", &["logs", &run.id]);
    let list = federation.admin("hospital-a", &["list"]);
    assert!(list.contains("gate") && list.contains("running"), "{list}");

    federation.admin("hospital-a", &["stop", &run.id]);
    federation.kill9_agent("hospital-a");
    federation.start_agent("hospital-a").await;
    let end = hub.ends(&run, "failed", "member_failed").await;
    let reason = &member(&end, "hospital-a")["reason"];
    assert_eq!(reason["code"], "stopped_by_party");
    assert_eq!(reason["message"], "stopped by the administrator of hospital-a");
    federation.nothing_left(&run, None).await;
    let log = || fs::read_to_string(federation.log_file("hospital-a")).unwrap_or_default();
    let purged = async || log().contains("purged a member").then_some(());
    assert!(eventually(SOON, purged).await.is_some(), "{}", log());
    let log = log();
    for line in [
        "received a member",
        "the member waits for approval",
        "the administrator approves a member",
        "reserved ports and resources for a member",
        "started a member",
        "stopped a member",
    ] {
        assert!(log.contains(line), "{line}");
    }

    // A wrong secret leaves a line at the hub, without the secret.
    let secret = federation.root().join("hospital-b.secret");
    let right = fs::read(&secret).expect("a file");
    fs::write(&secret, "a-wrong-secret").expect("the folder is ours");
    let mut doctor = std::process::Command::new(flow_e2e::binaries::flow_federate());
    doctor.arg("doctor").arg("--config").arg(federation.root().join("hospital-b.toml"));
    assert!(!doctor.output().expect("it can be executed").status.success());
    fs::write(&secret, right).expect("the folder is ours");
    let log = federation.server_log();
    let line = log.lines().find(|line| line.contains("an agent failed to sign in"));
    let line = line.unwrap_or_else(|| panic!("no line in {log}"));
    for part in ["hospital-b", "wrong_secret", "127.0.0.1"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!log.contains("a-wrong-secret"));
    federation.end().await;
}

#[tokio::test]
async fn workload_that_ignores_sigterm_is_killed_after_its_grace_period() {
    let federation = Federation::start().await;
    let run = federation.hub.launch(&Job::new("stubborn").trainers_only()).await;
    federation.hub.wait_phase(&run, "running").await;
    federation.wait_started(&run, &BOTH).await;
    federation.hub.stop(&run).await;
    let end = federation.hub.ends(&run, "cancelled", "stopped").await;
    for party in BOTH {
        assert_eq!(
            (&member(&end, party)["phase"], &member(&end, party)["exit"]["signal"]),
            (&json!("stopped"), &json!(9))
        );
    }
    federation.end().await;
}

#[tokio::test]
async fn daemons_that_a_workload_leaves_behind_die_with_it() {
    let federation = Federation::start().await;
    let daemons = || proc::with_word(&format!("{}/image/daemon", federation.root().display()));
    for stop in [false, true] {
        let run = federation.hub.launch(&Job::new("fork").trainers_only()).await;
        federation.hub.wait_phase(&run, "running").await;
        let born = eventually(SOON, async || (daemons().len() == 6).then_some(())).await;
        assert!(born.is_some(), "three daemons at each of two parties: {:#?}", daemons());
        if stop {
            federation.hub.stop(&run).await;
            federation.hub.ends(&run, "cancelled", "stopped").await;
        } else {
            federation.release(&run);
            federation.hub.ends(&run, "succeeded", "completed").await;
        }
        // At once: a member ends only after all of its processes.
        assert!(daemons().is_empty(), "{:#?}", daemons());
        federation.nothing_left(&run, None).await;
    }
    federation.end().await;
}

#[tokio::test]
async fn daemons_die_with_their_sidecar_when_that_is_killed() {
    let federation = Federation::start().await;
    let daemons = || proc::with_word(&format!("{}/image/daemon", federation.root().display()));
    let run = federation.hub.launch(&Job::new("fork").trainers_only()).await;
    federation.hub.wait_phase(&run, "running").await;
    assert!(eventually(SOON, async || (daemons().len() == 6).then_some(())).await.is_some());
    federation.kill9_sidecar("hospital-a", &run);
    let end = federation.hub.ends(&run, "failed", "member_failed").await;
    assert_eq!(member(&end, "hospital-a")["reason"]["code"], "sidecar_lost");
    assert!(daemons().is_empty(), "{:#?}", daemons());
    federation.end().await;
}

#[tokio::test]
async fn log_of_a_workload_that_prints_a_gigabyte_stays_within_its_limit() {
    // The default of every agent.
    const LIMIT: u64 = 64 << 20;
    let federation = Federation::start().await;
    let run = federation.hub.launch(&Job::new("flood").members(&[("hospital-a", "trainer")])).await;
    federation.hub.ends_within(&run, "succeeded", "completed", Duration::from_secs(90)).await;
    let bytes = proc::bytes_below(&federation.data_dir("hospital-a"));
    assert!((LIMIT / 2..LIMIT * 2).contains(&bytes), "{bytes} bytes at the party");
    let path = format!("/tasks/{}/runs/{}/members/hospital-a/logs?tail=3", run.task, run.id);
    let log = federation
        .hub
        .request(Method::GET, &path)
        .send()
        .await
        .expect("the hub answers")
        .text()
        .await
        .expect("a log");
    assert!(
        log.lines().count() <= 4 && log.contains("a line of output that nobody will ever read"),
        "{log:?}"
    );
    federation.end().await;
}

#[tokio::test]
async fn failed_run_with_retries_left_is_repeated_as_a_new_run() {
    let federation = Federation::start().await;
    let job = Job::new("flaky").members(&[("hospital-a", "trainer")]).rule("retries", 2);
    let first = federation.hub.launch(&job).await;
    let end = federation.hub.ends(&first, "failed", "member_failed").await;
    assert_eq!(end["ending"]["reason"]["code"], "peer_lost");
    let runs = eventually(SOON, async || {
        Some(federation.hub.runs(&first.task).await).filter(|runs| runs.len() == 2)
    })
    .await;
    let second = runs.expect("a second run").remove(0);
    assert_eq!(
        (&second["retry_of"], &second["number"], &second["retries_left"]),
        (&json!(first.id), &json!(2), &json!(1))
    );
    let second = flow_e2e::Run {
        task: first.task.clone(),
        id: second["id"].as_str().expect("an id").to_owned(),
    };
    federation.hub.ends(&second, "succeeded", "completed").await;
    assert_eq!(federation.hub.runs(&first.task).await.len(), 2, "success is not repeated");
    assert_eq!((federation.started(&first).len(), federation.started(&second).len()), (1, 1));
    federation.end().await;
}

/// Sends a request of which `length` bytes of a body are announced, waits until the hub reads the
/// body, sends `body` and disconnects without reading the answer. Before the hub reads the body, a
/// disconnect discards the request.
async fn send_and_leave(federation: &Federation, head: &str, length: usize, body: &str) {
    let address = federation.hub.base.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.expect("the hub listens");
    let token = federation.hub.token();
    let request = format!(
        "{head} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("the hub reads");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("the hub reads the body");
    assert_eq!(&answer, b"HTTP/1.1 100");
    stream.write_all(body.as_bytes()).await.expect("the hub reads");
    stream.shutdown().await.expect("the hub reads");
}

#[tokio::test]
async fn client_that_disconnects_during_a_request_does_not_cancel_it() {
    let federation = Federation::start().await;
    let hub = &federation.hub;
    let task = hub.submit(&Job::new("ok").trainers_only()).await;
    // An incomplete body: no request.
    send_and_leave(&federation, "POST /api/v2/tasks", 400, "{\"name\": \"half").await;
    // A complete request without a reader for its answer.
    send_and_leave(&federation, &format!("POST /api/v2/tasks/{task}/start"), 2, "{}").await;
    let started = eventually(SOON, async || hub.runs(&task).await.pop())
        .await
        .expect("the start was asked for");
    let run =
        flow_e2e::Run { task: task.clone(), id: started["id"].as_str().expect("an id").to_owned() };
    hub.ends(&run, "succeeded", "completed").await;
    assert_eq!(hub.runs(&task).await.len(), 1);
    let tasks = hub.get("/tasks").await;
    assert_eq!(tasks["items"].as_array().map(Vec::len), Some(1), "half a request made a task");
    assert_eq!(federation.started(&run), BOTH);
    federation.end().await;
}

#[tokio::test]
async fn disconnected_readers_of_a_stream_hold_no_resources() {
    let federation = Federation::start().await;
    let hub = &federation.hub;
    let run = hub.launch(&Job::new("talk").trainers_only()).await;
    hub.wait_phase(&run, "running").await;
    let (events, log) = (
        format!("/tasks/{}/events", run.task),
        format!("/tasks/{}/runs/{}/members/hospital-a/logs?follow=true", run.task, run.id),
    );
    let server = federation.server().pid();
    let before = proc::open_files(server);
    for _ in 0..40 {
        let events = hub
            .request(Method::GET, &events)
            .header("accept", "text/event-stream")
            .send()
            .await
            .expect("a stream");
        let first = events.bytes_stream().next().await.expect("an event").expect("bytes");
        assert!(String::from_utf8_lossy(&first).contains("task.created"), "{first:?}");
        let log = hub.request(Method::GET, &log).send().await.expect("a log");
        assert!(log.status().is_success(), "{}", log.text().await.unwrap_or_default());
        let first = log.bytes_stream().next().await.expect("a line").expect("bytes");
        assert!(String::from_utf8_lossy(&first).starts_with("line "), "{first:?}");
    }
    // A client that reads nothing: the workload must not wait for the client.
    let address = hub.base.trim_start_matches("http://").to_owned();
    let mut lazy = TcpStream::connect(&address).await.expect("the hub listens");
    let request = format!(
        "GET /api/v2{log} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\r\n",
        hub.token()
    );
    lazy.write_all(request.as_bytes()).await.expect("the hub reads");

    let follower = hub.request(Method::GET, &log).send().await.expect("a log");
    federation.release(&run);
    hub.ends(&run, "succeeded", "completed").await;
    // The remaining reader gets all lines, and the stream ends.
    let all = flow_common::clock::timeout(SOON, follower.text())
        .await
        .expect("a log that is over ends")
        .expect("a log");
    assert!(all.starts_with("line 1\n") && all.ends_with("the last line\n"), "{all}");
    let mut answer = vec![0; 15];
    lazy.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(answer, b"HTTP/1.1 200 OK");
    drop(lazy);
    // The hub opens more connections to its database when it needs them; forty streams of each kind
    // were left above.
    let closed =
        eventually(SOON, async || (proc::open_files(server) <= before + 24).then_some(())).await;
    assert!(
        closed.is_some(),
        "{} descriptors were open before, {} are after",
        before,
        proc::open_files(server)
    );
    federation.end().await;
}

/// The hub streams outputs from a real agent and stores none: listed, fetched, continued, refused,
/// changed during a transfer, read slowly, and removed at the party.
#[tokio::test]
async fn u6_released_outputs_are_fetched_through_the_hub_and_others_stay_at_the_party() {
    const BIG: usize = 32 << 20;
    let federation = Federation::start().await;
    let hub = &federation.hub;
    let run = hub.launch(&Job::new("outputs").trainers_only()).await;
    hub.ends(&run, "succeeded", "completed").await;
    let outputs =
        |party: &str| format!("/tasks/{}/runs/{}/members/{party}/outputs", run.task, run.id);
    let file = |path: &str| format!("{}/{path}", outputs("hospital-a"));
    let get = async |path: &str| {
        let answer = hub.request(Method::GET, path).send().await.expect("the hub answers");
        (answer.status().as_u16(), answer)
    };
    let problem = async |path: &str| {
        let (status, answer) = get(path).await;
        let problem: serde_json::Value = answer.json().await.expect("a problem");
        (status, problem["code"].as_str().unwrap_or_default().to_owned())
    };
    let refused = |code: &str| (403, code.to_owned());

    // By default nothing leaves.
    assert_eq!(problem(&outputs("hospital-a")).await, refused("output_refused"));
    assert_eq!(problem(&file("model.bin")).await, refused("output_refused"));
    let config = federation.root().join("hospital-a.toml");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    std::fs::write(&config, format!("{text}[outputs]\nrelease = [{{ image = \"e2e\" }}]\n"))
        .expect("the folder is ours");
    federation.signal_agent("hospital-a", Signal::SIGHUP);
    let listed = eventually(SOON, async || {
        let (status, answer) = get(&outputs("hospital-a")).await;
        if status != 200 {
            return None;
        }
        answer.json::<serde_json::Value>().await.ok()
    })
    .await
    .expect("the party releases its outputs");
    let summary: Vec<_> = listed["outputs"]
        .as_array()
        .expect("files")
        .iter()
        .map(|file| (file["path"].as_str().expect("a path"), file["size"].as_u64()))
        .collect();
    let big = BIG as u64;
    assert_eq!(summary, [("model.bin", Some(big)), ("sub/note.txt", Some(5))], "{listed}");
    assert_eq!(listed["left_out"], 1, "the link to the secret: {listed}");
    assert_eq!(problem(&outputs("hospital-b")).await, refused("output_refused"), "another party");

    // Whole, and continued after a part.
    let (status, answer) = get(&file("model.bin")).await;
    let tag = answer.headers()["etag"].to_str().expect("text").to_owned();
    assert_eq!((status, answer.headers()["content-length"].to_str().ok()), (200, Some("33554432")));
    let whole = answer.bytes().await.expect("complete");
    let path = federation.outputs("hospital-a", &run).join("model.bin");
    assert!(whole == std::fs::read(&path).expect("the model"), "other bytes arrived");
    assert_eq!(tag, format!("\"{}\"", listed["outputs"][0]["sha256"].as_str().expect("known")));
    let continued = hub
        .request(Method::GET, &file("model.bin"))
        .header("range", format!("bytes={}-", BIG - 7))
        .header("if-range", &tag);
    let continued = continued.send().await.expect("the hub answers");
    assert_eq!(continued.status(), 206);
    assert_eq!(
        continued.headers()["content-range"].to_str().expect("text"),
        format!("bytes {}-{}/{BIG}", BIG - 7, BIG - 1)
    );
    assert_eq!(continued.bytes().await.expect("complete"), whole[BIG - 7..]);
    let (_, answer) = get(&file("sub%2Fnote.txt")).await;
    assert_eq!(answer.bytes().await.expect("complete"), "note\n");

    // flowctl continues a partial file, verifies it, replaces no file and joins paths below a folder.
    let here = tempfile::tempdir().expect("a folder");
    let flowctl = |arguments: &[&str]| {
        let mut command = std::process::Command::new(flow_e2e::binaries::flowctl());
        command.args(arguments).current_dir(here.path()).env("FLOW_SERVER", &hub.base);
        let output =
            command.env("FLOW_TOKEN_FILE", federation.token_file()).output().expect("flowctl");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (code, text) = flowctl(&["run", "outputs", &run.task]);
    assert!(code == Some(0) && text.contains("sub/note.txt") && text.contains("32 MiB"), "{text}");
    assert!(
        text.contains("note: hospital-b does not send"),
        "the party that releases none: {text}"
    );
    let (code, text) = flowctl(&["run", "outputs", &run.task, "hospital-b"]);
    assert_eq!((code, text.matches("does not send").count()), (Some(4), 1), "{text}");
    let fetch = ["output", "get", run.task.as_str(), "hospital-a", "model.bin"];
    std::fs::write(here.path().join("model.bin.part"), &whole[..1000]).expect("a part");
    let (code, text) = flowctl(&fetch);
    assert_eq!(code, Some(0), "{text}");
    assert!(whole == std::fs::read(here.path().join("model.bin")).expect("the model"));
    assert!(!here.path().join("model.bin.part").exists());
    let (code, text) = flowctl(&fetch);
    assert!(code == Some(2) && text.contains("--force"), "{text}");
    // A command that is killed in the middle is repeated and continues.
    let (killed, part) = (here.path().join("killed.bin"), here.path().join("killed.bin.part"));
    let into = [&fetch[..], &["--to", "killed.bin", "--force"]].concat();
    let arrived = || part.metadata().map_or(0, |found| found.len());
    for _ in 0..20 {
        let mut command = std::process::Command::new(flow_e2e::binaries::flowctl());
        command.args(&into).current_dir(here.path()).env("FLOW_SERVER", &hub.base);
        command.env("FLOW_TOKEN_FILE", federation.token_file()).stdout(std::process::Stdio::null());
        let mut fetching = flow_testkit::spawn_tied(command).expect("flowctl");
        flow_testkit::wait_for_blocking("the first bytes", flow_e2e::SOON, || {
            arrived() > 0 || killed.exists()
        });
        fetching.kill().expect("killed");
        fetching.wait().expect("an end");
        if arrived() > 0 {
            break;
        }
    }
    assert!((1..big).contains(&arrived()) && !killed.exists(), "{} bytes", arrived());
    let (code, text) = flowctl(&into);
    assert_eq!(code, Some(0), "{text}");
    assert!(whole == std::fs::read(&killed).expect("the model") && !part.exists());
    // A part of another file is not continued.
    std::fs::write(here.path().join("model.bin.part"), b"something else").expect("a part");
    let (code, text) = flowctl(&[&fetch[..], &["--force"]].concat());
    assert_eq!(code, Some(0), "{text}");
    assert!(whole == std::fs::read(here.path().join("model.bin")).expect("the model"));
    for _ in 0..2 {
        let (code, text) =
            flowctl(&["output", "get", &run.task, "hospital-a", "--all", "--to", "all/here"]);
        assert_eq!(code, Some(0), "{text}");
    }
    let note = std::fs::read(here.path().join("all/here/sub/note.txt")).expect("the note");
    assert_eq!(note, b"note\n");
    let (code, text) =
        flowctl(&["output", "get", &run.task, "hospital-b", "model.bin", "--to", "other"]);
    assert!(code == Some(4) && text.contains("does not release"), "{text}");
    assert!(!here.path().join("other.part").exists(), "a refusal leaves a file");
    let (code, text) = flowctl(&["output", "get", &run.task, "hospital-a", "../x"]);
    assert!(code == Some(2), "{text}");

    // No path leads out of the directory.
    for path in [
        "..%2Fhold.json",
        "%2e%2e%2f%2e%2e%2fjournal.db",
        "%2Fetc%2Fpasswd",
        "link",
        "sub",
        "a%00b",
        "..%252Fhold.json",
        "sub%2F..%2F..%2Fhold.json",
        "%5C..%5Chold.json",
        "sub%2F%2Fnote.txt",
    ] {
        assert_eq!(problem(&file(path)).await, (404, "output_not_found".to_owned()), "{path}");
    }

    // The file changes at the party while a slow reader has only the first bytes:
    // then the response breaks off before its end.
    let (status, slow) = get(&file("model.bin")).await;
    assert_eq!(status, 200);
    let mut stream = slow.bytes_stream();
    let first = stream.next().await.expect("bytes").expect("read");
    let changed = std::fs::File::options().write(true).open(&path).expect("the model");
    std::os::unix::fs::FileExt::write_all_at(&changed, b"changed", 0).expect("written");
    let mut read = first.len();
    let broken = loop {
        match stream.next().await {
            Some(Ok(chunk)) => read += chunk.len(),
            Some(Err(_)) => break true,
            None => break false,
        }
    };
    assert!(broken && read < BIG, "{read} bytes of a changed file look complete");
    let (status, again) = get(&file("model.bin")).await;
    assert!(status == 200 && again.headers()["etag"] != tag.as_str(), "another file");
    drop(again);
    // The offset belongs to the file before.
    let stale = hub
        .request(Method::GET, &file("model.bin"))
        .header("range", "bytes=100-")
        .header("if-range", &tag);
    let stale = stale.send().await.expect("the hub answers");
    assert_eq!((stale.status().as_u16(), stale.content_length()), (200, Some(big)));
    drop(stale);
    let beyond = hub.request(Method::GET, &file("sub%2Fnote.txt")).header("range", "bytes=5-");
    assert_eq!(beyond.send().await.expect("the hub answers").status(), 416);

    // At the party.
    let party = |arguments: &[&str]| federation.agent_command("hospital-a", arguments);
    let (ok, text) = party(&["outputs", "list"]);
    assert!(ok && text.contains(&run.id) && text.contains("32.0 MiB"), "{text}");
    let named = text.lines().any(|line| line.contains("  outputs-") && line.contains("/1  "));
    assert!(named, "the name of the run: {text}");
    assert!(text.lines().any(|line| line.starts_with(&run.id) && line.ends_with("yes")), "{text}");
    let (ok, text) = party(&["outputs", "path", &run.id[..20]]);
    assert!(ok && path.starts_with(text.trim_end()), "{text}");
    let running = hub.launch(&Job::new("hang").trainers_only()).await;
    hub.wait_phase(&running, "running").await;
    let (ok, text) = party(&["outputs", "remove", &running.id]);
    assert!(!ok && text.contains("is running"), "{text}");
    let (ok, text) = party(&["outputs", "remove", &run.id]);
    assert!(ok && text.contains("removed the outputs"), "{text}");
    assert!(!path.exists());
    assert_eq!(problem(&outputs("hospital-a")).await, (404, "output_not_found".to_owned()));
    hub.stop(&running).await;
    hub.ends(&running, "cancelled", "stopped").await;
    federation.end().await;
}
