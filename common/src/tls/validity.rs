//! Validity periods of certificates. rustls checks only the certificate of the peer; this module
//! checks the own certificate and those of trusted authorities before connections fail.

use std::path::{Path, PathBuf};
use std::time::Duration;

use flow_domain::time::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::TlsError;

/// Time between two warnings about one certificate.
pub const WARNING_PERIOD: Duration = Duration::from_secs(DAY_S);
/// Days before the end of a certificate from which on warnings are logged.
const WARNING_DAYS: u64 = 30;
const DAY_S: u64 = 24 * 3600;

/// The validity period of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validity {
    /// File of the certificate.
    pub file: PathBuf,
    /// Subject of the certificate.
    pub subject: String,
    /// Begin of the validity.
    pub begins: Timestamp,
    /// End of the validity.
    pub ends: Timestamp,
}

impl Validity {
    /// Reads the validity of a certificate from `file`.
    pub fn read(file: &Path, certificate: &CertificateDer<'_>) -> Result<Self, TlsError> {
        let parsed = X509Certificate::from_der(certificate);
        let (_, parsed) = parsed.map_err(|error| TlsError::Certificates {
            path: file.to_owned(),
            why: error.to_string(),
        })?;
        let at = |seconds: i64| Timestamp(seconds.saturating_mul(1_000_000));
        let (begins, ends) =
            (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
        Ok(Self {
            file: file.to_owned(),
            subject: parsed.subject().to_string(),
            begins: at(begins),
            ends: at(ends),
        })
    }

    /// Checks the validity at `now`.
    ///
    /// # Errors
    /// [`TlsError::Expired`] or [`TlsError::NotValidYet`].
    pub fn check(&self, now: Timestamp) -> Result<(), TlsError> {
        let path = self.file.clone();
        if now > self.ends {
            return Err(TlsError::Expired {
                path,
                subject: self.subject.clone(),
                at: date(self.ends),
            });
        }
        if now < self.begins {
            return Err(TlsError::NotValidYet {
                path,
                subject: self.subject.clone(),
                at: date(self.begins),
                begins: self.begins,
            });
        }
        Ok(())
    }

    /// Returns a sentence if the certificate is not valid or expires within 30 days.
    #[must_use]
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        if let Err(error) = self.check(now) {
            return Some(error.to_string());
        }
        let days = self.ends.secs_since(now) / DAY_S;
        let (subject, path, at) = (&self.subject, self.file.display(), date(self.ends));
        (days < WARNING_DAYS).then(|| {
            format!(
                "the certificate of {subject} in {path} expires on {at}, in {days} days: renew it"
            )
        })
    }
}

/// Returns the date in the form `2027-11-21`.
fn date(at: Timestamp) -> String {
    let shown = jiff::Timestamp::from_microsecond(at.0).map(|at| at.to_string());
    shown.map_or_else(
        |_| format!("second {}", at.0 / 1_000_000),
        |text| text.split('T').next().unwrap_or_default().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u27_certificate_causes_warnings_from_30_days_before_its_end() {
        let day = |days: i64| Timestamp(days * 24 * 3600 * 1_000_000);
        let validity = Validity {
            file: "hub.crt".into(),
            subject: "CN=hub".to_owned(),
            begins: day(100),
            ends: day(200),
        };
        assert_eq!(validity.warning(day(150)), None);
        let warning_text = validity.warning(day(171)).unwrap();
        assert_eq!(
            warning_text,
            "the certificate of CN=hub in hub.crt expires on 1970-07-20, in 29 days: renew it"
        );
        assert!(validity.warning(day(201)).unwrap().contains("expired on 1970-07-20"));
        assert!(validity.warning(day(99)).unwrap().contains("not valid before 1970-04-11"));
    }
}
