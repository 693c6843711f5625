//! The door for agents: one outbound stream per agent, and a side stream per log that is read.
//!
//! The accept loop is ours (see [`crate::door`]): each connection is served by hyper with tonic's service on top, so that a listener can
//! later tell gRPC from relay traffic, and so that the embedded agent comes in by the same code over a channel in
//! memory. [`session`] holds the conversation, [`sessions`] who is connected, [`logs`] the side streams, [`convert`]
//! the only place where protocol meets domain.

pub mod convert;
mod logs;
mod session;
pub mod sessions;

use std::sync::Arc;
use std::time::Duration;

use flow_domain::id::PartyId;
use flow_proto::v1::control_server::{Control, ControlServer};
use flow_proto::v1::{AgentMessage, LogChunk, LogClosed};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::{Request, Response, Status, Streaming};

use crate::app::App;
use crate::door::{self, Limits, Requests};

/// What is spoken in TLS.
pub const ALPN: [&[u8]; 1] = [b"h2"];

/// Time between two HTTP/2 pings, and longest wait for their answer.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// HTTP/2 flow control window, in bytes: fixed, so that ten thousand idle agents cost little.
const WINDOW: u32 = 64 * 1024;

/// Most streams of one connection: the session, and logs that are being read.
const STREAMS: u32 = 256;

/// How a connection came in.
#[derive(Debug, Clone)]
pub(crate) enum Peer {
    /// Over the network: it has to say who it is.
    Network,
    /// Over a channel in memory: this process made it, and knows whose it is.
    Embedded(PartyId),
}

/// The service of one connection.
#[derive(Clone)]
struct Door {
    app: Arc<App>,
    peer: Peer,
}

#[tonic::async_trait]
impl Control for Door {
    type SessionStream = session::Messages;

    async fn session(&self, request: Request<Streaming<AgentMessage>>) -> Result<Response<Self::SessionStream>, Status> {
        let party = self.authenticate(&request).await?;
        Ok(Response::new(session::open(Arc::clone(&self.app), party, request.into_inner())))
    }

    async fn push_log(&self, request: Request<Streaming<LogChunk>>) -> Result<Response<LogClosed>, Status> {
        let party = self.authenticate(&request).await?;
        logs::pump(&self.app.sessions, &party, request.into_inner()).await?;
        Ok(Response::new(LogClosed {}))
    }
}

impl Door {
    async fn authenticate<T>(&self, request: &Request<T>) -> Result<PartyId, Status> {
        match &self.peer {
            Peer::Embedded(party) => Ok(party.clone()),
            Peer::Network => self.app.auth.party(&self.app.store, request.metadata()).await.map_err(|error| convert::status(&error)),
        }
    }
}

/// Accepts agents until the hub goes down; those connected are told to come back later.
pub async fn serve(app: Arc<App>, listener: TcpListener, limits: Limits, tls: Option<TlsAcceptor>) {
    let (metrics, stopping) = (app.metrics.door("grpc"), app.stopping.clone());
    let served = move |io| serve_io(Arc::clone(&app), io, Peer::Network, limits.patience);
    door::accept(listener, limits, tls, metrics, &stopping, served).await;
}

/// Serves one connection to its end.
pub(crate) async fn serve_io<I>(app: Arc<App>, io: I, peer: Peer, patience: Duration)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stopping = app.stopping.clone();
    let requests = Requests::default();
    let service = requests.of(TowerToHyperService::new(ControlServer::new(Door { app, peer })));
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * 4)
        .max_send_buf_size(WINDOW as usize)
        .max_concurrent_streams(STREAMS)
        .serve_connection(TokioIo::new(io), service);
    if let Err(error) = requests.drive(connection, |connection| connection.graceful_shutdown(), patience, &stopping).await {
        tracing::debug!(%error, "an agent's connection ended");
    }
}
