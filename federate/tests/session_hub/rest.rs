//! The REST API of the agent and the party view, over real connections.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use flow_domain::member::{DesiredPhase, MemberPhase};
use flow_federate::rest::{Bound, TOKEN};
use flow_federate::runtime::WorkState;
use flow_federate::runtime::fake::Mode;
use flow_federate::sidecar::log::segment_name;
use flow_proto::v1::DesiredMember;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::admin::succeeds;
use crate::fake_hub::{
    FakeHub, PATIENCE, Session, TestAgent, desired_member, key, run_id, task_id,
};

/// A started agent with its listener.
pub struct Rest {
    pub address: SocketAddr,
    pub token: String,
}

pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Answer {
    fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect(text);
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Self { status, headers: headers.collect(), body: body.to_owned() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Rest {
    pub async fn start(agent: &mut TestAgent, hub: &FakeHub) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let retention = flow_federate::retention::Retention {
            output_days: 0,
            log_days: 30,
            scratch_days: 7,
            min_free_percent: 5,
            min_free_mib: 64,
        };
        let address_of_hub = "https://hub.example:1234".to_owned();
        let bound = Bound {
            listener,
            allow_remote: false,
            hub: address_of_hub,
            retention: retention.into(),
        };
        agent.rest = Some(bound);
        agent.start(hub.connector());
        let file = agent.data_dir().join(TOKEN);
        agent.wait_for("the token", || file.exists()).await;
        Self { address, token: std::fs::read_to_string(file).unwrap().trim().to_owned() }
    }

    /// Sends a request without a credential. HTTP/1.0: the body ends with the connection.
    pub async fn open(&self, request: &str, headers: &[(&str, &str)]) -> TcpStream {
        self.open_with(request, headers, "").await
    }

    async fn open_with(&self, request: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut text = format!("{request} HTTP/1.0\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            text += &format!("host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all((text + "\r\n" + body).as_bytes()).await.unwrap();
        stream
    }

    pub async fn send(&self, request: &str, headers: &[(&str, &str)]) -> Answer {
        self.send_with(request, headers, "").await
    }

    pub async fn send_with(&self, request: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = self.open_with(request, headers, body).await;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        flow_common::clock::timeout(PATIENCE, read).await.expect("an answer in time").unwrap();
        Answer::of(std::str::from_utf8(&answer).unwrap())
    }

    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// Gets a path with the token.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), &[("authorization", &self.bearer())]).await
    }

    /// Posts a JSON body with the token.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let (text, bearer) = (body.to_string(), self.bearer());
        let length = text.len().to_string();
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("content-length", length.as_str()),
        ];
        self.send_with(&format!("POST {path}"), &headers, &text).await
    }

    /// Signs a browser in. Returns its cookie.
    pub async fn cookie(&self, agent: &TestAgent) -> String {
        let link = succeeds(agent, &["console"]).await;
        let path = link.trim().split_once(&self.address.to_string()).unwrap().1;
        let signed_in = self.send(&format!("GET {path}"), &[("sec-fetch-site", "none")]).await;
        assert_eq!(signed_in.status, 303, "{}", signed_in.body);
        signed_in.headers["set-cookie"].split(';').next().unwrap().to_owned()
    }

    /// The lines of a log.
    async fn lines(&self, query: &str) -> Vec<String> {
        let answer = self.get(&format!("/api/v1/task/{}/logs{query}", task_id(1))).await;
        let mut envelope = answer.json();
        assert_eq!((answer.status, &envelope["ret_code"]), (200, &json!(0)), "{envelope}");
        serde_json::from_value(envelope["data"]["logs"].take()).unwrap()
    }
}

pub fn named(name: &str, desired: DesiredMember) -> DesiredMember {
    DesiredMember { task_name: name.to_owned(), run_number: 3, ..desired }
}

/// Brings member 1 to `running`.
pub async fn run_first(session: &mut Session, agent: &TestAgent) {
    session.report(&run_id(1), MemberPhase::Reserved).await;
    session.assign(named("digits", desired_member(1, 1, 3, DesiredPhase::Running))).await;
    agent.wait_for("the start", || !agent.runtime.starts().is_empty()).await;
    agent.runtime.set_state(&key(&run_id(1), 1), WorkState::Running);
    session.report(&run_id(1), MemberPhase::Running).await;
}

pub fn append(file: &Path, text: &[u8]) {
    let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
    file.write_all(text).unwrap();
}

#[tokio::test]
async fn f24_tasks_of_the_agent_are_listed_paged_and_shown() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    let rest = Rest::start(&mut agent, &hub).await;
    let set = vec![
        named("digits", desired_member(1, 1, 2, DesiredPhase::Reserved)),
        // A later run of the same task.
        DesiredMember {
            task_id: task_id(1).to_string(),
            run_number: 4,
            ..named("digits", desired_member(2, 1, 2, DesiredPhase::Admitted))
        },
        named("other", desired_member(3, 1, 2, DesiredPhase::Admitted)),
    ];
    let mut session = hub.open(set).await;
    session.report(&run_id(3), MemberPhase::Admitted).await;

    let digits = json!({
        "task_id": task_id(1), "name": "digits", "status": "Started",
        "federate_data": [{ "federated_id": "a", "federated_data": "" }],
        "federate_datas": [{ "federated_id": "a", "federated_data": "" }],
        "run_id": run_id(2), "run_number": 4, "phase": "admitted", "reason": null, "exit_code": null,
        "modify_time": null, "create_time": null, "remark": null, "template_id": null, "party_status": null,
    });
    let list = rest.get("/api/v1/task?page=2&limit=1").await;
    assert_eq!((list.status, list.headers["content-type"].as_str()), (200, "application/json"));
    assert_eq!(
        list.json(),
        json!({ "ret_code": 0, "ret_msg": "success", "data": { "tasks": [digits], "task_count": 2 } })
    );
    let shown = rest.get(&format!("/api/v1/task/{}/", task_id(1))).await;
    assert_eq!(shown.json(), json!({ "ret_code": 0, "ret_msg": "success", "data": digits }));
    for (query, names) in
        [("", vec!["other", "digits"]), ("?page=1&limit=1", vec!["other"]), ("?page=3", vec![])]
    {
        let list = rest.get(&format!("/api/v1/task/{query}")).await.json();
        let found: Vec<_> =
            list["data"]["tasks"].as_array().unwrap().iter().map(|task| &task["name"]).collect();
        assert_eq!(json!(found), json!(names), "{query}");
        assert_eq!(list["data"]["task_count"], 2, "{query}");
    }
    let bearer = rest.bearer();
    let masked = [("authorization", bearer.as_str()), ("x-fields", "data{tasks{name}}")];
    let list = rest.send("GET /api/v1/task", &masked).await.json();
    assert_eq!(list, json!({ "data": { "tasks": [{ "name": "other" }, { "name": "digits" }] } }));

    let missing = json!({
        "ret_code": 10300, "ret_msg": "task not found",
        "detail": "this party has no member of a task with this id; GET /api/v1/task lists its tasks",
    });
    for id in [
        task_id(9).to_string(),
        "x".to_owned(),
        "..%2f..%2fetc%2fpasswd".to_owned(),
        "%00".to_owned(),
    ] {
        for rest_of_path in ["", "/logs"] {
            let answer = rest.get(&format!("/api/v1/task/{id}{rest_of_path}")).await;
            assert_eq!((answer.status, answer.json()), (200, missing.clone()), "{id}");
        }
    }
    for query in ["page=0", "page=x", "limit=0", "limit=1001", "page=-1"] {
        let answer = rest.get(&format!("/api/v1/task?{query}")).await;
        assert_eq!((answer.status, &answer.json()["ret_code"]), (200, &json!(10000)), "{query}");
    }
    // The newest run has no log yet.
    let answer = rest.get(&format!("/api/v1/task/{}/logs", task_id(1))).await;
    assert_eq!((answer.status, &answer.json()["ret_code"]), (200, &json!(10309)));
    let swagger = rest.get("/api/v1/swagger.json").await.json();
    assert!(swagger["paths"]["/api/v1/task/{task_id}/logs"].is_object(), "{swagger}");
    let page = rest.get("/api/v1/doc").await;
    assert!(
        page.status == 200 && page.body.contains("GET /api/v1/task/{task_id}/logs"),
        "{}",
        page.body
    );
    agent.stop().await;
}

#[tokio::test]
async fn f24_log_of_a_task_is_read_whole_by_pages_from_its_end_and_while_it_grows() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    let rest = Rest::start(&mut agent, &hub).await;
    let mut session =
        hub.open(vec![named("digits", desired_member(1, 1, 2, DesiredPhase::Reserved))]).await;
    run_first(&mut session, &agent).await;
    let dir = agent.dir.path().join("log");
    agent.runtime.set_log_dir(&key(&run_id(1), 1), dir.clone());
    assert!(rest.lines("").await.is_empty(), "no output yet");
    std::fs::create_dir(&dir).unwrap();
    let segment = dir.join(segment_name(0));
    append(&segment, "one\n\n\"three\" größe\nfo".as_bytes());
    assert_eq!(rest.lines("").await, ["one", "", "\"three\" größe", "fo"]);
    assert_eq!(rest.lines("?tail=2").await, ["\"three\" größe", "fo"]);
    assert_eq!(rest.lines("?page=1&limit=2").await, ["one", ""]);
    assert_eq!(rest.lines("?page=2&limit=2").await, ["\"three\" größe", "fo"]);
    assert!(rest.lines("?page=3&limit=2").await.is_empty());
    let bearer = rest.bearer();
    let path = format!("GET /api/v1/task/{}/logs", task_id(1));
    let masked = [("authorization", bearer.as_str()), ("x-fields", "ret_code")];
    assert_eq!(rest.send(&path, &masked).await.json(), json!({ "ret_code": 0 }));
    let unclear = rest.get(&format!("/api/v1/task/{}/logs?tail=1&page=2", task_id(1))).await;
    assert_eq!((unclear.status, &unclear.json()["ret_code"]), (200, &json!(10000)));

    let headers = [("authorization", bearer.as_str())];
    let mut stream = rest.open(&format!("{path}?follow=true&tail=1"), &headers).await;
    let mut read = Vec::new();
    let mut until = async |part: &str| {
        while !String::from_utf8_lossy(&read).contains(part) {
            let more = flow_common::clock::timeout(PATIENCE, stream.read_buf(&mut read)).await;
            assert!(
                more.expect("output in time").unwrap() > 0,
                "{}",
                String::from_utf8_lossy(&read)
            );
        }
    };
    until("\n\"fo").await;
    append(&segment, b"ur\nfive\n");
    until("\n\"five\"").await;
    // The rest of the log is in the next segment.
    let length = std::fs::metadata(&segment).unwrap().len();
    append(&dir.join(segment_name(length)), b"six\n");
    until("\n\"six\"").await;
    agent.runtime.exit(&key(&run_id(1), 1), 0);
    until("]}").await;
    let text = String::from_utf8(read).unwrap();
    assert_eq!(Answer::of(&text).json()["data"]["logs"], json!(["four", "five", "six"]), "{text}");
    // After the end of the member, too.
    let done = session.report(&run_id(1), MemberPhase::Succeeded).await;
    session.settle(&done).await;
    assert_eq!(rest.lines("?tail=1").await, ["six"]);
    let task = rest.get(&format!("/api/v1/task/{}", task_id(1))).await.json();
    assert_eq!(
        (&task["data"]["status"], &task["data"]["exit_code"]),
        (&json!("Succeeded"), &json!(0))
    );
    let time = task["data"]["modify_time"].as_str().unwrap();
    assert!(time.ends_with(":00 -0000") && time.contains(" Jan 2026 "), "{time}");

    // The end of a long log is found without its beginning.
    let long = agent.dir.path().join("long");
    std::fs::create_dir(&long).unwrap();
    let file = std::fs::File::create(long.join(segment_name(0))).unwrap();
    file.set_len(8 << 30).unwrap();
    append(&long.join(segment_name(0)), b"\nlast\n");
    agent.runtime.set_log_dir(&key(&run_id(1), 1), long);
    assert_eq!(rest.lines("?tail=1").await, ["last"]);
    agent.stop().await;
}

#[tokio::test]
async fn u43_readers_of_logs_are_limited_and_one_that_leaves_makes_room() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    let rest = Rest::start(&mut agent, &hub).await;
    let mut session =
        hub.open(vec![named("digits", desired_member(1, 1, 2, DesiredPhase::Reserved))]).await;
    run_first(&mut session, &agent).await;
    agent.runtime.set_log_dir(&key(&run_id(1), 1), agent.dir.path().join("none"));
    let (bearer, path) = (rest.bearer(), format!("/api/v1/task/{}/logs", task_id(1)));
    let mut followers = Vec::new();
    for _ in 0..16 {
        let headers = [("authorization", bearer.as_str())];
        let mut stream = rest.open(&format!("GET {path}?follow=true"), &headers).await;
        let mut head = [0; 16];
        stream.read_exact(&mut head).await.unwrap();
        followers.push(stream);
    }
    let answer = rest.get(&path).await;
    assert_eq!((answer.status, &answer.json()["ret_code"]), (503, &json!(10307)));
    assert!(answer.body.contains("16 logs are being read"), "{}", answer.body);
    assert_eq!(rest.get("/api/v1/task").await.status, 200, "other requests have room");
    followers.pop();
    flow_testkit::wait_for("room for a reader", PATIENCE, async || {
        rest.get(&path).await.status == 200
    })
    .await;
    agent.stop().await;
}

#[tokio::test]
async fn u43_requests_without_credential_from_other_sites_or_too_large_are_refused() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    let rest = Rest::start(&mut agent, &hub).await;
    let _session = hub.open(Vec::new()).await;
    let bearer = rest.bearer();
    let with = |more: &[(&'static str, &'static str)]| {
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend_from_slice(more);
        headers
    };
    // Every route needs the credential.
    for path in [
        "/api/v1/task",
        "/api/v1/task/x",
        "/api/v1/task/x/logs",
        "/api/v1/swagger.json",
        "/api/v1/doc",
        "/api/v1/nothing",
        "/",
    ] {
        let answer = rest.send(&format!("GET {path}"), &[]).await;
        assert_eq!((answer.status, &answer.json()["ret_code"]), (401, &json!(10001)), "{path}");
        assert!(answer.headers["www-authenticate"].starts_with("Basic "), "{path}");
        assert!(answer.body.contains("v1-token"), "{}", answer.body);
    }
    for (path, authorization) in [
        ("/api/v1/task", "Bearer x"),
        ("/api/v1/task", "Basic eDp5"),
        ("/console", "Bearer x"),
        ("/console/assets/x.js", "Basic eDp5"),
    ] {
        let answer = rest.send(&format!("GET {path}"), &[("authorization", authorization)]).await;
        assert_eq!(answer.status, 401, "{path} {authorization}");
    }
    let get = "GET /api/v1/task";
    for (request, headers, status, code) in [
        (get, with(&[]), 200, 0),
        (get, with(&[("host", "localhost:9")]), 200, 0),
        (get, with(&[("sec-fetch-site", "same-origin")]), 200, 0),
        (get, with(&[("host", "evil.example")]), 403, 10015),
        (get, with(&[("sec-fetch-site", "cross-site")]), 403, 10015),
        (get, with(&[("sec-fetch-site", "same-site")]), 403, 10015),
        (get, with(&[("origin", "https://evil.example")]), 403, 10015),
        (get, with(&[("content-length", "1000000000")]), 413, 10006),
        (get, with(&[("content-length", "1")]), 413, 10006),
        ("POST /api/v1/task", with(&[]), 405, 10004),
        ("DELETE /api/v1/task/x/logs", with(&[]), 405, 10004),
        ("GET /api/v1/federate", with(&[]), 404, 10003),
        ("GET /api/v1", with(&[]), 404, 10003),
        (get, with(&[("x-fields", "data{")]), 200, 10000),
    ] {
        let answer = rest.send(request, &headers).await;
        let envelope = answer.json();
        assert_eq!(
            (answer.status, &envelope["ret_code"]),
            (status, &json!(code)),
            "{request} {headers:?}"
        );
        assert!(envelope["ret_msg"].is_string(), "{envelope}");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert!(answer.headers["content-security-policy"].starts_with("default-src 'none'"));
        assert!(!answer.body.contains(&rest.token));
    }
    let long = format!("GET /api/v1/task?page={}", "1".repeat(9000));
    assert_eq!(rest.send(&long, &with(&[])).await.status, 413);
    agent.stop().await;
}

#[tokio::test]
async fn u43_party_view_is_opened_by_a_link_that_is_valid_once() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    let rest = Rest::start(&mut agent, &hub).await;
    let _session = hub.open(Vec::new()).await;
    let refused = rest.send("GET /console", &[]).await;
    assert_eq!(refused.status, 401);
    assert!(refused.body.contains("flow-federate console"), "{}", refused.body);
    let link = succeeds(&agent, &["console"]).await;
    let start = format!("http://{}/console/sign-in?code=", rest.address);
    assert!(link.starts_with(&start), "{link}");
    let sign_in = format!("GET /console{}", link.trim().split_once("/console").unwrap().1);
    let other_site = [("sec-fetch-site", "cross-site")];
    assert_eq!(rest.send(&sign_in, &other_site).await.status, 403, "and the link stays valid");
    let signed_in = rest.send(&sign_in, &[("sec-fetch-site", "none")]).await;
    assert_eq!((signed_in.status, signed_in.headers["location"].as_str()), (303, "/console"));
    let cookie = signed_in.headers["set-cookie"].clone();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let again = rest.send(&sign_in, &[]).await;
    assert_eq!(again.status, 401);
    assert!(again.body.contains("used before") && !again.headers.contains_key("set-cookie"));

    let browser = [("cookie", cookie), ("sec-fetch-site", "same-origin")];
    let navigation = [browser[0], browser[1], ("accept", "text/html,*/*;q=0.8")];
    for path in ["/console", "/console/", "/console/members/x"] {
        let page = rest.send(&format!("GET {path}"), &navigation).await;
        assert_eq!((page.status, page.headers["cache-control"].as_str()), (200, "no-cache"));
        assert_eq!(page.headers["content-security-policy"], flow_console::POLICY);
        assert!(page.body.contains("<base href=\"/console/\">"), "{}", page.body);
    }
    for path in ["/console/x.js", "/console/assets/x.js", "/console/..%2fparty.html"] {
        assert_eq!(rest.send(&format!("GET {path}"), &browser).await.status, 404, "{path}");
        assert_eq!(rest.send(&format!("GET {path}"), &[]).await.status, 401, "{path}");
    }
    assert_eq!(rest.send("POST /console", &browser).await.status, 405);
    // The cookie opens the view alone, for its own pages, until the session ends.
    assert_eq!(rest.send("GET /api/v1/task", &browser).await.status, 401);
    let same_site = [("cookie", cookie), ("sec-fetch-site", "same-site")];
    assert_eq!(rest.send("GET /console", &same_site).await.status, 403);
    assert_eq!(rest.send("GET /console", &[("cookie", &cookie[..60])]).await.status, 401);
    agent.stop().await;
    // Sessions end with the agent.
    let rest = Rest::start(&mut agent, &hub).await;
    assert_eq!(rest.send("GET /console", &browser).await.status, 401);
    agent.stop().await;
}
