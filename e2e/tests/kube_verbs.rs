//! The Makefile's verbs for Kubernetes on a real API server, with the programs under test instead
//! of a build. No test needs a node; the quickstart on Kubernetes tests the deployed Pods.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flow_e2e::{Daemon, Registry, SOON, binaries, eventually};
use flow_testkit::kube::{Cluster, shared};
use flow_testkit::{free_port, repository, spawn_tied};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

const DEFINITION: &str = "crd/iflearnerjobs.git.iflytek.com";
const NO_DEFINITION: &str = "there is no definition of IflearnerJob in this cluster";
/// Programs that build, move or push images.
const ENGINES: [&str; 5] = ["docker", "podman", "buildah", "skopeo", "crane"];

/// A cluster has one definition and one operator: run one test at a time.
async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    ALONE.lock().await
}

/// `make WORDS` in a clone, without variables of the calling environment or of an outer make.
fn make_in(clone: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("make");
    command.arg("--no-print-directory").args(words).current_dir(clone).stdin(Stdio::null());
    let strange = [
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
        "ARGS",
        "ENGINE",
        "IMG",
        "OVERLAY",
        "REGISTRY",
        "TAG",
        "TIMEOUT",
        "WITH_JOBS",
    ];
    for name in strange {
        command.env_remove(name);
    }
    command.env("BIN", binaries::folder());
    command
}

/// The same for a cluster.
fn make(kubeconfig: &Path, words: &[&str]) -> Command {
    let mut command = make_in(repository(), words);
    // Next to the cluster's files, because kubectl's cache for an address is valid for this cluster
    // only.
    command.env("KUBECONFIG", kubeconfig).env("KUBECACHEDIR", kubeconfig.with_extension("kubectl"));
    command
}

/// Returns success and output.
fn run(mut command: Command) -> (bool, String) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let shown = format!("{command:?}");
    let child = spawn_tied(command)
        .unwrap_or_else(|error| panic!("{shown}: {error}; apt-get install make"));
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

fn succeeds(command: Command) -> String {
    let shown = format!("{command:?}");
    let (success, output) = run(command);
    assert!(success, "{shown}: {output}");
    output
}

#[track_caller]
fn is_refused(command: Command, sentence: &str) {
    let shown = format!("{command:?}");
    let (success, output) = run(command);
    assert!(!success && output.contains(sentence), "{shown}: {output}");
}

/// `make run` with all its processes.
struct Operator {
    make: Daemon,
    group: Pid,
}

impl Operator {
    /// Starts it; it leads when this returns.
    async fn start(cluster: &Cluster, folder: &TempDir) -> Self {
        let make = make(
            cluster.kubeconfig(),
            &["run", &format!("ARGS=--set http.listen=127.0.0.1:{}", free_port())],
        );
        // Tests that run in the background inherit an ignored SIGINT, and shells keep it ignored.
        let mut command = Command::new("env");
        command
            .arg("--default-signal=INT")
            .arg(make.get_program())
            .args(make.get_args())
            .process_group(0);
        command.current_dir(make.get_current_dir().unwrap());
        for (name, value) in make.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let daemon = Daemon::start(command, &folder.path().join(format!("{}.log", free_port())));
        let operator = Self { group: Pid::from_raw(daemon.pid()), make: daemon };
        let leads =
            eventually(SOON, async || operator.make.log().contains("leads").then_some(())).await;
        assert!(leads.is_some(), "{}", operator.make.log());
        operator
    }

    /// Sends the signal, to make alone or as the terminal does to all in the foreground, and sees
    /// that its end is in order.
    async fn ends(mut self, cluster: &Cluster, signal: Signal, to_all: bool) {
        if to_all {
            killpg(self.group, signal).unwrap()
        } else {
            self.make.signal(signal)
        }
        let ended = eventually(SOON, async || self.make.ended()).await;
        let log = self.make.log();
        assert!(
            ended.is_some() && log.contains(&format!("{signal}: shutting down; a second signal")),
            "{log}"
        );
        let all_ended =
            eventually(SOON, async || killpg(self.group, None).is_err().then_some(())).await;
        assert!(all_ended.is_some(), "processes are left; {log}");
        let holder = [
            "get",
            "lease/flow-operator",
            "--output=jsonpath={.metadata.name}:{.spec.holderIdentity}",
        ];
        assert_eq!(
            cluster.kubectl_ok(&holder).await,
            "flow-operator:",
            "the operator has released the Lease; {log}"
        );
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // After a failure; otherwise no process is left.
        let _ = killpg(self.group, Signal::SIGKILL);
    }
}

#[tokio::test]
async fn make_run_serves_a_job_and_keeps_the_definition_while_it_exists() {
    let _alone = alone().await;
    let cluster = shared().await;
    let make = |words: &[&str]| make(cluster.kubeconfig(), words);
    assert!(succeeds(make(&["uninstall"])).contains(NO_DEFINITION));
    succeeds(make(&["install"]));
    let version = ["get", DEFINITION, "--output=jsonpath={.metadata.resourceVersion}"];
    let installed = cluster.kubectl_ok(&version).await;
    succeeds(make(&["install"]));
    assert_eq!(
        cluster.kubectl_ok(&version).await,
        installed,
        "nothing is to be done a second time"
    );

    let folder = tempfile::tempdir().unwrap();
    let namespace = cluster.create_namespace().await;
    let operator = Operator::start(cluster, &folder).await;
    let sample = repository().join("deploy/samples/server.yaml");
    cluster
        .kubectl_ok(&["apply", "--namespace", &namespace, "--filename", sample.to_str().unwrap()])
        .await;
    let job = async |path: &str| {
        let path = format!("--output=jsonpath={path}");
        cluster
            .kubectl_ok(&["get", "ifj/iflearnerjob-server", "--namespace", &namespace, &path])
            .await
    };
    let reconciled = eventually(SOON, async || {
        Some(job("{.status.phase}/{.status.job.name}").await).filter(|found| found.len() > 9)
    })
    .await;
    let name = reconciled
        .as_deref()
        .and_then(|found| found.strip_prefix("Pending/"))
        .expect("a phase, and a Job");
    cluster.kubectl_ok(&["get", &format!("job/{name}"), "--namespace", &namespace]).await;
    operator.ends(cluster, Signal::SIGINT, true).await;
    let again = Operator::start(cluster, &folder).await;
    again.ends(cluster, Signal::SIGTERM, false).await;

    is_refused(
        make(&["uninstall"]),
        "1 IflearnerJobs would go with their definition; delete them first, or set WITH_JOBS=1",
    );
    assert_eq!(job("{.status.job.name}").await, name);
    succeeds(make(&["uninstall", "WITH_JOBS=1"]));
    assert!(succeeds(make(&["uninstall"])).contains(NO_DEFINITION));
    assert_eq!(cluster.kubectl_ok(&["get", "--ignore-not-found", DEFINITION]).await, "");
}

#[tokio::test]
async fn make_deploy_uses_the_named_image_and_undeploy_keeps_the_jobs() {
    let _alone = alone().await;
    let cluster = shared().await;
    let make = |words: &[&str]| make(cluster.kubeconfig(), words);
    is_refused(
        make(&["deploy"]),
        "IMG is missing; name an image that the cluster can pull: make deploy IMG=registry.example/flow-operator:",
    );
    let overlays = "there is no deploy/kustomize/overlays/nowhere; overlays: operator-gateway operator-ingress operator-namespaced";
    is_refused(make(&["deploy", "IMG=x", "OVERLAY=nowhere"]), overlays);

    let image = [
        "get",
        "deployment/flow-operator",
        "--namespace=flow-system",
        "--output=jsonpath={..image}",
    ];
    let deploy = make(&["deploy", "IMG=registry.example:5000/flow-operator", "TIMEOUT=1s"]);
    is_refused(deploy, "the operator does not come up: kubectl -n flow-system describe pods");
    assert_eq!(cluster.kubectl_ok(&image).await, "registry.example:5000/flow-operator:latest");

    let meant = format!("registry.example:5000/team/operator@sha256:{}", "1".repeat(64));
    let words = ["deploy", &format!("IMG={meant}")];
    let deploy = make(&words);
    let deploying = tokio::task::spawn_blocking(|| succeeds(deploy));
    // Set the status in place of a kubelet.
    let pods = [
        "get",
        "pods",
        "--namespace=flow-system",
        "--selector=app.kubernetes.io/name=flow-operator",
        "--output=name",
    ];
    let up = eventually(4 * SOON, async || {
        for pod in cluster.kubectl_ok(&pods).await.lines() {
            let status = r#"--patch={"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}"#;
            // A Pod of the previous image may be gone.
            cluster
                .kubectl(&["patch", pod, "--namespace=flow-system", "--subresource=status", status])
                .await;
        }
        deploying.is_finished().then_some(())
    });
    assert!(up.await.is_some(), "{}", cluster.kubectl_ok(&pods).await);
    deploying.await.unwrap();
    assert_eq!(cluster.kubectl_ok(&image).await, meant);
    let operator = repository().join("deploy/kustomize/operator");
    let versions = "--output=jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid} {.metadata.generation};{end}";
    let versions = ["get", "--kustomize", operator.to_str().unwrap(), versions];
    let deployed = cluster.kubectl_ok(&versions).await;
    succeeds(make(&words));
    assert_eq!(
        cluster.kubectl_ok(&versions).await,
        deployed,
        "nothing is to be done a second time"
    );
    let left = fs::read_dir(repository().join("deploy/kustomize"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert_eq!(
        left.filter(|name| name.as_encoded_bytes().starts_with(b".")).collect::<Vec<_>>(),
        Vec::<OsString>::new()
    );

    let namespace = cluster.create_namespace().await;
    let sample = repository().join("deploy/samples/server.yaml");
    cluster
        .kubectl_ok(&["apply", "--namespace", &namespace, "--filename", sample.to_str().unwrap()])
        .await;
    for _ in 0..2 {
        assert!(succeeds(make(&["undeploy"])).contains(
            "the definition of IflearnerJob stays, and with it the jobs: make uninstall"
        ));
    }
    assert_eq!(
        cluster
            .kubectl_ok(&["get", "--ignore-not-found", "--kustomize", operator.to_str().unwrap()])
            .await,
        ""
    );
    cluster.kubectl_ok(&["get", "ifj/iflearnerjob-server", "--namespace", &namespace]).await;
    succeeds(make(&["uninstall", "WITH_JOBS=1"]));
}

#[test]
fn verbs_without_a_cluster_print_the_remedy() {
    let nowhere = tempfile::tempdir().unwrap();
    for words in [&["install"][..], &["uninstall"], &["deploy", "IMG=x"], &["undeploy"]] {
        is_refused(
            make(&nowhere.path().join("kubeconfig"), words),
            "no cluster answers; set KUBECONFIG to one",
        );
    }
    let (success, output) = run(make(&nowhere.path().join("kubeconfig"), &["run"]));
    assert!(!success && output.contains("set KUBECONFIG"), "{output}");
}

#[test]
fn help_names_every_verb() {
    let makefile = fs::read_to_string(repository().join("Makefile")).unwrap();
    let verbs: Vec<&str> = makefile
        .lines()
        .filter_map(|line| line.strip_prefix(".PHONY: "))
        .flat_map(|line| line.split(' '))
        .collect();
    assert!(verbs.contains(&"quickstart") && verbs.contains(&"docker-push"), "{verbs:?}");
    let help = succeeds(make_in(repository(), &["help"]));
    for verb in verbs {
        let explained = help.lines().any(|line| {
            line.strip_prefix(&format!("  make {verb} "))
                .is_some_and(|what| !what.trim().is_empty())
        });
        assert!(explained, "{verb} is not in {help}");
    }
}

#[tokio::test]
async fn manifests_are_written_where_they_are_out_of_date_and_nowhere_else() {
    // `make deploy` writes a kustomization of its own beside what is copied here.
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let clone = folder.path();
    fs::create_dir(clone.join("tools")).unwrap();
    fs::create_dir(clone.join("deploy")).unwrap();
    for path in
        ["Makefile", "Cargo.toml", "rust-toolchain.toml", "tools/kube.sh", "deploy/kustomize"]
    {
        let copied = Command::new("cp")
            .arg("-a")
            .arg(repository().join(path))
            .arg(clone.join(path))
            .status();
        assert!(copied.unwrap().success(), "{path}");
    }
    let generated =
        ["crd/iflearnerjobs.yaml", "rbac/operator.yaml", "overlays/operator-namespaced/rbac.yaml"];
    let output = succeeds(make_in(clone, &["manifests"]));
    assert!(!output.contains("wrote"), "{output}");
    for file in generated {
        fs::write(clone.join("deploy/kustomize").join(file), "of yesterday\n").unwrap();
    }
    let output = succeeds(make_in(clone, &["manifests"]));
    assert_eq!(output.matches("wrote").count(), generated.len(), "{output}");
    let difference = Command::new("diff")
        .arg("-r")
        .arg(repository().join("deploy/kustomize"))
        .arg(clone.join("deploy/kustomize"))
        .output();
    assert_eq!(String::from_utf8_lossy(&difference.unwrap().stdout), "");
}

/// A search path with all programs except these.
fn without(programs: &[&str], folder: &Path) -> PathBuf {
    fs::create_dir(folder).unwrap();
    let mut seen: HashSet<OsString> = programs.iter().map(OsString::from).collect();
    let path = std::env::var_os("PATH").unwrap();
    for entry in
        std::env::split_paths(&path).filter_map(|path| fs::read_dir(path).ok()).flatten().flatten()
    {
        if seen.insert(entry.file_name()) {
            std::os::unix::fs::symlink(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
    folder.to_owned()
}

/// The index entry of the one image in an archive, after a check of every blob's digest.
fn opened(archive: &Path, folder: &Path) -> (String, Value) {
    fs::create_dir(folder).unwrap();
    assert!(
        Command::new("tar")
            .arg("-xf")
            .arg(archive)
            .arg("-C")
            .arg(folder)
            .status()
            .unwrap()
            .success()
    );
    let json = |path: &str| {
        serde_json::from_slice::<Value>(&fs::read(folder.join(path)).unwrap()).unwrap()
    };
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let file = format!("blobs/sha256/{digest}");
        let sum = Command::new("sha256sum").arg(folder.join(&file)).output().unwrap();
        assert!(sum.stdout.starts_with(digest.as_bytes()), "{}: {file}", archive.display());
        assert_eq!(descriptor["size"], fs::metadata(folder.join(&file)).unwrap().len());
        file
    };
    assert_eq!(json("oci-layout")["imageLayoutVersion"], "1.0.0");
    let index = json("index.json");
    let manifest = json(&blob(&index["manifests"][0]));
    assert!(manifest["layers"].as_array().is_some_and(
        |layers| !layers.is_empty() && layers.iter().map(blob).all(|file| !file.is_empty())
    ));
    let name = index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"]
        .as_str()
        .unwrap()
        .to_owned();
    (name, json(&blob(&manifest["config"])))
}

#[test]
fn images_are_archives_where_no_engine_is_and_are_pushed_under_the_names_they_were_built_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = without(&ENGINES, &folder.path().join("path"));
    // Trust settings of skopeo; images need no signature.
    let policy = folder.path().join(".config/containers/policy.json");
    fs::create_dir_all(policy.parent().unwrap()).unwrap();
    fs::write(policy, r#"{"default": [{"type": "insecureAcceptAnything"}]}"#).unwrap();
    let at_home = |command: &mut Command| {
        command.env("HOME", folder.path()).env("SSL_CERT_FILE", folder.path().join("trust/ca.crt"));
    };
    let make = |words: &[&str]| {
        let mut command = make_in(repository(), words);
        at_home(command.env("CARGO_TARGET_DIR", folder.path()).env("PATH", &path));
        command
    };
    is_refused(
        make(&["docker-push"]),
        "REGISTRY is missing; name the registry to push to: make docker-build docker-push REGISTRY=registry.example/team",
    );
    is_refused(
        make(&["docker-push", "REGISTRY=registry.example/team"]),
        "flow-server.tar is missing; make it with: make docker-build REGISTRY=registry.example/team",
    );
    let registry = Registry::start(folder.path());
    let team = format!("{}/team", registry.address());
    let registry_is = format!("REGISTRY={team}");
    is_refused(
        make(&["docker-build", &registry_is, "ENGINE=podman"]),
        "podman does not answer: see podman info",
    );

    let output = succeeds(make(&["docker-build", &registry_is]));
    assert!(
        output.contains("No container engine answers here: import these archives with docker load"),
        "{output}"
    );
    is_refused(
        make(&["docker-push", &registry_is]),
        "no program to push with: install docker, podman, buildah, skopeo or crane",
    );

    // The program finds its libraries by its own path: do not link it.
    let skopeo = path.join("skopeo");
    fs::write(
        &skopeo,
        format!("#!/bin/sh\nexec '{}' \"$@\"\n", flow_testkit::registry("skopeo").display()),
    )
    .unwrap();
    fs::set_permissions(&skopeo, fs::Permissions::from_mode(0o755)).unwrap();
    succeeds(make(&["docker-push", &registry_is]));
    for program in ["flow-server", "flow-federate", "flow-operator"] {
        let archive = folder.path().join("images").join(program).with_extension("tar");
        let (name, built) = opened(&archive, &folder.path().join(program));
        assert_eq!(name, format!("{team}/{program}:{}", env!("CARGO_PKG_VERSION")));
        assert_eq!(built["config"]["User"], "65532:65532", "{program}");
        assert_eq!(
            built["config"]["Entrypoint"],
            serde_json::json!([format!("/usr/local/bin/{program}")])
        );
        let mut inspect = Command::new(&skopeo);
        inspect.args(["inspect", "--config", &format!("docker://{name}")]);
        at_home(&mut inspect);
        let pushed: Value = serde_json::from_str(&succeeds(inspect)).unwrap();
        for part in ["architecture", "os", "config", "rootfs"] {
            assert_eq!(pushed[part], built[part], "{part} of {name}");
        }
    }
}
