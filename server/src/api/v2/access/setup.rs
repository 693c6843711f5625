//! Creation of the first account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flow_api_types::{SetupDone, SetupInput, TokenCreated};
use flow_domain::access::UserKind;
use flow_domain::error::{Error, FieldErrors};
use http::StatusCode;

use super::{Audit, tokens, users};
use crate::access::{check_password, secret};
use crate::api::extract::Body;
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::api::problem::respond;
use crate::state::App;
use crate::store::{AccessEntry, User};

failures!(Failures = SetupDone, Unauthenticated, RateLimited, StoreUnavailable, StoreFull);

/// Name of the token that the setup creates.
const TOKEN_NAME: &str = "setup";

/// Create the first account
///
/// Needs the setup code, which the hub writes to the file `setup-code` in its data directory, and no
/// other credential. The account administers the federation. Works once: the hub removes the code.
/// Therefore the request accepts no `Idempotency-Key`; `flow-server admin-token` replaces a response
/// that was lost.
#[utoipa::path(post, path = "/setup", tag = "access", operation_id = "setup", security(()), request_body = SetupInput,
    responses((status = 201, description = "The account and its API token", body = SetupDone), Failures))]
pub(in crate::api::v2) async fn setup(
    State(app): State<Arc<App>>,
    audit: Audit,
    Body { value, digest: _ }: Body<SetupInput>,
) -> Result<Response, ApiError> {
    app.access.check_setup()?;
    if let Err(refused) = app.access.admit_sign_in(audit.address) {
        return Ok(respond(refused));
    }
    let SetupInput { code, name, password } = value;
    let mut wrong = FieldErrors::default();
    if let Some(password) = &password {
        check_password("/password", &password.0, &mut wrong);
    }
    wrong.finish().map_err(Error::from)?;
    let password_hash = match password {
        Some(password) => Some(app.access.passwords.hash(secret(password)).await?),
        None => None,
    };
    let user = User {
        id: flow_common::ids::user_id(),
        name,
        kind: UserKind::Person,
        federation_admin: true,
        password_hash,
        created_at: audit.now,
        disabled_at: None,
    };
    let (token, created) = tokens::new_token(&user, TOKEN_NAME, audit.now);
    let entry = AccessEntry {
        actor_id: Some(user.id.clone()),
        actor: user.name.to_string(),
        ..audit.entry("setup", &user.name)
    };
    app.access.set_up(&code.0, &user, &token, &entry).await?;
    tracing::info!(account = %user.name, "the first account was created");
    let TokenCreated { token, secret } = created;
    let done = SetupDone { user: users::show(user), token, secret };
    Ok((StatusCode::CREATED, Json(done)).into_response())
}
