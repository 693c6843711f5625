//! Load by REST: requests at fixed times (open loop), or one after the other (closed loop), over
//! connections of different accounts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::table::Times;

/// A request.
pub struct Call {
    pub method: Method,
    pub path: String,
    pub body: Option<Value>,
}

impl Call {
    pub fn get(path: String) -> Self {
        Self { method: Method::GET, path, body: None }
    }

    pub fn post(path: &str, body: Value) -> Self {
        Self { method: Method::POST, path: path.to_owned(), body: Some(body) }
    }
}

/// A kind of request, whose duration is measured apart.
#[derive(Clone)]
pub struct Kind {
    pub name: &'static str,
    /// Returns the request with this number.
    pub make: Arc<dyn Fn(u64) -> Call + Send + Sync>,
}

impl Kind {
    pub fn new(name: &'static str, make: impl Fn(u64) -> Call + Send + Sync + 'static) -> Self {
        Self { name, make: Arc::new(make) }
    }
}

/// One connection with the token of an account.
#[derive(Clone)]
pub struct Connection {
    client: Client,
    base: String,
    token: String,
}

impl Connection {
    pub fn new(base: &str, token: &str) -> Self {
        let client = Client::builder().pool_max_idle_per_host(1).tcp_nodelay(true).build();
        let client = client.expect("a client without TLS");
        Self { client, base: base.to_owned(), token: token.to_owned() }
    }

    /// Sends the request and reads the whole response, which must be a success.
    pub async fn send(&self, Call { method, path, body }: &Call) -> String {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.bearer_auth(&self.token).send().await;
        let response = response.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let status = response.status();
        let text = response.text().await.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let is_v1_error = path.starts_with("/api/v1") && !text.contains("\"ret_code\":0");
        assert!(status.is_success() && !is_v1_error, "{method} {path}: {status}: {text}");
        text
    }
}

/// Sends `rate` requests per second for `period`, of each kind in turn. Returns the times of each
/// kind from the moment at which a request was due: a slow response makes the next request of its
/// connection late, and the delay counts. The requests of the first `warm_up` do not count.
pub async fn open_loop(
    connections: &[Connection],
    kinds: &Arc<[Kind]>,
    rate: u32,
    [warm_up, period]: [Duration; 2],
) -> Vec<Times> {
    let mut workers = JoinSet::new();
    let mut queues = Vec::new();
    let begun = Instant::now() + Duration::from_millis(100);
    for connection in connections {
        let (queue, mut due) = mpsc::unbounded_channel::<(u64, Instant)>();
        queues.push(queue);
        let (connection, kinds) = (connection.clone(), Arc::clone(kinds));
        workers.spawn(async move {
            let mut times: Vec<Times> = kinds.iter().map(|_| Times::default()).collect();
            while let Some((number, at)) = due.recv().await {
                let kind = index(number, kinds.len());
                connection.send(&(kinds[kind].make)(number)).await;
                if at >= begun + warm_up {
                    times[kind].push(at.elapsed());
                }
            }
            times
        });
    }
    // A thread of its own: timers of the runtime have a grain of 1 ms.
    let pacer = tokio::task::spawn_blocking(move || {
        let interval = Duration::from_secs(1) / rate;
        let mut at = begun;
        for number in 0.. {
            if at >= begun + warm_up + period {
                break;
            }
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            let sent = queues[index(number, queues.len())].send((number, at));
            sent.expect("a worker ends after its queue, or with a panic");
            at += interval;
        }
    });
    let mut all: Vec<Times> = kinds.iter().map(|_| Times::default()).collect();
    while let Some(times) = workers.join_next().await {
        let times = times.expect("every request succeeds");
        all.iter_mut().zip(times).for_each(|(all, times)| all.append(times));
    }
    pacer.await.expect("the workers live as long");
    all
}

/// Sends requests of each kind in turn over these connections, each as soon as the one before is
/// answered. Returns requests per second, and their times.
pub async fn closed_loop(
    connections: &[Connection],
    kinds: &Arc<[Kind]>,
    period: Duration,
) -> (f64, Times) {
    let next = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for connection in connections {
        let (connection, kinds, next) = (connection.clone(), Arc::clone(kinds), Arc::clone(&next));
        workers.spawn(async move {
            let mut times = Times::default();
            while begun.elapsed() < period {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let call = (kinds[index(number, kinds.len())].make)(number);
                let sent = Instant::now();
                connection.send(&call).await;
                times.push(sent.elapsed());
            }
            times
        });
    }
    let mut all = Times::default();
    while let Some(times) = workers.join_next().await {
        all.append(times.expect("every request succeeds"));
    }
    let requests = u32::try_from(all.len()).expect("a few seconds");
    let rate = f64::from(requests) / begun.elapsed().as_secs_f64();
    (rate, all)
}

fn index(number: u64, count: usize) -> usize {
    usize::try_from(number).expect("64 bits") % count
}
