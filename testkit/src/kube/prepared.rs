//! Programs and files that `tools/setup-test.sh` prepares in the cache.

use std::path::PathBuf;

use crate::cache_dir;

/// Returns the path of a control plane program: from `$KUBEBUILDER_ASSETS` if that folder contains
/// it.
pub(super) fn program(name: &str) -> PathBuf {
    let given =
        std::env::var_os("KUBEBUILDER_ASSETS").map(|folder| PathBuf::from(folder).join(name));
    given.filter(|path| path.exists()).unwrap_or_else(|| prepared("kube", &format!("bin/{name}")))
}

/// Returns the path of a file that `tools/setup-test.sh PIECE` prepares.
pub(super) fn prepared(piece: &str, path: &str) -> PathBuf {
    let folder = cache_dir().join(piece);
    let path = folder.join(path);
    // A piece without a stamp is incomplete.
    let there = path.exists() && folder.join(".stamp").exists();
    assert!(
        there,
        "{} is missing: run `tools/setup-test.sh {piece}`, which builds it",
        path.display()
    );
    path
}
