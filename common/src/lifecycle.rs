//! The end of a process. The first signal asks for an orderly end (finish what was begun, say goodbye), which has a
//! deadline; the second signal ends the process at once. Correctness never rests on either: `kill -9` is always allowed.
//!
//! Second signal and deadline are handled inside signal handlers, by `_exit`: both work when the runtime is stuck.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use nix::libc;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit status of a process whose orderly end took too long.
pub const LATE_EXIT_STATUS: i32 = 124;

/// Longest time of an orderly end, in seconds; 0 = signals are not handled here.
static DEADLINE_S: AtomicU32 = AtomicU32::new(0);
/// A signal has come.
static SIGNALLED: AtomicBool = AtomicBool::new(false);
/// The deadline runs.
static ARMED: AtomicBool = AtomicBool::new(false);

/// The request to end.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Cancelled by the first signal: accept nothing new, finish, leave.
    pub soft: CancellationToken,
}

impl Shutdown {
    /// Listen for SIGTERM and SIGINT from now on. An orderly end that takes longer than `deadline` is cut off with
    /// [`LATE_EXIT_STATUS`]; a second signal ends the process with 128 and the signal's number. Needs a running tokio
    /// runtime. Once per process.
    pub fn on_signals(deadline: Duration) -> io::Result<Self> {
        let seconds = u32::try_from(deadline.as_secs()).unwrap_or(u32::MAX);
        DEADLINE_S.store(seconds.max(1), Ordering::Relaxed);
        for number in [libc::SIGTERM, libc::SIGINT] {
            // SAFETY: the handler reads and writes atomics, and calls `alarm`, `poll`, `write` and `_exit` alone.
            unsafe { signal_hook_registry::register(number, move || on_signal(number)) }?;
        }
        // SAFETY: as above.
        unsafe {
            signal_hook_registry::register(libc::SIGALRM, || {
                leave(b"the orderly end took too long: ended at once\n", LATE_EXIT_STATUS)
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
            tracing::info!("{name}: going down; a second signal ends it at once");
            soft.cancel();
        });
        Ok(shutdown)
    }

    /// The process ends by itself: from now on the deadline runs.
    pub fn begin(&self) {
        arm();
        self.soft.cancel();
    }
}

fn on_signal(number: i32) {
    if SIGNALLED.swap(true, Ordering::Relaxed) {
        leave(b"second signal: ended at once\n", 128 + number);
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

/// Ends the process from inside a signal handler. The text is written only where that takes no time.
fn leave(text: &[u8], status: i32) -> ! {
    let mut polled = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    // SAFETY: `poll`, `write` and `_exit` are async-signal-safe, and get memory that lives as long as the calls.
    unsafe {
        if libc::poll(&raw mut polled, 1, 0) == 1 {
            libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len());
        }
        libc::_exit(status)
    }
}

/// From now on, files this process makes are readable by its own user only, whatever the machine's default. First thing in
/// `main`.
pub fn private_files() {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
}

/// Lets this process have as many files open as the machine allows: each agent connected is one.
pub fn raise_open_files() -> io::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}
