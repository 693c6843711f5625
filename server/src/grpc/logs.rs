//! A side stream with a member's log: from the agent, through this process, to whoever reads it. HTTP/2 holds the
//! agent back when the reader is slow; nothing is stored.

use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::PartyId;
use flow_proto::v1::{LogChunk, Reason};
use tonic::{Status, Streaming};

use super::convert;
use super::sessions::Sessions;

/// What the reader of a log is told whose agent will not, or cannot, send it.
pub(super) fn refused(party: &PartyId, Reason { code, message }: Reason) -> Error {
    let code = match code.as_str() {
        "policy_denied" => ErrorCode::LogRefused,
        "log_not_found" => ErrorCode::LogNotFound,
        _ => ErrorCode::LogUnavailable,
    };
    Error::new(code, format!("{party} gives no log: {}", convert::clip(message)))
}

pub(super) async fn pump(sessions: &Sessions, party: &PartyId, mut stream: Streaming<LogChunk>) -> Result<(), Status> {
    let Some(first) = stream.message().await? else { return Err(Status::invalid_argument("a log stream begins with its stream_id")) };
    let id = first.stream_id;
    let Some(reader) = sessions.take_log(party, id) else {
        // Nobody reads any more.
        return Ok(());
    };
    let mut chunk = Some(first);
    while let Some(LogChunk { data, .. }) = chunk {
        if !data.is_empty() && reader.send(Ok(data)).await.is_err() {
            return Ok(());
        }
        chunk = tokio::select! {
            next = stream.message() => match next {
                Ok(next) => next,
                Err(status) => {
                    let error = Error::new(ErrorCode::LogUnavailable, format!("the log of {party} broke off: {}", status.message()));
                    // The reader may have left.
                    let _ = reader.send(Err(error)).await;
                    None
                }
            },
            () = reader.closed() => None,
        };
    }
    sessions.end_log(id);
    Ok(())
}
