//! Sign-in with OpenID Connect: authorization code with PKCE, for one hub as the client of its
//! configured providers.
//!
//! The hub stores nothing about a sign-in in progress. A random secret in a cookie of the browser
//! determines `state`, `nonce` and the PKCE verifier, so that only the browser that began a sign-in
//! can end it. The callback removes the cookie. The hub accepts a statement about a person only if
//! issuer, audience, authorized party, nonce, times, signature and algorithm of the ID token fit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flow_common::clock::{Monotonic, SharedClock};
use flow_common::secret_file::{self, Secret};
use flow_domain::text::clip;
use flow_domain::time::Timestamp;
use jsonwebtoken::Algorithm;
use ring::hmac;
use serde::Deserialize;
use serde_json::Value;
use sha2::Digest as _;
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::config::{self, OidcProvider};
use super::http::{Fetch, FetchError, parse_url};
use super::jwks::{KeysError, RemoteKeys, Source};
use super::jwt::{self, Claims, Expected, Refusal};

/// Time for a person to sign in at the provider.
pub(crate) const SIGN_IN_S: u64 = 10 * 60;
/// Age at which a provider's discovery document is fetched again.
const METADATA_FRESH_MAX: Duration = Duration::from_secs(10 * 60);
/// Shortest time between two attempts to reach a provider that cannot be reached.
const RETRY_INTERVAL_MIN: Duration = Duration::from_secs(5);
/// Longest path to return to, in bytes.
const RETURN_BYTES_MAX: usize = 1024;
/// Longest message of a provider that is shown, in characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// A person, as a provider states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub issuer: String,
    pub subject: String,
    /// Proposed name of the account.
    pub name: Option<String>,
    pub groups: Vec<String>,
}

/// The begin of a sign-in.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Address at the provider.
    pub location: Url,
    /// Value of the cookie.
    pub cookie: String,
}

/// The end of a sign-in.
#[derive(Debug)]
pub(crate) struct Ended {
    pub identity: Identity,
    /// Path at this hub.
    pub return_to: String,
}

/// Parameters of the callback.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Callback {
    pub code: Option<String>,
    pub state: Option<String>,
    pub iss: Option<String>,
    pub error: Option<String>,
    pub error_description: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    #[error("the provider cannot be reached or answered with an error: {0}")]
    Fetch(#[from] FetchError),
    #[error("the provider could not be reached a moment ago")]
    Recently,
    #[error("the provider's keys cannot be read: {0}")]
    Keys(#[from] KeysError),
    #[error("the discovery document of {expected} names another issuer: {found}")]
    OtherDocument { expected: String, found: String },
    #[error("this browser has begun no sign-in, or too long ago")]
    NoSignIn,
    #[error("the answer belongs to another sign-in")]
    State,
    #[error("the answer is from another issuer")]
    Issuer,
    #[error("the provider refused: {0}")]
    Refused(String),
    #[error("the answer has no authorization code")]
    NoCode,
    #[error("the ID token is not accepted: {0}")]
    Token(#[from] Refusal),
    #[error("the ID token is for another client (`azp`)")]
    AuthorizedParty,
    #[error("the ID token belongs to another sign-in (`nonce`)")]
    Nonce,
    #[error("the access token is not the one of the ID token (`at_hash`)")]
    AccessTokenHash,
    #[error("the user information is of another person (`sub`)")]
    OtherSubject,
    #[error("the person is in none of the groups of allowed_groups")]
    NoGroup,
}

impl OidcError {
    /// True if the same sign-in may succeed later.
    pub(crate) const fn is_temporary(&self) -> bool {
        matches!(self, Self::Fetch(_) | Self::Recently | Self::Keys(_))
    }
}

/// The configured providers.
#[derive(Default)]
pub(crate) struct Providers(BTreeMap<String, Provider>);

impl Providers {
    /// `public_url` is the address of this hub for browsers.
    pub(crate) fn new(
        configs: &BTreeMap<String, OidcProvider>,
        public_url: &str,
        clock: &SharedClock,
    ) -> Result<Self, String> {
        let provider = |(name, config): (&String, &OidcProvider)| {
            Provider::new(name, config, public_url, clock)
                .map(|provider| (name.clone(), provider))
                .map_err(|error| format!("access.oidc.{name}.{error}"))
        };
        configs.iter().map(provider).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Provider> {
        self.0.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.0.values()
    }
}

pub(crate) struct Provider {
    pub name: String,
    pub config: OidcProvider,
    algorithms: Vec<Algorithm>,
    secret: Option<Secret>,
    redirect_uri: String,
    discovery: Url,
    fetch: Fetch,
    keys: RemoteKeys,
    clock: SharedClock,
    metadata: Mutex<CachedMetadata>,
}

#[derive(Default)]
struct CachedMetadata {
    read: Option<(Arc<Metadata>, Monotonic)>,
    /// Time of the last attempt, if it failed.
    failed: Option<Monotonic>,
}

/// The members of a discovery document that the hub reads.
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: String,
}

/// The error of a token endpoint (RFC 6749).
#[derive(Deserialize)]
struct TokenError {
    error: String,
}

impl Provider {
    fn new(
        name: &str,
        config: &OidcProvider,
        public_url: &str,
        clock: &SharedClock,
    ) -> Result<Self, String> {
        let discovery = config::discovery(&config.issuer)?;
        let fetch = Fetch::new(&discovery, config.ca_file.as_deref())
            .map_err(|error| format!("ca_file: {error}"))?;
        let secret = config.client_secret_file.as_deref().map(secret_file::read).transpose();
        let base = public_url.trim_end_matches('/');
        Ok(Self {
            name: name.to_owned(),
            algorithms: config::algorithms(&config.algorithms)?,
            secret: secret.map_err(|error| format!("client_secret_file: {error}"))?,
            redirect_uri: format!("{base}/api/v2/oidc/{name}/callback"),
            keys: RemoteKeys::new(
                Source::Discovery(discovery.clone()),
                fetch.clone(),
                clock.clone(),
            ),
            discovery,
            fetch,
            clock: clock.clone(),
            metadata: Mutex::default(),
            config: config.clone(),
        })
    }

    /// Begins a sign-in that ends at the path `return_to` of this hub.
    pub(crate) async fn begin(&self, return_to: &str, now: Timestamp) -> Result<Begun, OidcError> {
        let metadata = self.metadata().await?;
        let attempt = Attempt {
            secret: flow_common::ids::secret(),
            begun_s: now.secs_since(Timestamp(0)),
            return_to: local_path(return_to).to_owned(),
        };
        let challenge =
            URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(attempt.derive("verifier", &self.name)));
        let mut location = parse_url(&metadata.authorization_endpoint)?;
        location
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.config.scopes.join(" "))
            .append_pair("state", &attempt.derive("state", &self.name))
            .append_pair("nonce", &attempt.derive("nonce", &self.name))
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(Begun { location, cookie: attempt.cookie() })
    }

    /// Returns the sign-in of this browser to which the parameters of the callback belong.
    pub(crate) fn resume(
        &self,
        cookie: Option<&str>,
        callback: &Callback,
        now: Timestamp,
    ) -> Result<Attempt, OidcError> {
        let attempt = cookie.and_then(Attempt::parse).ok_or(OidcError::NoSignIn)?;
        let begun = Timestamp(0).plus_secs(attempt.begun_s);
        if now < begun || now.secs_since(begun) > SIGN_IN_S {
            return Err(OidcError::NoSignIn);
        }
        let state = callback.state.as_deref().unwrap_or_default();
        if !is_same(state, &attempt.derive("state", &self.name)) {
            return Err(OidcError::State);
        }
        Ok(attempt)
    }

    /// Ends a sign-in: asks the provider who the person is.
    pub(crate) async fn end(
        &self,
        attempt: Attempt,
        callback: &Callback,
        now: Timestamp,
    ) -> Result<Ended, OidcError> {
        let metadata = self.metadata().await?;
        match &callback.iss {
            Some(issuer) if *issuer != self.config.issuer => return Err(OidcError::Issuer),
            None if metadata.authorization_response_iss_parameter_supported => {
                return Err(OidcError::Issuer);
            }
            _ => {}
        }
        if let Some(error) = &callback.error {
            let description = callback.error_description.as_deref().unwrap_or_default();
            return Err(OidcError::Refused(readable(&format!("{error} {description}"))));
        }
        let code = callback.code.as_deref().ok_or(OidcError::NoCode)?;
        let verifier = attempt.derive("verifier", &self.name);
        let tokens = self.redeem(&metadata, code, &verifier).await?;
        let claims = self.check(&tokens, &attempt.derive("nonce", &self.name), now).await?;
        let identity = self.identity(&metadata, claims, &tokens).await?;
        Ok(Ended { identity, return_to: attempt.return_to })
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, OidcError> {
        let mut cached = self.metadata.lock().await;
        let now = self.clock.monotonic();
        if let Some((metadata, at)) = &cached.read
            && now.since(*at) < METADATA_FRESH_MAX
        {
            return Ok(Arc::clone(metadata));
        }
        let last = cached.read.as_ref().map(|(metadata, _)| Arc::clone(metadata));
        if cached.failed.is_some_and(|at| now.since(at) < RETRY_INTERVAL_MIN) {
            return last.ok_or(OidcError::Recently);
        }
        let metadata: Metadata = match self.fetch.json(&self.discovery).await {
            Ok(metadata) => metadata,
            Err(error) => {
                cached.failed = Some(now);
                return last.ok_or_else(|| error.into());
            }
        };
        if metadata.issuer != self.config.issuer {
            return Err(OidcError::OtherDocument {
                expected: self.config.issuer.clone(),
                found: readable(&metadata.issuer),
            });
        }
        let metadata = Arc::new(metadata);
        *cached = CachedMetadata { read: Some((Arc::clone(&metadata), now)), failed: None };
        Ok(metadata)
    }

    /// Exchanges the code for tokens.
    async fn redeem(
        &self,
        metadata: &Metadata,
        code: &str,
        verifier: &str,
    ) -> Result<Tokens, OidcError> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("code_verifier", verifier),
        ];
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let has = |method: &str| methods.iter().any(|name| name == method);
        let is_basic = has("client_secret_basic") || !has("client_secret_post");
        let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let mut basic = None;
        match &self.secret {
            // RFC 6749, section 2.3.1: both parts are encoded as in a form.
            Some(secret) if is_basic => {
                basic = Some((encode(&self.config.client_id), encode(secret.expose())));
            }
            Some(secret) => form.extend([
                ("client_id", self.config.client_id.as_str()),
                ("client_secret", secret.expose()),
            ]),
            None => form.push(("client_id", &self.config.client_id)),
        }
        let basic = basic.as_ref().map(|(id, secret)| (id.as_str(), secret.as_str()));
        let url = parse_url(&metadata.token_endpoint)?;
        self.fetch.post_form(&url, &form, basic).await.map_err(|error| match &error {
            FetchError::Status { status: 400..=499, body, .. } => {
                let cause = serde_json::from_slice::<TokenError>(body).ok();
                cause.map_or_else(
                    || error.into(),
                    |cause| OidcError::Refused(readable(&cause.error)),
                )
            }
            _ => error.into(),
        })
    }

    /// Checks the ID token and returns its claims.
    async fn check(
        &self,
        tokens: &Tokens,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Claims, OidcError> {
        let key_id = jwt::header(&tokens.id_token)?.kid;
        let set = self.keys.with(key_id.as_deref()).await?;
        let client_id = std::slice::from_ref(&self.config.client_id);
        let expected = Expected {
            issuer: &self.config.issuer,
            audiences: client_id,
            algorithms: &self.algorithms,
            now,
        };
        let claims = jwt::verify(&tokens.id_token, &set, expected)?;
        let is_for_several =
            claims.get("aud").and_then(Value::as_array).is_some_and(|a| a.len() > 1);
        match claims.get("azp") {
            Some(azp) if azp.as_str() != Some(&self.config.client_id) => {
                return Err(OidcError::AuthorizedParty);
            }
            None if is_for_several => return Err(OidcError::AuthorizedParty),
            _ => {}
        }
        if !is_same(jwt::text(&claims, "nonce")?, nonce) {
            return Err(OidcError::Nonce);
        }
        if let Some(hash) = claims.get("at_hash") {
            let digest = match jwt::header(&tokens.id_token)?.alg {
                Algorithm::EdDSA => sha2::Sha512::digest(&tokens.access_token).to_vec(),
                _ => sha2::Sha256::digest(&tokens.access_token).to_vec(),
            };
            let half = URL_SAFE_NO_PAD.encode(&digest[..digest.len() / 2]);
            if hash.as_str() != Some(&half) {
                return Err(OidcError::AccessTokenHash);
            }
        }
        Ok(claims)
    }

    /// Reads name and groups, from the user information if the ID token lacks them.
    async fn identity(
        &self,
        metadata: &Metadata,
        mut claims: Claims,
        tokens: &Tokens,
    ) -> Result<Identity, OidcError> {
        let OidcProvider {
            name_claim,
            groups_claim,
            allowed_groups,
            roles,
            federation_admin_groups,
            ..
        } = &self.config;
        let subject = jwt::text(&claims, "sub")?.to_owned();
        let needs_groups =
            !(allowed_groups.is_empty() && roles.is_empty() && federation_admin_groups.is_empty());
        let is_complete =
            claims.contains_key(name_claim) && (!needs_groups || claims.contains_key(groups_claim));
        if let Some(endpoint) = metadata.userinfo_endpoint.as_ref().filter(|_| !is_complete) {
            let url = parse_url(endpoint)?;
            let more: Claims = self.fetch.json_as(&url, &tokens.access_token).await?;
            if jwt::text(&more, "sub")? != subject {
                return Err(OidcError::OtherSubject);
            }
            for (name, value) in more {
                claims.entry(name).or_insert(value);
            }
        }
        let groups: Vec<String> = match claims.get(groups_claim) {
            Some(Value::Array(groups)) => {
                groups.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
            }
            Some(Value::String(one)) => vec![one.clone()],
            _ => Vec::new(),
        };
        if !allowed_groups.is_empty() && !allowed_groups.iter().any(|name| groups.contains(name)) {
            return Err(OidcError::NoGroup);
        }
        let name = claims.get(name_claim).and_then(Value::as_str).map(ToOwned::to_owned);
        Ok(Identity { issuer: self.config.issuer.clone(), subject, name, groups })
    }
}

/// A sign-in in progress, as the cookie of the browser holds it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    secret: String,
    /// Seconds since 1970.
    begun_s: u64,
    return_to: String,
}

impl Attempt {
    fn cookie(&self) -> String {
        let Self { secret, begun_s, return_to } = self;
        format!("{secret}.{begun_s}.{}", URL_SAFE_NO_PAD.encode(return_to))
    }

    fn parse(cookie: &str) -> Option<Self> {
        let mut parts = cookie.split('.');
        let (secret, begun, return_to) = (parts.next()?, parts.next()?, parts.next()?);
        let return_to = String::from_utf8(URL_SAFE_NO_PAD.decode(return_to).ok()?).ok()?;
        let is_sound = secret.len() == 64 && parts.next().is_none();
        let attempt = Self {
            secret: secret.to_owned(),
            begun_s: begun.parse().ok()?,
            return_to: local_path(&return_to).to_owned(),
        };
        is_sound.then_some(attempt)
    }

    /// Derives a value from the secret; the whole cookie and the provider determine it.
    fn derive(&self, purpose: &str, provider: &str) -> String {
        let Self { secret, begun_s, return_to } = self;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let text = format!("{purpose}\n{provider}\n{begun_s}\n{return_to}");
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()))
    }
}

/// Returns the path if it is one of this hub, or `/`: a link must not lead to another site.
fn local_path(path: &str) -> &str {
    let is_local = path.len() <= RETURN_BYTES_MAX
        && path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_local { path } else { "/" }
}

/// Removes characters that are not printable from a text of a provider, and shortens it.
fn readable(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    clip(text.trim(), MESSAGE_CHARS_MAX).into_owned()
}

fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookie_determines_all_values_of_a_sign_in() {
        let attempt = Attempt {
            secret: flow_common::ids::secret(),
            begun_s: 7,
            return_to: "/tasks?x=1".to_owned(),
        };
        let read = Attempt::parse(&attempt.cookie()).unwrap();
        assert_eq!(read, attempt);
        let verifier = attempt.derive("verifier", "a");
        assert!((43..=128).contains(&verifier.len()), "RFC 7636: {verifier}");
        let others = [
            attempt.derive("state", "a"),
            attempt.derive("verifier", "b"),
            Attempt { begun_s: 8, ..Attempt::parse(&attempt.cookie()).unwrap() }
                .derive("verifier", "a"),
            Attempt { return_to: "/".to_owned(), ..read }.derive("verifier", "a"),
        ];
        assert!(!others.contains(&verifier));
        for bad in ["", "a.b.c", "..", "a.1.Lw", &format!("{}.1.Lw.x", "a".repeat(64))] {
            assert_eq!(Attempt::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_paths_of_this_hub_are_returned_to() {
        let long = format!("/{}", "a".repeat(RETURN_BYTES_MAX));
        for bad in [
            "",
            "tasks",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\nb",
            &long,
        ] {
            assert_eq!(local_path(bad), "/", "{bad}");
        }
        assert_eq!(local_path("/device?code=A"), "/device?code=A");
    }
}
