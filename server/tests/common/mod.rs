//! A complete hub in the process of the test: the real router and engine on a SQLite file, with a
//! clock that the test sets.

pub mod agent;
pub mod document;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use flow_common::clock::MockClock;
use flow_common::secret_file::Secret;
use flow_console::Assets;
use flow_server::access::{AccessOptions, SetupCode};
use flow_server::cors::Cors;
use flow_server::engine::RetentionDays;
use flow_server::network::Network;
use flow_server::serve::{Hub, HubParts};
use flow_server::sign_in::{SignIn, SignInConfig};
use flow_server::state::{App, V1Options};
use flow_server::store::{Store, StoreOptions};
use flow_server::webhooks::{TargetRules, WebhookOptions};
use flow_testkit::secrets;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tower::ServiceExt as _;

pub use agent::FakeAgent;
use document::Operation;

/// The page of the console.
pub const CONSOLE: &str = r#"<!doctype html>
<base href="/"><meta name="flow-console" content="hub"><script src="assets/app-1a2b.js"></script>"#;
/// Name of the first account.
pub const ADMIN: &str = "alice";

/// A hub. Dropping it stops the hub and removes its data.
pub struct TestApp {
    pub app: Arc<App>,
    pub clock: MockClock,
    running: Hub,
    router: axum::Router,
    dir: tempfile::TempDir,
    token: String,
    agents: OnceCell<SocketAddr>,
    /// Names of the operations that have succeeded.
    answered: Mutex<BTreeSet<&'static str>>,
}

impl TestApp {
    /// Starts a hub on an empty database.
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        Self::on(dir, MockClock::default(), None).await
    }

    /// Starts a hub without an account; its token is the setup code.
    pub async fn without_account() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let url = format!("sqlite:{}", dir.path().join("hub.sqlite").display());
        let access = SignInConfig::default();
        let (mut hub, code) =
            Self::started(dir, &url, MockClock::default(), None, &access, |_| {}).await;
        hub.token = code;
        hub
    }

    /// Starts a hub with this configuration of sign-in on an empty database.
    pub async fn with_access(access: SignInConfig, clock: MockClock) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let url = format!("sqlite:{}", dir.path().join("hub.sqlite").display());
        Self::with_all(dir, &url, clock, None, &access).await
    }

    /// Starts a hub whose `/api/v1` needs no credentials from a network.
    pub async fn with_anonymous(network: &str) -> Self {
        let network: Network = network.parse().expect("a network");
        Self::with_parts(|parts| parts.v1.anonymous_networks = vec![network]).await
    }

    /// Starts a hub with other parts on an empty database.
    pub async fn with_parts(adjust: impl FnOnce(&mut HubParts)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let url = format!("sqlite:{}", dir.path().join("hub.sqlite").display());
        let (clock, sign_in) = (MockClock::default(), SignInConfig::default());
        let (mut hub, code) = Self::started(dir, &url, clock, None, &sign_in, adjust).await;
        hub.token = hub.set_up(&code).await;
        hub
    }

    /// Starts a hub on an empty database of another owner.
    pub async fn start_on(url: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        Self::with(dir, url, MockClock::default(), None).await
    }

    async fn on(dir: tempfile::TempDir, clock: MockClock, token: Option<String>) -> Self {
        let url = format!("sqlite:{}", dir.path().join("hub.sqlite").display());
        Self::with(dir, &url, clock, token).await
    }

    /// Without a token the database is empty, and the first account is created.
    async fn with(
        dir: tempfile::TempDir,
        url: &str,
        clock: MockClock,
        token: Option<String>,
    ) -> Self {
        Self::with_all(dir, url, clock, token, &SignInConfig::default()).await
    }

    async fn with_all(
        dir: tempfile::TempDir,
        url: &str,
        clock: MockClock,
        token: Option<String>,
        sign_in: &SignInConfig,
    ) -> Self {
        let is_set_up = token.is_some();
        let (mut hub, code) = Self::started(dir, url, clock, token, sign_in, |_| {}).await;
        if !is_set_up {
            hub.token = hub.set_up(&code).await;
        }
        hub
    }

    /// Starts a hub. Returns it with its setup code, which is valid without a token.
    async fn started(
        dir: tempfile::TempDir,
        url: &str,
        clock: MockClock,
        token: Option<String>,
        sign_in: &SignInConfig,
        adjust: impl FnOnce(&mut HubParts),
    ) -> (Self, String) {
        // Receivers of the tests listen on this address; `localhost` stays forbidden.
        let rules = TargetRules {
            allow_networks: vec!["127.0.0.77".parse().expect("a network")],
            allow_http: true,
        };
        let webhooks = WebhookOptions { rules, ca_file: None };
        log_everything();
        let store = Store::open(url, StoreOptions::default()).await.expect("the store opens");
        store.migrate().await.expect("the store migrates");
        let code = flow_common::ids::secret();
        secrets::register(&code);
        let shared: flow_common::clock::SharedClock = Arc::new(clock.clone());
        let sign_in = SignIn::open(dir.path(), sign_in, "http://127.0.0.1:1235", &shared);
        let mut parts = HubParts {
            store: Arc::new(store),
            clock: shared,
            setup: token.is_none().then(|| SetupCode::new(&Secret::new(code.clone()))),
            sign_in: sign_in.expect("a valid configuration"),
            access: AccessOptions::default(),
            away_after_s: 30,
            body_bytes: 2 << 20,
            v1: V1Options {
                aggregator: "hub".parse().expect("a name"),
                anonymous_networks: Vec::new(),
            },
            cors: Cors::default(),
            console: console(),
            webhooks,
            retention: RetentionDays::default(),
        };
        adjust(&mut parts);
        let running = Hub::start(parts).await.expect("the hub starts");
        let app = Arc::clone(&running.app);
        let router = flow_server::api::router(Arc::clone(&app));
        let hub = Self {
            app,
            clock,
            running,
            router,
            dir,
            token: token.unwrap_or_default(),
            agents: OnceCell::new(),
            answered: Mutex::default(),
        };
        (hub, code)
    }

    /// Creates the first account and returns its token.
    async fn set_up(&self, code: &str) -> String {
        let input = json!({ "code": code, "name": ADMIN });
        let done = self.post("/api/v2/setup").anonymous().json(&input).await;
        done.expect(StatusCode::CREATED).json()["secret"].as_str().expect("a token").to_owned()
    }

    /// Creates an account with this role in a project, and returns a token of it.
    pub async fn account(&self, name: &str, project: &str, role: &str) -> String {
        let created = self.post("/api/v2/users").json(&json!({ "name": name })).await;
        created.expect(StatusCode::CREATED);
        let member = format!("/api/v2/projects/{project}/members/{name}");
        self.put(&member).json(&json!({ "role": role })).await.expect(StatusCode::OK);
        self.new_token(&json!({ "name": "test", "user": name })).await
    }

    /// Creates a token and returns its text.
    pub async fn new_token(&self, input: &Value) -> String {
        let created = self.post("/api/v2/tokens").json(input).await.expect(StatusCode::CREATED);
        created.json()["secret"].as_str().expect("a token").to_owned()
    }

    /// Stops the hub and starts it again with the same data.
    pub async fn restart(self) -> Self {
        self.restart_with(SignInConfig::default()).await
    }

    /// Stops the hub and starts it again with another configuration of sign-in.
    pub async fn restart_with(self, access: SignInConfig) -> Self {
        let Self { app, clock, running, router, dir, token, agents: _, answered: _ } = self;
        drop((app, router));
        running.finish().await;
        let url = format!("sqlite:{}", dir.path().join("hub.sqlite").display());
        Self::with_all(dir, &url, clock, Some(token), &access).await
    }

    /// Opens a connection to the hub's database, as another program would.
    pub async fn database(&self) -> sqlx::SqliteConnection {
        let url = format!("sqlite:{}", self.dir.path().join("hub.sqlite").display());
        <sqlx::SqliteConnection as sqlx::Connection>::connect(&url)
            .await
            .expect("the database is there")
    }

    /// Stops the hub without waiting for its end.
    pub fn stop(&self) {
        self.running.stop();
    }

    /// Returns the API token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Creates a request with the token.
    pub fn call(&self, method: Method, path: &str) -> Call<'_> {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::AUTHORIZATION,
            format!("Bearer {}", self.token).parse().expect("a token is visible ASCII"),
        );
        Call { hub: self, method, path: path.to_owned(), headers, body: Body::empty(), sent: None }
    }

    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Call<'_> {
        self.call(Method::POST, path)
    }

    pub fn put(&self, path: &str) -> Call<'_> {
        self.call(Method::PUT, path)
    }

    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    /// Returns the names of the operations that have succeeded so far.
    pub fn answered(&self) -> BTreeSet<&'static str> {
        self.answered.lock().expect("nothing panics with the lock held").clone()
    }

    /// Adds parties.
    pub async fn parties(&self, names: &[&str]) {
        for name in names {
            self.party(name).await;
        }
    }

    /// Adds a party and returns its secret.
    pub async fn party(&self, name: &str) -> String {
        let created = self
            .post("/api/v2/parties")
            .json(&json!({ "name": name }))
            .await
            .expect(StatusCode::CREATED);
        created.json()["secret"].as_str().expect("a secret").to_owned()
    }

    /// Adds a party and connects an agent for it.
    pub async fn agent(&self, name: &str) -> FakeAgent {
        let secret = self.party(name).await;
        FakeAgent::connect(self.agents_address().await, name, &secret).await
    }

    /// Returns the address for agents. The first call starts the listener.
    pub async fn agents_address(&self) -> SocketAddr {
        let address = self.agents.get_or_init(async || {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("its address");
            tokio::spawn(flow_server::grpc::serve(
                Arc::clone(&self.app),
                listener,
                flow_server::listener::ListenerLimits::of(1000),
                None,
            ));
            address
        });
        *address.await
    }

    /// Creates the example template of the OpenAPI document and returns its id.
    pub async fn template(&self) -> String {
        let body = flow_api_types::TemplateInput::sample();
        let created =
            self.post("/api/v2/templates").json(&json!(body)).await.expect(StatusCode::CREATED);
        created.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Returns the example task of the OpenAPI document with this template.
    pub fn task_body(&self, template: &str) -> Value {
        let mut body = json!(flow_api_types::TaskInput::sample());
        body["template"] = template.into();
        body
    }

    /// Creates a task with its template and parties, and returns the id of the task.
    pub async fn task(&self) -> String {
        self.parties(&["hub", "hospital-a", "hospital-b"]).await;
        self.task_of_parties().await
    }

    /// Creates a task with its template and returns the id of the task. Its parties exist.
    pub async fn task_of_parties(&self) -> String {
        let template = self.template().await;
        let created = self
            .post("/api/v2/tasks")
            .json(&self.task_body(&template))
            .await
            .expect(StatusCode::CREATED);
        created.json()["id"].as_str().expect("an id").to_owned()
    }
}

/// A console of a few files.
pub fn console() -> Assets {
    let file = |name, text: &'static str| (name, Bytes::from_static(text.as_bytes()));
    Assets::of([
        file("index.html", CONSOLE),
        file("theme.js", "theme"),
        file("assets/app-1a2b.js", "plain"),
        file("assets/app-1a2b.js.br", "brotli"),
        file("assets/app-1a2b.js.gz", "gzip"),
    ])
}

/// Passes every line that the hub logs, at the most detailed level, to the search for secrets. Other
/// crates log what the clients of a test do.
fn log_everything() {
    struct Searched;
    impl std::io::Write for Searched {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            secrets::log(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    static SET: std::sync::Once = std::sync::Once::new();
    SET.call_once(|| {
        let set = tracing_subscriber::fmt()
            .with_env_filter("off,flow_server=trace,flow_common=trace")
            .with_ansi(false)
            .with_writer(|| Searched)
            .try_init();
        set.expect("no test sets another logger");
    });
}

/// A request. Its response is always checked against the OpenAPI document.
#[must_use]
pub struct Call<'a> {
    hub: &'a TestApp,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Body,
    /// Body of the request, if it is JSON.
    sent: Option<Value>,
}

impl Call<'_> {
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().expect("a header value"));
        self
    }

    /// Sends this token in place of the administrator's.
    pub fn token(self, token: &str) -> Self {
        self.anonymous().header("authorization", &format!("Bearer {token}"))
    }

    pub fn anonymous(mut self) -> Self {
        self.headers.remove(header::AUTHORIZATION);
        self
    }

    pub fn body(mut self, kind: &str, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self.headers.insert(header::CONTENT_TYPE, kind.parse().expect("a header value"));
        self
    }

    pub async fn json(mut self, body: &Value) -> Answer {
        secrets::register_request(body);
        self.sent = Some(body.clone());
        self.body("application/json", body.to_string()).await
    }

    /// Sends the request and returns the head of the response and its stream.
    pub async fn open(self) -> http::Response<Body> {
        let Self { hub, method, path, headers, body, sent } = self;
        let operation = Operation::of(&method, &path);
        let mut request =
            Request::builder().method(method).uri(path).body(body).expect("a request");
        *request.headers_mut() = headers;
        let answer = hub.router.clone().oneshot(request).await.expect("a router never fails");
        if let Some(operation) = operation {
            operation.check_head(answer.status(), answer.headers());
            if answer.status().is_success() {
                sent.iter().for_each(|sent| operation.check_request(sent));
                hub.answered
                    .lock()
                    .expect("nothing panics with the lock held")
                    .insert(operation.id());
            }
        }
        answer
    }
}

impl<'a> IntoFuture for Call<'a> {
    type Output = Answer;
    type IntoFuture = std::pin::Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let operation = Operation::of(&self.method, &self.path);
            let is_head = self.method == Method::HEAD;
            let (method, path) = (self.method.clone(), self.path.clone());
            let (head, body) = self.open().await.into_parts();
            let body = body.collect().await.expect("the body arrives").to_bytes();
            match operation {
                Some(operation) if !is_head => {
                    operation.check_body(head.status, &head.headers, &body)
                }
                Some(_) => {}
                // The answer to a preflight request, which has no operation.
                None if method == Method::OPTIONS && head.status == StatusCode::NO_CONTENT => {
                    assert!(body.is_empty(), "a preflight request has no content");
                }
                None if path == "/api/v1" || path.starts_with("/api/v1/") => {
                    document::check_v1(&method, &path, head.status, &head.headers, &body)
                }
                None => document::check_without_operation(head.status, &head.headers, &body),
            }
            if head.status.is_success() {
                serde_json::from_slice(&body).iter().for_each(secrets::register_response);
            } else {
                secrets::assert_absent(&format!("the response of {method} {path}"), &body);
            }
            Answer { status: head.status, headers: head.headers, body }
        })
    }
}

/// A complete response.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: StatusCode) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Asserts a problem with this status and code, and returns it.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        let problem = if self.header("content-type") == "application/problem+json" {
            self.json()
        } else {
            Value::Null
        };
        assert_eq!(
            (self.status.as_u16(), problem["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.text()
        );
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("/docs#{code}"));
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        assert!(problem["detail"].as_str().is_some_and(|text| text.len() > 5), "{problem}");
        problem
    }

    /// Asserts a problem with status 422 and one invalid field with this pointer and code.
    #[track_caller]
    pub fn field(self, pointer: &str, code: &str) {
        let problem = self.problem(422, "invalid");
        let fields = problem["fields"].as_array().cloned().unwrap_or_default();
        let found = fields.iter().any(|field| {
            field["pointer"] == pointer && field["code"] == code && field["message"].is_string()
        });
        assert!(found, "{pointer} {code} is not in {problem}");
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
