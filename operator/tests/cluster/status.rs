//! The content of the status, and the number of its writes.

use flow_crd::{IflearnerJobStatus, Phase, condition};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{SERVER, World, eventually, manifest};

#[tokio::test]
async fn i16_status_has_standard_conditions_and_the_fields_of_the_original() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let pod = world.run_pod("a").await;
    let status = world.until("a", "running", |status| status.phase == Some(Phase::Running)).await;
    assert_eq!(
        (status.phase, status.pod_ip.as_deref(), status.pod_name.clone()),
        (Some(Phase::Running), Some("10.9.9.9"), pod.metadata.name)
    );
    assert_eq!((status.observed_generation, status.restarts), (Some(1), Some(0)));
    assert!(
        status
            .conditions
            .iter()
            .all(|found| found.observed_generation == Some(1) && !found.reason.is_empty())
    );
    assert_eq!(status.endpoint.as_deref(), Some(format!("a.{}.svc:80", world.namespace).as_str()));
    // The job runs, and its host has no route: it must not be Ready (I1).
    for type_ in [condition::EXPOSED, condition::READY] {
        let found = status.condition(type_).unwrap();
        assert_eq!(
            (found.status.as_str(), found.reason.as_str()),
            ("False", "NotConfigured"),
            "{type_}"
        );
    }
    let shown = world
        .cluster
        .kubectl_ok(&["get", "ifj", "a", "-n", &world.namespace, "-o", "jsonpath={.status.phase}"])
        .await;
    assert_eq!(shown, "Running");
    // A job without a host is ready when it runs, and has no condition about a route.
    world
        .create(&manifest(SERVER, "inside", json!({"exposure": {"driver": "none"}})))
        .await
        .unwrap();
    world.run_pod("inside").await;
    let status = world.until("inside", "ready", |status| status.is_true(condition::READY)).await;
    assert_eq!((status.phase, status.condition(condition::EXPOSED)), (Some(Phase::Running), None));
}

#[tokio::test]
async fn i16_heartbeat_of_a_pod_causes_no_write() {
    let world = World::new().await;
    let operator = world.operator(&[]).await;
    world.create(&manifest(SERVER, "a", json!({"exposure": {"driver": "none"}}))).await.unwrap();
    let pod = world.run_pod("a").await;
    // The Job controller sets the start time, and the operator may write it later.
    let settled = |status: &IflearnerJobStatus| {
        status.is_true(condition::READY) && status.start_time.is_some()
    };
    world.until("a", "ready with a start time", settled).await;
    world.event("a", "Running").await;
    // The version belongs to the count only if no write happened between the two reads.
    let (before, writes) = loop {
        let writes = operator.all_writes().await;
        let job = world.job("a").await;
        if operator.all_writes().await == writes {
            break (job, writes);
        }
    };
    for beat in 0..5 {
        let passes = operator.passes().await;
        let probed = json!({"status": {"conditions": [{"type": "Ready", "status": "True", "lastProbeTime": format!("2026-01-01T00:00:0{beat}Z")}]}});
        world
            .api::<Pod>()
            .patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Strategic(&probed))
            .await
            .unwrap();
        eventually("a pass", async || operator.passes().await > passes).await;
    }
    let after = world.job("a").await;
    assert_eq!(json!(after), json!(before));
    assert_eq!(operator.all_writes().await, writes);
}

#[tokio::test]
async fn reason_of_a_waiting_job_is_in_its_status() {
    let world = World::new().await;
    let operator = world.operator(&[]).await;
    // The cluster has no node.
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let status = world.until("a", "a reason", |status| status.reason.is_some()).await;
    assert_eq!(
        (status.phase, status.reason.as_deref()),
        (Some(Phase::Pending), Some("Unschedulable"))
    );
    let pod = world.pod("a").await;
    let waiting = |reason: &str| {
        json!({"conditions": [{"type": "PodScheduled", "status": "True"}], "containerStatuses": [{
        "name": "aggregator", "image": "registry.example/iflearner:1", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": "not found"}}}]})
    };
    world.set_pod(&pod, waiting("ErrImagePull")).await;
    let status = world
        .until("a", "the image", |status| status.reason.as_deref() == Some("ImagePullBackOff"))
        .await;
    assert!(status.message.unwrap().contains("registry.example/iflearner:1"));
    let writes = operator.writes("IflearnerJob", "status").await;
    for reason in ["ImagePullBackOff", "ErrImagePull", "ImagePullBackOff"] {
        let passes = operator.passes().await;
        world.set_pod(&pod, waiting(reason)).await;
        eventually("a pass", async || operator.passes().await > passes).await;
    }
    assert_eq!(
        operator.writes("IflearnerJob", "status").await,
        writes,
        "the kubelet's alternation is not ours"
    );
    world.event("a", "ImagePullBackOff").await;
}

/// Creates a quota that rejects objects such as `example`.
async fn none_of(world: &World, what: &str, example: Value) {
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": world.namespace}, "spec": {"hard": {what: "0"}}});
    world.cluster.apply(&quota.to_string()).await;
    let refused = async || {
        world
            .would_create(example.clone())
            .await
            .is_err_and(|error| error.contains("exceeded quota"))
    };
    eventually("the quota", refused).await;
}

fn pod_spec() -> Value {
    json!({"restartPolicy": "Never", "containers": [{"name": "a", "image": "x"}]})
}

#[tokio::test]
async fn rejected_pod_is_reported_with_the_reason() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    none_of(
        &world,
        "pods",
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}, "spec": pod_spec()}),
    )
    .await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let status = world
        .until("a", "a reason", |status| status.reason.as_deref() == Some("PodNotCreated"))
        .await;
    assert!(status.message.unwrap().contains("exceeded quota"));
}

#[tokio::test]
async fn rejected_job_waits_and_reports_the_reason() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "b"}, "spec": {"template": {"spec": pod_spec()}}});
    none_of(&world, "count/jobs.batch", job).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let status = world
        .until("a", "a reason", |status| status.reason.as_deref() == Some("QuotaExceeded"))
        .await;
    assert_eq!(status.phase, Some(Phase::Pending));
    world.cluster.kubectl_ok(&["delete", "resourcequota", "none", "-n", &world.namespace]).await;
    world.recorded("a").await;
}

#[tokio::test]
async fn template_that_the_api_server_rejects_fails_with_its_message() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    let mut object = manifest(SERVER, "a", json!({}));
    object["spec"]["template"]["spec"]["containers"] =
        json!([{"name": "x", "image": "i"}, {"name": "x", "image": "i"}]);
    world.create(&object).await.unwrap();
    let status = world.until("a", "a rejection", |status| status.is_true(condition::FAILED)).await;
    assert_eq!(
        (status.phase, status.reason.as_deref()),
        (Some(Phase::Failed), Some("InvalidTemplate"))
    );
    assert!(status.message.unwrap().contains("Duplicate"));
    world.event("a", "InvalidTemplate").await;
}

#[tokio::test]
async fn i26_run_leaves_events_and_metrics_and_its_deletion_is_no_error() {
    let world = World::new().await;
    // Without a Lease: its renewal is late on a busy machine and logs a warning.
    let operator = world.operator(&[("leader.elect", "false")]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    world.live("a", 0).await;
    for reason in ["JobCreated", "Running", "Succeeded"] {
        world.event("a", reason).await;
    }
    let counted =
        || operator.metric("flow_operator_iflearnerjobs{role=\"server\",phase=\"Succeeded\"}");
    eventually("the count", async || counted().await == Some(1.0)).await;
    assert_eq!(operator.metric("flow_operator_time_to_run_seconds_count").await, Some(1.0));
    world.delete::<flow_crd::IflearnerJob>("a", &kube::api::DeleteParams::foreground()).await;
    world.gone::<flow_crd::IflearnerJob>("a").await;
    eventually("the count", async || counted().await.is_none()).await;
    assert_eq!(operator.metric("flow_operator_reconcile_failures_total").await, None);
    let log = operator.stop().await;
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
}
