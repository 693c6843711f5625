//! Load as attackers make it, and its cost: connections that are held, answer times, memory.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Set by `make test-long`.
const LONG: &str = "FLOW_TEST_LONG";

/// The size of a load: `short` usually, `long` in `make test-long`.
#[must_use]
pub fn sized(short: usize, long: usize) -> usize {
    if std::env::var_os(LONG).is_some() { long } else { short }
}

/// Callers that hold a connection each, and dial again when it is closed; they end when dropped.
#[derive(Debug)]
pub struct Holders {
    _tasks: JoinSet<()>,
}

impl Holders {
    /// `count` callers that send `beginning` and nothing more.
    #[must_use]
    pub fn start(address: SocketAddr, count: usize, beginning: &'static [u8]) -> Self {
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            tasks.spawn(async move {
                loop {
                    let Ok(mut stream) = TcpStream::connect(address).await else { continue };
                    if stream.write_all(beginning).await.is_ok() {
                        // Until it is closed, in whatever way.
                        let _ = stream.read_to_end(&mut Vec::new()).await;
                    }
                }
            });
        }
        Self { _tasks: tasks }
    }
}

/// How long a new connection waits for the answer to `GET path`, which must be 200; panics after `deadline`.
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
