//! The use of the cluster: the section `[kubernetes]` of the configuration, completed from the cluster.

use std::net::IpAddr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub namespace: String,
    /// Domain at the end of the names of Services.
    pub cluster_domain: String,
    /// DNS zone of the jobs' external names; `None` = jobs have none.
    pub host_zone: Option<String>,
    /// Port of the gateway of that zone.
    pub route_port: u16,
    /// Zones without DNS, each with the address of its gateway.
    pub hosts: Vec<(String, IpAddr)>,
    /// True = Pods mount the trust roots of the original operator.
    pub certificates: bool,
    /// Image of the sidecar, which reports progress; `None` = no progress.
    pub sidecar_image: Option<String>,
    /// PersistentVolumeClaim for results; `None` = results are deleted with the Pod.
    pub output_claim: Option<String>,
}
