//! `/api/v2`: the party, its members and their logs for the party view, and the decisions of the
//! party's administrator. A change is answered after it is durable, and takes the same way through
//! the agent's loop as a command on the control socket.

pub(super) mod events;
pub(super) mod members;
pub(super) mod party;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::response::{IntoResponse, Response};
use flow_api_types::{FieldProblem, Problem};
use flow_common::clock;
use flow_domain::error::{Error, ErrorCode, FieldCode, FieldError, FieldErrors};
use flow_domain::id::RunId;
use http::request::Parts;
use http::{HeaderValue, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::{BODY_BYTES_MAX, Failure, HEAD_TIMEOUT};
use flow_api_types::schema;

/// The error as problem+json, without the status.
pub(super) fn problem(error: &Error, request_id: &str) -> Response {
    let row = error.row();
    let fields = error.fields.iter().map(|FieldError { path, code, message }| FieldProblem {
        pointer: path.clone(),
        code: (*code).into(),
        message: message.clone(),
    });
    let problem = Problem {
        kind: "about:blank".to_owned(),
        title: row.title.to_owned(),
        status: row.http,
        detail: error.message.clone(),
        code: row.slug.to_owned(),
        retryable: row.retryable,
        fields: fields.collect(),
        more_fields: Some(error.more_fields).filter(|more| *more > 0),
        request_id: request_id.to_owned(),
    };
    let mut response = Json(problem).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if row.code == ErrorCode::Unauthenticated {
        // Not Basic: a browser would ask for a password.
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

pub(super) fn too_long() -> Error {
    let message = format!("the body has more than {BODY_BYTES_MAX} bytes: send a smaller one");
    Error::new(ErrorCode::TooLarge, message)
}

fn field(path: &str, code: FieldCode, message: impl Into<String>) -> Error {
    let mut errors = FieldErrors::default();
    errors.add(path, code, message);
    errors.into()
}

/// A member in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct MemberPath {
    /// Id of the run.
    #[param(value_type = schema::Id, example = flow_domain::sample::run_id)]
    run: String,
}

/// The run of the path. A malformed id is an unknown one.
pub(super) struct Run(RunId);

impl<S: Send + Sync> FromRequestParts<S> for Run {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = axum::extract::Path::<MemberPath>::from_request_parts(parts, state).await;
        let run = path.ok().and_then(|path| path.0.run.parse().ok());
        Ok(Self(run.ok_or_else(unknown_member)?))
    }
}

fn unknown_member() -> Error {
    Error::new(
        ErrorCode::MemberNotFound,
        "this party has no member of a run with this id; GET /api/v2/members lists its members",
    )
}

/// Query parameters. An unknown one is rejected.
pub(super) struct Params<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(refused) => {
                let text = std::error::Error::source(&refused)
                    .map_or_else(|| refused.to_string(), ToString::to_string);
                let (name, message) = text.split_once(": ").unwrap_or(("", &text));
                Err(field(&format!("?{name}"), FieldCode::NotAllowed, message).into())
            }
        }
    }
}

/// A JSON body.
pub(super) struct Body<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let message =
                "the body is not declared as JSON: send it with `Content-Type: application/json`";
            return Err(Error::new(ErrorCode::UnsupportedMediaType, message).into());
        }
        let limit = usize::try_from(BODY_BYTES_MAX).unwrap_or(usize::MAX);
        let read = axum::body::to_bytes(request.into_body(), limit);
        let bytes = match clock::timeout(HEAD_TIMEOUT, read).await {
            Ok(Ok(bytes)) => bytes,
            // The body is longer, or its connection ended.
            Ok(Err(_)) => return Err(too_long().into()),
            Err(_) => {
                let message = format!(
                    "the body did not arrive within {} s: repeat the request",
                    HEAD_TIMEOUT.as_secs()
                );
                return Err(Error::new(ErrorCode::RequestTimeout, message).into());
            }
        };
        if bytes.trim_ascii_start().starts_with(b"[") {
            let message = "must be an object, not a list";
            return Err(field("", FieldCode::WrongType, message).into());
        }
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Self(value)),
            Err(error) if error.is_data() => {
                Err(field("", FieldCode::NotAllowed, error.to_string()).into())
            }
            Err(error) => {
                let message = format!("the body is no JSON: {error}");
                Err(Error::new(ErrorCode::Malformed, message).into())
            }
        }
    }
}
