//! The agent's configuration: types and checks. `config.default.toml`, which is embedded, documents
//! the keys.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use flow_common::config::{self, ConfigError, Loaded, Spec};
use flow_common::loopback::{is_loopback, is_loopback_host};
use flow_common::telemetry::LogConfig;
use flow_domain::id::{DatasetName, PartyId};
use flow_domain::template::Resources;
use serde::Deserialize;
use tonic::transport::Uri;

use crate::admission::{AllowedPeers, Dataset, Image, PartyPolicy, ReleaseRule};
use crate::agent::LogPolicy;
use crate::dial::Address;
use crate::retention::Retention;
use crate::runtime::{DataSource, ImageSource};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../config.default.toml");
/// Prefix of environment variables.
pub const ENV_PREFIX: &str = "FLOW_FEDERATE";

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub party: String,
    pub data_dir: PathBuf,
    /// Time in seconds without the hub after which a hold expires.
    pub hold_max_s: u64,
    pub runtime: RuntimeKind,
    pub hub: HubConfig,
    pub kubernetes: KubernetesConfig,
    pub log: LogConfig,
    pub logs: LogsConfig,
    pub inventory: InventoryConfig,
    pub health: HealthConfig,
    pub v1: V1Config,
    pub retention: Retention,
    /// Resources of all members together; 0 = no limit.
    pub resources: Resources,
    pub images: BTreeMap<String, Image>,
    pub datasets: BTreeMap<DatasetName, Dataset>,
    pub outputs: OutputsConfig,
}

/// Release of members' outputs to the hub.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputsConfig {
    pub release: Vec<ReleaseRule>,
}

impl OutputsConfig {
    /// A message for each rule with a name that the party does not have.
    pub fn check(
        &self,
        images: &BTreeMap<String, Image>,
        datasets: &BTreeMap<DatasetName, Dataset>,
    ) -> Vec<String> {
        let unknown = |ReleaseRule { image, dataset, projects: _ }: &ReleaseRule| {
            let image = image.as_ref().filter(|name| !images.contains_key(*name));
            let dataset = dataset.as_ref().filter(|name| !datasets.contains_key(*name));
            let image = image.map(|name| {
                format!("there is no image {name:?} in [images]: correct the name, or remove it")
            });
            let dataset = dataset.map(|name| {
                format!("there is no dataset {name} in [datasets]: correct the name, or remove it")
            });
            image.into_iter().chain(dataset)
        };
        self.release.iter().flat_map(unknown).collect()
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubConfig {
    pub address: String,
    pub secret_file: PathBuf,
    /// File with the certificate authorities of the hub; empty = those of this machine.
    pub ca_file: PathBuf,
}

/// Disclosure of members' logs to the hub.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogsConfig {
    pub disclose: bool,
    /// Bytes sent for each request; 0 = no limit.
    pub limit_bytes_per_stream: u64,
}

impl LogsConfig {
    #[must_use]
    pub fn policy(&self) -> LogPolicy {
        let Self { disclose, limit_bytes_per_stream } = *self;
        LogPolicy {
            disclose,
            limit_bytes_per_stream: Some(limit_bytes_per_stream).filter(|bytes| *bytes > 0),
        }
    }
}

/// Disclosure of the names of images and datasets to the hub.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InventoryConfig {
    pub disclose_names: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthConfig {
    /// Address of health and metrics; empty = none.
    pub listen: String,
}

/// `/api/v1` and the party view.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct V1Config {
    /// Address; empty = none.
    pub listen: String,
    /// Allow an address other than loopback.
    pub allow_remote: bool,
}

impl V1Config {
    fn checked(&self) -> Result<Option<SocketAddr>, Invalid> {
        let text = self.listen.as_str();
        let address = match text {
            "" => return Ok(None),
            text => text.parse::<SocketAddr>().map_err(|_| {
                Invalid::new("v1.listen", format!("{text:?} must look like 127.0.0.1:1236"))
            })?,
        };
        if !self.allow_remote && !is_loopback(address.ip()) {
            return Err(Invalid::new(
                "v1.listen",
                format!(
                    "other machines reach {address}, and token and logs would travel in plain text: use 127.0.0.1, or set \
                     v1.allow_remote = true behind a proxy with TLS"
                ),
            ));
        }
        Ok(Some(address))
    }
}

/// Where members run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeKind {
    /// As processes on the agent's machine.
    Process,
    /// As Pods of a cluster.
    Kubernetes,
}

/// Use of the cluster. An empty text means the value of the cluster, or that the feature is off.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesConfig {
    pub kubeconfig: PathBuf,
    pub namespace: String,
    /// Suffix of the names of Services.
    pub cluster_domain: String,
    /// Addresses that workloads may dial.
    pub peers: Vec<String>,
    /// DNS zone of the names under which jobs are reached from outside.
    pub host_zone: String,
    /// Port of the gateway in front of that zone.
    pub route_port: u16,
    /// DNS zones that no server resolves, as `zone=address`.
    pub hosts: Vec<String>,
    /// Mount the certificates of the original operator.
    pub certificates: bool,
    pub sidecar_image: String,
    pub output_claim: String,
    pub allow_host_path: bool,
}

impl KubernetesConfig {
    /// Addresses that workloads may dial; by default other members' Services in the same cluster.
    fn peers(&self) -> AllowedPeers {
        if self.peers.is_empty() {
            AllowedPeers::Matching(vec![format!("run-*.svc.{}:80", self.cluster_domain)])
        } else {
            AllowedPeers::Matching(self.peers.clone())
        }
    }

    /// DNS zones that no server resolves, each with the address of its gateway.
    pub fn hosts(&self) -> Result<Vec<(String, IpAddr)>, Invalid> {
        let parsed = |text: &String| {
            let (zone, address) = text.split_once('=')?;
            let is_name = |part: &str| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            };
            zone.split('.').all(is_name).then_some(())?;
            Some((zone.to_owned(), address.parse().ok()?))
        };
        let invalid = |text: &String| {
            let message = format!(
                "{text:?} must look like server.example.org=192.0.2.10: a zone in lower case, and an IP address"
            );
            Invalid::new("kubernetes.hosts", message)
        };
        self.hosts.iter().map(|text| parsed(text).ok_or_else(|| invalid(text))).collect()
    }
}

/// One fault of a configuration that could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct Invalid {
    pub key: &'static str,
    /// The fault and its remedy.
    pub message: String,
}

impl Invalid {
    fn new(key: &'static str, message: impl Into<String>) -> Self {
        Self { key, message: message.into() }
    }
}

/// All faults, one a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Faults(pub Vec<Invalid>);

/// A valid configuration.
#[derive(Debug, Clone)]
pub struct Checked {
    pub party: PartyId,
    pub hub: Address,
    pub policy: PartyPolicy,
    pub health: Option<SocketAddr>,
    pub v1: Option<SocketAddr>,
}

/// Sections that SIGHUP reloads; any other key takes effect at the next start.
pub const RELOADABLE: [&str; 4] = ["images", "datasets", "outputs", "resources"];

/// Reads all layers.
pub fn load(
    file: Option<PathBuf>,
    overrides: Vec<(String, String)>,
) -> Result<Loaded<Config>, ConfigError> {
    config::load(&spec(file, overrides))
}

/// As [`load`], but returns the readable part of the configuration with the faults of the rest.
pub fn load_sound(
    file: Option<PathBuf>,
    overrides: Vec<(String, String)>,
) -> Result<(Loaded<Config>, Vec<ConfigError>), ConfigError> {
    config::load_sound(&spec(file, overrides))
}

fn spec(file: Option<PathBuf>, overrides: Vec<(String, String)>) -> Spec<'static> {
    Spec { file, overrides, free_form: &["images", "datasets"], ..Spec::new(DEFAULTS, ENV_PREFIX) }
}

impl Config {
    /// Checks the values without access to the machine, and returns all faults.
    pub fn check(&self) -> Result<Checked, Faults> {
        let mut faults = Vec::new();
        let party = self.checked_party().map_err(|fault| faults.push(fault));
        if self.hub.secret_file.as_os_str().is_empty() {
            faults.push(Invalid::new(
                "hub.secret_file",
                "set the path of the file with the secret of this party",
            ));
        }
        let hub = self.hub.checked().map_err(|fault| faults.push(fault));
        if self.hold_max_s < 60 {
            faults.push(Invalid::new(
                "hold_max_s",
                "must be at least 60, because the reservation deadline of the hub is 30 s",
            ));
        }
        if self.runtime == RuntimeKind::Kubernetes && !cfg!(feature = "kubernetes") {
            let message = "this build of flow-federate has no support for clusters: build it with the feature kubernetes";
            faults.push(Invalid::new("runtime", message));
        }
        faults.extend(self.images.iter().filter_map(|(name, image)| self.image_fault(name, image)));
        faults.extend(
            self.datasets.iter().filter_map(|(name, dataset)| self.dataset_fault(name, dataset)),
        );
        let release = self.outputs.check(&self.images, &self.datasets);
        faults.extend(release.into_iter().map(|message| Invalid::new("outputs.release", message)));
        faults.extend(self.kubernetes.hosts().err());
        let retention = self.retention.check().err();
        faults.extend(retention.map(|(key, message)| {
            debug_assert_eq!(key, "min_free_percent");
            Invalid::new("retention.min_free_percent", message)
        }));
        let health = match self.health.listen.as_str() {
            "" => None,
            text => {
                let bad = |_| {
                    faults.push(Invalid::new(
                        "health.listen",
                        format!("{text:?} must look like 127.0.0.1:1237"),
                    ))
                };
                text.parse::<SocketAddr>().map_err(bad).ok()
            }
        };
        let v1 = self.v1.checked().map_err(|fault| faults.push(fault));
        let peers = match self.runtime {
            RuntimeKind::Process => AllowedPeers::Loopback,
            RuntimeKind::Kubernetes => self.kubernetes.peers(),
        };
        let policy = PartyPolicy {
            images: self.images.clone(),
            datasets: self.datasets.clone(),
            resources: self.resources.clone(),
            peers,
            release: self.outputs.release.clone(),
            disclose_names: self.inventory.disclose_names,
        };
        match (party, hub, v1) {
            (Ok(party), Ok(hub), Ok(v1)) if faults.is_empty() => {
                Ok(Checked { party, hub, policy, health, v1 })
            }
            _ => Err(Faults(faults)),
        }
    }

    fn checked_party(&self) -> Result<PartyId, Invalid> {
        match self.party.as_str() {
            "" => Err(Invalid::new("party", "set the name of this party in the federation")),
            name => name.parse().map_err(|error| Invalid::new("party", format!("{error}"))),
        }
    }

    fn image_fault(&self, name: &str, image: &Image) -> Option<Invalid> {
        let fits = match &image.source {
            ImageSource::Root(_) => self.runtime == RuntimeKind::Process,
            ImageSource::Container(_) => self.runtime == RuntimeKind::Kubernetes,
        };
        let kind = match self.runtime {
            RuntimeKind::Process => {
                "a directory as `root`, without `container`, because members run as processes"
            }
            RuntimeKind::Kubernetes => {
                "an image reference as `container`, because members run in a cluster"
            }
        };
        (name.is_empty() || !fits)
            .then(|| Invalid::new("images", format!("{name:?}: give the image a name and {kind}")))
    }

    fn dataset_fault(&self, name: &DatasetName, dataset: &Dataset) -> Option<Invalid> {
        let problem = match (&dataset.source, self.runtime) {
            (DataSource::Directory(_), RuntimeKind::Process) => return None,
            (DataSource::HostPath { .. }, RuntimeKind::Kubernetes)
                if !self.kubernetes.allow_host_path =>
            {
                "host_path needs kubernetes.allow_host_path = true"
            }
            (_, RuntimeKind::Process) => {
                "members run as processes and read a directory: set `path`"
            }
            (DataSource::Directory(_), RuntimeKind::Kubernetes) => {
                "Pods cannot read the agent's directories: set `claim`, `image` or `host_path`"
            }
            (_, RuntimeKind::Kubernetes) => return None,
        };
        Some(Invalid::new("datasets", format!("{name}: {problem}")))
    }
}

impl HubConfig {
    /// Plain text exposes the secret, so it must not leave the machine.
    fn checked(&self) -> Result<Address, Invalid> {
        let text = &self.address;
        let invalid = |message: String| Invalid::new("hub.address", message);
        let bad = || {
            invalid(format!(
                "{text:?} must look like https://hub.example.org:1234, or http://127.0.0.1:1234 on this machine"
            ))
        };
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let (Some(scheme), Some(host), Some(_), "/") =
            (uri.scheme_str(), uri.host(), uri.port_u16(), uri.path())
        else {
            return Err(bad());
        };
        let ca_file = Some(self.ca_file.clone()).filter(|path| !path.as_os_str().is_empty());
        match scheme {
            "https" => Ok(Address::Tls { uri, ca_file }),
            "http" if is_loopback_host(host) => Ok(Address::Plain(uri)),
            "http" => Err(invalid(format!(
                "{host} is another machine, and the secret would travel in plain text: use https://"
            ))),
            _ => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let overrides = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let spec = Spec {
            environment: Vec::new(),
            overrides,
            free_form: &["images", "datasets"],
            ..Spec::new(DEFAULTS, ENV_PREFIX)
        };
        config::load(&spec).map(|loaded| loaded.value)
    }

    #[test]
    fn defaults_load_and_missing_keys_are_reported() {
        let error = loaded(&[]).unwrap().check().unwrap_err().to_string();
        assert!(error.starts_with("party: ") && error.contains("\nhub.secret_file: "), "{error}");
        let error = loaded(&[("party", "a")]).unwrap().check().unwrap_err().to_string();
        assert!(error.starts_with("hub.secret_file: ") && error.lines().count() == 1, "{error}");
    }

    #[test]
    fn party_names_its_images_and_datasets() {
        let config = loaded(&[
            ("party", "a"),
            ("hub.secret_file", "/s"),
            ("images.\"x/y:1\".root", "/opt/x"),
            ("images.\"x/y:1\".allow", "true"),
            ("datasets.digits.path", "/srv/digits"),
        ])
        .unwrap();
        let checked = config.check().unwrap();
        assert_eq!(checked.policy.images["x/y:1"].source, ImageSource::Root("/opt/x".into()));
        assert_eq!(checked.policy.images["x/y:1"].allow, flow_domain::policy::Allow::Yes);
        assert!(loaded(&[("datasets.UPPER.path", "/x")]).is_err());
        assert!(
            loaded(&[("party", "a"), ("hub.secret_file", "/s"), ("datasets.d.path", "x")]).is_err(),
            "a relative path"
        );
    }

    #[test]
    fn cluster_accepts_containers_claims_and_host_paths_only_if_allowed() {
        let base = [("party", "a"), ("hub.secret_file", "/s"), ("runtime", "kubernetes")];
        let with = |more: &[(&'static str, &'static str)]| {
            loaded(&[base.as_slice(), more].concat()).unwrap().check()
        };
        let image = ("images.x.container", "registry.example/x:1");
        let checked = with(&[
            image,
            ("images.x.pod.nodeSelector.\"example.org/gpu\"", "a100"),
            ("datasets.d.claim", "pvc"),
        ])
        .unwrap();
        let ImageSource::Container(container) = &checked.policy.images["x"].source else {
            panic!("a container")
        };
        assert_eq!(
            container.pod["nodeSelector"],
            serde_json::json!({ "example.org/gpu": "a100" }),
            "keys keep their case"
        );
        assert!(checked.policy.peers.allow("run-1-1.other.svc.cluster.local:80"));
        assert!(!checked.policy.peers.allow("kubernetes.default.svc.cluster.local:443"));
        assert!(with(&[("images.x.root", "/opt/x")]).is_err());
        assert!(with(&[image, ("datasets.d.path", "/d")]).is_err());
        assert!(with(&[image, ("datasets.d.host_path", "/d")]).is_err());
        assert!(
            with(&[image, ("datasets.d.host_path", "/d"), ("kubernetes.allow_host_path", "true")])
                .is_ok()
        );
        let elsewhere =
            with(&[image, ("kubernetes.peers", "[\"job-*.hub.example:443\"]")]).unwrap();
        assert!(elsewhere.policy.peers.allow("job-1.hub.example:443"));
        assert!(!elsewhere.policy.peers.allow("run-1-1.other.svc.cluster.local:80"));
        assert!(
            with(&[
                image,
                (
                    "kubernetes.hosts",
                    "[\"server.example.org=192.0.2.10\", \"b.example.org=2001:db8::1\"]"
                )
            ])
            .is_ok()
        );
        for bad in [
            r#"["a.org"]"#,
            r#"["=192.0.2.10"]"#,
            r#"["*.a.org=192.0.2.10"]"#,
            r#"["A.org=192.0.2.10"]"#,
            r#"["a.org=gateway"]"#,
        ] {
            let error = with(&[image, ("kubernetes.hosts", bad)]).unwrap_err().to_string();
            assert!(
                error.starts_with("kubernetes.hosts: ") && error.contains("must look like"),
                "{error}"
            );
        }
    }

    #[test]
    fn logs_are_disclosed_by_default_and_health_is_served_only_if_configured() {
        let of = |more: &[(&'static str, &'static str)]| {
            loaded(&[&[("party", "a"), ("hub.secret_file", "/s")], more].concat()).unwrap()
        };
        assert_eq!(
            (of(&[]).logs.policy(), of(&[]).check().unwrap().health),
            (LogPolicy::default(), None)
        );
        let little = of(&[("logs.limit_bytes_per_stream", "100")]).logs.policy();
        assert_eq!(little, LogPolicy { disclose: true, limit_bytes_per_stream: Some(100) });
        assert!(!of(&[("logs.disclose", "false")]).logs.policy().disclose);
        let health = of(&[("health.listen", "0.0.0.0:1237")]).check().unwrap().health;
        assert_eq!(health, Some(([0, 0, 0, 0], 1237).into()));
        assert!(of(&[("health.listen", "localhost")]).check().is_err());
    }

    #[test]
    fn u43_v1_listens_on_loopback_unless_other_addresses_are_allowed() {
        let of = |more: &[(&'static str, &'static str)]| {
            loaded(&[&[("party", "a"), ("hub.secret_file", "/s")], more].concat()).unwrap().check()
        };
        assert_eq!(of(&[]).unwrap().v1, Some(([127, 0, 0, 1], 1236).into()));
        assert_eq!(of(&[("v1.listen", "")]).unwrap().v1, None);
        assert!(of(&[("v1.listen", "[::1]:9")]).unwrap().v1.is_some());
        for bad in ["0.0.0.0:1236", "[::]:1236", "192.0.2.1:1236", "localhost:1236", "1236"] {
            let error = of(&[("v1.listen", bad)]).unwrap_err().to_string();
            assert!(error.starts_with("v1.listen: "), "{error}");
        }
        let remote = [("v1.listen", "0.0.0.0:1236"), ("v1.allow_remote", "true")];
        assert_eq!(of(&remote).unwrap().v1, Some(([0, 0, 0, 0], 1236).into()));
    }

    #[test]
    fn secret_is_not_sent_in_plain_text_to_another_machine() {
        for bad in [
            "http://10.0.0.1:1234",
            "https://127.0.0.1",
            "http://127.0.0.1",
            "hub:1234",
            "http://example.org:1",
            "ftp://127.0.0.1:1",
        ] {
            let config =
                loaded(&[("party", "a"), ("hub.secret_file", "/s"), ("hub.address", bad)]).unwrap();
            assert!(config.check().is_err(), "{bad}");
        }
        for good in [
            "http://127.0.0.1:1",
            "http://[::1]:1234",
            "http://localhost:1234",
            "http://LOCALHOST:1234",
            "https://example.org:1",
            "https://[2001:db8::1]:1",
        ] {
            let config =
                loaded(&[("party", "a"), ("hub.secret_file", "/s"), ("hub.address", good)])
                    .unwrap();
            assert!(config.check().is_ok(), "{good}");
        }
    }
}
