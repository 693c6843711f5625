//! Sign-in with a password, and sessions of browsers.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use flow_api_types::{Session, SessionList, SignIn};
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::UserName;
use http::{HeaderMap, StatusCode, header};

use super::{Audit, SessionPath};
use crate::access::{Credential, SessionCookie, check_site, open_session, secret};
use crate::api::extract::{Body, Caller, Ids};
use crate::api::openapi::failures;
use crate::api::peer::IsTls;
use crate::api::problem::ApiError;
use crate::api::problem::respond;
use crate::state::App;
use crate::store::{AccessEntry, BrowserSession};

failures!(SignInFailures = Unauthenticated, CrossSite, RateLimited, StoreUnavailable, StoreFull);
failures!(NotFound = SessionNotFound);

/// Sessions of a list.
const SESSIONS_MAX: u32 = 200;

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

/// Sign in with a password
///
/// Opens a session of a browser; the response sets its cookie. After some wrong passwords the
/// address has to wait. Programs use API tokens.
#[utoipa::path(post, path = "/sessions", tag = "access", operation_id = "create_session", security(()), request_body = SignIn,
    responses((status = 201, description = "The session", body = Session, headers(
        ("Set-Cookie" = String, description = "Cookie of the session"))), SignInFailures))]
pub(in crate::api::v2) async fn create(
    State(app): State<Arc<App>>,
    audit: Audit,
    Extension(IsTls(is_tls)): Extension<IsTls>,
    headers: HeaderMap,
    Body { value: SignIn { name, password }, digest: _ }: Body<SignIn>,
) -> Result<Response, ApiError> {
    // A page of another site must not sign its visitor in to another account.
    check_site(&http::Method::POST, &headers)?;
    if let Err(refused) = app.access.admit_sign_in(audit.address) {
        return Ok(respond(refused));
    }
    let user = match name.parse::<UserName>() {
        Ok(name) => app.store.user(&name).await?.filter(|user| user.disabled_at.is_none()),
        Err(_) => None,
    };
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let passwords = &app.access.passwords;
    let checked = passwords.verify(&name, audit.address, secret(password), hash.clone()).await;
    if let Err(refused) = checked {
        tracing::info!(address = %audit.address, "a sign-in with a password was rejected");
        return Ok(respond(refused));
    }
    let Some(user) = user else { return Err(wrong().into()) };
    let cookie = SessionCookie::generate(is_tls);
    let session = open_session(&cookie, &user.id, "password", &headers, audit.now);
    let entry = AccessEntry {
        actor_id: Some(user.id.clone()),
        actor: user.name.to_string(),
        ..audit.entry("create_session", &session.id)
    };
    // The password may have been changed since it was read.
    if !app.store.create_session(&session, hash.as_deref(), &entry).await? {
        return Err(wrong().into());
    }
    let set = [(header::SET_COOKIE, cookie.set()?)];
    Ok((StatusCode::CREATED, set, Json(show(session, true))).into_response())
}

fn wrong() -> Error {
    Error::new(ErrorCode::Unauthenticated, "name or password is wrong")
}

fn current(credential: &Credential, session: &flow_domain::id::SessionId) -> bool {
    matches!(credential, Credential::Session(own) if own == session)
}

/// List the sessions of the caller, oldest first
#[utoipa::path(get, path = "/sessions", tag = "access", operation_id = "list_sessions",
    responses((status = 200, description = "The sessions", body = SessionList)))]
pub(in crate::api::v2) async fn list(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
) -> Result<Json<SessionList>, ApiError> {
    let sessions = app.store.sessions_of(&principal.user, SESSIONS_MAX).await?;
    let items = sessions.into_iter().map(|session| {
        let current = current(&principal.credential, &session.id);
        show(session, current)
    });
    Ok(Json(SessionList { items: items.collect() }))
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
