//! The operator's configuration: what its keys mean stands in `config.default.toml`, which is embedded.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use flow_common::config::{self, ConfigError, Loaded, Spec};
use flow_common::telemetry::LogConfig;
use flow_crd::OptIn;
use serde::Deserialize;

use crate::setup::namespace;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../config.default.toml");
/// What a variable of the environment begins with.
pub const ENV_PREFIX: &str = "FLOW_OPERATOR";

/// All keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The namespaces served; empty = all.
    pub namespaces: Vec<String>,
    /// Objects of a kind worked on at the same time.
    pub concurrency: u16,
    /// Logging.
    pub log: LogConfig,
    /// Health and metrics.
    pub http: HttpConfig,
    /// Leader election.
    pub leader: LeaderConfig,
    /// Routes from outside.
    pub exposure: ExposureConfig,
    /// Ports.
    pub service: ServiceConfig,
    /// Trust roots.
    pub certificates: CertificatesConfig,
    /// What Pods may do.
    pub pods: PodsConfig,
    /// Who may connect.
    pub network_policy: NetworkPolicyConfig,
}

/// Health and metrics.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Address; empty = nowhere.
    pub listen: String,
}

impl HttpConfig {
    /// The address, if there is one.
    pub fn address(&self) -> Result<Option<SocketAddr>, Invalid> {
        let parsed = (!self.listen.is_empty()).then(|| self.listen.parse()).transpose();
        parsed.map_err(|_| Invalid {
            key: "http.listen",
            message: format!("{:?} must look like 127.0.0.1:8080", self.listen),
        })
    }
}

/// Leader election.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaderConfig {
    /// Whether to elect at all.
    pub elect: bool,
    /// Name of the Lease.
    pub lease: String,
    /// Namespace of the Lease; empty = the client's.
    pub namespace: String,
    /// Validity of the Lease, in seconds.
    pub lease_s: u16,
}

impl LeaderConfig {
    /// Validity of the Lease.
    #[must_use]
    pub fn validity(&self) -> Duration {
        Duration::from_secs(self.lease_s.into())
    }
}

/// Which route a host gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// The first that is configured and installed.
    Auto,
    /// GRPCRoute.
    Gateway,
    /// Ingress.
    Ingress,
    /// None.
    None,
}

/// Routes from outside.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExposureConfig {
    /// Which kind.
    pub driver: Driver,
    /// Port at which they answer.
    pub port: u16,
    /// Whoever calls must show a certificate.
    pub authenticate_clients: bool,
    /// GRPCRoutes.
    pub gateway: GatewayConfig,
    /// Ingresses.
    pub ingress: IngressConfig,
}

/// GRPCRoutes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// The Gateway; empty = not configured.
    pub name: String,
    /// Its namespace; empty = the job's.
    pub namespace: String,
    /// Its listener; empty = every one.
    pub listener: String,
}

/// Ingresses.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IngressConfig {
    /// The class; empty = not configured.
    pub class: String,
    /// Secret of a server's certificate.
    pub server_tls_secret: String,
    /// Secret of a client's certificate.
    pub client_tls_secret: String,
    /// Annotations of every Ingress.
    pub annotations: BTreeMap<String, String>,
    /// Further ones where callers must show a certificate.
    pub client_annotations: BTreeMap<String, String>,
}

/// Ports of Service and container.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// gRPC at the Service.
    pub grpc_port: u16,
    /// gRPC at the container.
    pub grpc_target: u16,
    /// Status page at the Service.
    pub http_port: u16,
    /// Status page at the container.
    pub http_target: u16,
}

/// Trust roots by default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificatesConfig {
    /// ConfigMap for the server's.
    pub server_config_map: String,
    /// ConfigMap for the peers'.
    pub party_config_map: String,
}

/// What Pods may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PodsConfig {
    /// What a namespace can allow.
    #[serde(deserialize_with = "opt_ins")]
    pub opt_ins: BTreeSet<OptIn>,
    /// Root file systems are read-only.
    pub read_only_root: bool,
    /// What a container requests where its template does not say, by resource.
    pub requests: BTreeMap<String, String>,
    /// What a container is limited to where its template does not say, by resource.
    pub limits: BTreeMap<String, String>,
}

/// With an error that says what would be right, which the enum's own does not in this format.
fn opt_ins<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<OptIn>, D::Error> {
    let known = |word: String| {
        OptIn::ALL.into_iter().find(|opt_in| opt_in.as_str() == word).ok_or_else(|| {
            let all = OptIn::ALL.map(OptIn::as_str).join(", ");
            serde::de::Error::custom(format!("pods.opt_ins: {word:?} must be one of {all}"))
        })
    };
    Vec::deserialize(deserializer)?.into_iter().map(known).collect()
}

/// Who may connect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPolicyConfig {
    /// Whether to make them.
    pub enabled: bool,
    /// Whose Pods may connect besides those of the job's own; empty = everybody's.
    pub from_namespaces: Vec<String>,
}

/// What is wrong with a configuration that could be read.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {message}")]
pub struct Invalid {
    /// The key.
    pub key: &'static str,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Read all layers.
pub fn load(
    file: Option<PathBuf>,
    overrides: Vec<(String, String)>,
) -> Result<Loaded<Config>, ConfigError> {
    let free_form = &[
        "exposure.ingress.annotations",
        "exposure.ingress.client_annotations",
        "pods.requests",
        "pods.limits",
    ];
    config::load(&Spec { file, overrides, free_form, ..Spec::new(DEFAULTS, ENV_PREFIX) })
}

impl Config {
    /// Everything that can be said against the values without asking a cluster.
    pub fn check(&self) -> Result<(), Invalid> {
        let invalid = |key, message: &str| Err(Invalid { key, message: message.to_owned() });
        self.http.address()?;
        let unless_empty = |name| Some(name).filter(|name: &&String| !name.is_empty());
        let named = self.namespaces.iter().map(|name| ("namespaces", name));
        let named = named.chain(
            self.network_policy
                .from_namespaces
                .iter()
                .map(|name| ("network_policy.from_namespaces", name)),
        );
        let named = named
            .chain(unless_empty(&self.leader.namespace).map(|name| ("leader.namespace", name)));
        for (key, name) in named.chain(
            unless_empty(&self.exposure.gateway.namespace)
                .map(|name| ("exposure.gateway.namespace", name)),
        ) {
            namespace(name).map_err(|message| Invalid { key, message })?;
        }
        if self.concurrency == 0 {
            return invalid("concurrency", "must be at least 1");
        }
        if self.leader.lease_s < 3 {
            return invalid(
                "leader.lease_s",
                "must be at least 3: the Lease is renewed every third of it",
            );
        }
        if self.exposure.driver == Driver::Gateway && self.exposure.gateway.name.is_empty() {
            return invalid(
                "exposure.gateway.name",
                "set the Gateway that routes attach to, or another exposure.driver",
            );
        }
        let ServiceConfig { grpc_port, grpc_target, http_port, http_target } = self.service;
        if grpc_port == http_port || grpc_target == http_target {
            return invalid("service", "gRPC and status page need different ports");
        }
        for (key, quantities) in
            [("pods.requests", &self.pods.requests), ("pods.limits", &self.pods.limits)]
        {
            if let Some((resource, amount)) =
                quantities.iter().find(|(_, amount)| !is_quantity(amount))
            {
                return invalid(
                    key,
                    &format!(
                        "{resource} = {amount:?} must be a quantity such as \"500m\", \"2\" or \"4Gi\""
                    ),
                );
            }
        }
        Ok(())
    }
}

/// As Kubernetes writes them, without the exponents that nobody writes.
fn is_quantity(text: &str) -> bool {
    let number = text.trim_end_matches(|end: char| end.is_ascii_alphabetic());
    let suffixes = ["", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    suffixes.contains(&&text[number.len()..])
        && number.parse::<f64>().is_ok_and(|number| number >= 0.0)
}

impl Default for Config {
    /// The documented defaults alone, whatever the environment says.
    fn default() -> Self {
        let spec = Spec { environment: Vec::new(), ..Spec::new(DEFAULTS, ENV_PREFIX) };
        config::load(&spec).expect("the defaults are well-formed, or no test passes").value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_a_good_configuration() {
        Config::default().check().unwrap();
    }

    #[test]
    fn every_bad_value_is_answered_with_its_key() {
        let with = |key: &str, value: &str| {
            load(None, vec![(key.to_owned(), value.to_owned())])
                .unwrap()
                .value
                .check()
                .unwrap_err()
                .to_string()
        };
        assert!(with("concurrency", "0").starts_with("concurrency: "));
        assert!(with("namespaces", r#"["../kube-system"]"#).starts_with("namespaces: "));
        assert!(with("leader.namespace", "Flow").starts_with("leader.namespace: "));
        assert!(with("leader.lease_s", "1").starts_with("leader.lease_s: "));
        assert!(with("exposure.driver", "gateway").starts_with("exposure.gateway.name: "));
        assert!(with("service.http_port", "80").starts_with("service: "));
        assert!(with("http.listen", "8080").starts_with("http.listen: "));
        assert!(with("pods.limits.memory", "16 GB").starts_with("pods.limits: "));
        let unknown =
            load(None, vec![("pods.opt_in".to_owned(), "[]".to_owned())]).unwrap_err().to_string();
        assert!(unknown.contains("pods.opt_ins"), "{unknown}");
        let word = load(None, vec![("pods.opt_ins".to_owned(), r#"["sudo"]"#.to_owned())])
            .unwrap_err()
            .to_string();
        assert!(word.contains("opt_ins") && word.contains("write-root"), "{word}");
    }
}
