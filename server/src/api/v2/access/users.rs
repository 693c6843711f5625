//! Accounts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flow_api_types::{NewPassword, NewUser, Page, User, UserEdit};
use flow_domain::access::UserKind;
use flow_domain::error::{Error, ErrorCode, FieldCode, FieldErrors};
use flow_domain::id::UserName;
use http::{StatusCode, header};

use super::super::params::PageParams;
use super::{Audit, UserPath, no_user};
use crate::access::{check_password, secret};
use crate::api::extract::{Body, Caller, Ids, Params};
use crate::api::list::List;
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::api::problem::respond;
use crate::state::App;
use crate::store::{self, StoreError, UserChange};

failures!(ListFailures = CursorInvalid);
failures!(CreateFailures = UserExists);
failures!(NotFound = UserNotFound);
failures!(EditFailures = UserNotFound, LastAdmin);

pub(super) fn show(user: store::User) -> User {
    let store::User { id, name, kind, federation_admin, password_hash, created_at, disabled_at } =
        user;
    User {
        id: id.into(),
        name: name.into(),
        kind: kind.into(),
        federation_admin,
        has_password: password_hash.is_some(),
        created_at: created_at.into(),
        disabled_at: disabled_at.map(Into::into),
    }
}

/// List accounts by name
#[utoipa::path(get, path = "/users", tag = "access", operation_id = "list_users", params(PageParams),
    responses((status = 200, description = "One page of accounts", body = Page<User>), ListFailures))]
pub(in crate::api::v2) async fn list(
    State(app): State<Arc<App>>,
    Params(PageParams { cursor, limit }): Params<PageParams>,
) -> Result<Json<Page<User>>, ApiError> {
    let list = List::of("users", &());
    let page = app.store.users(&list.request(cursor.as_deref(), limit)?).await?;
    Ok(Json(list.page(page, show)))
}

/// Create an account
///
/// A new account has no role in any project. A repeated request fails with `user_exists`.
#[utoipa::path(post, path = "/users", tag = "access", operation_id = "create_user", request_body = NewUser,
    responses((status = 201, description = "The account", body = User, headers(
        ("Location" = String, description = "Path of the account"))), CreateFailures))]
pub(in crate::api::v2) async fn create(
    State(app): State<Arc<App>>,
    audit: Audit,
    Body { value, digest: _ }: Body<NewUser>,
) -> Result<impl IntoResponse, ApiError> {
    let NewUser { name, kind, federation_admin, password } = value;
    let mut wrong = FieldErrors::default();
    if let Some(password) = &password {
        check_password("/password", &password.0, &mut wrong);
        if kind == UserKind::Service {
            let message = "a service has API tokens and no password";
            wrong.add("/password", FieldCode::NotAllowed, message);
        }
    }
    wrong.finish().map_err(Error::from)?;
    let password_hash = match password {
        Some(password) => Some(app.access.passwords.hash(secret(password)).await?),
        None => None,
    };
    let user = store::User {
        id: flow_common::ids::user_id(),
        name: name.clone(),
        kind,
        federation_admin,
        password_hash,
        created_at: audit.now,
        disabled_at: None,
    };
    app.store.create_user(&user, &audit.entry("create_user", &name)).await.map_err(|error| {
        match error {
            StoreError::Exists(_) => {
                Error::new(ErrorCode::UserExists, format!("an account named {name} exists"))
            }
            other => other.into(),
        }
    })?;
    let location = [(header::LOCATION, format!("/api/v2/users/{name}"))];
    Ok((StatusCode::CREATED, location, Json(show(user))))
}

/// Get an account
#[utoipa::path(get, path = "/users/{user}", tag = "access", operation_id = "get_user", params(UserPath),
    responses((status = 200, description = "The account", body = User), NotFound))]
pub(in crate::api::v2) async fn get(
    State(app): State<Arc<App>>,
    Ids(UserPath { user }): Ids<UserPath>,
) -> Result<Json<User>, ApiError> {
    read(&app, &user).await
}

async fn read(app: &App, name: &UserName) -> Result<Json<User>, ApiError> {
    let found = app.store.user(name).await?;
    Ok(Json(show(found.ok_or_else(|| no_user(name))?)))
}

/// Change an account
///
/// The federation keeps at least one enabled administrator.
#[utoipa::path(put, path = "/users/{user}", tag = "access", operation_id = "edit_user", params(UserPath), request_body = UserEdit,
    responses((status = 200, description = "The account after the change", body = User), EditFailures))]
pub(in crate::api::v2) async fn edit(
    State(app): State<Arc<App>>,
    audit: Audit,
    Ids(UserPath { user }): Ids<UserPath>,
    Body { value: UserEdit { federation_admin, disabled }, digest: _ }: Body<UserEdit>,
) -> Result<Json<User>, ApiError> {
    let edit = store::UserEdit {
        federation_admin,
        disabled_at: disabled.map(|disabled| disabled.then_some(audit.now)),
        password_hash: None,
    };
    let mut entry = audit.entry("edit_user", &user);
    entry.detail = [("federation_admin", federation_admin), ("disabled", disabled)]
        .iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name} = {value}")))
        .collect::<Vec<_>>()
        .join(", ");
    let changed = app.store.edit_user(&user, &edit, &entry).await?;
    done(&app, &user, changed)?;
    read(&app, &user).await
}

fn done(app: &App, name: &UserName, change: UserChange) -> Result<(), Error> {
    match change {
        UserChange::Done => {
            app.access.changed();
            Ok(())
        }
        UserChange::Unknown => Err(no_user(name)),
        UserChange::LastAdmin => Err(Error::new(
            ErrorCode::LastAdmin,
            format!("{name} is the last enabled administrator of the federation"),
        )),
    }
}

/// Delete an account
///
/// Deletes its tokens, its sessions and its roles. Its tasks and runs stay.
#[utoipa::path(delete, path = "/users/{user}", tag = "access", operation_id = "delete_user", params(UserPath),
    responses((status = 204, description = "The account was deleted"), EditFailures))]
pub(in crate::api::v2) async fn delete(
    State(app): State<Arc<App>>,
    audit: Audit,
    Ids(UserPath { user }): Ids<UserPath>,
) -> Result<StatusCode, ApiError> {
    let change = app.store.delete_user(&user, &audit.entry("delete_user", &user)).await?;
    done(&app, &user, change)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set a password
///
/// The own one, with the current password; or, by a federation administrator, that of another
/// account. Ends all sessions of the account.
#[utoipa::path(put, path = "/users/{user}/password", tag = "access", operation_id = "set_password", params(UserPath), request_body = NewPassword,
    responses((status = 204, description = "The password was set"), NotFound))]
pub(in crate::api::v2) async fn set_password(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    audit: Audit,
    Ids(UserPath { user }): Ids<UserPath>,
    Body { value: NewPassword { password, current }, digest: _ }: Body<NewPassword>,
) -> Result<Response, ApiError> {
    let is_own = principal.subject == user.as_str();
    if !is_own && !principal.federation_admin {
        let message = "only a federation administrator may set the password of another account";
        return Err(Error::new(ErrorCode::Forbidden, message).into());
    }
    let mut wrong = FieldErrors::default();
    check_password("/password", &password.0, &mut wrong);
    wrong.finish().map_err(Error::from)?;
    let found = app.store.user(&user).await?.ok_or_else(|| no_user(&user))?;
    if found.kind == UserKind::Service {
        let message = "a service has API tokens and no password";
        return Err(crate::api::problem::field("/password", FieldCode::NotAllowed, message).into());
    }
    if is_own && found.password_hash.is_some() {
        let Some(current) = current else {
            let message = "is required: the account has a password";
            return Err(crate::api::problem::field("/current", FieldCode::Required, message).into());
        };
        let (passwords, hash) = (&app.access.passwords, found.password_hash);
        let checked = passwords.verify(user.as_str(), audit.address, secret(current), hash).await;
        if let Err(refused) = checked {
            return Ok(respond(refused));
        }
    }
    let hash = app.access.passwords.hash(secret(password)).await?;
    let edit = store::UserEdit { password_hash: Some(hash), ..store::UserEdit::default() };
    let change = app.store.edit_user(&user, &edit, &audit.entry("set_password", &user)).await?;
    done(&app, &user, change)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
