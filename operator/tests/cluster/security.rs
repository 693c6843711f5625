//! What a Pod may not do, and how an administrator allows it.

use flow_operator::iflearnerjob::api::{Phase, condition};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use crate::support::{CLIENT, SERVER, World, manifest};

#[tokio::test]
async fn i17_a_client_waits_for_its_trust_roots_and_says_which_command_makes_them() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world.create(&manifest(CLIENT, "a", json!({}))).await.unwrap();
    let status = world.until("a", "a reason", |status| status.reason.as_deref() == Some("CertificatesMissing")).await;
    assert_eq!(status.phase, Some(Phase::Pending));
    let found = status.condition(condition::CERTIFICATES_READY).unwrap();
    assert!(found.status == "False" && found.message.contains("kubectl create configmap server-iflearner-crt"), "{found:?}");
    assert_eq!(world.all::<Job>().await.len(), 0, "no Pod stays in ContainerCreating");
    world.event("a", "CertificatesMissing").await;
    world.trust_roots().await;
    let status = world.until("a", "its Job", |status| status.job.is_some()).await;
    assert!(status.is(condition::CERTIFICATES_READY));
    world.live("a", 0).await;
}

#[tokio::test]
async fn i17_a_config_map_without_the_key_is_as_good_as_none() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "roots"}, "data": {"other": "x"}})).unwrap();
    world.api().create(&PostParams::default(), &map).await.unwrap();
    let both = |name: &str| json!({"configMap": name});
    world.create(&manifest(CLIENT, "a", json!({"certificates": {"server": both("roots"), "party": both("roots")}}))).await.unwrap();
    let status = world.until("a", "a reason", |status| status.reason.is_some()).await;
    assert!(status.message.unwrap().contains("has no key server-iflearner-secret.crt"));
    world.delete::<ConfigMap>("roots", &DeleteParams::default()).await;
    world.create(&manifest(CLIENT, "none", json!({"certificates": {"disabled": true}}))).await.unwrap();
    world.recorded("none").await;
    world
        .create(&manifest(CLIENT, "secret", json!({"certificates": {"server": {"secret": "s"}, "party": {"secret": "s"}}})))
        .await
        .unwrap();
    let status = world.until("secret", "its Job", |status| status.job.is_some()).await;
    let found = status.condition(condition::CERTIFICATES_READY).unwrap();
    assert_eq!((found.status.as_str(), found.reason.as_str()), ("Unknown", "NotChecked"));
}

#[tokio::test]
async fn i22_pods_pass_the_restricted_pod_security_profile() {
    let world = World::new().await;
    world.cluster.kubectl_ok(&["label", "namespace", &world.namespace, "pod-security.kubernetes.io/enforce=restricted"]).await;
    let _operator = world.operator(&[]).await;
    world.trust_roots().await;
    world.create(&manifest(CLIENT, "a", json!({"sidecar": {"image": "x"}}))).await.unwrap();
    // Admission would not let it come into being otherwise.
    let pod = world.pod("a").await.spec.unwrap();
    assert_eq!((pod.automount_service_account_token, pod.enable_service_links), (Some(false), Some(false)));
    assert!(pod.volumes.unwrap().iter().all(|volume| volume.name != "kube-api-access"), "no token");
}

#[tokio::test]
async fn i23_what_is_not_allowed_is_refused_with_the_opt_in_and_runs_once_it_is() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    let data = json!({"spec": {
        "volumes": [{"name": "data", "hostPath": {"path": "/srv/data", "type": "Directory"}}],
        "containers": [{"name": "a", "image": "x", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]
    }});
    world.create(&manifest(SERVER, "a", json!({"template": data}))).await.unwrap();
    let status = world.until("a", "a refusal", |status| status.is(condition::FAILED)).await;
    assert_eq!((status.phase, status.reason.as_deref()), (Some(Phase::Failed), Some("NotAllowed")));
    let remedy = format!("kubectl annotate namespace {} --overwrite flow-operator/allow=hostpath", world.namespace);
    assert!(status.message.as_ref().unwrap().contains(&remedy), "{status:?}");
    assert!(world.event("a", "NotAllowed").await.contains("volume data"));
    assert_eq!(world.all::<Job>().await.len(), 0);
    world.allow("root,hostpath").await;
    world.create(&manifest(SERVER, "b", json!({"template": data}))).await.unwrap();
    let job = world.recorded("b").await;
    let pod = job.spec.unwrap().template.spec.unwrap();
    assert_eq!(pod.security_context.unwrap().run_as_non_root, None, "the image decides, as with the original");
    world.live("b", 0).await;
}

#[tokio::test]
async fn i23_the_operators_configuration_limits_what_a_namespace_can_allow() {
    let world = World::new().await;
    let _operator = world.operator(&[("pods.opt_ins", "[\"root\"]")]).await;
    world.allow("privileged,root").await;
    let privileged = json!({"spec": {"containers": [{"name": "a", "image": "x", "securityContext": {"privileged": true}}]}});
    world.create(&manifest(SERVER, "a", json!({"template": privileged}))).await.unwrap();
    let status = world.until("a", "a refusal", |status| status.is(condition::FAILED)).await;
    assert!(status.message.unwrap().contains("pods.opt_ins"));
}

#[tokio::test]
async fn i23_an_image_that_runs_as_root_fails_with_the_opt_in_and_leaves_nothing_behind() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let job = world.recorded("a").await.metadata.name.unwrap();
    let pod = world.pod("a").await;
    let waiting = json!([{"name": "aggregator", "image": "x", "imageID": "", "ready": false, "restartCount": 0, "state": {"waiting": {
        "reason": "CreateContainerConfigError", "message": "container has runAsNonRoot and image will run as root (pod: \"a\")"}}}]);
    world.set_pod(&pod, json!({"containerStatuses": waiting, "conditions": [{"type": "PodScheduled", "status": "True"}]})).await;
    let status = world.until("a", "a refusal", |status| status.is(condition::FAILED)).await;
    assert_eq!(status.reason.as_deref(), Some("RunsAsRoot"));
    assert!(status.message.unwrap().contains("flow-operator/allow=root"));
    world.gone::<Job>(&job).await;
}
