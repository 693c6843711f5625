//! The party's entries for images and datasets. Each entry has one of several forms; this module
//! parses it into a type, so no other code checks the form again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use flow_domain::framework;
use flow_domain::policy::Allow;
use flow_domain::template::Framework;
use flow_domain::variables::{is_env_name, is_reserved};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::runtime::{Container, DataSource, ImageSource};

/// Longest `v1_path` of a dataset, in bytes.
const V1_PATH_BYTES_MAX: usize = 1024;
/// Fields of a Pod's spec that a party may set for an image. The agent and the operator set all
/// others.
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

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ImageEntry")]
pub struct Image {
    pub source: ImageSource,
    pub allow: Allow,
    /// Environment variables that a template may set.
    pub env: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "DatasetEntry")]
pub struct Dataset {
    pub source: DataSource,
    /// Path by which clients of `/api/v1` name the dataset; part of the inventory. It has no effect
    /// on `source`.
    pub v1_path: Option<String>,
}

impl Image {
    /// The meaning to which an approval is bound.
    pub(crate) fn meaning(&self) -> String {
        match &self.source {
            ImageSource::Root(root) => root.display().to_string(),
            ImageSource::Container(container) => json(container),
        }
    }
}

impl Dataset {
    /// The meaning to which an approval is bound.
    pub(crate) fn meaning(&self) -> String {
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
    /// Path of the framework's shim, as the workload sees it; `None` if the image has none.
    pub(super) fn shim(&self, dir: &str) -> Option<PathBuf> {
        match self {
            Self::Root(root) => Some(root.join(dir)).filter(|shim| shim.is_dir()),
            // Python ignores a directory that does not exist.
            Self::Container(container) => Some(container.root.join(dir)),
        }
    }

    /// True if the image has a framework and lacks its shim. Unknown for a container image.
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
                "env: a template cannot set {name:?}: list plain names, without FED_*, HOME, *_PROXY, LD_*"
            ));
        }
        if let Some(root) = &root {
            absolute("root", root)?;
        }
        let source = match (root, container) {
            (Some(root), None) if pod.is_empty() && limits.is_empty() => ImageSource::Root(root),
            (Some(_), None) => {
                return Err("pod and limits need an image with `container`: remove them or set it"
                    .to_owned());
            }
            (root, Some(image)) => {
                reference("container", &image)?;
                if let Some(field) = pod.keys().find(|field| !POD_FIELDS.contains(&field.as_str()))
                {
                    return Err(format!(
                        "pod.{field} cannot be set; set only {}",
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
                return Err(
                    "set `root` (a directory) or `container` (an image reference)".to_owned()
                );
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
    v1_path: Option<String>,
}

impl TryFrom<DatasetEntry> for Dataset {
    type Error = String;

    fn try_from(mut entry: DatasetEntry) -> Result<Self, String> {
        let v1_path = entry.v1_path.take();
        if let Some(path) = &v1_path
            && (!path.starts_with('/') || path.len() > V1_PATH_BYTES_MAX || path.contains('\0'))
        {
            return Err(format!(
                "v1_path must be an absolute path of at most {V1_PATH_BYTES_MAX} bytes"
            ));
        }
        // A request may end with a slash; the entry is compared without one.
        let v1_path = v1_path.map(|path| match path.trim_end_matches('/') {
            "" => "/".to_owned(),
            path => path.to_owned(),
        });
        let source = match entry {
            DatasetEntry {
                path: Some(path),
                claim: None,
                sub_path: None,
                host_path: None,
                image: None,
                args: None,
                v1_path: None,
            } => {
                absolute("path", &path)?;
                DataSource::Directory(path)
            }
            DatasetEntry {
                path: None,
                claim: Some(claim),
                sub_path,
                host_path: None,
                image: None,
                args: None,
                v1_path: None,
            } => {
                let sub_path = sub_path.unwrap_or_default();
                if claim.is_empty()
                    || sub_path.starts_with('/')
                    || sub_path.split('/').any(|part| part == "..")
                {
                    return Err(
                        "claim must be a name, and sub_path a relative path inside it".to_owned()
                    );
                }
                DataSource::Claim { claim, sub_path }
            }
            DatasetEntry {
                path: None,
                claim: None,
                sub_path: None,
                host_path: Some(host_path),
                image: None,
                args: None,
                v1_path: None,
            } => {
                absolute("host_path", &host_path)?;
                DataSource::HostPath { host_path }
            }
            DatasetEntry {
                path: None,
                claim: None,
                sub_path: None,
                host_path: None,
                image: Some(image),
                args,
                v1_path: None,
            } => {
                reference("image", &image)?;
                DataSource::Image { image, args: args.unwrap_or_default() }
            }
            _ => return Err(
                "set one of `path`, `claim` (with `sub_path`), `host_path`, `image` (with `args`)"
                    .to_owned(),
            ),
        };
        Ok(Self { source, v1_path })
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
    fn image_is_either_a_directory_or_a_container() {
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
    fn a5_template_sets_only_variables_that_the_entry_lists() {
        let env = |text: &str| image(text).expect("an image").env;
        assert_eq!(env(r#"{"root": "/x", "allow": true}"#), BTreeSet::new());
        assert_eq!(
            env(r#"{"root": "/x", "env": ["OMP_NUM_THREADS"]}"#),
            BTreeSet::from(["OMP_NUM_THREADS".to_owned()])
        );
    }

    #[test]
    fn dataset_has_exactly_one_source() {
        let source = |text: &str| toml::<Dataset>(text).map(|dataset| dataset.source);
        assert_eq!(source(r#"{"path": "/d"}"#), Ok(DataSource::Directory("/d".into())));
        let claim = DataSource::Claim { claim: "pvc".to_owned(), sub_path: "a/b".to_owned() };
        assert_eq!(source(r#"{"claim": "pvc", "sub_path": "a/b"}"#), Ok(claim));
        let old = toml::<Dataset>(r#"{"path": "/d", "v1_path": "/data/digits/"}"#);
        assert_eq!(old.map(|dataset| dataset.v1_path), Ok(Some("/data/digits".to_owned())));
        for bad in [
            "{}",
            r#"{"path": "/d", "claim": "pvc"}"#,
            r#"{"path": "/d", "args": []}"#,
            r#"{"claim": "pvc", "sub_path": "../x"}"#,
            r#"{"host_path": "d"}"#,
            r#"{"sub_path": "x"}"#,
            r#"{"path": "/d", "v1_path": "d"}"#,
        ] {
            assert!(source(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn l1_l3_image_with_iflearner_and_without_shim_is_detected() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let source = ImageSource::Root(folder.path().to_owned());
        assert!(!source.lacks_shim(), "no framework is installed");
        std::fs::create_dir_all(folder.path().join("lib/python3.11/site-packages/iflearner"))
            .expect("a directory of this test");
        assert!(source.lacks_shim());
        std::fs::create_dir(folder.path().join("compat")).expect("a directory of this test");
        assert!(!source.lacks_shim());
    }

    #[test]
    fn different_meanings_have_different_text() {
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
