//! The certificates of a federation: one authority, and a key pair for each place that terminates
//! TLS. Pure: the time is an argument, and other modules store the results.
//!
//! Parties trust the authority and never a single certificate, so a certificate is replaced without
//! a message to them. The authority is renewed with the same name and key: certificates that it
//! signed before are valid under both of its certificates, so no common day of change is needed.

use flow_domain::time::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, SerialNumber,
};
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;

/// Common name of the authority.
const SUBJECT: &str = "flow federation";
/// Longest common name that X.509 allows, in bytes.
const COMMON_NAME_BYTES_MAX: usize = 64;
const DAY_S: i64 = 86_400;
/// Tolerated difference between the clocks of two parties, in seconds.
const CLOCK_SKEW_MAX_S: i64 = 3_600;

/// A certificate and its private key, both in PEM.
#[derive(Clone)]
pub struct Pair {
    pub certificate: String,
    /// Never printed.
    pub key: String,
}

/// The defect of a certificate. The text follows "the certificate".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The PEM text is invalid.
    #[error("is invalid: {0}")]
    Broken(String),
    /// Key and certificate belong to different pairs.
    #[error("does not belong to its key")]
    OtherKey,
    /// Another authority signed the certificate.
    #[error("was not signed by this authority")]
    OtherAuthority,
    /// The certificate has other names.
    #[error("is for {0}")]
    OtherNames(String),
    /// Less than a third of the lifetime is left.
    #[error("expires on {0}")]
    Ending(String),
}

/// A certificate authority.
pub struct Authority {
    certificate: String,
    key: KeyPair,
}

impl Authority {
    /// Creates an authority that is valid from `now` for `days`.
    #[must_use]
    pub fn new(now: Timestamp, days: u32) -> Self {
        Self::with_key(
            KeyPair::generate().expect("the operating system provides random bytes"),
            now,
            days,
        )
    }

    fn with_key(key: KeyPair, now: Timestamp, days: u32) -> Self {
        let mut params = params(SUBJECT, now, days);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        // The default serial number follows from the key, and a renewed authority keeps its key.
        params.serial_number = Some(SerialNumber::from_slice(&now.0.unsigned_abs().to_be_bytes()));
        let certificate = params.self_signed(&key).expect("the parameters are valid").pem();
        Self { certificate, key }
    }

    /// Loads a stored authority. Any authority with an ECDSA, Ed25519 or RSA key is accepted.
    pub fn load(pair: &Pair) -> Result<Self, Unfit> {
        let key = KeyPair::from_pem(&pair.key).map_err(|error| Unfit::Broken(error.to_string()))?;
        let pem = pem(&pair.certificate)?;
        let certificate = certificate(&pem)?;
        if certificate.public_key().raw != key.subject_public_key_info() {
            return Err(Unfit::OtherKey);
        }
        if !certificate.is_ca() {
            return Err(Unfit::Broken("it is not the certificate of an authority".to_owned()));
        }
        Ok(Self { certificate: pair.certificate.clone(), key })
    }

    /// Returns the same authority with a new lifetime if less than a third of the lifetime is left.
    /// `None` also for an authority of another program, which renews it.
    #[must_use]
    pub fn renewed(&self, now: Timestamp, days: u32) -> Option<Self> {
        let pem = pem(&self.certificate).ok()?;
        let certificate = certificate(&pem).ok()?;
        let is_own =
            certificate.subject().iter_common_name().any(|name| name.as_str() == Ok(SUBJECT));
        let key = KeyPair::from_pem(&self.key.serialize_pem()).ok()?;
        (is_own && check_lifetime(&certificate, now).is_err())
            .then(|| Self::with_key(key, now, days))
    }

    /// Returns the certificate in PEM, which all parties trust.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Returns certificate and key, to be stored.
    #[must_use]
    pub fn pair(&self) -> Pair {
        Pair { certificate: self.certificate.clone(), key: self.key.serialize_pem() }
    }

    /// Issues a key pair for `names` that is valid for `days`, and never longer than the authority.
    pub fn issue(&self, names: &[String], now: Timestamp, days: u32) -> Result<Pair, Unfit> {
        let broken = |error: rcgen::Error| Unfit::Broken(error.to_string());
        let common = names
            .iter()
            .find(|name| name.len() <= COMMON_NAME_BYTES_MAX)
            .map_or("flow", String::as_str);
        let mut params = params(common, now, days);
        params.subject_alt_names = CertificateParams::new(names).map_err(broken)?.subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let ends = Details::read(&self.certificate)?.ends;
        params.not_after = params.not_after.min(date_time(ends.0 / 1_000_000));
        let key = KeyPair::generate().map_err(broken)?;
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, &self.key).map_err(broken)?;
        let certificate = params.signed_by(&key, &issuer).map_err(broken)?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// Checks that `pair` is valid for `names`, was signed by this authority and has enough
    /// lifetime left.
    pub fn check(&self, pair: &Pair, names: &[String], now: Timestamp) -> Result<(), Unfit> {
        let (leaf, root) = (pem(&pair.certificate)?, pem(&self.certificate)?);
        let (leaf, root) = (certificate(&leaf)?, certificate(&root)?);
        let key = KeyPair::from_pem(&pair.key).map_err(|error| Unfit::Broken(error.to_string()))?;
        if leaf.public_key().raw != key.subject_public_key_info() {
            return Err(Unfit::OtherKey);
        }
        leaf.verify_signature(Some(root.public_key())).map_err(|_| Unfit::OtherAuthority)?;
        let (mut found, mut wanted) = (names_of(&leaf), names.to_vec());
        found.sort();
        wanted.sort();
        if found != wanted {
            return Err(Unfit::OtherNames(if found.is_empty() {
                "no name".to_owned()
            } else {
                found.join(", ")
            }));
        }
        check_lifetime(&leaf, now)
    }
}

/// Lifetime and names of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    pub begins: Timestamp,
    pub ends: Timestamp,
    /// The subject alternative names.
    pub names: Vec<String>,
}

impl Details {
    /// Reads the first certificate of a PEM text.
    pub fn read(text: &str) -> Result<Self, Unfit> {
        let pem = pem(text)?;
        let certificate = certificate(&pem)?;
        let validity = certificate.validity();
        let at = |seconds: i64| Timestamp(seconds.saturating_mul(1_000_000));
        Ok(Self {
            begins: at(validity.not_before.timestamp()),
            ends: at(validity.not_after.timestamp()),
            names: names_of(&certificate),
        })
    }

    /// Checks that more than a third of the lifetime is left at `now`.
    pub fn check_lifetime(&self, now: Timestamp) -> Result<(), Unfit> {
        let left = self.ends.0.saturating_sub(now.0);
        let lifetime = self.ends.0.saturating_sub(self.begins.0);
        if left > lifetime / 3 { Ok(()) } else { Err(Unfit::Ending(date(self.ends))) }
    }
}

/// Returns the date of a time, for example `2027-11-21`.
#[must_use]
pub fn date(at: Timestamp) -> String {
    date_time(at.0 / 1_000_000).date().to_string()
}

fn check_lifetime(certificate: &X509Certificate<'_>, now: Timestamp) -> Result<(), Unfit> {
    let at = |seconds: i64| Timestamp(seconds.saturating_mul(1_000_000));
    let validity = certificate.validity();
    Details {
        begins: at(validity.not_before.timestamp()),
        ends: at(validity.not_after.timestamp()),
        names: vec![],
    }
    .check_lifetime(now)
}

fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return vec![] };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match *bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            bytes => <[u8; 16]>::try_from(bytes)
                .ok()
                .map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn params(common_name: &str, now: Timestamp, days: u32) -> CertificateParams {
    let seconds = now.0 / 1_000_000;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time(seconds - CLOCK_SKEW_MAX_S);
    params.not_after = date_time(seconds.saturating_add(i64::from(days) * DAY_S));
    params
}

/// Returns the date and time; the calendar of the crate `time` ends in the year 9999.
fn date_time(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds)
        .unwrap_or(time::PrimitiveDateTime::MAX.assume_utc())
}

fn pem(text: &str) -> Result<Pem, Unfit> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(text.as_bytes())
        .map_err(|error| Unfit::Broken(error.to_string()))?;
    Ok(pem)
}

fn certificate(pem: &Pem) -> Result<X509Certificate<'_>, Unfit> {
    pem.parse_x509().map_err(|error| Unfit::Broken(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
    const DAY: u64 = 86_400;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn pair_is_valid_until_two_thirds_of_its_lifetime_have_passed() {
        let authority = Authority::load(&Authority::new(NOW, 3650).pair()).unwrap();
        let names = names(&["*.server.example.org", "server.example.org", "127.0.0.1"]);
        let pair = authority.issue(&names, NOW, 90).unwrap();
        authority.check(&pair, &names, NOW).unwrap();
        authority.check(&pair, &names, NOW.plus_secs(59 * DAY)).unwrap();
        assert!(matches!(
            authority.check(&pair, &names, NOW.plus_secs(61 * DAY)),
            Err(Unfit::Ending(_))
        ));
    }

    #[test]
    fn pair_with_other_names_authority_or_key_is_rejected() {
        let (ours, other) = (Authority::new(NOW, 3650), Authority::new(NOW, 3650));
        let names_a = names(&["*.a.example.org"]);
        let pair = ours.issue(&names_a, NOW, 90).unwrap();
        assert_eq!(
            ours.check(&pair, &names(&["*.b.example.org"]), NOW),
            Err(Unfit::OtherNames("*.a.example.org".to_owned()))
        );
        assert_eq!(other.check(&pair, &names_a, NOW), Err(Unfit::OtherAuthority));
        let mixed = Pair { key: ours.issue(&names_a, NOW, 90).unwrap().key, ..pair };
        assert_eq!(ours.check(&mixed, &names_a, NOW), Err(Unfit::OtherKey));
        assert!(matches!(
            ours.check(&Pair { certificate: "x".to_owned(), ..mixed }, &names_a, NOW),
            Err(Unfit::Broken(_))
        ));
    }

    #[test]
    fn renewed_authority_accepts_certificates_it_signed_before() {
        let old = Authority::new(NOW, 300);
        let names = names(&["*.a.example.org"]);
        let pair = old.issue(&names, NOW.plus_secs(190 * DAY), 365).unwrap();
        assert_eq!(
            Details::read(&pair.certificate).unwrap().ends,
            Details::read(old.certificate()).unwrap().ends,
            "a certificate never outlives its authority"
        );
        assert!(old.renewed(NOW.plus_secs(199 * DAY), 300).is_none());
        let late = NOW.plus_secs(201 * DAY);
        let new = old.renewed(late, 300).unwrap();
        assert_ne!(new.certificate(), old.certificate());
        let pair_of_new = new.issue(&names, late, 30).unwrap();
        old.check(&pair_of_new, &names, late).unwrap();
        new.check(&pair, &names, NOW.plus_secs(195 * DAY)).unwrap();
    }
}
