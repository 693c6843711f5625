//! The listener as hostile callers see it: those that hold a connection and ask for nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flow_server::door::Limits;
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::common::TestApp;

const SOON: Duration = Duration::from_secs(10);

/// The hub's real listener on a port of its own.
async fn listen(hub: &TestApp, connections: usize, patience: Duration) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let limits = Limits { connections, patience };
    (address, tokio::spawn(flow_server::api::serve(Arc::clone(&hub.app), listener, limits)))
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("the kernel takes it")
}

/// Callers that begin and never come to the point.
async fn slow(address: SocketAddr) -> Vec<TcpStream> {
    let mut slow = Vec::new();
    for begun in ["", "GET /livez HTTP/1.1\r\nHost: hub\r\nX-Slow: ", "PRI * HTTP/2.0\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = connect(address).await;
        stream.write_all(begun.as_bytes()).await.expect("a few bytes");
        slow.push(stream);
    }
    slow
}

/// Sends a byte again and again until the hub has closed the connection.
async fn dribbles_until_closed(mut stream: TcpStream) {
    let closed = async {
        let mut buffer = [0; 64];
        loop {
            tokio::select! {
                read = stream.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                },
                () = tokio::time::sleep(Duration::from_millis(20)) => {
                    if stream.write_all(b"a").await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    tokio::time::timeout(SOON, closed).await.expect("the hub closes it in time");
}

/// Asks on this connection, and answers the status line.
async fn ask(stream: &mut TcpStream) -> String {
    let answered = async {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: hub\r\n\r\n").await.expect("the hub reads");
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok\n") {
            let read = stream.read_buf(&mut answer).await.expect("the hub writes");
            assert!(read > 0, "the hub closed the connection after {:?}", String::from_utf8_lossy(&answer));
        }
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    };
    tokio::time::timeout(SOON, answered).await.expect("the hub answers in time")
}

#[tokio::test]
async fn slow_callers_do_not_keep_others_from_being_served() {
    let hub = TestApp::start().await;
    let (address, _) = listen(&hub, 64, Duration::from_secs(3600)).await;
    let _slow = slow(address).await;
    let mut caller = connect(address).await;
    for _ in 0..2 {
        assert_eq!(ask(&mut caller).await, "HTTP/1.1 200 OK");
    }
}

#[tokio::test]
async fn slow_callers_are_closed_and_whoever_waits_gets_their_places() {
    let hub = TestApp::start().await;
    let (address, _) = listen(&hub, 4, Duration::from_millis(300)).await;
    let slow = slow(address).await;
    assert_eq!(ask(&mut connect(address).await).await, "HTTP/1.1 200 OK");
    for stream in slow {
        dribbles_until_closed(stream).await;
    }
    let text = hub.get("/metrics").await.expect(StatusCode::OK).text();
    let full = text.lines().find_map(|line| line.strip_prefix("flow_connections_full_total{door=\"rest\"} ")).expect("it is counted");
    assert!(full.parse::<u64>().expect("a number") >= 1, "{text}");
}

#[tokio::test]
async fn a_stream_that_is_read_stays_open_however_silent_it_is() {
    let hub = TestApp::start().await;
    let task = hub.task().await;
    let (address, _) = listen(&hub, 4, Duration::from_millis(200)).await;
    let mut reader = connect(address).await;
    let token = hub.token();
    let request = format!(
        "GET /api/v2/tasks/{task}/events HTTP/1.1\r\nHost: hub\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    reader.write_all(request.as_bytes()).await.expect("the hub reads");
    // Twice its patience passes.
    for _ in 0..2 {
        dribbles_until_closed(connect(address).await).await;
    }
    hub.post(&format!("/api/v2/tasks/{task}/start")).await.expect(StatusCode::ACCEPTED);
    let told = async {
        let mut answer = Vec::new();
        while !String::from_utf8_lossy(&answer).contains("event: run.") {
            let read = reader.read_buf(&mut answer).await.expect("the hub writes");
            assert!(read > 0, "the stream ended after {:?}", String::from_utf8_lossy(&answer));
        }
    };
    tokio::time::timeout(SOON, told).await.expect("the event comes in time");
}

#[tokio::test]
async fn the_end_waits_for_nobody_who_asks_for_nothing() {
    let hub = TestApp::start().await;
    let (address, served) = listen(&hub, 64, Duration::from_secs(3600)).await;
    let _slow = slow(address).await;
    let mut idle = connect(address).await;
    ask(&mut idle).await;
    hub.stop();
    tokio::time::timeout(SOON, served).await.expect("it ends in time").expect("it does not panic");
}
