//! Images of a registry that asks for a password, before and after the party has the pull secret.

use flow_e2e::Registry;
use serde_json::json;

use super::manifests::apply;
use super::*;

const USER: &str = "puller";
const PASSWORD: &str = "not for everybody";

#[tokio::test]
async fn members_sidecars_and_agents_are_pulled_with_the_partys_pull_secret_and_wait_for_it() {
    let mut ground = Ground::new().await;
    let cluster = ground.cluster;
    let folder = ground.folder.path().join("registry");
    fs::create_dir(&folder).expect("the folder is writable");
    let registry = Registry::with_password(&folder, &[&kube::NODE.to_string()], USER, PASSWORD);
    let host = &cluster.trust_registry(registry.address(), registry.ca());
    registry.push(&kube::busybox_image(), "team/small:1");
    let archive = folder.join("flow-federate.tar");
    build_image(
        &flow_testkit::repository().join("deploy/images/flow-federate"),
        &archive,
        "flow-federate:1",
    );
    // A node asks for nothing again that it has: an image for the sidecars, and one for the agent.
    for name in ["team/sidecar:1", "team/agent:1"] {
        registry.push(&archive, name);
    }
    let password = folder.join("password");
    fs::write(&password, PASSWORD).expect("the folder is writable");
    fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("the file is writable");
    let give_secret = |namespace: &str| {
        let file = password.to_str().expect("a path in UTF-8");
        setup(
            cluster,
            &[
                "secrets",
                "--namespace",
                namespace,
                "--registry",
                host,
                "--user",
                USER,
                "--password",
                file,
            ],
        );
    };

    ground.start_operator("");
    let builder =
        ground.builder("").agent("kubernetes.sidecar_image", &format!("{host}/team/sidecar:1"));
    let builder = builder
        .agent("images.small.container", &format!("{host}/team/small:1"))
        .agent("images.small.allow", "true")
        .agent("images.small.env", "[\"E2E\"]");
    let federation = builder
        .agent("images.small.pod.imagePullSecrets", "[{ name = \"registry\" }]")
        .start()
        .await;
    let job = Job::new("pull")
        .template("image", "small")
        .template("command", json!(["echo", "pulled"]))
        .trainers_only();
    let run = federation.hub.launch(&job).await;
    let waits = |run: &Value| {
        let reason = |party| &member(run, party)["reason"];
        ["hospital-a", "hospital-b"].iter().all(|party| {
            let names_the_image = reason(party)["message"].as_str().is_some_and(|message| {
                message.contains("pull secret") && !message.contains(host.as_str())
            });
            reason(party)["code"] == "image_unusable" && names_the_image
        })
    };
    federation.hub.wait(&run, "it to say that its images cannot be pulled", PATIENCE, waits).await;
    for party in ["hospital-a", "hospital-b"] {
        give_secret(&ground.namespaces[party]);
    }
    federation.hub.ends_within(&run, "succeeded", "completed", PATIENCE).await;
    for party in ["hospital-a", "hospital-b"] {
        assert_eq!(log(&federation, &run, party).await, "pulled\n");
    }
    federation.end().await;

    // An agent's own image, as the example of a party's overlay has it.
    let namespace = &cluster.create_namespace().await;
    give_secret(namespace);
    setup(
        cluster,
        &[
            "certificates",
            "--namespace",
            &ground.namespaces["hub"],
            "--party",
            &format!("{namespace}=a.party.example.org"),
        ],
    );
    cluster
        .kubectl_ok(&[
            "create",
            "secret",
            "generic",
            "flow-federate",
            "--from-literal=secret=of-nobody",
            "--namespace",
            namespace,
        ])
        .await;
    volume(cluster, &folder, namespace, "flow-federate", UNPRIVILEGED_USER).await;
    let image = format!("{host}/team/agent:1");
    apply(
        cluster,
        &folder,
        namespace,
        "deploy/kustomize/overlays/party-hospital-a",
        &[("registry.example/flow-federate", &image)],
    )
    .await;
    let started = [
        "get",
        "pods",
        "--namespace",
        namespace,
        "--output=jsonpath={.items[*].status.containerStatuses[*].started}",
    ];
    let runs =
        eventually(PATIENCE, async || (cluster.kubectl_ok(&started).await == "true").then_some(()))
            .await;
    assert!(
        runs.is_some(),
        "{}",
        cluster.kubectl_ok(&["describe", "pods", "--namespace", namespace]).await
    );
    let secrets = [
        "get",
        "pods",
        "--namespace",
        namespace,
        "--output=jsonpath={.items[*].spec.imagePullSecrets[*].name}",
    ];
    assert_eq!(cluster.kubectl_ok(&secrets).await, "registry");
    cluster
        .kubectl_ok(&[
            "delete".as_ref(),
            "--wait=false".as_ref(),
            "--kustomize".as_ref(),
            folder.as_os_str(),
        ])
        .await;
}
