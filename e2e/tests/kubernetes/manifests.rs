//! Our manifests as an administrator applies them: an overlay of his own that says where things are, on a node that runs
//! what comes of it.

use super::*;

/// Who MySQL runs as.
const MYSQL: u32 = 999;

/// `kubectl apply -k` of one of our folders in this namespace, with other images.
pub(super) async fn apply(cluster: &Cluster, folder: &Path, namespace: &str, what: &str, images: &[(&str, &str)]) -> String {
    let folder = folder.canonicalize().expect("the folder is ours");
    // kustomize takes no absolute path.
    let up = "../".repeat(folder.components().count() - 1);
    let base = format!("{up}{}", flow_testkit::repository().join(what).strip_prefix("/").expect("it is absolute").display());
    let image = |(name, image): &(&str, &str)| {
        let (to, tag) = image.rsplit_once(':').expect("an image has a tag");
        serde_json::json!({"name": name, "newName": to, "newTag": tag})
    };
    let images: Vec<_> = images.iter().map(image).collect();
    let text = serde_json::json!({"namespace": namespace, "resources": [base], "images": images});
    fs::write(folder.join("kustomization.yaml"), text.to_string()).expect("the folder is ours");
    cluster.kubectl_ok(&["apply".as_ref(), "--server-side".as_ref(), "--kustomize".as_ref(), folder.as_os_str()]).await
}

#[tokio::test]
async fn the_hub_and_its_mysql_come_up_as_deployed_and_each_outlives_the_crash_of_either() {
    let cluster = prepared().await;
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let images = [("flow-server", "flow.test/flow-server:1"), ("mysql", "flow.test/mysql:1")];
    for (from, (what, name)) in ["deploy/images/flow-server", "testkit/kube/images/mysql"].iter().zip(images) {
        let archive = folder.path().join(what).with_extension("tar");
        build_image(&flow_testkit::repository().join(from), &archive, name);
        cluster.import_image(&archive).await;
    }
    let namespace = &cluster.create_namespace().await;
    volume(cluster, folder.path(), namespace, "flow-server", NOBODY).await;
    volume(cluster, folder.path(), namespace, "data-flow-mysql-0", MYSQL).await;
    setup(cluster, &["certificates", "--namespace", namespace, "--hub"]);
    setup(cluster, &["secrets", "--namespace", namespace, "--mysql"]);
    let overlay = "deploy/kustomize/overlays/server-mysql";
    apply(cluster, folder.path(), namespace, overlay, &images).await;

    let place = format!("--namespace={namespace}");
    let kubectl = async |words: &[&str]| cluster.kubectl_in_time(&[&[place.as_str()], words].concat()).await;
    let is_up = async |what: &str| kubectl(&["rollout", "status", "--timeout=5s", what]).await;
    let within = ["exec", "deployment/flow-server", "--"];
    let flowctl = async |words: &[&str]| kubectl(&[&within[..], &["flowctl"], words].concat()).await;
    is_up("statefulset/flow-mysql").await;
    is_up("deployment/flow-server").await;
    flowctl(&["party", "add", "hospital-a", "--print-secret"]).await;
    let told = kubectl(&[&within[..], &["flow-server", "doctor", "--config=/etc/flow/hub/hub.toml"]].concat()).await;
    assert!(told.contains("ok   server: ") && told.contains("innodb_flush_log_at_trx_commit 1"), "{told}");
    let restarts = "--output=jsonpath={.items[*].status.initContainerStatuses[*].restartCount}";
    let selector = "--selector=app.kubernetes.io/name=flow-server";
    assert_eq!(kubectl(&["get", "pods", selector, restarts]).await, "0", "it waits for MySQL");
    assert!(
        fs::metadata(folder.path().join("data-flow-mysql-0/data/flow")).is_ok_and(|found| found.is_dir()),
        "what it knows is elsewhere"
    );

    for pod in ["flow-mysql", "flow-server"] {
        let selector = format!("--selector=app.kubernetes.io/name={pod}");
        kubectl(&["delete", "pod", &selector, "--force", "--grace-period=0"]).await;
        is_up("statefulset/flow-mysql").await;
        is_up("deployment/flow-server").await;
        let parties = flowctl(&["party", "list"]).await;
        assert!(parties.contains("hospital-a"), "{pod} was killed: {parties}");
    }

    let pods = ["get", "pods", "--output=jsonpath={range .items[*]}{.metadata.uid} {end}"];
    let before = kubectl(&pods).await;
    setup(cluster, &["secrets", "--namespace", namespace, "--mysql"]);
    apply(cluster, folder.path(), namespace, overlay, &images).await;
    is_up("statefulset/flow-mysql").await;
    is_up("deployment/flow-server").await;
    assert_eq!(kubectl(&pods).await, before, "nothing was changed, so nothing is to be started again");

    setup(cluster, &["remove", "server", "--namespace", namespace, "--with-data", "--yes"]);
    let ours = "--selector=app.kubernetes.io/component=server";
    let left = ["get", "all,configmaps,persistentvolumeclaims,networkpolicies", ours, "--output=name", "--ignore-not-found"];
    let gone = eventually(SOON, async || kubectl(&left).await.is_empty().then_some(())).await;
    assert!(gone.is_some(), "{}", kubectl(&left).await);
}
