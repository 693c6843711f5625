//! The rules of the platform, and nothing else: no IO, no async, no clock, no randomness.
//!
//! ```text
//!  template ─┐                       ┌─ framework (iflearner, generic): argv, completion rule
//!  task ─────┼─▶ spec (bytes, digest)┤
//!            │                       └─ bindings: typed holes, filled late
//!            └─▶ run ── step(run, input, now) → (run', effects)
//!                 └─ member: what is wished, what was seen, four numbers
//!  policy: decide(spec, resolution) → allow | ask | deny        error: one table for HTTP, gRPC and v1
//! ```
//!
//! Time and identifiers are handed in; effects are values that somebody else performs. The manifest names no crate
//! that does IO, so Cargo checks the layering.

#![warn(missing_docs)]

pub mod bindings;
pub mod error;
pub mod framework;
pub mod id;
pub mod limits;
pub mod member;
pub mod policy;
pub mod progress;
pub mod run;
pub mod sample;
pub mod spec;
pub mod task;
pub mod template;
pub mod text;
pub mod time;
