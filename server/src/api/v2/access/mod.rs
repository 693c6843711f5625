//! Accounts, tokens, sessions, projects, and the audit of access.

pub(super) mod access_tokens;
pub(super) mod audit;
pub(super) mod devices;
pub(super) mod me;
pub(super) mod oidc;
pub(super) mod projects;
pub(super) mod sessions;
pub(super) mod setup;
pub(super) mod sign_in_codes;
pub(super) mod tokens;
pub(super) mod users;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use flow_api_types::{Named, ProjectAccess, schema};
use flow_common::error::chain;
use flow_domain::access::ProjectRole;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{PartyId, ProjectId, SessionId, TokenId, UserName};
use flow_domain::time::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Identity;
use crate::api::extract::Caller;
use crate::api::peer::address;
use crate::api::problem::ApiError;
use crate::state::App;
use crate::store::{AccessEntry, Missing};

/// An account in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct UserPath {
    /// Name of the account.
    #[param(value_type = schema::UserName)]
    user: UserName,
}

/// A token in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct TokenPath {
    /// Id of the token.
    #[param(value_type = schema::Id)]
    token: TokenId,
}

/// A session in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct SessionPath {
    /// Id of the session.
    #[param(value_type = schema::Id)]
    session: SessionId,
}

/// A project in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ProjectPath {
    /// Name of the project.
    #[param(value_type = schema::ProjectName)]
    project: ProjectId,
}

/// A member of a project in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ProjectMemberPath {
    /// Name of the project.
    #[param(value_type = schema::ProjectName)]
    project: ProjectId,
    /// Name of the account.
    #[param(value_type = schema::UserName)]
    user: UserName,
}

/// A party of a project in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ProjectPartyPath {
    /// Name of the project.
    #[param(value_type = schema::ProjectName)]
    project: ProjectId,
    /// Name of the party.
    #[param(value_type = schema::PartyName)]
    party: PartyId,
}

/// The account of the caller, with all projects that it may select.
pub(super) struct Whole(Arc<Identity>);

impl<S: Sync> FromRequestParts<S> for Whole {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let identity = parts.extensions.get::<Arc<Identity>>().cloned();
        let missing = || Error::internal("the route is not behind authorization");
        Ok(Self(identity.ok_or_else(missing)?))
    }
}

impl Whole {
    fn projects(&self) -> Vec<ProjectAccess> {
        let access = |(id, role): (&ProjectId, &ProjectRole)| ProjectAccess {
            project: id.clone().into(),
            role: Named::from(*role),
        };
        self.0.projects.iter().map(access).collect()
    }
}

/// Author, time and address of a change: the fixed part of an entry of the audit.
pub(super) struct Audit {
    caller: Option<Caller>,
    pub(super) address: IpAddr,
    pub(super) now: Timestamp,
}

impl FromRequestParts<Arc<App>> for Audit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Caller>().cloned();
        Ok(Self { caller, address: address(&parts.extensions), now: app.clock.now() })
    }
}

impl Audit {
    pub(super) fn entry(&self, action: &str, object: impl ToString) -> AccessEntry {
        let principal = self.caller.as_ref().map(|Caller(principal)| principal);
        AccessEntry {
            id: flow_common::ids::audit_id(),
            at: self.now,
            actor_id: principal.map(|principal| principal.user.clone()),
            actor: principal.map(|principal| principal.subject.clone()).unwrap_or_default(),
            action: action.to_owned(),
            object: object.to_string(),
            project: None,
            address: self.address.to_string(),
            detail: String::new(),
        }
    }
}

impl Audit {
    /// Stores the entry of a change that is stored already. A failure does not fail the request: its
    /// response may contain a secret that the hub cannot show again.
    pub(super) async fn record(&self, app: &App, action: &str, object: impl ToString) {
        if let Err(error) = app.store.audit_access(&self.entry(action, object)).await {
            tracing::error!(action, error = %chain(&error), "cannot store an entry of the audit");
        }
    }
}

pub(super) fn no_user(name: &UserName) -> Error {
    Error::new(ErrorCode::UserNotFound, format!("there is no account {name}"))
}

/// Returns the error for an object that a change of a project names.
fn missing(what: Missing, project: &ProjectId, object: &str) -> Error {
    match what {
        Missing::Project => crate::access::no_project(project),
        Missing::User => {
            Error::new(ErrorCode::UserNotFound, format!("there is no account {object}"))
        }
        Missing::Party => {
            Error::new(ErrorCode::PartyNotFound, format!("there is no party {object}"))
        }
        Missing::Entry => {
            Error::internal("the caller names the error of an entry that does not exist")
        }
    }
}
