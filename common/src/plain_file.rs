//! Reads of files that an administrator names: configuration, secrets, certificates.
//!
//! Only regular files are read, up to a limit: the open of a FIFO blocks until a process writes to
//! it, a device may have no end, and both would block the reading thread.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::geteuid;

/// The mark that some editors put at the beginning of a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A regular file, open for reading.
#[derive(Debug)]
pub struct PlainFile {
    file: File,
    metadata: Metadata,
}

impl PlainFile {
    /// Opens `path`, which may be a link to a regular file. Never blocks on anything but a disk.
    pub fn open(path: &Path) -> io::Result<Self> {
        // The open of a device may have an effect of its own, so the type is checked before. The
        // file can be exchanged in between: the open does not block, and what was opened is checked
        // again.
        check_type(std::fs::metadata(path)?.file_type())?;
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
        let metadata = file.metadata()?;
        check_type(metadata.file_type())?;
        Ok(Self { file, metadata })
    }

    /// Owner, group and mode of the open file; a replaced file at the same path does not change
    /// them.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Checks that only root and the user of this process can write the file.
    ///
    /// # Errors
    /// A message with the remedy, if another user can.
    pub fn refuse_writable_by_others(&self, path: &Path) -> io::Result<()> {
        check_writers(path, self.metadata.uid(), self.metadata.mode(), geteuid().as_raw())
    }

    /// Reads the whole content without a byte order mark.
    ///
    /// # Errors
    /// [`io::ErrorKind::FileTooLarge`] if the file has more than `limit` bytes.
    pub fn read(self, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.file.take(limit + 1).read_to_end(&mut bytes)?;
        if read as u64 > limit {
            let message = format!("has more than {limit} bytes: check the path");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        if bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(bytes)
    }

    /// Appends at most the first `limit` bytes to `bytes`.
    pub fn read_start(self, limit: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.file.take(limit).read_to_end(bytes).map(drop)
    }

    /// Reads the whole content as text; see [`Self::read`] and [`text`].
    pub fn read_text(self, limit: u64) -> io::Result<String> {
        text(self.read(limit)?)
    }
}

/// Decodes UTF-8 and removes a byte order mark.
///
/// # Errors
/// A message that names UTF-16 or the first wrong byte.
pub fn text(mut bytes: Vec<u8>) -> io::Result<String> {
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    let utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    String::from_utf8(bytes).map_err(|error| {
        let problem = if utf16 {
            "is UTF-16".to_owned()
        } else {
            format!("is not UTF-8 at byte {}", error.utf8_error().valid_up_to() + 1)
        };
        io::Error::new(io::ErrorKind::InvalidData, format!("{problem}: save it as UTF-8"))
    })
}

fn check_type(found: FileType) -> io::Result<()> {
    let kind = match found {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {kind}: use a regular file")))
}

fn check_writers(path: &Path, owner: u32, mode: u32, us: u32) -> io::Result<()> {
    let shown = path.display();
    let message = if owner != us && owner != 0 {
        format!("it belongs to user {owner}, who can change it: run `chown {us} {shown}`")
    } else if mode & 0o022 != 0 {
        format!("other users can write it (mode {:o}): run `chmod go-w {shown}`", mode & 0o777)
    } else {
        return Ok(());
    };
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a15_only_regular_files_are_opened_without_blocking() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&fifo, &link).unwrap();
        for (path, what) in [
            (fifo.as_path(), "named pipe"),
            (&link, "named pipe"),
            (Path::new("/dev/zero"), "device"),
            (dir.path(), "directory"),
        ] {
            let error = PlainFile::open(path).unwrap_err().to_string();
            assert!(error.contains(what), "{}: {error}", path.display());
        }
    }

    #[test]
    fn a15_file_beyond_its_limit_is_rejected() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(2 << 30).unwrap();
        let error = PlainFile::open(file.path()).unwrap().read(1024).unwrap_err().to_string();
        assert!(error.contains("more than 1024 bytes"), "{error}");
        file.as_file().set_len(1024).unwrap();
        assert_eq!(PlainFile::open(file.path()).unwrap().read(1024).unwrap().len(), 1024);
    }

    #[test]
    fn b14_byte_order_mark_is_removed_and_utf_16_is_named() {
        assert_eq!(text(b"\xef\xbb\xbfa = 1\r\n".to_vec()).unwrap(), "a = 1\r\n");
        assert!(text(b"\xff\xfea\0".to_vec()).unwrap_err().to_string().contains("UTF-16"));
        assert!(text(b"ab\xff".to_vec()).unwrap_err().to_string().contains("byte 3"));
    }

    #[test]
    fn a16_file_writable_by_others_is_rejected_with_the_remedy() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let check = || PlainFile::open(file.path()).unwrap().refuse_writable_by_others(file.path());
        for (mode, good) in
            [(0o600, true), (0o644, true), (0o664, false), (0o646, false), (0o777, false)]
        {
            file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(check().is_ok(), good, "{mode:o}");
            assert!(
                good || check()
                    .unwrap_err()
                    .to_string()
                    .contains(&format!("`chmod go-w {}`", file.path().display()))
            );
        }
        let path = Path::new("/etc/flow/hub.toml");
        check_writers(path, 0, 0o644, 1000).unwrap();
        let error = check_writers(path, 1001, 0o644, 1000).unwrap_err().to_string();
        assert!(
            error.contains("user 1001") && error.contains("`chown 1000 /etc/flow/hub.toml`"),
            "{error}"
        );
    }
}
