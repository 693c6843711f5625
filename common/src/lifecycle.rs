//! Going down in two steps. The first signal asks for an orderly end (finish what was begun, say goodbye), the second
//! for an immediate one. Correctness never rests on either: `kill -9` is always allowed.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two wishes to end.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Cancelled by the first signal: accept nothing new, finish, leave.
    pub soft: CancellationToken,
    /// Cancelled by the second signal: leave now.
    pub hard: CancellationToken,
}

impl Shutdown {
    /// Listen for SIGTERM and SIGINT from now on. Needs a running tokio runtime.
    pub fn on_signals() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = Self::default();
        let wishes = shutdown.clone();
        tokio::spawn(async move {
            for (wish, how) in [(&wishes.soft, "orderly; a second signal ends at once"), (&wishes.hard, "at once")] {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                tracing::info!("{name}: going down ({how})");
                wish.cancel();
            }
        });
        Ok(shutdown)
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
