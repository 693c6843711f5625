//! Metrics in the OpenMetrics text format. Counts of runs and members are read from the store for
//! each page, so that they are correct after a restart; all others are counted in this process.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flow_common::clock::Monotonic;
use flow_common::disk::Disk;
use flow_common::tls::Certificate;
use flow_domain::id::RunId;
use flow_domain::run::{Ending, Run};
use parking_lot::Mutex;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::sessions::Sessions;
use crate::store::{Counts, StoreMetrics};

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
struct RouteLabel {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResponseLabels {
    route: String,
    class: &'static str,
}

/// The name of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ListenerLabel(&'static str);

impl EncodeLabelSet for ListenerLabel {
    /// Dashboards use the label's first name, which is older than the term.
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        [("door", self.0)].encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartyLabel {
    party: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WaitLabels {
    phase: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndingLabels {
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChangeLabels {
    change: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NameLabel {
    name: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NameOutcomeLabels {
    name: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabel {
    limit: &'static str,
}

/// The series that a page contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// No name of a party, for callers without a token.
    Anonymous,
    /// Everything.
    Full,
}

pub struct Metrics {
    registry: Registry,
    /// The metrics with names of parties.
    of_parties: Registry,
    runs: Family<PhaseLabel, Gauge>,
    members: Family<PhaseLabel, Gauge>,
    parties: Gauge,
    sessions: Gauge,
    start_latency: Histogram,
    queue_age: Histogram,
    batch: Histogram,
    commit: Histogram,
    requests: Family<RequestLabels, Counter<u64, AtomicU64>>,
    responses: Family<ResponseLabels, Counter<u64, AtomicU64>>,
    request_duration: Family<RouteLabel, Histogram, fn() -> Histogram>,
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
    waiting: Family<WaitLabels, Gauge>,
    /// The labels under which each waiting run is counted.
    waits: Mutex<HashMap<RunId, WaitLabels>>,
    runs_finished: Family<EndingLabels, Counter>,
    changes: Family<ChangeLabels, Counter>,
    commits: Family<OutcomeLabel, Counter>,
    loop_passes: Family<NameOutcomeLabels, Counter>,
    loop_duration: Family<NameLabel, Histogram>,
    rpcs: Family<NameOutcomeLabels, Counter>,
    rpc_duration: Family<NameLabel, Histogram>,
    party_connected: Family<PartyLabel, Gauge>,
    party_absence: Family<PartyLabel, Gauge>,
}

/// Values that are read for each page.
#[derive(Debug)]
pub(crate) struct HostSources {
    /// The directory whose disk is measured.
    pub(crate) data_dir: PathBuf,
    /// The certificate of each listener with TLS.
    pub(crate) certificates: Vec<(&'static str, Certificate)>,
}

/// The metrics of one listener.
#[derive(Debug, Clone)]
pub(crate) struct ListenerMetrics {
    open: Gauge,
    full: Counter,
    handshakes_failed: Counter,
    refused: Counter,
    stalled: Counter,
}

/// A connection, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection(Gauge);

impl ListenerMetrics {
    /// Counts an accepted connection.
    pub(crate) fn enter(&self) -> OpenConnection {
        self.open.inc();
        OpenConnection(self.open.clone())
    }

    /// Counts that the last slot was taken: the next peer has to wait.
    pub(crate) fn full(&self) {
        self.full.inc();
    }

    /// Counts a connection that ended before its TLS handshake was complete.
    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.inc();
    }

    /// Counts a connection that was closed because its source address had no free slot.
    pub(crate) fn refused(&self) {
        self.refused.inc();
    }

    /// Counts a connection that was dropped because its peer did not read a response.
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

impl Metrics {
    /// Creates the registry, with the metrics of the store.
    #[must_use]
    pub fn new(store: &StoreMetrics) -> Self {
        let mut registry = Registry::with_prefix("flow");
        store.register(&mut registry);
        let metrics = Self {
            registry: Registry::default(),
            of_parties: Registry::default(),
            runs: Family::default(),
            members: Family::default(),
            parties: Gauge::default(),
            sessions: Gauge::default(),
            start_latency: Histogram::new(exponential_buckets(0.005, 2.0, 18)),
            queue_age: Histogram::new(exponential_buckets(0.000_05, 2.0, 18)),
            batch: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            commit: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            requests: Family::default(),
            responses: Family::default(),
            request_duration: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.001, 2.0, 15))
            }),
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
            waiting: Family::default(),
            waits: Mutex::default(),
            runs_finished: Family::default(),
            changes: Family::default(),
            commits: Family::default(),
            loop_passes: Family::default(),
            loop_duration: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.000_1, 4.0, 10))
            }),
            rpcs: Family::default(),
            rpc_duration: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.01, 8.0, 9))
            }),
            party_connected: Family::default(),
            party_absence: Family::default(),
        };
        registry.register("runs", "Unsettled runs by phase", metrics.runs.clone());
        registry.register("members", "Members of unsettled runs by phase", metrics.members.clone());
        registry.register("parties", "Parties known", metrics.parties.clone());
        registry.register("sessions", "Connected agents", metrics.sessions.clone());
        registry.register_with_unit(
            "run_start",
            "Time from the creation of a run until all of its members run",
            Unit::Seconds,
            metrics.start_latency.clone(),
        );
        registry.register_with_unit(
            "queue_age",
            "Time that a request waited for the engine",
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
            "Duration of one transaction",
            Unit::Seconds,
            metrics.commit.clone(),
        );
        registry.register("http_requests", "Requests answered", metrics.requests.clone());
        registry.register(
            "http_responses",
            "Responses by route and status class",
            metrics.responses.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Time from the head of a request to the head of its response, by route",
            Unit::Seconds,
            metrics.request_duration.clone(),
        );
        registry.register(
            "connections",
            "Connections open, by listener",
            metrics.connections.clone(),
        );
        registry.register(
            "connections_full",
            "Times that a listener had no free connection slot",
            metrics.listeners_full.clone(),
        );
        registry.register(
            "tls_handshakes_failed",
            "Connections that ended without a TLS handshake",
            metrics.handshakes_failed.clone(),
        );
        registry.register(
            "connections_refused",
            "Connections closed because their source address had no free slot",
            metrics.refused.clone(),
        );
        registry.register(
            "connections_stalled",
            "Connections dropped because their peer did not read a response",
            metrics.stalled.clone(),
        );
        registry.register(
            "session_limits",
            "Sessions of agents ended because of a limit",
            metrics.session_limits.clone(),
        );
        registry.register_with_unit(
            "disk_size",
            "Size of the disk of data_dir",
            Unit::Bytes,
            metrics.disk_size.clone(),
        );
        registry.register_with_unit(
            "disk_free",
            "Free bytes on the disk of data_dir",
            Unit::Bytes,
            metrics.disk_free.clone(),
        );
        registry.register_with_unit(
            "certificate_expires_timestamp",
            "Expiry of a listener's certificate chain",
            Unit::Seconds,
            metrics.certificate_expires.clone(),
        );
        registry.register(
            "log_lines_dropped",
            "Log lines that could not be written",
            metrics.log_lines_dropped.clone(),
        );
        registry.register(
            "runs_waiting",
            "Active runs that wait, by phase and reason",
            metrics.waiting.clone(),
        );
        registry.register(
            "runs_finished",
            "Runs that finished in this process, by outcome and reason",
            metrics.runs_finished.clone(),
        );
        registry.register(
            "task_changes",
            "Requested changes of tasks by outcome: accepted, rejected or unavailable",
            metrics.changes.clone(),
        );
        registry.register(
            "engine_commits",
            "Attempts of the engine to commit a batch, by outcome",
            metrics.commits.clone(),
        );
        registry.register(
            "loop_passes",
            "Passes of a loop by name and outcome",
            metrics.loop_passes.clone(),
        );
        registry.register_with_unit(
            "loop_pass",
            "Duration of one pass of a loop by name",
            Unit::Seconds,
            metrics.loop_duration.clone(),
        );
        registry.register("rpcs", "gRPC calls by name and outcome", metrics.rpcs.clone());
        registry.register_with_unit(
            "rpc",
            "Duration of gRPC calls by name",
            Unit::Seconds,
            metrics.rpc_duration.clone(),
        );
        let mut of_parties = Registry::with_prefix("flow");
        of_parties.register(
            "party_connected",
            "1 if the party's agent has a session, 0 if it had one since the start of the hub",
            metrics.party_connected.clone(),
        );
        of_parties.register_with_unit(
            "party_last_contact",
            "Time since the party's last session ended; 0 while it is connected",
            Unit::Seconds,
            metrics.party_absence.clone(),
        );
        Self { registry, of_parties, ..metrics }
    }

    /// Counts the run under its phase and the reason of its wait, or removes a run that does not
    /// wait.
    pub(crate) fn run_state(&self, run: &Run) {
        let labels = run
            .waiting
            .as_ref()
            .filter(|_| run.is_active())
            .map(|waiting| WaitLabels { phase: run.phase.as_str(), reason: waiting.code.as_str() });
        let mut waits = self.waits.lock();
        let old = match &labels {
            Some(labels) => waits.insert(run.id.clone(), labels.clone()),
            None => waits.remove(&run.id),
        };
        if old == labels {
            return;
        }
        if let Some(old) = old {
            self.waiting.get_or_create(&old).dec();
        }
        if let Some(labels) = labels {
            self.waiting.get_or_create(&labels).inc();
        }
    }

    /// Counts a run that has finished.
    pub(crate) fn run_finished(&self, ending: &Ending) {
        let labels =
            EndingLabels { outcome: ending.outcome.as_str(), reason: ending.code.as_str() };
        self.runs_finished.get_or_create(&labels).inc();
    }

    /// Counts a requested change of a task.
    pub(crate) fn task_change(&self, change: &'static str, outcome: &'static str) {
        self.changes.get_or_create(&ChangeLabels { change, outcome }).inc();
    }

    /// Counts an attempt of the engine to commit a batch.
    pub(crate) fn engine_commit(&self, outcome: &'static str) {
        self.commits.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Records one pass of the loop `name`, which started at `started`.
    pub(crate) fn loop_pass(&self, name: &'static str, is_ok: bool, started: Monotonic) {
        let outcome = if is_ok { "ok" } else { "failed" };
        self.loop_passes.get_or_create(&NameOutcomeLabels { name, outcome }).inc();
        self.loop_duration
            .get_or_create(&NameLabel { name })
            .observe(started.elapsed().as_secs_f64());
    }

    /// Records a gRPC call that has ended.
    pub(crate) fn rpc(&self, name: &'static str, outcome: &'static str, started: Monotonic) {
        self.rpcs.get_or_create(&NameOutcomeLabels { name, outcome }).inc();
        self.rpc_duration
            .get_or_create(&NameLabel { name })
            .observe(started.elapsed().as_secs_f64());
    }

    /// Records the time that a request waited for the engine.
    pub(crate) fn queue_age(&self, age: Duration) {
        self.queue_age.observe(age.as_secs_f64());
    }

    /// Records the size and the duration of a transaction.
    pub(crate) fn commit(&self, tasks: usize, took: Duration) {
        self.batch.observe(f64::from(u32::try_from(tasks).unwrap_or(u32::MAX)));
        self.commit.observe(took.as_secs_f64());
    }

    /// Records the time from the creation of a run until all of it runs.
    pub(crate) fn run_started(&self, micros: i64) {
        self.start_latency
            .observe(Duration::from_micros(u64::try_from(micros).unwrap_or(0)).as_secs_f64());
    }

    /// Counts an answered request. `route` is the template of its path.
    pub fn request(&self, method: &str, route: &str, status: u16, duration: Duration) {
        self.requests.get_or_create(&RequestLabels { method: method.to_owned(), status }).inc();
        let class = match status {
            ..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            500.. => "5xx",
        };
        let route = route.to_owned();
        self.responses.get_or_create(&ResponseLabels { route: route.clone(), class }).inc();
        self.request_duration.get_or_create(&RouteLabel { route }).observe(duration.as_secs_f64());
    }

    /// Returns the metrics of the listener with this name.
    pub(crate) fn listener(&self, name: &'static str) -> ListenerMetrics {
        let label = ListenerLabel(name);
        ListenerMetrics {
            open: self.connections.get_or_create(&label).clone(),
            full: self.listeners_full.get_or_create(&label).clone(),
            handshakes_failed: self.handshakes_failed.get_or_create(&label).clone(),
            refused: self.refused.get_or_create(&label).clone(),
            stalled: self.stalled.get_or_create(&label).clone(),
        }
    }

    /// Counts a session that was ended because of this limit.
    pub(crate) fn session_limit(&self, limit: &'static str) {
        self.session_limits.get_or_create(&LimitLabel { limit }).inc();
    }

    /// Sets the sources of the host's gauges; call once.
    pub(crate) fn observe(&self, host: HostSources) {
        // Only the first call has an effect.
        let _ = self.host.set(host);
    }

    fn update_host_gauges(&self) {
        let Some(HostSources { data_dir, certificates }) = self.host.get() else { return };
        if let Ok(disk) = Disk::of(data_dir) {
            let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
            self.disk_size.set(signed(disk.size));
            self.disk_free.set(signed(disk.free));
        }
        for (name, certificate) in certificates {
            if let Some(ends) = certificate.validity().iter().map(|validity| validity.ends).min() {
                self.certificate_expires
                    .get_or_create(&ListenerLabel(name))
                    .set(ends.0 / 1_000_000);
            }
        }
    }

    fn update_party_gauges(&self, sessions: &Sessions) {
        self.party_connected.clear();
        self.party_absence.clear();
        for (party, absence) in sessions.contacts() {
            let label = PartyLabel { party: party.to_string() };
            self.party_connected.get_or_create(&label).set(i64::from(absence.is_none()));
            let seconds = absence.unwrap_or_default().as_secs();
            self.party_absence
                .get_or_create(&label)
                .set(i64::try_from(seconds).unwrap_or(i64::MAX));
        }
    }

    /// Returns the page, with the given counts and the state of the sessions.
    pub fn encode(
        &self,
        counts: &Counts,
        sessions: &Sessions,
        disclosure: Disclosure,
    ) -> Result<String, fmt::Error> {
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
        self.sessions.set(i64::try_from(sessions.count()).unwrap_or(i64::MAX));
        self.update_host_gauges();
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        if disclosure == Disclosure::Full {
            self.update_party_gauges(sessions);
            encode_registry(&mut text, &self.of_parties)?;
        }
        encode_eof(&mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use flow_common::clock::monotonic;

    use super::*;

    #[test]
    fn u22_alert_rules_and_dashboard_use_metrics_of_the_page() {
        let metrics = Metrics::new(&StoreMetrics::default());
        let labels = WaitLabels { phase: "queued", reason: "party_away" };
        metrics.waiting.get_or_create(&labels).inc();
        let labels = EndingLabels { outcome: "failed", reason: "exit" };
        metrics.runs_finished.get_or_create(&labels).inc();
        metrics.task_change("create", "accepted");
        metrics.engine_commit("ok");
        metrics.loop_pass("engine", true, monotonic());
        metrics.rpc("session", "ok", monotonic());
        metrics.request("GET", "/api/v2/tasks", 200, Duration::ZERO);
        let listener = metrics.listener("rest");
        drop(listener.enter());
        let label = ListenerLabel("rest");
        metrics.certificate_expires.get_or_create(&label).set(1);
        let phase = || ("running".to_owned(), 1);
        let counts = Counts {
            runs: [phase()].into(),
            members: [phase()].into(),
            parties: 1,
            parties_connected: 1,
        };
        let sessions = Sessions::default();
        let party = "hospital-a".parse().unwrap();
        let _session = sessions.register(&party, 1);
        let page = metrics.encode(&counts, &sessions, Disclosure::Full).unwrap();
        let is_ours =
            |name: &str| !name.starts_with("flow_agent_") && !name.starts_with("flow_operator_");
        flow_testkit::assert_monitored(&page, is_ours);
    }
}
