//! One party's agent: it hears from the hub what its members shall be, decides by the party's own rules, and makes it
//! so on the party's machines.
//!
//! ```text
//!  session ──▶ agent ──▶ reconcile (pure: wish, verdict, observation → state, actions)
//!  (gRPC)        │  └──▶ journal (SQLite; written before anything is done)
//!                │  └──▶ offer (what the party allows: images, datasets, resources)
//!                └─────▶ runtime ──▶ process │ kubernetes │ fake
//! ```
//!
//! It refuses to know how a run is scheduled: it sees its own members only. A hub, however broken or hostile, can ask,
//! and can stop; it cannot make the party run what the party does not allow.

pub mod admission;
pub mod agent;
pub mod cli;
pub mod config;
mod convert;
pub mod dial;
pub mod health;
pub mod journal;
pub mod member;
pub mod metrics;
pub mod reconcile;
pub mod retention;
pub mod runtime;
mod runtime_queue;
pub mod session;
pub mod sidecar;
