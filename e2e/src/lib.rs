//! Federations of real processes on loopback, for the tests of this crate and for the benches.
//!
//! ```text
//!  binaries    builds and finds flow-server, flow-federate and flow-operator
//!  process     a child process with a log, tied to the test process
//!  registry    a registry of container images
//!  federation  one hub and its parties: start, kill, freeze, wipe, back up, restore
//!  gateway     a proxy in front of a cluster, for the route in it
//!  hub         a client of the hub's REST API: submit, start, wait, events
//!  job         templates, tasks and the programs of workloads
//!  mounts      small disks for tests of full disks
//!  proc        live processes of this machine
//! ```
//!
//! This crate does not depend on internals of server or agent: it writes configuration files, calls
//! REST and reads `/proc`. No process outlives the test process, and [`Federation::end`] checks
//! that no process is left and that no workload was started twice.

pub mod binaries;
mod federation;
mod gateway;
mod hub;
mod job;
pub mod mounts;
pub mod proc;
mod process;
mod registry;

pub use federation::{Builder, Cluster, Federation, Prepare};
pub use gateway::Gateway;
pub use hub::{Hub, Run, member};
pub use job::Job;
pub use process::Daemon;
pub use registry::Registry;

use std::time::Duration;

/// Timeout for immediate effects; long, because other tests may use the same two cores.
pub const SOON: Duration = Duration::from_secs(30);

/// Evaluates `condition` repeatedly until it returns a value; `None` at the deadline.
pub async fn eventually<T>(
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> Option<T> {
    let polling = async {
        loop {
            if let Some(found) = condition().await {
                return found;
            }
            flow_common::clock::sleep(Duration::from_millis(15)).await;
        }
    };
    flow_common::clock::timeout(deadline, polling).await.ok()
}
