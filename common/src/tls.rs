//! TLS of a listener, from two PEM files. A certificate is renewed by replacing the files: they are looked at again when
//! they have changed, and a pair that is broken, expired or not yet valid leaves the one before in use. Who dials such a
//! listener: [`client`]; when certificates end: [`validity`].

pub mod client;
pub mod validity;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use flow_domain::time::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::runtime::Handle;
use tokio_rustls::TlsAcceptor;

use self::validity::Validity;
use crate::clock::{Clock as _, SystemClock};
use crate::plain_file::PlainFile;
use crate::secret_file::{self, SecretFileError};

/// Largest file of certificates: a machine's whole collection has about 250 kB.
const CERTIFICATES_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Why TLS cannot be spoken. Names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificates cannot be read.
    #[error("cannot read certificates from {path}: {why}", path = path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The key cannot be read, or others can read it.
    #[error(transparent)]
    Key(#[from] SecretFileError),
    /// There is no usable key in the file.
    #[error("{path} holds no private key that can be used: {why}", path = path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Its time is over.
    #[error("the certificate of {subject} in {path} expired on {at}: renew it", path = path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// Its subject.
        subject: String,
        /// The day.
        at: String,
    },
    /// Its time has not come.
    #[error("the certificate of {subject} in {path} is not valid before {at}: wait, or look at this machine's clock", path = path.display())]
    NotValidYet {
        /// The file.
        path: PathBuf,
        /// Its subject.
        subject: String,
        /// The day.
        at: String,
        /// The moment.
        begins: Timestamp,
    },
    /// No file was named, and this machine trusts nobody.
    #[error(
        "this machine has no certificates of authorities; name a file with the certificate of the federation's authority"
    )]
    NoAuthorities,
    /// They do not belong together.
    #[error("the key in {key} does not belong to the certificate in {cert}", key = key.display(), cert = cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
}

/// A listener's side of TLS.
pub struct Listener {
    /// Takes connections.
    pub acceptor: TlsAcceptor,
    /// The certificate that it presents.
    pub certificate: Certificate,
}

/// The certificate that a listener uses, whichever is in its files by now.
#[derive(Debug, Clone)]
pub struct Certificate(Arc<Shared>);

impl Certificate {
    /// Reads the files if they have changed. Blocks on the disk.
    pub fn refresh(&self) {
        self.0.renew();
    }

    /// The times of the certificate in use and of those that lead to its authority. Files that have changed are read
    /// meanwhile, for the next call.
    #[must_use]
    pub fn validity(&self) -> Vec<Validity> {
        self.0.renew_in_background();
        self.0.current().validity.clone()
    }
}

/// Takes connections as the holder of the certificate in `cert` (leaf first, PEM) and its key, offering the protocols
/// `alpn`.
pub fn acceptor(cert: &Path, key: &Path, alpn: &[&[u8]]) -> Result<TlsAcceptor, TlsError> {
    listener(cert, key, alpn).map(|listener| listener.acceptor)
}

/// As [`acceptor`], with a view of the certificate.
pub fn listener(cert: &Path, key: &Path, alpn: &[&[u8]]) -> Result<Listener, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pair = Pair { cert: cert.to_owned(), key: key.to_owned() };
    let changed = pair.changed();
    let (certified, validity) = pair.load(&provider)?;
    let current = Current { changed, retry_at: None, certified: Arc::new(certified), validity };
    let (provider_of_files, current) = (Arc::clone(&provider), Mutex::new(current));
    let files = Arc::new(Shared {
        pair,
        provider: provider_of_files,
        current,
        reading: AtomicBool::new(false),
    });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Files(Arc::clone(&files))));
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(Listener { acceptor: TlsAcceptor::from(Arc::new(config)), certificate: Certificate(files) })
}

/// All certificates of a PEM file; at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |why: String| TlsError::Certificates { path: path.to_owned(), why };
    let pem = PlainFile::open(path)
        .and_then(|file| file.read(CERTIFICATES_BYTES_MAX))
        .map_err(|error| unreadable(error.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| unreadable(error.to_string()))?;
    if found.is_empty() { Err(unreadable("there is none in it".to_owned())) } else { Ok(found) }
}

#[derive(Debug)]
struct Pair {
    cert: PathBuf,
    key: PathBuf,
}

#[derive(Debug)]
struct Current {
    changed: Option<[SystemTime; 2]>,
    /// When a replaced certificate becomes valid that was not yet when it was looked at.
    retry_at: Option<Timestamp>,
    certified: Arc<CertifiedKey>,
    validity: Vec<Validity>,
}

/// The pair in use, and where it comes from. A handshake never reads files: it has them read on a thread that may block.
#[derive(Debug)]
struct Files(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pair: Pair,
    provider: Arc<CryptoProvider>,
    current: Mutex<Current>,
    /// A read of the files is under way: at most one thread waits for a disk that does not answer.
    reading: AtomicBool,
}

impl Pair {
    fn changed(&self) -> Option<[SystemTime; 2]> {
        let changed =
            |path: &Path| -> io::Result<SystemTime> { std::fs::metadata(path)?.modified() };
        Some([changed(&self.cert).ok()?, changed(&self.key).ok()?])
    }

    fn load(&self, provider: &CryptoProvider) -> Result<(CertifiedKey, Vec<Validity>), TlsError> {
        let chain = certificates(&self.cert)?;
        let validity = chain
            .iter()
            .map(|certificate| Validity::read(&self.cert, certificate))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(leaf) = validity.first() {
            leaf.check(SystemClock.now())?;
        }
        let no_key = |why: String| TlsError::NoKey { path: self.key.clone(), why };
        let pem = secret_file::read(&self.key)?;
        let key = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes())
            .map_err(|error| no_key(error.to_string()))?;
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(|error| no_key(error.to_string()))?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
                Ok((certified, validity))
            }
            Err(_) => Err(TlsError::Mismatch { cert: self.cert.clone(), key: self.key.clone() }),
        }
    }
}

impl Shared {
    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads the pair if its files have changed since the last read, or if its certificate has become valid by now.
    fn renew(&self) {
        let changed = self.pair.changed();
        let is_due = {
            let current = self.current();
            changed != current.changed || current.retry_at.is_some_and(|at| SystemClock.now() >= at)
        };
        if changed.is_none() || !is_due {
            return;
        }
        let loaded = self.pair.load(&self.provider);
        let mut current = self.current();
        // Also of a broken pair: its error is logged once, not at every handshake.
        current.changed = changed;
        current.retry_at = None;
        match loaded {
            Ok((certified, validity)) => {
                tracing::info!(certificate = %self.pair.cert.display(), "a new certificate is in use");
                current.certified = Arc::new(certified);
                current.validity = validity;
            }
            Err(error) => {
                tracing::error!(%error, "the new certificate cannot be used; the one before stays");
                if let TlsError::NotValidYet { begins, .. } = error {
                    current.retry_at = Some(begins);
                }
            }
        }
    }

    /// Has [`Self::renew`] run on a thread that may block, unless one does already. Does nothing outside of a runtime.
    fn renew_in_background(self: &Arc<Self>) {
        if let Ok(runtime) = Handle::try_current()
            && !self.reading.swap(true, Ordering::AcqRel)
        {
            let shared = Arc::clone(self);
            runtime.spawn_blocking(move || {
                shared.renew();
                shared.reading.store(false, Ordering::Release);
            });
        }
    }
}

impl ResolvesServerCert for Files {
    /// The pair in use. Files that have changed are read meanwhile, for the handshakes after this one.
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let Self(shared) = self;
        shared.renew_in_background();
        Some(Arc::clone(&shared.current().certified))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rustls::pki_types::ServerName;
    use tokio_rustls::TlsConnector;

    use super::*;

    struct Made {
        cert: PathBuf,
        key: PathBuf,
    }

    fn write(dir: &Path, name: &str) -> Made {
        write_valid(dir, name, 2020..2090)
    }

    /// A pair whose certificate is valid from the first of these years to the last.
    fn write_valid(dir: &Path, name: &str, years: std::ops::Range<i32>) -> Made {
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let signing_key = rcgen::KeyPair::generate().unwrap();
        let pair =
            rcgen::CertifiedKey { cert: params.self_signed(&signing_key).unwrap(), signing_key };
        let made = Made { cert: dir.join("tls.crt"), key: dir.join("tls.key") };
        std::fs::write(&made.cert, pair.cert.pem()).unwrap();
        std::fs::write(&made.key, pair.signing_key.serialize_pem()).unwrap();
        std::fs::set_permissions(&made.key, std::fs::Permissions::from_mode(0o600)).unwrap();
        made
    }

    /// Whether a client that trusts what is in `root` gets through to `name`.
    async fn shakes_hands(acceptor: &TlsAcceptor, root: &Path, name: &'static str) -> bool {
        let (near, far) = tokio::io::duplex(16 * 1024);
        let connector =
            TlsConnector::from(Arc::new(client::config(client::Trust::File(root)).unwrap()));
        let (client, server) = tokio::join!(
            connector.connect(ServerName::try_from(name).unwrap(), near),
            acceptor.accept(far)
        );
        client.is_ok() && server.is_ok()
    }

    /// Shakes hands until a client that trusts what is in `root` gets through: a handshake has the files read for later ones.
    async fn comes_into_use(acceptor: &TlsAcceptor, root: &Path) {
        let tries = async {
            while !shakes_hands(acceptor, root, "hub.example").await {
                tokio::task::yield_now().await;
            }
        };
        crate::clock::timeout(std::time::Duration::from_secs(20), tries).await.unwrap();
    }

    /// Shakes hands until the files have been read since the call.
    async fn is_read(acceptor: &TlsAcceptor, files: &Shared, root: &Path) -> bool {
        let seen = files.pair.changed();
        let tries = async {
            let mut well = true;
            while files.current().changed != seen {
                well &= shakes_hands(acceptor, root, "hub.example").await;
            }
            well && shakes_hands(acceptor, root, "hub.example").await
        };
        crate::clock::timeout(std::time::Duration::from_secs(20), tries).await.unwrap()
    }

    #[tokio::test]
    async fn a_replaced_certificate_is_used_and_a_broken_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let files = write(dir.path(), "hub.example");
        let (first, second) = (dir.path().join("first"), dir.path().join("second"));
        std::fs::copy(&files.cert, &first).unwrap();
        let Listener { acceptor, certificate: Certificate(shared) } =
            listener(&files.cert, &files.key, &[b"h2"]).unwrap();
        assert!(shakes_hands(&acceptor, &first, "hub.example").await);
        assert!(!shakes_hands(&acceptor, &first, "other.example").await);

        let past = SystemTime::UNIX_EPOCH;
        write(dir.path(), "hub.example");
        std::fs::copy(&files.cert, &second).unwrap();
        std::fs::File::options().write(true).open(&files.cert).unwrap().set_modified(past).unwrap();
        comes_into_use(&acceptor, &second).await;
        assert!(!shakes_hands(&acceptor, &first, "hub.example").await);

        std::fs::write(&files.cert, "nonsense").unwrap();
        assert!(is_read(&acceptor, &shared, &second).await);
    }

    #[tokio::test]
    async fn a15_a_certificate_that_becomes_a_pipe_holds_up_no_handshake() {
        let dir = tempfile::tempdir().unwrap();
        let files = write(dir.path(), "hub.example");
        let root = dir.path().join("root");
        std::fs::copy(&files.cert, &root).unwrap();
        let Listener { acceptor, certificate: Certificate(shared) } =
            listener(&files.cert, &files.key, &[b"h2"]).unwrap();
        std::fs::remove_file(&files.cert).unwrap();
        nix::unistd::mkfifo(&files.cert, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(is_read(&acceptor, &shared, &root).await);
        std::fs::remove_file(&files.cert).unwrap();
        let renewed = write(dir.path(), "hub.example");
        std::fs::copy(&renewed.cert, &root).unwrap();
        comes_into_use(&acceptor, &root).await;
    }

    #[tokio::test]
    async fn u27_a_certificate_that_is_not_valid_is_not_taken_into_use() {
        let dir = tempfile::tempdir().unwrap();
        let refusal = |years| {
            let files = write_valid(dir.path(), "hub.example", years);
            acceptor(&files.cert, &files.key, &[]).err().unwrap().to_string()
        };
        assert!(refusal(2001..2002).contains("expired on 2002-01-01"));
        assert!(refusal(2080..2090).contains("is not valid before 2080-01-01"));

        let files = write(dir.path(), "hub.example");
        let used = dir.path().join("used");
        std::fs::copy(&files.cert, &used).unwrap();
        let Listener { acceptor, certificate } = listener(&files.cert, &files.key, &[]).unwrap();
        for years in [2001..2002, 2080..2090] {
            write_valid(dir.path(), "hub.example", years);
            certificate.refresh();
            assert!(shakes_hands(&acceptor, &used, "hub.example").await, "the one before stays");
        }
        assert_eq!(certificate.validity().len(), 1);

        // An authority that has expired is trusted no longer, beside one that has not.
        let old = write_valid(dir.path(), "old", 2001..2002);
        assert!(
            client::config(client::Trust::File(&old.cert))
                .unwrap_err()
                .to_string()
                .contains("expired on 2002-01-01")
        );
        let both =
            [std::fs::read_to_string(&old.cert).unwrap(), std::fs::read_to_string(&used).unwrap()]
                .concat();
        std::fs::write(&used, both).unwrap();
        assert!(shakes_hands(&acceptor, &used, "hub.example").await);
    }

    #[test]
    fn what_cannot_work_is_told_with_the_file_and_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let files = write(dir.path(), "hub.example");
        let error = |cert: &Path, key: &Path| acceptor(cert, key, &[]).err().unwrap().to_string();
        assert!(error(&dir.path().join("none"), &files.key).contains("none"));
        assert!(error(&files.key, &files.key).contains("there is none in it"));
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(error(&files.cert, &files.key).contains("chmod 600"));
        let other = tempfile::tempdir().unwrap();
        let stranger = write(other.path(), "hub.example");
        assert!(error(&files.cert, &stranger.key).contains("does not belong"));
    }
}
