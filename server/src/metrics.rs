//! What is measured, in the OpenMetrics text format. Counts of runs and members are read from the store when the page
//! is asked for, so that they are right after a restart too; everything else is counted here as it happens.

use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flow_common::disk::Disk;
use flow_common::tls::Certificate;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::store::Counts;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabel {
    phase: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListenerLabel {
    door: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabel {
    limit: &'static str,
}

/// The registry and its metrics.
pub struct Metrics {
    registry: Registry,
    runs: Family<PhaseLabel, Gauge>,
    members: Family<PhaseLabel, Gauge>,
    parties: Gauge,
    sessions: Gauge,
    start_latency: Histogram,
    queue_age: Histogram,
    batch: Histogram,
    commit: Histogram,
    requests: Family<RequestLabels, Counter<u64, AtomicU64>>,
    connections: Family<ListenerLabel, Gauge>,
    listeners_full: Family<ListenerLabel, Counter>,
    handshakes_failed: Family<ListenerLabel, Counter>,
    refused: Family<ListenerLabel, Counter>,
    stalled: Family<ListenerLabel, Counter>,
    session_limits: Family<LimitLabel, Counter>,
    log_lines_dropped: Counter<u64, AtomicU64>,
    disk_size: Gauge,
    disk_free: Gauge,
    certificate_expires: Family<ListenerLabel, Gauge>,
    host: OnceLock<HostSources>,
}

/// Things that are read each time the page is served.
#[derive(Debug)]
pub(crate) struct HostSources {
    /// The directory whose disk is measured.
    pub(crate) data_dir: PathBuf,
    /// The certificate of each listener that has one.
    pub(crate) certificates: Vec<(&'static str, Certificate)>,
}

/// What is measured of one listener.
#[derive(Debug, Clone)]
pub(crate) struct ListenerMetrics {
    open: Gauge,
    full: Counter,
    handshakes_failed: Counter,
    refused: Counter,
    stalled: Counter,
}

/// A connection, counted as long as it lives.
#[derive(Debug)]
pub(crate) struct OpenConnection(Gauge);

impl ListenerMetrics {
    /// A connection was accepted.
    pub(crate) fn enter(&self) -> OpenConnection {
        self.open.inc();
        OpenConnection(self.open.clone())
    }

    /// The last place was taken: whoever comes next has to wait.
    pub(crate) fn full(&self) {
        self.full.inc();
    }

    /// A connection ended before its TLS handshake was done.
    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.inc();
    }

    /// A connection was closed because its source address had all of its places.
    pub(crate) fn refused(&self) {
        self.refused.inc();
    }

    /// A connection was dropped because its peer did not take an answer.
    pub(crate) fn stalled(&self) {
        self.stalled.inc();
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("flow");
        let metrics = Self {
            registry: Registry::default(),
            runs: Family::default(),
            members: Family::default(),
            parties: Gauge::default(),
            sessions: Gauge::default(),
            start_latency: Histogram::new(exponential_buckets(0.005, 2.0, 18)),
            queue_age: Histogram::new(exponential_buckets(0.000_05, 2.0, 18)),
            batch: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            commit: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            requests: Family::default(),
            connections: Family::default(),
            listeners_full: Family::default(),
            handshakes_failed: Family::default(),
            refused: Family::default(),
            stalled: Family::default(),
            session_limits: Family::default(),
            disk_size: Gauge::default(),
            disk_free: Gauge::default(),
            certificate_expires: Family::default(),
            host: OnceLock::new(),
            log_lines_dropped: Counter::default(),
        };
        registry.register("runs", "Unsettled runs by phase", metrics.runs.clone());
        registry.register("members", "Members of unsettled runs by phase", metrics.members.clone());
        registry.register("parties", "Parties known", metrics.parties.clone());
        registry.register("sessions", "Agents connected here", metrics.sessions.clone());
        registry.register_with_unit(
            "run_start",
            "From the making of a run until all of it runs",
            Unit::Seconds,
            metrics.start_latency.clone(),
        );
        registry.register_with_unit(
            "queue_age",
            "Time a post waited for the engine",
            Unit::Seconds,
            metrics.queue_age.clone(),
        );
        registry.register(
            "commit_batch_tasks",
            "Tasks changed in one transaction",
            metrics.batch.clone(),
        );
        registry.register_with_unit(
            "commit",
            "Time of one transaction",
            Unit::Seconds,
            metrics.commit.clone(),
        );
        registry.register("http_requests", "Requests answered", metrics.requests.clone());
        registry.register(
            "connections",
            "Connections open, by listener",
            metrics.connections.clone(),
        );
        registry.register(
            "connections_full",
            "Times a listener had all its places taken",
            metrics.listeners_full.clone(),
        );
        registry.register(
            "tls_handshakes_failed",
            "Connections without a TLS handshake",
            metrics.handshakes_failed.clone(),
        );
        registry.register(
            "connections_refused",
            "Connections closed because their source address had all of its places",
            metrics.refused.clone(),
        );
        registry.register(
            "connections_stalled",
            "Connections dropped because their peer did not take an answer",
            metrics.stalled.clone(),
        );
        registry.register(
            "session_limits",
            "Sessions of agents cut for going over a limit",
            metrics.session_limits.clone(),
        );
        registry.register_with_unit(
            "disk_size",
            "Size of the disk that holds data_dir",
            Unit::Bytes,
            metrics.disk_size.clone(),
        );
        registry.register_with_unit(
            "disk_free",
            "Bytes the hub may still write there",
            Unit::Bytes,
            metrics.disk_free.clone(),
        );
        registry.register_with_unit(
            "certificate_expires_timestamp",
            "End of a listener's certificate, or of one between it and the authority",
            Unit::Seconds,
            metrics.certificate_expires.clone(),
        );
        registry.register(
            "log_lines_dropped",
            "Lines of the log that could not be written",
            metrics.log_lines_dropped.clone(),
        );
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// A post waited this long for the engine.
    pub(crate) fn queue_age(&self, age: Duration) {
        self.queue_age.observe(age.as_secs_f64());
    }

    /// A transaction changed so many tasks and took so long.
    pub(crate) fn commit(&self, tasks: usize, took: Duration) {
        self.batch.observe(f64::from(u32::try_from(tasks).unwrap_or(u32::MAX)));
        self.commit.observe(took.as_secs_f64());
    }

    /// All of a run runs, so long after it was made.
    pub(crate) fn run_started(&self, micros: i64) {
        self.start_latency
            .observe(Duration::from_micros(u64::try_from(micros).unwrap_or(0)).as_secs_f64());
    }

    /// A request was answered.
    pub fn request(&self, method: &str, status: u16) {
        self.requests.get_or_create(&RequestLabels { method: method.to_owned(), status }).inc();
    }

    /// What is measured of the listener of this name.
    pub(crate) fn listener(&self, door: &'static str) -> ListenerMetrics {
        let label = ListenerLabel { door };
        ListenerMetrics {
            open: self.connections.get_or_create(&label).clone(),
            full: self.listeners_full.get_or_create(&label).clone(),
            handshakes_failed: self.handshakes_failed.get_or_create(&label).clone(),
            refused: self.refused.get_or_create(&label).clone(),
            stalled: self.stalled.get_or_create(&label).clone(),
        }
    }

    /// A session was cut for going over this limit.
    pub(crate) fn session_limit(&self, limit: &'static str) {
        self.session_limits.get_or_create(&LimitLabel { limit }).inc();
    }

    /// From now on the page shows this host.
    pub(crate) fn observe(&self, host: HostSources) {
        // Set once, at the start.
        let _ = self.host.set(host);
    }

    fn update_host_gauges(&self) {
        let Some(HostSources { data_dir, certificates }) = self.host.get() else { return };
        if let Ok(disk) = Disk::of(data_dir) {
            let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
            self.disk_size.set(signed(disk.size));
            self.disk_free.set(signed(disk.free));
        }
        for (door, certificate) in certificates {
            if let Some(ends) = certificate.validity().iter().map(|validity| validity.ends).min() {
                self.certificate_expires
                    .get_or_create(&ListenerLabel { door })
                    .set(ends.0 / 1_000_000);
            }
        }
    }

    /// The page, with counts read from the store and the number of sessions now.
    pub fn encode(&self, counts: &Counts, sessions: usize) -> Result<String, fmt::Error> {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for (family, counts) in [(&self.runs, &counts.runs), (&self.members, &counts.members)] {
            family.clear();
            for (phase, count) in counts {
                family.get_or_create(&PhaseLabel { phase: phase.clone() }).set(signed(*count));
            }
        }
        self.log_lines_dropped
            .inner()
            .store(flow_common::telemetry::lines_dropped(), Ordering::Relaxed);
        self.parties.set(signed(counts.parties));
        self.sessions.set(i64::try_from(sessions).unwrap_or(i64::MAX));
        self.update_host_gauges();
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
