//! Requests to the API server, each with a timeout. The result of a failure is classified by what
//! the caller must do.

use std::io;
use std::path::Path;
use std::time::Duration;

use flow_crd::IflearnerJob;
use flow_domain::member::{Reason, ReasonCode};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{
    DeleteParams, ListParams, ObjectList, Patch, PatchParams, PostParams, Preconditions,
    PropagationPolicy,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;

use super::naming;
use crate::runtime::{RuntimeError, WorkKey};

/// Timeout of one request, and of a connection.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// This agent's name in the object's list of field managers.
const FIELD_MANAGER: &str = "flow-federate";

/// The failure of a request to the API server.
#[derive(Debug)]
pub enum ApiFailure {
    /// The object does not exist.
    NotFound,
    AlreadyExists,
    /// The object changed, or another object has its name.
    Conflict,
    /// Permanent: a retry cannot succeed.
    Rejected(Reason),
    /// Transient: the API server did not respond or was overloaded.
    Unavailable(io::Error),
}

impl ApiFailure {
    /// The error of a request to the runtime that failed during `action`.
    pub fn into_runtime_error(self, action: &str) -> RuntimeError {
        let transient = |source, cause: &str| {
            let text = format!("the party's agent could not {action}: {cause}");
            let reason = Reason::new(ReasonCode::RuntimeError, text);
            RuntimeError::Transient { context: format!("could not {action}"), source, reason }
        };
        match self {
            Self::Rejected(reason) => RuntimeError::Refused(reason),
            Self::Unavailable(source) => {
                let cause = unavailability(&source);
                transient(source, cause)
            }
            Self::NotFound | Self::AlreadyExists | Self::Conflict => {
                let cause = "another writer changed the member's object in the party's cluster; the agent \
                             retries";
                transient(
                    io::Error::other("another writer changed the object in the cluster"),
                    cause,
                )
            }
        }
    }

    /// The reason for which the states of this cluster are stale, as the hub may see it.
    #[must_use]
    pub fn staleness(&self) -> Reason {
        let text = match self {
            Self::Rejected(reason) => &reason.message,
            Self::Unavailable(source) => unavailability(source),
            Self::NotFound | Self::AlreadyExists | Self::Conflict => NO_RESPONSE,
        };
        Reason::new(ReasonCode::RuntimeError, format!("the member's state is unknown: {text}"))
    }
}

const NO_RESPONSE: &str = "the party's cluster does not respond to its agent. The agent retries, and \
                           workloads continue; if this persists, ask the party to check the cluster's \
                           API server";

/// The cause of a transient failure.
fn unavailability(error: &io::Error) -> &'static str {
    let api_error = error.get_ref().and_then(|error| error.downcast_ref::<kube::Error>());
    match api_error {
        Some(kube::Error::Api(status)) if status.code == 429 => {
            "the party's cluster is overloaded and rejects requests of its agent. The agent retries; \
             if this persists, ask the party to check the load of the cluster's API server"
        }
        Some(kube::Error::Api(status)) if status.code == 403 => {
            "the cluster has not computed a new quota of the namespace yet; the agent retries"
        }
        _ => NO_RESPONSE,
    }
}

/// Classifies an error. The cluster's message stays in the party's log, because it may contain names of
/// images, paths and nodes.
pub fn classify(error: kube::Error) -> ApiFailure {
    let kube::Error::Api(status) = &error else {
        return ApiFailure::Unavailable(io::Error::other(error));
    };
    let rejected = |code, text: &str| {
        tracing::warn!(code = status.code, reason = %status.reason, "the cluster rejected a request: {}", status.message);
        ApiFailure::Rejected(Reason::new(code, text))
    };
    match (status.code, status.reason.as_str()) {
        (404, _)
            if status
                .details
                .as_ref()
                .is_some_and(|of| !of.name.is_empty() && of.kind != "namespaces") =>
        {
            ApiFailure::NotFound
        }
        (404, _) => {
            let text = "the party's cluster has no resource IflearnerJob, or the agent's namespace does \
                        not exist; ask the party to install the operator's resources";
            rejected(ReasonCode::RuntimeError, text)
        }
        (409, "AlreadyExists") => ApiFailure::AlreadyExists,
        (409, _) => ApiFailure::Conflict,
        // A namespace that is being deleted also returns 403.
        (403, _) if status.message.contains("exceeded quota") => {
            let text = "the quota of the party's namespace is exhausted; wait for other runs to end, or \
                        ask the party for a larger quota";
            rejected(ReasonCode::ResourcesExhausted, text)
        }
        // The quota is new and the cluster has not computed its usage yet.
        (403, _) if status.message.contains("status unknown for quota") => {
            ApiFailure::Unavailable(io::Error::other(error))
        }
        (401 | 403, _) => {
            let text = "the party's cluster forbids this request of its agent; ask the party to apply \
                        the role that `flow-federate kubernetes rbac` prints";
            rejected(ReasonCode::RuntimeError, text)
        }
        (400 | 405 | 413 | 415 | 422, _) => {
            let text = "the party's cluster rejects the object of this member; ask the party for the \
                        cause in the agent's log";
            rejected(ReasonCode::RuntimeError, text)
        }
        _ => ApiFailure::Unavailable(io::Error::other(error)),
    }
}

/// One namespace of a cluster.
#[derive(Clone)]
pub struct Cluster {
    pub client: Client,
    pub jobs: Api<IflearnerJob>,
    pub pods: Api<Pod>,
    pub leases: Api<Lease>,
}

/// The configuration of a cluster from a file, or as kubectl and Pods find it. It contains the
/// default namespace.
pub async fn configuration(kubeconfig: Option<&Path>) -> Result<Config, String> {
    let mut config = match kubeconfig {
        Some(path) => {
            let read = Kubeconfig::read_from(path).map_err(|error| error.to_string())?;
            Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
                .await
                .map_err(|error| error.to_string())?
        }
        None => Config::infer().await.map_err(|error| error.to_string())?,
    };
    config.connect_timeout = Some(REQUEST_TIMEOUT);
    Ok(config)
}

impl Cluster {
    #[must_use]
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            jobs: Api::namespaced(client.clone(), namespace),
            pods: Api::namespaced(client.clone(), namespace),
            leases: Api::namespaced(client.clone(), namespace),
            client,
        }
    }

    /// Returns the API server's result for this object without creating it.
    pub async fn dry_run_create(&self, job: &IflearnerJob) -> Result<IflearnerJob, ApiFailure> {
        let params = PostParams { dry_run: true, field_manager: Some(FIELD_MANAGER.to_owned()) };
        with_timeout(self.jobs.create(&params, job)).await
    }

    pub async fn create(&self, job: &IflearnerJob) -> Result<IflearnerJob, ApiFailure> {
        let params = PostParams { dry_run: false, field_manager: Some(FIELD_MANAGER.to_owned()) };
        with_timeout(self.jobs.create(&params, job)).await
    }

    /// Reads the object of a key.
    pub async fn job(&self, key: &WorkKey) -> Result<Option<IflearnerJob>, ApiFailure> {
        with_timeout(self.jobs.get_opt(&naming::name(key))).await
    }

    /// Reads the Pods of a key.
    pub async fn pods_of(&self, key: &WorkKey) -> Result<Vec<Pod>, ApiFailure> {
        let listed: ObjectList<Pod> =
            with_timeout(self.pods.list(&ListParams::default().labels(&naming::of_key(key))))
                .await?;
        Ok(listed.items)
    }

    /// Resumes the object with this UID. A repeated call has no effect.
    pub async fn resume(&self, key: &WorkKey, uid: &str) -> Result<(), ApiFailure> {
        // With the UID in the patch, another object of this name is a conflict.
        let change =
            json!({ "metadata": { "uid": uid }, "spec": { "runPolicy": { "suspend": false } } });
        let params =
            PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        with_timeout(self.jobs.patch(&naming::name(key), &params, &Patch::Merge(change)))
            .await
            .map(drop)
    }

    /// Deletes the object with this UID. In the foreground it stays until its Job and Pods are
    /// gone; in the background it is deleted at once.
    pub async fn delete(
        &self,
        key: &WorkKey,
        uid: &str,
        policy: PropagationPolicy,
    ) -> Result<(), ApiFailure> {
        let params = DeleteParams {
            propagation_policy: Some(policy),
            preconditions: Some(Preconditions {
                uid: Some(uid.to_owned()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        match with_timeout(self.jobs.delete(&naming::name(key), &params)).await {
            Ok(_) | Err(ApiFailure::NotFound | ApiFailure::Conflict) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

/// Awaits a request with [`REQUEST_TIMEOUT`].
pub async fn with_timeout<T>(
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, ApiFailure> {
    match flow_common::clock::timeout(REQUEST_TIMEOUT, request).await {
        Ok(result) => result.map_err(classify),
        Err(_) => Err(ApiFailure::Unavailable(io::Error::new(
            io::ErrorKind::TimedOut,
            "the API server does not respond",
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::response::{Status, StatusDetails};

    fn status(code: u16, reason: &str, message: &str, name: &str) -> kube::Error {
        let details: Option<StatusDetails> = (!name.is_empty())
            .then(|| serde_json::from_value(serde_json::json!({ "name": name })).expect("details"));
        let status = Status {
            code,
            reason: reason.to_owned(),
            message: message.to_owned(),
            details,
            ..Status::default()
        };
        kube::Error::Api(Box::new(status))
    }

    #[test]
    fn failure_is_permanent_only_if_a_retry_cannot_succeed() {
        let code = |error| match classify(error) {
            ApiFailure::Rejected(reason) => Some(reason.code),
            _ => None,
        };
        let quota = "iflearnerjobs.git.iflytek.com \"x\" is forbidden: exceeded quota: q, requested: 1, used: 1, limited: 1";
        assert_eq!(
            code(status(403, "Forbidden", quota, "x")),
            Some(ReasonCode::ResourcesExhausted)
        );
        assert_eq!(
            code(status(403, "Forbidden", "User cannot create", "x")),
            Some(ReasonCode::RuntimeError)
        );
        assert_eq!(
            code(status(404, "NotFound", "the server could not find the requested resource", "")),
            Some(ReasonCode::RuntimeError)
        );
        assert_eq!(code(status(422, "Invalid", "spec.host", "x")), Some(ReasonCode::RuntimeError));
        assert!(matches!(
            classify(status(404, "NotFound", "not found", "x")),
            ApiFailure::NotFound
        ));
        assert!(matches!(
            classify(status(409, "AlreadyExists", "", "x")),
            ApiFailure::AlreadyExists
        ));
        assert!(matches!(classify(status(409, "Conflict", "", "x")), ApiFailure::Conflict));
        let uncounted = "iflearnerjobs.git.iflytek.com \"x\" is forbidden: status unknown for quota: q, resources: count/x";
        assert!(matches!(
            classify(status(403, "Forbidden", uncounted, "x")),
            ApiFailure::Unavailable(_)
        ));
        for again in [
            status(429, "TooManyRequests", "", ""),
            status(500, "InternalError", "", ""),
            status(503, "ServiceUnavailable", "", ""),
        ] {
            assert!(matches!(classify(again), ApiFailure::Unavailable(_)));
        }
    }

    #[test]
    fn reason_of_a_failure_contains_no_names_of_the_party() {
        let secret = "hostPath /srv/patients: admission webhook denied registry.internal/model:1";
        for code in [400, 403, 422] {
            let ApiFailure::Rejected(reason) = classify(status(code, "Forbidden", secret, "x"))
            else {
                panic!("{code}")
            };
            assert!(
                !reason.message.contains("patients") && !reason.message.contains("registry"),
                "{}",
                reason.message
            );
        }
        for (code, words) in
            [(429, "overloaded"), (500, "does not respond"), (503, "does not respond")]
        {
            let failure = || classify(status(code, "No", secret, "x"));
            for reason in [
                failure().into_runtime_error("stop a member").reason().clone(),
                failure().staleness(),
            ] {
                assert!(
                    !reason.message.contains("patients") && !reason.message.contains("registry"),
                    "{}",
                    reason.message
                );
                assert!(reason.message.contains(words), "{code}: {}", reason.message);
            }
        }
    }
}
