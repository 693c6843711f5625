//! The interface between the agent and the machines on which it runs workloads.
//!
//! The agent requests a state (`hold`, `ensure`, `stop`, `forget`), and the runtime reports the
//! actual state (`watch`). Every request is idempotent and level-triggered: an agent that restarted
//! may repeat it. Every runtime guarantees:
//!
//! * It starts one `WorkKey` at most once, whichever process crashes between any two writes. If the
//!   history of a key is uncertain, the runtime reports `Lost` and never starts it again.
//! * It reports `Exited`, `Lost` and `Absent` only when it finds no live process (or Pod) of the
//!   key. It cannot find a process that left its process group and cleared its environment.
//! * After a restart of the agent, `watch` first reports the state of every key that the runtime
//!   knows.

mod backoff;
pub mod fake;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
mod logs;
mod observe;
pub mod process;
mod rejection;

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use flow_domain::member::{Reason, ReasonCode};
use flow_domain::progress::Progress;
use flow_domain::time::Timestamp;
use futures::stream::BoxStream;
use tokio::sync::mpsc;

use crate::outputs::OutputDir;
pub use crate::workload::{
    Container, DataSource, Held, HoldRequest, ImageSource, Origin, ProgressSource, StartRequest,
    WorkKey, WorkState,
};

/// One observation. A later observation of a key replaces an earlier one; `Absent` closes the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    pub key: WorkKey,
    pub state: WorkState,
    /// The latest progress; `None` if it did not change since the previous observation.
    pub progress: Option<Progress>,
}

/// The requested part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRequest {
    /// Start this many lines before the end; `None` = at the start of the kept log.
    pub tail_lines: Option<u64>,
    /// Keep the stream open until the workload ends.
    pub follow: bool,
}

/// The failure of a request to a runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Permanent: a retry cannot succeed. The member fails with this reason.
    #[error("{0}")]
    Refused(Reason),
    /// Transient: the caller retries with backoff.
    #[error("{context}")]
    Transient {
        /// The failed step, for the agent's log.
        context: String,
        #[source]
        source: std::io::Error,
        /// The failure as the hub may see it: without names of the party's files and hosts.
        reason: Reason,
    },
}

impl RuntimeError {
    /// The failure as the hub may see it.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        match self {
            Self::Refused(reason) | Self::Transient { reason, .. } => reason,
        }
    }

    /// A transient error of the agent's machine during `action`.
    pub(crate) fn of_machine(action: &str, source: std::io::Error) -> Self {
        let text = format!(
            "the party's agent could not {action} and retries; if this persists, ask the party \
             for the cause in the agent's log"
        );
        Self::Transient {
            context: format!("could not {action}"),
            source,
            reason: Reason::new(ReasonCode::RuntimeError, text),
        }
    }
}

/// Starts and stops workloads and reports their states.
#[async_trait]
pub trait Runtime: Send + Sync + 'static {
    /// Reserves the requested ports. A repeated request returns the same result.
    async fn hold(&self, request: HoldRequest) -> Result<Held, RuntimeError>;

    /// Starts the workload unless it was started before. Returns when the start is durable, before
    /// the workload ends.
    async fn ensure(&self, request: StartRequest) -> Result<(), RuntimeError>;

    /// Releases the hold, or ends the workload: SIGTERM, `grace_s` seconds, SIGKILL. Returns when
    /// the request is accepted; `watch` reports the end. For an unknown key `watch` reports
    /// `Absent`.
    async fn stop(&self, key: WorkKey, grace_s: u64) -> Result<(), RuntimeError>;

    /// Lists every key of which this machine has any trace, alive or not. The agent calls it once
    /// at its start and stops the keys that its journal does not contain before it connects to the
    /// hub, because the journal may be lost.
    async fn known(&self) -> Result<Vec<WorkKey>, RuntimeError>;

    /// Public properties of this runtime by name, such as its kind and its containment. They are
    /// part of the inventory and contain no path.
    fn describe(&self) -> BTreeMap<String, String>;

    /// Observations from now on, starting with the state of every known key. A new receiver
    /// replaces the previous one.
    fn watch(&self) -> mpsc::Receiver<Observation>;

    /// The log, oldest first, in chunks of at most 64 KiB.
    async fn logs(
        &self,
        key: WorkKey,
        request: LogRequest,
    ) -> Result<BoxStream<'static, std::io::Result<Bytes>>, RuntimeError>;

    /// The outputs of a member, alive or ended. `Refused` = this agent has none of this key, or
    /// cannot read them.
    async fn outputs(&self, key: WorkKey) -> Result<OutputDir, RuntimeError>;

    /// Removes what only proved the key's state, because the hub has stored that state. Logs and
    /// outputs stay until the agent's retention removes them.
    async fn forget(&self, key: WorkKey) -> Result<(), RuntimeError>;

    /// Applies the retention to forgotten keys. Removes a key when nothing of it is left but its
    /// proof, and returns the number of removed keys.
    async fn sweep(&self, expired: &Expired) -> Result<usize, RuntimeError>;
}

/// Times of the retention: what belongs to a key that was forgotten at such a time or before is
/// removed. `None` keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// The proof of the key's end.
    pub proof: Timestamp,
    pub outputs: Option<Timestamp>,
    pub logs: Option<Timestamp>,
    /// The working directory and `HOME`.
    pub scratch: Option<Timestamp>,
}

/// The span of one request to a runtime.
fn request_span(request: &'static str, key: &WorkKey) -> tracing::Span {
    tracing::info_span!("runtime", request, run.id = %key.run, attempt = key.attempt)
}
