//! Small disks for tests of full disks. Such a test runs itself again in a separate mount
//! namespace, so that no mount outlives it, and root is not needed where user namespaces are
//! allowed.

use std::path::Path;
use std::process::Command;

use nix::mount::{MsFlags, mount};

use crate::binaries;

const INSIDE: &str = "FLOW_E2E_OWN_MOUNTS";

/// Call first in a test, with its name. `false`: it has just run, and passed, in a namespace of its
/// own. `true`: this is that run.
#[must_use]
pub fn are_our_own(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    // Dropping this folder removes leftovers below mount points.
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let user: &[&str] =
        if nix::unistd::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    let mut again = Command::new("unshare");
    again
        .args(user)
        .arg("--mount")
        .arg(std::env::current_exe().expect("a running program has a path"));
    again
        .args(["--exact", test])
        .env(INSIDE, "1")
        .env("TMPDIR", folder.path())
        .env(binaries::FOLDER, binaries::folder());
    let status = flow_testkit::spawn_tied(again)
        .and_then(|mut child| child.wait())
        .expect("unshare (util-linux) is installed");
    assert!(status.success(), "see above; if mounting failed: this test needs mount namespaces");
    false
}

/// Mounts a disk of 16 MiB on the folder.
pub fn small_disk(folder: &Path) {
    std::fs::create_dir_all(folder).expect("the folder is writable");
    mount(Some("none"), folder, Some("tmpfs"), MsFlags::empty(), Some("size=16m,mode=0700"))
        .expect("mounts are our own");
}

/// Extends a file until its disk is full.
pub fn fill_up(file: &Path) {
    let mut file = std::fs::File::options().append(true).open(file).expect("the file is there");
    let full = std::io::copy(&mut std::io::repeat(b'x'), &mut file).expect_err("the disk is small");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
}

/// Fills the disk of the folder completely; dropping the result frees the space.
#[must_use]
pub fn fill(folder: &Path) -> tempfile::NamedTempFile {
    let mut ballast = tempfile::NamedTempFile::new_in(folder).expect("there is room for a name");
    let full =
        std::io::copy(&mut std::io::repeat(b'x'), &mut ballast).expect_err("the disk is small");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    ballast
}
