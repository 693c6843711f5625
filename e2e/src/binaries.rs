//! The programs under test. Cargo hands a test only the binaries of its own package, so this finds the others beside the
//! test, and builds them first if they are older than their sources: an old one would be tested silently.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// A folder with the binaries to use as they are, e.g. of a release; nothing is built then.
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

/// Where they are, built at the first call.
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
    // Cargo is asked only if something may be new: after `cargo test --workspace` everything is there, in a variant (with
    // the features of the tests) that `cargo build` would not take for its own.
    let oldest = ["flow-server", "flow-federate", "flow-operator", "flowctl"]
        .map(|name| changed(&folder.join(name)))
        .into_iter()
        .min()
        .flatten();
    if oldest.is_none() || SOURCES.iter().any(|source| newest(&workspace.join(source)) >= oldest) {
        // That of the toolchain which runs the test; another one would build everything anew.
        let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
        let release = folder.ends_with("release").then_some("--release");
        let mut build = Command::new(cargo);
        build
            .args(["build", "--workspace", "--bins", "--locked", "--quiet"])
            .args(release)
            .current_dir(workspace);
        let built = build.status();
        assert!(
            built.is_ok_and(|status| status.success()),
            "the programs under test do not build: run `cargo build --workspace --bins`"
        );
    }
    folder.to_owned()
}

/// What the programs are made of.
const SOURCES: [&str; 11] = [
    "Cargo.lock",
    "cli/src",
    "common/src",
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

/// The last change of a file, or of any below a folder.
fn newest(path: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| newest(&entry.path())).chain([changed(path)]).max().flatten()
}
