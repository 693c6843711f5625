//! Query parameters of lists: `page`, `limit` and filters. Unknown parameters are ignored: the client
//! package sends a `keyword` that the API never had.

use axum::extract::FromRequestParts;
use flow_domain::error::Error;
use http::request::Parts;

use super::invalid;
use crate::api::extract::Params;
use crate::api::problem::ApiError;
use crate::store::PageRequest;

/// Items of a page if the request has no `limit`.
const LIMIT_DEFAULT: u32 = 10;
/// Largest `limit`, in items.
const LIMIT_MAX: u32 = 1000;

#[derive(Debug)]
pub(super) struct Paging {
    page: u32,
    limit: u32,
    /// Only tasks with this party; empty = all.
    pub(super) federated_id: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Params(pairs) =
            Params::<Vec<(String, String)>>::from_request_parts(parts, state).await?;
        let first = |name| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        Ok(Self {
            page: number("page", first("page"), 1, u32::MAX)?,
            limit: number("limit", first("limit"), LIMIT_DEFAULT, LIMIT_MAX)?,
            federated_id: first("federated_id").cloned().unwrap_or_default(),
        })
    }
}

fn number(name: &str, value: Option<&String>, default: u32, max: u32) -> Result<u32, Error> {
    let Some(value) = value else { return Ok(default) };
    let parsed = value.parse().ok().filter(|number| (1..=max).contains(number));
    parsed.ok_or_else(|| invalid(format!("{name} must be a whole number from 1 to {max}")))
}

impl Paging {
    /// Returns the page for the store.
    pub(super) fn request(&self) -> PageRequest {
        PageRequest {
            after: None,
            offset: (self.page - 1).saturating_mul(self.limit),
            limit: self.limit,
        }
    }

    /// Returns the items of the page of a complete list.
    pub(super) fn slice<T>(&self, items: Vec<T>) -> impl Iterator<Item = T> {
        let PageRequest { offset, limit, .. } = self.request();
        items.into_iter().skip(offset as usize).take(limit as usize)
    }
}
