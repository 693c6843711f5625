//! A hub process that loses the reader of its log, its data directory, or descriptors. Tests of
//! whole federations cover a full disk.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flow_testkit::{
    closed_pipe, free_port, full_output, spawn_tied, stuck_pipe, wait_for, without_descriptors,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(30);

struct Hub {
    process: Child,
    port: u16,
}

impl Hub {
    fn start(data: &Path, log: impl Into<OwnedFd>) -> Self {
        let port = free_port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow-server"));
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.into());
        for set in [
            format!("data_dir={}", data.display()),
            format!("rest.listen=127.0.0.1:{port}"),
            "grpc.listen=127.0.0.1:0".to_owned(),
            "health.listen=127.0.0.1:0".to_owned(),
            "hub_agent.enabled=false".to_owned(),
            "log.level=debug".to_owned(),
        ] {
            command.args(["--set", &set]);
        }
        Self { process: spawn_tied(command).expect("the program was built"), port }
    }

    /// Returns status line and body; `None` without an answer.
    async fn ask(&self, method: &str, path: &str, token: &str, body: &str) -> Option<String> {
        let asked = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            let head = format!(
                "{method} {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(head.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        flow_common::clock::timeout(SOON, asked)
            .await
            .ok()?
            .ok()
            .filter(|answer| !answer.is_empty())
    }

    async fn is_ready(&self) -> bool {
        self.ask("GET", "/readyz", "", "")
            .await
            .is_some_and(|answer| answer.starts_with("HTTP/1.1 200 "))
    }

    async fn ready(&mut self) {
        wait_for("the hub to be ready", SOON, async || {
            assert!(self.process.try_wait().expect("a child process").is_none(), "the hub ended");
            self.is_ready().await
        })
        .await;
    }

    /// Returns whether the hub confirms that it stored a party.
    async fn stores_party(&self, token: &str, name: &str) -> bool {
        let answer =
            self.ask("POST", "/api/v2/parties", token, &format!("{{\"name\":\"{name}\"}}")).await;
        answer.is_some_and(|answer| answer.starts_with("HTTP/1.1 201 "))
    }

    async fn ended(&mut self) -> Option<i32> {
        wait_for("the hub to end", SOON, async || self.process.try_wait().expect("a child process"))
            .await
            .code()
    }

    fn terminate(&self) {
        kill(Pid::from_raw(i32::try_from(self.process.id()).expect("a pid")), Signal::SIGTERM)
            .expect("a child process");
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // The process may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns a token of the hub with this data directory.
fn token(data: &Path) -> String {
    flow_testkit::admin_token(
        env!("CARGO_BIN_EXE_flow-server"),
        &["--set", &format!("data_dir={}", data.display())],
    )
}

fn log(folder: &Path, name: &str) -> (PathBuf, fs::File) {
    let path = folder.join(name);
    (path.clone(), fs::File::create(path).expect("the folder is writable"))
}

#[tokio::test]
async fn a1_hub_with_unwritable_log_serves_counts_lost_lines_and_ends_at_first_signal() {
    let (reader, stuck) = stuck_pipe();
    for (what, output) in [
        ("a full disk", full_output()),
        ("a closed pipe", closed_pipe()),
        ("a reader that stopped", stuck),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let mut hub = Hub::start(&data, output);
        hub.ready().await;
        let token = token(&data);
        assert!(hub.stores_party(&token, "hospital-a").await, "{what}");
        let page = hub.ask("GET", "/metrics", &token, "").await.expect("an answer");
        let dropped = page
            .lines()
            .find_map(|line| line.strip_prefix("flow_log_lines_dropped_total "))
            .expect("a metric");
        assert!(dropped.parse::<u64>().is_ok_and(|count| count > 0), "{what}: {dropped}");
        hub.terminate();
        assert_eq!(hub.ended().await, Some(0), "{what}");
    }
    drop(reader);
}

#[tokio::test]
async fn a4_hub_with_deleted_data_directory_stores_nothing_and_ends_with_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (log_path, file) = log(folder.path(), "log");
    let mut hub = Hub::start(&data, file);
    hub.ready().await;
    let token = token(&data);
    assert!(hub.stores_party(&token, "kept").await);
    fs::remove_dir_all(&data).expect("the folder is writable");
    assert!(!hub.stores_party(&token, "lost").await, "no hub could read it");
    assert_eq!(hub.ended().await, Some(1));
    let output = fs::read_to_string(log_path).expect("the log");
    assert!(
        output.contains("lost its lock") && output.contains("was deleted or replaced"),
        "{output}"
    );
    // With an existing directory the hub works again.
    Hub::start(&data, full_output()).ready().await;
}

#[tokio::test]
async fn a4_hub_whose_directory_was_replaced_ends_and_the_new_hub_stores() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut first = Hub::start(&data, full_output());
    first.ready().await;
    let old_token = token(&data);
    fs::rename(&data, folder.path().join("moved")).expect("the folder is writable");
    let mut second = Hub::start(&data, full_output());
    assert!(!first.stores_party(&old_token, "lost").await);
    second.ready().await;
    assert_eq!(first.ended().await, Some(1));
    assert!(second.stores_party(&token(&data), "hospital-a").await);
}

#[tokio::test]
async fn a1_hub_without_descriptors_recovers_when_some_are_free() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (log_path, file) = log(folder.path(), "log");
    let mut hub = Hub::start(&data, file);
    hub.ready().await;
    let none = without_descriptors(hub.process.id());
    let _waiting = TcpStream::connect(("127.0.0.1", hub.port)).await.expect("the kernel accepts");
    wait_for("the hub to notice", SOON, async || {
        fs::read_to_string(&log_path).expect("the log").contains("cannot accept a connection")
    })
    .await;
    drop(none);
    hub.ready().await;
    assert!(hub.stores_party(&token(&data), "hospital-a").await);
    hub.terminate();
    assert_eq!(hub.ended().await, Some(0));
}
