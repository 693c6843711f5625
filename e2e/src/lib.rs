//! Whole federations of real processes on loopback: what the tests of this crate break, and what the benches measure.
//!
//! ```text
//!  binaries    builds and finds flow-server, flow-federate and flow-operator
//!  process     a child process with a log, tied to the test process
//!  registry    where container images are pushed to and pulled from
//!  federation  one hub and its parties: start, kill, freeze, wipe, back up, restore
//!  gateway     a proxy in front of a cluster, for the route in it
//!  hub         the hub's REST interface as a user sees it: submit, start, wait, events
//!  job         what is submitted, and the workloads behind it
//!  mounts      small disks, to be filled
//!  proc        what is alive on this machine, seen from outside
//! ```
//!
//! Nothing here knows the insides of server or agent: it configures files, calls REST, and looks at `/proc`. What it
//! keeps true: nothing outlives the test process, and a federation that is [ended](Federation::end) has proven that no
//! process is left and that no workload was started twice.

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

/// Longest wait for what should come at once; long because other tests may want the same two cores.
pub const SOON: Duration = Duration::from_secs(30);

/// Waits until `condition` finds something, looking again and again; `None` at the deadline.
pub async fn eventually<T>(
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> Option<T> {
    let looks = async {
        loop {
            if let Some(found) = condition().await {
                return found;
            }
            flow_common::clock::sleep(Duration::from_millis(15)).await;
        }
    };
    flow_common::clock::timeout(deadline, looks).await.ok()
}
