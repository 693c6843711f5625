//! The shipped roles are enough, as every test here shows that runs with them, and allow nothing else.

use flow_operator::iflearnerjob::api::Phase;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::rbac::v1::Role;
use kube::ResourceExt as _;
use kube::api::PostParams;
use serde_json::json;

use crate::support::{CLIENT, Operator, SERVER, World, account, eventually, manifest, rights};

#[tokio::test]
async fn i24_the_role_allows_nothing_that_is_not_used() {
    let world = World::new().await;
    let kubeconfig = world.rights().await;
    let can = async |verb: &str, what: &str, namespace: &str| {
        let config = format!("--kubeconfig={}", kubeconfig.display());
        // With a slash it would be the name of one object.
        let (resource, subresource) = what.split_once('/').unwrap_or((what, ""));
        let subresource = format!("--subresource={subresource}");
        let answer = world.cluster.kubectl(&["auth", "can-i", verb, resource, &subresource, "-n", namespace, &config]).await;
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
    assert!(!can("create", "jobs.batch", "default").await, "only in the namespaces that are served");
    assert!(!can("get", "namespaces", "default").await);
}

#[tokio::test]
async fn one_operator_serves_several_namespaces_with_a_role_in_each() {
    let (one, other) = (World::new().await, World::new().await);
    let namespaces = [one.namespace.clone(), other.namespace.clone()];
    let kubeconfig = rights(one.cluster, &one.namespace, &namespaces).await;
    let served = format!("{namespaces:?}");
    let operator = Operator::start(kubeconfig, &[("namespaces", &served), ("leader.namespace", &one.namespace)]);
    operator.works().await;
    for world in [&one, &other] {
        world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
        assert_eq!(world.live("a", 0).await.phase, Some(Phase::Succeeded));
    }
    let log = operator.stop().await;
    assert!(!log.contains("forbidden"), "{log}");
}

#[tokio::test]
async fn i25_pods_of_others_take_no_memory() {
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
    let before = operator.looks().await;
    for number in 0..200 {
        let big = json!({"metadata": {"name": format!("p{number}"), "annotations": {"a": "x".repeat(100_000)}}, "spec": {"containers": [{"name": "a", "image": "x"}]}});
        world.api::<k8s_openapi::api::core::v1::Pod>().create(&PostParams::default(), &serde_json::from_value(big).unwrap()).await.unwrap();
    }
    world.create(&manifest(SERVER, "b", json!({}))).await.unwrap();
    world.recorded("b").await;
    assert!(resident() < 60, "{} MiB", resident());
    assert!(operator.looks().await < before + 20.0, "and no look");
}

/// Takes what concerns this resource out of the operator's role.
async fn take_away(world: &World, resource: &str, verb: &str) {
    let api = world.api::<Role>();
    let mut role = api.get("flow-operator").await.unwrap();
    role.rules.as_mut().unwrap().retain(|rule| !rule.resources.as_ref().unwrap().iter().any(|found| found == resource));
    api.replace("flow-operator", &PostParams::default(), &role).await.unwrap();
    let (plural, sub) = resource.split_once('/').unwrap_or((resource, ""));
    let sub = format!("--subresource={sub}");
    let account = account(&world.namespace);
    let question = ["auth", "can-i", "--as", &account, verb, plural, &sub, "--namespace", &world.namespace];
    eventually("the right gone", async || !world.cluster.kubectl(&question).await.status.success()).await;
}

#[tokio::test]
async fn a_right_that_is_taken_away_is_missed_aloud_and_used_again_once_it_is_back() {
    let world = World::new().await;
    let operator = world.operator(&[("leader.elect", "false")]).await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    world.run_pod("a").await;
    world.until("a", "running", |status| status.phase == Some(Phase::Running)).await;

    take_away(&world, "jobs", "create").await;
    world.create(&manifest(SERVER, "b", json!({}))).await.unwrap();
    let status = world.until("b", "Forbidden", |status| status.reason.as_deref() == Some("Forbidden")).await;
    assert_eq!(status.phase, Some(Phase::Pending));
    assert!(status.message.unwrap().contains("cannot create resource \"jobs\""));
    assert!(world.event("b", "Forbidden").await.contains("jobs"));

    take_away(&world, "iflearnerjobs/status", "patch").await;
    world.end_pod("a", 0).await;
    eventually("a failure that is counted", async || operator.metric("flow_operator_reconcile_failures_total{error=\"api\"}").await).await;
    let log = operator.log();
    assert!(log.contains("writing the status") && log.contains("cannot patch resource \\\"iflearnerjobs/status\\\""), "{log}");
    assert_eq!(world.job("a").await.status.unwrap().phase, Some(Phase::Running));

    world.rights().await;
    let status = world.until("a", "the end", |status| status.phase == Some(Phase::Succeeded)).await;
    assert_eq!(status.exit_code, Some(0));
    assert_eq!(world.live("b", 0).await.phase, Some(Phase::Succeeded));
    assert_eq!(world.all::<Job>().await.len(), 2);
}

#[tokio::test]
async fn a_right_to_read_that_is_missing_is_named_and_waited_for() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    world.trust_roots().await;
    for resource in ["namespaces", "configmaps"] {
        take_away(&world, resource, "get").await;
        world.create(&manifest(CLIENT, resource, json!({}))).await.unwrap();
        let status = world.until(resource, "Forbidden", |status| status.reason.as_deref() == Some("Forbidden")).await;
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
    eventually("the quota", async || world.would_create(pod.clone()).await.is_err_and(|error| error.contains("exceeded quota"))).await;
    take_away(&world, "events", "list").await;
    world.create(&manifest(SERVER, "b", json!({}))).await.unwrap();
    let status = world.until("b", "Forbidden", |status| status.reason.as_deref() == Some("Forbidden")).await;
    assert_eq!(status.phase, Some(Phase::Pending));
    assert!(status.message.unwrap().contains("cannot list resource \"events\""));
    world.rights().await;
    let status = world.until("b", "the reason", |status| status.reason.as_deref() == Some("PodNotCreated")).await;
    assert!(status.message.unwrap().contains("exceeded quota"));
}
