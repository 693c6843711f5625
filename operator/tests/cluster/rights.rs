//! The shipped roles suffice, because every test here runs with them, and contain no unused
//! permission.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::http::Method;
use flow_crd::{IflearnerJob, IflearnerJobStatus, Phase, UID_LABEL, condition};
use flow_operator::gateway_api::GrpcRoute;
use flow_operator::rbac::{self, Permission};
use flow_testkit::kube::Use;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::rbac::v1::Role;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Resource, ResourceExt as _};
use serde_json::{Value, json};

use crate::relay::{Fate, Relay};
use crate::support::{CLIENT, Operator, SERVER, World, account, eventually, manifest, rights};

/// Returns the single uses that these permissions allow.
fn allowed(permissions: &[Permission]) -> BTreeSet<Use> {
    let uses = |right: &Permission| {
        let Permission { group, resources, verbs, .. } = *right;
        resources.iter().flat_map(move |resource| {
            verbs.iter().map(move |verb| [group, resource, verb].map(str::to_owned).into())
        })
    };
    permissions.iter().flat_map(uses).collect()
}

/// Creates a minimal object of another owner with the name of a job's child, and waits until the
/// job reports it.
async fn taken<K: Resource<DynamicType = ()>>(world: &World, name: &str, spec: Value) {
    let stranger = json!({"apiVersion": K::api_version(&()), "kind": K::kind(&()), "metadata": {"name": name, "namespace": world.namespace}, "spec": spec});
    world.cluster.apply(&stranger.to_string()).await;
    let driver = if K::kind(&()) == "Ingress" { "ingress" } else { "gateway" };
    world.create(&manifest(SERVER, name, json!({"exposure": {"driver": driver}}))).await.unwrap();
    world
        .until(name, "NameTaken", |status| {
            status.conditions.iter().any(|found| found.reason == "NameTaken")
        })
        .await;
}

/// Makes the operator repair a child.
async fn disturb<K>(world: &World, name: &str)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let api = world.dynamic::<K>();
    let made = eventually(&K::kind(&()), async || api.get_opt(name).await.unwrap()).await;
    let edit = json!({"metadata": {"annotations": {"flow-operator/desired": "other"}}});
    api.patch(name, &PatchParams::default(), &Patch::Merge(&edit)).await.unwrap();
    let is_repaired = async || {
        api.get(name).await.unwrap().annotations()["flow-operator/desired"]
            == made.annotations()["flow-operator/desired"]
    };
    eventually("the repair", is_repaired).await;
}

#[tokio::test]
async fn i24_every_permission_is_used_and_every_request_has_one() {
    let world = World::strict().await;
    let kubeconfig = world.rights().await;
    world.trust_roots().await;

    // A Pod of the original operator, which only a newly started operator reads.
    let old = world.create(&manifest(SERVER, "original", json!({}))).await.unwrap();
    let status = json!({"status": {"phase": "Running", "conditions": []}});
    world
        .dynamic::<IflearnerJob>()
        .patch_status("original", &PatchParams::default(), &Patch::Merge(&status))
        .await
        .unwrap();
    let owner = json!([{"apiVersion": "git.iflytek.com/v1", "kind": "IflearnerJob", "name": "original", "uid": old.uid(), "controller": true}]);
    let pod = json!({"metadata": {"name": "original", "ownerReferences": owner}, "spec": {"containers": [{"name": "a", "image": "x"}]}});
    world
        .api::<Pod>()
        .create(&PostParams::default(), &serde_json::from_value(pod).unwrap())
        .await
        .unwrap();

    let both = [("exposure.gateway.name", "edge"), ("exposure.ingress.class", "nginx")];
    let operator = world.operator_of(kubeconfig.clone(), &both);

    // A complete run with a changed deadline and a deleted Job.
    let policy =
        json!({"runPolicy": {"ttlSecondsAfterFinished": 0, "activeDeadlineSeconds": 86400}});
    world.create(&manifest(CLIENT, "whole", policy)).await.unwrap();
    let job = world.recorded("whole").await.name_any();
    world
        .patch("whole", json!({"spec": {"runPolicy": {"activeDeadlineSeconds": 80000}}}))
        .await
        .unwrap();
    assert_eq!(world.live("whole", 0).await.phase, Some(Phase::Succeeded));
    world.gone::<Job>(&job).await;

    // Edited children, a replaced route, and names that belong to other owners.
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    world.run_pod("a").await;
    disturb::<Service>(&world, "a").await;
    disturb::<NetworkPolicy>(&world, "a").await;
    disturb::<GrpcRoute>(&world, "a").await;
    world.patch("a", json!({"spec": {"exposure": {"driver": "ingress"}}})).await.unwrap();
    disturb::<Ingress>(&world, "a").await;
    world.gone::<GrpcRoute>("a").await;
    world.patch("a", json!({"spec": {"exposure": {"driver": "none"}}})).await.unwrap();
    world.gone::<Ingress>("a").await;
    taken::<Service>(&world, "service", json!({"ports": [{"port": 1}]})).await;
    taken::<NetworkPolicy>(&world, "policy", json!({"podSelector": {}})).await;
    taken::<GrpcRoute>(&world, "route", json!({})).await;
    taken::<Ingress>(
        &world,
        "ingress",
        json!({"defaultBackend": {"service": {"name": "x", "port": {"number": 1}}}}),
    )
    .await;
    world
        .create(&manifest(SERVER, "asks", json!({"exposure": {"authenticateClients": true}})))
        .await
        .unwrap();
    let refused = |status: &IflearnerJobStatus| {
        status
            .condition(condition::EXPOSED)
            .is_some_and(|found| found.reason == "ClientsNotAuthenticated")
    };
    world.until("asks", "no Gateway", refused).await;

    // A deleted Job, a Job that runs after a recorded end, and an unreadable object.
    world.create(&manifest(SERVER, "deleted", json!({}))).await.unwrap();
    world.run_pod("deleted").await;
    let job = world.recorded("deleted").await.name_any();
    world.delete::<Job>(&job, &DeleteParams::background()).await;
    world
        .until("deleted", "the end", |status| status.reason.as_deref() == Some("JobDeleted"))
        .await;
    world.create(&manifest(SERVER, "over", json!({}))).await.unwrap();
    let job = world.recorded("over").await.name_any();
    let status = json!({"status": {"phase": "Failed"}});
    world
        .dynamic::<IflearnerJob>()
        .patch_status("over", &PatchParams::default(), &Patch::Merge(&status))
        .await
        .unwrap();
    world.gone::<Job>(&job).await;
    let ports = json!({"spec": {"containers": [{"name": "a", "image": "x", "ports": [{"containerPort": 99_999_999_999_u64}]}]}});
    let unreadable =
        serde_json::from_value(manifest(SERVER, "unreadable", json!({"template": ports}))).unwrap();
    world.dynamic::<IflearnerJob>().create(&PostParams::default(), &unreadable).await.unwrap();
    world.event("unreadable", "Unreadable").await;

    // This step is the last one: no Pod is created from then on.
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": world.namespace}, "spec": {"hard": {"pods": "0"}}});
    world.cluster.apply(&quota.to_string()).await;
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "x"}]}});
    eventually("the quota", async || {
        world.would_create(pod.clone()).await.is_err_and(|error| error.contains("exceeded quota"))
    })
    .await;
    world.create(&manifest(SERVER, "poor", json!({}))).await.unwrap();
    world
        .until("poor", "the reason", |status| status.reason.as_deref() == Some("PodNotCreated"))
        .await;
    let log = operator.stop().await;
    assert!(!log.contains("forbidden"), "{log}");

    let operator = world.operator_of(kubeconfig.clone(), &[("network_policy.enabled", "false")]);
    world.gone::<NetworkPolicy>("a").await;
    let log = operator.stop().await;
    assert!(!log.contains("forbidden"), "{log}");

    // The only permission without a request of its own.
    let implied: BTreeSet<Use> =
        [["git.iflytek.com", "iflearnerjobs/finalizers", "update"].map(str::to_owned).into()]
            .into();
    let used = world.cluster.uses(&account(&world.namespace));
    let allowed = allowed(&[rbac::SERVED_NAMESPACE, rbac::OWN_NAMESPACE].concat());
    assert_eq!(used.union(&implied).cloned().collect::<BTreeSet<_>>(), allowed);

    take_away(&world, "iflearnerjobs/finalizers", "update").await;
    world.cluster.kubectl_ok(&["delete", "resourcequota", "none", "-n", &world.namespace]).await;
    let _operator = world.operator_of(kubeconfig, &[]);
    world.create(&manifest(SERVER, "b", json!({}))).await.unwrap();
    let status =
        world.until("b", "Forbidden", |status| status.reason.as_deref() == Some("Forbidden")).await;
    assert!(status.message.unwrap().contains("can't set finalizers on"));
}

#[tokio::test]
async fn i24_role_contains_no_unused_permission() {
    let world = World::new().await;
    let kubeconfig = world.rights().await;
    let can = async |verb: &str, what: &str, namespace: &str| {
        let config = format!("--kubeconfig={}", kubeconfig.display());
        // A slash would name one object.
        let (resource, subresource) = what.split_once('/').unwrap_or((what, ""));
        let subresource = format!("--subresource={subresource}");
        let answer = world
            .cluster
            .kubectl(&["auth", "can-i", verb, resource, &subresource, "-n", namespace, &config])
            .await;
        String::from_utf8(answer.stdout).unwrap().trim() == "yes"
    };
    for (verb, what) in [
        ("get", "secrets"),
        ("list", "secrets"),
        ("list", "configmaps"),
        ("create", "pods"),
        ("delete", "pods"),
        ("get", "pods/log"),
        ("create", "pods/exec"),
        ("update", "iflearnerjobs"),
        ("delete", "iflearnerjobs"),
        ("create", "iflearnerjobs"),
        ("delete", "services"),
        ("patch", "namespaces"),
        ("create", "rolebindings"),
        ("impersonate", "serviceaccounts"),
        ("get", "nodes"),
    ] {
        assert!(!can(verb, what, &world.namespace).await, "{verb} {what}");
    }
    assert!(can("create", "jobs.batch", &world.namespace).await);
    assert!(
        !can("create", "jobs.batch", "default").await,
        "only in the namespaces that are served"
    );
    assert!(!can("get", "namespaces", "default").await);
}

#[tokio::test]
async fn one_operator_serves_several_namespaces_with_a_role_in_each() {
    let (one, other) = (World::new().await, World::new().await);
    let namespaces = [one.namespace.clone(), other.namespace.clone()];
    let kubeconfig = rights(one.cluster, &one.namespace, &namespaces).await;
    let served = format!("{namespaces:?}");
    let operator = Operator::start(
        kubeconfig,
        &[("namespaces", &served), ("leader.namespace", &one.namespace)],
    );
    operator.works().await;
    for world in [&one, &other] {
        world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
        assert_eq!(world.live("a", 0).await.phase, Some(Phase::Succeeded));
    }
    let log = operator.stop().await;
    assert!(!log.contains("forbidden"), "{log}");
}

#[tokio::test]
async fn i25_unrelated_pods_use_no_memory() {
    let world = World::new().await;
    let operator = world.operator(&[]).await;
    operator.works().await;
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", operator.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    };
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    world.live("a", 0).await;
    let before = operator.passes().await;
    for number in 0..200 {
        let big = json!({"metadata": {"name": format!("p{number}"), "annotations": {"a": "x".repeat(100_000)}}, "spec": {"containers": [{"name": "a", "image": "x"}]}});
        world
            .api::<k8s_openapi::api::core::v1::Pod>()
            .create(&PostParams::default(), &serde_json::from_value(big).unwrap())
            .await
            .unwrap();
    }
    world.create(&manifest(SERVER, "b", json!({}))).await.unwrap();
    world.recorded("b").await;
    assert!(resident() < 60, "{} MiB", resident());
    assert!(operator.passes().await < before + 20.0, "unrelated Pods cause no pass");
}

#[tokio::test]
async fn i25_only_children_with_the_operators_label_are_listed_and_watched() {
    type Asked = (String, BTreeMap<String, String>);
    const CHILDREN: [&str; 6] =
        ["jobs", "services", "networkpolicies", "grpcroutes", "ingresses", "pods"];
    let world = World::new().await;
    let straight = world.rights().await;
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let seen = Arc::clone(&asked);
    let relay = Relay::start(&straight, move |call| {
        if *call.method == Method::GET && call.name.is_empty() && call.answer.is_none() {
            seen.lock().unwrap().push((call.what.to_owned(), call.query.clone()));
        }
        Fate::Pass
    })
    .await;
    let operator = world.operator_of(relay.kubeconfig(&straight), &[("leader.elect", "false")]);
    operator.works().await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    world.live("a", 0).await;
    let is_watch = |query: &BTreeMap<String, String>| query.contains_key("watch");
    for (kind, watch) in CHILDREN.iter().flat_map(|kind| [(*kind, false), (*kind, true)]) {
        let was_asked = async || {
            asked
                .lock()
                .unwrap()
                .iter()
                .any(|(what, query)| what == kind && is_watch(query) == watch)
        };
        eventually(&format!("a {} of {kind}", if watch { "watch" } else { "list" }), was_asked)
            .await;
    }
    let of_one_job = format!("{UID_LABEL}=");
    for (what, query) in
        asked.lock().unwrap().iter().filter(|(what, _)| CHILDREN.contains(&what.as_str()))
    {
        let selector = query.get("labelSelector").map(String::as_str).unwrap_or_default();
        assert!(selector == UID_LABEL || selector.starts_with(&of_one_job), "{what}: {query:?}");
    }
}

/// Removes the verb on this resource from the operator's role.
async fn take_away(world: &World, resource: &str, verb: &str) {
    let api = world.api::<Role>();
    let mut role = api.get("flow-operator").await.unwrap();
    role.rules
        .as_mut()
        .unwrap()
        .retain(|rule| !rule.resources.as_ref().unwrap().iter().any(|found| found == resource));
    api.replace("flow-operator", &PostParams::default(), &role).await.unwrap();
    let (plural, sub) = resource.split_once('/').unwrap_or((resource, ""));
    let sub = format!("--subresource={sub}");
    let account = account(&world.namespace);
    let question =
        ["auth", "can-i", "--as", &account, verb, plural, &sub, "--namespace", &world.namespace];
    eventually("the right gone", async || !world.cluster.kubectl(&question).await.status.success())
        .await;
}

#[tokio::test]
async fn revoked_permission_is_reported_and_used_again_after_it_returns() {
    let world = World::new().await;
    let operator = world.operator(&[("leader.elect", "false")]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    world.run_pod("a").await;
    world.until("a", "running", |status| status.phase == Some(Phase::Running)).await;

    take_away(&world, "jobs", "create").await;
    world.create(&manifest(SERVER, "b", json!({}))).await.unwrap();
    let status =
        world.until("b", "Forbidden", |status| status.reason.as_deref() == Some("Forbidden")).await;
    assert_eq!(status.phase, Some(Phase::Pending));
    assert!(status.message.unwrap().contains("cannot create resource \"jobs\""));
    assert!(world.event("b", "Forbidden").await.contains("jobs"));

    take_away(&world, "iflearnerjobs/status", "patch").await;
    world.end_pod("a", 0).await;
    eventually("a failure that is counted", async || {
        operator.metric("flow_operator_reconcile_failures_total{error=\"api\"}").await
    })
    .await;
    let log = operator.log();
    assert!(
        log.contains("cannot write the status")
            && log.contains("cannot patch resource \\\"iflearnerjobs/status\\\""),
        "{log}"
    );
    assert_eq!(world.job("a").await.status.unwrap().phase, Some(Phase::Running));

    world.rights().await;
    let status = world.until("a", "the end", |status| status.phase == Some(Phase::Succeeded)).await;
    assert_eq!(status.exit_code, Some(0));
    assert_eq!(world.live("b", 0).await.phase, Some(Phase::Succeeded));
    assert_eq!(world.all::<Job>().await.len(), 2);
}

#[tokio::test]
async fn missing_read_permission_is_reported_and_awaited() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world.trust_roots().await;
    for resource in ["namespaces", "configmaps"] {
        take_away(&world, resource, "get").await;
        world.create(&manifest(CLIENT, resource, json!({}))).await.unwrap();
        let status = world
            .until(resource, "Forbidden", |status| status.reason.as_deref() == Some("Forbidden"))
            .await;
        assert_eq!(status.phase, Some(Phase::Pending));
        let message = status.message.unwrap();
        assert!(message.contains(&format!("cannot get resource \"{resource}\"")), "{message}");
        assert!(world.all::<Job>().await.iter().all(|job| !job.name_any().starts_with(resource)));
        world.rights().await;
        assert_eq!(world.live(resource, 0).await.phase, Some(Phase::Succeeded));
    }

    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": world.namespace}, "spec": {"hard": {"pods": "0"}}});
    world.cluster.apply(&quota.to_string()).await;
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "x"}]}});
    eventually("the quota", async || {
        world.would_create(pod.clone()).await.is_err_and(|error| error.contains("exceeded quota"))
    })
    .await;
    take_away(&world, "events", "list").await;
    world.create(&manifest(SERVER, "b", json!({}))).await.unwrap();
    let status =
        world.until("b", "Forbidden", |status| status.reason.as_deref() == Some("Forbidden")).await;
    assert_eq!(status.phase, Some(Phase::Pending));
    assert!(status.message.unwrap().contains("cannot list resource \"events\""));
    world.rights().await;
    let status = world
        .until("b", "the reason", |status| status.reason.as_deref() == Some("PodNotCreated"))
        .await;
    assert!(status.message.unwrap().contains("exceeded quota"));
}
