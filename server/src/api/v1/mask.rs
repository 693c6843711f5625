//! The field mask of a request.

use axum::extract::FromRequestParts;
use flow_api_types::v1::{MASK_HEADER, Mask as Fields};
use http::request::Parts;

use crate::api::problem::ApiError;

/// The fields that the header `X-Fields` selects.
#[derive(Debug, Default)]
pub(super) struct Mask(pub(super) Fields);

impl<S: Sync> FromRequestParts<S> for Mask {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let value = parts.headers.get(MASK_HEADER).map(http::HeaderValue::as_bytes);
        Ok(Self(Fields::of_header(value)?))
    }
}
