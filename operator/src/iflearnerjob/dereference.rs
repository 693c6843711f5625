//! Reads the objects that an IflearnerJob refers to, before a pass decides anything.

use std::time::Duration;

use flow_common::clock::monotonic;
use flow_crd::{GatewayRef, IflearnerJob, JobRef, SERVER_CERTIFICATE, UID_LABEL};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, ListParams};
use kube::{Api, ResourceExt as _};

use super::context::Context;
use super::error::Error;
use super::observe::{self, JobFacts, PodFacts, StatusReason, forbidden_reason};
use super::pods::latest;
use super::status::{ConditionUpdate, ConditionValue};
use super::validate::{Certificate, Exposure, Plan, Source};
use crate::children::is_controlled_by;
use crate::gateway_api;

/// Age of a Job without a Pod from which its events are read.
const POD_CREATION_TIMEOUT: Duration = Duration::from_secs(10);

/// The run that an object already has.
#[derive(Debug)]
pub enum Run {
    /// No Job is known.
    NotCreated,
    /// The Job exists.
    Created(JobFacts),
    /// A Job was recorded, and is gone.
    Gone,
    /// The original operator created a Pod without a Job.
    Original(PodFacts),
    /// The original operator created a Pod without a Job, and the Pod is gone.
    OriginalGone,
}

/// Finds the Job of an object. A recorded Job that the cache does not hold is read from the API
/// server.
pub async fn run(context: &Context, object: &IflearnerJob, plan: &Plan) -> Result<Run, Error> {
    let status = object.status.clone().unwrap_or_default();
    let unrecorded = context.unrecorded_jobs.get(&plan.uid, monotonic());
    if status.job.is_some() && unrecorded.is_some() {
        context.unrecorded_jobs.forget(&plan.uid);
    }
    let recorded = status.job.as_ref().or(unrecorded.as_ref());
    let name = recorded.map_or(plan.names.job.as_str(), |job| job.name.as_str());
    let is_ours = |job: &Job| {
        is_controlled_by(job, &plan.owner)
            && recorded.is_none_or(|recorded| job.uid().as_ref() == Some(&recorded.uid))
    };
    if let Some(job) = context.jobs.get(&plan.namespace, name).filter(|job| is_ours(job)) {
        let job = observe::job(&job);
        if recorded.is_none() {
            context.unrecorded_jobs.remember(
                &plan.uid,
                JobRef { name: job.name.clone(), uid: job.uid.clone() },
                monotonic(),
            );
        }
        return Ok(Run::Created(job));
    }
    if recorded.is_some() {
        let api: Api<Job> = context.api(plan);
        let live = api.get_opt(name).await.map_err(Error::api("read the Job"))?.filter(is_ours);
        return Ok(live.map_or(Run::Gone, |job| Run::Created(observe::job(&job))));
    }
    // The original operator recorded a phase and none of the fields that only this operator writes.
    // The Pod of the original has the name of the object.
    if status.phase.is_some()
        && (status.observed_generation.is_none() || status.pod_name.as_ref() == Some(&plan.name))
    {
        let api: Api<Pod> = context.api(plan);
        let pod = api
            .get_opt(&plan.name)
            .await
            .map_err(Error::api("read the Pod of the original operator"))?;
        return Ok(match pod.filter(|pod| is_controlled_by(pod, &plan.owner)) {
            Some(pod) => Run::Original(observe::pod(&pod)),
            None => Run::OriginalGone,
        });
    }
    Ok(Run::NotCreated)
}

/// Checks that the Gateway of a job with `authenticateClients` requests client certificates. If the
/// Gateway does not, the exposure of the plan becomes [`Exposure::Unauthenticated`].
///
/// Returns false if the Gateway was read: no watch reports a change of it.
pub async fn gateway(context: &Context, plan: &mut Plan) -> Result<bool, Error> {
    let Exposure::Gateway { gateway, .. } = &plan.exposure else { return Ok(true) };
    if !plan.authenticate_clients {
        return Ok(true);
    }
    let GatewayRef { name, namespace, section_name } = gateway;
    let namespace = namespace.as_deref().unwrap_or(&plan.namespace);
    let api: Api<DynamicObject> =
        Api::namespaced_with(context.client.clone(), namespace, &gateway_api::gateway_resource());
    let problem = match api.get_opt(name).await {
        Ok(Some(found)) => {
            match gateway_api::unauthenticated_listener(&found.data, section_name.as_deref()) {
                None => return Ok(false),
                Some(listener) => format!(
                    "authenticateClients demands client certificates, and listener {listener} of Gateway {namespace}/{name} does not \
                 request one: set spec.tls.frontend of the Gateway"
                ),
            }
        }
        Ok(None) => {
            format!(
                "authenticateClients demands client certificates, and Gateway {namespace}/{name} does not exist: create the Gateway or name another one"
            )
        }
        Err(kube::Error::Api(status)) if status.is_forbidden() => format!(
            "authenticateClients demands client certificates, and the operator has no permission to read Gateway {namespace}/{name}: allow \
             flow-operator to get gateways in that namespace"
        ),
        Err(error) => return Err(Error::Api { operation: "read the Gateway", source: error }),
    };
    plan.exposure = Exposure::Unauthenticated { message: problem };
    Ok(false)
}

/// Checks that the sources of all certificates exist. Secrets are not checked: the operator has no
/// permission to read them.
pub async fn certificates(
    context: &Context,
    plan: &Plan,
    wanted: &[Certificate],
) -> Result<ConditionUpdate, Error> {
    if wanted.is_empty() {
        return Ok(ConditionUpdate::Remove);
    }
    let api: Api<ConfigMap> = context.api(plan);
    let mut unchecked = Vec::new();
    for Certificate { file, source, key } in wanted {
        match source {
            Source::Secret(name) => unchecked.push(format!("key {key} of Secret {name}")),
            Source::ConfigMap(name) => {
                let found = match api.get_opt(name).await {
                    Ok(found) => found,
                    Err(error) => {
                        let cause = forbidden_reason(&format!("ConfigMap {name}"), error)
                            .map_err(Error::api("read a ConfigMap of certificates"))?;
                        return Ok(ConditionUpdate::Set(ConditionValue {
                            is_true: Some(false),
                            cause,
                        }));
                    }
                };
                let missing = match found {
                    None => format!("ConfigMap {name} does not exist"),
                    Some(map) if !has_key(&map, key) => {
                        format!("ConfigMap {name} has no key {key}")
                    }
                    Some(_) => continue,
                };
                let peer = if *file == SERVER_CERTIFICATE { "the server" } else { "its peers" };
                let message = format!(
                    "{missing}, and the job verifies {peer} by this certificate: kubectl create configmap {name} --namespace {} \
                     --from-file={key}=FILE, or change spec.certificates in a new IflearnerJob",
                    plan.namespace
                );
                return Ok(ConditionUpdate::Set(ConditionValue::new(
                    Some(false),
                    "CertificatesMissing",
                    message,
                )));
            }
        }
    }
    if unchecked.is_empty() {
        return Ok(ConditionUpdate::Set(ConditionValue::new(Some(true), "Found", "")));
    }
    let message = format!(
        "the operator has no permission to read Secrets; if the Pod stays in ContainerCreating, check that it exists: {}",
        unchecked.join(" and ")
    );
    Ok(ConditionUpdate::Set(ConditionValue::new(None, "NotChecked", message)))
}

fn has_key(map: &ConfigMap, key: &str) -> bool {
    map.data.as_ref().is_some_and(|data| data.contains_key(key))
        || map.binary_data.as_ref().is_some_and(|data| data.contains_key(key))
}

/// Reads the latest Pod of a job from the API server. After an outage the watch of Pods may resume
/// later than the watch of Jobs.
pub async fn latest_pod(context: &Context, plan: &Plan) -> Result<Option<PodFacts>, Error> {
    let api: Api<Pod> = context.api(plan);
    let selector = ListParams::default().labels(&format!("{UID_LABEL}={}", plan.uid));
    let pods = api.list(&selector).await.map_err(Error::api("list the Pods of the Job"))?;
    Ok(latest(&pods.items.iter().map(observe::pod).collect::<Vec<_>>()))
}

/// Returns the reason for which the Job controller has created no Pod within
/// [`POD_CREATION_TIMEOUT`]. Only an event reports it.
pub async fn missing_pod_cause(
    context: &Context,
    plan: &Plan,
    job: &JobFacts,
    now: Timestamp,
) -> Result<Option<StatusReason>, Error> {
    let due =
        job.started.as_ref().and_then(|started| started.0.checked_add(POD_CREATION_TIMEOUT).ok());
    if job.suspended || due.is_none_or(|due| due > now) {
        return Ok(None);
    }
    let api: Api<Event> = context.api(plan);
    let selector = format!("involvedObject.uid={},reason=FailedCreate", job.uid);
    let events = match api.list(&ListParams::default().fields(&selector)).await {
        Ok(events) => events,
        Err(error) => {
            let cause =
                forbidden_reason("the Job has no Pod, and its events are unreadable", error)
                    .map_err(Error::api("list the events of the Job"))?;
            return Ok(Some(cause));
        }
    };
    let latest = events.items.into_iter().max_by_key(|event| {
        event.last_timestamp.clone().map(|at| at.0).or(event.creation_timestamp().map(|at| at.0))
    });
    Ok(latest.map(|event| StatusReason::new("PodNotCreated", event.message.unwrap_or_default())))
}
