//! A side stream with a member's log: from the agent, through this process, to whoever reads it. HTTP/2 holds the
//! agent back when the reader is slow; nothing is stored.

use std::time::Duration;

use flow_common::text::foreign;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::PartyId;
use flow_proto::STREAM_ID;
use flow_proto::v1::{LogChunk, Reason};
use tonic::metadata::MetadataMap;
use tonic::{Status, Streaming};

use super::convert;
use crate::sessions::Sessions;

/// Longest cause of an agent's for the end of its log, in characters.
const CAUSE_CHARS_MAX: usize = 300;

/// What the reader of a log is told whose agent will not, or cannot, send it.
pub(super) fn refused(party: &PartyId, Reason { code, message }: Reason) -> Error {
    let code = match code.as_str() {
        "policy_denied" => ErrorCode::LogRefused,
        "log_not_found" => ErrorCode::LogNotFound,
        _ => ErrorCode::LogUnavailable,
    };
    Error::new(code, format!("{party} gives no log: {}", convert::clip(message)))
}

/// The stream id in the metadata of a PushLog call. Agents of protocol 1 may leave it out and send it in the first chunk
/// only.
pub(super) fn announced_id(metadata: &MetadataMap) -> Result<Option<u64>, Status> {
    let Some(value) = metadata.get(STREAM_ID) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.map(Some).ok_or_else(|| {
        Status::invalid_argument(format!("the metadata {STREAM_ID} must be a whole number"))
    })
}

/// Passes a log on to its reader. `announced` is the stream's id, unless the first chunk has it; that chunk must arrive
/// within `patience`.
pub(super) async fn relay(
    sessions: &Sessions,
    party: &PartyId,
    announced: Option<u64>,
    mut stream: Streaming<LogChunk>,
    patience: Duration,
) -> Result<(), Status> {
    let (id, mut chunk) = match announced {
        Some(id) => (id, LogChunk::default()),
        None => {
            let first =
                flow_common::clock::timeout(patience, stream.message()).await.map_err(|_| {
                    let waited = patience.as_secs();
                    Status::deadline_exceeded(format!(
                        "a log stream begins with its stream_id, and none arrived within {waited} s"
                    ))
                })??;
            let first = first.ok_or_else(|| {
                Status::invalid_argument("a log stream begins with its stream_id")
            })?;
            (first.stream_id, first)
        }
    };
    let Some(reader) = sessions.take_log(party, id) else {
        // Nobody reads any more.
        return Ok(());
    };
    loop {
        if !chunk.data.is_empty() && !reader.send(Ok(chunk.data)).await {
            return Ok(());
        }
        let next = tokio::select! {
            next = stream.message() => next,
            () = reader.closed() => break,
        };
        match next {
            Ok(Some(next)) => chunk = next,
            Ok(None) => {
                reader.finish();
                break;
            }
            Err(status) => {
                let cause = foreign(status.message(), CAUSE_CHARS_MAX);
                let error = Error::new(
                    ErrorCode::LogUnavailable,
                    format!("the log of {party} broke off: {cause}"),
                );
                // The reader may have left.
                reader.send(Err(error)).await;
                break;
            }
        }
    }
    sessions.end_log(id);
    Ok(())
}
