//! Shutdown of a process. The first signal starts a graceful shutdown with a deadline; the second
//! signal ends the process at once. Correctness does not depend on either: `kill -9` is always
//! allowed.
//!
//! Signal handlers call `_exit` for second signal and deadline: both work when the runtime is
//! stuck.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use nix::libc;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit status of a process that missed the deadline of its graceful shutdown.
pub const LATE_EXIT_STATUS: i32 = 124;

/// Deadline of the graceful shutdown in seconds; 0 = no signal handlers.
static DEADLINE_S: AtomicU32 = AtomicU32::new(0);
/// The first signal has arrived.
static SIGNALLED: AtomicBool = AtomicBool::new(false);
/// The timer of the deadline runs.
static ARMED: AtomicBool = AtomicBool::new(false);

/// The request to shut down.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Cancelled by the first signal: accept no new work, finish, exit.
    pub soft: CancellationToken,
}

impl Shutdown {
    /// Handles SIGTERM and SIGINT from now on. A graceful shutdown that takes longer than
    /// `deadline` ends with [`LATE_EXIT_STATUS`]; a second signal ends the process with 128 plus
    /// its number. Needs a running tokio runtime. Call it once per process.
    ///
    /// # Errors
    /// Errors of the operating system at the registration of the handlers.
    pub fn on_signals(deadline: Duration) -> io::Result<Self> {
        let seconds = u32::try_from(deadline.as_secs()).unwrap_or(u32::MAX);
        DEADLINE_S.store(seconds.max(1), Ordering::Relaxed);
        for number in [libc::SIGTERM, libc::SIGINT] {
            // SAFETY: the handler reads and writes atomics, and calls `alarm`, `poll`, `write` and
            // `_exit` alone.
            unsafe { signal_hook_registry::register(number, move || on_signal(number)) }?;
        }
        // SAFETY: as above.
        unsafe {
            signal_hook_registry::register(libc::SIGALRM, || {
                exit_now(
                    b"the graceful shutdown missed its deadline: exiting at once\n",
                    LATE_EXIT_STATUS,
                )
            })
        }?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = Self::default();
        let soft = shutdown.soft.clone();
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!("{name}: shutting down; a second signal ends the process at once");
            soft.cancel();
        });
        Ok(shutdown)
    }

    /// Begins a shutdown without a signal; the deadline runs from now on.
    pub fn begin(&self) {
        arm();
        self.soft.cancel();
    }
}

fn on_signal(number: i32) {
    if SIGNALLED.swap(true, Ordering::Relaxed) {
        exit_now(b"second signal: exiting at once\n", 128 + number);
    }
    arm();
}

fn arm() {
    let seconds = DEADLINE_S.load(Ordering::Relaxed);
    if seconds > 0 && !ARMED.swap(true, Ordering::Relaxed) {
        // SAFETY: sets a timer, whose signal has a handler since DEADLINE_S is set.
        unsafe { libc::alarm(seconds) };
    }
}

/// Ends the process from a signal handler. Writes the text only if the write does not block.
fn exit_now(text: &[u8], status: i32) -> ! {
    let mut polled = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    // SAFETY: `poll`, `write` and `_exit` are async-signal-safe, and get memory that lives as long
    // as the calls.
    unsafe {
        if libc::poll(&raw mut polled, 1, 0) == 1 {
            libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len());
        }
        libc::_exit(status)
    }
}

/// Makes new files of this process accessible to its own user only. Call it first in `main`.
pub fn private_files() {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
}

/// Raises the limit of open files to the maximum of the machine: each connected agent needs one.
pub fn raise_open_files() -> io::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}
