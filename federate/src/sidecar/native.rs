//! The sidecar container of a Pod. It observes the progress of the workload and does nothing else;
//! Kubernetes starts it before the workload and ends it afterwards. It writes each new `Progress`
//! as one line of JSON to its standard output, and the agent reads the lines from the log of the
//! container. It has no port, no token and no state.

use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use serde::{Deserialize, Serialize};

use super::progress::{ProgressHistory, StatusPage, Watcher, metrics_file};
use super::protocol::line;
use crate::workload::ProgressSource;

/// The argument that selects this kind of sidecar; its value is a [`ProgressTask`] as JSON.
pub const FLAG: &str = "--progress";

const POINTS_PER_LINE_MAX: usize = 200;

/// The input of the sidecar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressTask {
    /// The workload's output directory in the sidecar's container.
    pub outputs: PathBuf,
    pub progress: ProgressSource,
    /// Port of the status page on the Pod's loopback interface.
    pub port: Option<u16>,
}

impl ProgressTask {
    /// The sidecar's arguments.
    #[must_use]
    pub fn args(&self) -> [String; 3] {
        let task = serde_json::to_string(self).expect("a task serializes to JSON");
        ["sidecar".to_owned(), FLAG.to_owned(), task]
    }
}

/// Writes progress until SIGTERM.
pub fn run(task: &str) -> io::Result<()> {
    let ProgressTask { outputs, progress, port } = serde_json::from_str(task)?;
    // The thread of the watcher inherits the mask, so block the signals before it starts.
    let mask = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    mask.thread_block()?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    let changed =
        Arc::new(EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
    let watcher = Watcher::start(
        metrics_file(&outputs),
        StatusPage::of(&progress, |_| port),
        changed.clone(),
    )?;
    let mut written = Written::default();
    loop {
        let mut polled = [
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(changed.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        if let Ok(Some(_)) = signals.read_signal() {
            break;
        }
        // The event only wakes the loop; the watcher has the progress.
        let _ = changed.read();
        let lines = watcher.with(|history| written.new_lines(history));
        io::stdout().write_all(&lines)?;
        if watcher.has_ended() {
            // Kubernetes restarts the container.
            return Err(io::Error::other("the thread that observes progress ended"));
        }
    }
    let lines = written.new_lines(&watcher.finish());
    io::stdout().write_all(&lines)
}

/// The progress that was written: a cursor of points and the version of the rest.
#[derive(Debug, Default)]
struct Written {
    version: u64,
    points: u64,
}

impl Written {
    fn new_lines(&mut self, history: &ProgressHistory) -> Vec<u8> {
        let mut lines = Vec::new();
        while history.version() > self.version || history.has_more(self.points) {
            self.version = history.version();
            lines.extend(line(&history.since(&mut self.points, POINTS_PER_LINE_MAX)));
        }
        lines
    }
}
