//! The Job that runs the template once.

use std::collections::BTreeMap;

use flow_crd::{IflearnerJob, JOB_ANNOTATION};
use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{labels, metadata};
use crate::iflearnerjob::validate::{Plan, PodPlan};

/// Prefix of the labels that the Job inherits from the object: they select a queue of Kueue.
const KUEUE_LABEL_PREFIX: &str = "kueue.x-k8s.io/";

/// Returns the Job. `ttlSecondsAfterFinished` is unset: the Job could be deleted before the status
/// records its end.
#[must_use]
pub fn job(object: &IflearnerJob, plan: &Plan, pod_plan: &PodPlan) -> Job {
    let template = object.spec.template.metadata.clone().unwrap_or_default();
    let mut pod_labels = template.labels.unwrap_or_default();
    pod_labels.extend(labels(plan));
    let mut annotations: BTreeMap<String, String> = template.annotations.unwrap_or_default();
    annotations.insert(JOB_ANNOTATION.to_owned(), plan.name.clone());
    let mut metadata = metadata(plan, &plan.names.job);
    // A foreground deletion of the object waits for the Job, and for no other child.
    metadata
        .owner_references
        .iter_mut()
        .flatten()
        .for_each(|owner| owner.block_owner_deletion = Some(true));
    let queue = object
        .metadata
        .labels
        .iter()
        .flatten()
        .filter(|(name, _)| name.starts_with(KUEUE_LABEL_PREFIX));
    metadata
        .labels
        .get_or_insert_default()
        .extend(queue.map(|(name, value)| (name.clone(), value.clone())));
    let policy = object.spec.run_policy.clone().unwrap_or_default();
    Job {
        metadata,
        spec: Some(JobSpec {
            parallelism: Some(1),
            completions: Some(1),
            backoff_limit: Some(pod_plan.backoff_limit),
            // A Pod is replaced only after it has ended.
            pod_replacement_policy: Some("Failed".to_owned()),
            pod_failure_policy: ignore_disruptions(pod_plan),
            active_deadline_seconds: policy.active_deadline_seconds,
            suspend: policy.suspend,
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(pod_labels),
                    annotations: Some(annotations),
                    ..ObjectMeta::default()
                }),
                spec: Some(super::pod::pod(&object.spec, pod_plan)),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}

/// Returns the policy by which a drain, an eviction or a preemption does not count as a failed
/// attempt. Kubernetes accepts the policy only with restartPolicy Never; a job without retries does
/// not need it.
fn ignore_disruptions(pod_plan: &PodPlan) -> Option<PodFailurePolicy> {
    let disrupted = PodFailurePolicyOnPodConditionsPattern {
        type_: "DisruptionTarget".to_owned(),
        status: Some("True".to_owned()),
    };
    let rule = PodFailurePolicyRule {
        action: "Ignore".to_owned(),
        on_pod_conditions: Some(vec![disrupted]),
        on_exit_codes: None,
    };
    (pod_plan.backoff_limit > 0 && pod_plan.restart_policy == "Never")
        .then(|| PodFailurePolicy { rules: vec![rule] })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::apis::Apis;
    use crate::config::Config;
    use crate::iflearnerjob::build::samples::{SERVER, job as parsed};
    use crate::iflearnerjob::pod_security::AllowedOptIns;
    use crate::iflearnerjob::validate;
    use flow_crd::RunPolicy;

    #[test]
    fn disruption_does_not_count_as_an_attempt() {
        let built = |restart_policy: &str, backoff_limit: Option<i32>| {
            let mut object = parsed(SERVER);
            object.spec.template.spec.as_mut().unwrap().restart_policy =
                Some(restart_policy.to_owned());
            object.spec.run_policy = Some(RunPolicy { backoff_limit, ..RunPolicy::default() });
            let config = Config::default();
            let pod_plan = validate::pod(&object, AllowedOptIns::new(), &config).unwrap();
            let plan = Plan::new(&object, &config, Apis { grpc_route: true, ingress: true });
            serde_json::to_value(job(&object, &plan, &pod_plan)).unwrap()["spec"]["podFailurePolicy"].clone()
        };
        let ignored = json!({"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]});
        assert_eq!(built("Never", Some(2)), ignored);
        for (restart_policy, backoff_limit) in
            [("Never", None), ("Never", Some(0)), ("OnFailure", Some(2)), ("Always", Some(2))]
        {
            assert_eq!(
                built(restart_policy, backoff_limit),
                Value::Null,
                "{restart_policy} {backoff_limit:?}"
            );
        }
    }
}
