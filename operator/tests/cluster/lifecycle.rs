//! The life of a job from its creation to its deletion: one run and one result in every case.

use flow_common::clock::{Clock as _, SystemClock};
use flow_crd::{IflearnerJob, IflearnerJobStatus, Phase, condition};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy};
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::support::{SERVER, World, eventually, manifest};

#[tokio::test]
async fn samples_of_the_original_run_unchanged_and_show_their_phase() {
    let world = World::new().await;
    let operator = world.operator(&[]).await;
    world.allow("hostpath,root,write-root").await;
    world.trust_roots().await;
    for sample in ["server", "client", "flow"] {
        let path = flow_testkit::repository().join(format!("deploy/samples/{sample}.yaml"));
        for document in
            serde_yaml_ng::Deserializer::from_str(&std::fs::read_to_string(path).unwrap())
        {
            let object = Value::deserialize(document).unwrap();
            let name = object["metadata"]["name"].as_str().unwrap();
            world.create(&object).await.unwrap();
            let status = world.until(name, "a phase", |status| status.phase.is_some()).await;
            assert_eq!(status.phase, Some(Phase::Pending), "{name}");
            let status = world.live(name, 0).await;
            assert_eq!(
                (status.phase, status.exit_code),
                (Some(Phase::Succeeded), Some(0)),
                "{name}"
            );
            assert!(status.start_time.is_some() && status.completion_time.is_some(), "{name}");
            let service: Service = world.found(name, |_| true).await;
            assert_eq!(service.spec.unwrap().ports.unwrap()[0].port, 80, "{name}");
        }
    }
    let pods = world
        .cluster
        .kubectl_ok(&[
            "get",
            "pods",
            "-n",
            &world.namespace,
            "-l",
            "app=iflearnerjob-server",
            "-o",
            "name",
        ])
        .await;
    assert!(
        pods.starts_with("pod/iflearnerjob-server-"),
        "logs are found by label and by name: {pods}"
    );
    drop(operator);
}

#[tokio::test]
async fn i02_missing_children_are_created_beside_existing_ones() {
    let world = World::new().await;
    let operator = world.operator(&[]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    world.recorded("a").await;
    operator.kill().await;
    world.delete::<Service>("a", &DeleteParams::default()).await;
    world.delete::<NetworkPolicy>("a", &DeleteParams::default()).await;
    let _operator = world.operator(&[]).await;
    world.found::<Service>("a", |_| true).await;
    world.found::<NetworkPolicy>("a", |_| true).await;
    assert_eq!(world.all::<Job>().await.len(), 1);
}

#[tokio::test]
async fn i03_deleted_or_edited_children_are_repaired() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let uid = world.recorded("a").await.owner_references()[0].uid.clone();
    let edits = json!({"spec": {"selector": {"app": "other"}}, "metadata": {"labels": {"flow-operator/iflearnerjob-uid": "x"}}});
    world
        .api::<Service>()
        .patch("a", &PatchParams::default(), &Patch::Merge(&edits))
        .await
        .unwrap();
    let is_repaired = |service: &Service| {
        let selector = service.spec.as_ref().unwrap().selector.clone().unwrap_or_default();
        selector.len() == 1
            && selector.get("flow-operator/iflearnerjob-uid") == Some(&uid)
            && service.labels().get("flow-operator/iflearnerjob-uid") == Some(&uid)
    };
    world.found("a", is_repaired).await;
    let before = world.found::<NetworkPolicy>("a", |_| true).await.uid();
    world.delete::<NetworkPolicy>("a", &DeleteParams::default()).await;
    let made = world.found::<NetworkPolicy>("a", |policy| policy.uid() != before).await;
    let ports = serde_json::to_value(
        made.spec.as_ref().unwrap().ingress.as_ref().unwrap()[0].ports.as_ref().unwrap(),
    )
    .unwrap();
    let mut wider = ports.clone();
    wider[0]["endPort"] = json!(65535);
    for rule in [
        json!({}),
        json!({ "ports": wider }),
        json!({ "ports": ports, "from": [{"podSelector": {"matchLabels": {"a": "b"}}}] }),
    ] {
        let edit = json!({"spec": {"ingress": [rule]}});
        let edited = world
            .api::<NetworkPolicy>()
            .patch("a", &PatchParams::default(), &Patch::Merge(&edit))
            .await
            .unwrap();
        assert_ne!(edited.spec, made.spec, "{rule}");
        world.found("a", |policy: &NetworkPolicy| policy.spec == made.spec).await;
    }
}

#[tokio::test]
async fn field_that_is_no_longer_desired_is_removed_from_a_child() {
    let world = World::new().await;
    let class = ("exposure.ingress.class", "nginx");
    let [kept, dropped] =
        [("exposure.ingress.annotations.kept", "1"), ("exposure.ingress.annotations.dropped", "1")];
    let first = world.operator(&[class, kept, dropped]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    world.recorded("a").await;
    world.found("a", |ingress: &Ingress| ingress.annotations().contains_key("dropped")).await;
    first.stop().await;
    let _second = world.operator(&[class, kept]).await;
    let ingress =
        world.found("a", |ingress: &Ingress| !ingress.annotations().contains_key("dropped")).await;
    assert_eq!(ingress.annotations()["kept"], "1");
    let ours = ingress
        .managed_fields()
        .iter()
        .filter(|fields| fields.manager.as_deref() == Some("flow-operator"));
    assert_eq!(
        ours.filter_map(|fields| fields.operation.as_deref()).collect::<Vec<_>>(),
        ["Apply"]
    );
}

#[tokio::test]
async fn i05_finished_training_never_runs_again() {
    let world = World::new().await;
    let operator = world.operator(&[]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let job = world.recorded("a").await.name_any();
    let ended = world.live("a", 0).await;
    world.delete::<Job>(&job, &DeleteParams::background()).await;
    world.gone::<Job>(&job).await;
    let passes = operator.passes().await;
    world.patch("a", json!({"metadata": {"labels": {"look": "again"}}})).await.unwrap();
    eventually("another pass", async || operator.passes().await > passes).await;
    operator.stop().await;
    let operator = world.operator(&[]).await;
    eventually("a pass of the next operator", async || operator.works().await.passes().await > 0.0)
        .await;
    assert_eq!(world.all::<Job>().await.len(), 0);
    assert_eq!(world.job("a").await.status.unwrap(), ended);
}

#[tokio::test]
async fn i05_deleted_pod_fails_the_job_and_is_not_replaced() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let pod = world.run_pod("a").await;
    world.until("a", "running", |status| status.phase == Some(Phase::Running)).await;
    world.delete::<Pod>(&pod.name_any(), &DeleteParams::default().grace_period(0)).await;
    let status = world.until("a", "the end", |status| status.phase == Some(Phase::Failed)).await;
    assert_eq!(status.reason.as_deref(), Some("BackoffLimitExceeded"));
    let pods = world.all::<Pod>().await;
    assert!(pods.iter().all(|found| found.uid() == pod.uid()), "no second Pod");
}

#[tokio::test]
async fn i05_deletion_of_a_recorded_job_ends_the_run() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let job = world.recorded("a").await;
    world.run_pod("a").await;
    world.until("a", "running", |status| status.phase == Some(Phase::Running)).await;
    world.delete::<Job>(&job.name_any(), &DeleteParams::background()).await;
    let status = world.until("a", "the end", |status| status.phase == Some(Phase::Failed)).await;
    assert_eq!(status.reason.as_deref(), Some("JobDeleted"));
    assert!(status.is_true(condition::FAILED));
    assert_eq!(status.job.unwrap().uid, job.uid().unwrap());
    assert!(world.event("a", "JobDeleted").await.contains("deleted"));
}

#[tokio::test]
async fn reason_and_exit_code_of_an_evicted_pod_are_reported_after_its_deletion() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    // A controller removes an old condition of a Pod that was not deleted, so the condition has the
    // current time.
    let now = Timestamp::from_second(SystemClock.now().0 / 1_000_000).unwrap();
    let target = json!({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "drained", "lastTransitionTime": now});
    for (name, code) in [("reported", Some(143)), ("silent", None)] {
        world.create(&manifest(SERVER, name, json!({}))).await.unwrap();
        let pod = world.run_pod(name).await;
        world.until(name, "running", |status| status.phase == Some(Phase::Running)).await;
        world.set_pod(&pod, json!({"conditions": [target]})).await;
        world
            .until(name, "the eviction", |status| {
                status.reason.as_deref() == Some("EvictionByEvictionAPI")
            })
            .await;
        if code.is_some() {
            world.end_pod(name, 143).await;
        }
        let now = DeleteParams::default().grace_period(0);
        world.delete::<Pod>(&pod.name_any(), &now).await;
        let status =
            world.until(name, "the end", |status| status.phase == Some(Phase::Failed)).await;
        assert_eq!(
            (status.reason.as_deref(), status.exit_code),
            (Some("EvictionByEvictionAPI"), code),
            "{name}"
        );
        world.gone::<Pod>(&pod.name_any()).await;
    }
}

#[tokio::test]
async fn i09_child_held_by_a_finalizer_is_reported_and_a_route_delays_nothing() {
    let world = World::new().await;
    let operator = world.operator(&[("exposure.ingress.class", "nginx")]).await;
    let held = json!({"metadata": {"finalizers": ["example.org/held"]}});
    let (hold, release) =
        (Patch::Merge(&held), Patch::Merge(json!({"metadata": {"finalizers": null}})));
    let by_default = PatchParams::default();

    world.create(&manifest(SERVER, "route", json!({}))).await.unwrap();
    let made: Ingress = world.found("route", |_| true).await;
    world.api::<Ingress>().patch("route", &by_default, &hold).await.unwrap();
    world.delete::<Ingress>("route", &DeleteParams::default()).await;

    world.create(&manifest(SERVER, "again", json!({}))).await.unwrap();
    world.recorded("again").await;
    world.api::<Service>().patch("again", &by_default, &hold).await.unwrap();
    world.delete::<IflearnerJob>("again", &DeleteParams::background()).await;
    world.gone::<IflearnerJob>("again").await;
    world.found("again", |service: &Service| service.metadata.deletion_timestamp.is_some()).await;
    world.create(&manifest(SERVER, "again", json!({}))).await.unwrap();

    let terminating = |found: &str| found == "Terminating";
    let exposed = |status: &IflearnerJobStatus| status.condition(condition::EXPOSED).cloned();
    let status = world
        .until("route", "why", |status| {
            exposed(status).is_some_and(|found| terminating(&found.reason))
        })
        .await;
    assert!(exposed(&status).unwrap().message.contains("Ingress route is being deleted"));
    world.run_pod("route").await;
    world
        .until("route", "running all the same", |status| status.phase == Some(Phase::Running))
        .await;
    let status = world
        .until("again", "why", |status| status.reason.as_deref().is_some_and(terminating))
        .await;
    assert_eq!(status.phase, Some(Phase::Pending));
    assert!(status.message.unwrap().contains("metadata.finalizers"));

    world.api::<Ingress>().patch("route", &by_default, &release).await.unwrap();
    world.found("route", |ingress: &Ingress| ingress.uid() != made.uid()).await;
    world
        .until("route", "another", |status| {
            exposed(status).is_some_and(|found| found.reason == "NoAddress")
        })
        .await;
    world.api::<Service>().patch("again", &by_default, &release).await.unwrap();
    world.recorded("again").await;
    let log = operator.stop().await;
    assert!(!log.contains("reconcile pass failed"), "{log}");
}

#[tokio::test]
async fn i07_no_child_is_created_for_an_object_being_deleted() {
    for propagation in [PropagationPolicy::Foreground, PropagationPolicy::Background] {
        let world = World::new().await;
        let operator = world.operator(&[]).await;
        let mut object = manifest(SERVER, "a", json!({}));
        // The finalizer holds the object while its children are deleted.
        object["metadata"]["finalizers"] = json!(["example.org/held"]);
        world.create(&object).await.unwrap();
        let job = world.recorded("a").await.name_any();
        world.run_pod("a").await;
        // The Job controller sets the start time, and the operator may write it later.
        let settled = |status: &IflearnerJobStatus| {
            status.phase == Some(Phase::Running) && status.start_time.is_some()
        };
        world.until("a", "running with a start time", settled).await;
        let how = DeleteParams {
            propagation_policy: Some(propagation.clone()),
            ..DeleteParams::default()
        };
        // The last write before the deletion.
        world.event("a", "Running").await;
        world.delete::<IflearnerJob>("a", &how).await;
        let writes = operator.all_writes().await;
        // The garbage collector may have been faster.
        let _ = world.api::<Job>().delete(&job, &DeleteParams::background()).await;
        world.gone::<Job>(&job).await;
        let passes = operator.passes().await;
        world.patch("a", json!({"metadata": {"labels": {"look": "again"}}})).await.unwrap();
        eventually("another pass", async || operator.passes().await > passes).await;
        assert_eq!(
            (world.all::<Job>().await.len(), operator.all_writes().await),
            (0, writes),
            "{propagation:?}"
        );
        world.patch("a", json!({"metadata": {"finalizers": null}})).await.unwrap();
        world.gone::<IflearnerJob>("a").await;
        world.gone::<Service>("a").await;
    }
}

#[tokio::test]
async fn i07_foreground_deletion_of_an_object_waits_for_its_pod() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    world.recorded("a").await;
    let pod = world.run_pod("a").await.name_any();
    let held = json!({"metadata": {"finalizers": ["batch.kubernetes.io/job-tracking", "example.org/held"]}});
    world.api::<Pod>().patch(&pod, &PatchParams::default(), &Patch::Merge(&held)).await.unwrap();
    world.delete::<IflearnerJob>("a", &DeleteParams::foreground()).await;
    world.found(&pod, |pod: &Pod| pod.metadata.deletion_timestamp.is_some()).await;
    world.gone::<Service>("a").await;
    assert!(world.job("a").await.metadata.deletion_timestamp.is_some());
    let release = json!({"metadata": {"finalizers": null}});
    world.api::<Pod>().patch(&pod, &PatchParams::default(), &Patch::Merge(&release)).await.unwrap();
    world.gone::<IflearnerJob>("a").await;
}

#[tokio::test]
async fn i08_object_created_again_with_the_same_name_has_its_own_children() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    let object = manifest(SERVER, "a", json!({}));
    world.create(&object).await.unwrap();
    let first = world.recorded("a").await;
    world.live("a", 1).await;
    // The children exist until the garbage collector deletes them.
    world.delete::<IflearnerJob>("a", &DeleteParams::background()).await;
    world.gone::<IflearnerJob>("a").await;
    let again = world.create(&object).await.unwrap();
    let second = world.recorded("a").await;
    assert_ne!((first.name_any(), first.uid()), (second.name_any(), second.uid()));
    let status = world.job("a").await.status.unwrap();
    assert_eq!(
        (status.phase, status.exit_code),
        (Some(Phase::Pending), None),
        "the old end is not its"
    );
    let uid = again.uid().unwrap();
    world
        .found("a", |service: &Service| {
            service.owner_references().iter().any(|owner| owner.uid == uid)
        })
        .await;
}

#[tokio::test]
async fn i09_child_of_another_owner_is_reported_and_not_changed() {
    let world = World::new().await;
    let operator = world.operator(&[]).await;
    let strangers: Service =
        serde_json::from_value(json!({"metadata": {"name": "a"}, "spec": {"ports": [{"port": 1}], "selector": {"b": "c"}}})).unwrap();
    let before = world.api().create(&PostParams::default(), &strangers).await.unwrap();
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let status =
        world.until("a", "NameTaken", |status| status.reason.as_deref() == Some("NameTaken")).await;
    assert_eq!(status.phase, Some(Phase::Pending));
    assert!(status.message.unwrap().contains("Service a exists"));
    assert_eq!(
        status.conditions.iter().find(|found| found.type_ == condition::READY).unwrap().reason,
        "NameTaken"
    );
    world.event("a", "NameTaken").await;
    assert_eq!(world.all::<Job>().await.len(), 0, "nothing runs that nobody could reach");
    assert_eq!(
        world.api::<Service>().get("a").await.unwrap().resource_version(),
        before.resource_version()
    );
    assert!(operator.passes().await < 10.0, "the operator does not loop");
    assert_eq!(
        operator.metric("flow_operator_reconcile_failures_total").await,
        None,
        "and no error"
    );
    world.delete::<Service>("a", &DeleteParams::default()).await;
    world.recorded("a").await;
}

#[tokio::test]
async fn i10_burst_of_objects_costs_one_write_per_child_and_no_error() {
    const JOB_COUNT: u8 = 30;
    let world = World::new().await;
    // Without a Lease: its renewal is late on a busy machine and logs a warning.
    let operator =
        world.operator(&[("exposure.gateway.name", "edge"), ("leader.elect", "false")]).await;
    operator.works().await;
    for number in 0..JOB_COUNT {
        world.create(&manifest(SERVER, &format!("a{number}"), json!({}))).await.unwrap();
    }
    for number in 0..JOB_COUNT {
        world.recorded(&format!("a{number}")).await;
    }
    // The Job controller needs a second for each Job, so all run at the same time.
    let lives = (0..JOB_COUNT).map(|number| {
        let world = &world;
        async move { world.live(&format!("a{number}"), 0).await }
    });
    futures::future::join_all(lives).await;
    for kind in ["Job", "Service", "NetworkPolicy", "GRPCRoute"] {
        assert_eq!(
            (operator.writes(kind, "create").await, operator.writes(kind, "apply").await),
            (f64::from(JOB_COUNT), 0.0),
            "{kind}"
        );
    }
    let statuses = operator.writes("IflearnerJob", "status").await;
    // One write each for: created, unschedulable (the cluster has no node), running, ended.
    assert!(statuses <= 4.0 * f64::from(JOB_COUNT), "{statuses}: {}", operator.log());
    assert_eq!(
        operator.metric("flow_operator_reconcile_failures_total").await,
        None,
        "{}",
        operator.log()
    );
    let log = operator.stop().await;
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn i11_deadline_ends_a_job_and_can_be_changed_while_it_runs() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world
        .create(&manifest(SERVER, "a", json!({"runPolicy": {"activeDeadlineSeconds": 86400}})))
        .await
        .unwrap();
    world.run_pod("a").await;
    world.until("a", "running", |status| status.phase == Some(Phase::Running)).await;
    world.patch("a", json!({"spec": {"runPolicy": {"activeDeadlineSeconds": 1}}})).await.unwrap();
    let status = world.until("a", "the end", |status| status.phase == Some(Phase::Failed)).await;
    assert_eq!(status.reason.as_deref(), Some("DeadlineExceeded"));
    assert_eq!(status.observed_generation, Some(2));
}

#[tokio::test]
async fn i11_removed_deadline_does_not_end_the_job() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world
        .create(&manifest(SERVER, "a", json!({"runPolicy": {"activeDeadlineSeconds": 86400}})))
        .await
        .unwrap();
    let job = world.recorded("a").await.name_any();
    world
        .patch("a", json!({"spec": {"runPolicy": {"activeDeadlineSeconds": null}}}))
        .await
        .unwrap();
    world
        .found(&job, |job: &Job| job.spec.as_ref().unwrap().active_deadline_seconds.is_none())
        .await;
}

#[tokio::test]
async fn i12_pod_waits_for_the_named_scheduler() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world.create(&manifest(SERVER, "a", json!({"schedulername": "gang"}))).await.unwrap();
    assert_eq!(world.pod("a").await.spec.unwrap().scheduler_name.as_deref(), Some("gang"));
}

#[tokio::test]
async fn i11_suspended_job_has_no_pod_until_it_is_resumed() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world.create(&manifest(SERVER, "a", json!({"runPolicy": {"suspend": true}}))).await.unwrap();
    let job = world.recorded("a").await;
    assert_eq!(job.spec.unwrap().suspend, Some(true));
    world.until("a", "suspended", |status| status.reason.as_deref() == Some("Suspended")).await;
    assert_eq!(world.all::<Pod>().await.len(), 0);
    world.patch("a", json!({"spec": {"runPolicy": {"suspend": false}}})).await.unwrap();
    world.live("a", 0).await;
}

#[tokio::test]
async fn i11_failed_pod_is_replaced_up_to_the_backoff_limit() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    let mut object = manifest(SERVER, "a", json!({"runPolicy": {"backoffLimit": 1}}));
    object["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
    world.create(&object).await.unwrap();
    let first = world.run_pod("a").await;
    world.end_pod("a", 1).await;
    let api = world.api::<Pod>();
    let second = eventually("a second Pod", async || {
        api.list(&Default::default())
            .await
            .unwrap()
            .items
            .into_iter()
            .find(|pod| pod.uid() != first.uid())
    })
    .await;
    let containers = json!([{"name": "aggregator", "image": "x", "imageID": "x", "ready": false, "restartCount": 0, "state": {"terminated": {"exitCode": 3}}}]);
    world.set_pod(&second, json!({"phase": "Failed", "containerStatuses": containers})).await;
    let status = world.until("a", "the end", |status| status.phase == Some(Phase::Failed)).await;
    assert_eq!((status.exit_code, status.pod_name), (Some(3), second.metadata.name));
}

#[tokio::test]
async fn i11_ended_job_is_deleted_after_its_retention_and_the_status_remains() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world
        .create(&manifest(SERVER, "a", json!({"runPolicy": {"ttlSecondsAfterFinished": 0}})))
        .await
        .unwrap();
    let job = world.recorded("a").await;
    assert_eq!(
        job.spec.as_ref().unwrap().ttl_seconds_after_finished,
        None,
        "not before its end is recorded"
    );
    world.live("a", 0).await;
    world.gone::<Job>(&job.name_any()).await;
    assert_eq!(world.job("a").await.status.unwrap().phase, Some(Phase::Succeeded));
}

#[tokio::test]
async fn i11_restart_policy_always_is_replaced_with_an_event() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    let mut object = manifest(SERVER, "a", json!({}));
    object["spec"]["template"]["spec"]["restartPolicy"] = json!("Always");
    world.create(&object).await.unwrap();
    let job = world.recorded("a").await;
    assert_eq!(job.spec.unwrap().template.spec.unwrap().restart_policy.as_deref(), Some("Never"));
    assert!(world.event("a", "RestartPolicyMapped").await.contains("restartPolicy Always"));
}

#[tokio::test]
async fn finished_job_of_the_original_operator_stays_finished() {
    let world = World::new().await;
    world.create(&manifest(SERVER, "done", json!({}))).await.unwrap();
    let status = json!({"status": {"phase": "Succeeded", "conditions": [], "hostIP": "10.0.0.1"}});
    world
        .dynamic::<IflearnerJob>()
        .patch_status("done", &PatchParams::default(), &Patch::Merge(&status))
        .await
        .unwrap();
    let operator = world.operator(&[]).await;
    eventually("a pass", async || operator.works().await.passes().await > 0.0).await;
    world.until("done", "a pass", |status| status.observed_generation.is_some()).await;
    assert_eq!(world.all::<Job>().await.len(), 0);
    assert_eq!(world.job("done").await.status.unwrap().phase, Some(Phase::Succeeded));
}

#[tokio::test]
async fn running_job_of_the_original_operator_is_followed_to_its_end_without_a_second_start() {
    let world = World::new().await;
    let object = world.create(&manifest(SERVER, "old", json!({}))).await.unwrap();
    let owner = json!([{"apiVersion": "git.iflytek.com/v1", "kind": "IflearnerJob", "name": "old", "uid": object.uid(), "controller": true}]);
    let pod = json!({"metadata": {"name": "old", "ownerReferences": owner}, "spec": {"containers": [{"name": "aggregator", "image": "x"}]}});
    let pod: Pod = world
        .api()
        .create(&PostParams::default(), &serde_json::from_value(pod).unwrap())
        .await
        .unwrap();
    let status = json!({"status": {"phase": "Running", "conditions": []}});
    world
        .dynamic::<IflearnerJob>()
        .patch_status("old", &PatchParams::default(), &Patch::Merge(&status))
        .await
        .unwrap();
    let ended = json!([{"name": "aggregator", "image": "x", "imageID": "x", "ready": false, "restartCount": 0, "state": {"terminated": {"exitCode": 0}}}]);
    world.set_pod(&pod, json!({"phase": "Succeeded", "containerStatuses": ended})).await;
    let _operator = world.operator(&[]).await;
    let status =
        world.until("old", "the end", |status| status.phase == Some(Phase::Succeeded)).await;
    assert_eq!((status.exit_code, status.job), (Some(0), None));
    assert_eq!(world.all::<Job>().await.len(), 0);
}
