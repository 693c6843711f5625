//! The Kubernetes of the tests with a node, whose pods really run. Needs root.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use flow_testkit::cache_dir;
use flow_testkit::kube::{BUSYBOX, Cluster, DIGITS, Options, digits_image, shared_with_node};

/// A web server with a Service in front.
const GREETER: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: httpd, labels: {app: greeter}}
spec:
  containers:
    - name: httpd
      image: flow.test/busybox:1
      command: [/bin/sh, -c, "echo hello > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"]
      readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
  terminationGracePeriodSeconds: 0
---
apiVersion: v1
kind: Service
metadata: {name: greeter}
spec:
  selector: {app: greeter}
  ports: [{port: 80, targetPort: 8080}]
"#;

/// Runs a job that satisfies the strictest namespace policy, and returns its log.
async fn run(cluster: &Cluster, namespace: &str, image: &str, command: &[&str]) -> String {
    let job = format!(
        r#"
apiVersion: batch/v1
kind: Job
metadata: {{name: job}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}
      containers:
        - name: main
          image: "{image}"
          command: {command:?}
          securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
"#
    );
    cluster.apply_in(namespace, &job).await;
    cluster
        .kubectl_ok(&[
            "wait",
            "-n",
            namespace,
            "--for=condition=Complete",
            "job/job",
            "--timeout=60s",
        ])
        .await;
    cluster.kubectl_ok(&["logs", "-n", namespace, "job/job"]).await
}

/// The page at `url` as a pod sees it.
async fn visit(cluster: &Cluster, namespace: &str, url: &str) -> String {
    // Proxy and DNS know a new Service only after a delay.
    run(
        cluster,
        namespace,
        BUSYBOX,
        &["sh", "-c", &format!("until wget -q -O - {url}; do sleep 1; done")],
    )
    .await
}

fn get(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut output = String::new();
    stream.read_to_string(&mut output).unwrap();
    output
}

#[tokio::test]
async fn service_answers_by_its_name_and_to_the_test() {
    let cluster = shared_with_node().await;
    let namespace = cluster.create_namespace().await;
    cluster.apply_in(&namespace, GREETER).await;
    cluster
        .kubectl_ok(&[
            "wait",
            "-n",
            &namespace,
            "--for=condition=Ready",
            "pod/httpd",
            "--timeout=60s",
        ])
        .await;
    assert_eq!(
        visit(cluster, &namespace, &format!("http://greeter.{namespace}.svc/")).await,
        "hello\n"
    );

    let address = cluster
        .kubectl_ok(&[
            "get",
            "service/greeter",
            "-n",
            &namespace,
            "-o",
            "jsonpath={.spec.clusterIP}:80",
        ])
        .await;
    assert!(get(cluster.forward(address.parse().unwrap())).ends_with("\r\nhello\n"));
    let mut inside = cluster.command(&cache_dir().join("kube-node/root/bin/busybox"));
    inside.args(["wget", "-q", "-O", "-", &format!("http://{address}/")]);
    assert_eq!(inside.output().unwrap().stdout, b"hello\n");
}

#[tokio::test]
async fn pod_reaches_an_exposed_port_of_the_test() {
    let cluster = shared_with_node().await;
    let namespace = cluster.create_namespace().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = cluster.expose(listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nfrom the test").unwrap();
    });
    assert_eq!(visit(cluster, &namespace, &format!("http://{address}/")).await, "from the test");
}

#[tokio::test]
async fn workload_runs_from_its_image() {
    let cluster = shared_with_node().await;
    cluster.import_image(&digits_image()).await;
    let namespace = cluster.create_namespace().await;
    let program = "import iflearner_compat, iflearner.business.homo.train_client, sklearn, os; print(os.getuid())";
    assert_eq!(run(cluster, &namespace, DIGITS, &["python", "-c", program]).await, "65532\n");
}

#[tokio::test]
async fn node_can_be_stopped_and_restarted() {
    let controller_manager_arguments =
        vec!["--node-monitor-grace-period=10s".into(), "--node-monitor-period=1s".into()];
    let cluster = Cluster::start_with(Options {
        nodes: 2,
        controller_manager_arguments,
        ..Options::default()
    })
    .await;
    cluster.stop_kubelet("node2");
    cluster
        .kubectl_ok(&["wait", "--for=condition=Ready=Unknown", "node/node2", "--timeout=60s"])
        .await;
    cluster.start_kubelet("node2");
    cluster.kubectl_ok(&["wait", "--for=condition=Ready", "node/node2", "--timeout=60s"]).await;
}
