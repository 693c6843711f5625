//! Outermost middleware: request id, tracing span, metrics, length of the URL, timeout, panics,
//! problem+json for errors, security headers, CORS.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flow_domain::error::{Error, ErrorCode};
use futures::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tracing::Instrument as _;

use super::problem::{ApiError, render};
use super::v1;
use crate::state::App;

/// Label of requests that match no route.
const NO_ROUTE: &str = "none";
/// Longest path and query, in bytes.
pub const URL_BYTES_MAX: usize = 8 * 1024;
/// Longest time from the head of a request to the head of its response. A streamed body may take
/// longer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Returns the request id of the client if it is valid, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let is_valid = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok()).filter(is_valid);
    given.map_or_else(flow_common::ids::request_id, ToOwned::to_owned)
}

/// Opens a span for the request, runs it, and records status and duration in the span, the log and
/// the metrics. The span has the route template, never the path or the query: those may hold names
/// and secrets.
pub async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = known(request.method());
    let is_v1 = v1::has_path(request.uri().path());
    let cors = app.cors.check(request.method(), request.uri().path(), request.headers());
    let span = tracing::info_span!(
        "http",
        request.id = %id,
        http.method = method,
        http.route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str),
        http.status = tracing::field::Empty,
        duration_ms = tracing::field::Empty,
    );
    let request_span = span.clone();
    async move {
        let started = flow_common::clock::monotonic();
        let length = request.uri().path_and_query().map_or(0, |url| url.as_str().len());
        let response = if length > URL_BYTES_MAX {
            let message = format!(
                "path and query have {length} bytes and must have at most {URL_BYTES_MAX}; shorten the filters"
            );
            ApiError::from(Error::new(ErrorCode::TooLarge, message)).into_response()
        } else if cors.is_preflight {
            StatusCode::NO_CONTENT.into_response()
        } else {
            within(RESPONSE_TIMEOUT, next.run(request)).await
        };
        let failure = response.extensions().get::<ApiError>().cloned();
        let mut response = render(response, &id);
        if let Some(ApiError(error)) = failure.filter(|_| is_v1) {
            response = v1::render(response, &error);
        }
        protect(response.headers_mut());
        cors.add_to(response.headers_mut());
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID.clone(), id);
        }
        let (status, duration) = (response.status().as_u16(), started.elapsed());
        let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
        app.metrics.request(method, route, status, duration);
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        request_span.record("http.status", status).record("duration_ms", duration_ms);
        tracing::debug!(status, duration_ms, "request answered");
        response
    }
    .instrument(span)
    .await
}

/// Returns the name of the method, or `other`. A client cannot create new label values.
fn known(method: &Method) -> &'static str {
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]
        .into_iter()
        .find(|name| method == name)
        .unwrap_or("other")
}

async fn within(timeout: Duration, response: impl Future<Output = Response>) -> Response {
    match flow_common::clock::timeout(timeout, AssertUnwindSafe(response).catch_unwind()).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let message = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned());
            ApiError::from(Error::internal(
                message.unwrap_or_else(|| "panic without a message".to_owned()),
            ))
            .into_response()
        }
        Err(_) => {
            let message = format!(
                "the hub did not complete the request within {} s and may still complete it; repeat the request with the same Idempotency-Key",
                timeout.as_secs()
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

/// Completes a request that changes something even if the client disconnects: the server drops the
/// handler of a closed connection at any await. A read ends with its connection.
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
    async fn panic_becomes_an_internal_error_without_its_message() {
        let response = within(RESPONSE_TIMEOUT, async { panic!("disk /var/x is on fire") }).await;
        let ApiError(error) = response.extensions().get::<ApiError>().expect("a failure").clone();
        assert_eq!(error.code, ErrorCode::Internal);
        assert!(!error.message.contains("fire"));
    }

    #[tokio::test]
    async fn request_without_a_response_times_out_as_busy() {
        let response = within(Duration::from_millis(1), std::future::pending()).await;
        assert_eq!(response.status(), 503);
    }

    #[test]
    fn only_a_valid_request_id_is_kept() {
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
