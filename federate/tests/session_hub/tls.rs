//! Connections to a hub with TLS, and the error of each connection that fails.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use flow_federate::dial::Address;
use flow_federate::runtime::fake::Mode;
use flow_federate::session::Connector;
use flow_testkit::{Authority, free_port, spawn_tied, wait_for};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::fake_hub::{FakeHub, TestAgent};

/// A listener that forwards connections to the hub, with TLS if `tls` is given.
async fn listen(hub: &FakeHub, tls: Option<TlsAcceptor>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let Connector::Memory(connections) = hub.connector() else {
        unreachable!("a fake hub is in this process")
    };
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut near, far) = tokio::io::duplex(64 * 1024);
            let (tls, connections) = (tls.clone(), connections.clone());
            tokio::spawn(async move {
                match tls {
                    None => {
                        connections.send(far).await.unwrap();
                        tokio::io::copy_bidirectional(&mut stream, &mut near).await.is_ok()
                    }
                    Some(tls) => {
                        let Ok(mut stream) = tls.accept(stream).await else { return false };
                        connections.send(far).await.unwrap();
                        tokio::io::copy_bidirectional(&mut stream, &mut near).await.is_ok()
                    }
                }
            });
        }
    });
    address
}

/// A TLS listener of the hub, with a certificate for `localhost`.
async fn certified(hub: &FakeHub, authority: &Authority, folder: &Path) -> SocketAddr {
    let pair = authority.pair(folder, "hub", &["localhost"]);
    listen(hub, Some(flow_common::tls::acceptor(&pair.cert, &pair.key, &[b"h2"]).unwrap())).await
}

#[tokio::test]
async fn session_over_tls_needs_a_certificate_of_the_configured_authority() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let port = certified(&hub, &authority, folder.path()).await.port();
    let address = Address::Tls {
        uri: format!("https://localhost:{port}").parse().unwrap(),
        ca_file: Some(authority.ca(folder.path())),
    };
    agent.start(Connector::Network(address));
    let session = hub.open(Vec::new()).await;
    assert_eq!(session.metadata.get("flow-party").unwrap(), "a");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_failure_has_one_message_in_log_and_doctor() {
    let hub = FakeHub::new();
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let tls = certified(&hub, &authority, folder.path()).await.port();
    let plain = listen(&hub, None).await.port();
    let secret = folder.path().join("secret");
    fs::write(&secret, "x").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let (right, wrong) = (folder.path().join("right"), folder.path().join("wrong"));
    fs::rename(authority.ca(folder.path()), &right).unwrap();
    fs::rename(Authority::new().ca(folder.path()), &wrong).unwrap();
    let (right, wrong) = (right.to_str().unwrap(), wrong.to_str().unwrap());
    let unused = free_port();

    for (name, address, ca, sentence) in [
        (
            "stranger",
            format!("https://localhost:{tls}"),
            wrong,
            format!(
                "no secure connection to the hub at https://localhost:{tls}: no trusted authority has issued its certificate: \
                 name the certificate of the hub's authority in hub.ca_file"
            ),
        ),
        (
            "name",
            format!("https://127.0.0.1:{tls}"),
            right,
            format!(
                "no secure connection to the hub at https://127.0.0.1:{tls}: its certificate is for localhost and not for 127.0.0.1: \
                 use one of its names, or add 127.0.0.1 to the certificate"
            ),
        ),
        (
            "file",
            format!("https://localhost:{tls}"),
            "/nowhere/ca.crt",
            "hub.ca_file: cannot read certificates from /nowhere/ca.crt: ".to_owned(),
        ),
        (
            "plain",
            format!("http://127.0.0.1:{tls}"),
            "",
            format!("the hub at http://127.0.0.1:{tls} requires TLS: use https:// in hub.address"),
        ),
        (
            "tls",
            format!("https://127.0.0.1:{plain}"),
            right,
            format!(
                "no secure connection to the hub at https://127.0.0.1:{plain}: the server does not speak TLS"
            ),
        ),
        (
            "unused",
            format!("https://127.0.0.1:{unused}"),
            right,
            format!("cannot reach the hub at https://127.0.0.1:{unused}: Connection refused"),
        ),
    ] {
        let command = |verb: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_flow-federate"));
            command.arg(verb).env_clear().stdin(Stdio::null());
            let data = folder.path().join(name).display().to_string();
            for pair in [
                "party=a".to_owned(),
                format!("data_dir={data}"),
                format!("hub.secret_file={}", secret.display()),
                format!("hub.address={address}"),
                format!("hub.ca_file={ca}"),
            ] {
                command.arg("--set").arg(pair);
            }
            command
        };
        let log = folder.path().join(format!("{name}.log"));
        let mut run = command("run");
        run.stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
        let mut agent = spawn_tied(run).unwrap();
        let log = wait_for(
            "the error in the log twice, after a retry",
            Duration::from_secs(20),
            async || {
                let text = fs::read_to_string(&log).unwrap();
                (text.matches("not connected to the hub").count() >= 2).then_some(text)
            },
        )
        .await;
        agent.kill().unwrap();
        agent.wait().unwrap();
        assert!(log.contains(&sentence), "{name}: {sentence}\n{log}");
        let doctor = command("doctor").output().unwrap();
        let text = String::from_utf8(doctor.stdout).unwrap();
        assert!(
            !doctor.status.success() && text.contains(&format!("FAIL  hub: {sentence}")),
            "{name}: {sentence}\n{text}"
        );
    }
}
