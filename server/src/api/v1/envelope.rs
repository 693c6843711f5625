//! The envelope of every response.

use axum::Json;
use axum::response::{IntoResponse, Response};
use flow_api_types::v1;
use flow_domain::error::Error;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use super::mask::Mask;

/// Returns the response to a successful request, with the fields that the request selects.
pub(super) fn success(Mask(mask): &Mask, data: Option<Value>) -> Response {
    Json(v1::success(mask, data)).into_response()
}

/// Replaces the body of an error response by the envelope; keeps headers such as `Retry-After`.
pub(in crate::api) fn render(response: Response, error: &Error) -> Response {
    let (status, envelope) = v1::failure(error);
    let (mut head, _) = response.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, head.headers, Json(envelope)).into_response()
}
