//! Reading a member's log while it may still be written and rotated.
//!
//! A position is an offset in everything that was ever written, which the names of the segments tell; so a reader that
//! was overtaken by the rotation knows exactly what it missed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::runtime::{LogRequest, WorkState};
use crate::sidecar::log::segments;
use crate::sidecar::rundir::open_plain;

/// Largest chunk.
const CHUNK: usize = 64 << 10;

/// Most bytes looked through for the last lines. No log of ours is longer, but a workload can make a sparse file of any
/// length in its place.
const TAIL_BYTES_MAX: u64 = 128 << 20;

/// Pause before a log that is followed is looked at again.
const PERIOD: Duration = Duration::from_millis(100);

/// A place in a log.
#[derive(Debug)]
struct Reader {
    folder: PathBuf,
    offset: u64,
    /// Kept open: a segment that is removed meanwhile can still be read.
    current: Option<(u64, File)>,
}

/// The stream that `request` asks for. `state` tells when the workload has ended; `None`: it has.
pub async fn open(
    folder: PathBuf,
    request: LogRequest,
    state: Option<watch::Receiver<Option<WorkState>>>,
) -> io::Result<BoxStream<'static, io::Result<Bytes>>> {
    let start = spawn_blocking({
        let folder = folder.clone();
        move || match request.tail_lines {
            Some(lines) => tail(&folder, lines),
            // If the oldest segments are gone, the reader begins with how much is missing.
            None => Ok(0),
        }
    });
    let reader = Reader { offset: start.await??, folder, current: None };
    let state = state.filter(|_| request.follow);
    Ok(stream::unfold(Some((reader, state)), |place| async move {
        let (mut reader, mut state) = place?;
        loop {
            // Asked before reading: what is written before the end is then surely read.
            let over =
                state.as_mut().is_none_or(|state| is_over(state.borrow_and_update().as_ref()));
            let read = spawn_blocking(move || reader.next().map(|chunk| (chunk, reader))).await;
            let chunk;
            match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(read) => (chunk, reader) = read,
                // Said once; the stream ends with it.
                Err(error) => return Some((Err(error), None)),
            }
            if !chunk.is_empty() {
                return Some((Ok(chunk), Some((reader, state))));
            }
            match &mut state {
                Some(state) if !over => {
                    // A dropped runtime ends the stream at the next turn: nobody will tell the end any more.
                    let gone = flow_common::clock::timeout(PERIOD, state.changed())
                        .await
                        .is_ok_and(|changed| changed.is_err());
                    if gone {
                        return None;
                    }
                }
                _ => return None,
            }
        }
    })
    .boxed())
}

fn is_over(state: Option<&WorkState>) -> bool {
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

/// The segments; none as long as nothing was written.
fn listed(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    match segments(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed,
    }
}

impl Reader {
    /// The next chunk; empty = nothing more now.
    fn next(&mut self) -> io::Result<Bytes> {
        if let Some(chunk) = self.read_current()? {
            return Ok(chunk);
        }
        let start = self.current.as_ref().map(|(start, _)| *start);
        let next = listed(&self.folder)?
            .into_iter()
            .filter(|(offset, _)| start.is_none_or(|start| *offset > start));
        // Without a current segment, the one that holds the offset; the end of a segment is the name of the next.
        let candidates: Vec<_> = next.collect();
        let index = if start.is_none() {
            candidates.iter().rposition(|(offset, _)| *offset <= self.offset).unwrap_or(0)
        } else {
            0
        };
        let Some((offset, path)) = candidates.get(index) else { return Ok(Bytes::new()) };
        // The writer may have filled the current segment to its end after it was read above.
        if let Some(chunk) = self.read_current()? {
            return Ok(chunk);
        }
        let file = match open_plain(path) {
            // Rotated away this very moment: look again.
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
        let mut buffer = vec![0; CHUNK];
        let count = file.read_at(&mut buffer, self.offset.saturating_sub(*start))?;
        self.offset += count as u64;
        buffer.truncate(count);
        Ok((count > 0).then(|| Bytes::from(buffer)))
    }
}

/// Offset at which the last `lines` lines begin.
fn tail(folder: &Path, lines: u64) -> io::Result<u64> {
    let segments = listed(folder)?;
    let (mut found, mut seen) = (0, 0);
    let mut end = None;
    for (start, path) in segments.iter().rev() {
        let Ok(file) = open_plain(path) else { break };
        let mut position = file.metadata()?.len();
        let end = *end.get_or_insert(start + position);
        if lines == 0 {
            return Ok(end);
        }
        while position > 0 {
            if seen >= TAIL_BYTES_MAX {
                return Ok(start + position);
            }
            let count = position.min(CHUNK as u64);
            position -= count;
            seen += count;
            let mut block = vec![0; usize::try_from(count).unwrap_or(CHUNK)];
            file.read_exact_at(&mut block, position)?;
            for (index, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
                let after = start + position + index as u64 + 1;
                // A line feed at the very end closes the last line; it begins none.
                if after < end {
                    found += 1;
                    if found == lines {
                        return Ok(after);
                    }
                }
            }
        }
    }
    // Fewer lines are kept than were asked for.
    Ok(0)
}
