//! The way to the hub: one outbound connection, dialled again and again with full-jitter back-off. It authenticates,
//! says Hello, waits for the Welcome, and from then on carries messages; what they mean is [`crate::agent`]'s business.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use flow_common::clock::{self, SharedClock};
use flow_common::error::root_cause;
use flow_common::ids::jitter;
use flow_common::secret_file::{self, Secret};
use flow_common::text::foreign;
use flow_domain::id::PartyId;
use flow_proto::STREAM_ID;
use flow_proto::v1::agent_message::Body as ToHub;
use flow_proto::v1::control_client::ControlClient;
use flow_proto::v1::hub_message::Body as FromHub;
use flow_proto::v1::{AgentMessage, Hello, HubMessage, LogChunk, Welcome};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Request, Status, Streaming};

use crate::dial::{Address, ByteStream, ConnectionFault, NOT_AN_AGENT_LISTENER};

/// The protocol spoken.
pub const PROTOCOL: u32 = 1;
/// Time between two HTTP/2 pings, and longest wait for their answer.
const KEEPALIVE_PERIOD: Duration = Duration::from_secs(20);
/// HTTP/2 flow control window, in bytes: fixed.
const WINDOW_BYTES: u32 = 64 * 1024;
/// Longest wait for a connection, and for the Welcome on it.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// First upper bound of the back-off, in milliseconds; it doubles.
const BACKOFF_BOUND_MIN_MS: u64 = 100;
/// Last upper bound of the back-off, in milliseconds.
const BACKOFF_BOUND_MAX_MS: u64 = 10_000;
/// Longest wait a hub may ask for, in seconds.
const RETRY_AFTER_MAX_S: u64 = 300;
/// A session that lasted this long was a good one: the next back-off begins at the bottom.
const STABLE_SESSION_MIN: Duration = Duration::from_secs(5);
/// Messages that may wait on either way.
const QUEUED_MESSAGES_MAX: usize = 64;
/// Longest message taken, in bytes: a chunk of the hub's set has at most half of it.
const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Longest cause of a session's end in the log, in characters.
const CAUSE_CHARS_MAX: usize = 500;
/// Longest version of a hub in the log, in characters.
const VERSION_CHARS_MAX: usize = 64;
/// Longest party name of a hub's in the log, in characters: no party's name is longer.
const PARTY_CHARS_MAX: usize = 63;

/// How the hub is reached.
#[derive(Debug, Clone)]
pub enum Connector {
    /// At its listener.
    Network(Address),
    /// In this process: each connection's other end is handed over here.
    Memory(mpsc::Sender<DuplexStream>),
}

/// What the hub sent, or that it went.
#[derive(Debug)]
pub enum SessionEvent {
    /// A session is open.
    Opened {
        /// The hub's first message.
        welcome: Welcome,
        /// The way back; closed when dropped.
        out: mpsc::Sender<AgentMessage>,
        /// For side streams.
        hub: HubClient,
    },
    /// A message of the open session.
    Message(FromHub),
    /// The session is over.
    Closed,
}

/// The open connection, for side streams.
#[derive(Debug, Clone)]
pub struct HubClient(ControlClient<InterceptedService<Channel, Credentials>>);

impl HubClient {
    /// A connection that nobody has made.
    #[cfg(test)]
    pub(crate) fn unreachable() -> Self {
        let credentials = Credentials { party: MetadataValue::from_static("a"), bearer: None };
        Self(ControlClient::with_interceptor(
            Endpoint::from_static("http://127.0.0.1:1").connect_lazy(),
            credentials,
        ))
    }

    /// Answer a LogOpen: send `log` until it ends or nobody reads any more.
    pub async fn push_log(
        mut self,
        stream_id: u64,
        log: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<(), Status> {
        let mut request = Request::new(Chunks { first: Some(stream_id), log });
        request.metadata_mut().insert(STREAM_ID, stream_id.into());
        self.0.push_log(request).await.map(|_| ())
    }
}

/// A log as it goes out. The first chunk says at once which stream this is, though the log may be silent for long.
struct Chunks {
    first: Option<u64>,
    log: BoxStream<'static, std::io::Result<Bytes>>,
}

impl Stream for Chunks {
    type Item = LogChunk;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<LogChunk>> {
        if let Some(stream_id) = self.first.take() {
            return Poll::Ready(Some(LogChunk { stream_id, data: Bytes::new() }));
        }
        match ready!(self.log.poll_next_unpin(cx)) {
            Some(Ok(data)) => Poll::Ready(Some(LogChunk { stream_id: 0, data })),
            Some(Err(error)) => {
                tracing::warn!(%error, "a log broke off");
                // So that nobody takes it for whole.
                self.log = futures::stream::empty().boxed();
                let note = format!("\n[the rest of this log cannot be read: {}]\n", error.kind());
                Poll::Ready(Some(LogChunk { stream_id: 0, data: note.into() }))
            }
            None => Poll::Ready(None),
        }
    }
}

/// Where a party's secret is.
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// In this file. It is read at each connection, so that a replaced one counts.
    File(PathBuf),
    /// Here.
    Fixed(Secret),
    /// Not needed: the hub is in this process, and knows whose connection it is.
    Embedded,
}

/// A party's name with its secret, as an agent logs in.
#[derive(Debug, Clone)]
pub struct Login {
    /// The party.
    pub party: PartyId,
    /// Its secret.
    pub secret: SecretSource,
}

impl Login {
    /// The metadata of every call of a connection; an error says what is wrong with the secret.
    pub fn credentials(&self) -> Result<Credentials, String> {
        let read;
        let secret = match &self.secret {
            SecretSource::File(path) => {
                read =
                    secret_file::read(path).map_err(|error| format!("hub.secret_file: {error}"))?;
                Some(&read)
            }
            SecretSource::Fixed(secret) => Some(secret),
            SecretSource::Embedded => None,
        };
        Credentials::new(&self.party, secret).ok_or_else(|| {
            "the secret holds what cannot be sent in a header: write it anew".to_owned()
        })
    }

    /// For a sentence: where the secret comes from.
    fn place(&self) -> String {
        match &self.secret {
            SecretSource::File(path) => format!("the secret in {}", path.display()),
            SecretSource::Fixed(_) | SecretSource::Embedded => "the secret".to_owned(),
        }
    }
}

/// Asks the hub whether it takes us for who we say we are. No session is opened, so a running agent's is left alone.
pub async fn authenticate(address: &Address, login: &Login) -> Result<(), String> {
    let credentials = login.credentials()?;
    let asked = async {
        let (channel, fault) = dial(&Connector::Network(address.clone())).await?;
        let mut client = ControlClient::with_interceptor(channel, credentials);
        // The hub authenticates the call before it waits for the Hello, which never comes.
        match client.session(Request::new(futures::stream::pending())).await {
            Ok(answer) if is_grpc(answer.metadata()) => Ok(()),
            Ok(_) => Err(NOT_AN_AGENT_LISTENER.to_owned()),
            Err(status) if status.code() == Code::Unauthenticated && !is_not_grpc(&status) => {
                Err(format!(
                    "the hub at {address} does not accept {} for the party {}: compare the party's name, or have the secret replaced \
                 (`flowctl party rotate-secret {}`)",
                    login.place(),
                    login.party,
                    login.party
                ))
            }
            Err(status) => Err(fault.message().unwrap_or_else(|| describe(&status))),
        }
    };
    let late =
        || format!("the hub at {address} did not answer within {} s", OPEN_TIMEOUT.as_secs());
    clock::timeout(OPEN_TIMEOUT, asked).await.unwrap_or_else(|_| Err(late()))
}

/// The metadata of every call.
#[derive(Clone)]
pub struct Credentials {
    party: MetadataValue<Ascii>,
    bearer: Option<MetadataValue<Ascii>>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({:?})", self.party)
    }
}

impl Credentials {
    /// A party's name and, over the network, its secret. `None` if the secret holds what no header can carry.
    fn new(party: &PartyId, secret: Option<&Secret>) -> Option<Self> {
        let bearer = match secret {
            Some(secret) => {
                let mut value =
                    MetadataValue::try_from(format!("Bearer {}", secret.expose())).ok()?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        Some(Self { party: MetadataValue::try_from(party.as_str()).ok()?, bearer })
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("flow-party", self.party.clone());
        if let Some(bearer) = &self.bearer {
            request.metadata_mut().insert("authorization", bearer.clone());
        }
        Ok(request)
    }
}

/// Why a session ended, and how long the hub asked to be left alone, in seconds.
struct SessionEnd {
    cause: String,
    retry_after_s: u64,
}

impl SessionEnd {
    fn new(why: impl AsRef<str>) -> Self {
        Self::until(why, 0)
    }

    /// The cause may hold the hub's own words, which go to the log.
    fn until(why: impl AsRef<str>, retry_after_s: u32) -> Self {
        Self { cause: foreign(why.as_ref(), CAUSE_CHARS_MAX), retry_after_s: retry_after_s.into() }
    }
}

/// Keeps a session open for as long as somebody listens to `events`. `hello` always holds what the next session says.
pub async fn run(
    connector: Connector,
    login: Login,
    hello: watch::Receiver<Hello>,
    clock: SharedClock,
    events: mpsc::Sender<SessionEvent>,
) {
    let connector = Arc::new(connector);
    let mut failures = 0_u32;
    loop {
        let began = clock.monotonic();
        let ended = session(&connector, &login, &hello, &clock, &events).await;
        let lasted = clock.monotonic().since(began);
        if events.is_closed() {
            return;
        }
        failures = failures_after(failures, lasted);
        let wait_ms =
            ended.retry_after_s.min(RETRY_AFTER_MAX_S) * 1000 + jitter(backoff_bound_ms(failures));
        // The same trouble again and again is said less and less often.
        if failures.is_power_of_two() || failures == 0 {
            tracing::warn!(why = %ended.cause, wait_ms, failures, "not connected to the hub; trying again");
        }
        tokio::select! {
            () = clock.sleep(Duration::from_millis(wait_ms)) => {}
            () = events.closed() => return,
        }
    }
}

/// How many sessions in a row were none, now that one more has lasted this long.
fn failures_after(before: u32, lasted: Duration) -> u32 {
    if lasted >= STABLE_SESSION_MIN { 0 } else { before.saturating_add(1) }
}

/// Upper bound of the wait after so many sessions in a row that were none, in milliseconds.
fn backoff_bound_ms(failures: u32) -> u64 {
    BACKOFF_BOUND_MAX_MS.min(BACKOFF_BOUND_MIN_MS << failures.min(10))
}

async fn session(
    connector: &Arc<Connector>,
    login: &Login,
    hello: &watch::Receiver<Hello>,
    clock: &SharedClock,
    events: &mpsc::Sender<SessionEvent>,
) -> SessionEnd {
    let deadline = clock.sleep(OPEN_TIMEOUT);
    let opened = tokio::select! {
        opened = open(connector, login, hello) => opened,
        () = deadline => Err(SessionEnd::new(format!("the hub did not answer within {} s", OPEN_TIMEOUT.as_secs()))),
    };
    let (welcome, out, mut messages, hub) = match opened {
        Ok(opened) => opened,
        Err(ended) => return ended,
    };
    tracing::info!(hub_version = %foreign(&welcome.hub_version, VERSION_CHARS_MAX), epoch = welcome.epoch, "connected to the hub");
    if events.send(SessionEvent::Opened { welcome, out, hub }).await.is_err() {
        return SessionEnd::new("the agent is going down");
    }
    let ended = loop {
        let message = tokio::select! {
            message = messages.message() => message,
            () = events.closed() => return SessionEnd::new("the agent is going down"),
        };
        match message {
            Ok(Some(HubMessage { body: Some(FromHub::Refused(refused)) })) => {
                break refused_by(&refused);
            }
            Ok(Some(HubMessage { body: Some(FromHub::Goodbye(goodbye)) })) => {
                break SessionEnd::until("the hub is going down", goodbye.retry_after_s);
            }
            Ok(Some(HubMessage { body: Some(body) })) => {
                if events.send(SessionEvent::Message(body)).await.is_err() {
                    return SessionEnd::new("the agent is going down");
                }
            }
            Ok(Some(HubMessage { body: None })) => {
                tracing::debug!("a message of a newer hub was ignored")
            }
            Ok(None) => break SessionEnd::new("the hub closed the session"),
            Err(status) => break SessionEnd::new(describe(&status)),
        }
    };
    // A closed receiver is fault by the caller.
    let _ = events.send(SessionEvent::Closed).await;
    ended
}

type Opened = (Welcome, mpsc::Sender<AgentMessage>, Streaming<HubMessage>, HubClient);

async fn open(
    connector: &Arc<Connector>,
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
        .map_err(|_| SessionEnd::new("the queue is new and empty"))?;
    let answer = client.session(Request::new(ReceiverStream::new(queue))).await.map_err(failed)?;
    let mut messages = answer.into_inner();
    match messages.message().await.map_err(failed)?.and_then(|m| m.body) {
        Some(FromHub::Welcome(welcome)) => {
            check_welcome(&welcome, &credentials, protocol)?;
            Ok((welcome, out, messages, HubClient(client)))
        }
        Some(FromHub::Refused(refused)) => Err(refused_by(&refused)),
        _ => Err(SessionEnd::new(
            "the hub did not begin with a Welcome: is this address a flow-server?",
        )),
    }
}

/// Whether the hub greets this very agent. What it assigns to another party, or says in another protocol, means something
/// else here.
fn check_welcome(
    welcome: &Welcome,
    credentials: &Credentials,
    protocol: u32,
) -> Result<(), SessionEnd> {
    let party = credentials.party.to_str().unwrap_or_default();
    if welcome.party != party {
        let told = foreign(&welcome.party, PARTY_CHARS_MAX);
        let text = format!(
            "the hub takes this agent for party {told}, and this is the agent of {party}: check hub.address and the secret"
        );
        return Err(SessionEnd::new(text));
    }
    if welcome.protocol != protocol {
        let theirs = welcome.protocol;
        return Err(SessionEnd::new(format!(
            "the hub speaks protocol {theirs}, this agent {protocol}: update the older of the two"
        )));
    }
    Ok(())
}

fn refused_by(refused: &flow_proto::v1::Refused) -> SessionEnd {
    SessionEnd::until(format!("{}: {}", refused.code, refused.message), refused.retry_after_s)
}

/// The hub's own words; or, when the connection failed, what it failed of.
fn describe(status: &Status) -> String {
    use std::error::Error as _;
    if is_not_grpc(status) {
        return format!("{NOT_AN_AGENT_LISTENER} ({})", status.message());
    }
    match (status.source(), status.message()) {
        (Some(source), _) => root_cause(source).to_string(),
        (None, "") => status.code().to_string(),
        (None, message) => format!("{}: {message}", status.code()),
    }
}

/// True if a server that speaks gRPC gave the answer.
fn is_grpc(metadata: &MetadataMap) -> bool {
    metadata
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// True if a server that does not speak gRPC gave the answer: tonic says so in the text alone.
fn is_not_grpc(status: &Status) -> bool {
    status.message().contains("grpc-status header missing")
}

/// Connects once: a connection that ends is the session's end, not dialled again behind its back.
async fn dial(connector: &Connector) -> Result<(Channel, ConnectionFault), String> {
    let (uri, io, fault): (Uri, Box<dyn ByteStream>, ConnectionFault) = match connector {
        Connector::Network(address) => {
            let (io, fault) = address.connect().await.map_err(|error| error.to_string())?;
            (address.uri().clone(), io, fault)
        }
        Connector::Memory(hub) => {
            let (near, far) = tokio::io::duplex(WINDOW_BYTES as usize);
            hub.send(far).await.map_err(|_| "the hub in this process is gone".to_owned())?;
            (
                Uri::from_static("http://hub.in.this.process"),
                Box::new(near),
                ConnectionFault::default(),
            )
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
    fn the_wait_doubles_up_to_ten_seconds_and_begins_anew_after_a_good_session() {
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
    fn a11_a_hubs_words_reach_the_log_short_and_harmless_and_only_a_greeting_for_this_agent_counts()
    {
        let refused = flow_proto::v1::Refused {
            code: "\u{1b}[31mX\nFORGED".to_owned(),
            message: format!("\u{1b}[2J\nERROR forged {}", "m".repeat(1_000_000)),
            retry_after_s: 7,
        };
        let SessionEnd { cause: why, retry_after_s } = refused_by(&refused);
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
