//! What every request passes on its way in and out: a request id, a limit on the address, a longest time, a net under
//! panics, problem+json for failures, and the headers that keep browsers from guessing.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flow_domain::error::{Error, ErrorCode};
use futures::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tracing::Instrument as _;

use super::problem::{ApiError, render};
use crate::state::App;

/// Longest path and query, in bytes.
pub const MAX_ADDRESS: usize = 8 * 1024;
/// Longest time from a request's head to its answer's. Streams go on after that.
const LONGEST: Duration = Duration::from_secs(30);

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The request's id: the caller's if it is sane, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok()).filter(sane);
    given.map_or_else(flow_common::ids::request_id, ToOwned::to_owned)
}

/// The middleware around everything.
pub async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    // The route, not the path: a path may hold anything, and there are endlessly many.
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let method = known(request.method());
    let span =
        tracing::info_span!("http", request.id = %id, http.method = method, http.route = %route);
    async move {
        let begun = flow_common::clock::monotonic();
        let address = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
        let response = if address > MAX_ADDRESS {
            let message =
                format!("the address has {address} bytes and must have at most {MAX_ADDRESS}");
            ApiError::from(Error::new(ErrorCode::TooLarge, message)).into_response()
        } else {
            within(LONGEST, next.run(request)).await
        };
        let mut response = render(response, &id);
        protect(response.headers_mut());
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID.clone(), id);
        }
        app.metrics.request(method, response.status().as_u16());
        tracing::debug!(
            status = response.status().as_u16(),
            duration_ms = begun.elapsed().as_millis(),
            "answered"
        );
        response
    }
    .instrument(span)
    .await
}

/// A method's name, or one for all that nobody knows: callers invent neither metrics nor log fields.
fn known(method: &Method) -> &'static str {
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]
        .into_iter()
        .find(|name| method == name)
        .unwrap_or("other")
}

async fn within(longest: Duration, answer: impl Future<Output = Response>) -> Response {
    match flow_common::clock::timeout(longest, AssertUnwindSafe(answer).catch_unwind()).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let what = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned());
            ApiError::from(Error::internal(
                what.unwrap_or_else(|| "a panic without a message".to_owned()),
            ))
            .into_response()
        }
        Err(_) => {
            let message = format!(
                "no answer within {} s; the request may still be carried out: repeat it with the same Idempotency-Key",
                longest.as_secs()
            );
            ApiError::from(Error::new(ErrorCode::Busy, message)).into_response()
        }
    }
}

fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// A change that was asked for is carried through, even if whoever asked for it leaves before the answer: the server would
/// otherwise drop the handler wherever it stands. Reading stops with its reader.
pub(super) async fn finish(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => ApiError::from(Error::of(ErrorCode::Busy)).into_response(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_internal_error_that_tells_nothing() {
        let response = within(LONGEST, async { panic!("disk /var/x is on fire") }).await;
        let ApiError(error) = response.extensions().get::<ApiError>().expect("a failure").clone();
        assert_eq!(error.code, ErrorCode::Internal);
        assert!(!error.message.contains("fire"));
    }

    #[tokio::test]
    async fn a_request_without_an_answer_ends_as_busy() {
        let response = within(Duration::from_millis(1), std::future::pending()).await;
        assert_eq!(response.status(), 503);
    }

    #[test]
    fn only_a_sane_request_id_is_taken_over() {
        let given = |text: &str| {
            HeaderMap::from_iter([(
                REQUEST_ID.clone(),
                HeaderValue::from_bytes(text.as_bytes()).expect("visible"),
            )])
        };
        assert_eq!(request_id(&given("abc-1.2_3")), "abc-1.2_3");
        for bad in ["", "a b", "é", &"x".repeat(65)] {
            assert_eq!(request_id(&given(bad)).len(), 32, "{bad:?}");
        }
    }
}
