//! What every binary of the platform needs and none should write twice: configuration, time, identifiers, logging,
//! shutting down, the care that secrets and listeners ask for, and what text of other machines may do. It knows nothing of tasks, runs or parties beyond
//! their identifiers.

#![warn(missing_docs)]

pub mod clock;
pub mod config;
pub mod dir_lock;
pub mod disk;
pub mod ids;
pub mod lifecycle;
pub mod log_limit;
pub mod loopback;
pub mod plain_file;
pub mod private_dir;
pub mod probe;
pub mod secret_file;
pub mod supervisor;
pub mod telemetry;
pub mod text;
pub mod tls;
