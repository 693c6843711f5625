//! What agent and sidecar say to each other over the control socket: one JSON object a line, each with a version.
//!
//! Sidecars outlive an upgrade of their agent, so a sidecar takes requests of its own version and of the one before,
//! and an agent takes answers of any version up to its own: fields are added, never changed.

use std::collections::BTreeMap;

use flow_domain::member::Reason;
use flow_domain::progress::Progress;
use serde::{Deserialize, Serialize};

use super::container::Containment;
use crate::runtime::{HoldRequest, StartRequest, WorkState};

/// The version spoken here.
pub const VERSION: u32 = 1;

/// Longest line taken: a launch with all its arguments, or a progress with its points.
pub const LINE_LIMIT: usize = 4 << 20;

/// Agent → sidecar.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// Version of the sender.
    pub version: u32,
    /// What is wanted.
    pub verb: Verb,
}

/// What is wanted of a sidecar. Each may be said twice.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Tell the state once.
    Status,
    /// Tell the state now and at every change, and progress as it comes.
    Subscribe,
    /// Start the workload, if it was not started.
    Start(Box<StartRequest>),
    /// End the workload, or let go of the hold.
    Stop {
        /// Seconds between SIGTERM and SIGKILL.
        grace_s: u64,
    },
}

/// Sidecar → agent. The first one is also written to the sidecar's standard output when it is ready.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Answer {
    /// Version of the sender.
    pub version: u32,
    /// What is true now.
    #[serde(default)]
    pub state: Option<WorkState>,
    /// The ports held, by name.
    #[serde(default)]
    pub ports: BTreeMap<String, u16>,
    /// Progress, with the points this subscriber has not seen.
    #[serde(default)]
    pub progress: Option<Progress>,
    /// Why the request was not carried out.
    #[serde(default)]
    pub error: Option<Reason>,
}

/// `hold.json`: what a sidecar needs to know when it is born.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HoldFile {
    /// What to hold.
    pub hold: HoldRequest,
    /// Numbers found by an earlier sidecar of this directory: the hub may have told them to others, so they are kept.
    pub ports: BTreeMap<String, u16>,
    /// Ports to choose from; `None` = what the kernel gives.
    pub port_range: Option<(u16, u16)>,
    /// How long the hold stays without an agent, in seconds.
    pub hold_max_s: u64,
    /// Where to catch descendants.
    pub containment: Containment,
}

/// One line of the protocol.
pub fn line<T: Serialize>(message: &T) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec(message).expect("messages have text keys and no failing serializer");
    bytes.push(b'\n');
    bytes
}

/// Read a request; the error is for the sender.
pub fn parse_request(line: &[u8]) -> Result<Verb, String> {
    // The version is looked at first: a newer verb may not be readable at all.
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    let head: Head =
        serde_json::from_slice(line).map_err(|error| format!("not a request: {error}"))?;
    if !(VERSION.saturating_sub(1)..=VERSION).contains(&head.version) {
        return Err(format!(
            "this sidecar speaks version {VERSION} and the one before, not {}",
            head.version
        ));
    }
    let request: Request =
        serde_json::from_slice(line).map_err(|error| format!("not a request: {error}"))?;
    Ok(request.verb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_back_is_accepted_and_no_other() {
        let ask = |version| parse_request(&line(&Request { version, verb: Verb::Status }));
        assert!(ask(VERSION).is_ok());
        assert!(ask(VERSION - 1).is_ok());
        assert!(ask(VERSION + 1).is_err_and(|text| text.contains("speaks version")));
        assert!(
            parse_request(br#"{"version":9,"verb":"fly"}"#)
                .is_err_and(|text| text.contains("speaks version"))
        );
        assert!(parse_request(b"{}").is_err());
    }
}
