//! A program's own directory: nobody else may see into it or write there. What is kept in it is believed when it is read
//! again, so a directory that others may change is refused, and made private by whoever runs the program, knowingly.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// Why a directory cannot be used. Says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PrivateDirError {
    /// It belongs to somebody else.
    #[error("{path} belongs to user {owner}, and user {us} runs this: run `chown {us} {path}`, or name another directory", path = path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        us: u32,
    },
    /// Others may enter it.
    #[error("{path} is open to others (mode {mode:o}): run `chmod 700 {path}`, or name another directory", path = path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The operating system refused.
    #[error("cannot make or look at {path}: {source}", path = path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

/// Makes the directory, with its parents, if it is not there. One that is there must be ours and closed to everybody else.
pub fn ensure(path: &Path) -> Result<(), PrivateDirError> {
    let failed = |source| PrivateDirError::Io { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    check(path)
}

/// As [`ensure`], of a directory that is there: nothing is made.
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
    fn a_directory_that_is_made_is_private_and_is_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        ensure(&path).unwrap();
        ensure(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_directory_that_others_may_enter_is_refused_with_the_remedy() {
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
    fn a_directory_of_somebody_else_is_refused_with_the_remedy_whatever_its_mode() {
        let error = judge(Path::new("/srv/flow"), 0, 0o40_700, 1000).unwrap_err().to_string();
        assert!(error.contains("user 0") && error.contains("`chown 1000 /srv/flow`"), "{error}");
        judge(Path::new("/srv/flow"), 1000, 0o40_700, 1000).unwrap();
    }

    #[test]
    fn a_file_in_its_place_is_an_error_that_names_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = ensure(file.path()).unwrap_err().to_string();
        assert!(error.contains(file.path().to_str().unwrap()), "{error}");
    }
}
