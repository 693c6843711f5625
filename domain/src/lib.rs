//! The rules of the platform as pure functions: no IO, no async, no clock, no randomness.
//!
//! ```text
//!  template ─┐                       ┌─ framework (iflearner, generic): argv, completion rule
//!  task ─────┼─▶ spec (bytes, digest)┤
//!            │                       └─ bindings: typed holes, filled at the start
//!            └─▶ run ── step(run, input, now) → (run', effects)
//!                 └─ member: desired phase, last report, four numbers
//!  policy: decide(spec, resolution) → allow | ask | deny    error: one table for HTTP and gRPC
//! ```
//!
//! Callers pass time and identifiers in and perform the returned effects. The manifest names no
//! crate that does IO, so Cargo checks the layering.

#![warn(missing_docs)]

pub mod access;
pub mod bindings;
pub mod error;
pub mod framework;
pub mod id;
pub mod label;
pub mod limits;
pub mod member;
pub mod output;
pub mod policy;
pub mod progress;
pub mod run;
pub mod sample;
pub mod spec;
pub mod task;
pub mod template;
pub mod text;
pub mod time;
pub mod validation;
pub mod variables;
pub mod webhook;
