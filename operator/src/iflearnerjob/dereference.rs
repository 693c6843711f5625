//! What an object refers to, read before anything is decided.

use std::time::Duration;

use flow_common::clock::monotonic;
use flow_crd::{GatewayRef, IflearnerJob, JobRef, SERVER_CERTIFICATE, UID_LABEL};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, ListParams};
use kube::{Api, ResourceExt as _};

use super::observe::{self, JobFacts, PodFacts, Why};
use super::pods::latest;
use super::reconcile::{Context, Error};
use super::status::{Finding, Verdict};
use super::validate::{Certificate, Exposure, Plan, Source};
use crate::children::belongs;
use crate::gateway_api;

/// A Job without a Pod for so long has a reason for it.
const POD_DUE: Duration = Duration::from_secs(10);

/// Whether the job was started.
#[derive(Debug)]
pub enum Run {
    /// Nothing is known of a Job.
    NotCreated,
    /// It has this one.
    Created(JobFacts),
    /// It had one.
    Gone,
    /// The original operator started it as a bare Pod.
    Original(PodFacts),
    /// The same, and the Pod is gone.
    OriginalGone,
}

/// Find the Job of an object. What is recorded is never taken for gone on the word of a cache.
pub async fn run(context: &Context, object: &IflearnerJob, plan: &Plan) -> Result<Run, Error> {
    let status = object.status.clone().unwrap_or_default();
    let unrecorded = context.unrecorded.of(&plan.uid, monotonic());
    if status.job.is_some() && unrecorded.is_some() {
        context.unrecorded.forget(&plan.uid);
    }
    let recorded = status.job.as_ref().or(unrecorded.as_ref());
    let name = recorded.map_or(plan.names.job.as_str(), |job| job.name.as_str());
    let is_ours = |job: &Job| {
        belongs(job, &plan.owner)
            && recorded.is_none_or(|recorded| job.uid().as_ref() == Some(&recorded.uid))
    };
    if let Some(job) = context.jobs.get(&plan.namespace, name).filter(|job| is_ours(job)) {
        let job = observe::job(&job);
        if recorded.is_none() {
            context.unrecorded.seen(
                &plan.uid,
                JobRef { name: job.name.clone(), uid: job.uid.clone() },
                monotonic(),
            );
        }
        return Ok(Run::Created(job));
    }
    if recorded.is_some() {
        let api: Api<Job> = context.api(plan);
        let live = api.get_opt(name).await.map_err(Error::api("reading the Job"))?.filter(is_ours);
        return Ok(live.map_or(Run::Gone, |job| Run::Created(observe::job(&job))));
    }
    // The original recorded a phase and nothing that only this operator writes, and named its Pod like the object.
    if status.phase.is_some()
        && (status.observed_generation.is_none() || status.pod_name.as_ref() == Some(&plan.name))
    {
        let api: Api<Pod> = context.api(plan);
        let pod =
            api.get_opt(&plan.name).await.map_err(Error::api("reading the original's Pod"))?;
        return Ok(match pod.filter(|pod| belongs(pod, &plan.owner)) {
            Some(pod) => Run::Original(observe::pod(&pod)),
            None => Run::OriginalGone,
        });
    }
    Ok(Run::NotCreated)
}

/// See that whatever stands in front of a job that authenticates its clients does so; a Gateway that does not becomes
/// [`Exposure::Unauthenticated`]. `false`: that was read, and nobody announces when it changes.
pub async fn front(context: &Context, plan: &mut Plan) -> Result<bool, Error> {
    let Exposure::Gateway { gateway, .. } = &plan.exposure else { return Ok(true) };
    if !plan.authenticate_clients {
        return Ok(true);
    }
    let GatewayRef { name, namespace, section_name } = gateway;
    let namespace = namespace.as_deref().unwrap_or(&plan.namespace);
    let api: Api<DynamicObject> =
        Api::namespaced_with(context.client.clone(), namespace, &gateway_api::gateways());
    let trouble = match api.get_opt(name).await {
        Ok(Some(found)) => match gateway_api::unauthenticated(&found.data, section_name.as_deref())
        {
            None => return Ok(false),
            Some(listener) => format!(
                "callers must show a certificate (authenticateClients), and listener {listener} of Gateway {namespace}/{name} asks nobody \
                 for one: set its spec.tls.frontend"
            ),
        },
        Ok(None) => {
            format!(
                "callers must show a certificate (authenticateClients), and there is no Gateway {namespace}/{name} to ask them"
            )
        }
        Err(kube::Error::Api(status)) if status.is_forbidden() => format!(
            "callers must show a certificate (authenticateClients), and the operator may not read Gateway {namespace}/{name} to see that \
             it asks them: allow flow-operator to get gateways there"
        ),
        Err(error) => return Err(Error::Api { what: "reading the Gateway", source: error }),
    };
    plan.exposure = Exposure::Unauthenticated { message: trouble };
    Ok(false)
}

/// Whether all trust roots are there. Secrets are not looked at: the operator may not.
pub async fn certificates(
    context: &Context,
    plan: &Plan,
    wanted: &[Certificate],
) -> Result<Finding, Error> {
    if wanted.is_empty() {
        return Ok(Finding::Irrelevant);
    }
    let api: Api<ConfigMap> = context.api(plan);
    let mut unseen = Vec::new();
    for Certificate { file, source, key } in wanted {
        match source {
            Source::Secret(name) => unseen.push(format!("key {key} of Secret {name}")),
            Source::ConfigMap(name) => {
                let found = match api.get_opt(name).await {
                    Ok(found) => found,
                    Err(error) => {
                        let why = forbidden(&format!("ConfigMap {name}"), error)
                            .map_err(Error::api("reading a ConfigMap of certificates"))?;
                        return Ok(Finding::Is(Verdict { holds: Some(false), why }));
                    }
                };
                let missing = match found {
                    None => format!("ConfigMap {name} is not there"),
                    Some(map) if !has_key(&map, key) => {
                        format!("ConfigMap {name} has no key {key}")
                    }
                    Some(_) => continue,
                };
                let of = if *file == SERVER_CERTIFICATE { "the server" } else { "the peers" };
                let message = format!(
                    "{missing}; it holds the certificate by which {of} are known: kubectl create configmap {name} --namespace {} \
                     --from-file={key}=FILE, or name another, or none, in spec.certificates",
                    plan.namespace
                );
                return Ok(Finding::Is(Verdict::new(Some(false), "CertificatesMissing", message)));
            }
        }
    }
    if unseen.is_empty() {
        return Ok(Finding::Is(Verdict::new(Some(true), "Found", "")));
    }
    let message = format!(
        "the operator may not read Secrets; if the Pod stays in ContainerCreating, see whether there is {}",
        unseen.join(" and ")
    );
    Ok(Finding::Is(Verdict::new(None, "NotChecked", message)))
}

/// The API server's words if it does not let the operator read something, which asking again will not change by itself; any
/// other error is the caller's.
pub fn forbidden(what: &str, error: kube::Error) -> Result<Why, kube::Error> {
    match error {
        kube::Error::Api(status) if status.is_forbidden() => {
            Ok(Why::new("Forbidden", format!("{what}: {}", status.message)))
        }
        other => Err(other),
    }
}

fn has_key(map: &ConfigMap, key: &str) -> bool {
    map.data.as_ref().is_some_and(|data| data.contains_key(key))
        || map.binary_data.as_ref().is_some_and(|data| data.contains_key(key))
}

/// The latest Pod of a job as the API server has it. The watches are begun again one by one after an outage, and that of
/// the Pods may be the last.
pub async fn latest_pod(context: &Context, plan: &Plan) -> Result<Option<PodFacts>, Error> {
    let api: Api<Pod> = context.api(plan);
    let of_the_job = ListParams::default().labels(&format!("{UID_LABEL}={}", plan.uid));
    let pods = api.list(&of_the_job).await.map_err(Error::api("reading the Job's Pods"))?;
    Ok(latest(&pods.items.iter().map(observe::pod).collect::<Vec<_>>()))
}

/// Why the Job controller has not made a Pod, if that is due: only an event says so.
pub async fn why_no_pod(
    context: &Context,
    plan: &Plan,
    job: &JobFacts,
    now: Timestamp,
) -> Result<Option<Why>, Error> {
    let due = job.started.as_ref().and_then(|started| started.0.checked_add(POD_DUE).ok());
    if job.suspended || due.is_none_or(|due| due > now) {
        return Ok(None);
    }
    let api: Api<Event> = context.api(plan);
    let selector = format!("involvedObject.uid={},reason=FailedCreate", job.uid);
    let events = match api.list(&ListParams::default().fields(&selector)).await {
        Ok(events) => events,
        Err(error) => {
            let why = forbidden("the Job has no Pod, and why is not known", error)
                .map_err(Error::api("reading the Job's events"))?;
            return Ok(Some(why));
        }
    };
    let latest = events.items.into_iter().max_by_key(|event| {
        event.last_timestamp.clone().map(|at| at.0).or(event.creation_timestamp().map(|at| at.0))
    });
    Ok(latest.map(|event| Why::new("PodNotCreated", event.message.unwrap_or_default())))
}
