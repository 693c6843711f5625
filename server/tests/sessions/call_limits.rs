//! Limits of one party: its open calls, their first messages, and responses that its agent does not
//! read.

use std::time::Duration;

use flow_proto::v1::control_client::ControlClient;
use flow_proto::v1::{AgentMessage, LogChunk};
use flow_proto::{STREAM_ID, v1::agent_message::Body as ToHub};
use flow_server::listener::ListenerLimits;
use flow_testkit::http2;
use futures::StreamExt as _;
use futures::stream::{self, FuturesUnordered};
use prost::Message as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::Channel;

use crate::SOON;
use crate::common::TestApp;
use crate::raw::{AgentListener, hello};

/// PushLog calls per party, and session calls per party.
const PUSH_LOGS: usize = 64;
const SESSIONS: usize = 8;

async fn client(listener: &AgentListener) -> ControlClient<Channel> {
    ControlClient::connect(format!("http://{}", listener.address)).await.expect("the hub listens")
}

#[tokio::test]
async fn a3_log_stream_without_a_first_chunk_times_out() {
    let hub = TestApp::start().await;
    let limits = ListenerLimits { idle_timeout: Duration::from_secs(1), ..ListenerLimits::of(10) };
    let listener = AgentListener::with(&hub, &["hospital-a"], limits).await;
    let mut client = client(&listener).await;
    let silent = client.push_log(listener.request("hospital-a", stream::pending()));
    let status = flow_common::clock::timeout(SOON, silent)
        .await
        .expect("the hub ends it")
        .expect_err("it is no log");
    assert_eq!(
        (status.code(), status.message().contains("stream_id")),
        (Code::DeadlineExceeded, true),
        "{status}"
    );
    // The metadata identifies the stream before its first chunk.
    let mut request = listener.request("hospital-a", stream::pending());
    request.metadata_mut().insert(STREAM_ID, 7.into());
    flow_common::clock::timeout(SOON, client.push_log(request))
        .await
        .expect("the hub ends it")
        .expect("no reader exists");
}

#[tokio::test]
async fn a3_log_chunk_size_is_limited() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["hospital-a"]).await;
    let chunk = LogChunk { stream_id: 1, data: vec![0; 128 * 1024].into() };
    let status = client(&listener)
        .await
        .push_log(listener.request("hospital-a", stream::iter([chunk])))
        .await
        .expect_err("it is too long");
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
}

#[tokio::test]
async fn a3_open_calls_are_limited_per_party() {
    let hub = TestApp::start().await;
    let limits =
        ListenerLimits { idle_timeout: Duration::from_secs(3600), ..ListenerLimits::of(10) };
    let listener = AgentListener::with(&hub, &["hospital-a", "hospital-b"], limits).await;
    let clients = client(&listener).await;
    let call = |party: &'static str| {
        let (mut client, request) = (clients.clone(), listener.request(party, stream::pending()));
        async move { client.push_log(request).await }
    };
    let mut held: FuturesUnordered<_> = (0..=PUSH_LOGS).map(|_| call("hospital-a")).collect();
    let refused = flow_common::clock::timeout(SOON, held.next())
        .await
        .expect("one is refused")
        .expect("of many")
        .expect_err("a refusal");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(
        refused.message(),
        "hospital-a has 64 log streams open, the limit per party: retry when one of them has ended"
    );
    tokio::select! {
        other = call("hospital-b") => panic!("another party has its own: {other:?}"),
        next = held.next() => panic!("the others stay: {next:?}"),
        session = listener.open("hospital-a") => drop(session),
    }

    let mut sessions = Vec::new();
    let refused = loop {
        let mut client = clients.clone();
        match client
            .session(listener.request("hospital-b", stream::pending::<AgentMessage>()))
            .await
        {
            Ok(session) => sessions.push(session),
            Err(status) => break status,
        }
    };
    assert_eq!((sessions.len(), refused.code()), (SESSIONS, Code::ResourceExhausted), "{refused}");
}

#[tokio::test]
async fn a3_agent_with_a_closed_window_loses_its_session() {
    let hub = TestApp::start().await;
    let limits = ListenerLimits {
        write_timeout: Duration::from_millis(500),
        idle_timeout: Duration::from_secs(3600),
        ..ListenerLimits::of(10)
    };
    let listener = AgentListener::with(&hub, &["hospital-a"], limits).await;
    let bearer = format!("Bearer {}", listener.secret("hospital-a"));
    let headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "hub"),
        (":path", "/flow.v1.Control/Session"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("flow-party", "hospital-a"),
        ("authorization", &bearer),
    ];
    let message = AgentMessage { body: Some(ToHub::Hello(hello())) }.encode_to_vec();
    let length = u32::try_from(message.len()).expect("it is short").to_be_bytes();
    let body = [&[0], length.as_slice(), &message].concat();
    let mut agent = TcpStream::connect(listener.address).await.expect("the hub listens");
    agent.write_all(&http2::closed_window(&headers, Some(&body))).await.expect("the hub reads");
    flow_common::clock::timeout(SOON, http2::until_closed(agent))
        .await
        .expect("the hub closes it in time");
}
