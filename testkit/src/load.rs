//! Load of an attacker and its effects: held connections, answer times, memory.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Set by `make test-long`.
const LONG: &str = "FLOW_TEST_LONG";

/// The size of a load: `long` in `make test-long`, otherwise `short`.
#[must_use]
pub fn sized(short: usize, long: usize) -> usize {
    if std::env::var_os(LONG).is_some() { long } else { short }
}

/// Clients that hold one connection each and reconnect when it is closed, until dropped.
#[derive(Debug)]
pub struct Holders {
    _tasks: JoinSet<()>,
}

impl Holders {
    /// Starts `count` clients that send only `beginning`.
    #[must_use]
    pub fn start(address: SocketAddr, count: usize, beginning: &'static [u8]) -> Self {
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            tasks.spawn(async move {
                loop {
                    let Ok(mut stream) = TcpStream::connect(address).await else { continue };
                    if stream.write_all(beginning).await.is_ok() {
                        // Wait for the end of the connection.
                        let _ = stream.read_to_end(&mut Vec::new()).await;
                    }
                }
            });
        }
        Self { _tasks: tasks }
    }
}

/// Returns the time from a new connection to the answer of `GET path`. Panics after `deadline` or
/// if the status is not 200.
pub async fn answer_time(address: SocketAddr, path: &str, deadline: Duration) -> Duration {
    let begun = flow_common::clock::monotonic();
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        stream
            .write_all(
                format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            )
            .await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match flow_common::clock::timeout(deadline, asked).await {
        Ok(Ok(answer)) => assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}"),
        Ok(Err(error)) => panic!("{path}: {error}"),
        Err(_) => panic!("{path}: no answer within {deadline:?}"),
    }
    begun.elapsed()
}

/// Resident memory of a process, in bytes.
#[must_use]
pub fn resident_bytes(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
    resident.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}
