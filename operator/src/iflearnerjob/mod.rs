//! `IflearnerJob`: one member of a federated training, as one Pod, reachable by the other members.
//!
//! A reconcile pass goes dereference → validate → build → apply → write status. `dereference` reads
//! the objects that the IflearnerJob refers to; `validate`, `build` and `status` are pure; only
//! `apply` writes. The module guarantees:
//!
//! - The Job is created once. Its name follows from the UID of the IflearnerJob, so a second
//!   creation finds the first one. Once the status records the UID of the Job, a missing Job means
//!   that the run is over (`JobDeleted`). An operator that ends between creation and record leaves
//!   only the name: a user who deletes the Job before the next pass gets it created again.
//! - A terminal status never changes, and no child of its object runs.
//! - Every other child is compared with the desired state in each pass, and written only if it
//!   differs.
//! - The status is written once, at the end of a pass, and only if it changes. The first status of
//!   an object may be delayed while Jobs of other objects are created.

mod apply;
mod backoff;
pub mod build;
mod burst;
mod context;
pub mod controller;
mod dereference;
mod error;
pub mod names;
mod namespace_policy;
pub mod observe;
mod outcome;
pub mod pod_defaults;
pub mod pod_security;
mod pods;
mod reconcile;
pub mod status;
mod unreadable;
mod unrecorded_jobs;
pub mod validate;
