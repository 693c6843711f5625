//! The gRPC service for agents: one session stream per agent, and a side stream per open log or
//! output.
//!
//! The accept loop is in [`crate::listener`]. hyper serves each connection with tonic's service on
//! top, so that the same code serves the embedded agent over a channel in memory. [`session`]
//! contains the session, [`logs`] and [`outputs`] the side streams, [`convert`] the conversion between protocol and
//! domain; [`crate::sessions`] knows which agents are connected.

pub mod convert;
mod logs;
mod outputs;
mod session;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use flow_common::text::foreign;
use flow_domain::id::PartyId;
use flow_proto::v1::control_server::{Control, ControlServer};
use flow_proto::v1::{AgentMessage, LogChunk, LogClosed, OutputChunk, OutputClosed};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument as _;

use crate::auth::{self, Proof, claimed_party};
use crate::listener::{self, ConnectionRequests, ListenerLimits};
use crate::metrics::ListenerMetrics;
use crate::state::App;

/// Protocol offered in the TLS handshake.
pub const ALPN: [&[u8]; 1] = [b"h2"];

/// Period of HTTP/2 pings, and timeout of their answers.
const KEEPALIVE_PERIOD: Duration = Duration::from_secs(20);
/// Bytes of the HTTP/2 flow control window: fixed, so that ten thousand idle agents cost little.
const WINDOW_BYTES: u32 = 64 * 1024;

/// Streams per connection: the session and open logs.
const STREAMS_MAX: u32 = 256;
/// Bytes of a session's message; an agent sends chunks of at most 1 MiB.
const SESSION_MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a PushLog message; an agent sends at most 64 KiB of a log in each.
const LOG_MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// Characters of a claimed party in the log; no party has a longer name.
const PARTY_CHARS_MAX: usize = 63;
/// Path of a PushLog call.
const PUSH_LOG_PATH: &str = "/flow.v1.Control/PushLog";
/// Bytes of a PushOutput message: a list of 1,000 files with the longest paths.
const OUTPUT_MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Path of a PushOutput call.
const PUSH_OUTPUT_PATH: &str = "/flow.v1.Control/PushOutput";

/// The origin of a connection.
#[derive(Debug, Clone)]
pub(crate) enum Peer {
    /// The network: every call must authenticate.
    Network(IpAddr),
    /// A channel in memory that this process created for this party.
    Embedded(PartyId),
}

/// The service of one connection.
#[derive(Clone)]
struct ControlService {
    app: Arc<App>,
    peer: Peer,
    /// Timeout of the first message of a PushLog call.
    log_open_timeout: Duration,
}

#[tonic::async_trait]
impl Control for ControlService {
    type SessionStream = session::HubMessages;

    async fn session(
        &self,
        request: Request<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let (party, proof) = self.authenticate(&request).await?;
        let call = self.app.sessions.calls().session(&party)?;
        Ok(Response::new(session::open(
            Arc::clone(&self.app),
            party,
            proof,
            request.into_inner(),
            call,
        )))
    }

    async fn push_log(
        &self,
        request: Request<Streaming<LogChunk>>,
    ) -> Result<Response<LogClosed>, Status> {
        let (party, _) = self.authenticate(&request).await?;
        let _call = self.app.sessions.calls().push_log(&party)?;
        let id = logs::announced_id(request.metadata())?;
        let started = flow_common::clock::monotonic();
        let relayed = logs::relay(
            &self.app.sessions,
            &party,
            id,
            request.into_inner(),
            self.log_open_timeout,
        )
        .instrument(tracing::info_span!("push_log", party.id = %party))
        .await;
        let outcome = if relayed.is_ok() { "ok" } else { "failed" };
        self.app.metrics.rpc("push_log", outcome, started);
        relayed?;
        Ok(Response::new(LogClosed {}))
    }

    async fn push_output(
        &self,
        request: Request<Streaming<OutputChunk>>,
    ) -> Result<Response<OutputClosed>, Status> {
        let (party, _) = self.authenticate(&request).await?;
        let _call = self.app.sessions.calls().push_output(&party)?;
        let id = logs::announced_id(request.metadata())?.ok_or_else(|| {
            Status::invalid_argument("an output stream needs its id in the metadata flow-stream-id")
        })?;
        let started = flow_common::clock::monotonic();
        outputs::relay(&self.app.sessions, &party, id, request.into_inner())
            .instrument(tracing::info_span!("push_output", party.id = %party))
            .await;
        self.app.metrics.rpc("push_output", "ok", started);
        Ok(Response::new(OutputClosed {}))
    }
}

impl ControlService {
    /// Returns the calling party and its proof; no proof over a channel in memory.
    async fn authenticate<T>(
        &self,
        request: &Request<T>,
    ) -> Result<(PartyId, Option<Proof>), Status> {
        match &self.peer {
            Peer::Embedded(party) => Ok((party.clone(), None)),
            Peer::Network(address) => {
                let Self { app, .. } = self;
                // Boxed, so that the request's future does not reserve space for it.
                let known =
                    Box::pin(auth::party(&app.store, request.metadata(), app.clock.now())).await;
                known.map(|(party, proof)| (party, Some(proof))).map_err(|error| {
                    if let Some(cause) = error.cause() {
                        self.report_failed_sign_in(*address, request.metadata(), cause);
                    }
                    convert::status(&error.into())
                })
            }
        }
    }
}

impl ControlService {
    fn report_failed_sign_in(&self, peer: IpAddr, metadata: &MetadataMap, cause: &'static str) {
        self.app.metrics.sign_in_failed(cause);
        if let Some(left_out) = self.app.sign_in_log.admit(peer) {
            let party = claimed_party(metadata).unwrap_or_default();
            let party = foreign(party, PARTY_CHARS_MAX);
            tracing::warn!(%peer, party, cause, left_out = flow_common::log_limit::if_any(left_out), "an agent failed to sign in");
        }
    }
}

/// Selects the limit of message sizes by the called method.
#[derive(Clone)]
struct LimitedControl {
    session: ControlServer<ControlService>,
    push_log: ControlServer<ControlService>,
    push_output: ControlServer<ControlService>,
}

impl LimitedControl {
    fn new(service: ControlService) -> Self {
        Self {
            push_log: ControlServer::new(service.clone())
                .max_decoding_message_size(LOG_MESSAGE_BYTES_MAX),
            push_output: ControlServer::new(service.clone())
                .max_decoding_message_size(OUTPUT_MESSAGE_BYTES_MAX),
            session: ControlServer::new(service)
                .max_decoding_message_size(SESSION_MESSAGE_BYTES_MAX),
        }
    }
}

impl tower::Service<http::Request<Incoming>> for LimitedControl {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future =
        <ControlServer<ControlService> as tower::Service<http::Request<Incoming>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Incoming>) -> Self::Future {
        let server = match request.uri().path() {
            PUSH_LOG_PATH => &mut self.push_log,
            PUSH_OUTPUT_PATH => &mut self.push_output,
            _ => &mut self.session,
        };
        server.call(request)
    }
}

/// Accepts agents until shutdown; connected agents are asked to reconnect later.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    limits: ListenerLimits,
    tls: Option<TlsAcceptor>,
) {
    let (metrics, stopping) = (app.metrics.listener("grpc"), app.stopping.clone());
    let measured = metrics.clone();
    let served = move |io, peer: SocketAddr, requests| {
        let peer = Peer::Network(peer.ip().to_canonical());
        serve_io(Arc::clone(&app), io, peer, requests, limits, measured.clone())
    };
    listener::accept(listener, limits, tls, metrics, &stopping, served).await;
}

/// Serves one connection until it ends.
pub(crate) async fn serve_io<I>(
    app: Arc<App>,
    io: I,
    peer: Peer,
    requests: ConnectionRequests,
    limits: ListenerLimits,
    metrics: ListenerMetrics,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stopping = app.stopping.clone();
    let service = requests.track(TowerToHyperService::new(LimitedControl::new(ControlService {
        app,
        peer,
        log_open_timeout: limits.idle_timeout,
    })));
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE_PERIOD)
        .keep_alive_timeout(KEEPALIVE_PERIOD)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES * 4)
        .max_send_buf_size(WINDOW_BYTES as usize)
        .max_concurrent_streams(STREAMS_MAX)
        .serve_connection(TokioIo::new(io), service);
    // Boxed, because each future that contains a large one reserves space for it.
    let connection = Box::pin(connection);
    let driven = requests.drive(
        connection,
        |connection| connection.as_deref_mut().graceful_shutdown(),
        limits,
        &metrics,
        &stopping,
    );
    if let Err(error) = driven.await {
        tracing::debug!(%error, "an agent's connection ended");
    }
}
