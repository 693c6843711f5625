//! Agent of one party: receives desired members from the hub, decides by the party's own policy, and
//! runs them on the party's machines.
//!
//! ```text
//!  session ──▶ agent ──▶ reconcile (pure: desired member, admission, observation → state, actions)
//!  (gRPC)        │  └──▶ journal (SQLite; written before any action)
//!                │  └──▶ admission (the party's policy: images, datasets, resources)
//!                └─────▶ runtime queue ──▶ runtime: process │ kubernetes │ fake
//! ```
//!
//! The agent must not know how runs are scheduled: it sees only its own members. A faulty or hostile
//! hub can request and stop members; it cannot make the party run what its policy does not admit.

pub mod admission;
pub mod agent;
pub mod cli;
pub mod config;
pub mod control;
mod convert;
pub mod dial;
pub mod health;
pub mod journal;
pub mod member;
pub mod metrics;
pub mod outputs;
pub mod reconcile;
pub mod rest;
pub mod retention;
pub mod runtime;
mod runtime_queue;
pub mod session;
pub mod sidecar;
pub mod workload;
