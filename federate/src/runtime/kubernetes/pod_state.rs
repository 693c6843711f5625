//! Reads the status of a Pod: its containers, their exits, and a node that does not respond. Pure.

use flow_domain::member::{Exit, Reason, ReasonCode};
use flow_domain::time::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodCondition,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::build::WORKLOAD;
use super::reasons::execution_fault;

/// The exit of a Pod's workload; `None` before it ended.
#[must_use]
pub fn exit_of(pod: &Pod, now: Timestamp) -> Option<Exit> {
    let state = container(pod, WORKLOAD)?.state.as_ref()?.terminated.as_ref()?;
    let ContainerStateTerminated {
        exit_code,
        finished_at,
        reason,
        signal,
        started_at,
        message,
        ..
    } = state;
    let at =
        |time: &Option<Time>| time.as_ref().map_or(now, |time| Timestamp(time.0.as_microsecond()));
    let mut exit = Exit {
        code: Some(*exit_code),
        signal: None,
        reason: None,
        last_lines: Vec::new(),
        started_at: at(started_at),
        finished_at: at(finished_at),
    };
    match reason.as_deref() {
        Some("OOMKilled") => {
            exit.code = None;
            exit.signal = Some(9);
            let text = "the workload exceeded its memory limit and was killed; raise memory_mib of the \
                        template";
            exit.reason = Some(Reason::new(ReasonCode::ExitSignal, text));
        }
        Some("StartError" | "ContainerCannotRun") => {
            let text = execution_fault(message.as_deref().unwrap_or_default());
            exit.reason = Some(Reason::new(ReasonCode::SpawnFailed, text));
        }
        _ => {}
    }
    if let Some(number) = signal.filter(|number| *number > 0) {
        exit.code = None;
        exit.signal = Some(number);
    }
    Some(exit)
}

/// True if this container of a Pod has started: from then on it has a log.
#[must_use]
pub fn has_started(pod: &Pod, name: &str) -> bool {
    state(pod, name).is_some_and(|state| state.running.is_some() || state.terminated.is_some())
}

/// True if this container of a Pod has ended, or its Pod has.
#[must_use]
pub fn has_ended(pod: &Pod, name: &str) -> bool {
    is_finished(pod) || state(pod, name).is_some_and(|state| state.terminated.is_some())
}

/// True if no container of the Pod is alive, according to its kubelet or, for a removed node, the
/// cluster.
#[must_use]
pub fn is_finished(pod: &Pod) -> bool {
    matches!(phase(pod), Some("Succeeded" | "Failed"))
}

pub(super) fn phase(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.phase.as_deref()
}

fn container<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let main = status.container_statuses.iter().flatten();
    main.chain(status.init_container_statuses.iter().flatten())
        .find(|container| container.name == name)
}

fn state<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerState> {
    container(pod, name)?.state.as_ref()
}

/// The name of the condition that shows that a Pod's node does not respond.
pub(super) fn node_lost(pod: &Pod) -> Option<&str> {
    let status = pod.status.as_ref()?;
    let condition =
        |name: &str| status.conditions.iter().flatten().find(|condition| condition.type_ == name);
    let target = condition("DisruptionTarget")
        .filter(|target| target.status == "True")
        .and_then(|target| target.reason.as_deref());
    if target == Some("DeletionByTaintManager") && pod.metadata.deletion_timestamp.is_some() {
        return target;
    }
    if status.reason.as_deref() == Some("NodeLost") || status.phase.as_deref() == Some("Unknown") {
        return Some("NodeLost");
    }
    // A kubelet sets a reason with "not ready". The cluster, which sets the condition for a node
    // that does not respond, sets none.
    let by_cluster = |ready: &&PodCondition| {
        ready.status == "False" && ready.reason.as_deref().is_none_or(str::is_empty)
    };
    let by_kubelet = condition("ContainersReady").is_some_and(|ready| ready.status == "False");
    condition("Ready").filter(by_cluster).filter(|_| !by_kubelet).map(|_| "NodeNotReady")
}

/// The reasons for which containers of a Pod do not start.
pub(super) fn waiting_containers(pod: &Pod) -> Vec<String> {
    let Some(status) = &pod.status else { return Vec::new() };
    let all = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    all.filter_map(|container| container.state.as_ref()?.waiting.as_ref()?.reason.clone()).collect()
}
