//! The listener for health probes and metrics of every program: plain HTTP/1.1, without
//! authentication.
//!
//! Each connection serves one request within [`REQUEST_TIMEOUT`]. While [`CONNECTIONS_MAX`]
//! connections are open, a new connection evicts the oldest one that has sent no complete request,
//! or else the oldest one. A prober sends its request at once and gets its answer before newer
//! connections evict it: idle connections of other clients do not delay a probe. The pages contain
//! no secrets, and no request changes anything.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::socket::{MsgFlags, recv};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::accept_queue;
use crate::clock::{Monotonic, monotonic, sleep, timeout};

/// Content type of a page in the OpenMetrics text format, version 1.0.0.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";
/// Connections served at a time.
const CONNECTIONS_MAX: usize = 256;
/// Age from which a newer connection may evict one. Bounds the accept rate under attack to 2,560
/// connections per second and thereby the processor time that repeated connects cost. A probe waits
/// for less than a second behind a full queue of connections.
const EVICTION_AGE_MIN: Duration = Duration::from_millis(100);
/// Time for one connection: its request and the whole answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a request's head, the smallest limit that hyper accepts.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Delay after an `accept` that failed, usually for lack of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// The content of one program's pages. An `Err` becomes an answer with status 503 and the reason.
pub trait Pages: Clone + Send + Sync + 'static {
    /// Path of the page that answers while the process serves requests.
    const LIVENESS_PATH: &'static str = "/livez";

    /// The page `/readyz`: `Ok` if the program can do its work.
    fn readiness(&self) -> impl Future<Output = Result<(), String>> + Send;

    /// The page `/metrics`, in the OpenMetrics text format.
    fn metrics(&self) -> impl Future<Output = Result<String, String>> + Send;
}

/// A connection that is being served.
struct Connection {
    accepted_at: Monotonic,
    /// A complete request has arrived.
    requested: Arc<AtomicBool>,
    task: AbortHandle,
}

/// Serves `pages` until the caller drops the future.
pub async fn serve<P: Pages>(listener: TcpListener, pages: P) {
    accept_queue::lengthen(&listener);
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
        evict_if_full(&mut connections).await;
        // The task that reads it may run late on a busy machine.
        let requested = Arc::new(AtomicBool::new(has_request(&stream)));
        let (pages, seen) = (pages.clone(), Arc::clone(&requested));
        let task = tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                seen.store(true, Ordering::Relaxed);
                let pages = pages.clone();
                async move { Ok::<_, Infallible>(answer(&pages, &request).await) }
            });
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_TIMEOUT)
                .max_buf_size(HEAD_BYTES_MAX)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // A prober that is too slow or disconnects gets no answer and needs no log line.
            let _ = timeout(REQUEST_TIMEOUT, served).await;
        });
        connections.push_back(Connection {
            accepted_at: monotonic(),
            requested,
            task: task.abort_handle(),
        });
    }
}

/// True if the complete head of a request has arrived.
fn has_request(stream: &TcpStream) -> bool {
    let mut head = [0; HEAD_BYTES_MAX];
    let peeked = recv(stream.as_raw_fd(), &mut head, MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT);
    peeked.is_ok_and(|length| head[..length].windows(4).any(|end| end == b"\r\n\r\n"))
}

async fn answer<P: Pages, B>(pages: &P, request: &Request<B>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let text = "this listener serves only GET and HEAD\n".to_owned();
        let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, PLAIN_TEXT, text);
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let unavailable =
        |why: String| page(StatusCode::SERVICE_UNAVAILABLE, PLAIN_TEXT, format!("{why}\n"));
    match request.uri().path() {
        path if path == P::LIVENESS_PATH => page(StatusCode::OK, PLAIN_TEXT, "ok\n".to_owned()),
        "/readyz" => match pages.readiness().await {
            Ok(()) => page(StatusCode::OK, PLAIN_TEXT, "ok\n".to_owned()),
            Err(why) => unavailable(why),
        },
        "/metrics" => match pages.metrics().await {
            Ok(text) => page(StatusCode::OK, OPENMETRICS, text),
            Err(why) => unavailable(why),
        },
        _ => {
            let text = format!("the pages are {}, /readyz and /metrics\n", P::LIVENESS_PATH);
            page(StatusCode::NOT_FOUND, PLAIN_TEXT, text)
        }
    }
}

fn page(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Waits until fewer than [`CONNECTIONS_MAX`] connections are open; evicts one if none ends by
/// itself.
async fn evict_if_full(connections: &mut VecDeque<Connection>) {
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

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[derive(Clone)]
    struct Demo(Result<(), String>);

    impl Pages for Demo {
        const LIVENESS_PATH: &'static str = "/healthz";

        async fn readiness(&self) -> Result<(), String> {
            self.0.clone()
        }

        async fn metrics(&self) -> Result<String, String> {
            self.0.clone().map(|()| "demo 1\n# EOF\n".to_owned())
        }
    }

    #[tokio::test]
    async fn each_page_has_its_status_and_text() {
        let (ready, busy) = (Demo(Ok(())), Demo(Err("busy".to_owned())));
        for (pages, method, path, status, text) in [
            (&ready, "GET", "/healthz", 200, "ok\n"),
            (&busy, "HEAD", "/healthz", 200, "ok\n"),
            (&ready, "GET", "/readyz", 200, "ok\n"),
            (&busy, "GET", "/readyz", 503, "busy\n"),
            (&ready, "GET", "/metrics", 200, "demo 1\n# EOF\n"),
            (&busy, "GET", "/metrics", 503, "busy\n"),
            (&ready, "GET", "/livez", 404, "the pages are /healthz, /readyz and /metrics\n"),
            (&ready, "POST", "/readyz", 405, "this listener serves only GET and HEAD\n"),
        ] {
            let request = Request::builder().method(method).uri(path).body(()).unwrap();
            let answered = answer(pages, &request).await;
            assert_eq!(answered.status(), status, "{method} {path}");
            let body = answered.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, text, "{method} {path}");
        }
    }
}
