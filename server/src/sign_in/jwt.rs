//! Verification of a signed JSON Web Token (RFC 7519) against one issuer's keys and rules.
//!
//! Pure: the caller supplies keys and time. A token is accepted only if its algorithm is on the
//! list of its issuer and fits its key, its signature is valid, and issuer, audience and times fit.
//! Every refusal names its cause, never the token.

use flow_domain::time::Timestamp;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde_json::{Map, Value};

use super::jwks::{KeySet, Lookup};

/// Longest token, in bytes.
pub(crate) const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Accepted difference between the clocks of issuer and hub.
pub(crate) const CLOCK_SKEW_S: u64 = 60;

/// Requirements on a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub issuer: &'a str,
    /// One of them must be in `aud`.
    pub audiences: &'a [String],
    pub algorithms: &'a [Algorithm],
    pub now: Timestamp,
}

pub(crate) type Claims = Map<String, Value>;

/// The cause of a refusal, for users and for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("it is not a signed JSON Web Token")]
    Malformed,
    #[error("it has more than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    #[error("its algorithm is not allowed for this issuer")]
    Algorithm,
    #[error("its issuer has no key with its key id")]
    UnknownKey,
    #[error("it names no key, and its issuer has several")]
    NoKeyId,
    #[error("its key is for another algorithm")]
    WrongKey,
    #[error("its signature is not valid")]
    Signature,
    #[error("it marks an extension as critical that the hub does not know")]
    Critical,
    #[error("its claim `{0}` is missing or has a wrong type")]
    Claim(&'static str),
    #[error("it is from another issuer")]
    Issuer,
    #[error("it is for another audience")]
    Audience,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet: compare the clocks of issuer and hub")]
    NotYetValid,
}

/// True if the text has the form of a signed token.
pub(crate) fn is_jwt(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// Returns the issuer that an unverified token names.
pub(crate) fn claimed_issuer(token: &str) -> Result<String, Refusal> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Refusal::TooLong);
    }
    let claims: Claims =
        jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| Refusal::Malformed)?;
    text(&claims, "iss").map(ToOwned::to_owned)
}

/// Returns the header of an unverified token.
pub(crate) fn header(token: &str) -> Result<Header, Refusal> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Refusal::TooLong);
    }
    if !is_jwt(token) {
        return Err(Refusal::Malformed);
    }
    // An unknown algorithm, such as `none`, is malformed for the library.
    jsonwebtoken::decode_header(token).map_err(|_| Refusal::Malformed)
}

/// Verifies `token` and returns its claims.
pub(crate) fn verify(
    token: &str,
    keys: &KeySet,
    expected: Expected<'_>,
) -> Result<Claims, Refusal> {
    let header = header(token)?;
    if !expected.algorithms.contains(&header.alg) {
        return Err(Refusal::Algorithm);
    }
    // The library knows one critical extension, `b64`; no issuer of such tokens uses it.
    if header.crit.is_some() {
        return Err(Refusal::Critical);
    }
    let key = match keys.find(header.kid.as_deref()) {
        Lookup::Found(key) => key,
        Lookup::Unknown => return Err(Refusal::UnknownKey),
        Lookup::Ambiguous => return Err(Refusal::NoKeyId),
    };
    if !key.fits(header.alg) {
        return Err(Refusal::WrongKey);
    }
    let mut validation = Validation::new(header.alg);
    // The library reads the clock of the machine; times and audience are checked below.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(token, &key.public, &validation)
        .map_err(|_| Refusal::Signature)?
        .claims;
    check(&claims, expected)?;
    Ok(claims)
}

fn check(claims: &Claims, expected: Expected<'_>) -> Result<(), Refusal> {
    if text(claims, "iss")? != expected.issuer {
        return Err(Refusal::Issuer);
    }
    let is_ours = |value: &Value| {
        value.as_str().is_some_and(|text| expected.audiences.iter().any(|a| a == text))
    };
    let is_for_us = match claims.get("aud") {
        Some(one @ Value::String(_)) => is_ours(one),
        Some(Value::Array(several)) if several.iter().all(Value::is_string) => {
            several.iter().any(is_ours)
        }
        _ => return Err(Refusal::Claim("aud")),
    };
    if !is_for_us {
        return Err(Refusal::Audience);
    }
    if seconds(claims, "exp")?.ok_or(Refusal::Claim("exp"))?.plus_secs(CLOCK_SKEW_S) <= expected.now
    {
        return Err(Refusal::Expired);
    }
    let latest = expected.now.plus_secs(CLOCK_SKEW_S);
    for claim in ["nbf", "iat"] {
        if seconds(claims, claim)?.is_some_and(|from| from > latest) {
            return Err(Refusal::NotYetValid);
        }
    }
    Ok(())
}

/// Returns a claim that must be a text with at least one character.
pub(crate) fn text<'c>(claims: &'c Claims, claim: &'static str) -> Result<&'c str, Refusal> {
    let text = claims.get(claim).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or(Refusal::Claim(claim))
}

/// Returns a time in seconds since 1970, which may have a fraction; `None` if it is absent.
pub(crate) fn seconds(claims: &Claims, claim: &'static str) -> Result<Option<Timestamp>, Refusal> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let whole = value.as_u64().or_else(|| {
        let seconds = value.as_f64().filter(|seconds| (0.0..1e15).contains(seconds))?;
        Some(seconds as u64)
    });
    whole.map(|whole| Some(Timestamp(0).plus_secs(whole))).ok_or(Refusal::Claim(claim))
}
