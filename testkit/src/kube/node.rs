//! A node: containerd and kubelet in a machine; and the additional components of a cluster with
//! nodes: the proxy for Services, and DNS.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::authority::Authority;
use super::component::Component;
use super::machine::{self, Machine, Place, node_address};
use super::prepared::{prepared, program};
use crate::wait_for;

/// Addresses of Pods; all nodes use the whole range, because they share the network of the machine.
const PODS: &str = "10.244.0.0/16";
/// The Service of the DNS.
const DNS: &str = "10.96.0.10";
/// The image of small Pods in tests, and of the container that holds a Pod's namespaces.
pub(super) const BUSYBOX: &str = "flow.test/busybox:1";

/// Socket of containerd in the folder of the node.
const SOCKET: &str = "containerd.sock";
/// Folder of trusted registries for containerd, one subfolder each, in the cluster's folder: all
/// nodes read the same.
const REGISTRIES: &str = "registries";

/// CoreDNS as in common clusters, so that tests can edit its ConfigMap.
pub(super) const DNS_MANIFEST: &str = include_str!("dns.yaml");

pub(super) struct Node {
    pub(super) name: String,
    place: Place,
    containerd: Component,
    pub(super) kubelet: Mutex<Component>,
}

impl Node {
    /// Starts node `index` of the machine without waiting until it joins the cluster.
    pub(super) async fn start(
        machine: &Machine,
        index: usize,
        authority: &Authority,
        server: &str,
        folder: &Path,
    ) -> Node {
        let name = format!("node{}", index + 1);
        let home = folder.join(&name);
        std::fs::create_dir_all(&home).expect("the folder is writable");
        let inside = Path::new(machine::FOLDER).join(&name);
        let put = |file: &str, text: String| {
            std::fs::write(home.join(file), text).expect("the folder is writable");
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
        // The cluster resolves only its own names.
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
            // The API returns only the newest file of a log: a client that is disconnected during a
            // rotation misses lines.
            "containerLogMaxSize": "1Gi",
            // Disk and memory of the test machine must not evict Pods.
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
        // A kubelet ends without containerd.
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

    /// Imports the images of an archive on this node.
    pub(super) async fn import_image(&self, archive: &Path) {
        let mut command = self.place.command(&prepared("kube-node", "root/usr/bin/ctr"));
        let socket = Path::new(machine::FOLDER).join(&self.name).join(SOCKET);
        command
            .arg("--address")
            .arg(socket)
            .args(["--namespace=k8s.io", "images", "import"])
            .arg(archive);
        let output = super::output(command).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{} cannot import {}: {errors}",
            self.name,
            archive.display()
        );
    }

    /// Panics with the end of a log if a program of the node has ended unexpectedly.
    pub(super) fn assert_alive(&mut self) {
        self.containerd.assert_alive();
        self.kubelet.get_mut().expect("nothing panics with the lock held").assert_alive();
    }
}

/// Makes every node trust certificates of `ca` for the registry `host`.
pub(super) fn trust_registry(folder: &Path, host: &str, ca: &Path) {
    let of_host = folder.join(REGISTRIES).join(host);
    std::fs::create_dir_all(&of_host).expect("the folder is writable");
    std::fs::copy(ca, of_host.join("ca.crt")).expect("the folder is writable");
    let inside = Path::new(machine::FOLDER).join(REGISTRIES).join(host).join("ca.crt");
    let text = format!("server = \"https://{host}\"\n[host.\"https://{host}\"]\nca = {inside:?}\n");
    std::fs::write(of_host.join("hosts.toml"), text).expect("the folder is writable");
}

/// Starts the proxy for Services, once per machine.
pub(super) fn start_proxy(
    machine: &Machine,
    authority: &Authority,
    server: &str,
    folder: &Path,
) -> Component {
    let kubeconfig = folder.join("kube-proxy.kubeconfig");
    std::fs::write(&kubeconfig, authority.kubeconfig(server, "system:kube-proxy", None))
        .expect("the folder is writable");
    let config = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": PODS,
        "hostnameOverride": "node1",
        "clientConnection": {"kubeconfig": kubeconfig},
        "nftables": {"minSyncPeriod": "0s"},
        // Do not change limits of the test machine.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    });
    let path = folder.join("kube-proxy.json");
    std::fs::write(&path, config.to_string()).expect("the folder is writable");
    Component::start(
        "kube-proxy",
        program("kube-proxy"),
        [format!("--config={}", path.display())],
        &machine.place(),
        folder,
    )
}

/// Each Pod has its own link to the machine, so that all its packets pass the rules of the proxy.
fn write_network(folder: &Path) -> PathBuf {
    let networks = folder.join("networks");
    std::fs::create_dir_all(&networks).expect("the folder is writable");
    let addresses = json!({
        "type": "host-local",
        "dataDir": folder.join("pod-addresses"),
        "ranges": [[{"subnet": PODS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    });
    let network = json!({"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "ptp", "ipam": addresses}]});
    std::fs::write(networks.join("pods.conflist"), network.to_string())
        .expect("the folder is writable");
    networks
}

/// Images are in memory: faster than a disk, and removed with the machine.
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
