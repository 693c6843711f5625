//! The lock on a data directory, which one process holds for as long as it lives.
//!
//! A lock belongs to a file, not to its path: once the directory is deleted or replaced, the holder keeps a lock that no
//! second process meets. So the holder compares the path with the file each second, and ends when they differ.

use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time between two comparisons of a lock's path with the locked file.
const CHECK_PERIOD: Duration = Duration::from_secs(1);
/// Times that a lock is taken again because its file was replaced in between.
const ACQUIRE_TRIES: u32 = 3;

/// A file as it was found at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Place {
    /// The file at `path` now.
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self::with(path, &path.metadata()?))
    }

    /// An open file, which was opened by `path`.
    pub fn of_file(path: &Path, file: &File) -> io::Result<Self> {
        Ok(Self::with(path, &file.metadata()?))
    }

    fn with(path: &Path, metadata: &Metadata) -> Self {
        Self { path: path.to_owned(), device: metadata.dev(), inode: metadata.ino() }
    }

    /// Whether the path certainly leads to this file no longer. A disk that cannot be read at the moment proves nothing.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        match self.path.metadata() {
            Ok(found) => (found.dev(), found.ino()) != (self.device, self.inode),
            Err(error) => {
                matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
            }
        }
    }
}

/// Why a lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum DirLockError {
    /// Another process holds it.
    #[error("another process holds {path}", path = .0.display())]
    InUse(PathBuf),
    /// The lock file cannot be opened or locked.
    #[error("cannot lock {path}: {source}", path = path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A lock, held until dropped.
#[derive(Debug)]
pub struct DirLock {
    place: Place,
    _file: File,
}

impl DirLock {
    /// Locks the file at `path`, which is created if it is missing. Does not wait.
    pub fn acquire(path: &Path) -> Result<Self, DirLockError> {
        let io = |source| DirLockError::Io { path: path.to_owned(), source };
        for _ in 0..ACQUIRE_TRIES {
            let file =
                File::options().create(true).truncate(false).write(true).open(path).map_err(io)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(DirLockError::InUse(path.to_owned())),
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
            let place = Place::of_file(path, &file).map_err(io)?;
            if !place.is_gone() {
                return Ok(Self { place, _file: file });
            }
        }
        Err(io(io::Error::other("the file is replaced again and again")))
    }

    /// Where the lock was taken.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Completes, with a sentence, once the path leads to the locked file no longer.
    pub fn lost(&self) -> impl Future<Output = String> + Send + use<> {
        let place = self.place.clone();
        async move {
            while !place.is_gone() {
                crate::clock::sleep(CHECK_PERIOD).await;
            }
            format!(
                "{} was deleted or replaced while this process used its directory; start it again on the right one",
                place.path.display()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_has_one_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = DirLock::acquire(&path).unwrap();
        assert!(matches!(DirLock::acquire(&path), Err(DirLockError::InUse(_))));
        drop(held);
        DirLock::acquire(&path).unwrap();
    }

    #[tokio::test]
    async fn a4_a_lock_whose_file_was_deleted_or_replaced_is_lost() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("data");
        std::fs::create_dir(&dir).unwrap();
        let held = DirLock::acquire(&dir.join("lock")).unwrap();
        assert!(!held.place().is_gone());
        std::fs::rename(&dir, root.path().join("moved")).unwrap();
        assert!(held.place().is_gone());
        std::fs::create_dir(&dir).unwrap();
        let second = DirLock::acquire(&dir.join("lock")).unwrap();
        assert!(!second.place().is_gone());
        assert!(held.lost().await.contains("deleted or replaced"));
    }
}
