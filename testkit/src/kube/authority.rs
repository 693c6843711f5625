//! The cluster's certificate authority and its kubeconfigs. Each kubeconfig is one file with all
//! credentials, for a program, a Pod or another machine.

use std::net::IpAddr;
use std::path::Path;

use base64::Engine;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use serde_json::json;

pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Creates an authority and writes `ca.crt`, `ca.key` and the key pair of service account
    /// tokens, `sa.key` and `sa.pub`, into `folder`.
    pub(super) fn new(folder: &Path) -> Authority {
        let mut params = params("flow-testkit", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("the parameters are sound");
        write(folder, "ca.crt", &issuer.pem());
        write(folder, "ca.key", &issuer.key().serialize_pem());
        let tokens = key();
        write(folder, "sa.key", &tokens.serialize_pem());
        write(folder, "sa.pub", &tokens.public_key_pem());
        Authority { issuer }
    }

    /// Writes `NAME.crt` and `NAME.key` for a server with these names and addresses.
    pub(super) fn write_server(
        &self,
        folder: &Path,
        name: &str,
        dns: &[&str],
        addresses: &[IpAddr],
    ) {
        let mut params = params(name, None);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let dns =
            dns.iter().map(|name| SanType::DnsName((*name).try_into().expect("an ASCII name")));
        params.subject_alt_names =
            dns.chain(addresses.iter().copied().map(SanType::IpAddress)).collect();
        self.write_pair(folder, name, params);
    }

    /// Writes `NAME.crt` and `NAME.key` for the client `user`, a member of `group`.
    pub(super) fn write_client(&self, folder: &Path, name: &str, user: &str, group: Option<&str>) {
        self.write_pair(folder, name, client(user, group));
    }

    fn write_pair(&self, folder: &Path, name: &str, params: CertificateParams) {
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("the parameters are sound");
        write(folder, &format!("{name}.crt"), &certificate.pem());
        write(folder, &format!("{name}.key"), &key.serialize_pem());
    }

    /// A kubeconfig for `server` with a new client certificate.
    pub(super) fn kubeconfig(&self, server: &str, user: &str, group: Option<&str>) -> String {
        let key = key();
        let certificate =
            client(user, group).signed_by(&key, &self.issuer).expect("the parameters are sound");
        self.kubeconfig_with(
            server,
            &json!({"client-certificate-data": base64(&certificate.pem()), "client-key-data": base64(&key.serialize_pem())}),
        )
    }

    /// A kubeconfig for `server` with a bearer token.
    pub(super) fn token_kubeconfig(&self, server: &str, token: &str) -> String {
        self.kubeconfig_with(server, &json!({"token": token}))
    }

    fn kubeconfig_with(&self, server: &str, credentials: &serde_json::Value) -> String {
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "default"}}],
            "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority-data": base64(&self.issuer.pem())}}],
            "users": [{"name": "test", "user": credentials}],
        })
        .to_string()
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the machine has random bytes")
}

fn client(user: &str, group: Option<&str>) -> CertificateParams {
    let mut params = params(user, group);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn params(name: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = Default::default();
    params.distinguished_name.push(DnType::CommonName, name);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params
}

fn base64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("the folder is writable");
}
