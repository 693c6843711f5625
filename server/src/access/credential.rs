//! Credentials of requests: API token, signed token or session.

use base64::Engine as _;
use flow_domain::id::{Digest, TokenId};
use flow_domain::time::Timestamp;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::identity::Identity;
use super::principal::Credential;
use super::session::SessionCookie;
use super::token::TokenText;
use crate::sign_in::issuers::Workload;
use crate::sign_in::{Verified, jwt};

/// A credential of a request, in its form.
pub(super) enum Presented {
    Token {
        text: TokenText,
        /// Name of the account, of HTTP Basic.
        user: Option<String>,
    },
    Session(SessionCookie),
    /// A signed token that is not verified yet.
    Signed(String),
    Verified(Verified),
}

/// The place where the database has a credential.
pub(super) enum Place<'c> {
    /// By the digest of its text.
    Token,
    Session,
    AccessToken(&'c TokenId),
    Workload(&'c Workload),
}

impl<'c> Place<'c> {
    /// `None` for a caller without a credential.
    pub(super) fn of(credential: &'c Credential) -> Option<Self> {
        Some(match credential {
            Credential::Token { .. } => Self::Token,
            Credential::Session(_) => Self::Session,
            Credential::AccessToken(id) => Self::AccessToken(id),
            Credential::Workload(workload) => Self::Workload(workload),
            Credential::Anonymous => return None,
        })
    }
}

/// True for HTTP Basic: a browser that has sent such a credential sends it again by itself.
pub(crate) fn is_basic(headers: &HeaderMap) -> bool {
    authorization(headers).is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
}

/// Returns scheme and content of the header.
pub(super) fn authorization(headers: &HeaderMap) -> Option<(&str, &str)> {
    let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    Some((scheme, rest.trim()))
}

impl Presented {
    pub(super) fn of(headers: &HeaderMap, is_tls: bool) -> Result<Self, &'static str> {
        if headers.contains_key(AUTHORIZATION) {
            let (scheme, rest) =
                authorization(headers).ok_or("the Authorization header has no token")?;
            if scheme.eq_ignore_ascii_case("bearer") {
                if jwt::is_jwt(rest) {
                    return Ok(Self::Signed(rest.to_owned()));
                }
                let text = TokenText::parse(rest).ok_or("the token is not an API token")?;
                return Ok(Self::Token { text, user: None });
            }
            if scheme.eq_ignore_ascii_case("basic") {
                let (user, token) =
                    basic(rest).ok_or("the Authorization header is not readable")?;
                let text = TokenText::parse(&token)
                    .ok_or("the password of HTTP Basic is not an API token")?;
                return Ok(Self::Token { text, user: Some(user) });
            }
            return Err("the scheme of the Authorization header is not supported");
        }
        let cookie = SessionCookie::of(headers, is_tls).ok_or("the request has no token")?;
        Ok(Self::Session(cookie))
    }

    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Token { text, .. } => text.digest(),
            Self::Session(cookie) => cookie.digest(),
            Self::Signed(token) => Digest::of(token.as_bytes()),
            // Never the digest of a text that a client sends.
            Self::Verified(Verified::AccessToken { token, .. }) => {
                Digest::of(format!("access token\n{token}").as_bytes())
            }
            Self::Verified(Verified::Workload(Workload { account, project, role, .. })) => {
                Digest::of(format!("workload\n{account}\n{project}\n{role}").as_bytes())
            }
        }
    }

    pub(super) fn place(&self) -> Place<'_> {
        match self {
            Self::Session(_) => Place::Session,
            Self::Verified(Verified::AccessToken { token, .. }) => Place::AccessToken(token),
            Self::Verified(Verified::Workload(workload)) => Place::Workload(workload),
            // A signed token is verified before.
            Self::Token { .. } | Self::Signed(_) => Place::Token,
        }
    }

    /// Returns the end of the credential itself, which the database does not have.
    pub(super) const fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Verified(verified) => Some(verified.expires_at()),
            _ => None,
        }
    }

    pub(super) fn is_of(&self, identity: &Identity) -> bool {
        match self {
            Self::Token { user: Some(name), .. } => name == identity.name.as_str(),
            _ => true,
        }
    }

    pub(super) const fn invalid(&self) -> &'static str {
        match self {
            Self::Token { user: None, .. } => "the token is unknown, expired or disabled",
            Self::Token { user: Some(_), .. } => {
                "the token is unknown, expired or disabled, or belongs to another account"
            }
            Self::Session(_) => "the session has ended",
            Self::Verified(Verified::Workload(_)) => {
                "the account of this program was disabled or deleted, or belongs to a person, or the project of access.trusted_issuers does not exist"
            }
            Self::Signed(_) | Self::Verified(_) => {
                "the API token of this access token is unknown, expired or disabled"
            }
        }
    }
}

fn basic(text: &str) -> Option<(String, String)> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
