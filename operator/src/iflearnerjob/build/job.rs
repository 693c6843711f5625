//! The Job that runs a template once.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{labels, metadata};
use crate::iflearnerjob::api::{IflearnerJob, JOB_ANNOTATION};
use crate::iflearnerjob::validate::{Plan, PodPlan};

/// Labels with this prefix are handed on to the Job: they put it into a queue of Kueue.
const KUEUE: &str = "kueue.x-k8s.io/";

/// The Job. `ttlSecondsAfterFinished` is not set: it would let the Job vanish before its end is recorded.
#[must_use]
pub fn job(object: &IflearnerJob, plan: &Plan, pod_plan: &PodPlan) -> Job {
    let template = object.spec.template.metadata.clone().unwrap_or_default();
    let mut pod_labels = template.labels.unwrap_or_default();
    pod_labels.extend(labels(plan));
    let mut annotations: BTreeMap<String, String> = template.annotations.unwrap_or_default();
    annotations.insert(JOB_ANNOTATION.to_owned(), plan.name.clone());
    let mut metadata = metadata(plan, &plan.names.job);
    let queue = object.metadata.labels.iter().flatten().filter(|(name, _)| name.starts_with(KUEUE));
    metadata.labels.get_or_insert_default().extend(queue.map(|(name, value)| (name.clone(), value.clone())));
    let policy = object.spec.run_policy.clone().unwrap_or_default();
    Job {
        metadata,
        spec: Some(JobSpec {
            parallelism: Some(1),
            completions: Some(1),
            backoff_limit: Some(pod_plan.backoff_limit),
            // A replacement only once the Pod before it is known to be dead.
            pod_replacement_policy: Some("Failed".to_owned()),
            active_deadline_seconds: policy.active_deadline_seconds,
            suspend: policy.suspend,
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(pod_labels), annotations: Some(annotations), ..ObjectMeta::default() }),
                spec: Some(super::pod::pod(&object.spec, pod_plan)),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}
