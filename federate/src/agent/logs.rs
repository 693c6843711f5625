//! Logs the hub is reading right now: one side stream each, held back by whoever reads. What the party does not disclose,
//! or has not got, is refused; no hub can make us wait for it, or keep more than [`STREAMS_MAX`] of them open.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use flow_proto::v1::agent_message::Body;
use flow_proto::v1::{AgentMessage, LogOpen, LogRefused, Reason};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::member::Member;
use crate::runtime::{LogRequest, Runtime, RuntimeError, WorkKey};
use crate::session::HubClient;

/// Most logs read at once.
const STREAMS_MAX: usize = 32;

/// What the party discloses of its members' logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPolicy {
    /// Whether anything of them leaves the party.
    pub disclose: bool,
    /// Most bytes sent each time a log is read; `None` = all that is kept.
    pub limit_bytes_per_stream: Option<u64>,
}

impl Default for LogPolicy {
    fn default() -> Self {
        Self { disclose: true, limit_bytes_per_stream: None }
    }
}

/// Why a log is not sent. The hub makes of the code what its caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    code: &'static str,
    message: String,
}

impl Refusal {
    /// The party keeps it to itself.
    fn withheld() -> Self {
        Self { code: "policy_denied", message: "this party's policy discloses no logs".to_owned() }
    }

    /// There is none, and asking again does not bring it.
    fn none(message: impl Into<String>) -> Self {
        Self { code: "log_not_found", message: message.into() }
    }

    /// Not now.
    fn not_now(message: impl Into<String>) -> Self {
        Self { code: "runtime_error", message: message.into() }
    }

    fn message(self, stream_id: u64) -> AgentMessage {
        let reason = Reason { code: self.code.to_owned(), message: self.message };
        AgentMessage {
            body: Some(Body::LogRefused(LogRefused { stream_id, reason: Some(reason) })),
        }
    }
}

/// A log that may be there.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    key: WorkKey,
    request: LogRequest,
    /// Its member may still be started.
    early: bool,
}

/// The open side streams.
#[derive(Debug)]
pub struct Logs {
    policy: LogPolicy,
    session: Option<(HubClient, mpsc::Sender<AgentMessage>)>,
    streams: BTreeMap<u64, CancellationToken>,
}

impl Logs {
    /// No session is open.
    pub const fn new(policy: LogPolicy) -> Self {
        Self { policy, session: None, streams: BTreeMap::new() }
    }

    /// A session is open.
    pub fn open(&mut self, hub: HubClient, out: mpsc::Sender<AgentMessage>) {
        self.close();
        self.session = Some((hub, out));
    }

    /// The session is over, and every side stream with it.
    pub fn close(&mut self) {
        self.session = None;
        std::mem::take(&mut self.streams).into_values().for_each(|stream| stream.cancel());
    }

    /// Nobody reads any more.
    pub fn cancel(&mut self, stream_id: u64) {
        if let Some(stream) = self.streams.remove(&stream_id) {
            stream.cancel();
        }
    }

    /// The hub wants to read the log of this member, as far as the journal knows it.
    pub fn start(&mut self, open: LogOpen, member: Option<&Member>, runtime: &Arc<dyn Runtime>) {
        let Some((hub, out)) = self.session.clone() else { return };
        let stream_id = open.stream_id;
        let wanted = match self.admit(stream_id).and_then(|()| find(&open, member)) {
            Ok(wanted) => wanted,
            Err(refusal) => {
                // Not waited for: a hub that does not read has to do without.
                let _ = out.try_send(refusal.message(stream_id));
                return;
            }
        };
        let stopped = CancellationToken::new();
        self.streams.insert(stream_id, stopped.clone());
        let (runtime, limit) = (Arc::clone(runtime), self.policy.limit_bytes_per_stream);
        tokio::spawn(async move {
            let reading = async {
                match read(&*runtime, wanted).await {
                    Ok(log) => {
                        if let Err(status) = hub.push_log(stream_id, capped(log, limit)).await {
                            tracing::debug!(%status, stream_id, "a log stream ended");
                        }
                    }
                    // It counts as open until the hub has taken the answer. A session that is over needs none.
                    Err(refusal) => drop(out.send(refusal.message(stream_id)).await),
                }
            };
            tokio::select! {
                () = reading => {}
                () = stopped.cancelled() => {}
            }
            stopped.cancel();
        });
    }

    fn admit(&mut self, stream_id: u64) -> Result<(), Refusal> {
        self.streams.retain(|_, stream| !stream.is_cancelled());
        if !self.policy.disclose {
            return Err(Refusal::withheld());
        }
        if self.streams.contains_key(&stream_id) {
            return Err(Refusal::not_now("a log is being sent under this stream_id; use another"));
        }
        if self.streams.len() >= STREAMS_MAX {
            return Err(Refusal::not_now(format!(
                "{STREAMS_MAX} logs are being read here at once, the most there may be"
            )));
        }
        Ok(())
    }
}

/// What is to be read; attempt 0 is the newest.
fn find(open: &LogOpen, member: Option<&Member>) -> Result<Wanted, Refusal> {
    let LogOpen { stream_id: _, run_id, attempt, tail_lines, follow } = open;
    let run = run_id.parse().map_err(|_| Refusal::none("no such run is known here"))?;
    let attempt = if *attempt == 0 { member.map_or(0, |member| member.attempt) } else { *attempt };
    let unstarted = member.filter(|m| m.attempt == attempt && !m.started && m.exit.is_none());
    if unstarted.is_some_and(|m| m.phase.is_terminal()) {
        return Err(Refusal::none("this member never started, there is no log"));
    }
    let request = LogRequest { tail_lines: *tail_lines, follow: *follow };
    Ok(Wanted { key: WorkKey { run, attempt }, request, early: unstarted.is_some() })
}

type Log = BoxStream<'static, std::io::Result<Bytes>>;

async fn read(
    runtime: &dyn Runtime,
    Wanted { key, request, early }: Wanted,
) -> Result<Log, Refusal> {
    runtime.logs(key, request).await.map_err(|error| match error {
        RuntimeError::Refused(_) if early => Refusal::not_now("this member has not started yet"),
        RuntimeError::Refused(reason) => Refusal::none(reason.message),
        RuntimeError::Transient { context, source, .. } => {
            tracing::warn!(error = %source, "{context}");
            Refusal::not_now("the log cannot be read now")
        }
    })
}

/// At most so many bytes of the log, and then a line that says why it ends.
fn capped(log: Log, limit: Option<u64>) -> Log {
    let Some(limit) = limit else { return log };
    let rest = stream::unfold(Some((log, limit)), move |state| async move {
        let (mut log, left) = state?;
        let chunk = match log.next().await? {
            Ok(chunk) => chunk,
            Err(error) => return Some((Err(error), None)),
        };
        let length = chunk.len() as u64;
        if length <= left {
            return Some((Ok(chunk), Some((log, left - length))));
        }
        let mut last = chunk.slice(..usize::try_from(left).unwrap_or(chunk.len())).to_vec();
        last.extend(
            format!(
                "\n[this party discloses {limit} bytes of a log at a time: the rest is left out]\n"
            )
            .bytes(),
        );
        Some((Ok(Bytes::from(last)), None))
    });
    rest.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_common::clock::MockClock;
    use flow_domain::id::Digest;
    use flow_domain::member::{DesiredPhase, MemberPhase};

    use crate::member::DesiredMember;
    use crate::runtime::fake::{FakeRuntime, Mode};

    const RUN: &str = "00000000000000000000000000000001";

    fn member(phase: MemberPhase, started: bool) -> Member {
        let wish = DesiredMember {
            run: RUN.parse().unwrap(),
            task: RUN.parse().unwrap(),
            attempt: 2,
            generation: 3,
            phase: DesiredPhase::Reserved,
            digest: Some(Digest::of(b"spec")),
            bindings: BTreeMap::new(),
            orphan: false,
            released: false,
        };
        Member { phase, started, ..Member::new(&wish) }
    }

    fn open(run: &str, attempt: u32) -> LogOpen {
        LogOpen { stream_id: 1, run_id: run.to_owned(), attempt, tail_lines: Some(5), follow: true }
    }

    #[test]
    fn a_member_that_ended_without_a_start_has_no_log_and_one_that_may_start_has_none_yet() {
        for phase in [MemberPhase::Refused, MemberPhase::Failed, MemberPhase::Stopped] {
            let refusal = find(&open(RUN, 2), Some(&member(phase, false))).unwrap_err();
            assert_eq!(
                (refusal.code, refusal.message.as_str()),
                ("log_not_found", "this member never started, there is no log")
            );
            assert!(!find(&open(RUN, 2), Some(&member(phase, true))).unwrap().early);
        }
        assert!(find(&open(RUN, 2), Some(&member(MemberPhase::Reserved, false))).unwrap().early);
        assert!(!find(&open(RUN, 2), Some(&member(MemberPhase::Running, true))).unwrap().early);
    }

    #[test]
    fn attempt_0_is_the_newest_and_an_older_one_is_looked_for_where_logs_are() {
        let member = member(MemberPhase::Stopped, false);
        assert_eq!(find(&open(RUN, 0), Some(&member)).unwrap_err().code, "log_not_found");
        let older = find(&open(RUN, 1), Some(&member)).unwrap();
        assert_eq!((older.key.attempt, older.early), (1, false));
        assert_eq!(older.request, LogRequest { tail_lines: Some(5), follow: true });
        assert!(find(&open(RUN, 7), None).is_ok(), "the journal may be gone, and the log be there");
        assert_eq!(find(&open("../x", 1), None).unwrap_err().code, "log_not_found");
    }

    #[test]
    fn a_party_that_discloses_nothing_opens_no_stream() {
        let mut logs = Logs::new(LogPolicy { disclose: false, ..LogPolicy::default() });
        assert_eq!(logs.admit(1).unwrap_err().code, "policy_denied");
        assert!(Logs::new(LogPolicy::default()).admit(1).is_ok(), "it does by default");
    }

    #[test]
    fn a_stream_id_in_use_and_one_too_many_are_refused_until_others_have_ended() {
        let mut logs = Logs::new(LogPolicy::default());
        for id in 0..STREAMS_MAX as u64 {
            logs.admit(id).unwrap();
            logs.streams.insert(id, CancellationToken::new());
        }
        assert!(logs.admit(3).unwrap_err().message.contains("stream_id"));
        assert!(logs.admit(99).unwrap_err().message.contains("32 logs"));
        logs.streams[&3].cancel();
        logs.admit(3).unwrap();
    }

    #[tokio::test]
    async fn a_hub_that_asks_without_end_and_reads_nothing_is_not_waited_for() {
        let (out, mut read) = mpsc::channel(1);
        let runtime: Arc<dyn Runtime> =
            Arc::new(FakeRuntime::new(Mode::Scripted, Arc::new(MockClock::default())));
        let mut logs = Logs::new(LogPolicy::default());
        logs.open(HubClient::unreachable(), out);
        let mut asked = 0;
        let mut ask = |logs: &mut Logs, times: u64| {
            for _ in 0..times {
                asked += 1;
                logs.start(LogOpen { stream_id: asked, ..open(RUN, 1) }, None, &runtime);
            }
        };
        for _ in 0..10 {
            ask(&mut logs, 1_000);
            tokio::task::yield_now().await;
            assert!(
                logs.streams.len() <= STREAMS_MAX,
                "{} wait to be answered",
                logs.streams.len()
            );
        }
        assert_eq!(
            logs.admit(0).map_err(|refusal| refusal.code),
            Err("runtime_error"),
            "as many as there may be wait"
        );
        // When it reads again, it is answered again.
        while logs.admit(0).is_err() {
            assert!(read.recv().await.is_some());
            tokio::task::yield_now().await;
        }
        // And with the session everything ends that waited for it.
        ask(&mut logs, 1_000);
        logs.close();
        while read.recv().await.is_some() {}
    }

    #[tokio::test]
    async fn a_log_is_cut_where_the_party_says_and_says_so() {
        async fn read(limit: Option<u64>) -> String {
            let log =
                stream::iter(["0123", "4567", "89"].map(|chunk| Ok(Bytes::from(chunk)))).boxed();
            let chunks: Vec<_> =
                capped(log, limit).map(|chunk| chunk.expect("no error")).collect().await;
            String::from_utf8(chunks.concat()).expect("text")
        }
        assert_eq!(read(None).await, "0123456789");
        assert_eq!(read(Some(10)).await, "0123456789", "nothing is left out");
        for limit in [0, 3, 4, 9] {
            let (shown, note) = ("0123456789".split_at(limit).0, read(Some(limit as u64)).await);
            assert_eq!(
                note,
                format!(
                    "{shown}\n[this party discloses {limit} bytes of a log at a time: the rest is left out]\n"
                )
            );
        }
    }
}
