//! The hub's configuration. `config.default.toml` documents every key; it is embedded and defines
//! the defaults.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use flow_common::config::{ConfigError, Loaded, Spec};
use flow_common::loopback::is_loopback;
use flow_common::telemetry::LogConfig;
use flow_common::tls::Listener;
use flow_common::tls::client::Trust;
use flow_domain::id::{DatasetName, PartyId};
use flow_domain::template::Resources;
use flow_domain::time::Timestamp;
use flow_federate::admission::{Dataset, Image};
use flow_federate::config::OutputsConfig;
use flow_federate::retention::Retention;
use serde::Deserialize;
use url::Url;

use crate::access::TrustedProxies;
use crate::cors::Origin;
use crate::engine::RetentionDays;
use crate::listener::ListenerLimits;
use crate::network::Network;
use crate::sign_in::SignInConfig;
use crate::sign_in::config::{OidcProvider, TrustedIssuer};
use crate::store::Quotas;
use crate::webhooks::{TargetRules, WebhookOptions};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../config.default.toml");
/// Prefix of environment variables that set a key.
pub const ENV_PREFIX: &str = "FLOW_SERVER";
/// Upper bound of the connection limits.
const MAX_CONNECTIONS: usize = 1_000_000;
/// Upper bound of the days of `retention`.
const RETENTION_DAYS_MAX: u64 = 36_500;
/// Lower bound of `limits.body_bytes`: one body of the largest size.
const BODY_BYTES_MIN: usize = 1024 * 1024;
/// Upper bound of `limits.body_bytes`: the capacity of a semaphore on a 32-bit machine.
const BODY_BYTES_MAX: usize = (u32::MAX >> 3) as usize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Contains the embedded database, the token, and the data of the hub's own agent.
    pub data_dir: PathBuf,
    pub log: LogConfig,
    /// REST for users.
    pub rest: Listen,
    /// gRPC for agents.
    pub grpc: Listen,
    /// Probes and metrics.
    pub health: HealthConfig,
    /// Limits of the process as a whole.
    pub limits: LimitsConfig,
    /// Limits of stored objects.
    pub quota: Quotas,
    /// Users and their clients.
    pub access: AccessConfig,
    pub cors: CorsConfig,
    pub v1: V1Config,
    pub webhooks: WebhooksConfig,
    pub retention: RetentionConfig,
    pub store: StoreConfig,
    pub contact: ContactConfig,
    pub shutdown: ShutdownConfig,
    pub hub_agent: HubAgentConfig,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Port 0 takes any free port.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    pub max_connections: usize,
    /// Connections per source address.
    pub max_connections_per_address: usize,
    pub tls: TlsConfig,
}

impl Listen {
    #[must_use]
    pub const fn limits(&self) -> ListenerLimits {
        ListenerLimits {
            per_address: self.max_connections_per_address,
            ..ListenerLimits::of(self.max_connections)
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthConfig {
    /// `None` = no listener.
    #[serde(deserialize_with = "address_unless_empty")]
    pub listen: Option<SocketAddr>,
}

/// The API of iflearner-flow.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct V1Config {
    /// Networks whose requests need no credentials.
    pub anonymous_networks: Vec<Network>,
}

/// Pages of other origins.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsConfig {
    /// Origins whose pages may use the API with a token.
    pub allow_origins: Vec<Origin>,
}

/// Requests of the hub to the receivers of webhooks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhooksConfig {
    /// Networks of receivers besides public addresses.
    pub allow_networks: Vec<Network>,
    /// Plain HTTP to receivers in these networks.
    pub allow_http: bool,
    /// Authorities of receivers; `None` = those of the machine.
    #[serde(deserialize_with = "unless_empty")]
    pub ca_file: Option<PathBuf>,
}

impl WebhooksConfig {
    #[must_use]
    pub fn options(&self) -> WebhookOptions {
        let Self { allow_networks, allow_http, ca_file } = self.clone();
        WebhookOptions { rules: TargetRules { allow_networks, allow_http }, ca_file }
    }
}

/// Days for which the hub keeps data.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionConfig {
    pub events_days: u64,
    pub audit_days: u64,
}

impl From<RetentionConfig> for RetentionDays {
    fn from(RetentionConfig { events_days, audit_days }: RetentionConfig) -> Self {
        Self { events: events_days, audit: audit_days }
    }
}

/// Limits of the process as a whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Bytes of request bodies in memory, of all REST requests together.
    pub body_bytes: usize,
}

/// Users and their clients.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessConfig {
    /// Requests of an account per second.
    pub requests_per_s: u32,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    #[serde(deserialize_with = "trusted_proxies")]
    pub trusted_proxies: TrustedProxies,
    /// Address of the hub for browsers.
    #[serde(deserialize_with = "unless_empty")]
    pub public_url: Option<String>,
    pub trusted_issuers: Vec<TrustedIssuer>,
    /// Identity providers by name.
    #[serde(default)]
    pub oidc: BTreeMap<String, OidcProvider>,
}

impl AccessConfig {
    /// Returns whether browsers reach the hub over TLS, as `public_url` states.
    #[must_use]
    pub fn is_public_tls(&self) -> bool {
        let url = self.public_url.as_deref().map(Url::parse);
        url.is_some_and(|url| url.is_ok_and(|url| url.scheme() == "https"))
    }

    /// Returns the keys of sign-in without a password.
    #[must_use]
    pub fn sign_in(&self) -> SignInConfig {
        SignInConfig {
            public_url: self.public_url.clone(),
            trusted_issuers: self.trusted_issuers.clone(),
            oidc: self.oidc.clone(),
        }
    }
}

fn trusted_proxies<'de, D: serde::Deserializer<'de>>(from: D) -> Result<TrustedProxies, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

/// Certificate and key of a listener: both files, or neither for plain text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate and its chain, PEM.
    #[serde(deserialize_with = "unless_empty")]
    pub cert_file: Option<PathBuf>,
    /// The certificate's key, PEM.
    #[serde(deserialize_with = "unless_empty")]
    pub key_file: Option<PathBuf>,
}

impl TlsConfig {
    /// Returns TLS with these files and the protocols `alpn`; `None` for plain text. The error
    /// names the defect of a file.
    pub fn listener(&self, alpn: &[&[u8]]) -> Result<Option<Listener>, String> {
        match (&self.cert_file, &self.key_file) {
            (None, None) => Ok(None),
            (Some(cert), Some(key)) => flow_common::tls::listener(cert, key, alpn)
                .map(Some)
                .map_err(|error| error.to_string()),
            _ => Err("cert_file and key_file belong together: set both, or neither".to_owned()),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// `None` = the embedded database.
    #[serde(deserialize_with = "unless_empty")]
    pub url: Option<String>,
    /// File with the password.
    #[serde(deserialize_with = "unless_empty")]
    pub password_file: Option<PathBuf>,
    pub synchronous: SynchronousConfig,
    /// Connections for reads.
    pub max_connections: u32,
}

/// Parses an address; the error contains a valid example.
fn address<'de, D: serde::Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(|_| {
        let port = text.rsplit_once(':').map(|(_, port)| port).filter(|port| port.parse::<u16>().is_ok());
        let port = port.unwrap_or("PORT");
        let wanted = format!("must be an IP address and a port: 127.0.0.1:{port} for this machine alone, 0.0.0.0:{port} for all");
        serde::de::Error::custom(format!("{text:?} {wanted}"))
    })
}

/// Parses an empty text as "not set".
fn unless_empty<'de, D: serde::Deserializer<'de>, T: From<String>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(from)?;
    Ok((!text.is_empty()).then(|| text.into()))
}

/// Parses an address, or an empty text as "not set".
fn address_unless_empty<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    let address = |text: &String| {
        text.parse().map_err(|_| {
            serde::de::Error::custom(format!("{text:?} must look like 127.0.0.1:1237"))
        })
    };
    Some(text).filter(|text| !text.is_empty()).as_ref().map(address).transpose()
}

/// See [`crate::store::Synchronous`].
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SynchronousConfig {
    /// Survives a power failure.
    Full,
    /// Survives the end of the process.
    Normal,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactConfig {
    /// Seconds without contact after which another agent may replace the party's agent.
    pub away_after_s: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShutdownConfig {
    /// Seconds for active requests to finish.
    pub grace_s: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubAgentConfig {
    pub enabled: bool,
    pub party: PartyId,
    /// Seconds that a hold lasts without contact to the hub.
    pub hold_max_s: u64,
    /// Resources of all members together.
    pub resources: Resources,
    /// Retention of logs and outputs.
    pub retention: Retention,
    /// The image map.
    #[serde(default)]
    pub images: BTreeMap<String, Image>,
    #[serde(default)]
    pub datasets: BTreeMap<DatasetName, Dataset>,
    /// Outputs that may leave.
    pub outputs: OutputsConfig,
}

/// Sections that SIGHUP reloads; all other keys need a restart.
pub const RELOADABLE: [&str; 4] =
    ["hub_agent.images", "hub_agent.datasets", "hub_agent.outputs", "hub_agent.resources"];

/// Loads all layers.
pub fn load(
    file: Option<&Path>,
    overrides: Vec<(String, String)>,
) -> Result<Loaded<Config>, ConfigError> {
    flow_common::config::load(&spec(file, overrides))
}

/// Loads all layers; returns the readable keys, and the errors of the others.
pub fn load_sound(
    file: Option<&Path>,
    overrides: Vec<(String, String)>,
) -> Result<(Loaded<Config>, Vec<ConfigError>), ConfigError> {
    flow_common::config::load_sound(&spec(file, overrides))
}

fn spec(file: Option<&Path>, overrides: Vec<(String, String)>) -> Spec<'static> {
    let file = file.map(Path::to_owned);
    Spec {
        file,
        overrides,
        free_form: &["access.oidc", "hub_agent.images", "hub_agent.datasets"],
        ..Spec::new(DEFAULTS, ENV_PREFIX)
    }
}

/// Returns all errors, each with the file that contains it.
#[must_use]
pub fn faults(loaded: &Loaded<Config>) -> Vec<String> {
    loaded.value.check().iter().map(|fault| loaded.locate(fault)).collect()
}

impl Config {
    /// Checks the configuration and the certificate files without starting anything. Returns all
    /// errors, one sentence each.
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (listener, Listen { listen, max_connections, max_connections_per_address, tls }) in
            [("rest", &self.rest), ("grpc", &self.grpc)]
        {
            match tls.listener(&[]) {
                Ok(None) if !is_loopback(listen.ip()) => wrong.push(format!(
                    "{listener}.listen: other machines can dial {listen}, and without TLS tokens would travel readable: set {listener}.tls.cert_file \
                     and {listener}.tls.key_file, or listen on 127.0.0.1"
                )),
                Ok(_) => {}
                Err(error) => wrong.push(format!("{listener}.tls: {error}")),
            }
            if !(1..=MAX_CONNECTIONS).contains(max_connections) {
                wrong.push(format!("{listener}.max_connections: is {max_connections} and must be 1 to {MAX_CONNECTIONS}"));
            }
            if !(1..=MAX_CONNECTIONS).contains(max_connections_per_address) {
                wrong.push(format!(
                    "{listener}.max_connections_per_address: is {max_connections_per_address} and must be 1 to {MAX_CONNECTIONS}"
                ));
            }
        }
        wrong.extend(self.access.sign_in().check());
        if let Err((key, message)) = self.hub_agent.retention.check() {
            wrong.push(format!("hub_agent.retention.{key}: {message}"));
        }
        let release =
            self.hub_agent.outputs.check(&self.hub_agent.images, &self.hub_agent.datasets);
        wrong.extend(
            release.into_iter().map(|message| format!("hub_agent.outputs.release: {message}")),
        );
        match &self.store.url {
            None => {}
            Some(url) if url.starts_with("mysql://") => {
                if self.hub_agent.enabled {
                    wrong.push(
                        "hub_agent.enabled: the embedded agent needs the embedded store; set it to false and run a flow-federate for the hub party"
                            .to_owned(),
                    );
                }
                if url.strip_prefix("mysql://").and_then(|rest| rest.split_once('@')).is_some_and(|(user, _)| user.contains(':')) {
                    wrong.push("store.url: put the password into a file and name it in store.password_file".to_owned());
                }
            }
            Some(_) => wrong.push("store.url: use mysql://USER@HOST:PORT/DATABASE, or leave it empty for the embedded SQLite".to_owned()),
        }
        if let Err(error) = self.store_url() {
            wrong.push(format!("store.password_file: {error}"));
        }
        if !(BODY_BYTES_MIN..=BODY_BYTES_MAX).contains(&self.limits.body_bytes) {
            wrong.push(format!(
                "limits.body_bytes: is {} and must be {BODY_BYTES_MIN} to {BODY_BYTES_MAX}",
                self.limits.body_bytes
            ));
        }
        for (key, days) in
            [("events_days", self.retention.events_days), ("audit_days", self.retention.audit_days)]
        {
            if !(1..=RETENTION_DAYS_MAX).contains(&days) {
                wrong.push(format!(
                    "retention.{key}: is {days} and must be 1 to {RETENTION_DAYS_MAX}"
                ));
            }
        }
        if let Some(Err(error)) = self
            .webhooks
            .ca_file
            .as_deref()
            .map(|file| flow_common::tls::client::config(Trust::File(file)))
        {
            wrong.push(format!("webhooks.ca_file: {error}"));
        }
        if self.webhooks.allow_http && self.webhooks.allow_networks.is_empty() {
            wrong.push(
                "webhooks.allow_http: has no effect without webhooks.allow_networks; name the networks of the receivers there".to_owned(),
            );
        }
        if !(1..=1024).contains(&self.store.max_connections) {
            wrong.push(format!(
                "store.max_connections: is {} and must be 1 to 1024",
                self.store.max_connections
            ));
        }
        wrong
    }

    /// Returns warnings about certificates and disk space that soon become errors, one sentence
    /// each.
    #[must_use]
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let listeners = [("rest", &self.rest), ("grpc", &self.grpc)];
        let certificates = listeners.into_iter().filter_map(|(listener, listen)| {
            Some((listener, listen.tls.listener(&[]).ok()??.certificate))
        });
        let ending = certificates.flat_map(|(listener, certificate)| {
            let warnings = certificate
                .validity()
                .into_iter()
                .filter_map(move |validity| validity.warning(now));
            warnings.map(move |warning| format!("{listener}.tls: {warning}"))
        });
        ending.chain(self.hub_agent.retention.warning(&self.data_dir)).collect()
    }

    /// Returns the path of the embedded database.
    #[must_use]
    pub fn sqlite_path(&self) -> PathBuf {
        self.data_dir.join("flow.db")
    }

    /// Returns the database address with its password.
    pub fn store_url(&self) -> Result<String, flow_common::secret_file::SecretFileError> {
        let Some(url) = &self.store.url else {
            return Ok(format!("sqlite://{}", self.sqlite_path().display()));
        };
        let Some(file) = &self.store.password_file else { return Ok(url.clone()) };
        let password = flow_common::secret_file::read(file)?;
        Ok(match url.split_once('@') {
            Some((user, rest)) => format!("{user}:{}@{rest}", percent_encoded(password.expose())),
            None => url.clone(),
        })
    }
}

fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(overrides: &[(&str, &str)]) -> Config {
        let overrides =
            overrides.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        load(None, overrides).expect("the defaults are complete").value
    }

    #[test]
    fn defaults_are_complete_and_valid() {
        assert_eq!(with(&[]).check(), Vec::<String>::new());
        assert_eq!(with(&[]).quota, Quotas::default());
    }

    #[test]
    fn b15_invalid_listener_address_is_rejected_with_an_example() {
        let error = load(None, vec![("rest.listen".to_owned(), "localhost:8080".to_owned())])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("rest.listen") && error.contains("127.0.0.1:8080 for this machine"),
            "{error}"
        );
        let error = load(None, vec![("grpc.listen".to_owned(), "0.0.0.0".to_owned())]).unwrap_err();
        assert!(error.to_string().contains("0.0.0.0:PORT for all"), "{error}");
    }

    #[test]
    fn public_listener_requires_tls() {
        let folder = tempfile::tempdir().unwrap();
        let pair = flow_testkit::Authority::new().pair(folder.path(), "hub", &["hub.example"]);
        let (cert, key, ca) =
            (pair.cert.to_str().unwrap(), pair.key.to_str().unwrap(), folder.path().join("none"));
        for (overrides, expected) in [
            (
                vec![("rest.listen", "0.0.0.0:1235"), ("grpc.listen", "[::]:1234")],
                vec!["rest.listen: ", "grpc.listen: "],
            ),
            (
                vec![
                    ("rest.listen", "0.0.0.0:1235"),
                    ("rest.tls.cert_file", cert),
                    ("rest.tls.key_file", key),
                ],
                vec![],
            ),
            (vec![("grpc.tls.cert_file", cert), ("grpc.tls.key_file", key)], vec![]),
            (
                vec![
                    ("rest.listen", "0.0.0.0:1235"),
                    ("grpc.tls.cert_file", cert),
                    ("grpc.tls.key_file", key),
                ],
                vec!["rest.listen: "],
            ),
            (
                vec![("rest.tls.cert_file", cert)],
                vec!["rest.tls: cert_file and key_file belong together"],
            ),
            (
                vec![("grpc.tls.key_file", key)],
                vec!["grpc.tls: cert_file and key_file belong together"],
            ),
            (
                vec![("rest.tls.cert_file", ca.to_str().unwrap()), ("rest.tls.key_file", key)],
                vec!["rest.tls: cannot read certificates from "],
            ),
            (
                vec![("rest.tls.cert_file", cert), ("rest.tls.key_file", ca.to_str().unwrap())],
                vec!["rest.tls: cannot read "],
            ),
        ] {
            let wrong = with(&overrides).check();
            let fits = wrong.len() == expected.len()
                && wrong.iter().zip(&expected).all(|(error, begin)| error.starts_with(begin));
            assert!(fits, "{overrides:?}: {wrong:?}");
        }
    }

    #[test]
    fn limits_have_a_range_and_the_health_listener_may_be_left_out() {
        let wrong =
            with(&[("limits.body_bytes", "1024"), ("rest.max_connections_per_address", "0")])
                .check();
        let begins = [
            "rest.max_connections_per_address: is 0 and must be ",
            "limits.body_bytes: is 1024 and must be ",
        ];
        assert!(
            wrong.iter().zip(begins).all(|(error, begin)| error.starts_with(begin))
                && wrong.len() == 2,
            "{wrong:?}"
        );
        assert_eq!(with(&[("health.listen", "")]).health.listen, None);
        let networks =
            with(&[("v1.anonymous_networks", r#"["10.0.0.0/8"]"#)]).v1.anonymous_networks;
        assert_eq!(networks.len(), 1);
        let wrong = vec![("v1.anonymous_networks".to_owned(), r#"["10.0.0.0/33"]"#.to_owned())];
        assert!(load(None, wrong).expect_err("no network").to_string().contains("10.0.0.0/8"));
        assert_eq!(
            with(&[("health.listen", "0.0.0.0:1237")]).health.listen,
            Some(([0, 0, 0, 0], 1237).into())
        );
        let origins = r#"["https://console.example"]"#;
        assert_eq!(with(&[("cors.allow_origins", origins)]).cors.allow_origins.len(), 1);
        for origin in ["*", "null", "https://console.example/"] {
            let wrong = vec![("cors.allow_origins".to_owned(), format!("[{origin:?}]"))];
            let error = load(None, wrong).expect_err("no origin").to_string();
            assert!(
                error.contains("cors.allow_origins") && error.contains("https://HOST"),
                "{error}"
            );
        }
        let refused = load(None, vec![("health.listen".to_owned(), "localhost".to_owned())])
            .expect_err("it is no address");
        assert!(refused.to_string().contains("must look like 127.0.0.1:1237"), "{refused}");
    }

    #[test]
    fn password_in_the_url_is_rejected() {
        let wrong = with(&[
            ("store.url", "mysql://flow:pw@127.0.0.1/flow"),
            ("hub_agent.enabled", "false"),
        ])
        .check();
        assert_eq!(
            wrong,
            ["store.url: put the password into a file and name it in store.password_file"]
        );
    }
}
