//! The Job that runs a template once.

use std::collections::BTreeMap;

use flow_crd::{IflearnerJob, JOB_ANNOTATION};
use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{labels, metadata};
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
    // Who deletes the object in the foreground waits for what runs, and for nothing else of it.
    metadata
        .owner_references
        .iter_mut()
        .flatten()
        .for_each(|owner| owner.block_owner_deletion = Some(true));
    let queue = object.metadata.labels.iter().flatten().filter(|(name, _)| name.starts_with(KUEUE));
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
            // A replacement only once the Pod before it is known to be dead.
            pod_replacement_policy: Some("Failed".to_owned()),
            pod_failure_policy: spare_retries(pod_plan),
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

/// A drained node, an eviction or a preemption is not the workload's failure, and uses up none of its retries. Kubernetes
/// allows to say so only of Pods that are never restarted in place; of a job without retries there is nothing to spare.
fn spare_retries(pod_plan: &PodPlan) -> Option<PodFailurePolicy> {
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
    use crate::iflearnerjob::policy::Allowed;
    use crate::iflearnerjob::validate;
    use flow_crd::RunPolicy;

    #[test]
    fn a_disruption_uses_up_no_retry_where_there_are_any() {
        let built = |restart_policy: &str, backoff_limit: Option<i32>| {
            let mut object = parsed(SERVER);
            object.spec.template.spec.as_mut().unwrap().restart_policy =
                Some(restart_policy.to_owned());
            object.spec.run_policy = Some(RunPolicy { backoff_limit, ..RunPolicy::default() });
            let config = Config::default();
            let pod_plan = validate::pod(&object, Allowed::new(), &config).unwrap();
            let plan = Plan::new(&object, &config, Apis { grpc_route: true, ingress: true });
            serde_json::to_value(job(&object, &plan, &pod_plan)).unwrap()["spec"]["podFailurePolicy"].clone()
        };
        let spared = json!({"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]});
        assert_eq!(built("Never", Some(2)), spared);
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
