//! Accounts and what they may do.
//!
//! ```text
//!  request ─▶ Access::identify (token, session, signed token) ─▶ Identity ─▶ select project ─▶ Principal ─▶ matrix
//! ```
//!
//! [`matrix`] decides by operation and role; the engine decides about tasks of other accounts. The
//! database has only the SHA-256 of each credential. The hub remembers the account of a credential
//! for at most two seconds, and forgets it at each change by this process.

mod address;
mod credential;
mod identity;
mod limit;
pub mod matrix;
mod password;
mod principal;
mod recover;
mod session;
mod setup;
pub mod token;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{self, SharedClock, monotonic};
use flow_common::error::chain;
use flow_common::secret_file::Secret;
use flow_common::text::foreign;
use flow_console::Base;
use flow_domain::access::{ProjectRole, TokenScope, UserKind};
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{Digest, UserId, UserName};
use flow_domain::time::Timestamp;
use http::HeaderMap;
use parking_lot::Mutex;
use tokio::sync::watch;
use url::Url;

use crate::listener::source_of;
use crate::sign_in::SignIn;
use crate::sign_in::issuers::{IssuerError, Workload};
use crate::store::{AccessEntry, ApiToken, Store, StoreError, User};
pub(crate) use credential::is_basic;
use credential::{Place, Presented, authorization};
use identity::IdentityMemory;
use limit::RateLimit;

pub use address::TrustedProxies;
pub(crate) use identity::{Identity, no_project};
pub(crate) use password::{Passwords, check as check_password};
pub use principal::{Credential, Principal};
pub(crate) use recover::recover;
pub(crate) use session::{IDLE_S, SessionCookie, check_page, check_site, open as open_session};
pub use setup::{SETUP_FILE, SetupCode};

/// The project of objects from before there were projects.
pub(crate) const DEFAULT_PROJECT: &str = "default";
/// Step of the stored time of the last use, in seconds.
const USE_GRAIN_S: u64 = 300;
/// Longest time for which a response lasts after another process revoked its credential.
const RECHECK_PERIOD: Duration = Duration::from_secs(5);
/// Requests of an account at once, in requests per second.
const BURST_S: u32 = 4;
/// Requests with invalid credentials of a source address: one per interval, and at once.
const FAILURE_INTERVAL: Duration = Duration::from_millis(50);
const FAILURES_BURST: u32 = 1000;
/// Sign-ins with a password of a source address: one per interval, and at once.
const SIGN_IN_INTERVAL: Duration = Duration::from_secs(2);
const SIGN_INS_BURST: u32 = 30;
/// Wrong codes of device sign-ins of a source address: one per interval, and at once.
const WRONG_CODE_INTERVAL: Duration = Duration::from_secs(1);
const WRONG_CODES_BURST: u32 = 60;

/// Returns the secret of a request.
pub(crate) fn secret(text: flow_api_types::SecretText) -> Secret {
    Secret::new(text.0)
}

/// An error, and the time after which a repeated request may succeed.
#[derive(Debug)]
pub(crate) struct Refused {
    pub error: Error,
    pub retry_after: Option<Duration>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, retry_after: None }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl Refused {
    pub(crate) fn limited(what: &str, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        let message = format!("{what}: wait {seconds} s");
        Self { error: Error::new(ErrorCode::RateLimited, message), retry_after: Some(wait) }
    }
}

/// Settings of the access to a hub.
#[derive(Debug, Clone)]
pub struct AccessOptions {
    /// Every browser uses TLS: cookies are for TLS only.
    pub is_tls: bool,
    /// The REST listener uses TLS.
    pub has_tls_listener: bool,
    /// Requests of an account per second.
    pub requests_per_s: u32,
    pub trusted_proxies: TrustedProxies,
}

impl Default for AccessOptions {
    fn default() -> Self {
        Self {
            is_tls: false,
            has_tls_listener: false,
            requests_per_s: 1000,
            trusted_proxies: TrustedProxies::default(),
        }
    }
}

/// The account of a request's credential.
pub(crate) struct Identified {
    /// Identifies the credential in [`Access::revoked`].
    pub digest: Digest,
    /// End of a signed token.
    pub expires_at: Option<Timestamp>,
    pub identity: Arc<Identity>,
}

/// Accounts of the hub.
pub struct Access {
    store: Arc<Store>,
    clock: SharedClock,
    memory: IdentityMemory,
    setup: Mutex<Option<SetupCode>>,
    sign_in: SignIn,
    requests: RateLimit<UserId>,
    failures: RateLimit<IpAddr>,
    sign_ins: RateLimit<IpAddr>,
    wrong_codes: RateLimit<IpAddr>,
    pub(crate) passwords: Passwords,
    is_tls: bool,
    has_tls_listener: bool,
    trusted_proxies: TrustedProxies,
    /// Path of `access.public_url`.
    public_base: Base,
    /// Marked as changed after each change of accounts by this process.
    changes: watch::Sender<()>,
}

impl Access {
    /// `setup` is the code of a hub without accounts.
    #[must_use]
    pub fn new(
        store: Arc<Store>,
        clock: SharedClock,
        setup: Option<SetupCode>,
        sign_in: SignIn,
        options: AccessOptions,
    ) -> Self {
        let AccessOptions { is_tls, has_tls_listener, requests_per_s, trusted_proxies } = options;
        let requests_per_s = requests_per_s.max(1);
        let public_url = Url::parse(&sign_in.public_url).ok();
        let public_base = public_url.and_then(|url| Base::parse(url.path())).unwrap_or_default();
        Self {
            store,
            clock,
            memory: IdentityMemory::default(),
            setup: Mutex::new(setup),
            sign_in,
            requests: RateLimit::new(
                Duration::from_secs(1) / requests_per_s,
                requests_per_s.saturating_mul(BURST_S),
            ),
            failures: RateLimit::new(FAILURE_INTERVAL, FAILURES_BURST),
            sign_ins: RateLimit::new(SIGN_IN_INTERVAL, SIGN_INS_BURST),
            wrong_codes: RateLimit::new(WRONG_CODE_INTERVAL, WRONG_CODES_BURST),
            passwords: Passwords::default(),
            is_tls,
            has_tls_listener,
            trusted_proxies,
            public_base,
            changes: watch::channel(()).0,
        }
    }

    /// Returns the address of the client of a request from `peer`.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.trusted_proxies.client(peer, headers)
    }

    /// Returns whether the client of a request from `peer` uses TLS, as far as the hub knows.
    pub(crate) fn is_tls(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        self.is_tls || self.trusted_proxies.has_tls(peer, headers)
    }

    /// Returns the path under which the client of a request from `peer` finds the hub, if its proxy
    /// reports one.
    pub(crate) fn forwarded_base(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Base> {
        self.trusted_proxies.base(peer, headers)
    }

    /// Returns the path under which browsers find the hub by the configuration.
    pub(crate) const fn public_base(&self) -> &Base {
        &self.public_base
    }

    /// Returns the account of a request's credential.
    pub(crate) async fn identify(
        &self,
        headers: &HeaderMap,
        address: IpAddr,
        is_tls: bool,
    ) -> Result<Identified, Refused> {
        let credential = match Presented::of(headers, is_tls) {
            Ok(credential) => credential,
            Err(what) => return Err(self.refuse(what, headers, address)),
        };
        let credential = match credential {
            Presented::Signed(token) => match self.sign_in.verify(&token, self.clock.now()).await {
                Ok(verified) => Presented::Verified(verified),
                Err(error @ IssuerError::Keys(_)) => {
                    tracing::warn!(error = %chain(&error), "a signed token cannot be checked");
                    let message = "the keys of the token's issuer cannot be read at this time; the log of the hub has the cause";
                    return Err(Error::new(ErrorCode::ProviderUnavailable, message).into());
                }
                Err(error) => {
                    let what = format!("the signed token is not accepted, because {error}");
                    return Err(self.refuse(&what, headers, address));
                }
            },
            other => other,
        };
        let digest = credential.digest();
        // Not limited: a valid token works also behind an address that sends invalid ones.
        let identity = self.find(&digest, &credential.place()).await?;
        let Some(identity) = identity.filter(|found| credential.is_of(found)) else {
            return Err(self.refuse(credential.invalid(), headers, address));
        };
        self.requests
            .admit(identity.user.clone(), monotonic())
            .map_err(|wait| Refused::limited("the account sends too many requests", wait))?;
        Ok(Identified { digest, expires_at: credential.expires_at(), identity })
    }

    /// Returns the account of a credential that is valid now.
    async fn find(
        &self,
        digest: &Digest,
        place: &Place<'_>,
    ) -> Result<Option<Arc<Identity>>, StoreError> {
        let found = match self.memory.get(digest) {
            Some(identity) => Some(identity),
            None => {
                let found = self.read(digest, place).await?;
                if found.is_none() {
                    self.memory.remove(digest);
                }
                found
            }
        };
        let now = self.clock.now();
        Ok(found.filter(|found| found.expires_at.is_none_or(|at| now < at)))
    }

    /// Returns the caller of `/api/v1` without credentials.
    pub(crate) fn anonymous(&self) -> Result<Identified, Refused> {
        let identity = Identity::anonymous()?;
        self.requests.admit(identity.user.clone(), monotonic()).map_err(|wait| {
            Refused::limited("there are too many requests without credentials", wait)
        })?;
        // The responses of its routes are complete: nothing asks for the digest.
        Ok(Identified { digest: Digest::of(b""), expires_at: None, identity: Arc::new(identity) })
    }

    async fn read(
        &self,
        digest: &Digest,
        place: &Place<'_>,
    ) -> Result<Option<Arc<Identity>>, StoreError> {
        let changes = self.memory.changes();
        let found = match place {
            Place::Token => self.store.token_by_digest(digest).await?.map(Found::Token),
            Place::Session => self.store.session_by_digest(digest).await?.map(Found::Session),
            Place::AccessToken(id) => self.store.token(id).await?.map(Found::AccessToken),
            Place::Workload(workload) => {
                if self.store.project(&workload.project).await?.is_none() {
                    return Ok(None);
                }
                let user = self.service_account(&workload.account).await?;
                user.map(|user| Found::Workload(Workload::clone(workload), user))
            }
        };
        let Some(found) = found else { return Ok(None) };
        // Another process may have created the first account: `flow-server admin-token`.
        if let Some(setup) = self.setup.lock().take() {
            setup.used();
        }
        let user = found.user();
        let now = self.clock.now();
        if user.disabled_at.is_some() || found.is_ended(now) {
            return Ok(None);
        }
        let roles: BTreeMap<_, _> = self.store.roles_of(user).await?.into_iter().collect();
        self.record_use(&found, now);
        let identity = Arc::new(found.identity(roles));
        self.memory.insert(digest.clone(), &identity, changes);
        Ok(Some(identity))
    }

    /// Completes when `admits` rejects the account of the credential, or the credential is not valid
    /// any more; a signed token is valid until `expires_at`. For responses that last: it checks after
    /// each change of accounts, and after [`RECHECK_PERIOD`] for changes by other processes.
    pub(crate) async fn revoked(
        &self,
        digest: &Digest,
        credential: &Credential,
        expires_at: Option<Timestamp>,
        admits: impl Fn(&Identity) -> bool,
    ) {
        let mut changes = self.changes.subscribe();
        let Some(place) = Place::of(credential) else { return std::future::pending().await };
        loop {
            if expires_at.is_some_and(|at| at <= self.clock.now()) {
                return;
            }
            match self.find(digest, &place).await {
                Ok(Some(identity)) if admits(&identity) => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(error = %chain(&error), "cannot check the account of a stream");
                }
            }
            // Both results lead to the next check.
            let _ = clock::timeout(RECHECK_PERIOD, changes.changed()).await;
        }
    }

    /// Stores the time of the use, unless it was stored some minutes ago. The request does not wait.
    fn record_use(&self, found: &Found, now: Timestamp) {
        let last = match found {
            Found::Token((token, _)) | Found::AccessToken((token, _)) => token.last_used_at,
            Found::Workload(workload, user) => {
                tracing::info!(account = %user.name, subject = foreign(&workload.subject, 200), "a token of a trusted issuer is in use");
                return;
            }
            Found::Session((session, _)) => Some(session.seen_at),
        };
        if last.is_some_and(|last| now.secs_since(last) < USE_GRAIN_S) {
            return;
        }
        let store = Arc::clone(&self.store);
        let found = found.clone();
        tokio::spawn(async move {
            let stored = match &found {
                Found::Workload(..) => Ok(()),
                Found::Token((token, _)) | Found::AccessToken((token, _)) => {
                    store.tokens_used(std::slice::from_ref(&token.id), now).await
                }
                Found::Session((session, _)) => store.session_seen(&session.id, now).await,
            };
            if let Err(error) = stored {
                tracing::debug!(error = %chain(&error), "cannot store the last use of a credential");
            }
        });
    }

    /// Counts the failure, and explains it.
    fn refuse(&self, what: &str, headers: &HeaderMap, address: IpAddr) -> Refused {
        if let Err(wait) = self.failures.admit(source_of(address), monotonic()) {
            return Refused::limited("too many requests had invalid credentials", wait);
        }
        let (code, message) = match &*self.setup.lock() {
            Some(setup) if authorization(headers).is_some_and(|(_, text)| setup.is(text)) => (
                ErrorCode::SetupRequired,
                "the setup code only creates the first account: run `flowctl setup`".to_owned(),
            ),
            Some(_) => (
                ErrorCode::SetupRequired,
                "this hub has no account yet: run `flowctl setup` with the code in the file `setup-code` in the hub's data directory".to_owned(),
            ),
            None => (
                ErrorCode::Unauthenticated,
                format!(
                    "{what}: send `Authorization: Bearer TOKEN` with an API token; `flowctl login` creates one"
                ),
            ),
        };
        Error::new(code, message).into()
    }

    /// Returns the account of programs of a trusted issuer; creates it for the first one. A hub that
    /// waits for its first administrator has no such account.
    async fn service_account(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        let mut found = self.store.user(name).await?;
        if found.is_none() && self.setup.lock().is_none() {
            let user = User {
                id: flow_common::ids::user_id(),
                name: name.clone(),
                kind: UserKind::Service,
                federation_admin: false,
                password_hash: None,
                created_at: self.clock.now(),
                disabled_at: None,
            };
            let entry = AccessEntry {
                id: flow_common::ids::audit_id(),
                at: user.created_at,
                actor_id: None,
                actor: String::new(),
                action: "create_user".to_owned(),
                object: name.to_string(),
                project: None,
                address: String::new(),
                detail: "for access.trusted_issuers".to_owned(),
            };
            match self.store.create_user(&user, &entry).await {
                // Another request was faster.
                Ok(()) | Err(StoreError::Exists(_)) => found = self.store.user(name).await?,
                Err(error) => return Err(error),
            }
        }
        Ok(found.filter(|user| user.kind == UserKind::Service))
    }

    /// Counts a wrong code of a device sign-in.
    pub(crate) fn count_wrong_code(&self, address: IpAddr) -> Result<(), Refused> {
        self.wrong_codes
            .admit(source_of(address), monotonic())
            .map_err(|wait| Refused::limited("too many requests had wrong codes", wait))
    }

    /// Keys, issuers and providers.
    pub(crate) const fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }

    /// Limits the attempts of an address to sign in or to guess the setup code.
    pub(crate) fn admit_sign_in(&self, address: IpAddr) -> Result<(), Refused> {
        self.sign_ins
            .admit(source_of(address), monotonic())
            .map_err(|wait| Refused::limited("too many sign-ins from this address", wait))
    }

    /// Makes a change of accounts effective in this process.
    pub(crate) fn changed(&self) {
        self.memory.forget();
        self.changes.send_replace(());
    }

    /// Creates the first account, an administrator of the federation.
    pub(crate) async fn set_up(
        &self,
        code: &str,
        user: &User,
        token: &ApiToken,
        entry: &AccessEntry,
    ) -> Result<(), Error> {
        let done = || Error::of(ErrorCode::SetupDone);
        let setup = self.setup.lock().clone().ok_or_else(done)?;
        if !setup.is(code) {
            let message = "the setup code is wrong; it is in the file `setup-code` in the hub's data directory";
            return Err(Error::new(ErrorCode::Unauthenticated, message));
        }
        let created = self.store.create_first_user(user, token, entry).await?;
        *self.setup.lock() = None;
        setup.used();
        self.changed();
        if created { Ok(()) } else { Err(done()) }
    }

    /// Rejects a setup on a hub with accounts before any other check.
    pub(crate) fn check_setup(&self) -> Result<(), Error> {
        match &*self.setup.lock() {
            Some(_) => Ok(()),
            None => Err(Error::of(ErrorCode::SetupDone)),
        }
    }
}

/// A credential of the database, with its account.
#[derive(Clone)]
enum Found {
    Token((ApiToken, User)),
    Session((crate::store::BrowserSession, User)),
    AccessToken((ApiToken, User)),
    Workload(Workload, User),
}

impl Found {
    const fn user(&self) -> &User {
        match self {
            Self::Token((_, user))
            | Self::Session((_, user))
            | Self::AccessToken((_, user))
            | Self::Workload(_, user) => user,
        }
    }

    fn is_ended(&self, now: Timestamp) -> bool {
        match self {
            Self::Token((token, _)) | Self::AccessToken((token, _)) => {
                token.expires_at.is_some_and(|at| at <= now)
            }
            Self::Workload(..) => false,
            Self::Session((session, _)) => session::is_ended(session, now),
        }
    }

    fn identity(self, roles: BTreeMap<flow_domain::id::ProjectId, ProjectRole>) -> Identity {
        match self {
            Self::AccessToken((token, user)) => {
                let credential = Credential::AccessToken(token.id.clone());
                Identity { credential, ..Self::Token((token, user)).identity(roles) }
            }
            // The rule of the issuer decides, not the roles of the account.
            Self::Workload(workload, user) => Identity {
                user: user.id,
                name: user.name,
                kind: user.kind,
                federation_admin: false,
                projects: BTreeMap::from([(workload.project.clone(), workload.role)]),
                project: Some(workload.project.clone()),
                scope: TokenScope::Api,
                expires_at: None,
                credential: Credential::Workload(Arc::new(workload)),
            },
            Self::Token((token, user)) => {
                let limited = token.project.is_some()
                    || token.role.is_some()
                    || token.scope != TokenScope::Api;
                let cap = token.role.unwrap_or(ProjectRole::Admin);
                let projects = roles
                    .into_iter()
                    .filter(|(id, _)| token.project.as_ref().is_none_or(|only| only == id))
                    .map(|(id, role)| (id, role.min(cap)));
                Identity {
                    user: user.id,
                    name: user.name,
                    kind: user.kind,
                    federation_admin: user.federation_admin && !limited,
                    projects: projects.collect(),
                    project: token.project,
                    scope: token.scope,
                    expires_at: token.expires_at,
                    credential: Credential::Token { id: token.id, limited },
                }
            }
            Self::Session((session, user)) => Identity {
                user: user.id,
                name: user.name,
                kind: user.kind,
                federation_admin: user.federation_admin,
                projects: roles,
                project: None,
                scope: TokenScope::Api,
                expires_at: Some(session.expires_at),
                credential: Credential::Session(session.id),
            },
        }
    }
}
