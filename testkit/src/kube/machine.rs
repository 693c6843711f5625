//! A machine for Pods in separate Linux namespaces, so that kubelet, containers, addresses and
//! packet filter rules do not affect the machine of the test. The end of its first process, which
//! ends with the test, ends all processes in it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::passage::Network;
use super::prepared::prepared;
use crate::spawn_tied;

/// Address of the machine and of its first node; node n has the n-th address after it.
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 89, 0, 1);
/// Addresses of Services; the API server has the first.
pub(super) const SERVICES: &str = "10.96.0.0/16";

/// Path of the cluster's folder inside the machine; short, because paths below it have length
/// limits.
pub(super) const FOLDER: &str = "/run/flow";

/// The script of the first process, which prints `ready` and waits for the end of its standard
/// input. Mounts are visible only inside the machine; the ignored SIGCHLD makes the kernel reap
/// orphans.
const FIRST_PROCESS: &str = r#"
set -e
mount --make-rshared /
mkdir -p /var/lib/cni /var/lib/kubelet # both are written to whatever is configured; these empty folders stay
for folder in /run /var/log /var/lib/cni /var/lib/kubelet; do mount -t tmpfs tmpfs $folder; done
mkdir /run/netns "$3"
mount --bind "$2" "$3"
ip link set lo up
for node in $(seq "$1"); do ip address add 10.89.0.$node/32 dev lo; done
ip route add 10.96.0.0/16 dev lo src 10.89.0.1
echo 1 > /proc/sys/net/ipv4/ip_forward
echo ready
exec env --ignore-signal=CHLD cat
"#;

/// The environment of a program of the cluster.
#[derive(Clone)]
pub(super) enum Place {
    /// On the machine of the test.
    Here,
    /// In the network namespace of a machine, otherwise on the machine of the test.
    Network(Network),
    /// In all namespaces of a machine.
    Machine(u32),
}

impl Place {
    pub(super) fn command(&self, program: &Path) -> Command {
        match self {
            Place::Here => Command::new(program),
            Place::Network(network) => {
                let network = network.clone();
                let mut command = Command::new(program);
                // SAFETY: the closure makes one system call and allocates nothing.
                unsafe { command.pre_exec(move || Ok(network.enter()?)) };
                command
            }
            Place::Machine(first_process) => {
                let mut command = Command::new("nsenter");
                command
                    .arg(format!("--target={first_process}"))
                    .args(["--net", "--mount", "--pid", "--"]);
                // Only a child of nsenter is inside; it must end with nsenter.
                command
                    .args(["setpriv", "--pdeathsig=KILL", "--"])
                    .arg(program)
                    .envs(environment());
                command
            }
        }
    }
}

/// A machine; dropping it ends all processes in it.
pub(super) struct Machine {
    /// The parent of the first process; ends after the machine.
    unshare: Child,
    first_process: u32,
    network: Network,
    cgroup: Cgroup,
}

impl Machine {
    /// Starts a machine with one address per node and `folder` at [`FOLDER`].
    pub(super) fn start(nodes: usize, folder: &Path) -> Machine {
        assert!(
            nix::unistd::geteuid().is_root(),
            "a cluster with nodes needs root: run this test as root, or leave it out by name"
        );
        let mut command = Command::new("unshare");
        command
            .args(["--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"])
            .args(["sh", "-c", FIRST_PROCESS, "sh", &nodes.to_string()])
            .arg(folder)
            .arg(FOLDER)
            .envs(environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut unshare = spawn_tied(command).expect("unshare is part of every Linux");
        let mut first_line = String::new();
        BufReader::new(unshare.stdout.take().expect("it is piped"))
            .read_line(&mut first_line)
            .expect("a pipe can be read");
        assert!(
            first_line == "ready\n",
            "cannot set up the machine's namespaces; see its messages on standard error above"
        );
        let pid = unshare.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
            .expect("the kernel lists children");
        let first_process = children.trim().parse().expect("it has one child");
        Machine {
            unshare,
            first_process,
            network: Network::of_process(first_process),
            cgroup: Cgroup::new(),
        }
    }

    pub(super) fn network(&self) -> Network {
        self.network.clone()
    }

    pub(super) fn place(&self) -> Place {
        Place::Machine(self.first_process)
    }

    /// Control group for the Pods of a node, as a path for the kubelet.
    pub(super) fn cgroup_of(&self, node: &str) -> String {
        self.cgroup.subgroup(node)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.unshare.stdin.take());
        // The first process of a PID namespace ends after all others.
        let _ = self.unshare.wait();
    }
}

/// The address of node `index`, counted from 0.
pub(super) fn node_address(index: usize) -> IpAddr {
    let [a, b, c, first] = ADDRESS.octets();
    Ipv4Addr::new(a, b, c, first + u8::try_from(index).expect("a machine has few nodes")).into()
}

/// The unpacked packages come last in the search path: programs of the machine match its C library.
fn environment() -> HashMap<&'static str, String> {
    let root = prepared("kube-node", "root");
    let root = root.display();
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let path = std::env::var("PATH").unwrap_or_default();
    HashMap::from([
        (
            "PATH",
            format!(
                "{path}:/usr/sbin:/usr/bin:/sbin:/bin:{root}/usr/sbin:{root}/usr/bin:{root}/sbin:{root}/bin"
            ),
        ),
        (
            "LD_LIBRARY_PATH",
            format!(
                "/lib/{triplet}:/usr/lib/{triplet}:{root}/usr/lib/{triplet}:{root}/lib/{triplet}"
            ),
        ),
    ])
}

/// The control groups of a machine; their name contains the process id.
struct Cgroup {
    name: String,
}

impl Cgroup {
    /// Creates the groups and removes those of killed tests.
    fn new() -> Cgroup {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        for hierarchy in hierarchies() {
            for entry in std::fs::read_dir(hierarchy).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let owner = name.strip_prefix("flow-kube-").and_then(|rest| rest.split('-').next());
                if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                    remove(&entry.path());
                }
            }
        }
        let cgroup = Cgroup {
            name: format!(
                "/flow-kube-{}-{}",
                std::process::id(),
                NEXT.fetch_add(1, Ordering::Relaxed)
            ),
        };
        make(&cgroup.name);
        cgroup
    }

    fn subgroup(&self, name: &str) -> String {
        let path = format!("{}/{name}", self.name);
        make(&path);
        path
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for hierarchy in hierarchies() {
            remove(&hierarchy.join(&self.name[1..]));
        }
    }
}

const CGROUPS: &str = "/sys/fs/cgroup";

/// All hierarchies of version 1, or the one of version 2.
fn hierarchies() -> Vec<PathBuf> {
    if Path::new(CGROUPS).join("cgroup.controllers").exists() {
        return vec![CGROUPS.into()];
    }
    let entries = std::fs::read_dir(CGROUPS).expect("control groups are mounted").flatten();
    entries.map(|entry| entry.path()).filter(|path| path.join("cgroup.procs").exists()).collect()
}

fn make(group: &str) {
    for hierarchy in hierarchies() {
        let path = hierarchy.join(&group[1..]);
        let parent = path.parent().expect("it lies in its hierarchy");
        if hierarchy == Path::new(CGROUPS) {
            // In version 2 the parent enables the controllers of a group.
            let controllers = std::fs::read_to_string(parent.join("cgroup.controllers"))
                .expect("every group has the list");
            let handed: Vec<String> =
                controllers.split_whitespace().map(|name| format!("+{name}")).collect();
            std::fs::write(parent.join("cgroup.subtree_control"), handed.join(" "))
                .expect("root may hand them down");
        }
        std::fs::create_dir_all(&path).expect("root may make control groups");
        if hierarchy.ends_with("cpuset") {
            // In version 1 a new cpuset is empty and refuses processes.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                std::fs::copy(parent.join(file), path.join(file)).expect("root may set it");
            }
        }
    }
}

/// Removes a group and its subgroups; fails while one has a process.
fn remove(group: &Path) {
    for entry in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(group);
}
