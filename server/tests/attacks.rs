//! Attacks on the listeners of a real hub: its memory and the response time of its probes during
//! each attack. `make test-long` runs them with the hub's default limits.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use flow_testkit::{answer_time, free_port, http2, resident_bytes, sized, spawn_tied, wait_for};
use futures::StreamExt as _;
use futures::stream::{self, FuturesUnordered};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

const SOON: Duration = Duration::from_secs(30);
/// Twice a kubelet's timeout, because the machine runs other tests at the same time.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
const MIB: usize = 1024 * 1024;

struct Hub {
    process: Child,
    rest: SocketAddr,
    grpc: SocketAddr,
    health: SocketAddr,
    folder: tempfile::TempDir,
}

impl Drop for Hub {
    fn drop(&mut self) {
        // The process may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Hub {
    async fn start(set: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let [rest, grpc, health] =
            [(); 3].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
        let own = [
            format!("data_dir={}", folder.path().join("data").display()),
            format!("rest.listen={rest}"),
            format!("grpc.listen={grpc}"),
            format!("health.listen={health}"),
            "hub_agent.enabled=false".to_owned(),
        ];
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow-server"));
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(
            std::fs::File::create(folder.path().join("log")).expect("the folder is writable"),
        );
        for pair in own.iter().map(String::as_str).chain(set.iter().copied()) {
            command.args(["--set", pair]);
        }
        let hub = Self {
            process: spawn_tied(command).expect("the program was built"),
            rest,
            grpc,
            health,
            folder,
        };
        wait_for("the hub to listen", SOON, async || TcpStream::connect(health).await.is_ok())
            .await;
        answer_time(health, "/readyz", SOON).await;
        hub
    }

    fn token(&self) -> String {
        let data = self.folder.path().join("data");
        flow_testkit::admin_token(
            env!("CARGO_BIN_EXE_flow-server"),
            &["--set", &format!("data_dir={}", data.display())],
        )
    }

    fn memory(&self) -> usize {
        resident_bytes(self.process.id())
    }

    /// Creates a party and returns its secret.
    async fn party(&self, name: &str) -> String {
        let body = StreamBody::new(stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from(
            format!("{{\"name\":{name:?}}}"),
        )))]));
        let request =
            Request::post("http://hub/api/v2/parties").header("content-type", "application/json");
        let request = request
            .header("authorization", format!("Bearer {}", self.token()))
            .body(body)
            .expect("a request");
        let answer = client(self.rest).await.send_request(request).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::CREATED);
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        let party: Value = serde_json::from_slice(&body).expect("JSON");
        party["secret"].as_str().expect("a secret").to_owned()
    }

    /// Checks the hub until `attack` ends: it answers probes in time, and its memory grows by less
    /// than `growth` bytes.
    async fn endures<T>(&self, growth: usize, attack: impl Future<Output = T>) -> T {
        let before = self.memory();
        let mut most = before;
        let looking = async {
            loop {
                answer_time(self.health, "/livez", PROBE_TIMEOUT).await;
                most = most.max(self.memory());
                assert!(most - before < growth, "from {} to {} MiB", before / MIB, most / MIB);
            }
        };
        tokio::select! {
            () = looking => unreachable!("it looks for ever"),
            done = attack => done,
        }
    }
}

type Part = Result<Frame<Bytes>, Infallible>;
type Parts = StreamBody<futures::stream::BoxStream<'static, Part>>;

async fn client<B>(address: SocketAddr) -> SendRequest<B>
where
    B: hyper::body::Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let stream = TcpStream::connect(address).await.expect("the hub listens");
    let (client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    tokio::spawn(connection);
    client
}

/// A body that starts with `begin`, continues for `length` bytes, and then never ends.
fn unfinished(begin: Bytes, length: usize) -> Parts {
    let part = Bytes::from(vec![b' '; 16 * 1024]);
    let parts = stream::iter(
        std::iter::once(begin).chain(std::iter::repeat_n(part.clone(), length / part.len())),
    );
    StreamBody::new(parts.map(|part| Ok(Frame::data(part))).chain(stream::pending()).boxed())
}

/// Opens connections from `source` that request a page over HTTP/2 with a closed window; they end
/// when dropped.
async fn closed_windows(hub: &Hub, source: Ipv4Addr, count: usize, held: &mut JoinSet<()>) {
    for _ in 0..count {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((source, 0).into()).expect("all of 127/8 is this machine");
        let mut stream = socket.connect(hub.rest).await.expect("the kernel takes it");
        held.spawn(async move {
            // Closed at once if the address has no free slot.
            if stream.write_all(&http2::get("/docs")).await.is_ok() {
                http2::until_closed(stream).await;
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a2_closed_windows_delay_neither_probes_nor_other_addresses() {
    let (all, each) = (sized(64, 1024), sized(32, 256));
    let (connections, per_address) =
        (format!("rest.max_connections={all}"), format!("rest.max_connections_per_address={each}"));
    let hub = Hub::start(&[&connections, &per_address]).await;
    let mut held = JoinSet::new();
    let attack = async {
        closed_windows(&hub, Ipv4Addr::LOCALHOST, all, &mut held).await;
        // More than the slots of one address were requested.
        for _ in each..all {
            held.join_next().await.expect("there are more").expect("no panic");
        }
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::new(127, 0, 0, 2), 0).into()).expect("all of 127/8 is this machine");
        let mut other = socket.connect(hub.rest).await.expect("the kernel takes it");
        other
            .write_all(b"GET /livez HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
            .await
            .expect("the hub reads");
        let mut answer = String::new();
        other.read_to_string(&mut answer).await.expect("the hub answers");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    };
    hub.endures(32 * MIB, flow_common::clock::timeout(SOON, attack))
        .await
        .expect("others are served in time");
    if sized(0, 1) == 1 {
        // Enough addresses take every slot: probes are answered, and each slot is released in time.
        let all_addresses = async {
            for last in 3..8 {
                closed_windows(&hub, Ipv4Addr::new(127, 0, 0, last), each, &mut held).await;
            }
            while held.join_next().await.is_some() {}
        };
        hub.endures(64 * MIB, flow_common::clock::timeout(10 * SOON, all_addresses))
            .await
            .expect("each loses its place");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_endless_log_messages_of_one_party_use_little_memory() {
    const ANNOUNCED: usize = 4 * MIB - 1024;
    let hub = Hub::start(&[]).await;
    let secret = hub.party("hospital-a").await;
    let begin =
        [&[0], u32::try_from(ANNOUNCED).expect("it fits").to_be_bytes().as_slice()].concat();
    let client = client::<Parts>(hub.grpc).await;
    let calls: FuturesUnordered<_> = (0..sized(48, 128))
        .map(|_| {
            let request = Request::post("http://hub/flow.v1.Control/PushLog")
                .header("content-type", "application/grpc");
            let request = request.header("te", "trailers").header("flow-party", "hospital-a");
            let request = request.header("authorization", format!("Bearer {secret}"));
            let request = request
                .body(unfinished(begin.clone().into(), ANNOUNCED - 1024))
                .expect("a request");
            let mut client = client.clone();
            async move {
                let (head, body) =
                    client.send_request(request).await.expect("an answer").into_parts();
                let trailers = body
                    .collect()
                    .await
                    .ok()
                    .and_then(|body| body.trailers().cloned())
                    .unwrap_or_default();
                let status = |map: &HeaderMap| {
                    map.get("grpc-status")
                        .and_then(|value| value.to_str().ok()?.parse::<i32>().ok())
                };
                status(&head.headers).or_else(|| status(&trailers)).expect("each call has a status")
            }
        })
        .collect();
    let statuses: Vec<i32> = hub
        .endures(32 * MIB, flow_common::clock::timeout(SOON, calls.collect()))
        .await
        .expect("each call ends in time");
    // Out of range, and resource exhausted.
    assert!(statuses.iter().all(|status| [11, 8].contains(status)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a17_unfinished_bodies_stay_within_their_memory_limit() {
    let budget = sized(4, 64) * MIB;
    let hub = Hub::start(&[&format!("limits.body_bytes={budget}")]).await;
    let bearer = format!("Bearer {}", hub.token());
    let mut asked = FuturesUnordered::new();
    let begun = flow_common::clock::monotonic();
    for _ in 0..sized(1, 8) {
        let client = client::<Parts>(hub.rest).await;
        for _ in 0..sized(16, 64) {
            let request = Request::post("http://hub/api/v2/parties")
                .header("content-type", "application/json");
            let request = request
                .header("authorization", &bearer)
                .body(unfinished("  ".into(), MIB - 16 * 1024))
                .expect("a request");
            let mut client = client.clone();
            asked.push(async move { client.send_request(request).await.expect("an answer") });
        }
    }
    // Freed memory is not always returned to the system, so that both the present and the previous
    // use count.
    let growth = 2 * budget + 32 * MIB;
    let refused = hub
        .endures(growth, flow_common::clock::timeout(SOON, asked.next()))
        .await
        .expect("in time")
        .expect("an answer");
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "after {:?}", begun.elapsed());
    assert_eq!(refused.headers()["retry-after"], "1");
    let problem: Value =
        serde_json::from_slice(&refused.into_body().collect().await.expect("a body").to_bytes())
            .expect("JSON");
    assert_eq!(
        (&problem["code"], &problem["retryable"]),
        (&"busy".into(), &true.into()),
        "{problem}"
    );
    if sized(0, 1) == 1 {
        let rest = async { while asked.next().await.is_some() {} };
        hub.endures(growth, flow_common::clock::timeout(2 * SOON, rest))
            .await
            .expect("each body ends in time");
    }
    drop(asked);
    wait_for("the budget to be free again", SOON, async || {
        let request =
            Request::post("http://hub/api/v2/parties").header("content-type", "application/json");
        let body =
            StreamBody::new(stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from("{}")))]));
        let request = request.header("authorization", &bearer).body(body).expect("a request");
        client(hub.rest).await.send_request(request).await.expect("an answer").status()
            == StatusCode::UNPROCESSABLE_ENTITY
    })
    .await;
}
