//! The Kubernetes side of the platform: custom resources, and the controllers that make real work of them.
//!
//! One module per resource; so far [`iflearnerjob`]. What a second controller would need too stands beside it: caches
//! that know what was just written, children brought to what is desired, events, leadership, metrics. Without the
//! feature `controller` only the types remain, for programs that create and read the resources and need none of it.

pub mod iflearnerjob;

pub mod apis;
pub mod cache;
pub mod children;
pub mod cli;
pub mod config;
pub mod events;
pub mod gateway_api;
pub mod leader;
pub mod metrics;
pub mod rbac;
pub mod run;
mod serve;
pub mod setup;

/// Who writes, in `metadata.managedFields`, and who reports, in events.
pub const MANAGER: &str = "flow-operator";
