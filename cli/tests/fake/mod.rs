//! Fake hub: records the requests of flowctl and answers with the responses that a test sets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use axum::serve::Listener;
use flow_api_types::{Member, Run};
use flow_testkit::Pair;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// State of the fake hub and the requests that it received.
#[derive(Default)]
pub struct World {
    pub templates: Vec<Value>,
    pub tasks: Vec<Value>,
    pub parties: Vec<Value>,
    pub orphans: Vec<Value>,
    /// Responses to reads of a run, one after the other. The last one stays.
    pub reads: Vec<Value>,
    /// Bodies of the requests that started tasks.
    pub starts: Vec<Value>,
    /// Response to the list of all runs, whatever its filter.
    pub runs: Vec<Value>,
    /// Answers of the parties in the response to a dry run.
    pub checks: Vec<Value>,
    /// Response to a comparison of runs.
    pub comparison: Value,
    /// Response to every request, if set: status and problem.
    pub problem: Option<(u16, Value)>,
    /// `METHOD path` of each request, in order.
    pub requests: Vec<String>,
    pub tokens: Vec<String>,
}

type Shared = Arc<Mutex<World>>;

/// Fake hub on a loopback port. Dropping it stops the hub.
pub struct Fake {
    runtime: Runtime,
    world: Shared,
    address: SocketAddr,
    scheme: &'static str,
    serving: Option<JoinHandle<()>>,
}

impl Fake {
    pub fn start() -> Self {
        let (mut fake, listener) = Self::new("http");
        fake.serve(listener);
        fake
    }

    /// Starts a hub with TLS.
    pub fn start_tls(pair: &Pair) -> Self {
        let (mut fake, listener) = Self::new("https");
        let tls = flow_common::tls::acceptor(&pair.cert, &pair.key, &[b"http/1.1"]).unwrap();
        fake.serve(TlsListener { listener, tls });
        fake
    }

    fn new(scheme: &'static str) -> (Self, TcpListener) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let party = |name| json!({"name": name, "remark": "", "created_at": "2026-01-01T00:00:00Z", "contact": {"state": "connected"}});
        let world = World { parties: vec![party("hub"), party("party-a")], ..World::default() };
        (
            Self { runtime, world: Arc::new(Mutex::new(world)), address, scheme, serving: None },
            listener,
        )
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn serve<L: Listener<Addr: std::fmt::Debug>>(&mut self, listener: L) {
        let app = Router::new().fallback(answer).with_state(self.world.clone());
        self.serving =
            Some(self.runtime.spawn(async move { axum::serve(listener, app).await.unwrap() }));
    }

    /// Closes the port and all connections.
    pub fn stop(&mut self) {
        let serving = self.serving.take().unwrap();
        serving.abort();
        let _ = self.runtime.block_on(serving);
    }

    /// Listens on the same port again.
    pub fn restart(&mut self) {
        let listener = self.runtime.block_on(TcpListener::bind(self.address)).unwrap();
        self.serve(listener);
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
        command
            .args(args)
            .env_clear()
            .env("FLOW_SERVER", format!("{}://{}", self.scheme, self.address))
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Done {
        Done::from(self.command(args).output().unwrap())
    }
}

/// Accepts connections with a complete TLS handshake and drops the others.
struct TlsListener {
    listener: TcpListener,
    tls: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Exit code and output of a command.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        flow_testkit::secrets::assert_absent("an error of flowctl", &output.stderr);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Done {
    /// Asserts the exit code.
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

/// Returns a run with this number, phase and epoch, as the hub answers it.
pub fn run(number: u32, phase: &str, epoch: u32) -> Value {
    let ending = match phase {
        "failed" => {
            json!({"outcome": "failed", "code": "member_failed", "message": "party-a exited with 1", "at": "2026-01-01T00:00:09Z"})
        }
        "cancelled" => {
            json!({"outcome": "cancelled", "code": "stopped", "message": "stopped by admin", "at": "2026-01-01T00:00:09Z"})
        }
        _ => Value::Null,
    };
    let member = |party: &str, role: &str, progress: Value| {
        let member =
            json!({"party": party, "role": role, "phase": "running", "progress": progress});
        with(json!(Member::sample()), member)
    };
    let progress = json!({"epoch": epoch, "epochs": 3, "metrics": {"local/acc": 0.5}});
    with(
        json!(Run::sample()),
        json!({
            "id": run_id(number), "number": number, "phase": phase, "created_at": "2026-01-01T00:00:00Z",
            "waiting": null, "ending": ending, "progress": {"epoch": epoch, "epochs": 3, "members": {}},
            "members": [member("hub", "aggregator", Value::Null), member("party-a", "trainer", progress)],
        }),
    )
}

/// Replaces fields of a document.
fn with(mut document: Value, fields: Value) -> Value {
    let (Value::Object(all), Value::Object(fields)) = (&mut document, fields) else {
        panic!("objects")
    };
    all.extend(fields);
    document
}

fn run_id(run: u32) -> String {
    format!("{run:032x}")
}

async fn answer(
    State(world): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut world = world.lock().unwrap();
    let path = uri.path().strip_prefix("/api/v2/").unwrap_or("elsewhere").to_owned();
    world.requests.push(format!(
        "{method} {}",
        uri.path_and_query().unwrap().as_str().replacen("/api/v2/", "", 1)
    ));
    world
        .tokens
        .extend(headers.get("authorization").map(|token| token.to_str().unwrap().to_owned()));
    if let Some((status, problem)) = &world.problem {
        return respond(*status, problem);
    }
    if method == Method::POST && path != "parties" && !headers.contains_key("idempotency-key") {
        return respond(400, &json!({"code": "malformed", "detail": "no Idempotency-Key"}));
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let parts: Vec<&str> = path.split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["tasks", _, "events"]) => {
            // One event; then the stream stays open, as the hub keeps it.
            let first = futures::stream::once(async {
                Ok::<_, Infallible>("id: 1\nevent: run.running\ndata: {}\n\n")
            });
            let stream = futures::StreamExt::chain(first, futures::stream::pending());
            Response::builder()
                .header("content-type", "text/event-stream")
                .body(Body::from_stream(stream))
                .unwrap()
        }
        ("GET", ["tasks", _, "runs", run]) => {
            let newest = world.tasks.first().map(|task| task["run"].clone());
            let newest = newest.filter(Value::is_object);
            if let Ok(number) = run.parse::<u32>()
                && run.len() < 32
            {
                let named = |run: &&Value| run["number"] == number;
                let found = world.reads.iter().chain(&newest).find(named);
                return found.map_or_else(|| missing("run"), |found| respond(200, found));
            }
            let first = world.reads.first().cloned();
            if world.reads.len() > 1 && first.as_ref().is_some_and(|read| read["id"] == *run) {
                world.reads.remove(0);
                if world.reads[0]["id"] != *run {
                    // The hub ends a run and creates its retry in one transaction.
                    world.tasks[0]["run"] = world.reads[0].clone();
                }
            }
            let found = first.or(newest);
            found.map_or_else(|| missing("run"), |read| respond(200, &read))
        }
        ("GET", ["tasks", _, "runs", _, "members", "party-a", "logs"]) => {
            Response::new(Body::from("epoch 1\nepoch 2\n"))
        }
        ("GET", ["tasks", _, "runs", _, "members", "hub", "logs"]) => Response::new(Body::empty()),
        ("GET", ["tasks", _, "runs", _, "members", "hub"]) => {
            respond(200, &world.tasks[0]["run"]["members"][0])
        }
        ("GET", ["runs"]) => respond(200, &json!({"items": world.runs, "next": null})),
        ("GET", ["runs", "compare"]) => respond(200, &world.comparison),
        ("GET", ["tasks", _, "runs"]) => respond(200, &json!({"items": world.reads, "next": null})),
        ("POST", ["tasks", id, "start"]) => {
            world.starts.push(body);
            match world.tasks.iter_mut().find(|task| task["id"] == *id) {
                None => missing("task"),
                Some(task) => {
                    let run = task["runs"].as_u64().unwrap() as u32 + 1;
                    task["runs"] = json!(run);
                    task["run"] = self::run(run, "queued", 0);
                    respond(202, &task["run"])
                }
            }
        }
        ("POST", ["tasks", _, "stop"]) => respond(202, &Value::Null),
        ("POST", ["orphans", id, verb]) => {
            match world.orphans.iter_mut().find(|orphan| orphan["id"] == *id) {
                None => missing("orphan"),
                Some(orphan) => {
                    orphan["decision"] = json!(verb);
                    respond(202, orphan)
                }
            }
        }
        ("GET", [list]) => {
            // Filtered by the beginning of names, two items a page.
            let query = |name: &str| {
                uri.query()?
                    .split('&')
                    .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
                    .map(str::to_owned)
            };
            let prefix = query("name").unwrap_or_default();
            let from: usize = query("cursor").map_or(0, |cursor| cursor.parse().unwrap());
            let all = world
                .list(list)
                .iter()
                .filter(|item| item["name"].as_str().unwrap_or_default().starts_with(&prefix));
            let page: Vec<Value> = all.clone().skip(from).take(2).cloned().collect();
            let next = (all.count() > from + 2).then(|| (from + 2).to_string());
            respond(200, &json!({"items": page, "next": next}))
        }
        ("POST", ["parties"]) => {
            let mut party = body.clone();
            party["created_at"] = json!("2026-01-01T00:00:00Z");
            party["contact"] = json!({"state": "away"});
            world.parties.push(party);
            respond(201, &json!({"name": body["name"], "secret": "s3cret-of-the-party"}))
        }
        ("POST", ["parties", party, verb @ ("disable" | "enable")]) => {
            let mut party = json!({"name": party, "remark": "", "created_at": "2026-01-01T00:00:00Z", "contact": {"state": "away"}});
            if *verb == "disable" {
                party["disabled_at"] = json!("2026-01-01T00:00:00Z");
            }
            world.parties = vec![party.clone()];
            respond(200, &party)
        }
        ("POST", ["parties", party, "secret"]) => {
            let until = body["overlap_s"]
                .as_u64()
                .filter(|overlap| *overlap > 0)
                .map(|_| "2026-01-01T01:00:00Z");
            respond(200, &json!({"name": party, "secret": "another-s3cret", "former_until": until}))
        }
        ("POST", ["apply"]) if uri.query() == Some("dry_run=true") => {
            respond(200, &json!({"templates": [], "tasks": [], "checks": world.checks}))
        }
        ("POST", ["bulk", "tasks", verb]) => {
            let result = |id: &Value| match world.tasks.iter().find(|task| task["id"] == *id) {
                Some(_) => json!({"id": id}),
                None => json!({"id": id, "error": {"code": "task_not_found", "message": "gone"}}),
            };
            let tasks: Vec<Value> = body["tasks"].as_array().unwrap().iter().map(result).collect();
            if *verb == "delete" {
                world.tasks.retain(|task| !tasks.iter().any(|result| result["id"] == task["id"]));
            }
            respond(200, &json!({"tasks": tasks}))
        }
        ("POST", ["apply"]) => respond(200, &world.apply(&body)),
        ("POST", [list]) => {
            let number = world.list(list).len() + 1;
            let item = stored(&body, &format!("{number:032x}"), 1);
            world.list(list).push(item.clone());
            respond(201, &item)
        }
        ("GET", [list, name]) => {
            let is_named = |item: &&Value| item["id"] == *name || item["name"] == *name;
            match world.list(list).iter().find(is_named) {
                None => missing(list),
                Some(item) => respond(200, item),
            }
        }
        ("PUT", [list, id]) => {
            let item = world.list(list).iter_mut().find(|item| item["id"] == *id).unwrap();
            if headers.get("if-match").is_none() {
                return respond(
                    412,
                    &json!({"code": "precondition_failed", "detail": "no If-Match"}),
                );
            }
            *item = stored(&body, id, item["revision"].as_u64().unwrap() + 1);
            respond(200, item)
        }
        ("DELETE", [list, id]) => {
            world.list(list).retain(|item| item["id"] != *id);
            respond(204, &Value::Null)
        }
        _ => missing("page"),
    }
}

impl World {
    fn list(&mut self, name: &str) -> &mut Vec<Value> {
        match name {
            "templates" => &mut self.templates,
            "tasks" => &mut self.tasks,
            "orphans" => &mut self.orphans,
            _ => &mut self.parties,
        }
    }
}

impl World {
    /// Creates the documents of an apply request.
    fn apply(&mut self, body: &Value) -> Value {
        let mut applied = json!({"templates": [], "tasks": []});
        for (list, noun) in [("templates", "template"), ("tasks", "task")] {
            for document in body[list].as_array().unwrap() {
                let known = self.list(list).iter().find(|item| item["name"] == document["name"]);
                if let Some(known) = known {
                    let result = json!({"outcome": "unchanged", noun: known});
                    applied[list].as_array_mut().unwrap().push(result);
                    continue;
                }
                let id = format!("{:032x}", self.list(list).len() + 1);
                let mut item = stored(document, &id, 1);
                if noun == "task" {
                    let named = |t: &&Value| t["name"] == item["template"];
                    item["template"] = self.templates.iter().find(named).unwrap()["id"].clone();
                    item["revision"] = json!(1);
                }
                self.list(list).push(item.clone());
                let result = json!({"outcome": "created", noun: item});
                applied[list].as_array_mut().unwrap().push(result);
            }
        }
        applied
    }
}

fn stored(body: &Value, id: &str, revision: u64) -> Value {
    let mut item = body.clone();
    item["id"] = json!(id);
    item["created_at"] = json!("2026-01-01T00:00:00Z");
    item["modified_at"] = json!("2026-01-01T00:00:00Z");
    if item["template"].is_null() {
        item["revision"] = json!(revision);
    } else {
        item["runs"] = json!(0);
        item["version"] = json!(1);
    }
    item
}

fn missing(what: &str) -> Response {
    respond(404, &json!({"code": "task_not_found", "detail": format!("there is no such {what}")}))
}

fn respond(status: u16, body: &Value) -> Response {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header("etag", "\"1\"")
        .body(Body::from(text))
        .unwrap()
}
