//! Helpers of the tests: a cluster, namespaces, an operator for each, and writes in place of the
//! kubelet.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flow_common::clock::{Clock as _, SystemClock};
use flow_crd::{IflearnerJob, IflearnerJobStatus};
use flow_testkit::kube::{Cluster, Options};
use flow_testkit::{Condition, free_port, spawn_tied, wait_for};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, Resource, ResourceExt as _};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// Deadline of each wait on a busy machine.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(90);

pub const SERVER: &str = "
apiVersion: git.iflytek.com/v1
kind: IflearnerJob
metadata: {name: aggregator}
spec:
  role: server
  host: job1.server.example.org
  template:
    spec:
      containers:
      - name: aggregator
        image: registry.example/iflearner:1
        args: [python, aggregate_server.py, -n=2]
";

pub const CLIENT: &str = "
apiVersion: git.iflytek.com/v1
kind: IflearnerJob
metadata: {name: trainer}
spec:
  role: client
  host: job1.a.example.org
  template:
    metadata:
      labels: {app: mine, team: a}
      annotations: {note: kept}
    spec:
      restartPolicy: Never
      containers:
      - {name: trainer, image: registry.example/iflearner:1}
      - {name: second, image: registry.example/iflearner:1}
";

/// A namespace of the shared cluster, with a client of its administrator.
pub struct World {
    pub cluster: &'static Cluster,
    pub namespace: String,
    pub client: Client,
}

/// Returns the cluster of this process with the definitions that the tests need.
async fn shared() -> &'static Cluster {
    static READY: OnceCell<()> = OnceCell::const_new();
    let cluster = flow_testkit::kube::shared().await;
    READY.get_or_init(|| define(cluster)).await;
    cluster
}

async fn define(cluster: &Cluster) {
    let crd = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/kustomize/crd/iflearnerjobs.yaml");
    // Client-side as users do it, so that the size limit of its annotation applies.
    cluster.kubectl_ok(&["apply", "--filename", crd]).await;
    cluster.install_gateway_api().await;
    cluster.established(&["iflearnerjobs.git.iflytek.com"]).await;
    cluster.kubectl_ok(&["create", "namespace", "flow-system"]).await;
}

pub async fn client(kubeconfig: PathBuf) -> Client {
    let config = Kubeconfig::read_from(kubeconfig).unwrap();
    let config =
        kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// Returns the user name of an operator in this namespace.
pub fn account(namespace: &str) -> String {
    format!("system:serviceaccount:{namespace}:flow-operator")
}

/// Returns the kubeconfig of an operator in `namespace` with the shipped permissions for the
/// namespaces `served`, or for all if `served` is empty. The permissions are in force.
pub async fn rights(cluster: &Cluster, namespace: &str, served: &[String]) -> PathBuf {
    cluster.apply(&flow_operator::rbac::manifests(namespace, served)).await;
    // The last permission that takes effect.
    let last = served.last().map_or("default", String::as_str);
    cluster.allowed(&account(namespace), &["create", "jobs.batch", "--namespace", last]).await;
    cluster.service_account_kubeconfig(namespace, "flow-operator").await
}

impl World {
    pub async fn new() -> Self {
        Self::of(shared().await).await
    }

    /// Uses a cluster of its own with an audit log. As in some distributions, its API server
    /// demands a permission on the owner for `blockOwnerDeletion`.
    pub async fn strict() -> Self {
        static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
        let strict = "--enable-admission-plugins=OwnerReferencesPermissionEnforcement".to_owned();
        let options = Options {
            scheduler: false,
            audit: true,
            api_server_arguments: vec![strict],
            ..Options::default()
        };
        let cluster = CLUSTER.get_or_init(|| Cluster::start_with(options)).await;
        define(cluster).await;
        let world = Self::of(cluster).await;
        let owner = json!([{"apiVersion": "git.iflytek.com/v1", "kind": "IflearnerJob", "name": "x", "uid": "x", "blockOwnerDeletion": true}]);
        let child = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "ownerReferences": owner}});
        // The API server reads new kinds of owner every 30 s, and rejects objects with such an
        // owner until then.
        eventually("the kind of owner", async || world.would_create(child.clone()).await.is_ok())
            .await;
        world
    }

    async fn of(cluster: &'static Cluster) -> Self {
        Self {
            cluster,
            namespace: cluster.create_namespace().await,
            client: client(cluster.kubeconfig().to_owned()).await,
        }
    }

    pub fn api<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Returns the API of a kind as plain JSON.
    pub fn dynamic<K: Resource<DynamicType = ()>>(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &ApiResource::erase::<K>(&()))
    }

    /// Starts an operator for this namespace with the Role that `rbac` prints.
    pub async fn operator(&self, settings: &[(&str, &str)]) -> Operator {
        self.operator_of(self.rights().await, settings)
    }

    /// Starts an operator that writes its log to `output`.
    pub async fn operator_that_logs_to(&self, output: OwnedFd) -> Operator {
        let kubeconfig = self.rights().await;
        let settings = self.settings();
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        Operator::start_with_log(kubeconfig, &settings, tempfile::tempdir().unwrap(), output)
    }

    /// Returns the kubeconfig of the operator of this namespace.
    pub async fn rights(&self) -> PathBuf {
        rights(self.cluster, &self.namespace, std::slice::from_ref(&self.namespace)).await
    }

    /// Starts an operator for this namespace with a kubeconfig.
    pub fn operator_of(&self, kubeconfig: PathBuf, settings: &[(&str, &str)]) -> Operator {
        let own = self.settings();
        let own: Vec<_> = own.iter().map(|(key, value)| (*key, value.as_str())).collect();
        Operator::start(kubeconfig, &[&own, settings].concat())
    }

    /// Returns the settings of an operator for this namespace.
    fn settings(&self) -> [(&'static str, String); 3] {
        let served = format!("[\"{}\"]", self.namespace);
        [
            ("namespaces", served),
            ("leader.namespace", self.namespace.clone()),
            ("leader.lease_s", "10".to_owned()),
        ]
    }

    /// Creates an IflearnerJob. Returns the message of the API server if it rejects the object.
    pub async fn create(&self, manifest: &Value) -> Result<IflearnerJob, String> {
        let object: DynamicObject = serde_json::from_value(manifest.clone()).unwrap();
        let created = self.dynamic::<IflearnerJob>().create(&PostParams::default(), &object).await;
        match created {
            Ok(object) => {
                Ok(serde_json::from_value(serde_json::to_value(object).unwrap()).unwrap())
            }
            Err(kube::Error::Api(status)) => Err(status.message),
            Err(error) => panic!("{error}"),
        }
    }

    /// Creates an object of any kind as a dry run.
    pub async fn would_create(&self, object: Value) -> Result<DynamicObject, String> {
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let kind = ApiResource::from_gvk(
            &GroupVersionKind::try_from(object.types.as_ref().unwrap()).unwrap(),
        );
        let api =
            Api::<DynamicObject>::namespaced_with(self.client.clone(), &self.namespace, &kind);
        let parameters = PostParams { dry_run: true, ..PostParams::default() };
        api.create(&parameters, &object).await.map_err(|error| error.to_string())
    }

    /// Merges a patch into an IflearnerJob. Returns the message of the API server if it rejects the
    /// patch.
    pub async fn patch(&self, name: &str, patch: Value) -> Result<(), String> {
        match self
            .dynamic::<IflearnerJob>()
            .patch(name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
        {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) => Err(status.message),
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn job(&self, name: &str) -> IflearnerJob {
        self.api().get(name).await.unwrap()
    }

    /// Waits until the status fulfils a condition.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        so: impl Fn(&IflearnerJobStatus) -> bool,
    ) -> IflearnerJobStatus {
        let api = self.api::<IflearnerJob>();
        wait_for(what, WAIT_TIMEOUT, async || {
            api.get_opt(name).await.unwrap().and_then(|job| job.status).filter(|status| so(status))
        })
        .await
    }

    /// Waits until an object of this name exists and fulfils a condition.
    pub async fn found<K>(&self, name: &str, so: impl Fn(&K) -> bool) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        let api = self.api::<K>();
        let what = format!("{} {name}", K::kind(&()));
        wait_for(&what, WAIT_TIMEOUT, async || {
            api.get_opt(name).await.unwrap().filter(|object| so(object))
        })
        .await
    }

    /// Waits until no object of this name exists.
    pub async fn gone<K>(&self, name: &str)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        let api = self.api::<K>();
        wait_for(&format!("the end of {} {name}", K::kind(&())), WAIT_TIMEOUT, async || {
            api.get_opt(name).await.unwrap().is_none()
        })
        .await;
    }

    pub async fn all<K>(&self) -> Vec<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        self.api::<K>().list(&ListParams::default()).await.unwrap().items
    }

    /// Waits for the recorded Job of an IflearnerJob.
    pub async fn recorded(&self, name: &str) -> Job {
        let status = self.until(name, "a recorded Job", |status| status.job.is_some()).await;
        let recorded = status.job.unwrap();
        let job: Job = self.found(&recorded.name, |_| true).await;
        assert_eq!(job.uid().unwrap(), recorded.uid);
        job
    }

    /// Waits for the Pod of an IflearnerJob that is not being deleted.
    pub async fn pod(&self, name: &str) -> Pod {
        let uid = self.job(name).await.uid().unwrap();
        let selector =
            ListParams::default().labels(&format!("flow-operator/iflearnerjob-uid={uid}"));
        let api = self.api::<Pod>();
        wait_for(&format!("a Pod of {name}"), WAIT_TIMEOUT, async || {
            let pods = api.list(&selector).await.unwrap().items;
            pods.into_iter().find(|pod| pod.metadata.deletion_timestamp.is_none())
        })
        .await
    }

    /// Writes the status of a Pod in place of the kubelet.
    pub async fn set_pod(&self, pod: &Pod, status: Value) {
        let patch = json!({ "status": status });
        self.api::<Pod>()
            .patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .unwrap();
    }

    /// Marks the Pod as running and ready.
    pub async fn run_pod(&self, name: &str) -> Pod {
        let pod = self.pod(name).await;
        let ready = [
            json!({"type": "PodScheduled", "status": "True"}),
            json!({"type": "Ready", "status": "True"}),
        ];
        let containers = containers(&pod, json!({"running": {}}));
        self.set_pod(&pod, json!({"phase": "Running", "podIP": "10.9.9.9", "podIPs": [{"ip": "10.9.9.9"}], "conditions": ready, "containerStatuses": containers})).await;
        pod
    }

    /// Ends every container of the Pod with this code.
    pub async fn end_pod(&self, name: &str, code: i32) {
        let pod = self.pod(name).await;
        let (phase, reason) =
            if code == 0 { ("Succeeded", "Completed") } else { ("Failed", "Error") };
        let now = Timestamp::from_second(SystemClock.now().0 / 1_000_000).unwrap();
        let containers = containers(
            &pod,
            json!({"terminated": {"exitCode": code, "reason": reason, "finishedAt": now}}),
        );
        self.set_pod(&pod, json!({"phase": phase, "containerStatuses": containers})).await;
    }

    /// Runs the Pod and ends it with this code.
    pub async fn live(&self, name: &str, code: i32) -> IflearnerJobStatus {
        self.run_pod(name).await;
        self.until(name, "running", |status| {
            status.phase.is_some_and(|phase| phase.as_str() == "Running")
        })
        .await;
        self.end_pod(name, code).await;
        self.until(name, "the end", |status| status.phase.is_some_and(|phase| phase.is_terminal()))
            .await
    }

    /// Returns reason and note of each event of an object.
    pub async fn events(&self, name: &str) -> Vec<(String, String)> {
        let about = |event: &Event| {
            event.regarding.as_ref().is_some_and(|object| {
                object.name.as_deref() == Some(name)
                    && object.kind.as_deref() == Some("IflearnerJob")
            })
        };
        let events = self.all::<Event>().await.into_iter().filter(about);
        events
            .map(|event| (event.reason.unwrap_or_default(), event.note.unwrap_or_default()))
            .collect()
    }

    /// Waits for an event, and returns its note.
    pub async fn event(&self, name: &str, reason: &str) -> String {
        wait_for(&format!("an event {reason} of {name}"), WAIT_TIMEOUT, async || {
            self.events(name)
                .await
                .into_iter()
                .find_map(|(found, note)| (found == reason).then_some(note))
        })
        .await
    }

    /// Creates the ConfigMaps that a client waits for.
    pub async fn trust_roots(&self) {
        for (name, key) in [
            ("server-iflearner-crt", "server-iflearner-secret.crt"),
            ("party-iflearner-crt", "party-iflearner-secret.crt"),
        ] {
            let map = json!({"metadata": {"name": name}, "data": {key: "a certificate"}});
            let map: ConfigMap = serde_json::from_value(map).unwrap();
            self.api().create(&PostParams::default(), &map).await.unwrap();
        }
    }

    /// Annotates the namespace with these permissions.
    pub async fn allow(&self, opt_ins: &str) {
        let annotation = format!("flow-operator/allow={opt_ins}");
        self.cluster.kubectl_ok(&["annotate", "namespace", &self.namespace, &annotation]).await;
    }

    pub async fn delete<K>(&self, name: &str, how: &DeleteParams)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        self.api::<K>().delete(name, how).await.unwrap();
    }
}

fn containers(pod: &Pod, state: Value) -> Vec<Value> {
    let status = |name: &str| json!({"name": name, "image": "x", "imageID": "x", "ready": true, "restartCount": 0, "state": state});
    pod.spec.as_ref().unwrap().containers.iter().map(|container| status(&container.name)).collect()
}

/// Returns a manifest with a name and additional fields in its spec.
pub fn manifest(yaml: &str, name: &str, more: Value) -> Value {
    let mut value: Value = serde_yaml_ng::from_str(yaml).unwrap();
    value["metadata"]["name"] = json!(name);
    value["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    value
}

/// A running operator.
pub struct Operator {
    child: Child,
    metrics: SocketAddr,
    log: tempfile::TempDir,
}

impl Operator {
    pub fn start(kubeconfig: PathBuf, settings: &[(&str, &str)]) -> Self {
        let log = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(log.path().join("log")).unwrap();
        Self::start_with_log(kubeconfig, settings, log, file.into())
    }

    fn start_with_log(
        kubeconfig: PathBuf,
        settings: &[(&str, &str)],
        log: tempfile::TempDir,
        output: OwnedFd,
    ) -> Self {
        let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow-operator"));
        command.arg("run").arg(format!("--set=http.listen={metrics}"));
        command.args(settings.iter().map(|(key, value)| format!("--set={key}={value}")));
        command.env_clear().env("KUBECONFIG", kubeconfig);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        Self { child: spawn_tied(command).unwrap(), metrics, log }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path().join("log")).unwrap_or_default()
    }

    async fn page(&self, path: &str) -> Option<(u16, String)> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(self.metrics).await.ok()?;
        stream
            .write_all(
                format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
            )
            .await
            .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let code = answer.split(' ').nth(1)?.parse().ok()?;
        Some((code, answer.split_once("\r\n\r\n")?.1.to_owned()))
    }

    /// Waits until the operator leads and has listed all objects.
    pub async fn works(&self) -> &Self {
        wait_for(&format!("an operator that works:\n{}", self.log()), WAIT_TIMEOUT, async || {
            let ready = self.page("/readyz").await.is_some_and(|(code, _)| code == 200);
            ready && self.metric("flow_operator_leader").await == Some(1.0)
        })
        .await;
        self
    }

    /// Returns the sum of a metric over all lines with this prefix.
    pub async fn metric(&self, prefix: &str) -> Option<f64> {
        let (_, page) = self.page("/metrics").await?;
        let values: Vec<f64> = page
            .lines()
            .filter(|line| line.starts_with(prefix))
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// Returns the number of writes of this kind.
    pub async fn writes(&self, kind: &str, verb: &str) -> f64 {
        self.metric(&format!("flow_operator_writes_total{{kind=\"{kind}\",verb=\"{verb}\""))
            .await
            .unwrap_or(0.0)
    }

    /// Returns the number of all writes.
    pub async fn all_writes(&self) -> f64 {
        self.metric("flow_operator_writes_total").await.unwrap_or(0.0)
    }

    /// Returns the number of reconcile passes.
    pub async fn passes(&self) -> f64 {
        self.metric("flow_operator_reconcile_seconds_count").await.unwrap_or(0.0)
    }

    /// Stops the operator and returns its log.
    pub async fn stop(mut self) -> String {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        self.ended().await;
        self.log()
    }

    /// Stops the operator and returns its exit status.
    pub async fn terminate(mut self) -> std::process::ExitStatus {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        self.ended().await
    }

    /// Kills the operator as `kill -9` does.
    pub async fn kill(mut self) {
        self.child.kill().unwrap();
        self.ended().await;
    }

    /// Waits for the end of the operator.
    pub async fn ended(&mut self) -> std::process::ExitStatus {
        wait_for("the end of the operator", WAIT_TIMEOUT, async || self.child.try_wait().unwrap())
            .await
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- operator\n{}", self.log());
        }
    }
}

/// Waits until a condition is fulfilled.
pub async fn eventually<C: Condition>(what: &str, look: impl AsyncFnMut() -> C) -> C::Found {
    wait_for(what, WAIT_TIMEOUT, look).await
}
