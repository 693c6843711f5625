//! TLS of clients: trusted authorities, and messages for people about failed handshakes.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use flow_domain::time::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, ClientConfig, RootCertStore};

use super::validity::Validity;
use super::{TlsError, certificates};
use crate::clock::{Clock as _, SystemClock};

/// The authorities that a client trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust<'a> {
    /// Only the authorities with certificates in this file (PEM).
    File(&'a Path),
    /// The authorities that this machine trusts.
    System,
    /// No authority: for a client that needs a TLS configuration and connects in plain text.
    None,
}

impl<'a> Trust<'a> {
    /// Returns the file's authorities, or those of the machine without a file.
    #[must_use]
    pub const fn named(file: Option<&'a Path>) -> Self {
        match file {
            Some(file) => Self::File(file),
            None => Self::System,
        }
    }
}

/// Returns the TLS configuration of a client without a certificate.
///
/// # Errors
/// [`TlsError`] if no trusted authority is usable.
pub fn config(trust: Trust<'_>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::File(path) => {
            for certificate in usable(path, SystemClock.now())? {
                let unusable = |error: rustls::Error| TlsError::Certificates {
                    path: path.to_owned(),
                    why: error.to_string(),
                };
                roots.add(certificate).map_err(unusable)?;
            }
        }
        Trust::System => {
            // The machine's collection may contain unusable certificates; at least one must be
            // usable.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(TlsError::NoAuthorities);
            }
        }
        Trust::None => {}
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Returns the validity of all authorities in a file.
///
/// # Errors
/// [`TlsError`] if none is valid at `now`.
pub fn trusted(path: &Path, now: Timestamp) -> Result<Vec<Validity>, TlsError> {
    usable(path, now)?;
    certificates(path)?.iter().map(|certificate| Validity::read(path, certificate)).collect()
}

/// Returns the certificates of a file that are valid at `now`, or the cause for which there is
/// none.
fn usable(path: &Path, now: Timestamp) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let mut invalid = None;
    let mut usable = certificates(path)?;
    usable.retain(|certificate| {
        let checked = Validity::read(path, certificate).and_then(|validity| validity.check(now));
        let is_valid = checked.is_ok();
        invalid = checked.err().or(invalid.take());
        is_valid
    });
    match invalid {
        Some(error) if usable.is_empty() => Err(error),
        _ => Ok(usable),
    }
}

/// Returns cause and remedy of a failed handshake with a server; `None` if the error does not come
/// from TLS. `ca_file` names the setting for the file of [`Trust::File`].
#[must_use]
pub fn explain(error: &(dyn Error + 'static), ca_file: &str) -> Option<String> {
    Some(match find(error)? {
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS".to_owned(),
        // BadSignature: an authority with the same name and another key.
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => {
            format!(
                "no trusted authority has issued its certificate: name the certificate of the hub's authority in {ca_file}"
            )
        }
        rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected,
            presented,
        }) => {
            let presented: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            let (expected, presented) = (expected.to_str(), presented.join(", "));
            format!(
                "its certificate is for {presented} and not for {expected}: use one of its names, or add {expected} to the certificate"
            )
        }
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "its certificate has expired: ask its administrator to renew it".to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "its certificate is not valid yet: compare the clocks of both machines".to_owned(),
        other => other.to_string(),
    })
}

/// `DnsName("hub.example")` → `hub.example`.
fn bare(name: &str) -> &str {
    name.split_once('(').map_or(name, |(_, rest)| rest).trim_matches(['(', ')', '"'])
}

fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // The inner error of an IO error is not its source, although the message includes it.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_empty_authority_files_are_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.crt");
        assert!(config(Trust::File(&file)).unwrap_err().to_string().contains("ca.crt"));
        std::fs::write(&file, "nothing").unwrap();
        assert!(
            config(Trust::File(&file)).unwrap_err().to_string().contains("contains no certificate")
        );
        std::fs::write(
            &file,
            rcgen::generate_simple_self_signed(["hub".to_owned()]).unwrap().cert.pem(),
        )
        .unwrap();
        config(Trust::File(&file)).unwrap();
    }

    #[test]
    fn tls_error_is_found_at_any_depth() {
        let reason = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped =
            std::io::Error::other(std::io::Error::new(std::io::ErrorKind::InvalidData, reason));
        let message = explain(&wrapped, "hub.ca_file").unwrap();
        assert!(message.ends_with("in hub.ca_file"), "{message}");
        assert_eq!(explain(&std::io::Error::from(std::io::ErrorKind::ConnectionRefused), ""), None);
    }

    #[test]
    fn names_of_certificates_are_shown_without_their_type() {
        let presented =
            vec!["DnsName(\"hub.example\")".to_owned(), "IpAddress(127.0.0.1)".to_owned()];
        let expected = "other.example".try_into().unwrap();
        let reason = rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected,
            presented,
        });
        let message = explain(&reason, "").unwrap();
        assert!(
            message.starts_with(
                "its certificate is for hub.example, 127.0.0.1 and not for other.example"
            ),
            "{message}"
        );
    }
}
