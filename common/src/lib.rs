//! Shared infrastructure of all programs: configuration, clocks, identifiers, logging, supervision,
//! shutdown, files that hold secrets, TLS, the listener for probes, queue and write deadline of sockets,
//! metrics, and untrusted text.
//!
//! The crate knows identifiers and points in time from `flow_domain`, and nothing else of tasks,
//! runs and parties.

#![warn(missing_docs)]

pub mod accept_queue;
pub mod clock;
pub mod config;
pub mod config_args;
pub mod dir_lock;
pub mod disk;
pub mod error;
pub mod heap;
pub mod ids;
pub mod lifecycle;
pub mod log_limit;
pub mod loopback;
pub mod metrics;
pub mod plain_file;
pub mod private_dir;
pub mod probe;
pub mod secret_file;
pub mod stdout;
pub mod supervisor;
pub mod telemetry;
pub mod text;
pub mod tls;
pub mod write_deadline;
