//! Computes the status of an object from the facts of a pass. Pure.
//!
//! A status is written only if it differs from the stored one, so no field changes without a cause:
//! the message of a lasting problem (`0/3 nodes are available…`, `Back-off pulling image…`) keeps
//! its first wording, and a time is that of the change.

use flow_crd::{IflearnerJob, IflearnerJobStatus, JobRef, OptIn, Phase, condition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt as _;

use super::observe::{
    JobEnd, JobFacts, PodFacts, PodState, RUNS_AS_ROOT, StatusReason, is_disruption,
};
use super::validate::Rejection;
use super::{pod_defaults, pod_security};
use crate::config::Config;
use crate::events::ObjectEvent;
use crate::gateway_api::{GrpcRoute, ParentRef, ParentStatus};

/// The stage of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// The job will never run.
    Rejected(Rejection),
    /// The Job cannot be created yet.
    Waiting(StatusReason),
    /// The Job exists.
    Working {
        job: JobFacts,
        /// The latest Pod.
        pod: Option<PodFacts>,
        /// The reason for which the children are not as desired.
        problem: Option<StatusReason>,
    },
    /// The recorded Job is gone, and its end is unknown.
    JobDeleted,
    /// The original operator created a Pod without a Job; the Pod is not changed.
    Original(PodFacts),
}

/// The value of a condition, without its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionValue {
    /// `None` if the state is unknown.
    pub is_true: Option<bool>,
    pub cause: StatusReason,
}

impl ConditionValue {
    pub fn new(is_true: Option<bool>, reason: &str, message: impl Into<String>) -> Self {
        Self { is_true, cause: StatusReason::new(reason, message) }
    }
}

/// The change of a condition in a pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ConditionUpdate {
    /// The pass did not examine it.
    #[default]
    Keep,
    /// The condition does not apply.
    Remove,
    Set(ConditionValue),
}

/// The facts from which a status is computed.
#[derive(Debug, Clone)]
pub struct StatusInput<'a> {
    /// The object with its stored status.
    pub object: &'a IflearnerJob,
    pub stage: Stage,
    pub exposed: ConditionUpdate,
    pub certificates: ConditionUpdate,
    /// `None` if the endpoint does not exist yet.
    pub endpoint: Option<String>,
    pub now: Time,
}

/// Returns the status that follows from the facts.
#[must_use]
pub fn compute_status(input: &StatusInput<'_>, config: &Config) -> IflearnerJobStatus {
    let old = input.object.status.clone().unwrap_or_default();
    let mut new =
        IflearnerJobStatus { observed_generation: input.object.metadata.generation, ..old.clone() };
    if input.endpoint.is_some() {
        new.endpoint.clone_from(&input.endpoint);
    }
    set_stage(&mut new, &old, input, config);
    // The same reason for a longer time is no change.
    if old.phase == new.phase
        && old.reason == new.reason
        && !new.phase.is_some_and(Phase::is_terminal)
    {
        new.message = old.message.clone().or(new.message);
    }
    let updates = condition_updates(&new, input);
    new.conditions = updates
        .into_iter()
        .filter_map(|(type_, update)| {
            let before = old.condition(type_).cloned();
            match update {
                ConditionUpdate::Set(value) => Some(condition_of(type_, value, before, input)),
                ConditionUpdate::Keep => before,
                ConditionUpdate::Remove => None,
            }
        })
        .collect();
    new
}

/// Sets the fields that follow from the stage: phase, reason, message, Job, Pod and times.
fn set_stage(
    new: &mut IflearnerJobStatus,
    old: &IflearnerJobStatus,
    input: &StatusInput<'_>,
    config: &Config,
) {
    match &input.stage {
        Stage::Rejected(Rejection { reason, message }) => {
            let cause = StatusReason::new(*reason, message);
            set_terminal(new, Phase::Failed, cause, Some(input.now.clone()));
        }
        Stage::Waiting(cause) => set_phase(new, Phase::Pending, Some(cause.clone())),
        Stage::JobDeleted => {
            let message = "the Job was deleted before its end was recorded, and a training is never restarted without a request: delete the IflearnerJob and create it again";
            let cause = StatusReason::new("JobDeleted", message);
            set_terminal(new, Phase::Failed, cause, Some(input.now.clone()));
        }
        Stage::Original(pod) => set_original(new, pod, &input.now),
        Stage::Working { job, pod, problem } => {
            set_working(new, input, job, pod.as_ref(), problem.as_ref(), config);
            if new.phase == Some(Phase::Pending) {
                // The place of a Pod that does not run yet is not worth a write.
                new.start_time.clone_from(&old.start_time);
                new.pod_name.clone_from(&old.pod_name);
                new.pod_ip.clone_from(&old.pod_ip);
                new.host_ip.clone_from(&old.host_ip);
                new.restarts = old.restarts;
            }
        }
    }
}

/// Returns the update of each condition type, in the order in which the status lists them.
fn condition_updates(
    new: &IflearnerJobStatus,
    input: &StatusInput<'_>,
) -> [(&'static str, ConditionUpdate); 6] {
    let cause = |default: &str| {
        StatusReason::new(
            new.reason.clone().unwrap_or_else(|| default.to_owned()),
            new.message.clone().unwrap_or_default(),
        )
    };
    let progressing = match new.phase {
        Some(Phase::Succeeded) => {
            ConditionValue { is_true: Some(false), cause: cause("Succeeded") }
        }
        Some(Phase::Failed) => ConditionValue { is_true: Some(false), cause: cause("Failed") },
        Some(Phase::Unknown) => ConditionValue { is_true: None, cause: cause("NodeLost") },
        Some(Phase::Running) => ConditionValue { is_true: Some(true), cause: cause("Running") },
        Some(Phase::Pending) | None => {
            ConditionValue { is_true: Some(true), cause: cause("Starting") }
        }
    };
    let ready = ready_value(new, input).unwrap_or_else(|| ConditionValue {
        is_true: Some(false),
        cause: progressing.cause.clone(),
    });
    let terminal = |phase: Phase| {
        if new.phase == Some(phase) {
            ConditionUpdate::Set(ConditionValue {
                is_true: Some(true),
                cause: cause(phase.as_str()),
            })
        } else {
            ConditionUpdate::Remove
        }
    };
    [
        (condition::PROGRESSING, ConditionUpdate::Set(progressing)),
        (condition::READY, ConditionUpdate::Set(ready)),
        (condition::EXPOSED, input.exposed.clone()),
        (condition::CERTIFICATES_READY, input.certificates.clone()),
        (condition::COMPLETE, terminal(Phase::Succeeded)),
        (condition::FAILED, terminal(Phase::Failed)),
    ]
}

/// Returns the condition `Ready` of a job whose Pod is ready; `None` if no ready Pod runs.
fn ready_value(new: &IflearnerJobStatus, input: &StatusInput<'_>) -> Option<ConditionValue> {
    let Stage::Working { pod: Some(pod), problem, .. } = &input.stage else { return None };
    if new.phase != Some(Phase::Running) || !pod.is_ready {
        return None;
    }
    Some(match (problem, &input.exposed) {
        (Some(cause), _) => ConditionValue { is_true: Some(false), cause: cause.clone() },
        (None, ConditionUpdate::Set(exposed)) if exposed.is_true == Some(false) => exposed.clone(),
        _ => ConditionValue::new(Some(true), "Running", ""),
    })
}

/// Returns a condition. Its time changes only with its status, and its message does not change
/// while its reason lasts.
fn condition_of(
    type_: &str,
    value: ConditionValue,
    before: Option<Condition>,
    input: &StatusInput<'_>,
) -> Condition {
    let status = match value.is_true {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let same_status = before.as_ref().filter(|before| before.status == status);
    let StatusReason { reason, message } = value.cause;
    Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        last_transition_time: same_status
            .map_or_else(|| input.now.clone(), |before| before.last_transition_time.clone()),
        message: same_status
            .filter(|before| before.reason == reason && !before.message.is_empty())
            .map_or(message, |before| before.message.clone()),
        observed_generation: input.object.metadata.generation,
        reason: if reason.is_empty() { "Unknown".to_owned() } else { reason },
    }
}

fn set_phase(status: &mut IflearnerJobStatus, phase: Phase, cause: Option<StatusReason>) {
    status.phase = Some(phase);
    (status.reason, status.message) = match cause {
        Some(StatusReason { reason, message }) => {
            (Some(reason), Some(message).filter(|message| !message.is_empty()))
        }
        None => (None, None),
    };
}

fn set_terminal(
    status: &mut IflearnerJobStatus,
    phase: Phase,
    cause: StatusReason,
    at: Option<Time>,
) {
    set_phase(status, phase, Some(cause));
    status.completion_time = at;
}

fn copy_pod_facts(status: &mut IflearnerJobStatus, pod: &PodFacts) {
    status.pod_name = Some(pod.name.clone());
    status.pod_ip = pod.ip.clone().or(status.pod_ip.take());
    status.host_ip = pod.host_ip.clone().or(status.host_ip.take());
    status.restarts = Some(pod.restarts);
    status.exit_code = pod.exit_code.or(status.exit_code.take());
}

/// Sets the status of a Pod that the original operator created.
fn set_original(status: &mut IflearnerJobStatus, pod: &PodFacts, now: &Time) {
    copy_pod_facts(status, pod);
    match pod.state {
        PodState::Pending => set_phase(status, Phase::Pending, pod.problem.clone()),
        PodState::Running => set_phase(status, Phase::Running, pod.problem.clone()),
        PodState::Lost => set_phase(status, Phase::Unknown, pod.problem.clone()),
        PodState::Ended if pod.exit_code == Some(0) => {
            let cause = StatusReason::new("Succeeded", "");
            set_terminal(status, Phase::Succeeded, cause, Some(now.clone()));
        }
        PodState::Ended => {
            let unknown = || StatusReason::new("Error", "the Pod failed");
            let cause = pod.problem.clone().unwrap_or_else(unknown);
            set_terminal(status, Phase::Failed, cause, Some(now.clone()));
        }
    }
}

/// Sets the status of an object with a Job.
fn set_working(
    status: &mut IflearnerJobStatus,
    input: &StatusInput<'_>,
    job: &JobFacts,
    pod: Option<&PodFacts>,
    problem: Option<&StatusReason>,
    config: &Config,
) {
    status.job = Some(JobRef { name: job.name.clone(), uid: job.uid.clone() });
    status.start_time = job.started.clone().or(status.start_time.take());
    if let Some(pod) = pod {
        copy_pod_facts(status, pod);
    }
    if let Some(end) = &job.end {
        let at = end.at.clone().or_else(|| status.completion_time.clone());
        let (phase, cause) = if end.succeeded {
            (Phase::Succeeded, StatusReason::new("Succeeded", ""))
        } else {
            (Phase::Failed, failure_cause(status, input, end, pod, config))
        };
        return set_terminal(status, phase, cause, at);
    }
    let problem = problem.or(pod.and_then(|pod| pod.problem.as_ref())).cloned();
    if let Some(cause) = problem.clone().filter(|cause| cause.reason == RUNS_AS_ROOT) {
        let hint = opt_in_hint(OptIn::Root, input, config);
        let cause = StatusReason::new(cause.reason, format!("{}; {hint}", cause.message));
        return set_terminal(status, Phase::Failed, cause, Some(input.now.clone()));
    }
    match pod.map(|pod| pod.state) {
        _ if job.suspended => {
            let message = "the Job is suspended by spec.runPolicy.suspend or by a queue";
            set_phase(status, Phase::Pending, Some(StatusReason::new("Suspended", message)));
        }
        // The Pod is gone because its node failed or evicted it. The Job reports the consequence in
        // a moment.
        None if problem.is_none() && is_disrupted(status) && !has_retries(input.object) => {}
        None | Some(PodState::Pending) => set_phase(status, Phase::Pending, problem),
        Some(PodState::Running) => set_phase(status, Phase::Running, problem),
        Some(PodState::Lost) => {
            let unresponsive =
                || StatusReason::new("NodeLost", "the node of the Pod does not respond");
            set_phase(status, Phase::Unknown, Some(problem.unwrap_or_else(unresponsive)));
        }
        // The Job reports the consequence in a moment.
        Some(PodState::Ended) => status.phase = status.phase.or(Some(Phase::Running)),
    }
}

/// Returns the reason of a failed Job: that of its Pod if it is known, otherwise that of the Job
/// controller.
fn failure_cause(
    status: &IflearnerJobStatus,
    input: &StatusInput<'_>,
    end: &JobEnd,
    pod: Option<&PodFacts>,
    config: &Config,
) -> StatusReason {
    // The Pod that the cluster evicted is deleted when the Job ends; the status still has its
    // reason.
    let recorded = status.reason.clone().filter(|_| pod.is_none() && is_disrupted(status));
    let recorded = recorded
        .map(|reason| StatusReason::new(reason, status.message.clone().unwrap_or_default()));
    let of_pod = pod
        .and_then(|pod| pod.problem.clone())
        .or(recorded)
        .filter(|_| end.cause.reason != "DeadlineExceeded");
    let mut cause = of_pod.unwrap_or_else(|| end.cause.clone());
    let is_read_only = config.pods.read_only_root && status.exit_code.is_some_and(|code| code != 0);
    if is_read_only && cause.reason == "Error" {
        let hint = opt_in_hint(OptIn::WriteRoot, input, config);
        cause.message = format!(
            "{}; the root file system of the image is read-only: if the workload needs to write to it, {hint}",
            cause.message
        );
    }
    if cause.reason == "OOMKilled"
        && pod_defaults::has_default_memory_limit(&input.object.spec.template, &config.pods.limits)
    {
        cause.message = format!(
            "{}; the template names no memory, so the limit of the operator applies (pods.limits): set resources in the template",
            cause.message
        );
    }
    cause
}

fn opt_in_hint(opt_in: OptIn, input: &StatusInput<'_>, config: &Config) -> String {
    let namespace = input.object.namespace().unwrap_or_default();
    pod_security::opt_in_hint([opt_in].into(), &namespace, &config.pods.opt_ins)
}

/// Returns whether another Pod follows a failed one.
fn has_retries(object: &IflearnerJob) -> bool {
    object
        .spec
        .run_policy
        .as_ref()
        .and_then(|policy| policy.backoff_limit)
        .is_some_and(|limit| limit > 0)
}

/// Returns whether the cluster ended the Pod, according to the stored status.
fn is_disrupted(status: &IflearnerJobStatus) -> bool {
    status.phase == Some(Phase::Unknown) || status.reason.as_deref().is_some_and(is_disruption)
}

/// Returns the condition `Exposed` that follows from the status of a GRPCRoute.
#[must_use]
pub fn exposed_by_grpc_route(route: &GrpcRoute) -> ConditionValue {
    let gateway = route.spec.parent_refs.first().map_or("", |parent| &parent.name);
    let listener = |parent: &ParentRef| {
        (
            parent.name.clone(),
            parent.namespace.clone().or_else(|| route.namespace()),
            parent.section_name.clone(),
        )
    };
    let ours = |parent: &&ParentStatus| {
        route.spec.parent_refs.iter().any(|wanted| listener(wanted) == listener(&parent.parent_ref))
    };
    let parents: Vec<&ParentStatus> =
        route.status.iter().flat_map(|status| status.parents.iter().filter(ours)).collect();
    let rejected = parents.iter().flat_map(|parent| &parent.conditions).find(|condition| {
        matches!(condition.type_.as_str(), "Accepted" | "ResolvedRefs")
            && condition.status == "False"
    });
    if let Some(condition) = rejected {
        return ConditionValue::new(
            Some(false),
            &condition.reason,
            format!("Gateway {gateway}: {}", condition.message),
        );
    }
    let accepted = parents.iter().any(|parent| {
        parent
            .conditions
            .iter()
            .any(|condition| condition.type_ == "Accepted" && condition.status == "True")
    });
    if accepted {
        ConditionValue::new(
            Some(true),
            "Accepted",
            format!("Gateway {gateway} accepted the GRPCRoute"),
        )
    } else {
        ConditionValue::new(
            None,
            "NotAccepted",
            format!(
                "no controller has accepted the GRPCRoute yet: check that Gateway {gateway} exists and that its controller runs"
            ),
        )
    }
}

/// Returns the condition `Exposed` that follows from the status of an Ingress.
#[must_use]
pub fn exposed_by_ingress(ingress: &k8s_openapi::api::networking::v1::Ingress) -> ConditionValue {
    let balancer = ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    match balancer
        .and_then(|balancer| balancer.ingress.as_ref())
        .and_then(|addresses| addresses.first())
    {
        Some(_) => ConditionValue::new(
            Some(true),
            "HasAddress",
            "the ingress controller has given the Ingress an address",
        ),
        None => ConditionValue::new(
            None,
            "NoAddress",
            "no ingress controller has given the Ingress an address; some ingress controllers never do",
        ),
    }
}

/// Returns the events that follow from the change between two statuses.
#[must_use]
pub fn events(
    old: &IflearnerJobStatus,
    new: &IflearnerJobStatus,
    restart_note: Option<String>,
) -> Vec<ObjectEvent> {
    let mut events = Vec::new();
    if let (None, Some(job)) = (&old.job, &new.job) {
        events.push(ObjectEvent::normal("JobCreated", format!("created Job {}", job.name)));
        events.extend(restart_note.map(|note| ObjectEvent::warning("RestartPolicyMapped", note)));
    }
    let note = new.message.clone().unwrap_or_default();
    if old.phase != new.phase || old.reason != new.reason {
        match (new.phase, &new.reason) {
            (Some(Phase::Succeeded), _) => {
                events.push(ObjectEvent::normal("Succeeded", "the workload succeeded"))
            }
            (Some(Phase::Running), None) => {
                events.push(ObjectEvent::normal("Running", "the workload runs"))
            }
            (Some(Phase::Pending), Some(reason)) if reason == "Suspended" => {
                events.push(ObjectEvent::normal(reason, note))
            }
            (_, Some(reason)) => events.push(ObjectEvent::warning(reason, note)),
            (_, None) => {}
        }
    }
    let exposed = |status: &IflearnerJobStatus| {
        status
            .condition(condition::EXPOSED)
            .map(|found| (found.status.clone(), found.reason.clone(), found.message.clone()))
    };
    if let Some((status, reason, message)) = exposed(new)
        .filter(|now| exposed(old).is_none_or(|before| (&before.0, &before.1) != (&now.0, &now.1)))
    {
        match status.as_str() {
            "True" => events.push(ObjectEvent::normal("Exposed", message)),
            "False" => events.push(ObjectEvent::warning(&reason, message)),
            _ => {}
        }
    }
    events
}

#[cfg(test)]
mod tests;
