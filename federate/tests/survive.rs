//! An agent process that loses the reader of its log, its data directory or its file descriptors.
//! No hub answers in these tests. The end-to-end tests cover a full disk.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
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

struct Agent {
    process: Child,
    health: u16,
}

impl Agent {
    fn start(folder: &Path, log: impl Into<OwnedFd>) -> Self {
        let (health, secret) = (free_port(), folder.join("secret"));
        if !secret.exists() {
            let mut made = fs::OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&secret)
                .expect("the folder is writable");
            std::io::Write::write_all(&mut made, "s".repeat(43).as_bytes())
                .expect("the folder is writable");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow-federate"));
        command.arg("run").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.into());
        for set in [
            format!("data_dir={}", folder.join("data").display()),
            "party=hospital-a".to_owned(),
            "hub.address=http://127.0.0.1:1".to_owned(),
            format!("hub.secret_file={}", secret.display()),
            format!("health.listen=127.0.0.1:{health}"),
        ] {
            command.args(["--set", &set]);
        }
        Self { process: spawn_tied(command).expect("the program was built"), health }
    }

    async fn page(&self, path: &str) -> Option<String> {
        let asked = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.health)).await?;
            stream
                .write_all(
                    format!("GET {path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n")
                        .as_bytes(),
                )
                .await?;
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

    /// Waits until `/readyz` reports that there is no session: the loop runs and the journal takes
    /// writes.
    async fn works(&mut self) {
        wait_for("the agent to work", SOON, async || {
            assert!(
                self.process.try_wait().expect("the agent is a child process").is_none(),
                "the agent ended"
            );
            self.page("/readyz").await.is_some_and(|page| page.contains("no session"))
        })
        .await;
    }

    async fn ended(&mut self) -> Option<i32> {
        wait_for("the agent to end", SOON, async || {
            self.process.try_wait().expect("the agent is a child process")
        })
        .await
        .code()
    }

    fn terminate(&self) {
        kill(Pid::from_raw(i32::try_from(self.process.id()).expect("a pid")), Signal::SIGTERM)
            .expect("the agent is a child process");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Both calls may fail, because the process may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn b2_agent_with_a_blocked_log_works_counts_lost_lines_and_ends_at_the_first_signal() {
    let (reader, stuck) = stuck_pipe();
    for (what, output) in [
        ("a full disk", full_output()),
        ("a closed pipe", closed_pipe()),
        ("a reader that stopped", stuck),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut agent = Agent::start(folder.path(), output);
        agent.works().await;
        let page = agent.page("/metrics").await.expect("an answer");
        let dropped = page
            .lines()
            .find_map(|line| line.strip_prefix("flow_log_lines_dropped_total "))
            .expect("a metric");
        assert!(dropped.parse::<u64>().is_ok_and(|count| count > 0), "{what}: {dropped}");
        agent.terminate();
        assert_eq!(agent.ended().await, Some(0), "{what}");
    }
    drop(reader);
}

#[tokio::test]
async fn a4_agent_ends_with_a_reason_when_its_data_directory_is_deleted_or_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    for replace in [false, true] {
        let mut agent =
            Agent::start(folder.path(), fs::File::create(&log).expect("the folder is writable"));
        agent.works().await;
        fs::rename(folder.path().join("data"), folder.path().join(format!("moved-{replace}")))
            .expect("the folder is writable");
        let mut second = replace.then(|| Agent::start(folder.path(), full_output()));
        assert_eq!(agent.ended().await, Some(1));
        let output = fs::read_to_string(&log).expect("the log");
        assert!(output.contains("was deleted or replaced"), "{output}");
        if let Some(second) = &mut second {
            second.works().await;
        }
    }
}

#[tokio::test]
async fn a1_agent_survives_a_lack_of_descriptors_and_answers_afterwards() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let mut agent =
        Agent::start(folder.path(), fs::File::create(&log).expect("the folder is writable"));
    agent.works().await;
    let none = without_descriptors(agent.process.id());
    let mut waiting =
        TcpStream::connect(("127.0.0.1", agent.health)).await.expect("the kernel accepts");
    waiting
        .write_all(b"GET /livez HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n")
        .await
        .expect("the kernel buffers");
    let too_many =
        async || fs::read_to_string(&log).expect("the log").contains("Too many open files");
    wait_for("the agent to notice", SOON, too_many).await;
    drop(none);
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    agent.works().await;
    agent.terminate();
    assert_eq!(agent.ended().await, Some(0));
}
