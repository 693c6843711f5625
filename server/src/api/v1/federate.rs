//! Federates: the connected parties that are offered to the project, except for that of the hub,
//! which aggregates.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::envelope::success;
use super::mask::Mask;
use super::paging::Paging;
use crate::api::extract::Caller;
use crate::api::problem::ApiError;
use crate::state::App;

/// Lists the connected parties by name. Name and id of a party are the same.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    mask: Mask,
    paging: Paging,
) -> Result<Response, ApiError> {
    let mut parties = app.sessions.connected();
    parties.retain(|party| party != &app.v1.aggregator);
    let among: Vec<_> = parties.iter().collect();
    let offered = app.store.offered(&principal.project, &among).await?;
    parties.retain(|party| offered.contains_key(party));
    let count = parties.len();
    let federates: Vec<_> =
        paging.page.slice(parties).map(|party| json!({ "name": party, "id": party })).collect();
    Ok(success(&mask, Some(json!({ "federates": federates, "federate_count": count }))))
}
