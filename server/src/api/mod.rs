//! The REST interface.
//!
//! ```text
//!  guard (request id, limits, panics, problem+json) ─▶ authenticate ─▶ v2/<resource>: params, handler, documentation
//! ```
//!
//! A handler parses, asks engine or store, and translates the answer; it holds no rule. Changes are posted to the engine
//! and awaited, so a client that leaves cancels nothing. Routes are registered through `routes!` alone: none exists
//! without its documentation, and none is open unless [`PUBLIC`] names it.

mod bodies;
mod extract;
mod guard;
mod json;
mod limits;
mod list;
mod openapi;
mod probes;
mod problem;
mod reference;
mod service;
pub mod v2;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use flow_domain::error::{Error, ErrorCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::listener::{self, ConnectionRequests, Io, ListenerLimits};
use crate::metrics::ListenerMetrics;
use crate::state::App;
use extract::Caller;
pub use probes::serve as serve_probes;
use problem::Failure;

/// Routes that answer without a token. They hold nothing of anybody's.
pub const PUBLIC: [&str; 4] = ["/livez", "/readyz", "/docs", "/docs/{file}"];

/// What is spoken in TLS.
pub const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Most bytes of a request's head over HTTP/1.
const HEAD: usize = 64 * 1024;
/// HTTP/2: time between two pings, and longest wait for their answer.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// HTTP/2: flow control window of a stream, in bytes.
const WINDOW: u32 = 64 * 1024;
/// HTTP/2: most requests of one connection at a time.
const STREAMS: u32 = 64;

/// The whole interface as a service.
pub fn router(app: Arc<App>) -> axum::Router {
    let (router, _) = all().split_for_parts();
    router
        .fallback(async || Failure::from(Error::of(ErrorCode::RouteNotFound)))
        .method_not_allowed_fallback(async || Failure::from(Error::of(ErrorCode::MethodNotAllowed)))
        .layer(DefaultBodyLimit::max(extract::MAX_BODY))
        .layer(from_fn_with_state(Arc::clone(&app), bodies::meter))
        .layer(from_fn(guard::finish))
        .layer(from_fn_with_state(Arc::clone(&app), authenticate))
        .layer(from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}

/// Serves the interface until the hub goes down; what was asked by then is answered.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    limits: ListenerLimits,
    tls: Option<TlsAcceptor>,
) {
    let (metrics, stopping) = (app.metrics.listener("rest"), app.stopping.clone());
    let (router, measured, ends) = (router(app), metrics.clone(), stopping.clone());
    let served = move |io| serve_io(router.clone(), io, limits, measured.clone(), ends.clone());
    listener::accept(listener, limits, tls, metrics, &stopping, served).await;
}

async fn serve_io(
    router: axum::Router,
    io: Io,
    limits: ListenerLimits,
    metrics: ListenerMetrics,
    stopping: CancellationToken,
) {
    let requests = ConnectionRequests::default();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_timeout)
        .max_buf_size(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * 4)
        .max_concurrent_streams(STREAMS);
    let connection = builder
        .serve_connection(TokioIo::new(io), requests.track(TowerToHyperService::new(router)));
    if let Err(error) = requests
        .drive(connection, |connection| connection.graceful_shutdown(), limits, &metrics, &stopping)
        .await
    {
        tracing::debug!(%error, "a connection ended");
    }
}

/// The OpenAPI document of the whole interface.
#[must_use]
pub fn document() -> OpenApi {
    openapi::finish(all().into_openapi())
}

/// The document as text, as it is served and, with a line break at its end, checked in.
#[must_use]
pub fn openapi_json() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        document().to_pretty_json().expect("a document made of strings and maps is serializable")
    });
    DOCUMENT.as_str()
}

fn all() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::head())
        .nest("/api/v2", v2::router())
        .routes(routes!(service::livez))
        .routes(routes!(service::readyz))
        .routes(routes!(service::metrics))
        .routes(routes!(reference::document))
        .routes(routes!(reference::docs))
        .routes(routes!(reference::asset))
}

/// Everything is closed but what [`PUBLIC`] names: addresses that do not exist, too.
async fn authenticate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let public = request
        .extensions()
        .get::<MatchedPath>()
        .is_some_and(|route| PUBLIC.contains(&route.as_str()));
    if !public {
        match app.auth.principal(request.headers()) {
            Ok(principal) => request.extensions_mut().insert(Caller(principal)),
            Err(error) => return Failure::from(error).into_response(),
        };
    }
    next.run(request).await
}
