//! The hub: keeps tasks, schedules them across parties, tells users how they stand.
//!
//! ```text
//!  api, grpc ─▶ engine ─▶ domain
//!                  └────▶ store
//! ```
//!
//! Handlers hold no rules, SQL holds no rules; `flow_domain` holds all of them.

pub mod api;
pub mod auth;
pub mod cli;
pub mod config;
pub mod engine;
pub mod error;
pub mod grpc;
mod hub_agent;
pub mod listener;
pub mod metrics;
pub mod readiness;
pub mod reload;
pub mod serve;
pub mod sessions;
pub mod startup;
pub mod state;
pub mod store;
