//! Named points at which a test lets the sidecar vanish, as `kill -9` would: `FLOW_SIDECAR_CRASH_AT=<point>`.
//!
//! Compiled in on purpose: what is tested is the program that ships. The variable is looked up once, and the agent never
//! hands it down (a sidecar is born with an empty environment), so only a wrapper script can set it.

use std::sync::OnceLock;

/// Places in the life of a sidecar, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Born, nothing done.
    BeforeLock,
    /// The lock is held.
    AfterLock,
    /// Ports are bound, nobody knows.
    AfterBind,
    /// Told to start, nothing written.
    BeforeStarted,
    /// `started` is durable, nothing spawned.
    AfterStarted,
    /// The workload runs, nobody knows.
    AfterSpawn,
    /// All is over and written, but `exit` is not yet named.
    BeforeExitRename,
    /// `exit` is durable, nobody knows.
    AfterExitRename,
}

impl Point {
    /// Every point, in order.
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

/// Vanish here, if that was asked for.
pub fn point(here: Point) {
    static WANTED: OnceLock<Option<String>> = OnceLock::new();
    let wanted = WANTED.get_or_init(|| std::env::var("FLOW_SIDECAR_CRASH_AT").ok());
    if wanted.as_deref() == Some(here.as_str()) {
        // SIGKILL, not abort: no handler, no core, exactly what an out-of-memory kill does.
        let _ = nix::sys::signal::raise(nix::sys::signal::SIGKILL);
    }
}
