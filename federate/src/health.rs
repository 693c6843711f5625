//! Health and metrics of an agent over plain HTTP, for a kubelet or a Prometheus, which is rarely on
//! the same machine.
//!
//! The pages are not secret: they name no run and no dataset, and no request changes anything.
//! `/livez` reports that the process answers; `/readyz` that a session with the hub is open and the
//! journal takes writes. Each request asks the agent's loop, so the answer is current and costs
//! nothing without requests.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use flow_common::clock::{self, Clock as _, SystemClock};
use flow_common::disk::Disk;
use flow_common::metrics::{Labels, add, add_with_unit, page, registry};
use flow_common::probe;
use flow_common::tls::client::trusted;
use flow_domain::member::MemberPhase;
use flow_domain::time::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::journal;
use crate::metrics::AgentMetrics;

/// Timeout of the loop's answer. While the agent restores its members the loop does not answer.
const STATUS_TIMEOUT: Duration = Duration::from_secs(1);

/// State of an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentStatus {
    /// A session with the hub is open.
    pub connected: bool,
    /// Sessions opened since the process started.
    pub sessions: u64,
    /// Unsettled members by phase.
    pub members: BTreeMap<MemberPhase, u64>,
    pub journal_writable: bool,
}

/// A request to the agent's loop, which answers with its status.
pub type StatusRequest = oneshot::Sender<AgentStatus>;

#[derive(Debug, Clone)]
pub struct HealthPages {
    pub status_requests: mpsc::Sender<StatusRequest>,
    pub metrics: AgentMetrics,
    pub data_dir: PathBuf,
    /// File with the certificate authorities of the hub, if the configuration names one.
    pub ca_file: Option<PathBuf>,
}

/// Serves `/livez`, `/readyz` and `/metrics` until the caller drops the future.
pub async fn serve(listener: TcpListener, pages: HealthPages) {
    probe::serve(listener, pages).await;
}

impl probe::Pages for HealthPages {
    async fn readiness(&self) -> Result<(), String> {
        match self.request_status().await.ok_or(NOT_READY)? {
            AgentStatus { journal_writable: false, .. } => {
                Err("the journal takes no writes; read the agent's log for the cause".to_owned())
            }
            AgentStatus { connected: true, .. } => Ok(()),
            _ => {
                Err("no session with the hub is open; read the agent's log for the cause"
                    .to_owned())
            }
        }
    }

    async fn metrics(&self) -> Result<String, String> {
        let status = self.request_status().await.ok_or(NOT_READY)?;
        metrics_text(&status, &self.host_figures(), &self.metrics)
            .map_err(|error| error.to_string())
    }
}

impl HealthPages {
    fn host_figures(&self) -> HostFigures {
        // The log reports a file that cannot be read; the page omits its figure.
        let trusted =
            self.ca_file.as_deref().and_then(|file| trusted(file, SystemClock.now()).ok());
        HostFigures {
            journal_bytes: journal::size(&self.data_dir),
            disk: Disk::of(&self.data_dir).ok(),
            authority_expires: trusted
                .and_then(|trusted| trusted.iter().map(|certificate| certificate.ends).min()),
        }
    }

    async fn request_status(&self) -> Option<AgentStatus> {
        let (request, status) = oneshot::channel();
        let asked = async {
            self.status_requests.send(request).await.ok()?;
            status.await.ok()
        };
        clock::timeout(STATUS_TIMEOUT, asked).await.ok()?
    }
}

const NOT_READY: &str = "the agent is restoring its members; retry in a moment";

/// Figures of the machine, which do not come from the agent's loop.
#[derive(Debug, Clone, Copy, Default)]
struct HostFigures {
    journal_bytes: u64,
    disk: Option<Disk>,
    /// Expiry of the first of the trusted authorities.
    authority_expires: Option<Timestamp>,
}

/// The metrics page in the OpenMetrics format.
fn metrics_text(
    status: &AgentStatus,
    host: &HostFigures,
    metrics: &AgentMetrics,
) -> Result<String, fmt::Error> {
    let AgentStatus { connected, sessions, members, journal_writable } = status;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let mut all = registry();
    let registry = all.sub_registry_with_prefix("agent");
    let mut gauge = |name: &str, help: &str, value: i64| {
        add::<Gauge>(registry, name, help).set(value);
    };
    gauge("connected", "1 if a session with the hub is open", (*connected).into());
    gauge("journal_writable", "1 if the journal takes writes", (*journal_writable).into());
    let mut bytes = |name: &str, help: &str, value: u64| {
        add_with_unit(registry, name, help, Unit::Bytes, Gauge::<i64>::default())
            .set(number(value));
    };
    bytes("journal", "Size of the journal on the disk", host.journal_bytes);
    if let Some(Disk { size, free }) = host.disk {
        bytes("disk_size", "Size of the disk that holds the data directory", size);
        bytes("disk_free", "Bytes on that disk that the agent may still write", free);
    }
    let by_phase: Family<Labels<1>, Gauge> =
        add(registry, "members", "Unsettled members, by phase");
    for phase in MemberPhase::ALL {
        let count = members.get(phase).copied().unwrap_or(0);
        by_phase.get_or_create(&[("phase", phase.as_str())]).set(number(count));
    }
    let help = "Sessions opened with the hub; all but the first are reconnects";
    add::<Counter>(registry, "sessions", help).inc_by(*sessions);
    if let Some(expires) = host.authority_expires {
        let help = "Expiry of the first certificate in hub.ca_file that expires";
        let name = "certificate_expires_timestamp";
        add_with_unit(registry, name, help, Unit::Seconds, Gauge::<i64>::default())
            .set(expires.0 / 1_000_000);
    }
    metrics.register(registry);
    page(&[&all])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_page_has_all_figures_and_all_phases() {
        let members = BTreeMap::from([(MemberPhase::Running, 2)]);
        let host = HostFigures {
            journal_bytes: 4096,
            disk: Some(Disk { size: 9, free: 3 }),
            authority_expires: Some(Timestamp(7_000_000)),
        };
        let metrics = AgentMetrics::default();
        metrics.pass("journal_failed", Duration::from_millis(1));
        metrics.runtime_request("hold", "refused", Duration::from_millis(1));
        metrics.session("ended", Duration::from_secs(1));
        metrics.sweep(true, Duration::from_secs(1));
        let status = AgentStatus { connected: true, sessions: 3, members, journal_writable: true };
        let text = metrics_text(&status, &host, &metrics).unwrap();
        let wanted = [
            "flow_agent_connected 1",
            "flow_agent_sessions_total 3",
            "flow_agent_members{phase=\"running\"} 2",
            "flow_agent_members{phase=\"reserved\"} 0",
            "flow_agent_journal_writable 1",
            "flow_agent_journal_bytes 4096",
            "flow_agent_certificate_expires_timestamp_seconds 7",
            "flow_agent_disk_size_bytes 9",
            "flow_agent_disk_free_bytes 3",
            "flow_log_lines_dropped_total 0",
            "flow_agent_passes_total{outcome=\"journal_failed\"} 1",
            "flow_agent_pass_duration_seconds_count 1",
            "flow_agent_runtime_requests_total{request=\"hold\",outcome=\"refused\"} 1",
            "flow_agent_runtime_request_duration_seconds_count 1",
            "flow_agent_session_ends_total{outcome=\"ended\"} 1",
            "flow_agent_session_duration_seconds_count 1",
            "flow_agent_retention_sweeps_total{outcome=\"ok\"} 1",
            "flow_agent_retention_sweep_duration_seconds_count 1",
        ];
        for line in wanted {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        flow_testkit::assert_monitored(&text, |name| name.starts_with("flow_agent_"));
    }
}
