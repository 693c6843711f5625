//! What tests need from the machine, each behind one call: real database servers, the real training framework and its
//! data, a Kubernetes, ports, deadlines, and proof of what was started.
//!
//! The pieces are made by `make setup-test`; a test that misses one panics with those words rather than passing without
//! it. Everything started through this crate dies with the test process, however that ends.

mod database;
pub mod http2;
pub mod kube;
mod load;
mod machine;
mod marker;
mod outage;
mod port;
mod tied;
mod tls;
mod wait;

pub use database::{Server, mariadb, mysql, shared_mariadb, shared_mysql};
pub use load::{Holders, answer_time, resident_bytes, sized};
pub use machine::{
    cache_dir, digits, digits_dir, nginx, registry, repository, schemathesis, venv_python, workload,
};
pub use marker::{StartMarker, alive_with_marker};
pub use outage::{WithoutDescriptors, closed_pipe, full_output, stuck_pipe, without_descriptors};
pub use port::free_port;
pub use tied::spawn_tied;
pub use tls::{Authority, Pair};
pub use wait::{Condition, wait_for, wait_for_blocking};
