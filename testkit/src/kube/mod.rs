//! A real Kubernetes cluster for tests: API server, etcd, controller manager and scheduler. With
//! nodes, Pods run in a machine of separate Linux namespaces.
//!
//! ```no_run
//! # use flow_testkit::kube::{Cluster, Options};
//! # async fn example() {
//! let cluster = Cluster::start().await; // 5 s; `shared()` returns one cluster for all tests of a process
//! let namespace = cluster.create_namespace().await;
//! cluster.apply_in(&namespace, "{apiVersion: v1, kind: ConfigMap, metadata: {name: example}}").await;
//! assert_eq!(cluster.kubectl_ok(&["get", "configmap/example", "-n", &namespace, "-o", "name"]).await, "configmap/example\n");
//! let config = cluster.kubeconfig_for("alice", None); // for another client; the user of `kubeconfig()` has all permissions
//! let with_pods = Cluster::start_with(Options { nodes: 1, ..Options::default() }).await; // needs root
//! # }
//! ```
//!
//! Differences to other clusters: etcd does not sync its disk, no component enforces
//! NetworkPolicies, only registries of tests are reachable (see [`Cluster::import_image`],
//! [`Cluster::trust_registry`]), and the control plane runs outside of Pods. The garbage collector
//! discovers a CustomResourceDefinition that was created after the start up to 30 s later.
//!
//! Dropping the cluster ends all processes; if the test process is killed, the kernel ends them.
//! Files and logs of a failed test stay in `servers/` of the cache until the next test that starts
//! a server.

mod audit;
mod authority;
mod component;
mod control_plane;
mod machine;
mod node;
mod passage;
mod prepared;

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use flow_common::clock::timeout;
use tokio::sync::OnceCell;

pub use self::audit::Use;
use self::authority::Authority;
use self::component::Component;
use self::machine::{Machine, Place};
use self::node::Node;
use self::passage::{Network, Passage};
use self::prepared::{prepared, program};
use crate::database::claim_folder;
use crate::{tied, wait_for};

/// A shell and small tools; every node has it.
pub const BUSYBOX: &str = node::BUSYBOX;
/// The image in [`digits_image`]: `train`, and `python` with iflearner.
pub const DIGITS: &str = "flow.test/iflearner-digits:1";

/// The address of a machine, by which its nodes and Pods reach the listeners of
/// [`Cluster::expose`].
pub const NODE: Ipv4Addr = machine::ADDRESS;

/// The archive with [`BUSYBOX`].
pub fn busybox_image() -> PathBuf {
    prepared("kube-node", "images/busybox.tar")
}

/// The archive with the real workload, for [`Cluster::import_image`].
pub fn digits_image() -> PathBuf {
    prepared("kube-workload", "iflearner-digits.tar")
}

/// Longest time until a component of the cluster is ready; long, because other tests may load the
/// machine.
const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// Components and settings of a cluster.
pub struct Options {
    /// Run the controller manager: garbage collection, Pods of Jobs, service accounts.
    pub controller_manager: bool,
    /// Run the scheduler.
    pub scheduler: bool,
    /// Number of nodes; one or more need root.
    pub nodes: usize,
    /// Write an audit log for [`Cluster::uses`].
    pub audit: bool,
    /// Additional arguments of the API server, as in `--runtime-config=…`.
    pub api_server_arguments: Vec<String>,
    /// Additional arguments of the controller manager, as in `--node-monitor-grace-period=8s`.
    pub controller_manager_arguments: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            controller_manager: true,
            scheduler: true,
            nodes: 0,
            audit: false,
            api_server_arguments: Vec::new(),
            controller_manager_arguments: Vec::new(),
        }
    }
}

/// A running cluster.
///
/// The order of the fields is the order in which they end.
pub struct Cluster {
    passages: Mutex<Vec<Passage>>,
    proxy: Option<Component>,
    nodes: Vec<Node>,
    imported: tokio::sync::Mutex<HashSet<PathBuf>>,
    scheduler: Option<Component>,
    controller_manager: Option<Component>,
    api_server: Component,
    etcd: Component,
    machine: Option<Machine>,
    /// Reserves the port of the API server while it is stopped.
    _port: Option<OwnedFd>,
    authority: Authority,
    port: u16,
    kubeconfig: PathBuf,
    files: Folder,
}

/// The cluster without nodes that all tests of this process share; create a namespace for each
/// test.
pub async fn shared() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER.get_or_init(Cluster::start).await
}

/// The cluster with one node that all tests of this process share; create a namespace for each
/// test. Needs root.
pub async fn shared_with_node() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER.get_or_init(|| Cluster::start_with(Options { nodes: 1, ..Options::default() })).await
}

impl Cluster {
    /// Starts a cluster without nodes: objects, controllers and garbage collection are real, Pods
    /// stay pending.
    pub async fn start() -> Cluster {
        Cluster::start_with(Options::default()).await
    }

    /// Starts a cluster with these options and waits until all components are ready.
    pub async fn start_with(options: Options) -> Cluster {
        let has_controllers = options.controller_manager && options.scheduler;
        assert!(
            options.nodes == 0 || has_controllers,
            "nodes are of no use without controller manager and scheduler"
        );
        let files = Folder::claim();
        let folder = files.path.as_path();
        let pki = folder.join("pki");
        std::fs::create_dir(&pki).expect("the folder is writable");
        let authority = Authority::new(&pki);
        let machine = (options.nodes > 0).then(|| Machine::start(options.nodes, folder));

        // The API server has the same address inside and outside of a machine, so that one
        // kubeconfig works for both.
        let (port, reserved, passages) = match &machine {
            None => {
                let (port, reserved) = control_plane::reserve_port();
                (port, Some(reserved), vec![])
            }
            Some(machine) => {
                let listener =
                    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
                let address = listener.local_addr().expect("it is bound");
                (
                    address.port(),
                    None,
                    vec![Passage::open(listener, Some(machine.network()), address)],
                )
            }
        };
        let server = server(port);
        let kubeconfig = files.put(&authority.kubeconfig(&server, "admin", Some("system:masters")));
        let place =
            machine.as_ref().map_or(Place::Here, |machine| Place::Network(machine.network()));
        let etcd = control_plane::start_etcd(&place, folder);
        let api_server =
            control_plane::start_api_server(&authority, port, &options, &place, folder);
        let mut cluster = Cluster {
            passages: Mutex::new(passages),
            proxy: None,
            nodes: vec![],
            imported: Default::default(),
            scheduler: None,
            controller_manager: None,
            api_server,
            etcd,
            machine,
            _port: reserved,
            authority,
            port,
            kubeconfig,
            files,
        };
        cluster.api_server_is_ready().await;
        if options.controller_manager {
            let Cluster { authority, files, .. } = &cluster;
            let started = control_plane::start_controller_manager(
                authority,
                &server,
                &options,
                &place,
                &files.path,
            );
            cluster.controller_manager = Some(started);
        }
        if options.scheduler {
            let Cluster { authority, files, .. } = &cluster;
            let started = control_plane::start_scheduler(authority, &server, &place, &files.path);
            cluster.scheduler = Some(started);
        }
        cluster.start_nodes(options.nodes).await;
        if options.controller_manager {
            cluster.wait(&["--for=create", "serviceaccount/default"]).await;
        }
        cluster
    }

    async fn start_nodes(&mut self, count: usize) {
        let Some(machine) = &self.machine else { return };
        self.proxy =
            Some(node::start_proxy(machine, &self.authority, &server(self.port), &self.files.path));
        for index in 0..count {
            self.nodes.push(
                Node::start(machine, index, &self.authority, &server(self.port), &self.files.path)
                    .await,
            );
        }
        self.apply(node::DNS_MANIFEST).await;
        for index in 0..count {
            let node = format!("node/{}", self.nodes[index].name);
            self.wait(&["--for=create", &node]).await;
            self.wait(&["--for=condition=Ready", &node]).await;
        }
        self.wait(&["--for=condition=Available", "--namespace=kube-system", "deployment/coredns"])
            .await;
    }

    /// The kubeconfig of a user with all permissions. Contains all credentials; works inside and
    /// outside of a machine.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A kubeconfig with a client certificate for `user`, a member of `group` besides
    /// `system:authenticated`.
    pub fn kubeconfig_for(&self, user: &str, group: Option<&str>) -> PathBuf {
        self.files.put(&self.authority.kubeconfig(&server(self.port), user, group))
    }

    /// A kubeconfig with a token of the service account, valid for one day.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> PathBuf {
        let token = self
            .kubectl_ok(&["create", "token", name, "--namespace", namespace, "--duration=24h"])
            .await;
        self.files.put(&self.authority.token_kubeconfig(&server(self.port), token.trim()))
    }

    /// Runs kubectl as a user with all permissions, unless the arguments contain `--kubeconfig`.
    pub async fn kubectl<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Output {
        let mut command = Command::new(program("kubectl"));
        // Next to the cluster's files, because kubectl's cache for an address is valid for this
        // cluster only.
        command
            .args(arguments)
            .env("KUBECONFIG", self.kubeconfig())
            .env("KUBECACHEDIR", self.files.path.join("kubectl"));
        output(command).await
    }

    /// Returns the output of [`Cluster::kubectl`]; panics with its standard error if it fails.
    pub async fn kubectl_ok<S: AsRef<OsStr>>(&self, arguments: &[S]) -> String {
        let Output { status, stdout, stderr } = self.kubectl(arguments).await;
        assert!(
            status.success(),
            "kubectl {}: {}",
            line(arguments),
            String::from_utf8_lossy(&stderr)
        );
        String::from_utf8(stdout).expect("kubectl prints UTF-8")
    }

    /// Repeats [`Cluster::kubectl_ok`] until it succeeds, for effects that take some time. Panics
    /// with the last output at the deadline.
    pub async fn kubectl_in_time<S: AsRef<OsStr>>(&self, arguments: &[S]) -> String {
        let mut last_output = String::new();
        let succeeds = wait_for("kubectl", 2 * READY_TIMEOUT, async || {
            let Output { status, stdout, stderr } = self.kubectl(arguments).await;
            last_output =
                String::from_utf8_lossy(&stderr).into_owned() + &String::from_utf8_lossy(&stdout);
            status.success().then_some(stdout)
        });
        match timeout(READY_TIMEOUT, succeeds).await {
            Ok(stdout) => String::from_utf8(stdout).expect("kubectl prints UTF-8"),
            Err(_) => panic!("kubectl {}: {last_output}", line(arguments)),
        }
    }

    /// Waits until the API server answers requests for these resources, whose definitions were
    /// applied. A resource is named as in `grpcroutes.gateway.networking.k8s.io`.
    ///
    /// `kubectl wait` fails before a definition has conditions, and discovery may not list an
    /// established definition yet.
    pub async fn established(&self, resources: &[&str]) {
        let definitions: Vec<String> =
            resources.iter().map(|resource| format!("crd/{resource}")).collect();
        let established = ["wait", "--for=condition=Established", "--timeout=10s"]
            .into_iter()
            .chain(definitions.iter().map(String::as_str));
        self.kubectl_in_time(&established.collect::<Vec<_>>()).await;
        self.kubectl_in_time(&["get", "--all-namespaces", &resources.join(",")]).await;
    }

    /// Waits until `user` has this permission, as in `["get", "pods", "--namespace", "test-1"]`,
    /// through a bound role: the authorizer applies roles and bindings after a delay, in the order
    /// of their creation.
    pub async fn allowed(&self, user: &str, what: &[&str]) {
        self.kubectl_in_time(&[&["auth", "can-i", "--as", user], what].concat()).await;
    }

    /// The permitted requests of `user` since the start, in a cluster with [`Options::audit`].
    pub fn uses(&self, user: &str) -> BTreeSet<Use> {
        audit::uses(&self.files.path, user)
    }

    /// Applies the objects in `yaml`, in namespace `default` if they name none; panics if the API
    /// server rejects one.
    pub async fn apply(&self, yaml: &str) {
        self.kubectl_ok(&[
            "apply".as_ref(),
            "--filename".as_ref(),
            self.files.put(yaml).as_os_str(),
        ])
        .await;
    }

    /// Applies the objects in `yaml` in this namespace; panics if the API server rejects one.
    pub async fn apply_in(&self, namespace: &str, yaml: &str) {
        let file = self.files.put(yaml);
        self.kubectl_ok(&[
            "apply".as_ref(),
            "--namespace".as_ref(),
            namespace.as_ref(),
            "--filename".as_ref(),
            file.as_os_str(),
        ])
        .await;
    }

    /// Creates a namespace, waits until Pods can be created in it, and returns its name.
    pub async fn create_namespace(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.kubectl_ok(&["create", "namespace", &name]).await;
        if self.controller_manager.is_some() {
            self.kubectl_ok(&[
                "wait",
                "--for=create",
                "--timeout=120s",
                "--namespace",
                &name,
                "serviceaccount/default",
            ])
            .await;
        }
        name
    }

    /// Installs the resource definitions of the Gateway API's standard channel.
    pub async fn install_gateway_api(&self) {
        let folder = prepared("kube", "gateway-api");
        let apply = [
            "apply".as_ref(),
            "--server-side".as_ref(),
            "--output=name".as_ref(),
            "--filename".as_ref(),
            folder.as_os_str(),
        ];
        let applied = self.kubectl_ok(&apply).await;
        let resources = applied
            .lines()
            .filter_map(|line| line.strip_prefix("customresourcedefinition.apiextensions.k8s.io/"));
        self.established(&resources.collect::<Vec<_>>()).await;
    }

    /// Kills the API server; its data stays. Until the next start its port refuses clients inside a
    /// machine, and closes connections of clients outside.
    pub fn stop_api_server(&mut self) {
        self.api_server.kill();
    }

    /// Restarts the API server with the same address and data and waits until it is ready. Kills a
    /// running one first.
    pub async fn start_api_server(&mut self) {
        self.api_server.restart();
        self.api_server_is_ready().await;
    }

    /// The API server's process, for signals other than that of [`Cluster::stop_api_server`];
    /// `None` while it is stopped.
    pub fn api_server_pid(&self) -> Option<u32> {
        self.api_server.pid()
    }

    /// Imports the images of a docker or OCI archive on every node. Skips archives that were
    /// imported before.
    pub async fn import_image(&self, archive: &Path) {
        assert!(!self.nodes.is_empty(), "a cluster without nodes has no images");
        let mut imported = self.imported.lock().await;
        if imported.insert(archive.into()) {
            for node in &self.nodes {
                node.import_image(archive).await;
            }
        }
    }

    /// Ends the kubelet of `node` (`node1`, `node2`, …) with SIGKILL; its Pods continue to run.
    pub fn stop_kubelet(&self, node: &str) {
        self.kubelet(node).kill();
    }

    /// Restarts the kubelet of `node`; kills a running one first.
    pub fn start_kubelet(&self, node: &str) {
        self.kubelet(node).restart();
    }

    fn kubelet(&self, name: &str) -> MutexGuard<'_, Component> {
        let node = self
            .nodes
            .iter()
            .find(|node| node.name == name)
            .unwrap_or_else(|| panic!("there is no {name}"));
        node.kubelet.lock().expect("nothing panics with the lock held")
    }

    /// A command in the network of Pods and Services; start it with [`crate::spawn_tied`].
    pub fn command(&self, program: &Path) -> Command {
        Place::Network(self.network()).command(program)
    }

    /// Returns a loopback address that forwards to `to`, the address of a Pod or Service.
    pub fn forward(&self, to: SocketAddr) -> SocketAddr {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        self.open_passage(listener, Some(self.network()), to)
    }

    /// Returns an address for Pods that forwards to `to`, an address of the test.
    pub fn expose(&self, to: SocketAddr) -> SocketAddr {
        self.open_passage(self.network().listen((machine::ADDRESS, 0).into()), None, to)
    }

    /// Makes every node trust the registry at `to`, an address of the test, whose certificate `ca`
    /// signed for [`NODE`]; returns the `HOST:PORT` with which names of its images begin.
    pub fn trust_registry(&self, to: SocketAddr, ca: &Path) -> String {
        let host = self.expose(to).to_string();
        node::trust_registry(&self.files.path, &host, ca);
        host
    }

    fn open_passage(
        &self,
        listener: TcpListener,
        network: Option<Network>,
        to: SocketAddr,
    ) -> SocketAddr {
        let address = listener.local_addr().expect("it is bound");
        self.passages
            .lock()
            .expect("nothing panics with the lock held")
            .push(Passage::open(listener, network, to));
        address
    }

    fn network(&self) -> Network {
        self.machine.as_ref().expect("a cluster without nodes has no network of its own").network()
    }

    async fn api_server_is_ready(&mut self) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let log = self.api_server.log_path();
        wait_for(&format!("the API server (log: {})", log.display()), READY_TIMEOUT, async || {
            self.etcd.assert_alive();
            self.api_server.assert_alive();
            // Cheaper than kubectl while no server listens.
            let listens = tokio::net::TcpStream::connect(address).await.is_ok();
            let mut probe = Command::new(program("kubectl"));
            probe.args(["get", "--raw=/readyz"]).env("KUBECONFIG", &self.kubeconfig);
            listens && output(probe).await.status.success()
        })
        .await;
    }

    /// Runs `kubectl wait`; panics with the end of every log if it fails.
    async fn wait(&mut self, arguments: &[&str]) {
        let timeout = format!("--timeout={}s", READY_TIMEOUT.as_secs());
        let Output { status, stderr, .. } =
            self.kubectl(&[&["wait", &timeout], arguments].concat()).await;
        if !status.success() {
            self.nodes.iter_mut().for_each(Node::assert_alive);
            let Cluster { controller_manager, scheduler, proxy, nodes, .. } = self;
            let kubelets = nodes
                .iter_mut()
                .map(|node| node.kubelet.get_mut().expect("nothing panics with the lock held"));
            let components =
                [controller_manager, scheduler, proxy].into_iter().flatten().chain(kubelets);
            let logs: Vec<String> = components.map(Component::log_tail_if_alive).collect();
            panic!("{}\n{}", String::from_utf8_lossy(&stderr), logs.join("\n"));
        }
    }
}

fn server(port: u16) -> String {
    format!("https://127.0.0.1:{port}")
}

/// A command line, for a message.
fn line<S: AsRef<OsStr>>(arguments: &[S]) -> String {
    let words: Vec<_> = arguments.iter().map(|word| word.as_ref().to_string_lossy()).collect();
    words.join(" ")
}

/// Runs `command` to its end; dropping the future kills it.
async fn output(mut command: Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    tied::tie(&mut command);
    let mut command = tokio::process::Command::from(command);
    command.kill_on_drop(true).output().await.expect("the prepared program can be executed")
}

/// The files of a cluster; dropping them deletes them unless the test fails.
struct Folder {
    path: PathBuf,
    next: AtomicU32,
    _claim: File,
}

impl Folder {
    fn claim() -> Folder {
        let (path, claim) = claim_folder();
        Folder { path, next: AtomicU32::new(0), _claim: claim }
    }

    /// Writes a new file that only its owner can read, as programs require for credentials.
    fn put(&self, text: &str) -> PathBuf {
        let path = self.path.join(format!("file-{}", self.next.fetch_add(1, Ordering::Relaxed)));
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .expect("the name is new");
        file.write_all(text.as_bytes()).expect("the folder is writable");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The next `claim_folder` removes leftovers.
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
