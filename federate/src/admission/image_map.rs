//! What a party writes about one image or one dataset. An entry says one of several things; which one is found here, so
//! that nothing inside has to ask again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use flow_domain::framework;
use flow_domain::policy::Allow;
use flow_domain::template::Framework;
use flow_domain::variables::{is_env_name, is_reserved};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::runtime::{Container, DataSource, ImageSource};

/// Fields of a pod's spec that a party may add to an image's pods. What is not here the agent and the operator decide.
const POD_FIELDS: [&str; 11] = [
    "affinity",
    "dnsConfig",
    "dnsPolicy",
    "hostAliases",
    "imagePullSecrets",
    "nodeSelector",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
    "securityContext",
    "tolerations",
];

/// One entry of the image map.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ImageEntry")]
pub struct Image {
    /// What it means here.
    pub source: ImageSource,
    /// Whether it may run.
    pub allow: Allow,
    /// Names of the environment variables that a template may set.
    pub env: BTreeSet<String>,
}

/// One dataset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "DatasetEntry")]
pub struct Dataset {
    /// What it means here.
    pub source: DataSource,
}

impl Image {
    /// What an approval is bound to.
    pub(super) fn meaning(&self) -> String {
        match &self.source {
            ImageSource::Root(root) => root.display().to_string(),
            ImageSource::Container(container) => json(container),
        }
    }
}

impl Dataset {
    /// What an approval is bound to.
    pub(super) fn meaning(&self) -> String {
        match &self.source {
            DataSource::Directory(path) => path.display().to_string(),
            other => json(other),
        }
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("text keys and no failing serializer")
}

impl ImageSource {
    /// The framework's repairs, as the workload finds them; none if the image is known not to have them.
    pub(super) fn shim(&self, dir: &str) -> Option<PathBuf> {
        match self {
            Self::Root(root) => Some(root.join(dir)).filter(|shim| shim.is_dir()),
            // Python passes over a directory that is not there.
            Self::Container(container) => Some(container.root.join(dir)),
        }
    }

    /// Whether the image is known to hold a framework and not its repairs.
    #[must_use]
    pub fn lacks_shim(&self) -> bool {
        let Self::Root(root) = self else { return false };
        let installed = |package: &str| {
            let Ok(libs) = root.join("lib").read_dir() else { return false };
            libs.flatten().any(|lib| lib.path().join("site-packages").join(package).is_dir())
        };
        let lacks = |dir| self.shim(dir).is_none();
        framework::shim_dir(Framework::Iflearner).is_some_and(lacks)
            && installed(Framework::Iflearner.as_str())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageEntry {
    root: Option<PathBuf>,
    container: Option<String>,
    #[serde(default)]
    pod: Map<String, Value>,
    #[serde(default)]
    limits: BTreeMap<String, String>,
    #[serde(default)]
    allow: Allow,
    #[serde(default)]
    env: BTreeSet<String>,
}

impl TryFrom<ImageEntry> for Image {
    type Error = String;

    fn try_from(entry: ImageEntry) -> Result<Self, String> {
        let ImageEntry { root, container, pod, limits, allow, env } = entry;
        if let Some(name) = env.iter().find(|name| !is_env_name(name) || is_reserved(name)) {
            return Err(format!(
                "env: {name:?} is no variable that a template could set: list plain names, without FED_*, HOME, *_PROXY, LD_*"
            ));
        }
        if let Some(root) = &root {
            absolute("root", root)?;
        }
        let source = match (root, container) {
            (Some(root), None) if pod.is_empty() && limits.is_empty() => ImageSource::Root(root),
            (Some(_), None) => {
                return Err("pod and limits are for an image with `container`".to_owned());
            }
            (root, Some(image)) => {
                reference("container", &image)?;
                if let Some(field) = pod.keys().find(|field| !POD_FIELDS.contains(&field.as_str()))
                {
                    return Err(format!(
                        "pod.{field} cannot be set; what can be: {}",
                        POD_FIELDS.join(", ")
                    ));
                }
                ImageSource::Container(Container {
                    image,
                    root: root.unwrap_or_else(|| "/".into()),
                    pod,
                    limits,
                })
            }
            (None, None) => {
                return Err("give it a `root` (a directory) or a `container` (an image reference)"
                    .to_owned());
            }
        };
        Ok(Self { source, allow, env })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DatasetEntry {
    path: Option<PathBuf>,
    claim: Option<String>,
    sub_path: Option<String>,
    host_path: Option<PathBuf>,
    image: Option<String>,
    args: Option<Vec<String>>,
}

impl TryFrom<DatasetEntry> for Dataset {
    type Error = String;

    fn try_from(entry: DatasetEntry) -> Result<Self, String> {
        let source = match entry {
            DatasetEntry { path: Some(path), claim: None, sub_path: None, host_path: None, image: None, args: None } => {
                absolute("path", &path)?;
                DataSource::Directory(path)
            }
            DatasetEntry { path: None, claim: Some(claim), sub_path, host_path: None, image: None, args: None } => {
                let sub_path = sub_path.unwrap_or_default();
                if claim.is_empty() || sub_path.starts_with('/') || sub_path.split('/').any(|part| part == "..") {
                    return Err("claim must be a name, and sub_path a path inside it".to_owned());
                }
                DataSource::Claim { claim, sub_path }
            }
            DatasetEntry { path: None, claim: None, sub_path: None, host_path: Some(host_path), image: None, args: None } => {
                absolute("host_path", &host_path)?;
                DataSource::HostPath { host_path }
            }
            DatasetEntry { path: None, claim: None, sub_path: None, host_path: None, image: Some(image), args } => {
                reference("image", &image)?;
                DataSource::Image { image, args: args.unwrap_or_default() }
            }
            _ => return Err("give it one of `path`, `claim` (with `sub_path`), `host_path`, `image` (with `args`)".to_owned()),
        };
        Ok(Self { source })
    }
}

fn absolute(key: &str, path: &Path) -> Result<(), String> {
    if path.is_absolute() { Ok(()) } else { Err(format!("{key} must be an absolute path")) }
}

fn reference(key: &str, image: &str) -> Result<(), String> {
    let good = !image.is_empty() && image.bytes().all(|byte| byte.is_ascii_graphic());
    if good {
        Ok(())
    } else {
        Err(format!("{key} must be an image reference, such as registry.example/digits:1"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(text: &str) -> Result<Image, String> {
        toml(text)
    }

    fn toml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
        let value: Value = serde_json::from_str(text).expect("JSON");
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn an_image_is_a_directory_or_a_container_and_says_so_once() {
        assert_eq!(
            image(r#"{"root": "/opt/x"}"#).map(|image| image.source),
            Ok(ImageSource::Root("/opt/x".into()))
        );
        let container = image(
            r#"{"container": "r/x:1", "pod": {"nodeSelector": {"gpu": "a"}}, "limits": {"nvidia.com/gpu": "1"}}"#,
        );
        let Ok(Image { source: ImageSource::Container(container), allow: Allow::No, .. }) =
            container
        else {
            panic!("{container:?}")
        };
        assert_eq!((container.image.as_str(), container.root.as_path()), ("r/x:1", Path::new("/")));
        for bad in [
            "{}",
            r#"{"root": "x"}"#,
            r#"{"root": "/x", "limits": {"a": "1"}}"#,
            r#"{"container": ""}"#,
            r#"{"container": "x", "pod": {"hostNetwork": true}}"#,
            r#"{"container": "x", "pod": {"volumes": []}}"#,
            r#"{"root": "/x", "env": ["A_*"]}"#,
            r#"{"root": "/x", "env": ["LD_PRELOAD"]}"#,
        ] {
            assert!(image(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a5_no_variable_may_be_set_unless_the_entry_lists_it() {
        let env = |text: &str| image(text).expect("an image").env;
        assert_eq!(env(r#"{"root": "/x", "allow": true}"#), BTreeSet::new());
        assert_eq!(
            env(r#"{"root": "/x", "env": ["OMP_NUM_THREADS"]}"#),
            BTreeSet::from(["OMP_NUM_THREADS".to_owned()])
        );
    }

    #[test]
    fn a_dataset_is_one_kind_of_place() {
        let source = |text: &str| toml::<Dataset>(text).map(|dataset| dataset.source);
        assert_eq!(source(r#"{"path": "/d"}"#), Ok(DataSource::Directory("/d".into())));
        let claim = DataSource::Claim { claim: "pvc".to_owned(), sub_path: "a/b".to_owned() };
        assert_eq!(source(r#"{"claim": "pvc", "sub_path": "a/b"}"#), Ok(claim));
        for bad in [
            "{}",
            r#"{"path": "/d", "claim": "pvc"}"#,
            r#"{"path": "/d", "args": []}"#,
            r#"{"claim": "pvc", "sub_path": "../x"}"#,
            r#"{"host_path": "d"}"#,
            r#"{"sub_path": "x"}"#,
        ] {
            assert!(source(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn l1_l3_an_image_with_iflearner_and_without_its_repairs_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = ImageSource::Root(folder.path().to_owned());
        assert!(!source.lacks_shim(), "nothing is installed");
        std::fs::create_dir_all(folder.path().join("lib/python3.11/site-packages/iflearner"))
            .expect("the folder is ours");
        assert!(source.lacks_shim());
        std::fs::create_dir(folder.path().join("compat")).expect("the folder is ours");
        assert!(!source.lacks_shim());
    }

    #[test]
    fn two_meanings_are_never_spelled_alike() {
        let meaning = |text: &str| image(text).expect("an image").meaning();
        let all = [
            meaning(r#"{"root": "/x"}"#),
            meaning(r#"{"container": "/x"}"#),
            meaning(r#"{"container": "x:1"}"#),
            meaning(r#"{"container": "x:1", "root": "/app"}"#),
            meaning(r#"{"container": "x:1", "pod": {"runtimeClassName": "gvisor"}}"#),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
