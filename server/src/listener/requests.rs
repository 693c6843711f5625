//! The requests of one connection: the number of active ones, and responses that the peer does not
//! read.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use flow_common::clock::{self, Monotonic, monotonic};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::Service;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::ListenerLimits;
use crate::metrics::ListenerMetrics;

/// Longest wait for the peer to read the last bytes of a response, after the connection was asked
/// to end.
const SHUTDOWN_IDLE_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionRequests {
    count: watch::Sender<RequestCount>,
    deliveries: Arc<ResponseDeliveries>,
}

#[derive(Debug)]
struct RequestCount {
    /// Requests from their complete head to the end of the response body.
    active: usize,
    has_had_request: bool,
    /// End of the last request, or begin of the connection.
    idle_since: Monotonic,
}

impl Default for RequestCount {
    fn default() -> Self {
        Self { active: 0, has_had_request: false, idle_since: monotonic() }
    }
}

/// Action of the peer that a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerWait {
    /// The peer must read a response.
    Response,
    /// The peer must send a request.
    Request,
}

impl ConnectionRequests {
    /// Wraps a service so that its requests are counted.
    pub(crate) fn track<S>(&self, service: S) -> CountedService<S> {
        CountedService { service, requests: self.clone() }
    }

    fn begin(&self) -> ActiveRequest {
        self.count.send_modify(|count| {
            count.active += 1;
            count.has_had_request = true;
        });
        ActiveRequest(self.count.clone())
    }

    /// Returns the action of the peer that the connection waits for, and since when; `None` while the
    /// hub works on a request.
    pub(super) fn peer_wait(&self) -> Option<(PeerWait, Monotonic)> {
        let count = self.count.borrow();
        if count.active == 0 {
            return Some((PeerWait::Request, count.idle_since));
        }
        self.deliveries.oldest().map(|since| (PeerWait::Response, since))
    }

    /// Waits until no request was active for `timeout`.
    async fn idle(&self, idle_timeout: Duration) {
        let mut count = self.count.subscribe();
        loop {
            let moved = if count.borrow_and_update().active > 0 {
                count.changed().await
            } else {
                match clock::timeout(idle_timeout, count.changed()).await {
                    Ok(moved) => moved,
                    Err(_) => return,
                }
            };
            if moved.is_err() {
                return;
            }
        }
    }

    /// Waits until the peer has read none of a ready part of a response for `timeout`; detects it
    /// within twice that.
    ///
    /// HTTP/2 needs it: a peer with a closed window answers pings, and its socket is never full.
    async fn stalled(&self, timeout: Duration) {
        let mut count = self.count.subscribe();
        loop {
            if count.borrow_and_update().active == 0 {
                if count.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let oldest = self.deliveries.oldest().unwrap_or_else(monotonic);
            clock::sleep((oldest + timeout).since(monotonic())).await;
            if self.deliveries.oldest().is_some_and(|since| since.elapsed() >= timeout) {
                return;
            }
        }
    }

    /// Drives a connection until it ends, has no further request, or `stopping` is cancelled; in
    /// the last two cases active requests are finished. A connection whose peer does not read its
    /// responses is dropped.
    pub(crate) async fn drive<C, E>(
        &self,
        connection: C,
        wind_down: impl FnOnce(Pin<&mut C>),
        limits: ListenerLimits,
        metrics: &ListenerMetrics,
        stopping: &CancellationToken,
    ) -> Result<(), E>
    where
        C: Future<Output = Result<(), E>>,
    {
        let mut connection = std::pin::pin!(connection);
        let stalled = async {
            self.stalled(limits.write_timeout).await;
            metrics.stalled();
            tracing::debug!(
                "dropped a connection: its peer read nothing of a response within {} s",
                limits.write_timeout.as_secs()
            );
        };
        let mut stalled = std::pin::pin!(stalled);
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = stalled.as_mut() => return Ok(()),
            () = self.idle(limits.idle_timeout) => {}
            () = stopping.cancelled() => {}
        }
        if !self.count.borrow().has_had_request {
            // There is nothing to finish, and the connection would not end by itself.
            return Ok(());
        }
        wind_down(connection.as_mut());
        tokio::select! {
            ended = connection => ended,
            () = stalled => Ok(()),
            () = self.idle(SHUTDOWN_IDLE_MAX) => Ok(()),
        }
    }
}

/// Responses with a part that the peer has not read, and the time since when.
#[derive(Debug, Default)]
struct ResponseDeliveries {
    next_id: AtomicU64,
    since: Mutex<HashMap<u64, Monotonic>>,
}

impl ResponseDeliveries {
    fn since(&self) -> MutexGuard<'_, HashMap<u64, Monotonic>> {
        self.since.lock()
    }

    fn oldest(&self) -> Option<Monotonic> {
        self.since().values().min().copied()
    }
}

/// The delivery of one response. It waits for the peer from the moment a part is ready until hyper
/// asks for the next part, and hyper asks only when the peer has read enough of the last one.
#[derive(Debug)]
struct ResponseDelivery {
    deliveries: Arc<ResponseDeliveries>,
    id: u64,
}

impl ResponseDelivery {
    fn of(deliveries: Arc<ResponseDeliveries>) -> Self {
        let id = deliveries.next_id.fetch_add(1, Ordering::Relaxed);
        let delivery = Self { deliveries, id };
        delivery.waits_for_peer();
        delivery
    }

    fn waits_for_peer(&self) {
        self.deliveries.since().insert(self.id, monotonic());
    }

    /// The next part is not ready: a stream may be silent for any time.
    fn waits_for_source(&self) {
        self.deliveries.since().remove(&self.id);
    }
}

impl Drop for ResponseDelivery {
    fn drop(&mut self) {
        self.waits_for_source();
    }
}

#[derive(Debug)]
pub(crate) struct ActiveRequest(watch::Sender<RequestCount>);

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.send_modify(|count| {
            count.active -= 1;
            count.idle_since = monotonic();
        });
    }
}

/// A service whose requests are counted.
#[derive(Debug, Clone)]
pub(crate) struct CountedService<S> {
    service: S,
    requests: ConnectionRequests,
}

impl<S, B> Service<Request<Incoming>> for CountedService<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<TrackedBody<B>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (active, deliveries) = (self.requests.begin(), Arc::clone(&self.requests.deliveries));
        let answer = self.service.call(request);
        let counted = |body| TrackedBody {
            body,
            delivery: ResponseDelivery::of(deliveries),
            _underway: active,
        };
        answer.map(|answer| answer.map(|answer| answer.map(counted))).boxed()
    }
}

/// A response body; its request is active until the body is dropped.
#[derive(Debug)]
pub(crate) struct TrackedBody<B> {
    body: B,
    delivery: ResponseDelivery,
    _underway: ActiveRequest,
}

impl<B: Body + Unpin> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match polled {
            Poll::Ready(_) => self.delivery.waits_for_peer(),
            Poll::Pending => self.delivery.waits_for_source(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
