//! What Job and Pods say, reduced to what a status is made of. Pure.
//!
//! Conditions are looked up by type: a Job that is about to end shows `SuccessCriteriaMet` or `FailureTarget` before
//! `Complete` or `Failed`, in any order.

use flow_crd::SIDECAR_CONTAINER;
use k8s_openapi::api::batch::v1::{Job, JobCondition};
use k8s_openapi::api::core::v1::{
    ContainerStateTerminated, ContainerStatus, Pod, PodCondition, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;

/// A reason for programs and a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// CamelCase.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

impl Why {
    /// Both.
    pub fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into() }
    }
}

/// What a Job says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFacts {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// When it was made.
    pub created: Option<Time>,
    /// When the Job controller took it up.
    pub started: Option<Time>,
    /// How it ended.
    pub end: Option<End>,
    /// `spec.suspend`.
    pub suspended: bool,
    /// `spec.activeDeadlineSeconds`.
    pub deadline_s: Option<i64>,
    /// `spec.ttlSecondsAfterFinished`.
    pub ttl_s: Option<i32>,
}

/// How a Job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Whether its Pod succeeded.
    pub succeeded: bool,
    /// When.
    pub at: Option<Time>,
    /// In the Job controller's words.
    pub why: Why,
}

/// Read a Job.
#[must_use]
pub fn job(job: &Job) -> JobFacts {
    let spec = job.spec.clone().unwrap_or_default();
    let status = job.status.clone().unwrap_or_default();
    let is = |type_: &str| {
        let found =
            |condition: &&JobCondition| condition.type_ == type_ && condition.status == "True";
        status.conditions.iter().flatten().find(found)
    };
    let end = |condition: &JobCondition, succeeded: bool| End {
        succeeded,
        at: status
            .completion_time
            .clone()
            .filter(|_| succeeded)
            .or_else(|| condition.last_transition_time.clone()),
        why: Why::new(
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

/// What a Pod says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodFacts {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Option<Time>,
    /// How far it is.
    pub state: PodState,
    /// Its address.
    pub ip: Option<String>,
    /// Its node's address.
    pub host_ip: Option<String>,
    /// Whether its containers answer.
    pub ready: bool,
    /// Exit code of the workload.
    pub exit_code: Option<i32>,
    /// When the last of the workload's containers ended, once all have.
    pub ended: Option<Time>,
    /// Restarts of the workload's containers.
    pub restarts: i32,
    /// What is wrong, if anything is.
    pub trouble: Option<Why>,
}

/// How far a Pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodState {
    /// Not all containers have started.
    Pending,
    /// They run.
    Running,
    /// They have ended.
    Ended,
    /// Its node does not answer.
    Lost,
}

/// Reasons for which a container waits and that pass by themselves.
const IN_PREPARATION: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// Read a Pod.
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
        ready: is_ready,
        exit_code: failed
            .copied()
            .or_else(|| last.and_then(|container| terminated(container)))
            .map(|end| end.exit_code),
        ended: last.and_then(|_| {
            workload.iter().filter_map(|container| terminated(container)?.finished_at.clone()).max()
        }),
        restarts: all.iter().map(|container| container.restart_count).sum(),
        trouble: trouble(&status, &all),
    }
}

fn terminated(container: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    container.state.as_ref()?.terminated.as_ref()
}

/// The first thing that is wrong, in the order in which it would explain the rest.
fn trouble(status: &PodStatus, containers: &[&ContainerStatus]) -> Option<Why> {
    let conditions = || status.conditions.iter().flatten();
    if let Some(reason) = status.reason.clone().filter(|reason| !reason.is_empty()) {
        return Some(Why::new(reason, status.message.clone().unwrap_or_default()));
    }
    if let Some(target) = conditions()
        .find(|condition| condition.type_ == "DisruptionTarget" && condition.status == "True")
    {
        return Some(Why::new(
            target.reason.clone().unwrap_or_default(),
            target.message.clone().unwrap_or_default(),
        ));
    }
    for container in containers {
        if let Some(end) = terminated(container).filter(|end| end.exit_code != 0) {
            let said = end.message.as_deref().map(str::trim).filter(|said| !said.is_empty());
            let message = format!(
                "container {} exited with {}{}",
                container.name,
                end.exit_code,
                said.map(|s| format!(": {s}")).unwrap_or_default()
            );
            return Some(Why::new(
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
        if IN_PREPARATION.contains(&reason.as_str()) {
            continue;
        }
        let said = waiting.message.clone().unwrap_or_default();
        if reason == "CreateContainerConfigError" && said.contains("runAsNonRoot") {
            return Some(Why::new(
                RUNS_AS_ROOT,
                format!("the image of container {} runs as root ({said})", container.name),
            ));
        }
        // The kubelet alternates between the two while it tries again.
        let reason = if reason == "ErrImagePull" { "ImagePullBackOff".to_owned() } else { reason };
        return Some(Why::new(
            reason,
            format!("container {}, image {}: {said}", container.name, container.image),
        ));
    }
    // A scheduler that is late says so of a Pod that has long found its node.
    let waits = status.phase.as_deref().is_none_or(|phase| phase == "Pending");
    let unscheduled = conditions()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    unscheduled.filter(|_| waits).map(|condition| {
        Why::new(
            condition.reason.clone().unwrap_or_default(),
            condition.message.clone().unwrap_or_default(),
        )
    })
}

/// Whether it is for this reason that a Pod is ended by the cluster: its node's doing, or its administrator's.
#[must_use]
pub fn is_disruption(reason: &str) -> bool {
    let by_cluster = [
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
    by_cluster.contains(&reason)
}

/// The image's user is root, and the namespace does not allow it.
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
    fn an_end_is_found_by_type_whatever_stands_before_it() {
        let met = "{type: SuccessCriteriaMet, status: 'True'}";
        let complete = "{type: Complete, status: 'True', reason: CompletionsReached}";
        let target = "{type: FailureTarget, status: 'True', reason: BackoffLimitExceeded}";
        let failed = "{type: Failed, status: 'True', reason: BackoffLimitExceeded, lastTransitionTime: '2026-01-02T00:00:00Z'}";
        assert_eq!(job_facts(&format!("[{met}]")).end, None, "decided is not ended");
        assert_eq!(job_facts(&format!("[{target}]")).end, None);
        for both in [format!("[{met}, {complete}]"), format!("[{complete}, {met}]")] {
            assert!(job_facts(&both).end.unwrap().succeeded);
        }
        for both in [format!("[{target}, {failed}]"), format!("[{failed}, {target}]")] {
            let end = job_facts(&both).end.unwrap();
            assert!(
                !end.succeeded
                    && end.why.reason == "BackoffLimitExceeded"
                    && end.at.unwrap().0.to_string().starts_with("2026-01-02")
            );
        }
        assert_eq!(job_facts("[{type: Failed, status: 'False'}]").end, None);
    }

    #[test]
    fn what_keeps_a_pod_from_running_is_named() {
        let waiting = |reason: &str, message: &str| {
            facts(&format!("{{phase: Pending, containerStatuses: [{{name: a, image: i, imageID: '', ready: false, restartCount: 0, state: {{waiting: {{reason: {reason}, message: '{message}'}}}}}}]}}")).trouble
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
        assert_eq!(unschedulable.trouble, Some(Why::new("Unschedulable", "no nodes")));
        let late = facts(
            "{phase: Running, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: no nodes}]}",
        );
        assert_eq!(late.trouble, None, "it runs");
    }

    #[test]
    fn how_a_pod_ended_is_that_of_the_container_that_failed() {
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
        assert_eq!(ended.trouble.unwrap().reason, "OOMKilled");
        let well = facts(&format!(
            "{{phase: Succeeded, containerStatuses: [{{name: a, {}}}]}}",
            end(0, "Completed")
        ));
        assert_eq!((well.exit_code, well.trouble), (Some(0), None));
        assert!(well.ended.is_some());
        let half = facts(&format!(
            "{{phase: Running, containerStatuses: [{{name: a, {}}}, {{name: b, imageID: '', image: i, ready: true, restartCount: 0, state: {{running: {{}}}}}}]}}",
            end(0, "Completed")
        ));
        assert_eq!(half.ended, None, "one of its containers runs");
        let sidecar = facts(&format!(
            "{{phase: Succeeded, initContainerStatuses: [{{name: {SIDECAR_CONTAINER}, {}}}], containerStatuses: [{{name: a, {}}}]}}",
            end(143, "Error"),
            end(0, "Completed")
        ));
        assert_eq!(
            (sidecar.exit_code, sidecar.trouble, sidecar.restarts),
            (Some(0), None, 1),
            "a sidecar's end is nobody's end"
        );
        assert_eq!(
            facts("{phase: Failed, reason: Evicted, message: memory}").trouble,
            Some(Why::new("Evicted", "memory"))
        );
    }

    #[test]
    fn a_node_that_does_not_answer_makes_its_pod_lost() {
        assert_eq!(facts("{phase: Running, reason: NodeLost}").state, PodState::Lost);
        assert_eq!(facts("{phase: Unknown}").state, PodState::Lost);
        assert_eq!(facts("{phase: Running}").state, PodState::Running);
        let target = "status: {phase: Running, conditions: [{type: DisruptionTarget, status: 'True', reason: DeletionByTaintManager, message: m}]}";
        let tainted = |metadata: &str| {
            pod(&serde_yaml_ng::from_str(&format!("{{metadata: {metadata}, {target}}}")).unwrap())
        };
        let lost = tainted("{name: p, deletionTimestamp: '2026-01-01T00:00:00Z'}");
        assert_eq!(
            (lost.state, lost.trouble),
            (PodState::Lost, Some(Why::new("DeletionByTaintManager", "m")))
        );
        assert_eq!(tainted("{name: p}").state, PodState::Running, "it is not being deleted");
    }
}
