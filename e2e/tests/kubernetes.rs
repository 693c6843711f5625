//! Members as IflearnerJobs in a real cluster whose pods really run: server, agents, operator, and
//! the published framework.

#[path = "kubernetes/callers.rs"]
mod callers;
#[path = "kubernetes/logs.rs"]
mod logs;
#[path = "kubernetes/manifests.rs"]
mod manifests;
#[path = "kubernetes/nodes.rs"]
mod nodes;
#[path = "kubernetes/opt_ins.rs"]
mod opt_ins;
#[path = "kubernetes/registry.rs"]
mod registry;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use flow_e2e::{
    Builder, Daemon, Federation, Gateway, Job, Run, SOON, binaries, eventually, member,
};
use flow_testkit::kube::{self, Cluster};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Timeout for three Pods that import the framework on two busy cores.
const PATIENCE: Duration = Duration::from_secs(300);
const PARTIES: [&str; 3] = ["hospital-a", "hospital-b", "hub"];
/// Accuracy of the averages in the workload's README: the same as with processes.
const AVERAGES: [(u64, f64); 2] = [(1, 0.8508), (2, 0.8953)];
const AVERAGE: &str = "\"acc\": 0.8953";

/// User of our images.
const UNPRIVILEGED_USER: u32 = 65532;

const SIDECAR_CONTAINER: &str = "flow.test/flow-federate:1";

/// The cluster, with the images and the resource definition in it.
async fn prepared() -> &'static Cluster {
    static PREPARED: OnceCell<()> = OnceCell::const_new();
    let cluster = kube::shared_with_node().await;
    PREPARED.get_or_init(async || equip(cluster).await).await;
    cluster
}

async fn equip(cluster: &Cluster) {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    cluster.import_image(&kube::digits_image()).await;
    let archive = folder.path().join("flow-federate.tar");
    build_image(
        &flow_testkit::repository().join("deploy/images/flow-federate"),
        &archive,
        SIDECAR_CONTAINER,
    );
    cluster.import_image(&archive).await;
    cluster.install_gateway_api().await;
    cluster.kubectl_ok(&["create", "namespace", "flow-system"]).await;
    let definition = folder.path().join("crd.yaml");
    fs::write(&definition, printed(Command::new(binaries::flow_operator()).arg("crd")))
        .expect("the folder is writable");
    cluster
        .kubectl_ok(&[
            "apply".as_ref(),
            "--server-side".as_ref(),
            "--filename".as_ref(),
            definition.as_os_str(),
        ])
        .await;
    cluster.established(&["iflearnerjobs.git.iflytek.com"]).await;
}

/// Makes the image that a folder describes.
fn build_image(image: &Path, archive: &Path, name: &str) {
    let mut build = Command::new(flow_testkit::repository().join("deploy/images/build.sh"));
    printed(build.arg(image).arg(archive).arg(name).env("BIN", binaries::folder()));
}

/// Returns the output of a program, which must succeed.
fn printed(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// `flow-operator setup` with all permissions.
fn setup(cluster: &Cluster, arguments: &[&str]) {
    let mut command = Command::new(binaries::flow_operator());
    printed(command.arg("setup").args(arguments).env("KUBECONFIG", cluster.kubeconfig()));
}

/// A directory of the node for a claim, which one user may write to.
async fn volume(cluster: &Cluster, folder: &Path, namespace: &str, claim: &str, user: u32) {
    let path = folder.join(claim);
    fs::create_dir(&path).expect("the folder is writable");
    std::os::unix::fs::chown(&path, Some(user), Some(user)).expect("root may");
    let volume = serde_json::json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("{claim}-{namespace}")},
        "spec": {
            "capacity": {"storage": "20Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "",
            "claimRef": {"namespace": namespace, "name": claim}, "hostPath": {"path": path},
        },
    });
    cluster.apply(&volume.to_string()).await;
}

/// A namespace for each party, an operator for these namespaces with exactly its documented rights,
/// and agents with exactly theirs.
struct Ground {
    cluster: &'static Cluster,
    namespaces: BTreeMap<String, String>,
    kubeconfigs: BTreeMap<String, PathBuf>,
    operator: Option<Daemon>,
    operator_kubeconfig: PathBuf,
    operator_settings: String,
    folder: TempDir,
}

impl Ground {
    async fn new() -> Self {
        Self::on(prepared().await).await
    }

    async fn on(cluster: &'static Cluster) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        let mut namespaces = BTreeMap::new();
        for party in PARTIES {
            let namespace = cluster.create_namespace().await;
            provide_data(cluster, folder.path(), party, &namespace).await;
            namespaces.insert(party.to_owned(), namespace);
        }
        let home = &namespaces["hub"];
        let mut rbac = Command::new(binaries::flow_operator());
        let all: Vec<_> = namespaces.values().cloned().collect();
        rbac.args(["rbac", "--namespace", home, "--namespaces", &all.join(",")]);
        cluster.apply(&String::from_utf8_lossy(&printed(&mut rbac))).await;
        let operator_kubeconfig = cluster.service_account_kubeconfig(home, "flow-operator").await;
        let operator_settings = format!("namespaces = {all:?}\n[leader]\nnamespace = {home:?}\n");
        let mut kubeconfigs = BTreeMap::new();
        for (party, namespace) in &namespaces {
            kubeconfigs.insert(party.clone(), agent(cluster, folder.path(), namespace).await);
        }
        Self {
            cluster,
            namespaces,
            kubeconfigs,
            operator: None,
            operator_kubeconfig,
            operator_settings,
            folder,
        }
    }

    /// Starts the operator, killing it first if it runs.
    fn start_operator(&mut self, more: &str) {
        if let Some(running) = self.operator.take() {
            running.kill9();
        }
        let config = self.folder.path().join("operator.toml");
        let port = flow_testkit::free_port();
        fs::write(
            &config,
            format!("{}{more}\n[http]\nlisten = \"127.0.0.1:{port}\"\n", self.operator_settings),
        )
        .expect("the folder is writable");
        let mut command = Command::new(binaries::flow_operator());
        command
            .arg("run")
            .arg("--config")
            .arg(&config)
            .env("KUBECONFIG", &self.operator_kubeconfig);
        self.operator = Some(Daemon::start(command, &self.folder.path().join("operator.log")));
    }

    async fn federation(&self, settings: &str) -> Federation {
        self.builder(settings).start().await
    }

    fn builder(&self, settings: &str) -> Builder {
        let parties = PARTIES.map(|party| {
            (party.to_owned(), (self.kubeconfigs[party].clone(), self.namespaces[party].clone()))
        });
        let cluster = flow_e2e::Cluster {
            parties: parties.into(),
            settings: format!("sidecar_image = {SIDECAR_CONTAINER:?}\n{settings}"),
            image: (kube::DIGITS.to_owned(), "/opt/iflearner-digits".to_owned()),
        };
        Builder::default().cluster(cluster)
    }

    async fn json(&self, party: &str, what: &str) -> Vec<Value> {
        let text = self
            .cluster
            .kubectl_ok(&["get", what, "--namespace", &self.namespaces[party], "--output=json"])
            .await;
        let list: Value = serde_json::from_str(&text).expect("kubectl prints JSON");
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until the Pod of each party's member runs; returns the UIDs.
    async fn pods_run(&self) -> BTreeSet<String> {
        let mut uids = BTreeSet::new();
        for party in PARTIES {
            let running = async || {
                let pods = self.json(party, "pods").await;
                (pods.len() == 1 && pods[0]["status"]["phase"] == "Running")
                    .then(|| uid(&pods[0]["metadata"]))
            };
            let found = eventually(PATIENCE, running).await;
            uids.extend([found.unwrap_or_else(|| panic!("no pod runs at {party}"))]);
        }
        uids
    }

    /// UIDs of all Pods that were ever scheduled at the parties, from the events of the scheduler,
    /// which outlive the Pods.
    async fn pods_ever(&self) -> BTreeSet<String> {
        let mut uids = BTreeSet::new();
        for party in PARTIES {
            let events = self.json(party, "events").await;
            let scheduled = events.iter().filter(|event| {
                event["reason"] == "Scheduled" && event["involvedObject"]["kind"] == "Pod"
            });
            uids.extend(scheduled.map(|event| uid(&event["involvedObject"])));
        }
        uids
    }
}

fn uid(of: &Value) -> String {
    of["uid"].as_str().expect("every object has a UID").to_owned()
}

impl Drop for Ground {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(operator) = &self.operator
        {
            eprintln!("---- operator.log\n{}", operator.log());
        }
    }
}

/// The party's rows of the digits, as a claim in its namespace.
async fn provide_data(cluster: &Cluster, folder: &Path, party: &str, namespace: &str) {
    let rows = folder.join("rows").join(party);
    fs::create_dir_all(&rows).expect("the folder is writable");
    let part = if party == "hospital-b" { "party-b" } else { "party-a" };
    fs::copy(flow_testkit::digits(part), rows.join(format!("{party}.npz")))
        .expect("the folder is writable");
    fs::copy(flow_testkit::digits("test"), rows.join("test.npz")).expect("the folder is writable");
    let path = rows.display();
    let spec = "accessModes: [ReadOnlyMany], storageClassName: ''";
    cluster
        .apply(&format!(
            "{{apiVersion: v1, kind: PersistentVolume, metadata: {{name: digits-{namespace}}}, spec: {{{spec}, capacity: {{storage: 1Mi}}, hostPath: \
             {{path: {path}}}}}}}\n---\n{{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: digits, namespace: {namespace}}}, spec: \
             {{{spec}, volumeName: digits-{namespace}, resources: {{requests: {{storage: 1Mi}}}}}}}}\n"
        ))
        .await;
}

/// The kubeconfig of a service account with exactly the documented rights of an agent in its
/// namespace.
async fn agent(cluster: &Cluster, folder: &Path, namespace: &str) -> PathBuf {
    cluster
        .kubectl_ok(&["create", "serviceaccount", "flow-federate", "--namespace", namespace])
        .await;
    let kubeconfig = cluster.service_account_kubeconfig(namespace, "flow-federate").await;
    let config = folder.join(format!("{namespace}.toml"));
    let text = format!(
        "party = \"any\"\nruntime = \"kubernetes\"\n[hub]\nsecret_file = \"/none\"\n[kubernetes]\nkubeconfig = {kubeconfig:?}\nnamespace = {namespace:?}\n"
    );
    fs::write(&config, text).expect("the folder is writable");
    let role = printed(
        Command::new(binaries::flow_federate())
            .args(["kubernetes", "rbac", "--config"])
            .arg(&config),
    );
    cluster.apply(&String::from_utf8_lossy(&role)).await;
    let account = format!("--serviceaccount={namespace}:flow-federate");
    cluster
        .kubectl_ok(&[
            "create",
            "rolebinding",
            "flow-federate",
            "--namespace",
            namespace,
            "--role=flow-federate",
            &account,
        ])
        .await;
    cluster
        .allowed(
            &format!("system:serviceaccount:{namespace}:flow-federate"),
            &["create", "iflearnerjobs", "-n", namespace],
        )
        .await;
    kubeconfig
}

async fn log(federation: &Federation, run: &Run, party: &str) -> String {
    let path = format!("/tasks/{}/runs/{}/members/{party}/logs", run.task, run.id);
    let answer =
        federation.hub.request(reqwest::Method::GET, &path).send().await.expect("the hub answers");
    answer.text().await.expect("a log")
}

async fn trained_as_with_processes(federation: &Federation, run: &Run) {
    let end = federation.hub.ends_within(run, "succeeded", "completed", PATIENCE).await;
    assert_eq!(
        (&member(&end, "hub")["phase"], &member(&end, "hub")["complete"]),
        (&"stopped".into(), &true.into())
    );
    for party in ["hospital-a", "hospital-b"] {
        assert_eq!(member(&end, party)["phase"], "succeeded");
        let log = log(federation, run, party).await;
        assert!(log.contains("\"event\": \"global\"") && log.contains(AVERAGE), "{log}");
        assert_eq!(federation.hub.series(run, party, "global/acc").await, AVERAGES);
        let alone: Vec<u64> = federation
            .hub
            .series(run, party, "local/acc")
            .await
            .iter()
            .map(|(step, _)| *step)
            .collect();
        assert_eq!(alone, [1, 2, 3]);
    }
}

#[tokio::test]
async fn training_in_pods_through_services_succeeds_and_its_log_outlives_the_pods() {
    let mut ground = Ground::new().await;
    ground.start_operator("");
    let federation = ground.federation("").await;
    let run = federation.hub.launch(&Job::digits(3)).await;
    trained_as_with_processes(&federation, &run).await;

    for party in PARTIES {
        let jobs = ground.json(party, "iflearnerjobs").await;
        assert!(jobs.len() <= 1, "{jobs:#?}");
        ground
            .cluster
            .kubectl_ok(&[
                "delete",
                "iflearnerjobs,pods",
                "--all",
                "--wait",
                "--namespace",
                &ground.namespaces[party],
            ])
            .await;
    }
    let log = log(&federation, &run, "hospital-a").await;
    assert!(log.contains(AVERAGE), "{log}");
    federation.end().await;
}

#[tokio::test]
async fn operator_agent_and_hub_killed_in_the_middle_of_training_start_nothing_twice_and_lose_nothing()
 {
    let mut ground = Ground::new().await;
    ground.start_operator("");
    let mut federation = ground.federation("").await;
    let run = federation.hub.launch(&Job::digits(3).parameter("fit-seconds", "1")).await;
    let pods = ground.pods_run().await;
    federation.kill9_agent("hospital-a");
    federation.kill9_server();
    ground.start_operator("");
    federation.restart_server().await;
    federation.start_agent("hospital-a").await;
    trained_as_with_processes(&federation, &run).await;
    // After the end: a fast party may have ended, and its Pod be gone, before the last killed
    // program is ready.
    assert_eq!(ground.pods_ever().await, pods, "a pod was started again");
    federation.end().await;
}

#[tokio::test]
async fn object_deleted_by_another_client_fails_the_run_and_stops_the_other_members() {
    let mut ground = Ground::new().await;
    ground.start_operator("");
    let federation = ground.federation("").await;
    let run = federation.hub.launch(&Job::digits(50).parameter("fit-seconds", "1")).await;
    ground.pods_run().await;
    let namespace = &ground.namespaces["hospital-b"];
    ground
        .cluster
        .kubectl_ok(&["delete", "iflearnerjobs", "--all", "--wait=false", "--namespace", namespace])
        .await;
    let end = federation.hub.ends_within(&run, "failed", "member_failed", PATIENCE).await;
    assert_eq!(
        (&end["ending"]["party"], &end["ending"]["reason"]["code"]),
        (&"hospital-b".into(), &"object_deleted".into())
    );
    for party in PARTIES {
        let gone =
            eventually(SOON, async || ground.json(party, "pods").await.is_empty().then_some(()))
                .await;
        assert!(gone.is_some(), "left at {party}: {:#?}", ground.json(party, "pods").await);
    }
    federation.end().await;
}

#[tokio::test]
async fn evicted_member_fails_the_run_with_the_eviction_as_reason() {
    let mut ground = Ground::new().await;
    ground.start_operator("");
    let federation = ground.federation("").await;
    let run = federation.hub.launch(&Job::digits(50).parameter("fit-seconds", "1")).await;
    ground.pods_run().await;
    // Like a drain of the node.
    let namespace = &ground.namespaces["hospital-b"];
    let pod = ground.json("hospital-b", "pods").await[0]["metadata"]["name"]
        .as_str()
        .expect("every pod has a name")
        .to_owned();
    let eviction = ground.folder.path().join("eviction.json");
    let text = serde_json::json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}});
    fs::write(&eviction, text.to_string()).expect("the folder is writable");
    let path = format!("--raw=/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
    ground
        .cluster
        .kubectl_ok(&[
            "create".as_ref(),
            path.as_ref(),
            "--filename".as_ref(),
            eviction.as_os_str(),
        ])
        .await;
    let end = federation.hub.ends_within(&run, "failed", "member_failed", PATIENCE).await;
    assert_eq!(
        (&end["ending"]["party"], &end["ending"]["reason"]["code"]),
        (&"hospital-b".into(), &"runtime_error".into())
    );
    assert!(
        end["ending"]["reason"]["message"].as_str().is_some_and(|text| text.contains("evicted")),
        "{:#}",
        end["ending"]
    );
    federation.end().await;
}

/// The way in which Pods resolve the names of a zone.
enum Names {
    /// The cluster's DNS has the zone.
    Dns,
    /// The agents have the addresses; no DNS has the zone.
    HostAliases,
}

#[tokio::test]
async fn training_through_a_route_ends_tls_at_the_gateway_with_the_arguments_of_the_original() {
    trains_through_the_route("server.iflearner.com", Names::Dns).await;
}

#[tokio::test]
async fn training_through_a_route_needs_no_dns_if_agents_know_the_address_of_the_gateway() {
    trains_through_the_route("server.example.org", Names::HostAliases).await;
}

/// Names, certificate, routes and allowed peers of agents all depend on the zone.
async fn trains_through_the_route(zone: &str, names: Names) {
    let mut ground = Ground::new().await;
    let folder = ground.folder.path().join("gateway");
    fs::create_dir(&folder).expect("the folder is writable");
    let parties = ["hospital-a", "hospital-b"]
        .map(|party| format!("--party={}={party}.party.iflearner.com", ground.namespaces[party]));
    setup(
        ground.cluster,
        &[
            "certificates",
            "--namespace",
            &ground.namespaces["hub"],
            "--zone",
            zone,
            &parties[0],
            &parties[1],
        ],
    );
    provide_pair(ground.cluster, &folder, &ground.namespaces["hub"]).await;
    let mut gateway = Gateway::at(&folder);
    let reached = ground.cluster.expose(gateway.address());
    let address = format!("{zone}={}", reached.ip());
    let hosts = match names {
        Names::Dns => {
            setup(ground.cluster, &["dns", "--apply", "--zone", &address]);
            vec![]
        }
        Names::HostAliases => vec![address],
    };
    let exposure = format!(
        "[exposure]\ndriver = \"gateway\"\nport = {}\n[exposure.gateway]\nname = \"edge\"\n",
        reached.port()
    );
    ground.start_operator(&exposure);

    let settings = format!(
        "host_zone = {zone:?}\nroute_port = {port}\ncertificates = true\npeers = [\"run-*.{zone}:{port}\"]\nhosts = {hosts:?}\n",
        port = reached.port(),
    );
    let federation = ground.federation(&settings).await;
    // The platform sets all other arguments of the original's trainer, in particular
    // --server=<host>:<port>.
    let job = Job::digits(3).template(
        "command",
        serde_json::json!(["train", "--cert=/etc/server-iflearner-secret.crt"]),
    );
    let run = federation.hub.launch(&job).await;
    gateway.take_up_route(ground.cluster, &ground.namespaces["hub"]).await;
    ground.pods_run().await;
    assert!(dialled(&ground).await.ends_with(&format!(".{zone}:{}", reached.port())));
    trained_as_with_processes(&federation, &run).await;

    federation.end().await;
}

/// The pair of the gateway in front of the aggregators, as `tls.crt` and `tls.key`.
async fn provide_pair(cluster: &Cluster, folder: &Path, namespace: &str) {
    for file in ["tls.crt", "tls.key"] {
        let path = format!("--output=go-template={{{{index .data \"{file}\" | base64decode}}}}");
        let secret = ["get", "secret", "server-iflearner-secret", "--namespace", namespace, &path];
        fs::write(folder.join(file), cluster.kubectl_ok(&secret).await)
            .expect("the folder is writable");
    }
}

/// The addresses to which the trainers connect.
async fn dialled(ground: &Ground) -> String {
    let jobs = ground.json("hospital-a", "iflearnerjobs").await;
    let containers = jobs
        .first()
        .map(|job| job["spec"]["template"]["spec"]["containers"][0].clone())
        .unwrap_or_default();
    let words = [&containers["command"], &containers["args"]]
        .into_iter()
        .filter_map(Value::as_array)
        .flatten();
    let server = words.filter_map(Value::as_str).find_map(|word| word.strip_prefix("--server="));
    server.unwrap_or_else(|| panic!("no --server= in {containers:#}")).to_owned()
}
