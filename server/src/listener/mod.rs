//! A listener's accept loop: bounds on connections, in total and per source address, and a deadline for every wait on a
//! peer. A listener with a certificate speaks TLS only.
//!
//! | the peer | bound |
//! | --- | --- |
//! | sends no TLS handshake, no complete request head, or no further request | [`ListenerLimits::patience`] |
//! | takes none of an answer: its socket is full, or its HTTP/2 window | [`ListenerLimits::progress`] |
//! | holds many connections | [`ListenerLimits::per_address`]; the next is closed at once |
//!
//! While all places are taken the loop accepts nobody: callers wait in the kernel's queue, which costs this process
//! nothing.

mod requests;
mod slots;
mod write_deadline;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::{ListenerMetrics, OpenConnection};
pub(crate) use requests::ConnectionRequests;
use slots::SourceSlots;
use write_deadline::WriteDeadline;

/// Wait after an `accept` that failed: usually too many files are open, and going on at once would only spin.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// What a door allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Most connections at a time.
    pub connections: usize,
    /// Most connections at a time of one source: an IPv4 address, or an IPv6 network of 64 bits.
    pub per_address: usize,
    /// Longest time of a connection without a request under way: for the TLS handshake, from then to a whole request head,
    /// and between two requests.
    pub patience: Duration,
    /// Longest time in which a peer takes none of an answer that is ready for it.
    pub progress: Duration,
}

impl ListenerLimits {
    /// At most `connections`, of which one source may have all.
    #[must_use]
    pub const fn of(connections: usize) -> Self {
        Self {
            connections,
            per_address: connections,
            patience: Duration::from_secs(10),
            progress: Duration::from_secs(30),
        }
    }
}

/// A connection, in plain text or in TLS.
pub(crate) type Io = Either<WriteDeadline<TcpStream>, Box<TlsStream<WriteDeadline<TcpStream>>>>;

/// Accepts until told to stop, then waits until the last connection has ended. Speaks TLS if it has what for.
pub(crate) async fn accept<F>(
    listener: TcpListener,
    limits: ListenerLimits,
    tls: Option<TlsAcceptor>,
    metrics: ListenerMetrics,
    stopping: &CancellationToken,
    serve: impl Fn(Io) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(limits.connections));
    let slots = SourceSlots::new(limits.per_address);
    let connections = TaskTracker::new();
    loop {
        if places.available_permits() == 0 {
            metrics.full();
        }
        let accepted = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = async { (Arc::clone(&places).acquire_owned().await, listener.accept().await) } => accepted,
        };
        match accepted {
            (Ok(permit), Ok((stream, peer))) => {
                let Some(source) = slots.enter(peer.ip()) else {
                    metrics.refused();
                    tracing::debug!(peer = %peer.ip(), "a connection was closed: its source address has all of its places");
                    continue;
                };
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection went before it was served");
                    continue;
                }
                let place: OpenConnection = metrics.enter();
                let stream = WriteDeadline::new(stream, limits.progress);
                // On the heap, because a connection should not keep the room that its handshake takes.
                let handshake = accept_tls(
                    stream,
                    tls.clone(),
                    limits.patience,
                    metrics.clone(),
                    stopping.clone(),
                )
                .boxed();
                let serve = serve.clone();
                connections.spawn(async move {
                    if let Some(io) = handshake.await {
                        serve(io).await;
                    }
                    drop((permit, source, place));
                });
            }
            (Ok(_), Err(error)) => {
                tracing::warn!(%error, "a connection could not be accepted");
                flow_common::clock::sleep(ACCEPT_RETRY_DELAY).await;
            }
            (Err(_), _) => unreachable!("the semaphore is never closed"),
        }
    }
    connections.close();
    connections.wait().await;
}

/// The TLS handshake, if there is to be one; `None` if it fails, takes too long, or the door is closing.
async fn accept_tls(
    stream: WriteDeadline<TcpStream>,
    tls: Option<TlsAcceptor>,
    patience: Duration,
    metrics: ListenerMetrics,
    stopping: CancellationToken,
) -> Option<Io> {
    let Some(tls) = tls else { return Some(Either::Left(stream)) };
    let why = tokio::select! {
        () = stopping.cancelled() => return None,
        shaken = flow_common::clock::timeout(patience, tls.accept(stream)) => match shaken {
            Ok(Ok(stream)) => return Some(Either::Right(Box::new(stream))),
            Ok(Err(error)) => error.to_string(),
            Err(late) => late.to_string(),
        },
    };
    metrics.handshake_failed();
    tracing::debug!(why, "a connection ended without a TLS handshake");
    None
}
