//! Logging to standard error, initialised once per process.
//!
//! A log line never blocks or fails the program: a line that cannot be written (disk full, pipe
//! closed, reader stopped) is dropped and counted, and a write waits at most [`WRITE_WAIT_MAX`].
//!
//! One place in the code writes at most `PLACE_LINES_MAX` lines in `PLACE_PERIOD`, for any cause: a
//! restart with many clients must not fill the disk. The next line of that place shows the number of
//! lines that were left out. Debug lines have no limit.
//!
//! Secrets do not reach the log: [`crate::secret_file::Secret`] prints as `[secret]`.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::clock::{Monotonic, monotonic};
use crate::log_limit::LogLimit;

/// Longest wait until a pipe, a socket or a terminal accepts data. After a timeout lines are
/// dropped without a wait until it accepts data again.
const WRITE_WAIT_MAX: Duration = Duration::from_millis(100);
/// Bytes that can be written without blocking to a pipe that `poll` reports as writable:
/// `PIPE_BUF`.
const WRITE_BYTES_MAX: usize = nix::libc::PIPE_BUF;

/// Limit of the lines of one place in the code per period, at level info and above.
const PLACE_LINES_MAX: u32 = 100;
/// Period of that limit.
const PLACE_PERIOD: Duration = Duration::from_secs(10);

/// The `log` section of every configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Level (`info`) or filter (`info,flow_federate=debug`). Checked when it is read.
    #[serde(deserialize_with = "checked_level")]
    pub level: String,
    /// Format of the lines.
    pub format: LogFormat,
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line, for log collectors.
    Json,
}

/// The cause for which logging cannot be initialised.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not valid.
    #[error(
        "{0}; use error, warn, info, debug or trace, or a filter such as `info,flow_server=debug`"
    )]
    Filter(String),
    /// Logging is already initialised.
    #[error("logging is already initialised")]
    Again,
}

/// Parses a level or filter. A word alone must be a level: the subscriber would take a misspelt level
/// for the name of a module, and log nothing else.
fn parse_level(text: &str) -> Result<EnvFilter, TelemetryError> {
    let words = text.split(',').map(str::trim).filter(|word| !word.contains(['=', '[']));
    for word in words {
        if word.parse::<LevelFilter>().is_err() || word.is_empty() {
            return Err(TelemetryError::Filter(format!("`{word}` is not a level")));
        }
    }
    EnvFilter::try_new(text).map_err(|error| TelemetryError::Filter(error.to_string()))
}

fn checked_level<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    parse_level(&text).map_err(D::Error::custom)?;
    Ok(text)
}

/// Initialises logging for this process, panics included.
pub fn init(config: &LogConfig) -> Result<(), TelemetryError> {
    let filter = parse_level(&config.level)?;
    // The subscriber would print its own errors with a macro that panics.
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(Lines { format: config.format, places: Mutex::default() });
    match config.format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|_| TelemetryError::Again)?;
    // The default hook would wait for the reader of standard error.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let message = panic.payload_as_str().unwrap_or("a panic without a message");
        tracing::error!(place, thread = thread.name().unwrap_or_default(), "panic: {message}");
    }));
    Ok(())
}

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Number of log lines that this process has dropped.
#[must_use]
pub fn lines_dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Writes the final message of a process to standard error. Like the log it never panics and waits
/// at most [`WRITE_WAIT_MAX`].
pub fn last_words(text: &str) {
    write_line(format!("{text}\n").as_bytes());
}

fn write_line(line: &[u8]) {
    static OUTPUT: LazyLock<Mutex<LineWriter<io::Stderr>>> =
        LazyLock::new(|| Mutex::new(LineWriter::new(io::stderr())));
    if !OUTPUT.lock().unwrap_or_else(PoisonError::into_inner).write_line(line) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

/// The output of the subscriber, with a limit for each place in the code.
struct Lines {
    format: LogFormat,
    /// By address of the metadata, of which each place has its own.
    places: Mutex<HashMap<usize, LogLimit>>,
}

impl Lines {
    /// Returns `None` if the line exceeds the limit of its place, otherwise the number of lines left
    /// out since the last one.
    fn admit(&self, place: usize, now: Monotonic) -> Option<u64> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = || LogLimit::new(PLACE_LINES_MAX, PLACE_PERIOD);
        places.entry(place).or_insert_with(limit).admit(now)
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = StandardError;

    fn make_writer(&'a self) -> StandardError {
        StandardError { format: self.format, left_out: Some(0) }
    }

    fn make_writer_for(&'a self, of: &Metadata<'_>) -> StandardError {
        if *of.level() > Level::INFO {
            return self.make_writer();
        }
        let left_out = self.admit(std::ptr::from_ref(of).addr(), monotonic());
        StandardError { format: self.format, left_out }
    }
}

/// Writes one line, which the subscriber passes with one call.
struct StandardError {
    format: LogFormat,
    /// Lines of the same place that were left out before this one; `None`: this one is, too.
    left_out: Option<u64>,
}

/// Adds the number of lines that were left out to a line.
fn with_left_out(line: &[u8], format: LogFormat, left_out: u64) -> Vec<u8> {
    let (end, note) = match format {
        LogFormat::Text => (&b"\n"[..], format!(" lines_left_out={left_out}\n")),
        LogFormat::Json => (&b"}\n"[..], format!(",\"lines_left_out\":{left_out}}}\n")),
    };
    let mut noted = line.strip_suffix(end).unwrap_or(line).to_vec();
    noted.extend(note.as_bytes());
    noted
}

impl io::Write for StandardError {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.left_out {
            None => _ = DROPPED.fetch_add(1, Ordering::Relaxed),
            Some(0) => write_line(line),
            Some(left_out) => write_line(&with_left_out(line, self.format, left_out)),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes complete lines to a file descriptor without a buffer.
#[derive(Debug)]
struct LineWriter<F> {
    output: F,
    /// The last line was cut off.
    torn: bool,
    /// The last poll timed out.
    stalled: bool,
}

impl<F: AsFd> LineWriter<F> {
    const fn new(output: F) -> Self {
        Self { output, torn: false, stalled: false }
    }

    /// Returns true if the whole line was written. The next call terminates a line that was cut
    /// off.
    fn write_line(&mut self, line: &[u8]) -> bool {
        let end: &[u8] = if self.torn { b"\n" } else { b"" };
        end.chunks(WRITE_BYTES_MAX)
            .chain(line.chunks(WRITE_BYTES_MAX))
            .all(|part| self.write_part(part))
    }

    fn write_part(&mut self, mut part: &[u8]) -> bool {
        while !part.is_empty() {
            if !self.is_writable() {
                return false;
            }
            match nix::unistd::write(&self.output, part) {
                Ok(0) => return false,
                Ok(count) => {
                    self.torn = part[count - 1] != b'\n';
                    part = &part[count..];
                }
                Err(Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// True if a write does not block. Always true for regular files, even on a full disk.
    fn is_writable(&mut self) -> bool {
        let wait = if self.stalled {
            PollTimeout::ZERO
        } else {
            PollTimeout::try_from(WRITE_WAIT_MAX).unwrap_or(PollTimeout::ZERO)
        };
        let mut polled = [PollFd::new(self.output.as_fd(), PollFlags::POLLOUT)];
        let is_writable = loop {
            match poll(&mut polled, wait) {
                Err(Errno::EINTR) => {}
                found => break found.is_ok_and(|ready| ready > 0),
            }
        };
        self.stalled = !is_writable;
        is_writable
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a11_lines_of_one_place_are_limited_and_counted() {
        let lines = super::Lines { format: super::LogFormat::Text, places: Default::default() };
        let begin = super::Monotonic::default();
        let admitted = (0..656).filter(|_| lines.admit(1, begin).is_some()).count();
        assert_eq!(admitted, 100);
        assert_eq!(lines.admit(2, begin), Some(0), "another place has its own limit");
        assert_eq!(lines.admit(1, begin + super::PLACE_PERIOD), Some(556));
        let text = super::with_left_out(b"WARN x\n", super::LogFormat::Text, 7);
        assert_eq!(text, b"WARN x lines_left_out=7\n");
        let json = super::with_left_out(b"{\"a\":1}\n", super::LogFormat::Json, 7);
        assert_eq!(json, b"{\"a\":1,\"lines_left_out\":7}\n");
    }

    use std::fs::File;
    use std::io::Read as _;

    use super::*;

    #[test]
    fn wrong_level_is_rejected_with_the_accepted_levels() {
        let config = LogConfig { level: "lou=d=er".to_owned(), format: LogFormat::Text };
        let error = init(&config).unwrap_err().to_string();
        assert!(error.contains("use error, warn, info"), "{error}");
    }

    #[test]
    fn u24_misspelt_level_is_rejected_when_the_configuration_is_read() {
        let read = |level: &str| {
            serde_json::from_value::<LogConfig>(
                serde_json::json!({"level": level, "format": "text"}),
            )
        };
        for good in ["info", "WARN", "off", "info,flow_server=debug", "flow_server::engine=trace"] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in ["loud", "inof", "info,flow_server", "", "info,"] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains("is not a level; use error, warn"), "{bad}: {error}");
        }
    }

    #[test]
    fn a1_line_for_a_full_disk_or_a_closed_pipe_is_dropped() {
        let mut full = LineWriter::new(File::options().write(true).open("/dev/full").unwrap());
        assert!(!full.write_line(b"lost\n"));
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        assert!(!LineWriter::new(writer).write_line(b"lost\n"));
    }

    #[test]
    fn a1_stopped_reader_delays_no_writer_and_gets_whole_lines_again() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut lines = LineWriter::new(writer);
        let line = [&[b'x'; 100_000][..], b"\n"].concat();
        let begun = crate::clock::monotonic();
        assert!(!lines.write_line(&line), "a pipe has room for 64 KiB");
        for _ in 0..1000 {
            assert!(!lines.write_line(b"lost\n"));
        }
        assert!(begun.elapsed() < 50 * WRITE_WAIT_MAX, "a stalled pipe is waited for once");
        let mut read = vec![0; 64 * 1024];
        let count = reader.read(&mut read).unwrap();
        assert!(lines.write_line(b"kept\n"));
        drop(lines);
        let mut rest = String::from_utf8(read[..count].to_vec()).unwrap();
        reader.read_to_string(&mut rest).unwrap();
        assert!(
            rest.ends_with("x\nkept\n") && !rest.contains("lost"),
            "the line that was cut off is closed"
        );
    }
}
