//! The tables of reasons: what the operator or the cluster reports, as the hub and its users read
//! it. Pure.

use flow_crd::{IflearnerJobStatus, condition};
use flow_domain::member::{Reason, ReasonCode};

/// Explains why the container runtime could not execute the program. It does not quote the message,
/// which may contain names of the party.
pub(super) fn execution_fault(message: &str) -> &'static str {
    if message.contains("permission denied") {
        "the program is in the image, but it is not executable: run `chmod +x` on it where the image is \
         built"
    } else if message.contains("no such file or directory")
        || message.contains("executable file not found")
    {
        "the image has no such program, or the first line of the program names an interpreter that the \
         image does not have: correct command and workdir of the template, or the image"
    } else {
        "the program could not be executed in its container; check command and workdir of the template \
         against the image"
    }
}

/// The reason for which other members cannot dial a running member, if the operator must route to
/// it.
pub(super) fn unreachable_reason(status: &IflearnerJobStatus) -> Option<Reason> {
    let exposed =
        status.condition(condition::EXPOSED).filter(|exposed| exposed.status != "True")?;
    let detail = match exposed.reason.as_str() {
        // Some ingress controllers never set an address.
        "NoAddress" => return None,
        "NotConfigured" | "ApiNotInstalled" | "ClientsNotAuthenticated" | "NotAccepted" => {
            &exposed.message
        }
        _ => "the status of the member's object at the party contains the cause",
    };
    let text = format!(
        "it runs, but the other parties cannot reach it; ask the party to repair the route: {detail} ({})",
        exposed.reason
    );
    Some(Reason::new(ReasonCode::RuntimeError, text))
}

/// The reason for which a member has not started. It does not quote the cluster, whose messages may
/// contain names of the party.
pub(super) fn waiting_reason(name: &str, message: &str) -> Option<Reason> {
    let reason = |code, text: &str| Some(Reason::new(code, format!("{text} ({name})")));
    match name {
        "Suspended" | "Created" | "Progressing" | "Pending" | "Starting" | "Scheduled"
        | "Running" => None,
        "ContainerCreating" | "PodInitializing" | "Pulling" => {
            reason(ReasonCode::Pulling, "its Pod is being prepared")
        }
        _ => failure_reason(name, message),
    }
}

/// The reason of an end, or of a delay that needs an action.
pub(super) fn failure_reason(name: &str, message: &str) -> Option<Reason> {
    let reason = |code, text: &str| Some(Reason::new(code, format!("{text} ({name})")));
    match name {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable" => {
            let text = "the cluster cannot pull the image; ask the party to correct the entry in its \
                        image map, or its pull secret";
            reason(ReasonCode::ImageUnusable, text)
        }
        "Unschedulable" | "SchedulerError" => {
            // The scheduler's message contains numbers of nodes, never names.
            let text = format!(
                "the cluster has no node for its Pod; lower the template's resources, or ask the party for \
                 capacity: {message}"
            );
            reason(ReasonCode::Unschedulable, text.trim_end_matches(['.', ' ', ';']))
        }
        "CreateContainerConfigError"
        | "CreateContainerError"
        | "RunContainerError"
        | "StartError"
        | "ContainerCannotRun" => {
            let text = "its container could not be started; check command and workdir of the template, or \
                        ask the party for the Pod's events";
            reason(ReasonCode::SpawnFailed, text)
        }
        "RunsAsRoot" | "NotAllowed" => {
            let text = "the party's namespace forbids what the image or its entry requires (to run as root, \
                        or a directory of a node); ask the party to allow it";
            reason(ReasonCode::ImageUnusable, text)
        }
        "DeadlineExceeded" => {
            let text = "it ran longer than max_runtime_s, which includes the pull of its image; raise \
                        max_runtime_s or make the training shorter";
            reason(ReasonCode::MaxRuntimeExceeded, text)
        }
        "OOMKilled" => reason(
            ReasonCode::ExitSignal,
            "the workload exceeded its memory limit and was killed; raise memory_mib of the template",
        ),
        "Evicted"
        | "TerminationByKubelet"
        | "EvictionByEvictionAPI"
        | "PreemptionByScheduler"
        | "Preempting" => {
            let text = "its Pod was evicted because the node needed the resources; start a new run, or ask \
                        the party for capacity";
            reason(ReasonCode::RuntimeError, text)
        }
        "NodeLost"
        | "DeletionByPodGC"
        | "DeletionByTaintManager"
        | "NodeShutdown"
        | "Terminated" => reason(ReasonCode::RuntimeError, "its node was lost; start a new run"),
        "PodLost" => reason(
            ReasonCode::RuntimeError,
            "its Pod was removed before its exit was recorded; start a new run",
        ),
        "CertificatesMissing" => {
            let text = format!(
                "its namespace has no trust roots; ask the party to run `flow-operator setup certificates`: \
                 {message}"
            );
            reason(ReasonCode::RuntimeError, &text)
        }
        "NameTaken" => reason(
            ReasonCode::NameTaken,
            &format!(
                "another object has a name that it needs; ask the party to delete it: {message}"
            ),
        ),
        // A message that quotes the API server may contain the party's entries, so it stays at the
        // party from here on.
        "InvalidTemplate" => {
            let text = "the cluster rejects the Pod of the template with the party's entry for its image; ask \
                        the party to correct the entry. The status of the object names the field";
            reason(ReasonCode::ImageUnusable, text)
        }
        "Forbidden" => {
            let text = "the operator lacks a permission at the party, or a rule there forbids it; ask the \
                        party to apply what `flow-operator rbac` prints. The status of the object names the \
                        permission";
            reason(ReasonCode::RuntimeError, text)
        }
        "Rejected" => {
            let text = "the cluster rejected an object of the member; ask the party for the cause in the \
                        status of the IflearnerJob";
            reason(ReasonCode::RuntimeError, text)
        }
        "JobDeleted" => reason(
            ReasonCode::ObjectDeleted,
            "its Job was deleted by another client; start a new run, and ask the party for the cause",
        ),
        _ if name == "QuotaExceeded" || message.contains("exceeded quota") => {
            let text = "the quota of the party's namespace is exhausted; wait for other runs to end, or ask \
                        the party for a larger quota";
            reason(ReasonCode::ResourcesExhausted, text)
        }
        "PodNotCreated" => {
            let text = "a rule of the party's namespace or cluster rejected its Pod; ask the party for the \
                        rule in the status of the object";
            reason(ReasonCode::RuntimeError, text)
        }
        _ => {
            let text = "the cluster does not run it; ask the party for the cause in the status of the object";
            reason(ReasonCode::RuntimeError, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_does_not_quote_the_cluster() {
        let secret = "Back-off pulling image registry.internal/model:1; hostPath /srv/patients is not a directory";
        let quoting = ["InvalidTemplate", "Forbidden", "Rejected", "PodNotCreated"];
        for name in
            ["ImagePullBackOff", "FailedMount", "CreateContainerConfigError", "Evicted", "Whatever"]
                .into_iter()
                .chain(quoting)
        {
            let reason = failure_reason(name, secret).expect("a reason");
            assert!(
                !reason.message.contains("internal") && !reason.message.contains("patients"),
                "{}",
                reason.message
            );
        }
    }
}
