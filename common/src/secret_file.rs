//! Secrets in files that only their owner can read. Secrets never appear in arguments, URLs,
//! environments of workloads or logs.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{getegid, geteuid};

use crate::plain_file::PlainFile;

/// Largest secret file, in bytes; keys in PEM are much smaller.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A text whose `Debug` output hides it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The cause for which a secret cannot be read or written. The message names file and remedy, never
/// the content.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// Other users can read the file.
    #[error("other users can read {path} (mode {mode:o}): run `chmod 600 {path}`", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Permission bits of the file.
        mode: u32,
    },
    /// Another user owns the file and can replace the secret.
    #[error("{path} belongs to user {owner}, who can replace the secret: run `chown {us} {path}`", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// User id of the owner.
        owner: u32,
        /// Effective user id of this process.
        us: u32,
    },
    /// The file is empty.
    #[error("{path} is empty: write the secret into it", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The operating system reports an error.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        #[source]
        source: io::Error,
    },
}

/// Reads the secret in `path` and trims white space. Rejects a file of a user other than root and
/// the user of this process, and a file that others can read. A file of root may be readable by the
/// group of this process, as in mounted Secrets of Kubernetes.
pub fn read(path: &Path) -> Result<Secret, SecretFileError> {
    read_as(path, (geteuid().as_raw(), getegid().as_raw()))
}

/// Reads the secret `name` in the data directory `dir` of a program. Root may read it although the
/// user of the program owns file and directory.
pub fn read_in(dir: &Path, name: &str) -> Result<Secret, SecretFileError> {
    let path = dir.join(name);
    let us = match std::fs::metadata(dir) {
        Ok(found) if geteuid().is_root() => (found.uid(), found.gid()),
        _ => (geteuid().as_raw(), getegid().as_raw()),
    };
    read_as(&path, us)
}

/// `us` is the user id and the group id for which the file is judged.
fn read_as(path: &Path, us: (u32, u32)) -> Result<Secret, SecretFileError> {
    let failed = |source| SecretFileError::Io { action: "read", path: path.to_owned(), source };
    let file = PlainFile::open(path).map_err(failed)?;
    let found = file.metadata();
    judge(path, (found.uid(), found.gid()), found.mode(), us)?;
    match file.read_text(SECRET_BYTES_MAX).map_err(failed)?.trim() {
        "" => Err(SecretFileError::Empty { path: path.to_owned() }),
        secret => Ok(Secret::new(secret.to_owned())),
    }
}

/// `owner` and `us` are a user id and a group id each.
fn judge(path: &Path, owner: (u32, u32), mode: u32, us: (u32, u32)) -> Result<(), SecretFileError> {
    let (path, mode) = (path.to_owned(), mode & 0o777);
    if owner.0 != us.0 && owner.0 != 0 {
        return Err(SecretFileError::Foreign { path, owner: owner.0, us: us.0 });
    }
    let is_group_readable_by_us = owner.0 != us.0 && owner.1 == us.1;
    if mode & if is_group_readable_by_us { 0o037 } else { 0o077 } != 0 {
        return Err(SecretFileError::Open { path, mode });
    }
    Ok(())
}

/// Writes a new secret file that only its owner can read. Atomic; never replaces an existing file.
pub fn write_new(path: &Path, secret: &Secret) -> Result<(), SecretFileError> {
    let failed = |source| SecretFileError::Io { action: "write", path: path.to_owned(), source };
    let mut name =
        path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?.to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = write_and_link(&temporary, path, secret);
    let removed = std::fs::remove_file(&temporary);
    written.map_err(failed)?;
    removed.map_err(failed)
}

fn write_and_link(temporary: &Path, path: &Path, secret: &Secret) -> io::Result<()> {
    // A killed process with the same id may have left the file.
    if temporary.exists() {
        std::fs::remove_file(temporary)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    writeln!(file, "{}", secret.expose())?;
    file.sync_all()?;
    // A link, unlike a rename, fails if the file exists.
    std::fs::hard_link(temporary, path)?;
    match path.parent() {
        Some(dir) if dir != Path::new("") => File::open(dir)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn written_secret_is_read_back_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.secret");
        write_new(&path, &Secret::new("first".to_owned())).unwrap();
        assert!(write_new(&path, &Secret::new("second".to_owned())).is_err());
        assert_eq!(read(&path).unwrap().expose(), "first");
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            1,
            "the temporary file is removed"
        );
    }

    #[test]
    fn file_readable_by_others_is_rejected_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.secret");
        write_new(&path, &Secret::new("x".to_owned())).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn file_of_another_user_is_rejected_with_the_remedy() {
        let path = Path::new("/etc/flow/secret");
        judge(path, (1000, 50), 0o100_600, (1000, 50)).unwrap();
        judge(path, (0, 0), 0o100_400, (1000, 50)).unwrap();
        let error = judge(path, (1001, 50), 0o100_600, (1000, 50)).unwrap_err().to_string();
        assert!(
            error.contains("user 1001") && error.contains("`chown 1000 /etc/flow/secret`"),
            "{error}"
        );
    }

    #[test]
    fn only_files_of_root_may_be_readable_by_the_group() {
        let path = Path::new("/etc/flow/secret");
        judge(path, (0, 50), 0o100_440, (1000, 50)).unwrap();
        for (owner, mode) in
            [((0, 50), 0o460), ((0, 50), 0o444), ((0, 51), 0o440), ((1000, 50), 0o440)]
        {
            judge(path, owner, mode, (1000, 50)).unwrap_err();
        }
        judge(path, (0, 0), 0o440, (0, 0)).unwrap_err();
    }

    #[test]
    fn a15_secret_file_that_is_a_pipe_or_too_large_is_rejected_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (pipe, huge) = (dir.path().join("pipe"), dir.path().join("huge"));
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        write_new(&huge, &Secret::new("x".to_owned())).unwrap();
        OpenOptions::new().write(true).open(&huge).unwrap().set_len(2 << 30).unwrap();
        for (path, why) in [(&pipe, "named pipe"), (&huge, "more than 65536 bytes")] {
            let error = read(path).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()) && error.contains(why), "{error}");
        }
    }

    #[test]
    fn b14_byte_order_mark_is_removed_from_a_secret() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "\u{feff}hunter2\r\n").unwrap();
        assert_eq!(read(file.path()).unwrap().expose(), "hunter2");
    }

    #[test]
    fn secret_is_never_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "[secret]");
    }
}
