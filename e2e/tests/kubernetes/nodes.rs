//! A node that fails while a member runs on it, and the reported reasons.

use flow_testkit::kube::{BUSYBOX, Options};
use serde_json::json;

use super::*;

#[tokio::test]
async fn member_reports_an_unresponsive_node_and_fails_when_the_cluster_evicts_its_pod() {
    // A kubelet renews its Lease every ten seconds.
    let controller_manager_arguments =
        ["--node-monitor-grace-period=20s", "--node-monitor-period=1s"].map(str::to_owned).into();
    let cluster = Cluster::start_with(Options {
        nodes: 2,
        controller_manager_arguments,
        ..Options::default()
    })
    .await;
    // It ends with the process, like the shared one.
    let cluster: &'static Cluster = Box::leak(Box::new(cluster));
    equip(cluster).await;
    let mut ground = Ground::on(cluster).await;
    ground.start_operator("");
    let builder = ground
        .builder("")
        .agent("images.small.container", BUSYBOX)
        .agent("images.small.allow", "true")
        .agent("images.small.env", "[\"E2E\"]");
    let unreachable = "[{ key = 'node.kubernetes.io/unreachable', operator = 'Exists', effect = 'NoExecute', tolerationSeconds = 45 }]";
    let builder = builder.agent("images.small.pod.tolerations", unreachable);
    let federation = builder
        .agent("images.small.pod.nodeSelector.'kubernetes.io/hostname'", "node2")
        .start()
        .await;
    let job =
        Job::new("wait").template("image", "small").template("command", json!(["sleep", "3600"]));
    let run = federation.hub.launch(&job.members(&[("hospital-a", "trainer")])).await;
    let runs = async |what: &str, condition: &dyn Fn(&Value) -> bool| {
        let is = |run: &Value| {
            member(run, "hospital-a")["phase"] == "running"
                && condition(&member(run, "hospital-a")["reason"])
        };
        federation.hub.wait(&run, what, PATIENCE, is).await;
    };
    let reports = |word: &'static str| {
        move |reason: &Value| {
            reason["message"].as_str().is_some_and(|message| message.contains(word))
        }
    };
    runs("it to run", &Value::is_null).await;

    cluster.stop_kubelet("node2");
    runs("the report that its node is away", &reports("(NodeNotReady)")).await;
    cluster.start_kubelet("node2");
    runs("its node to be back", &Value::is_null).await;

    cluster.stop_kubelet("node2");
    runs("the report that its Pod is evicted", &reports("(DeletionByTaintManager)")).await;
    cluster.kubectl_ok(&["delete", "node", "node2", "--wait=false"]).await;
    let end = federation.hub.ends_within(&run, "failed", "member_failed", PATIENCE).await;
    assert_eq!(end["ending"]["party"], "hospital-a");
    let message = end["ending"]["reason"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("its node was lost; start a new run"), "{end:#}");
    // No check for remaining processes: on a node without a kubelet the container runs until the
    // machine ends.
    drop(federation);
}
