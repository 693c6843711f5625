//! `/api/v1`: tasks and logs of this party for clients of iflearner-flow.

mod lines;
pub(super) mod logs;
pub(super) mod tasks;

use axum::extract::FromRequestParts;
use flow_api_types::v1::{MASK_HEADER, Mask};
use flow_domain::error::{Error, ErrorCode};
use http::HeaderValue;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::{App, Failure, unexpected_answer};
use crate::control::protocol::{MemberInfo, Request, Response};

impl App {
    /// Returns the unsettled members and the newest ones that have ended.
    pub(super) async fn members(&self) -> Result<Vec<MemberInfo>, Error> {
        match self.request(Request::List { all: true }).await? {
            Response::Members(members) => Ok(members),
            _ => Err(unexpected_answer()),
        }
    }
}

/// Every answer
#[derive(Serialize, ToSchema)]
struct Envelope<T> {
    /// 0 = success; the codes are in docs/errors.md
    ret_code: i32,
    /// `success`, or the cause
    ret_msg: String,
    data: T,
}

/// The fields that the header `X-Fields` selects.
pub(super) struct Fields(Mask);

impl<S: Sync> FromRequestParts<S> for Fields {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let value = parts.headers.get(MASK_HEADER).map(HeaderValue::as_bytes);
        Ok(Self(Mask::of_header(value)?))
    }
}

/// The parameters of the path.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(_) => Err(Error::of(ErrorCode::RouteNotFound).into()),
        }
    }
}

/// The query parameters in order.
pub(super) struct Query(pub(super) Vec<(String, String)>);

impl<S: Sync + Send> FromRequestParts<S> for Query {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(pairs)) => Ok(Self(pairs)),
            Err(_) => {
                let message = "the query is not form-encoded text, such as page=1&limit=10";
                Err(Error::new(ErrorCode::Malformed, message).into())
            }
        }
    }
}
