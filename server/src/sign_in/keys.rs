//! The keys with which the hub signs access tokens.
//!
//! A file in the data directory holds them; only the hub's own user can read it. The hub makes a new
//! key every [`ROTATION_PERIOD_S`]. It publishes the new key for [`PUBLISH_LEAD_S`] before it signs
//! with it, and the old one until every token signed with it has expired: a verifier that caches the
//! key set for an hour never misses a key. Without the file the hub makes a new key at its start,
//! and tokens of the old keys are refused at once.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flow_api_types::JsonWebKey;
use flow_common::secret_file::{self, SecretFileError};
use flow_domain::time::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::jwks::{Key, KeySet};

/// Name of the file in the data directory.
pub(crate) const KEY_FILE: &str = "token-keys.json";
/// Age of the newest key at which the hub makes the next.
const ROTATION_PERIOD_S: u64 = 30 * 24 * 3600;
/// Time for which a new key is published before it signs.
const PUBLISH_LEAD_S: u64 = 3600;
/// Time for which a replaced key stays published: longer than any token that it signed is valid.
const RETIRE_S: u64 = 3600;

/// The keys cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error(transparent)]
    Read(#[from] SecretFileError),
    #[error("{path} is damaged: remove it and restart the hub; access tokens in use become invalid", path = path.display())]
    Damaged { path: PathBuf },
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    kid: String,
    created_at: Timestamp,
    /// PKCS#8 in base64url.
    private: String,
}

struct SigningKey {
    stored: StoredKey,
    private: EncodingKey,
    /// Uncompressed point.
    public: Vec<u8>,
}

/// The signing keys of this hub.
pub(crate) struct SigningKeys {
    path: PathBuf,
    /// Sorted by time of creation, never empty.
    keys: Mutex<Arc<Vec<SigningKey>>>,
}

impl SigningKeys {
    /// Reads the keys in the data directory; makes the first key at the first start.
    pub(crate) fn open(data_dir: &Path, now: Timestamp) -> Result<Self, KeyError> {
        let path = data_dir.join(KEY_FILE);
        let keys = match secret_file::read(&path) {
            Ok(text) => {
                let damaged = || KeyError::Damaged { path: path.clone() };
                let stored: Vec<StoredKey> =
                    serde_json::from_str(text.expose()).map_err(|_| damaged())?;
                let mut keys: Vec<SigningKey> =
                    stored.into_iter().map(load).collect::<Option<_>>().ok_or_else(damaged)?;
                keys.sort_by_key(|key| key.stored.created_at);
                if keys.is_empty() {
                    return Err(damaged());
                }
                keys
            }
            Err(SecretFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let keys = vec![generate(now)];
                write(&path, &keys)?;
                keys
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { path, keys: Mutex::new(Arc::new(keys)) })
    }

    /// True if [`Self::rotate`] has something to do.
    pub(crate) fn is_rotation_due(&self, now: Timestamp) -> bool {
        let keys = self.keys.lock();
        is_next_due(&keys, now) || retired(&keys, now) > 0
    }

    /// Makes the next key if it is due, and removes keys that no valid token needs. Writes a file.
    pub(crate) fn rotate(&self, now: Timestamp) -> Result<(), KeyError> {
        let mut keys = self.keys.lock();
        let (is_due, retired) = (is_next_due(&keys, now), retired(&keys, now));
        if !is_due && retired == 0 {
            return Ok(());
        }
        let kept = keys.iter().skip(retired).map(|key| key.stored.clone());
        let mut next: Vec<SigningKey> = kept.filter_map(load).collect();
        if is_due {
            next.push(generate(now));
        }
        write(&self.path, &next)?;
        tracing::info!(keys = next.len(), is_due, retired, "keys of access tokens rotated");
        *keys = Arc::new(next);
        Ok(())
    }

    /// Signs claims.
    pub(crate) fn sign<T: Serialize>(
        &self,
        claims: &T,
        now: Timestamp,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let keys = Arc::clone(&self.keys.lock());
        let published = |key: &&SigningKey| key.stored.created_at.plus_secs(PUBLISH_LEAD_S) <= now;
        let key = keys.iter().rfind(published).or(keys.first()).expect("there is always a key");
        let header = Header {
            // RFC 9068
            typ: Some("at+jwt".to_owned()),
            kid: Some(key.stored.kid.clone()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, claims, &key.private)
    }

    /// Returns the public keys for verification.
    pub(crate) fn public(&self) -> KeySet {
        let keys = Arc::clone(&self.keys.lock());
        let key = |key: &SigningKey| Key {
            id: Some(key.stored.kid.clone()),
            algorithm: Some(Algorithm::ES256),
            public: DecodingKey::from_ec_der(&key.public),
        };
        KeySet::new(keys.iter().map(key).collect())
    }

    /// Returns the public keys for the published key set.
    pub(crate) fn published(&self) -> Vec<JsonWebKey> {
        let keys = Arc::clone(&self.keys.lock());
        let key = |key: &SigningKey| {
            // One byte for the form of the point, then both coordinates.
            let (x, y) = key.public[1..].split_at(32);
            JsonWebKey {
                kty: "EC".to_owned(),
                crv: "P-256".to_owned(),
                alg: "ES256".to_owned(),
                usage: "sig".to_owned(),
                kid: key.stored.kid.clone(),
                x: URL_SAFE_NO_PAD.encode(x),
                y: URL_SAFE_NO_PAD.encode(y),
            }
        };
        keys.iter().map(key).collect()
    }
}

fn is_next_due(keys: &[SigningKey], now: Timestamp) -> bool {
    let newest = keys.last().map(|key| key.stored.created_at);
    newest.is_none_or(|created_at| created_at.plus_secs(ROTATION_PERIOD_S) <= now)
}

/// Returns the number of the oldest keys whose successor has signed for some time.
fn retired(keys: &[SigningKey], now: Timestamp) -> usize {
    let is_retired = |pair: &&[SigningKey]| {
        pair[1].stored.created_at.plus_secs(PUBLISH_LEAD_S + RETIRE_S) <= now
    };
    keys.windows(2).take_while(is_retired).count()
}

fn generate(now: Timestamp) -> SigningKey {
    let random = SystemRandom::new();
    let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
        .expect("the operating system gives random bytes");
    let private = URL_SAFE_NO_PAD.encode(private.as_ref());
    let stored = StoredKey { kid: String::new(), created_at: now, private };
    let mut key = load(stored).expect("a new key is sound");
    let digest = sha2::Sha256::digest(&key.public);
    key.stored.kid = URL_SAFE_NO_PAD.encode(&digest[..12]);
    key
}

fn load(stored: StoredKey) -> Option<SigningKey> {
    let der = URL_SAFE_NO_PAD.decode(&stored.private).ok()?;
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new());
    let public = pair.ok()?.public_key().as_ref().to_vec();
    Some(SigningKey { stored, private: EncodingKey::from_ec_der(&der), public })
}

/// Replaces the file: a crash leaves the old or the new content.
fn write(path: &Path, keys: &[SigningKey]) -> Result<(), KeyError> {
    let stored: Vec<&StoredKey> = keys.iter().map(|key| &key.stored).collect();
    let text = serde_json::to_string_pretty(&stored).expect("texts and numbers are serializable");
    let replaced = || {
        let temporary = path.with_extension("tmp");
        // A killed process may have left the file.
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        match path.parent() {
            Some(folder) if folder != Path::new("") => File::open(folder)?.sync_all(),
            _ => File::open(".")?.sync_all(),
        }
    };
    replaced().map_err(|source| KeyError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign_in::crypto;
    use crate::sign_in::jwt::{self, Expected, Refusal};
    use serde_json::json;

    const START: Timestamp = Timestamp(1_800_000_000_000_000);

    fn check(keys: &SigningKeys, token: &str, now: Timestamp) -> Result<(), Refusal> {
        let expected = Expected {
            issuer: "hub",
            audiences: &["hub".to_owned()],
            algorithms: &[Algorithm::ES256],
            now,
        };
        jwt::verify(token, &keys.public(), expected).map(drop)
    }

    fn token(keys: &SigningKeys, now: Timestamp) -> String {
        let claims = json!({
            "iss": "hub", "aud": "hub", "exp": now.plus_secs(900).0 / 1_000_000,
        });
        keys.sign(&claims, now).unwrap()
    }

    fn kid(token: &str) -> String {
        jwt::header(token).unwrap().kid.unwrap()
    }

    #[test]
    fn keys_rotate_with_overlap() {
        crypto::install().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let keys = SigningKeys::open(folder.path(), START).unwrap();
        let old = token(&keys, START);
        check(&keys, &old, START).unwrap();
        keys.rotate(START).unwrap();
        assert_eq!(keys.published().len(), 1, "not due");

        let due = START.plus_secs(ROTATION_PERIOD_S);
        keys.rotate(due).unwrap();
        assert_eq!(keys.published().len(), 2);
        let during = token(&keys, due);
        assert_eq!(kid(&during), kid(&old), "the new key is published first");
        let switched = due.plus_secs(PUBLISH_LEAD_S);
        keys.rotate(switched).unwrap();
        let new = token(&keys, switched);
        assert_ne!(kid(&new), kid(&old));
        check(&keys, &new, switched).unwrap();
        let last = token(&keys, due.plus_secs(PUBLISH_LEAD_S - 1));
        assert_eq!(kid(&last), kid(&old));
        check(&keys, &last, switched.plus_secs(800)).unwrap();

        let retired = switched.plus_secs(RETIRE_S);
        keys.rotate(retired).unwrap();
        assert_eq!(keys.published().len(), 1);
        assert_eq!(check(&keys, &last, retired), Err(Refusal::UnknownKey));
        let again = SigningKeys::open(folder.path(), retired).unwrap();
        assert_eq!(again.published(), keys.published(), "a restart keeps the keys");
    }

    #[test]
    fn key_file_is_private_and_a_damaged_one_is_refused_with_the_remedy() {
        use std::os::unix::fs::PermissionsExt as _;
        crypto::install().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let first = SigningKeys::open(folder.path(), START).unwrap();
        let path = folder.path().join(KEY_FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // The hub was killed while it wrote.
        std::fs::write(path.with_extension("tmp"), "[{").unwrap();
        first.rotate(START.plus_secs(ROTATION_PERIOD_S)).unwrap();
        let read = SigningKeys::open(folder.path(), START).unwrap();
        assert_eq!(read.published(), first.published());
        for damaged in ["[]", "{", "[{\"kid\":\"a\",\"created_at\":0,\"private\":\"AAAA\"}]"] {
            std::fs::write(&path, damaged).unwrap();
            let error = SigningKeys::open(folder.path(), START).map(drop).unwrap_err().to_string();
            assert!(error.contains("remove it and restart"), "{error}");
        }
    }

    #[test]
    fn removed_key_file_makes_all_tokens_invalid() {
        crypto::install().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let keys = SigningKeys::open(folder.path(), START).unwrap();
        let old = token(&keys, START);
        std::fs::remove_file(folder.path().join(KEY_FILE)).unwrap();
        let keys = SigningKeys::open(folder.path(), START).unwrap();
        assert_eq!(check(&keys, &old, START), Err(Refusal::UnknownKey));
    }
}
