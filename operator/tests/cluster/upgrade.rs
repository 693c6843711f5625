//! Objects that the definition of the original operator accepted and the present one rejects. They
//! exist when the definition is replaced; the API server accepts a status of such an object with
//! any spec.

use std::collections::BTreeMap;

use flow_crd::{IflearnerJob, Phase};
use flow_testkit::kube::{Cluster, Options};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt as _;
use kube::api::{DynamicObject, ListParams, PostParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{SERVER, World, client, eventually, manifest};

/// The definition of the original: any text for a role, and any template and status.
const ORIGINAL: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: iflearnerjobs.git.iflytek.com}
spec:
  group: git.iflytek.com
  names: {kind: IflearnerJob, plural: iflearnerjobs, singular: iflearnerjob}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [role, template]
            properties:
              schedulername: {type: string}
              role: {type: string}
              host: {type: string}
              template: {type: object, x-kubernetes-preserve-unknown-fields: true}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

/// Returns a namespace of a cluster with the definition of the original.
async fn original() -> World {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    let options = Options { scheduler: false, ..Options::default() };
    let cluster = CLUSTER.get_or_init(|| Cluster::start_with(options)).await;
    cluster.apply(ORIGINAL).await;
    cluster.established(&["iflearnerjobs.git.iflytek.com"]).await;
    World {
        cluster,
        namespace: cluster.create_namespace().await,
        client: client(cluster.kubeconfig().to_owned()).await,
    }
}

/// Replaces the definition of the original, as `make install` does.
async fn replace_definition(world: &World) {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/kustomize/crd/iflearnerjobs.yaml");
    world.cluster.kubectl_ok(&["apply", "--filename", ours]).await;
    let unknown = manifest(SERVER, "x", json!({"role": "party"}));
    eventually("our definition", async || {
        world.would_create(unknown.clone()).await.is_err_and(|error| error.contains("spec.role"))
    })
    .await;
}

/// Stores an object with the status that the original operator wrote.
async fn store(world: &World, object: Value, status: Option<Value>) {
    let api = world.dynamic::<IflearnerJob>();
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    let mut stored = api.create(&PostParams::default(), &object).await.unwrap();
    if let Some(status) = status {
        stored.data["status"] = status.clone();
        // No merge patch: it would remove a field whose value is null.
        let left =
            api.replace_status(&stored.name_any(), &PostParams::default(), &stored).await.unwrap();
        assert_eq!(left.data["status"], status);
    }
}

/// Waits until the status of an object, which need not be readable, and an event have this reason.
/// Returns the status and the note of the event.
async fn reported(world: &World, name: &str, reason: &str) -> (Value, String) {
    let api = world.dynamic::<IflearnerJob>();
    let has_reason = |status: &Value| {
        let mut conditions = status["conditions"].as_array().into_iter().flatten();
        conditions.any(|found| {
            found["type"] == "Ready" && found["status"] == "False" && found["reason"] == reason
        })
    };
    let status = eventually(&format!("{reason} of {name}"), async || {
        api.get(name)
            .await
            .unwrap()
            .data
            .get("status")
            .filter(|&status| has_reason(status))
            .cloned()
    })
    .await;
    (status, world.event(name, reason).await)
}

#[tokio::test]
async fn i13_i14_object_that_only_the_original_accepted_is_reported_once() {
    let world = original().await;
    store(&world, manifest(SERVER, "good", json!({})), None).await;
    store(&world, manifest(SERVER, "nulled", json!({})), Some(json!({"conditions": null}))).await;
    store(&world, manifest(SERVER, "hostless", json!({"host": ""})), None).await;
    store(&world, manifest(SERVER, "unknown-role", json!({"role": "party"})), None).await;
    store(
        &world,
        manifest(SERVER, "empty", json!({"template": {"spec": {"containers": []}}})),
        None,
    )
    .await;
    store(&world, manifest(SERVER, "podless", json!({"template": {}})), None).await;
    let mut bare = manifest(SERVER, "bare", json!({}));
    bare.as_object_mut().unwrap().remove("spec");
    store(&world, bare, None).await;
    let container = json!({"name": "aggregator", "image": "x", "imageID": "x", "ready": false, "restartCount": 0, "state": {"terminated": {"exitCode": 0}}});
    let ended = json!({"phase": "Succeeded", "conditions": null, "podIP": "10.9.9.9", "podIPs": [{"ip": "10.9.9.9"}],
        "startTime": "2022-09-06T00:00:00Z", "containerStatuses": [container], "qosClass": "BestEffort"});
    store(&world, manifest(SERVER, "finished", json!({})), Some(ended.clone())).await;
    store(&world, manifest(SERVER, "finished-unknown-role", json!({"role": "party"})), Some(ended))
        .await;
    replace_definition(&world).await;

    let operator = world.operator(&[("exposure.ingress.class", "nginx")]).await;
    for name in ["good", "nulled", "hostless"] {
        world.recorded(name).await;
    }
    for (name, reason, words) in [
        ("unknown-role", "Unreadable", "party"),
        ("bare", "Unreadable", "spec"),
        ("empty", "InvalidTemplate", "add at least one container"),
        ("podless", "InvalidTemplate", "add at least one container"),
    ] {
        let (status, note) = reported(&world, name, reason).await;
        assert_eq!(
            (status["phase"].as_str(), status["reason"].as_str()),
            (Some("Failed"), Some(reason)),
            "{name}: {status}"
        );
        assert!(note.contains(words), "{name}: {note}");
    }
    let status =
        world.until("finished", "a pass", |status| status.observed_generation.is_some()).await;
    assert_eq!(
        (status.phase, status.pod_ip.as_deref(), status.job),
        (Some(Phase::Succeeded), Some("10.9.9.9"), None)
    );
    let (status, _) = reported(&world, "finished-unknown-role", "Unreadable").await;
    assert_eq!(
        (status["phase"].as_str(), status["podIP"].as_str()),
        (Some("Succeeded"), Some("10.9.9.9")),
        "the recorded end is kept"
    );
    // An Ingress without a host would match every host.
    let hostless = world.job("hostless").await.status.unwrap();
    assert_eq!(hostless.endpoint, Some(format!("hostless.{}.svc:80", world.namespace)));
    assert!(world.all::<Ingress>().await.iter().all(|ingress| ingress.name_any() != "hostless"));
    assert_eq!(
        world.all::<Job>().await.len(),
        3,
        "of those that are good, not ended, and readable"
    );

    let versions = async || {
        let over =
            ["unknown-role", "bare", "empty", "podless", "finished", "finished-unknown-role"];
        let all = world.dynamic::<IflearnerJob>().list(&ListParams::default()).await.unwrap().items;
        let over = all.into_iter().filter(|object| over.contains(&object.name_any().as_str()));
        over.map(|object| (object.name_any(), object.resource_version()))
            .collect::<BTreeMap<_, _>>()
    };
    let (before, passes) = (versions().await, operator.passes().await);
    world.create(&manifest(SERVER, "another", json!({}))).await.unwrap();
    assert_eq!(world.live("another", 0).await.phase, Some(Phase::Succeeded));
    assert_eq!((before.len(), versions().await), (6, before), "each error is reported once");
    assert!(operator.passes().await < passes + 40.0, "the operator does not loop");
    assert_eq!(operator.metric("flow_operator_reconcile_failures_total").await, None);
    let log = operator.stop().await;
    assert!(!log.contains("forbidden"), "{log}");
}
