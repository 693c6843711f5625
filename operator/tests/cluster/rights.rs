//! The shipped roles are enough, as every test here shows that runs with them, and allow nothing else.

use flow_operator::iflearnerjob::api::Phase;
use serde_json::json;

use crate::support::{Operator, SERVER, World, manifest};

#[tokio::test]
async fn i24_the_role_allows_nothing_that_is_not_used() {
    let world = World::new().await;
    world.cluster.apply(&flow_operator::rbac::manifests(&world.namespace, std::slice::from_ref(&world.namespace))).await;
    let kubeconfig = world.cluster.service_account_kubeconfig(&world.namespace, "flow-operator").await;
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
    one.cluster.apply(&flow_operator::rbac::manifests(&one.namespace, &namespaces)).await;
    let kubeconfig = one.cluster.service_account_kubeconfig(&one.namespace, "flow-operator").await;
    let served = format!("{namespaces:?}");
    let operator = Operator::start(kubeconfig, &[("namespaces", &served), ("leader.namespace", &one.namespace)], &[]);
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
        world
            .api::<k8s_openapi::api::core::v1::Pod>()
            .create(&kube::api::PostParams::default(), &serde_json::from_value(big).unwrap())
            .await
            .unwrap();
    }
    world.create(&manifest(SERVER, "b", json!({}))).await.unwrap();
    world.recorded("b").await;
    assert!(resident() < 60, "{} MiB", resident());
    assert!(operator.looks().await < before + 20.0, "and no look");
}
