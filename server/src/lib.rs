//! The hub: stores tasks, schedules them across parties, reports their state.
//!
//! ```text
//!  serve ─▶ api, grpc ─▶ engine ─▶ domain
//!              │           ├────▶ store
//!              └───────────┴────▶ sessions
//! ```
//!
//! Handlers and SQL contain no rules; `flow_domain` contains all of them.

pub mod access;
pub mod api;
mod auth;
mod backup;
pub mod cli;
pub mod config;
pub mod cors;
pub mod engine;
pub mod error;
pub mod grpc;
mod hub_agent;
pub mod iflearner_flow;
mod import;
pub mod listener;
pub mod metrics;
pub mod network;
mod overview;
pub mod readiness;
pub mod reload;
pub mod serve;
pub mod sessions;
pub mod sign_in;
mod sign_in_log;
pub mod startup;
pub mod state;
pub mod store;
pub mod webhooks;
