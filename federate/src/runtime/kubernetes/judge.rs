//! What the object and the pods of a key say together. Pure.
//!
//! An end that is read here is a conclusion from a picture that may be old; whoever acts on it looks again, freshly, and
//! judges that (see `follow`).

use flow_crd::{IflearnerJob, IflearnerJobStatus, Phase, condition};
use flow_domain::member::{Exit, Reason, ReasonCode};
use flow_domain::time::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodCondition,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::build::WORKLOAD;
use crate::runtime::WorkState;

/// What is known of a key that was let run.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Its object; `None` = it is not there (or another one is).
    pub object: Option<&'a IflearnerJob>,
    /// Its pods.
    pub pods: &'a [&'a Pod],
    /// Its end was asked for.
    pub stopping: bool,
    /// How its workload was once seen to end.
    pub seen: Option<&'a Exit>,
    /// It was once seen to run.
    pub ran: bool,
    /// The present moment: for ends of which nobody knows the time.
    pub now: Timestamp,
}

/// How the key stands.
#[must_use]
pub fn judge(view: &View<'_>) -> WorkState {
    if view.pods.iter().any(|pod| !is_finished(pod)) {
        return current(view);
    }
    let Some(object) = view.object else { return gone(view) };
    let status = object.status.clone().unwrap_or_default();
    let succeeded = view.pods.iter().any(|pod| phase(pod) == Some("Succeeded"));
    // A Pod that failed may be followed by another, until the operator says that the job is over.
    if succeeded || status.phase.is_some_and(Phase::is_terminal) {
        ended(view, &status)
    } else {
        current(view)
    }
}

/// How the workload of a pod ended, if it did.
#[must_use]
pub fn exit_of(pod: &Pod, now: Timestamp) -> Option<Exit> {
    let state = container(pod, WORKLOAD)?.state.as_ref()?.terminated.as_ref()?;
    let ContainerStateTerminated { exit_code, finished_at, reason, signal, started_at, .. } = state;
    let at =
        |time: &Option<Time>| time.as_ref().map_or(now, |time| Timestamp(time.0.as_microsecond()));
    let mut exit = Exit {
        code: Some(*exit_code),
        signal: None,
        reason: None,
        started_at: at(started_at),
        finished_at: at(finished_at),
    };
    match reason.as_deref() {
        Some("OOMKilled") => {
            exit.code = None;
            exit.signal = Some(9);
            let text = "the workload used more memory than it may and was killed: raise memory_mib of the template";
            exit.reason = Some(Reason::new(ReasonCode::ExitSignal, text));
        }
        Some("StartError" | "ContainerCannotRun") => {
            let text = "the program could not be executed in its container: check command and workdir of the template against the image";
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

/// Whether this container of a pod has begun: from then on it has a log.
#[must_use]
pub fn has_begun(pod: &Pod, name: &str) -> bool {
    state(pod, name).is_some_and(|state| state.running.is_some() || state.terminated.is_some())
}

/// Whether this container of a pod has ended, or can never end because its pod has.
#[must_use]
pub fn has_ended(pod: &Pod, name: &str) -> bool {
    is_finished(pod) || state(pod, name).is_some_and(|state| state.terminated.is_some())
}

/// Nothing of the pod is alive: its kubelet has said so, or, for a node that is lost for good, the cluster.
#[must_use]
pub fn is_finished(pod: &Pod) -> bool {
    matches!(phase(pod), Some("Succeeded" | "Failed"))
}

fn phase(pod: &Pod) -> Option<&str> {
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

/// Alive, or on its way.
fn current(view: &View<'_>) -> WorkState {
    let status = view.object.and_then(|object| object.status.as_ref());
    let silent = silence(view, status);
    if view.ran || view.pods.iter().any(|pod| has_begun(pod, WORKLOAD)) {
        // Nobody would ever dial it: that shall end with the time to start, not as a training without progress.
        return match status.and_then(unreachable) {
            Some(reason) => WorkState::Starting { reason: silent.or(Some(reason)) },
            None => silent.map_or(WorkState::Running, WorkState::Unseen),
        };
    }
    if silent.is_some() {
        return WorkState::Starting { reason: silent };
    }
    let Some(status) = status else {
        let text = "the cluster has the object; the operator has not taken it up yet (if this stays, it does not run)";
        return WorkState::Starting {
            reason: view.object.map(|_| Reason::new(ReasonCode::RuntimeError, text)),
        };
    };
    let waiting = view
        .pods
        .iter()
        .flat_map(|pod| waiting(pod))
        .find(|reason| reason != "ContainerCreating" && reason != "PodInitializing");
    let told = status.reason.clone();
    let (name, message) = match (waiting, told) {
        (Some(waiting), _) => (waiting, String::new()),
        (None, Some(told)) => (told, status.message.clone().unwrap_or_default()),
        (None, None) => return WorkState::Starting { reason: None },
    };
    WorkState::Starting { reason: delay(&name, &message) }
}

/// Why nobody knows how it is: the node it is on does not answer. That it has ended is not concluded from it: the node may
/// only be cut off. Its Pod is finished when the node is back and says so, or when the cluster knows the node to be gone.
fn silence(view: &View<'_>, status: Option<&IflearnerJobStatus>) -> Option<Reason> {
    let alive = || view.pods.iter().filter(|pod| !is_finished(pod));
    let by_operator =
        status.filter(|status| status.phase == Some(Phase::Unknown) && alive().next().is_some());
    let told =
        by_operator.map(|status| status.reason.clone().unwrap_or_else(|| "NodeLost".to_owned()));
    let name = alive().find_map(|pod| node_lost(pod)).map(ToOwned::to_owned).or(told)?;
    let given_up = alive().any(|pod| pod.metadata.deletion_timestamp.is_some());
    let text = if given_up {
        "its pod is to end, and the node it runs on, which does not answer or may keep no pod, has not said that it has: nobody can tell \
         whether it still runs. If this stays, ask the party to bring the node back or, if it is gone for good, to delete it from the \
         cluster; the member ends then"
    } else {
        "the node it runs on does not answer: it goes on if the node comes back, and if not, the cluster gives it up after a while. Ask \
         the party to look after the node, or stop the run"
    };
    Some(Reason::new(ReasonCode::RuntimeError, format!("{text} ({name})")))
}

/// What says of a pod's node that it does not answer.
fn node_lost(pod: &Pod) -> Option<&str> {
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
    // A kubelet that says "not ready" says why. The cluster, which says it in the place of one that does not answer, does not.
    let by_cluster = |ready: &&PodCondition| {
        ready.status == "False" && ready.reason.as_deref().is_none_or(str::is_empty)
    };
    let by_kubelet = condition("ContainersReady").is_some_and(|ready| ready.status == "False");
    condition("Ready").filter(by_cluster).filter(|_| !by_kubelet).map(|_| "NodeNotReady")
}

/// Why others cannot dial it although it runs, if the operator was to route to it from outside.
fn unreachable(status: &IflearnerJobStatus) -> Option<Reason> {
    let exposed =
        status.condition(condition::EXPOSED).filter(|exposed| exposed.status != "True")?;
    let said = match exposed.reason.as_str() {
        // Nothing follows from it: some ingress controllers never give an address.
        "NoAddress" => return None,
        "NotConfigured" | "ApiNotInstalled" | "ClientsNotAuthenticated" | "NotAccepted" => {
            &exposed.message
        }
        _ => "the object's status at the party says why",
    };
    let text = format!(
        "it runs, but the other parties cannot reach it: ask the party to mend the route; {said} ({})",
        exposed.reason
    );
    Some(Reason::new(ReasonCode::RuntimeError, text))
}

/// Why containers of a pod do not begin.
fn waiting(pod: &Pod) -> Vec<String> {
    let Some(status) = &pod.status else { return Vec::new() };
    let all = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    all.filter_map(|container| container.state.as_ref()?.waiting.as_ref()?.reason.clone()).collect()
}

/// Why it has not begun, in our words: the cluster's own may name what is nobody else's business.
fn delay(name: &str, message: &str) -> Option<Reason> {
    let reason = |code, text: &str| Some(Reason::new(code, format!("{text} ({name})")));
    match name {
        "Suspended" | "Created" | "Progressing" | "Pending" | "Starting" | "Scheduled"
        | "Running" => None,
        "ContainerCreating" | "PodInitializing" | "Pulling" => {
            reason(ReasonCode::Pulling, "its pod is being prepared")
        }
        _ => failure(name, message),
    }
}

/// What an end, or a delay that will not pass by itself, means.
fn failure(name: &str, message: &str) -> Option<Reason> {
    let reason = |code, text: &str| Some(Reason::new(code, format!("{text} ({name})")));
    match name {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable" => {
            let text = "the cluster cannot pull the image: ask the party to mend the entry in its image map, or its pull secret";
            reason(ReasonCode::ImageUnusable, text)
        }
        "Unschedulable" | "SchedulerError" => {
            // The scheduler speaks of nodes by number, never by name.
            let text = format!(
                "the cluster finds no node for it: lower the template's resources, or ask the party; {message}"
            );
            reason(ReasonCode::Unschedulable, text.trim_end_matches(['.', ' ', ';']))
        }
        "CreateContainerConfigError"
        | "CreateContainerError"
        | "RunContainerError"
        | "StartError"
        | "ContainerCannotRun" => {
            let text = "its container could not be started: check command and workdir of the template; the party's cluster knows more";
            reason(ReasonCode::SpawnFailed, text)
        }
        "RunsAsRoot" | "NotAllowed" => {
            let text = "the party's namespace does not allow what the image or its entry wants (to run as root, or a directory of a node): \
                        ask the party to opt in";
            reason(ReasonCode::ImageUnusable, text)
        }
        "DeadlineExceeded" => {
            let text = "it ran longer than the template allows, the pulling of its image included: raise max_runtime_s";
            reason(ReasonCode::MaxRuntimeExceeded, text)
        }
        "OOMKilled" => reason(
            ReasonCode::ExitSignal,
            "the workload used more memory than it may and was killed: raise memory_mib",
        ),
        "Evicted"
        | "TerminationByKubelet"
        | "EvictionByEvictionAPI"
        | "PreemptionByScheduler"
        | "Preempting" => {
            let text = "its pod was evicted: the node needed the room; start again, or ask the party for capacity";
            reason(ReasonCode::RuntimeError, text)
        }
        "NodeLost"
        | "DeletionByPodGC"
        | "DeletionByTaintManager"
        | "NodeShutdown"
        | "Terminated" => {
            reason(ReasonCode::RuntimeError, "the node it ran on was lost: start again")
        }
        "PodLost" => reason(
            ReasonCode::RuntimeError,
            "its pod is gone, and with it how it ended: start again",
        ),
        "CertificatesMissing" => {
            let text = format!(
                "its namespace lacks what it trusts: ask the party to run `flow-operator setup certificates`; {message}"
            );
            reason(ReasonCode::RuntimeError, &text)
        }
        "NameTaken" => reason(
            ReasonCode::NameTaken,
            &format!("something else has a name that it needs: ask the party; {message}"),
        ),
        // What quotes the API server may quote the party's own entries: of these, and of what follows, the words stay there.
        "InvalidTemplate" => {
            let text = "the cluster takes no pod as the template and the party's entry for its image make it: ask the party to mend the \
                        entry; the object's status names the field";
            reason(ReasonCode::ImageUnusable, text)
        }
        "Forbidden" => {
            let text = "the operator lacks a right at the party, or a rule there forbids it: ask the party, where the object's status \
                        names it; `flow-operator rbac` prints what is needed";
            reason(ReasonCode::RuntimeError, text)
        }
        "Rejected" => {
            let text = "the cluster refused what was to be made of it: ask the party, where the object's status says why";
            reason(ReasonCode::RuntimeError, text)
        }
        "JobDeleted" => reason(ReasonCode::ObjectDeleted, "its Job was deleted by somebody else"),
        _ if name == "QuotaExceeded" || message.contains("exceeded quota") => {
            let text = "the quota of the party's namespace is used up: wait for other runs to end, or ask the party for more";
            reason(ReasonCode::ResourcesExhausted, text)
        }
        "PodNotCreated" => {
            let text = "a rule of the party's namespace or cluster refused its pod: ask the party, where the object's status says which";
            reason(ReasonCode::RuntimeError, text)
        }
        _ => {
            let text = "the cluster does not run it; the object's status at the party says why";
            reason(ReasonCode::RuntimeError, text)
        }
    }
}

/// The object is gone, and nothing is alive.
fn gone(view: &View<'_>) -> WorkState {
    let exit = last_exit(view);
    match exit {
        // That it ended well is a fact, whatever was wished or deleted afterwards.
        Some(exit) if exit.code == Some(0) => WorkState::Exited(exit),
        exit if view.stopping => stopped(view, exit),
        _ => {
            let text = "the IflearnerJob of this member was deleted by somebody else: start again, and ask the party who did it";
            WorkState::Lost(Reason::new(ReasonCode::ObjectDeleted, text))
        }
    }
}

/// It was ended by us.
fn stopped(view: &View<'_>, exit: Option<Exit>) -> WorkState {
    let reason = Some(Reason::new(ReasonCode::StopRequested, "its pod was ended as asked"));
    match exit {
        Some(exit) => WorkState::Exited(Exit { reason, ..exit }),
        None if view.ran => WorkState::Exited(Exit {
            code: None,
            signal: None,
            reason,
            started_at: view.now,
            finished_at: view.now,
        }),
        None => WorkState::Absent,
    }
}

fn last_exit(view: &View<'_>) -> Option<Exit> {
    // With several pods, the one that did it, else the newest.
    let exits = view.pods.iter().filter_map(|pod| exit_of(pod, view.now));
    exits.max_by_key(|exit| (exit.code == Some(0), exit.finished_at)).or_else(|| view.seen.cloned())
}

/// The job is over.
fn ended(view: &View<'_>, status: &IflearnerJobStatus) -> WorkState {
    let at = |time: &Option<Time>| {
        time.as_ref().map_or(view.now, |time| Timestamp(time.0.as_microsecond()))
    };
    let told = || Exit {
        code: status.exit_code,
        signal: None,
        reason: None,
        started_at: at(&status.start_time),
        finished_at: at(&status.completion_time),
    };
    let exit = last_exit(view);
    if exit.as_ref().is_some_and(|exit| exit.code == Some(0))
        || status.phase == Some(Phase::Succeeded)
    {
        let exit = exit.unwrap_or_else(told);
        return WorkState::Exited(Exit { code: Some(0), signal: None, reason: None, ..exit });
    }
    let name = disruption(view).or_else(|| status.reason.clone()).unwrap_or_default();
    let message = status.message.as_deref().unwrap_or_default();
    if name == "JobDeleted" && !view.stopping {
        return WorkState::Lost(
            failure(&name, message).unwrap_or_else(|| Reason::new(ReasonCode::ObjectDeleted, name)),
        );
    }
    if view.stopping {
        return stopped(view, exit.or_else(|| status.exit_code.map(|_| told())));
    }
    let mut exit = exit.unwrap_or_else(told);
    // A status is what the workload itself says; only what the cluster did to it needs another word.
    let by_cluster = exit.code.is_none() || outranks(&name);
    if exit.reason.is_none() && by_cluster {
        exit.reason = failure(&name, message);
    }
    WorkState::Exited(exit)
}

/// Whether the cluster's reason says more than the status that the workload left with.
fn outranks(name: &str) -> bool {
    let by_cluster = [
        "DeadlineExceeded",
        "Evicted",
        "TerminationByKubelet",
        "EvictionByEvictionAPI",
        "PreemptionByScheduler",
        "Preempting",
        "NodeLost",
        "DeletionByPodGC",
        "DeletionByTaintManager",
        "NodeShutdown",
    ];
    by_cluster.contains(&name)
}

/// What was done to a pod from outside.
fn disruption(view: &View<'_>) -> Option<String> {
    view.pods.iter().find_map(|pod| {
        let status = pod.status.as_ref()?;
        if let Some(reason) = status.reason.as_deref().filter(|reason| outranks(reason)) {
            return Some(reason.to_owned());
        }
        let target = status
            .conditions
            .iter()
            .flatten()
            .find(|condition| condition.type_ == "DisruptionTarget");
        target
            .filter(|condition| condition.status == "True")
            .and_then(|condition| condition.reason.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(status: serde_json::Value) -> IflearnerJob {
        let object = json!({
            "apiVersion": "git.iflytek.com/v1", "kind": "IflearnerJob", "metadata": { "name": "x" },
            "spec": { "role": "client", "template": {} }, "status": status,
        });
        serde_json::from_value(object).expect("an object")
    }

    fn pod(phase: &str, state: serde_json::Value) -> Pod {
        let container = json!({ "name": WORKLOAD, "state": state, "image": "", "imageID": "", "ready": false, "restartCount": 0 });
        serde_json::from_value(json!({ "metadata": {}, "status": { "phase": phase, "containerStatuses": [container] } })).expect("a pod")
    }

    fn over(code: i32, reason: &str) -> serde_json::Value {
        let (from, to) = ("2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z");
        json!({ "terminated": { "exitCode": code, "reason": reason, "startedAt": from, "finishedAt": to } })
    }

    fn view<'a>(object: Option<&'a IflearnerJob>, pods: &'a [&'a Pod]) -> View<'a> {
        View { object, pods, stopping: false, seen: None, ran: false, now: Timestamp(7) }
    }

    fn exit(state: WorkState) -> (Option<i32>, Option<i32>, Option<ReasonCode>) {
        match state {
            WorkState::Exited(exit) => {
                (exit.code, exit.signal, exit.reason.map(|reason| reason.code))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_delay_is_told_with_a_reason_that_says_what_to_do() {
        let code =
            |status: serde_json::Value, pods: &[&Pod]| match judge(&view(Some(&job(status)), pods))
            {
                WorkState::Starting { reason } => reason.map(|reason| reason.code),
                other => panic!("{other:?}"),
            };
        let pending = |reason: &str, message: &str| json!({ "phase": "Pending", "reason": reason, "message": message });
        assert_eq!(code(json!({}), &[]), None);
        assert_eq!(code(pending("Suspended", ""), &[]), None);
        assert_eq!(
            code(pending("Unschedulable", "0/3 nodes are available: 3 Insufficient cpu."), &[]),
            Some(ReasonCode::Unschedulable)
        );
        assert_eq!(
            code(pending("PodNotCreated", "pods \"x\" is forbidden: exceeded quota: q"), &[]),
            Some(ReasonCode::ResourcesExhausted)
        );
        let pulling = pod("Pending", json!({ "waiting": { "reason": "ImagePullBackOff" } }));
        assert_eq!(
            code(json!({ "phase": "Pending" }), &[&pulling]),
            Some(ReasonCode::ImageUnusable)
        );
        let preparing = pod("Pending", json!({ "waiting": { "reason": "ContainerCreating" } }));
        assert_eq!(code(json!({ "phase": "Pending" }), &[&preparing]), None);
        let untouched = IflearnerJob { status: None, ..job(json!({})) };
        assert!(
            matches!(judge(&view(Some(&untouched), &[])), WorkState::Starting { reason: Some(_) }),
            "no operator"
        );
    }

    #[test]
    fn each_reason_of_the_operators_says_what_to_do_and_not_only_where_to_look() {
        let remark = "ConfigMap server-iflearner-crt is not there";
        let cases = [
            ("CertificatesMissing", ReasonCode::RuntimeError, "setup certificates"),
            ("CertificatesMissing", ReasonCode::RuntimeError, remark),
            ("NameTaken", ReasonCode::NameTaken, remark),
            ("InvalidTemplate", ReasonCode::ImageUnusable, "entry"),
            ("Forbidden", ReasonCode::RuntimeError, "flow-operator rbac"),
            ("Rejected", ReasonCode::RuntimeError, "refused"),
            ("PodNotCreated", ReasonCode::RuntimeError, "refused its pod"),
            ("QuotaExceeded", ReasonCode::ResourcesExhausted, "quota"),
            ("PodLost", ReasonCode::RuntimeError, "start again"),
        ];
        for (name, code, words) in cases {
            let waits = job(json!({ "phase": "Pending", "reason": name, "message": remark }));
            let WorkState::Starting { reason: Some(delay) } = judge(&view(Some(&waits), &[]))
            else {
                panic!("{name}: no reason")
            };
            let over = job(json!({ "phase": "Failed", "reason": name, "message": remark }));
            let WorkState::Exited(Exit { reason: Some(end), .. }) = judge(&view(Some(&over), &[]))
            else {
                panic!("{name}: no reason")
            };
            for told in [delay, end] {
                assert_eq!(told.code, code, "{name}");
                assert!(
                    told.message.contains(words) && told.message.ends_with(&format!("({name})")),
                    "{told}"
                );
            }
        }
    }

    #[test]
    fn a_member_that_runs_where_nobody_reaches_it_has_not_started() {
        let alive = pod("Running", json!({ "running": {} }));
        let with = |status: &str, reason: &str| {
            let exposed = json!({ "type": "Exposed", "status": status, "reason": reason, "message": "no such Gateway",
                "lastTransitionTime": "2026-01-02T03:04:05Z" });
            let object = job(json!({ "phase": "Running", "conditions": [exposed] }));
            [false, true].map(|ran| match judge(&View { ran, ..view(Some(&object), &[&alive]) }) {
                WorkState::Starting { reason } => reason.map(|reason| reason.message),
                WorkState::Running => None,
                other => panic!("{other:?}"),
            })
        };
        for (status, reason) in [
            ("False", "NotConfigured"),
            ("False", "ApiNotInstalled"),
            ("False", "ClientsNotAuthenticated"),
            ("Unknown", "NotAccepted"),
        ] {
            for told in with(status, reason) {
                assert!(
                    told.is_some_and(|told| told.ends_with(&format!("no such Gateway ({reason})"))),
                    "{reason}"
                );
            }
        }
        for told in with("False", "NotAllowedByListeners") {
            let told = told.expect("a gateway's refusal, whose words stay at the party");
            assert!(
                told.ends_with("(NotAllowedByListeners)") && !told.contains("no such Gateway"),
                "{told}"
            );
        }
        assert_eq!(with("True", "Accepted"), [None, None]);
        assert_eq!(with("Unknown", "NoAddress"), [None, None], "some controllers never give one");
    }

    /// A pod whose workload runs, with this beside it.
    fn alive(meta: serde_json::Value, conditions: serde_json::Value) -> Pod {
        let mut pod = pod("Running", json!({ "running": {} }));
        pod.metadata = serde_json::from_value(meta).expect("metadata");
        pod.status.get_or_insert_default().conditions =
            serde_json::from_value(conditions).expect("conditions");
        pod
    }

    #[test]
    fn a_member_whose_node_does_not_answer_runs_as_far_as_anybody_knows_and_says_so() {
        let leaving = || json!({ "deletionTimestamp": "2026-01-02T03:04:05Z" });
        let not_ready = || json!({ "type": "Ready", "status": "False" });
        let target = |reason: &str| json!({ "type": "DisruptionTarget", "status": "True", "reason": reason });
        let mut old = alive(json!({}), json!([]));
        old.status.get_or_insert_default().reason = Some("NodeLost".to_owned());
        let mut unknown = alive(json!({}), json!([]));
        unknown.status.get_or_insert_default().phase = Some("Unknown".to_owned());
        let silent = [
            (
                alive(json!({}), json!([not_ready()])),
                "(NodeNotReady)",
                "goes on if the node comes back",
            ),
            (
                alive(leaving(), json!([not_ready()])),
                "(NodeNotReady)",
                "delete it from the cluster",
            ),
            (
                alive(leaving(), json!([not_ready(), target("DeletionByTaintManager")])),
                "(DeletionByTaintManager)",
                "delete it from the cluster",
            ),
            (old, "(NodeLost)", "goes on if the node comes back"),
            (unknown, "(NodeLost)", "goes on if the node comes back"),
        ];
        let (open, later) = (
            job(json!({ "phase": "Running" })),
            job(json!({ "phase": "Unknown", "reason": "NodeLost" })),
        );
        for (pod, name, words) in &silent {
            for object in [Some(&open), Some(&later), None] {
                for stopping in [false, true] {
                    let state = judge(&View { stopping, ..view(object, &[pod]) });
                    let WorkState::Unseen(told) = state else { panic!("{name}: {state:?}") };
                    assert!(
                        told.code == ReasonCode::RuntimeError
                            && told.message.ends_with(name)
                            && told.message.contains(words),
                        "{told}"
                    );
                }
            }
        }
        let well = [
            alive(json!({}), json!([{ "type": "Ready", "status": "True" }])),
            alive(
                json!({}),
                json!([{ "type": "Ready", "status": "False", "reason": "ContainersNotReady" }]),
            ),
            alive(
                json!({}),
                json!([not_ready(), { "type": "ContainersReady", "status": "False" }]),
            ),
            alive(
                leaving(),
                json!([{ "type": "Ready", "status": "True" }, target("EvictionByEvictionAPI")]),
            ),
        ];
        for pod in &well {
            assert_eq!(judge(&view(Some(&open), &[pod])), WorkState::Running, "{pod:?}");
        }
        assert!(
            matches!(judge(&view(Some(&later), &[&well[0]])), WorkState::Unseen(_)),
            "the operator's word"
        );
        let mut waits = alive(leaving(), json!([target("DeletionByTaintManager")]));
        waits.status.get_or_insert_default().container_statuses = None;
        let WorkState::Starting { reason: Some(told) } = judge(&view(Some(&later), &[&waits]))
        else {
            panic!("it has not begun")
        };
        assert!(told.message.contains("does not answer"), "{told}");
        // The node is gone for good, or back: the cluster or the kubelet says that the Pod has ended.
        let mut over = alive(leaving(), json!([target("DeletionByTaintManager")]));
        over.status.get_or_insert_default().phase = Some("Failed".to_owned());
        assert!(
            !matches!(judge(&view(Some(&open), &[&over])), WorkState::Exited(_)),
            "the operator has not said that the job is over"
        );
        let failed = job(json!({ "phase": "Failed", "reason": "DeletionByTaintManager" }));
        let WorkState::Exited(Exit { reason: Some(told), .. }) =
            judge(&view(Some(&failed), &[&over]))
        else {
            panic!("it is over")
        };
        assert!(told.message.contains("the node it ran on was lost: start again"), "{told}");
    }

    #[test]
    fn an_end_is_told_only_when_no_pod_is_alive_and_none_can_follow() {
        let running = pod("Running", json!({ "running": {} }));
        let failed = pod("Failed", over(1, "Error"));
        let terminal = job(json!({ "phase": "Failed", "reason": "BackoffLimitExceeded" }));
        let open = job(json!({ "phase": "Running" }));
        assert_eq!(judge(&view(Some(&terminal), &[&failed, &running])), WorkState::Running);
        assert_eq!(
            judge(&view(None, &[&running])),
            WorkState::Running,
            "an object deleted without its pods"
        );
        assert_eq!(
            judge(&view(Some(&open), &[&failed])),
            WorkState::Running,
            "the operator has not said that the job is over"
        );
        assert_eq!(exit(judge(&view(Some(&terminal), &[&failed]))), (Some(1), None, None));
        let done = pod("Succeeded", over(0, "Completed"));
        assert_eq!(
            exit(judge(&view(Some(&open), &[&done]))),
            (Some(0), None, None),
            "nothing follows a success"
        );
    }

    #[test]
    fn how_it_ended_is_the_workloads_word_unless_the_cluster_ended_it() {
        let failed = |reason: &str| {
            job(
                json!({ "phase": "Failed", "reason": reason, "completionTime": "2026-01-02T03:04:06Z" }),
            )
        };
        let end = |reason: &str, pod: &Pod| exit(judge(&view(Some(&failed(reason)), &[pod])));
        assert_eq!(end("Error", &pod("Failed", over(71, "Error"))), (Some(71), None, None));
        let oom = (None, Some(9), Some(ReasonCode::ExitSignal));
        assert_eq!(end("OOMKilled", &pod("Failed", over(137, "OOMKilled"))), oom);
        let late = (Some(143), None, Some(ReasonCode::MaxRuntimeExceeded));
        assert_eq!(end("DeadlineExceeded", &pod("Failed", over(143, "Error"))), late);
        assert_eq!(
            end("StartError", &pod("Failed", over(128, "StartError"))),
            (Some(128), None, Some(ReasonCode::SpawnFailed))
        );
        let mut evicted = pod("Failed", over(137, "Error"));
        evicted.status.get_or_insert_default().reason = Some("Evicted".to_owned());
        assert_eq!(end("Evicted", &evicted), (Some(137), None, Some(ReasonCode::RuntimeError)));
        let mut overdue = pod("Failed", over(143, "Error"));
        overdue.status.get_or_insert_default().reason = Some("DeadlineExceeded".to_owned());
        assert_eq!(
            end("BackoffLimitExceeded", &overdue),
            late,
            "the Pod's own deadline, which the Job does not know"
        );
        let mut lost: Pod = pod("Failed", json!({}));
        lost.status = serde_json::from_value(json!({ "phase": "Failed", "conditions": [
            { "type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC" } ] }))
        .expect("a status");
        assert_eq!(end("PodFailurePolicy", &lost), (None, None, Some(ReasonCode::RuntimeError)));
        let never = exit(judge(&view(Some(&failed("NotAllowed")), &[])));
        assert_eq!(never, (None, None, Some(ReasonCode::ImageUnusable)));
    }

    #[test]
    fn an_object_that_is_gone_was_deleted_by_us_or_by_somebody_else() {
        let lost = |state| {
            matches!(state, WorkState::Lost(Reason { code: ReasonCode::ObjectDeleted, .. }))
        };
        assert!(lost(judge(&view(None, &[]))));
        let seen = |code| Exit {
            code: Some(code),
            signal: None,
            reason: None,
            started_at: Timestamp(1),
            finished_at: Timestamp(2),
        };
        let with = |exit: &Exit, stopping| {
            judge(&View { seen: Some(exit), stopping, ran: true, ..view(None, &[]) })
        };
        assert!(lost(with(&seen(143), false)), "the pod was ended with its object");
        assert_eq!(exit(with(&seen(0), false)), (Some(0), None, None), "it had ended well before");
        assert_eq!(
            exit(with(&seen(143), true)),
            (Some(143), None, Some(ReasonCode::StopRequested))
        );
        assert_eq!(exit(with(&seen(0), true)), (Some(0), None, None), "a fact outranks a wish");
        assert_eq!(judge(&View { stopping: true, ..view(None, &[]) }), WorkState::Absent);
        assert!(lost(judge(&view(
            Some(&job(json!({ "phase": "Failed", "reason": "JobDeleted" }))),
            &[]
        ))));
    }

    #[test]
    fn what_the_cluster_says_of_the_partys_own_stays_there() {
        let secret = "Back-off pulling image registry.internal/model:1; hostPath /srv/patients is not a directory";
        let quoting = ["InvalidTemplate", "Forbidden", "Rejected", "PodNotCreated"];
        for name in
            ["ImagePullBackOff", "FailedMount", "CreateContainerConfigError", "Evicted", "Whatever"]
                .into_iter()
                .chain(quoting)
        {
            let reason = failure(name, secret).expect("a reason");
            assert!(
                !reason.message.contains("internal") && !reason.message.contains("patients"),
                "{}",
                reason.message
            );
        }
    }
}
