//! The only place that writes children. The process may end after each write: the next pass goes on from there.

use std::time::Duration;

use flow_common::clock::monotonic;
use flow_crd::{IflearnerJob, JobRef};
use http::Uri;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::Request;
use kube::{Api, Resource as _, ResourceExt as _};
use serde_json::json;

use super::build::{self, Desired};
use super::observe::{self, JobFacts, Why};
use super::reconcile::{Context, Error};
use super::status::{self, Finding, Verdict};
use super::validate::{Exposure, Plan, PodPlan, Refusal};
use crate::MANAGER;
use crate::cache::Cache;
use crate::children::{ChildError, Children, standing};

/// What came of the children.
#[derive(Debug, Default)]
pub struct Applied {
    /// The route.
    pub exposed: Finding,
    /// Why not all is as it should be.
    pub trouble: Option<Why>,
}

/// Bring NetworkPolicy, Service and route to what is desired, in this order: who may connect is settled before there is
/// anything to connect to.
pub async fn children(context: &Context, plan: &Plan, desired: &Desired) -> Result<Applied, Error> {
    let now = context.now();
    let Desired { network_policy, service, grpc_route, ingress } = desired;
    match one(context, plan, &context.network_policies, &[], network_policy.as_ref()).await {
        Ok(_) => {}
        Err(error) => return blocked(error, now),
    }
    match one(context, plan, &context.services, &["/spec/ports"], Some(service)).await {
        Ok(_) => {}
        Err(error) => return blocked(error, now),
    }
    let mut exposed = match &plan.exposure {
        Exposure::Unwanted => Finding::Irrelevant,
        Exposure::Unconfigured => Finding::Is(Verdict::new(
            Some(false),
            "NotConfigured",
            "neither a Gateway nor an IngressClass is named, by spec.exposure or by the operator's configuration (exposure.gateway, exposure.ingress)",
        )),
        Exposure::NotInstalled { api } => Finding::Is(Verdict::new(
            Some(false),
            "ApiNotInstalled",
            format!("the cluster has no {api}: install it, or choose another spec.exposure.driver"),
        )),
        Exposure::Unauthenticated { message } => {
            Finding::Is(Verdict::new(Some(false), "ClientsNotAuthenticated", message))
        }
        Exposure::Gateway { .. } | Exposure::Ingress { .. } => Finding::AsBefore,
    };
    if let Some(cache) = &context.grpc_routes {
        match one(context, plan, cache, &[], grpc_route.as_ref()).await {
            Ok(Some(route)) => exposed = Finding::Is(status::of_grpc_route(&route)),
            Ok(None) => {}
            Err(error) => exposed = Finding::Is(unexposed(error, now)?),
        }
    }
    if let Some(cache) = &context.ingresses {
        match one(context, plan, cache, &[], ingress.as_ref()).await {
            Ok(Some(ingress)) => exposed = Finding::Is(status::of_ingress(&ingress)),
            Ok(None) => {}
            Err(error) => exposed = Finding::Is(unexposed(error, now)?),
        }
    }
    Ok(Applied { exposed, trouble: None })
}

/// One child: as desired, or gone if none is.
async fn one<K>(
    context: &Context,
    plan: &Plan,
    cache: &Cache<K>,
    shared_lists: &'static [&'static str],
    desired: Option<&K>,
) -> Result<Option<std::sync::Arc<K>>, ChildError>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + serde::Serialize
        + serde::de::DeserializeOwned
        + std::fmt::Debug
        + Send
        + Sync
        + 'static,
{
    let children =
        Children { api: context.api(plan), cache, shared_lists, metrics: &context.metrics };
    match desired {
        Some(desired) => children.ensure(desired, &plan.owner).await.map(Some),
        None => {
            children.remove(&plan.namespace, &plan.names.service, &plan.owner).await.map(|()| None)
        }
    }
}

/// An answer that asking again will not change by itself goes to the user; any other error is the caller's.
fn blocked(error: ChildError, now: Timestamp) -> Result<Applied, Error> {
    Ok(Applied { exposed: Finding::AsBefore, trouble: Some(lasting(error, now)?) })
}

fn unexposed(error: ChildError, now: Timestamp) -> Result<Verdict, Error> {
    lasting(error, now).map(|why| Verdict { holds: Some(false), why })
}

/// What is deleted is gone in a moment, unless something holds it for longer than this.
const LEAVES_WITHIN: Duration = Duration::from_secs(10);

fn lasting(error: ChildError, now: Timestamp) -> Result<Why, Error> {
    match &error {
        ChildError::NameTaken { .. } => Ok(Why::new("NameTaken", error.to_string())),
        ChildError::Api { source, .. } => match refused(source) {
            Some(reason) => Ok(Why::new(reason, error_text(&error))),
            None => Err(error.into()),
        },
        ChildError::Leaving { since: Some(since), .. }
            if Duration::try_from(now.duration_since(since.0))
                .is_ok_and(|age| age >= LEAVES_WITHIN) =>
        {
            Ok(Why::new(
                "Terminating",
                format!(
                    "{error}, and something holds it: its metadata.finalizers name who has to let it go"
                ),
            ))
        }
        ChildError::Leaving { .. } => Err(error.into()),
    }
}

fn error_text(error: &ChildError) -> String {
    match error {
        ChildError::Api { kind, name, source: kube::Error::Api(status) } => {
            format!("{kind} {name}: {}", status.message)
        }
        other => other.to_string(),
    }
}

/// The reason, if the API server understood and said no.
fn refused(error: &kube::Error) -> Option<&'static str> {
    let kube::Error::Api(status) = error else { return None };
    match status.code {
        403 if status.message.contains("exceeded quota") => Some("QuotaExceeded"),
        403 => Some("Forbidden"),
        400 | 422 => Some("Rejected"),
        _ => None,
    }
}

/// What came of the creation of a Job.
#[derive(Debug)]
pub enum Created {
    /// It is there, made now or before.
    Job(JobFacts),
    /// No Job can be made of the template.
    Refused(Refusal),
    /// Not now.
    Waiting(Why),
}

/// Create the Job. Its name is the object's alone, so one that is there already was made by a pass whose end was not
/// recorded.
pub async fn create_job(
    context: &Context,
    object: &IflearnerJob,
    plan: &Plan,
    pod_plan: &PodPlan,
) -> Result<Created, Error> {
    let api: Api<Job> = context.api(plan);
    let desired = build::job(object, plan, pod_plan);
    let name = &plan.names.job;
    context.metrics.wrote("Job", "create");
    let job = match post_strictly(context, plan, &desired).await {
        Ok(job) => job,
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let found = api.get_opt(name).await.map_err(Error::api("reading the Job"))?;
            let found = found.ok_or_else(|| Error::Vanished(format!("Job {name}")))?;
            match standing(&found, &plan.owner) {
                Ok(()) => found,
                Err(taken @ ChildError::NameTaken { .. }) => {
                    return Ok(Created::Waiting(Why::new("NameTaken", taken.to_string())));
                }
                Err(other) => return Ok(Created::Waiting(lasting(other, context.now())?)),
            }
        }
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
            let message = format!("the API server does not take spec.template: {}", status.message);
            return Ok(Created::Refused(Refusal { reason: "InvalidTemplate", message }));
        }
        Err(error) => match refused(&error) {
            Some(reason) => {
                return Ok(Created::Waiting(Why::new(reason, format!("Job {name}: {error}"))));
            }
            None => return Err(Error::Api { what: "creating the Job", source: error }),
        },
    };
    let job = observe::job(&context.jobs.wrote(job));
    context.unrecorded.seen(
        &plan.uid,
        JobRef { name: job.name.clone(), uid: job.uid.clone() },
        monotonic(),
    );
    Ok(Created::Job(job))
}

/// A field that this API server does not know would be dropped without a word; so it is an error.
async fn post_strictly(context: &Context, plan: &Plan, job: &Job) -> Result<Job, kube::Error> {
    let parameters =
        PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let body = serde_json::to_vec(job).map_err(kube::Error::SerdeError)?;
    let mut request = Request::new(Job::url_path(&(), Some(&plan.namespace)))
        .create(&parameters, body)
        .map_err(kube::Error::BuildRequest)?;
    let strict: Uri = format!("{}&fieldValidation=Strict", request.uri())
        .parse()
        .expect("a URI and one more parameter");
    *request.uri_mut() = strict;
    context.client.request(request).await
}

/// Hand on what may change while the Job runs.
pub async fn sync_job(
    context: &Context,
    object: &IflearnerJob,
    plan: &Plan,
    job: JobFacts,
) -> Result<JobFacts, Error> {
    let spec = changes(object, &job);
    if spec.is_empty() {
        return Ok(job);
    }
    patch_job(context, plan, &job, &json!(spec)).await
}

/// Whether [`sync_job`] has anything to do.
pub fn is_due(object: &IflearnerJob, job: &JobFacts) -> bool {
    !changes(object, job).is_empty()
}

/// Whether it is suspended others decide unless the object says so.
fn changes(object: &IflearnerJob, job: &JobFacts) -> serde_json::Map<String, serde_json::Value> {
    let policy = object.spec.run_policy.clone().unwrap_or_default();
    let suspend = policy.suspend.filter(|suspend| *suspend != job.suspended);
    let deadline = policy.active_deadline_seconds;
    let mut spec = serde_json::Map::new();
    spec.extend(suspend.map(|suspend| ("suspend".to_owned(), json!(suspend))));
    // One that is not wanted any more is taken away.
    spec.extend(
        (deadline != job.deadline_s).then(|| ("activeDeadlineSeconds".to_owned(), json!(deadline))),
    );
    spec
}

/// From now on the Job may go, so long after its end.
pub async fn let_go(
    context: &Context,
    plan: &Plan,
    job: &JobFacts,
    ttl_s: i32,
) -> Result<(), Error> {
    patch_job(context, plan, job, &json!({ "ttlSecondsAfterFinished": ttl_s })).await.map(drop)
}

async fn patch_job(
    context: &Context,
    plan: &Plan,
    job: &JobFacts,
    spec: &serde_json::Value,
) -> Result<JobFacts, Error> {
    let api: Api<Job> = context.api(plan);
    let patch = json!({ "metadata": { "uid": job.uid }, "spec": spec });
    context.metrics.wrote("Job", "patch");
    let parameters =
        PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let patched = api
        .patch(&job.name, &parameters, &Patch::Merge(&patch))
        .await
        .map_err(Error::api("changing the Job"))?;
    Ok(observe::job(&context.jobs.wrote(patched)))
}

/// Delete a Job that must not run on.
pub async fn delete_job(
    context: &Context,
    plan: &Plan,
    name: &str,
    uid: &str,
) -> Result<(), Error> {
    let api: Api<Job> = context.api(plan);
    let only_this = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    context.metrics.wrote("Job", "delete");
    match api.delete(name, &DeleteParams::background().preconditions(only_this)).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(|_| ()).map_err(Error::api("deleting the Job")),
    }
}

/// What became of a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// The object has it, in this version.
    Version(Option<String>),
    /// The object is about to go, or has gone; there may be another of its name.
    Leaving,
    /// The object has changed since it was looked at: it is to be looked at again.
    Outdated,
}

/// Write the status: whole, by server-side apply, for this very object as it was looked at. The version is what ensures
/// that: of a subresource the API server does not compare UIDs.
pub async fn status(
    context: &Context,
    object: &IflearnerJob,
    plan: &Plan,
    status: &flow_crd::IflearnerJobStatus,
) -> Result<Written, Error> {
    let api: Api<IflearnerJob> = context.api(plan);
    let patch = json!({
        "apiVersion": IflearnerJob::api_version(&()),
        "kind": IflearnerJob::kind(&()),
        "metadata": { "name": plan.name, "uid": object.uid(), "resourceVersion": object.resource_version() },
        "status": status,
    });
    context.metrics.wrote("IflearnerJob", "status");
    let written = api
        .patch_status(&plan.name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&patch))
        .await;
    match written {
        Ok(written) if written.metadata.deletion_timestamp.is_some() => {
            context.objects.wrote(kube::core::DeserializeGuard(Ok(written)));
            Ok(Written::Leaving)
        }
        Ok(written) => {
            let version = written.resource_version();
            context.objects.wrote(kube::core::DeserializeGuard(Ok(written)));
            Ok(Written::Version(version))
        }
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Written::Leaving),
        Err(kube::Error::Api(status)) if status.is_conflict() => {
            let live = api
                .get_metadata_opt(&plan.name)
                .await
                .map_err(Error::api("reading an object that has changed"))?;
            let stays = live.is_some_and(|live| {
                live.uid() == object.uid() && live.metadata.deletion_timestamp.is_none()
            });
            Ok(if stays { Written::Outdated } else { Written::Leaving })
        }
        Err(error) => Err(Error::Api { what: "writing the status", source: error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_changed_where_the_policy_says_otherwise() {
        let object = |policy: serde_json::Value| -> IflearnerJob {
            serde_json::from_value(json!({"metadata": {}, "spec": {"role": "server", "template": {}, "runPolicy": policy}})).unwrap()
        };
        let job =
            JobFacts { suspended: true, deadline_s: Some(60), ..observe::job(&Job::default()) };
        assert!(
            !is_due(&object(json!({"activeDeadlineSeconds": 60})), &job),
            "somebody else holds it"
        );
        assert!(!is_due(&object(json!({"activeDeadlineSeconds": 60, "suspend": true})), &job));
        assert_eq!(
            json!(changes(&object(json!({"activeDeadlineSeconds": 60, "suspend": false})), &job)),
            json!({"suspend": false})
        );
        assert_eq!(
            json!(changes(&object(json!({})), &job)),
            json!({"activeDeadlineSeconds": null})
        );
    }
}
