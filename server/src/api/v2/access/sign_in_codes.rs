//! One-time codes with which a person who uses a program opens a session in a browser.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flow_api_types::{SecretText, SignInCode};
use flow_domain::access::UserKind;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::Digest;
use http::StatusCode;

use super::devices::letters;
use super::{Audit, Whole};
use crate::api::extract::Caller;
use crate::api::problem::ApiError;
use crate::state::App;

/// Seconds until a code expires.
const LIFE_S: u64 = 15 * 60;
/// Letters of a code: 69 random bits.
const CODE_CHARS: usize = 16;
/// Letters between two hyphens.
const GROUP_CHARS: usize = 4;

/// Returns the digest of a code as people type it: without hyphens, in capital letters.
pub(super) fn digest(code: &str) -> Digest {
    let letters: String =
        code.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()).collect();
    Digest::of(letters.as_bytes())
}

/// Create a one-time code for a sign-in in a browser
///
/// `create_session` opens a session of the caller's account with the code, once, within 15 minutes. A
/// new code replaces the former one of the account. For people only: a limited token and a service
/// account get no code. The hub stores only the hash of the code.
#[utoipa::path(post, path = "/sign-in-codes", tag = "access", operation_id = "create_sign_in_code",
    responses((status = 201, description = "The code", body = SignInCode)))]
pub(in crate::api::v2) async fn create(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    whole: Whole,
    audit: Audit,
) -> Result<Response, ApiError> {
    if whole.0.kind != UserKind::Person {
        let message = "a service account has no sessions: only a person can sign in to a browser";
        return Err(Error::new(ErrorCode::Forbidden, message).into());
    }
    let text = letters(CODE_CHARS);
    let groups: Vec<&str> =
        (0..CODE_CHARS).step_by(GROUP_CHARS).map(|at| &text[at..at + GROUP_CHARS]).collect();
    let expires_at = audit.now.plus_secs(LIFE_S);
    let entry = audit.entry("create_sign_in_code", &principal.subject);
    app.store.create_sign_in_code(&principal.user, &digest(&text), expires_at, &entry).await?;
    let code = SignInCode { code: SecretText(groups.join("-")), expires_at: expires_at.into() };
    Ok((StatusCode::CREATED, Json(code)).into_response())
}
