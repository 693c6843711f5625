//! Addresses that workloads may dial. Other parties choose the addresses and the hub forwards them;
//! this party decides which ones it allows.

use std::fmt;

/// Addresses that the other members may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AllowedPeers {
    /// Ports of this machine: without links, all members that run as processes are on one machine.
    #[default]
    Loopback,
    /// `host` or `host:port`; `*` matches one or more characters.
    Matching(Vec<String>),
}

impl AllowedPeers {
    /// True if a workload may dial `endpoint`, a `host:port`.
    #[must_use]
    pub fn allow(&self, endpoint: &str) -> bool {
        let Some((host, _)) = endpoint.rsplit_once(':') else { return false };
        match self {
            Self::Loopback => {
                let host = host.trim_matches(['[', ']']);
                host == "localhost"
                    || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
            Self::Matching(patterns) => patterns.iter().any(|pattern| {
                matches(
                    pattern.as_bytes(),
                    if pattern.contains(':') { endpoint } else { host }.as_bytes(),
                )
            }),
        }
    }
}

impl fmt::Display for AllowedPeers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback => f.write_str("members that run as processes dial their own machine only; links between machines do not exist yet"),
            // The hub must not learn the patterns.
            Self::Matching(_) => {
                f.write_str("ask its administrator to add the address to kubernetes.peers")
            }
        }
    }
}

/// Matches in at most pattern × text steps, because another party chose the text.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Positions in the text at which the part of the pattern read up to now can end.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for part in pattern {
        let mut next = vec![false; text.len() + 1];
        for at in 0..text.len() {
            next[at + 1] = match part {
                b'*' => reached[at] || next[at],
                letter => reached[at] && text[at].eq_ignore_ascii_case(letter),
            };
        }
        reached = next;
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_allowed_only_if_all_of_it_matches() {
        let peers = AllowedPeers::Matching(
            ["run-*.*.svc.cluster.local:80", "job-*.hub.example:443", "gate.example"]
                .map(str::to_owned)
                .into(),
        );
        for good in
            ["run-1.party-a.svc.cluster.local:80", "JOB-7.hub.example:443", "gate.example:9"]
        {
            assert!(peers.allow(good), "{good}");
        }
        for bad in [
            "run-1.party-a.svc.cluster.local:443",
            "run-.svc.cluster.local:80",
            "kubernetes.default.svc.cluster.local:80",
            "job-.hub.example:443",
            "job-7.hub.example.evil:443",
            "127.0.0.1:80",
            "gate.example",
            "",
        ] {
            assert!(!peers.allow(bad), "{bad}");
        }
        let long = format!("{}:80", "a".repeat(253));
        assert!(
            !AllowedPeers::Matching(vec!["*a*a*a*a*a*b:80".to_owned()]).allow(&long),
            "and in bounded time"
        );
    }

    #[test]
    fn processes_dial_only_this_machine() {
        for good in ["127.0.0.1:1", "[::1]:1", "localhost:1"] {
            assert!(AllowedPeers::Loopback.allow(good), "{good}");
        }
        for bad in ["10.0.0.1:1", "localhost", "localhost.example:1"] {
            assert!(!AllowedPeers::Loopback.allow(bad), "{bad}");
        }
    }
}
