//! Output streams: one side stream for each list or file that the hub requests.
//!
//! The party's policy decides here which outputs leave; a hub cannot decide it. Each stream has a
//! connection of its own, and neither a slow reader nor a large file makes the session or the
//! agent's loop wait. A hub cannot keep more than [`STREAMS_MAX`] streams open, and one file is
//! hashed at a time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_common::clock;
use flow_domain::id::{Digest, ProjectId};
use flow_domain::member::ReasonCode;
use flow_domain::output::OutputPath;
use flow_proto::v1::agent_message::Body;
use flow_proto::v1::{
    AgentMessage, OutputChunk, OutputFile, OutputHead, OutputList, OutputOpen, OutputRefused,
    Reason,
};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::admission::PartyPolicy;
use crate::outputs::{BLOCK_BYTES, Listing, OpenOutput, Output, OutputDir, digest_of};
use crate::runtime::{Runtime, RuntimeError, WorkKey};
use crate::session::HubClient;

const STREAMS_MAX: usize = 8;
/// Longest wait of a request for digests. The hub waits longer; the agent continues to compute, and
/// a repeated request finds the result.
const HASH_TIMEOUT: Duration = Duration::from_secs(10);

/// Reason for which the agent sends no output. The hub derives its caller's error from the code.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    code: &'static str,
    message: String,
}

impl Refusal {
    fn denied(message: impl Into<String>) -> Self {
        Self { code: "policy_denied", message: message.into() }
    }

    /// There is no such output, and a retry finds none.
    fn not_found(message: impl Into<String>) -> Self {
        Self { code: "output_not_found", message: message.into() }
    }

    /// The output cannot be read now.
    fn unavailable(message: impl Into<String>) -> Self {
        Self { code: "runtime_error", message: message.into() }
    }

    fn message(self, stream_id: u64) -> AgentMessage {
        let reason = Reason { code: self.code.to_owned(), message: self.message };
        let refused = OutputRefused { stream_id, reason: Some(reason) };
        AgentMessage { body: Some(Body::OutputRefused(refused)) }
    }
}

/// A failed read of the party's disk.
fn unreadable(error: &io::Error) -> Refusal {
    if error.kind() == io::ErrorKind::NotFound {
        return Refusal::not_found("there is no plain file with this path");
    }
    tracing::warn!(%error, "cannot read an output that the hub requested");
    Refusal::unavailable("the agent cannot read the output now; retry later")
}

/// The requests of the hub for outputs.
#[derive(Debug)]
pub struct Outputs {
    session: Option<(HubClient, mpsc::Sender<AgentMessage>)>,
    streams: Arc<Semaphore>,
    hashing: Hashing,
    _stop: DropGuard,
}

impl Outputs {
    pub fn new() -> Self {
        let stopped = CancellationToken::new();
        Self {
            session: None,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            hashing: Hashing { turn: Arc::new(Semaphore::new(1)), stopped: stopped.clone() },
            _stop: stopped.drop_guard(),
        }
    }

    pub fn open(&mut self, hub: HubClient, out: mpsc::Sender<AgentMessage>) {
        self.session = Some((hub, out));
    }

    /// Ends the session. Open streams have connections of their own and continue.
    pub fn close(&mut self) {
        self.session = None;
    }

    /// Answers one request of the hub, which is not trusted.
    pub fn start(&self, open: OutputOpen, policy: &Arc<PartyPolicy>, runtime: &Arc<dyn Runtime>) {
        let Some((hub, out)) = self.session.clone() else { return };
        let stream_id = open.stream_id;
        let Ok(permit) = Arc::clone(&self.streams).try_acquire_owned() else {
            let refusal = Refusal::unavailable(format!(
                "{STREAMS_MAX} outputs are open, the limit: retry when one has ended"
            ));
            // Without waiting: a hub that does not read gets no answer.
            let _ = out.try_send(refusal.message(stream_id));
            return;
        };
        let (policy, runtime) = (Arc::clone(policy), Arc::clone(runtime));
        let hashing = self.hashing.clone();
        let stopped = self.hashing.stopped.clone();
        tokio::spawn(async move {
            let _permit = permit;
            let serving = async {
                let answer = answer(open, policy, runtime, hashing).await;
                match answer {
                    Ok(chunks) => {
                        if let Err(error) = hub.push_output(stream_id, chunks).await {
                            tracing::debug!(error, stream_id, "the hub ended an output stream");
                        }
                    }
                    // The stream counts as open until the hub has taken the answer.
                    Err(refusal) => drop(out.send(refusal.message(stream_id)).await),
                }
            };
            tokio::select! {
                () = serving => {}
                () = stopped.cancelled() => {}
            }
        });
    }
}

type Chunks = BoxStream<'static, OutputChunk>;

async fn answer(
    open: OutputOpen,
    policy: Arc<PartyPolicy>,
    runtime: Arc<dyn Runtime>,
    hashing: Hashing,
) -> Result<Chunks, Refusal> {
    let OutputOpen { stream_id: _, run_id, attempt, path, offset, if_sha256, project } = open;
    let run = run_id.parse().map_err(|_| Refusal::not_found("the agent does not know the run"))?;
    let key = WorkKey { run, attempt };
    let dir = find(&key, project.parse().ok().as_ref(), &policy, &*runtime).await?;
    if path.is_empty() {
        let Listing { files, left_out } = hashing.list(dir).await?;
        tracing::info!(run.id = %key.run, attempt, files = files.len(), "sending the list of a member's outputs to the hub");
        let list = OutputList { files: files.into_iter().map(file).collect(), left_out };
        let chunk = OutputChunk { list: Some(list), ..OutputChunk::default() };
        return Ok(stream::iter([chunk]).boxed());
    }
    let path: OutputPath = path.parse().map_err(|error| Refusal::not_found(format!("{error}")))?;
    let (open, digest) = hashing.file(dir, path).await?;
    let is_same = if_sha256.is_empty() || if_sha256 == digest.as_str();
    let offset = if is_same { offset } else { 0 };
    tracing::info!(
        run.id = %key.run,
        attempt,
        path = %open.output.path,
        size = open.output.size,
        offset,
        "sending an output to the hub"
    );
    let head = OutputHead { file: Some(file(open.output.clone())), offset };
    let head = OutputChunk { head: Some(head), ..OutputChunk::default() };
    Ok(stream::iter([head]).chain(Transfer::new(open, digest, offset).chunks()).boxed())
}

/// Finds the outputs of a member, if the policy of the party releases them to the project.
async fn find(
    key: &WorkKey,
    project: Option<&ProjectId>,
    policy: &PartyPolicy,
    runtime: &dyn Runtime,
) -> Result<OutputDir, Refusal> {
    let unreleased = || {
        Refusal::denied(
            "this party's policy does not release these outputs (`outputs.release` in the \
             configuration of its agent)",
        )
    };
    // Without a rule the hub learns nothing about the files of the party.
    if policy.release.is_empty() {
        return Err(unreleased());
    }
    let dir = runtime.outputs(key.clone()).await.map_err(|error| match error {
        RuntimeError::Refused(reason) if reason.code == ReasonCode::PolicyDenied => {
            Refusal::denied(reason.message)
        }
        RuntimeError::Refused(reason) => Refusal::not_found(reason.message),
        RuntimeError::Transient { context, source, .. } => {
            tracing::warn!(error = %source, "cannot read outputs that the hub requested: {context}");
            Refusal::unavailable("the agent cannot read the outputs now; retry later")
        }
    })?;
    match &dir.origin {
        Some(origin) if policy.releases(origin, project) => Ok(dir),
        Some(_) => Err(unreleased()),
        None => Err(Refusal::denied(
            "the agent has no record of the image and dataset that made these outputs, so they \
             stay at the party: ask its administrator",
        )),
    }
}

fn file(Output { path, size, modified_at, sha256 }: Output) -> OutputFile {
    OutputFile {
        path: path.into(),
        size,
        modified_at: modified_at.0,
        sha256: sha256.map(Into::into).unwrap_or_default(),
    }
}

/// The computation of digests: one at a time, on a thread that may block.
#[derive(Debug, Clone)]
struct Hashing {
    turn: Arc<Semaphore>,
    stopped: CancellationToken,
}

impl Hashing {
    /// Runs `work` when no other computation runs. `None` = it takes longer than [`HASH_TIMEOUT`];
    /// once begun it continues.
    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<Option<T>, Refusal> {
        let running = async move {
            let turn = self.turn.acquire_owned().await;
            let in_turn = move || {
                let _turn = turn;
                work()
            };
            blocking(in_turn).await
        };
        clock::timeout(HASH_TIMEOUT, running).await.ok().transpose()
    }

    /// Lists the files. Those whose digest takes too long have none yet.
    async fn list(self, dir: OutputDir) -> Result<Listing, Refusal> {
        let listed = dir.clone();
        let listing = blocking(move || listed.list()).await?;
        if listing.files.iter().all(|file| file.sha256.is_some()) {
            return Ok(listing);
        }
        let (hashed, stopped) = (dir.clone(), self.stopped.clone());
        let complete = move || {
            let mut listing = listing;
            hashed.complete(&mut listing, || stopped.is_cancelled());
            Ok(listing)
        };
        match self.run(complete).await? {
            Some(listing) => Ok(listing),
            None => blocking(move || dir.list()).await,
        }
    }

    /// Opens a file with its digest.
    async fn file(self, dir: OutputDir, path: OutputPath) -> Result<(OpenOutput, Digest), Refusal> {
        let (known, name) = (dir.clone(), path.clone());
        let open = blocking(move || known.open(&name)).await?;
        if let Some(digest) = open.output.sha256.clone() {
            return Ok((open, digest));
        }
        let (size, stopped) = (open.output.size, self.stopped.clone());
        let hash = move || {
            // Another request may have computed it meanwhile.
            let mut open = dir.open(&path)?;
            if open.output.sha256.is_none() {
                open.output.sha256 = dir.hash(&open, || stopped.is_cancelled())?;
            }
            Ok(open)
        };
        let Some(open) = self.run(hash).await? else {
            return Err(Refusal::unavailable(format!(
                "the agent computes the SHA-256 of the file ({size} bytes), which takes a while: \
                 retry later"
            )));
        };
        match open.output.sha256.clone() {
            Some(digest) => Ok((open, digest)),
            None => Err(Refusal::unavailable(
                "the file is being written: retry when the workload has finished it",
            )),
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| unreadable(&error))
}

/// The bytes of a file from an offset to its end, as chunks.
struct Transfer {
    open: OpenOutput,
    digest: Digest,
    /// First byte to send.
    offset: u64,
    /// Everything before this position was read and hashed.
    position: u64,
    hasher: Sha256,
}

impl Transfer {
    fn new(open: OpenOutput, digest: Digest, offset: u64) -> Self {
        Self { open, digest, offset, position: 0, hasher: Sha256::new() }
    }

    fn chunks(self) -> impl futures::Stream<Item = OutputChunk> + Send {
        stream::unfold(Some(self), |transfer| async move {
            let mut transfer = transfer.filter(|transfer| transfer.offset < transfer.size())?;
            let mut data = Bytes::new();
            // One block in each step, so that a stream that was dropped stops early.
            while data.is_empty() {
                if transfer.position >= transfer.size() {
                    return None;
                }
                let read = spawn_blocking(move || transfer.next().map(|data| (data, transfer)));
                match read.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
                    Ok(read) => (data, transfer) = read,
                    Err(error) => {
                        // The hub notices that bytes are missing.
                        tracing::warn!(%error, "stopped sending an output to the hub");
                        return None;
                    }
                }
            }
            Some((OutputChunk { data, ..OutputChunk::default() }, Some(transfer)))
        })
    }

    fn size(&self) -> u64 {
        self.open.output.size
    }

    /// Reads the next block; the result is empty before the offset. The last block is an error
    /// unless the whole file is the one whose digest was announced.
    fn next(&mut self) -> io::Result<Bytes> {
        let left = self.size() - self.position;
        let mut block = vec![0; usize::try_from(left).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES)];
        let count = self.open.read(&mut block, self.position)?;
        block.truncate(count);
        self.hasher.update(&block);
        let start = self.position;
        self.position += count as u64;
        let is_last = self.position == self.size();
        if count == 0
            || (is_last
                && (digest_of(std::mem::take(&mut self.hasher)) != self.digest
                    || !self.open.is_unchanged()?))
        {
            let path = &self.open.output.path;
            return Err(io::Error::other(format!("the file changed during the transfer: {path}")));
        }
        let skipped = usize::try_from(self.offset.saturating_sub(start)).unwrap_or(count);
        Ok(Bytes::from(block).slice(skipped.min(count)..))
    }
}
