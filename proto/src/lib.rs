//! Generated types of the control protocol. `flow/v1/control.proto` documents the sender of each
//! message, its time, and the effect of loss or repetition.

#![warn(missing_docs)]

pub mod codec;

/// Version 1 of the protocol.
#[expect(missing_docs, reason = "generated; the .proto holds the comments")]
#[expect(clippy::all, clippy::allow_attributes, reason = "generated")]
pub mod v1 {
    tonic::include_proto!("flow.v1");
}

/// Metadata of a PushLog or PushOutput call: its stream id, as a decimal number.
pub const STREAM_ID: &str = "flow-stream-id";
