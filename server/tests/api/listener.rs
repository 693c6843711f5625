//! The REST listener with slow and hostile clients: connections without requests, clients that read
//! no responses.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flow_common::tls::client::{self, Trust};
use flow_server::listener::ListenerLimits;
use flow_testkit::{Authority, Pair, http2, wait_for};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::common::TestApp;

const SOON: Duration = Duration::from_secs(30);

/// Starts the real listener of the hub on its own port.
async fn listen(
    hub: &TestApp,
    connections: usize,
    idle_timeout: Duration,
) -> (SocketAddr, JoinHandle<()>) {
    listen_with(hub, connections, idle_timeout, None).await
}

/// Starts the listener with TLS and this certificate.
async fn listen_tls(
    hub: &TestApp,
    connections: usize,
    idle_timeout: Duration,
    pair: &Pair,
) -> (SocketAddr, JoinHandle<()>) {
    let tls = flow_common::tls::acceptor(&pair.cert, &pair.key, &flow_server::api::ALPN)
        .expect("a sound pair");
    listen_with(hub, connections, idle_timeout, Some(tls)).await
}

async fn listen_with(
    hub: &TestApp,
    connections: usize,
    idle_timeout: Duration,
    tls: Option<TlsAcceptor>,
) -> (SocketAddr, JoinHandle<()>) {
    listen_at(hub, ListenerLimits { idle_timeout, ..ListenerLimits::of(connections) }, tls).await
}

async fn listen_at(
    hub: &TestApp,
    limits: ListenerLimits,
    tls: Option<TlsAcceptor>,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    (address, tokio::spawn(flow_server::api::serve(Arc::clone(&hub.app), listener, limits, tls)))
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("the kernel takes it")
}

/// Opens connections with incomplete requests.
async fn slow(address: SocketAddr) -> Vec<TcpStream> {
    let mut slow = Vec::new();
    for begun in [
        "",
        "GET /livez HTTP/1.1\r\nHost: hub\r\nX-Slow: ",
        "PRI * HTTP/2.0\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = connect(address).await;
        stream.write_all(begun.as_bytes()).await.expect("a few bytes");
        slow.push(stream);
    }
    slow
}

/// Sends single bytes until the hub closes the connection.
async fn send_slowly_until_closed(mut stream: TcpStream) {
    let closed = async {
        let mut buffer = [0; 64];
        loop {
            tokio::select! {
                read = stream.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                },
                () = flow_common::clock::sleep(Duration::from_millis(20)) => {
                    if stream.write_all(b"a").await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    flow_common::clock::timeout(SOON, closed).await.expect("the hub closes it in time");
}

/// Sends a request on this connection and returns the status line.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    let answered = async {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: hub\r\n\r\n").await.expect("the hub reads");
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok\n") {
            let read = stream.read_buf(&mut answer).await.expect("the hub writes");
            assert!(
                read > 0,
                "the hub closed the connection after {:?}",
                String::from_utf8_lossy(&answer)
            );
        }
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    };
    flow_common::clock::timeout(SOON, answered).await.expect("the hub answers in time")
}

#[tokio::test]
async fn slow_clients_do_not_block_others() {
    let hub = TestApp::start().await;
    let (address, _) = listen(&hub, 64, Duration::from_secs(3600)).await;
    let _slow = slow(address).await;
    let mut caller = connect(address).await;
    for _ in 0..2 {
        assert_eq!(ask(&mut caller).await, "HTTP/1.1 200 OK");
    }
}

#[tokio::test]
async fn slow_clients_are_disconnected_and_free_their_slots() {
    let hub = TestApp::start().await;
    let (address, _) = listen(&hub, 4, Duration::from_millis(300)).await;
    let slow = slow(address).await;
    assert_eq!(ask(&mut connect(address).await).await, "HTTP/1.1 200 OK");
    for stream in slow {
        send_slowly_until_closed(stream).await;
    }
    let text = hub.get("/metrics").await.expect(StatusCode::OK).text();
    let full = text
        .lines()
        .find_map(|line| line.strip_prefix("flow_connections_full_total{door=\"rest\"} "))
        .expect("it is counted");
    assert!(full.parse::<u64>().expect("a number") >= 1, "{text}");
}

#[tokio::test]
async fn idle_stream_with_a_reader_stays_open() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    let (address, _) = listen(&hub, 4, Duration::from_millis(200)).await;
    let mut reader = connect(address).await;
    let token = hub.token();
    let request = format!(
        "GET /api/v2/tasks/{task}/events HTTP/1.1\r\nHost: hub\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    reader.write_all(request.as_bytes()).await.expect("the hub reads");
    // Twice its idle_timeout passes.
    for _ in 0..2 {
        send_slowly_until_closed(connect(address).await).await;
    }
    hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED);
    let events = async {
        let mut answer = Vec::new();
        while !String::from_utf8_lossy(&answer).contains("event: run.") {
            let read = reader.read_buf(&mut answer).await.expect("the hub writes");
            assert!(read > 0, "the stream ended after {:?}", String::from_utf8_lossy(&answer));
        }
    };
    flow_common::clock::timeout(SOON, events).await.expect("the event comes in time");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_idle_connections() {
    let hub = TestApp::start().await;
    let (address, served) = listen(&hub, 64, Duration::from_secs(3600)).await;
    let _slow = slow(address).await;
    let mut idle = connect(address).await;
    ask(&mut idle).await;
    hub.stop();
    flow_common::clock::timeout(SOON, served)
        .await
        .expect("it ends in time")
        .expect("it does not panic");
}

/// Connects to the listener as `localhost` with TLS and the authority of `ca`. Returns the
/// explanation of an error.
async fn shake(
    address: SocketAddr,
    ca: &Path,
    alpn: &[u8],
) -> Result<TlsStream<TcpStream>, String> {
    let mut config = client::config(Trust::File(ca)).expect("a certificate");
    config.alpn_protocols = vec![alpn.to_vec()];
    let name = "localhost".try_into().expect("a name");
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, connect(address).await);
    let shaken = flow_common::clock::timeout(SOON, shaken).await.expect("the hub answers in time");
    shaken
        .map_err(|error| client::explain(&error, "--ca-file").unwrap_or_else(|| error.to_string()))
}

/// Returns a directory, the certificate of an authority in it, and a pair that the authority signed
/// for `localhost`.
fn certified() -> (tempfile::TempDir, PathBuf, Pair) {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let (ca, pair) =
        (authority.ca(folder.path()), authority.pair(folder.path(), "hub", &["localhost"]));
    (folder, ca, pair)
}

#[tokio::test]
async fn listener_with_a_certificate_accepts_only_tls_with_a_trusted_authority() {
    let (hub, (_folder, ca, pair)) = (TestApp::start().await, certified());
    let (address, served) = listen_tls(&hub, 64, Duration::from_secs(3600), &pair).await;
    let mut caller = shake(address, &ca, b"http/1.1").await.expect("it trusts the authority");
    for _ in 0..2 {
        assert_eq!(ask(&mut caller).await, "HTTP/1.1 200 OK");
    }
    let caller = shake(address, &ca, b"h2").await.expect("HTTP/2 is spoken, too");
    assert_eq!(caller.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));

    let elsewhere = tempfile::tempdir().expect("a folder");
    let why = shake(address, &Authority::new().ca(elsewhere.path()), b"h2")
        .await
        .expect_err("another authority");
    assert!(why.contains("no trusted authority has issued") && why.contains("--ca-file"), "{why}");

    // The hub answers plain text with a TLS alert at most, and closes the connection.
    let mut plain = connect(address).await;
    plain
        .write_all(b"GET /livez HTTP/1.1\r\nHost: hub\r\n\r\n")
        .await
        .expect("the kernel takes it");
    let mut answer = Vec::new();
    // A reset closes the connection, too.
    let _ = flow_common::clock::timeout(SOON, plain.read_to_end(&mut answer))
        .await
        .expect("the hub closes it in time");
    assert!(answer.is_empty() || answer[0] == 0x15, "{:?}", String::from_utf8_lossy(&answer));
    let text = hub.get("/metrics").await.expect(StatusCode::OK).text();
    assert!(text.contains("flow_tls_handshakes_failed_total{door=\"rest\"} 2"), "{text}");

    hub.stop();
    flow_common::clock::timeout(SOON, served)
        .await
        .expect("it ends in time")
        .expect("it does not panic");
}

#[tokio::test]
async fn connections_without_a_handshake_are_closed_and_do_not_delay_shutdown() {
    let (hub, (_folder, ca, pair)) = (TestApp::start().await, certified());
    let (address, _) = listen_tls(&hub, 2, Duration::from_secs(2), &pair).await;
    let (silent, mut begun) = (connect(address).await, connect(address).await);
    // The first record of a handshake and no other.
    begun.write_all(&[0x16, 3, 1, 2, 0, 1]).await.expect("a few bytes");
    let mut caller = shake(address, &ca, b"http/1.1").await.expect("a place is free in time");
    assert_eq!(ask(&mut caller).await, "HTTP/1.1 200 OK");
    for stream in [silent, begun] {
        send_slowly_until_closed(stream).await;
    }

    let (address, served) = listen_tls(&hub, 2, Duration::from_secs(3600), &pair).await;
    let _silent = connect(address).await;
    shake(address, &ca, b"http/1.1").await.expect("the one before was accepted by now");
    hub.stop();
    flow_common::clock::timeout(SOON, served)
        .await
        .expect("it ends in time")
        .expect("it does not panic");
}

#[tokio::test]
async fn renewed_certificate_is_used_without_a_restart() {
    let (hub, (folder, ca, pair)) = (TestApp::start().await, certified());
    let (address, _) = listen_tls(&hub, 64, Duration::from_secs(3600), &pair).await;
    let mut before =
        shake(address, &ca, b"http/1.1").await.expect("the first authority is trusted");

    let renewed = Authority::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let new_ca = renewed.ca(elsewhere.path());
    let _ = renewed.pair(folder.path(), "hub", &["localhost"]);
    // A handshake triggers a reload of the files for later handshakes.
    wait_for("the new certificate is shown", SOON, async || {
        shake(address, &new_ca, b"http/1.1").await.is_ok()
    })
    .await;
    assert!(shake(address, &ca, b"http/1.1").await.is_err(), "the old one is not");
    assert_eq!(ask(&mut before).await, "HTTP/1.1 200 OK", "who was there stays");
}

/// Connects from another address of this machine.
async fn connect_from(source: [u8; 4], address: SocketAddr) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind((source, 0).into()).expect("all of 127/8 is this machine");
    socket.connect(address).await.expect("the kernel takes it")
}

/// Waits until the hub closes the connection.
async fn closed(mut stream: impl AsyncRead + Unpin) {
    // A reset closes the connection, too.
    let _ = flow_common::clock::timeout(SOON, stream.read_to_end(&mut Vec::new()))
        .await
        .expect("the hub closes it in time");
}

async fn counted(hub: &TestApp, counter: &str) -> u64 {
    let text = hub.get("/metrics").await.expect(StatusCode::OK).text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("flow_{counter}_total{{door=\"rest\"}} ")));
    line.expect("it is counted").parse().expect("a number")
}

#[tokio::test]
async fn a2_client_with_a_closed_window_is_disconnected() {
    let (hub, (_folder, ca, pair)) = (TestApp::start().await, certified());
    let limits = ListenerLimits {
        idle_timeout: Duration::from_secs(3600),
        write_timeout: Duration::from_millis(500),
        ..ListenerLimits::of(1)
    };
    let (plain, _) = listen_at(&hub, limits, None).await;
    let tls = flow_common::tls::acceptor(&pair.cert, &pair.key, &flow_server::api::ALPN)
        .expect("a sound pair");
    let (secure, _) = listen_at(&hub, limits, Some(tls)).await;

    let mut holder = connect(plain).await;
    holder.write_all(&http2::get("/docs")).await.expect("the hub reads");
    let holder = tokio::spawn(http2::until_closed(holder));
    assert_eq!(ask(&mut connect(plain).await).await, "HTTP/1.1 200 OK", "there is one place");
    holder.await.expect("it was closed");

    let mut holder = shake(secure, &ca, b"h2").await.expect("it trusts the authority");
    holder.write_all(&http2::get("/docs")).await.expect("the hub reads");
    let holder = tokio::spawn(http2::until_closed(holder));
    assert_eq!(
        ask(&mut shake(secure, &ca, b"http/1.1").await.expect("a place is free in time")).await,
        "HTTP/1.1 200 OK"
    );
    holder.await.expect("it was closed");
    assert_eq!(counted(&hub, "connections_stalled").await, 2);
}

#[tokio::test]
async fn a2_client_that_reads_no_responses_is_disconnected() {
    let hub = TestApp::start().await;
    let limits = ListenerLimits {
        idle_timeout: Duration::from_secs(3600),
        write_timeout: Duration::from_millis(500),
        ..ListenerLimits::of(1)
    };
    let (address, _) = listen_at(&hub, limits, None).await;
    let mut holder = connect(address).await;
    let asking = async {
        while holder.write_all(b"GET /docs HTTP/1.1\r\nHost: hub\r\n\r\n").await.is_ok() {}
    };
    flow_common::clock::timeout(SOON, asking).await.expect("the hub closes it in time");
    assert_eq!(ask(&mut connect(address).await).await, "HTTP/1.1 200 OK");
}

/// Four addresses hold every slot with requests whose responses they do not read.
#[tokio::test]
async fn a2_full_listener_evicts_the_connection_that_waits_longest_for_its_peer() {
    let hub = TestApp::start().await;
    let limits = ListenerLimits {
        per_address: 2,
        idle_timeout: Duration::from_secs(3600),
        write_timeout: Duration::from_secs(3600),
        evict_after: Duration::from_millis(200),
        ..ListenerLimits::of(8)
    };
    let (address, _) = listen_at(&hub, limits, None).await;
    let mut idle = connect_from([127, 0, 0, 5], address).await;
    ask(&mut idle).await;
    let mut holders = Vec::new();
    for n in 0..7 {
        let mut holder = connect_from([127, 0, 0, 1 + n / 2], address).await;
        holder.write_all(&http2::get("/docs")).await.expect("the hub reads");
        holders.push(tokio::spawn(http2::until_closed(holder)));
    }
    // Each of these needs a slot and keeps it: three holders lose theirs.
    let mut callers = Vec::new();
    for n in 6..9 {
        let mut caller = connect_from([127, 0, 0, n], address).await;
        assert_eq!(ask(&mut caller).await, "HTTP/1.1 200 OK");
        callers.push(caller);
    }
    flow_testkit::wait_for("three holders to be closed", SOON, async || {
        holders.iter().filter(|holder| holder.is_finished()).count() == 3
    })
    .await;
    assert_eq!(counted(&hub, "connections_evicted").await, 3);
    assert_eq!(ask(&mut idle).await, "HTTP/1.1 200 OK", "a reader keeps its connection");
}

#[tokio::test]
async fn a2_address_with_all_its_slots_leaves_slots_to_others() {
    let hub = TestApp::start().await;
    let limits = ListenerLimits {
        per_address: 2,
        idle_timeout: Duration::from_secs(3600),
        ..ListenerLimits::of(3)
    };
    let (address, _) = listen_at(&hub, limits, None).await;
    let mut held = [connect(address).await, connect(address).await];
    ask(&mut held[1]).await;
    closed(connect(address).await).await;
    assert_eq!(counted(&hub, "connections_refused").await, 1);
    let mut other = connect_from([127, 0, 0, 2], address).await;
    assert_eq!(ask(&mut other).await, "HTTP/1.1 200 OK");
    assert_eq!(ask(&mut held[0]).await, "HTTP/1.1 200 OK", "what it has it keeps");
    drop(held);
    flow_testkit::wait_for("a place of the address to be free again", SOON, async || {
        let mut stream = connect(address).await;
        stream
            .write_all(b"GET /livez HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
            .await
            .is_ok()
            && stream.read_to_end(&mut Vec::new()).await.is_ok_and(|length| length > 0)
    })
    .await;
}
