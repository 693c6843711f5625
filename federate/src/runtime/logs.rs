//! Reads a member's log while the sidecar writes and rotates it.
//!
//! A position is an offset in everything that was ever written; the names of the segments give it.
//! A reader that the rotation overtakes therefore knows how many bytes it missed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use flow_common::text;
use flow_domain::member::{LAST_LINE_CHARS_MAX, LAST_LINES_MAX};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::runtime::{LogRequest, WorkState};
use crate::sidecar::log::segments;
use crate::sidecar::rundir::open_regular;

const CHUNK_BYTES_MAX: usize = 64 << 10;

/// Limit of the search for the last lines. No log of a sidecar is longer, but a workload can put a
/// sparse file of any length in its place.
const TAIL_BYTES_MAX: u64 = 128 << 20;

/// Limit of the end of a log that is searched for the last lines of a failed workload.
const LAST_BYTES_MAX: usize = 8 << 10;

/// Delay between two reads of a followed log.
const FOLLOW_PERIOD: Duration = Duration::from_millis(100);

#[derive(Debug)]
struct Reader {
    folder: PathBuf,
    offset: u64,
    /// The open segment and its offset. The reader can still read a segment that the writer
    /// removed.
    current: Option<(u64, File)>,
}

/// Opens the requested stream. `state` reports the end of the workload; `None` = it ended.
pub async fn open(
    folder: PathBuf,
    request: LogRequest,
    state: Option<watch::Receiver<Option<WorkState>>>,
) -> io::Result<BoxStream<'static, io::Result<Bytes>>> {
    let start = spawn_blocking({
        let folder = folder.clone();
        move || match request.tail_lines {
            Some(lines) => tail_offset(&folder, lines),
            // If the oldest segments are removed, the stream starts with the number of missing
            // bytes.
            None => Ok(0),
        }
    });
    let reader = Reader { offset: start.await??, folder, current: None };
    let state = state.filter(|_| request.follow);
    Ok(stream::unfold(Some((reader, state)), |place| async move {
        let (mut reader, mut state) = place?;
        loop {
            // Check before the read, so that the read includes everything written before the end.
            let has_ended =
                state.as_mut().is_none_or(|state| has_ended(state.borrow_and_update().as_ref()));
            let read = spawn_blocking(move || reader.next().map(|chunk| (chunk, reader))).await;
            let chunk;
            match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(read) => (chunk, reader) = read,
                // The stream ends with the error.
                Err(error) => return Some((Err(error), None)),
            }
            if !chunk.is_empty() {
                return Some((Ok(chunk), Some((reader, state))));
            }
            match &mut state {
                Some(state) if !has_ended => {
                    // A dropped runtime ends the stream: it reports no end any more.
                    let is_dropped = flow_common::clock::timeout(FOLLOW_PERIOD, state.changed())
                        .await
                        .is_ok_and(|changed| changed.is_err());
                    if is_dropped {
                        return None;
                    }
                }
                _ => return None,
            }
        }
    })
    .boxed())
}

fn has_ended(state: Option<&WorkState>) -> bool {
    match state {
        None
        | Some(
            WorkState::Held { .. }
            | WorkState::Starting { .. }
            | WorkState::Running
            | WorkState::Unseen(_),
        ) => false,
        Some(WorkState::Absent | WorkState::Exited(_) | WorkState::Lost(_)) => true,
    }
}

/// The last lines of the log in `folder`; none if it cannot be read.
pub async fn last_lines(folder: PathBuf) -> Vec<String> {
    let read = spawn_blocking(move || read_end(&folder, LAST_BYTES_MAX)).await;
    match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(output) => text::last_lines(&output, LAST_LINES_MAX, LAST_LINE_CHARS_MAX),
        Err(error) => {
            tracing::warn!(%error, "cannot read the last lines of a workload's log");
            Vec::new()
        }
    }
}

/// The last bytes of a log, at most `limit`.
fn read_end(folder: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut end = Vec::new();
    for (_, path) in list_segments(folder)?.iter().rev() {
        let file = open_regular(path)?;
        let length = file.metadata()?.len();
        let count = usize::try_from(length).unwrap_or(usize::MAX).min(limit - end.len());
        let mut part = vec![0; count];
        file.read_exact_at(&mut part, length - count as u64)?;
        part.append(&mut end);
        end = part;
        if end.len() == limit {
            break;
        }
    }
    Ok(end)
}

/// The segments; none before the first output.
fn list_segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    match segments(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found,
    }
}

impl Reader {
    /// Returns the next chunk; empty = no more output yet.
    fn next(&mut self) -> io::Result<Bytes> {
        if let Some(chunk) = self.read_current()? {
            return Ok(chunk);
        }
        let start = self.current.as_ref().map(|(start, _)| *start);
        let next = list_segments(&self.folder)?
            .into_iter()
            .filter(|(offset, _)| start.is_none_or(|start| *offset > start));
        // Without a current segment the reader starts in the one that contains the offset. A
        // segment ends where the next one begins.
        let candidates: Vec<_> = next.collect();
        let index = if start.is_none() {
            candidates.iter().rposition(|(offset, _)| *offset <= self.offset).unwrap_or(0)
        } else {
            0
        };
        let Some((offset, path)) = candidates.get(index) else { return Ok(Bytes::new()) };
        // The writer may have filled the current segment after the read above.
        if let Some(chunk) = self.read_current()? {
            return Ok(chunk);
        }
        let file = match open_regular(path) {
            // The writer has just removed the segment: search again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.next(),
            file => file?,
        };
        let missed = offset.saturating_sub(self.offset);
        let end_of_line = if self.offset == 0 { "" } else { "\n" };
        self.offset = self.offset.max(*offset);
        self.current = Some((*offset, file));
        if missed > 0 {
            return Ok(Bytes::from(format!(
                "{end_of_line}[{missed} bytes of log before this line were rotated away]\n"
            )));
        }
        Ok(self.read_current()?.unwrap_or_default())
    }

    fn read_current(&mut self) -> io::Result<Option<Bytes>> {
        let Some((start, file)) = &self.current else { return Ok(None) };
        let mut buffer = vec![0; CHUNK_BYTES_MAX];
        let count = file.read_at(&mut buffer, self.offset.saturating_sub(*start))?;
        self.offset += count as u64;
        buffer.truncate(count);
        Ok((count > 0).then(|| Bytes::from(buffer)))
    }
}

/// Returns the offset at which the last `lines` lines begin.
fn tail_offset(folder: &Path, lines: u64) -> io::Result<u64> {
    let segments = list_segments(folder)?;
    let (mut found, mut searched) = (0, 0);
    let mut end = None;
    for (start, path) in segments.iter().rev() {
        let Ok(file) = open_regular(path) else { break };
        let mut position = file.metadata()?.len();
        let end = *end.get_or_insert(start + position);
        if lines == 0 {
            return Ok(end);
        }
        while position > 0 {
            if searched >= TAIL_BYTES_MAX {
                return Ok(start + position);
            }
            let count = position.min(CHUNK_BYTES_MAX as u64);
            position -= count;
            searched += count;
            let mut block = vec![0; usize::try_from(count).unwrap_or(CHUNK_BYTES_MAX)];
            file.read_exact_at(&mut block, position)?;
            for (index, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
                let after = start + position + index as u64 + 1;
                // The last line feed of the log ends the last line and begins no other.
                if after < end {
                    found += 1;
                    if found == lines {
                        return Ok(after);
                    }
                }
            }
        }
    }
    // The log has fewer lines than requested.
    Ok(0)
}
