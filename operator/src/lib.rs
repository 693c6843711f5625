//! `flow-operator`: the Kubernetes controllers of the platform.
//!
//! Each custom resource has one module; so far [`iflearnerjob`]. The modules beside it serve every
//! controller: caches with the operator's own writes, children, events, leader election, metrics.
//! [`setup`] contains the commands of an administrator. The types of the custom resources are in
//! the crate `flow-crd`.

pub mod apis;
mod arguments;
pub mod cache;
pub mod children;
pub mod cli;
pub mod config;
pub mod creations;
pub mod events;
pub mod gateway_api;
mod health;
pub mod iflearnerjob;
pub mod leader;
pub mod metrics;
pub mod rbac;
pub mod run;
pub mod setup;

/// Field manager of all writes, and reporting controller of all events.
pub const FIELD_MANAGER: &str = "flow-operator";
