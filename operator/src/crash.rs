//! Named points at which a test lets the operator vanish, as `kill -9` would: `OPERATOR_CRASH_AT=<point>`.
//!
//! There is one behind each write of the making of a job, so that a test can end the process between any two of them.
//! Builds without debug assertions do not have them.

/// Places in the making of a job, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The object was seen, nothing is written.
    BeforeChildren,
    /// The NetworkPolicy is there.
    AfterNetworkPolicy,
    /// The Service is there.
    AfterService,
    /// The route is there.
    AfterRoute,
    /// The Job is there, and not recorded.
    AfterJob,
    /// The Job is recorded.
    AfterStatus,
}

impl Point {
    /// The value of the variable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeChildren => "before_children",
            Self::AfterNetworkPolicy => "after_network_policy",
            Self::AfterService => "after_service",
            Self::AfterRoute => "after_route",
            Self::AfterJob => "after_job",
            Self::AfterStatus => "after_status",
        }
    }
}

/// Vanish here, if that was asked for.
#[cfg(debug_assertions)]
pub fn point(here: Point) {
    static WANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let wanted = WANTED.get_or_init(|| std::env::var("OPERATOR_CRASH_AT").ok());
    if wanted.as_deref() == Some(here.as_str()) {
        // SIGKILL, not abort: no handler, no farewell, exactly what an out-of-memory kill does.
        let _ = nix::sys::signal::raise(nix::sys::signal::SIGKILL);
    }
}

/// Nothing, in a build that ships.
#[cfg(not(debug_assertions))]
pub const fn point(_: Point) {}
