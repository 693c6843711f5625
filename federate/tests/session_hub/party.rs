//! `/api/v2` of the agent: the party, its members, their changes, and the decisions of the party's
//! administrator.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use flow_domain::member::{DesiredPhase, MemberPhase};
use flow_domain::policy::Allow;
use flow_domain::progress::Progress;
use flow_federate::runtime::fake::Mode;
use flow_federate::runtime::process::{ProcessConfig, ProcessRuntime};
use flow_federate::sidecar::log::segment_name;
use flow_proto::v1::DesiredMember;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::fake_hub::{
    FakeHub, IMAGE, PATIENCE, TestAgent, desired_member, key, run_id, sealed, task_id,
};
use crate::rest::{Answer, Rest, append, named, run_first};

fn problem(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", answer.body);
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status, "{problem}");
    assert_eq!(problem["request_id"], answer.headers["x-request-id"], "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
    (answer.status, problem["code"].as_str().unwrap().to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn member_path(n: u8, rest: &str) -> String {
    format!("/api/v2/members/{}{rest}", run_id(n))
}

/// An open event stream.
struct Stream {
    tcp: TcpStream,
    read: String,
}

impl Stream {
    async fn open(rest: &Rest) -> Self {
        let bearer = rest.bearer();
        let headers = [("authorization", bearer.as_str())];
        let mut stream =
            Self { tcp: rest.open("GET /api/v2/events", &headers).await, read: String::new() };
        let head = stream.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.0 200 "), "{head}");
        stream
    }

    async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.read.find(end) {
                let rest = self.read.split_off(at + end.len());
                return std::mem::replace(&mut self.read, rest);
            }
            let mut part = vec![0; 4096];
            let more = flow_common::clock::timeout(PATIENCE, self.tcp.read(&mut part)).await;
            let count = more.expect("an event in time").unwrap();
            assert!(count > 0, "the stream ended: {}", self.read);
            self.read += std::str::from_utf8(&part[..count]).unwrap();
        }
    }

    async fn next(&mut self) -> (String, Value) {
        loop {
            let text = self.until("\n\n").await;
            let field = |name| text.lines().find_map(|line| line.strip_prefix(name));
            if let (Some(name), Some(data)) = (field("event: "), field("data: ")) {
                return (name.to_owned(), serde_json::from_str(data).unwrap());
            }
        }
    }

    /// The next event of this name for which the condition holds.
    async fn find(&mut self, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (found, data) = self.next().await;
            if found == name && is(&data) {
                return data;
            }
        }
    }
}

#[tokio::test]
async fn party_and_its_members_are_shown_on_pages_with_the_configuration_in_force() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    agent.change_offer(|offer| offer.resources.memory_mib = 4096);
    let rest = Rest::start(&mut agent, &hub).await;
    let away = rest.get("/api/v2/party").await.json();
    assert_eq!(away["state"]["contact"], json!({ "state": "away" }), "{away}");
    let set = [DesiredPhase::Reserved, DesiredPhase::Admitted, DesiredPhase::Admitted];
    let set = (1..).zip(set).map(|(n, desired)| named("digits", desired_member(n, 1, 2, desired)));
    let mut session = hub.open(set.collect()).await;
    run_first(&mut session, &agent).await;

    let party = rest.get("/api/v2/party").await;
    assert_eq!((party.status, party.headers["content-type"].as_str()), (200, "application/json"));
    assert!(!party.body.contains(&rest.token), "{}", party.body);
    let party = party.json();
    assert_eq!(
        (&party["name"], &party["hub"], &party["version"]),
        (&json!("a"), &json!("https://hub.example:1234"), &json!(env!("CARGO_PKG_VERSION")))
    );
    let state = &party["state"];
    assert_eq!(state["contact"], json!({ "state": "connected" }));
    assert_eq!(state["members"], json!({ "admitted": 2, "running": 1 }));
    assert_eq!(
        state["resources"],
        json!({
            "total": { "cpu_millis": 0, "memory_mib": 4096 },
            "used": { "cpu_millis": 500, "memory_mib": 64 },
        })
    );
    assert!(state["disk"]["free_bytes"].as_u64() > Some(0), "{state}");
    assert_eq!((&state["journal_writable"], &state["sessions"]), (&json!(true), &json!(1)));
    let image = json!({
        "name": IMAGE, "meaning": agent.dir.path(), "allow": "yes", "env": [],
    });
    assert_eq!(party["configuration"]["images"], json!([image]));
    assert_eq!(party["configuration"]["retention"]["log_days"], 30);

    // The first member ends; the others are listed before it.
    agent.runtime.exit(&key(&run_id(1), 1), 0);
    let done = session.report(&run_id(1), MemberPhase::Succeeded).await;
    session.settle(&done).await;
    let is_settled =
        async || rest.get(&member_path(1, "")).await.json()["member"]["settled"] == json!(true);
    flow_testkit::wait_for("the acknowledgement", PATIENCE, is_settled).await;
    let (mut runs, mut path) = (Vec::new(), "/api/v2/members?limit=1".to_owned());
    loop {
        let page = rest.get(&path).await.json();
        let items = page["items"].as_array().unwrap();
        runs.extend(items.iter().map(|member| member["run"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v2/members?limit=1&cursor={next}");
        assert!(runs.len() < 9, "{runs:?}");
    }
    assert_eq!(json!(runs), json!([run_id(3), run_id(2), run_id(1)]));
    let all = rest.get("/api/v2/members?cursor=").await.json();
    assert_eq!((all["items"].as_array().unwrap().len(), all.get("next")), (3, None), "{all}");

    let shown = rest.get(&member_path(2, "/")).await.json();
    let (member, spec) = (&shown["member"], &shown["spec"]);
    for (found, expected) in [
        (&member["task_name"], json!("digits")),
        (&member["run_number"], json!(3)),
        (&member["phase"], json!("admitted")),
        (&member["role"], json!("aggregator")),
        (&member["image"], json!(IMAGE)),
        (&member["waits_for_approval"], json!(false)),
        (&member["digest"], json!(sealed("a").digest)),
        (&spec["command"], json!(["bin/work"])),
        (&spec["image_meaning"], json!(agent.dir.path())),
        (&spec["epochs"], json!(3)),
    ] {
        assert_eq!(*found, expected, "{shown}");
    }
    for (path, status, code) in [
        ("/api/v2/members?limit=0", 422, "invalid"),
        ("/api/v2/members?limit=201", 422, "invalid"),
        ("/api/v2/members?limit=x", 422, "invalid"),
        ("/api/v2/members?page=2", 422, "invalid"),
        ("/api/v2/members?cursor=b00", 400, "cursor_invalid"),
        ("/api/v2/members?cursor=%C3%A4", 400, "cursor_invalid"),
        (&member_path(1, "/log?tail=-1"), 422, "invalid"),
        (&member_path(1, "/log?follow=yes"), 422, "invalid"),
        (&member_path(2, "/log"), 404, "log_not_found"),
        (&member_path(9, ""), 404, "member_not_found"),
        (&member_path(9, "/log"), 404, "member_not_found"),
        ("/api/v2/members/..%2f..%2fetc%2fpasswd", 404, "member_not_found"),
        ("/api/v2/members/%00%0a", 404, "member_not_found"),
        ("/api/v2/members/%ff", 404, "member_not_found"),
        ("/api/v2/members/digits", 404, "member_not_found"),
        ("/api/v2/nothing", 404, "route_not_found"),
        ("/api/v2", 404, "route_not_found"),
    ] {
        assert_eq!(problem(&rest.get(path).await), refused(status, code), "{path}");
    }
    let reloaded = async || rest.get("/api/v2/party").await.json();
    agent.change_offer(|offer| offer.images.clear());
    let is_new = async || reloaded().await["state"]["reloads"] == json!(1);
    flow_testkit::wait_for("the reload", PATIENCE, is_new).await;
    assert_eq!(reloaded().await["configuration"]["images"], json!([]));
    agent.stop().await;
}

#[tokio::test]
async fn u25_member_is_approved_denied_and_stopped_in_the_party_view() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    agent.change_offer(|offer| offer.images.get_mut(IMAGE).unwrap().allow = Allow::Ask);
    let rest = Rest::start(&mut agent, &hub).await;
    let set = (1..=2).map(|n| named("digits", desired_member(n, 1, 2, DesiredPhase::Reserved)));
    let mut session = hub.open(set.collect()).await;
    session.report(&run_id(2), MemberPhase::WaitingApproval).await;
    let waiting = rest.get(&member_path(1, "")).await.json()["member"].clone();
    assert_eq!(waiting["waits_for_approval"], true, "{waiting}");
    let approval = json!({ "digest": waiting["digest"], "resolution": waiting["resolution"] });

    let approve = member_path(1, "/approve");
    let zeros = "0".repeat(64);
    let of =
        |digest: &Value, resolution: &Value| json!({ "digest": digest, "resolution": resolution });
    for other in
        [of(&json!(zeros), &approval["resolution"]), of(&approval["digest"], &json!(zeros))]
    {
        let answer = rest.post(&approve, &other).await;
        assert_eq!(problem(&answer), refused(409, "approval_outdated"));
    }
    for (body, status, code) in [
        (json!({}), 422, "invalid"),
        (of(&json!("x"), &json!("y")), 422, "invalid"),
        (
            json!({ "digest": approval["digest"], "resolution": approval["resolution"], "all": true }),
            422,
            "invalid",
        ),
        (json!([zeros, zeros]), 422, "invalid"),
        (json!(null), 422, "invalid"),
    ] {
        assert_eq!(problem(&rest.post(&approve, &body).await), refused(status, code), "{body}");
    }
    for path in [member_path(9, "/approve"), member_path(9, "/deny"), member_path(9, "/stop")] {
        let answer = rest.post(&path, &approval).await;
        // A stop has no body, and reads none.
        assert_eq!(answer.status, if path.ends_with("deny") { 422 } else { 404 }, "{path}");
    }
    let approved = rest.post(&approve, &approval).await;
    assert_eq!(approved.status, 200, "{}", approved.body);
    assert!(approved.body.contains("is approved for one start"), "{}", approved.body);
    session.report(&run_id(1), MemberPhase::Reserved).await;
    let again = rest.post(&approve, &approval).await.json();
    assert!(again["message"].as_str().unwrap().contains("is approved already"), "{again}");

    let reason = format!("not \u{1b}[2J this <b>month</b>{}", "x".repeat(600));
    let denied = rest.post(&member_path(2, "/deny"), &json!({ "reason": reason })).await;
    assert_eq!(denied.status, 200, "{}", denied.body);
    let report = session.report(&run_id(2), MemberPhase::Refused).await.reason.unwrap();
    assert_eq!(report.code, "approval_denied");
    assert!(
        report.message.starts_with("denied by the administrator of a: not \\u{1b}[2J this <b>")
            && report.message.chars().count() < 600,
        "{}",
        report.message
    );
    for path in [member_path(2, "/deny"), member_path(1, "/deny")] {
        let answer = rest.post(&path, &json!({})).await;
        assert_eq!(problem(&answer), refused(409, "approval_not_pending"), "{path}");
    }

    let stop = member_path(1, "/stop");
    let bearer = rest.bearer();
    let stopping = rest.send(&format!("POST {stop}"), &[("authorization", &bearer)]).await;
    assert_eq!(stopping.status, 200, "{}", stopping.body);
    assert_eq!(stopping.json()["member"]["run"], json!(run_id(1)));
    let stopped = session.report(&run_id(1), MemberPhase::Stopped).await;
    assert_eq!(stopped.reason.as_ref().unwrap().code, "stopped_by_party");
    session.settle(&stopped).await;
    let is_settled =
        async || rest.get(&member_path(1, "")).await.json()["member"]["settled"] == json!(true);
    flow_testkit::wait_for("the acknowledgement", PATIENCE, is_settled).await;
    let ended = rest.send(&format!("POST {stop}"), &[("authorization", &bearer)]).await;
    assert!(ended.status == 200 && ended.body.contains("has ended already"), "{}", ended.body);
    let answer = rest.post(&approve, &approval).await;
    assert_eq!(problem(&answer), refused(409, "approval_not_pending"));
    agent.stop().await;
}

#[tokio::test]
async fn u43_session_of_a_browser_changes_members_only_from_a_page_of_the_view() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    let rest = Rest::start(&mut agent, &hub).await;
    let mut session = hub.open(vec![desired_member(1, 1, 2, DesiredPhase::Admitted)]).await;
    session.report(&run_id(1), MemberPhase::Admitted).await;
    let cookie = rest.cookie(&agent).await;
    let host = format!("http://{}", rest.address);
    let stop = format!("POST {}", member_path(1, "/stop"));
    let list = "GET /api/v2/members";
    let (own, json_type) =
        (("sec-fetch-site", "same-origin"), ("content-type", "application/json"));
    let form = ("content-type", "application/x-www-form-urlencoded");
    let deny = format!("POST {}", member_path(1, "/deny"));
    for (request, more, status, code) in [
        (stop.as_str(), vec![], 403, "cross_site"),
        (&stop, vec![("sec-fetch-site", "none")], 403, "cross_site"),
        (&stop, vec![("sec-fetch-site", "same-site")], 403, "cross_site"),
        (&stop, vec![("sec-fetch-site", "cross-site")], 403, "cross_site"),
        (&stop, vec![("origin", "http://127.0.0.1:1")], 403, "cross_site"),
        (&stop, vec![("origin", "null")], 403, "cross_site"),
        (&stop, vec![own, ("host", "evil.example")], 403, "cross_site"),
        (&deny, vec![own], 415, "unsupported_media_type"),
        (&deny, vec![own, form], 415, "unsupported_media_type"),
        (&deny, vec![own, json_type], 400, "malformed"),
        (&deny, vec![own, json_type, ("content-length", "16385")], 413, "too_large"),
        (list, vec![own, ("content-length", "1")], 413, "too_large"),
        (list, vec![("sec-fetch-site", "same-site")], 403, "cross_site"),
        ("DELETE /api/v2/members", vec![own], 405, "method_not_allowed"),
    ] {
        let headers = [&[("cookie", cookie.as_str())], more.as_slice()].concat();
        let answer = rest.send(request, &headers).await;
        assert_eq!(problem(&answer), refused(status, code), "{request} {more:?}");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    for path in [
        "/api/v2/party",
        "/api/v2/members",
        "/api/v2/members/x",
        "/api/v2/members/x/log",
        "/api/v2/events",
        "/api/v2/nothing",
    ] {
        for headers in
            [vec![], vec![("cookie", &cookie[..60])], vec![("authorization", "Bearer x")]]
        {
            let answer = rest.send(&format!("GET {path}"), &headers).await;
            assert_eq!(problem(&answer), refused(401, "unauthenticated"), "{path} {headers:?}");
            // A browser would ask for a password.
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
    let read = rest.send(list, &[("cookie", &cookie), own]).await;
    assert_eq!(read.status, 200, "{}", read.body);
    let stopped = rest.send(&stop, &[("cookie", &cookie), ("origin", &host)]).await;
    assert_eq!(stopped.status, 200, "{}", stopped.body);
    session.report(&run_id(1), MemberPhase::Stopped).await;
    agent.stop().await;
}

#[tokio::test]
async fn u43_texts_of_the_hub_and_of_logs_reach_a_page_as_json_and_plain_text() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    let rest = Rest::start(&mut agent, &hub).await;
    let hostile = "</script><img src=x>\u{202e}\u{1b}[31m\n\u{0}🧪";
    let mut session =
        hub.open(vec![named(hostile, desired_member(1, 1, 2, DesiredPhase::Reserved))]).await;
    session.report(&run_id(1), MemberPhase::Reserved).await;
    session.assign(desired_member(1, 1, 3, DesiredPhase::Running)).await;
    agent.wait_for("the start", || !agent.runtime.starts().is_empty()).await;
    let dir = agent.dir.path().join("log");
    std::fs::create_dir(&dir).unwrap();
    let log = "\u{1b}[31mred\u{1b}[0m <script>alert(1)</script>\r\n\u{202e}\u{0}last\n";
    append(&dir.join(segment_name(0)), log.as_bytes());
    append(&dir.join(segment_name(0)), b"\xff\xfe\n");
    agent.runtime.set_log_dir(&key(&run_id(1), 1), dir);

    for path in ["/api/v2/members".to_owned(), member_path(1, "")] {
        let answer = rest.get(&path).await;
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(answer.headers["content-security-policy"].starts_with("default-src 'none'"));
        assert!(!answer.body.contains(['\n', '\u{1b}', '\u{202e}', '\u{0}']), "{}", answer.body);
        assert!(answer.body.contains("</script><img src=x>\\\\u{202e}"), "{}", answer.body);
    }
    let mut stream = rest
        .open(&format!("GET {}", member_path(1, "/log")), &[("authorization", &rest.bearer())])
        .await;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let start = bytes.windows(4).position(|part| part == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&bytes[..start]).to_lowercase();
    assert!(head.contains("content-type: text/plain; charset=utf-8\r\n"), "{head}");
    assert!(head.contains("x-content-type-options: nosniff\r\n"), "{head}");
    assert_eq!(bytes[start..], [log.as_bytes(), b"\xff\xfe\n"].concat(), "unchanged");
    agent.stop().await;
}

#[tokio::test]
async fn changes_of_members_and_party_are_followed() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    let rest = Rest::start(&mut agent, &hub).await;
    let mut session =
        hub.open(vec![named("digits", desired_member(1, 1, 2, DesiredPhase::Reserved))]).await;
    let mut stream = Stream::open(&rest).await;
    let (name, first) = stream.next().await;
    assert_eq!((name.as_str(), &first["contact"]["state"]), ("party", &json!("connected")));
    run_first(&mut session, &agent).await;
    let running = stream.find("member", |member| member["phase"] == "running").await;
    assert_eq!((&running["run"], &running["started"]), (&json!(run_id(1)), &json!(true)));
    stream.find("party", |state| state["members"] == json!({ "running": 1 })).await;

    let progress = Progress {
        epoch: Some(2),
        epochs: Some(3),
        metrics: [("loss".to_owned(), "0.5".to_owned())].into(),
        ..Progress::default()
    };
    agent.runtime.progress(&key(&run_id(1), 1), progress);
    let progressed = stream.find("member", |member| member.get("progress").is_some()).await;
    assert_eq!(
        progressed["progress"],
        json!({ "epoch": 2, "epochs": 3, "metrics": { "loss": 0.5 } })
    );
    // A member that was refused at once is not kept after the hub knows it.
    let spec = sealed("b");
    session
        .assign(DesiredMember {
            spec_digest: spec.digest.to_string(),
            spec: spec.bytes,
            ..named("other", desired_member(2, 1, 2, DesiredPhase::Admitted))
        })
        .await;
    let report = session.report(&run_id(2), MemberPhase::Refused).await;
    stream.find("member", |member| member["phase"] == "refused").await;
    session.settle(&report).await;
    assert_eq!(stream.find("removed", |_| true).await, json!({ "run": run_id(2) }));
    agent.runtime.exit(&key(&run_id(1), 1), 3);
    let failed = stream.find("member", |member| member["phase"] == "failed").await;
    assert_eq!(failed["exit"]["code"], 3, "{failed}");
    drop(session);
    let away = stream.find("party", |state| state["contact"]["state"] == "away").await;
    assert!(away["contact"]["since"].is_string(), "{away}");
    agent.stop().await;
}

#[tokio::test]
async fn u43_event_streams_are_limited_and_one_that_leaves_makes_room() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    let rest = Rest::start(&mut agent, &hub).await;
    let _session = hub.open(Vec::new()).await;
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(Stream::open(&rest).await);
    }
    assert_eq!(problem(&rest.get("/api/v2/events").await), refused(503, "busy"));
    assert_eq!(rest.get("/api/v2/party").await.status, 200, "other requests have room");
    streams.pop();
    let has_room = async || {
        let bearer = rest.bearer();
        let mut stream = rest.open("GET /api/v2/events", &[("authorization", &bearer)]).await;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        head.ends_with(b"200")
    };
    flow_testkit::wait_for("room for a stream", PATIENCE, has_room).await;
    agent.stop().await;
}

#[tokio::test]
async fn real_workload_is_shown_followed_and_stopped() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    let program = agent.dir.path().join("bin/work");
    std::fs::create_dir(program.parent().unwrap()).unwrap();
    let script = "#!/bin/sh\necho begun\necho '{\"epoch\": 1, \"loss\": 0.25}' >> \"$FED_OUTPUT_DIR/metrics.jsonl\"\nexec sleep 600\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let processes = ProcessConfig {
        sidecar: Some(env!("CARGO_BIN_EXE_flow-federate").into()),
        ..ProcessConfig::new(agent.data_dir())
    };
    agent.processes = Some(Arc::new(ProcessRuntime::new(processes).unwrap()));
    let rest = Rest::start(&mut agent, &hub).await;
    let mut session =
        hub.open(vec![named("digits", desired_member(1, 1, 2, DesiredPhase::Reserved))]).await;
    let mut stream = Stream::open(&rest).await;
    session.report(&run_id(1), MemberPhase::Reserved).await;
    session.assign(named("digits", desired_member(1, 1, 3, DesiredPhase::Running))).await;
    session.report(&run_id(1), MemberPhase::Running).await;
    let running = stream.find("member", |member| member.get("progress").is_some()).await;
    assert_eq!(running["progress"]["metrics"], json!({ "loss": 0.25 }), "{running}");

    let bearer = rest.bearer();
    let headers = [("authorization", bearer.as_str())];
    let log = format!("GET {}", member_path(1, "/log?follow=true"));
    let mut log = Stream { tcp: rest.open(&log, &headers).await, read: String::new() };
    log.until("begun\n").await;
    let shown = rest.get(&member_path(1, "")).await.json();
    assert!(shown["disk_bytes"].as_u64() > Some(0), "{shown}");
    assert_eq!(shown["member"]["task"], json!(task_id(1)));
    let stopped = rest.send(&format!("POST {}", member_path(1, "/stop")), &headers).await;
    assert_eq!(stopped.json()["member"]["ending"], "stopped", "{}", stopped.body);
    let ended = stream.find("member", |member| member["phase"] == "stopped").await;
    assert_eq!(
        (&ended["reason"]["code"], &ended["exit"]["signal"]),
        (&json!("stopped_by_party"), &json!(15)),
        "{ended}"
    );
    session.report(&run_id(1), MemberPhase::Stopped).await;
    agent.stop().await;
}
