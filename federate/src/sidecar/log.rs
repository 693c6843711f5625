//! The workload's output on disk: segments named by the offset of their first byte, the oldest removed first.
//!
//! What it keeps true: never more than the limit on disk; the writer never waits for anything but the disk; a full disk
//! costs output, with a note of how much, and nothing else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Segments kept.
const SEGMENTS: u64 = 4;

/// A segment is never smaller than this, however small the limit.
const SMALLEST_SEGMENT: u64 = 1024;

/// Largest offset that a segment may begin at. A workload can put files of any name beside the segments; from here on, with
/// the longest file there can be (2^63 bytes), every sum of offsets still is a `u64`.
const OFFSET_MAX: u64 = 1 << 62;

/// The name of the segment that begins at `offset`. Names sort as offsets do.
#[must_use]
pub fn segment_name(offset: u64) -> String {
    format!("{offset:020}.log")
}

/// The offset that a file name stands for, if it is the name of a segment.
fn offset_of(file_name: &str) -> Option<u64> {
    let offset = file_name.strip_suffix(".log")?.parse().ok()?;
    (offset <= OFFSET_MAX && segment_name(offset) == file_name).then_some(offset)
}

/// Segments of a log folder, oldest first: offset of the first byte, and path.
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

/// The writing end.
#[derive(Debug)]
pub struct LogWriter {
    folder: PathBuf,
    segment_limit: u64,
    current: Option<File>,
    /// Offset of the next byte.
    offset: u64,
    /// Bytes in the current segment.
    filled: u64,
    dropped: u64,
}

impl LogWriter {
    /// A log in `folder`, which need not exist, of at most `limit` bytes.
    #[must_use]
    pub fn new(folder: PathBuf, limit: u64) -> Self {
        let segment_limit = (limit / SEGMENTS).max(SMALLEST_SEGMENT);
        Self { folder, segment_limit, current: None, offset: 0, filled: 0, dropped: 0 }
    }

    /// The log in `folder` as it was when it had `offset` bytes: what was written later is taken off.
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
            let file = super::rundir::plain(
                OpenOptions::new()
                    .append(true)
                    .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
                    .open(path),
            )?;
            log.filled = file.metadata()?.len().min(offset - start);
            file.set_len(log.filled)?;
            // A gap is what a lost disk left; the next segment begins where it should.
            log.current = (start + log.filled == offset).then_some(file);
        }
        Ok(log)
    }

    /// Bytes ever written.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Take some output. What cannot be written is counted.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.dropped > 0 {
            let note = format!(
                "\n[{} bytes of output were lost: no space left for the log]\n",
                self.dropped
            );
            if self.put(note.as_bytes()) == note.len() {
                self.dropped = 0;
            }
        }
        let written = if self.dropped == 0 { self.put(bytes) } else { 0 };
        self.dropped += (bytes.len() - written) as u64;
    }

    /// Give back the space of all but the newest segment. Answers whether there was any.
    pub fn shrink(&mut self) -> bool {
        let Ok(mut old) = segments(&self.folder) else { return false };
        old.pop();
        old.iter().filter(|(_, path)| fs::remove_file(path).is_ok()).count() > 0
    }

    /// Write as much as can be written; answers how much that was.
    fn put(&mut self, mut bytes: &[u8]) -> usize {
        let wanted = bytes.len();
        while !bytes.is_empty() {
            let Ok((mut file, room)) = self.segment() else { break };
            match file.write(&bytes[..bytes.len().min(room)]) {
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

    /// The segment to write to, and its room: the current one, or the next if it is full.
    fn segment(&mut self) -> io::Result<(&File, usize)> {
        if self.current.is_none() || self.filled >= self.segment_limit {
            super::rundir::private_dir(&self.folder)?;
            let old = segments(&self.folder)?;
            let keep = usize::try_from(SEGMENTS - 1).unwrap_or(usize::MAX);
            for (_, path) in old.iter().take(old.len().saturating_sub(keep)) {
                fs::remove_file(path)?;
            }
            let path = self.folder.join(segment_name(self.offset));
            // The workload knows this name too: whatever it put there must neither block nor lead away.
            if !self.folder.symlink_metadata()?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            let options = &mut OpenOptions::new();
            let options = options
                .append(true)
                .create(true)
                .mode(0o600)
                .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
            self.current = Some(super::rundir::plain(options.open(path))?);
            self.filled = 0;
        }
        let room = usize::try_from(self.segment_limit - self.filled).unwrap_or(usize::MAX);
        self.current.as_ref().map(|file| (file, room)).ok_or_else(|| io::ErrorKind::NotFound.into())
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
    fn the_newest_output_is_kept_and_the_limit_holds() {
        let folder = tempfile::tempdir().expect("a directory");
        let mut log = LogWriter::new(folder.path().join("log"), 8 * 1024);
        let all: Vec<u8> =
            (0..10_000).flat_map(|line| format!("line {line}\n").into_bytes()).collect();
        for part in all.chunks(777) {
            log.write(part);
            assert!(content(&folder.path().join("log")).len() <= 8 * 1024);
        }
        let kept = content(&folder.path().join("log"));
        assert!(kept.len() >= 6 * 1024, "three whole segments at least");
        assert!(all.ends_with(&kept));
        let first = segments(&folder.path().join("log")).expect("segments")[0].0;
        assert_eq!(
            usize::try_from(first).expect("small"),
            all.len() - kept.len(),
            "a name is the offset of its first byte"
        );
    }

    #[test]
    fn a13_a_file_name_is_an_offset_only_as_the_writer_spells_it_and_within_bounds() {
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
    fn what_could_not_be_written_is_counted_and_noted_once_there_is_room() {
        let folder = tempfile::tempdir().expect("a directory");
        let place = folder.path().join("log");
        fs::write(&place, "in the way").expect("a file where the folder should be");
        let mut log = LogWriter::new(place.clone(), 8 * 1024);
        log.write(b"lost");
        log.write(b" and gone");
        fs::remove_file(&place).expect("out of the way");
        log.write(b"kept\n");
        let text = String::from_utf8(content(&place)).expect("text");
        assert_eq!(text, "\n[13 bytes of output were lost: no space left for the log]\nkept\n");
    }
}
