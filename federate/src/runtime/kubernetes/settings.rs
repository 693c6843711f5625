//! How the cluster is used: what the configuration's `[kubernetes]` comes to once the cluster is known.

use std::net::IpAddr;

/// A party's way of using its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where everything is.
    pub namespace: String,
    /// What the names of Services end in.
    pub cluster_domain: String,
    /// Zone of the names under which jobs are reached from outside; `None` = they are not.
    pub host_zone: Option<String>,
    /// Port of the gateway in front of that zone.
    pub route_port: u16,
    /// Zones of names that no DNS serves, with the address of the gateway in front of each.
    pub hosts: Vec<(String, IpAddr)>,
    /// Whether the trust roots of the original operator are mounted.
    pub certificates: bool,
    /// Image of the sidecar, which watches progress; `None` = none is told.
    pub sidecar_image: Option<String>,
    /// Claim for results; `None` = they go with the pod.
    pub output_claim: Option<String>,
}
