//! The protocol between agent and sidecar on the control socket: one JSON object per line, each with
//! a version.
//!
//! Sidecars outlive an upgrade of their agent. A sidecar accepts requests of its version and of the
//! previous one; an agent accepts responses of any version up to its own. Fields are added, never
//! changed.

use std::collections::BTreeMap;

use flow_domain::member::Reason;
use flow_domain::progress::Progress;
use serde::{Deserialize, Serialize};

use super::container::Containment;
use crate::workload::{HoldRequest, StartRequest, WorkState};

/// Version of this program's protocol.
pub const VERSION: u32 = 1;

/// Limit of a line in bytes: a start with all its arguments, or progress with its points.
pub const LINE_BYTES_MAX: usize = 4 << 20;

/// A line from the agent.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// Version of the sender.
    pub version: u32,
    #[serde(rename = "verb")]
    pub request: Request,
}

/// A request to a sidecar. Every request may be repeated.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Send the state once.
    Status,
    /// Send the state now and at every change, and progress as it arrives.
    Subscribe,
    /// Start the workload unless it was started before.
    Start(Box<StartRequest>),
    /// End the workload, or release the hold.
    Stop {
        /// Seconds between SIGTERM and SIGKILL.
        grace_s: u64,
    },
}

/// A line from the sidecar. When the sidecar is ready, it also writes one to its standard output.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Response {
    /// Version of the sender.
    pub version: u32,
    #[serde(default)]
    pub state: Option<WorkState>,
    /// Numbers of the held ports by name.
    #[serde(default)]
    pub ports: BTreeMap<String, u16>,
    /// Progress, with the points that this subscriber did not get yet.
    #[serde(default)]
    pub progress: Option<Progress>,
    /// The reason for which the sidecar rejects the request.
    #[serde(default)]
    pub error: Option<Reason>,
}

/// Content of `hold.json`: the input of a new sidecar.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HoldRecord {
    pub hold: HoldRequest,
    /// Numbers that an earlier sidecar of this directory bound. They stay, because the hub may have
    /// sent them to other members.
    pub ports: BTreeMap<String, u16>,
    /// Range of the ports; `None` = the kernel chooses.
    pub port_range: Option<(u16, u16)>,
    /// Time after which a sidecar without an agent releases its hold, in seconds.
    pub hold_max_s: u64,
    pub containment: Containment,
}

/// Encodes a message as one line.
pub fn line<T: Serialize>(message: &T) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec(message).expect("messages have text keys and no failing serializer");
    bytes.push(b'\n');
    bytes
}

/// Decodes a request. The error is for the sender.
pub fn parse_request(line: &[u8]) -> Result<Request, String> {
    // The version first: a request of a newer version may not be readable.
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    let head: Head =
        serde_json::from_slice(line).map_err(|error| format!("the request is invalid: {error}"))?;
    if !(VERSION.saturating_sub(1)..=VERSION).contains(&head.version) {
        return Err(format!(
            "this sidecar accepts requests of version {VERSION} and the previous one, not {}",
            head.version
        ));
    }
    let envelope: Envelope =
        serde_json::from_slice(line).map_err(|error| format!("the request is invalid: {error}"))?;
    Ok(envelope.request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_of_this_and_the_previous_version_only_is_accepted() {
        let parse = |version| parse_request(&line(&Envelope { version, request: Request::Status }));
        assert!(parse(VERSION).is_ok());
        assert!(parse(VERSION - 1).is_ok());
        assert!(parse(VERSION + 1).is_err_and(|text| text.contains("accepts requests of version")));
        assert!(
            parse_request(br#"{"version":9,"verb":"fly"}"#)
                .is_err_and(|text| text.contains("accepts requests of version"))
        );
        assert!(parse_request(b"{}").is_err());
    }
}
