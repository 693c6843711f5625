//! The agents' listener: connections without a session, and connections that stay open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flow_common::secret_file::Secret;
use flow_federate::dial::Address;
use flow_federate::session::{Login, SecretSource, authenticate};
use flow_proto::v1::MemberReport;
use flow_proto::v1::agent_message::Body as ToHub;
use flow_server::listener::ListenerLimits;
use flow_testkit::Authority;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::SOON;
use crate::common::{FakeAgent, TestApp};
use crate::raw::{AgentListener, orphan};

/// Waits until the hub closes the connection.
async fn closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    // A reset counts as closed.
    let _ = flow_common::clock::timeout(SOON, stream.read_to_end(&mut rest))
        .await
        .expect("the hub closes it in time");
}

#[tokio::test]
async fn idle_connection_is_closed_and_session_stays_open() {
    let hub = TestApp::start().await;
    let limits = ListenerLimits { idle_timeout: Duration::from_secs(2), ..ListenerLimits::of(3) };
    let listener = AgentListener::with(&hub, &["hospital-a"], limits).await;
    let mut agent = listener.open("hospital-a").await;
    let silent = TcpStream::connect(listener.address).await.expect("the hub listens");
    let mut dribbling = TcpStream::connect(listener.address).await.expect("the hub listens");
    dribbling.write_all(b"PRI * HTTP/2.0\r\n").await.expect("a few bytes");
    // The limit is three connections: the next is served when an idle one was closed.
    let mut next = TcpStream::connect(listener.address).await.expect("the kernel takes it");
    next.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("a few bytes");
    for stream in [silent, dribbling, next] {
        closed(stream).await;
    }
    // Twice the idle timeout has passed, and the session continues.
    agent.send(ToHub::Report(MemberReport { sequence: 8, ..orphan("stopped") })).await;
    assert!(agent.acked(8).await.settled);
}

#[tokio::test]
async fn idle_connections_do_not_delay_shutdown() {
    let hub = TestApp::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let limits =
        ListenerLimits { idle_timeout: Duration::from_secs(3600), ..ListenerLimits::of(10) };
    let served =
        tokio::spawn(flow_server::grpc::serve(Arc::clone(&hub.app), listener, limits, None));
    let silent = TcpStream::connect(address).await.expect("the hub listens");
    hub.stop();
    flow_common::clock::timeout(SOON, served).await.expect("it ends").expect("it does not panic");
    closed(silent).await;
}

#[tokio::test]
async fn agents_listener_accepts_only_http2_over_tls() {
    let hub = TestApp::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let (ca, pair) =
        (authority.ca(folder.path()), authority.pair(folder.path(), "hub", &["localhost"]));
    let tls = flow_common::tls::acceptor(&pair.cert, &pair.key, &flow_server::grpc::ALPN)
        .expect("a sound pair");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let limits = ListenerLimits { idle_timeout: Duration::from_secs(2), ..ListenerLimits::of(2) };
    tokio::spawn(flow_server::grpc::serve(Arc::clone(&hub.app), listener, limits, Some(tls)));

    let silent = TcpStream::connect(address).await.expect("the hub listens");
    let mut plain = TcpStream::connect(address).await.expect("the hub listens");
    plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("a few bytes");
    let uri = format!("https://localhost:{}", address.port()).parse().expect("an address");
    // Waits for a slot.
    let login = Login {
        party: "nobody".parse().expect("a name"),
        secret: SecretSource::Fixed(Secret::new("x".to_owned())),
    };
    let refused = authenticate(&Address::Tls { uri, ca_file: Some(ca) }, &login)
        .await
        .expect_err("there is no such party");
    assert!(refused.contains("does not accept the secret for the party nobody"), "{refused}");
    for stream in [silent, plain] {
        closed(stream).await;
    }
}

#[tokio::test]
async fn u23_secret_is_checked_without_a_session() {
    let hub = TestApp::start().await;
    let [secret, other] = [hub.party("hospital-a").await, hub.party("hospital-b").await];
    let agent = FakeAgent::connect(hub.agents_address().await, "hospital-a", &secret).await;
    let ask = async |address: SocketAddr, secret: &str| {
        let login = Login {
            party: "hospital-a".parse().expect("a name"),
            secret: SecretSource::Fixed(Secret::new(secret.to_owned())),
        };
        let uri = format!("http://{address}").parse().expect("an address");
        authenticate(&Address::Plain(uri), &login).await
    };
    let listener = hub.agents_address().await;
    assert_eq!(ask(listener, &secret).await, Ok(()));
    let party = hub.get("/api/v2/parties/hospital-a").await.json();
    assert_eq!(party["contact"]["state"], "connected", "the agent's own session goes on");
    drop(agent);
    for wrong in [other.as_str(), "nonsense"] {
        let refused = ask(listener, wrong).await.expect_err("it is not the party's");
        assert!(
            refused.contains("does not accept the secret for the party hospital-a"),
            "{refused}"
        );
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let rest = listener.local_addr().expect("its address");
    let limits = ListenerLimits { idle_timeout: Duration::from_secs(2), ..ListenerLimits::of(8) };
    tokio::spawn(flow_server::api::serve(Arc::clone(&hub.app), listener, limits, None));
    let refused = ask(rest, &secret).await.expect_err("it is for users");
    assert!(
        refused.contains("does not lead to the hub's listener for agents")
            && refused.contains("grpc.listen"),
        "{refused}"
    );
}
