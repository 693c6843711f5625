//! Sign-in of devices without a browser (RFC 8628): a device shows a code, and a person who is
//! signed in elsewhere approves it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flow_api_types::limits::{TOKEN_NAME_CHARS_MAX, USER_CODE_LETTERS};
use flow_api_types::{
    DevicePoll, DeviceRequest, DeviceStart, DeviceStarted, SecretText, TokenCreated, schema,
};
use flow_domain::error::{Error, ErrorCode, FieldErrors};
use flow_domain::id::Digest;
use flow_domain::text::clip;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Audit, tokens};
use crate::api::extract::{Body, Caller, Ids};
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::api::problem::respond;
use crate::state::App;
use crate::store::{AccessEntry, DevicePoll as Poll, DeviceSignIn};

failures!(StartFailures = RateLimited, StoreUnavailable, StoreFull);
failures!(
    PollFailures = AuthorizationPending,
    SlowDown,
    ExpiredToken,
    AccessDenied,
    InvalidGrant,
    QuotaExceeded,
    RateLimited,
    StoreUnavailable,
    StoreFull
);
failures!(CodeFailures = UserCodeNotFound);

/// Seconds until both codes expire.
const LIFE_S: u64 = 10 * 60;
/// Seconds between two polls.
const INTERVAL_S: u32 = 5;
/// Devices that wait at the same time. A further one takes the place of the oldest, so that one client
/// cannot prevent others from signing in.
const WAITING_MAX: u32 = 1000;
/// Longest name of a device, in characters.
const CLIENT_CHARS_MAX: usize = 100;
/// Characters of a user code in each half.
const HALF_CHARS: usize = 4;

/// The code that the person types.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::api::v2) struct UserCodePath {
    /// Code that the device shows.
    #[param(value_type = schema::UserCode)]
    user_code: String,
}

impl UserCodePath {
    /// Returns the code as it was made: people leave out the hyphen, and type small letters.
    fn code(&self) -> String {
        let letters = self.user_code.chars().filter(char::is_ascii_alphabetic);
        hyphenated(&letters.map(|letter| letter.to_ascii_uppercase()).collect::<String>())
    }
}

fn hyphenated(letters: &str) -> String {
    match letters.split_at_checked(HALF_CHARS) {
        Some((first, second)) => format!("{first}-{second}"),
        None => letters.to_owned(),
    }
}

/// Returns random letters of [`USER_CODE_LETTERS`].
pub(super) fn letters(count: usize) -> String {
    let alphabet = USER_CODE_LETTERS.as_bytes();
    let mut letters = String::new();
    while letters.len() < count {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        // Bytes beyond a multiple of 20 would prefer some letters.
        let even = bytes.iter().filter(|byte| usize::from(**byte) < 256 / 20 * 20);
        let chars = even.map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()]));
        letters.extend(chars.take(count - letters.len()));
    }
    letters
}

/// Makes a code without vowels, so that it is no word, and without digits.
fn user_code() -> String {
    hyphenated(&letters(2 * HALF_CHARS))
}

fn digest(code: &str) -> Digest {
    Digest::of(code.as_bytes())
}

/// Begin the sign-in of a device
///
/// For a program without a browser, such as flowctl in an SSH session. The program shows `user_code`
/// to its user, who approves it where they are signed in, and asks for its token with `device_code`
/// every `interval` seconds. The form of the answer is that of RFC 8628. The hub stores only hashes of
/// the codes.
#[utoipa::path(post, path = "/device-sign-ins", tag = "access", operation_id = "start_device_sign_in", security(()), request_body = DeviceStart,
    responses((status = 201, description = "The codes", body = DeviceStarted), StartFailures))]
pub(in crate::api::v2) async fn start(
    State(app): State<Arc<App>>,
    audit: Audit,
    Body { value: DeviceStart { client }, digest: _ }: Body<DeviceStart>,
) -> Result<Response, ApiError> {
    let mut wrong = FieldErrors::default();
    wrong.chars("/client", &client, 0, CLIENT_CHARS_MAX);
    wrong.finish().map_err(Error::from)?;
    if let Err(refused) = app.access.admit_sign_in(audit.address) {
        return Ok(respond(refused));
    }
    let (device_code, user_code) = (flow_common::ids::secret(), user_code());
    let sign_in = DeviceSignIn {
        device_digest: digest(&device_code),
        user_digest: digest(&user_code),
        client: client.chars().filter(|c| !c.is_control()).collect(),
        address: audit.address.to_string(),
        interval_s: INTERVAL_S,
        created_at: audit.now,
        expires_at: audit.now.plus_secs(LIFE_S),
    };
    if !app.store.create_device_sign_in(&sign_in, WAITING_MAX).await? {
        let message = "too many devices wait for an approval; repeat the request in some minutes";
        return Err(Error::new(ErrorCode::Busy, message).into());
    }
    let verification_uri = format!("{}/device", app.access.sign_in().public_url);
    let started = DeviceStarted {
        device_code: SecretText(device_code),
        verification_uri_complete: format!("{verification_uri}?user_code={user_code}"),
        verification_uri,
        user_code,
        expires_in: LIFE_S,
        interval: INTERVAL_S.into(),
    };
    Ok((StatusCode::CREATED, Json(started)).into_response())
}

/// Ask for the token of a device
///
/// Fails with `authorization_pending` until a person has decided, and with `slow_down` if the device
/// asks more often than every `interval` seconds; the interval is then 5 s longer. An approved code is
/// valid for one token: an API token of the person who approved.
#[utoipa::path(post, path = "/device-sign-ins/token", tag = "access", operation_id = "poll_device_sign_in", security(()), request_body = DevicePoll,
    responses((status = 201, description = "The API token of the device", body = TokenCreated), PollFailures))]
pub(in crate::api::v2) async fn poll(
    State(app): State<Arc<App>>,
    audit: Audit,
    Body { value: DevicePoll { device_code: SecretText(code) }, digest: _ }: Body<DevicePoll>,
) -> Result<Response, ApiError> {
    let device = digest(&code);
    if !app.store.has_device_sign_in(&device).await? {
        if let Err(refused) = app.access.count_wrong_code(audit.address) {
            return Ok(respond(refused));
        }
        return Err(Error::of(ErrorCode::InvalidGrant).into());
    }
    let mut created = None;
    let polled = app.store.poll_device_sign_in(&device, audit.now, |user, sign_in| {
        let client = if sign_in.client.is_empty() { "a device" } else { &sign_in.client };
        let name = clip(&format!("sign-in of {client}"), TOKEN_NAME_CHARS_MAX).into_owned();
        let (token, shown) = tokens::new_token(user, &name, audit.now);
        created = Some(shown);
        let entry = AccessEntry {
            actor_id: Some(user.id.clone()),
            actor: user.name.to_string(),
            detail: name,
            ..audit.entry("poll_device_sign_in", &token.id)
        };
        (token, entry)
    });
    let code = match polled.await? {
        Poll::Approved(user) => {
            tracing::info!(user = %user.name, address = %audit.address, "a device signed in");
            let missing = || Error::internal("an approved device has no token");
            return Ok((StatusCode::CREATED, Json(created.ok_or_else(missing)?)).into_response());
        }
        Poll::Pending => ErrorCode::AuthorizationPending,
        Poll::SlowDown => ErrorCode::SlowDown,
        Poll::Expired => ErrorCode::ExpiredToken,
        Poll::Denied => ErrorCode::AccessDenied,
        Poll::Unknown => ErrorCode::InvalidGrant,
    };
    Err(Error::of(code).into())
}

/// Get a device that waits for an approval
#[utoipa::path(get, path = "/device-sign-ins/{user_code}", tag = "access", operation_id = "get_device_sign_in", params(UserCodePath),
    responses((status = 200, description = "The device", body = DeviceRequest), CodeFailures))]
pub(in crate::api::v2) async fn get(
    State(app): State<Arc<App>>,
    audit: Audit,
    Ids(path): Ids<UserCodePath>,
) -> Result<Response, ApiError> {
    let user_code = path.code();
    let found = app.store.device_sign_in(&digest(&user_code), audit.now).await?;
    let Some(found) = found else { return unknown_code(&app, &audit) };
    let DeviceSignIn {
        device_digest: _,
        user_digest: _,
        client,
        address,
        interval_s: _,
        created_at,
        expires_at,
    } = found;
    let request = DeviceRequest {
        user_code,
        client,
        address,
        created_at: created_at.into(),
        expires_at: expires_at.into(),
    };
    Ok(Json(request).into_response())
}

/// Approve the sign-in of a device
///
/// The device gets an API token of the caller. Approve only a code that your own device shows.
#[utoipa::path(post, path = "/device-sign-ins/{user_code}/approve", tag = "access", operation_id = "approve_device_sign_in", params(UserCodePath),
    responses((status = 204, description = "The device gets its token at its next poll"), CodeFailures))]
pub(in crate::api::v2) async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    audit: Audit,
    Ids(path): Ids<UserCodePath>,
) -> Result<Response, ApiError> {
    decide(&app, &caller, &audit, &path, true).await
}

/// Deny the sign-in of a device
#[utoipa::path(post, path = "/device-sign-ins/{user_code}/deny", tag = "access", operation_id = "deny_device_sign_in", params(UserCodePath),
    responses((status = 204, description = "The device gets no token"), CodeFailures))]
pub(in crate::api::v2) async fn deny(
    State(app): State<Arc<App>>,
    caller: Caller,
    audit: Audit,
    Ids(path): Ids<UserCodePath>,
) -> Result<Response, ApiError> {
    decide(&app, &caller, &audit, &path, false).await
}

async fn decide(
    app: &App,
    Caller(caller): &Caller,
    audit: &Audit,
    path: &UserCodePath,
    is_approved: bool,
) -> Result<Response, ApiError> {
    let action = if is_approved { "approve_device_sign_in" } else { "deny_device_sign_in" };
    let user_digest = digest(&path.code());
    let device = match app.store.device_sign_in(&user_digest, audit.now).await? {
        Some(found) => format!("{} at {}", found.client, found.address),
        None => return unknown_code(app, audit),
    };
    let entry = audit.entry(action, device);
    if !app.store.decide_device_sign_in(&user_digest, &caller.user, is_approved, &entry).await? {
        return unknown_code(app, audit);
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Counts the failure: codes that people type can be guessed.
fn unknown_code(app: &App, audit: &Audit) -> Result<Response, ApiError> {
    match app.access.count_wrong_code(audit.address) {
        Ok(()) => Err(Error::of(ErrorCode::UserCodeNotFound).into()),
        Err(refused) => Ok(respond(refused)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_codes_are_read_as_people_type_them() {
        let code = user_code();
        assert!(code.len() == 9 && code.as_bytes()[4] == b'-', "{code}");
        assert!(code.bytes().all(|b| b == b'-' || USER_CODE_LETTERS.as_bytes().contains(&b)));
        let typed = code.to_lowercase().replace('-', " ");
        assert_eq!(UserCodePath { user_code: typed }.code(), code);
        assert_ne!(user_code(), code);
        for odd in ["", "A", "ÄÖÜ", "A-B-C-D-E-F-G-H-I"] {
            let _ = UserCodePath { user_code: odd.to_owned() }.code();
        }
    }
}
