//! One child object brought to what is desired: created, repaired or left alone, and never taken from somebody else.
//!
//! What the cache does not hold is created, which the API server does only if nobody has the name; it also costs it far
//! less than an apply. Repairs are server-side applies with one field manager, always forced: of its own fields the
//! operator is the only judge. They carry the UID, so that none meets a stranger's object. The fields of an object that
//! was created are made those of an apply before the first one: else what is no longer desired would stay, as created.
//! That something is no longer desired is not seen by comparing; each object carries a digest of what it was made from.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, OwnerReference, Time};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::MANAGER;
use crate::cache::Cache;
use crate::metrics::Metrics;

const WRITABLE: &str = "an object that was read from JSON or built for it can be written as JSON";

/// Annotation of a child: a digest of what it was made from.
const DESIRED: &str = "flow-operator/desired";

/// Why a child is not as desired.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// An object of its name belongs to somebody else.
    #[error("{kind} {name} exists and {owner}: delete or rename it, or name the job differently")]
    NameTaken {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// Who has it.
        owner: String,
    },
    /// It is being deleted, as itself or as the child of an owner of the same name before this one. It will be gone.
    #[error("{kind} {name} is being deleted")]
    Leaving {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// When that was asked for, if it was seen.
        since: Option<Time>,
    },
    /// The API server did not do it.
    #[error("{kind} {name}: {source}")]
    Api {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
}

/// A kind of child of one namespace: its API, its cache, and the lists in it that others may add to.
pub struct Children<'a, K: Resource<DynamicType = ()> + Clone + 'static> {
    /// The namespaced API.
    pub api: Api<K>,
    /// What is known.
    pub cache: &'a Cache<K>,
    /// JSON pointers of lists that are merged by key: strangers' entries in them are none of our business.
    pub shared_lists: &'static [&'static str],
    /// Counts the writes.
    pub metrics: &'a Metrics,
}

impl<K> Children<'_, K>
where
    K: Resource<DynamicType = ()>
        + Clone
        + Serialize
        + DeserializeOwned
        + Debug
        + Send
        + Sync
        + 'static,
{
    /// Make it so, and return it as it is now.
    pub async fn ensure(&self, desired: &K, owner: &OwnerReference) -> Result<Arc<K>, ChildError> {
        let desired = &stamped(desired);
        let name = desired.name_any();
        let known = self
            .cache
            .get(&desired.namespace().unwrap_or_default(), &name)
            .filter(|live| belongs(&**live, owner));
        let live = match known {
            Some(live) => live,
            None => match self.create(desired, &name).await? {
                Some(made) => return Ok(made),
                None => self.find(&name).await?,
            },
        };
        standing(&*live, owner)?;
        if drifted(&json(desired), &json(&*live), self.shared_lists) {
            self.repair(desired, &live).await
        } else {
            Ok(live)
        }
    }

    /// `None` if there is one of this name.
    async fn create(&self, desired: &K, name: &str) -> Result<Option<Arc<K>>, ChildError> {
        let parameters =
            PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        self.metrics.wrote(&K::kind(&()), "create");
        match self.api.create(&parameters, desired).await {
            Ok(made) => Ok(Some(self.cache.wrote(made))),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(None),
            Err(source) => Err(failed::<K>(name, source)),
        }
    }

    /// The one that is in the way of a new one.
    async fn find(&self, name: &str) -> Result<Arc<K>, ChildError> {
        match self.api.get_opt(name).await {
            Ok(Some(found)) => Ok(Arc::new(found)),
            Ok(None) => Err(ChildError::Leaving {
                kind: K::kind(&()).into_owned(),
                name: name.to_owned(),
                since: None,
            }),
            Err(source) => Err(failed::<K>(name, source)),
        }
    }

    async fn repair(&self, desired: &K, live: &K) -> Result<Arc<K>, ChildError> {
        let name = live.name_any();
        let failed = |source| failed::<K>(&name, source);
        let metadata = self.api.get_metadata(&name).await.map_err(failed)?.metadata;
        if let Some(fields) = as_applied(metadata.managed_fields.unwrap_or_default()) {
            let of_this = serde_json::json!({"metadata": {"uid": live.uid(), "resourceVersion": metadata.resource_version, "managedFields": fields}});
            self.metrics.wrote(&K::kind(&()), "patch");
            self.api
                .patch_metadata(&name, &PatchParams::default(), &Patch::Merge(&of_this))
                .await
                .map_err(failed)?;
        }
        let mut wanted = desired.clone();
        wanted.meta_mut().uid = live.uid();
        self.metrics.wrote(&K::kind(&()), "apply");
        let applied = self
            .api
            .patch(&name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&wanted))
            .await;
        Ok(self.cache.wrote(applied.map_err(failed)?))
    }

    /// Delete it if it is known and the owner's.
    pub async fn remove(
        &self,
        namespace: &str,
        name: &str,
        owner: &OwnerReference,
    ) -> Result<(), ChildError> {
        let Some(live) = self.cache.get(namespace, name) else { return Ok(()) };
        if !belongs(&*live, owner) || live.meta().deletion_timestamp.is_some() {
            return Ok(());
        }
        let only_this = Preconditions { uid: live.uid(), resource_version: None };
        self.metrics.wrote(&K::kind(&()), "delete");
        match self.api.delete(name, &DeleteParams::background().preconditions(only_this)).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            other => other.map(|_| ()).map_err(|source| failed::<K>(name, source)),
        }
    }
}

/// The same with what was created as if it had been applied; `None` if it was.
fn as_applied(mut fields: Vec<ManagedFieldsEntry>) -> Option<Vec<ManagedFieldsEntry>> {
    let is_ours = |entry: &ManagedFieldsEntry, operation: &str| {
        entry.manager.as_deref() == Some(MANAGER)
            && entry.subresource.is_none()
            && entry.operation.as_deref() == Some(operation)
    };
    if fields.iter().any(|entry| is_ours(entry, "Apply")) {
        return None;
    }
    fields.iter_mut().find(|entry| is_ours(entry, "Update"))?.operation = Some("Apply".to_owned());
    Some(fields)
}

fn failed<K: Resource<DynamicType = ()>>(name: &str, source: kube::Error) -> ChildError {
    ChildError::Api { kind: K::kind(&()).into_owned(), name: name.to_owned(), source }
}

/// Whether `owner`, the very object and not one of its name, controls this one.
pub fn belongs<K: Resource>(object: &K, owner: &OwnerReference) -> bool {
    controller(object).is_some_and(|controller| controller.uid == owner.uid)
}

fn controller<K: Resource>(object: &K) -> Option<&OwnerReference> {
    object.owner_references().iter().find(|reference| reference.controller == Some(true))
}

/// Whether a found object may be worked on.
pub fn standing<K: Resource<DynamicType = ()>>(
    live: &K,
    owner: &OwnerReference,
) -> Result<(), ChildError> {
    let (kind, name) = (K::kind(&()).into_owned(), live.name_any());
    let since = live.meta().deletion_timestamp.clone();
    let predecessor =
        |found: &&OwnerReference| found.kind == owner.kind && found.name == owner.name;
    match controller(live) {
        Some(found) if found.uid == owner.uid => {}
        // The garbage collector is on its way to it.
        Some(found) if predecessor(&found) => {
            return Err(ChildError::Leaving { kind, name, since });
        }
        Some(found) => {
            return Err(ChildError::NameTaken {
                kind,
                name,
                owner: format!("belongs to {} {}", found.kind, found.name),
            });
        }
        None => {
            return Err(ChildError::NameTaken {
                kind,
                name,
                owner: "was not made by this operator".to_owned(),
            });
        }
    }
    if since.is_some() { Err(ChildError::Leaving { kind, name, since }) } else { Ok(()) }
}

fn stamped<K: Resource + Clone + Serialize>(desired: &K) -> K {
    // Its fields always come in the same order.
    let digest = Sha256::digest(serde_json::to_vec(desired).expect(WRITABLE));
    let text = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let mut stamped = desired.clone();
    stamped.annotations_mut().insert(DESIRED.to_owned(), text);
    stamped
}

fn json<K: Serialize>(object: &K) -> Value {
    serde_json::to_value(object).expect(WRITABLE)
}

/// Whether `live` lacks anything of `desired`. Fields that only `live` has (defaults, status, what others own) do not
/// count; a list must have the same length unless it is shared. A selector must be the same, and so must who may connect
/// and what is routed where: there, a field more is another door.
fn drifted(desired: &Value, live: &Value, shared: &[&str]) -> bool {
    fn within(desired: &Value, live: &Value, path: &str, shared: &[&str]) -> bool {
        match (desired, live) {
            (Value::Object(wanted), Value::Object(found)) => {
                let exact = ["/spec/ingress/", "/spec/parentRefs/", "/spec/rules/", "/spec/tls/"]
                    .iter()
                    .any(|list| path.starts_with(list))
                    || matches!(
                        path.rsplit('/').next(),
                        Some("selector" | "podSelector" | "matchLabels")
                    );
                (!exact || wanted.len() == found.len())
                    && wanted.iter().all(|(key, value)| {
                        found.get(key).is_some_and(|found| {
                            within(value, found, &format!("{path}/{key}"), shared)
                        })
                    })
            }
            (Value::Array(wanted), Value::Array(found))
                if path == "/metadata/ownerReferences" || shared.contains(&path) =>
            {
                wanted
                    .iter()
                    .all(|value| found.iter().any(|found| within(value, found, path, shared)))
            }
            (Value::Array(wanted), Value::Array(found)) => {
                let path = format!("{path}/-");
                wanted.len() == found.len()
                    && wanted
                        .iter()
                        .zip(found)
                        .all(|(value, found)| within(value, found, &path, shared))
            }
            _ => desired == live,
        }
    }
    !within(desired, live, "", shared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SHARED: &[&str] = &["/spec/ports"];

    #[test]
    fn what_the_api_server_adds_is_no_drift() {
        let desired = json!({"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}});
        let live = json!({"spec": {"ports": [{"port": 80, "protocol": "TCP"}], "selector": {"a": "b"}, "clusterIP": "10.0.0.1"}, "status": {}});
        assert!(!drifted(&desired, &live, SHARED));
    }

    #[test]
    fn a_changed_lost_or_added_value_of_ours_is_drift() {
        let desired = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"ports": [{"port": 80}], "selector": {"a": "b"}, "rules": [1]}});
        for (pointer, value) in [
            ("/metadata/labels", json!({})),
            ("/metadata/labels", json!({"a": "c"})),
            ("/spec/ports", json!([{"port": 81}])),
            ("/spec/selector", json!({"a": "b", "c": "d"})),
            ("/spec/rules", json!([1, 2])),
        ] {
            let mut live = desired.clone();
            *live.pointer_mut(pointer).unwrap() = value;
            assert!(drifted(&desired, &live, SHARED), "{live}");
        }
    }

    #[test]
    fn whatever_is_added_to_who_may_connect_is_drift() {
        let rules = |rule: Value| json!({"spec": {"ingress": [rule]}});
        let desired = rules(json!({"ports": [{"port": 1}], "from": [{"podSelector": {}}]}));
        assert!(!drifted(&desired, &desired, SHARED));
        for wider in [
            json!({"ports": [{"port": 1, "endPort": 9}], "from": [{"podSelector": {}}]}),
            json!({"ports": [{"port": 1}], "from": [{"podSelector": {}, "namespaceSelector": {}}]}),
        ] {
            assert!(drifted(&desired, &rules(wider), SHARED));
        }
        assert!(drifted(&rules(json!({"ports": [{"port": 1}]})), &desired, SHARED));
    }

    #[test]
    fn a_strangers_entry_in_a_shared_list_is_no_drift() {
        let desired = json!({"spec": {"ports": [{"port": 80}]}});
        assert!(!drifted(
            &desired,
            &json!({"spec": {"ports": [{"port": 443}, {"port": 80}]}}),
            SHARED
        ));
    }
}
