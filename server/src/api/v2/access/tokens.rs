//! API tokens.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use flow_api_types::limits::{TOKEN_DAYS_MAX, TOKEN_NAME_CHARS_MAX};
use flow_api_types::{NewToken, Page, SecretText, Token, TokenCreated, schema};
use flow_domain::access::TokenScope;
use flow_domain::error::{Error, ErrorCode, FieldCode, FieldErrors};
use flow_domain::id::{TokenId, UserName};
use flow_domain::time::Timestamp;
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Audit, TokenPath, no_user};
use crate::access::Principal;
use crate::access::token::TokenText;
use crate::api::extract::{Body, Caller, Ids, Params};
use crate::api::list::List;
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::state::App;
use crate::store::{self, ApiToken};

failures!(ListFailures = CursorInvalid, UserNotFound);
failures!(CreateFailures = ProjectMemberNotFound, UserNotFound, QuotaExceeded);
failures!(NotFound = TokenNotFound);

/// Seconds of a day.
const DAY_S: u64 = 24 * 3600;

/// Filter and page of tokens.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api::v2) struct ListTokens {
    /// Return the tokens of this account. Absent: of the caller. Only a federation administrator may
    /// name another account.
    #[param(value_type = Option<schema::UserName>)]
    user: Option<UserName>,
    /// `next` of the previous page. Absent for the first page.
    #[param(value_type = Option<schema::Cursor>)]
    cursor: Option<String>,
    /// Largest number of items of the page.
    #[param(value_type = Option<schema::PageLimit>)]
    limit: Option<u32>,
}

fn show((token, user): (ApiToken, store::User)) -> Token {
    let ApiToken {
        id,
        user: _,
        name,
        digest: _,
        hint,
        scope,
        project,
        role,
        created_at,
        expires_at,
        last_used_at,
    } = token;
    let prefix = match user.kind {
        flow_domain::access::UserKind::Person => "flp_",
        flow_domain::access::UserKind::Service => "fls_",
    };
    Token {
        id: id.into(),
        name,
        user: user.name.into(),
        hint: format!("{prefix}…{hint}"),
        scope: scope.into(),
        project: project.map(Into::into),
        role: role.map(Into::into),
        created_at: created_at.into(),
        expires_at: expires_at.map(Into::into),
        last_used_at: last_used_at.map(Into::into),
    }
}

/// Returns a new token of an account, without limits, for the store and for the response.
pub(super) fn new_token(
    user: &store::User,
    name: &str,
    now: Timestamp,
) -> (ApiToken, TokenCreated) {
    let text = TokenText::generate(user.kind);
    let days = u64::from(flow_api_types::limits::TOKEN_DAYS_DEFAULT);
    let token = ApiToken {
        id: flow_common::ids::token_id(),
        user: user.id.clone(),
        name: name.to_owned(),
        digest: text.digest(),
        hint: text.hint(),
        scope: TokenScope::Api,
        project: None,
        role: None,
        created_at: now,
        expires_at: Some(now.plus_secs(days * DAY_S)),
        last_used_at: None,
    };
    let created = created(&token, user, &text);
    (token, created)
}

fn created(token: &ApiToken, user: &store::User, text: &TokenText) -> TokenCreated {
    TokenCreated {
        token: show((token.clone(), user.clone())),
        secret: SecretText(text.expose().to_owned()),
    }
}

/// Returns the account that the caller names, or its own.
async fn account(
    app: &App,
    principal: &Principal,
    named: Option<UserName>,
) -> Result<store::User, Error> {
    let own = || app.store.user_by_id(&principal.user);
    match named {
        Some(name) if name.as_str() != principal.subject => {
            if !principal.federation_admin {
                let message =
                    "only a federation administrator may manage the tokens of another account";
                return Err(Error::new(ErrorCode::Forbidden, message));
            }
            app.store.user(&name).await?.ok_or_else(|| no_user(&name))
        }
        _ => own().await?.ok_or_else(|| {
            Error::new(ErrorCode::UserNotFound, "the account of the caller was deleted")
        }),
    }
}

/// List API tokens, oldest first
#[utoipa::path(get, path = "/tokens", tag = "access", operation_id = "list_tokens", params(ListTokens),
    responses((status = 200, description = "One page of tokens", body = Page<Token>), ListFailures))]
pub(in crate::api::v2) async fn list(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    Params(ListTokens { user, cursor, limit }): Params<ListTokens>,
) -> Result<Json<Page<Token>>, ApiError> {
    let user = account(&app, &principal, user).await?.id;
    let list = List::of("tokens", &user);
    let page = app.store.tokens(Some(&user), &list.request(cursor.as_deref(), limit)?).await?;
    Ok(Json(list.page(page, show)))
}

/// Create an API token
///
/// Returns the text of the token. The hub stores only its hash and cannot return it again; if the
/// response is lost, delete the token and create another one. Therefore the request accepts no
/// `Idempotency-Key`. Only a federation administrator may create a token with the scope `metrics`.
#[utoipa::path(post, path = "/tokens", tag = "access", operation_id = "create_token", request_body = NewToken,
    responses((status = 201, description = "The token", body = TokenCreated, headers(
        ("Location" = String, description = "Path of the token"))), CreateFailures))]
pub(in crate::api::v2) async fn create(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    audit: Audit,
    Body { value, digest: _ }: Body<NewToken>,
) -> Result<impl IntoResponse, ApiError> {
    let NewToken { name, user, scope, project, role, expires_in_days } = value;
    let mut wrong = FieldErrors::default();
    wrong.chars("/name", &name, 1, TOKEN_NAME_CHARS_MAX);
    if name.chars().any(char::is_control) {
        wrong.add("/name", FieldCode::Pattern, "must not contain control characters");
    }
    wrong.range("/expires_in_days", expires_in_days, 0, TOKEN_DAYS_MAX);
    wrong.finish().map_err(Error::from)?;
    if scope == TokenScope::Metrics && !principal.federation_admin {
        let message = "the metrics are of all projects: only a federation administrator may create a token with the scope `metrics`";
        return Err(Error::new(ErrorCode::Forbidden, message).into());
    }
    let user = account(&app, &principal, user).await?;
    if let Some(project) = &project {
        let roles = app.store.roles_of(&user).await?;
        if !roles.iter().any(|(id, _)| id == project) {
            // The same answer for a project that does not exist, which the caller may not know.
            let text = format!(
                "account {} has no role in project {project}: give it one first with `flowctl project member set`",
                user.name
            );
            return Err(Error::new(ErrorCode::ProjectMemberNotFound, text).into());
        }
    }
    let text = TokenText::generate(user.kind);
    let life = (expires_in_days > 0).then(|| u64::from(expires_in_days) * DAY_S);
    let token = ApiToken {
        id: flow_common::ids::token_id(),
        user: user.id.clone(),
        name,
        digest: text.digest(),
        hint: text.hint(),
        scope,
        project,
        role,
        created_at: audit.now,
        expires_at: life.map(|seconds| audit.now.plus_secs(seconds)),
        last_used_at: None,
    };
    let mut entry = audit.entry("create_token", &token.id);
    entry.project.clone_from(&token.project);
    entry.detail = format!("{}, account {}", token.name, user.name);
    if !app.store.create_token(&token, &user.name, &entry).await? {
        return Err(no_user(&user.name).into());
    }
    let location = [(header::LOCATION, format!("/api/v2/tokens/{}", token.id))];
    Ok((StatusCode::CREATED, location, Json(created(&token, &user, &text))))
}

/// Returns the token if the caller may manage it.
async fn visible(
    app: &App,
    principal: &Principal,
    id: &TokenId,
) -> Result<(ApiToken, store::User), ApiError> {
    let found = app.store.token(id).await?;
    let found =
        found.filter(|(token, _)| token.user == principal.user || principal.federation_admin);
    let missing = || Error::new(ErrorCode::TokenNotFound, format!("there is no token {id}"));
    Ok(found.ok_or_else(missing)?)
}

/// Get an API token, without its text
#[utoipa::path(get, path = "/tokens/{token}", tag = "access", operation_id = "get_token", params(TokenPath),
    responses((status = 200, description = "The token", body = Token), NotFound))]
pub(in crate::api::v2) async fn get(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    Ids(TokenPath { token }): Ids<TokenPath>,
) -> Result<Json<Token>, ApiError> {
    Ok(Json(show(visible(&app, &principal, &token).await?)))
}

/// Delete an API token
///
/// The hub rejects the token from then on.
#[utoipa::path(delete, path = "/tokens/{token}", tag = "access", operation_id = "delete_token", params(TokenPath),
    responses((status = 204, description = "The token was deleted"), NotFound))]
pub(in crate::api::v2) async fn delete(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    audit: Audit,
    Ids(TokenPath { token: id }): Ids<TokenPath>,
) -> Result<StatusCode, ApiError> {
    let (token, user) = visible(&app, &principal, &id).await?;
    let mut entry = audit.entry("delete_token", &id);
    entry.detail = format!("{}, account {}", token.name, user.name);
    app.store.delete_token(&id, &entry).await?;
    app.access.changed();
    Ok(StatusCode::NO_CONTENT)
}
