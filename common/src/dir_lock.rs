//! The lock on a data directory, held by one process until it ends.
//!
//! A lock belongs to a file, not to its path: after the directory was deleted or replaced, the lock
//! no longer excludes a second process. Therefore the holder compares the path with the file each
//! second and ends if they differ.

use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time between two comparisons of a lock's path with the locked file.
const CHECK_PERIOD: Duration = Duration::from_secs(1);
/// Attempts to acquire a lock whose file is replaced at the same time.
const ACQUIRE_ATTEMPTS: u32 = 3;

/// The identity of a file and the path that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Place {
    /// Returns the file that is at `path` now.
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self::with(path, &path.metadata()?))
    }

    /// Returns an open file that was opened by `path`.
    pub fn of_file(path: &Path, file: &File) -> io::Result<Self> {
        Ok(Self::with(path, &file.metadata()?))
    }

    fn with(path: &Path, metadata: &Metadata) -> Self {
        Self { path: path.to_owned(), device: metadata.dev(), inode: metadata.ino() }
    }

    /// True if the path certainly leads to another file or none. False if the disk cannot be read.
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

/// The cause for which a lock cannot be acquired.
#[derive(Debug, thiserror::Error)]
pub enum DirLockError {
    /// Another process holds the lock.
    #[error("another process holds {path}", path = .0.display())]
    InUse(PathBuf),
    /// The lock file cannot be opened or locked.
    #[error("cannot lock {path}: {source}", path = path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Error of the operating system.
        #[source]
        source: io::Error,
    },
}

/// A lock, held until dropped.
#[derive(Debug)]
pub struct DirLock {
    place: Place,
    file: File,
}

impl Drop for DirLock {
    /// Closing the file would not be enough: a child process has a copy of the descriptor between
    /// `fork` and `exec`, and each copy holds the lock.
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(path = %self.place.path.display(), %error, "the lock was not released");
        }
    }
}

impl DirLock {
    /// Locks the file at `path` without waiting; creates a missing file.
    pub fn acquire(path: &Path) -> Result<Self, DirLockError> {
        let io = |source| DirLockError::Io { path: path.to_owned(), source };
        for _ in 0..ACQUIRE_ATTEMPTS {
            let file =
                File::options().create(true).truncate(false).write(true).open(path).map_err(io)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(DirLockError::InUse(path.to_owned())),
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
            let place = Place::of_file(path, &file).map_err(io)?;
            if !place.is_gone() {
                return Ok(Self { place, file });
            }
        }
        Err(io(io::Error::other("the file was replaced during each attempt")))
    }

    /// Path and identity of the locked file.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Completes with a sentence once the path no longer leads to the locked file.
    pub fn lost(&self) -> impl Future<Output = String> + Send + use<> {
        let place = self.place.clone();
        async move {
            while !place.is_gone() {
                crate::clock::sleep(CHECK_PERIOD).await;
            }
            format!(
                "{} was deleted or replaced while this process used its directory: restart the process with the correct directory",
                place.path.display()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_has_one_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = DirLock::acquire(&path).unwrap();
        assert!(matches!(DirLock::acquire(&path), Err(DirLockError::InUse(_))));
        let copy_in_a_child = held.file.try_clone().unwrap();
        drop(held);
        DirLock::acquire(&path).unwrap();
        drop(copy_in_a_child);
    }

    #[tokio::test]
    async fn a4_lock_is_lost_when_its_file_is_deleted_or_replaced() {
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
