//! The API server, as this runtime asks it: each request with a time limit, each answer sorted by what it means for
//! the caller.

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

/// Time one answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Who we are in the object's list of managers.
const MANAGER: &str = "flow-federate";

/// What an API server's "no" means.
#[derive(Debug)]
pub enum Trouble {
    /// There is no such object.
    Gone,
    /// There is one already.
    Exists,
    /// The object is another one by now.
    Other,
    /// It will not work however often it is tried.
    Refused(Reason),
    /// It may work later.
    Away(io::Error),
}

impl Trouble {
    /// As the caller of a verb is told, who was doing `deed`.
    pub fn told(self, deed: &str) -> RuntimeError {
        let later = |source, why: &str| {
            let reason = Reason::new(ReasonCode::RuntimeError, format!("could not {deed}: {why}"));
            RuntimeError::Transient { context: format!("could not {deed}"), source, reason }
        };
        match self {
            Self::Refused(reason) => RuntimeError::Refused(reason),
            Self::Away(source) => {
                let why = absence(&source);
                later(source, why)
            }
            Self::Gone | Self::Exists | Self::Other => {
                let why = "its object at the party's cluster changed meanwhile; asked again";
                later(io::Error::other("the cluster's object changed meanwhile"), why)
            }
        }
    }

    /// Why nothing is seen of the cluster, for the hub.
    #[must_use]
    pub fn blindness(&self) -> Reason {
        let text = match self {
            Self::Refused(reason) => &reason.message,
            Self::Away(source) => absence(source),
            Self::Gone | Self::Exists | Self::Other => NO_ANSWER,
        };
        Reason::new(ReasonCode::RuntimeError, format!("how it stands is not known: {text}"))
    }
}

const NO_ANSWER: &str = "the party's cluster does not answer its agent; asked again, and what runs there goes on. If this stays, \
                         ask the party to look after the cluster's API server";

/// What a request that may work later waits for.
fn absence(error: &io::Error) -> &'static str {
    let answer = error.get_ref().and_then(|error| error.downcast_ref::<kube::Error>());
    match answer {
        Some(kube::Error::Api(status)) if status.code == 429 => {
            "the party's cluster has too much to do and takes no more requests of its agent for now; asked again. If this stays, ask \
             the party to look after the load of the cluster's API server"
        }
        Some(kube::Error::Api(status)) if status.code == 403 => {
            "the cluster has not counted a new quota of the namespace yet; asked again"
        }
        _ => NO_ANSWER,
    }
}

/// Sort an error. What the cluster said in detail stays in the party's own log: it may name its images, paths and nodes.
pub fn trouble(error: kube::Error) -> Trouble {
    let kube::Error::Api(status) = &error else { return Trouble::Away(io::Error::other(error)) };
    let refused = |code, text: &str| {
        tracing::warn!(code = status.code, reason = %status.reason, "the cluster refused: {}", status.message);
        Trouble::Refused(Reason::new(code, text))
    };
    match (status.code, status.reason.as_str()) {
        (404, _)
            if status
                .details
                .as_ref()
                .is_some_and(|of| !of.name.is_empty() && of.kind != "namespaces") =>
        {
            Trouble::Gone
        }
        (404, _) => {
            let text = "the party's cluster does not know IflearnerJobs, or not the agent's namespace: install the operator's resource";
            refused(ReasonCode::RuntimeError, text)
        }
        (409, "AlreadyExists") => Trouble::Exists,
        (409, _) => Trouble::Other,
        // A namespace that is being deleted says 403 too, and stays.
        (403, _) if status.message.contains("exceeded quota") => {
            let text = "the quota of the party's namespace is used up: wait for other runs to end, or ask the party for more";
            refused(ReasonCode::ResourcesExhausted, text)
        }
        // Somebody made a quota, and the cluster has not counted yet.
        (403, _) if status.message.contains("status unknown for quota") => {
            Trouble::Away(io::Error::other(error))
        }
        (401 | 403, _) => {
            let text = "the party's cluster does not allow its agent to do this: the party has to give it the role that \
                        `flow-federate kubernetes rbac` prints";
            refused(ReasonCode::RuntimeError, text)
        }
        (400 | 405 | 413 | 415 | 422, _) => {
            let text = "the party's cluster does not accept the object made for this member; its agent's log says why";
            refused(ReasonCode::RuntimeError, text)
        }
        _ => Trouble::Away(io::Error::other(error)),
    }
}

/// One namespace of a cluster.
#[derive(Clone)]
pub struct Cluster {
    /// For anything else.
    pub client: Client,
    /// The objects that stand for members.
    pub jobs: Api<IflearnerJob>,
    /// Their pods.
    pub pods: Api<Pod>,
    /// The agent's own lease.
    pub leases: Api<Lease>,
}

/// Where a cluster is: from a file, or as kubectl and pods find it. Answers also the namespace that follows from it.
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
    config.connect_timeout = Some(PATIENCE);
    Ok(config)
}

impl Cluster {
    /// The namespace, through this client.
    #[must_use]
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            jobs: Api::namespaced(client.clone(), namespace),
            pods: Api::namespaced(client.clone(), namespace),
            leases: Api::namespaced(client.clone(), namespace),
            client,
        }
    }

    /// What the API server would say to this object.
    pub async fn try_create(&self, job: &IflearnerJob) -> Result<IflearnerJob, Trouble> {
        let params = PostParams { dry_run: true, field_manager: Some(MANAGER.to_owned()) };
        within(self.jobs.create(&params, job)).await
    }

    /// Make the object.
    pub async fn create(&self, job: &IflearnerJob) -> Result<IflearnerJob, Trouble> {
        let params = PostParams { dry_run: false, field_manager: Some(MANAGER.to_owned()) };
        within(self.jobs.create(&params, job)).await
    }

    /// The object of a key, as it is now.
    pub async fn job(&self, key: &WorkKey) -> Result<Option<IflearnerJob>, Trouble> {
        within(self.jobs.get_opt(&naming::name(key))).await
    }

    /// The pods of a key, as they are now.
    pub async fn pods_of(&self, key: &WorkKey) -> Result<Vec<Pod>, Trouble> {
        let listed: ObjectList<Pod> =
            within(self.pods.list(&ListParams::default().labels(&naming::of_key(key)))).await?;
        Ok(listed.items)
    }

    /// Let the object of this UID run. Told twice, does nothing more.
    pub async fn resume(&self, key: &WorkKey, uid: &str) -> Result<(), Trouble> {
        // The UID makes it this very object, or a conflict.
        let change =
            json!({ "metadata": { "uid": uid }, "spec": { "runPolicy": { "suspend": false } } });
        let params =
            PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        within(self.jobs.patch(&naming::name(key), &params, &Patch::Merge(change))).await.map(drop)
    }

    /// Delete the object of this UID. In the foreground it stays until its Job and pods have gone; in the background it
    /// goes at once.
    pub async fn delete(
        &self,
        key: &WorkKey,
        uid: &str,
        policy: PropagationPolicy,
    ) -> Result<(), Trouble> {
        let params = DeleteParams {
            propagation_policy: Some(policy),
            preconditions: Some(Preconditions {
                uid: Some(uid.to_owned()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        match within(self.jobs.delete(&naming::name(key), &params)).await {
            Ok(_) | Err(Trouble::Gone | Trouble::Other) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }
}

/// Ask, but not for ever.
pub async fn within<T>(asked: impl Future<Output = kube::Result<T>>) -> Result<T, Trouble> {
    match flow_common::clock::timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(trouble),
        Err(_) => Err(Trouble::Away(io::Error::new(
            io::ErrorKind::TimedOut,
            "the API server does not answer",
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
    fn answers_are_final_only_if_asking_again_is_of_no_use() {
        let code = |error| match trouble(error) {
            Trouble::Refused(reason) => Some(reason.code),
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
        assert!(matches!(trouble(status(404, "NotFound", "not found", "x")), Trouble::Gone));
        assert!(matches!(trouble(status(409, "AlreadyExists", "", "x")), Trouble::Exists));
        assert!(matches!(trouble(status(409, "Conflict", "", "x")), Trouble::Other));
        let uncounted = "iflearnerjobs.git.iflytek.com \"x\" is forbidden: status unknown for quota: q, resources: count/x";
        assert!(matches!(trouble(status(403, "Forbidden", uncounted, "x")), Trouble::Away(_)));
        for again in [
            status(429, "TooManyRequests", "", ""),
            status(500, "InternalError", "", ""),
            status(503, "ServiceUnavailable", "", ""),
        ] {
            assert!(matches!(trouble(again), Trouble::Away(_)));
        }
    }

    #[test]
    fn a_refusal_names_nothing_of_the_partys_own() {
        let secret = "hostPath /srv/patients: admission webhook denied registry.internal/model:1";
        for code in [400, 403, 422] {
            let Trouble::Refused(reason) = trouble(status(code, "Forbidden", secret, "x")) else {
                panic!("{code}")
            };
            assert!(
                !reason.message.contains("patients") && !reason.message.contains("registry"),
                "{}",
                reason.message
            );
        }
        for (code, words) in
            [(429, "too much to do"), (500, "does not answer"), (503, "does not answer")]
        {
            let refused = || trouble(status(code, "No", secret, "x"));
            for reason in [refused().told("stop a member").reason().clone(), refused().blindness()]
            {
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
