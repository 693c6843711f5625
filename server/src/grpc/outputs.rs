//! The side stream of an output: from the agent through this process to the reader. HTTP/2 flow
//! control slows the agent down for a slow reader; nothing is stored.

use flow_common::text::foreign;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::PartyId;
use flow_proto::v1::{OutputChunk, Reason};
use tonic::Streaming;

use super::convert;
use super::logs::CAUSE_CHARS_MAX;
use crate::sessions::Sessions;

/// Returns the reader's error after an agent refused to send an output.
pub(super) fn refused(party: &PartyId, Reason { code, message }: Reason) -> Error {
    let code = match code.as_str() {
        "policy_denied" => ErrorCode::OutputRefused,
        "output_not_found" => ErrorCode::OutputNotFound,
        _ => ErrorCode::OutputUnavailable,
    };
    Error::new(code, format!("{party} does not send the output: {}", convert::clip(message)))
}

/// Relays an output to its reader.
pub(super) async fn relay(
    sessions: &Sessions,
    party: &PartyId,
    id: u64,
    mut stream: Streaming<OutputChunk>,
) {
    let Some(reader) = sessions.take_output(party, id) else {
        // The reader has disconnected.
        return;
    };
    loop {
        let next = tokio::select! {
            next = stream.message() => next,
            () = reader.closed() => return,
        };
        match next {
            Ok(Some(chunk)) => {
                if !reader.send(Ok(chunk)).await {
                    return;
                }
            }
            // The reader knows whether bytes are missing.
            Ok(None) => return,
            Err(status) => {
                let cause = foreign(status.message(), CAUSE_CHARS_MAX);
                let message = format!("the output of {party} is incomplete: {cause}");
                reader.send(Err(Error::new(ErrorCode::OutputUnavailable, message))).await;
                return;
            }
        }
    }
}
