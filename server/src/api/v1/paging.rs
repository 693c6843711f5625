//! Query parameters of lists: `page`, `limit` and filters.

use axum::extract::FromRequestParts;
use flow_api_types::v1;
use http::request::Parts;

use crate::api::extract::Params;
use crate::api::problem::ApiError;
use crate::store::PageRequest;

#[derive(Debug)]
pub(super) struct Paging {
    pub(super) page: v1::Paging,
    /// Only tasks with this party; empty = all.
    pub(super) federated_id: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Params(pairs) =
            Params::<Vec<(String, String)>>::from_request_parts(parts, state).await?;
        let federated_id = pairs.iter().find(|(known, _)| known == "federated_id");
        Ok(Self {
            page: v1::Paging::of_query(&pairs)?,
            federated_id: federated_id.map(|(_, value)| value.clone()).unwrap_or_default(),
        })
    }
}

impl Paging {
    /// Returns the page for the store.
    pub(super) fn request(&self) -> PageRequest {
        PageRequest { after: None, offset: self.page.offset(), limit: self.page.limit }
    }
}
