//! The Kubernetes that the tests use, without nodes.

use flow_testkit::kube::{Cluster, Options, shared};

fn config_map(name: &str, owner_uid: Option<&str>) -> String {
    let owner = owner_uid.map_or(String::new(), |uid| {
        format!("ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: owner, uid: {uid}}}], ")
    });
    format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{{owner}name: {name}}}}}")
}

#[tokio::test]
async fn object_is_deleted_with_its_owner() {
    let cluster = shared().await;
    assert!(cluster.kubectl_ok(&["get", "namespaces"]).await.contains("kube-system"));
    let namespace = cluster.create_namespace().await;
    cluster.apply_in(&namespace, &config_map("owner", None)).await;
    let uid = cluster
        .kubectl_ok(&["get", "configmap/owner", "-n", &namespace, "-o", "jsonpath={.metadata.uid}"])
        .await;
    cluster.apply_in(&namespace, &config_map("owned", Some(&uid))).await;
    cluster.kubectl_ok(&["delete", "configmap/owner", "-n", &namespace]).await;
    cluster
        .kubectl_ok(&["wait", "--for=delete", "configmap/owned", "-n", &namespace, "--timeout=60s"])
        .await;
}

#[tokio::test]
async fn identity_has_exactly_its_granted_permissions() {
    let cluster = shared().await;
    let namespace = cluster.create_namespace().await;
    cluster
        .kubectl_ok(&[
            "create",
            "role",
            "reader",
            "--verb=list",
            "--resource=pods",
            "-n",
            &namespace,
        ])
        .await;
    cluster
        .kubectl_ok(&[
            "create",
            "rolebinding",
            "user",
            "--role=reader",
            "--user=alice",
            "-n",
            &namespace,
        ])
        .await;
    cluster
        .kubectl_ok(&[
            "create",
            "rolebinding",
            "group",
            "--role=reader",
            "--group=readers",
            "-n",
            &namespace,
        ])
        .await;
    let account = format!("--serviceaccount={namespace}:default");
    cluster
        .kubectl_ok(&[
            "create",
            "rolebinding",
            "account",
            "--role=reader",
            &account,
            "-n",
            &namespace,
        ])
        .await;
    let granted = [
        cluster.kubeconfig_for("alice", None),
        cluster.kubeconfig_for("bob", Some("readers")),
        cluster.service_account_kubeconfig(&namespace, "default").await,
    ];
    for config in &granted {
        let config = format!("--kubeconfig={}", config.display());
        // The authorizer learns of new roles and bindings with a delay.
        cluster.kubectl_in_time(&[&config, "get", "pods", "-n", &namespace]).await;
        let refused = cluster.kubectl(&[&config, "get", "secrets", "-n", &namespace]).await;
        assert!(String::from_utf8_lossy(&refused.stderr).contains("Forbidden"), "{refused:?}");
    }
    let stranger = format!("--kubeconfig={}", cluster.kubeconfig_for("bob", None).display());
    assert!(!cluster.kubectl(&[&stranger, "get", "pods", "-n", &namespace]).await.status.success());
}

#[tokio::test]
async fn gateway_api_can_be_installed() {
    let cluster = shared().await;
    cluster.install_gateway_api().await;
    let namespace = cluster.create_namespace().await;
    cluster.kubectl_ok(&["get", "grpcroutes", "-n", &namespace]).await;
}

#[tokio::test]
async fn outage_of_the_api_server_loses_no_object() {
    let options = Options { controller_manager: false, scheduler: false, ..Options::default() };
    let mut cluster = Cluster::start_with(options).await;
    cluster.apply(&config_map("kept", None)).await;
    cluster.stop_api_server();
    assert!(!cluster.kubectl(&["get", "configmap/kept"]).await.status.success());
    cluster.start_api_server().await;
    cluster.kubectl_ok(&["get", "configmap/kept"]).await;
}
