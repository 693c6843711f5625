//! A program's data directory, which no other user may read or write. Programs trust the content of
//! their data directory, so they reject a directory that others can change and leave the correction
//! to the administrator.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// The cause for which a directory cannot be used. The message contains the remedy.
#[derive(Debug, thiserror::Error)]
pub enum PrivateDirError {
    /// Another user owns the directory.
    #[error("{path} belongs to user {owner}, but this process runs as user {us}: run `chown {us} {path}`, or use another directory", path = path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// User id of the owner.
        owner: u32,
        /// Effective user id of this process.
        us: u32,
    },
    /// Other users have permissions on the directory.
    #[error("{path} is accessible to other users (mode {mode:o}): run `chmod 700 {path}`, or use another directory", path = path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Permission bits of the directory.
        mode: u32,
    },
    /// The operating system reports an error.
    #[error("cannot create or read {path}: {source}", path = path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Error of the operating system.
        #[source]
        source: io::Error,
    },
}

/// Creates the directory with its parents if it does not exist. An existing directory must belong
/// to the user of this process and be closed to all others.
pub fn ensure(path: &Path) -> Result<(), PrivateDirError> {
    let failed = |source| PrivateDirError::Io { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    check(path)
}

/// Like [`ensure`] for an existing directory; creates nothing.
pub fn check(path: &Path) -> Result<(), PrivateDirError> {
    let found = std::fs::metadata(path)
        .map_err(|source| PrivateDirError::Io { path: path.to_owned(), source })?;
    judge(path, found.uid(), found.mode(), geteuid().as_raw())
}

fn judge(path: &Path, owner: u32, mode: u32, us: u32) -> Result<(), PrivateDirError> {
    let (path, mode) = (path.to_owned(), mode & 0o777);
    if owner != us {
        return Err(PrivateDirError::Foreign { path, owner, us });
    }
    if mode & 0o077 != 0 {
        return Err(PrivateDirError::Open { path, mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn created_directory_is_private_and_accepted_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        ensure(&path).unwrap();
        ensure(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn directory_accessible_to_others_is_rejected_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o755, 0o710, 0o702, 0o777] {
            fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
            let error = ensure(folder.path()).unwrap_err().to_string();
            assert!(
                error.contains(&format!("(mode {mode:o})")) && error.contains("`chmod 700 "),
                "{error}"
            );
        }
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        ensure(folder.path()).unwrap();
    }

    #[test]
    fn directory_of_another_user_is_rejected_with_the_remedy() {
        let error = judge(Path::new("/srv/flow"), 0, 0o40_700, 1000).unwrap_err().to_string();
        assert!(error.contains("user 0") && error.contains("`chown 1000 /srv/flow`"), "{error}");
        judge(Path::new("/srv/flow"), 1000, 0o40_700, 1000).unwrap();
    }

    #[test]
    fn error_names_a_file_in_place_of_the_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = ensure(file.path()).unwrap_err().to_string();
        assert!(error.contains(file.path().to_str().unwrap()), "{error}");
    }
}
