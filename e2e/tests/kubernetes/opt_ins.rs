//! Permissions of Pods that the party must allow explicitly, observed from inside the Pod.

use flow_testkit::kube::BUSYBOX;
use serde_json::json;

use super::*;

/// As old images are: it runs as root, and writes to `/data`.
const OLD: &str = "flow.test/old:1";

/// A change by the namespace's administrator.
async fn allow(ground: &Ground, party: &str, words: &str) {
    let allowed = format!("flow-operator/allow={words}");
    ground
        .cluster
        .kubectl_ok(&["annotate", "namespace", &ground.namespaces[party], "--overwrite", &allowed])
        .await;
}

/// The end of a plain IflearnerJob with the old image.
async fn end_of(ground: &Ground, party: &str) -> Value {
    let container = json!({"name": "old", "image": OLD, "command": ["sh", "-c", "id -u > /data/uid && cat /data/uid"]});
    let job = json!({"apiVersion": "git.iflytek.com/v1", "kind": "IflearnerJob", "metadata": {"name": "old"},
        "spec": {"role": "server", "template": {"spec": {"containers": [container]}}}});
    ground.cluster.apply_in(&ground.namespaces[party], &job.to_string()).await;
    let mut last = Value::Null;
    let end = eventually(PATIENCE, async || {
        last = ground.json(party, "iflearnerjobs").await[0]["status"].clone();
        matches!(last["phase"].as_str(), Some("Failed" | "Succeeded")).then(|| last.clone())
    });
    end.await.unwrap_or_else(|| panic!("at {party} it does not end: {last:#}"))
}

#[tokio::test]
async fn image_that_runs_as_root_and_writes_to_its_root_runs_where_the_namespace_allows_it() {
    let mut ground = Ground::new().await;
    let folder = ground.folder.path().join("old");
    fs::create_dir(&folder).expect("the folder is writable");
    fs::write(folder.join("Dockerfile"), "FROM scratch\nCOPY root/ /\nENV PATH=/bin\n")
        .expect("the folder is writable");
    let stage = "put \"$cache/kube-node/root/bin/busybox\" /bin/busybox\nmkdir \"$context/root/data\"\n\
        for applet in sh cat id; do ln -s busybox \"$context/root/bin/$applet\"; done\n";
    fs::write(folder.join("stage.sh"), stage).expect("the folder is writable");
    let archive = folder.with_extension("tar");
    build_image(&folder, &archive, OLD);
    ground.cluster.import_image(&archive).await;
    ground.start_operator("");
    allow(&ground, "hospital-b", "root").await;
    allow(&ground, "hub", "root,write-root").await;
    let (strict, root, both) = tokio::join!(
        end_of(&ground, "hospital-a"),
        end_of(&ground, "hospital-b"),
        end_of(&ground, "hub")
    );
    let shows = |end: &Value, party: &str, words: &str| {
        let remedy = format!(
            "kubectl annotate namespace {} --overwrite flow-operator/allow={words}",
            ground.namespaces[party]
        );
        end["message"].as_str().is_some_and(|message| message.contains(&remedy))
    };
    assert!(
        strict["phase"] == "Failed"
            && strict["reason"] == "RunsAsRoot"
            && shows(&strict, "hospital-a", "root"),
        "{strict:#}"
    );
    assert!(
        root["phase"] == "Failed"
            && root["exitCode"] == 1
            && shows(&root, "hospital-b", "write-root"),
        "{root:#}"
    );
    assert_eq!(both["phase"], "Succeeded", "{both:#}");
    let logs = ["logs", "--selector=app=old", "--namespace"];
    assert_eq!(
        ground.cluster.kubectl_ok(&[&logs[..], &[&ground.namespaces["hub"]]].concat()).await,
        "0\n"
    );
    let read_only =
        ground.cluster.kubectl_ok(&[&logs[..], &[&ground.namespaces["hospital-b"]]].concat()).await;
    assert!(read_only.contains("Read-only file system"), "{read_only}");
}

#[tokio::test]
async fn dataset_can_be_a_permitted_node_directory_or_a_program_of_an_image() {
    let mut ground = Ground::new().await;
    ground.start_operator("");
    let rows = ground.folder.path().join("rows/of-the-node");
    fs::create_dir_all(&rows).expect("the folder is writable");
    fs::write(rows.join("rows"), "of the node").expect("the folder is writable");
    let put = json!(["sh", "-c", "echo -n of an image > $FED_DATA_DIR/rows"]);
    let builder = ground
        .builder("allow_host_path = true\n")
        .agent("images.small.container", BUSYBOX)
        .agent("images.small.allow", "true")
        .agent("images.small.env", "[\"E2E\"]");
    let builder = builder.agent("datasets.folder.host_path", &rows.display().to_string());
    let federation = builder
        .agent("datasets.brought.image", BUSYBOX)
        .agent("datasets.brought.args", &put.to_string())
        .start()
        .await;

    let config = federation.root().join("hospital-a.toml");
    let mut forbidden = Command::new(binaries::flow_federate());
    forbidden
        .args(["config", "check", "--config"])
        .arg(config)
        .args(["--set", "datasets.folder.host_path=/srv"]);
    let forbidden = forbidden
        .args(["--set", "kubernetes.allow_host_path=false"])
        .output()
        .expect("flow-federate can be executed");
    let errors = String::from_utf8_lossy(&forbidden.stderr);
    assert!(
        !forbidden.status.success()
            && errors.contains("host_path needs kubernetes.allow_host_path = true"),
        "{errors}"
    );

    let read =
        "cat $FED_DATA_DIR/rows && if echo x 2> /dev/null > $FED_DATA_DIR/new; then exit 3; fi";
    let job =
        Job::new("data").template("image", "small").template("command", json!(["sh", "-c", read]));
    let of_the_node =
        job.clone().members(&[("hospital-a", "trainer")]).dataset("hospital-a", "folder");
    let run = federation.hub.launch(&of_the_node).await;
    let end = federation.hub.ends_within(&run, "failed", "start_failed", PATIENCE).await;
    let reason = &member(&end, "hospital-a")["reason"];
    assert!(
        reason["code"] == "image_unusable"
            && reason["message"]
                .as_str()
                .is_some_and(|text| text.contains("ask the party to allow it")),
        "{reason}"
    );
    let namespace = &ground.namespaces["hospital-a"];
    let refusal = [
        "get",
        "events",
        "--namespace",
        namespace,
        "--field-selector=reason=NotAllowed",
        "--output=jsonpath={.items[*].message}",
    ];
    let refusal = ground.cluster.kubectl_ok(&refusal).await;
    assert!(
        refusal.contains(&format!(
            "kubectl annotate namespace {namespace} --overwrite flow-operator/allow=hostpath"
        )),
        "{refusal}"
    );

    allow(&ground, "hospital-a", "hostpath").await;
    let both = job.trainers_only().dataset("hospital-a", "folder").dataset("hospital-b", "brought");
    let run = federation.hub.launch(&both).await;
    federation.hub.ends_within(&run, "succeeded", "completed", PATIENCE).await;
    assert_eq!(log(&federation, &run, "hospital-a").await, "of the node");
    assert_eq!(log(&federation, &run, "hospital-b").await, "of an image");
    federation.end().await;
}
