//! Brings one child object to the desired state: creates it, repairs it or leaves it, and never
//! changes another owner's.
//!
//! A child that the cache does not hold is created: the API server rejects the creation if the name
//! is taken, and a creation costs the API server much less than an apply. Repairs are server-side
//! applies with one field manager, always forced: the operator alone decides about its fields. Each
//! repair carries the UID, so that it never changes another object of the same name. Before the
//! first apply the fields of the creation become those of an apply; otherwise a field that is no
//! longer desired would remain. A comparison does not find such a field, so each child carries a
//! digest of its desired state.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, OwnerReference, Time};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::FIELD_MANAGER;
use crate::cache::Cache;
use crate::metrics::Metrics;

/// Message of an impossible serialization error.
const SERIALIZABLE: &str = "an object that was read from JSON or built for it can be serialized";

/// Annotation of a child: the digest of its desired state.
const DIGEST_ANNOTATION: &str = "flow-operator/desired";

/// The cause for which a child is not as desired.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// Another owner has an object of this name.
    #[error(
        "{kind} {name} exists and {owner}: delete or rename it, or use another name for the IflearnerJob"
    )]
    NameTaken {
        kind: String,
        name: String,
        /// A phrase that follows "and".
        owner: String,
    },
    /// The object is being deleted, itself or with an earlier owner of the same name.
    #[error("{kind} {name} is being deleted")]
    Terminating {
        kind: String,
        name: String,
        /// Time of the deletion request, if it is known.
        since: Option<Time>,
    },
    /// A request failed.
    #[error("{kind} {name}: {source}")]
    Api {
        kind: String,
        name: String,
        #[source]
        source: kube::Error,
    },
}

/// The children of one kind in one namespace.
pub struct Children<'a, K: Resource<DynamicType = ()> + Clone + 'static> {
    pub api: Api<K>,
    pub cache: &'a Cache<K>,
    /// JSON pointers of lists that are merged by key: entries of other writers are ignored.
    pub shared_lists: &'static [&'static str],
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
    /// Brings the child to the desired state and returns it.
    pub async fn ensure(&self, desired: &K, owner: &OwnerReference) -> Result<Arc<K>, ChildError> {
        let desired = &with_digest(desired);
        let name = desired.name_any();
        let known = self
            .cache
            .get(&desired.namespace().unwrap_or_default(), &name)
            .filter(|live| is_controlled_by(&**live, owner));
        let live = match known {
            Some(live) => live,
            None => match self.create(desired, &name).await? {
                Some(created) => return Ok(created),
                None => self.read_existing(&name).await?,
            },
        };
        check_ownership(&*live, owner)?;
        if has_drifted(&json(desired), &json(&*live), self.shared_lists) {
            self.repair(desired, &live).await
        } else {
            Ok(live)
        }
    }

    /// Returns `None` if an object of this name exists.
    async fn create(&self, desired: &K, name: &str) -> Result<Option<Arc<K>>, ChildError> {
        let parameters =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        self.metrics.record_write(&K::kind(&()), "create");
        match self.api.create(&parameters, desired).await {
            Ok(created) => Ok(Some(self.cache.record_write(created))),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(None),
            Err(source) => Err(failed::<K>(name, source)),
        }
    }

    /// Reads the object that has the name of a child to create.
    async fn read_existing(&self, name: &str) -> Result<Arc<K>, ChildError> {
        match self.api.get_opt(name).await {
            Ok(Some(found)) => Ok(Arc::new(found)),
            Ok(None) => Err(ChildError::Terminating {
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
        if let Some(fields) = convert_to_apply(metadata.managed_fields.unwrap_or_default()) {
            let patch = serde_json::json!({"metadata": {"uid": live.uid(), "resourceVersion": metadata.resource_version, "managedFields": fields}});
            self.metrics.record_write(&K::kind(&()), "patch");
            self.api
                .patch_metadata(&name, &PatchParams::default(), &Patch::Merge(&patch))
                .await
                .map_err(failed)?;
        }
        let mut wanted = desired.clone();
        wanted.meta_mut().uid = live.uid();
        self.metrics.record_write(&K::kind(&()), "apply");
        let applied = self
            .api
            .patch(&name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&wanted))
            .await;
        Ok(self.cache.record_write(applied.map_err(failed)?))
    }

    /// Deletes the child if it is known and `owner` controls it.
    pub async fn remove(
        &self,
        namespace: &str,
        name: &str,
        owner: &OwnerReference,
    ) -> Result<(), ChildError> {
        let Some(live) = self.cache.get(namespace, name) else { return Ok(()) };
        if !is_controlled_by(&*live, owner) || live.meta().deletion_timestamp.is_some() {
            return Ok(());
        }
        let preconditions = Preconditions { uid: live.uid(), resource_version: None };
        self.metrics.record_write(&K::kind(&()), "delete");
        match self.api.delete(name, &DeleteParams::background().preconditions(preconditions)).await
        {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            other => other.map(|_| ()).map_err(|source| failed::<K>(name, source)),
        }
    }
}

/// Returns the managed fields with the fields of the creation as those of an apply; `None` if an
/// apply exists already.
fn convert_to_apply(mut fields: Vec<ManagedFieldsEntry>) -> Option<Vec<ManagedFieldsEntry>> {
    let is_ours = |entry: &ManagedFieldsEntry, operation: &str| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
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

/// Returns whether `owner`, compared by UID, controls this object.
pub fn is_controlled_by<K: Resource>(object: &K, owner: &OwnerReference) -> bool {
    controller(object).is_some_and(|controller| controller.uid == owner.uid)
}

fn controller<K: Resource>(object: &K) -> Option<&OwnerReference> {
    object.owner_references().iter().find(|reference| reference.controller == Some(true))
}

/// Returns an error unless `owner` controls the object and the object is not being deleted.
pub fn check_ownership<K: Resource<DynamicType = ()>>(
    live: &K,
    owner: &OwnerReference,
) -> Result<(), ChildError> {
    let (kind, name) = (K::kind(&()).into_owned(), live.name_any());
    let since = live.meta().deletion_timestamp.clone();
    let is_predecessor =
        |found: &&OwnerReference| found.kind == owner.kind && found.name == owner.name;
    match controller(live) {
        Some(found) if found.uid == owner.uid => {}
        // The garbage collector will delete it.
        Some(found) if is_predecessor(&found) => {
            return Err(ChildError::Terminating { kind, name, since });
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
                owner: "was not created by this operator".to_owned(),
            });
        }
    }
    if since.is_some() { Err(ChildError::Terminating { kind, name, since }) } else { Ok(()) }
}

fn with_digest<K: Resource + Clone + Serialize>(desired: &K) -> K {
    // Serialization keeps the order of the fields, so equal objects have equal digests.
    let digest = Sha256::digest(serde_json::to_vec(desired).expect(SERIALIZABLE));
    let text = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let mut child = desired.clone();
    child.annotations_mut().insert(DIGEST_ANNOTATION.to_owned(), text);
    child
}

fn json<K: Serialize>(object: &K) -> Value {
    serde_json::to_value(object).expect(SERIALIZABLE)
}

/// Returns whether `live` differs from `desired`. Fields that only `live` has (defaults, status,
/// fields of other managers) do not count; a list must have the same length unless it is shared.
/// Selectors, ingress rules and routes must be equal: an additional field there would admit other
/// clients.
fn has_drifted(desired: &Value, live: &Value, shared: &[&str]) -> bool {
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
    fn fields_added_by_the_api_server_are_no_drift() {
        let desired = json!({"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}});
        let live = json!({"spec": {"ports": [{"port": 80, "protocol": "TCP"}], "selector": {"a": "b"}, "clusterIP": "10.0.0.1"}, "status": {}});
        assert!(!has_drifted(&desired, &live, SHARED));
    }

    #[test]
    fn changed_removed_or_added_desired_value_is_drift() {
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
            assert!(has_drifted(&desired, &live, SHARED), "{live}");
        }
    }

    #[test]
    fn addition_to_an_ingress_rule_is_drift() {
        let rules = |rule: Value| json!({"spec": {"ingress": [rule]}});
        let desired = rules(json!({"ports": [{"port": 1}], "from": [{"podSelector": {}}]}));
        assert!(!has_drifted(&desired, &desired, SHARED));
        for wider in [
            json!({"ports": [{"port": 1, "endPort": 9}], "from": [{"podSelector": {}}]}),
            json!({"ports": [{"port": 1}], "from": [{"podSelector": {}, "namespaceSelector": {}}]}),
        ] {
            assert!(has_drifted(&desired, &rules(wider), SHARED));
        }
        assert!(has_drifted(&rules(json!({"ports": [{"port": 1}]})), &desired, SHARED));
    }

    #[test]
    fn entry_of_another_writer_in_a_shared_list_is_no_drift() {
        let desired = json!({"spec": {"ports": [{"port": 80}]}});
        assert!(!has_drifted(
            &desired,
            &json!({"spec": {"ports": [{"port": 443}, {"port": 80}]}}),
            SHARED
        ));
    }
}
