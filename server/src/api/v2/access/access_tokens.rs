//! Access tokens: short-lived and signed, made from an API token.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flow_api_types::{AccessToken, SecretText};
use flow_domain::error::{Error, ErrorCode};
use http::StatusCode;

use crate::access::Credential;
use crate::api::extract::Caller;
use crate::api::problem::ApiError;
use crate::state::App;

/// Make an access token
///
/// For a program that must not keep its API token: hand the access token on instead. It has the rights
/// of the API token, loses them together with it, and expires after 15 minutes. Services that trust
/// this hub verify it with the keys of `get_access_token_keys`.
#[utoipa::path(post, path = "/access-tokens", tag = "access", operation_id = "create_access_token",
    responses((status = 201, description = "The access token", body = AccessToken)))]
pub(in crate::api::v2) async fn create(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
) -> Result<(StatusCode, Json<AccessToken>), ApiError> {
    let Credential::Token { id, .. } = &caller.credential else {
        let message = "an access token is made from an API token; send one in the request";
        return Err(Error::new(ErrorCode::Forbidden, message).into());
    };
    let found = app.store.token(id).await?;
    let (token, user) = found.ok_or_else(|| Error::of(ErrorCode::Unauthenticated))?;
    let issued =
        app.access.sign_in().issue(&token.id, &user.id, token.expires_at, app.clock.now()).await;
    let (access_token, expires_in) = issued.map_err(Error::internal)?;
    let token = AccessToken {
        access_token: SecretText(access_token),
        token_type: "Bearer".to_owned(),
        expires_in,
    };
    Ok((StatusCode::CREATED, Json(token)))
}
