//! The REST listener: HTTP/1 and HTTP/2 connections with their limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::front;
use super::peer::Peer;
use super::router::router;
use crate::listener::{self, ConnectionRequests, Io, ListenerLimits};
use crate::metrics::ListenerMetrics;
use crate::state::App;

/// Protocols that the listener offers in TLS.
pub const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Largest head of an HTTP/1 request, in bytes.
const HTTP1_HEAD_BYTES_MAX: usize = 64 * 1024;
/// Interval of HTTP/2 pings, and the longest wait for the answer to a ping.
const HTTP2_KEEPALIVE: Duration = Duration::from_secs(20);
/// Flow control window of an HTTP/2 stream, in bytes.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// Flow control window of an HTTP/2 connection, in bytes.
const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 4 * HTTP2_STREAM_WINDOW_BYTES;
/// Largest number of concurrent streams of an HTTP/2 connection.
const HTTP2_STREAMS_MAX: u32 = 64;

/// Serves the API until the hub stops. Requests in progress are answered first.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    limits: ListenerLimits,
    tls: Option<TlsAcceptor>,
) {
    let (metrics, stopping) = (app.metrics.listener("rest"), app.stopping.clone());
    let (router, measured, ends) = (router(Arc::clone(&app)), metrics.clone(), stopping.clone());
    let served = move |io, peer: SocketAddr, requests| {
        let caller = (Arc::clone(&app), Peer(peer.ip()));
        serve_io(router.clone(), io, caller, requests, limits, measured.clone(), ends.clone())
    };
    listener::accept(listener, limits, tls, metrics, &stopping, served).await;
}

async fn serve_io(
    router: axum::Router,
    io: Io,
    (app, peer): (Arc<App>, Peer),
    requests: ConnectionRequests,
    limits: ListenerLimits,
    metrics: ListenerMetrics,
    stopping: CancellationToken,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_timeout)
        .max_buf_size(HTTP1_HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HTTP2_KEEPALIVE)
        .keep_alive_timeout(HTTP2_KEEPALIVE)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(HTTP2_STREAMS_MAX);
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        front::remove_base(&app, request.uri_mut());
        request
    });
    let connection = builder
        .serve_connection(TokioIo::new(io), requests.track(TowerToHyperService::new(service)));
    if let Err(error) = requests
        .drive(connection, |connection| connection.graceful_shutdown(), limits, &metrics, &stopping)
        .await
    {
        tracing::debug!(%error, "REST connection ended with an error");
    }
}
