//! Public keys of an issuer: a JSON Web Key Set (RFC 7517), and a cache of one that is fetched.
//!
//! The cache fetches again when its set is old or a token names an unknown key, but never more often
//! than every [`REFRESH_INTERVAL_MIN`]: a client that sends random key ids causes no load at the
//! issuer. If the issuer is not reachable, the last set stays in use for [`STALE_MAX`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{Monotonic, SharedClock};
use flow_common::plain_file::PlainFile;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use parking_lot::RwLock;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::http::{Fetch, FetchError, parse_url};

/// Shortest time between two fetches of a set.
const REFRESH_INTERVAL_MIN: Duration = Duration::from_secs(10);
/// Age at which a set is fetched again even if no key is missing: a removed key is untrusted then.
const FRESH_MAX: Duration = Duration::from_secs(10 * 60);
/// Age up to which a set stays in use while the issuer is not reachable.
const STALE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Keys of one set; further ones are ignored.
const KEYS_MAX: usize = 64;
/// Largest file with a set, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// A public key that the hub can use.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub id: Option<String>,
    /// The one algorithm of the key, if the issuer names it.
    pub algorithm: Option<Algorithm>,
    pub public: DecodingKey,
}

impl Key {
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        self.public.family() == algorithm.family()
            && self.public.family() != AlgorithmFamily::Hmac
            && self.algorithm.is_none_or(|only| only == algorithm)
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct KeySet(Vec<Key>);

pub(crate) enum Lookup<'k> {
    Found(&'k Key),
    Unknown,
    /// The token names no key, and the set has several.
    Ambiguous,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum KeySetError {
    #[error("is not a JSON Web Key Set: {0}")]
    Syntax(serde_json::Error),
    #[error("has no key for ES256, EdDSA, RS256 or PS256")]
    Empty,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

/// Members of a key (RFC 7517, RFC 7518, RFC 8037) that the hub reads.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl KeySet {
    pub(crate) fn new(keys: Vec<Key>) -> Self {
        Self(keys)
    }

    /// Parses a set. Keys for other algorithms and for encryption are ignored.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        let document: Document = serde_json::from_slice(bytes).map_err(KeySetError::Syntax)?;
        let keys = document.keys.into_iter().filter_map(|key| {
            let key = serde_json::from_value::<Jwk>(key).ok()?;
            usable(key)
        });
        let keys: Vec<Key> = keys.take(KEYS_MAX).collect();
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self(keys)) }
    }

    /// Returns the key with this id; without an id the only key.
    pub(crate) fn find(&self, id: Option<&str>) -> Lookup<'_> {
        match (id, self.0.as_slice()) {
            (Some(id), keys) => keys
                .iter()
                .find(|key| key.id.as_deref() == Some(id))
                .map_or(Lookup::Unknown, Lookup::Found),
            (None, [only]) => Lookup::Found(only),
            (None, _) => Lookup::Ambiguous,
        }
    }
}

fn usable(key: Jwk) -> Option<Key> {
    if key.usage.is_some_and(|usage| usage != "sig") {
        return None;
    }
    let algorithm = match key.alg.as_deref() {
        None => None,
        Some(name) => Some(super::algorithm(name)?),
    };
    let public = match (key.kty.as_str(), key.crv.as_deref()) {
        ("RSA", None) => DecodingKey::from_rsa_components(&key.n?, &key.e?),
        ("EC", Some("P-256")) => DecodingKey::from_ec_components(&key.x?, &key.y?),
        ("OKP", Some("Ed25519")) => DecodingKey::from_ed_components(&key.x?),
        _ => return None,
    };
    let key = Key { id: key.kid, algorithm, public: public.ok()? };
    algorithm.is_none_or(|algorithm| key.fits(algorithm)).then_some(key)
}

/// The place of a key set.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Url(Url),
    /// The set is at `jwks_uri` of this discovery document.
    Discovery(Url),
    File(PathBuf),
}

/// Keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    #[error("{0}")]
    Fetch(#[from] FetchError),
    #[error("cannot read {path}: {source}", path = path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the key set of {place} {source}")]
    Set {
        place: String,
        #[source]
        source: KeySetError,
    },
    #[error("the keys could not be read a moment ago; repeat the request in some seconds")]
    Recently,
}

/// Keys of one issuer, fetched when they are needed.
pub(crate) struct RemoteKeys {
    source: Source,
    fetch: Fetch,
    clock: SharedClock,
    cached: RwLock<Option<(Arc<KeySet>, Monotonic)>>,
    /// Time of the last fetch. Held during a fetch.
    fetched: Mutex<Option<Monotonic>>,
}

#[derive(Deserialize)]
struct Discovered {
    jwks_uri: String,
}

impl RemoteKeys {
    pub(crate) fn new(source: Source, fetch: Fetch, clock: SharedClock) -> Self {
        Self { source, fetch, clock, cached: RwLock::default(), fetched: Mutex::default() }
    }

    /// Returns a set that contains the key `id` if the issuer publishes it.
    pub(crate) async fn with(&self, id: Option<&str>) -> Result<Arc<KeySet>, KeysError> {
        let (usable, is_sufficient) = self.cached(id);
        if let Some(set) = usable.as_ref().filter(|_| is_sufficient) {
            return Ok(Arc::clone(set));
        }
        let is_known = usable.as_ref().is_some_and(|set| !matches!(set.find(id), Lookup::Unknown));
        let mut fetched = match self.fetched.try_lock() {
            Ok(fetched) => fetched,
            // Only a caller with an unknown key waits for another caller's fetch.
            Err(_) if is_known => return usable.ok_or(KeysError::Recently),
            Err(_) => self.fetched.lock().await,
        };
        let (usable, is_sufficient) = self.cached(id);
        let now = self.clock.monotonic();
        let is_recent = fetched.is_some_and(|at| now.since(at) < REFRESH_INTERVAL_MIN);
        if is_sufficient || is_recent {
            return usable.ok_or(KeysError::Recently);
        }
        *fetched = Some(now);
        match (self.read().await, usable) {
            (Ok(set), _) => {
                let set = Arc::new(set);
                *self.cached.write() = Some((Arc::clone(&set), now));
                Ok(set)
            }
            (Err(error), Some(set)) => {
                tracing::warn!(%error, "cannot refresh the keys of an issuer; using the last ones");
                Ok(set)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Returns the last set if it is not too old, and whether it needs no fetch for the key `id`.
    fn cached(&self, id: Option<&str>) -> (Option<Arc<KeySet>>, bool) {
        let now = self.clock.monotonic();
        match &*self.cached.read() {
            Some((set, at)) if now.since(*at) < STALE_MAX => {
                let is_sufficient =
                    now.since(*at) < FRESH_MAX && !matches!(set.find(id), Lookup::Unknown);
                (Some(Arc::clone(set)), is_sufficient)
            }
            _ => (None, false),
        }
    }

    async fn read(&self) -> Result<KeySet, KeysError> {
        let (place, bytes) = match &self.source {
            Source::Url(url) => (url.to_string(), self.fetch.get(url).await?),
            Source::Discovery(url) => {
                let Discovered { jwks_uri } = self.fetch.json(url).await?;
                let at = parse_url(&jwks_uri)?;
                (jwks_uri, self.fetch.get(&at).await?)
            }
            Source::File(path) => {
                let read = PlainFile::open(path).and_then(|file| {
                    // A writer of the file decides who may sign in.
                    file.refuse_writable_by_others(path)?;
                    file.read(FILE_BYTES_MAX)
                });
                let read = read.map_err(|source| KeysError::File { path: path.clone(), source })?;
                (path.display().to_string(), read)
            }
        };
        KeySet::parse(&bytes).map_err(|source| KeysError::Set { place, source })
    }
}
