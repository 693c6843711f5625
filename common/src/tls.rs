//! TLS of a listener, from two PEM files. A certificate is renewed by replacing the files: they are looked at again when
//! they have changed, and a pair that is broken leaves the one before in use. Who dials such a listener: [`client`].

pub mod client;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::secret_file::{self, SecretFileError};

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
    /// No file was named, and this machine trusts nobody.
    #[error("this machine has no certificates of authorities; name a file with the certificate of the federation's authority")]
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

/// Takes connections as the holder of the certificate in `cert` (leaf first, PEM) and its key, offering the protocols
/// `alpn`.
pub fn acceptor(cert: &Path, key: &Path, alpn: &[&[u8]]) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pair = Pair { cert: cert.to_owned(), key: key.to_owned() };
    let current = Current { changed: pair.changed(), certified: Arc::new(pair.load(&provider)?) };
    let files = Files { pair, provider: Arc::clone(&provider), current: Mutex::new(current) };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(files));
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// All certificates of a PEM file; at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |why: String| TlsError::Certificates { path: path.to_owned(), why };
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error: rustls::pki_types::pem::Error| unreadable(error.to_string()))?;
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
    certified: Arc<CertifiedKey>,
}

#[derive(Debug)]
struct Files {
    pair: Pair,
    provider: Arc<CryptoProvider>,
    current: Mutex<Current>,
}

impl Pair {
    fn changed(&self) -> Option<[SystemTime; 2]> {
        let changed = |path: &Path| -> io::Result<SystemTime> { std::fs::metadata(path)?.modified() };
        Some([changed(&self.cert).ok()?, changed(&self.key).ok()?])
    }

    fn load(&self, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
        let chain = certificates(&self.cert)?;
        let no_key = |why: String| TlsError::NoKey { path: self.key.clone(), why };
        let pem = secret_file::read(&self.key)?;
        let key = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()).map_err(|error| no_key(error.to_string()))?;
        let key = provider.key_provider.load_private_key(key).map_err(|error| no_key(error.to_string()))?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
            Err(_) => Err(TlsError::Mismatch { cert: self.cert.clone(), key: self.key.clone() }),
        }
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = self.pair.changed();
        if changed.is_some() && changed != current.changed {
            // Also of a broken pair: it is complained about once, not at every handshake.
            current.changed = changed;
            match self.pair.load(&self.provider) {
                Ok(certified) => {
                    tracing::info!(certificate = %self.pair.cert.display(), "a new certificate is in use");
                    current.certified = Arc::new(certified);
                }
                Err(error) => tracing::error!(%error, "the new certificate cannot be used; the one before stays"),
            }
        }
        Some(Arc::clone(&current.certified))
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
        let pair = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let made = Made { cert: dir.join("tls.crt"), key: dir.join("tls.key") };
        std::fs::write(&made.cert, pair.cert.pem()).unwrap();
        std::fs::write(&made.key, pair.signing_key.serialize_pem()).unwrap();
        std::fs::set_permissions(&made.key, std::fs::Permissions::from_mode(0o600)).unwrap();
        made
    }

    /// Whether a client that trusts what is in `root` gets through to `name`.
    async fn shakes_hands(acceptor: &TlsAcceptor, root: &Path, name: &'static str) -> bool {
        let (near, far) = tokio::io::duplex(16 * 1024);
        let connector = TlsConnector::from(Arc::new(client::config(client::Trust::File(root)).unwrap()));
        let (client, server) = tokio::join!(connector.connect(ServerName::try_from(name).unwrap(), near), acceptor.accept(far));
        client.is_ok() && server.is_ok()
    }

    #[tokio::test]
    async fn a_replaced_certificate_is_used_and_a_broken_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let files = write(dir.path(), "hub.example");
        let (first, second) = (dir.path().join("first"), dir.path().join("second"));
        std::fs::copy(&files.cert, &first).unwrap();
        let acceptor = acceptor(&files.cert, &files.key, &[b"h2"]).unwrap();
        assert!(shakes_hands(&acceptor, &first, "hub.example").await);
        assert!(!shakes_hands(&acceptor, &first, "other.example").await);

        let past = SystemTime::UNIX_EPOCH;
        write(dir.path(), "hub.example");
        std::fs::copy(&files.cert, &second).unwrap();
        std::fs::File::options().write(true).open(&files.cert).unwrap().set_modified(past).unwrap();
        assert!(shakes_hands(&acceptor, &second, "hub.example").await);
        assert!(!shakes_hands(&acceptor, &first, "hub.example").await);

        std::fs::write(&files.cert, "nonsense").unwrap();
        assert!(shakes_hands(&acceptor, &second, "hub.example").await);
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
