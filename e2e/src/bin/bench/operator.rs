//! A thousand IflearnerJobs: how fast the operator makes Jobs, Services and routes of them beside a client that does
//! nothing else, and what they cost, in requests and memory, until they have ended and after.
//!
//! API server, etcd and controller manager are real; there is no scheduler and no node. The pods' lives, and the word of a
//! Gateway's controller about each route, are written by the bench. Requests are counted at the API server.

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

/// Jobs of one round; as many rounds of the operator as of the bare client, the order turned from one to the next.
const ROUND: usize = 500;
const ROUNDS: usize = 2;
/// Jobs made one after the other at this pace, for the time that one of them takes.
const PACED: usize = 200;
const PACE: Duration = Duration::from_millis(100);
const JOBS: usize = ROUND * ROUNDS + PACED;
const QUIET: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks at what would be slowed by looking.
const PAUSE: Duration = Duration::from_millis(200);

const OPERATED: &str = "operated";
const BARE: &str = "bare";
const SETTINGS: [(&str, &str); 3] = [
    ("namespaces", "[\"operated\"]"),
    ("leader.namespace", OPERATED),
    ("exposure.gateway.name", "edge"),
];

pub async fn measure(table: &mut Table) {
    let world = World::start().await;
    // The API server makes a Service of its own.
    let own = world.calls().await;
    let (mut operated, mut bare, mut starts, mut tellings) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut each_operated, mut each_bare) = (Times::default(), Times::default());
    for round in 0..ROUNDS {
        // The first of each pair finds less in the API server than the second.
        let operator_is_first = round % 2 == 0;
        for operators_turn in [operator_is_first, !operator_is_first] {
            let namespace = if operators_turn { OPERATED } else { BARE };
            let objects = world.create_all(namespace, round).await;
            world.is_quiet().await;
            let Took { before, work, told } = world.round(namespace, &objects).await;
            let last = work.percentile(100);
            eprintln!("bench: operator: {ROUND} {namespace} in {last:.1?}, after {before:.2?}");
            if operators_turn {
                operated += last;
                each_operated.append(work);
                starts += before;
                tellings += told;
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
            "{share:.2} × ({:.1}/s beside {:.1}/s, {ROUNDS} rounds of each in turn)",
            rate(operated),
            rate(bare)
        ),
        share >= 0.8,
    );
    table.figure(
        format!("  of {ROUND} at once: from the first child of all to an object's last"),
        format!("{} (bare client: {})", each_operated.shown(), each_bare.shown()),
    );
    let of_each = |sum: Duration| sum / u32::try_from(ROUNDS).expect("a few");
    table.figure(
        format!(
            "  of {ROUND} at once: from the first child of all to the last object's first status"
        ),
        format!("{:.1?}", of_each(tellings)),
    );
    let start = of_each(starts);
    table.note(format!(
        "  operator, besides, from the start of its process to its first child: {start:.2?}"
    ));

    let operator = world.operator().await;
    world.is_quiet().await;
    let times = world.one_after_the_other().await;
    table.figure(
        format!(
            "  one of them, {} a second: from the object to its last child",
            count(1) / PACE.as_secs_f64()
        ),
        times.shown(),
    );
    world.is_quiet().await;
    world.live(&operator).await;
    world.is_quiet().await;

    let calls = world.calls().await;
    let jobs = count(JOBS);
    let bare_jobs = count(ROUND * ROUNDS);
    let since = |verb: &str, resource: &str| calls.of(verb, resource) - own.of(verb, resource);
    let of = |verb: &str, resource: &str| since(verb, resource) / jobs;
    // The bare client made each of them once.
    let writes = |resource: &str| {
        let all: f64 =
            ["POST", "APPLY", "PATCH", "PUT"].into_iter().map(|verb| since(verb, resource)).sum();
        (all - bare_jobs) / jobs
    };
    let children = [
        // Its status is its controller's to write, and another resource.
        ("Job", writes("jobs")),
        ("Service", writes("services")),
        ("NetworkPolicy", writes("networkpolicies")),
        ("route", writes("grpcroutes")),
    ];
    let statuses = of("APPLY", "iflearnerjobs/status");
    let shown: Vec<String> =
        children.iter().map(|(kind, writes)| format!("{kind} {writes:.2}")).collect();
    table.row(
        format!("writes a job, {JOBS} whole lives (as the API server counts)"),
        "≤ 1 a child, ≤ 4 of the status",
        format!("{}; status {statuses:.2}", shown.join(", ")),
        children.iter().all(|(_, writes)| *writes <= 1.0) && statuses <= 4.0,
    );
    let reads = ["services", "networkpolicies", "grpcroutes", "jobs", "namespaces"]
        .map(|resource| format!("{resource} {:.2}", of("GET", resource)));
    table.note(format!(
        "  operator, besides, a job: events {:.2}; reads (of everybody) {}",
        of("POST", "events.events.k8s.io"),
        reads.join(", ")
    ));

    let peak = machine::peak_memory(operator.daemon.pid());
    table.row(
        format!("operator's memory, {JOBS} finished jobs"),
        "< 60 MB RSS",
        format!("{}, at most {}", Memory::of(operator.daemon.pid()).shown(), megabytes(peak)),
        peak * 1024 < 60_000_000,
    );
    let (used, before, since) =
        (machine::processor_time(operator.daemon.pid()), world.calls().await, Instant::now());
    tokio::time::sleep(QUIET).await;
    let share = 100.0 * (machine::processor_time(operator.daemon.pid()) - used).as_secs_f64()
        / since.elapsed().as_secs_f64();
    let writes = world.calls().await.writes() - before.writes();
    table.row(
        format!("steady with {JOBS} finished jobs: writes in a minute (beside the Lease)"),
        "0",
        format!("{writes}"),
        writes == 0.0,
    );
    table.row(
        format!("steady with {JOBS} finished jobs: the operator's processor time"),
        "< 1 % of a core",
        format!("{share:.2} % over {} s", QUIET.as_secs()),
        share < 1.0,
    );
    operator.end().await;
}

#[expect(clippy::cast_precision_loss, reason = "counts of this bench")]
fn count(number: usize) -> f64 {
    number as f64
}

/// The cluster, seen by somebody who may do everything.
struct World {
    /// Ends when it is dropped.
    _cluster: Cluster,
    client: Client,
    kubeconfig: PathBuf,
    config: Config,
    folder: tempfile::TempDir,
}

/// An operator that runs.
struct Operator {
    daemon: Daemon,
    address: String,
}

impl Operator {
    async fn end(self) {
        let ended = self.daemon.terminate(PATIENCE).await;
        assert!(ended.success(), "the operator ended with {ended}");
    }

    /// Waits until it counts every IflearnerJob in this phase.
    async fn all_are(&self, phase: &str) {
        wait_for(&format!("all to be {phase}"), PATIENCE, async || {
            tokio::time::sleep(PAUSE).await;
            counted(&page(&self.address, "/metrics").await.unwrap_or_default(), phase) == JOBS
        })
        .await;
    }

    /// Waits until it counts IflearnerJobs, and none in this phase.
    async fn none_is(&self, phase: &str) {
        wait_for(&format!("none to be {phase}"), PATIENCE, async || {
            tokio::time::sleep(PAUSE).await;
            let page = page(&self.address, "/metrics").await.unwrap_or_default();
            counted(&page, "") > 0 && counted(&page, phase) == 0
        })
        .await;
    }
}

/// How many IflearnerJobs the operator's page says are in this phase; `""` = in any.
fn counted(page: &str, phase: &str) -> usize {
    let lines = page.lines().filter(|line| line.starts_with("flow_operator_iflearnerjobs{"));
    let of_phase = lines.filter(|line| phase.is_empty() || line.contains(&format!("\"{phase}\"")));
    of_phase.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}

impl World {
    async fn start() -> Self {
        let cluster = Cluster::start_with(Options { scheduler: false, ..Options::default() }).await;
        let definition = repository().join("deploy/kustomize/crd/iflearnerjobs.yaml");
        cluster.kubectl_ok(&["apply", "--server-side", "-f", text(&definition)]).await;
        cluster.install_gateway_api().await;
        cluster.established(&["iflearnerjobs.git.iflytek.com"]).await;
        for namespace in [OPERATED, BARE] {
            cluster.kubectl_ok(&["create", "namespace", namespace]).await;
        }
        cluster.apply(&flow_operator::rbac::manifests(OPERATED, &[OPERATED.to_owned()])).await;
        let kubeconfig = cluster.service_account_kubeconfig(OPERATED, "flow-operator").await;
        let admin =
            Kubeconfig::read_from(cluster.kubeconfig()).expect("the cluster's own kubeconfig");
        let admin = kube::Config::from_custom_kubeconfig(admin, &KubeConfigOptions::default())
            .await
            .expect("it names a cluster");
        let client = Client::try_from(admin).expect("a client needs nothing but its configuration");
        let pairs = SETTINGS.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let config = config::load(None, pairs).expect("the settings are good").value;
        let folder = tempfile::tempdir().expect("there is room for a log");
        Self { _cluster: cluster, client, kubeconfig, config, folder }
    }

    fn api<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(
        &self,
        namespace: &str,
    ) -> Api<K> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Starts one, with the rights that it ships with.
    fn start_operator(&self) -> Operator {
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(flow_operator());
        command.arg("run").arg(format!("--set=http.listen={address}"));
        command.args(SETTINGS.map(|(key, value)| format!("--set={key}={value}")));
        command.env_clear().env("KUBECONFIG", &self.kubeconfig);
        Operator { daemon: Daemon::start(command, &self.folder.path().join("log")), address }
    }

    /// One that has seen everything there is.
    async fn operator(&self) -> Operator {
        let operator = self.start_operator();
        wait_for("an operator that is ready", PATIENCE, async || {
            page(&operator.address, "/readyz").await.is_some()
        })
        .await;
        operator
    }

    /// The IflearnerJobs of a round.
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
            .expect("the API server takes it")
    }

    /// The children of these objects, made by an operator that begins with it, or by the bare client.
    async fn round(&self, namespace: &str, objects: &[IflearnerJob]) -> Took {
        // The first child and the last.
        let (policies, jobs) =
            (self.watch::<NetworkPolicy>(namespace).await, self.watch::<Job>(namespace).await);
        let begun = Instant::now();
        let mut operator = None;
        if namespace == OPERATED {
            operator = Some(self.start_operator());
        } else {
            self.client_makes(objects).await;
        }
        let all = async || {
            objects.iter().map(|object| jobs.at(&object.name_any())).collect::<Option<Vec<_>>>()
        };
        let made = wait_for("all Jobs", PATIENCE, all).await;
        let first = objects
            .iter()
            .filter_map(|object| policies.at(&object.name_any()))
            .min()
            .expect("who has a Job has a policy");
        if let Some(operator) = &operator {
            operator.none_is("New").await;
        }
        let told = first.elapsed();
        self.is_quiet().await;
        if let Some(operator) = operator {
            operator.end().await;
        }
        let mut work = Times::default();
        made.into_iter().for_each(|made| work.push(made - first));
        Took { before: first - begun, work, told }
    }

    /// The same children, made by a client that knows of nothing and asks nothing.
    async fn client_makes(&self, objects: &[IflearnerJob]) {
        let work = stream::iter(objects).map(|object| async move {
            let apis = Apis { grpc_route: true, ingress: true };
            let plan = Plan::new(object, &self.config, apis);
            let pod = validate::pod(object, std::collections::BTreeSet::new(), &self.config)
                .expect("nothing special is asked for");
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
        self.api(BARE)
            .create(&PostParams::default(), object)
            .await
            .expect("the API server takes it");
    }

    /// From each object until its Job, which the operator makes last, was seen.
    async fn one_after_the_other(&self) -> Times {
        let made = self.watch::<Job>(OPERATED).await;
        let mut pace = tokio::time::interval(PACE);
        let mut begun = Vec::new();
        for number in 0..PACED {
            pace.tick().await;
            let name = format!("p{number:03}");
            let since = Instant::now();
            self.create(OPERATED, name.clone()).await;
            begun.push((name, since));
        }
        let mut times = Times::default();
        for (name, since) in begun {
            times.push(wait_for("its Job", PATIENCE, async || made.at(&name)).await - since);
        }
        times
    }

    /// Every job: its route is accepted, its pod runs, its pod ends.
    async fn live(&self, operator: &Operator) {
        let parents = json!({"status": {"parents": [{"parentRef": {"name": "edge"}, "controllerName": "example.org/c", "conditions": [
            {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}]}});
        let routes = self
            .api::<GrpcRoute>(OPERATED)
            .list_metadata(&ListParams::default())
            .await
            .expect("the API server answers")
            .items;
        assert_eq!(routes.len(), JOBS, "every job has its route");
        self.patch_all::<GrpcRoute>(routes.iter().map(|route| route.name_any()), || {
            parents.clone()
        })
        .await;
        let pods = wait_for("all pods", PATIENCE, async || {
            tokio::time::sleep(PAUSE).await;
            let pods = self
                .api::<Pod>(OPERATED)
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
        operator.all_are("Running").await;
        let ended = || {
            let end = json!({"exitCode": 0, "reason": "Completed", "finishedAt": now()});
            json!({"status": {"phase": "Succeeded", "conditions": ready("False"), "containerStatuses": container(false, json!({"terminated": end}))}})
        };
        self.patch_all::<Pod>(pods.into_iter(), ended).await;
        operator.all_are("Succeeded").await;
    }

    async fn patch_all<K>(&self, names: impl Iterator<Item = String>, status: impl Fn() -> Value)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + DeserializeOwned
            + Clone
            + std::fmt::Debug,
    {
        let api = self.api::<K>(OPERATED);
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
            .expect("the API server takes it");
    }

    /// When each object of a kind is seen in a namespace, from now on, by the name of its IflearnerJob.
    async fn watch<K>(&self, namespace: &str) -> Seen
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
        Seen(seen, task.abort_handle())
    }

    /// Waits until nobody has written anything for two seconds.
    async fn is_quiet(&self) {
        let mut last = (self.calls().await.writes(), Instant::now());
        let poll = async || {
            tokio::time::sleep(PAUSE).await;
            let writes = self.calls().await.writes();
            if writes > last.0 {
                last = (writes, Instant::now());
            }
            last.1.elapsed() > Duration::from_secs(2)
        };
        wait_for("an API server that nobody writes to", PATIENCE, poll).await;
    }

    async fn calls(&self) -> Calls {
        let request = http::Request::get("/metrics").body(Vec::new()).expect("a plain request");
        Calls(self.client.request_text(request).await.expect("the API server shows its metrics"))
    }
}

/// What a round took.
struct Took {
    /// Until its first child was seen.
    before: Duration,
    /// From then until the last of each object.
    work: Times,
    /// From then until all have a status.
    told: Duration,
}

/// When objects were seen.
struct Seen(Arc<Mutex<HashMap<String, Instant>>>, tokio::task::AbortHandle);

impl Seen {
    fn at(&self, name: &str) -> Option<Instant> {
        self.0.lock().expect("nothing panics with the lock held").get(name).copied()
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        self.1.abort();
    }
}

/// The API server's metrics page.
struct Calls(String);

impl Calls {
    /// Requests with this verb for a resource; `resource/subresource`, or `resource.group` where the group must be told.
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

    /// Everything that changed something, but for Leases.
    fn writes(&self) -> f64 {
        const WRITES: [&str; 5] = ["POST", "PUT", "PATCH", "APPLY", "DELETE"];
        self.sum(|line| {
            // A token that is looked at is a POST as well.
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
    path.to_str().expect("the repository has a plain path")
}

/// A page of the operator's, if it answers with it.
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
