//! A test's Kubernetes leaves nothing behind. Tests with a node need root.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flow_testkit::kube::{Cluster, Options};
use flow_testkit::{alive_with_marker, spawn_tied, wait_for_blocking};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn dropped_cluster_leaves_no_process() {
    TestWithCluster::start("dropped_cluster_leaves_no_process", 0)
        .assert_nothing_is_left_after_a_drop();
}

#[test]
fn dropped_cluster_with_a_node_leaves_no_process() {
    TestWithCluster::start("dropped_cluster_with_a_node_leaves_no_process", 1)
        .assert_nothing_is_left_after_a_drop();
}

#[test]
fn killed_test_leaves_no_process() {
    TestWithCluster::start("killed_test_leaves_no_process", 0).assert_nothing_runs_after_a_kill();
}

#[test]
fn killed_test_with_a_node_leaves_no_process() {
    TestWithCluster::start("killed_test_with_a_node_leaves_no_process", 1)
        .assert_nothing_runs_after_a_kill();
}

/// A test in a process of its own, whose environment marks all that it starts.
struct TestWithCluster {
    process: Child,
    marker: String,
    files: PathBuf,
}

impl TestWithCluster {
    /// Starts the calling test, `name`, a second time; in that process this call holds a cluster
    /// until standard input ends, drops it and never returns.
    fn start(name: &str, nodes: usize) -> TestWithCluster {
        if std::env::var_os("CLUSTER_OF").is_some() {
            let options = Options { nodes, ..Options::default() };
            let cluster =
                tokio::runtime::Runtime::new().unwrap().block_on(Cluster::start_with(options));
            eprintln!("{}", cluster.kubeconfig().display());
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
            drop(cluster);
            std::process::exit(0);
        }
        let marker = format!("{name}-{}", std::process::id());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name, "--nocapture"]).env("CLUSTER_OF", &marker);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = spawn_tied(command).unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let config =
            lines.find_map(|line| Some(PathBuf::from(line.ok()?)).filter(|path| path.exists()));
        let files = config.expect("the cluster starts").parent().unwrap().to_owned();
        let test = TestWithCluster { process, marker: format!("CLUSTER_OF={marker}"), files };
        assert!(
            test.running().len() > 4,
            "the test itself, etcd, API server, controller manager and scheduler have the marker"
        );
        assert_eq!(test.control_groups().is_empty(), nodes == 0);
        test
    }

    fn assert_nothing_is_left_after_a_drop(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
        assert_eq!(self.running(), Vec::<u32>::new());
        assert_eq!(self.control_groups(), Vec::<PathBuf>::new());
        assert!(!self.files.exists());
    }

    fn assert_nothing_runs_after_a_kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        wait_for_blocking("the cluster to die", SOON, || self.running().is_empty());
    }

    /// The processes that have the marker, and those in containers, which have an environment of
    /// their own.
    fn running(&self) -> Vec<u32> {
        let group = format!("/flow-kube-{}-0/", self.process.id());
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let contained = processes.filter(|entry| {
            std::fs::read_to_string(entry.path().join("cgroup"))
                .is_ok_and(|groups| groups.contains(&group))
        });
        let contained = contained.map(|entry| entry.file_name().to_str().unwrap().parse().unwrap());
        contained.chain(alive_with_marker(&self.marker)).collect()
    }

    fn control_groups(&self) -> Vec<PathBuf> {
        let name = format!("flow-kube-{}-0", self.process.id());
        let entries =
            std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten().map(|entry| entry.path());
        entries
            .flat_map(|path| [path.join(&name), path])
            .filter(|path| path.ends_with(&name) && path.exists())
            .collect()
    }
}
