//! Tests of the REST API through its real router, engine and store. Only the clock is set by the
//! tests.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness serves other tests too")]
mod common;

mod access;
mod apply;
mod console;
mod document;
mod events;
mod input;
mod listener;
mod logs;
mod openapi;
mod outputs;
mod parties;
mod runs;
mod service;
mod sign_in;
mod tasks;
mod templates;
mod v1;
mod webhooks;
