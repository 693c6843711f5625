//! Paths of the programs under test. Cargo gives a test only the binaries of its own package; this
//! module finds the others beside the test, and builds them if they are older than their sources.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Environment variable: folder of existing binaries, e.g. of a release. With it nothing is built.
pub const FOLDER: &str = "FLOW_E2E_BINARIES";

/// The hub.
#[must_use]
pub fn flow_server() -> PathBuf {
    named("flow-server")
}

/// An agent.
#[must_use]
pub fn flow_federate() -> PathBuf {
    named("flow-federate")
}

/// The operator.
#[must_use]
pub fn flow_operator() -> PathBuf {
    named("flow-operator")
}

/// The command line.
#[must_use]
pub fn flowctl() -> PathBuf {
    named("flowctl")
}

/// The folder of the binaries; the first call builds them.
#[must_use]
pub fn folder() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build)
}

fn named(name: &str) -> PathBuf {
    let path = folder().join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace --bins`", path.display());
    path
}

fn build() -> PathBuf {
    if let Some(given) = std::env::var_os(FOLDER) {
        return given.into();
    }
    let test = std::env::current_exe().expect("a running program has a path");
    // target/debug/deps/test-0123 or target/release/bench
    let folder = test.parent().expect("a program lies in a folder");
    let folder = if folder.ends_with("deps") {
        folder.parent().expect("deps lies in a folder")
    } else {
        folder
    };
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies inside the workspace");
    // Build only after changes: `cargo test --workspace` has built all binaries with the features
    // of the tests, and `cargo build` would build them again.
    let oldest = ["flow-server", "flow-federate", "flow-operator", "flowctl"]
        .map(|name| changed(&folder.join(name)))
        .into_iter()
        .min()
        .flatten();
    if oldest.is_none() || SOURCES.iter().any(|source| newest(&workspace.join(source)) >= oldest) {
        // The toolchain that runs the test; another one would build everything again.
        let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
        let release = folder.ends_with("release").then_some("--release");
        let mut build = Command::new(cargo);
        build
            .args(["build", "--workspace", "--bins", "--locked", "--quiet"])
            .args(release)
            .current_dir(workspace);
        // Cargo describes the test's package in variables. Build scripts that read them, as ring's
        // does, would run again, and all that depends on them would be compiled again.
        for (name, _) in std::env::vars_os() {
            if PACKAGE.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
                build.env_remove(name);
            }
        }
        let built = build.status();
        assert!(
            built.is_ok_and(|status| status.success()),
            "the programs under test do not build: run `cargo build --workspace --bins`"
        );
    }
    folder.to_owned()
}

/// Prefixes of the variables that describe the package of a running test.
const PACKAGE: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];

/// Sources of the programs.
const SOURCES: [&str; 13] = [
    "Cargo.lock",
    "cli/src",
    "common/src",
    "console/dist",
    "console/embed",
    "crd/src",
    "domain/src",
    "federate/src",
    "migrations",
    "operator/src",
    "proto/flow",
    "proto/src",
    "server/src",
];

fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|meta| meta.modified()).ok()
}

/// Time of the last change of a file, or of any file below a folder.
fn newest(path: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| newest(&entry.path())).chain([changed(path)]).max().flatten()
}
