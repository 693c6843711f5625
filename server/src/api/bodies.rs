//! Limits of request bodies: total bytes in memory over all requests, and time.
//!
//! A body takes bytes from the budget as they arrive, independent of its `Content-Length`, and
//! returns them when its handler has responded.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::{Buf as _, Bytes};
use flow_common::clock::{Monotonic, monotonic, sleep};
use flow_domain::error::{Error, ErrorCode};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::ApiError;
use crate::state::App;

/// Time limits of a body.
#[derive(Clone, Copy)]
struct Deadlines {
    /// Longest time between two parts of the body.
    progress: Duration,
    /// Longest time from the head of the request to the end of its body.
    total: Duration,
}

/// The total is shorter than the timeout of the whole request, so that the client receives the
/// reason.
const DEADLINES: Deadlines =
    Deadlines { progress: Duration::from_secs(10), total: Duration::from_secs(25) };

/// Middleware around handlers. Replaces the response to a request whose body exceeded a limit.
pub(super) async fn meter(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let account = Account { budget: Arc::clone(&app.body_bytes), state: Arc::default() };
    let metered = request.map(|body| Body::new(Metered::new(body, account.clone(), DEADLINES)));
    let response = next.run(metered).await;
    let error = account.state().error.take();
    error.map_or(response, |error| ApiError::from(error).into_response())
}

/// Bytes of the budget that one request holds.
#[derive(Clone)]
struct Account {
    budget: Arc<Semaphore>,
    state: Arc<Mutex<AccountState>>,
}

#[derive(Default)]
struct AccountState {
    held: Option<OwnedSemaphorePermit>,
    error: Option<Error>,
}

impl Account {
    fn state(&self) -> MutexGuard<'_, AccountState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `bytes` from the budget.
    fn take(&self, bytes: usize) -> Result<(), axum::Error> {
        let taken = u32::try_from(bytes)
            .ok()
            .and_then(|bytes| Arc::clone(&self.budget).try_acquire_many_owned(bytes).ok());
        let Some(taken) = taken else {
            return Err(
                self.fail(ErrorCode::Busy, "the request bodies in progress use all memory of limits.body_bytes; repeat the request")
            );
        };
        let mut state = self.state();
        match &mut state.held {
            Some(held) => held.merge(taken),
            none => *none = Some(taken),
        }
        Ok(())
    }

    fn fail(&self, code: ErrorCode, message: impl Into<String>) -> axum::Error {
        let error = Error::new(code, message);
        let source = axum::Error::new(error.to_string());
        self.state().error = Some(error);
        source
    }
}

/// A body that takes its bytes from the budget and fails at its time limits.
struct Metered {
    body: Body,
    account: Account,
    deadlines: Deadlines,
    begun: Monotonic,
    deadline: BoxFuture<'static, ()>,
}

impl Metered {
    fn new(body: Body, account: Account, deadlines: Deadlines) -> Self {
        Self {
            body,
            account,
            deadlines,
            begun: monotonic(),
            deadline: Box::pin(sleep(deadlines.progress)),
        }
    }
}

impl hyper::body::Body for Metered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            ready!(self.deadline.poll_unpin(cx));
            let waited = self.begun.elapsed().as_secs();
            let message = format!(
                "the body is incomplete after {waited} s; repeat the request on a faster connection, or with a smaller body"
            );
            return Poll::Ready(Some(Err(self.account.fail(ErrorCode::RequestTimeout, message))));
        };
        if let Some(data) =
            frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(|frame| frame.data_ref())
        {
            self.account.take(data.remaining())?;
            let left = (self.begun + self.deadlines.total).since(monotonic());
            self.deadline = Box::pin(sleep(left.min(self.deadlines.progress)));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream::{self, StreamExt as _};

    type Chunk = Result<&'static str, std::convert::Infallible>;

    const SHORT: Deadlines =
        Deadlines { progress: Duration::from_millis(300), total: Duration::from_millis(700) };

    async fn read(
        budget: usize,
        chunks: impl futures::Stream<Item = Chunk> + Send + 'static,
    ) -> (Account, Result<Bytes, axum::Error>) {
        let account = Account { budget: Arc::new(Semaphore::new(budget)), state: Arc::default() };
        let body = Metered::new(Body::from_stream(chunks), account.clone(), SHORT);
        let read = axum::body::to_bytes(Body::new(body), usize::MAX).await;
        (account, read)
    }

    fn code(account: &Account) -> Option<ErrorCode> {
        account.state().error.as_ref().map(|error| error.code)
    }

    #[tokio::test]
    async fn a17_body_takes_arriving_bytes_from_the_budget_and_returns_them() {
        let (account, bytes) = read(10, stream::iter([Ok("01234"), Ok("56789")])).await;
        assert_eq!(
            (bytes.unwrap(), account.budget.available_permits()),
            (Bytes::from("0123456789"), 0)
        );
        let budget = Arc::clone(&account.budget);
        drop(account);
        assert_eq!(budget.available_permits(), 10);
        let (account, bytes) = read(9, stream::iter([Ok("01234"), Ok("56789")])).await;
        assert!(bytes.is_err());
        assert_eq!(code(&account), Some(ErrorCode::Busy));
    }

    #[tokio::test]
    async fn a17_body_fails_after_a_pause_and_after_the_total_time() {
        let begun = monotonic();
        let (account, bytes) = read(10, stream::iter([Ok("0")]).chain(stream::pending())).await;
        assert!(bytes.is_err());
        assert_eq!(code(&account), Some(ErrorCode::RequestTimeout));
        assert!((SHORT.progress..SHORT.total).contains(&begun.elapsed()), "{:?}", begun.elapsed());

        let begun = monotonic();
        let slow = stream::unfold((), |()| async {
            sleep(SHORT.progress / 10).await;
            Some((Ok("0"), ()))
        });
        let (account, bytes) = read(100, slow).await;
        assert!(bytes.is_err());
        assert_eq!(code(&account), Some(ErrorCode::RequestTimeout));
        assert!(begun.elapsed() >= SHORT.total, "{:?}", begun.elapsed());
    }
}
