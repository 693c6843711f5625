//! Derives the state of a member from its object and its Pods. Pure.
//!
//! An end that this module derives from watched objects may be stale; the follower reads the
//! objects again and derives the state once more before it reports an end (see `follow`).

use flow_crd::{IflearnerJob, IflearnerJobStatus, Phase};
use flow_domain::member::{Exit, Reason, ReasonCode};
use flow_domain::time::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::build::WORKLOAD;
use super::pod_state::{exit_of, has_started, is_finished, node_lost, phase, waiting_containers};
use super::reasons::{failure_reason, unreachable_reason, waiting_reason};
use crate::runtime::WorkState;

/// The observations of a member that was created.
#[derive(Debug, Clone, Copy)]
pub struct MemberView<'a> {
    /// The member's object; `None` if it or its UID does not exist.
    pub object: Option<&'a IflearnerJob>,
    pub pods: &'a [&'a Pod],
    /// A stop was requested.
    pub stopping: bool,
    /// The exit that an earlier observation showed.
    pub seen: Option<&'a Exit>,
    /// An earlier observation showed the workload running.
    pub ran: bool,
    /// The current time, for exits without a time.
    pub now: Timestamp,
}

#[must_use]
pub fn work_state(view: &MemberView<'_>) -> WorkState {
    if view.pods.iter().any(|pod| !is_finished(pod)) {
        return living_state(view);
    }
    let Some(object) = view.object else { return state_without_object(view) };
    let status = object.status.clone().unwrap_or_default();
    let succeeded = view.pods.iter().any(|pod| phase(pod) == Some("Succeeded"));
    // Another Pod may follow a failed one until the operator reports that the Job ended.
    if succeeded || status.phase.is_some_and(Phase::is_terminal) {
        terminal_state(view, &status)
    } else {
        living_state(view)
    }
}

/// The state of a member that runs or is starting.
fn living_state(view: &MemberView<'_>) -> WorkState {
    let status = view.object.and_then(|object| object.status.as_ref());
    let node_loss = node_loss(view, status);
    if view.ran || view.pods.iter().any(|pod| has_started(pod, WORKLOAD)) {
        // No member can dial it: `Starting` ends at the start deadline, a training without progress would
        // not.
        return match status.and_then(unreachable_reason) {
            Some(reason) => WorkState::Starting { reason: node_loss.or(Some(reason)) },
            None => node_loss.map_or(WorkState::Running, WorkState::Unseen),
        };
    }
    if node_loss.is_some() {
        return WorkState::Starting { reason: node_loss };
    }
    let Some(status) = status else {
        let text = "the operator has not reconciled the member's object yet; if this persists, ask the \
                    party to check that flow-operator runs";
        return WorkState::Starting {
            reason: view.object.map(|_| Reason::new(ReasonCode::RuntimeError, text)),
        };
    };
    let waiting = view
        .pods
        .iter()
        .flat_map(|pod| waiting_containers(pod))
        .find(|reason| reason != "ContainerCreating" && reason != "PodInitializing");
    let (name, message) = match (waiting, status.reason.clone()) {
        (Some(waiting), _) => (waiting, String::new()),
        (None, Some(reason)) => (reason, status.message.clone().unwrap_or_default()),
        (None, None) => return WorkState::Starting { reason: None },
    };
    WorkState::Starting { reason: waiting_reason(&name, &message) }
}

/// The reason for which the member's state is unknown: its node does not respond. That is no end,
/// because the node may only be partitioned. The Pod is finished when the node returns and reports
/// it, or when the cluster knows that the node was removed.
fn node_loss(view: &MemberView<'_>, status: Option<&IflearnerJobStatus>) -> Option<Reason> {
    let alive = || view.pods.iter().filter(|pod| !is_finished(pod));
    let by_operator =
        status.filter(|status| status.phase == Some(Phase::Unknown) && alive().next().is_some());
    let reported =
        by_operator.map(|status| status.reason.clone().unwrap_or_else(|| "NodeLost".to_owned()));
    let name = alive().find_map(|pod| node_lost(pod)).map(ToOwned::to_owned).or(reported)?;
    let given_up = alive().any(|pod| pod.metadata.deletion_timestamp.is_some());
    let text = if given_up {
        "its Pod was evicted or stopped, but its node does not respond or does not confirm the end, so it \
         is unknown whether the member still runs. If this persists, ask the party to restore the node or, \
         if it is lost, to delete it from the cluster; the member ends then"
    } else {
        "its node does not respond. The member continues if the node returns; otherwise the cluster evicts \
         its Pod after some minutes. Ask the party to check the node, or stop the run"
    };
    Some(Reason::new(ReasonCode::RuntimeError, format!("{text} ({name})")))
}

/// The state without an object and a living Pod.
fn state_without_object(view: &MemberView<'_>) -> WorkState {
    let exit = last_exit(view);
    match exit {
        // A success stays a success after a stop or a deletion.
        Some(exit) if exit.code == Some(0) => WorkState::Exited(exit),
        exit if view.stopping => stopped_state(view, exit),
        _ => {
            let text = "the IflearnerJob of this member was deleted by another client; start a new run, and \
                        ask the party for the cause";
            WorkState::Lost(Reason::new(ReasonCode::ObjectDeleted, text))
        }
    }
}

/// The state after a requested stop.
fn stopped_state(view: &MemberView<'_>, exit: Option<Exit>) -> WorkState {
    let reason = Some(Reason::new(ReasonCode::StopRequested, "ended because a stop was requested"));
    match exit {
        Some(exit) => WorkState::Exited(Exit { reason, ..exit }),
        None if view.ran => WorkState::Exited(Exit {
            code: None,
            signal: None,
            reason,
            last_lines: Vec::new(),
            started_at: view.now,
            finished_at: view.now,
        }),
        None => WorkState::Absent,
    }
}

fn last_exit(view: &MemberView<'_>) -> Option<Exit> {
    // The successful Pod of several, else the newest.
    let exits = view.pods.iter().filter_map(|pod| exit_of(pod, view.now));
    exits.max_by_key(|exit| (exit.code == Some(0), exit.finished_at)).or_else(|| view.seen.cloned())
}

/// The state after the Job ended.
fn terminal_state(view: &MemberView<'_>, status: &IflearnerJobStatus) -> WorkState {
    let at = |time: &Option<Time>| {
        time.as_ref().map_or(view.now, |time| Timestamp(time.0.as_microsecond()))
    };
    let reported = || Exit {
        code: status.exit_code,
        signal: None,
        reason: None,
        last_lines: Vec::new(),
        started_at: at(&status.start_time),
        finished_at: at(&status.completion_time),
    };
    let exit = last_exit(view);
    if exit.as_ref().is_some_and(|exit| exit.code == Some(0))
        || status.phase == Some(Phase::Succeeded)
    {
        let exit = exit.unwrap_or_else(reported);
        return WorkState::Exited(Exit { code: Some(0), signal: None, reason: None, ..exit });
    }
    let name = disruption_reason(view).or_else(|| status.reason.clone()).unwrap_or_default();
    let message = status.message.as_deref().unwrap_or_default();
    if name == "JobDeleted" && !view.stopping {
        return WorkState::Lost(
            failure_reason(&name, message)
                .unwrap_or_else(|| Reason::new(ReasonCode::ObjectDeleted, name)),
        );
    }
    if view.stopping {
        return stopped_state(view, exit.or_else(|| status.exit_code.map(|_| reported())));
    }
    let mut exit = exit.unwrap_or_else(reported);
    // The exit status comes from the workload; only an act of the cluster needs another reason.
    let by_cluster = exit.code.is_none() || is_cluster_cause(&name);
    if exit.reason.is_none() && by_cluster {
        exit.reason = failure_reason(&name, message);
    }
    WorkState::Exited(exit)
}

/// True if the cluster's reason explains the end better than the workload's exit status.
fn is_cluster_cause(name: &str) -> bool {
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

/// The reason for which the cluster ended a Pod.
fn disruption_reason(view: &MemberView<'_>) -> Option<String> {
    view.pods.iter().find_map(|pod| {
        let status = pod.status.as_ref()?;
        if let Some(reason) = status.reason.as_deref().filter(|reason| is_cluster_cause(reason)) {
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

    fn view<'a>(object: Option<&'a IflearnerJob>, pods: &'a [&'a Pod]) -> MemberView<'a> {
        MemberView { object, pods, stopping: false, seen: None, ran: false, now: Timestamp(7) }
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
    fn delay_has_a_reason_with_the_next_step() {
        let code = |status: serde_json::Value, pods: &[&Pod]| match work_state(&view(
            Some(&job(status)),
            pods,
        )) {
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
            matches!(
                work_state(&view(Some(&untouched), &[])),
                WorkState::Starting { reason: Some(_) }
            ),
            "no operator"
        );
    }

    #[test]
    fn each_reason_of_the_operator_contains_the_next_step() {
        let remark = "ConfigMap server-iflearner-crt is not there";
        let cases = [
            ("CertificatesMissing", ReasonCode::RuntimeError, "setup certificates"),
            ("CertificatesMissing", ReasonCode::RuntimeError, remark),
            ("NameTaken", ReasonCode::NameTaken, remark),
            ("InvalidTemplate", ReasonCode::ImageUnusable, "entry"),
            ("Forbidden", ReasonCode::RuntimeError, "flow-operator rbac"),
            ("Rejected", ReasonCode::RuntimeError, "rejected"),
            ("PodNotCreated", ReasonCode::RuntimeError, "rejected its Pod"),
            ("QuotaExceeded", ReasonCode::ResourcesExhausted, "quota"),
            ("PodLost", ReasonCode::RuntimeError, "start a new run"),
        ];
        for (name, code, words) in cases {
            let waits = job(json!({ "phase": "Pending", "reason": name, "message": remark }));
            let WorkState::Starting { reason: Some(delay) } = work_state(&view(Some(&waits), &[]))
            else {
                panic!("{name}: no reason")
            };
            let over = job(json!({ "phase": "Failed", "reason": name, "message": remark }));
            let WorkState::Exited(Exit { reason: Some(end), .. }) =
                work_state(&view(Some(&over), &[]))
            else {
                panic!("{name}: no reason")
            };
            for reason in [delay, end] {
                assert_eq!(reason.code, code, "{name}");
                assert!(
                    reason.message.contains(words)
                        && reason.message.ends_with(&format!("({name})")),
                    "{reason}"
                );
            }
        }
    }

    #[test]
    fn unreachable_member_has_not_started() {
        let alive = pod("Running", json!({ "running": {} }));
        let with = |status: &str, reason: &str| {
            let exposed = json!({ "type": "Exposed", "status": status, "reason": reason, "message": "no such Gateway",
                "lastTransitionTime": "2026-01-02T03:04:05Z" });
            let object = job(json!({ "phase": "Running", "conditions": [exposed] }));
            [false, true].map(|ran| {
                match work_state(&MemberView { ran, ..view(Some(&object), &[&alive]) }) {
                    WorkState::Starting { reason } => reason.map(|reason| reason.message),
                    WorkState::Running => None,
                    other => panic!("{other:?}"),
                }
            })
        };
        for (status, reason) in [
            ("False", "NotConfigured"),
            ("False", "ApiNotInstalled"),
            ("False", "ClientsNotAuthenticated"),
            ("Unknown", "NotAccepted"),
        ] {
            for message in with(status, reason) {
                assert!(
                    message.is_some_and(|message| {
                        message.ends_with(&format!("no such Gateway ({reason})"))
                    }),
                    "{reason}"
                );
            }
        }
        for reason in with("False", "NotAllowedByListeners") {
            let reason =
                reason.expect("a rejection by the gateway, whose message stays at the party");
            assert!(
                reason.ends_with("(NotAllowedByListeners)") && !reason.contains("no such Gateway"),
                "{reason}"
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
    fn member_on_a_node_that_does_not_respond_is_unseen() {
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
                "continues if the node returns",
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
            (old, "(NodeLost)", "continues if the node returns"),
            (unknown, "(NodeLost)", "continues if the node returns"),
        ];
        let (open, later) = (
            job(json!({ "phase": "Running" })),
            job(json!({ "phase": "Unknown", "reason": "NodeLost" })),
        );
        for (pod, name, words) in &silent {
            for object in [Some(&open), Some(&later), None] {
                for stopping in [false, true] {
                    let state = work_state(&MemberView { stopping, ..view(object, &[pod]) });
                    let WorkState::Unseen(reason) = state else { panic!("{name}: {state:?}") };
                    assert!(
                        reason.code == ReasonCode::RuntimeError
                            && reason.message.ends_with(name)
                            && reason.message.contains(words),
                        "{reason}"
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
            assert_eq!(work_state(&view(Some(&open), &[pod])), WorkState::Running, "{pod:?}");
        }
        assert!(
            matches!(work_state(&view(Some(&later), &[&well[0]])), WorkState::Unseen(_)),
            "as the operator reports"
        );
        let mut waits = alive(leaving(), json!([target("DeletionByTaintManager")]));
        waits.status.get_or_insert_default().container_statuses = None;
        let WorkState::Starting { reason: Some(reason) } =
            work_state(&view(Some(&later), &[&waits]))
        else {
            panic!("it has not begun")
        };
        assert!(reason.message.contains("does not respond"), "{reason}");
        // The node was removed or returned: the cluster or the kubelet reports the end of the Pod.
        let mut over = alive(leaving(), json!([target("DeletionByTaintManager")]));
        over.status.get_or_insert_default().phase = Some("Failed".to_owned());
        assert!(
            !matches!(work_state(&view(Some(&open), &[&over])), WorkState::Exited(_)),
            "the operator has not said that the job is over"
        );
        let failed = job(json!({ "phase": "Failed", "reason": "DeletionByTaintManager" }));
        let WorkState::Exited(Exit { reason: Some(reason), .. }) =
            work_state(&view(Some(&failed), &[&over]))
        else {
            panic!("it is over")
        };
        assert!(reason.message.contains("its node was lost; start a new run"), "{reason}");
    }

    #[test]
    fn end_requires_that_no_pod_is_alive_and_none_can_follow() {
        let running = pod("Running", json!({ "running": {} }));
        let failed = pod("Failed", over(1, "Error"));
        let terminal = job(json!({ "phase": "Failed", "reason": "BackoffLimitExceeded" }));
        let open = job(json!({ "phase": "Running" }));
        assert_eq!(work_state(&view(Some(&terminal), &[&failed, &running])), WorkState::Running);
        assert_eq!(
            work_state(&view(None, &[&running])),
            WorkState::Running,
            "an object deleted without its pods"
        );
        assert_eq!(
            work_state(&view(Some(&open), &[&failed])),
            WorkState::Running,
            "the operator has not said that the job is over"
        );
        assert_eq!(exit(work_state(&view(Some(&terminal), &[&failed]))), (Some(1), None, None));
        let done = pod("Succeeded", over(0, "Completed"));
        assert_eq!(
            exit(work_state(&view(Some(&open), &[&done]))),
            (Some(0), None, None),
            "nothing follows a success"
        );
    }

    #[test]
    fn exit_status_is_the_workloads_unless_the_cluster_ended_it() {
        let failed = |reason: &str| {
            job(
                json!({ "phase": "Failed", "reason": reason, "completionTime": "2026-01-02T03:04:06Z" }),
            )
        };
        let end = |reason: &str, pod: &Pod| exit(work_state(&view(Some(&failed(reason)), &[pod])));
        assert_eq!(end("Error", &pod("Failed", over(71, "Error"))), (Some(71), None, None));
        let oom = (None, Some(9), Some(ReasonCode::ExitSignal));
        assert_eq!(end("OOMKilled", &pod("Failed", over(137, "OOMKilled"))), oom);
        let late = (Some(143), None, Some(ReasonCode::MaxRuntimeExceeded));
        assert_eq!(end("DeadlineExceeded", &pod("Failed", over(143, "Error"))), late);
        assert_eq!(
            end("StartError", &pod("Failed", over(128, "StartError"))),
            (Some(128), None, Some(ReasonCode::SpawnFailed))
        );
        for (message, part) in [
            ("exec: \"/app/fit.py\": permission denied: unknown", "run `chmod +x`"),
            ("exec: \"/app/fit.py\": stat /app/fit.py: no such file or directory", "interpreter"),
            ("exec: \"fit\": executable file not found in $PATH: unknown", "has no such program"),
            ("OCI runtime create failed", "check command and workdir"),
        ] {
            let mut over = over(128, "StartError");
            over["terminated"]["message"] = json!(message);
            let state = work_state(&view(Some(&failed("StartError")), &[&pod("Failed", over)]));
            let WorkState::Exited(Exit { reason: Some(reason), .. }) = state else {
                panic!("{state:?}")
            };
            assert!(reason.message.contains(part), "{reason}");
            assert!(!reason.message.contains("fit"), "{reason} names nothing of the party");
        }
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
        let never = exit(work_state(&view(Some(&failed("NotAllowed")), &[])));
        assert_eq!(never, (None, None, Some(ReasonCode::ImageUnusable)));
    }

    #[test]
    fn missing_object_was_deleted_by_the_agent_or_another_client() {
        let lost = |state| {
            matches!(state, WorkState::Lost(Reason { code: ReasonCode::ObjectDeleted, .. }))
        };
        assert!(lost(work_state(&view(None, &[]))));
        let seen = |code| Exit {
            code: Some(code),
            signal: None,
            reason: None,
            last_lines: Vec::new(),
            started_at: Timestamp(1),
            finished_at: Timestamp(2),
        };
        let with = |exit: &Exit, stopping| {
            work_state(&MemberView { seen: Some(exit), stopping, ran: true, ..view(None, &[]) })
        };
        assert!(lost(with(&seen(143), false)), "the pod was ended with its object");
        assert_eq!(exit(with(&seen(0), false)), (Some(0), None, None), "it had ended well before");
        assert_eq!(
            exit(with(&seen(143), true)),
            (Some(143), None, Some(ReasonCode::StopRequested))
        );
        assert_eq!(exit(with(&seen(0), true)), (Some(0), None, None), "a success stays a success");
        assert_eq!(
            work_state(&MemberView { stopping: true, ..view(None, &[]) }),
            WorkState::Absent
        );
        assert!(lost(work_state(&view(
            Some(&job(json!({ "phase": "Failed", "reason": "JobDeleted" }))),
            &[]
        ))));
    }
}
