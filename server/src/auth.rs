//! Authentication of agents: each party has a secret. Only digests are stored, and they are compared
//! in constant time. ([`crate::access`] authenticates users.)

use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{Digest, PartyId};
use flow_domain::time::Timestamp;
use subtle::ConstantTimeEq;
use tonic::metadata::MetadataMap;

use crate::store::{Store, StoreError};

/// Metadata key of the party's name.
const PARTY: &str = "flow-party";

/// Returns the party of a gRPC request and its proof.
pub(crate) async fn party(
    store: &Store,
    metadata: &MetadataMap,
    now: Timestamp,
) -> Result<(PartyId, Proof), SignInError> {
    let party: PartyId =
        claimed_party(metadata).and_then(|name| name.parse().ok()).ok_or(SignInError::NoParty)?;
    let secret = metadata.get("authorization").and_then(|value| value.to_str().ok());
    let secret = secret.and_then(bearer).ok_or(SignInError::NoSecret)?;
    let proof = Proof(Digest::of(secret.as_bytes()));
    proof.accepted_until(store, &party, now).await?;
    Ok((party, proof))
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

fn equal(one: &Digest, other: &Digest) -> bool {
    one.as_str().as_bytes().ct_eq(other.as_str().as_bytes()).into()
}
