//! Keeps the output of a Pod at the party: the log in segments, so that it outlives the Pod, and
//! progress as it arrives.

use std::fs;
use std::io;
use std::mem::replace;
use std::path::PathBuf;
use std::sync::Arc;

use flow_domain::progress::Progress;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::tail::{GAP_NOTE, LogPosition, Sink};
use crate::sidecar::log::{self, LogWriter};
use crate::sidecar::protocol::LINE_BYTES_MAX;

/// Limit of the bytes that a later agent reads again after this one was killed.
const UNSAVED_BYTES_MAX: u64 = 256 << 10;

/// Note in the log in place of the missing end of the output.
const END_MISSING_NOTE: &[u8] =
    b"\n[the end of the output is missing: it could not be read from the cluster]\n";

/// The position up to which a Pod's log was spooled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// UID of the pod.
    pub pod: String,
    /// Position after the last complete line in the spool.
    pub at: Option<LogPosition>,
    /// Bytes spooled up to that position, of all Pods of the key.
    pub offset: u64,
}

/// The spool of one key while the agent follows one Pod.
pub struct Spool {
    log: Log,
    file: PathBuf,
    cursor: Cursor,
    saved: u64,
}

enum Log {
    /// The log of an earlier agent. Everything after the saved cursor is replaced as soon as the
    /// same output is read again; the Pod may be gone.
    NotResumed {
        folder: PathBuf,
        limit: u64,
    },
    Open(LogWriter),
    /// The log could not be opened.
    Unusable,
}

impl Log {
    fn open(self, offset: u64) -> io::Result<LogWriter> {
        match self {
            Self::NotResumed { folder, limit } => LogWriter::resume(folder, limit, offset),
            Self::Open(writer) => Ok(writer),
            Self::Unusable => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Spool {
    /// Resumes the spool of an earlier agent. Also returns the position from which the Pod's log is
    /// new.
    pub fn open(
        folder: PathBuf,
        file: PathBuf,
        pod: &str,
        limit: u64,
    ) -> io::Result<(Self, Option<LogPosition>)> {
        let cursor = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Cursor::default(),
            Err(error) => return Err(error),
        };
        let cursor = if cursor.pod == pod {
            cursor
        } else {
            Cursor { pod: pod.to_owned(), at: None, ..cursor }
        };
        let since = cursor.at;
        let saved = cursor.offset;
        Ok((Self { log: Log::NotResumed { folder, limit }, file, cursor, saved }, since))
    }

    /// Notes in the log that its end is missing. The cursor stays: if the end can be read later, it
    /// replaces the note.
    pub async fn mark_end_missing(&mut self) {
        let before = self.cursor.clone();
        self.keep_written();
        self.take(END_MISSING_NOTE.to_vec(), before.at).await;
        self.cursor = before;
    }

    /// Completes a log that was read to its end. If nothing was new, everything after the cursor is
    /// a note of an earlier agent that the end is missing, and is removed.
    pub async fn mark_complete(&mut self) {
        if matches!(self.log, Log::NotResumed { .. }) {
            self.take(Vec::new(), None).await;
        }
    }

    /// Keeps what an earlier agent wrote after the cursor, because it cannot be read again.
    fn keep_written(&mut self) {
        if let Log::NotResumed { folder, .. } = &self.log {
            self.cursor.offset =
                log::end(folder).map_or(self.cursor.offset, |end| end.max(self.cursor.offset));
        }
    }

    /// Saves the cursor. If the save is lost, lines occur twice and nothing else happens.
    pub async fn save(&mut self) {
        let (file, bytes) =
            (self.file.clone(), serde_json::to_vec(&self.cursor).unwrap_or_default());
        let written = spawn_blocking(move || {
            let tmp = file.with_extension("tmp");
            fs::write(&tmp, bytes)?;
            fs::rename(tmp, file)
        });
        match written.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => self.saved = self.cursor.offset,
            Err(error) => {
                tracing::debug!(error = %error, "the cursor of a member's log could not be saved")
            }
        }
    }
}

impl Sink for Spool {
    async fn take(&mut self, bytes: Vec<u8>, at: Option<LogPosition>) {
        if bytes.starts_with(GAP_NOTE) {
            self.keep_written();
        }
        let log = replace(&mut self.log, Log::Unusable);
        if matches!(log, Log::Unusable) {
            return;
        }
        let (whole_lines, offset) = (bytes.ends_with(b"\n"), self.cursor.offset);
        let written = spawn_blocking(move || {
            let mut writer = log.open(offset)?;
            writer.write(&bytes);
            Ok(writer)
        });
        let writer = match written.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(writer) => writer,
            Err(error) => {
                return tracing::error!(error = %error, file = %self.file.display(), "the log of a member cannot be kept");
            }
        };
        let offset = writer.offset();
        self.log = Log::Open(writer);
        if whole_lines {
            self.cursor.at = at;
            self.cursor.offset = offset;
            if offset >= self.saved.saturating_add(UNSAVED_BYTES_MAX) {
                self.save().await;
            }
        }
    }
}

/// Parses progress from a sidecar's output: one JSON object per line.
pub struct ProgressLines<F> {
    line: Vec<u8>,
    too_long: bool,
    report: Arc<F>,
}

impl<F: Fn(Progress) + Send + Sync> ProgressLines<F> {
    /// Passes each progress to `report`.
    pub fn new(report: F) -> Self {
        Self { line: Vec::new(), too_long: false, report: Arc::new(report) }
    }
}

impl<F: Fn(Progress) + Send + Sync> Sink for ProgressLines<F> {
    async fn take(&mut self, bytes: Vec<u8>, _at: Option<LogPosition>) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + part.len() > LINE_BYTES_MAX {
                self.too_long = true;
                self.line.clear();
            }
            if !self.too_long {
                self.line.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                // Any other line is a diagnostic of the sidecar.
                if let Ok(progress) = serde_json::from_slice(&self.line) {
                    (self.report)(progress);
                }
                self.line.clear();
                self.too_long = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::jiff::Timestamp as Moment;
    use std::sync::Mutex;

    /// After a line of this second.
    fn at(second: i64) -> Option<LogPosition> {
        Moment::from_second(second).ok().map(|time| LogPosition { time, after: 0 })
    }

    fn text(folder: &std::path::Path) -> String {
        let segments = crate::sidecar::log::segments(folder).expect("segments");
        segments.iter().map(|(_, path)| fs::read_to_string(path).expect("text")).collect()
    }

    #[tokio::test]
    async fn agent_killed_between_two_saves_leaves_no_line_twice() {
        let dir = tempfile::tempdir().expect("a directory");
        let (folder, file) = (dir.path().join("log"), dir.path().join("cursor.json"));
        let open =
            |pod: &str| Spool::open(folder.clone(), file.clone(), pod, 1 << 20).expect("opened");
        let (mut spool, since) = open("a");
        assert_eq!(since, None);
        spool.take(b"one\n".to_vec(), at(1)).await;
        spool.save().await;
        spool.take(b"two\n".to_vec(), at(2)).await;
        spool.take(b"thr".to_vec(), at(2)).await;
        drop(spool);
        let (mut spool, since) = open("a");
        assert_eq!(
            (since, text(&folder).as_str()),
            (at(1), "one\ntwo\nthr"),
            "the output stays until it is read again"
        );
        spool.take(b"two\n".to_vec(), at(2)).await;
        assert_eq!(text(&folder), "one\ntwo\n");
        spool.take(b"three\n".to_vec(), at(3)).await;
        spool.save().await;
        drop(spool);
        let (mut spool, since) = open("b");
        assert_eq!(since, None, "another Pod is read from its start");
        spool.take(b"again\n".to_vec(), at(4)).await;
        assert_eq!(text(&folder), "one\ntwo\nthree\nagain\n");
    }

    #[tokio::test]
    async fn output_of_a_killed_agent_that_the_node_rotated_away_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let (folder, file) = (dir.path().join("log"), dir.path().join("cursor.json"));
        let open = || Spool::open(folder.clone(), file.clone(), "a", 1 << 20).expect("opened").0;
        let mut spool = open();
        spool.take(b"one\ntw".to_vec(), at(1)).await;
        drop(spool);
        open().take([GAP_NOTE, b"three\n"].concat(), at(3)).await;
        assert_eq!(text(&folder), format!("one\ntw{}three\n", String::from_utf8_lossy(GAP_NOTE)));
    }

    #[tokio::test]
    async fn note_of_a_missing_end_is_removed_when_the_log_is_complete() {
        let dir = tempfile::tempdir().expect("a directory");
        let (folder, file) = (dir.path().join("log"), dir.path().join("cursor.json"));
        let open = || Spool::open(folder.clone(), file.clone(), "a", 1 << 20).expect("opened").0;
        let mut spool = open();
        spool.take(b"one\n".to_vec(), at(1)).await;
        spool.mark_end_missing().await;
        spool.save().await;
        drop(spool);
        let mut spool = open();
        spool.mark_complete().await;
        spool.save().await;
        assert_eq!(text(&folder), "one\n");
    }

    #[tokio::test]
    async fn note_of_a_missing_end_is_replaced_by_the_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let (folder, file) = (dir.path().join("log"), dir.path().join("cursor.json"));
        let open = || Spool::open(folder.clone(), file.clone(), "a", 1 << 20).expect("opened");
        let (mut spool, _) = open();
        spool.take(b"one\n".to_vec(), at(1)).await;
        spool.take(b"tw".to_vec(), at(1)).await;
        spool.mark_end_missing().await;
        spool.save().await;
        assert_eq!(text(&folder), format!("one\ntw{}", String::from_utf8_lossy(END_MISSING_NOTE)));
        drop(spool);
        let (mut spool, since) = open();
        assert_eq!(since, at(1));
        spool.take(b"two\n".to_vec(), at(2)).await;
        assert_eq!(text(&folder), "one\ntwo\n");
    }

    #[tokio::test]
    async fn output_of_a_killed_agent_stays_when_the_pod_is_gone() {
        let dir = tempfile::tempdir().expect("a directory");
        let (folder, file) = (dir.path().join("log"), dir.path().join("cursor.json"));
        let open = || Spool::open(folder.clone(), file.clone(), "a", 1 << 20).expect("opened").0;
        let mut spool = open();
        spool.take(b"one\ntwo\n".to_vec(), at(1)).await;
        drop(spool);
        let mut spool = open();
        spool.mark_end_missing().await;
        spool.save().await;
        assert_eq!(
            text(&folder),
            format!("one\ntwo\n{}", String::from_utf8_lossy(END_MISSING_NOTE))
        );
    }

    #[tokio::test]
    async fn progress_is_read_line_by_line_and_diagnostics_are_skipped() {
        let reported = Arc::new(Mutex::new(Vec::new()));
        let mut lines = ProgressLines::new({
            let reported = reported.clone();
            move |progress: Progress| reported.lock().expect("unpoisoned").push(progress.epoch)
        });
        let line = |epoch: u32| {
            crate::sidecar::protocol::line(&Progress { epoch: Some(epoch), ..Progress::default() })
        };
        let all = [
            line(1),
            b"a diagnostic\n".to_vec(),
            vec![b'x'; LINE_BYTES_MAX + 1],
            b"\n".to_vec(),
            line(2),
        ]
        .concat();
        for piece in all.chunks(1000) {
            lines.take(piece.to_vec(), None).await;
        }
        assert_eq!(*reported.lock().expect("unpoisoned"), [Some(1), Some(2)]);
    }
}
