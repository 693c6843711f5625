//! Paths of the components that `make setup-test` prepares. A missing component fails here with the
//! remedy instead of later in a test.

use std::path::{Path, PathBuf};

/// The root of this repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies inside the repository")
}

/// The folder of all prepared components: `$FLOW_CACHE`, or `.cache` in the repository.
pub fn cache_dir() -> PathBuf {
    // A relative FLOW_CACHE is relative to the repository, where make runs; Cargo runs tests in the
    // folder of the crate.
    repository().join(std::env::var_os("FLOW_CACHE").unwrap_or_else(|| ".cache".into()))
}

/// Returns a path below [`cache_dir`]; panics with the remedy if it does not exist.
pub(crate) fn prepared(path: &str) -> PathBuf {
    let path = cache_dir().join(path);
    assert!(
        path.exists(),
        "{} is missing: run `make setup-test`, which prepares what the tests need",
        path.display()
    );
    path
}

/// Node.js: of the machine, or a newer one.
pub(crate) fn node() -> PathBuf {
    let newer = cache_dir().join("node/bin/node");
    if newer.exists() { newer } else { "node".into() }
}

/// Debian's nginx; it needs no installation and no root.
pub fn nginx() -> PathBuf {
    prepared("nginx/nginx")
}

/// The tool that checks rules of Prometheus.
pub fn promtool() -> PathBuf {
    prepared("promtool/promtool")
}

/// The folder of a small Debian with systemd, for copies.
pub fn debian() -> PathBuf {
    prepared("debian/root")
}

/// A registry of container images, `docker-registry`, and a program that moves images, `skopeo`:
/// Debian's.
pub fn registry(program: &str) -> PathBuf {
    prepared(&format!("registry/{program}"))
}

/// The Python interpreter with iflearner and numpy.
pub fn venv_python() -> PathBuf {
    prepared("venv/bin/python")
}

/// schemathesis, which tests a server against its OpenAPI document.
pub fn schemathesis() -> PathBuf {
    prepared("schemathesis/bin/st")
}

/// oasdiff, which finds breaking changes between two OpenAPI documents.
pub fn oasdiff() -> PathBuf {
    prepared("oasdiff/bin/oasdiff")
}

/// The Python interpreter with the client package of iflearner-flow.
pub fn client_python() -> PathBuf {
    prepared("client/bin/python")
}

/// The folder with `party-a.npz`, `party-b.npz` and `test.npz`, for `client.py --data`.
pub fn digits_dir() -> PathBuf {
    prepared("digits/test.npz").parent().expect("a file lies in a folder").to_owned()
}

/// The rows of one party, `party-a` or `party-b`, or the common test rows `test`.
pub fn digits(party: &str) -> PathBuf {
    prepared(&format!("digits/{party}.npz"))
}

/// The real workload of the tests: `client.py` and its `compat` folder.
pub fn workload() -> PathBuf {
    repository().join("workloads/iflearner-digits")
}
