//! The log server of a kubelet: the test acts as a node of the cluster and serves the output of
//! containers as a kubelet does. It can interrupt responses.

use std::collections::{BTreeMap, VecDeque};

use flow_crd::SIDECAR_CONTAINER;
use flow_domain::progress::{Point, Progress};
use flow_testkit::Authority;
use flow_testkit::kube::Cluster;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Output of one container, each line with its time, and the points at which the next responses are
/// interrupted.
#[derive(Default, Clone)]
struct Output {
    lines: Vec<String>,
    over: bool,
    breaks: VecDeque<usize>,
}

pub struct Kubelet {
    /// The name of its node.
    pub node: String,
    containers: watch::Sender<BTreeMap<String, Output>>,
    _serving: AbortOnDropHandle<()>,
}

impl Kubelet {
    /// Joins the cluster as the node `node`, on which nothing is scheduled.
    pub async fn join(cluster: &Cluster, node: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        cluster
            .apply(&format!(
                "{{apiVersion: v1, kind: Node, metadata: {{name: {node}}}, status: {{addresses: [{{type: InternalIP, address: 127.0.0.1}}], \
                 daemonEndpoints: {{kubeletEndpoint: {{Port: {port}}}}}}}}}"
            ))
            .await;
        let folder = tempfile::tempdir().expect("a directory");
        let pair = Authority::new().pair(folder.path(), "kubelet", &["127.0.0.1"]);
        let tls = flow_common::tls::acceptor(&pair.cert, &pair.key, &[]).expect("a certificate");
        let containers = watch::Sender::new(BTreeMap::new());
        let serving = tokio::spawn({
            let containers = containers.clone();
            async move {
                // The certificate is read from there.
                let _folder = folder;
                loop {
                    let (stream, _) = listener.accept().await.expect("a connection");
                    let (tls, containers) = (tls.clone(), containers.clone());
                    tokio::spawn(async move {
                        // The client may have disconnected.
                        if let Ok(stream) = tls.accept(stream).await {
                            let _ = answer(stream, containers).await;
                        }
                    });
                }
            }
        });
        Self { node: node.to_owned(), containers, _serving: AbortOnDropHandle::new(serving) }
    }

    /// Adds a line of a container at `time`; only the last line may lack a line break.
    pub fn add_output(&self, container: &str, time: &str, text: &str) {
        self.of(container, |output| output.lines.push(format!("{time} {text}")));
    }

    /// Adds the sidecar's point of this step.
    pub fn add_point(&self, time: &str, step: u64) {
        let point = Point { series: "loss".to_owned(), step, value: "0.5".to_owned() };
        let progress = Progress { points: vec![point], ..Progress::default() };
        self.add_output(
            SIDECAR_CONTAINER,
            time,
            &format!("{}\n", serde_json::to_string(&progress).expect("JSON")),
        );
    }

    /// Ends the container.
    pub fn end(&self, container: &str) {
        self.of(container, |output| output.over = true);
    }

    /// Interrupts the next responses for this container, each after this number of bytes.
    pub fn interrupt_after(&self, container: &str, after: &[usize]) {
        self.of(container, |output| output.breaks.extend(after));
    }

    /// Number of the interruptions that did not occur yet.
    pub fn pending_interruptions(&self, container: &str) -> usize {
        self.containers.borrow().get(container).map_or(0, |output| output.breaks.len())
    }

    fn of(&self, container: &str, change: impl FnOnce(&mut Output)) {
        self.containers
            .send_modify(|containers| change(containers.entry(container.to_owned()).or_default()));
    }
}

/// `GET /containerLogs/NAMESPACE/POD/CONTAINER?follow=true&sinceTime=…&timestamps=true`
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    containers: watch::Sender<BTreeMap<String, Output>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    stream.read_line(&mut request).await?;
    let mut header = String::new();
    while stream.read_line(&mut header).await? > 2 {
        header.clear();
    }
    let target = request.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or_default();
    let container = path.rsplit('/').next().unwrap_or_default();
    let since = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("sinceTime="))
        .map(|time| time.replace("%3A", ":"));
    // Whole seconds: as text, "05Z" would come after "05.5Z".
    let since = since.map(|time| time.trim_end_matches('Z').to_owned()).unwrap_or_default();
    let mut left = usize::MAX;
    containers.send_modify(|all| {
        left = all.get_mut(container).and_then(|output| output.breaks.pop_front()).unwrap_or(left)
    });
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
    stream.flush().await?;
    let mut changed = containers.subscribe();
    let mut given = 0;
    loop {
        let output = changed.borrow_and_update().get(container).cloned().unwrap_or_default();
        let new: String = output.lines[given..]
            .iter()
            .filter(|line| **line >= since)
            .map(String::as_str)
            .collect();
        given = output.lines.len();
        let part = &new.as_bytes()[..new.len().min(left)];
        if !part.is_empty() {
            stream.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await?;
            stream.write_all(part).await?;
            stream.write_all(b"\r\n").await?;
            stream.flush().await?;
        }
        left -= part.len();
        if left == 0 {
            // Broken off: the last chunk is missing.
            return Ok(());
        }
        if output.over {
            stream.write_all(b"0\r\n\r\n").await?;
            return stream.shutdown().await;
        }
        if changed.changed().await.is_err() {
            return Ok(());
        }
    }
}
