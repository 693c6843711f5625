//! TLS of a listener with certificate and key in two PEM files. Replacing the files renews the
//! certificate: the listener reads changed files, and keeps the previous pair if the new one is
//! broken, expired or not yet valid. [`client`] contains the client's side, [`validity`] the expiry
//! of certificates.

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

/// Largest file of certificates, in bytes; the complete collection of a machine has about 250 kB.
const CERTIFICATES_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// An error in the TLS configuration. The message names file and remedy.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificates cannot be read.
    #[error("cannot read certificates from {path}: {why}", path = path.display())]
    Certificates {
        /// Path of the file.
        path: PathBuf,
        /// Cause of the error.
        why: String,
    },
    /// The key cannot be read, or other users can read it.
    #[error(transparent)]
    Key(#[from] SecretFileError),
    /// The file contains no usable key.
    #[error("{path} contains no usable private key: {why}", path = path.display())]
    NoKey {
        /// Path of the file.
        path: PathBuf,
        /// Cause of the error.
        why: String,
    },
    /// The certificate has expired.
    #[error("the certificate of {subject} in {path} expired on {at}: renew it", path = path.display())]
    Expired {
        /// Path of the file.
        path: PathBuf,
        /// Subject of the certificate.
        subject: String,
        /// Date of the end.
        at: String,
    },
    /// The certificate is not valid yet.
    #[error("the certificate of {subject} in {path} is not valid before {at}: wait, or check this machine's clock", path = path.display())]
    NotValidYet {
        /// Path of the file.
        path: PathBuf,
        /// Subject of the certificate.
        subject: String,
        /// Date of the begin.
        at: String,
        /// Begin of the validity.
        begins: Timestamp,
    },
    /// No file is configured, and this machine trusts no authority.
    #[error(
        "this machine has no certificates of authorities; name a file with the certificate of the federation's authority"
    )]
    NoAuthorities,
    /// Key and certificate do not match.
    #[error("the key in {key} does not belong to the certificate in {cert}", key = key.display(), cert = cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
}

/// The TLS configuration of a listener.
pub struct Listener {
    /// Accepts connections.
    pub acceptor: TlsAcceptor,
    /// The certificate of the listener.
    pub certificate: Certificate,
}

/// The current certificate of a listener.
#[derive(Debug, Clone)]
pub struct Certificate(Arc<Shared>);

impl Certificate {
    /// Reads changed files. Blocks on the disk.
    pub fn refresh(&self) {
        self.0.renew();
    }

    /// Returns the validity of the certificate in use and of its chain. Starts a read of changed
    /// files for the next call.
    #[must_use]
    pub fn validity(&self) -> Vec<Validity> {
        self.0.renew_in_background();
        self.0.current().validity.clone()
    }
}

/// Returns an acceptor with the certificate in `cert` (PEM, leaf first) and its key, which offers
/// the protocols `alpn`.
///
/// # Errors
/// [`TlsError`] if the pair is not usable.
pub fn acceptor(cert: &Path, key: &Path, alpn: &[&[u8]]) -> Result<TlsAcceptor, TlsError> {
    listener(cert, key, alpn).map(|listener| listener.acceptor)
}

/// Like [`acceptor`], and returns the certificate, too.
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
        .expect("the provider supports TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Files(Arc::clone(&files))));
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(Listener { acceptor: TlsAcceptor::from(Arc::new(config)), certificate: Certificate(files) })
}

/// Returns all certificates of a PEM file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |why: String| TlsError::Certificates { path: path.to_owned(), why };
    let pem = PlainFile::open(path)
        .and_then(|file| file.read(CERTIFICATES_BYTES_MAX))
        .map_err(|error| unreadable(error.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| unreadable(error.to_string()))?;
    if found.is_empty() {
        Err(unreadable("the file contains no certificate".to_owned()))
    } else {
        Ok(found)
    }
}

#[derive(Debug)]
struct Pair {
    cert: PathBuf,
    key: PathBuf,
}

#[derive(Debug)]
struct Current {
    changed: Option<[SystemTime; 2]>,
    /// Time at which a replaced certificate becomes valid that was not valid at its last read.
    retry_at: Option<Timestamp>,
    certified: Arc<CertifiedKey>,
    validity: Vec<Validity>,
}

/// The pair in use and its files. A handshake never reads files: it starts a read on a thread that
/// may block.
#[derive(Debug)]
struct Files(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pair: Pair,
    provider: Arc<CryptoProvider>,
    current: Mutex<Current>,
    /// True while a thread reads the files: at most one thread waits for an unresponsive disk.
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

    /// Loads the pair if its files have changed since the last read, or if its certificate has
    /// become valid.
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
        // Set for a broken pair, too, so that its error is logged once and not at every handshake.
        current.changed = changed;
        current.retry_at = None;
        match loaded {
            Ok((certified, validity)) => {
                tracing::info!(certificate = %self.pair.cert.display(), "the listener uses a new certificate");
                current.certified = Arc::new(certified);
                current.validity = validity;
            }
            Err(error) => {
                tracing::error!(%error, "the listener keeps its certificate: the new one is not usable");
                if let TlsError::NotValidYet { begins, .. } = error {
                    current.retry_at = Some(begins);
                }
            }
        }
    }

    /// Runs [`Self::renew`] on a thread that may block, unless one is running. Does nothing outside
    /// of a runtime.
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
    /// Returns the pair in use. Starts a read of changed files for later handshakes.
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

    /// Writes a pair whose certificate is valid from the first to the last of these years.
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

    /// True if a client that trusts `root` completes a handshake with `name`.
    async fn handshake_succeeds(acceptor: &TlsAcceptor, root: &Path, name: &'static str) -> bool {
        let (near, far) = tokio::io::duplex(16 * 1024);
        let connector =
            TlsConnector::from(Arc::new(client::config(client::Trust::File(root)).unwrap()));
        let (client, server) = tokio::join!(
            connector.connect(ServerName::try_from(name).unwrap(), near),
            acceptor.accept(far)
        );
        client.is_ok() && server.is_ok()
    }

    /// Repeats handshakes until a client that trusts `root` succeeds: each handshake starts a read
    /// for later ones.
    async fn wait_until_in_use(acceptor: &TlsAcceptor, root: &Path) {
        let tries = async {
            while !handshake_succeeds(acceptor, root, "hub.example").await {
                tokio::task::yield_now().await;
            }
        };
        crate::clock::timeout(std::time::Duration::from_secs(20), tries).await.unwrap();
    }

    /// Repeats handshakes until the files were read after the call.
    async fn wait_until_read(acceptor: &TlsAcceptor, files: &Shared, root: &Path) -> bool {
        let seen = files.pair.changed();
        let tries = async {
            let mut well = true;
            while files.current().changed != seen {
                well &= handshake_succeeds(acceptor, root, "hub.example").await;
            }
            well && handshake_succeeds(acceptor, root, "hub.example").await
        };
        crate::clock::timeout(std::time::Duration::from_secs(20), tries).await.unwrap()
    }

    #[tokio::test]
    async fn replaced_certificate_is_used_unless_it_is_broken() {
        let dir = tempfile::tempdir().unwrap();
        let files = write(dir.path(), "hub.example");
        let (first, second) = (dir.path().join("first"), dir.path().join("second"));
        std::fs::copy(&files.cert, &first).unwrap();
        let Listener { acceptor, certificate: Certificate(shared) } =
            listener(&files.cert, &files.key, &[b"h2"]).unwrap();
        assert!(handshake_succeeds(&acceptor, &first, "hub.example").await);
        assert!(!handshake_succeeds(&acceptor, &first, "other.example").await);

        let past = SystemTime::UNIX_EPOCH;
        write(dir.path(), "hub.example");
        std::fs::copy(&files.cert, &second).unwrap();
        std::fs::File::options().write(true).open(&files.cert).unwrap().set_modified(past).unwrap();
        wait_until_in_use(&acceptor, &second).await;
        assert!(!handshake_succeeds(&acceptor, &first, "hub.example").await);

        std::fs::write(&files.cert, "nonsense").unwrap();
        assert!(wait_until_read(&acceptor, &shared, &second).await);
    }

    #[tokio::test]
    async fn a15_certificate_replaced_by_a_pipe_delays_no_handshake() {
        let dir = tempfile::tempdir().unwrap();
        let files = write(dir.path(), "hub.example");
        let root = dir.path().join("root");
        std::fs::copy(&files.cert, &root).unwrap();
        let Listener { acceptor, certificate: Certificate(shared) } =
            listener(&files.cert, &files.key, &[b"h2"]).unwrap();
        std::fs::remove_file(&files.cert).unwrap();
        nix::unistd::mkfifo(&files.cert, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(wait_until_read(&acceptor, &shared, &root).await);
        std::fs::remove_file(&files.cert).unwrap();
        let renewed = write(dir.path(), "hub.example");
        std::fs::copy(&renewed.cert, &root).unwrap();
        wait_until_in_use(&acceptor, &root).await;
    }

    #[tokio::test]
    async fn u27_invalid_certificate_is_not_used() {
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
            assert!(
                handshake_succeeds(&acceptor, &used, "hub.example").await,
                "the previous certificate stays in use"
            );
        }
        assert_eq!(certificate.validity().len(), 1);

        // An expired authority is not trusted, even beside a valid one.
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
        assert!(handshake_succeeds(&acceptor, &used, "hub.example").await);
    }

    #[test]
    fn errors_name_file_and_cause() {
        let dir = tempfile::tempdir().unwrap();
        let files = write(dir.path(), "hub.example");
        let error = |cert: &Path, key: &Path| acceptor(cert, key, &[]).err().unwrap().to_string();
        assert!(error(&dir.path().join("none"), &files.key).contains("none"));
        assert!(error(&files.key, &files.key).contains("contains no certificate"));
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(error(&files.cert, &files.key).contains("chmod 600"));
        let other = tempfile::tempdir().unwrap();
        let stranger = write(other.path(), "hub.example");
        assert!(error(&files.cert, &stranger.key).contains("does not belong"));
    }
}
