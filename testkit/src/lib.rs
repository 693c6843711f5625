//! Resources for tests, each behind one call: real database servers, the real training framework
//! and its data, a Kubernetes cluster, ports, deadlines, and records of started workloads.
//!
//! `make setup-test` prepares the components; a test without its component panics with this command
//! and never passes. All processes of this crate end with the test process, even if that is killed.

mod database;
pub mod http2;
pub mod kube;
mod load;
mod machine;
mod marker;
mod monitoring;
mod oidc;
mod outage;
mod port;
pub mod secrets;
mod tied;
mod tls;
mod wait;

pub use database::{Server, mariadb, mysql, shared_mariadb, shared_mysql};
pub use load::{Holders, answer_time, resident_bytes, sized};
pub use machine::{
    cache_dir, client_python, debian, digits, digits_dir, nginx, oasdiff, promtool, registry,
    repository, schemathesis, venv_python, workload,
};
pub use marker::{StartMarker, alive_with_marker};
pub use monitoring::assert_monitored;
pub use oidc::OidcProvider;
pub use outage::{WithoutDescriptors, closed_pipe, full_output, stuck_pipe, without_descriptors};
pub use port::free_port;
pub use tied::spawn_tied;
pub use tls::{Authority, Pair};
pub use wait::{Condition, wait_for, wait_for_blocking};

/// Runs `flow-server admin-token` with these options and returns the token.
#[must_use]
pub fn admin_token(program: impl AsRef<std::ffi::OsStr>, options: &[&str]) -> String {
    let output = std::process::Command::new(program)
        .args(["admin-token", "alice"])
        .args(options)
        .output()
        .expect("flow-server can be executed");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let token = text(&output.stdout);
    secrets::register(&token);
    secrets::assert_absent("flow-server admin-token", &output.stderr);
    token
}
