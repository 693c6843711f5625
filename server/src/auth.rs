//! Authentication. Until user accounts exist, users share one bootstrap token, in a file that only
//! the hub's own user can read; each party's agent has a secret. A listener that other machines can
//! reach uses TLS. Only digests are stored, and they are compared in constant time.

use std::path::{Path, PathBuf};

use flow_common::secret_file::{self, Secret, SecretFileError};
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{Digest, PartyId, ProjectId};
use flow_domain::time::Timestamp;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;
use tonic::metadata::MetadataMap;

use crate::engine::Principal;
use crate::store::{Store, StoreError};

/// Name of the token file in the data directory.
pub const TOKEN_FILE: &str = "bootstrap-token";
/// Metadata key of the party's name.
const PARTY: &str = "flow-party";
/// The only project so far.
const PROJECT: &str = "default";

#[derive(Debug)]
pub struct Auth {
    token: Digest,
    project: ProjectId,
}

impl Auth {
    /// Accepts this bootstrap token.
    pub fn new(token: &Secret) -> Result<Self, Error> {
        Ok(Self {
            token: Digest::of(token.expose().as_bytes()),
            project: PROJECT.parse().map_err(Error::internal)?,
        })
    }

    /// Reads the token in the data directory; creates it at the first start.
    pub fn open(data_dir: &Path) -> Result<(Self, PathBuf), SecretFileError> {
        let path = data_dir.join(TOKEN_FILE);
        let token = match secret_file::read(&path) {
            Ok(token) => token,
            Err(SecretFileError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                let token = Secret::new(flow_common::ids::secret());
                secret_file::write_new(&path, &token)?;
                token
            }
            Err(error) => return Err(error),
        };
        let project =
            PROJECT.parse().unwrap_or_else(|_| unreachable!("the project's name is a slug"));
        Ok((Self { token: Digest::of(token.expose().as_bytes()), project }, path))
    }

    /// Returns the user of a REST request.
    pub fn principal(&self, headers: &HeaderMap) -> Result<Principal, Error> {
        let unknown = |what: &str| {
            let message = format!(
                "{what}: send `Authorization: Bearer TOKEN` with the token in the hub's `{TOKEN_FILE}` file"
            );
            Error::new(ErrorCode::Unauthenticated, message)
        };
        let header =
            headers.get(AUTHORIZATION).ok_or_else(|| unknown("the request has no token"))?;
        let token = header
            .to_str()
            .ok()
            .and_then(bearer)
            .ok_or_else(|| unknown("the Authorization header is not a bearer token"))?;
        if !same(&self.token, token) {
            return Err(unknown("the token is not valid"));
        }
        Ok(Principal { subject: "bootstrap".to_owned(), project: self.project.clone() })
    }

    /// Returns the party of a gRPC request and its proof.
    pub(crate) async fn party(
        &self,
        store: &Store,
        metadata: &MetadataMap,
        now: Timestamp,
    ) -> Result<(PartyId, Proof), SignInError> {
        let party: PartyId = claimed_party(metadata)
            .and_then(|name| name.parse().ok())
            .ok_or(SignInError::NoParty)?;
        let secret = metadata.get("authorization").and_then(|value| value.to_str().ok());
        let secret = secret.and_then(bearer).ok_or(SignInError::NoSecret)?;
        let proof = Proof(Digest::of(secret.as_bytes()));
        proof.accepted_until(store, &party, now).await?;
        Ok((party, proof))
    }
}

/// The party that a gRPC request names; untrusted text.
pub(crate) fn claimed_party(metadata: &MetadataMap) -> Option<&str> {
    metadata.get(PARTY).and_then(|value| value.to_str().ok())
}

/// The cause of a failed sign-in of an agent. The hub logs it; the error for the caller does not
/// distinguish an unknown party from a wrong secret.
#[derive(Debug)]
pub(crate) enum SignInError {
    NoParty,
    NoSecret,
    UnknownParty,
    WrongSecret,
    /// The secret was replaced, and its overlap has ended.
    ReplacedSecret,
    Store(StoreError),
}

impl SignInError {
    /// The cause in log and metrics; `None` if the store failed, which is no fault of the caller.
    pub(crate) const fn cause(&self) -> Option<&'static str> {
        match self {
            Self::NoParty => Some("no_party"),
            Self::NoSecret => Some("no_secret"),
            Self::UnknownParty => Some("unknown_party"),
            Self::WrongSecret => Some("wrong_secret"),
            Self::ReplacedSecret => Some("replaced_secret"),
            Self::Store(_) => None,
        }
    }
}

impl From<StoreError> for SignInError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SignInError> for Error {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Store(error) => error.into(),
            _ => Self::new(ErrorCode::Unauthenticated, "the party's name or secret is wrong"),
        }
    }
}

/// The digest of the secret that an agent sent.
#[derive(Debug, Clone)]
pub(crate) struct Proof(Digest);

impl Proof {
    /// Returns the time until which the secret is accepted, `None` = until it is replaced; an error
    /// if it is not accepted.
    pub(crate) async fn accepted_until(
        &self,
        store: &Store,
        party: &PartyId,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, SignInError> {
        let known = store.party(party).await?.ok_or(SignInError::UnknownParty)?;
        if equal(&known.row.secret_digest, &self.0) {
            return Ok(None);
        }
        match store.former_secret(party).await? {
            Some((former, until)) if equal(&former, &self.0) => {
                if now < until {
                    Ok(Some(until))
                } else {
                    Err(SignInError::ReplacedSecret)
                }
            }
            _ => Err(SignInError::WrongSecret),
        }
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn same(digest: &Digest, secret: &str) -> bool {
    equal(digest, &Digest::of(secret.as_bytes()))
}

fn equal(one: &Digest, other: &Digest) -> bool {
    one.as_str().as_bytes().ct_eq(other.as_str().as_bytes()).into()
}
