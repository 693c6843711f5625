//! The shipped manifests with an administrator's overlay, on a node that runs the Pods.

use super::*;

/// User of MySQL.
const MYSQL: u32 = 999;

/// `kubectl apply -k` of one of our folders in this namespace, with other images.
pub(super) async fn apply(
    cluster: &Cluster,
    folder: &Path,
    namespace: &str,
    what: &str,
    images: &[(&str, &str)],
) -> String {
    let folder = folder.canonicalize().expect("the folder is writable");
    // kustomize takes no absolute path.
    let up = "../".repeat(folder.components().count() - 1);
    let base = format!(
        "{up}{}",
        flow_testkit::repository().join(what).strip_prefix("/").expect("it is absolute").display()
    );
    let image = |(name, image): &(&str, &str)| {
        let (to, tag) = image.rsplit_once(':').expect("an image has a tag");
        serde_json::json!({"name": name, "newName": to, "newTag": tag})
    };
    let images: Vec<_> = images.iter().map(image).collect();
    let text = serde_json::json!({"namespace": namespace, "resources": [base], "images": images});
    fs::write(folder.join("kustomization.yaml"), text.to_string()).expect("the folder is writable");
    cluster
        .kubectl_ok(&[
            "apply".as_ref(),
            "--server-side".as_ref(),
            "--kustomize".as_ref(),
            folder.as_os_str(),
        ])
        .await
}

#[tokio::test]
async fn deployed_hub_and_mysql_start_and_survive_the_loss_of_each_pod() {
    let cluster = prepared().await;
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let images = [
        ("registry.example/flow-server", "flow.test/flow-server:1"),
        ("mysql", "flow.test/mysql:1"),
    ];
    for (from, (_, name)) in
        ["deploy/images/flow-server", "testkit/kube/images/mysql"].iter().zip(images)
    {
        let archive = folder
            .path()
            .join(Path::new(from).file_name().expect("it has one"))
            .with_extension("tar");
        build_image(&flow_testkit::repository().join(from), &archive, name);
        cluster.import_image(&archive).await;
    }
    let namespace = &cluster.create_namespace().await;
    volume(cluster, folder.path(), namespace, "flow-server", UNPRIVILEGED_USER).await;
    volume(cluster, folder.path(), namespace, "data-flow-mysql-0", MYSQL).await;
    setup(cluster, &["certificates", "--namespace", namespace, "--hub"]);
    setup(cluster, &["secrets", "--namespace", namespace, "--mysql"]);
    let overlay = "deploy/kustomize/overlays/server-mysql";
    apply(cluster, folder.path(), namespace, overlay, &images).await;

    let place = format!("--namespace={namespace}");
    let kubectl =
        async |words: &[&str]| cluster.kubectl_ok(&[&[place.as_str()], words].concat()).await;
    // Readiness and restarts of the Pod with another UID than `uid`.
    let pod = async |name: &str, not: &str| {
        let list = kubectl(&[
            "get",
            "pods",
            &format!("--selector=app.kubernetes.io/name={name}"),
            "--output=json",
        ])
        .await;
        let list: Value = serde_json::from_str(&list).expect("kubectl prints JSON");
        let other = list["items"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|pod| pod["metadata"]["uid"] != not)
            .cloned()?;
        (other["status"]["containerStatuses"][0]["ready"] == true).then_some(other)
    };
    let is_up =
        async |name: &str, not: &str| match eventually(PATIENCE, async || pod(name, not).await)
            .await
        {
            Some(pod) => pod,
            None => panic!("{}", kubectl(&["describe", "pods"]).await),
        };
    let within = ["exec", "deployment/flow-server", "--"];
    let flowctl =
        async |words: &[&str]| kubectl(&[&within[..], &["flowctl"], words].concat()).await;
    let (mysql, server) = (is_up("flow-mysql", "").await, is_up("flow-server", "").await);
    assert_eq!(
        server["status"]["initContainerStatuses"][0]["restartCount"], 0,
        "it waits for MySQL: {server:#}"
    );
    let code = kubectl(
        &[&within[..], &["flow-server", "setup-code", "--config=/etc/flow/hub/hub.toml"]].concat(),
    )
    .await;
    let kept = fs::read_to_string(folder.path().join("flow-server/hub/setup-code"))
        .expect("the hub has made it");
    assert_eq!(code.trim(), kept.trim());
    flowctl(&["setup", "--name", "admin"]).await;
    flowctl(&["party", "add", "hospital-a", "--print-secret"]).await;
    let doctor = kubectl(
        &[&within[..], &["flow-server", "doctor", "--config=/etc/flow/hub/hub.toml"]].concat(),
    )
    .await;
    assert!(
        doctor.contains("ok   server: ") && doctor.contains("innodb_flush_log_at_trx_commit 1"),
        "{doctor}"
    );
    let tables = folder.path().join("data-flow-mysql-0/data/flow");
    assert!(fs::metadata(tables).is_ok_and(|found| found.is_dir()), "what it knows is elsewhere");

    let kill = async |name: &str, pod: &Value| {
        let selector = format!("--selector=app.kubernetes.io/name={name}");
        kubectl(&["delete", "pod", &selector, "--force", "--grace-period=0"]).await;
        is_up(name, &uid(&pod["metadata"])).await
    };
    let mysql = kill("flow-mysql", &mysql).await;
    let knows = async || {
        let answer = cluster
            .kubectl(&[&["exec", &place], &within[1..], &["flowctl", "party", "list"]].concat())
            .await;
        (answer.status.success() && String::from_utf8_lossy(&answer.stdout).contains("hospital-a"))
            .then_some(())
    };
    assert!(
        eventually(PATIENCE, knows).await.is_some(),
        "{}",
        kubectl(&["logs", "deployment/flow-server", "--tail=50"]).await
    );
    let same = is_up("flow-server", "").await;
    let lives = |pod: &Value| {
        (uid(&pod["metadata"]), pod["status"]["containerStatuses"][0]["restartCount"].clone())
    };
    assert_eq!(lives(&same), lives(&server), "the hub needs no restart when its database does");
    let server = kill("flow-server", &server).await;
    assert!(
        eventually(PATIENCE, knows).await.is_some(),
        "{}",
        kubectl(&["logs", "deployment/flow-server", "--tail=50"]).await
    );

    setup(cluster, &["secrets", "--namespace", namespace, "--mysql"]);
    apply(cluster, folder.path(), namespace, overlay, &images).await;
    for what in ["statefulset/flow-mysql", "deployment/flow-server"] {
        kubectl(&["rollout", "status", "--timeout=120s", what]).await;
    }
    let after = (is_up("flow-mysql", "").await, is_up("flow-server", "").await);
    assert_eq!(
        (lives(&after.0), lives(&after.1)),
        (lives(&mysql), lives(&server)),
        "nothing was changed, so nothing is to be started again"
    );

    setup(cluster, &["remove", "server", "--namespace", namespace, "--with-data", "--yes"]);
    // Independent of its labels.
    let left = async || {
        let found =
            kubectl(&["get", "all,persistentvolumeclaims,networkpolicies", "--output=name"]).await;
        found
            + &kubectl(&["get", "secrets", "flow-mysql", "--output=name", "--ignore-not-found"])
                .await
    };
    let gone = eventually(PATIENCE, async || left().await.is_empty().then_some(())).await;
    assert!(gone.is_some(), "{}", left().await);
}
