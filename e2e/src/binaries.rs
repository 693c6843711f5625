//! The programs under test. Cargo hands a test only the binaries of its own package, so this builds the others, in the
//! same way as `make build` does, and finds them beside the test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

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

/// Where they are, built at the first call.
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
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies inside the workspace");
    // Always, for a binary older than its source would be tested silently; it takes a moment when nothing changed.
    let built = Command::new(cargo).args(["build", "--workspace", "--bins", "--locked", "--quiet"]).current_dir(workspace).status();
    assert!(built.is_ok_and(|status| status.success()), "the programs under test do not build: run `cargo build --workspace --bins`");
    let test = std::env::current_exe().expect("a running program has a path");
    // target/debug/deps/test-0123 or target/debug/bench
    let folder = test.parent().expect("a program lies in a folder");
    if folder.ends_with("deps") { folder.parent().expect("deps lies in a folder").to_owned() } else { folder.to_owned() }
}
