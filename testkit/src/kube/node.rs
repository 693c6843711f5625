//! A node: containerd and the kubelet, in a machine. And what a cluster with nodes has besides: the proxy that makes
//! Services work and the DNS that names them.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::authority::Authority;
use super::component::Component;
use super::machine::{self, Machine, Place, node_address};
use super::prepared::{prepared, program};
use crate::wait_for;

/// What pods get; every node takes from the whole range, since all share the machine's network.
const PODS: &str = "10.244.0.0/16";
/// The Service of the DNS.
const DNS: &str = "10.96.0.10";
/// The image of the tests' small pods, which is also what holds a pod's namespaces.
pub(super) const BUSYBOX: &str = "flow.test/busybox:1";

/// Where containerd listens, in the node's folder.
const SOCKET: &str = "containerd.sock";
/// Whom containerd trusts, a folder for each registry, in the cluster's folder: every node reads the same.
const REGISTRIES: &str = "registries";

/// CoreDNS as clusters have it, so that what edits its ConfigMap can be tried.
pub(super) const DNS_MANIFEST: &str = include_str!("dns.yaml");

pub(super) struct Node {
    pub(super) name: String,
    place: Place,
    containerd: Component,
    pub(super) kubelet: Mutex<Component>,
}

impl Node {
    /// Starts node `index` of the machine; it joins the cluster in its own time.
    pub(super) async fn start(
        machine: &Machine,
        index: usize,
        authority: &Authority,
        server: &str,
        folder: &Path,
    ) -> Node {
        let name = format!("node{}", index + 1);
        let home = folder.join(&name);
        std::fs::create_dir_all(&home).expect("the folder is ours");
        let inside = Path::new(machine::FOLDER).join(&name);
        let put = |file: &str, text: String| {
            std::fs::write(home.join(file), text).expect("the folder is ours");
            inside.join(file)
        };
        let place = machine.place();
        let config = put("containerd.toml", containerd_config(&name, &write_network(folder)));
        let arguments = ["--config".into(), config];
        let mut containerd = Component::start(
            "containerd",
            prepared("kube-node", "root/usr/bin/containerd"),
            arguments,
            &place,
            &home,
        );

        let group = Some("system:nodes");
        let kubeconfig =
            put("kubeconfig", authority.kubeconfig(server, &format!("system:node:{name}"), group));
        // Names that are not the cluster's are nobody's.
        let resolver = put("resolv.conf", "nameserver 127.0.0.1\n".into());
        let config = json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {"anonymous": {"enabled": false}, "x509": {"clientCAFile": folder.join("pki/ca.crt")}},
            "authorization": {"mode": "Webhook"},
            "port": 10_250 + index,
            "healthzPort": 0,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": machine.cgroup_of(&name),
            "failCgroupV1": false,
            "failSwapOn": false,
            "clusterDomain": "cluster.local",
            "clusterDNS": [DNS],
            "resolvConf": resolver,
            "containerRuntimeEndpoint": format!("unix://{}", inside.join(SOCKET).display()),
            "podLogsDir": inside.join("pod-logs"),
            "volumePluginDir": inside.join("volume-plugins"),
            // A log is shown from its newest file only: whoever is away while the kubelet rotates it misses lines.
            "containerLogMaxSize": "1Gi",
            // The disk and the memory are the test machine's own business.
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
                "imagefs.available": "0%", "imagefs.inodesFree": "0%"},
        });
        let config = put("kubelet.json", config.to_string());
        let arguments = [
            format!("--config={}", config.display()),
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--root-dir={}", inside.join("kubelet").display()),
            format!("--cert-dir={}", inside.join("pki").display()),
            format!("--hostname-override={name}"),
            format!("--node-ip={}", node_address(index)),
        ];
        // A kubelet that finds no containerd ends.
        wait_for("containerd", Duration::from_secs(30), async || {
            containerd.assert_alive();
            home.join(SOCKET).exists()
        })
        .await;
        let kubelet = Component::start("kubelet", program("kubelet"), arguments, &place, &home);
        let node = Node { name, place, containerd, kubelet: Mutex::new(kubelet) };
        for image in ["busybox.tar", "coredns.tar"] {
            node.import_image(&prepared("kube-node", &format!("images/{image}"))).await;
        }
        node
    }

    /// Makes the images of an archive known to this node.
    pub(super) async fn import_image(&self, archive: &Path) {
        let mut command = self.place.command(&prepared("kube-node", "root/usr/bin/ctr"));
        let socket = Path::new(machine::FOLDER).join(&self.name).join(SOCKET);
        command
            .arg("--address")
            .arg(socket)
            .args(["--namespace=k8s.io", "images", "import"])
            .arg(archive);
        let output = super::output(command).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} cannot take {}: {said}", self.name, archive.display());
    }

    /// Panics with the end of a log if a program of the node has ended by itself.
    pub(super) fn assert_alive(&mut self) {
        self.containerd.assert_alive();
        self.kubelet.get_mut().expect("nothing panics with the lock held").assert_alive();
    }
}

/// Makes every node trust what `ca` signed when it pulls from `host`, a registry.
pub(super) fn trust_registry(folder: &Path, host: &str, ca: &Path) {
    let of_host = folder.join(REGISTRIES).join(host);
    std::fs::create_dir_all(&of_host).expect("the folder is ours");
    std::fs::copy(ca, of_host.join("ca.crt")).expect("the folder is ours");
    let inside = Path::new(machine::FOLDER).join(REGISTRIES).join(host).join("ca.crt");
    let text = format!("server = \"https://{host}\"\n[host.\"https://{host}\"]\nca = {inside:?}\n");
    std::fs::write(of_host.join("hosts.toml"), text).expect("the folder is ours");
}

/// Starts what makes Services work, once for the whole machine.
pub(super) fn start_proxy(
    machine: &Machine,
    authority: &Authority,
    server: &str,
    folder: &Path,
) -> Component {
    let kubeconfig = folder.join("kube-proxy.kubeconfig");
    std::fs::write(&kubeconfig, authority.kubeconfig(server, "system:kube-proxy", None))
        .expect("the folder is ours");
    let config = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": PODS,
        "hostnameOverride": "node1",
        "clientConnection": {"kubeconfig": kubeconfig},
        "nftables": {"minSyncPeriod": "0s"},
        // The test machine's limits stay as they are.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    });
    let path = folder.join("kube-proxy.json");
    std::fs::write(&path, config.to_string()).expect("the folder is ours");
    Component::start(
        "kube-proxy",
        program("kube-proxy"),
        [format!("--config={}", path.display())],
        &machine.place(),
        folder,
    )
}

/// Each pod is wired to the machine by a cable of its own, so that all it says passes the rules of the proxy.
fn write_network(folder: &Path) -> PathBuf {
    let networks = folder.join("networks");
    std::fs::create_dir_all(&networks).expect("the folder is ours");
    let addresses = json!({
        "type": "host-local",
        "dataDir": folder.join("pod-addresses"),
        "ranges": [[{"subnet": PODS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    });
    let network = json!({"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "ptp", "ipam": addresses}]});
    std::fs::write(networks.join("pods.conflist"), network.to_string())
        .expect("the folder is ours");
    networks
}

/// Images are in the machine's memory: written faster than to a disk, and gone with the machine however it ends.
fn containerd_config(name: &str, networks: &Path) -> String {
    let networks = networks.display();
    let folder = machine::FOLDER;
    let plugins = prepared("kube-node", "root/usr/lib/cni");
    let plugins = plugins.display();
    format!(
        r#"version = 2
root = "/run/images/{name}"
state = "/run/containers/{name}"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "{folder}/{name}/{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{BUSYBOX}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{folder}/{REGISTRIES}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{networks}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"#
    )
}
