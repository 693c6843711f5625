//! The agent's configuration: what its keys mean stands in `config.default.toml`, which is embedded.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use flow_common::config::{self, ConfigError, Loaded, Spec};
use flow_common::loopback::is_loopback_host;
use flow_common::telemetry::LogConfig;
use flow_domain::id::{DatasetName, PartyId};
use flow_domain::template::Resources;
use serde::Deserialize;
use tonic::transport::Uri;

use crate::admission::{AllowedPeers, Dataset, Image, PartyPolicy};
use crate::agent::LogPolicy;
use crate::dial::Address;
use crate::retention::Retention;
use crate::runtime::{DataSource, ImageSource};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../config.default.toml");
/// What a variable of the environment begins with.
pub const ENV_PREFIX: &str = "FLOW_FEDERATE";

/// All keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the party.
    pub party: String,
    /// Where everything the agent keeps is kept.
    pub data_dir: PathBuf,
    /// Longest hold without the hub, in seconds.
    pub hold_max_s: u64,
    /// Where members run.
    pub runtime: RuntimeKind,
    /// How the hub is reached.
    pub hub: HubConfig,
    /// How the cluster is used.
    pub kubernetes: KubernetesConfig,
    /// Logging.
    pub log: LogConfig,
    /// What the hub may read of members' logs.
    pub logs: LogsConfig,
    /// Health and metrics.
    pub health: HealthConfig,
    /// How long logs and outputs are kept.
    pub retention: Retention,
    /// Share of the machine.
    pub resources: Resources,
    /// The image map.
    pub images: BTreeMap<String, Image>,
    /// The datasets.
    pub datasets: BTreeMap<DatasetName, Dataset>,
}

/// How the hub is reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubConfig {
    /// Its address for agents.
    pub address: String,
    /// File with the secret.
    pub secret_file: PathBuf,
    /// File with the authorities whose word counts on who the hub is; empty = those of this machine.
    pub ca_file: PathBuf,
}

/// What the hub may read of members' logs.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogsConfig {
    /// Whether anything of them leaves the party.
    pub disclose: bool,
    /// Most bytes sent each time one is read; 0 = all that is kept.
    pub limit_bytes_per_stream: u64,
}

impl LogsConfig {
    /// As the agent keeps to it.
    #[must_use]
    pub fn policy(&self) -> LogPolicy {
        let Self { disclose, limit_bytes_per_stream } = *self;
        LogPolicy {
            disclose,
            limit_bytes_per_stream: Some(limit_bytes_per_stream).filter(|bytes| *bytes > 0),
        }
    }
}

/// Health and metrics.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthConfig {
    /// Where they are served; empty = nowhere.
    pub listen: String,
}

/// Where members run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeKind {
    /// As processes beside the agent.
    Process,
    /// As pods of a cluster.
    Kubernetes,
}

/// How the cluster is used. An empty text means that it follows from the cluster, or is not wanted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesConfig {
    /// File that says where the cluster is.
    pub kubeconfig: PathBuf,
    /// Where everything is.
    pub namespace: String,
    /// What the names of Services end in.
    pub cluster_domain: String,
    /// Where workloads may be told to dial.
    pub peers: Vec<String>,
    /// Zone of the names under which jobs are reached from outside.
    pub host_zone: String,
    /// Port of the gateway in front of that zone.
    pub route_port: u16,
    /// Zones that no DNS serves, as `zone=address`.
    pub hosts: Vec<String>,
    /// Whether the original operator's trust roots are mounted.
    pub certificates: bool,
    /// Image of the sidecar.
    pub sidecar_image: String,
    /// Claim for results.
    pub output_claim: String,
    /// Whether datasets may be directories of nodes.
    pub allow_host_path: bool,
}

impl KubernetesConfig {
    /// Where workloads may dial; unless the party says otherwise, other members' Services in the same cluster.
    fn peers(&self) -> AllowedPeers {
        if self.peers.is_empty() {
            AllowedPeers::Matching(vec![format!("run-*.svc.{}:80", self.cluster_domain)])
        } else {
            AllowedPeers::Matching(self.peers.clone())
        }
    }

    /// Zones of names that no DNS serves, with the address of the gateway in front of each.
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
                "{text:?} must look like server.example.org=192.0.2.10: a zone in small letters, and an IP address"
            );
            Invalid::new("kubernetes.hosts", message)
        };
        self.hosts.iter().map(|text| parsed(text).ok_or_else(|| invalid(text))).collect()
    }
}

/// One thing that is wrong with a configuration that could be read: the key, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct Invalid {
    /// Which key.
    pub key: &'static str,
    /// The fault, and what to do.
    pub message: String,
}

impl Invalid {
    fn new(key: &'static str, message: impl Into<String>) -> Self {
        Self { key, message: message.into() }
    }
}

/// All that is wrong, a sentence a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Faults(pub Vec<Invalid>);

/// A configuration that makes sense.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The party.
    pub party: PartyId,
    /// Where the hub is, and how it is known.
    pub hub: Address,
    /// What the party policies.
    pub policy: PartyPolicy,
    /// Where health and metrics are served.
    pub health: Option<SocketAddr>,
}

/// Sections that SIGHUP reads again; any other key takes effect at the next start.
pub const RELOADABLE: [&str; 3] = ["images", "datasets", "resources"];

/// Read all layers.
pub fn load(
    file: Option<PathBuf>,
    overrides: Vec<(String, String)>,
) -> Result<Loaded<Config>, ConfigError> {
    config::load(&spec(file, overrides))
}

/// As [`load`], with what can be read where not all can; and what cannot.
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
    /// Everything that can be said against the values without touching the machine.
    pub fn check(&self) -> Result<Checked, Faults> {
        let mut faults = Vec::new();
        let party = self.checked_party().map_err(|fault| faults.push(fault));
        if self.hub.secret_file.as_os_str().is_empty() {
            faults.push(Invalid::new(
                "hub.secret_file",
                "set the file that holds this party's secret",
            ));
        }
        let hub = self.hub.checked().map_err(|fault| faults.push(fault));
        if self.hold_max_s < 60 {
            faults.push(Invalid::new(
                "hold_max_s",
                "must be at least 60: the hub's own reservation deadline is 30 s",
            ));
        }
        if self.runtime == RuntimeKind::Kubernetes && !cfg!(feature = "kubernetes") {
            let message = "this build of flow-federate knows no clusters: build it with the feature kubernetes";
            faults.push(Invalid::new("runtime", message));
        }
        faults.extend(self.images.iter().filter_map(|(name, image)| self.image_fault(name, image)));
        faults.extend(
            self.datasets.iter().filter_map(|(name, dataset)| self.dataset_fault(name, dataset)),
        );
        faults.extend(self.kubernetes.hosts().err());
        faults.extend(self.retention.check().err().map(|(key, message)| {
            Invalid::new(
                if key == "days" { "retention.days" } else { "retention.min_free_percent" },
                message,
            )
        }));
        let health = match self.health.listen.as_str() {
            "" => None,
            text => {
                let bad = |_| {
                    faults.push(Invalid::new(
                        "health.listen",
                        format!("{text:?} must look like 127.0.0.1:1236"),
                    ))
                };
                text.parse::<SocketAddr>().map_err(bad).ok()
            }
        };
        let peers = match self.runtime {
            RuntimeKind::Process => AllowedPeers::Loopback,
            RuntimeKind::Kubernetes => self.kubernetes.peers(),
        };
        let policy = PartyPolicy {
            images: self.images.clone(),
            datasets: self.datasets.clone(),
            resources: self.resources.clone(),
            peers,
        };
        match (party, hub) {
            (Ok(party), Ok(hub)) if faults.is_empty() => Ok(Checked { party, hub, policy, health }),
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
            RuntimeKind::Process => "a directory as `root`, and no `container`",
            RuntimeKind::Kubernetes => "an image reference as `container`",
        };
        (name.is_empty() || !fits)
            .then(|| Invalid::new("images", format!("{name:?}: needs a name, and here {kind}")))
    }

    fn dataset_fault(&self, name: &DatasetName, dataset: &Dataset) -> Option<Invalid> {
        let problem = match (&dataset.source, self.runtime) {
            (DataSource::Directory(_), RuntimeKind::Process) => return None,
            (DataSource::HostPath { .. }, RuntimeKind::Kubernetes)
                if !self.kubernetes.allow_host_path =>
            {
                "host_path needs kubernetes.allow_host_path = true"
            }
            (_, RuntimeKind::Process) => "a process reads a directory: give it a `path`",
            (DataSource::Directory(_), RuntimeKind::Kubernetes) => {
                "pods do not see the agent's directories: give it a `claim`, an `image` or a `host_path`"
            }
            (_, RuntimeKind::Kubernetes) => return None,
        };
        Some(Invalid::new("datasets", format!("{name}: {problem}")))
    }
}

impl HubConfig {
    /// Plain text carries the secret readable, so it must not leave the machine.
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
                "{host} is another machine, and without TLS the secret would travel readable: say https://"
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
    fn the_defaults_load_and_say_what_is_missing() {
        let error = loaded(&[]).unwrap().check().unwrap_err().to_string();
        assert!(error.starts_with("party: ") && error.contains("\nhub.secret_file: "), "{error}");
        let error = loaded(&[("party", "a")]).unwrap().check().unwrap_err().to_string();
        assert!(error.starts_with("hub.secret_file: ") && error.lines().count() == 1, "{error}");
    }

    #[test]
    fn images_and_datasets_are_named_by_the_party() {
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
    fn a_cluster_runs_containers_on_claims_and_only_if_the_party_says_so_on_directories_of_nodes() {
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
    fn logs_are_disclosed_whole_unless_the_party_says_otherwise_and_health_is_served_where_it_says()
    {
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
        let health = of(&[("health.listen", "0.0.0.0:1236")]).check().unwrap().health;
        assert_eq!(health, Some(([0, 0, 0, 0], 1236).into()));
        assert!(of(&[("health.listen", "localhost")]).check().is_err());
    }

    #[test]
    fn the_secret_never_leaves_the_machine_in_clear() {
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
