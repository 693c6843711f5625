//! Named points at which a test kills the sidecar as `kill -9` does:
//! `FLOW_SIDECAR_CRASH_AT=<point>`.
//!
//! They are part of the shipped program, so that the tests run that program. The agent never passes
//! the variable on (a sidecar starts with an empty environment), so only a wrapper script can set
//! it.

use std::sync::OnceLock;

/// The points, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The sidecar is spawned.
    BeforeLock,
    /// The lock is held.
    AfterLock,
    /// Ports are bound and not reported.
    AfterBind,
    /// The start is requested, `started` is not written.
    BeforeStarted,
    /// `started` is durable, the workload is not spawned.
    AfterStarted,
    /// The workload runs and is not reported.
    AfterSpawn,
    /// The exit is written and not renamed to `exit`.
    BeforeExitRename,
    /// `exit` is durable and not reported.
    AfterExitRename,
}

impl Point {
    pub const ALL: [Self; 8] = [
        Self::BeforeLock,
        Self::AfterLock,
        Self::AfterBind,
        Self::BeforeStarted,
        Self::AfterStarted,
        Self::AfterSpawn,
        Self::BeforeExitRename,
        Self::AfterExitRename,
    ];

    /// The value of the variable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeLock => "before_lock",
            Self::AfterLock => "after_lock",
            Self::AfterBind => "after_bind",
            Self::BeforeStarted => "before_started",
            Self::AfterStarted => "after_started",
            Self::AfterSpawn => "after_spawn",
            Self::BeforeExitRename => "before_exit_rename",
            Self::AfterExitRename => "after_exit_rename",
        }
    }
}

/// Kills this process if the variable names this point.
pub fn point(here: Point) {
    static CRASH_AT: OnceLock<Option<String>> = OnceLock::new();
    let crash_at = CRASH_AT.get_or_init(|| std::env::var("FLOW_SIDECAR_CRASH_AT").ok());
    if crash_at.as_deref() == Some(here.as_str()) {
        // SIGKILL instead of abort: no handler and no core file, as an out-of-memory kill.
        let _ = nix::sys::signal::raise(nix::sys::signal::SIGKILL);
    }
}
