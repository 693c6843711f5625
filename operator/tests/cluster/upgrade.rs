//! Objects that the original operator's definition let through and ours would refuse. They are there when the definition
//! is replaced, and nobody asks them again: the API server takes a status of what was stored before, whatever its spec.

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

/// The original's definition, as little as it demands: any text for a role, and of template and status not even that.
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

/// A namespace of a cluster of its own that has the original's definition.
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

/// Puts our definition in the place of the original's, as `make install` does.
async fn replace_definition(world: &World) {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/kustomize/crd/iflearnerjobs.yaml");
    world.cluster.kubectl_ok(&["apply", "--filename", ours]).await;
    let unknown = manifest(SERVER, "x", json!({"role": "party"}));
    eventually("our definition", async || {
        world.would_create(unknown.clone()).await.is_err_and(|error| error.contains("spec.role"))
    })
    .await;
}

/// Stores an object, with the status that the original operator has left on it.
async fn store(world: &World, object: Value, status: Option<Value>) {
    let api = world.dynamic::<IflearnerJob>();
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    let mut stored = api.create(&PostParams::default(), &object).await.unwrap();
    if let Some(status) = status {
        stored.data["status"] = status.clone();
        // Not merged: to a merge a null means that the field goes.
        let left =
            api.replace_status(&stored.name_any(), &PostParams::default(), &stored).await.unwrap();
        assert_eq!(left.data["status"], status);
    }
}

/// Waits until an object, which need not be readable, says this about itself, and an event does too; its status and the
/// event's note.
async fn told(world: &World, name: &str, reason: &str) -> (Value, String) {
    let api = world.dynamic::<IflearnerJob>();
    let says = |status: &Value| {
        let mut conditions = status["conditions"].as_array().into_iter().flatten();
        conditions.any(|found| {
            found["type"] == "Ready" && found["status"] == "False" && found["reason"] == reason
        })
    };
    let status = eventually(&format!("{reason} of {name}"), async || {
        api.get(name).await.unwrap().data.get("status").filter(|&status| says(status)).cloned()
    })
    .await;
    (status, world.event(name, reason).await)
}

#[tokio::test]
async fn i13_i14_what_the_originals_definition_let_through_is_told_once_and_stops_nobody() {
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
        ("empty", "InvalidTemplate", "name at least one container"),
        ("podless", "InvalidTemplate", "name at least one container"),
    ] {
        let (status, note) = told(&world, name, reason).await;
        assert_eq!(
            (status["phase"].as_str(), status["reason"].as_str()),
            (Some("Failed"), Some(reason)),
            "{name}: {status}"
        );
        assert!(note.contains(words), "{name}: {note}");
    }
    let status =
        world.until("finished", "a look", |status| status.observed_generation.is_some()).await;
    assert_eq!(
        (status.phase, status.pod_ip.as_deref(), status.job),
        (Some(Phase::Succeeded), Some("10.9.9.9"), None)
    );
    let (status, _) = told(&world, "finished-unknown-role", "Unreadable").await;
    assert_eq!(
        (status["phase"].as_str(), status["podIP"].as_str()),
        (Some("Succeeded"), Some("10.9.9.9")),
        "what it came to is kept"
    );
    // An Ingress for no host would be one for every host.
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
    let (before, looks) = (versions().await, operator.looks().await);
    world.create(&manifest(SERVER, "another", json!({}))).await.unwrap();
    assert_eq!(world.live("another", 0).await.phase, Some(Phase::Succeeded));
    assert_eq!((before.len(), versions().await), (6, before), "each is told once");
    assert!(operator.looks().await < looks + 40.0, "it is no loop");
    assert_eq!(operator.metric("flow_operator_reconcile_failures_total").await, None);
    let log = operator.stop().await;
    assert!(!log.contains("forbidden"), "{log}");
}
