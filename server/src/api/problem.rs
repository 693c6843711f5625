//! Errors as problem+json (RFC 9457).
//!
//! A handler returns an [`ApiError`]. [`render`] adds the request id, logs the error once and
//! writes the body. Internal causes go to the log and never into the response.

use std::error::Error as _;
use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use flow_common::error::chain;
use flow_domain::error::{Error, FieldError};
use flow_domain::text::clip;
use http::{HeaderValue, StatusCode, header};

use crate::access::Refused;
use crate::store::StoreError;
use flow_api_types::{FieldProblem, Problem};

/// Longest pointer of a response, in characters. Names of the request are parts of it.
const POINTER_CHARS_MAX: usize = 300;

/// Error of a request, until [`render`] writes its body.
#[derive(Debug, Clone)]
pub struct ApiError(pub Arc<Error>);

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(Arc::new(error))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

/// Returns the response of a rejection with its `Retry-After`.
pub(super) fn respond(Refused { error, retry_after }: Refused) -> Response {
    let mut response = ApiError::from(error).into_response();
    if let Some(wait) = retry_after {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
    }
    response
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = StatusCode::from_u16(self.0.row().http)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            .into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Creates an error with one invalid field.
pub fn field(
    path: impl Into<String>,
    code: flow_domain::error::FieldCode,
    message: impl Into<String>,
) -> Error {
    let mut errors = flow_domain::error::FieldErrors::default();
    errors.add(path, code, message);
    errors.into()
}

/// Writes the body of an error response. Other responses pass unchanged.
pub fn render(mut response: Response, request_id: &str) -> Response {
    let Some(ApiError(error)) = response.extensions_mut().remove::<ApiError>() else {
        return response;
    };
    let row = error.row();
    if row.http >= 500 {
        let cause = error.source().map(chain).unwrap_or_default();
        tracing::error!(code = row.slug, %cause, "request failed: {error}");
    } else {
        tracing::debug!(code = row.slug, "request rejected: {error}");
    }
    let fields = error.fields.iter().map(|FieldError { path, code, message }| FieldProblem {
        pointer: clip(path, POINTER_CHARS_MAX).into_owned(),
        code: (*code).into(),
        message: message.clone(),
    });
    let problem = Problem {
        kind: format!("/docs#{}", row.slug),
        title: row.title.to_owned(),
        status: row.http,
        detail: error.message.clone(),
        code: row.slug.to_owned(),
        retryable: row.retryable,
        fields: fields.collect(),
        more_fields: Some(error.more_fields).filter(|more| *more > 0),
        request_id: request_id.to_owned(),
    };
    // Keeps headers such as `Allow`, but not those of the empty body.
    let mut headers = std::mem::take(response.headers_mut());
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if row.http == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if matches!(row.http, 429 | 503) {
        headers.entry(header::RETRY_AFTER).or_insert(HeaderValue::from_static("1"));
    }
    (response.status(), headers, Json(problem)).into_response()
}
