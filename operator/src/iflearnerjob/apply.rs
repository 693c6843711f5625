//! The only place that writes children. The process may end after each write: the next pass
//! continues from there.

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
use super::context::Context;
use super::error::Error;
use super::observe::{self, JobFacts, StatusReason};
use super::status::{self, ConditionUpdate, ConditionValue};
use super::validate::{Exposure, Plan, PodPlan, Rejection};
use crate::FIELD_MANAGER;
use crate::cache::Cache;
use crate::children::{ChildError, Children, check_ownership};

/// The result of applying the children.
#[derive(Debug, Default)]
pub struct Applied {
    /// The change of the condition `Exposed`.
    pub exposed: ConditionUpdate,
    /// The reason for which a child is not as desired.
    pub problem: Option<StatusReason>,
}

/// Brings NetworkPolicy, Service and route to the desired state, in this order: the policy exists
/// before a client can connect.
pub async fn children(context: &Context, plan: &Plan, desired: &Desired) -> Result<Applied, Error> {
    let now = context.now();
    let Desired { network_policy, service, grpc_route, ingress } = desired;
    match apply_child(context, plan, &context.network_policies, &[], network_policy.as_ref()).await
    {
        Ok(_) => {}
        Err(error) => return blocked(error, now),
    }
    match apply_child(context, plan, &context.services, &["/spec/ports"], Some(service)).await {
        Ok(_) => {}
        Err(error) => return blocked(error, now),
    }
    let mut exposed = match &plan.exposure {
        Exposure::NotRequested => ConditionUpdate::Remove,
        Exposure::NotConfigured => ConditionUpdate::Set(ConditionValue::new(
            Some(false),
            "NotConfigured",
            "no Gateway and no IngressClass is configured: set spec.exposure, or exposure.gateway or exposure.ingress in the configuration of the operator",
        )),
        Exposure::NotInstalled { api } => ConditionUpdate::Set(ConditionValue::new(
            Some(false),
            "ApiNotInstalled",
            format!(
                "the cluster does not serve {api}: install the API, or set another spec.exposure.driver"
            ),
        )),
        Exposure::Unauthenticated { message } => ConditionUpdate::Set(ConditionValue::new(
            Some(false),
            "ClientsNotAuthenticated",
            message,
        )),
        Exposure::Gateway { .. } | Exposure::Ingress { .. } => ConditionUpdate::Keep,
    };
    if let Some(cache) = &context.grpc_routes {
        match apply_child(context, plan, cache, &[], grpc_route.as_ref()).await {
            Ok(Some(route)) => {
                exposed = ConditionUpdate::Set(status::exposed_by_grpc_route(&route))
            }
            Ok(None) => {}
            Err(error) => exposed = ConditionUpdate::Set(unexposed(error, now)?),
        }
    }
    if let Some(cache) = &context.ingresses {
        match apply_child(context, plan, cache, &[], ingress.as_ref()).await {
            Ok(Some(ingress)) => {
                exposed = ConditionUpdate::Set(status::exposed_by_ingress(&ingress))
            }
            Ok(None) => {}
            Err(error) => exposed = ConditionUpdate::Set(unexposed(error, now)?),
        }
    }
    Ok(Applied { exposed, problem: None })
}

/// Brings one child to the desired state, or deletes it if none is desired.
async fn apply_child<K>(
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

/// Returns the reason for the status if a retry would not change the answer. Any other error is
/// returned.
fn blocked(error: ChildError, now: Timestamp) -> Result<Applied, Error> {
    Ok(Applied { exposed: ConditionUpdate::Keep, problem: Some(lasting_cause(error, now)?) })
}

fn unexposed(error: ChildError, now: Timestamp) -> Result<ConditionValue, Error> {
    lasting_cause(error, now).map(|cause| ConditionValue { is_true: Some(false), cause })
}

/// Age of a deletion from which the status reports the object that is being deleted: a finalizer
/// holds it.
const DELETION_TIMEOUT: Duration = Duration::from_secs(10);

fn lasting_cause(error: ChildError, now: Timestamp) -> Result<StatusReason, Error> {
    match &error {
        ChildError::NameTaken { .. } => Ok(StatusReason::new("NameTaken", error.to_string())),
        ChildError::Api { source, .. } => match rejection_reason(source) {
            Some(reason) => Ok(StatusReason::new(reason, error_text(&error))),
            None => Err(error.into()),
        },
        ChildError::Terminating { since: Some(since), .. }
            if Duration::try_from(now.duration_since(since.0))
                .is_ok_and(|age| age >= DELETION_TIMEOUT) =>
        {
            Ok(StatusReason::new(
                "Terminating",
                format!(
                    "{error} and has not ended: the controllers in its metadata.finalizers have to remove their finalizers"
                ),
            ))
        }
        ChildError::Terminating { .. } => Err(error.into()),
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

/// Returns the reason of a request that the API server rejected; `None` if a retry can succeed.
fn rejection_reason(error: &kube::Error) -> Option<&'static str> {
    let kube::Error::Api(status) = error else { return None };
    match status.code {
        403 if status.message.contains("exceeded quota") => Some("QuotaExceeded"),
        403 => Some("Forbidden"),
        400 | 422 => Some("Rejected"),
        _ => None,
    }
}

/// The result of the creation of a Job.
#[derive(Debug)]
pub enum Created {
    /// The Job exists, created in this pass or before.
    Job(JobFacts),
    /// The API server rejects the template.
    Rejected(Rejection),
    /// The Job cannot be created yet.
    Waiting(StatusReason),
}

/// Creates the Job. Its name belongs to this object alone, so an existing Job was created by a pass
/// that did not record it.
pub async fn create_job(
    context: &Context,
    object: &IflearnerJob,
    plan: &Plan,
    pod_plan: &PodPlan,
) -> Result<Created, Error> {
    let api: Api<Job> = context.api(plan);
    let desired = build::job(object, plan, pod_plan);
    let name = &plan.names.job;
    context.metrics.record_write("Job", "create");
    let job = match create_strictly(context, plan, &desired).await {
        Ok(job) => job,
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let found = api.get_opt(name).await.map_err(Error::api("read the Job"))?;
            let found = found.ok_or_else(|| Error::Vanished(format!("Job {name}")))?;
            match check_ownership(&found, &plan.owner) {
                Ok(()) => found,
                Err(taken @ ChildError::NameTaken { .. }) => {
                    return Ok(Created::Waiting(StatusReason::new("NameTaken", taken.to_string())));
                }
                Err(other) => return Ok(Created::Waiting(lasting_cause(other, context.now())?)),
            }
        }
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
            let message = format!(
                "the API server rejects spec.template: {}; correct it in a new IflearnerJob",
                status.message
            );
            return Ok(Created::Rejected(Rejection { reason: "InvalidTemplate", message }));
        }
        Err(error) => match rejection_reason(&error) {
            Some(reason) => {
                return Ok(Created::Waiting(StatusReason::new(
                    reason,
                    format!("Job {name}: {error}"),
                )));
            }
            None => return Err(Error::Api { operation: "create the Job", source: error }),
        },
    };
    let job = observe::job(&context.jobs.record_write(job));
    context.unrecorded_jobs.remember(
        &plan.uid,
        JobRef { name: job.name.clone(), uid: job.uid.clone() },
        monotonic(),
    );
    Ok(Created::Job(job))
}

/// Creates the Job with strict field validation: the API server would silently drop a field that it
/// does not know.
async fn create_strictly(context: &Context, plan: &Plan, job: &Job) -> Result<Job, kube::Error> {
    let parameters =
        PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let body = serde_json::to_vec(job).map_err(kube::Error::SerdeError)?;
    let mut request = Request::new(Job::url_path(&(), Some(&plan.namespace)))
        .create(&parameters, body)
        .map_err(kube::Error::BuildRequest)?;
    let strict: Uri = format!("{}&fieldValidation=Strict", request.uri())
        .parse()
        .expect("a URI with one more parameter is a URI");
    *request.uri_mut() = strict;
    context.client.request(request).await
}

/// Applies the fields of the run policy that may change while the Job runs.
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

/// Returns whether [`sync_job`] would change the Job.
pub fn job_differs(object: &IflearnerJob, job: &JobFacts) -> bool {
    !changes(object, job).is_empty()
}

/// Returns the fields of the Job's spec that differ. Other controllers decide about `suspend`
/// unless the object sets it.
fn changes(object: &IflearnerJob, job: &JobFacts) -> serde_json::Map<String, serde_json::Value> {
    let policy = object.spec.run_policy.clone().unwrap_or_default();
    let suspend = policy.suspend.filter(|suspend| *suspend != job.suspended);
    let deadline = policy.active_deadline_seconds;
    let mut spec = serde_json::Map::new();
    spec.extend(suspend.map(|suspend| ("suspend".to_owned(), json!(suspend))));
    // A deadline that the object no longer has is removed: `null` deletes the field.
    spec.extend(
        (deadline != job.deadline_s).then(|| ("activeDeadlineSeconds".to_owned(), json!(deadline))),
    );
    spec
}

/// Sets the time after which the ended Job is deleted.
pub async fn set_retention(
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
    context.metrics.record_write("Job", "patch");
    let parameters =
        PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let patched = api
        .patch(&job.name, &parameters, &Patch::Merge(&patch))
        .await
        .map_err(Error::api("change the Job"))?;
    Ok(observe::job(&context.jobs.record_write(patched)))
}

/// Deletes a Job, unless another one has its name.
pub async fn delete_job(
    context: &Context,
    plan: &Plan,
    name: &str,
    uid: &str,
) -> Result<(), Error> {
    let api: Api<Job> = context.api(plan);
    let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    context.metrics.record_write("Job", "delete");
    match api.delete(name, &DeleteParams::background().preconditions(preconditions)).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(|_| ()).map_err(Error::api("delete the Job")),
    }
}

/// The result of a status write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// The object has the status, in this resource version.
    Version(Option<String>),
    /// The object is being deleted or is gone; another object may have its name.
    ObjectDeleted,
    /// The object changed after it was read.
    Conflict,
}

/// Writes the whole status by server-side apply, for the version of the object that was read. The
/// API server does not compare UIDs for a subresource; the resource version protects another object
/// of the same name.
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
    context.metrics.record_write("IflearnerJob", "status");
    let written = api
        .patch_status(&plan.name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&patch))
        .await;
    match written {
        Ok(written) if written.metadata.deletion_timestamp.is_some() => {
            context.objects.record_write(kube::core::DeserializeGuard(Ok(written)));
            Ok(Written::ObjectDeleted)
        }
        Ok(written) => {
            let version = written.resource_version();
            context.objects.record_write(kube::core::DeserializeGuard(Ok(written)));
            Ok(Written::Version(version))
        }
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Written::ObjectDeleted),
        Err(kube::Error::Api(status)) if status.is_conflict() => {
            let live = api
                .get_metadata_opt(&plan.name)
                .await
                .map_err(Error::api("read an IflearnerJob that has changed"))?;
            let still_exists = live.is_some_and(|live| {
                live.uid() == object.uid() && live.metadata.deletion_timestamp.is_none()
            });
            Ok(if still_exists { Written::Conflict } else { Written::ObjectDeleted })
        }
        Err(error) => Err(Error::Api { operation: "write the status", source: error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_is_changed_only_where_the_run_policy_differs() {
        let object = |policy: serde_json::Value| -> IflearnerJob {
            serde_json::from_value(json!({"metadata": {}, "spec": {"role": "server", "template": {}, "runPolicy": policy}})).unwrap()
        };
        let job =
            JobFacts { suspended: true, deadline_s: Some(60), ..observe::job(&Job::default()) };
        assert!(
            !job_differs(&object(json!({"activeDeadlineSeconds": 60})), &job),
            "another controller suspends the Job"
        );
        assert!(!job_differs(&object(json!({"activeDeadlineSeconds": 60, "suspend": true})), &job));
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
