//! Certificates for tests.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flow_common::clock::{Clock as _, SystemClock};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};

/// A certificate authority. All have the same name and different keys.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// The files of a server.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Certificate file.
    pub cert: PathBuf,
    /// Key file, readable by its owner only.
    pub key: PathBuf,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// Creates an authority with a new key.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, key()).expect("the parameters are sound"))
    }

    /// Writes the certificate of the authority and returns the file.
    #[must_use]
    pub fn ca(&self, folder: &Path) -> PathBuf {
        let file = folder.join("ca.crt");
        fs::write(&file, self.0.pem()).expect("the folder is writable");
        file
    }

    /// Writes `NAME.crt` and `NAME.key` for a server with these names and addresses; replaces
    /// existing files.
    #[must_use]
    pub fn pair(&self, folder: &Path, name: &str, names: &[&str]) -> Pair {
        self.pair_of(CertificateParams::default(), folder, name, names)
    }

    /// Like [`Authority::pair`] with a certificate that expires in `days` days, or expired if
    /// negative.
    #[must_use]
    pub fn pair_ending(&self, folder: &Path, name: &str, names: &[&str], days: i64) -> Pair {
        let day = SystemClock.now().0 / (24 * 3600 * 1_000_000) + days;
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(1970, 1, 1)
            + Duration::from_secs(u64::try_from(day).expect("after 1970") * 24 * 3600);
        self.pair_of(params, folder, name, names)
    }

    fn pair_of(
        &self,
        mut params: CertificateParams,
        folder: &Path,
        name: &str,
        names: &[&str],
    ) -> Pair {
        let key = key();
        let name_of = |name: &&str| match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName((*name).try_into().expect("an ASCII name")),
        };
        params.subject_alt_names = names.iter().map(name_of).collect();
        let cert = params.signed_by(&key, &self.0).expect("the parameters are sound");
        let pair = Pair {
            cert: folder.join(format!("{name}.crt")),
            key: folder.join(format!("{name}.key")),
        };
        // A rename is atomic: a reader gets either the old or the new file.
        for (file, text) in [(&pair.key, key.serialize_pem()), (&pair.cert, cert.pem())] {
            let aside = file.with_extension("new");
            fs::write(&aside, text).expect("the folder is writable");
            fs::set_permissions(&aside, fs::Permissions::from_mode(0o600))
                .expect("the file is writable");
            fs::rename(&aside, file).expect("the folder is writable");
        }
        pair
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the machine has random bytes")
}
