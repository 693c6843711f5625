//! A thousand IflearnerJobs: the rate at which the operator creates Jobs, Services and routes,
//! compared with a client that only creates these objects; and the operator's requests and memory
//! until all Jobs have ended and afterwards.
//!
//! API server, etcd and controller manager are real; there is no scheduler and no node. The bench
//! writes the status of the Pods, and that of the routes in place of a Gateway controller. The API
//! server counts the requests.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flow_crd::{IflearnerJob, JOB_ANNOTATION};
use flow_e2e::Daemon;
use flow_e2e::binaries::flow_operator;
use flow_operator::apis::Apis;
use flow_operator::config::{self, Config};
use flow_operator::gateway_api::GrpcRoute;
use flow_operator::iflearnerjob::build::{self, Desired};
use flow_operator::iflearnerjob::validate::{self, Plan};
use flow_testkit::kube::{Cluster, Options};
use flow_testkit::{free_port, repository, wait_for};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::machine::{self, Memory, megabytes};
use crate::table::{Table, Times};

/// Jobs of one round. Operator and bare client have the same number of rounds, in alternating
/// order.
const ROUND: usize = 500;
const ROUNDS: usize = 2;
/// Jobs created one by one at intervals of [`PACE`], to measure the time of a single job.
const PACED: usize = 200;
const PACE: Duration = Duration::from_millis(100);
const JOBS: usize = ROUND * ROUNDS + PACED;
const IDLE_PERIOD: Duration = Duration::from_secs(60);
const WAIT_TIMEOUT: Duration = Duration::from_secs(600);
/// Between two polls of a process that polls would slow down.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

const OPERATOR_NAMESPACE: &str = "operated";
const BARE_NAMESPACE: &str = "bare";
const SETTINGS: [(&str, &str); 3] = [
    ("namespaces", "[\"operated\"]"),
    ("leader.namespace", OPERATOR_NAMESPACE),
    ("exposure.gateway.name", "edge"),
];

pub async fn measure(table: &mut Table) {
    let fixture = ClusterFixture::start().await;
    // The API server creates one Service itself.
    let own = fixture.counts().await;
    let (mut operated, mut bare, mut starts, mut status_times) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut each_operated, mut each_bare) = (Times::default(), Times::default());
    for round in 0..ROUNDS {
        // In each pair the second namespace meets an API server with more objects than the first.
        let operator_is_first = round % 2 == 0;
        for is_operator_turn in [operator_is_first, !operator_is_first] {
            let namespace = if is_operator_turn { OPERATOR_NAMESPACE } else { BARE_NAMESPACE };
            let objects = fixture.create_all(namespace, round).await;
            fixture.wait_until_quiet().await;
            let RoundTimes { before, work, statuses } = fixture.round(namespace, &objects).await;
            let last = work.percentile(100);
            eprintln!("bench: operator: {ROUND} {namespace} in {last:.1?}, after {before:.2?}");
            if is_operator_turn {
                operated += last;
                each_operated.append(work);
                starts += before;
                status_times += statuses;
            } else {
                bare += last;
                each_bare.append(work);
            }
        }
    }
    let rate = |took: Duration| count(ROUND * ROUNDS) / took.as_secs_f64();
    let share = bare.as_secs_f64() / operated.as_secs_f64();
    table.row(
        format!(
            "{} IflearnerJobs to Jobs, Services, routes (from the first child to the last)",
            ROUND * ROUNDS
        ),
        "≥ 0.8 × a bare client",
        format!(
            "{share:.2} × ({:.1}/s against {:.1}/s, {ROUNDS} alternating rounds of each)",
            rate(operated),
            rate(bare)
        ),
        share >= 0.8,
    );
    table.figure(
        format!("  {ROUND} at once: from the first child of all objects to the last child of each object"),
        format!("{} (bare client: {})", each_operated.shown(), each_bare.shown()),
    );
    let of_each = |sum: Duration| sum / u32::try_from(ROUNDS).expect("a few");
    table.figure(
        format!(
            "  {ROUND} at once: from the first child of all objects to the first status of the last object"
        ),
        format!("{:.1?}", of_each(status_times)),
    );
    let start = of_each(starts);
    table.note(format!(
        "  operator, not in these figures: {start:.2?} from the start of the process to the first child"
    ));

    let operator = fixture.operator().await;
    fixture.wait_until_quiet().await;
    let times = fixture.paced_jobs().await;
    table.figure(
        format!(
            "  one job at a time, {} per second: from the object to its last child",
            count(1) / PACE.as_secs_f64()
        ),
        times.shown(),
    );
    fixture.wait_until_quiet().await;
    fixture.run_pods(&operator).await;
    fixture.wait_until_quiet().await;

    let counts = fixture.counts().await;
    let jobs = count(JOBS);
    let bare_jobs = count(ROUND * ROUNDS);
    let since = |verb: &str, resource: &str| counts.of(verb, resource) - own.of(verb, resource);
    let of = |verb: &str, resource: &str| since(verb, resource) / jobs;
    // The bare client created each child once.
    let writes = |resource: &str| {
        let all: f64 =
            ["POST", "APPLY", "PATCH", "PUT"].into_iter().map(|verb| since(verb, resource)).sum();
        (all - bare_jobs) / jobs
    };
    let children = [
        // The status of a Job is another resource and written by the Job controller.
        ("Job", writes("jobs")),
        ("Service", writes("services")),
        ("NetworkPolicy", writes("networkpolicies")),
        ("route", writes("grpcroutes")),
    ];
    let statuses = of("APPLY", "iflearnerjobs/status");
    let shown: Vec<String> =
        children.iter().map(|(kind, writes)| format!("{kind} {writes:.2}")).collect();
    table.row(
        format!("writes per job, {JOBS} jobs from creation to end (counted by the API server)"),
        "≤ 1 per child, ≤ 4 of the status",
        format!("{}; status {statuses:.2}", shown.join(", ")),
        children.iter().all(|(_, writes)| *writes <= 1.0) && statuses <= 4.0,
    );
    let reads = ["services", "networkpolicies", "grpcroutes", "jobs", "namespaces"]
        .map(|resource| format!("{resource} {:.2}", of("GET", resource)));
    table.note(format!(
        "  per job also: events of the operator {:.2}; reads of all clients {}",
        of("POST", "events.events.k8s.io"),
        reads.join(", ")
    ));

    let peak = machine::peak_memory(operator.daemon.pid());
    table.row(
        format!("operator's memory, {JOBS} finished jobs"),
        "< 60 MB RSS",
        format!("{}, peak {}", Memory::of(operator.daemon.pid()).shown(), megabytes(peak)),
        peak * 1024 < 60_000_000,
    );
    let (used, before, since) =
        (machine::processor_time(operator.daemon.pid()), fixture.counts().await, Instant::now());
    tokio::time::sleep(IDLE_PERIOD).await;
    let share = 100.0 * (machine::processor_time(operator.daemon.pid()) - used).as_secs_f64()
        / since.elapsed().as_secs_f64();
    let writes = fixture.counts().await.writes() - before.writes();
    table.row(
        format!("idle with {JOBS} finished jobs: writes in one minute (without the Lease)"),
        "0",
        format!("{writes}"),
        writes == 0.0,
    );
    table.row(
        format!("idle with {JOBS} finished jobs: the operator's processor time"),
        "< 1 % of a core",
        format!("{share:.2} % over {} s", IDLE_PERIOD.as_secs()),
        share < 1.0,
    );
    operator.end().await;
}

#[expect(clippy::cast_precision_loss, reason = "the counts of this bench are far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}

/// The cluster and a client with administrator rights.
struct ClusterFixture {
    /// Dropping it ends the cluster.
    _cluster: Cluster,
    client: Client,
    kubeconfig: PathBuf,
    config: Config,
    folder: tempfile::TempDir,
}

/// A running operator.
struct Operator {
    daemon: Daemon,
    address: String,
}

impl Operator {
    async fn end(self) {
        let ended = self.daemon.terminate(WAIT_TIMEOUT).await;
        assert!(ended.success(), "the operator ended with {ended}");
    }

    /// Waits until the operator counts every IflearnerJob in this phase.
    async fn wait_for_all_in(&self, phase: &str) {
        wait_for(&format!("all to be {phase}"), WAIT_TIMEOUT, async || {
            tokio::time::sleep(POLL_INTERVAL).await;
            counted(&page(&self.address, "/metrics").await.unwrap_or_default(), phase) == JOBS
        })
        .await;
    }

    /// Waits until the operator counts IflearnerJobs and none of them in this phase.
    async fn wait_for_none_in(&self, phase: &str) {
        wait_for(&format!("none to be {phase}"), WAIT_TIMEOUT, async || {
            tokio::time::sleep(POLL_INTERVAL).await;
            let page = page(&self.address, "/metrics").await.unwrap_or_default();
            counted(&page, "") > 0 && counted(&page, phase) == 0
        })
        .await;
    }
}

/// The number of IflearnerJobs in this phase on the operator's metrics page; `""` counts all
/// phases.
fn counted(page: &str, phase: &str) -> usize {
    let lines = page.lines().filter(|line| line.starts_with("flow_operator_iflearnerjobs{"));
    let of_phase = lines.filter(|line| phase.is_empty() || line.contains(&format!("\"{phase}\"")));
    of_phase.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}

impl ClusterFixture {
    async fn start() -> Self {
        let cluster = Cluster::start_with(Options { scheduler: false, ..Options::default() }).await;
        let definition = repository().join("deploy/kustomize/crd/iflearnerjobs.yaml");
        cluster.kubectl_ok(&["apply", "--server-side", "-f", text(&definition)]).await;
        cluster.install_gateway_api().await;
        cluster.established(&["iflearnerjobs.git.iflytek.com"]).await;
        for namespace in [OPERATOR_NAMESPACE, BARE_NAMESPACE] {
            cluster.kubectl_ok(&["create", "namespace", namespace]).await;
        }
        cluster
            .apply(&flow_operator::rbac::manifests(
                OPERATOR_NAMESPACE,
                &[OPERATOR_NAMESPACE.to_owned()],
            ))
            .await;
        let kubeconfig =
            cluster.service_account_kubeconfig(OPERATOR_NAMESPACE, "flow-operator").await;
        let admin =
            Kubeconfig::read_from(cluster.kubeconfig()).expect("the cluster's own kubeconfig");
        let admin = kube::Config::from_custom_kubeconfig(admin, &KubeConfigOptions::default())
            .await
            .expect("it names a cluster");
        let client = Client::try_from(admin).expect("the configuration is complete");
        let pairs = SETTINGS.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let config = config::load(None, pairs).expect("the settings are good").value;
        let folder = tempfile::tempdir().expect("the temporary directory is writable");
        Self { _cluster: cluster, client, kubeconfig, config, folder }
    }

    fn api<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(
        &self,
        namespace: &str,
    ) -> Api<K> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Starts an operator with the rights of its shipped roles.
    fn start_operator(&self) -> Operator {
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(flow_operator());
        command.arg("run").arg(format!("--set=http.listen={address}"));
        command.args(SETTINGS.map(|(key, value)| format!("--set={key}={value}")));
        command.env_clear().env("KUBECONFIG", &self.kubeconfig);
        Operator { daemon: Daemon::start(command, &self.folder.path().join("log")), address }
    }

    /// Starts an operator and waits until it has listed all objects.
    async fn operator(&self) -> Operator {
        let operator = self.start_operator();
        wait_for("an operator that is ready", WAIT_TIMEOUT, async || {
            page(&operator.address, "/readyz").await.is_some()
        })
        .await;
        operator
    }

    /// Creates the IflearnerJobs of a round.
    async fn create_all(&self, namespace: &str, round: usize) -> Vec<IflearnerJob> {
        let create = |number: usize| self.create(namespace, format!("r{round}-{number:03}"));
        stream::iter(0..ROUND)
            .map(create)
            .buffer_unordered(self.config.concurrency.into())
            .collect()
            .await
    }

    async fn create(&self, namespace: &str, name: String) -> IflearnerJob {
        let job = json!({"metadata": {"name": name}, "spec": {"role": "server", "host": format!("{name}.example.org"), "template":
            {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "registry.example/a:1", "args": ["python", "-n=2"]}]}}}});
        let job = serde_json::from_value(job).expect("it fits the type");
        self.api(namespace)
            .create(&PostParams::default(), &job)
            .await
            .expect("the API server accepts the object")
    }

    /// Measures the creation of all children by a newly started operator or by the bare client.
    async fn round(&self, namespace: &str, objects: &[IflearnerJob]) -> RoundTimes {
        // NetworkPolicies are the first children, Jobs the last.
        let (policies, jobs) =
            (self.watch::<NetworkPolicy>(namespace).await, self.watch::<Job>(namespace).await);
        let begun = Instant::now();
        let mut operator = None;
        if namespace == OPERATOR_NAMESPACE {
            operator = Some(self.start_operator());
        } else {
            self.create_children(objects).await;
        }
        let all = async || {
            objects.iter().map(|object| jobs.at(&object.name_any())).collect::<Option<Vec<_>>>()
        };
        let made = wait_for("all Jobs", WAIT_TIMEOUT, all).await;
        let first = objects
            .iter()
            .filter_map(|object| policies.at(&object.name_any()))
            .min()
            .expect("every object with a Job has a NetworkPolicy");
        if let Some(operator) = &operator {
            operator.wait_for_none_in("New").await;
        }
        let statuses = first.elapsed();
        self.wait_until_quiet().await;
        if let Some(operator) = operator {
            operator.end().await;
        }
        let mut work = Times::default();
        made.into_iter().for_each(|made| work.push(made - first));
        RoundTimes { before: first - begun, work, statuses }
    }

    /// Creates the same children without any reads.
    async fn create_children(&self, objects: &[IflearnerJob]) {
        let work = stream::iter(objects).map(|object| async move {
            let apis = Apis { grpc_route: true, ingress: true };
            let plan = Plan::new(object, &self.config, apis);
            let pod = validate::pod(object, std::collections::BTreeSet::new(), &self.config)
                .expect("the Pod template is plain");
            let Desired { network_policy, service, grpc_route, ingress: _ } =
                build::desired(&plan, &self.config);
            self.post(&network_policy.expect("policies are on")).await;
            self.post(&service).await;
            self.post(&grpc_route.expect("a gateway is configured")).await;
            self.post(&build::job(object, &plan, &pod)).await;
        });
        work.buffer_unordered(self.config.concurrency.into()).collect::<Vec<()>>().await;
    }

    async fn post<K>(&self, object: &K)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Serialize
            + DeserializeOwned
            + Clone
            + std::fmt::Debug,
    {
        self.api(BARE_NAMESPACE)
            .create(&PostParams::default(), object)
            .await
            .expect("the API server accepts the object");
    }

    /// Measures the time from the creation of each object to its Job, the last child.
    async fn paced_jobs(&self) -> Times {
        let made = self.watch::<Job>(OPERATOR_NAMESPACE).await;
        let mut pace = tokio::time::interval(PACE);
        let mut begun = Vec::new();
        for number in 0..PACED {
            pace.tick().await;
            let name = format!("p{number:03}");
            let since = Instant::now();
            self.create(OPERATOR_NAMESPACE, name.clone()).await;
            begun.push((name, since));
        }
        let mut times = Times::default();
        for (name, since) in begun {
            times.push(wait_for("its Job", WAIT_TIMEOUT, async || made.at(&name)).await - since);
        }
        times
    }

    /// Writes for every job: the route is accepted, the Pod runs, the Pod has succeeded.
    async fn run_pods(&self, operator: &Operator) {
        let parents = json!({"status": {"parents": [{"parentRef": {"name": "edge"}, "controllerName": "example.org/c", "conditions": [
            {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}]}});
        let routes = self
            .api::<GrpcRoute>(OPERATOR_NAMESPACE)
            .list_metadata(&ListParams::default())
            .await
            .expect("the API server answers")
            .items;
        assert_eq!(routes.len(), JOBS, "every job has its route");
        self.patch_all::<GrpcRoute>(routes.iter().map(|route| route.name_any()), || {
            parents.clone()
        })
        .await;
        let pods = wait_for("all pods", WAIT_TIMEOUT, async || {
            tokio::time::sleep(POLL_INTERVAL).await;
            let pods = self
                .api::<Pod>(OPERATOR_NAMESPACE)
                .list_metadata(&ListParams::default())
                .await
                .expect("the API server answers")
                .items;
            (pods.len() == JOBS).then(|| pods.iter().map(|pod| pod.name_any()).collect::<Vec<_>>())
        })
        .await;
        let now = || k8s_openapi::jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let container = |ready: bool, state: Value| json!([{"name": "a", "image": "a", "imageID": "a", "ready": ready, "restartCount": 0, "state": state}]);
        let ready = |ready: &str| json!([{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": ready}]);
        let running = json!({"status": {"phase": "Running", "podIP": "10.9.9.9", "podIPs": [{"ip": "10.9.9.9"}], "conditions": ready("True"),
            "containerStatuses": container(true, json!({"running": {"startedAt": now()}}))}});
        self.patch_all::<Pod>(pods.iter().cloned(), || running.clone()).await;
        operator.wait_for_all_in("Running").await;
        let ended = || {
            let end = json!({"exitCode": 0, "reason": "Completed", "finishedAt": now()});
            json!({"status": {"phase": "Succeeded", "conditions": ready("False"), "containerStatuses": container(false, json!({"terminated": end}))}})
        };
        self.patch_all::<Pod>(pods.into_iter(), ended).await;
        operator.wait_for_all_in("Succeeded").await;
    }

    async fn patch_all<K>(&self, names: impl Iterator<Item = String>, status: impl Fn() -> Value)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + DeserializeOwned
            + Clone
            + std::fmt::Debug,
    {
        let api = self.api::<K>(OPERATOR_NAMESPACE);
        let patch = |name: String| {
            let (api, status) = (api.clone(), &status);
            async move {
                api.patch_status(&name, &PatchParams::default(), &Patch::Merge(status()))
                    .await
                    .map(drop)
            }
        };
        stream::iter(names)
            .map(patch)
            .buffer_unordered(16)
            .try_collect::<()>()
            .await
            .expect("the API server accepts the object");
    }

    /// Records from now on the time at which each object of a kind appears, by the name of its
    /// IflearnerJob.
    async fn watch<K>(&self, namespace: &str) -> Appearances
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + DeserializeOwned
            + Clone
            + std::fmt::Debug
            + 'static,
    {
        let api = self.api::<K>(namespace);
        let list = api.list_metadata(&ListParams::default()).await.expect("the API server answers");
        let from = list.metadata.resource_version.expect("a list has a version");
        let seen: Arc<Mutex<HashMap<String, Instant>>> = Arc::default();
        let shown = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let events = api
                .watch_metadata(&WatchParams::default(), &from)
                .await
                .expect("the API server answers");
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.next().await {
                let now = Instant::now();
                if let Ok(WatchEvent::Added(child)) = event {
                    let name = child.annotations()[JOB_ANNOTATION].clone();
                    shown.lock().expect("nothing panics with the lock held").insert(name, now);
                }
            }
        });
        Appearances(seen, task.abort_handle())
    }

    /// Waits until the API server has counted no write for two seconds.
    async fn wait_until_quiet(&self) {
        let mut last = (self.counts().await.writes(), Instant::now());
        let poll = async || {
            tokio::time::sleep(POLL_INTERVAL).await;
            let writes = self.counts().await.writes();
            if writes > last.0 {
                last = (writes, Instant::now());
            }
            last.1.elapsed() > Duration::from_secs(2)
        };
        wait_for("two seconds without writes", WAIT_TIMEOUT, poll).await;
    }

    async fn counts(&self) -> RequestCounts {
        let request = http::Request::get("/metrics").body(Vec::new()).expect("a plain request");
        RequestCounts(
            self.client.request_text(request).await.expect("the API server shows its metrics"),
        )
    }
}

/// Durations of one round.
struct RoundTimes {
    /// From the start to the first child.
    before: Duration,
    /// From the first child to the last child of each object.
    work: Times,
    /// From the first child until all objects have a status.
    statuses: Duration,
}

/// Times at which objects appeared.
struct Appearances(Arc<Mutex<HashMap<String, Instant>>>, tokio::task::AbortHandle);

impl Appearances {
    fn at(&self, name: &str) -> Option<Instant> {
        self.0.lock().expect("nothing panics with the lock held").get(name).copied()
    }
}

impl Drop for Appearances {
    fn drop(&mut self) {
        self.1.abort();
    }
}

/// The API server's metrics page.
struct RequestCounts(String);

impl RequestCounts {
    /// Requests with this verb for a resource: `resource`, `resource/subresource` or
    /// `resource.group`.
    fn of(&self, verb: &str, what: &str) -> f64 {
        let (resource, subresource) = what.split_once('/').unwrap_or((what, ""));
        let (resource, group) = resource
            .split_once('.')
            .map_or((resource, None), |(resource, group)| (resource, Some(group)));
        let labels = [("verb", verb), ("resource", resource), ("subresource", subresource)];
        self.sum(|line| {
            labels.iter().all(|(name, value)| label(line, name) == Some(*value))
                && group.is_none_or(|group| label(line, "group") == Some(group))
        })
    }

    /// Requests that change objects, without those for Leases.
    fn writes(&self) -> f64 {
        const WRITES: [&str; 5] = ["POST", "PUT", "PATCH", "APPLY", "DELETE"];
        self.sum(|line| {
            // Reviews of tokens and permissions are POST requests, too.
            let what = label(line, "resource").unwrap_or_default();
            WRITES.contains(&label(line, "verb").unwrap_or_default())
                && !matches!(what, "" | "leases" | "tokenreviews" | "subjectaccessreviews")
        })
    }

    fn sum(&self, of: impl Fn(&str) -> bool) -> f64 {
        let lines =
            self.0.lines().filter(|line| line.starts_with("apiserver_request_total{") && of(line));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

fn label<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line
        .split_once(&format!("{{{name}=\""))
        .or_else(|| line.split_once(&format!(",{name}=\"")))?;
    rest.split_once('"').map(|(value, _)| value)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path of the repository is UTF-8")
}

/// A page of the operator; `None` unless the status is 200.
async fn page(address: &str, path: &str) -> Option<String> {
    let mut stream = tokio::net::TcpStream::connect(address).await.ok()?;
    stream
        .write_all(
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}
