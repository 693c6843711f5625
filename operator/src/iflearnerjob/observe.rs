//! Reduces Jobs and Pods to the facts from which a status is computed. Pure.
//!
//! Conditions are found by type: a Job that is about to end shows `SuccessCriteriaMet` or
//! `FailureTarget` before `Complete` or `Failed`, in any order.

use flow_crd::SIDECAR_CONTAINER;
use k8s_openapi::api::batch::v1::{Job, JobCondition};
use k8s_openapi::api::core::v1::{
    ContainerStateTerminated, ContainerStatus, Pod, PodCondition, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;

/// The reason of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReason {
    /// Machine-readable, in CamelCase.
    pub reason: String,
    /// Human-readable.
    pub message: String,
}

impl StatusReason {
    pub fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into() }
    }
}

/// Returns the reason for a status if the API server does not let the operator read an object: a
/// retry would not change the answer. Any other error is returned.
pub fn forbidden_reason(object: &str, error: kube::Error) -> Result<StatusReason, kube::Error> {
    match error {
        kube::Error::Api(status) if status.is_forbidden() => {
            Ok(StatusReason::new("Forbidden", format!("{object}: {}", status.message)))
        }
        other => Err(other),
    }
}

/// The facts about a Job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFacts {
    pub name: String,
    pub uid: String,
    pub created: Option<Time>,
    pub started: Option<Time>,
    pub end: Option<JobEnd>,
    pub suspended: bool,
    pub deadline_s: Option<i64>,
    pub ttl_s: Option<i32>,
}

/// The end of a Job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEnd {
    pub succeeded: bool,
    pub at: Option<Time>,
    /// The reason that the Job controller reports.
    pub cause: StatusReason,
}

/// Returns the facts about a Job.
#[must_use]
pub fn job(job: &Job) -> JobFacts {
    let spec = job.spec.clone().unwrap_or_default();
    let status = job.status.clone().unwrap_or_default();
    let is = |type_: &str| {
        let found =
            |condition: &&JobCondition| condition.type_ == type_ && condition.status == "True";
        status.conditions.iter().flatten().find(found)
    };
    let end = |condition: &JobCondition, succeeded: bool| JobEnd {
        succeeded,
        at: status
            .completion_time
            .clone()
            .filter(|_| succeeded)
            .or_else(|| condition.last_transition_time.clone()),
        cause: StatusReason::new(
            condition.reason.clone().unwrap_or_default(),
            condition.message.clone().unwrap_or_default(),
        ),
    };
    JobFacts {
        name: job.name_any(),
        uid: job.uid().unwrap_or_default(),
        created: job.creation_timestamp(),
        started: status.start_time.clone(),
        end: is("Complete")
            .map(|condition| end(condition, true))
            .or_else(|| is("Failed").map(|condition| end(condition, false))),
        suspended: spec.suspend == Some(true),
        deadline_s: spec.active_deadline_seconds,
        ttl_s: spec.ttl_seconds_after_finished,
    }
}

/// The facts about a Pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodFacts {
    pub name: String,
    pub created: Option<Time>,
    pub state: PodState,
    pub ip: Option<String>,
    pub host_ip: Option<String>,
    pub is_ready: bool,
    /// Exit code of the workload: of the first container that failed, otherwise 0.
    pub exit_code: Option<i32>,
    /// Time at which the last container of the workload ended; `None` while a container runs.
    pub ended: Option<Time>,
    /// Restarts of the workload's containers.
    pub restarts: i32,
    /// The cause for which the Pod does not run, or failed.
    pub problem: Option<StatusReason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodState {
    /// At least one container has not started.
    Pending,
    Running,
    Ended,
    /// The node does not respond.
    Lost,
}

/// Reasons of a waiting container that end without a change by the user.
const TRANSIENT_WAITING_REASONS: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// Returns the facts about a Pod.
#[must_use]
pub fn pod(pod: &Pod) -> PodFacts {
    let status = pod.status.clone().unwrap_or_default();
    let workload: Vec<&ContainerStatus> = status.container_statuses.iter().flatten().collect();
    let init = status
        .init_container_statuses
        .iter()
        .flatten()
        .filter(|container| container.name != SIDECAR_CONTAINER);
    let all: Vec<&ContainerStatus> = init.chain(workload.iter().copied()).collect();
    let ended: Vec<&ContainerStateTerminated> =
        all.iter().filter_map(|container| terminated(container)).collect();
    let failed = ended.iter().find(|end| end.exit_code != 0);
    let last = workload
        .iter()
        .all(|container| terminated(container).is_some())
        .then(|| workload.first())
        .flatten();
    let condition = |type_: &str| {
        status
            .conditions
            .iter()
            .flatten()
            .find(|condition: &&PodCondition| condition.type_ == type_)
    };
    let is_ready = condition("Ready").is_some_and(|ready| ready.status == "True");
    let drained = condition("DisruptionTarget")
        .is_some_and(|target| target.reason.as_deref() == Some("DeletionByTaintManager"));
    PodFacts {
        name: pod.name_any(),
        created: pod.creation_timestamp(),
        state: match status.phase.as_deref() {
            Some("Succeeded" | "Failed") => PodState::Ended,
            _ if status.reason.as_deref() == Some("NodeLost")
                || drained && pod.metadata.deletion_timestamp.is_some() =>
            {
                PodState::Lost
            }
            Some("Unknown") => PodState::Lost,
            Some("Running") => PodState::Running,
            _ => PodState::Pending,
        },
        ip: status.pod_ip.clone(),
        host_ip: status.host_ip.clone(),
        is_ready,
        exit_code: failed
            .copied()
            .or_else(|| last.and_then(|container| terminated(container)))
            .map(|end| end.exit_code),
        ended: last.and_then(|_| {
            workload.iter().filter_map(|container| terminated(container)?.finished_at.clone()).max()
        }),
        restarts: all.iter().map(|container| container.restart_count).sum(),
        problem: problem(&status, &all),
    }
}

fn terminated(container: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    container.state.as_ref()?.terminated.as_ref()
}

/// Returns the first problem of a Pod, in the order in which one problem causes the next.
fn problem(status: &PodStatus, containers: &[&ContainerStatus]) -> Option<StatusReason> {
    let conditions = || status.conditions.iter().flatten();
    if let Some(reason) = status.reason.clone().filter(|reason| !reason.is_empty()) {
        return Some(StatusReason::new(reason, status.message.clone().unwrap_or_default()));
    }
    if let Some(target) = conditions()
        .find(|condition| condition.type_ == "DisruptionTarget" && condition.status == "True")
    {
        return Some(StatusReason::new(
            target.reason.clone().unwrap_or_default(),
            target.message.clone().unwrap_or_default(),
        ));
    }
    for container in containers {
        if let Some(end) = terminated(container).filter(|end| end.exit_code != 0) {
            let termination_message =
                end.message.as_deref().map(str::trim).filter(|text| !text.is_empty());
            let message = format!(
                "container {} exited with {}{}",
                container.name,
                end.exit_code,
                termination_message.map(|text| format!(": {text}")).unwrap_or_default()
            );
            return Some(StatusReason::new(
                end.reason.clone().unwrap_or_else(|| "Error".to_owned()),
                message,
            ));
        }
        let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
        let Some((reason, waiting)) =
            waiting.and_then(|waiting| Some((waiting.reason.clone()?, waiting)))
        else {
            continue;
        };
        if TRANSIENT_WAITING_REASONS.contains(&reason.as_str()) {
            continue;
        }
        let detail = waiting.message.clone().unwrap_or_default();
        if reason == "CreateContainerConfigError" && detail.contains("runAsNonRoot") {
            return Some(StatusReason::new(
                RUNS_AS_ROOT,
                format!("the image of container {} runs as root ({detail})", container.name),
            ));
        }
        // The kubelet alternates between the two reasons while it retries.
        let reason = if reason == "ErrImagePull" { "ImagePullBackOff".to_owned() } else { reason };
        return Some(StatusReason::new(
            reason,
            format!("container {}, image {}: {detail}", container.name, container.image),
        ));
    }
    // A delayed scheduler writes this condition to a Pod that already has a node.
    let is_pending = status.phase.as_deref().is_none_or(|phase| phase == "Pending");
    let unscheduled = conditions()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    unscheduled.filter(|_| is_pending).map(|condition| {
        StatusReason::new(
            condition.reason.clone().unwrap_or_default(),
            condition.message.clone().unwrap_or_default(),
        )
    })
}

/// Returns whether this is a reason for which the cluster ends a Pod: the failure of its node, or
/// its eviction.
#[must_use]
pub fn is_disruption(reason: &str) -> bool {
    let reasons = [
        "DeletionByPodGC",
        "DeletionByTaintManager",
        "Evicted",
        "EvictionByEvictionAPI",
        "NodeLost",
        "NodeShutdown",
        "Preempting",
        "PreemptionByScheduler",
        "Terminated",
        "TerminationByKubelet",
    ];
    reasons.contains(&reason)
}

/// Reason of a Pod whose image runs as root in a namespace that does not allow it.
pub const RUNS_AS_ROOT: &str = "RunsAsRoot";

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(status: &str) -> PodFacts {
        let text = format!("{{metadata: {{name: p}}, status: {status}}}");
        pod(&serde_yaml_ng::from_str(&text).unwrap())
    }

    fn job_facts(conditions: &str) -> JobFacts {
        let text = format!(
            "{{metadata: {{name: j, uid: u}}, status: {{completionTime: '2026-01-01T00:00:00Z', conditions: {conditions}}}}}"
        );
        job(&serde_yaml_ng::from_str(&text).unwrap())
    }

    #[test]
    fn end_of_a_job_is_found_by_type_in_any_order() {
        let met = "{type: SuccessCriteriaMet, status: 'True'}";
        let complete = "{type: Complete, status: 'True', reason: CompletionsReached}";
        let target = "{type: FailureTarget, status: 'True', reason: BackoffLimitExceeded}";
        let failed = "{type: Failed, status: 'True', reason: BackoffLimitExceeded, lastTransitionTime: '2026-01-02T00:00:00Z'}";
        assert_eq!(job_facts(&format!("[{met}]")).end, None, "a decided Job has not ended");
        assert_eq!(job_facts(&format!("[{target}]")).end, None);
        for both in [format!("[{met}, {complete}]"), format!("[{complete}, {met}]")] {
            assert!(job_facts(&both).end.unwrap().succeeded);
        }
        for both in [format!("[{target}, {failed}]"), format!("[{failed}, {target}]")] {
            let end = job_facts(&both).end.unwrap();
            assert!(
                !end.succeeded
                    && end.cause.reason == "BackoffLimitExceeded"
                    && end.at.unwrap().0.to_string().starts_with("2026-01-02")
            );
        }
        assert_eq!(job_facts("[{type: Failed, status: 'False'}]").end, None);
    }

    #[test]
    fn problem_of_a_pending_pod_is_reported() {
        let waiting = |reason: &str, message: &str| {
            facts(&format!("{{phase: Pending, containerStatuses: [{{name: a, image: i, imageID: '', ready: false, restartCount: 0, state: {{waiting: {{reason: {reason}, message: '{message}'}}}}}}]}}")).problem
        };
        assert_eq!(waiting("ContainerCreating", ""), None);
        assert_eq!(waiting("ErrImagePull", "no such image").unwrap().reason, "ImagePullBackOff");
        assert_eq!(waiting("ImagePullBackOff", "").unwrap().reason, "ImagePullBackOff");
        let root = waiting(
            "CreateContainerConfigError",
            "container has runAsNonRoot and image will run as root",
        )
        .unwrap();
        assert_eq!(root.reason, RUNS_AS_ROOT);
        let unschedulable = facts(
            "{phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: no nodes}]}",
        );
        assert_eq!(unschedulable.problem, Some(StatusReason::new("Unschedulable", "no nodes")));
        let late = facts(
            "{phase: Running, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: no nodes}]}",
        );
        assert_eq!(late.problem, None, "the Pod runs");
    }

    #[test]
    fn failed_container_determines_the_end_of_a_pod() {
        let end = |code: i32, reason: &str| {
            let state = format!(
                "{{terminated: {{exitCode: {code}, reason: {reason}, finishedAt: '2026-01-01T00:00:00Z'}}}}"
            );
            format!("imageID: '', image: i, ready: false, restartCount: 1, state: {state}")
        };
        let ended = facts(&format!(
            "{{phase: Failed, containerStatuses: [{{name: a, {}}}, {{name: b, {}}}]}}",
            end(0, "Completed"),
            end(137, "OOMKilled")
        ));
        assert_eq!((ended.state, ended.exit_code, ended.restarts), (PodState::Ended, Some(137), 2));
        assert_eq!(ended.problem.unwrap().reason, "OOMKilled");
        let succeeded = facts(&format!(
            "{{phase: Succeeded, containerStatuses: [{{name: a, {}}}]}}",
            end(0, "Completed")
        ));
        assert_eq!((succeeded.exit_code, succeeded.problem), (Some(0), None));
        assert!(succeeded.ended.is_some());
        let half = facts(&format!(
            "{{phase: Running, containerStatuses: [{{name: a, {}}}, {{name: b, imageID: '', image: i, ready: true, restartCount: 0, state: {{running: {{}}}}}}]}}",
            end(0, "Completed")
        ));
        assert_eq!(half.ended, None, "one container still runs");
        let sidecar = facts(&format!(
            "{{phase: Succeeded, initContainerStatuses: [{{name: {SIDECAR_CONTAINER}, {}}}], containerStatuses: [{{name: a, {}}}]}}",
            end(143, "Error"),
            end(0, "Completed")
        ));
        assert_eq!(
            (sidecar.exit_code, sidecar.problem, sidecar.restarts),
            (Some(0), None, 1),
            "the sidecar does not determine the end"
        );
        assert_eq!(
            facts("{phase: Failed, reason: Evicted, message: memory}").problem,
            Some(StatusReason::new("Evicted", "memory"))
        );
    }

    #[test]
    fn pod_on_an_unresponsive_node_is_lost() {
        assert_eq!(facts("{phase: Running, reason: NodeLost}").state, PodState::Lost);
        assert_eq!(facts("{phase: Unknown}").state, PodState::Lost);
        assert_eq!(facts("{phase: Running}").state, PodState::Running);
        let target = "status: {phase: Running, conditions: [{type: DisruptionTarget, status: 'True', reason: DeletionByTaintManager, message: m}]}";
        let tainted = |metadata: &str| {
            pod(&serde_yaml_ng::from_str(&format!("{{metadata: {metadata}, {target}}}")).unwrap())
        };
        let lost = tainted("{name: p, deletionTimestamp: '2026-01-01T00:00:00Z'}");
        assert_eq!(
            (lost.state, lost.problem),
            (PodState::Lost, Some(StatusReason::new("DeletionByTaintManager", "m")))
        );
        assert_eq!(tainted("{name: p}").state, PodState::Running, "the Pod is not being deleted");
    }
}
