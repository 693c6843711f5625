//! Sign-in with a password or a code, and sessions of browsers.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use flow_api_types::limits::PAGE_ITEMS_MAX;
use flow_api_types::{Page, SecretText, Session, SessionList, SignIn, schema};
use flow_domain::error::{Error, ErrorCode, FieldCode};
use flow_domain::id::UserName;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::sign_in_codes::digest as code_digest;
use super::{Audit, SessionPath};
use crate::access::{Credential, Refused, SessionCookie, check_site, open_session, secret};
use crate::api::extract::{Body, Caller, Ids, Params};
use crate::api::list::List;
use crate::api::openapi::failures;
use crate::api::peer::IsTls;
use crate::api::problem::{ApiError, field, respond};
use crate::state::App;
use crate::store::{AccessEntry, BrowserSession, User};

failures!(SignInFailures = Unauthenticated, CrossSite, RateLimited, StoreUnavailable, StoreFull);
failures!(ListFailures = CursorInvalid);
failures!(NotFound = SessionNotFound);

/// Page of sessions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api::v2) struct SessionParams {
    /// `next` of the previous page. Absent for the first page.
    #[param(value_type = Option<schema::Cursor>)]
    cursor: Option<String>,
    /// Largest number of items of the page.
    #[param(value_type = Option<schema::SessionLimit>)]
    limit: Option<u32>,
}

fn show(session: BrowserSession, current: bool) -> Session {
    let BrowserSession { id, user: _, digest: _, method, client, created_at, seen_at, expires_at } =
        session;
    Session {
        id: id.into(),
        method,
        client,
        created_at: created_at.into(),
        seen_at: seen_at.into(),
        expires_at: expires_at.into(),
        current,
    }
}

/// Sign in with a password or a code
///
/// Opens a session of a browser; the response sets its cookie. Send `name` and `password`, or a `code`
/// of `create_sign_in_code`. After some wrong passwords the address has to wait. Programs use API
/// tokens.
#[utoipa::path(post, path = "/sessions", tag = "access", operation_id = "create_session", security(()), request_body = SignIn,
    responses((status = 201, description = "The session", body = Session, headers(
        ("Set-Cookie" = String, description = "Cookie of the session"))), SignInFailures))]
pub(in crate::api::v2) async fn create(
    State(app): State<Arc<App>>,
    audit: Audit,
    Extension(IsTls(is_tls)): Extension<IsTls>,
    headers: HeaderMap,
    Body { value, digest: _ }: Body<SignIn>,
) -> Result<Response, ApiError> {
    // A page of another site must not sign its visitor in to another account.
    check_site(&http::Method::POST, &headers)?;
    let SignIn { name, password, code } = value;
    let browser = Browser { is_tls, headers };
    let session = match (name, password, code) {
        (Some(name), Some(password), None) => {
            with_password(&app, &audit, &browser, &name, password).await
        }
        (None, None, Some(code)) => with_code(&app, &audit, &browser, &code).await,
        (name, _, None) => {
            let place = if name.is_some() { "/password" } else { "/name" };
            let message = "is required: send `name` and `password`, or `code`";
            return Err(field(place, FieldCode::Required, message).into());
        }
        (_, _, Some(_)) => {
            let message = "must be sent without `name` and `password`";
            return Err(field("/code", FieldCode::NotAllowed, message).into());
        }
    };
    match session {
        Ok((session, cookie)) => {
            let set = [(header::SET_COOKIE, cookie.set()?)];
            Ok((StatusCode::CREATED, set, Json(show(session, true))).into_response())
        }
        Err(refused) => Ok(respond(refused)),
    }
}

/// The client of a sign-in.
struct Browser {
    is_tls: bool,
    headers: HeaderMap,
}

async fn with_password(
    app: &App,
    audit: &Audit,
    browser: &Browser,
    name: &str,
    password: SecretText,
) -> Result<(BrowserSession, SessionCookie), Refused> {
    app.access.admit_sign_in(audit.address)?;
    let user = match name.parse::<UserName>() {
        Ok(name) => app.store.user(&name).await?.filter(|user| user.disabled_at.is_none()),
        Err(_) => None,
    };
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let passwords = &app.access.passwords;
    let checked = passwords.verify(name, audit.address, secret(password), hash.clone()).await;
    checked.inspect_err(|_| {
        tracing::info!(address = %audit.address, "a sign-in with a password was rejected");
    })?;
    let user = user.ok_or_else(wrong)?;
    let cookie = SessionCookie::generate(browser.is_tls);
    let session = open_session(&cookie, &user.id, "password", &browser.headers, audit.now);
    let entry = opened(audit, &user, &session);
    // The password may have been changed since it was read.
    if !app.store.create_session(&session, hash.as_deref(), &entry).await? {
        return Err(wrong().into());
    }
    Ok((session, cookie))
}

async fn with_code(
    app: &App,
    audit: &Audit,
    browser: &Browser,
    code: &SecretText,
) -> Result<(BrowserSession, SessionCookie), Refused> {
    app.access.admit_sign_in(audit.address)?;
    let cookie = SessionCookie::generate(browser.is_tls);
    let digest = code_digest(&code.0);
    let used = app.store.use_sign_in_code(&digest, audit.now, |user| {
        let session = open_session(&cookie, &user.id, "code", &browser.headers, audit.now);
        let entry = opened(audit, user, &session);
        (session, entry)
    });
    let Some((user, session)) = used.await? else {
        tracing::info!(address = %audit.address, "a sign-in with a code was rejected");
        app.access.count_wrong_code(audit.address)?;
        let message = "the code is wrong, expired or used: `flowctl console` makes a new one";
        return Err(Error::new(ErrorCode::Unauthenticated, message).into());
    };
    tracing::info!(user = %user.name, address = %audit.address, "a browser signed in with a code");
    Ok((session, cookie))
}

fn opened(audit: &Audit, user: &User, session: &BrowserSession) -> AccessEntry {
    AccessEntry {
        actor_id: Some(user.id.clone()),
        actor: user.name.to_string(),
        detail: session.method.clone(),
        ..audit.entry("create_session", &session.id)
    }
}

fn wrong() -> Error {
    Error::new(ErrorCode::Unauthenticated, "name or password is wrong")
}

fn current(credential: &Credential, session: &flow_domain::id::SessionId) -> bool {
    matches!(credential, Credential::Session(own) if own == session)
}

/// List the sessions of the caller, oldest first
///
/// Without `limit` a page has up to 200 sessions.
#[utoipa::path(get, path = "/sessions", tag = "access", operation_id = "list_sessions", params(SessionParams),
    responses((status = 200, description = "One page of sessions", body = SessionList), ListFailures))]
pub(in crate::api::v2) async fn list(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    Params(SessionParams { cursor, limit }): Params<SessionParams>,
) -> Result<Json<SessionList>, ApiError> {
    let list = List::of("sessions", &principal.user);
    let request = list.request(cursor.as_deref(), Some(limit.unwrap_or(PAGE_ITEMS_MAX)))?;
    let page = app.store.sessions_of(&principal.user, &request).await?;
    let Page { items, next } = list.page(page, |session| {
        let current = current(&principal.credential, &session.id);
        show(session, current)
    });
    Ok(Json(SessionList { items, next }))
}

/// End a session
///
/// Signs a browser out. The own session is in the list of sessions with `current`.
#[utoipa::path(delete, path = "/sessions/{session}", tag = "access", operation_id = "delete_session", params(SessionPath),
    responses((status = 204, description = "The session has ended"), NotFound))]
pub(in crate::api::v2) async fn delete(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    audit: Audit,
    Extension(IsTls(is_tls)): Extension<IsTls>,
    Ids(SessionPath { session }): Ids<SessionPath>,
) -> Result<Response, ApiError> {
    let entry = audit.entry("delete_session", &session);
    if !app.store.delete_session(&principal.user, &session, &entry).await? {
        let message = format!("there is no session {session}");
        return Err(Error::new(ErrorCode::SessionNotFound, message).into());
    }
    app.access.changed();
    if current(&principal.credential, &session) {
        let clear = [(header::SET_COOKIE, SessionCookie::clear(is_tls)?)];
        return Ok((StatusCode::NO_CONTENT, clear).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
