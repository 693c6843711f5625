//! A listener for health probes and metrics over plain HTTP/1.1.
//!
//! Each connection serves one request within [`REQUEST_TIMEOUT`]. While all places are taken, a new connection evicts the
//! oldest connection that has sent no complete request, or else the oldest. A prober sends its request at once and gets
//! its answer before newer connections evict it: connections that others hold do not delay a probe.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::clock::{Monotonic, monotonic, sleep, timeout};

/// Connections served at a time.
const CONNECTIONS_MAX: usize = 256;
/// Age from which a newer connection may evict one. Bounds the accept rate under attack to 1,280 connections per second, so
/// that callers who dial again and again cost little processor time.
const EVICTION_AGE_MIN: Duration = Duration::from_millis(200);
/// Time for one connection: its request and the whole answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a request's head, the smallest limit that hyper takes.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Delay after an `accept` that failed, usually for lack of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// A connection that is being served.
struct Connection {
    accepted_at: Monotonic,
    /// A complete request has arrived.
    requested: Arc<AtomicBool>,
    task: AbortHandle,
}

/// Serves `service` until the caller drops the future.
pub async fn serve<S, B>(listener: TcpListener, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut connections = VecDeque::with_capacity(CONNECTIONS_MAX);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the probe listener cannot accept a connection");
                sleep(ACCEPT_RETRY_DELAY).await;
                continue;
            }
        };
        make_room(&mut connections).await;
        let requested = Arc::new(AtomicBool::new(false));
        let (service, seen) = (service.clone(), Arc::clone(&requested));
        let task = tokio::spawn(async move {
            let noting = service_fn(move |request| {
                seen.store(true, Ordering::Relaxed);
                service.call(request)
            });
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_TIMEOUT)
                .max_buf_size(HEAD_BYTES_MAX)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), noting);
            // A prober that is too slow, or leaves, gets no answer and needs no log line.
            let _ = timeout(REQUEST_TIMEOUT, served).await;
        });
        connections.push_back(Connection {
            accepted_at: monotonic(),
            requested,
            task: task.abort_handle(),
        });
    }
}

/// Waits until fewer than [`CONNECTIONS_MAX`] connections are open, and evicts one where none ends by itself.
async fn make_room(connections: &mut VecDeque<Connection>) {
    loop {
        connections.retain(|connection| !connection.task.is_finished());
        if connections.len() < CONNECTIONS_MAX {
            return;
        }
        let unrequested =
            connections.iter().position(|connection| !connection.requested.load(Ordering::Relaxed));
        let Some(index) = unrequested.or(Some(0)).filter(|index| *index < connections.len()) else {
            return;
        };
        let due = connections[index].accepted_at + EVICTION_AGE_MIN;
        let now = monotonic();
        if now < due {
            sleep(due.since(now)).await;
        } else if let Some(evicted) = connections.remove(index) {
            evicted.task.abort();
            return;
        }
    }
}
