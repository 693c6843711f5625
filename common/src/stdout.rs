//! Standard output of commands.

use std::io::{self, Write as _};

/// Exit status of a command whose reader has closed the pipe: that of a program that SIGPIPE stops.
pub const PIPE_CLOSED: u8 = 141;

/// Writes text and flushes it. If the reader has closed the pipe, as `head` does, the process ends
/// at once with [`PIPE_CLOSED`] and without a message.
pub fn print(bytes: impl AsRef<[u8]>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            std::process::exit(PIPE_CLOSED.into())
        }
        result => result,
    }
}
