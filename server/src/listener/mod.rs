//! A listener's accept loop: limits of connections, in total and per source address, and a deadline
//! for every wait for a peer. A listener with a certificate accepts TLS only.
//!
//! | the peer | limit |
//! | --- | --- |
//! | sends no TLS handshake, no complete request head, or no further request | [`ListenerLimits::idle_timeout`] |
//! | reads none of a response: its socket or its HTTP/2 window is full | [`ListenerLimits::write_timeout`] |
//! | holds many connections | [`ListenerLimits::per_address`]; the next is closed at once |
//!
//! While all slots are taken, the loop accepts one connection and evicts the one that has waited
//! longest for its peer, see [`evict`]. Further peers wait in the kernel's queue, which costs this
//! process nothing.

mod evict;
mod requests;
mod slots;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flow_common::accept_queue;
use flow_common::write_deadline::WriteDeadline;
use futures::FutureExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::{ListenerMetrics, OpenConnection};
use evict::Connections;
pub(crate) use requests::ConnectionRequests;
use slots::SourceSlots;
pub(crate) use slots::source_of;

/// Delay between two searches for a connection to evict.
const EVICTION_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Delay after a failed `accept`: usually too many files are open, and an immediate retry would
/// spin.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerLimits {
    pub connections: usize,
    /// Connections per source: an IPv4 address, or an IPv6 network of 64 bits.
    pub per_address: usize,
    /// Longest time of a connection without an active request: for the TLS handshake, from there to
    /// a complete request head, and between two requests.
    pub idle_timeout: Duration,
    /// Longest time in which a peer reads none of a response that is ready.
    pub write_timeout: Duration,
    /// Shortest wait for a peer after which its connection may be evicted for another one.
    pub evict_after: Duration,
}

impl ListenerLimits {
    /// Limits without a limit per source.
    #[must_use]
    pub const fn of(connections: usize) -> Self {
        Self {
            connections,
            per_address: connections,
            idle_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            evict_after: Duration::from_secs(1),
        }
    }
}

/// A connection, in plain text or TLS.
pub(crate) type Io = Either<WriteDeadline<TcpStream>, Box<TlsStream<WriteDeadline<TcpStream>>>>;

/// Accepts connections until `stopping`, then waits until the last one has ended.
pub(crate) async fn accept<F>(
    listener: TcpListener,
    limits: ListenerLimits,
    tls: Option<TlsAcceptor>,
    metrics: ListenerMetrics,
    stopping: &CancellationToken,
    serve: impl Fn(Io, SocketAddr, ConnectionRequests) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    accept_queue::lengthen(&listener);
    let places = Arc::new(Semaphore::new(limits.connections));
    let slots = SourceSlots::new(limits.per_address);
    let (open, connections) = (Connections::default(), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let refuse = || {
                    metrics.refused();
                    tracing::debug!(peer = %peer.ip(), "closed a connection: its source address has no free slot");
                };
                // Otherwise it would evict a connection of another address. If one address may take
                // all slots, it waits for a slot like any other.
                if limits.per_address < limits.connections && !slots.has_room(peer.ip()) {
                    refuse();
                    continue;
                }
                let taken = tokio::select! {
                    () = stopping.cancelled() => break,
                    taken = take_place(&places, &open, limits.evict_after, &metrics) => taken,
                };
                let Some(source) = slots.enter(peer.ip()) else {
                    refuse();
                    continue;
                };
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection closed before it was served");
                    continue;
                }
                let place: OpenConnection = metrics.enter();
                let requests = ConnectionRequests::default();
                let entry = open.enter(requests.clone());
                let stream = WriteDeadline::new(stream, limits.write_timeout);
                // Boxed, so that a connection does not reserve space for its handshake.
                let handshake = accept_tls(
                    stream,
                    tls.clone(),
                    limits.idle_timeout,
                    metrics.clone(),
                    stopping.clone(),
                )
                .boxed();
                let serve = serve.clone();
                connections.spawn(async move {
                    let evicted = entry.evicted.clone();
                    let served = async move {
                        if let Some(io) = handshake.await {
                            serve(io, peer, requests).await;
                        }
                    };
                    tokio::select! {
                        () = served => {}
                        () = evicted.cancelled() => {}
                    }
                    drop((taken, source, place, entry));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                flow_common::clock::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
}

/// Takes a place for a connection. While there is none, it evicts connections that wait for their
/// peers.
async fn take_place(
    places: &Arc<Semaphore>,
    open: &Connections,
    evict_after: Duration,
    metrics: &ListenerMetrics,
) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = Arc::clone(places).try_acquire_owned() {
        return Some(permit);
    }
    metrics.full();
    loop {
        if open.evict(evict_after) {
            metrics.evicted();
            tracing::debug!("evicted the connection that waited longest for its peer");
        }
        tokio::select! {
            permit = Arc::clone(places).acquire_owned() => return permit.ok(),
            () = flow_common::clock::sleep(EVICTION_RETRY_DELAY) => {}
        }
    }
}

/// Performs the TLS handshake, if TLS is configured; `None` if it fails, times out, or the listener
/// is stopping.
async fn accept_tls(
    stream: WriteDeadline<TcpStream>,
    tls: Option<TlsAcceptor>,
    idle_timeout: Duration,
    metrics: ListenerMetrics,
    stopping: CancellationToken,
) -> Option<Io> {
    let Some(tls) = tls else { return Some(Either::Left(stream)) };
    let why = tokio::select! {
        () = stopping.cancelled() => return None,
        shaken = flow_common::clock::timeout(idle_timeout, tls.accept(stream)) => match shaken {
            Ok(Ok(stream)) => return Some(Either::Right(Box::new(stream))),
            Ok(Err(error)) => error.to_string(),
            Err(late) => late.to_string(),
        },
    };
    metrics.handshake_failed();
    tracing::debug!(why, "a connection ended without a TLS handshake");
    None
}
