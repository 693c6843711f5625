//! Outputs of members on their way from a party to a reader. The hub stores nothing: the reader's
//! speed limits the party's, and a channel holds the only copy.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{Digest, PartyId, ProjectId, RunId};
use flow_domain::output::{FILES_MAX, OutputPath};
use flow_domain::time::Timestamp;
use flow_proto::v1::hub_message::Body;
use flow_proto::v1::{OutputChunk, OutputFile, OutputOpen};
use futures::Stream;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{AgentFeatures, Sessions};

/// Chunks queued for a reader.
const CHUNKS_MAX: usize = 4;
/// Longest wait for an agent to open an output; an agent answers within 10 s. Shorter than the
/// longest response of the API.
const OPEN_TIMEOUT: Duration = Duration::from_secs(20);

/// A file that the party lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) path: OutputPath,
    pub(crate) size: u64,
    pub(crate) modified_at: Timestamp,
    /// `None` while the agent computes it.
    pub(crate) sha256: Option<Digest>,
}

/// The member whose outputs are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputsOf<'a> {
    pub(crate) party: &'a PartyId,
    pub(crate) run: &'a RunId,
    pub(crate) attempt: u32,
    /// Project of the run.
    pub(crate) project: &'a ProjectId,
}

/// The part of a file that is wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct OutputPart {
    pub(crate) offset: u64,
    /// The file to which the offset refers; `None` = whatever the file is.
    pub(crate) if_sha256: Option<Digest>,
}

/// An open file; its bytes follow.
pub(crate) struct OpenOutput {
    pub(crate) output: Output,
    pub(crate) sha256: Digest,
    /// First byte that follows.
    pub(crate) offset: u64,
    rest: Reader,
}

type Chunk = Result<OutputChunk, Error>;

struct OutputStream {
    party: PartyId,
    /// Taken by the agent's side stream.
    chunks: Option<mpsc::Sender<Chunk>>,
    /// Cancelled when the party may send no more.
    revoked: CancellationToken,
}

/// The open outputs of all parties.
#[derive(Default)]
pub(super) struct Outputs {
    streams: Mutex<HashMap<u64, OutputStream>>,
    next_id: AtomicU64,
}

impl Outputs {
    fn streams(&self) -> MutexGuard<'_, HashMap<u64, OutputStream>> {
        self.streams.lock()
    }

    /// Removes the streams that wait for the agent of a session that ended.
    pub(super) fn remove_unopened(&self, party: &PartyId) {
        self.streams().retain(|_, stream| &stream.party != party || stream.chunks.is_none());
    }

    /// Ends all streams of a party.
    pub(super) fn revoke(&self, party: &PartyId) {
        for (_, stream) in self.streams().extract_if(|_, stream| &stream.party == party) {
            stream.revoked.cancel();
        }
    }
}

/// The agent's end of an output.
pub(crate) struct OutputWriter {
    chunks: mpsc::Sender<Chunk>,
    revoked: CancellationToken,
}

impl OutputWriter {
    /// Forwards a chunk at the reader's speed; `false` if the reader has disconnected, or the party
    /// may send no more.
    pub(crate) async fn send(&self, chunk: Chunk) -> bool {
        tokio::select! {
            sent = self.chunks.send(chunk) => sent.is_ok(),
            () = self.revoked.cancelled() => false,
        }
    }

    /// Completes when the reader has disconnected, or the party may send no more.
    pub(crate) async fn closed(&self) {
        tokio::select! {
            () = self.chunks.closed() => {}
            () = self.revoked.cancelled() => {}
        }
    }
}

/// The reader's end of an output. Dropping it ends the agent's side stream.
struct Reader {
    chunks: mpsc::Receiver<Chunk>,
    sessions: Sessions,
    party: PartyId,
    id: u64,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.sessions.0.outputs.streams().remove(&self.id);
    }
}

impl Reader {
    async fn first(&mut self) -> Result<OutputChunk, Error> {
        let first = flow_common::clock::timeout(OPEN_TIMEOUT, self.chunks.recv()).await;
        match first {
            Ok(Some(chunk)) => chunk,
            Ok(None) => Err(unavailable(&self.party, "has disconnected")),
            Err(_) => Err(unavailable(&self.party, "does not answer")),
        }
    }
}

impl Sessions {
    /// Lists the outputs of a member, and returns the number of files that are not listed.
    pub(crate) async fn list_outputs(
        &self,
        of: OutputsOf<'_>,
    ) -> Result<(Vec<Output>, u32), Error> {
        let mut reader = self.open_outputs(of, None, &OutputPart::default())?;
        let invalid = || unavailable(of.party, "sent a list that is invalid");
        let list = reader.first().await?.list.ok_or_else(invalid)?;
        if list.files.len() > FILES_MAX {
            return Err(invalid());
        }
        let files =
            list.files.into_iter().map(output).collect::<Option<_>>().ok_or_else(invalid)?;
        Ok((files, list.left_out))
    }

    /// Opens an output of a member.
    pub(crate) async fn open_output(
        &self,
        of: OutputsOf<'_>,
        path: &OutputPath,
        part: &OutputPart,
    ) -> Result<OpenOutput, Error> {
        let mut rest = self.open_outputs(of, Some(path), part)?;
        let head = rest.first().await?.head;
        let valid = head.and_then(|head| {
            let output = output(head.file?).filter(|output| &output.path == path)?;
            Some((head.offset, output.sha256.clone()?, output))
        });
        let (offset, sha256, output) =
            valid.ok_or_else(|| unavailable(of.party, "sent an output that is invalid"))?;
        Ok(OpenOutput { output, sha256, offset, rest })
    }

    fn open_outputs(
        &self,
        OutputsOf { party, run, attempt, project }: OutputsOf<'_>,
        path: Option<&OutputPath>,
        OutputPart { offset, if_sha256 }: &OutputPart,
    ) -> Result<Reader, Error> {
        if let Some(AgentFeatures { version, sends_outputs: false, .. }) = self.agent(party) {
            return Err(Error::new(
                ErrorCode::AgentOutdated,
                format!(
                    "the agent of {party} has version {version}, which cannot send outputs: ask \
                     the party to update flow-federate"
                ),
            ));
        }
        let outputs = &self.0.outputs;
        let id = outputs.next_id.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, chunks) = mpsc::channel(CHUNKS_MAX);
        let stream = OutputStream {
            party: party.clone(),
            chunks: Some(sender),
            revoked: CancellationToken::new(),
        };
        outputs.streams().insert(id, stream);
        let reader = Reader { chunks, sessions: self.clone(), party: party.clone(), id };
        let open = OutputOpen {
            stream_id: id,
            run_id: run.to_string(),
            attempt,
            path: path.map(ToString::to_string).unwrap_or_default(),
            offset: *offset,
            if_sha256: if_sha256.as_ref().map(ToString::to_string).unwrap_or_default(),
            project: project.to_string(),
        };
        if !self.send(party, Body::OutputOpen(open)) {
            return Err(unavailable(party, "is not connected"));
        }
        Ok(reader)
    }

    /// Opens the agent's side of an output; `None` if its reader has disconnected.
    pub(crate) fn take_output(&self, party: &PartyId, id: u64) -> Option<OutputWriter> {
        let mut streams = self.0.outputs.streams();
        let stream = streams.get_mut(&id).filter(|stream| &stream.party == party)?;
        Some(OutputWriter { chunks: stream.chunks.take()?, revoked: stream.revoked.clone() })
    }

    /// Ends an output that the agent refuses to send, or cannot send.
    pub(crate) fn refuse_output(&self, party: &PartyId, id: u64, error: Error) {
        let mut streams = self.0.outputs.streams();
        if streams.get(&id).is_some_and(|stream| &stream.party == party)
            && let Some(chunks) = streams.remove(&id).and_then(|stream| stream.chunks)
        {
            // The reader may have disconnected.
            let _ = chunks.try_send(Err(error));
        }
    }
}

impl OpenOutput {
    /// Bytes that follow.
    pub(crate) const fn length(&self) -> u64 {
        self.output.size.saturating_sub(self.offset)
    }

    /// The bytes. The stream ends with an error unless it contains all of them: the agent leaves
    /// out the last ones if the file changed.
    pub(crate) fn bytes(self) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        let left = self.length();
        futures::stream::unfold(Some((self.rest, left)), |reading| async move {
            let (mut rest, left) = reading.filter(|(_, left)| *left > 0)?;
            let data = match rest.chunks.recv().await {
                Some(Ok(chunk)) => chunk.data,
                Some(Err(error)) => return Some((Err(error), None)),
                None => {
                    let what = "ended the output before its end, because the file changed or the \
                                connection broke";
                    return Some((Err(unavailable(&rest.party, what)), None));
                }
            };
            match left.checked_sub(data.len() as u64) {
                Some(left) => Some((Ok(data), Some((rest, left)))),
                None => {
                    Some((Err(unavailable(&rest.party, "sent more bytes than announced")), None))
                }
            }
        })
    }
}

/// Checks a file that an agent named.
fn output(OutputFile { path, size, modified_at, sha256 }: OutputFile) -> Option<Output> {
    let sha256 = if sha256.is_empty() { None } else { Some(sha256.parse().ok()?) };
    let path = path.parse().ok()?;
    Some(Output { path, size, modified_at: Timestamp(modified_at), sha256 })
}

fn unavailable(party: &PartyId, what: &str) -> Error {
    Error::new(
        ErrorCode::OutputUnavailable,
        format!("{party} {what}: its outputs are not available now; retry when it is connected"),
    )
}
