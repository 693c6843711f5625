//! A party's runtime on a real API server, and helpers that act as operator, scheduler and kubelet.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::SystemClock;
use flow_crd::{IflearnerJob, SIDECAR_CONTAINER};
use flow_domain::id::InstanceId;
use flow_domain::member::{Exit, Reason, Role};
use flow_domain::template::Resources;
use flow_federate::runtime::kubernetes::settings::Settings;
use flow_federate::runtime::kubernetes::{
    KubernetesConfig, KubernetesRuntime, StartError, access, cluster, naming,
};
use flow_federate::runtime::{
    Container as ImageInCluster, Held, HoldRequest, ImageSource, LogRequest, Observation,
    ProgressSource, Runtime as _, RuntimeError, StartRequest, WorkKey, WorkState,
};
use flow_testkit::kube::Cluster;
use flow_testkit::wait_for;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::{Value, json};
use tokio::sync::{OnceCell, mpsc};

/// For whatever takes a moment, on a machine that is busy.
pub const LONG: Duration = Duration::from_secs(60);

/// The name of the container that `build` makes.
pub const WORKLOAD: &str = "workload";

/// The cluster all tests share, with the resource in it.
pub async fn shared() -> &'static Cluster {
    static READY: OnceCell<()> = OnceCell::const_new();
    let cluster = flow_testkit::kube::shared().await;
    READY.get_or_init(|| install(cluster)).await;
    cluster
}

/// Make the resource known.
pub async fn install(cluster: &Cluster) {
    let crd = serde_json::to_string(&flow_crd::definition()).expect("JSON");
    // By server-side apply: as a client's annotation it would be large.
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), crd).expect("written");
    cluster.kubectl_ok(&["apply", "--server-side", "-f", &file.path().display().to_string()]).await;
    cluster.established(&["iflearnerjobs.git.iflytek.com"]).await;
    // Pods on a node that does not exist are collected. This one has room for none, so nothing is scheduled there.
    cluster.apply("{apiVersion: v1, kind: Node, metadata: {name: node-1}}").await;
}

pub async fn client(kubeconfig: &Path) -> Client {
    Client::try_from(cluster::configuration(Some(kubeconfig)).await.expect("a kubeconfig"))
        .expect("a client")
}

/// One party: a namespace, a user with the shipped role, a data directory.
pub struct Party {
    pub namespace: String,
    pub dir: tempfile::TempDir,
    pub instance: InstanceId,
    pub jobs: Api<IflearnerJob>,
    pub pods: Api<Pod>,
    agent: PathBuf,
}

impl Party {
    pub async fn new(cluster: &Cluster) -> Self {
        let party = Self::without_role(cluster).await;
        cluster.apply(&access::role(Some(&party.namespace))).await;
        party.bind(cluster, "flow-federate").await;
        cluster.allowed(&party.user(), &["create", "iflearnerjobs", "-n", &party.namespace]).await;
        party
    }

    /// Gives the agent a role of its namespace.
    pub async fn bind(&self, cluster: &Cluster, role: &str) {
        let (role, user) = (format!("--role={role}"), format!("--user={}", self.user()));
        cluster
            .kubectl_ok(&["create", "rolebinding", "agent", &role, &user, "-n", &self.namespace])
            .await;
    }

    pub async fn without_role(cluster: &Cluster) -> Self {
        let namespace = cluster.create_namespace().await;
        let admin = client(cluster.kubeconfig()).await;
        Self {
            jobs: Api::namespaced(admin.clone(), &namespace),
            pods: Api::namespaced(admin, &namespace),
            agent: cluster.kubeconfig_for(&format!("agent-{namespace}"), None),
            dir: tempfile::tempdir().expect("a directory"),
            instance: flow_common::ids::instance_id(),
            namespace,
        }
    }

    pub fn user(&self) -> String {
        format!("agent-{}", self.namespace)
    }

    pub async fn client(&self) -> Client {
        client(&self.agent).await
    }

    pub async fn try_start(&self, instance: &InstanceId) -> Result<KubernetesRuntime, StartError> {
        let settings = Settings {
            namespace: self.namespace.clone(),
            cluster_domain: "cluster.local".to_owned(),
            host_zone: None,
            route_port: 443,
            hosts: vec![],
            certificates: false,
            sidecar_image: Some("registry.invalid/sidecar:1".to_owned()),
            output_claim: None,
        };
        let config = KubernetesConfig {
            settings,
            data_root: self.dir.path().to_owned(),
            party: "party-a".parse().expect("a name"),
            instance: instance.clone(),
            log_limit_bytes: 1 << 20,
        };
        KubernetesRuntime::start(self.client().await, config, SystemClock::shared()).await
    }

    pub async fn agent(&self) -> Agent {
        let runtime = Arc::new(self.try_start(&self.instance).await.expect("a runtime"));
        let observed = runtime.watch();
        wait_for("the runtime to know its cluster", LONG, async || runtime.known().await.is_ok())
            .await;
        Agent { runtime, observed }
    }

    pub async fn job(&self, key: &WorkKey) -> Option<IflearnerJob> {
        self.jobs.get_opt(&naming::name(key)).await.expect("asked")
    }

    /// Where a key's record is.
    pub fn record(&self, key: &WorkKey) -> PathBuf {
        self.dir.path().join(format!("kubernetes/{}-{}/record.json", key.run, key.attempt))
    }

    /// Sets the object's status, as the operator does.
    pub async fn set_job_status(&self, key: &WorkKey, status: Value) {
        let patch = Patch::Merge(json!({ "status": status }));
        self.jobs
            .patch_status(&naming::name(key), &PatchParams::default(), &patch)
            .await
            .expect("patched");
    }

    /// As operator and Job controller make the pod; on a node, if one is named.
    pub async fn make_pod(&self, key: &WorkKey, node: Option<&str>) -> Pod {
        let job = self.job(key).await.expect("an object");
        let template = job.spec.template.clone();
        let mut spec = template.spec.clone().expect("a pod");
        spec.node_name = node.map(ToOwned::to_owned);
        spec.init_containers.get_or_insert_default().extend(job.spec.sidecar.as_ref().map(
            |sidecar| Container {
                name: SIDECAR_CONTAINER.to_owned(),
                image: Some(sidecar.image.clone()),
                restart_policy: Some("Always".to_owned()),
                ..Container::default()
            },
        ));
        let meta = ObjectMeta {
            generate_name: Some(format!("{}-", naming::name(key))),
            labels: template.metadata.and_then(|meta| meta.labels),
            owner_references: job.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        };
        let pod = Pod { metadata: meta, spec: Some(spec), status: None };
        self.pods.create(&PostParams::default(), &pod).await.expect("a pod")
    }

    /// Sets a Pod's phase and its workload's state, as the kubelet does.
    pub async fn set_workload_status(&self, pod: &Pod, phase: &str, state: Value) {
        let patch = Patch::Merge(
            json!({ "status": { "phase": phase, "containerStatuses": [container(WORKLOAD, state)] } }),
        );
        self.pods
            .patch_status(&pod.name_any(), &PatchParams::default(), &patch)
            .await
            .expect("patched");
    }

    /// Sets a Pod's conditions, as kubelet and controllers do.
    pub async fn conditions(&self, pod: &Pod, conditions: Value) {
        let patch = Patch::Merge(json!({ "status": { "conditions": conditions } }));
        self.pods
            .patch_status(&pod.name_any(), &PatchParams::default(), &patch)
            .await
            .expect("patched");
    }

    /// Sets the state of a Pod's sidecar, as the kubelet does.
    pub async fn set_sidecar_status(&self, pod: &Pod, state: Value) {
        let patch = Patch::Merge(
            json!({ "status": { "initContainerStatuses": [container(SIDECAR_CONTAINER, state)] } }),
        );
        self.pods
            .patch_status(&pod.name_any(), &PatchParams::default(), &patch)
            .await
            .expect("patched");
    }

    /// Removes a Pod whose containers ended, as the kubelet does.
    pub async fn remove_pod(&self, pod: &Pod) {
        let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        // The garbage collector may have been faster.
        let _ = self.pods.delete(&pod.name_any(), &now).await;
    }
}

fn container(name: &str, state: Value) -> Value {
    json!({ "name": name, "image": "x", "imageID": "", "ready": false, "restartCount": 0, "state": state })
}

pub fn running() -> Value {
    json!({ "running": { "startedAt": "2026-01-02T03:04:05Z" } })
}

pub fn over(code: i32, reason: &str) -> Value {
    json!({ "terminated": { "exitCode": code, "reason": reason, "startedAt": "2026-01-02T03:04:05Z", "finishedAt": "2026-01-02T03:04:06Z" } })
}

pub fn key() -> WorkKey {
    WorkKey { run: flow_common::ids::run_id(), attempt: 1 }
}

pub fn hold(key: &WorkKey) -> HoldRequest {
    let ports = vec!["grpc".to_owned(), "http".to_owned()];
    HoldRequest {
        key: key.clone(),
        task: "b".repeat(32).parse().expect("an id"),
        party: "party-a".parse().expect("a name"),
        ports,
    }
}

pub fn launch(key: &WorkKey) -> StartRequest {
    let image = ImageInCluster {
        image: "registry.invalid/x:1".to_owned(),
        root: "/".into(),
        pod: Default::default(),
        limits: Default::default(),
    };
    StartRequest {
        key: key.clone(),
        task: "b".repeat(32).parse().expect("an id"),
        party: "party-a".parse().expect("a name"),
        role: Role::Aggregator,
        digest: Some(flow_domain::id::Digest::of(b"spec")),
        argv: vec!["train".to_owned()],
        dials: vec![],
        env: Default::default(),
        image: Some(ImageSource::Container(image)),
        workdir: String::new(),
        data: None,
        resources: Resources::default(),
        max_runtime_s: 600,
        stop_grace_s: 5,
        log_limit_bytes: 1 << 20,
        progress: ProgressSource::MetricsFile,
        origin: None,
    }
}

/// A runtime and its observations.
pub struct Agent {
    pub runtime: Arc<KubernetesRuntime>,
    pub observed: mpsc::Receiver<Observation>,
}

impl Agent {
    /// Held and started.
    pub async fn start(&self, key: &WorkKey) -> Held {
        let held = self.runtime.hold(hold(key)).await.expect("held");
        self.runtime.ensure(launch(key)).await.expect("started");
        held
    }

    /// The next state of this key that is as wanted.
    pub async fn until(&mut self, key: &WorkKey, wanted: impl Fn(&WorkState) -> bool) -> WorkState {
        let seen = async {
            loop {
                let seen = self.observed.recv().await.expect("open");
                if &seen.key == key && wanted(&seen.state) {
                    return seen.state;
                }
            }
        };
        flow_common::clock::timeout(LONG, seen).await.expect("an observation in time")
    }

    pub async fn exit(&mut self, key: &WorkKey) -> Exit {
        match self
            .until(key, |state| matches!(state, WorkState::Exited(_) | WorkState::Lost(_)))
            .await
        {
            WorkState::Exited(exit) => exit,
            other => panic!("{other:?}"),
        }
    }

    /// The exit and the steps of all points that were reported before it, in order.
    pub async fn end(&mut self, key: &WorkKey) -> (Exit, Vec<u64>) {
        let mut steps = Vec::new();
        let ended = async {
            loop {
                let seen = self.observed.recv().await.expect("open");
                if &seen.key != key {
                    continue;
                }
                steps.extend(
                    seen.progress
                        .iter()
                        .flat_map(|progress| &progress.points)
                        .map(|point| point.step),
                );
                if let WorkState::Exited(exit) = seen.state {
                    return exit;
                }
            }
        };
        let exit = flow_common::clock::timeout(LONG, ended).await.expect("an observation in time");
        (exit, steps)
    }

    /// The kept log.
    pub async fn log(&self, key: &WorkKey) -> String {
        let log = self
            .runtime
            .logs(key.clone(), LogRequest { tail_lines: None, follow: false })
            .await
            .expect("a log");
        let log = log.map(|chunk| chunk.expect("read").to_vec()).concat().await;
        String::from_utf8(log).expect("text")
    }

    pub async fn lost(&mut self, key: &WorkKey) -> Reason {
        match self
            .until(key, |state| matches!(state, WorkState::Exited(_) | WorkState::Lost(_)))
            .await
        {
            WorkState::Lost(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    /// The reason of an unseen member, as soon as it contains `words`.
    pub async fn unseen(&mut self, key: &WorkKey, words: &str) -> Reason {
        match self.until(key, |state| matches!(state, WorkState::Unseen(reason) if reason.message.contains(words))).await {
            WorkState::Unseen(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    /// The reason for which a member has not started.
    pub async fn delay(
        &mut self,
        key: &WorkKey,
        wanted: flow_domain::member::ReasonCode,
    ) -> Reason {
        let is = |state: &WorkState| matches!(state, WorkState::Starting { reason: Some(reason) } if reason.code == wanted);
        match self.until(key, is).await {
            WorkState::Starting { reason: Some(reason) } => reason,
            other => panic!("{other:?}"),
        }
    }
}

/// The reason of a permanent error.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, RuntimeError>) -> Reason {
    match result.expect_err("refused") {
        RuntimeError::Refused(reason) => reason,
        other => panic!("{other:?}"),
    }
}
