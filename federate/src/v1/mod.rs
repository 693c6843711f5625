//! The listener of the party: `/api/v1`, the API of iflearner-flow's agent, and the party view for
//! a browser. Both only read: tasks, members and logs of this party.
//!
//! - Every request has a credential: the token in a file of the data directory, or for the party
//!   view the session of a browser that opened a one-time link (`access.rs`). Pages of other sites
//!   are refused, as are host names that another site may control.
//! - Connections, request heads and followed logs are limited, and a peer that does not read loses
//!   its connection. A request waits for the agent's loop as those of the control socket do.
//! - Every response of the API is an envelope, as at the hub. An error in the content of a request
//!   has HTTP status 200 and a `ret_code`.

mod access;
mod lines;
mod logs;
mod openapi;
mod tasks;
mod view;

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use flow_api_types::v1::{MASK_HEADER, Mask};
use flow_common::clock::{self, SharedClock};
use flow_common::log_limit::{LogLimit, if_any};
use flow_common::secret_file::SecretFileError;
use flow_common::write_deadline::WriteDeadline;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::PartyId;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::unistd::geteuid;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use utoipa::ToSchema;

use crate::control::console::Console;
use crate::control::protocol::{
    MemberInfo, Problem, Request as ControlRequest, Response as ControlResponse,
};
use crate::control::{self, Answer, ControlParts};
use access::Access;
pub use openapi::openapi_json;

/// Name of the file with the token in the data directory.
pub const TOKEN: &str = "v1-token";
/// Connections served at a time; further ones wait.
const CONNECTIONS_MAX: usize = 64;
/// Open logs at a time, so that they leave connections for other requests.
const LOGS_MAX: usize = 16;
/// Time for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Time in which a peer reads a part of a response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of the head of a request.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of path and query.
const URL_BYTES_MAX: usize = 8 * 1024;
/// Delay after an `accept` that failed, usually for lack of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// The bound address, before the agent has opened its data directory.
#[derive(Debug)]
pub struct Bound {
    pub listener: TcpListener,
    /// Requests may name an address other than loopback.
    pub allow_remote: bool,
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
}

impl PartyListener {
    /// Reads the token, or creates it at the first start. The caller holds the lock of the data
    /// directory.
    pub(crate) fn open(
        Bound { listener, allow_remote }: Bound,
        data_dir: &Path,
        clock: SharedClock,
    ) -> Result<Self, OpenError> {
        let token_file: PathBuf = data_dir.join(TOKEN);
        let address = listener.local_addr()?;
        let access = Access::open(&token_file, address, allow_remote, clock)?;
        tracing::info!(%address, token_file = %token_file.display(), "serving /api/v1 and the party view");
        Ok(Self { listener, access })
    }

    /// The part that makes sign-in links, for the control socket.
    pub(crate) fn console(&self) -> Arc<Console> {
        self.access.console()
    }

    /// Serves requests until the caller drops the future.
    pub(crate) async fn serve(self, party: PartyId, parts: ControlParts) -> Infallible {
        let Self { listener, access } = self;
        let logs = Arc::new(Semaphore::new(LOGS_MAX));
        let router = router(Arc::new(App { party, access, parts, logs }));
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
                        tracing::warn!(%error, left_out = if_any(left_out), "the listener of /api/v1 cannot accept a connection");
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
        tracing::debug!(%error, "a connection to /api/v1 ended with an error");
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
    party: PartyId,
    access: Access,
    parts: ControlParts,
    logs: Arc<Semaphore>,
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

    /// Returns the unsettled members and the newest ones that have ended.
    async fn members(&self) -> Result<Vec<MemberInfo>, Error> {
        match self.ask(ControlRequest::List { all: true }).await? {
            Answer::Response(response) => match *response {
                ControlResponse::Members(members) => Ok(members),
                ControlResponse::Problem(problem) => {
                    Err(Error::new(ErrorCode::StoreUnavailable, problem.message))
                }
                _ => Err(Error::internal("the loop answers a list with a list")),
            },
            Answer::Log(_) => Err(Error::internal("the loop answers a list with a list")),
        }
    }
}

/// Every answer
#[derive(Serialize, ToSchema)]
struct Envelope<T> {
    /// 0 = success; the codes are in docs/errors.md
    ret_code: i32,
    /// `success`, or the cause
    ret_msg: String,
    data: T,
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
        .fallback(async || Failure::from(Error::of(ErrorCode::RouteNotFound)))
        .method_not_allowed_fallback(async || Failure::from(Error::of(ErrorCode::MethodNotAllowed)))
        .layer(from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// Admits a request, and writes the body of an error and the headers of every response.
async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let is_view = access::is_view(request.uri().path());
    let mut response = match admit(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => Failure::from(error).into_response(),
    };
    if let Some(Failure(error)) = response.extensions_mut().remove::<Failure>() {
        let headers = std::mem::take(response.headers_mut());
        response = refused(&error, headers, is_view);
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
    response
}

static CROSS_ORIGIN_RESOURCE_POLICY: http::HeaderName =
    http::HeaderName::from_static("cross-origin-resource-policy");

fn admit(app: &App, request: &Request) -> Result<(), Error> {
    let length = request.uri().path_and_query().map_or(0, |url| url.as_str().len());
    if length > URL_BYTES_MAX {
        let message = format!(
            "path and query have {length} bytes and must have at most {URL_BYTES_MAX}: shorten them"
        );
        return Err(Error::new(ErrorCode::TooLarge, message));
    }
    app.access.admit(request.uri().path(), request.headers())?;
    // No route reads a body; the connection ends without reading one.
    let is_long = |value: &HeaderValue| value.as_bytes() != b"0";
    if request.headers().get(header::CONTENT_LENGTH).is_some_and(is_long)
        || request.headers().contains_key(header::TRANSFER_ENCODING)
    {
        let message = "no request to the agent has a body: send it without one";
        return Err(Error::new(ErrorCode::TooLarge, message));
    }
    Ok(())
}

fn refused(error: &Error, mut headers: HeaderMap, is_view: bool) -> Response {
    let row = error.row();
    if row.http >= 500 {
        tracing::warn!(code = row.slug, "a request to /api/v1 failed: {error}");
    }
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::CONTENT_TYPE);
    if matches!(row.http, 429 | 503) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    let status = |code| StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if is_view {
        return (status(row.http), headers, view::refused(error)).into_response();
    }
    if row.code == ErrorCode::Unauthenticated {
        let scheme = HeaderValue::from_static("Basic realm=\"flow-federate\", charset=\"UTF-8\"");
        headers.insert(header::WWW_AUTHENTICATE, scheme);
    }
    let (code, envelope) = flow_api_types::v1::failure(error);
    (status(code), headers, Json(envelope)).into_response()
}

/// The fields that the header `X-Fields` selects.
struct Fields(Mask);

impl<S: Sync> FromRequestParts<S> for Fields {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let value = parts.headers.get(MASK_HEADER).map(HeaderValue::as_bytes);
        Ok(Self(Mask::of_header(value)?))
    }
}

/// The parameters of the path.
struct Named<T>(T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(_) => Err(Error::of(ErrorCode::RouteNotFound).into()),
        }
    }
}

/// The query parameters in order.
struct Query(Vec<(String, String)>);

impl<S: Sync + Send> FromRequestParts<S> for Query {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(pairs)) => Ok(Self(pairs)),
            Err(_) => {
                let message = "the query is not form-encoded text, such as page=1&limit=10";
                Err(Error::new(ErrorCode::Malformed, message).into())
            }
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
