//! The permissions that administrators of namespaces grant to Pods: an annotation of the Namespace,
//! read when a Job is created.
//!
//! One read serves all objects that were known when it was sent. An object that a user creates
//! after a change of the annotation therefore never meets an older answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_common::clock::{Monotonic, monotonic};
use flow_crd::{ALLOW_ANNOTATION, IflearnerJob};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::Mutex as AsyncMutex;

use super::error::Error;
use super::observe::{StatusReason, forbidden_reason};
use super::pod_security::{self, AllowedOptIns};
use crate::cache::version_of;

/// Validity of an answer: a permission that was revoked starts no Pod after this time.
const ANSWER_VALIDITY: Duration = Duration::from_secs(1);
/// Number of cached namespaces above which namespaces without a waiting pass are removed.
const CACHED_NAMESPACES_MAX: usize = 1000;

/// The latest answer for each namespace. One pass sends the request; the others wait for its
/// answer.
pub struct NamespacePolicies {
    client: Client,
    honoured: AllowedOptIns,
    answers: Mutex<HashMap<String, Arc<AsyncMutex<Option<CachedAnswer>>>>>,
}

#[derive(Debug)]
struct CachedAnswer {
    allowed: AllowedOptIns,
    /// Objects up to this resource version were known when the request was sent.
    version: u64,
    asked_at: Monotonic,
}

/// The permissions of a namespace.
#[derive(Debug)]
pub enum NamespaceAnswer {
    Allowed(AllowedOptIns),
    /// The operator has no permission to read the Namespace.
    Forbidden(StatusReason),
}

impl CachedAnswer {
    /// Returns whether the answer serves an object of this version, whose pass began at `began_at`.
    fn serves(&self, version: u64, began_at: Monotonic) -> bool {
        version <= self.version && began_at < self.asked_at + ANSWER_VALIDITY
    }
}

impl NamespacePolicies {
    /// `honoured` are the permissions that the operator's configuration lets a namespace grant.
    #[must_use]
    pub fn new(client: Client, honoured: AllowedOptIns) -> Self {
        Self { client, honoured, answers: Mutex::default() }
    }

    /// Returns the permissions of the object's namespace. All objects up to `watched_version` are
    /// known.
    pub async fn get(
        &self,
        object: &IflearnerJob,
        watched_version: u64,
    ) -> Result<NamespaceAnswer, Error> {
        let (own_version, began_at) = (version_of(object), monotonic());
        let name = object.namespace().unwrap_or_default();
        let cached = self.cached(&name);
        let mut cached = cached.lock().await;
        if let Some(answer) = cached.as_ref().filter(|answer| answer.serves(own_version, began_at))
        {
            return Ok(NamespaceAnswer::Allowed(answer.allowed.clone()));
        }
        let (version, asked_at) = (own_version.max(watched_version), monotonic());
        let api: Api<Namespace> = Api::all(self.client.clone());
        let namespace = match api.get_opt(&name).await {
            Ok(namespace) => namespace,
            Err(error) => {
                let cause = forbidden_reason(&format!("Namespace {name}"), error)
                    .map_err(Error::api("read the Namespace"))?;
                return Ok(NamespaceAnswer::Forbidden(cause));
            }
        };
        let annotation =
            namespace.as_ref().and_then(|namespace| namespace.annotations().get(ALLOW_ANNOTATION));
        let allowed = pod_security::allowed_opt_ins(annotation.map(String::as_str), &self.honoured);
        *cached = Some(CachedAnswer { allowed: allowed.clone(), version, asked_at });
        Ok(NamespaceAnswer::Allowed(allowed))
    }

    fn cached(&self, namespace: &str) -> Arc<AsyncMutex<Option<CachedAnswer>>> {
        let mut answers = self.answers.lock().expect("no thread panics while it holds this lock");
        if answers.len() >= CACHED_NAMESPACES_MAX {
            answers.retain(|_, answer| Arc::strong_count(answer) > 1);
        }
        Arc::clone(answers.entry(namespace.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_serves_objects_known_at_the_request_until_its_validity_ends() {
        let asked_at = monotonic();
        let answer = CachedAnswer { allowed: AllowedOptIns::new(), version: 10, asked_at };
        assert!(answer.serves(10, asked_at));
        assert!(!answer.serves(11, asked_at), "the object came after the request");
        assert!(!answer.serves(10, asked_at + ANSWER_VALIDITY));
    }

    #[tokio::test]
    async fn unused_namespaces_are_removed_above_the_limit() {
        let api_server = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Ok::<_, std::convert::Infallible>(http::Response::new(kube::client::Body::empty()))
        });
        let policies = NamespacePolicies::new(Client::new(api_server, "n"), AllowedOptIns::new());
        let held = policies.cached("held");
        (1..CACHED_NAMESPACES_MAX).for_each(|number| drop(policies.cached(&number.to_string())));
        assert_eq!(policies.answers.lock().unwrap().len(), CACHED_NAMESPACES_MAX);
        drop(policies.cached("one more"));
        assert!(Arc::ptr_eq(&held, &policies.cached("held")));
        assert_eq!(policies.answers.lock().unwrap().len(), 2);
    }
}
