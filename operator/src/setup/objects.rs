//! Secrets and ConfigMaps of `setup`: compared with the existing objects, then written into a
//! cluster, or into files for a user who has access to the cluster.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use flow_common::plain_file::PlainFile;
use flow_common::private_dir;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;

use super::terminal::SetupError;

/// Label of all objects of this project, with the value [`FLOW`].
pub const PART_OF: &str = "app.kubernetes.io/part-of";
/// Value of [`PART_OF`].
pub const FLOW: &str = "flow";
/// Label with the component of an object.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// Label of the objects that `setup` created, with the value [`SETUP`].
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`], and the field manager of `setup`.
pub const SETUP: &str = "flow-operator-setup";

/// Largest manifest that is read, in bytes: a file has a few Secrets, each of at most 1 MiB.
const MANIFEST_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Keys of a Secret whose values are printed: certificates are public.
const PRINTED_KEYS: [&str; 2] = ["tls.crt", "ca.crt"];

/// An object to write.
#[derive(Clone)]
pub enum SetupObject {
    Secret(Secret),
    ConfigMap(ConfigMap),
}

fn metadata(namespace: &str, name: &str, component: &str) -> ObjectMeta {
    let labels = [(PART_OF, FLOW), (COMPONENT, component), (MANAGED_BY, SETUP)];
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
        ..ObjectMeta::default()
    }
}

/// Returns a Secret of type `type_`.
pub fn secret(
    namespace: &str,
    name: &str,
    component: &str,
    type_: &str,
    data: &[(&str, &str)],
) -> SetupObject {
    SetupObject::Secret(Secret {
        metadata: metadata(namespace, name, component),
        type_: Some(type_.to_owned()),
        data: Some(
            data.iter()
                .map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())))
                .collect(),
        ),
        ..Secret::default()
    })
}

/// Returns a ConfigMap with one file.
pub fn config_map(
    namespace: &str,
    name: &str,
    component: &str,
    key: &str,
    value: &str,
) -> SetupObject {
    SetupObject::ConfigMap(ConfigMap {
        metadata: metadata(namespace, name, component),
        data: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])),
        ..ConfigMap::default()
    })
}

/// Returns the text under `key`.
pub fn text(secret: &Secret, key: &str) -> Option<String> {
    let bytes = &secret.data.as_ref()?.get(key)?.0;
    String::from_utf8(bytes.clone()).ok()
}

/// Returns whether `setup` created the object.
pub fn is_own<K: kube::Resource>(object: &K) -> bool {
    object
        .meta()
        .labels
        .as_ref()
        .and_then(|labels| labels.get(MANAGED_BY))
        .is_some_and(|value| value == SETUP)
}

impl SetupObject {
    fn namespace(&self) -> String {
        match self {
            Self::Secret(secret) => secret.namespace(),
            Self::ConfigMap(map) => map.namespace(),
        }
        .unwrap_or_default()
    }

    fn name(&self) -> String {
        match self {
            Self::Secret(secret) => secret.name_any(),
            Self::ConfigMap(map) => map.name_any(),
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Secret(secret) => serde_json::to_value(secret),
            Self::ConfigMap(map) => serde_json::to_value(map),
        }
        .expect("these types have text keys only")
    }

    /// Returns the manifest without secret values.
    pub fn redacted(&self) -> String {
        let mut value = self.value();
        if let (Self::Secret(secret), Some(fields)) = (self, value.as_object_mut()) {
            fields.remove("data");
            let data = secret.data.iter().flatten().map(|(key, bytes)| {
                let text = String::from_utf8_lossy(&bytes.0).into_owned();
                (
                    key.clone(),
                    Value::from(if PRINTED_KEYS.contains(&key.as_str()) {
                        text
                    } else {
                        "(not shown)".to_owned()
                    }),
                )
            });
            fields.insert("stringData".to_owned(), Value::Object(data.collect()));
        }
        yaml(&value)
    }
}

impl fmt::Display for SetupObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Secret(_) => "Secret",
            Self::ConfigMap(_) => "ConfigMap",
        };
        write!(f, "{kind} {}/{}", self.namespace(), self.name())
    }
}

fn yaml(value: &Value) -> String {
    serde_yaml_ng::to_string(value).expect("JSON is YAML")
}

/// The result of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Created,
    Changed,
    Unchanged,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
        }
    }
}

/// The destination of the objects.
pub enum Destination {
    /// The cluster of the caller's kubeconfig.
    Cluster(Client),
    /// A directory with one manifest per namespace, readable by its owner only.
    Directory(PathBuf),
}

impl Destination {
    /// Returns the existing Secret.
    pub async fn secret(
        &self,
        namespace: &str,
        name: &str,
        file: &str,
    ) -> Result<Option<Secret>, SetupError> {
        match self {
            Self::Cluster(client) => {
                let found =
                    Api::<Secret>::namespaced(client.clone(), namespace).get_opt(name).await;
                found.map_err(|error| {
                    format!("cannot read Secret {namespace}/{name}: {error}").into()
                })
            }
            Self::Directory(folder) => {
                let found = documents(&folder.join(format!("{file}.yaml")))?;
                let found = found
                    .into_iter()
                    .find(|value| value["kind"] == "Secret" && value["metadata"]["name"] == name);
                Ok(found.map(serde_json::from_value).transpose()?)
            }
        }
    }

    /// Fails if one of these namespaces is missing. A caller without permission to read namespaces
    /// skips the check.
    pub async fn expect_namespaces(
        &self,
        namespaces: impl IntoIterator<Item = &String>,
    ) -> Result<(), SetupError> {
        let Self::Cluster(client) = self else { return Ok(()) };
        for namespace in namespaces {
            if let Ok(None) = Api::<Namespace>::all(client.clone()).get_opt(namespace).await {
                return Err(format!("namespace {namespace} does not exist: create it with `kubectl create namespace {namespace}`").into());
            }
        }
        Ok(())
    }

    /// Writes an object; in a directory into `FILE.yaml`. An existing object that `setup` did not
    /// create is an error, unless `replace`.
    pub async fn put(
        &self,
        object: &SetupObject,
        file: &str,
        replace: bool,
    ) -> Result<Outcome, SetupError> {
        match (self, object) {
            (Self::Cluster(client), SetupObject::Secret(secret)) => {
                put(Api::namespaced(client.clone(), &object.namespace()), object, secret, replace)
                    .await
            }
            (Self::Cluster(client), SetupObject::ConfigMap(map)) => {
                put(Api::namespaced(client.clone(), &object.namespace()), object, map, replace)
                    .await
            }
            (Self::Directory(folder), _) => {
                private_dir::ensure(folder)?;
                let path = folder.join(format!("{file}.yaml"));
                let mut kept = documents(&path)?;
                let value = object.value();
                let existing = kept.iter_mut().find(|old| {
                    old["kind"] == value["kind"]
                        && old["metadata"]["name"] == value["metadata"]["name"]
                });
                let outcome = match existing {
                    Some(old) if *old == value => return Ok(Outcome::Unchanged),
                    Some(old) => {
                        *old = value;
                        Outcome::Changed
                    }
                    None => {
                        kept.push(value);
                        Outcome::Created
                    }
                };
                let text: Vec<String> = kept.iter().map(yaml).collect();
                let part = path.with_extension("part");
                // A killed command may have left this file.
                let mut out = OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(&part)?;
                out.write_all(text.join("---\n").as_bytes())?;
                out.sync_all()?;
                std::fs::rename(&part, &path)?;
                Ok(outcome)
            }
        }
    }
}

async fn put<K>(
    api: Api<K>,
    object: &SetupObject,
    desired: &K,
    replace: bool,
) -> Result<Outcome, SetupError>
where
    K: kube::Resource<DynamicType = ()> + Clone + fmt::Debug + DeserializeOwned + Serialize,
{
    let name = object.name();
    let failed = |error: kube::Error| format!("cannot write {object}: {error}");
    let found = api.get_opt(&name).await.map_err(failed)?;
    let outcome = match &found {
        None => Outcome::Created,
        Some(found) if !is_own(found) && !replace => {
            return Err(format!(
                "{object} was not created by this command; add --replace to replace it"
            )
            .into());
        }
        Some(found) => {
            if contains(&serde_json::to_value(found)?, &serde_json::to_value(desired)?) {
                return Ok(Outcome::Unchanged);
            }
            Outcome::Changed
        }
    };
    let params = PatchParams::apply(SETUP).force();
    api.patch(&name, &params, &Patch::Apply(desired)).await.map_err(failed)?;
    Ok(outcome)
}

/// Returns whether `whole` contains all fields of `part` with equal values.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(key, value)| whole.get(key).is_some_and(|found| contains(found, value))),
        (whole, part) => whole == part,
    }
}

/// Returns the documents of a manifest; none if the file does not exist.
fn documents(path: &std::path::Path) -> Result<Vec<Value>, SetupError> {
    let text = match PlainFile::open(path).and_then(|file| file.read_text(MANIFEST_BYTES_MAX)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        read => read.map_err(|error| format!("cannot read {}: {error}", path.display()))?,
    };
    let parsed: Result<Vec<Value>, _> =
        serde_yaml_ng::Deserializer::from_str(&text).map(Value::deserialize).collect();
    Ok(parsed.map_err(|error| format!("{} is not a manifest: {error}", path.display()))?)
}
