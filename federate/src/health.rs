//! Health and metrics of an agent, over plain HTTP: for whoever runs it (a kubelet, a Prometheus), who is rarely on the
//! same host. Nothing on these pages is secret, they name no run and no dataset, and nothing can be changed through
//! them.
//!
//! `/livez` says that the process answers. `/readyz` says that a session with the hub is open, and that the journal can be
//! written. What they show is asked of
//! the agent's own loop, at each request, so that it cannot be out of date and costs nothing while nobody looks.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use flow_common::clock::{Clock as _, SystemClock};
use flow_common::disk::Disk;
use flow_common::probe;
use flow_common::telemetry;
use flow_common::tls::client::trusted;
use flow_domain::member::MemberPhase;
use flow_domain::time::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::journal;

/// Longest time the agent's loop may take to reply; while it takes up its members it does not.
const STATUS_TIMEOUT: Duration = Duration::from_secs(1);

/// How an agent stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentStatus {
    /// A session with the hub is open.
    pub connected: bool,
    /// Sessions opened since the process started: all but the first were reconnects.
    pub sessions: u64,
    /// Members that have not settled, by phase.
    pub members: BTreeMap<MemberPhase, u64>,
    /// The journal takes writes.
    pub journal_writable: bool,
}

/// Asked of an agent, which answers how it stands.
pub type StatusRequest = oneshot::Sender<AgentStatus>;

/// What is served.
#[derive(Debug, Clone)]
pub struct HealthPages {
    /// Where the agent is asked.
    pub status_requests: mpsc::Sender<StatusRequest>,
    /// The agent's data directory.
    pub data_dir: PathBuf,
    /// The file of the authorities that say who the hub is, if there is one.
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
                Err("the journal cannot be written; see the agent's log for the cause".to_owned())
            }
            AgentStatus { connected: true, .. } => Ok(()),
            _ => {
                Err("no session with the hub is open; see the agent's log for the cause".to_owned())
            }
        }
    }

    async fn metrics(&self) -> Result<String, String> {
        let status = self.request_status().await.ok_or(NOT_READY)?;
        metrics(&status, &self.host_figures()).map_err(|error| error.to_string())
    }
}

impl HealthPages {
    fn host_figures(&self) -> HostFigures {
        // A file that cannot be read is reported in the log, and left out here.
        let trusted =
            self.ca_file.as_deref().and_then(|file| trusted(file, SystemClock.now()).ok());
        HostFigures {
            journal_bytes: journal::size(&self.data_dir),
            disk: Disk::of(&self.data_dir).ok(),
            authority_ends: trusted
                .and_then(|trusted| trusted.iter().map(|certificate| certificate.ends).min()),
        }
    }

    async fn request_status(&self) -> Option<AgentStatus> {
        let (request, reply) = oneshot::channel();
        let asked = async {
            self.status_requests.send(request).await.ok()?;
            reply.await.ok()
        };
        flow_common::clock::timeout(STATUS_TIMEOUT, asked).await.ok()?
    }
}

const NOT_READY: &str = "the agent is still recovering its members";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Phase {
    phase: &'static str,
}

/// Figures that do not come from the agent's loop.
#[derive(Debug, Clone, Copy, Default)]
struct HostFigures {
    journal_bytes: u64,
    disk: Option<Disk>,
    /// When the first of the trusted authorities expires.
    authority_ends: Option<Timestamp>,
}

/// The page as text, in the OpenMetrics format.
fn metrics(status: &AgentStatus, host: &HostFigures) -> Result<String, fmt::Error> {
    let AgentStatus { connected, sessions, members, journal_writable } = status;
    let gauge = |value: i64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(value);
        gauge
    };
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let by_phase = Family::<Phase, Gauge>::default();
    for phase in MemberPhase::ALL {
        by_phase
            .get_or_create(&Phase { phase: phase.as_str() })
            .set(number(members.get(phase).copied().unwrap_or(0)));
    }
    let opened = Counter::<u64>::default();
    opened.inc_by(*sessions);
    let dropped = Counter::<u64>::default();
    dropped.inc_by(telemetry::lines_dropped());
    let mut all = Registry::with_prefix("flow");
    all.register("log_lines_dropped", "Lines of the log that could not be written", dropped);
    let registry = all.sub_registry_with_prefix("agent");
    registry.register(
        "connected",
        "Whether a session with the hub is open",
        gauge(i64::from(*connected)),
    );
    registry.register(
        "sessions",
        "Sessions opened with the hub; all but the first were reconnects",
        opened,
    );
    registry.register("members", "Members that have not settled, by phase", by_phase);
    registry.register(
        "journal_writable",
        "Whether the journal takes writes",
        gauge(i64::from(*journal_writable)),
    );
    registry.register_with_unit(
        "journal",
        "Size of the journal on the disk",
        Unit::Bytes,
        gauge(number(host.journal_bytes)),
    );
    if let Some(Disk { size, free }) = host.disk {
        registry.register_with_unit(
            "disk_size",
            "Size of the disk that holds the data directory",
            Unit::Bytes,
            gauge(number(size)),
        );
        registry.register_with_unit(
            "disk_free",
            "Bytes the agent may still write there",
            Unit::Bytes,
            gauge(number(free)),
        );
    }
    if let Some(ends) = host.authority_ends {
        let help = "End of the first certificate in hub.ca_file that expires";
        registry.register_with_unit(
            "certificate_expires_timestamp",
            help,
            Unit::Seconds,
            gauge(ends.0 / 1_000_000),
        );
    }
    let mut text = String::new();
    encode(&mut text, &all)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_line_for_every_figure_and_for_phases_nobody_is_in() {
        let members = BTreeMap::from([(MemberPhase::Running, 2)]);
        let host = HostFigures {
            journal_bytes: 4096,
            disk: Some(Disk { size: 9, free: 3 }),
            authority_ends: Some(Timestamp(7_000_000)),
        };
        let text = metrics(
            &AgentStatus { connected: true, sessions: 3, members, journal_writable: true },
            &host,
        )
        .unwrap();
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
        ];
        for line in wanted {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
