use super::*;
use crate::iflearnerjob::build::samples::{SERVER, job as parsed};

fn at(second: u8) -> Time {
    Time(format!("2026-01-01T00:00:{second:02}Z").parse().unwrap())
}

fn job() -> JobFacts {
    JobFacts {
        name: "j".into(),
        uid: "ju".into(),
        created: Some(at(0)),
        started: Some(at(1)),
        end: None,
        suspended: false,
        deadline_s: None,
        ttl_s: None,
    }
}

fn ended(succeeded: bool, reason: &str) -> JobFacts {
    JobFacts {
        end: Some(JobEnd {
            succeeded,
            at: Some(at(9)),
            cause: StatusReason::new(reason, "the Job's message"),
        }),
        ..job()
    }
}

fn pod(state: PodState) -> PodFacts {
    PodFacts {
        name: "p".into(),
        created: Some(at(1)),
        state,
        ip: Some("10.0.0.1".into()),
        host_ip: Some("10.1.0.1".into()),
        is_ready: state == PodState::Running,
        exit_code: None,
        ended: None,
        restarts: 0,
        problem: None,
    }
}

fn working(job: JobFacts, pod: Option<PodFacts>) -> Stage {
    Stage::Working { job, pod, problem: None }
}

/// Returns the status after these stages, each computed with the status of the one before.
fn after(stages: Vec<Stage>) -> IflearnerJobStatus {
    let mut object = parsed(SERVER);
    for (second, stage) in (10..).zip(stages) {
        let input = StatusInput {
            object: &object,
            stage,
            exposed: ConditionUpdate::Remove,
            certificates: ConditionUpdate::Keep,
            endpoint: None,
            now: at(second),
        };
        object.status = Some(compute_status(&input, &Config::default()));
    }
    object.status.unwrap()
}

fn of(status: &IflearnerJobStatus, type_: &str) -> (String, String) {
    status
        .condition(type_)
        .map(|found| (found.status.clone(), found.reason.clone()))
        .unwrap_or_default()
}

fn pair(status: &str, reason: &str) -> (String, String) {
    (status.to_owned(), reason.to_owned())
}

#[test]
fn phase_goes_from_pending_to_running_to_succeeded() {
    let created = working(job(), None);
    let runs = working(job(), Some(pod(PodState::Running)));
    let done = working(
        ended(true, "CompletionsReached"),
        Some(PodFacts { exit_code: Some(0), ..pod(PodState::Ended) }),
    );
    let status = after(vec![created.clone()]);
    assert_eq!(
        (status.phase, of(&status, condition::PROGRESSING)),
        (Some(Phase::Pending), pair("True", "Starting"))
    );
    assert_eq!(status.job, Some(JobRef { name: "j".into(), uid: "ju".into() }));
    let status = after(vec![created.clone(), runs.clone()]);
    assert_eq!(
        (status.phase, of(&status, condition::READY)),
        (Some(Phase::Running), pair("True", "Running"))
    );
    assert_eq!(
        (status.pod_ip.as_deref(), status.host_ip.as_deref(), status.restarts),
        (Some("10.0.0.1"), Some("10.1.0.1"), Some(0))
    );
    let status = after(vec![created, runs, done]);
    assert_eq!(
        (status.phase, of(&status, condition::COMPLETE)),
        (Some(Phase::Succeeded), pair("True", "Succeeded"))
    );
    assert_eq!(
        (of(&status, condition::READY).0.as_str(), of(&status, condition::PROGRESSING).0.as_str()),
        ("False", "False")
    );
    assert_eq!(
        (status.exit_code, status.completion_time.clone(), status.start_time.clone()),
        (Some(0), Some(at(9)), Some(at(1)))
    );
    assert!(status.condition(condition::FAILED).is_none());
}

#[test]
fn i16_conditions_have_type_reason_time_and_generation() {
    let status = after(vec![working(job(), None), working(job(), Some(pod(PodState::Running)))]);
    for condition in &status.conditions {
        assert_eq!(condition.observed_generation, Some(1), "{condition:?}");
        assert!(!condition.reason.is_empty(), "{condition:?}");
    }
    assert_eq!(status.observed_generation, Some(1));
    let time = |type_| status.condition(type_).unwrap().last_transition_time.clone();
    assert_eq!(time(condition::PROGRESSING), at(10), "the condition was True before");
    assert_eq!(time(condition::READY), at(11));
}

#[test]
fn i16_repeated_facts_do_not_change_the_status() {
    let waiting = |message: &str| {
        working(
            job(),
            Some(PodFacts {
                problem: Some(StatusReason::new("Unschedulable", message)),
                ..pod(PodState::Pending)
            }),
        )
    };
    let once = after(vec![working(job(), None), waiting("0/3 nodes")]);
    let again = after(vec![
        working(job(), None),
        waiting("0/3 nodes"),
        waiting("0/4 nodes"),
        waiting("0/5 nodes"),
    ]);
    assert_eq!(once, again);
    let scheduled = after(vec![
        working(job(), None),
        working(JobFacts { started: Some(at(3)), ..job() }, Some(pod(PodState::Pending))),
    ]);
    assert_eq!(
        scheduled,
        after(vec![working(job(), None)]),
        "the node of a pending Pod is not written"
    );
    let runs = || working(job(), Some(pod(PodState::Running)));
    assert_eq!(after(vec![runs(), runs(), runs()]), after(vec![runs()]));
}

#[test]
fn failure_reason_is_that_of_the_pod_unless_the_deadline_ended_the_job() {
    let oom = PodFacts {
        exit_code: Some(137),
        problem: Some(StatusReason::new("OOMKilled", "container a exited with 137")),
        ..pod(PodState::Ended)
    };
    let status = after(vec![working(ended(false, "BackoffLimitExceeded"), Some(oom.clone()))]);
    assert_eq!(
        (status.phase, status.reason.as_deref(), status.exit_code),
        (Some(Phase::Failed), Some("OOMKilled"), Some(137))
    );
    assert_eq!(of(&status, condition::FAILED), pair("True", "OOMKilled"));
    let status = after(vec![working(ended(false, "DeadlineExceeded"), Some(oom))]);
    assert_eq!(status.reason.as_deref(), Some("DeadlineExceeded"));
    let status = after(vec![working(ended(false, "BackoffLimitExceeded"), None)]);
    assert_eq!(
        (status.reason.as_deref(), status.message.as_deref()),
        (Some("BackoffLimitExceeded"), Some("the Job's message"))
    );
}

#[test]
fn failure_with_a_read_only_root_names_the_opt_in() {
    let error = PodFacts {
        exit_code: Some(1),
        problem: Some(StatusReason::new("Error", "container a exited with 1")),
        ..pod(PodState::Ended)
    };
    let status = after(vec![working(ended(false, "BackoffLimitExceeded"), Some(error))]);
    assert!(status.message.unwrap().contains("flow-operator/allow=write-root"));
}

#[test]
fn image_that_runs_as_root_fails_the_job_and_names_the_opt_in() {
    let root = PodFacts {
        problem: Some(StatusReason::new(RUNS_AS_ROOT, "the image of container a runs as root")),
        ..pod(PodState::Pending)
    };
    let status = after(vec![working(job(), None), working(job(), Some(root))]);
    assert_eq!((status.phase, status.reason.as_deref()), (Some(Phase::Failed), Some(RUNS_AS_ROOT)));
    assert!(status.message.unwrap().contains("flow-operator/allow=root"));
    assert_eq!(status.completion_time, Some(at(11)));
}

#[test]
fn i05_missing_recorded_job_fails_the_object() {
    let status = after(vec![working(job(), Some(pod(PodState::Running))), Stage::JobDeleted]);
    assert_eq!((status.phase, status.reason.as_deref()), (Some(Phase::Failed), Some("JobDeleted")));
    assert_eq!(status.job.unwrap().uid, "ju", "the reference remains");
}

#[test]
fn phase_is_unknown_while_the_node_does_not_respond() {
    let runs = || working(job(), Some(pod(PodState::Running)));
    let lost = || working(job(), Some(PodFacts { is_ready: false, ..pod(PodState::Lost) }));
    let status = after(vec![runs(), lost()]);
    assert_eq!(
        (status.phase, of(&status, condition::PROGRESSING)),
        (Some(Phase::Unknown), pair("Unknown", "NodeLost"))
    );
    assert_eq!(after(vec![runs(), lost(), runs()]).phase, Some(Phase::Running));
    // The Pod is deleted with its node before the Job reports its failure.
    let gone = || working(job(), None);
    assert_eq!(after(vec![runs(), lost(), gone()]).phase, Some(Phase::Unknown));
    let status =
        after(vec![runs(), lost(), gone(), working(ended(false, "BackoffLimitExceeded"), None)]);
    assert_eq!((status.phase, status.reason.as_deref()), (Some(Phase::Failed), Some("NodeLost")));
}

#[test]
fn reason_of_an_evicted_pod_is_kept_until_its_job_fails() {
    let evicted = PodFacts {
        problem: Some(StatusReason::new("EvictionByEvictionAPI", "drained")),
        ..pod(PodState::Running)
    };
    let history = || {
        vec![working(job(), Some(pod(PodState::Running))), working(job(), Some(evicted.clone()))]
    };
    let gone = [history(), vec![working(job(), None)]].concat();
    let status = after(gone.clone());
    assert_eq!(
        (status.phase, status.reason.as_deref()),
        (Some(Phase::Running), Some("EvictionByEvictionAPI")),
        "until the Job reports its end"
    );
    let failed = || ended(false, "BackoffLimitExceeded");
    for history in [
        [history(), vec![working(failed(), None)]].concat(),
        [gone, vec![working(failed(), None)]].concat(),
    ] {
        let status = after(history);
        assert_eq!(
            (status.phase, status.reason.as_deref()),
            (Some(Phase::Failed), Some("EvictionByEvictionAPI"))
        );
        assert_eq!(status.message.as_deref(), Some("drained"));
    }
    let failing = PodFacts {
        problem: Some(StatusReason::new("CrashLoopBackOff", "again")),
        ..pod(PodState::Running)
    };
    let status = after(vec![working(job(), Some(failing)), working(failed(), None)]);
    assert_eq!(
        status.reason.as_deref(),
        Some("BackoffLimitExceeded"),
        "the cluster did not end that Pod"
    );
}

#[test]
fn ended_pod_does_not_change_the_phase_before_its_job() {
    let status = after(vec![
        working(job(), Some(pod(PodState::Running))),
        working(job(), Some(pod(PodState::Ended))),
    ]);
    assert_eq!(status.phase, Some(Phase::Running));
}

#[test]
fn suspended_job_is_pending_with_reason_suspended() {
    let status = after(vec![working(JobFacts { suspended: true, started: None, ..job() }, None)]);
    assert_eq!((status.phase, status.reason.as_deref()), (Some(Phase::Pending), Some("Suspended")));
}

#[test]
fn running_workload_without_its_route_is_not_ready() {
    let mut object = parsed(SERVER);
    let exposed =
        ConditionUpdate::Set(ConditionValue::new(Some(false), "ApiNotInstalled", "no GRPCRoute"));
    let stage = working(job(), Some(pod(PodState::Running)));
    let input = StatusInput {
        object: &object,
        stage,
        exposed,
        certificates: ConditionUpdate::Remove,
        endpoint: Some("h:443".into()),
        now: at(1),
    };
    let made = compute_status(&input, &Config::default());
    assert_eq!(
        (made.phase, of(&made, condition::READY)),
        (Some(Phase::Running), pair("False", "ApiNotInstalled"))
    );
    assert_eq!(
        (of(&made, condition::EXPOSED), made.endpoint.as_deref()),
        (pair("False", "ApiNotInstalled"), Some("h:443"))
    );
    object.status = Some(made);
    let stage = working(job(), Some(pod(PodState::Running)));
    let input = StatusInput {
        object: &object,
        stage,
        exposed: ConditionUpdate::Remove,
        certificates: ConditionUpdate::Remove,
        endpoint: None,
        now: at(2),
    };
    assert!(
        compute_status(&input, &Config::default()).condition(condition::EXPOSED).is_none(),
        "no route is requested any more"
    );
}

fn route(parents: &str) -> GrpcRoute {
    let text = format!(
        "{{apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {{name: r}}, spec: {{parentRefs: [{{name: g}}], hostnames: [h], rules: []}}, status: {{parents: {parents}}}}}"
    );
    serde_yaml_ng::from_str(&text).unwrap()
}

#[test]
fn conditions_of_a_route_are_found_by_type_and_gateway() {
    let parent = |conditions: &str| {
        format!("[{{parentRef: {{name: g}}, controllerName: c, conditions: {conditions}}}]")
    };
    let condition = |type_: &str, status: &str| {
        format!(
            "{{type: {type_}, status: '{status}', reason: R{type_}, message: m, lastTransitionTime: '2026-01-01T00:00:00Z'}}"
        )
    };
    assert_eq!(exposed_by_grpc_route(&route("[]")).is_true, None);
    let accepted =
        format!("[{}, {}]", condition("ResolvedRefs", "True"), condition("Accepted", "True"));
    assert_eq!(exposed_by_grpc_route(&route(&parent(&accepted))).is_true, Some(true));
    let unresolved =
        format!("[{}, {}]", condition("Accepted", "True"), condition("ResolvedRefs", "False"));
    let value = exposed_by_grpc_route(&route(&parent(&unresolved)));
    assert_eq!((value.is_true, value.cause.reason.as_str()), (Some(false), "RResolvedRefs"));
    let other = parent(&accepted).replace("name: g", "name: other");
    assert_eq!(
        exposed_by_grpc_route(&route(&other)).is_true,
        None,
        "the status of another gateway does not count"
    );
}

#[test]
fn events_follow_transitions_without_repetition() {
    let none = IflearnerJobStatus::default();
    let created = after(vec![working(job(), None)]);
    let reasons = |old: &IflearnerJobStatus, new: &IflearnerJobStatus| {
        events(old, new, Some("note".into()))
            .into_iter()
            .map(|event| (event.is_warning, event.reason))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        reasons(&none, &created),
        [(false, "JobCreated".into()), (true, "RestartPolicyMapped".into())]
    );
    let runs = after(vec![working(job(), None), working(job(), Some(pod(PodState::Running)))]);
    assert_eq!(reasons(&created, &runs), [(false, "Running".into())]);
    assert_eq!(reasons(&runs, &runs), []);
    let done = after(vec![working(ended(true, "x"), None)]);
    assert_eq!(
        reasons(&IflearnerJobStatus { job: done.job.clone(), ..none }, &done),
        [(false, "Succeeded".into())]
    );
}
