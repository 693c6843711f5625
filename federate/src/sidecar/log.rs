//! The workload's output on disk: segments named by the offset of their first byte.
//!
//! Guarantees: the log never exceeds its limit, because the writer removes the oldest segment
//! first; the writer waits only for the disk; a full disk costs output and nothing else, and the
//! log then notes the number of lost bytes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Limit of the kept segments.
const SEGMENTS_MAX: u64 = 4;

/// Least limit of one segment in bytes, whatever the limit of the log.
const SEGMENT_LIMIT_MIN: u64 = 1024;

/// Limit of a segment's offset. A workload can put files of any name beside the segments; with this
/// limit and the longest possible file (2^63 bytes) no sum of offsets overflows a `u64`.
const OFFSET_MAX: u64 = 1 << 62;

/// The name of the segment at `offset`. Names sort in the order of offsets.
#[must_use]
pub fn segment_name(offset: u64) -> String {
    format!("{offset:020}.log")
}

/// The offset in the name of a segment; `None` for any other name.
fn offset_of(file_name: &str) -> Option<u64> {
    let offset = file_name.strip_suffix(".log")?.parse().ok()?;
    (offset <= OFFSET_MAX && segment_name(offset) == file_name).then_some(offset)
}

/// The segments of a log folder, oldest first: offset of the first byte and path.
pub fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let file_name = entry.file_name();
        let offset = file_name.to_str().and_then(offset_of);
        found.extend(offset.map(|offset| (offset, entry.path())));
    }
    found.sort_unstable();
    Ok(found)
}

/// The offset after the last byte of the log in `folder`.
pub fn end(folder: &Path) -> io::Result<u64> {
    match segments(folder)?.last() {
        Some((start, path)) => Ok(start + path.symlink_metadata()?.len()),
        None => Ok(0),
    }
}

#[derive(Debug)]
pub struct LogWriter {
    folder: PathBuf,
    segment_limit: u64,
    current: Option<File>,
    /// Offset of the next byte.
    offset: u64,
    /// Bytes in the current segment.
    filled: u64,
    /// Bytes of output that could not be written and are not noted yet.
    dropped: u64,
}

impl LogWriter {
    /// A log of at most `limit` bytes in `folder`, which need not exist.
    #[must_use]
    pub fn new(folder: PathBuf, limit: u64) -> Self {
        let segment_limit = (limit / SEGMENTS_MAX).max(SEGMENT_LIMIT_MIN);
        Self { folder, segment_limit, current: None, offset: 0, filled: 0, dropped: 0 }
    }

    /// Resumes the log in `folder` at `offset`: it removes everything written after it.
    pub fn resume(folder: PathBuf, limit: u64, offset: u64) -> io::Result<Self> {
        let mut log = Self { offset: offset.min(OFFSET_MAX), ..Self::new(folder, limit) };
        let offset = log.offset;
        let found = match segments(&log.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            found => found?,
        };
        for (start, path) in found {
            if start >= offset {
                fs::remove_file(path)?;
                continue;
            }
            let file = super::rundir::require_regular(
                OpenOptions::new()
                    .append(true)
                    .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
                    .open(path),
            )?;
            log.filled = file.metadata()?.len().min(offset - start);
            file.set_len(log.filled)?;
            // A gap is the result of lost writes; the next segment starts at the offset.
            log.current = (start + log.filled == offset).then_some(file);
        }
        Ok(log)
    }

    /// The offset after the last written byte.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Writes output and counts the bytes that cannot be written.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.dropped > 0 {
            let note = format!(
                "\n[{} bytes of output were lost: the disk had no space for the log]\n",
                self.dropped
            );
            if self.put(note.as_bytes()) == note.len() {
                self.dropped = 0;
            }
        }
        let written = if self.dropped == 0 { self.put(bytes) } else { 0 };
        self.dropped += (bytes.len() - written) as u64;
    }

    /// Removes all segments except the newest. Returns `true` if it removed any.
    pub fn shrink(&mut self) -> bool {
        let Ok(mut old) = segments(&self.folder) else { return false };
        old.pop();
        old.iter().filter(|(_, path)| fs::remove_file(path).is_ok()).count() > 0
    }

    /// Writes as much as possible and returns the number of written bytes.
    fn put(&mut self, mut bytes: &[u8]) -> usize {
        let wanted = bytes.len();
        while !bytes.is_empty() {
            let Ok((mut file, free)) = self.segment() else { break };
            match file.write(&bytes[..bytes.len().min(free)]) {
                Ok(0) => break,
                Ok(count) => {
                    self.filled += count as u64;
                    self.offset += count as u64;
                    bytes = &bytes[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        wanted - bytes.len()
    }

    /// The segment to write to and its free bytes: the current segment, or a new one if that is
    /// full.
    fn segment(&mut self) -> io::Result<(&File, usize)> {
        if self.current.is_none() || self.filled >= self.segment_limit {
            super::rundir::private_dir(&self.folder)?;
            let old = segments(&self.folder)?;
            let keep = usize::try_from(SEGMENTS_MAX - 1).unwrap_or(usize::MAX);
            for (_, path) in old.iter().take(old.len().saturating_sub(keep)) {
                fs::remove_file(path)?;
            }
            let path = self.folder.join(segment_name(self.offset));
            // The workload can predict this name: a file of its own there must neither block nor
            // redirect the writer.
            if !self.folder.symlink_metadata()?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            let options = &mut OpenOptions::new();
            let options = options
                .append(true)
                .create(true)
                .mode(0o600)
                .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
            self.current = Some(super::rundir::require_regular(options.open(path))?);
            self.filled = 0;
        }
        let free = usize::try_from(self.segment_limit - self.filled).unwrap_or(usize::MAX);
        self.current.as_ref().map(|file| (file, free)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(folder: &Path) -> Vec<u8> {
        segments(folder)
            .expect("segments")
            .iter()
            .flat_map(|(_, path)| fs::read(path).expect("a segment"))
            .collect()
    }

    #[test]
    fn newest_output_is_kept_within_the_limit() {
        let folder = tempfile::tempdir().expect("a directory");
        let mut log = LogWriter::new(folder.path().join("log"), 8 * 1024);
        let all: Vec<u8> =
            (0..10_000).flat_map(|line| format!("line {line}\n").into_bytes()).collect();
        for part in all.chunks(777) {
            log.write(part);
            assert!(content(&folder.path().join("log")).len() <= 8 * 1024);
        }
        let kept = content(&folder.path().join("log"));
        assert!(kept.len() >= 6 * 1024, "at least three whole segments");
        assert!(all.ends_with(&kept));
        let first = segments(&folder.path().join("log")).expect("segments")[0].0;
        assert_eq!(
            usize::try_from(first).expect("small"),
            all.len() - kept.len(),
            "a name is the offset of its first byte"
        );
    }

    #[test]
    fn a13_only_a_name_that_the_writer_creates_and_within_bounds_is_a_segment() {
        assert_eq!(offset_of(&segment_name(0)), Some(0));
        assert_eq!(offset_of(&segment_name(OFFSET_MAX)), Some(OFFSET_MAX));
        let strange = [
            "18446744073709551614.log",
            "18446744073709551616.log",
            "04611686018427387905.log",
            "5.log",
            "+0000000000000000005.log",
        ];
        for name in strange {
            assert_eq!(offset_of(name), None, "{name}");
        }
        let folder = tempfile::tempdir().expect("a directory");
        for name in strange {
            fs::write(folder.path().join(name), "x\n").expect("a file");
        }
        assert_eq!(end(folder.path()).expect("an end"), 0);
        let mut log = LogWriter::resume(folder.path().to_owned(), 4096, u64::MAX).expect("a log");
        log.write(b"more");
        assert_eq!(log.offset(), OFFSET_MAX + 4);
    }

    #[test]
    fn lost_output_is_counted_and_noted_when_the_disk_has_space() {
        let folder = tempfile::tempdir().expect("a directory");
        let place = folder.path().join("log");
        fs::write(&place, "in the way").expect("a file where the folder should be");
        let mut log = LogWriter::new(place.clone(), 8 * 1024);
        log.write(b"lost");
        log.write(b" and gone");
        fs::remove_file(&place).expect("out of the way");
        log.write(b"kept\n");
        let text = String::from_utf8(content(&place)).expect("text");
        assert_eq!(
            text,
            "\n[13 bytes of output were lost: the disk had no space for the log]\nkept\n"
        );
    }
}
