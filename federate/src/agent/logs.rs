//! Log streams: one side stream for each log that the hub reads, limited by the reader's speed.
//!
//! The agent refuses a log that the party does not disclose or does not have. A hub can neither make
//! the agent's loop wait nor keep more than [`STREAMS_MAX`] streams open.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use flow_proto::v1::agent_message::Body;
use flow_proto::v1::{AgentMessage, LogOpen, LogRefused, Reason};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::admission::LogPolicy;
use crate::member::Member;
use crate::runtime::{LogRequest, Runtime, RuntimeError, WorkKey};
use crate::session::HubClient;

const STREAMS_MAX: usize = 32;

/// Reason for which the agent sends no log. The hub derives its caller's error from the code.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    code: &'static str,
    message: String,
}

impl Refusal {
    /// The party does not disclose logs.
    fn undisclosed() -> Self {
        Self { code: "policy_denied", message: "this party's policy discloses no logs".to_owned() }
    }

    /// There is no log, and a retry finds none.
    fn not_found(message: impl Into<String>) -> Self {
        Self { code: "log_not_found", message: message.into() }
    }

    /// The log cannot be read now.
    fn unavailable(message: impl Into<String>) -> Self {
        Self { code: "runtime_error", message: message.into() }
    }

    fn message(self, stream_id: u64) -> AgentMessage {
        let reason = Reason { code: self.code.to_owned(), message: self.message };
        AgentMessage {
            body: Some(Body::LogRefused(LogRefused { stream_id, reason: Some(reason) })),
        }
    }
}

/// A log that may exist.
#[derive(Debug, PartialEq, Eq)]
struct LogSource {
    key: WorkKey,
    request: LogRequest,
    /// The member has not started yet.
    is_early: bool,
}

/// The open side streams.
#[derive(Debug)]
pub struct Logs {
    policy: LogPolicy,
    session: Option<(HubClient, mpsc::Sender<AgentMessage>)>,
    streams: BTreeMap<u64, CancellationToken>,
}

impl Logs {
    pub const fn new(policy: LogPolicy) -> Self {
        Self { policy, session: None, streams: BTreeMap::new() }
    }

    pub fn open(&mut self, hub: HubClient, out: mpsc::Sender<AgentMessage>) {
        self.close();
        self.session = Some((hub, out));
    }

    /// Ends the session and its side streams.
    pub fn close(&mut self) {
        self.session = None;
        std::mem::take(&mut self.streams).into_values().for_each(|stream| stream.cancel());
    }

    /// The hub does not read this stream any more.
    pub fn cancel(&mut self, stream_id: u64) {
        if let Some(stream) = self.streams.remove(&stream_id) {
            stream.cancel();
        }
    }

    /// Starts a stream with the log of this member, which the journal may not know.
    pub fn start(&mut self, open: LogOpen, member: Option<&Member>, runtime: &Arc<dyn Runtime>) {
        let Some((hub, out)) = self.session.clone() else { return };
        let stream_id = open.stream_id;
        let source = match self.admit(stream_id).and_then(|()| find(&open, member)) {
            Ok(source) => source,
            Err(refusal) => {
                // Without waiting: a hub that does not read gets no answer.
                let _ = out.try_send(refusal.message(stream_id));
                return;
            }
        };
        let stopped = CancellationToken::new();
        self.streams.insert(stream_id, stopped.clone());
        let (runtime, limit) = (Arc::clone(runtime), self.policy.limit_bytes_per_stream);
        tokio::spawn(async move {
            let reading = async {
                match read(&*runtime, source).await {
                    Ok(log) => {
                        if let Err(status) = hub.push_log(stream_id, capped(log, limit)).await {
                            tracing::debug!(%status, stream_id, "the hub ended a log stream");
                        }
                    }
                    // The stream counts as open until the hub has taken the answer. A closed session
                    // needs no answer.
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
            return Err(Refusal::undisclosed());
        }
        if self.streams.contains_key(&stream_id) {
            return Err(Refusal::unavailable(
                "a stream with this stream_id is open; use another stream_id",
            ));
        }
        if self.streams.len() >= STREAMS_MAX {
            return Err(Refusal::unavailable(format!(
                "{STREAMS_MAX} logs are open, the limit: retry when one has ended"
            )));
        }
        Ok(())
    }
}

/// Finds the requested log; attempt 0 is the newest.
fn find(open: &LogOpen, member: Option<&Member>) -> Result<LogSource, Refusal> {
    let LogOpen { stream_id: _, run_id, attempt, tail_lines, follow } = open;
    let run = run_id.parse().map_err(|_| Refusal::not_found("the agent does not know the run"))?;
    let attempt = if *attempt == 0 { member.map_or(0, |member| member.attempt) } else { *attempt };
    let unstarted = member.filter(|m| m.attempt == attempt && !m.started && m.exit.is_none());
    if unstarted.is_some_and(|m| m.phase.is_terminal()) {
        return Err(Refusal::not_found("the member never started and has no log"));
    }
    let request = LogRequest { tail_lines: *tail_lines, follow: *follow };
    Ok(LogSource { key: WorkKey { run, attempt }, request, is_early: unstarted.is_some() })
}

type Log = BoxStream<'static, std::io::Result<Bytes>>;

async fn read(
    runtime: &dyn Runtime,
    LogSource { key, request, is_early }: LogSource,
) -> Result<Log, Refusal> {
    runtime.logs(key, request).await.map_err(|error| match error {
        RuntimeError::Refused(_) if is_early => {
            Refusal::unavailable("the member has not started yet")
        }
        RuntimeError::Refused(reason) => Refusal::not_found(reason.message),
        RuntimeError::Transient { context, source, .. } => {
            tracing::warn!(error = %source, "cannot read a log that the hub requested: {context}");
            Refusal::unavailable("the agent cannot read the log now; retry later")
        }
    })
}

/// Limits a log to this many bytes, followed by a line with the reason.
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
        let desired = DesiredMember {
            run: RUN.parse().unwrap(),
            task: RUN.parse().unwrap(),
            attempt: 2,
            generation: 3,
            phase: DesiredPhase::Reserved,
            digest: Some(Digest::of(b"spec")),
            bindings: BTreeMap::new(),
            orphan: false,
            released: false,
            task_name: String::new(),
            run_number: 0,
        };
        Member { phase, started, ..Member::new(&desired) }
    }

    fn open(run: &str, attempt: u32) -> LogOpen {
        LogOpen { stream_id: 1, run_id: run.to_owned(), attempt, tail_lines: Some(5), follow: true }
    }

    #[test]
    fn member_without_start_has_no_log_and_member_before_start_has_none_yet() {
        for phase in [MemberPhase::Refused, MemberPhase::Failed, MemberPhase::Stopped] {
            let refusal = find(&open(RUN, 2), Some(&member(phase, false))).unwrap_err();
            assert_eq!(
                (refusal.code, refusal.message.as_str()),
                ("log_not_found", "the member never started and has no log")
            );
            assert!(!find(&open(RUN, 2), Some(&member(phase, true))).unwrap().is_early);
        }
        assert!(find(&open(RUN, 2), Some(&member(MemberPhase::Reserved, false))).unwrap().is_early);
        assert!(!find(&open(RUN, 2), Some(&member(MemberPhase::Running, true))).unwrap().is_early);
    }

    #[test]
    fn attempt_0_is_the_newest_and_an_older_one_is_read_from_the_runtime() {
        let member = member(MemberPhase::Stopped, false);
        assert_eq!(find(&open(RUN, 0), Some(&member)).unwrap_err().code, "log_not_found");
        let older = find(&open(RUN, 1), Some(&member)).unwrap();
        assert_eq!((older.key.attempt, older.is_early), (1, false));
        assert_eq!(older.request, LogRequest { tail_lines: Some(5), follow: true });
        assert!(find(&open(RUN, 7), None).is_ok(), "the log may exist without the journal");
        assert_eq!(find(&open("../x", 1), None).unwrap_err().code, "log_not_found");
    }

    #[test]
    fn undisclosed_logs_open_no_stream() {
        let mut logs = Logs::new(LogPolicy { disclose: false, ..LogPolicy::default() });
        assert_eq!(logs.admit(1).unwrap_err().code, "policy_denied");
        assert!(Logs::new(LogPolicy::default()).admit(1).is_ok(), "logs are disclosed by default");
    }

    #[test]
    fn duplicate_stream_id_and_stream_above_the_limit_are_refused_until_others_end() {
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
    async fn hub_that_requests_logs_and_reads_nothing_does_not_block_the_agent() {
        let (out, mut read) = mpsc::channel(1);
        let runtime: Arc<dyn Runtime> =
            Arc::new(FakeRuntime::new(Mode::Scripted, Arc::new(MockClock::default())));
        let mut logs = Logs::new(LogPolicy::default());
        logs.open(HubClient::unreachable(), out);
        let mut stream_id = 0;
        let mut ask = |logs: &mut Logs, times: u64| {
            for _ in 0..times {
                stream_id += 1;
                logs.start(LogOpen { stream_id, ..open(RUN, 1) }, None, &runtime);
            }
        };
        for _ in 0..10 {
            ask(&mut logs, 1_000);
            tokio::task::yield_now().await;
            assert!(
                logs.streams.len() <= STREAMS_MAX,
                "{} answers are waiting",
                logs.streams.len()
            );
        }
        assert_eq!(
            logs.admit(0).map_err(|refusal| refusal.code),
            Err("runtime_error"),
            "the limit of waiting answers is reached"
        );
        // When the hub reads again, it gets answers again.
        while logs.admit(0).is_err() {
            assert!(read.recv().await.is_some());
            tokio::task::yield_now().await;
        }
        // The end of the session drops all waiting answers.
        ask(&mut logs, 1_000);
        logs.close();
        while read.recv().await.is_some() {}
    }

    #[tokio::test]
    async fn log_is_truncated_at_the_limit_with_a_note() {
        async fn read(limit: Option<u64>) -> String {
            let log =
                stream::iter(["0123", "4567", "89"].map(|chunk| Ok(Bytes::from(chunk)))).boxed();
            let chunks: Vec<_> =
                capped(log, limit).map(|chunk| chunk.expect("no error")).collect().await;
            String::from_utf8(chunks.concat()).expect("text")
        }
        assert_eq!(read(None).await, "0123456789");
        assert_eq!(read(Some(10)).await, "0123456789", "the whole log");
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
