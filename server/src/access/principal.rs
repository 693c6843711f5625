//! The caller of an operation.

use std::sync::Arc;

use flow_domain::access::ProjectRole;
use flow_domain::id::{ProjectId, SessionId, TokenId, UserId};

use crate::sign_in::issuers::Workload;

/// The caller of an operation, with the rights of its credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub user: UserId,
    /// Name of the account, for events and audit.
    pub subject: String,
    /// The selected project. The caller may access objects of this project only.
    pub project: ProjectId,
    /// Role in the selected project; `None` = none.
    pub role: Option<ProjectRole>,
    /// The credential administers the federation.
    pub federation_admin: bool,
    pub credential: Credential,
}

/// The proof of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// An API token. A limited one has a project, a role or a scope, and cannot create another
    /// credential, which could have more rights.
    Token { id: TokenId, limited: bool },
    /// A browser's session.
    Session(SessionId),
    /// An access token that was made from this API token. It makes no other credential.
    AccessToken(TokenId),
    /// A token of a trusted issuer.
    Workload(Arc<Workload>),
    /// The network of the client, see `v1.anonymous_networks`.
    Anonymous,
}

impl Credential {
    /// Returns whether the credential has fewer rights than its account.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        match self {
            Self::Token { limited, .. } => *limited,
            Self::Session(_) => false,
            Self::AccessToken(_) | Self::Workload(_) | Self::Anonymous => true,
        }
    }

    /// Name of the kind, for people.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Token { .. } => "token",
            Self::Session(_) => "session",
            Self::AccessToken(_) => "access_token",
            Self::Workload(_) => "workload",
            Self::Anonymous => "network",
        }
    }
}

impl Principal {
    /// Returns whether the caller has at least this role in the selected project.
    #[must_use]
    pub fn has(&self, role: ProjectRole) -> bool {
        self.role >= Some(role)
    }
}
