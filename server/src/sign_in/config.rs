//! Configuration of sign-in: `[[access.trusted_issuers]]` and `[access.oidc.NAME]`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flow_common::secret_file;
use flow_common::tls::client::{self, Trust};
use flow_console::Base;
use flow_domain::access::ProjectRole;
use flow_domain::id::{ProjectId, UserName};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use url::Url;

use super::http::is_safe;

/// Sign-in and addresses of the hub.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInConfig {
    /// Address of the hub for browsers and other people's programs.
    #[serde(default)]
    pub public_url: Option<String>,
    #[serde(default)]
    pub trusted_issuers: Vec<TrustedIssuer>,
    /// Identity providers by name.
    #[serde(default)]
    pub oidc: BTreeMap<String, OidcProvider>,
}

impl SignInConfig {
    /// Returns the files that the configuration names.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let issuers = self.trusted_issuers.iter().flat_map(|issuer| {
            let jwks = Some(Path::new(&issuer.jwks)).filter(|path| path.is_absolute());
            [jwks, issuer.ca_file.as_deref()]
        });
        let providers = self.oidc.values().flat_map(|provider| {
            [provider.client_secret_file.as_deref(), provider.ca_file.as_deref()]
        });
        issuers.chain(providers).flatten()
    }

    /// Returns all errors, one sentence each, that begin with the key.
    pub(crate) fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        match &self.public_url {
            Some(address) => match url("access.public_url", address) {
                Ok(url) if Base::parse(url.path()).is_none() => wrong.push(format!(
                    "access.public_url: the path of {address} must consist of letters, digits and `._~-`, such as https://HOST/flow"
                )),
                Ok(_) => {}
                Err(error) => wrong.push(error),
            },
            None if !self.oidc.is_empty() => wrong.push(
                "access.public_url: set the address of this hub for browsers, to which identity providers send people back"
                    .to_owned(),
            ),
            None => {}
        }
        for issuer in &self.trusted_issuers {
            let faults = issuer.check().into_iter();
            wrong.extend(faults.map(|fault| format!("access.trusted_issuers: {fault}")));
        }
        for (name, provider) in &self.oidc {
            let faults = provider.check(name).into_iter();
            wrong.extend(faults.map(|fault| format!("access.oidc.{name}: {fault}")));
        }
        wrong
    }
}

/// An issuer of tokens that the hub accepts from programs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedIssuer {
    /// The service account that the program acts as. The hub creates it.
    pub account: UserName,
    pub issuer: String,
    /// Accepted values of `aud`.
    pub audience: OneOrMore,
    /// URL or file of the key set; by default from the issuer's discovery document.
    #[serde(default)]
    pub jwks: String,
    /// Authorities that the hub trusts for the issuer's TLS; by default those of the machine.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<String>,
    /// Claims that a token must have: name, or JSON pointer of a nested claim, and accepted values.
    /// `*` in a value matches any text.
    pub claims: BTreeMap<String, OneOrMore>,
    pub project: ProjectId,
    pub role: ProjectRole,
}

/// An OpenID Connect provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcProvider {
    /// Text of the sign-in button; by default the name of the section.
    #[serde(default)]
    pub label: String,
    pub issuer: String,
    pub client_id: String,
    /// Without a file the hub is a public client.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<String>,
    /// Creates an account at the first sign-in of a person.
    #[serde(default)]
    pub create_users: bool,
    /// The claim with the name of a new account.
    #[serde(default = "default_name_claim")]
    pub name_claim: String,
    #[serde(default = "default_groups_claim")]
    pub groups_claim: String,
    /// Groups whose members may sign in; every person if empty.
    #[serde(default)]
    pub allowed_groups: Vec<String>,
    /// Roles by group. The hub sets them at each sign-in.
    #[serde(default)]
    pub roles: Vec<GroupRole>,
    /// Groups whose members administer the federation. If there are some, the hub gives this right
    /// or takes it away at each sign-in.
    #[serde(default)]
    pub federation_admin_groups: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRole {
    pub group: String,
    pub project: ProjectId,
    pub role: ProjectRole,
}

/// One text, or a list of texts.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::More(texts) => texts,
        }
    }
}

fn default_algorithms() -> Vec<String> {
    ["RS256", "ES256", "PS256", "EdDSA"].map(ToOwned::to_owned).to_vec()
}

fn default_scopes() -> Vec<String> {
    ["openid", "profile", "email"].map(ToOwned::to_owned).to_vec()
}

fn default_name_claim() -> String {
    "preferred_username".to_owned()
}

fn default_groups_claim() -> String {
    "groups".to_owned()
}

/// Returns the algorithms with these names.
pub(crate) fn algorithms(names: &[String]) -> Result<Vec<Algorithm>, String> {
    let known = |name: &String| {
        super::algorithm(name).ok_or_else(|| {
            format!("algorithms: {name:?} is not supported; use ES256, EdDSA, RS256 or PS256")
        })
    };
    if names.is_empty() {
        return Err("algorithms: the list is empty".to_owned());
    }
    names.iter().map(known).collect()
}

/// Parses the URL of an issuer, a key set or this hub.
pub(crate) fn url(key: &str, text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{key}: {text:?} is no URL: {error}"))?;
    if !is_safe(&url) {
        return Err(format!(
            "{key}: {text} is not https; plain HTTP is accepted on this machine only"
        ));
    }
    Ok(url)
}

fn check_authorities(file: Option<&Path>) -> Option<String> {
    let error = client::config(Trust::File(file?)).err()?;
    Some(format!("ca_file: {error}"))
}

/// Returns the address of an issuer's discovery document.
pub(crate) fn discovery(issuer: &str) -> Result<Url, String> {
    url("issuer", &format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))
}

impl TrustedIssuer {
    /// Returns all errors, one sentence each, that begin with the key.
    pub(crate) fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        wrong.extend(algorithms(&self.algorithms).err());
        if self.jwks.is_empty() {
            wrong.extend(discovery(&self.issuer).err());
        } else if !Path::new(&self.jwks).is_absolute() {
            wrong.extend(url("jwks", &self.jwks).err());
        }
        if self.issuer.is_empty() {
            wrong.push("issuer: is empty".to_owned());
        }
        wrong.extend(check_authorities(self.ca_file.as_deref()));
        let audiences = self.audience.as_slice();
        if audiences.is_empty() || audiences.iter().any(String::is_empty) {
            wrong.push(
                "audience: name the audience for which the issuer makes tokens for this hub"
                    .to_owned(),
            );
        }
        if self.claims.is_empty() || self.claims.values().any(|values| values.as_slice().is_empty())
        {
            wrong.push(
                "claims: name at least one claim with its values; without one every customer of the issuer could sign in"
                    .to_owned(),
            );
        }
        wrong
    }
}

impl OidcProvider {
    /// Returns all errors, one sentence each, that begin with the key.
    pub(crate) fn check(&self, name: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        if name.parse::<ProjectId>().is_err() {
            wrong.push(format!("the name {name:?} must be 1 to 63 of a-z, 0-9 and '-'"));
        }
        wrong.extend(algorithms(&self.algorithms).err());
        wrong.extend(discovery(&self.issuer).err());
        if self.client_id.is_empty() {
            wrong.push("client_id: is empty".to_owned());
        }
        if let Some(Err(error)) = self.client_secret_file.as_deref().map(secret_file::read) {
            wrong.push(format!("client_secret_file: {error}"));
        }
        wrong.extend(check_authorities(self.ca_file.as_deref()));
        if !self.scopes.iter().any(|scope| scope == "openid") {
            wrong.push("scopes: must contain \"openid\"".to_owned());
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[access]
public_url = "https://hub.example"

[[access.trusted_issuers]]
account = "ci"
issuer = "https://token.actions.githubusercontent.com"
audience = ["https://hub.example"]
claims = { repository = "hospital/training", Job_Workflow_Ref = ["a", "b*"] }
project = "default"
role = "submitter"

[[access.trusted_issuers]]
account = "cluster-a"
issuer = "https://kubernetes.default.svc"
audience = "https://hub.example"
jwks = "/etc/flow/cluster-a-keys.json"
claims = { "/kubernetes.io/serviceaccount/name" = "train" }
project = "tumours"
role = "operator"

[access.oidc.company]
issuer = "https://login.example/realms/company"
client_id = "flow"
client_secret_file = "/etc/flow/oidc-secret"
create_users = true
roles = [{ group = "leads", project = "default", role = "operator" }]
"#;

    fn load(text: &str) -> Result<(tempfile::TempDir, SignInConfig), String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hub.toml");
        let secret = folder.path().join("secret");
        secret_file::write_new(&secret, &secret_file::Secret::new("s".to_owned())).unwrap();
        let text = text.replace("/etc/flow/oidc-secret", secret.to_str().unwrap());
        std::fs::write(&file, text).unwrap();
        let loaded = crate::config::load(Some(&file), Vec::new());
        let access = loaded
            .map(|loaded| loaded.value.access.sign_in())
            .map_err(|error| error.to_string())?;
        Ok((folder, access))
    }

    #[test]
    fn issuers_and_providers_are_read_from_a_file() {
        let (folder, config) = load(FILE).unwrap();
        assert_eq!(config.check(), Vec::<String>::new());
        let [ci, cluster] = &config.trusted_issuers[..] else { panic!("two issuers") };
        assert_eq!(ci.claims["Job_Workflow_Ref"].as_slice(), ["a", "b*"]);
        assert!(cluster.claims.contains_key("/kubernetes.io/serviceaccount/name"));
        assert_eq!(cluster.role, ProjectRole::Operator);
        let company = &config.oidc["company"];
        assert_eq!((company.roles.len(), company.groups_claim.as_str()), (1, "groups"));
        let files: Vec<_> = config.files().collect();
        assert_eq!(
            files,
            [Path::new("/etc/flow/cluster-a-keys.json"), &folder.path().join("secret")]
        );
    }

    #[test]
    fn wrong_sections_are_refused_with_their_key() {
        let (_folder, config) = load(&FILE.replace("public_url =", "# public_url =")).unwrap();
        let lost = config.check();
        assert!(lost[0].starts_with("access.public_url: set the address"), "{lost:?}");
        for (right, wrong, cause) in [
            ("https://hub.example\"\n\n", "http://hub.example\"\n\n", "access.public_url: http"),
            ("hub.example\"\n\n", "hub.example/a%20b\"\n\n", "access.public_url: the path"),
            ("https://login.example", "http://login.example", "access.oidc.company: issuer: http"),
            ("client_id = \"flow\"", "client_id = \"\"", "access.oidc.company: client_id"),
            ("[access.oidc.company]", "[access.oidc.\"a b\"]", "access.oidc.a b: the name"),
        ] {
            let (_folder, config) = load(&FILE.replacen(right, wrong, 1)).unwrap();
            let faults = config.check();
            assert!(faults.len() == 1 && faults[0].starts_with(cause), "{cause}: {faults:?}");
        }
        for (right, wrong) in
            [("role = \"submitter\"", "role = \"boss\""), ("create_users", "creates_users")]
        {
            let refused = load(&FILE.replace(right, wrong)).unwrap_err();
            assert!(refused.contains("boss") || refused.contains("creates_users"), "{refused}");
        }
    }
}
