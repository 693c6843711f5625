//! The configuration of the operator. The embedded `config.default.toml` describes each key and
//! contains its default.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use flow_common::config::{self, ConfigError, Loaded, Spec};
use flow_common::telemetry::LogConfig;
use flow_crd::OptIn;
use serde::Deserialize;

use crate::arguments::namespace;

pub const DEFAULTS: &str = include_str!("../config.default.toml");
/// Prefix of the environment variables.
pub const ENV_PREFIX: &str = "FLOW_OPERATOR";

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The served namespaces; empty stands for all.
    pub namespaces: Vec<String>,
    /// Largest number of concurrent reconcile passes.
    pub concurrency: u16,
    pub log: LogConfig,
    pub http: HttpConfig,
    pub leader: LeaderConfig,
    pub exposure: ExposureConfig,
    pub service: ServiceConfig,
    pub certificates: CertificatesConfig,
    pub pods: PodsConfig,
    pub network_policy: NetworkPolicyConfig,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Address of health and metrics; empty disables the listener.
    pub listen: String,
}

impl HttpConfig {
    /// Returns the address; `None` if the listener is disabled.
    pub fn address(&self) -> Result<Option<SocketAddr>, InvalidValue> {
        let parsed = (!self.listen.is_empty()).then(|| self.listen.parse()).transpose();
        parsed.map_err(|_| InvalidValue {
            key: "http.listen",
            message: format!("{:?} must look like 127.0.0.1:8080", self.listen),
        })
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaderConfig {
    pub elect: bool,
    pub lease: String,
    /// Namespace of the Lease; empty stands for the namespace of the client.
    pub namespace: String,
    /// Validity of the Lease in seconds.
    pub lease_s: u16,
}

impl LeaderConfig {
    #[must_use]
    pub fn validity(&self) -> Duration {
        Duration::from_secs(self.lease_s.into())
    }
}

/// The kind of route for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteDriver {
    /// The first of Gateway and Ingress that is configured and served by the cluster.
    Auto,
    Gateway,
    Ingress,
    None,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExposureConfig {
    pub driver: RouteDriver,
    /// Port of the gateway or ingress controller.
    pub port: u16,
    /// Every route demands client certificates.
    pub authenticate_clients: bool,
    pub gateway: GatewayConfig,
    pub ingress: IngressConfig,
}

/// The Gateway of the GRPCRoutes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// Empty stands for no Gateway.
    pub name: String,
    /// Empty stands for the namespace of the job.
    pub namespace: String,
    /// Empty stands for all listeners.
    pub listener: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IngressConfig {
    /// Empty stands for no Ingress.
    pub class: String,
    /// Secret with the certificate of a server's host.
    pub server_tls_secret: String,
    /// Secret with the certificate of a client's host.
    pub client_tls_secret: String,
    /// Annotations of each Ingress.
    pub annotations: BTreeMap<String, String>,
    /// Additional annotations of an Ingress that demands client certificates.
    pub client_annotations: BTreeMap<String, String>,
}

/// Ports of the Services and of the containers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    pub grpc_port: u16,
    pub grpc_target: u16,
    pub http_port: u16,
    pub http_target: u16,
}

/// The default sources of certificates.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificatesConfig {
    pub server_config_map: String,
    pub party_config_map: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PodsConfig {
    /// The permissions that a namespace can grant.
    #[serde(deserialize_with = "opt_ins")]
    pub opt_ins: BTreeSet<OptIn>,
    pub read_only_root: bool,
    /// Requests by resource for containers whose template does not name the resource.
    pub requests: BTreeMap<String, String>,
    /// Limits by resource for containers whose template does not name the resource.
    pub limits: BTreeMap<String, String>,
}

/// Reads permissions. The error lists the valid names, which the error of the derived
/// implementation does not in TOML.
fn opt_ins<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<OptIn>, D::Error> {
    let parse = |name: String| {
        OptIn::ALL.into_iter().find(|opt_in| opt_in.as_str() == name).ok_or_else(|| {
            let all = OptIn::ALL.map(OptIn::as_str).join(", ");
            serde::de::Error::custom(format!("pods.opt_ins: {name:?} must be one of {all}"))
        })
    };
    Vec::deserialize(deserializer)?.into_iter().map(parse).collect()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPolicyConfig {
    pub enabled: bool,
    /// Namespaces whose Pods may connect, besides the job's own; empty allows every client.
    pub from_namespaces: Vec<String>,
}

/// An invalid value of the configuration.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {message}")]
pub struct InvalidValue {
    pub key: &'static str,
    /// The rule that the value breaks.
    pub message: String,
}

/// Loads the configuration from all layers.
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
    /// Checks all values that can be checked without a cluster.
    pub fn check(&self) -> Result<(), InvalidValue> {
        let invalid = |key, message: &str| Err(InvalidValue { key, message: message.to_owned() });
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
            namespace(name).map_err(|message| InvalidValue { key, message })?;
        }
        if self.concurrency == 0 {
            return invalid("concurrency", "must be at least 1");
        }
        if self.leader.lease_s < 3 {
            return invalid(
                "leader.lease_s",
                "must be at least 3: the Lease is renewed three times in this time",
            );
        }
        if self.exposure.driver == RouteDriver::Gateway && self.exposure.gateway.name.is_empty() {
            return invalid(
                "exposure.gateway.name",
                "set the Gateway of the routes, or another exposure.driver",
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

/// Returns whether the text is a quantity of Kubernetes. Exponents are not accepted.
fn is_quantity(text: &str) -> bool {
    let number = text.trim_end_matches(|end: char| end.is_ascii_alphabetic());
    let suffixes = ["", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    suffixes.contains(&&text[number.len()..])
        && number.parse::<f64>().is_ok_and(|number| number >= 0.0)
}

impl Default for Config {
    /// Returns the documented defaults without environment variables.
    fn default() -> Self {
        let spec = Spec { environment: Vec::new(), ..Spec::new(DEFAULTS, ENV_PREFIX) };
        config::load(&spec).expect("the embedded defaults are valid; a test checks them").value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_a_valid_configuration() {
        Config::default().check().unwrap();
    }

    #[test]
    fn error_of_an_invalid_value_names_its_key() {
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
        let unknown_name = load(None, vec![("pods.opt_ins".to_owned(), r#"["sudo"]"#.to_owned())])
            .unwrap_err()
            .to_string();
        assert!(
            unknown_name.contains("opt_ins") && unknown_name.contains("write-root"),
            "{unknown_name}"
        );
    }
}
