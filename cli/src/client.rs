//! The hub's REST API over HTTP: addresses, the token, and what to do when an answer does not come.
//!
//! A request that changes something carries an `Idempotency-Key`, so repeating it after a broken connection or a 503
//! is safe; the caller sees a failure only when the hub stays away.

use std::path::{Path, PathBuf};
use std::time::Duration;

use flow_common::error::root_cause;
use flow_common::loopback::is_loopback_host;
use flow_common::secret_file::{self, Secret, SecretFileError};
use flow_common::text::visible;
use flow_common::tls::client::{self as tls, Trust};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, IF_MATCH, RETRY_AFTER,
};
use reqwest::{Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{Exit, Failure};
use crate::wire::Page;

/// How often a request is sent at most.
const TRIES: u32 = 4;
/// Items of a page: the most the hub gives.
const PAGE: &str = "200";
/// Longest wait between two tries.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// A hub, and who is calling it.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<Secret>,
}

/// A document with the tag that lets it be edited only as it was read.
#[derive(Debug, Clone)]
pub struct Tagged {
    /// The document.
    pub value: Value,
    /// Its `ETag`.
    pub tag: Option<String>,
}

impl Client {
    /// A client for the hub at `server`, which proves itself by the word of an authority in `ca_file`, or of one that this
    /// machine trusts. Nothing is sent yet.
    pub fn new(
        server: &str,
        ca_file: Option<&Path>,
        token: Option<Secret>,
    ) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::usage(format!("--server {server:?}: {why}"))
                .with_remedy("Give it as https://HOST:PORT, or as http://127.0.0.1:PORT if the hub is on this machine.")
        };
        let base = Url::parse(server).map_err(|error| wrong(&error.to_string()))?;
        let host = base.host_str().ok_or_else(|| wrong("it names no host"))?;
        let trust = match base.scheme() {
            "https" => Trust::named(ca_file),
            "http" if is_loopback_host(host) => Trust::Nobody,
            "http" => {
                return Err(wrong("without TLS others could read your token on its way there"));
            }
            _ => return Err(wrong("it is neither https nor http")),
        };
        let tls =
            tls::config(trust).map_err(|error| Failure::usage(format!("--ca-file: {error}")))?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("flowctl/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls)
            .connect_timeout(Duration::from_secs(5))
            .tcp_keepalive(Duration::from_secs(20));
        if is_loopback_host(host) {
            // A proxy named in the environment would be asked for *its* loopback.
            builder = builder.no_proxy();
        }
        let http =
            builder.build().map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        Ok(Self { http, base, token })
    }

    /// The hub's address, for messages.
    #[must_use]
    pub fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Reads one document.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        let answer = self.send(Method::GET, path, query, None, None).await?;
        read(answer).await
    }

    /// Reads one document that is to be edited.
    pub async fn get_tagged(&self, path: &[&str]) -> Result<Tagged, Failure> {
        let answer = self.send(Method::GET, path, &[], None, None).await?;
        let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        Ok(Tagged { value: read(answer).await?, tag })
    }

    /// Creates something, or asks for a deed.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<T, Failure> {
        read(self.send(Method::POST, path, &[], body, None).await?).await
    }

    /// Replaces a document, if it still is what was read.
    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &Value,
        tag: Option<&str>,
    ) -> Result<T, Failure> {
        read(self.send(Method::PUT, path, &[], Some(body), tag).await?).await
    }

    /// Deletes a document.
    pub async fn delete(&self, path: &[&str]) -> Result<(), Failure> {
        self.delete_with(path, &[]).await
    }

    /// Deletes a document as the parameters say.
    pub async fn delete_with(&self, path: &[&str], query: &[(&str, &str)]) -> Result<(), Failure> {
        self.send(Method::DELETE, path, query, None, None).await.map(drop)
    }

    /// Creates something whose answer cannot be had a second time: sent once, whatever happens.
    pub async fn post_once<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &Value,
    ) -> Result<T, Failure> {
        read(self.send_up_to(1, Method::POST, path, &[], Some(body), None).await?).await
    }

    /// Reads all pages of a list; `place` is the parameter that takes the `next` of the page before.
    pub async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        place: &str,
    ) -> Result<Vec<T>, Failure> {
        let mut items = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", PAGE));
            query.extend(next.as_deref().map(|next| (place, next)));
            let page: Page<T> = self.get(path, &query).await?;
            items.extend(page.items);
            next = page.next;
            if next.is_none() {
                return Ok(items);
            }
        }
    }

    /// Opens an answer that comes bit by bit. Sent once: the caller knows where to resume.
    pub async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        headers: HeaderMap,
    ) -> Result<Response, Failure> {
        let request = self.http.get(self.url(path, query)?).headers(headers);
        let answer =
            self.authorized(request).send().await.map_err(|error| self.unreachable(&error))?;
        checked(answer).await
    }

    /// The address of a resource. A name of points alone would lead to another one: URLs drop such segments.
    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, Failure> {
        if let Some(name) = path.iter().find(|name| matches!(**name, "" | "." | "..")) {
            return Err(Failure::usage(format!("{name:?} is no name or id")));
        }
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("an http address has a path")
            .pop_if_empty()
            .extend(["api", "v2"])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    fn authorized(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {}", token.expose())),
            None => request,
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
        tag: Option<&str>,
    ) -> Result<Response, Failure> {
        self.send_up_to(TRIES, method, path, query, body, tag).await
    }

    async fn send_up_to(
        &self,
        most: u32,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
        tag: Option<&str>,
    ) -> Result<Response, Failure> {
        let url = self.url(path, query)?;
        let key = idempotency_key()?;
        let mut wait = Duration::from_millis(250);
        let mut tries = 0;
        loop {
            tries += 1;
            let mut request = self
                .http
                .request(method.clone(), url.clone())
                .timeout(Duration::from_secs(30))
                .header(ACCEPT, "application/json");
            if method != Method::GET {
                request = request.header("Idempotency-Key", &key);
            }
            if let Some(tag) = tag {
                request = request.header(IF_MATCH, tag);
            }
            if let Some(body) = body {
                request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
            }
            match self.authorized(request).send().await {
                Ok(answer)
                    if answer.status() == StatusCode::SERVICE_UNAVAILABLE && tries < most =>
                {
                    let asked = answer
                        .headers()
                        .get(RETRY_AFTER)
                        .and_then(|v| v.to_str().ok()?.parse().ok());
                    flow_common::clock::sleep(
                        asked.map_or(wait, Duration::from_secs).min(MAX_WAIT),
                    )
                    .await;
                }
                Ok(answer) => return checked(answer).await,
                // Nobody listens: say so at once. A connection that broke midway is another matter.
                Err(error) if error.is_connect() || tries >= most => {
                    return Err(self.unreachable(&error));
                }
                Err(_) => flow_common::clock::sleep(wait).await,
            }
            wait = (wait * 2).min(MAX_WAIT);
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        if let Some(why) = tls::explain(error, "--ca-file (or FLOW_CA_FILE)") {
            return Failure::new(
                Exit::Unreachable,
                format!("no secure connection to the hub at {}: {why}", self.server()),
            );
        }
        Failure::unreachable(self.server(), &root_cause(error).to_string())
    }
}

async fn checked(answer: Response) -> Result<Response, Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let body = answer.bytes().await.unwrap_or_default();
    let mut failure = Failure::from_answer(status.as_u16(), &body);
    if failure.exit == Exit::Auth && status == StatusCode::UNAUTHORIZED {
        failure.remedy = Some(TOKEN_REMEDY.to_owned());
    }
    Err(failure)
}

async fn read<T: DeserializeOwned>(answer: Response) -> Result<T, Failure> {
    let body = answer.bytes().await.map_err(|error| {
        Failure::new(Exit::Unreachable, format!("the answer broke off: {error}"))
    })?;
    let body: &[u8] = if body.is_empty() { b"null" } else { &body };
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("the hub's answer cannot be read: {}", visible(&error.to_string()));
        Failure::new(Exit::Failed, message).with_remedy("Use the flowctl of the hub's version.")
    })
}

fn idempotency_key() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(Exit::Failed, format!("no randomness: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

const TOKEN_REMEDY: &str = "Name the file that holds your token with --token-file or FLOW_TOKEN_FILE; a new hub writes one to DATA_DIR/bootstrap-token.";

/// The token: from the file that was named, else from the hub's own data directory if it is on this machine.
/// Never from the command line, which every user of the machine can read.
pub fn find_token(named: Option<&Path>, data_dir: &Path) -> Result<Option<Secret>, Failure> {
    let path: PathBuf = named.map_or_else(|| data_dir.join("bootstrap-token"), Path::to_owned);
    match secret_file::read(&path) {
        Ok(token) => Ok(Some(token)),
        // Not named and not there: the hub will say whether it wants one.
        Err(SecretFileError::Io { .. }) if named.is_none() => Ok(None),
        Err(error) => Err(Failure::new(Exit::Auth, error.to_string()).with_remedy(TOKEN_REMEDY)),
    }
}
