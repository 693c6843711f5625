//! A client of the hub's REST API with a user's token.

use std::path::{Path, PathBuf};
use std::time::Duration;

use flow_testkit::secrets;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::{Job, SOON, eventually};

/// Name of the first account.
const USER: &str = "root";

/// One start of a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Run {
    /// The task.
    pub task: String,
    /// The run.
    pub id: String,
}

/// A client for the hub at an address; the hub may be stopped.
#[derive(Debug, Clone)]
pub struct Hub {
    /// `http://127.0.0.1:PORT`, or with https.
    pub base: String,
    pub(crate) root: PathBuf,
    http: reqwest::Client,
    token: String,
}

impl Hub {
    /// Creates a client, with TLS if an authority's certificate is given.
    pub(crate) fn new(port: u16, root: PathBuf, ca: Option<&Path>) -> Self {
        // An error means that a provider is already installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let read = |ca| {
            reqwest::Certificate::from_pem(&std::fs::read(ca).expect("the file was made"))
                .expect("it is a certificate")
        };
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .tls_certs_only(ca.map(read));
        let http = http.build().expect("a client that trusts the hub's authority");
        let scheme = if ca.is_some() { "https" } else { "http" };
        Self { base: format!("{scheme}://127.0.0.1:{port}"), root, http, token: String::new() }
    }

    /// The HTTP client, for paths outside `/api/v2`.
    #[must_use]
    pub const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Waits until the hub is ready. Creates the first account of a new hub and keeps its token in
    /// `token_file`.
    pub(crate) async fn ready(&mut self, data: &Path, token_file: &Path) -> Option<()> {
        let ready = async || {
            self.http
                .get(format!("{}/readyz", self.base))
                .send()
                .await
                .ok()?
                .error_for_status()
                .ok()
        };
        eventually(SOON, ready).await?;
        if let Ok(code) = std::fs::read_to_string(data.join("setup-code")) {
            secrets::register(code.trim());
            let setup = json!({"code": code.trim(), "name": USER});
            let done = self.call(Method::POST, "/setup", Some(&setup)).await;
            crate::federation::write_secret(token_file, done["secret"].as_str()?);
        }
        self.token = std::fs::read_to_string(token_file).ok()?.trim().to_owned();
        secrets::register(&self.token);
        Some(())
    }

    /// The name of its user.
    #[must_use]
    pub const fn user(&self) -> &'static str {
        USER
    }

    /// The token of its user.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A request below `/api/v2`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v2{path}", self.base)).bearer_auth(&self.token)
    }

    /// Sends a request and reads the answer; `Err` without an answer.
    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), reqwest::Error> {
        body.iter().for_each(|body| secrets::register_request(body));
        let shown = format!("the response of {method} {path}");
        let request = self.request(method, path).timeout(SOON);
        let answer = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = answer.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            secrets::assert_absent(&shown, &text);
        }
        let answer = serde_json::from_str(&text).unwrap_or(Value::String(text));
        secrets::register_response(&answer);
        Ok((status, answer))
    }

    /// Sends a request that must succeed.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let shown = format!("{method} {path}");
        match self.try_call(method, path, body).await {
            Ok((status, answer)) if status.is_success() => answer,
            Ok((status, answer)) => panic!("{shown}: {status}: {answer}"),
            Err(error) => panic!("{shown}: {error}"),
        }
    }

    /// Reads an existing resource.
    pub async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, None).await
    }

    /// Creates a party and returns its secret.
    pub async fn create_party(&self, name: &str) -> String {
        let made = self.call(Method::POST, "/parties", Some(&json!({"name": name}))).await;
        made["secret"].as_str().expect("a new party has a secret").to_owned()
    }

    /// Submits a job under a new name and returns the task's id.
    pub async fn submit(&self, job: &Job) -> String {
        let task = self.prepare(job).await;
        let task = self.call(Method::POST, "/tasks", Some(&task)).await;
        task["id"].as_str().expect("a task has an id").to_owned()
    }

    /// Creates a job's template under a new name and returns the task to submit.
    pub async fn prepare(&self, job: &Job) -> Value {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("{}-{number}", job.name);
        let mut template = job.template.clone();
        template["name"] = json!(name);
        template["env"]["E2E"] = json!(self.root);
        for parameter in job.task["parameters"].as_object().into_iter().flat_map(|map| map.keys()) {
            if !["strategy", "strategy_params", "smpc", "enable_ll"].contains(&parameter.as_str()) {
                template["parameters"][parameter] = json!({"type": "string"});
            }
        }
        let template = self.call(Method::POST, "/templates", Some(&template)).await;
        let mut task = job.task.clone();
        task["name"] = json!(name);
        task["template"] = template["id"].clone();
        task
    }

    /// Retries a request with one idempotency key until it succeeds. Panics at an error that is not
    /// retryable.
    pub async fn insist(&self, path: &str, key: &str, body: Option<&Value>) -> Value {
        let mut last = String::new();
        let done = eventually(4 * SOON, async || {
            let request =
                self.request(Method::POST, path).timeout(SOON).header("idempotency-key", key);
            let request = if let Some(body) = body { request.json(body) } else { request };
            match request.send().await {
                Ok(answer) => {
                    let status = answer.status();
                    last = answer.text().await.unwrap_or_default();
                    if status.is_success() {
                        return serde_json::from_str(&last).ok();
                    }
                    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "POST {path}: {last}");
                }
                Err(error) => last = error.to_string(),
            }
            None
        });
        done.await.unwrap_or_else(|| panic!("POST {path} never succeeds: {last}"))
    }

    /// Starts a task.
    pub async fn start(&self, task: &str) -> Run {
        let run = self.call(Method::POST, &format!("/tasks/{task}/start"), None).await;
        Run { task: task.to_owned(), id: run["id"].as_str().expect("a run has an id").to_owned() }
    }

    /// Submits a job and starts it.
    pub async fn launch(&self, job: &Job) -> Run {
        let task = self.submit(job).await;
        self.start(&task).await
    }

    /// Stops the active run of the task.
    pub async fn stop(&self, run: &Run) {
        self.call(Method::POST, &format!("/tasks/{}/stop", run.task), None).await;
    }

    /// Deletes the task.
    pub async fn delete(&self, run: &Run) {
        self.call(Method::DELETE, &format!("/tasks/{}", run.task), None).await;
    }

    /// Reads a run.
    pub async fn run(&self, run: &Run) -> Value {
        self.get(&format!("/tasks/{}/runs/{}", run.task, run.id)).await
    }

    /// Waits until a run satisfies `condition`; panics with its state at the deadline.
    pub async fn wait(
        &self,
        run: &Run,
        what: &str,
        deadline: Duration,
        condition: impl Fn(&Value) -> bool,
    ) -> Value {
        let path = format!("/tasks/{}/runs/{}", run.task, run.id);
        let mut last = Value::Null;
        let found = eventually(deadline, async || {
            // No hub answers between a crash and the restart.
            let (status, answer) = self.try_call(Method::GET, &path, None).await.ok()?;
            last = answer;
            (status.is_success() && condition(&last)).then(|| last.clone())
        })
        .await;
        match found {
            Some(found) => found,
            None => panic!(
                "waited {deadline:?} in vain for: {what}\nthe run: {last:#}\nits events: {:#}",
                self.events(run).await
            ),
        }
    }

    /// Waits until the run is in this phase.
    pub async fn wait_phase(&self, run: &Run, phase: &str) -> Value {
        self.wait(run, &format!("the run to be {phase}"), SOON, |now| now["phase"] == phase).await
    }

    /// Waits until the party's member of the run is in this phase.
    pub async fn wait_member(&self, run: &Run, party: &str, phase: &str) -> Value {
        self.wait(run, &format!("{party} to be {phase}"), SOON, |now| {
            member(now, party)["phase"] == phase
        })
        .await
    }

    /// Waits until the run has ended in `phase` with `code` and all members have settled; panics at
    /// another end.
    pub async fn ends(&self, run: &Run, phase: &str, code: &str) -> Value {
        self.ends_within(run, phase, code, SOON).await
    }

    /// [`Hub::ends`] with another deadline.
    pub async fn ends_within(
        &self,
        run: &Run,
        phase: &str,
        code: &str,
        deadline: Duration,
    ) -> Value {
        let over = |now: &Value| now["settled_at"].is_string();
        let end = self
            .wait(run, &format!("the run to end as {phase}: {code}, and settle"), deadline, over)
            .await;
        assert_eq!(
            (&end["phase"], &end["ending"]["code"]),
            (&json!(phase), &json!(code)),
            "{end:#}"
        );
        end
    }

    /// Events of the run's task, oldest first.
    pub async fn events(&self, run: &Run) -> Value {
        let path = format!("/tasks/{}/events?limit=200", run.task);
        self.try_call(Method::GET, &path, None)
            .await
            .map_or(Value::Null, |(_, answer)| answer["items"].clone())
    }

    /// The points of one series of a member: step and value.
    pub async fn series(&self, run: &Run, party: &str, name: &str) -> Vec<(u64, f64)> {
        let all =
            self.get(&format!("/tasks/{}/runs/{}/members/{party}/series", run.task, run.id)).await;
        let found =
            all["series"].as_array().into_iter().flatten().find(|series| series["name"] == name);
        let points = found.unwrap_or_else(|| panic!("no series {name} in {all:#}"))["points"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        points
            .iter()
            .map(|point| {
                (
                    point["step"].as_u64().expect("a step"),
                    point["value"].as_f64().expect("a number"),
                )
            })
            .collect()
    }

    /// The runs of a task, newest first.
    pub async fn runs(&self, task: &str) -> Vec<Value> {
        let page = self.get(&format!("/tasks/{task}/runs")).await;
        page["items"].as_array().cloned().unwrap_or_default()
    }
}

/// The party's member of a run.
#[must_use]
pub fn member<'a>(run: &'a Value, party: &str) -> &'a Value {
    let members = run["members"].as_array().map(Vec::as_slice).unwrap_or_default();
    members.iter().find(|member| member["party"] == party).unwrap_or(&Value::Null)
}
