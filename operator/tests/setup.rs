//! `flow-operator setup` against a real API server: the objects that it creates, keeps and deletes.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use flow_common::clock::{Clock as _, SystemClock};
use flow_domain::time::Timestamp;
use flow_operator::setup::{Authority, Pair};
use flow_testkit::kube::{Cluster, Options, shared, shared_with_node};
use flow_testkit::{repository, spawn_tied};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use x509_parser::extensions::GeneralName;

struct SetupOutput {
    ok: bool,
    out: String,
    err: String,
}

/// Runs `flow-operator setup ARGUMENTS` as the cluster's administrator.
fn setup_with(cluster: &Cluster, arguments: &[&str], input: &str) -> SetupOutput {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flow-operator"));
    command.arg("setup").args(arguments).env("KUBECONFIG", cluster.kubeconfig());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn_tied(command).unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    SetupOutput {
        ok: output.status.success(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn set_up(cluster: &Cluster, arguments: &[&str]) -> SetupOutput {
    let output = setup_with(cluster, arguments, "");
    assert!(output.ok, "setup {}: {}{}", arguments.join(" "), output.out, output.err);
    output
}

fn setup_error(cluster: &Cluster, arguments: &[&str]) -> String {
    let output = setup_with(cluster, arguments, "");
    assert!(!output.ok, "setup {}: {}", arguments.join(" "), output.out);
    output.err
}

async fn get(cluster: &Cluster, namespace: &str, what: &str) -> Value {
    serde_json::from_str(&cluster.kubectl_ok(&["get", what, "-n", namespace, "-o", "json"]).await)
        .unwrap()
}

async fn versions(cluster: &Cluster, namespace: &str) -> String {
    let names =
        "jsonpath={range .items[*]}{.kind}/{.metadata.name}={.metadata.resourceVersion} {end}";
    cluster
        .kubectl_ok(&[
            "get",
            "secrets,configmaps",
            "-n",
            namespace,
            "-l",
            "app.kubernetes.io/part-of=flow",
            "-o",
            names,
        ])
        .await
}

#[tokio::test]
async fn i19_certificates_are_created_once_with_one_key_per_namespace() {
    let cluster = shared().await;
    let (hub, a, b) = (
        cluster.create_namespace().await,
        cluster.create_namespace().await,
        cluster.create_namespace().await,
    );
    let (party_a, party_b) =
        (format!("{a}=a.party.example.org"), format!("{b}=b.party.example.org"));
    let arguments = [
        "certificates",
        "-n",
        &hub,
        "--hub",
        "--zone",
        "server.example.org",
        "--party",
        &party_a,
        "--party",
        &party_b,
    ];

    let shown = set_up(cluster, &[&arguments[..], &["--dry-run"]].concat());
    assert!(
        shown.out.contains("BEGIN CERTIFICATE") && !shown.out.contains("PRIVATE KEY"),
        "{}",
        shown.out
    );
    assert_eq!(versions(cluster, &hub).await, "", "a dry run writes nothing");

    let made = set_up(cluster, &arguments);
    assert!(!made.out.contains("PRIVATE KEY") && !made.out.contains("unchanged"), "{}", made.out);
    let (server, of_a, of_b) = (
        get(cluster, &hub, "secret/server-iflearner-secret").await,
        get(cluster, &a, "secret/party-iflearner-secret").await,
        get(cluster, &b, "secret/party-iflearner-secret").await,
    );
    for (one, other) in [(&server, &of_a), (&of_a, &of_b), (&server, &of_b)] {
        assert_ne!(one["data"]["tls.key"], other["data"]["tls.key"]);
        assert_eq!(one["data"]["ca.crt"], other["data"]["ca.crt"]);
        assert_eq!(one["type"], "kubernetes.io/tls");
    }
    for namespace in [&hub, &a, &b] {
        for (map, key) in [
            ("server-iflearner-crt", "server-iflearner-secret.crt"),
            ("party-iflearner-crt", "party-iflearner-secret.crt"),
            ("flow-authority", "ca.crt"),
        ] {
            let found = get(cluster, namespace, &format!("configmap/{map}")).await;
            assert!(found["data"][key].as_str().unwrap().contains("BEGIN CERTIFICATE"), "{map}");
        }
    }
    let other_namespace = cluster.kubectl(&["get", "secret/flow-authority", "-n", &a]).await;
    assert!(!other_namespace.status.success(), "the authority's key stays at the hub");

    let before = (versions(cluster, &hub).await, versions(cluster, &a).await);
    let again = set_up(cluster, &arguments);
    assert!(again.out.lines().all(|line| line.starts_with("unchanged")), "{}", again.out);
    assert_eq!((versions(cluster, &hub).await, versions(cluster, &a).await), before);

    let moved = set_up(cluster, &["certificates", "-n", &hub, "--zone", "other.example.org"]);
    let changed: Vec<&str> = moved.out.lines().filter(|line| line.starts_with("changed")).collect();
    assert_eq!(changed.len(), 1, "{}", moved.out);
    assert!(
        changed[0].contains("server-iflearner-secret")
            && changed[0].contains("*.other.example.org"),
        "{}",
        changed[0]
    );
}

#[tokio::test]
async fn i21_key_pair_has_its_names_a_lifetime_of_a_year_and_the_authoritys_signature() {
    let cluster = shared().await;
    let (hub, a) = (cluster.create_namespace().await, cluster.create_namespace().await);
    let party = format!("{a}=a.party.example.org");
    set_up(
        cluster,
        &["certificates", "-n", &hub, "--zone", "server.example.org", "--party", &party],
    );
    for (namespace, name, host) in [
        (&hub, "server-iflearner-secret", "*.server.example.org"),
        (&a, "party-iflearner-secret", "*.a.party.example.org"),
    ] {
        let secret: Secret =
            serde_json::from_value(get(cluster, namespace, &format!("secret/{name}")).await)
                .unwrap();
        let data = secret.data.unwrap();
        let (_, leaf) = x509_parser::pem::parse_x509_pem(&data["tls.crt"].0).unwrap();
        let (_, authority) = x509_parser::pem::parse_x509_pem(&data["ca.crt"].0).unwrap();
        let (leaf, authority) = (leaf.parse_x509().unwrap(), authority.parse_x509().unwrap());
        let names = leaf.subject_alternative_name().unwrap().unwrap();
        assert!(names.value.general_names.contains(&GeneralName::DNSName(host)), "{names:?}");
        leaf.verify_signature(Some(authority.public_key())).unwrap();
        assert!(!leaf.is_ca() && authority.is_ca());
        let life = leaf.validity().not_after.timestamp() - leaf.validity().not_before.timestamp();
        assert!(life <= 367 * 86_400, "{life} s");
    }
}

#[tokio::test]
async fn secret_of_another_writer_is_changed_only_with_replace() {
    let cluster = shared().await;
    let hub = cluster.create_namespace().await;
    cluster
        .apply(&format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: party-iflearner-crt, namespace: {hub}}}, data: {{x: theirs}}}}"
        ))
        .await;
    let arguments = ["certificates", "-n", hub.as_str(), "--zone", "server.example.org"];
    let output = setup_error(cluster, &arguments);
    assert!(
        output.contains(&format!("ConfigMap {hub}/party-iflearner-crt"))
            && output.contains("--replace"),
        "{output}"
    );
    assert_eq!(get(cluster, &hub, "configmap/party-iflearner-crt").await["data"]["x"], "theirs");
    set_up(cluster, &[&arguments[..], &["--replace"]].concat());
    let again = set_up(cluster, &arguments);
    assert!(again.out.lines().all(|line| line.starts_with("unchanged")), "{}", again.out);
}

#[tokio::test]
async fn missing_namespace_is_reported_with_the_command_that_creates_it() {
    let output = setup_error(shared().await, &["certificates", "-n", "nowhere", "--hub"]);
    assert!(output.contains("kubectl create namespace nowhere"), "{output}");
}

#[tokio::test]
async fn out_writes_one_manifest_per_namespace() {
    let cluster = shared().await;
    let (hub, a) = (cluster.create_namespace().await, cluster.create_namespace().await);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pki");
    let party = format!("{a}=a.party.example.org");
    let arguments = [
        "certificates",
        "-n",
        &hub,
        "--zone",
        "server.example.org",
        "--party",
        &party,
        "--out",
        out.to_str().unwrap(),
    ];
    set_up(cluster, &arguments);
    for file in ["authority.yaml".to_owned(), format!("{hub}.yaml"), format!("{a}.yaml")] {
        let mode = std::fs::metadata(out.join(&file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
    let texts = || {
        ["authority", &hub, &a]
            .map(|file| std::fs::read_to_string(out.join(format!("{file}.yaml"))).unwrap())
    };
    let before = texts();
    set_up(cluster, &arguments);
    assert_eq!(texts(), before);
    for namespace in [&hub, &a] {
        let manifest = out.join(format!("{namespace}.yaml"));
        cluster.kubectl_ok(&["apply", "--server-side", "-f", manifest.to_str().unwrap()]).await;
    }
    get(cluster, &a, "secret/party-iflearner-secret").await;
    assert!(
        !cluster.kubectl(&["get", "secret/flow-authority", "-n", &hub]).await.status.success(),
        "it stays with whoever made it"
    );
}

#[tokio::test]
async fn secrets_are_created_once() {
    let cluster = shared().await;
    let namespace = cluster.create_namespace().await;
    let shown = set_up(cluster, &["secrets", "-n", &namespace, "--mysql", "--dry-run"]);
    assert!(shown.out.contains("(not shown)"), "{}", shown.out);
    set_up(cluster, &["secrets", "-n", &namespace, "--mysql"]);
    let made = get(cluster, &namespace, "secret/flow-mysql").await;
    assert_ne!(made["data"]["password"], made["data"]["root-password"]);
    let again = set_up(cluster, &["secrets", "-n", &namespace, "--mysql"]);
    assert!(
        again.out.contains("unchanged") && again.out.contains("change them there first"),
        "{}",
        again.out
    );
    assert_eq!(
        get(cluster, &namespace, "secret/flow-mysql").await,
        made,
        "who uses it would be locked out"
    );

    assert!(
        !setup_with(cluster, &["secrets", "-n", &namespace, "--agent", "-"], "").ok,
        "the command before it failed"
    );
    let two =
        setup_with(cluster, &["secrets", "-n", &namespace, "--agent", "-"], "s3cret and more\n");
    assert!(!two.ok && two.err.contains("more than a secret"), "{}", two.err);
    assert!(setup_with(cluster, &["secrets", "-n", &namespace, "--agent", "-"], "s3cret\n").ok);
    let agent = get(cluster, &namespace, "secret/flow-federate").await;
    assert_eq!(agent["data"]["secret"], "czNjcmV0");
}

#[tokio::test]
async fn registry_password_is_stored_as_a_pull_secret_and_never_printed() {
    let cluster = shared().await;
    let namespace = cluster.create_namespace().await;
    let words = |host, user| {
        ["secrets", "-n", &namespace, "--registry", host, "--user", user, "--password", "-"]
    };
    let put = |user, more: &[&str]| {
        setup_with(cluster, &[&words("registry.example:5000", user), more].concat(), "s3cret\n")
    };
    let shown = put("puller", &["--dry-run"]);
    assert!(
        shown.ok && shown.out.contains("(not shown)") && !shown.out.contains("s3cret"),
        "{}",
        shown.out
    );
    for (host, user, sentence) in [
        (
            "https://registry.example",
            "puller",
            "must be HOST or HOST:PORT, the part before the first / of an image name",
        ),
        ("registry.example/team", "puller", "must be HOST or HOST:PORT"),
        ("registry.example", "a:b", "must not be empty and must not contain a colon"),
    ] {
        let rejected = setup_error(cluster, &words(host, user));
        assert!(rejected.contains(sentence), "{host}: {rejected}");
    }
    let alone =
        setup_error(cluster, &["secrets", "-n", &namespace, "--registry", "registry.example"]);
    assert!(alone.contains("--user") && alone.contains("--password"), "{alone}");
    let twice = setup_error(
        cluster,
        &[&words("registry.example", "puller")[..], &["--agent", "-"]].concat(),
    );
    assert!(twice.contains("one secret at most can come from standard input"), "{twice}");

    assert!(put("puller", &[]).ok);
    let made = get(cluster, &namespace, "secret/registry").await;
    assert_eq!(made["type"], "kubernetes.io/dockerconfigjson");
    assert!(put("another", &[]).out.contains("unchanged"));
    assert_eq!(
        get(cluster, &namespace, "secret/registry").await,
        made,
        "who uses it would be locked out"
    );
}

#[tokio::test]
async fn zones_are_written_to_the_corefile_resolve_in_pods_and_are_removed() {
    let cluster = shared_with_node().await;
    let corefile = async || {
        get(cluster, "kube-system", "configmap/coredns").await["data"]["Corefile"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let before = corefile().await;
    let zone = ["dns", "--zone", "server.example.org=192.0.2.10"];

    let shown = set_up(cluster, &[&zone[..], &["--apply", "--dry-run"]].concat());
    assert!(shown.out.starts_with(&before) && shown.out.contains("192.0.2.10"), "{}", shown.out);
    assert_eq!(corefile().await, before);

    let applied = set_up(cluster, &[&zone[..], &["--apply"]].concat());
    assert!(applied.out.contains("restarted"), "{}", applied.out);
    assert!(set_up(cluster, &[&zone[..], &["--apply"]].concat()).out.starts_with("unchanged"));
    cluster
        .kubectl_ok(&[
            "-n",
            "kube-system",
            "rollout",
            "status",
            "deployment/coredns",
            "--timeout=120s",
        ])
        .await;
    let namespace = cluster.create_namespace().await;
    // For a short time after the new CoreDNS is ready, Services also select the old one, which does
    // not serve the zone.
    let lookup = "until nslookup job-1.server.example.org && nslookup kubernetes.default.svc.cluster.local; do sleep 1; done";
    cluster
        .apply(&format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: lookup, namespace: {namespace}}}, spec: {{restartPolicy: Never, containers: \
         [{{name: lookup, image: 'flow.test/busybox:1', command: [sh, -c, '{lookup}']}}]}}}}"
        ))
        .await;
    let ended = "--for=jsonpath={.status.containerStatuses[0].state.terminated}";
    cluster.kubectl_ok(&["wait", ended, "-n", &namespace, "pod/lookup", "--timeout=120s"]).await;
    let output = cluster.kubectl_ok(&["logs", "-n", &namespace, "lookup"]).await;
    assert!(
        output.contains("Address: 192.0.2.10") && output.contains("Address: 10.96.0.1"),
        "{output}"
    );

    set_up(cluster, &["dns", "--remove"]);
    assert_eq!(corefile().await, before);
}

#[tokio::test]
async fn status_reports_missing_components_and_remove_deletes_the_printed_objects() {
    // Its own: what is removed is removed from every namespace.
    let cluster = &Cluster::start().await;
    let bare = setup_with(cluster, &["status", "-o", "json"], "");
    assert!(!bare.ok, "{}", bare.out);
    let report: Value = serde_json::from_str(&bare.out).unwrap();
    let state = |report: &Value, component: &str| {
        let row = report["components"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["component"] == component)
            .unwrap()
            .clone();
        (row["state"].as_str().unwrap().to_owned(), row["remedy"].as_str().unwrap().to_owned())
    };
    assert_eq!(state(&report, "crd").0, "missing");
    assert!(state(&report, "crd").1.contains("make install"));
    assert_eq!(state(&report, "operator").0, "missing");

    let kustomize =
        |path: &str| repository().join("deploy/kustomize").join(path).to_str().unwrap().to_owned();
    cluster.kubectl_ok(&["apply", "--server-side", "-k", &kustomize("crd")]).await;
    cluster.established(&["iflearnerjobs.git.iflytek.com"]).await;
    cluster.kubectl_ok(&["apply", "--server-side", "-k", &kustomize("operator")]).await;
    let agent = kustomize("agent");
    let made = cluster.kubectl(&["apply", "--server-side", "-k", &agent]).await;
    assert!(made.status.success(), "{made:?}");
    let sample = repository().join("deploy/samples/gpu.yaml");
    cluster.kubectl_ok(&["apply", "-n", "party", "-f", sample.to_str().unwrap()]).await;

    let report: Value =
        serde_json::from_str(&setup_with(cluster, &["status", "-o", "json"], "").out).unwrap();
    assert_eq!(state(&report, "crd").0, "ok");
    assert_eq!(state(&report, "operator").0, "failing", "no node runs its Pods");
    let table = setup_with(cluster, &["status"], "").out;
    assert!(
        table.contains("party/flow-federate") && table.contains("setup secrets --agent"),
        "its Secret is missing: {table}"
    );

    let output = setup_error(cluster, &["remove", "agent"]);
    assert!(output.contains("--yes"), "{output}");
    assert!(
        set_up(cluster, &["remove", "agent", "--dry-run"])
            .out
            .contains("delete Deployment party/flow-federate")
    );
    get(cluster, "party", "deployment/flow-federate").await;
    let removed = set_up(cluster, &["remove", "agent", "--yes"]);
    assert!(!removed.out.contains("PersistentVolumeClaim"), "{}", removed.out);
    get(cluster, "party", "pvc/flow-federate").await;
    assert!(
        !cluster
            .kubectl(&["get", "deployment/flow-federate", "-n", "party"])
            .await
            .status
            .success()
    );

    let output = setup_error(cluster, &["remove", "all", "--yes"]);
    assert!(output.contains("party/with-a-gpu") && output.contains("--with-jobs"), "{output}");
    get(cluster, "flow-system", "deployment/flow-operator").await;
    let removed = set_up(cluster, &["remove", "all", "--yes", "--with-jobs", "--with-data"]);
    for gone in [
        "IflearnerJob party/with-a-gpu",
        "PersistentVolumeClaim party/flow-federate",
        "Namespace flow-system",
        "ClusterRole flow-operator",
    ] {
        assert!(removed.out.contains(&format!("deleted {gone}")), "{gone}: {}", removed.out);
    }
    cluster
        .kubectl_ok(&[
            "wait",
            "--for=delete",
            "--timeout=120s",
            "crd/iflearnerjobs.git.iflytek.com",
        ])
        .await;
}

/// A row of `setup status`: component, object, state, a part of the detail and a part of the
/// remedy. An empty remedy must be empty.
type Row<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

fn shows(cluster: &Cluster, expected: &[Row<'_>]) {
    let output = setup_with(cluster, &["status", "-o", "json"], "");
    let report: Value = serde_json::from_str(&output.out).unwrap();
    for &(component, object, state, detail, remedy) in expected {
        let is = |row: &Value| {
            let (found, step) = (row["detail"].as_str().unwrap(), row["remedy"].as_str().unwrap());
            let as_expected = found.contains(detail)
                && step.contains(remedy)
                && step.is_empty() == remedy.is_empty();
            row["component"] == component
                && row["object"] == object
                && row["state"] == state
                && as_expected
        };
        let there = report["components"].as_array().unwrap().iter().any(is);
        assert!(there, "no row {component} {object} {state} {detail:?} {remedy:?}: {}", output.out);
    }
}

/// Writes a status in place of the controllers.
async fn set_status(cluster: &Cluster, namespace: &str, what: &str, status: Value) {
    let patch = json!({ "status": status }).to_string();
    cluster
        .kubectl_ok(&[
            "patch",
            what,
            "-n",
            namespace,
            "--subresource=status",
            "--type=merge",
            "-p",
            &patch,
        ])
        .await;
}

/// Stores a key pair in a Secret that `setup` did not create.
async fn store_pair(cluster: &Cluster, namespace: &str, name: &str, pair: &Pair) {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": name},
        "stringData": {"tls.crt": pair.certificate, "tls.key": pair.key}});
    cluster.apply_in(namespace, &secret.to_string()).await;
}

#[tokio::test]
async fn status_has_a_row_with_a_remedy_for_every_component() {
    const CRD: &str = "iflearnerjobs.git.iflytek.com";
    const RENEWAL: &str = "hub/flow-certificates";
    const DAY_US: i64 = 86_400 * 1_000_000;
    // A cluster of its own, in which no controller overwrites the statuses of this test.
    let cluster = &Cluster::start_with(Options {
        controller_manager: false,
        scheduler: false,
        ..Options::default()
    })
    .await;
    let nowhere = "not in this cluster";
    shows(
        cluster,
        &[
            ("cluster", "", "ok", "Kubernetes v1.", ""),
            ("crd", CRD, "missing", "", "make install"),
            ("operator", "", "missing", "no operator reconciles IflearnerJobs", "make deploy"),
            ("server", "", "none", nowhere, ""),
            ("mysql", "", "none", nowhere, ""),
            ("agent", "", "none", nowhere, ""),
            (
                "routes",
                "",
                "none",
                "inside this cluster only",
                "install a Gateway API implementation",
            ),
            ("certificates", "", "none", "", "flow-operator setup certificates --help"),
            ("renewal", "", "none", nowhere, "overlays/certificates-renewal"),
        ],
    );

    let kustomize =
        |path: &str| repository().join("deploy/kustomize").join(path).to_str().unwrap().to_owned();
    cluster.kubectl_ok(&["apply", "--server-side", "-k", &kustomize("crd")]).await;
    cluster.established(&[CRD]).await;
    cluster.kubectl_ok(&["create", "namespace", "hospital-a"]).await;
    for folder in ["operator", "overlays/server-mysql", "agent", "overlays/certificates-renewal"] {
        cluster.kubectl_ok(&["apply", "--server-side", "-k", &kustomize(folder)]).await;
    }
    let corefile = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "coredns"}, "data": {"Corefile": ".:53 {\n    errors\n}\n"}});
    cluster.apply_in("kube-system", &corefile.to_string()).await;
    let now = SystemClock.now();
    let authority = Authority::new(now, 3650);
    let names = ["server.example.org".to_owned()];
    store_pair(cluster, "hub", "server-iflearner-secret", &authority.issue(&[], now, 365).unwrap())
        .await;
    store_pair(
        cluster,
        "hospital-a",
        "party-iflearner-secret",
        &authority.issue(&names, Timestamp(now.0 - 300 * DAY_US), 365).unwrap(),
    )
    .await;
    shows(
        cluster,
        &[
            ("crd", CRD, "ok", "", ""),
            (
                "operator",
                "flow-system/flow-operator",
                "failing",
                "0 of 2 available",
                "logs deployment/flow-operator",
            ),
            (
                "server",
                "hub/flow-server",
                "failing",
                "0 of 1 available",
                "logs deployment/flow-server",
            ),
            (
                "server",
                "hub/flow-server-tls",
                "missing",
                "Secret",
                "setup certificates --hub -n hub",
            ),
            (
                "mysql",
                "hub/flow-mysql",
                "failing",
                "0 of 1 available, mysql:",
                "logs statefulset/flow-mysql",
            ),
            ("mysql", "hub/flow-mysql", "missing", "Secret", "setup secrets --mysql -n hub"),
            (
                "agent",
                "party/flow-federate",
                "failing",
                "0 of 1 available",
                "logs deployment/flow-federate",
            ),
            (
                "agent",
                "party/flow-federate",
                "missing",
                "Secret",
                "setup secrets --agent - -n party",
            ),
            (
                "certificates",
                "hub/server-iflearner-secret",
                "failing",
                "no subject alternative name",
                "renew it where it was created",
            ),
            (
                "certificates",
                "hospital-a/party-iflearner-secret",
                "failing",
                "less than a third of the lifetime is left",
                "--replace",
            ),
            (
                "renewal",
                RENEWAL,
                "ok",
                "has never succeeded",
                "create job flow-certificates-now --from=cronjob/flow-certificates",
            ),
            ("dns", "kube-system/coredns", "none", "no zones of jobs", ""),
            ("jobs", "", "ok", "none", ""),
        ],
    );

    cluster
        .kubectl_ok(&["create", "job", "first", "-n", "hub", "--from=cronjob/flow-certificates"])
        .await;
    let end = json!([{"type": "FailureTarget", "status": "True"}, {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
        "message": "it has failed too often", "lastTransitionTime": "2026-02-01T00:10:00Z"}]);
    set_status(
        cluster,
        "hub",
        "job/first",
        json!({"startTime": "2026-02-01T00:00:00Z", "conditions": end}),
    )
    .await;
    let failed = "failed on 2026-02-01: it has failed too often; has never succeeded";
    shows(cluster, &[("renewal", RENEWAL, "failing", failed, "logs job/first")]);
    set_status(
        cluster,
        "hub",
        "cronjob/flow-certificates",
        json!({"lastSuccessfulTime": "2026-01-25T00:00:00Z"}),
    )
    .await;
    shows(
        cluster,
        &[(
            "renewal",
            RENEWAL,
            "failing",
            "too often; last succeeded on 2026-01-25",
            "logs job/first",
        )],
    );

    set_status(
        cluster,
        "hub",
        "cronjob/flow-certificates",
        json!({"lastSuccessfulTime": "2026-02-08T00:00:00Z"}),
    )
    .await;
    for (namespace, what, count) in [
        ("flow-system", "deployment/flow-operator", 2),
        ("hub", "deployment/flow-server", 1),
        ("hub", "statefulset/flow-mysql", 1),
        ("party", "deployment/flow-federate", 1),
    ] {
        set_status(
            cluster,
            namespace,
            what,
            json!({"replicas": count, "readyReplicas": count, "availableReplicas": count}),
        )
        .await;
    }
    for (namespace, name) in [
        ("hub", "server-iflearner-secret"),
        ("hub", "flow-server-tls"),
        ("hospital-a", "party-iflearner-secret"),
    ] {
        store_pair(cluster, namespace, name, &authority.issue(&names, now, 365).unwrap()).await;
    }
    set_up(cluster, &["secrets", "-n", "hub", "--mysql"]);
    assert!(setup_with(cluster, &["secrets", "-n", "party", "--agent", "-"], "s3cret\n").ok);
    cluster.install_gateway_api().await;
    cluster
        .apply("{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: nginx}, spec: {controller: example.org/c}}")
        .await;
    set_up(cluster, &["dns", "--zone", "server.example.org=192.0.2.10", "--apply"]);
    let sample = repository().join("deploy/samples/gpu.yaml");
    cluster.kubectl_ok(&["apply", "-n", "party", "-f", sample.to_str().unwrap()]).await;
    shows(
        cluster,
        &[
            ("operator", "flow-system/flow-operator", "ok", "2 of 2 available", ""),
            ("server", "hub/flow-server", "ok", "1 of 1 available", ""),
            ("mysql", "hub/flow-mysql", "ok", "1 of 1 available", ""),
            ("agent", "party/flow-federate", "ok", "1 of 1 available", ""),
            ("routes", "Gateway API", "ok", "GRPCRoute v1", ""),
            ("routes", "Ingress", "ok", "classes nginx", ""),
            ("certificates", "hub/flow-server-tls", "ok", "for server.example.org", ""),
            ("renewal", RENEWAL, "ok", "last succeeded on 2026-02-08", ""),
            ("dns", "kube-system/coredns", "ok", "resolves server.example.org", ""),
            ("jobs", "", "ok", "1 new", ""),
        ],
    );
    let table = set_up(cluster, &["status"]).out;
    assert!(!table.contains("->"), "no row has a remedy: {table}");

    cluster
        .kubectl_ok(&[
            "patch",
            "cronjob/flow-certificates",
            "-n",
            "hub",
            "--type=merge",
            "-p",
            r#"{"spec":{"suspend":true}}"#,
        ])
        .await;
    shows(
        cluster,
        &[(
            "renewal",
            RENEWAL,
            "failing",
            "suspended; last succeeded on 2026-02-08",
            "patch cronjob flow-certificates",
        )],
    );
    assert!(!setup_with(cluster, &["status"], "").ok);
}
