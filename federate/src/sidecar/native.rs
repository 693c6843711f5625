//! The sidecar inside a pod: looks after progress, and after nothing else. Kubernetes starts it before the workload, ends
//! it afterwards, and keeps its output, which is how it speaks: one JSON object a line on its standard output, each a
//! `Progress` with the points that are new. It has no port, no token and no state.

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

use super::progress::{Known, StatusPage, Watcher, metrics_file};
use super::protocol::line;
use crate::runtime::ProgressSource;

/// The argument that makes a sidecar one of these; its value is a [`Task`] as JSON.
pub const FLAG: &str = "--progress";

/// Most points in a line.
const POINTS_PER_LINE: usize = 200;

/// What is to be watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The workload's output directory, as the sidecar sees it.
    pub outputs: PathBuf,
    /// Where progress comes from.
    pub progress: ProgressSource,
    /// Port of the status page, on the pod's loopback.
    pub port: Option<u16>,
}

impl Task {
    /// The sidecar's arguments.
    #[must_use]
    pub fn args(&self) -> [String; 3] {
        let task = serde_json::to_string(self).expect("text keys and no failing serializer");
        ["sidecar".to_owned(), FLAG.to_owned(), task]
    }
}

/// Tell progress until SIGTERM.
pub fn run(task: &str) -> io::Result<()> {
    let Task { outputs, progress, port } = serde_json::from_str(task)?;
    // Before the thread is born, so that it blocks them too.
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
    let mut told = Told::default();
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
        // Only wakes the loop; what is new is asked of the watcher.
        let _ = changed.read();
        let lines = watcher.with(|known| told.lines(known));
        io::stdout().write_all(&lines)?;
        if watcher.has_ended() {
            // Kubernetes starts the container again.
            return Err(io::Error::other("the thread that watches the progress ended"));
        }
    }
    let lines = told.lines(&watcher.finish());
    io::stdout().write_all(&lines)
}

/// What has been said already.
#[derive(Debug, Default)]
struct Told {
    version: u64,
    points: u64,
}

impl Told {
    /// What is new, as lines.
    fn lines(&mut self, known: &Known) -> Vec<u8> {
        let mut lines = Vec::new();
        while known.version() > self.version || known.has_more(self.points) {
            self.version = known.version();
            lines.extend(line(&known.since(&mut self.points, POINTS_PER_LINE)));
        }
        lines
    }
}
