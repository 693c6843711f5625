//! The agent's connection to the hub: one outbound session, reopened with full-jitter backoff.
//!
//! It authenticates, sends Hello, waits for the Welcome, and then carries messages in both
//! directions. It does not interpret them; [`crate::agent`] does. A connection that ends also ends
//! its session.

mod credentials;
mod hub_client;

use std::time::Duration;

use flow_common::clock::{self, SharedClock};
use flow_common::error::root_cause;
use flow_common::ids::jitter;
use flow_common::text::foreign;
use flow_proto::v1::agent_message::Body as ToHub;
use flow_proto::v1::control_client::ControlClient;
use flow_proto::v1::hub_message::Body as FromHub;
use flow_proto::v1::{AgentMessage, Hello, HubMessage, Refused, Welcome};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Request, Status, Streaming};
use tracing::Instrument as _;

use crate::dial::{Address, ByteStream, ConnectionFault, NOT_AN_AGENT_LISTENER};
use crate::metrics::AgentMetrics;

pub use self::credentials::{Credentials, Login, SecretSource};
pub use self::hub_client::HubClient;

/// Version of the protocol.
pub const PROTOCOL: u32 = 1;
/// Interval between two HTTP/2 pings, and the timeout of their answer.
const KEEPALIVE_PERIOD: Duration = Duration::from_secs(20);
/// HTTP/2 flow control window of one stream.
const WINDOW_BYTES: u32 = 64 * 1024;
/// Timeout of the connection with its Welcome.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Upper bound of the first backoff; it doubles with each failure.
const BACKOFF_BOUND_MIN_MS: u64 = 100;
const BACKOFF_BOUND_MAX_MS: u64 = 10_000;
/// Longest delay that a hub may ask for.
const RETRY_AFTER_MAX_S: u64 = 300;
/// A session of this length resets the backoff.
const STABLE_SESSION_MIN: Duration = Duration::from_secs(5);
/// Messages queued in each direction.
const QUEUED_MESSAGES_MAX: usize = 64;
/// Longest accepted message. A chunk of the hub's set has at most half of it.
const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Longest cause of a session's end in the log, in characters.
const CAUSE_CHARS_MAX: usize = 500;
/// Longest version of a hub in the log, in characters.
const VERSION_CHARS_MAX: usize = 64;
/// Longest party name sent by a hub in the log, in characters; no party has a longer name.
const PARTY_CHARS_MAX: usize = 63;

const AGENT_STOPS: &str = "the agent is stopping";

/// The way to the hub.
#[derive(Debug, Clone)]
pub enum Connector {
    Network(Address),
    /// To a hub in this process, which receives the other end of each connection here.
    Memory(mpsc::Sender<DuplexStream>),
}

#[derive(Debug)]
pub enum SessionEvent {
    Opened {
        welcome: Welcome,
        /// Messages to the hub. The session ends when all senders are dropped.
        out: mpsc::Sender<AgentMessage>,
        hub: HubClient,
    },
    Message(FromHub),
    Closed,
}

/// Checks that the hub accepts the party's secret. It opens no session, so a running agent keeps
/// its own.
pub async fn authenticate(address: &Address, login: &Login) -> Result<(), String> {
    let credentials = login.credentials()?;
    let call = async {
        let (channel, fault) = dial(&Connector::Network(address.clone())).await?;
        let mut client = ControlClient::with_interceptor(channel, credentials);
        // The hub authenticates the call before it waits for the Hello, which is never sent.
        match client.session(Request::new(futures::stream::pending())).await {
            Ok(answer) if is_grpc(answer.metadata()) => Ok(()),
            Ok(_) => Err(NOT_AN_AGENT_LISTENER.to_owned()),
            Err(status) if status.code() == Code::Unauthenticated && !is_not_grpc(&status) => {
                Err(format!(
                    "the hub at {address} does not accept {} for the party {}: compare the name \
                     of the party, or have the secret replaced (`flowctl party rotate-secret {}`)",
                    login.secret_source(),
                    login.party,
                    login.party
                ))
            }
            Err(status) => Err(fault.message().unwrap_or_else(|| describe(&status))),
        }
    };
    let timed_out =
        || format!("the hub at {address} did not answer within {} s", OPEN_TIMEOUT.as_secs());
    clock::timeout(OPEN_TIMEOUT, call).await.unwrap_or_else(|_| Err(timed_out()))
}

/// The end of a session, or of the attempt to open one.
struct SessionEnd {
    cause: String,
    /// Delay that the hub asked for, in seconds.
    retry_after_s: u64,
    /// Label of the metric: `ended`, or `failed` if the session was never open.
    outcome: &'static str,
}

impl SessionEnd {
    fn new(cause: impl AsRef<str>) -> Self {
        Self::retry_after(cause, 0)
    }

    /// The cause may hold text of the hub, so it is shortened and escaped for the log.
    fn retry_after(cause: impl AsRef<str>, retry_after_s: u32) -> Self {
        Self {
            cause: foreign(cause.as_ref(), CAUSE_CHARS_MAX),
            retry_after_s: retry_after_s.into(),
            outcome: "failed",
        }
    }
}

/// Keeps a session open until the receiver of `events` is dropped. `hello` always holds the Hello
/// of the next session.
pub async fn run(
    connector: Connector,
    login: Login,
    hello: watch::Receiver<Hello>,
    clock: SharedClock,
    metrics: AgentMetrics,
    events: mpsc::Sender<SessionEvent>,
) {
    let mut failures = 0_u32;
    loop {
        let began = clock.monotonic();
        let span = tracing::info_span!("session", party.id = %login.party);
        let session = session(&connector, &login, &hello, &clock, &events);
        let end = session.instrument(span.clone()).await;
        let lasted = clock.monotonic().since(began);
        metrics.session(end.outcome, lasted);
        if events.is_closed() {
            return;
        }
        failures = failures_after(failures, lasted);
        let delay_ms =
            end.retry_after_s.min(RETRY_AFTER_MAX_S) * 1000 + jitter(backoff_bound_ms(failures));
        // Repeated failures are logged less and less often.
        if failures.is_power_of_two() || failures == 0 {
            span.in_scope(|| {
                tracing::warn!(
                    cause = %end.cause,
                    delay_ms,
                    failures,
                    "not connected to the hub; reconnecting after delay_ms"
                );
            });
        }
        tokio::select! {
            () = clock.sleep(Duration::from_millis(delay_ms)) => {}
            () = events.closed() => return,
        }
    }
}

/// Number of consecutive failures after a session that lasted this long.
fn failures_after(before: u32, lasted: Duration) -> u32 {
    if lasted >= STABLE_SESSION_MIN { 0 } else { before.saturating_add(1) }
}

/// Upper bound of the backoff after this many consecutive failures.
fn backoff_bound_ms(failures: u32) -> u64 {
    BACKOFF_BOUND_MAX_MS.min(BACKOFF_BOUND_MIN_MS << failures.min(10))
}

async fn session(
    connector: &Connector,
    login: &Login,
    hello: &watch::Receiver<Hello>,
    clock: &SharedClock,
    events: &mpsc::Sender<SessionEvent>,
) -> SessionEnd {
    let deadline = clock.sleep(OPEN_TIMEOUT);
    let opened = tokio::select! {
        opened = open(connector, login, hello) => opened,
        () = deadline => {
            let seconds = OPEN_TIMEOUT.as_secs();
            Err(SessionEnd::new(format!("the hub did not answer within {seconds} s")))
        }
    };
    let Opened { welcome, out, messages, hub } = match opened {
        Ok(opened) => opened,
        Err(end) => return end,
    };
    let hub_version = foreign(&welcome.hub_version, VERSION_CHARS_MAX);
    tracing::info!(hub_version, epoch = welcome.epoch, "connected to the hub");
    let end = match events.send(SessionEvent::Opened { welcome, out, hub }).await {
        Ok(()) => forward_messages(messages, events).await,
        Err(_) => SessionEnd::new(AGENT_STOPS),
    };
    SessionEnd { outcome: "ended", ..end }
}

/// Forwards the hub's messages until the session ends.
async fn forward_messages(
    mut messages: Streaming<HubMessage>,
    events: &mpsc::Sender<SessionEvent>,
) -> SessionEnd {
    let end = loop {
        let message = tokio::select! {
            message = messages.message() => message,
            () = events.closed() => return SessionEnd::new(AGENT_STOPS),
        };
        match message {
            Ok(Some(HubMessage { body: Some(FromHub::Refused(refused)) })) => {
                break refused_end(&refused);
            }
            Ok(Some(HubMessage { body: Some(FromHub::Goodbye(goodbye)) })) => {
                break SessionEnd::retry_after("the hub is stopping", goodbye.retry_after_s);
            }
            Ok(Some(HubMessage { body: Some(body) })) => {
                if events.send(SessionEvent::Message(body)).await.is_err() {
                    return SessionEnd::new(AGENT_STOPS);
                }
            }
            Ok(Some(HubMessage { body: None })) => {
                tracing::debug!("ignored a message of a newer hub");
            }
            Ok(None) => break SessionEnd::new("the hub closed the session"),
            Err(status) => break SessionEnd::new(describe(&status)),
        }
    };
    // The caller notices a closed receiver.
    let _ = events.send(SessionEvent::Closed).await;
    end
}

struct Opened {
    welcome: Welcome,
    out: mpsc::Sender<AgentMessage>,
    messages: Streaming<HubMessage>,
    hub: HubClient,
}

async fn open(
    connector: &Connector,
    login: &Login,
    hello: &watch::Receiver<Hello>,
) -> Result<Opened, SessionEnd> {
    let credentials = login.credentials().map_err(SessionEnd::new)?;
    let (channel, fault) = dial(connector).await.map_err(SessionEnd::new)?;
    let failed =
        |status: Status| SessionEnd::new(fault.message().unwrap_or_else(|| describe(&status)));
    let mut client = ControlClient::with_interceptor(channel, credentials.clone())
        .max_decoding_message_size(MESSAGE_BYTES_MAX);
    let (out, queue) = mpsc::channel(QUEUED_MESSAGES_MAX);
    let first = hello.borrow().clone();
    let protocol = first.protocol;
    out.try_send(AgentMessage { body: Some(ToHub::Hello(first)) })
        .map_err(|_| SessionEnd::new("the new queue of messages has no room"))?;
    let answer = client.session(Request::new(ReceiverStream::new(queue))).await.map_err(failed)?;
    let mut messages = answer.into_inner();
    match messages.message().await.map_err(failed)?.and_then(|m| m.body) {
        Some(FromHub::Welcome(welcome)) => {
            check_welcome(&welcome, &credentials, protocol)?;
            let connector = connector.clone();
            Ok(Opened { welcome, out, messages, hub: HubClient { client, connector, credentials } })
        }
        Some(FromHub::Refused(refused)) => Err(refused_end(&refused)),
        _ => Err(SessionEnd::new(
            "the first message of the hub was no Welcome: check that hub.address leads to a \
             flow-server",
        )),
    }
}

/// Checks that the Welcome is for this party and protocol. The messages of any other session mean
/// something else.
fn check_welcome(
    welcome: &Welcome,
    credentials: &Credentials,
    protocol: u32,
) -> Result<(), SessionEnd> {
    let party = credentials.party.to_str().unwrap_or_default();
    if welcome.party != party {
        let other = foreign(&welcome.party, PARTY_CHARS_MAX);
        return Err(SessionEnd::new(format!(
            "the hub takes this agent for party {other}, but it is the agent of {party}: check \
             hub.address and the secret"
        )));
    }
    if welcome.protocol != protocol {
        return Err(SessionEnd::new(format!(
            "the hub uses protocol {}, this agent protocol {protocol}: update the older of the two",
            welcome.protocol
        )));
    }
    Ok(())
}

fn refused_end(refused: &Refused) -> SessionEnd {
    let cause = format!("{}: {}", refused.code, refused.message);
    SessionEnd::retry_after(cause, refused.retry_after_s)
}

/// The message of the hub or, if the connection failed, its root cause.
fn describe(status: &Status) -> String {
    use std::error::Error as _;
    if is_not_grpc(status) {
        return format!("{NOT_AN_AGENT_LISTENER} ({})", status.message());
    }
    match (status.source(), status.message()) {
        (Some(source), _) => root_cause(source).to_string(),
        (None, "") => code_name(status.code()),
        (None, message) => format!("{}: {message}", code_name(status.code())),
    }
}

/// Returns the code as the guides name it: `unauthenticated`, `resource_exhausted`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// True if a gRPC server gave the answer.
fn is_grpc(metadata: &MetadataMap) -> bool {
    metadata
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// True if another kind of server gave the answer. tonic reports that only in the text.
fn is_not_grpc(status: &Status) -> bool {
    status.message().contains("grpc-status header missing")
}

/// Connects once. tonic must not reconnect by itself: the end of a connection ends its session.
async fn dial(connector: &Connector) -> Result<(Channel, ConnectionFault), String> {
    let (uri, io, fault): (Uri, Box<dyn ByteStream>, ConnectionFault) = match connector {
        Connector::Network(address) => {
            let (io, fault) = address.connect().await.map_err(|error| error.to_string())?;
            (address.uri().clone(), io, fault)
        }
        Connector::Memory(hub) => {
            let (near, far) = tokio::io::duplex(WINDOW_BYTES as usize);
            hub.send(far).await.map_err(|_| "the hub in this process has stopped".to_owned())?;
            let uri = Uri::from_static("http://hub.in.this.process");
            (uri, Box::new(near), ConnectionFault::default())
        }
    };
    let mut io = Some(TokioIo::new(io));
    let hand_over = tower::service_fn(move |_: Uri| {
        std::future::ready(
            io.take().ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected)),
        )
    });
    let channel = Endpoint::from(uri)
        .http2_keep_alive_interval(KEEPALIVE_PERIOD)
        .keep_alive_timeout(KEEPALIVE_PERIOD)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES * 4)
        .buffer_size(QUEUED_MESSAGES_MAX)
        .connect_with_connector(hand_over)
        .await
        .map_err(|error: tonic::transport::Error| {
            fault.message().unwrap_or_else(|| root_cause(&error).to_string())
        })?;
    Ok((channel, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_ten_seconds_and_resets_after_a_stable_session() {
        let mut failures = 0;
        let mut bounds = Vec::new();
        for _ in 0..40 {
            failures = failures_after(failures, STABLE_SESSION_MIN - Duration::from_millis(1));
            bounds.push(backoff_bound_ms(failures));
        }
        assert_eq!(bounds[..7], [200, 400, 800, 1600, 3200, 6400, 10_000]);
        assert!(bounds[7..].iter().all(|bound| *bound == 10_000), "{bounds:?}");
        assert!((0..1000).all(|_| jitter(10_000) < 10_000));
        assert_eq!(backoff_bound_ms(failures_after(failures, STABLE_SESSION_MIN)), 100);
        assert_eq!(backoff_bound_ms(failures_after(u32::MAX, Duration::ZERO)), 10_000);
    }

    #[test]
    fn u28_log_names_the_codes_of_the_guide() {
        let cause = describe(&Status::unauthenticated("the party's name or secret is wrong"));
        assert_eq!(cause, "unauthenticated: the party's name or secret is wrong");
        assert_eq!(describe(&Status::resource_exhausted("")), "resource_exhausted");
    }

    #[test]
    fn a11_text_of_the_hub_is_shortened_and_escaped_and_a_welcome_for_another_party_is_rejected() {
        let refused = Refused {
            code: "\u{1b}[31mX\nFORGED".to_owned(),
            message: format!("\u{1b}[2J\nERROR forged {}", "m".repeat(1_000_000)),
            retry_after_s: 7,
        };
        let SessionEnd { cause: why, retry_after_s, .. } = refused_end(&refused);
        assert!(
            why.starts_with("\\u{1b}[31mX\\nFORGED: \\u{1b}[2J\\nERROR forged mm")
                && why.len() < 600,
            "{why}"
        );
        assert_eq!(retry_after_s, 7);
        let status = describe(&Status::unavailable(format!("a\n{}", "b".repeat(10_000))));
        assert!(!SessionEnd::new(status).cause.contains('\n'));

        let credentials =
            Credentials::new(&"hospital-a".parse().expect("a name"), None).expect("plain text");
        let welcome = |party: &str, protocol| Welcome {
            party: party.to_owned(),
            protocol,
            ..Welcome::default()
        };
        let refusal = |party, protocol| {
            check_welcome(&welcome(party, protocol), &credentials, PROTOCOL)
                .err()
                .map(|ended| ended.cause)
        };
        assert_eq!(refusal("hospital-a", PROTOCOL), None);
        assert!(refusal("hospital-b", PROTOCOL).is_some_and(
            |why| why.contains("party hospital-b") && why.contains("check hub.address")
        ));
        assert!(
            refusal("", PROTOCOL).is_some()
                && refusal("\n", PROTOCOL).is_some_and(|why| !why.contains('\n'))
        );
        assert!(refusal("hospital-a", 99).is_some_and(|why| why.contains("protocol 99")));
    }
}
