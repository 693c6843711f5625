//! The part of a kubelet that hands out logs: a node of the cluster behind which this test sits, and gives what containers
//! said as a kubelet does. It breaks off in the middle where it is told to.

use std::collections::{BTreeMap, VecDeque};

use flow_crd::SIDECAR_CONTAINER;
use flow_domain::progress::{Point, Progress};
use flow_testkit::Authority;
use flow_testkit::kube::Cluster;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// What one container has said, each line with its time before it, and where the next answers break off.
#[derive(Default, Clone)]
struct Said {
    lines: Vec<String>,
    over: bool,
    breaks: VecDeque<usize>,
}

pub struct Kubelet {
    /// The name of its node.
    pub node: String,
    containers: watch::Sender<BTreeMap<String, Said>>,
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
                        // Whoever asked may have left.
                        if let Ok(stream) = tls.accept(stream).await {
                            let _ = answer(stream, containers).await;
                        }
                    });
                }
            }
        });
        Self { node: node.to_owned(), containers, _serving: AbortOnDropHandle::new(serving) }
    }

    /// A container says a line at `time`; only its last may lack an end.
    pub fn says(&self, container: &str, time: &str, text: &str) {
        self.of(container, |said| said.lines.push(format!("{time} {text}")));
    }

    /// The sidecar tells the point of this step.
    pub fn tells_point(&self, time: &str, step: u64) {
        let point = Point { series: "loss".to_owned(), step, value: "0.5".to_owned() };
        let progress = Progress { points: vec![point], ..Progress::default() };
        self.says(
            SIDECAR_CONTAINER,
            time,
            &format!("{}\n", serde_json::to_string(&progress).expect("JSON")),
        );
    }

    /// The container has ended.
    pub fn over(&self, container: &str) {
        self.of(container, |said| said.over = true);
    }

    /// The next answers about this container break off after so many bytes each.
    pub fn breaks_off(&self, container: &str, after: &[usize]) {
        self.of(container, |said| said.breaks.extend(after));
    }

    /// How many answers are still to break off.
    pub fn to_break_off(&self, container: &str) -> usize {
        self.containers.borrow().get(container).map_or(0, |said| said.breaks.len())
    }

    fn of(&self, container: &str, change: impl FnOnce(&mut Said)) {
        self.containers
            .send_modify(|containers| change(containers.entry(container.to_owned()).or_default()));
    }
}

/// `GET /containerLogs/NAMESPACE/POD/CONTAINER?follow=true&sinceTime=…&timestamps=true`
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    containers: watch::Sender<BTreeMap<String, Said>>,
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
        left = all.get_mut(container).and_then(|said| said.breaks.pop_front()).unwrap_or(left)
    });
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
    stream.flush().await?;
    let mut changed = containers.subscribe();
    let mut given = 0;
    loop {
        let said = changed.borrow_and_update().get(container).cloned().unwrap_or_default();
        let new: String =
            said.lines[given..].iter().filter(|line| **line >= since).map(String::as_str).collect();
        given = said.lines.len();
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
        if said.over {
            stream.write_all(b"0\r\n\r\n").await?;
            return stream.shutdown().await;
        }
        if changed.changed().await.is_err() {
            return Ok(());
        }
    }
}
