//! What a pod says, kept at the party: the log in segments, so that it outlives the pod, and progress as it comes.

use std::fs;
use std::io;
use std::mem::replace;
use std::path::PathBuf;
use std::sync::Arc;

use flow_domain::progress::Progress;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::tail::{GAP, Place, Sink};
use crate::sidecar::log::{self, LogWriter};
use crate::sidecar::protocol::LINE_LIMIT;

/// So many bytes may have to be read again after the agent was killed.
const SAVE_EVERY: u64 = 256 << 10;

/// Stands where the rest of the output should.
const CUT: &[u8] = b"\n[the end of the output is missing: it could not be read from the cluster]\n";

/// How far a pod's log was spooled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// UID of the pod.
    pub pod: String,
    /// After the last line that is whole in the spool.
    pub at: Option<Place>,
    /// Bytes spooled up to there, of all pods of the key.
    pub offset: u64,
}

/// The spool of one key, while one pod is followed.
pub struct Spool {
    log: Log,
    file: PathBuf,
    cursor: Cursor,
    saved: u64,
}

enum Log {
    /// As an earlier agent left it. What that one wrote after it saved the cursor gives way to the same, once that begins
    /// to be read again; the pod may be gone.
    AsLeft { folder: PathBuf, limit: u64 },
    /// Being written.
    Open(LogWriter),
    /// It could not be opened.
    Unusable,
}

impl Log {
    fn open(self, offset: u64) -> io::Result<LogWriter> {
        match self {
            Self::AsLeft { folder, limit } => LogWriter::resume(folder, limit, offset),
            Self::Open(writer) => Ok(writer),
            Self::Unusable => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Spool {
    /// Go on where an earlier agent left off. Answers also from where on the pod's log is new.
    pub fn open(
        folder: PathBuf,
        file: PathBuf,
        pod: &str,
        limit: u64,
    ) -> io::Result<(Self, Option<Place>)> {
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
        Ok((Self { log: Log::AsLeft { folder, limit }, file, cursor, saved }, since))
    }

    /// Say in the log itself that its end is missing. The cursor stays: if the end can be read after all, it takes its place.
    pub async fn cut(&mut self) {
        let before = self.cursor.clone();
        self.keep_all();
        self.take(CUT.to_vec(), before.at).await;
        self.cursor = before;
    }

    /// The log was read to its end. Where nothing of it was new, all that an earlier agent wrote after the cursor is a note
    /// that this is missing.
    pub async fn is_whole(&mut self) {
        if matches!(self.log, Log::AsLeft { .. }) {
            self.take(Vec::new(), None).await;
        }
    }

    /// What an earlier agent wrote after it saved the cursor does not come again.
    fn keep_all(&mut self) {
        if let Log::AsLeft { folder, .. } = &self.log {
            self.cursor.offset =
                log::end(folder).map_or(self.cursor.offset, |end| end.max(self.cursor.offset));
        }
    }

    /// Put down how far it is. A cursor that is lost costs lines that stand there twice, nothing else.
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
            Err(error) => tracing::debug!(error = %error, "a log's cursor could not be saved"),
        }
    }
}

impl Sink for Spool {
    async fn take(&mut self, bytes: Vec<u8>, at: Option<Place>) {
        if bytes.starts_with(GAP) {
            self.keep_all();
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
                return tracing::error!(error = %error, file = %self.file.display(), "the log of a member is not kept");
            }
        };
        let offset = writer.offset();
        self.log = Log::Open(writer);
        if whole_lines {
            self.cursor.at = at;
            self.cursor.offset = offset;
            if offset >= self.saved.saturating_add(SAVE_EVERY) {
                self.save().await;
            }
        }
    }
}

/// Progress from a sidecar's output: one JSON object a line.
pub struct Lines<F> {
    line: Vec<u8>,
    too_long: bool,
    tell: Arc<F>,
}

impl<F: Fn(Progress) + Send + Sync> Lines<F> {
    /// Hand each progress to `tell`.
    pub fn new(tell: F) -> Self {
        Self { line: Vec::new(), too_long: false, tell: Arc::new(tell) }
    }
}

impl<F: Fn(Progress) + Send + Sync> Sink for Lines<F> {
    async fn take(&mut self, bytes: Vec<u8>, _at: Option<Place>) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + part.len() > LINE_LIMIT {
                self.too_long = true;
                self.line.clear();
            }
            if !self.too_long {
                self.line.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                // Anything else is a remark of the sidecar's.
                if let Ok(progress) = serde_json::from_slice(&self.line) {
                    (self.tell)(progress);
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
    fn at(second: i64) -> Option<Place> {
        Moment::from_second(second).ok().map(|time| Place { time, after: 0 })
    }

    fn text(folder: &std::path::Path) -> String {
        let segments = crate::sidecar::log::segments(folder).expect("segments");
        segments.iter().map(|(_, path)| fs::read_to_string(path).expect("text")).collect()
    }

    #[tokio::test]
    async fn an_agent_that_was_killed_between_two_saves_leaves_no_line_twice() {
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
            "it stays until it was read again"
        );
        spool.take(b"two\n".to_vec(), at(2)).await;
        assert_eq!(text(&folder), "one\ntwo\n");
        spool.take(b"three\n".to_vec(), at(3)).await;
        spool.save().await;
        drop(spool);
        let (mut spool, since) = open("b");
        assert_eq!(since, None, "another pod is read from its start");
        spool.take(b"again\n".to_vec(), at(4)).await;
        assert_eq!(text(&folder), "one\ntwo\nthree\nagain\n");
    }

    #[tokio::test]
    async fn what_a_killed_agent_wrote_and_the_node_has_put_away_since_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let (folder, file) = (dir.path().join("log"), dir.path().join("cursor.json"));
        let open = || Spool::open(folder.clone(), file.clone(), "a", 1 << 20).expect("opened").0;
        let mut spool = open();
        spool.take(b"one\ntw".to_vec(), at(1)).await;
        drop(spool);
        open().take([GAP, b"three\n"].concat(), at(3)).await;
        assert_eq!(text(&folder), format!("one\ntw{}three\n", String::from_utf8_lossy(GAP)));
    }

    #[tokio::test]
    async fn a_note_that_the_end_is_missing_goes_when_the_log_turns_out_to_be_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let (folder, file) = (dir.path().join("log"), dir.path().join("cursor.json"));
        let open = || Spool::open(folder.clone(), file.clone(), "a", 1 << 20).expect("opened").0;
        let mut spool = open();
        spool.take(b"one\n".to_vec(), at(1)).await;
        spool.cut().await;
        spool.save().await;
        drop(spool);
        let mut spool = open();
        spool.is_whole().await;
        spool.save().await;
        assert_eq!(text(&folder), "one\n");
    }

    #[tokio::test]
    async fn an_end_that_is_missing_is_noted_and_gives_way_to_the_end_itself() {
        let dir = tempfile::tempdir().expect("a directory");
        let (folder, file) = (dir.path().join("log"), dir.path().join("cursor.json"));
        let open = || Spool::open(folder.clone(), file.clone(), "a", 1 << 20).expect("opened");
        let (mut spool, _) = open();
        spool.take(b"one\n".to_vec(), at(1)).await;
        spool.take(b"tw".to_vec(), at(1)).await;
        spool.cut().await;
        spool.save().await;
        assert_eq!(text(&folder), format!("one\ntw{}", String::from_utf8_lossy(CUT)));
        drop(spool);
        let (mut spool, since) = open();
        assert_eq!(since, at(1));
        spool.take(b"two\n".to_vec(), at(2)).await;
        assert_eq!(text(&folder), "one\ntwo\n");
    }

    #[tokio::test]
    async fn what_a_killed_agent_wrote_of_a_pod_that_is_gone_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let (folder, file) = (dir.path().join("log"), dir.path().join("cursor.json"));
        let open = || Spool::open(folder.clone(), file.clone(), "a", 1 << 20).expect("opened").0;
        let mut spool = open();
        spool.take(b"one\ntwo\n".to_vec(), at(1)).await;
        drop(spool);
        let mut spool = open();
        spool.cut().await;
        spool.save().await;
        assert_eq!(text(&folder), format!("one\ntwo\n{}", String::from_utf8_lossy(CUT)));
    }

    #[tokio::test]
    async fn progress_is_read_line_by_line_and_remarks_are_passed_over() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut lines = Lines::new({
            let told = told.clone();
            move |progress: Progress| told.lock().expect("unpoisoned").push(progress.epoch)
        });
        let line = |epoch: u32| {
            crate::sidecar::protocol::line(&Progress { epoch: Some(epoch), ..Progress::default() })
        };
        let all =
            [line(1), b"a remark\n".to_vec(), vec![b'x'; LINE_LIMIT + 1], b"\n".to_vec(), line(2)]
                .concat();
        for piece in all.chunks(1000) {
            lines.take(piece.to_vec(), None).await;
        }
        assert_eq!(*told.lock().expect("unpoisoned"), [Some(1), Some(2)]);
    }
}
