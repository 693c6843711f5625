//! The agent's connection to the control socket of a sidecar.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use crate::sidecar::protocol::{Envelope, LINE_BYTES_MAX, Request, Response, VERSION, line};
use crate::sidecar::rundir::{RunDir, name};

/// Timeout of one response. A start syncs two files, which takes seconds on a busy disk.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Client(BufReader<UnixStream>);

impl Client {
    /// Connects to the sidecar of a run directory.
    pub async fn connect(dir: &RunDir) -> io::Result<Self> {
        // The address of a socket has at most 107 bytes, a path may be longer: connect through a
        // descriptor of the directory.
        let folder = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
            .open(dir.path())?;
        let path = format!("/proc/self/fd/{}/{}", folder.as_raw_fd(), name::CONTROL);
        let stream = UnixStream::connect(path).await?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request and waits for its response.
    pub async fn call(&mut self, request: Request) -> io::Result<Response> {
        let request = line(&Envelope { version: VERSION, request });
        let response = async {
            self.0.get_mut().write_all(&request).await?;
            self.next().await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        };
        flow_common::clock::timeout(RESPONSE_TIMEOUT, response).await?
    }

    /// Returns the next response; `None` after the sidecar closed the connection.
    pub async fn next(&mut self) -> io::Result<Option<Response>> {
        let mut text = Vec::new();
        (&mut self.0).take(LINE_BYTES_MAX as u64 * 2).read_until(b'\n', &mut text).await?;
        // An incomplete line is no response: the sidecar died while it wrote.
        if !text.ends_with(b"\n") {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&text)?))
    }
}
