//! The REST interface as its callers see it: real router, engine and store; only the clock is moved by hand.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness serves other tests too")]
mod common;

mod document;
mod doors;
mod events;
mod input;
mod logs;
mod openapi;
mod parties;
mod runs;
mod service;
mod tasks;
mod templates;
