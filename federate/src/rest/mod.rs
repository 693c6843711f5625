//! The listener of the party: `/api/v2` for the party view, the party view itself, and `/api/v1`, the
//! API of iflearner-flow's agent, which only reads.
//!
//! - Every request has a credential: the token in a file of the data directory, or for `/api/v2` and
//!   the party view the session of a browser that opened a one-time link (`access.rs`). Pages of
//!   other sites are refused, as are host names that another site may control.
//! - Connections, heads and bodies of requests, followed logs and event streams are limited, and a
//!   peer that does not read loses its connection. A request waits for the agent's loop as those of
//!   the control socket do.
//! - An error is problem+json below `/api/v2`, a page below `/console`, and elsewhere an envelope as
//!   at the hub: an error in the content of a request has HTTP status 200 and a `ret_code`.

mod access;
mod console;
mod failures;
mod log;
mod openapi;
mod v1;
mod v2;
mod view;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use flow_api_types::agent::FileRetention;
use flow_common::clock::{self, SharedClock};
use flow_common::ids;
use flow_common::log_limit::{LogLimit, if_any};
use flow_common::secret_file::SecretFileError;
use flow_common::write_deadline::WriteDeadline;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::PartyId;
use flow_domain::time::Timestamp;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::unistd::geteuid;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::admission::{LogPolicy, PartyPolicy};
use crate::control::console::{Console, PATH};
use crate::control::protocol::{Problem, Request as ControlRequest, Response as ControlResponse};
use crate::control::{self, Answer, ControlParts};
use access::{Access, Api};
pub use openapi::openapi_json;

/// Name of the file with the token in the data directory.
pub const TOKEN: &str = "v1-token";
/// Connections served at a time; further ones wait.
const CONNECTIONS_MAX: usize = 64;
/// Open logs at a time, so that they leave connections for other requests.
const LOGS_MAX: usize = 16;
/// Open event streams at a time.
const STREAMS_MAX: usize = 16;
/// Time for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Time in which a peer reads a part of a response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of the head of a request.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of path and query.
const URL_BYTES_MAX: usize = 8 * 1024;
/// Bytes of the body of a request.
const BODY_BYTES_MAX: u64 = 16 * 1024;
/// Route of the files of the console.
const FILES: &str = "/console/{*path}";
/// Delay after an `accept` that failed, usually for lack of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// The bound address, before the agent has opened its data directory.
#[derive(Debug)]
pub struct Bound {
    pub listener: TcpListener,
    /// Requests may name an address other than loopback.
    pub allow_remote: bool,
    /// Address of the hub, for people.
    pub hub: String,
    pub retention: FileRetention,
}

/// The cause for which the listener cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Token(#[from] SecretFileError),
    #[error("cannot read the address of v1.listen: {0}")]
    Address(#[from] std::io::Error),
}

/// The listener with its credentials.
pub(crate) struct PartyListener {
    listener: TcpListener,
    access: Access,
    about: About,
}

/// Settings of the agent that the party view shows.
pub(crate) struct Settings {
    pub(crate) party: PartyId,
    pub(crate) data_dir: PathBuf,
    pub(crate) hold_max_s: u64,
    pub(crate) policy: watch::Receiver<Arc<PartyPolicy>>,
    pub(crate) logs: LogPolicy,
}

/// Facts about the agent for which the listener does not ask the agent's loop.
struct About {
    party: PartyId,
    data_dir: PathBuf,
    started_at: Timestamp,
    hub: String,
    hold_max_s: u64,
    policy: watch::Receiver<Arc<PartyPolicy>>,
    logs: LogPolicy,
    retention: FileRetention,
}

impl PartyListener {
    /// Reads the token, or creates it at the first start. The caller holds the lock of the data
    /// directory.
    pub(crate) fn open(
        Bound { listener, allow_remote, hub, retention }: Bound,
        settings: Settings,
        clock: SharedClock,
    ) -> Result<Self, OpenError> {
        let Settings { party, data_dir, hold_max_s, policy, logs } = settings;
        let token_file: PathBuf = data_dir.join(TOKEN);
        let address = listener.local_addr()?;
        let about = About {
            party,
            data_dir,
            started_at: clock.now(),
            hub,
            hold_max_s,
            policy,
            logs,
            retention,
        };
        let access = Access::open(&token_file, address, allow_remote, clock)?;
        tracing::info!(%address, token_file = %token_file.display(), "serving the REST API and the party view");
        Ok(Self { listener, access, about })
    }

    /// The part that makes sign-in links, for the control socket.
    pub(crate) fn console(&self) -> Arc<Console> {
        self.access.console()
    }

    /// Serves requests until the caller drops the future.
    pub(crate) async fn serve(self, parts: ControlParts) -> Infallible {
        let Self { listener, access, about } = self;
        let logs = Arc::new(Semaphore::new(LOGS_MAX));
        let streams = Arc::new(Semaphore::new(STREAMS_MAX));
        let router = router(Arc::new(App { about, access, parts, logs, streams }));
        let mut connections = JoinSet::new();
        let mut lines = LogLimit::default();
        loop {
            while connections.try_join_next().is_some() {}
            if connections.len() >= CONNECTIONS_MAX {
                connections.join_next().await;
                continue;
            }
            match listener.accept().await {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, router.clone()));
                }
                Err(error) => {
                    if let Some(left_out) = lines.admit(clock::monotonic()) {
                        tracing::warn!(%error, left_out = if_any(left_out), "the listener of the REST API cannot accept a connection");
                    }
                    clock::sleep(ACCEPT_RETRY_DELAY).await;
                }
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router) {
    let service = router.map_request(|mut request: http::Request<Incoming>| {
        trim_slash(request.uri_mut());
        request
    });
    // One request per connection: an idle one ends with its deadline.
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(
            TokioIo::new(WriteDeadline::new(stream, WRITE_TIMEOUT)),
            TowerToHyperService::new(service),
        );
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection to the REST API ended with an error");
    }
}

/// A trailing slash is not significant.
fn trim_slash(uri: &mut Uri) {
    let path = uri.path();
    if path.len() < 2 || !path.ends_with('/') {
        return;
    }
    let mut trimmed = path.trim_end_matches('/').to_owned();
    if trimmed.is_empty() {
        trimmed.push('/');
    }
    if let Some(query) = uri.query() {
        trimmed = format!("{trimmed}?{query}");
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(trimmed).ok();
    if let Ok(changed) = Uri::from_parts(parts) {
        *uri = changed;
    }
}

/// State of the handlers.
struct App {
    about: About,
    access: Access,
    parts: ControlParts,
    logs: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl App {
    /// Asks the agent's loop.
    async fn ask(&self, request: ControlRequest) -> Result<Answer, Error> {
        let uid = geteuid().as_raw();
        match control::ask(uid, request, &self.parts.requests).await {
            Ok(answer) => Ok(answer),
            Err(Problem { message, .. }) => Err(Error::new(ErrorCode::Busy, message)),
        }
    }

    /// Asks the agent's loop for anything but a log.
    async fn request(&self, request: ControlRequest) -> Result<ControlResponse, Error> {
        match self.ask(request).await? {
            Answer::Response(response) => match *response {
                ControlResponse::Problem(Problem { message, code, .. }) => {
                    Err(Error::new(code.unwrap_or(ErrorCode::StoreUnavailable), message))
                }
                response => Ok(response),
            },
            Answer::Log(_) => Err(unexpected_answer()),
        }
    }
}

/// The error for an answer of another kind than the request.
fn unexpected_answer() -> Error {
    Error::internal("the agent's loop answers each request with a response of its kind")
}

/// An error of a request, until [`guard`] writes its body.
#[derive(Debug, Clone)]
struct Failure(Arc<Error>);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(Arc::new(error))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

fn router(app: Arc<App>) -> Router {
    let (router, _) = openapi::routes().split_for_parts();
    router
        .route(PATH, get(console::serve))
        .route(FILES, get(console::serve))
        .fallback(async || Failure::from(Error::of(ErrorCode::RouteNotFound)))
        .method_not_allowed_fallback(async || Failure::from(Error::of(ErrorCode::MethodNotAllowed)))
        .layer(from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// Admits a request, and writes the body of an error and the headers of every response.
async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let api = Api::of(request.uri().path());
    let request_id = ids::request_id();
    let mut response = match admit(&app, api, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => Failure::from(error).into_response(),
    };
    if let Some(Failure(error)) = response.extensions_mut().remove::<Failure>() {
        let headers = std::mem::take(response.headers_mut());
        response = refused(&error, headers, api, &request_id);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (CROSS_ORIGIN_RESOURCE_POLICY.clone(), "same-origin"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert(REQUEST_ID.clone(), id);
    }
    response
}

static REQUEST_ID: http::HeaderName = http::HeaderName::from_static("x-request-id");
static CROSS_ORIGIN_RESOURCE_POLICY: http::HeaderName =
    http::HeaderName::from_static("cross-origin-resource-policy");

fn admit(app: &App, api: Api, request: &Request) -> Result<(), Error> {
    let length = request.uri().path_and_query().map_or(0, |url| url.as_str().len());
    if length > URL_BYTES_MAX {
        let message = format!(
            "path and query have {length} bytes and must have at most {URL_BYTES_MAX}: shorten them"
        );
        return Err(Error::new(ErrorCode::TooLarge, message));
    }
    app.access.admit(api, request.uri().path(), request.method(), request.headers())?;
    if api == Api::V2 && request.method() == Method::POST {
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > BODY_BYTES_MAX) {
            return Err(v2::too_long());
        }
        return Ok(());
    }
    // No other route reads a body; the connection ends without reading one.
    let is_long = |value: &HeaderValue| value.as_bytes() != b"0";
    if request.headers().get(header::CONTENT_LENGTH).is_some_and(is_long)
        || request.headers().contains_key(header::TRANSFER_ENCODING)
    {
        let message = "this request has no body: send it without one";
        return Err(Error::new(ErrorCode::TooLarge, message));
    }
    Ok(())
}

fn refused(error: &Error, mut headers: HeaderMap, api: Api, request_id: &str) -> Response {
    let row = error.row();
    if row.http >= 500 {
        tracing::warn!(
            request.id = request_id,
            code = row.slug,
            "a request to the REST API failed: {error}"
        );
    }
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::CONTENT_TYPE);
    if matches!(row.http, 429 | 503) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    let status = |code| StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match api {
        Api::View => (status(row.http), headers, view::refused(error)).into_response(),
        Api::V2 => (status(row.http), headers, v2::problem(error, request_id)).into_response(),
        Api::V1 => {
            if row.code == ErrorCode::Unauthenticated {
                let scheme =
                    HeaderValue::from_static("Basic realm=\"flow-federate\", charset=\"UTF-8\"");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            let (code, envelope) = flow_api_types::v1::failure(error);
            (status(code), headers, Json(envelope)).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_slashes_are_removed_and_the_query_stays() {
        for (given, expected) in [
            ("/api/v1/task/", "/api/v1/task"),
            ("/api/v1/task//?page=2", "/api/v1/task?page=2"),
            ("/api/v1/task?x=/", "/api/v1/task?x=/"),
            ("/", "/"),
            ("//", "/"),
        ] {
            let mut uri: Uri = given.parse().unwrap();
            trim_slash(&mut uri);
            assert_eq!(uri.to_string(), expected, "{given}");
        }
    }
}
