//! TLS of those who dial: whose certificates they take, and what it means, in words for people, when it does not work.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use flow_domain::time::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, ClientConfig, RootCertStore};

use super::validity::Validity;
use super::{TlsError, certificates};
use crate::clock::{Clock as _, SystemClock};

/// Whose word counts on who a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust<'a> {
    /// The authorities whose certificates are in this file (PEM), and no other.
    File(&'a Path),
    /// The authorities that this machine trusts.
    System,
    /// Nobody's: for a program that must be configured for TLS and will speak plain text.
    Nobody,
}

impl<'a> Trust<'a> {
    /// The file, or the machine's authorities if none is named.
    #[must_use]
    pub const fn named(file: Option<&'a Path>) -> Self {
        match file {
            Some(file) => Self::File(file),
            None => Self::System,
        }
    }
}

/// What a client of TLS needs. It has no certificate of its own.
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
            // A machine's collection has one or another that cannot be used; what counts is that there are any.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(TlsError::NoAuthorities);
            }
        }
        Trust::Nobody => {}
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The authorities in a file with their times, if at least one is valid at `now`.
pub fn trusted(path: &Path, now: Timestamp) -> Result<Vec<Validity>, TlsError> {
    usable(path, now)?;
    certificates(path)?.iter().map(|certificate| Validity::read(path, certificate)).collect()
}

/// The certificates of a file that are valid at `now`; an error says why there is none.
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

/// Why a handshake with a server failed, and what to do; `None` if the error has nothing to do with TLS. `ca_file` is how
/// the file of [`Trust::File`] is set.
#[must_use]
pub fn explain(error: &(dyn Error + 'static), ca_file: &str) -> Option<String> {
    Some(match find(error)? {
        rustls::Error::InvalidMessage(_) => "what answers there does not speak TLS".to_owned(),
        // The second is an authority of the same name with another key.
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => {
            format!(
                "its certificate is not from an authority that is trusted here: name the certificate of the hub's authority in {ca_file}"
            )
        }
        rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected,
            presented,
        }) => {
            let presented: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            let (expected, presented) = (expected.to_str(), presented.join(", "));
            format!(
                "its certificate is for {presented} and not for {expected}: dial it by one of its names, or have {expected} added to them"
            )
        }
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "its certificate has expired: whoever runs it has to renew it".to_owned(),
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
        // What an IO error was made from is not its source, though it shows it.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_trusted_has_to_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.crt");
        assert!(config(Trust::File(&file)).unwrap_err().to_string().contains("ca.crt"));
        std::fs::write(&file, "nothing").unwrap();
        assert!(
            config(Trust::File(&file)).unwrap_err().to_string().contains("there is none in it")
        );
        std::fs::write(
            &file,
            rcgen::generate_simple_self_signed(["hub".to_owned()]).unwrap().cert.pem(),
        )
        .unwrap();
        config(Trust::File(&file)).unwrap();
    }

    #[test]
    fn the_reason_is_found_however_deep_it_lies() {
        let reason = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped =
            std::io::Error::other(std::io::Error::new(std::io::ErrorKind::InvalidData, reason));
        let told = explain(&wrapped, "hub.ca_file").unwrap();
        assert!(told.ends_with("in hub.ca_file"), "{told}");
        assert_eq!(explain(&std::io::Error::from(std::io::ErrorKind::ConnectionRefused), ""), None);
    }

    #[test]
    fn names_are_shown_as_people_write_them() {
        let presented =
            vec!["DnsName(\"hub.example\")".to_owned(), "IpAddress(127.0.0.1)".to_owned()];
        let expected = "other.example".try_into().unwrap();
        let reason = rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected,
            presented,
        });
        let told = explain(&reason, "").unwrap();
        assert!(
            told.starts_with(
                "its certificate is for hub.example, 127.0.0.1 and not for other.example"
            ),
            "{told}"
        );
    }
}
