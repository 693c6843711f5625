//! The side stream of a member's log: from the agent through this process to the reader. HTTP/2
//! flow control slows the agent down for a slow reader; nothing is stored.

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

/// Characters of an agent's error text.
pub(super) const CAUSE_CHARS_MAX: usize = 300;

/// Returns the reader's error after an agent refused to send its log.
pub(super) fn refused(party: &PartyId, Reason { code, message }: Reason) -> Error {
    let code = match code.as_str() {
        "policy_denied" => ErrorCode::LogRefused,
        "log_not_found" => ErrorCode::LogNotFound,
        _ => ErrorCode::LogUnavailable,
    };
    Error::new(code, format!("{party} refuses to send the log: {}", convert::clip(message)))
}

/// Returns the stream id in the metadata of a PushLog call. Agents of protocol 1 may send it in the
/// first chunk only.
pub(super) fn announced_id(metadata: &MetadataMap) -> Result<Option<u64>, Status> {
    let Some(value) = metadata.get(STREAM_ID) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.map(Some).ok_or_else(|| {
        Status::invalid_argument(format!("the metadata {STREAM_ID} must be a whole number"))
    })
}

/// Relays a log to its reader. `announced` is the stream's id, unless the first chunk contains it;
/// that chunk must arrive within `timeout`.
pub(super) async fn relay(
    sessions: &Sessions,
    party: &PartyId,
    announced: Option<u64>,
    mut stream: Streaming<LogChunk>,
    timeout: Duration,
) -> Result<(), Status> {
    let (id, mut chunk) = match announced {
        Some(id) => (id, LogChunk::default()),
        None => {
            let first =
                flow_common::clock::timeout(timeout, stream.message()).await.map_err(|_| {
                    let waited = timeout.as_secs();
                    Status::deadline_exceeded(format!(
                        "a log stream must begin with its stream_id; none arrived within {waited} s"
                    ))
                })??;
            let first = first.ok_or_else(|| {
                Status::invalid_argument("a log stream must begin with its stream_id")
            })?;
            (first.stream_id, first)
        }
    };
    let Some(reader) = sessions.take_log(party, id) else {
        // The reader has disconnected.
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
                    format!("the log of {party} is incomplete: {cause}"),
                );
                // The reader may have disconnected.
                reader.send(Err(error)).await;
                break;
            }
        }
    }
    sessions.end_log(id);
    Ok(())
}
