//! The renewal that is shipped, as its CronJob runs it: with these arguments and with no more than
//! these rights.

use std::path::Path;
use std::process::{Command, Stdio};

use flow_common::clock::{Clock as _, SystemClock};
use flow_domain::time::Timestamp;
use flow_operator::setup::{Authority, Pair};
use flow_testkit::kube::{Cluster, shared};
use flow_testkit::{repository, spawn_tied};
use serde::Deserialize as _;
use serde_json::{Value, json};

const DAY_US: i64 = 86_400 * 1_000_000;
const ACCOUNT: &str = "flow-certificates";

/// The overlay as its administrator makes it his: other namespaces, nothing else.
async fn overlay(cluster: &Cluster, hub: &str, party: &str) -> String {
    let folder = repository().join("deploy/kustomize/overlays/certificates-renewal");
    let text = cluster.kubectl_ok(&["kustomize", folder.to_str().unwrap()]).await;
    let replaced = [
        ("namespace: hub\n", format!("namespace: {hub}\n")),
        ("namespace: hospital-a\n", format!("namespace: {party}\n")),
        ("--namespace=hub\n", format!("--namespace={hub}\n")),
        ("--party=hospital-a=", format!("--party={party}=")),
    ];
    replaced.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "no {from:?} in {text}");
        text.replace(from, to)
    })
}

/// Returns the arguments of the CronJob's container.
fn arguments(manifest: &str) -> Vec<String> {
    let mut objects = serde_yaml_ng::Deserializer::from_str(manifest)
        .map(|document| Value::deserialize(document).unwrap());
    let job = objects.find(|object| object["kind"] == "CronJob").expect("it has a CronJob");
    let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    serde_json::from_value(container["args"].clone()).unwrap()
}

/// Runs the program in place of the Pod: what it prints, or else why it failed.
fn run(kubeconfig: &Path, arguments: &[String]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flow-operator"));
    command.args(arguments).env("KUBECONFIG", kubeconfig);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = spawn_tied(command).unwrap().wait_with_output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    if output.status.success() { Ok(out) } else { Err(err) }
}

/// A Secret that `setup certificates` made a while ago.
async fn store_pair(cluster: &Cluster, namespace: &str, name: &str, pair: &Pair) {
    let labels = json!({
        "app.kubernetes.io/part-of": "flow",
        "app.kubernetes.io/component": "certificates",
        "app.kubernetes.io/managed-by": "flow-operator-setup",
    });
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": name, "labels": labels},
        "stringData": {"tls.crt": pair.certificate, "tls.key": pair.key},
    });
    cluster.apply_in(namespace, &secret.to_string()).await;
}

#[tokio::test]
async fn shipped_renewal_has_its_permissions_and_none_to_create_an_authority() {
    let cluster = shared().await;
    let (hub, party) = (&cluster.create_namespace().await, &cluster.create_namespace().await);
    let manifest = overlay(cluster, hub, party).await;
    cluster.apply(&manifest).await;
    let arguments = arguments(&manifest);
    let account = format!("system:serviceaccount:{hub}:{ACCOUNT}");
    for (namespace, secret) in
        [(hub, "secrets/flow-authority"), (party, "secrets/party-iflearner-secret")]
    {
        cluster.allowed(&account, &["patch", secret, "--namespace", namespace]).await;
    }
    let kubeconfig = cluster.service_account_kubeconfig(hub, ACCOUNT).await;
    let line = |output: &str, outcome: &str, what: &str| {
        let found = output.lines().find(|line| line.contains(what)).unwrap_or_default();
        assert!(found.starts_with(outcome), "{what} is not {outcome}: {output}");
    };

    let refused = run(&kubeconfig, &arguments).unwrap_err();
    assert!(refused.contains(&format!("cannot write Secret {hub}/flow-authority")), "{refused}");

    let now = SystemClock.now();
    let authority = Authority::new(Timestamp(now.0 - 3000 * DAY_US), 3650);
    store_pair(cluster, hub, "flow-authority", &authority.pair()).await;
    let names = ["*.server.example.org", "server.example.org"].map(str::to_owned);
    let ending = authority.issue(&names, Timestamp(now.0 - 300 * DAY_US), 365).unwrap();
    store_pair(cluster, hub, "server-iflearner-secret", &ending).await;

    let output = run(&kubeconfig, &arguments).unwrap();
    line(&output, "changed", &format!("Secret {hub}/flow-authority"));
    line(&output, "changed", &format!("Secret {hub}/server-iflearner-secret"));
    line(&output, "created", &format!("Secret {hub}/flow-server-tls"));
    line(&output, "created", &format!("Secret {party}/party-iflearner-secret"));
    for namespace in [hub, party] {
        for trusted in ["flow-authority", "server-iflearner-crt", "party-iflearner-crt"] {
            line(&output, "created", &format!("ConfigMap {namespace}/{trusted}"));
        }
    }
    assert!(!output.contains("PRIVATE KEY"), "{output}");
    cluster.kubectl_ok(&["get", "secret/party-iflearner-secret", "--namespace", party]).await;

    let output = run(&kubeconfig, &arguments).unwrap();
    assert!(output.lines().all(|line| line.starts_with("unchanged")), "{output}");

    for (what, namespace) in [
        ("list secrets", hub),
        ("get secrets/flow-mysql", hub),
        ("get secrets/flow-authority", party),
        ("delete secrets/flow-server-tls", hub),
    ] {
        let mut words = vec!["auth", "can-i", "--as", &account, "--namespace", namespace];
        words.extend(what.split(' '));
        assert!(!cluster.kubectl(&words).await.status.success(), "it may {what}");
    }

    // Otherwise it would restore the deleted object.
    let remove =
        ["setup", "remove", "certificates", "--namespace", hub, "--yes"].map(str::to_owned);
    let output = run(cluster.kubeconfig(), &remove).unwrap();
    for gone in ["CronJob", "ServiceAccount", "Role", "RoleBinding"] {
        assert!(output.contains(&format!("deleted {gone} {hub}/{ACCOUNT}")), "{output}");
    }
    assert!(!output.contains(&format!("Secret {hub}/flow-authority")), "{output}");
}
