//! Where workloads may be told to dial. The addresses come from other parties by way of the hub; this party decides
//! which of them it believes.

use std::fmt;

/// The addresses other members may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AllowedPeers {
    /// Ports of this machine. Until links exist, all members of plain processes are on one.
    #[default]
    Loopback,
    /// `host` or `host:port`, in which `*` stands for one or more characters.
    Matching(Vec<String>),
}

impl AllowedPeers {
    /// Whether a workload may be told to dial `endpoint`, a `host:port`.
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
            Self::Loopback => f.write_str("plain processes dial their own machine only; links between machines do not exist yet"),
            // Which addresses those are is the party's own business.
            Self::Matching(_) => f.write_str("ask it to add the address to kubernetes.peers"),
        }
    }
}

/// Iterative, as the text is a stranger's: at most pattern × text steps.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Reachable ends of the pattern read so far, as a set of positions in the text.
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
    fn an_address_is_dialled_only_if_the_whole_of_it_matches() {
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
            "and at once"
        );
    }

    #[test]
    fn plain_processes_dial_this_machine_only() {
        for good in ["127.0.0.1:1", "[::1]:1", "localhost:1"] {
            assert!(AllowedPeers::Loopback.allow(good), "{good}");
        }
        for bad in ["10.0.0.1:1", "localhost", "localhost.example:1"] {
            assert!(!AllowedPeers::Loopback.allow(bad), "{bad}");
        }
    }
}
