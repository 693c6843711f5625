//! The hub: keeps tasks, schedules them across parties, tells users how they stand.
//!
//! ```text
//!  api, grpc ─▶ engine ─▶ domain
//!                  └────▶ store
//! ```
//!
//! Handlers hold no rules, SQL holds no rules; `flow_domain` holds all of them.

pub mod api;
pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod door;
pub mod engine;
pub mod grpc;
mod hub_agent;
pub mod metrics;
pub mod readiness;
pub mod reload;
pub mod store;
