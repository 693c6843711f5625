//! Sign-in without a password: access tokens that the hub signs, tokens of trusted external
//! issuers, OpenID Connect, and device sign-in.
//!
//! This module verifies statements about callers; `access` turns them into identities with roles.
//! The hub's own access token names an API token, and is worth what this API token is worth at the
//! time of the request: a revoked token or a lost role acts on access tokens at once, too.

pub mod config;
pub(crate) mod crypto;
pub(crate) mod http;
pub(crate) mod issuers;
pub(crate) mod jwks;
pub(crate) mod jwt;
pub(crate) mod keys;
pub(crate) mod oidc;

use std::path::Path;
use std::sync::Arc;

use flow_common::clock::SharedClock;
use flow_domain::id::{TokenId, UserId};
use flow_domain::time::Timestamp;
use jsonwebtoken::Algorithm;
use serde::Serialize;

pub use config::SignInConfig;
use issuers::{IssuerError, TrustedIssuers, Workload};
use jwt::{Expected, Refusal};
use keys::{KeyError, SigningKeys};
use oidc::Providers;

/// Life of an access token, in seconds.
pub(crate) const ACCESS_TOKEN_S: u64 = 15 * 60;
/// Claim of an access token with the id of its API token.
const TOKEN_CLAIM: &str = "token_id";
/// Issuer and audience of access tokens of a hub without a public address.
const NAME: &str = "flow-server";

/// Returns the algorithm with this name if the hub can verify it.
pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
    let algorithm = name.parse().ok()?;
    crypto::VERIFIABLE.contains(&algorithm).then_some(algorithm)
}

/// The statement of a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verified {
    /// It was made from this API token.
    AccessToken { token: TokenId, expires_at: Timestamp },
    /// It belongs to a program that a trusted issuer knows.
    Workload(Workload),
}

impl Verified {
    /// Returns the end of the signed token.
    pub(crate) const fn expires_at(&self) -> Timestamp {
        match self {
            Self::AccessToken { expires_at, .. } | Self::Workload(Workload { expires_at, .. }) => {
                *expires_at
            }
        }
    }
}

#[derive(Serialize)]
struct AccessClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    token_id: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
}

/// Keys, issuers and providers of this hub.
pub struct SignIn {
    keys: Arc<SigningKeys>,
    own_audience: [String; 1],
    issuers: TrustedIssuers,
    pub(crate) providers: Providers,
    /// Address of this hub for people, without a slash at the end.
    pub(crate) public_url: String,
}

impl SignIn {
    /// Reads or makes the signing keys and prepares the configured issuers and providers; no request
    /// leaves the hub. `address` is the address for people of a hub without `public_url`.
    ///
    /// # Errors
    /// A message that names the configuration key or the file.
    pub fn open(
        data_dir: &Path,
        config: &SignInConfig,
        address: &str,
        clock: &SharedClock,
    ) -> Result<Self, String> {
        crypto::install().map_err(|error| error.to_string())?;
        let now = clock.now();
        let keys = SigningKeys::open(data_dir, now).map_err(|error| error.to_string())?;
        keys.rotate(now).map_err(|error| error.to_string())?;
        let public_url = config.public_url.as_deref().unwrap_or(address).trim_end_matches('/');
        let own = config.public_url.as_deref().unwrap_or(NAME);
        Ok(Self {
            keys: Arc::new(keys),
            own_audience: [own.to_owned()],
            issuers: TrustedIssuers::new(&config.trusted_issuers, clock)
                .map_err(|error| format!("access.trusted_issuers.{error}"))?,
            providers: Providers::new(&config.oidc, public_url, clock)?,
            public_url: public_url.to_owned(),
        })
    }

    /// Makes an access token from an API token, and returns it with its life in seconds.
    pub(crate) async fn issue(
        &self,
        token: &TokenId,
        user: &UserId,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(String, u64), String> {
        let life = expires_at.map_or(ACCESS_TOKEN_S, |at| at.secs_since(now).min(ACCESS_TOKEN_S));
        let [own] = &self.own_audience;
        let issued = now.secs_since(Timestamp(0));
        let claims = AccessClaims {
            iss: own,
            aud: own,
            sub: user.as_str(),
            token_id: token.as_str(),
            iat: issued,
            exp: issued + life,
            jti: flow_common::ids::request_id(),
        };
        if self.keys.is_rotation_due(now) {
            let keys = Arc::clone(&self.keys);
            // Writes a file.
            let rotated = tokio::task::spawn_blocking(move || keys.rotate(now)).await;
            rotated
                .map_err(|error| error.to_string())?
                .map_err(|error: KeyError| error.to_string())?;
        }
        let signed = self.keys.sign(&claims, now).map_err(|error| error.to_string())?;
        Ok((signed, life))
    }

    /// Returns the public keys of access tokens.
    pub(crate) fn published(&self) -> Vec<flow_api_types::JsonWebKey> {
        self.keys.published()
    }

    /// Verifies a signed token of this hub or of a trusted issuer.
    pub(crate) async fn verify(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Verified, IssuerError> {
        let [own] = &self.own_audience;
        if jwt::claimed_issuer(token)? != *own {
            return self.issuers.verify(token, now).await.map(Verified::Workload);
        }
        let expected = Expected {
            issuer: own,
            audiences: &self.own_audience,
            algorithms: &[Algorithm::ES256],
            // The hub compares with its own clock.
            now: now.plus_secs(jwt::CLOCK_SKEW_S),
        };
        let claims = jwt::verify(token, &self.keys.public(), expected)?;
        let id = jwt::text(&claims, TOKEN_CLAIM)?;
        Ok(Verified::AccessToken {
            token: id.parse().map_err(|_| Refusal::Claim(TOKEN_CLAIM))?,
            expires_at: jwt::seconds(&claims, "exp")?.ok_or(Refusal::Claim("exp"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_common::clock::{Clock as _, MockClock};

    fn open(folder: &Path, clock: &MockClock, public_url: Option<&str>) -> SignIn {
        let config =
            SignInConfig { public_url: public_url.map(ToOwned::to_owned), ..Default::default() };
        let shared: SharedClock = Arc::new(clock.clone());
        SignIn::open(folder, &config, "http://127.0.0.1:1235", &shared).unwrap()
    }

    #[tokio::test]
    async fn access_token_lives_for_fifteen_minutes_or_as_long_as_its_api_token() {
        let folder = tempfile::tempdir().unwrap();
        let clock = MockClock::new(Timestamp(1_800_000_000_000_000));
        let hub = open(folder.path(), &clock, None);
        let (id, user) = (flow_common::ids::token_id(), flow_common::ids::user_id());
        let now = clock.now();
        let (token, life) = hub.issue(&id, &user, None, now).await.unwrap();
        assert_eq!(life, 900);
        let verified = Verified::AccessToken { token: id.clone(), expires_at: now.plus_secs(900) };
        assert_eq!(hub.verify(&token, now).await.unwrap(), verified);
        hub.verify(&token, now.plus_secs(899)).await.unwrap();
        let expired = hub.verify(&token, now.plus_secs(900)).await.unwrap_err().to_string();
        assert!(expired.contains("expired"), "{expired}");
        let (_, life) = hub.issue(&id, &user, Some(now.plus_secs(60)), now).await.unwrap();
        assert_eq!(life, 60);
        let again = open(folder.path(), &clock, None);
        again.verify(&token, now).await.unwrap();
    }

    #[tokio::test]
    async fn access_token_of_another_hub_is_refused() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let clock = MockClock::new(Timestamp(1_800_000_000_000_000));
        let (one, other) = (
            open(one.path(), &clock, Some("https://one.example")),
            open(other.path(), &clock, Some("https://other.example")),
        );
        let (id, user) = (flow_common::ids::token_id(), flow_common::ids::user_id());
        let (token, _) = other.issue(&id, &user, None, clock.now()).await.unwrap();
        let refused = one.verify(&token, clock.now()).await.unwrap_err().to_string();
        assert!(refused.contains("no trusted issuer"), "{refused}");
    }
}
