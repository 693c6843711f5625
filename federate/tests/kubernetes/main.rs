//! The Kubernetes runtime against a real API server, with exactly the shipped role. The tests act
//! as operator and kubelet.

mod kubelet;
mod logs;
mod rights;
mod support;

use std::path::Path;

use flow_domain::member::ReasonCode;
use flow_federate::runtime::kubernetes::naming;
use flow_federate::runtime::{Runtime as _, RuntimeError, WorkState};
use flow_testkit::kube::{Cluster, Options};
use flow_testkit::wait_for;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use support::{LONG, Party, hold, install, key, launch, over, refusal, running, shared};

#[tokio::test]
async fn member_is_held_started_watched_and_forgotten() {
    let party = Party::new(shared().await).await;
    let mut agent = party.agent().await;
    let key = key();
    let held = agent.runtime.hold(hold(&key)).await.expect("held");
    let address = format!("{}.{}.svc.cluster.local:80", naming::name(&key), party.namespace);
    assert_eq!((held.ports["grpc"], held.endpoints["grpc"].as_str()), (50001, address.as_str()));
    assert_eq!(agent.until(&key, |_| true).await, WorkState::Held(held.clone()));
    assert!(party.job(&key).await.is_none(), "a hold makes nothing");
    assert_eq!(agent.runtime.hold(hold(&key)).await.expect("held again"), held);

    agent.runtime.ensure(launch(&key)).await.expect("started");
    agent.runtime.ensure(launch(&key)).await.expect("a repeated request");
    let job = party.job(&key).await.expect("an object");
    assert_eq!(
        job.spec.run_policy.as_ref().and_then(|policy| policy.suspend),
        Some(false),
        "let run"
    );
    assert_eq!(job.labels()[naming::PARTY], "party-a");
    assert_eq!(job.annotations()[naming::DIGEST], flow_domain::id::Digest::of(b"spec").to_string());

    let pod = party.make_pod(&key, Some("node-1")).await;
    party.set_workload_status(&pod, "Running", running()).await;
    agent.until(&key, |state| *state == WorkState::Running).await;
    party.set_workload_status(&pod, "Succeeded", over(0, "Completed")).await;
    let exit = agent.exit(&key).await;
    assert_eq!((exit.code, exit.reason), (Some(0), None));
    assert!(exit.finished_at > exit.started_at);
    assert_eq!(agent.runtime.known().await.expect("known"), std::slice::from_ref(&key));

    agent.runtime.forget(key.clone()).await.expect("forgotten");
    wait_for("the object to go", LONG, async || party.job(&key).await.is_none()).await;
    assert!(agent.runtime.known().await.expect("known").is_empty());
    assert_eq!(
        refusal(agent.runtime.hold(hold(&key)).await).code,
        ReasonCode::RuntimeError,
        "its key is burnt"
    );
    assert!(agent.runtime.ensure(launch(&key)).await.is_err());
    assert!(party.job(&key).await.is_none());
}

#[tokio::test]
async fn name_of_a_foreign_object_is_rejected_at_hold_and_start() {
    let party = Party::new(shared().await).await;
    let agent = party.agent().await;
    let foreign = |key| {
        let text = json!({
            "apiVersion": "git.iflytek.com/v1", "kind": "IflearnerJob", "metadata": { "name": naming::name(key) },
            "spec": { "role": "client", "template": { "spec": { "containers": [{ "name": "x", "image": "x" }] } } },
        });
        serde_json::from_value(text).expect("an object")
    };
    let (first, second) = (key(), key());
    party.jobs.create(&PostParams::default(), &foreign(&first)).await.expect("made");
    assert_eq!(refusal(agent.runtime.hold(hold(&first)).await).code, ReasonCode::NameTaken);
    agent.runtime.hold(hold(&second)).await.expect("free");
    party.jobs.create(&PostParams::default(), &foreign(&second)).await.expect("made");
    assert_eq!(refusal(agent.runtime.ensure(launch(&second)).await).code, ReasonCode::NameTaken);
    assert!(party.job(&second).await.expect("untouched").spec.run_policy.is_none());
}

#[tokio::test]
async fn deleted_object_is_lost_and_never_created_again() {
    let party = Party::new(shared().await).await;
    let mut agent = party.agent().await;
    let key = key();
    agent.start(&key).await;
    agent.until(&key, |state| matches!(state, WorkState::Starting { .. })).await;
    party.jobs.delete(&naming::name(&key), &DeleteParams::background()).await.expect("deleted");
    let reason = agent.lost(&key).await;
    assert_eq!(reason.code, ReasonCode::ObjectDeleted);
    agent.runtime.ensure(launch(&key)).await.expect("a repeated request");
    assert!(party.job(&key).await.is_none());
    drop(agent);
    let mut later = party.agent().await;
    later.runtime.ensure(launch(&key)).await.expect("a repeated request");
    assert_eq!(later.lost(&key).await, reason, "from the record, long after");
    assert!(party.job(&key).await.is_none());
}

#[tokio::test]
async fn object_deleted_without_an_agent_is_reported_as_deleted() {
    let party = Party::new(shared().await).await;
    let key = key();
    {
        let mut agent = party.agent().await;
        agent.start(&key).await;
        agent.until(&key, |state| matches!(state, WorkState::Starting { .. })).await;
    }
    party.jobs.delete(&naming::name(&key), &DeleteParams::background()).await.expect("deleted");
    let mut later = party.agent().await;
    assert_eq!(later.lost(&key).await.code, ReasonCode::ObjectDeleted);
}

#[tokio::test]
async fn later_agent_adopts_a_running_member_and_reports_its_end() {
    let party = Party::new(shared().await).await;
    let key = key();
    let pod = {
        let mut agent = party.agent().await;
        agent.start(&key).await;
        let pod = party.make_pod(&key, Some("node-1")).await;
        party.set_workload_status(&pod, "Running", running()).await;
        agent.until(&key, |state| *state == WorkState::Running).await;
        pod
    };
    let before = party.job(&key).await.expect("an object");
    let mut later = party.agent().await;
    assert_eq!(
        later.until(&key, |_| true).await,
        WorkState::Running,
        "first the state of what is known"
    );
    later.runtime.ensure(launch(&key)).await.expect("a repeated request");
    assert_eq!(
        party.job(&key).await.expect("the same").metadata.resource_version,
        before.metadata.resource_version,
        "untouched"
    );
    party.set_workload_status(&pod, "Failed", over(3, "Error")).await;
    party
        .set_job_status(&key, json!({ "phase": "Failed", "reason": "Error", "exitCode": 3 }))
        .await;
    let exit = later.exit(&key).await;
    assert_eq!((exit.code, exit.reason.clone()), (Some(3), None));
    drop(later);
    party.jobs.delete(&naming::name(&key), &DeleteParams::background()).await.expect("deleted");
    let mut last = party.agent().await;
    assert_eq!(last.exit(&key).await, exit, "reported without the cluster");
}

/// As an agent that was killed between making the object and knowing its UID leaves both.
async fn killed_before_it_knew(party: &Party) -> flow_federate::runtime::WorkKey {
    let (key, held) = (key(), Path::new("held.json"));
    let agent = party.agent().await;
    agent.runtime.hold(hold(&key)).await.expect("held");
    let copy = party.dir.path().join(held);
    std::fs::copy(party.record(&key), &copy).expect("copied");
    agent.runtime.ensure(launch(&key)).await.expect("started");
    drop(agent);
    std::fs::rename(copy, party.record(&key)).expect("put back");
    let suspended = Patch::Merge(json!({ "spec": { "runPolicy": { "suspend": true } } }));
    party
        .jobs
        .patch(&naming::name(&key), &PatchParams::default(), &suspended)
        .await
        .expect("as it was born");
    key
}

#[tokio::test]
async fn object_without_a_recorded_uid_is_adopted_and_resumed() {
    let party = Party::new(shared().await).await;
    let key = killed_before_it_knew(&party).await;
    let born = party.job(&key).await.expect("an object").uid();
    let agent = party.agent().await;
    agent.runtime.ensure(launch(&key)).await.expect("the object is adopted");
    let job = party.job(&key).await.expect("an object");
    assert_eq!(
        (job.uid(), job.spec.run_policy.and_then(|policy| policy.suspend)),
        (born, Some(false))
    );
}

#[tokio::test]
async fn object_that_was_never_resumed_can_be_created_again() {
    let party = Party::new(shared().await).await;
    let key = killed_before_it_knew(&party).await;
    let born = party.job(&key).await.expect("an object").uid();
    party.jobs.delete(&naming::name(&key), &DeleteParams::background()).await.expect("deleted");
    wait_for("it to go", LONG, async || party.job(&key).await.is_none()).await;
    let agent = party.agent().await;
    agent.runtime.ensure(launch(&key)).await.expect("made");
    assert_ne!(party.job(&key).await.expect("an object").uid(), born);
}

#[tokio::test]
async fn object_without_a_recorded_uid_can_be_stopped() {
    let party = Party::new(shared().await).await;
    let key = killed_before_it_knew(&party).await;
    let mut agent = party.agent().await;
    agent.runtime.stop(key.clone(), 0).await.expect("stopping");
    agent.until(&key, |state| *state == WorkState::Absent).await;
    assert!(party.job(&key).await.is_none());
}

#[tokio::test]
async fn end_of_a_stopped_member_is_reported_only_when_its_pod_is_gone() {
    let party = Party::new(shared().await).await;
    let mut agent = party.agent().await;
    let key = key();
    agent.start(&key).await;
    let pod = party.make_pod(&key, Some("node-1")).await;
    party.set_workload_status(&pod, "Running", running()).await;
    agent.until(&key, |state| *state == WorkState::Running).await;
    agent.runtime.stop(key.clone(), 5).await.expect("stopping");
    agent.runtime.stop(key.clone(), 5).await.expect("a repeated request");
    // The garbage collector, once it knows the resource, requests the end; only the kubelet removes
    // a Pod of a node.
    wait_for("the pod to be asked to end", LONG, async || {
        party
            .pods
            .get(&pod.name_any())
            .await
            .is_ok_and(|pod| pod.metadata.deletion_timestamp.is_some())
    })
    .await;
    // The object may be deleted before its Pod if the collector is late; the Pod alone keeps the
    // member alive.
    while let Ok(seen) = agent.observed.try_recv() {
        assert!(
            !matches!(seen.state, WorkState::Exited(_) | WorkState::Lost(_) | WorkState::Absent),
            "{seen:?}"
        );
    }
    assert!(
        std::fs::read_to_string(party.record(&key))
            .expect("a record")
            .contains("\"stage\":\"created\"")
    );
    party.set_workload_status(&pod, "Failed", over(143, "Error")).await;
    party.remove_pod(&pod).await;
    let exit = agent.exit(&key).await;
    assert_eq!(
        (exit.code, exit.reason.map(|reason| reason.code)),
        (Some(143), Some(ReasonCode::StopRequested))
    );
    assert!(
        party.job(&key).await.is_none()
            && party.pods.get_opt(&pod.name_any()).await.expect("asked").is_none()
    );
}

#[tokio::test]
async fn member_stopped_before_its_start_is_absent() {
    let party = Party::new(shared().await).await;
    let mut agent = party.agent().await;
    let (held, started, unknown) = (key(), key(), key());
    agent.runtime.hold(hold(&held)).await.expect("held");
    agent.runtime.stop(held.clone(), 0).await.expect("stopped");
    agent.until(&held, |state| *state == WorkState::Absent).await;
    agent.runtime.stop(unknown.clone(), 0).await.expect("stopped");
    agent.until(&unknown, |state| *state == WorkState::Absent).await;
    agent.start(&started).await;
    agent.runtime.stop(started.clone(), 0).await.expect("stopped");
    agent.until(&started, |state| *state == WorkState::Absent).await;
    assert!(party.job(&started).await.is_none());
    assert!(agent.runtime.known().await.expect("known").is_empty());
}

#[tokio::test]
async fn recorded_stop_is_a_stop_for_the_next_agent() {
    let party = Party::new(shared().await).await;
    let key = key();
    let pod = {
        let mut agent = party.agent().await;
        agent.start(&key).await;
        let pod = party.make_pod(&key, None).await;
        party.set_workload_status(&pod, "Running", running()).await;
        agent.until(&key, |state| *state == WorkState::Running).await;
        agent.runtime.stop(key.clone(), 5).await.expect("stopping");
        pod
    };
    party.remove_pod(&pod).await;
    wait_for("the object to go", LONG, async || party.job(&key).await.is_none()).await;
    let mut later = party.agent().await;
    let ended = later.until(&key, |state| !matches!(state, WorkState::Running)).await;
    assert!(!matches!(ended, WorkState::Lost(_)), "{ended:?}");
}

#[tokio::test]
async fn damaged_record_affects_one_member_and_never_causes_a_second_start() {
    let party = Party::new(shared().await).await;
    let (runs, held, gone, well) = (key(), key(), key(), key());
    let pod = {
        let mut agent = party.agent().await;
        for key in [&runs, &gone, &well] {
            agent.start(key).await;
        }
        agent.runtime.hold(hold(&held)).await.expect("held");
        let pod = party.make_pod(&runs, Some("node-1")).await;
        party.set_workload_status(&pod, "Running", running()).await;
        agent.until(&runs, |state| *state == WorkState::Running).await;
        pod
    };
    let uid = party.job(&runs).await.expect("an object").uid();
    party.jobs.delete(&naming::name(&gone), &DeleteParams::background()).await.expect("deleted");
    for key in [&runs, &held, &gone] {
        std::fs::write(party.record(key), "{").expect("damaged");
    }
    // One agent after the other: each gets all states from the beginning.
    for key in [&held, &gone] {
        let mut later = party.agent().await;
        assert_eq!(later.lost(key).await.code, ReasonCode::AgentStateLost);
        refusal(later.runtime.hold(hold(key)).await);
        later.runtime.ensure(launch(key)).await.expect("nothing to do");
        assert!(party.job(key).await.is_none(), "it was made again");
        assert_eq!(
            std::fs::read_to_string(party.record(key).with_extension("damaged")).expect("kept"),
            "{"
        );
    }
    party.agent().await.until(&well, |state| matches!(state, WorkState::Starting { .. })).await;
    let mut later = party.agent().await;
    later.until(&runs, |state| *state == WorkState::Running).await;
    later.runtime.ensure(launch(&runs)).await.expect("it runs");
    assert_eq!(
        party.job(&runs).await.expect("an object").uid(),
        uid,
        "the object in the cluster is adopted"
    );
    party.set_workload_status(&pod, "Succeeded", over(0, "Completed")).await;
    assert_eq!(later.exit(&runs).await.code, Some(0));
}

#[tokio::test]
async fn one_namespace_has_one_agent() {
    let party = Party::new(shared().await).await;
    let first = party.agent().await;
    let Err(refused) = party.try_start(&flow_common::ids::instance_id()).await else {
        panic!("two agents")
    };
    let text = refused.to_string();
    assert!(text.contains("party-a") && text.contains("delete lease flow-federate"), "{text}");
    // The same journal: the process before it is dead, or about to be.
    let _second = party.agent().await;
    flow_common::clock::timeout(LONG, first.runtime.lost()).await.expect("the first one notices");
}

#[tokio::test]
async fn agent_lists_its_cluster_or_reports_the_missing_permission() {
    let cluster = shared().await;
    let party = Party::new(cluster).await;
    let runtime = party.try_start(&party.instance).await.expect("a runtime");
    assert_eq!(runtime.known().await.expect("asked once"), []);

    let party = Party::without_role(cluster).await;
    cluster
        .kubectl_ok(&[
            "create",
            "role",
            "agent",
            "--verb=create,get,update",
            "--resource=leases",
            "-n",
            &party.namespace,
        ])
        .await;
    party.bind(cluster, "agent").await;
    cluster.allowed(&party.user(), &["create", "leases", "-n", &party.namespace]).await;
    let runtime = party.try_start(&party.instance).await.expect("a runtime");
    let Err(RuntimeError::Transient { source, .. }) = runtime.known().await else {
        panic!("it may list nothing")
    };
    assert!(source.to_string().contains("forbidden: User"), "{source}");
}

#[tokio::test]
async fn exhausted_quota_rejects_the_hold() {
    let cluster = shared().await;
    let party = Party::new(cluster).await;
    let agent = party.agent().await;
    let namespace = &party.namespace;
    let count = "--hard=count/iflearnerjobs.git.iflytek.com=0";
    // The usage of a quota is computed late if the controller has not discovered the resource,
    // which it does every half minute.
    wait_for("the quota to be counted", 2 * LONG, async || {
        cluster.kubectl(&["delete", "quota", "none", "--ignore-not-found", "-n", namespace]).await;
        cluster.kubectl_ok(&["create", "quota", "none", count, "-n", namespace]).await;
        let counted = [
            "wait",
            "--for=jsonpath={.status.used}",
            "--timeout=3s",
            "quota/none",
            "-n",
            namespace,
        ];
        cluster.kubectl(&counted).await.status.success()
    })
    .await;
    let reason = wait_for("the quota to be seen", LONG, async || {
        match agent.runtime.hold(hold(&key())).await {
            Err(RuntimeError::Refused(reason)) => Some(reason),
            _ => None,
        }
    })
    .await;
    assert_eq!(reason.code, ReasonCode::ResourcesExhausted);
}

#[tokio::test]
async fn delay_of_a_pod_has_an_actionable_reason() {
    let party = Party::new(shared().await).await;
    let mut agent = party.agent().await;
    let key = key();
    agent.start(&key).await;
    agent.delay(&key, ReasonCode::RuntimeError).await;
    let message = "0/1 nodes are available: 1 Insufficient cpu.";
    party
        .set_job_status(
            &key,
            json!({ "phase": "Pending", "reason": "Unschedulable", "message": message }),
        )
        .await;
    assert!(
        agent.delay(&key, ReasonCode::Unschedulable).await.message.contains("Insufficient cpu")
    );
    let forbidden = "pods \"x\" is forbidden: exceeded quota: q";
    party
        .set_job_status(
            &key,
            json!({ "phase": "Pending", "reason": "PodNotCreated", "message": forbidden }),
        )
        .await;
    agent.delay(&key, ReasonCode::ResourcesExhausted).await;
    let pod = party.make_pod(&key, Some("node-1")).await;
    party
        .set_workload_status(
            &pod,
            "Pending",
            json!({ "waiting": { "reason": "ImagePullBackOff", "message": "registry.invalid" } }),
        )
        .await;
    let reason = agent.delay(&key, ReasonCode::ImageUnusable).await;
    assert!(
        !reason.message.contains("registry.invalid"),
        "what an image name means here is the party's own"
    );
}

#[tokio::test]
async fn unreachable_member_reports_the_reason_and_runs_when_it_is_reachable() {
    let party = Party::new(shared().await).await;
    let mut agent = party.agent().await;
    let key = key();
    agent.start(&key).await;
    let exposed = |status: &str, reason: &str, message: &str| json!([{ "type": "Exposed", "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-01-02T03:04:05Z" }]);
    let missing = exposed("False", "NotConfigured", "no Gateway is named");
    let status = json!({ "phase": "Pending", "reason": "CertificatesMissing", "message": "no ConfigMap", "conditions": missing });
    party.set_job_status(&key, status).await;
    let has_reason = |state: &WorkState, words: &str| matches!(state, WorkState::Starting { reason: Some(reported) } if reported.message.contains(words));
    agent.until(&key, |state| has_reason(state, "setup certificates")).await;
    let pod = party.make_pod(&key, Some("node-1")).await;
    party.set_workload_status(&pod, "Running", running()).await;
    let reported = agent
        .until(&key, |state| {
            *state == WorkState::Running || has_reason(state, "no Gateway is named")
        })
        .await;
    assert_ne!(reported, WorkState::Running, "no member can dial it");
    party
        .set_job_status(
            &key,
            json!({ "phase": "Running", "conditions": exposed("True", "Accepted", "") }),
        )
        .await;
    agent.until(&key, |state| *state == WorkState::Running).await;
}

#[tokio::test]
async fn end_by_the_cluster_differs_from_an_exit_of_the_workload() {
    let party = Party::new(shared().await).await;
    let mut agent = party.agent().await;
    let cases = [
        ("Evicted", Some("Evicted"), over(137, "Error"), "evicted"),
        ("DeletionByTaintManager", None, json!({}), "node"),
        ("OOMKilled", None, over(137, "OOMKilled"), "memory"),
        ("DeadlineExceeded", None, over(143, "Error"), "max_runtime_s"),
    ];
    for (reason, pod_reason, state, word) in cases {
        let key = key();
        agent.start(&key).await;
        let pod = party.make_pod(&key, Some("node-1")).await;
        party.set_workload_status(&pod, "Running", running()).await;
        agent.until(&key, |state| *state == WorkState::Running).await;
        party.set_workload_status(&pod, "Failed", state).await;
        if let Some(pod_reason) = pod_reason {
            let patch = Patch::Merge(json!({ "status": { "reason": pod_reason } }));
            party
                .pods
                .patch_status(&pod.name_any(), &PatchParams::default(), &patch)
                .await
                .expect("patched");
        }
        party.set_job_status(&key, json!({ "phase": "Failed", "reason": reason })).await;
        let reported =
            agent.exit(&key).await.reason.unwrap_or_else(|| panic!("{reason}: no reason"));
        assert!(reported.message.contains(word), "{reason}: {reported}");
    }
}

#[tokio::test]
async fn member_on_a_silent_node_is_unseen_until_the_node_returns_or_is_removed() {
    let party = Party::new(shared().await).await;
    let mut agent = party.agent().await;
    let (key, stopped) = (key(), key());
    let mut pods = Vec::new();
    for key in [&key, &stopped] {
        agent.start(key).await;
        let pod = party.make_pod(key, Some("node-1")).await;
        party.set_workload_status(&pod, "Running", running()).await;
        agent.until(key, |state| *state == WorkState::Running).await;
        pods.push(pod);
    }
    let [pod, other] = &pods[..] else { panic!("two pods") };
    // As the node lifecycle controller sets it, without a reason.
    let not_ready = json!({ "type": "Ready", "status": "False" });
    party.conditions(pod, json!([not_ready])).await;
    agent.unseen(&key, "(NodeNotReady)").await;
    // The kubelet is back: it sets a reason.
    party
        .conditions(
            pod,
            json!([{ "type": "Ready", "status": "False", "reason": "ContainersNotReady" }]),
        )
        .await;
    agent.until(&key, |state| *state == WorkState::Running).await;

    // Evicted by a controller that does not know whether the Pod runs.
    let target =
        json!({ "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager" });
    party.conditions(pod, json!([not_ready, target])).await;
    party.pods.delete(&pod.name_any(), &DeleteParams::default()).await.expect("marked");
    party
        .set_job_status(&key, json!({ "phase": "Unknown", "reason": "DeletionByTaintManager" }))
        .await;
    agent
        .unseen(&key, "delete it from the cluster; the member ends then (DeletionByTaintManager)")
        .await;
    let ended = json!({ "status": { "phase": "Failed" } });
    party
        .pods
        .patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&ended))
        .await
        .expect("patched");
    party
        .set_job_status(&key, json!({ "phase": "Failed", "reason": "DeletionByTaintManager" }))
        .await;
    let reported = agent.exit(&key).await.reason.expect("a reason");
    assert!(reported.message.contains("its node was lost; start a new run"), "{reported}");

    // A stop proves no end while the node is silent.
    party.conditions(other, json!([not_ready])).await;
    agent.unseen(&stopped, "(NodeNotReady)").await;
    agent.runtime.stop(stopped.clone(), 5).await.expect("stopping");
    agent.unseen(&stopped, "it is unknown whether the member still runs").await;
    party.set_workload_status(other, "Failed", over(143, "Error")).await;
    party.remove_pod(other).await;
    assert_eq!(
        agent.exit(&stopped).await.reason.map(|reason| reason.code),
        Some(ReasonCode::StopRequested)
    );
}

#[tokio::test]
async fn outage_of_the_api_server_loses_nothing_and_an_expired_watch_restarts() {
    let mut cluster = Cluster::start_with(Options { scheduler: false, ..Options::default() }).await;
    install(&cluster).await;
    let party = Party::new(&cluster).await;
    let mut agent = party.agent().await;
    let (running_key, deleted) = (key(), key());
    agent.start(&running_key).await;
    agent.start(&deleted).await;
    let pod = party.make_pod(&running_key, Some("node-1")).await;
    party.set_workload_status(&pod, "Running", running()).await;
    agent.until(&running_key, |state| *state == WorkState::Running).await;

    cluster.stop_api_server();
    wait_for("the outage to be noticed", LONG, async || {
        agent.runtime.describe()["cluster"] == "does not answer"
    })
    .await;
    assert!(matches!(agent.runtime.hold(hold(&key())).await, Err(RuntimeError::Transient { .. })));
    let Err(error @ RuntimeError::Transient { .. }) = agent.runtime.stop(deleted.clone(), 0).await
    else {
        panic!("who answered?")
    };
    assert!(error.reason().message.contains("does not respond to its agent"), "{}", error.reason());
    assert_eq!(agent.runtime.known().await.expect("still known").len(), 2);
    let reported = agent.unseen(&running_key, "does not respond to its agent").await;
    assert!(!reported.message.contains("127.0.0.1"), "{reported}");

    // The new API server does not know versions from before its start: watches must list again.
    cluster.start_api_server().await;
    agent.until(&running_key, |state| *state == WorkState::Running).await;
    party.set_workload_status(&pod, "Succeeded", over(0, "Completed")).await;
    party.jobs.delete(&naming::name(&deleted), &DeleteParams::background()).await.expect("deleted");
    assert_eq!(agent.exit(&running_key).await.code, Some(0));
    agent.runtime.stop(deleted.clone(), 0).await.expect("it answers again");
    agent.runtime.stop(deleted, 0).await.expect("a repeated request");
    wait_for("the outage to be over", LONG, async || {
        agent.runtime.describe()["cluster"] == "answers"
    })
    .await;
}
