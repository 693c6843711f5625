//! Requests by REST to a hub with a million tasks, on SQLite and MariaDB: lists, reads and creations
//! of both APIs at a fixed rate with authentication, the most requests that the hub answers, and the
//! effect of clients that follow events and do not read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flow_e2e::{Builder, Hub};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::load::{Call, Connection, Kind, closed_loop, open_loop};
use crate::million::{self, Million};
use crate::table::{Table, Times, millis};
use crate::{fixture, machine};

const ACCOUNTS: usize = 8;
const CONNECTIONS: usize = 64;
/// Requests per second of the open loop.
const RATE: u32 = 200;
/// Not measured, and measured.
const PERIODS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];
const LIST_BUDGET: Duration = Duration::from_millis(5);
const AUTHORIZATION_BUDGET: Duration = Duration::from_micros(100);

/// Connections of the closed loops.
const CONCURRENCY: [usize; 4] = [1, 8, 64, 256];
const SATURATED_PERIOD: Duration = Duration::from_secs(4);

const SLOW_CLIENTS: usize = 500;
/// Each half of the comparison. Creations make the events.
const COMPARED_PERIODS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(30)];
/// Receive buffer of a slow client, in bytes: it is full after some events.
const SLOW_BUFFER: u32 = 4096;
/// Memory that the slow clients may take in the hub, in KiB.
const SLOW_MEMORY_MAX: u64 = 64 * 1024;

/// Pages of the walk to a position far into the list.
const WALKED_PAGES: usize = 1000;
const CURSORS: usize = 20;

pub async fn measure(table: &mut Table) {
    one(table, "SQLite", None).await;
    let server = flow_testkit::mariadb().await;
    one(table, "MariaDB", Some(server.create_database().await)).await;
}

async fn one(table: &mut Table, database: &str, url: Option<String>) {
    let mut builder = Builder::default()
        .parties(&[])
        .server("rest.max_connections", "2000")
        .server("rest.max_connections_per_address", "2000");
    if let Some(url) = &url {
        let (user, rest) = url.split_once('@').expect("the URL names a user");
        let (user, password) = user.rsplit_once(':').expect("the URL holds a password");
        builder = builder.database(&format!("{user}@{rest}"), password);
    }
    let hub = million::hub(builder, url.as_deref()).await;
    let Million { federation, tasks, .. } = &hub;
    let pid = federation.server().pid();
    let tokens = tokens(&federation.hub).await;
    let connect = |count: usize| -> Vec<Connection> {
        let tokens = tokens.iter().cycle().take(count);
        tokens.map(|token| Connection::new(&federation.hub.base, token)).collect()
    };
    let connections = connect(CONNECTIONS);
    let kinds = kinds(&hub, &connections[0]).await;

    let saturated = hub.period(SATURATED_PERIOD);
    let before = authorization(&federation.hub).await;
    let times =
        open_loop(&connections, &kinds, RATE, PERIODS.map(|period| hub.period(period))).await;
    let (mean, within) = authorization(&federation.hub).await.since(&before);
    let worst = worst(&kinds, &times, "list");
    table.row(
        format!("lists of {tasks} tasks by REST, {database} ({RATE} requests/s, {CONNECTIONS} connections)"),
        "p99 < 5 ms",
        format!("p99 {} (worst list)", millis(worst)),
        worst < LIST_BUDGET,
    );
    table.row(
        format!("  authorization per request, {database}"),
        "< 100 µs",
        format!("mean {} µs; 99 % within {:.0} µs", mean.as_micros(), within * 1e6),
        mean < AUTHORIZATION_BUDGET,
    );
    for (kind, times) in kinds.iter().zip(&times) {
        table.note(format!("  {database}: {}: {}", kind.name, times.shown()));
    }

    for (name, wanted) in [
        ("reads of v2", ["v2 list", "v2 get"]),
        ("reads of v1", ["v1 list", "v1 get"]),
        ("creations", ["v2 create", "v1 create"]),
    ] {
        let wanted: Arc<[Kind]> = kinds_of(&kinds, &wanted);
        let mut best = (0.0_f64, String::new());
        for concurrency in CONCURRENCY {
            let connections = connect(concurrency);
            let (used, begun) = (machine::processor_time(pid), Instant::now());
            let (rate, times) = closed_loop(&connections, &wanted, saturated).await;
            let used = machine::processor_time(pid) - used;
            let cores = used.as_secs_f64() / begun.elapsed().as_secs_f64();
            if rate > best.0 {
                best = (
                    rate,
                    format!(
                        "{rate:.0}/s ({concurrency} at once: {}; hub on {cores:.2} cores)",
                        times.shown()
                    ),
                );
            }
        }
        table.figure(format!("  most {name}, {database}"), best.1);
    }
    deep_pages(table, database, &connections[0], *tasks).await;
    slow_clients(table, database, &hub, &connections, &kinds, &tokens[0]).await;
}

/// Creates accounts with the role `submitter` and returns a token of each.
async fn tokens(hub: &Hub) -> Vec<String> {
    let mut tokens = Vec::new();
    for number in 0..ACCOUNTS {
        let name = format!("bench-{number}");
        let account = json!({"name": name, "kind": "service"});
        hub.call(Method::POST, "/users", Some(&account)).await;
        let role = json!({"role": "submitter"});
        let member = format!("/projects/default/members/{name}");
        hub.call(Method::PUT, &member, Some(&role)).await;
        let token = json!({"name": "bench", "user": name});
        let token = hub.call(Method::POST, "/tokens", Some(&token)).await;
        tokens.push(token["secret"].as_str().expect("a new token has a secret").to_owned());
    }
    tokens
}

/// All kinds of requests, in the order in which they are sent.
async fn kinds(hub: &Million, connection: &Connection) -> Arc<[Kind]> {
    let Million { template, tasks, parties, .. } = hub;
    let tasks = *tasks;
    let cursors = cursors(connection).await;
    let random_task = move |number: u64| {
        // Multiplication by a large prime visits the tasks in no order that a cache could use.
        let number = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
        million::task_id(1 + u32::try_from(number % u64::from(tasks)).expect("less than all tasks"))
    };
    let created = Arc::new(AtomicU64::new(0));
    let next_name = move || format!("created-{}", created.fetch_add(1, Ordering::Relaxed));
    let new_v2 = fixture::task("", template, &parties[..1]);
    let new_v1 = json!({
        "template_id": template,
        "federate_data": [{"federated_id": parties[0].name, "federated_data": ""}],
    });
    let create = |name, path: &'static str, body: Value| {
        let next_name = next_name.clone();
        Kind::new(name, move |_| {
            let mut body = body.clone();
            body["name"] = json!(next_name());
            Call::post(path, body)
        })
    };
    let list = |name, path: &'static str| Kind::new(name, move |_| Call::get(path.to_owned()));
    [
        list("v2 list, first page", "/api/v2/tasks?limit=50"),
        list("v2 list by label", "/api/v2/tasks?limit=50&label=parity=even"),
        list("v2 list by phase", "/api/v2/tasks?limit=50&phase=failed"),
        Kind::new("v2 list, deep cursor", move |number| {
            let cursor = &cursors[usize::try_from(number).expect("64 bits") % cursors.len()];
            Call::get(format!("/api/v2/tasks?limit=50&cursor={cursor}"))
        }),
        Kind::new("v2 get", move |number| {
            Call::get(format!("/api/v2/tasks/{}", random_task(number)))
        }),
        create("v2 create", "/api/v2/tasks", new_v2),
        list("v1 list, first page", "/api/v1/task?limit=50"),
        list("v1 list, page 10", "/api/v1/task?limit=50&page=10"),
        list("v1 list by party", "/api/v1/task?limit=50&federated_id=even"),
        Kind::new("v1 get", move |number| {
            Call::get(format!("/api/v1/task/{}", random_task(number)))
        }),
        create("v1 create", "/api/v1/task", new_v1),
    ]
    .into()
}

/// Returns the p99 of the slowest kind whose name contains this word.
fn worst(kinds: &[Kind], times: &[Times], what: &str) -> Duration {
    let named = kinds.iter().zip(times).filter(|(kind, _)| kind.name.contains(what));
    named.map(|(_, times)| times.percentile(99)).max().unwrap_or_default()
}

/// The kinds whose names begin so.
fn kinds_of(kinds: &[Kind], names: &[&str]) -> Arc<[Kind]> {
    let wanted = |kind: &&Kind| names.iter().any(|name| kind.name.starts_with(name));
    kinds.iter().filter(wanted).cloned().collect()
}

/// Returns cursors of pages far into the list of all tasks, or in its middle if it is short.
async fn cursors(connection: &Connection) -> Vec<String> {
    let mut cursors = Vec::new();
    while cursors.len() < WALKED_PAGES {
        let after = cursors.last().map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let page = connection.send(&Call::get(format!("/api/v2/tasks?limit=200{after}"))).await;
        let page: Value = serde_json::from_str(&page).expect("a page");
        let Some(next) = page["next"].as_str() else { break };
        cursors.push(next.to_owned());
    }
    let start = cursors.len().saturating_sub(CURSORS);
    cursors.split_off(start)
}

/// Pages of v1 have numbers: the hub counts the tasks before a page.
async fn deep_pages(table: &mut Table, database: &str, connection: &Connection, tasks: u32) {
    let mut times = Times::default();
    let last = tasks / 50;
    for page in last.saturating_sub(20).max(1)..last {
        let begun = Instant::now();
        connection.send(&Call::get(format!("/api/v1/task?limit=50&page={page}"))).await;
        times.push(begun.elapsed());
    }
    table.figure(format!("  v1 list, page {last} of {last}, {database}"), times.shown());
}

/// Compares the load with and without clients that follow events and do not read.
async fn slow_clients(
    table: &mut Table,
    database: &str,
    hub: &Million,
    connections: &[Connection],
    kinds: &Arc<[Kind]>,
    token: &str,
) {
    let periods = COMPARED_PERIODS.map(|period| hub.period(period));
    let hub = &hub.federation;
    let pid = hub.server().pid();
    let alone = open_loop(connections, kinds, RATE, periods).await;
    let before = machine::Memory::of(pid).resident;
    machine::reset_peak_memory(pid);
    let address = hub.hub.base.strip_prefix("http://").and_then(|address| address.parse().ok());
    let slow = SlowClients::start(address.expect("an address"), token);
    flow_testkit::wait_for("all slow clients", Duration::from_secs(30), async || {
        (slow.connects() >= SLOW_CLIENTS as u64).then_some(())
    })
    .await;
    let together = open_loop(connections, kinds, RATE, periods).await;
    let memory = machine::peak_memory(pid).saturating_sub(before);
    let shown = ["list", "get", "create"].map(|what| {
        format!(
            "{what} {} (without {})",
            millis(worst(kinds, &together, what)),
            millis(worst(kinds, &alone, what))
        )
    });
    table.row(
        format!("beside {SLOW_CLIENTS} clients that do not read their event streams, {database}"),
        "lists p99 < 5 ms",
        format!("p99 of {}", shown.join(", ")),
        worst(kinds, &together, "list") < LIST_BUDGET,
    );
    table.row(
        format!("  memory of the hub for them, {database}"),
        format!("< {}", machine::megabytes(SLOW_MEMORY_MAX)),
        format!("{}; {} connects", machine::megabytes(memory), slow.connects()),
        memory < SLOW_MEMORY_MAX,
    );
}

/// Clients that ask for the stream of events and never read. One whose connection the hub closes
/// connects again.
struct SlowClients {
    connects: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl SlowClients {
    fn start(hub: SocketAddr, token: &str) -> Self {
        let connects = Arc::new(AtomicU64::new(0));
        let request = format!(
            "GET /api/v2/events HTTP/1.1\r\nHost: {hub}\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        let mut tasks = JoinSet::new();
        for _ in 0..SLOW_CLIENTS {
            let (connects, request) = (Arc::clone(&connects), request.clone());
            tasks.spawn(async move {
                loop {
                    let socket = TcpSocket::new_v4().expect("there are enough descriptors");
                    socket.set_recv_buffer_size(SLOW_BUFFER).expect("a small buffer");
                    let Ok(mut stream) = socket.connect(hub).await else { continue };
                    if stream.write_all(request.as_bytes()).await.is_ok() {
                        connects.fetch_add(1, Ordering::Relaxed);
                        // The hub resets the connection.
                        let _ = stream.ready(tokio::io::Interest::ERROR).await;
                    }
                }
            });
        }
        Self { connects, _tasks: tasks }
    }

    fn connects(&self) -> u64 {
        self.connects.load(Ordering::Relaxed)
    }
}

/// The histogram of authorizations on the metrics page.
struct Authorizations {
    sum_s: f64,
    /// Upper bound of a bucket in seconds, and the number of requests within.
    buckets: Vec<(f64, f64)>,
}

async fn authorization(hub: &Hub) -> Authorizations {
    let page = fixture::metrics(hub).await;
    let number = |text: &str| text.split(' ').next().and_then(|text| text.parse::<f64>().ok());
    let lines =
        |prefix: &'static str| page.lines().filter_map(move |line| line.strip_prefix(prefix));
    let buckets = lines("flow_authorization_seconds_bucket{le=\"").filter_map(|line| {
        let (bound, count) = line.split_once("\"} ")?;
        Some((bound.replace("+Inf", "inf").parse().ok()?, number(count)?))
    });
    let buckets = buckets.collect();
    let sum = lines("flow_authorization_seconds_sum ").find_map(number);
    Authorizations { sum_s: sum.expect("the metrics page has the sum"), buckets }
}

impl Authorizations {
    /// Returns the mean, and the bound in seconds that 99 % of the requests meet.
    fn since(&self, before: &Self) -> (Duration, f64) {
        let counts: Vec<(f64, f64)> = self
            .buckets
            .iter()
            .zip(&before.buckets)
            .map(|((bound, now), (_, then))| (*bound, now - then))
            .collect();
        let all = counts.last().map_or(1.0, |(_, count)| count.max(1.0));
        let within = counts.iter().find(|(_, count)| *count >= 0.99 * all);
        let within = within.map_or(f64::INFINITY, |(bound, _)| *bound);
        let mean = Duration::from_secs_f64((self.sum_s - before.sum_s) / all);
        (mean, within)
    }
}
