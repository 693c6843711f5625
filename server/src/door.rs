//! A listener's door: so many connections at a time, and none for those that ask for nothing. Where the listener has a
//! certificate, its door speaks TLS, and nothing else.
//!
//! Whoever holds a connection open without a request under way (half a request's head, half an HTTP/2 preface, a session
//! long over) takes a place from somebody else; so it is closed after [`Limits::patience`], whatever it is in the middle
//! of. While all places are taken nobody is accepted: callers wait in the kernel's queue, which costs this process nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::Service;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::{DoorMetrics, Place};

/// Longest wait for the last bytes of an answer to be read, once the connection was told to end.
const LINGER: Duration = Duration::from_secs(30);
/// Wait after an `accept` that failed: usually too many files are open, and going on at once would only spin.
const BREATH: Duration = Duration::from_millis(50);

/// What a door allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at a time.
    pub connections: usize,
    /// Longest time of a connection without a request under way: for the TLS handshake, from then to a whole request head,
    /// and between two requests.
    pub patience: Duration,
}

impl Limits {
    /// So many connections, each with 10 s to ask for something.
    #[must_use]
    pub const fn of(connections: usize) -> Self {
        Self { connections, patience: Duration::from_secs(10) }
    }
}

/// A connection, in plain text or in TLS.
pub(crate) type Io = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Accepts until told to stop, then waits until the last connection has ended. Speaks TLS if it has what for.
pub(crate) async fn accept<F>(
    listener: TcpListener,
    limits: Limits,
    tls: Option<TlsAcceptor>,
    metrics: DoorMetrics,
    stopping: &CancellationToken,
    serve: impl Fn(Io) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(limits.connections));
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
            (Ok(permit), Ok((stream, _))) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection went before it was served");
                    continue;
                }
                let place: Place = metrics.enter();
                let greeted = greet(stream, tls.clone(), limits.patience, metrics.clone(), stopping.clone());
                let serve = serve.clone();
                connections.spawn(async move {
                    if let Some(io) = greeted.await {
                        serve(io).await;
                    }
                    drop((permit, place));
                });
            }
            (Ok(_), Err(error)) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BREATH).await;
            }
            (Err(_), _) => unreachable!("the semaphore is never closed"),
        }
    }
    connections.close();
    connections.wait().await;
}

/// The TLS handshake, if there is to be one; `None` if it fails, takes too long, or the door is closing.
async fn greet(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    patience: Duration,
    metrics: DoorMetrics,
    stopping: CancellationToken,
) -> Option<Io> {
    let Some(tls) = tls else { return Some(Either::Left(stream)) };
    let why = tokio::select! {
        () = stopping.cancelled() => return None,
        shaken = tokio::time::timeout(patience, tls.accept(stream)) => match shaken {
            Ok(Ok(stream)) => return Some(Either::Right(Box::new(stream))),
            Ok(Err(error)) => error.to_string(),
            Err(late) => late.to_string(),
        },
    };
    metrics.handshake_failed();
    tracing::debug!(why, "a connection ended without a TLS handshake");
    None
}

/// The requests of one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests(watch::Sender<Count>);

#[derive(Debug, Default)]
struct Count {
    /// How many there are now, from the whole head to the end of the answer's body.
    under_way: usize,
    /// Whether there ever was one.
    asked: bool,
}

impl Requests {
    /// A service that is counted here.
    pub(crate) fn of<S>(&self, service: S) -> Counted<S> {
        Counted { service, requests: self.clone() }
    }

    fn begin(&self) -> Underway {
        self.0.send_modify(|count| {
            count.under_way += 1;
            count.asked = true;
        });
        Underway(self.0.clone())
    }

    /// Waits until for so long there was none.
    async fn idle(&self, patience: Duration) {
        let mut count = self.0.subscribe();
        loop {
            let moved = if count.borrow_and_update().under_way > 0 {
                count.changed().await
            } else {
                match tokio::time::timeout(patience, count.changed()).await {
                    Ok(moved) => moved,
                    Err(_) => return,
                }
            };
            if moved.is_err() {
                return;
            }
        }
    }

    /// Drives a connection until it ends, asks for nothing any more, or `stopping` is called; in the last two cases what
    /// is under way is still answered.
    pub(crate) async fn drive<C, E>(
        &self,
        connection: C,
        wind_down: impl FnOnce(Pin<&mut C>),
        patience: Duration,
        stopping: &CancellationToken,
    ) -> Result<(), E>
    where
        C: Future<Output = Result<(), E>>,
    {
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = self.idle(patience) => {}
            () = stopping.cancelled() => {}
        }
        if !self.0.borrow().asked {
            // Nothing to finish, and it would not end by itself.
            return Ok(());
        }
        wind_down(connection.as_mut());
        tokio::select! {
            ended = connection => ended,
            () = self.idle(LINGER) => Ok(()),
        }
    }
}

/// One request under way.
#[derive(Debug)]
pub(crate) struct Underway(watch::Sender<Count>);

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.send_modify(|count| count.under_way -= 1);
    }
}

/// A service whose requests are counted.
#[derive(Debug, Clone)]
pub(crate) struct Counted<S> {
    service: S,
    requests: Requests,
}

impl<S, B> Service<Request<Incoming>> for Counted<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<Answer<B>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let underway = self.requests.begin();
        let answer = self.service.call(request);
        answer.map(|answer| answer.map(|answer| answer.map(|body| Answer { body, _underway: underway }))).boxed()
    }
}

/// An answer's body: the request is under way as long as it lives.
#[derive(Debug)]
pub(crate) struct Answer<B> {
    body: B,
    _underway: Underway,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
