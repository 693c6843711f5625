//! The certificates of a federation whose parties reach each other by name: one authority, and a key pair for each
//! place where TLS ends. Pure: time is handed in, and where things are kept is others' business.
//!
//! Trust is in the authority, never in a leaf, so leaves are replaced without telling anybody. The authority itself is
//! renewed under the same name and key: what it signed before is good under both of its certificates, so that too needs
//! no day on which everybody changes at once.

use flow_domain::time::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, SerialNumber,
};
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;

/// The authority's name, in the certificates it signs.
const SUBJECT: &str = "flow federation";
/// Longest common name that X.509 allows.
const LONGEST_NAME: usize = 64;
const DAY_S: i64 = 86_400;
/// Clocks of two organisations differ.
const SKEW_S: i64 = 3_600;

/// A certificate and its private key, both PEM.
#[derive(Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// Its key. Never printed.
    pub key: String,
}

/// Why a certificate does not serve, in words that follow "it".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Not to be read.
    #[error("cannot be read: {0}")]
    Broken(String),
    /// Key and certificate are of different pairs.
    #[error("does not belong to its key")]
    OtherKey,
    /// Somebody else signed it.
    #[error("was not signed by this authority")]
    OtherAuthority,
    /// It stands for other names.
    #[error("stands for {0}")]
    OtherNames(String),
    /// Less than a third of its life is left.
    #[error("ends on {0}")]
    Ending(String),
}

/// Who signs.
pub struct Authority {
    certificate: String,
    key: KeyPair,
}

impl Authority {
    /// A new one, good from `now` for `days`.
    #[must_use]
    pub fn new(now: Timestamp, days: u32) -> Self {
        Self::with_key(
            KeyPair::generate().expect("the operating system gives random bytes"),
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
        // The usual number follows from the key, which a renewed authority shares with the one before.
        params.serial_number = Some(SerialNumber::from_slice(&now.0.unsigned_abs().to_be_bytes()));
        let certificate = params.self_signed(&key).expect("the parameters are sound").pem();
        Self { certificate, key }
    }

    /// The one that was kept. It need not be one of ours: any authority with an ECDSA, Ed25519 or RSA key will do.
    pub fn load(pair: &Pair) -> Result<Self, Unfit> {
        let key = KeyPair::from_pem(&pair.key).map_err(|error| Unfit::Broken(error.to_string()))?;
        let pem = pem(&pair.certificate)?;
        let certificate = certificate(&pem)?;
        if certificate.public_key().raw != key.subject_public_key_info() {
            return Err(Unfit::OtherKey);
        }
        if !certificate.is_ca() {
            return Err(Unfit::Broken("it is not an authority's".to_owned()));
        }
        Ok(Self { certificate: pair.certificate.clone(), key })
    }

    /// The same authority with a longer life, if less than a third of its life is left. `None` also for one that we did
    /// not make: whoever made it renews it.
    #[must_use]
    pub fn renewed(&self, now: Timestamp, days: u32) -> Option<Self> {
        let pem = pem(&self.certificate).ok()?;
        let certificate = certificate(&pem).ok()?;
        let ours =
            certificate.subject().iter_common_name().any(|name| name.as_str() == Ok(SUBJECT));
        let key = KeyPair::from_pem(&self.key.serialize_pem()).ok()?;
        (ours && fresh(&certificate, now).is_err()).then(|| Self::with_key(key, now, days))
    }

    /// What everybody trusts, PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// All of it, to be kept.
    #[must_use]
    pub fn pair(&self) -> Pair {
        Pair { certificate: self.certificate.clone(), key: self.key.serialize_pem() }
    }

    /// A new key pair that stands for `names`, good for `days`, but never longer than the authority.
    pub fn issue(&self, names: &[String], now: Timestamp, days: u32) -> Result<Pair, Unfit> {
        let broken = |error: rcgen::Error| Unfit::Broken(error.to_string());
        let common =
            names.iter().find(|name| name.len() <= LONGEST_NAME).map_or("flow", String::as_str);
        let mut params = params(common, now, days);
        params.subject_alt_names = CertificateParams::new(names).map_err(broken)?.subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let ends = Details::read(&self.certificate)?.ends;
        params.not_after = params.not_after.min(moment(ends.0 / 1_000_000));
        let key = KeyPair::generate().map_err(broken)?;
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, &self.key).map_err(broken)?;
        let certificate = params.signed_by(&key, &issuer).map_err(broken)?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// Whether `pair` still serves for `names`, or why not.
    pub fn judge(&self, pair: &Pair, names: &[String], now: Timestamp) -> Result<(), Unfit> {
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
        fresh(&leaf, now)
    }
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// From when on it is good.
    pub begins: Timestamp,
    /// Until when.
    pub ends: Timestamp,
    /// The names it stands for.
    pub names: Vec<String>,
}

impl Details {
    /// Of a PEM file's first certificate.
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

    /// Whether it is good at `now` with more than a third of its life left.
    pub fn fresh(&self, now: Timestamp) -> Result<(), Unfit> {
        let left = self.ends.0.saturating_sub(now.0);
        let life = self.ends.0.saturating_sub(self.begins.0);
        if left > life / 3 { Ok(()) } else { Err(Unfit::Ending(date(self.ends))) }
    }
}

/// The day of a moment, as in `2027-11-21`.
#[must_use]
pub fn date(at: Timestamp) -> String {
    moment(at.0 / 1_000_000).date().to_string()
}

fn fresh(certificate: &X509Certificate<'_>, now: Timestamp) -> Result<(), Unfit> {
    let at = |seconds: i64| Timestamp(seconds.saturating_mul(1_000_000));
    let validity = certificate.validity();
    Details {
        begins: at(validity.not_before.timestamp()),
        ends: at(validity.not_after.timestamp()),
        names: vec![],
    }
    .fresh(now)
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
    params.not_before = moment(seconds - SKEW_S);
    params.not_after = moment(seconds.saturating_add(i64::from(days) * DAY_S));
    params
}

/// The calendar ends in the year 9999.
fn moment(seconds: i64) -> OffsetDateTime {
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
    fn a_pair_serves_until_two_thirds_of_its_life_are_over() {
        let authority = Authority::load(&Authority::new(NOW, 3650).pair()).unwrap();
        let names = names(&["*.server.example.org", "server.example.org", "127.0.0.1"]);
        let pair = authority.issue(&names, NOW, 90).unwrap();
        authority.judge(&pair, &names, NOW).unwrap();
        authority.judge(&pair, &names, NOW.plus_secs(59 * DAY)).unwrap();
        assert!(matches!(
            authority.judge(&pair, &names, NOW.plus_secs(61 * DAY)),
            Err(Unfit::Ending(_))
        ));
    }

    #[test]
    fn a_pair_of_other_names_another_authority_or_another_key_does_not_serve() {
        let (ours, other) = (Authority::new(NOW, 3650), Authority::new(NOW, 3650));
        let names_a = names(&["*.a.example.org"]);
        let pair = ours.issue(&names_a, NOW, 90).unwrap();
        assert_eq!(
            ours.judge(&pair, &names(&["*.b.example.org"]), NOW),
            Err(Unfit::OtherNames("*.a.example.org".to_owned()))
        );
        assert_eq!(other.judge(&pair, &names_a, NOW), Err(Unfit::OtherAuthority));
        let mixed = Pair { key: ours.issue(&names_a, NOW, 90).unwrap().key, ..pair };
        assert_eq!(ours.judge(&mixed, &names_a, NOW), Err(Unfit::OtherKey));
        assert!(matches!(
            ours.judge(&Pair { certificate: "x".to_owned(), ..mixed }, &names_a, NOW),
            Err(Unfit::Broken(_))
        ));
    }

    #[test]
    fn a_renewed_authority_vouches_for_what_it_signed_before() {
        let old = Authority::new(NOW, 300);
        let names = names(&["*.a.example.org"]);
        let pair = old.issue(&names, NOW.plus_secs(190 * DAY), 365).unwrap();
        assert_eq!(
            Details::read(&pair.certificate).unwrap().ends,
            Details::read(old.certificate()).unwrap().ends,
            "never outlives it"
        );
        assert!(old.renewed(NOW.plus_secs(199 * DAY), 300).is_none());
        let late = NOW.plus_secs(201 * DAY);
        let new = old.renewed(late, 300).unwrap();
        assert_ne!(new.certificate(), old.certificate());
        let pair_of_new = new.issue(&names, late, 30).unwrap();
        old.judge(&pair_of_new, &names, late).unwrap();
        new.judge(&pair, &names, NOW.plus_secs(195 * DAY)).unwrap();
    }
}
