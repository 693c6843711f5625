//! Routes to a job from outside the cluster.

use std::fmt::Debug;
use std::time::Duration;

use flow_crd::condition;
use flow_operator::gateway_api::GrpcRoute;
use flow_testkit::kube::{Cluster, Options};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::{Operator, SERVER, World, client, eventually, manifest, rights};

const GATEWAY: (&str, &str) = ("exposure.gateway.name", "edge");
const CLASS: (&str, &str) = ("exposure.ingress.class", "nginx");

async fn exposed(world: &World, name: &str, status: &str, reason: &str) -> String {
    let so = |found: &flow_crd::IflearnerJobStatus| {
        found
            .condition(condition::EXPOSED)
            .is_some_and(|condition| condition.status == status && condition.reason == reason)
    };
    world
        .until(name, &format!("Exposed={status} {reason}"), so)
        .await
        .condition(condition::EXPOSED)
        .unwrap()
        .message
        .clone()
}

async fn report_conditions(world: &World, conditions: Value) {
    let parents = json!([{"parentRef": {"name": "edge"}, "controllerName": "example.org/c", "conditions": conditions}]);
    let api = world.dynamic::<GrpcRoute>();
    api.patch_status(
        "a",
        &PatchParams::default(),
        &Patch::Merge(&json!({"status": {"parents": parents}})),
    )
    .await
    .unwrap();
}

fn condition_of(type_: &str, status: &str, reason: &str) -> Value {
    json!({"type": type_, "status": status, "reason": reason, "message": "the message", "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

#[tokio::test]
async fn grpc_route_is_created_and_its_status_is_a_condition_of_the_job() {
    let world = World::new().await;
    let _operator = world.operator(&[GATEWAY, CLASS, ("exposure.port", "30031")]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let route: GrpcRoute = world.found("a", |_| true).await;
    assert_eq!(route.spec.hostnames, ["job1.server.example.org"]);
    assert!(exposed(&world, "a", "Unknown", "NotAccepted").await.contains("Gateway edge"));
    report_conditions(&world, json!([condition_of("Accepted", "False", "NotAllowedByListeners")]))
        .await;
    exposed(&world, "a", "False", "NotAllowedByListeners").await;
    world.event("a", "NotAllowedByListeners").await;
    report_conditions(
        &world,
        json!([
            condition_of("ResolvedRefs", "True", "ResolvedRefs"),
            condition_of("Accepted", "True", "Accepted")
        ]),
    )
    .await;
    exposed(&world, "a", "True", "Accepted").await;
    assert_eq!(
        world.job("a").await.status.unwrap().endpoint.as_deref(),
        Some("job1.server.example.org:30031")
    );
    assert_eq!(world.all::<Ingress>().await.len(), 0);
}

#[tokio::test]
async fn i01_ingress_uses_the_served_api() {
    let world = World::new().await;
    let _operator = world.operator(&[CLASS]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let ingress: Ingress = world.found("a", |_| true).await;
    let spec = ingress.spec.unwrap();
    assert_eq!(spec.ingress_class_name.as_deref(), Some("nginx"));
    assert_eq!(spec.tls.unwrap()[0].secret_name.as_deref(), Some("server-iflearner-secret"));
    exposed(&world, "a", "Unknown", "NoAddress").await;
    let address = json!({"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}});
    world
        .api::<Ingress>()
        .patch_status("a", &PatchParams::default(), &Patch::Merge(&address))
        .await
        .unwrap();
    exposed(&world, "a", "True", "HasAddress").await;
}

/// Checks that the operator reverts each edit of a child and creates a deleted child again.
/// `status` and an annotation belong to another writer and remain.
async fn repaired<K>(world: &World, status: Value, edits: &[Value])
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug,
{
    let api = world.dynamic::<K>();
    let made = eventually("the route", async || api.get_opt("a").await.unwrap()).await;
    let note = json!({"metadata": {"annotations": {"example.org/note": "seen"}}});
    api.patch("a", &PatchParams::default(), &Patch::Merge(&note)).await.unwrap();
    let before = api
        .patch_status("a", &PatchParams::default(), &Patch::Merge(&json!({ "status": status })))
        .await
        .unwrap();
    let ours = |found: &DynamicObject| {
        (
            found.data["spec"].clone(),
            found.metadata.labels.clone(),
            found.metadata.owner_references.clone(),
        )
    };
    for edit in edits {
        let edited = api.patch("a", &PatchParams::default(), &Patch::Merge(edit)).await.unwrap();
        assert_ne!(ours(&edited), ours(&made), "{edit}");
        let is_repaired =
            async || Some(api.get("a").await.unwrap()).filter(|found| ours(found) == ours(&made));
        let repaired = eventually(&format!("repaired: {edit}"), is_repaired).await;
        assert_eq!(repaired.annotations()["example.org/note"], "seen", "{edit}");
        assert_eq!(
            (&repaired.data["status"], repaired.uid()),
            (&before.data["status"], made.uid()),
            "{edit}"
        );
    }
    api.delete("a", &DeleteParams::default()).await.unwrap();
    let again = eventually("another", async || {
        api.get_opt("a").await.unwrap().filter(|found| found.uid() != made.uid())
    })
    .await;
    assert_eq!(ours(&again), ours(&made));
}

#[tokio::test]
async fn i03_edited_or_deleted_grpc_route_is_repaired() {
    let world = World::new().await;
    let operator = world.operator(&[GATEWAY]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let parents = json!([{"parentRef": {"name": "edge"}, "controllerName": "example.org/c", "conditions": [condition_of("Accepted", "True", "Accepted")]}]);
    let backends = |more: Value| {
        let mut backend = json!({"name": "a", "port": 80, "namespace": world.namespace});
        backend.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        json!([backend])
    };
    let header =
        json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}});
    let edits = [
        json!({"spec": {"hostnames": ["elsewhere.example.org"]}}),
        json!({"spec": {"parentRefs": [{"name": "other"}]}}),
        json!({"spec": {"parentRefs": [{"name": "edge", "namespace": "elsewhere"}]}}),
        json!({"spec": {"parentRefs": [{"name": "edge", "namespace": world.namespace, "sectionName": "plain"}]}}),
        json!({"spec": {"parentRefs": [{"name": "edge", "namespace": world.namespace, "port": 80}]}}),
        json!({"spec": {"parentRefs": [{"name": "edge", "namespace": world.namespace, "group": "", "kind": "Service"}]}}),
        json!({"spec": {"rules": [{"backendRefs": backends(json!({"name": "other"}))}]}}),
        json!({"spec": {"rules": [{"backendRefs": backends(json!({"weight": 0}))}]}}),
        json!({"spec": {"rules": [{"backendRefs": backends(json!({"namespace": "elsewhere"}))}]}}),
        json!({"spec": {"rules": null}}),
        json!({"spec": {"rules": [{"matches": [{"method": {"service": "x"}}], "backendRefs": backends(json!({}))}]}}),
        json!({"spec": {"rules": [{"filters": [header], "backendRefs": backends(json!({}))}]}}),
        json!({"metadata": {"labels": {"flow-operator/iflearnerjob-uid": "x"}}}),
    ];
    repaired::<GrpcRoute>(&world, json!({ "parents": parents }), &edits).await;
    assert_eq!(operator.metric("flow_operator_reconcile_failures_total").await, None);
}

#[tokio::test]
async fn i03_edited_or_deleted_ingress_is_repaired() {
    let world = World::new().await;
    let operator = world.operator(&[CLASS]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let edits = [
        json!({"spec": {"ingressClassName": "other"}}),
        json!({"spec": {"tls": null}}),
        json!({"spec": {"tls": [{"hosts": ["job1.server.iflearner.com"], "secretName": "a-strangers"}]}}),
        json!({"spec": {"rules": [{"host": "elsewhere.example.org"}]}}),
        json!({"metadata": {"labels": {"flow-operator/iflearnerjob-uid": "x"}}}),
    ];
    repaired::<Ingress>(&world, json!({"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}), &edits)
        .await;
    assert_eq!(operator.metric("flow_operator_reconcile_failures_total").await, None);
}

#[tokio::test]
async fn i04_removed_field_of_the_exposure_is_removed_from_the_route() {
    let world = World::new().await;
    let _operator = world
        .operator(&[
            CLASS,
            ("exposure.ingress.client_annotations.ask", "{namespace}/party-iflearner-secret"),
        ])
        .await;
    let elsewhere = json!({"name": "edge", "namespace": "infra", "sectionName": "open"});
    world
        .create(&manifest(
            SERVER,
            "a",
            json!({"exposure": {"driver": "gateway", "gateway": elsewhere}}),
        ))
        .await
        .unwrap();
    let parent = |route: &GrpcRoute| route.spec.parent_refs[0].clone();
    world.found("a", |route: &GrpcRoute| parent(route).namespace.as_deref() == Some("infra")).await;
    world
        .patch(
            "a",
            json!({"spec": {"exposure": {"gateway": {"namespace": null, "sectionName": null}}}}),
        )
        .await
        .unwrap();
    let here = |route: &GrpcRoute| {
        parent(route).namespace.as_ref() == Some(&world.namespace)
            && parent(route).section_name.is_none()
    };
    world.found("a", here).await;

    let asks = json!({"driver": "ingress", "authenticateClients": true, "tlsSecretName": "own"});
    world.create(&manifest(SERVER, "b", json!({"exposure": asks}))).await.unwrap();
    let secret = |ingress: &Ingress| ingress.spec.as_ref()?.tls.as_ref()?[0].secret_name.clone();
    let ingress: Ingress =
        world.found("b", |ingress| secret(ingress).as_deref() == Some("own")).await;
    assert!(ingress.annotations().contains_key("ask"));
    let taken_back =
        json!({"spec": {"exposure": {"authenticateClients": false, "tlsSecretName": null}}});
    world.patch("b", taken_back).await.unwrap();
    world
        .found("b", |ingress: &Ingress| {
            !ingress.annotations().contains_key("ask") && secret(ingress).as_deref() != Some("own")
        })
        .await;
}

#[tokio::test]
async fn i28_ports_and_the_names_of_secrets_come_from_the_configuration() {
    let world = World::new().await;
    let configured = [
        ("service.grpc_port", "8080"),
        ("service.grpc_target", "9090"),
        ("exposure.ingress.server_tls_secret", "of-the-zone"),
    ];
    let _operator = world.operator(&[&[CLASS][..], &configured].concat()).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let service: Service = world.found("a", |_| true).await;
    let port = &service.spec.unwrap().ports.unwrap()[0];
    assert_eq!((port.port, port.target_port.clone()), (8080, Some(IntOrString::Int(9090))));
    let ingress: Ingress = world.found("a", |_| true).await;
    assert_eq!(ingress.spec.unwrap().tls.unwrap()[0].secret_name.as_deref(), Some("of-the-zone"));
}

#[tokio::test]
async fn i27_ingress_has_only_the_configured_annotations_of_a_controller() {
    let (plain, annotated) = (World::new().await, World::new().await);
    let annotation = ("exposure.ingress.annotations.protocol", "GRPC");
    let _operators =
        [plain.operator(&[CLASS]).await, annotated.operator(&[CLASS, annotation]).await];
    let ours = ["flow-operator/desired", "flow-operator/iflearnerjob"];
    for (world, expected) in
        [(&plain, &ours[..]), (&annotated, &[&ours[..], &["protocol"]].concat())]
    {
        world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
        let ingress: Ingress = world.found("a", |_| true).await;
        assert_eq!(ingress.annotations().keys().collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn i04_change_of_the_driver_replaces_the_route() {
    let world = World::new().await;
    let _operator = world.operator(&[GATEWAY, CLASS]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    world.found::<GrpcRoute>("a", |_| true).await;
    world.patch("a", json!({"spec": {"exposure": {"driver": "ingress"}}})).await.unwrap();
    world.found::<Ingress>("a", |_| true).await;
    world.gone::<GrpcRoute>("a").await;
    exposed(&world, "a", "Unknown", "NoAddress").await;
    world.patch("a", json!({"spec": {"exposure": {"driver": "none"}}})).await.unwrap();
    world.gone::<Ingress>("a").await;
    let inside = format!("a.{}.svc:80", world.namespace);
    let status =
        world.until("a", "no route", |status| status.condition(condition::EXPOSED).is_none()).await;
    assert_eq!(status.endpoint, Some(inside));
}

#[tokio::test]
async fn route_of_another_owner_is_not_changed_and_the_job_runs() {
    let world = World::new().await;
    let _operator = world.operator(&[CLASS]).await;
    let strangers = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "a", "namespace": world.namespace},
        "spec": {"defaultBackend": {"service": {"name": "x", "port": {"number": 1}}}}});
    world.cluster.apply(&strangers.to_string()).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    assert!(exposed(&world, "a", "False", "NameTaken").await.contains("Ingress a exists"));
    world.recorded("a").await;
    world.run_pod("a").await;
    let so = |found: &flow_crd::IflearnerJobStatus| {
        found.condition(condition::READY).is_some_and(|ready| ready.reason == "NameTaken")
    };
    world.until("a", "not ready, for that reason", so).await;
}

/// Uses a cluster of its own: the shared one has the Gateway API, and other operators.
#[tokio::test]
async fn i24_one_operator_serves_a_whole_cluster_and_a_missing_api_is_a_condition() {
    let cluster = Cluster::start_with(Options { scheduler: false, ..Options::default() }).await;
    cluster.kubectl_ok(&["create", "namespace", "flow-system"]).await;
    let kubeconfig = rights(&cluster, "flow-system", &[]).await;
    let settings = [GATEWAY, ("leader.namespace", "flow-system")];
    let mut without = Operator::start(kubeconfig.clone(), &settings);
    assert!(!without.ended().await.success());
    assert!(without.log().contains("install the definition first"), "{}", without.log());
    let crd = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/kustomize/crd/iflearnerjobs.yaml");
    cluster.kubectl_ok(&["apply", "-f", crd]).await;
    cluster.established(&["iflearnerjobs.git.iflytek.com"]).await;
    let operator = Operator::start(kubeconfig, &settings);
    operator.works().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), manifest(SERVER, "a", json!({})).to_string()).unwrap();
    cluster.kubectl_ok(&["apply", "-f", file.path().to_str().unwrap()]).await;
    let api: kube::Api<flow_crd::IflearnerJob> =
        kube::Api::default_namespaced(client(cluster.kubeconfig().to_owned()).await);
    let exposed =
        async || api.get("a").await.unwrap().status?.condition(condition::EXPOSED).cloned();
    let found = eventually("Exposed", exposed).await;
    assert_eq!((found.status.as_str(), found.reason.as_str()), ("False", "ApiNotInstalled"));
    eventually("its Job", async || api.get("a").await.unwrap().status?.job).await;
    assert_eq!(operator.metric("flow_operator_reconcile_failures_total").await, None);
    assert!(operator.passes().await < 20.0, "the operator does not loop");
    cluster.install_gateway_api().await;
    // The operator reads the APIs once a minute.
    let waited = flow_testkit::wait_for("a route", Duration::from_secs(150), async || {
        exposed().await.filter(|found| found.reason == "NotAccepted")
    });
    waited.await;
    let log = operator.stop().await;
    assert!(!log.contains("forbidden"), "{log}");
}
