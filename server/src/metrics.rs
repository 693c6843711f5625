//! Metrics in the OpenMetrics text format. Counts of runs and members are read from the store for
//! each page, so that they are correct after a restart; all others are counted in this process.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use flow_common::clock::Monotonic;
use flow_common::disk::Disk;
use flow_common::metrics::{
    Labels, NamedCallMetrics, add, add_with_unit, histogram, page, registry,
};
use flow_common::tls::Certificate;
use flow_domain::id::RunId;
use flow_domain::run::{Ending, Run};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::sessions::Sessions;
use crate::store::{Counts, StoreMetrics};

/// The label with the name of a listener. Dashboards use this name, which is older than the term.
const LISTENER: &str = "door";

/// The series that a page contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// No name of a party, for callers without a token.
    Anonymous,
    /// Everything.
    Full,
}

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// The metrics with names of parties.
    of_parties: Registry,
    runs: Family<Labels<1, String>, Gauge>,
    members: Family<Labels<1, String>, Gauge>,
    parties: Gauge,
    sessions: Gauge,
    start_latency: Histogram,
    queue_age: Histogram,
    batch: Histogram,
    commit: Histogram,
    requests: Family<Labels<2, String>, Counter>,
    responses: Family<Labels<2, String>, Counter>,
    request_duration: Family<Labels<1, String>, Histogram>,
    authorization: Histogram,
    connections: Family<Labels<1>, Gauge>,
    listeners_full: Family<Labels<1>, Counter>,
    handshakes_failed: Family<Labels<1>, Counter>,
    refused: Family<Labels<1>, Counter>,
    stalled: Family<Labels<1>, Counter>,
    evicted: Family<Labels<1>, Counter>,
    session_limits: Family<Labels<1>, Counter>,
    sign_ins_failed: Family<Labels<1>, Counter>,
    webhook_deliveries: Family<Labels<1>, Counter>,
    webhook_queue_age: Gauge,
    disk_size: Gauge,
    disk_free: Gauge,
    certificate_expires: Family<Labels<1>, Gauge>,
    host: OnceLock<HostSources>,
    waiting: Family<Labels<2>, Gauge>,
    /// The labels under which each waiting run is counted.
    waits: Mutex<HashMap<RunId, Labels<2>>>,
    runs_finished: Family<Labels<2>, Counter>,
    changes: Family<Labels<2>, Counter>,
    commits: Family<Labels<1>, Counter>,
    loops: NamedCallMetrics,
    rpcs: NamedCallMetrics,
    party_connected: Family<Labels<1, String>, Gauge>,
    party_absence: Family<Labels<1, String>, Gauge>,
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
    evicted: Counter,
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

    /// Counts a connection that ended in favour of another one, because it waited for its peer.
    pub(crate) fn evicted(&self) {
        self.evicted.inc();
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Creates the registry, with the metrics of the store.
    #[must_use]
    pub fn new(store: &StoreMetrics) -> Self {
        let (mut all, mut of_parties) = (registry(), Registry::with_prefix("flow"));
        let r = &mut all;
        store.register(r);
        let loops = NamedCallMetrics::new(|| histogram(0.000_1, 4.0, 10));
        loops.register(
            r,
            ["loop_passes", "Passes of a loop by name and outcome"],
            ["loop_pass", "Duration of one pass of a loop by name"],
        );
        let rpcs = NamedCallMetrics::new(|| histogram(0.01, 8.0, 9));
        rpcs.register(
            r,
            ["rpcs", "gRPC calls by name and outcome"],
            ["rpc", "Duration of gRPC calls by name"],
        );
        Self {
            runs: add(r, "runs", "Unsettled runs by phase"),
            members: add(r, "members", "Members of unsettled runs by phase"),
            parties: add(r, "parties", "Parties known"),
            sessions: add(r, "sessions", "Connected agents"),
            start_latency: add_with_unit(
                r,
                "run_start",
                "Time from the creation of a run until all of its members run",
                Unit::Seconds,
                histogram(0.005, 2.0, 18),
            ),
            queue_age: add_with_unit(
                r,
                "queue_age",
                "Time that a request waited for the engine",
                Unit::Seconds,
                histogram(0.000_05, 2.0, 18),
            ),
            batch: add_with_unit(
                r,
                "commit_batch",
                "Tasks changed in one transaction",
                Unit::Other("tasks".to_owned()),
                histogram(1.0, 2.0, 10),
            ),
            commit: add_with_unit(
                r,
                "commit",
                "Duration of one transaction",
                Unit::Seconds,
                histogram(0.000_1, 2.0, 16),
            ),
            requests: add(r, "http_requests", "Requests answered"),
            responses: add(r, "http_responses", "Responses by route and status class"),
            request_duration: add_with_unit(
                r,
                "http_request_duration",
                "Time from the head of a request to the head of its response, by route",
                Unit::Seconds,
                Family::new_with_constructor(|| histogram(0.001, 2.0, 15)),
            ),
            authorization: add_with_unit(
                r,
                "authorization",
                "Time to find the account of a request and to check its rights",
                Unit::Seconds,
                histogram(0.000_005, 2.0, 16),
            ),
            connections: add(r, "connections", "Connections open, by listener"),
            listeners_full: add(
                r,
                "connections_full",
                "Times that a listener had no free connection slot",
            ),
            handshakes_failed: add(
                r,
                "tls_handshakes_failed",
                "Connections that ended without a TLS handshake",
            ),
            refused: add(
                r,
                "connections_refused",
                "Connections closed because their source address had no free slot",
            ),
            stalled: add(
                r,
                "connections_stalled",
                "Connections dropped because their peer did not read a response",
            ),
            evicted: add(
                r,
                "connections_evicted",
                "Connections closed for another one while all slots were taken, because they waited \
                 for their peer",
            ),
            session_limits: add(r, "session_limits", "Sessions of agents ended because of a limit"),
            sign_ins_failed: add(r, "sign_ins_failed", "Failed sign-ins of agents, by cause"),
            webhook_deliveries: add(
                r,
                "webhook_deliveries",
                "Attempts to deliver a message of a webhook, by outcome: delivered, retried or failed",
            ),
            webhook_queue_age: add_with_unit(
                r,
                "webhook_queue_age",
                "Age of the oldest message of a webhook that waits for an attempt",
                Unit::Seconds,
                Gauge::default(),
            ),
            disk_size: add_with_unit(
                r,
                "disk_size",
                "Size of the disk of data_dir",
                Unit::Bytes,
                Gauge::default(),
            ),
            disk_free: add_with_unit(
                r,
                "disk_free",
                "Free bytes on the disk of data_dir",
                Unit::Bytes,
                Gauge::default(),
            ),
            certificate_expires: add_with_unit(
                r,
                "certificate_expires_timestamp",
                "Expiry of a listener's certificate chain",
                Unit::Seconds,
                Family::default(),
            ),
            host: OnceLock::new(),
            waiting: add(r, "runs_waiting", "Active runs that wait, by phase and reason"),
            waits: Mutex::default(),
            runs_finished: add(
                r,
                "runs_finished",
                "Runs that finished in this process, by outcome and reason",
            ),
            changes: add(
                r,
                "task_changes",
                "Requested changes of tasks by outcome: accepted, rejected or unavailable",
            ),
            commits: add(
                r,
                "engine_commits",
                "Attempts of the engine to commit a batch, by outcome",
            ),
            loops,
            rpcs,
            party_connected: add(
                &mut of_parties,
                "party_connected",
                "1 if the party's agent has a session, 0 if it had one since the start of the hub",
            ),
            party_absence: add_with_unit(
                &mut of_parties,
                "party_last_contact",
                "Time since the party's last session ended; 0 while it is connected",
                Unit::Seconds,
                Family::default(),
            ),
            registry: all,
            of_parties,
        }
    }

    /// Counts the run under its phase and the reason of its wait, or removes a run that does not
    /// wait.
    pub(crate) fn run_state(&self, run: &Run) {
        let labels = run
            .waiting
            .as_ref()
            .filter(|_| run.is_active())
            .map(|waiting| [("phase", run.phase.as_str()), ("reason", waiting.code.as_str())]);
        let mut waits = self.waits.lock();
        let old = match &labels {
            Some(labels) => waits.insert(run.id.clone(), *labels),
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
        let labels = [("outcome", ending.outcome.as_str()), ("reason", ending.code.as_str())];
        self.runs_finished.get_or_create(&labels).inc();
    }

    /// Counts a requested change of a task.
    pub(crate) fn task_change(&self, change: &'static str, outcome: &'static str) {
        self.changes.get_or_create(&[("change", change), ("outcome", outcome)]).inc();
    }

    /// Counts an attempt of the engine to commit a batch.
    pub(crate) fn engine_commit(&self, outcome: &'static str) {
        self.commits.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Records one pass of the loop `name`, which started at `started`.
    pub(crate) fn loop_pass(&self, name: &'static str, is_ok: bool, started: Monotonic) {
        let outcome = if is_ok { "ok" } else { "failed" };
        self.loops.record(name, outcome, started.elapsed());
    }

    /// Records a gRPC call that has ended.
    pub(crate) fn rpc(&self, name: &'static str, outcome: &'static str, started: Monotonic) {
        self.rpcs.record(name, outcome, started.elapsed());
    }

    /// Records the check of an admitted request.
    pub(crate) fn authorized(&self, duration: Duration) {
        self.authorization.observe(duration.as_secs_f64());
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
        let labels = [("method", method.to_owned()), ("status", status.to_string())];
        self.requests.get_or_create(&labels).inc();
        let class = match status {
            ..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            500.. => "5xx",
        };
        let route = ("route", route.to_owned());
        self.responses.get_or_create(&[route.clone(), ("class", class.to_owned())]).inc();
        self.request_duration.get_or_create(&[route]).observe(duration.as_secs_f64());
    }

    /// Returns the metrics of the listener with this name.
    pub(crate) fn listener(&self, name: &'static str) -> ListenerMetrics {
        let label = [(LISTENER, name)];
        ListenerMetrics {
            open: self.connections.get_or_create(&label).clone(),
            full: self.listeners_full.get_or_create(&label).clone(),
            handshakes_failed: self.handshakes_failed.get_or_create(&label).clone(),
            refused: self.refused.get_or_create(&label).clone(),
            stalled: self.stalled.get_or_create(&label).clone(),
            evicted: self.evicted.get_or_create(&label).clone(),
        }
    }

    /// Counts a session that was ended because of this limit.
    pub(crate) fn session_limit(&self, limit: &'static str) {
        self.session_limits.get_or_create(&[("limit", limit)]).inc();
    }

    /// Counts a failed sign-in of an agent.
    pub(crate) fn sign_in_failed(&self, cause: &'static str) {
        self.sign_ins_failed.get_or_create(&[("cause", cause)]).inc();
    }

    /// Counts an attempt to deliver a message of a webhook.
    pub(crate) fn webhook_delivery(&self, outcome: &'static str) {
        self.webhook_deliveries.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Records the age of the oldest message of a webhook that waits.
    pub(crate) fn webhook_queue_age(&self, age: Duration) {
        self.webhook_queue_age.set(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    }

    /// Sets the sources of the host's gauges; call once.
    pub(crate) fn observe(&self, host: HostSources) {
        // Only the first call has an effect.
        let _ = self.host.set(host);
    }

    /// Returns the sources of the host's gauges.
    pub(crate) fn host(&self) -> Option<&HostSources> {
        self.host.get()
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
                    .get_or_create(&[(LISTENER, *name)])
                    .set(ends.0 / 1_000_000);
            }
        }
    }

    fn update_party_gauges(&self, sessions: &Sessions) {
        self.party_connected.clear();
        self.party_absence.clear();
        for (party, absence) in sessions.contacts() {
            let label = [("party", party.to_string())];
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
                family.get_or_create(&[("phase", phase.clone())]).set(signed(*count));
            }
        }
        self.parties.set(signed(counts.parties));
        self.sessions.set(i64::try_from(sessions.count()).unwrap_or(i64::MAX));
        self.update_host_gauges();
        match disclosure {
            Disclosure::Anonymous => page(&[&self.registry]),
            Disclosure::Full => {
                self.update_party_gauges(sessions);
                page(&[&self.registry, &self.of_parties])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use flow_common::clock::monotonic;

    use super::*;

    #[test]
    fn u22_alert_rules_and_dashboard_use_metrics_of_the_page() {
        let metrics = Metrics::new(&StoreMetrics::default());
        let labels = [("phase", "queued"), ("reason", "party_away")];
        metrics.waiting.get_or_create(&labels).inc();
        let labels = [("outcome", "failed"), ("reason", "exit")];
        metrics.runs_finished.get_or_create(&labels).inc();
        metrics.task_change("create", "accepted");
        metrics.engine_commit("ok");
        metrics.loop_pass("engine", true, monotonic());
        metrics.rpc("session", "ok", monotonic());
        metrics.request("GET", "/api/v2/tasks", 200, Duration::ZERO);
        let listener = metrics.listener("rest");
        drop(listener.enter());
        metrics.certificate_expires.get_or_create(&[(LISTENER, "rest")]).set(1);
        let phase = || ("running".to_owned(), 1);
        let counts = Counts {
            runs: [phase()].into(),
            members: [phase()].into(),
            parties: 1,
            parties_connected: 1,
        };
        let sessions = Sessions::default();
        let party = "hospital-a".parse().unwrap();
        let _session = sessions.register(&party, 1, crate::sessions::AgentFeatures::default());
        let page = metrics.encode(&counts, &sessions, Disclosure::Full).unwrap();
        let is_ours =
            |name: &str| !name.starts_with("flow_agent_") && !name.starts_with("flow_operator_");
        flow_testkit::assert_monitored(&page, is_ours);
    }
}
