//! The agent's end of a control socket.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use crate::sidecar::protocol::{Answer, LINE_LIMIT, Request, VERSION, Verb, line};
use crate::sidecar::rundir::{RunDir, name};

/// Time an answer may take. A start syncs twice: seconds on a disk that is busy.
const ANSWER: Duration = Duration::from_secs(30);

/// One connection to one sidecar.
#[derive(Debug)]
pub struct Client(BufReader<UnixStream>);

impl Client {
    /// Connect to the sidecar of a run directory.
    pub async fn connect(dir: &RunDir) -> io::Result<Self> {
        // Addresses of sockets end after 107 bytes, paths do not: go by way of the directory's descriptor.
        let folder = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
            .open(dir.path())?;
        let path = format!("/proc/self/fd/{}/{}", folder.as_raw_fd(), name::CONTROL);
        let stream = UnixStream::connect(path).await?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Ask, and wait for the answer.
    pub async fn ask(&mut self, verb: Verb) -> io::Result<Answer> {
        let request = line(&Request { version: VERSION, verb });
        let asked = async {
            self.0.get_mut().write_all(&request).await?;
            self.next().await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        };
        flow_common::clock::timeout(ANSWER, asked).await?
    }

    /// What comes next; `None` when the sidecar has gone.
    pub async fn next(&mut self) -> io::Result<Option<Answer>> {
        let mut text = Vec::new();
        (&mut self.0).take(LINE_LIMIT as u64 * 2).read_until(b'\n', &mut text).await?;
        // A line that was cut off says nothing: the sidecar died while it spoke.
        if !text.ends_with(b"\n") {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&text)?))
    }
}
