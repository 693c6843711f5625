//! Public keys with which others verify access tokens of this hub.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use flow_api_types::JsonWebKeySet;
use http::{HeaderValue, header};

use crate::state::App;

/// Time for which others may keep the keys: shorter than a new key is published before its use.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=900");

/// Get the keys that verify access tokens
///
/// A JSON Web Key Set (RFC 7517). The hub publishes a new key an hour before it signs with it.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "access", operation_id = "get_access_token_keys", security(()),
    responses((status = 200, description = "The public keys", body = JsonWebKeySet)))]
pub async fn keys(State(app): State<Arc<App>>) -> impl IntoResponse {
    let keys = JsonWebKeySet { keys: app.access.sign_in().published() };
    ([(header::CACHE_CONTROL, CACHE)], Json(keys))
}
