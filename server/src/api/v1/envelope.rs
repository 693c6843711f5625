//! The envelope of every response.

use axum::Json;
use axum::response::{IntoResponse, Response};
use flow_domain::error::{Error, ErrorCode};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::mask::Mask;

/// Returns the response to a successful request, with the fields that the request selects.
pub(super) fn success(mask: &Mask, data: Option<Value>) -> Response {
    let mut envelope = json!({ "ret_code": 0, "ret_msg": "success" });
    if let Some(data) = data {
        envelope["data"] = data;
    }
    Json(mask.apply(envelope)).into_response()
}

/// Replaces the body of an error response by the envelope; keeps headers such as `Retry-After`.
///
/// The HTTP status is 200 for every error in the content of a request, because clients of this API
/// read `ret_code` only then. Errors of authentication, path, method, size and time have their own
/// status, as have those of the hub.
pub(in crate::api) fn render(response: Response, error: &Error) -> Response {
    let row = error.row();
    let is_own = matches!(row.http, 401 | 403 | 405 | 408 | 413 | 429 | 500..)
        || matches!(error.code, ErrorCode::RouteNotFound | ErrorCode::ProjectNotFound);
    let status = if is_own { row.http } else { 200 };
    let mut envelope = json!({ "ret_code": ret_code(error.code), "ret_msg": error.message });
    if let Some(original) = original_message(error.code) {
        envelope["ret_msg"] = original.into();
        envelope["detail"] = error.message.as_str().into();
    }
    let (mut head, _) = response.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, head.headers, Json(envelope)).into_response()
}

const fn ret_code(code: ErrorCode) -> i32 {
    match code {
        // Only the start of a task reports an absent party.
        ErrorCode::PartyNotFound => 10304,
        code => code.row().ret_code,
    }
}

/// Returns the message of iflearner-flow for this code, to which scripts may compare.
const fn original_message(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::TemplateNotFound => "template not found",
        ErrorCode::TemplateNameTaken => "duplicate template name",
        ErrorCode::TaskNotFound => "task not found",
        ErrorCode::TaskNameTaken => "duplicate task name",
        ErrorCode::TaskNameEmpty => "empty task name",
        ErrorCode::TaskActive | ErrorCode::TaskNotActive => "status conflicit",
        ErrorCode::PartyNotFound => "task party not found",
        _ => return None,
    })
}
