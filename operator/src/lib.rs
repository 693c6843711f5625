//! The Kubernetes side of the platform: custom resources, and the controllers that make real work of them.
//!
//! One module per resource; so far [`iflearnerjob`]. What a second controller would need too stands beside it: caches
//! that know what was just written, children brought to what is desired, events, leadership, metrics. Without the
//! feature `controller` only the types remain, for programs that create and read the resources and need none of it.

pub mod iflearnerjob;

#[cfg(feature = "controller")]
pub mod apis;
#[cfg(feature = "controller")]
pub mod cache;
#[cfg(feature = "controller")]
pub mod children;
#[cfg(feature = "controller")]
pub mod cli;
#[cfg(feature = "controller")]
pub mod config;
#[cfg(feature = "controller")]
pub mod events;
#[cfg(feature = "controller")]
pub mod leader;
#[cfg(feature = "controller")]
pub mod metrics;
#[cfg(feature = "controller")]
pub mod rbac;
#[cfg(feature = "controller")]
pub mod run;
#[cfg(feature = "controller")]
mod serve;
#[cfg(feature = "controller")]
pub mod setup;

/// Who writes, in `metadata.managedFields`, and who reports, in events.
pub const MANAGER: &str = "flow-operator";
