//! Sign-in with an identity provider (OpenID Connect), and the accounts of its people.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use flow_api_types::{IdentityInput, OidcProvider, OidcProviderList, schema};
use flow_common::error::chain;
use flow_domain::access::{ProjectRole, UserKind};
use flow_domain::error::{Error, ErrorCode, FieldErrors};
use flow_domain::id::{Digest, ProjectId, UserName};
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Audit, no_user};
use crate::access::{SessionCookie, open_session};
use crate::api::extract::{Body, Ids, Params};
use crate::api::openapi::failures;
use crate::api::peer::IsTls;
use crate::api::problem::ApiError;
use crate::api::problem::respond;
use crate::sign_in::oidc::{Callback, Ended, Identity, OidcError, Provider, SIGN_IN_S};
use crate::state::App;
use crate::store::{AccessEntry, OidcIdentity, StoreError, User};

failures!(StartFailures = ProviderNotFound, ProviderUnavailable, SignInFailed);
failures!(
    CallbackFailures = ProviderNotFound,
    ProviderUnavailable,
    SignInFailed,
    RateLimited,
    StoreUnavailable,
    StoreFull
);
failures!(LinkFailures = ProviderNotFound, UserNotFound, IdentityLinked);

/// Longest `sub`, in characters (OpenID Connect Core, section 2).
const SUBJECT_CHARS_MAX: usize = 255;
/// Longest name of a new account, so that a number fits behind it.
const NAME_CHARS_MAX: usize = 60;
/// Accounts with the same proposed name.
const SAME_NAME_MAX: u32 = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::api::v2) struct ProviderPath {
    /// Name of the provider at this hub.
    #[param(value_type = schema::ProviderName)]
    provider: String,
}

impl ProviderPath {
    fn find<'a>(&self, app: &'a App) -> Result<&'a Provider, Error> {
        app.access
            .sign_in()
            .providers
            .get(&self.provider)
            .ok_or_else(|| Error::of(ErrorCode::ProviderNotFound))
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api::v2) struct StartParams {
    /// Path of this hub at which the sign-in ends.
    #[serde(default)]
    #[param(value_type = Option<String>, max_length = 1024)]
    return_to: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api::v2) struct CallbackParams {
    /// Authorization code of the provider.
    code: Option<String>,
    /// Value that the hub sent with the browser.
    state: Option<String>,
    /// Issuer of the answer (RFC 9207).
    iss: Option<String>,
    /// Error of the provider.
    error: Option<String>,
    /// Text of the error.
    error_description: Option<String>,
}

/// List identity providers
#[utoipa::path(get, path = "/oidc", tag = "access", operation_id = "list_oidc_providers", security(()),
    responses((status = 200, description = "The providers with which people can sign in", body = OidcProviderList)))]
pub(in crate::api::v2) async fn list(State(app): State<Arc<App>>) -> Json<OidcProviderList> {
    let provider = |provider: &Provider| OidcProvider {
        name: provider.name.clone(),
        label: match provider.config.label.as_str() {
            "" => provider.name.clone(),
            label => label.to_owned(),
        },
        start: format!("/api/v2/oidc/{}/start", provider.name),
    };
    Json(OidcProviderList { items: app.access.sign_in().providers.iter().map(provider).collect() })
}

/// Begin a sign-in with an identity provider
///
/// For browsers: redirects to the provider, which sends the person back to the callback.
#[utoipa::path(get, path = "/oidc/{provider}/start", tag = "access", operation_id = "start_oidc_sign_in", security(()), params(ProviderPath, StartParams),
    responses((status = 303, description = "To the provider", headers(("Location" = String, description = "Address at the provider"))), StartFailures))]
pub(in crate::api::v2) async fn start(
    State(app): State<Arc<App>>,
    audit: Audit,
    Extension(IsTls(is_tls)): Extension<IsTls>,
    Ids(path): Ids<ProviderPath>,
    Params(StartParams { return_to }): Params<StartParams>,
) -> Result<Response, ApiError> {
    let provider = path.find(&app)?;
    let begun =
        provider.begin(&return_to, audit.now).await.map_err(|error| refusal(provider, &error))?;
    let location = HeaderValue::from_str(begun.location.as_str()).map_err(Error::internal)?;
    let cookie = cookie(is_tls, provider, &begun.cookie, SIGN_IN_S)?;
    Ok((StatusCode::SEE_OTHER, [(LOCATION, location), (SET_COOKIE, cookie)]).into_response())
}

/// End a sign-in with an identity provider
///
/// The provider sends the browser here. The answer opens a session and redirects to the path at which
/// the sign-in began. It works once, and only in the browser that began the sign-in.
#[utoipa::path(get, path = "/oidc/{provider}/callback", tag = "access", operation_id = "end_oidc_sign_in", security(()), params(ProviderPath, CallbackParams),
    responses((status = 303, description = "The person is signed in", headers(("Location" = String, description = "Path of this hub"))), CallbackFailures))]
pub(in crate::api::v2) async fn callback(
    State(app): State<Arc<App>>,
    audit: Audit,
    Extension(IsTls(is_tls)): Extension<IsTls>,
    Ids(path): Ids<ProviderPath>,
    headers: HeaderMap,
    Params(params): Params<CallbackParams>,
) -> Result<Response, ApiError> {
    let provider = path.find(&app)?;
    let CallbackParams { code, state, iss, error, error_description } = params;
    let callback = Callback { code, state, iss, error, error_description };
    let begun = cookie_of(&headers, is_tls, provider);
    let attempt = provider
        .resume(begun.as_deref(), &callback, audit.now)
        .map_err(|error| refusal(provider, &error))?;
    // From here on the request causes requests to the provider.
    if let Err(refused) = app.access.admit_sign_in(audit.address) {
        return Ok(respond(refused));
    }
    let ended = provider.end(attempt, &callback, audit.now).await;
    let Ended { identity, return_to } = ended.map_err(|error| refusal(provider, &error))?;
    let user = account(&app, provider, &identity, &audit).await?;
    set_roles(&app, provider, &identity, &user, &audit).await?;
    set_federation_admin(&app, provider, &identity, &user, &audit).await?;
    let session_cookie = SessionCookie::generate(is_tls);
    let method = format!("oidc:{}", provider.name);
    let session = open_session(&session_cookie, &user.id, &method, &headers, audit.now);
    let entry = entry(&user, "end_oidc_sign_in", provider, &identity.subject, &audit);
    if !app.store.create_session(&session, None, &entry).await? {
        return Err(disabled(&user).into());
    }
    tracing::info!(user = %user.name, provider = %provider.name, "signed in with an identity provider");
    let location = HeaderValue::from_str(&return_to).map_err(Error::internal)?;
    let mut answer = (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response();
    let cookies = [session_cookie.set()?, cookie(is_tls, provider, "", 0)?];
    for cookie in cookies {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(answer)
}

/// Link a person at an identity provider to an account
///
/// The person then signs in as this account. For hubs that do not create accounts at the first
/// sign-in: the error of such a sign-in names the `subject`.
#[utoipa::path(post, path = "/oidc/{provider}/identities", tag = "access", operation_id = "link_identity", params(ProviderPath), request_body = IdentityInput,
    responses((status = 204, description = "The person is linked"), LinkFailures))]
pub(in crate::api::v2) async fn link(
    State(app): State<Arc<App>>,
    audit: Audit,
    Ids(path): Ids<ProviderPath>,
    Body { value: IdentityInput { user, subject }, digest: _ }: Body<IdentityInput>,
) -> Result<StatusCode, ApiError> {
    let provider = path.find(&app)?;
    let mut wrong = FieldErrors::default();
    wrong.chars("/subject", &subject, 1, SUBJECT_CHARS_MAX);
    wrong.finish().map_err(Error::from)?;
    let account = app.store.user(&user).await?.ok_or_else(|| no_user(&user))?;
    let entry = AccessEntry {
        detail: format!("{subject} at {}", provider.name),
        ..audit.entry("link_identity", &user)
    };
    let identity = OidcIdentity { issuer: provider.config.issuer.clone(), subject };
    match app.store.link_identity(&account.id, &identity, &entry).await {
        Ok(true) => Ok(StatusCode::NO_CONTENT),
        Ok(false) => Err(no_user(&user).into()),
        Err(StoreError::Exists(_)) => Err(Error::of(ErrorCode::IdentityLinked).into()),
        Err(error) => Err(error.into()),
    }
}

/// Returns the account of a person; creates it if the provider allows this.
async fn account(
    app: &App,
    provider: &Provider,
    identity: &Identity,
    audit: &Audit,
) -> Result<User, Error> {
    let Identity { issuer, subject, name, groups: _ } = identity;
    let person = OidcIdentity { issuer: issuer.clone(), subject: subject.clone() };
    if let Some(user) = app.store.user_of_identity(&person).await? {
        return if user.disabled_at.is_some() { Err(disabled(&user)) } else { Ok(user) };
    }
    if !provider.config.create_users {
        return Err(Error::new(
            ErrorCode::SignInFailed,
            format!(
                "no account of this hub belongs to {subject:?} at {}: ask a federation administrator to link one with `POST /api/v2/oidc/{}/identities`",
                provider.name, provider.name
            ),
        ));
    }
    let base = account_name(name.as_deref(), subject);
    for number in 1..=SAME_NAME_MAX {
        let name = if number == 1 { base.clone() } else { format!("{base}-{number}") };
        let user = User {
            id: flow_common::ids::user_id(),
            name: name.parse().map_err(Error::internal)?,
            kind: UserKind::Person,
            federation_admin: false,
            password_hash: None,
            created_at: audit.now,
            disabled_at: None,
        };
        let entry = entry(&user, "create_user", provider, subject, audit);
        match app.store.create_user_of_identity(&user, &person, &entry).await {
            Ok(()) => return Ok(user),
            Err(StoreError::Exists("the identity")) => {
                // Another request of the same person was faster.
                let found = app.store.user_of_identity(&person).await?;
                return found.ok_or_else(|| Error::of(ErrorCode::SignInFailed));
            }
            // Never the account of this name: it belongs to another person.
            Err(StoreError::Exists(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::new(
        ErrorCode::SignInFailed,
        format!(
            "{SAME_NAME_MAX} accounts have the name {base}: ask a federation administrator to create one"
        ),
    ))
}

/// Makes a valid account name from a claim.
fn account_name(claim: Option<&str>, subject: &str) -> String {
    let text = claim.unwrap_or_default().to_lowercase();
    let is_valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._@-".contains(c);
    let name: String =
        text.chars().map(|c| if is_valid(c) { c } else { '-' }).take(NAME_CHARS_MAX).collect();
    let name = name.trim_start_matches(['.', '_', '@', '-']);
    if name.parse::<UserName>().is_ok() {
        name.to_owned()
    } else {
        format!("person-{}", &Digest::of(subject.as_bytes()).as_str()[..8])
    }
}

/// Gives the account the roles of its groups, in the projects that the configuration names.
async fn set_roles(
    app: &App,
    provider: &Provider,
    identity: &Identity,
    user: &User,
    audit: &Audit,
) -> Result<(), Error> {
    let mut roles: BTreeMap<ProjectId, Option<ProjectRole>> = BTreeMap::new();
    for rule in &provider.config.roles {
        let role = roles.entry(rule.project.clone()).or_default();
        if identity.groups.contains(&rule.group) {
            *role = (*role).max(Some(rule.role));
        }
    }
    if roles.is_empty() {
        return Ok(());
    }
    let roles: Vec<_> = roles.into_iter().collect();
    let named = roles.iter().map(|(project, role)| {
        format!("{project}: {}", role.map_or("no role", ProjectRole::as_str))
    });
    let entry = AccessEntry {
        detail: format!("groups at {}: {}", provider.name, named.collect::<Vec<_>>().join(", ")),
        ..entry(user, "set_project_member", provider, &identity.subject, audit)
    };
    if app.store.set_roles_of(&user.id, &roles, &entry).await? {
        app.access.changed();
    }
    Ok(())
}

/// Lets the account administer the federation, or no longer, as its groups require. The account may be
/// the last administrator: it must not keep a right that its groups do not give.
async fn set_federation_admin(
    app: &App,
    provider: &Provider,
    identity: &Identity,
    user: &User,
    audit: &Audit,
) -> Result<(), Error> {
    let groups = &provider.config.federation_admin_groups;
    if groups.is_empty() {
        return Ok(());
    }
    let is_admin = groups.iter().any(|group| identity.groups.contains(group));
    let entry = AccessEntry {
        detail: format!("groups at {}: federation_admin = {is_admin}", provider.name),
        ..entry(user, "edit_user", provider, &identity.subject, audit)
    };
    if app.store.set_federation_admin(&user.id, is_admin, &entry).await? {
        tracing::info!(user = %user.name, provider = %provider.name, is_admin, "the groups of a person changed the administration of the federation");
        app.access.changed();
    }
    Ok(())
}

fn entry(
    user: &User,
    action: &str,
    provider: &Provider,
    subject: &str,
    audit: &Audit,
) -> AccessEntry {
    AccessEntry {
        actor_id: Some(user.id.clone()),
        actor: user.name.to_string(),
        detail: format!("{subject} at {}", provider.name),
        ..audit.entry(action, &user.name)
    }
}

fn disabled(user: &User) -> Error {
    let message = format!("the account {} is disabled; ask a federation administrator", user.name);
    Error::new(ErrorCode::SignInFailed, message)
}

/// Logs a failure. The caller gets no part of the provider's answer but its own refusal.
fn refusal(provider: &Provider, error: &OidcError) -> Error {
    tracing::warn!(provider = %provider.name, error = %chain(error), "sign-in with an identity provider failed");
    if error.is_temporary() {
        let message = format!("the identity provider {} cannot be used now", provider.name);
        return Error::new(ErrorCode::ProviderUnavailable, message);
    }
    Error::new(ErrorCode::SignInFailed, format!("{error}; begin the sign-in again"))
}

fn cookie_name(is_tls: bool, provider: &Provider) -> String {
    let prefix = if is_tls { "__Host-" } else { "" };
    format!("{prefix}flow_oidc_{}", provider.name)
}

fn cookie(
    is_tls: bool,
    provider: &Provider,
    value: &str,
    age_s: u64,
) -> Result<HeaderValue, Error> {
    let name = cookie_name(is_tls, provider);
    let secure = if is_tls { "; Secure" } else { "" };
    // Lax: the provider sends the person back from another site.
    let text = format!("{name}={value}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Lax{secure}");
    let mut header = HeaderValue::from_str(&text).map_err(Error::internal)?;
    header.set_sensitive(true);
    Ok(header)
}

fn cookie_of(headers: &HeaderMap, is_tls: bool, provider: &Provider) -> Option<String> {
    let name = cookie_name(is_tls, provider);
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut values = cookies.flat_map(|text| text.split(';')).filter_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then(|| value.to_owned())
    });
    let value = values.next();
    // Two cookies of one name: another page set one of them.
    value.filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_names_are_made_of_any_claim() {
        for (claim, expected) in [
            ("alice", "alice"),
            ("Alice@Example.org", "alice@example.org"),
            ("alice b/c:d", "alice-b-c-d"),
            ("_.-x", "x"),
        ] {
            assert_eq!(account_name(Some(claim), "1"), expected);
        }
        let long = account_name(Some(&"é".repeat(300)), "1");
        for name in [account_name(None, "1"), account_name(Some("-._@"), "1"), long] {
            assert!(name.starts_with("person-") && name.parse::<UserName>().is_ok(), "{name}");
        }
    }
}
