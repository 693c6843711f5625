//! The client of the control socket, for the commands of flow-federate.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::protocol::{Envelope, Problem, Request, Response, VERSION, line};
use super::{SOCKET, open_folder, short_path};

/// Longer than the agent takes for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error(
        "no agent answers at {socket}: {cause}. Start it with `flow-federate run`, or name the configuration of the running agent with \
         --config"
    )]
    NoAgent { socket: String, cause: String },
    #[error(
        "{socket} belongs to another user: run this command as the user of the agent or as root"
    )]
    Forbidden { socket: String },
    #[error("the agent ended the connection without an answer: {0}")]
    Io(#[from] io::Error),
    #[error("{}", .0.message)]
    Refused(Problem),
}

/// A response, and the connection for the bytes of a log.
pub type Answered = (Response, BufReader<UnixStream>);

/// Sends one request to the agent of this data directory.
pub fn call(data_dir: &Path, request: Request) -> Result<Answered, ControlError> {
    let socket = || {
        let path = data_dir.join(SOCKET);
        std::path::absolute(&path).unwrap_or(path).display().to_string()
    };
    let connected =
        open_folder(data_dir).and_then(|folder| UnixStream::connect(short_path(&folder)));
    let mut stream = match connected {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(ControlError::Forbidden { socket: socket() });
        }
        Err(error) => {
            return Err(ControlError::NoAgent { socket: socket(), cause: error.to_string() });
        }
    };
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    // A refused connection already holds the answer.
    let sent = stream.write_all(&line(&Envelope { version: VERSION, request }));
    let mut reader = BufReader::new(stream);
    let mut text = Vec::new();
    reader.read_until(b'\n', &mut text)?;
    if text.is_empty() {
        sent?;
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    match serde_json::from_slice(&text).map_err(io::Error::from)? {
        Response::Problem(problem) => Err(ControlError::Refused(problem)),
        response => {
            // A log may be silent for a long time.
            reader.get_ref().set_read_timeout(None)?;
            Ok((response, reader))
        }
    }
}
