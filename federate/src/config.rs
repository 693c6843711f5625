//! The agent's configuration: what its keys mean stands in `config.default.toml`, which is embedded.

use std::collections::BTreeMap;
use std::path::PathBuf;

use flow_common::config::{self, ConfigError, Loaded, Spec};
use flow_common::loopback::{NotLoopback, require_loopback};
use flow_common::telemetry::LogConfig;
use flow_domain::id::{DatasetName, PartyId};
use flow_domain::template::Resources;
use serde::Deserialize;
use tonic::transport::Uri;

use crate::offer::{Dataset, Image, Offer};

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
    /// How the hub is reached.
    pub hub: HubConfig,
    /// Logging.
    pub log: LogConfig,
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
}

/// What is wrong with a configuration that could be read.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// One of the keys, with what to do.
    #[error("{key}: {message}")]
    Key {
        /// Which.
        key: &'static str,
        /// What is wrong.
        message: String,
    },
    /// The hub is not on this machine.
    #[error("hub.address: {0}")]
    Remote(#[from] NotLoopback),
}

/// A configuration that makes sense.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The party.
    pub party: PartyId,
    /// Address of the hub.
    pub hub: Uri,
    /// What the party offers.
    pub offer: Offer,
}

/// Read all layers.
pub fn load(file: Option<PathBuf>, overrides: Vec<(String, String)>) -> Result<Loaded<Config>, ConfigError> {
    config::load(&Spec { file, overrides, free_form: &["images", "datasets"], ..Spec::new(DEFAULTS, ENV_PREFIX) })
}

impl Config {
    /// Everything that can be said against the values without touching the machine.
    pub fn check(&self) -> Result<Checked, Invalid> {
        let invalid = |key, message: String| Invalid::Key { key, message };
        if self.party.is_empty() {
            return Err(invalid("party", "set the name of this party in the federation".to_owned()));
        }
        let party = self.party.parse().map_err(|error| invalid("party", format!("{error}")))?;
        if self.hub.secret_file.as_os_str().is_empty() {
            return Err(invalid("hub.secret_file", "set the file that holds this party's secret".to_owned()));
        }
        if self.hold_max_s < 60 {
            return Err(invalid("hold_max_s", "must be at least 60: the hub's own reservation deadline is 30 s".to_owned()));
        }
        for (name, image) in &self.images {
            if name.is_empty() || !image.root.is_absolute() {
                return Err(invalid("images", format!("{name:?}: name and root must be given, the root as an absolute path")));
            }
        }
        for (name, dataset) in &self.datasets {
            if !dataset.path.is_absolute() {
                return Err(invalid("datasets", format!("{name}: path must be an absolute path")));
            }
        }
        let offer = Offer { images: self.images.clone(), datasets: self.datasets.clone(), resources: self.resources.clone() };
        Ok(Checked { party, hub: hub_address(&self.hub.address)?, offer })
    }
}

/// Plain HTTP carries the secret readable, so it must not leave the machine.
fn hub_address(text: &str) -> Result<Uri, Invalid> {
    let bad = || Invalid::Key { key: "hub.address", message: format!("{text:?} must look like http://127.0.0.1:1234") };
    let uri: Uri = text.parse().map_err(|_| bad())?;
    let (Some("http"), Some(host), Some(port)) = (uri.scheme_str(), uri.host(), uri.port_u16()) else { return Err(bad()) };
    if host != "localhost" {
        let ip = host.trim_matches(['[', ']']).parse().map_err(|_| bad())?;
        require_loopback(std::net::SocketAddr::new(ip, port))?;
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let overrides = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let spec = Spec { environment: Vec::new(), overrides, free_form: &["images", "datasets"], ..Spec::new(DEFAULTS, ENV_PREFIX) };
        config::load(&spec).map(|loaded| loaded.value)
    }

    #[test]
    fn the_defaults_load_and_say_what_is_missing() {
        let error = loaded(&[]).unwrap().check().unwrap_err().to_string();
        assert!(error.starts_with("party: "), "{error}");
        let error = loaded(&[("party", "a")]).unwrap().check().unwrap_err().to_string();
        assert!(error.starts_with("hub.secret_file: "), "{error}");
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
        assert_eq!(checked.offer.images["x/y:1"].root, PathBuf::from("/opt/x"));
        assert_eq!(checked.offer.images["x/y:1"].allow, flow_domain::policy::Allow::Yes);
        assert!(loaded(&[("datasets.UPPER.path", "/x")]).is_err());
        let relative = loaded(&[("party", "a"), ("hub.secret_file", "/s"), ("datasets.d.path", "x")]).unwrap();
        assert!(relative.check().is_err());
    }

    #[test]
    fn the_secret_never_leaves_the_machine_in_clear() {
        for bad in ["http://10.0.0.1:1234", "https://127.0.0.1:1234", "http://127.0.0.1", "hub:1234", "http://example.org:1"] {
            let config = loaded(&[("party", "a"), ("hub.secret_file", "/s"), ("hub.address", bad)]).unwrap();
            assert!(config.check().is_err(), "{bad}");
        }
        for good in ["http://127.0.0.1:1", "http://[::1]:1234", "http://localhost:1234"] {
            let config = loaded(&[("party", "a"), ("hub.secret_file", "/s"), ("hub.address", good)]).unwrap();
            assert!(config.check().is_ok(), "{good}");
        }
    }
}
