//! HTTP client of the hub's REST API: URLs, the token, retries.
//!
//! A request that changes something carries an `Idempotency-Key`, so a retry after a broken
//! connection or a 503 is safe. The caller gets an error only after the last retry.

use std::path::Path;
use std::time::Duration;

use flow_api_types::{Page, Session, TokenCreated};
use flow_common::error::root_cause;
use flow_common::loopback::is_loopback_host;
use flow_common::secret_file::Secret;
use flow_common::tls::client::{self as tls, Trust};
use flow_domain::error::ErrorCode;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, ETAG, HeaderMap, IF_MATCH, RETRY_AFTER, SET_COOKIE,
};
use reqwest::{Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::contexts::{Connection, TOKEN_REMEDY};
use crate::error::{CliError, ExitStatus};
use crate::response::unreadable;

/// Attempts to send a request, the first included.
const ATTEMPTS_MAX: u32 = 4;
/// Items of a page: the largest limit that the hub accepts.
const PAGE_ITEMS: u32 = flow_api_types::limits::PAGE_ITEMS_MAX;
/// Delay before the first retry. It doubles with each retry.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(250);
/// Longest delay before a retry, also if the hub asks for a longer one.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(5);
/// Longest time from the start of a request to the end of its response, except for streams.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Address of the hub and token of the user.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<Secret>,
    /// Project of each request; `None` leaves the choice to the hub.
    project: Option<String>,
}

/// A document and its `ETag`. An edit with the tag fails if the document has changed since.
#[derive(Debug, Clone)]
pub struct Tagged {
    pub value: Value,
    pub tag: Option<String>,
}

impl Client {
    /// Creates a client for the hub at `server` without a connection. An authority of `ca_file`, or
    /// else one that this machine trusts, must have signed the certificate of the hub.
    pub fn new(
        server: &str,
        ca_file: Option<&Path>,
        token: Option<Secret>,
    ) -> Result<Self, CliError> {
        let wrong = |why: &str| {
            CliError::usage(format!("invalid address of the hub, --server {server:?}: {why}"))
                .with_remedy("Use https://HOST:PORT, or http://127.0.0.1:PORT if the hub is on this machine.")
        };
        let base = Url::parse(server).map_err(|error| wrong(&error.to_string()))?;
        let host = base.host_str().ok_or_else(|| wrong("the host is missing"))?;
        let trust = match base.scheme() {
            "https" => Trust::named(ca_file),
            "http" if is_loopback_host(host) => Trust::None,
            "http" => {
                return Err(wrong("without TLS others on the network could read your token"));
            }
            _ => return Err(wrong("the scheme is neither https nor http")),
        };
        let tls =
            tls::config(trust).map_err(|error| CliError::usage(format!("--ca-file: {error}")))?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("flowctl/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls)
            .connect_timeout(Duration::from_secs(5))
            .tcp_keepalive(Duration::from_secs(20));
        if is_loopback_host(host) {
            // A proxy of the environment would connect to its own loopback address.
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| CliError::new(ExitStatus::Failed, error.to_string()))?;
        Ok(Self { http, base, token, project: None })
    }

    /// Creates the client of a connection.
    pub fn of(connection: &Connection) -> Result<Self, CliError> {
        let Connection { name: _, server, ca_file, project, token } = connection;
        let client = Self::new(server, ca_file.as_deref(), token.clone())?;
        Ok(Self { project: project.clone(), ..client })
    }

    /// Returns the address of the hub, for messages.
    #[must_use]
    pub fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, CliError> {
        let response = self.send(Method::GET, path, query, None, None).await?;
        read(response).await
    }

    /// Reads a document with its tag, for an edit.
    pub async fn get_tagged(&self, path: &[&str]) -> Result<Tagged, CliError> {
        let response = self.send(Method::GET, path, &[], None, None).await?;
        let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        Ok(Tagged { value: read(response).await?, tag })
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<T, CliError> {
        self.post_with(path, &[], body).await
    }

    pub async fn post_with<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<T, CliError> {
        read(self.send(Method::POST, path, query, body, None).await?).await
    }

    /// Sends a request whose response has no body.
    pub async fn post_no_content(&self, path: &[&str]) -> Result<(), CliError> {
        self.send(Method::POST, path, &[], None, None).await.map(drop)
    }

    /// Replaces a document if its tag is still `tag`.
    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &Value,
        tag: Option<&str>,
    ) -> Result<T, CliError> {
        read(self.send(Method::PUT, path, &[], Some(body), tag).await?).await
    }

    pub async fn delete(&self, path: &[&str]) -> Result<(), CliError> {
        self.delete_with(path, &[]).await
    }

    /// Deletes a resource, with a tag only if that is still its tag.
    pub async fn delete_if(&self, path: &[&str], tag: Option<&str>) -> Result<(), CliError> {
        self.send(Method::DELETE, path, &[], None, tag).await.map(drop)
    }

    pub async fn delete_with(&self, path: &[&str], query: &[(&str, &str)]) -> Result<(), CliError> {
        self.send(Method::DELETE, path, query, None, None).await.map(drop)
    }

    /// Sends a request without a retry: the hub does not repeat a response with a secret.
    pub async fn post_once<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &Value,
    ) -> Result<T, CliError> {
        read(self.send_up_to(1, Method::POST, path, &[], Some(body), None).await?).await
    }

    /// Opens a session with name and password, creates a token in it, and ends the session.
    pub async fn sign_in(&self, sign_in: &Value, token: &Value) -> Result<TokenCreated, CliError> {
        let send = async |request: reqwest::RequestBuilder| {
            let request = request.timeout(REQUEST_TIMEOUT).header(ACCEPT, "application/json");
            let sent = request.send().await.map_err(|error| self.unreachable(&error))?;
            self.checked(sent).await
        };
        let post = |path: &[&str], body: &Value| {
            let request = self.http.post(self.url(path, &[])?);
            Ok::<_, CliError>(
                request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
            )
        };
        let response = send(post(&["sessions"], sign_in)?).await?;
        let cookie = response.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok());
        let cookie = cookie.and_then(|text| text.split(';').next()).unwrap_or_default().to_owned();
        let session: Session = read(response).await?;
        let created = send(post(&["tokens"], token)?.header(COOKIE, &cookie)).await;
        let url = self.url(&["sessions", &session.id], &[])?;
        // The session ends by itself if this fails.
        let _ = send(self.http.delete(url).header(COOKIE, &cookie)).await;
        read(created?).await
    }

    /// Reads all pages of a list. `cursor` is the query parameter for the `next` of the previous
    /// page.
    pub async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        cursor: &str,
    ) -> Result<Vec<T>, CliError> {
        let limit = PAGE_ITEMS.to_string();
        let mut items = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", limit.as_str()));
            query.extend(next.as_deref().map(|next| (cursor, next)));
            let page: Page<T> = self.get(path, &query).await?;
            items.extend(page.items);
            next = page.next;
            if next.is_none() {
                return Ok(items);
            }
        }
    }

    /// Opens a streamed response without a retry: the caller knows where to resume.
    pub async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        headers: HeaderMap,
    ) -> Result<Response, CliError> {
        let request = self.http.get(self.url(path, query)?).headers(headers);
        let response =
            self.authorized(request).send().await.map_err(|error| self.unreachable(&error))?;
        self.checked(response).await
    }

    /// Returns the URL of a resource. URLs drop the segments `.` and `..`, so such a name would
    /// select another resource.
    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, CliError> {
        if let Some(name) = path.iter().find(|name| matches!(**name, "" | "." | "..")) {
            return Err(CliError::usage(format!("{name:?} is not a name or id")));
        }
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("http URL has a path")
            .pop_if_empty()
            .extend(["api", "v2"])
            .extend(path);
        let project = self.project.as_deref().map(|project| ("project", project));
        let pairs: Vec<_> = query.iter().copied().chain(project).collect();
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
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
    ) -> Result<Response, CliError> {
        self.send_up_to(ATTEMPTS_MAX, method, path, query, body, tag).await
    }

    async fn send_up_to(
        &self,
        attempts_max: u32,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
        tag: Option<&str>,
    ) -> Result<Response, CliError> {
        let url = self.url(path, query)?;
        let key = idempotency_key()?;
        let mut delay = RETRY_DELAY_MIN;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut request = self
                .http
                .request(method.clone(), url.clone())
                .timeout(REQUEST_TIMEOUT)
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
                Ok(response)
                    if response.status() == StatusCode::SERVICE_UNAVAILABLE
                        && attempts < attempts_max =>
                {
                    let asked = response
                        .headers()
                        .get(RETRY_AFTER)
                        .and_then(|v| v.to_str().ok()?.parse().ok());
                    flow_common::clock::sleep(
                        asked.map_or(delay, Duration::from_secs).min(RETRY_DELAY_MAX),
                    )
                    .await;
                }
                Ok(response) => return self.checked(response).await,
                // A refused connection is an error at once. A connection that broke midway is
                // retried.
                Err(error) if error.is_connect() || attempts >= attempts_max => {
                    return Err(self.unreachable(&error));
                }
                Err(_) => flow_common::clock::sleep(delay).await,
            }
            delay = (delay * 2).min(RETRY_DELAY_MAX);
        }
    }

    async fn checked(&self, response: Response) -> Result<Response, CliError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.unwrap_or_default();
        let mut error = CliError::from_response(status.as_u16(), &body);
        let lacks_token = status == StatusCode::UNAUTHORIZED
            && error.code.as_deref() != Some(ErrorCode::SetupRequired.row().slug);
        if lacks_token {
            error.remedy = Some(TOKEN_REMEDY.to_owned());
        }
        Err(error)
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        if let Some(why) = tls::explain(error, "--ca-file (or FLOW_CA_FILE)") {
            return CliError::new(
                ExitStatus::Unreachable,
                format!("no secure connection to the hub at {}: {why}", self.server()),
            );
        }
        CliError::unreachable(self.server(), &root_cause(error).to_string())
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, CliError> {
    let body = response.bytes().await.map_err(|error| {
        CliError::new(
            ExitStatus::Unreachable,
            format!("the connection broke during the response: {error}"),
        )
    })?;
    let body: &[u8] = if body.is_empty() { b"null" } else { &body };
    serde_json::from_slice(body).map_err(|error| unreadable(&error))
}

fn idempotency_key() -> Result<String, CliError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        CliError::new(
            ExitStatus::Failed,
            format!("cannot get random bytes from the system: {error}"),
        )
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
