//! Bounds on request bodies: bytes in memory of all requests together, and time.
//!
//! A body takes from the budget as its bytes arrive, whatever length it announced, and gives back when its handler has
//! answered.

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

/// Deadlines of a body.
#[derive(Clone, Copy)]
struct Deadlines {
    /// Longest time without a byte while the body is incomplete.
    progress: Duration,
    /// Longest time from a request's head to the end of its body.
    total: Duration,
}

/// The total ends before the time for the whole request does, so that the caller hears the reason.
const DEADLINES: Deadlines =
    Deadlines { progress: Duration::from_secs(10), total: Duration::from_secs(25) };

/// The middleware around handlers. Replaces the answer of a handler whose body went over a bound.
pub(super) async fn meter(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let account = Account { budget: Arc::clone(&app.body_bytes), state: Arc::default() };
    let metered = request.map(|body| Body::new(Metered::new(body, account.clone(), DEADLINES)));
    let response = next.run(metered).await;
    let failure = account.state().failure.take();
    failure.map_or(response, |error| ApiError::from(error).into_response())
}

/// What one request holds of the budget.
#[derive(Clone)]
struct Account {
    budget: Arc<Semaphore>,
    state: Arc<Mutex<AccountState>>,
}

#[derive(Default)]
struct AccountState {
    held: Option<OwnedSemaphorePermit>,
    failure: Option<Error>,
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
                self.fail(ErrorCode::Busy, "the hub holds too many bytes of request bodies (limits.body_bytes); repeat the request")
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
        self.state().failure = Some(error);
        source
    }
}

/// A body that takes from the budget and ends at its deadlines.
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
        account.state().failure.as_ref().map(|error| error.code)
    }

    #[tokio::test]
    async fn a17_a_body_takes_what_arrives_and_gives_it_back_at_the_end() {
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
    async fn a17_a_body_ends_when_nothing_of_it_arrives_and_when_it_takes_too_long() {
        let begun = monotonic();
        let (account, bytes) = read(10, stream::iter([Ok("0")]).chain(stream::pending())).await;
        assert!(bytes.is_err());
        assert_eq!(code(&account), Some(ErrorCode::RequestTimeout));
        assert!((SHORT.progress..SHORT.total).contains(&begun.elapsed()), "{:?}", begun.elapsed());

        let begun = monotonic();
        let dribble = stream::unfold((), |()| async {
            sleep(SHORT.progress / 10).await;
            Some((Ok("0"), ()))
        });
        let (account, bytes) = read(100, dribble).await;
        assert!(bytes.is_err());
        assert_eq!(code(&account), Some(ErrorCode::RequestTimeout));
        assert!(begun.elapsed() >= SHORT.total, "{:?}", begun.elapsed());
    }
}
