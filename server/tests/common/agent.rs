//! Agent for tests: uses the real protocol and acts only on request of the test.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use flow_proto::v1::agent_message::Body as ToHub;
use flow_proto::v1::control_client::ControlClient;
use flow_proto::v1::hub_message::Body as FromHub;
use flow_proto::v1::{
    AgentMessage, DesiredMember, Exit, Hello, HubMessage, LogChunk, LogOpen, LogRefused,
    MemberReport, OutputChunk, OutputOpen, OutputRefused, Reason, SnapshotBegin, SnapshotEnd,
    SpecCheck, SpecChecked,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

const DEADLINE: Duration = Duration::from_secs(30);

/// The party whose agent is an older one, which cannot send outputs or check specs.
pub const OLDER_AGENT: &str = "hospital-b";

/// One agent with one session.
pub struct FakeAgent {
    client: ControlClient<Channel>,
    party: String,
    secret: String,
    out: mpsc::Sender<AgentMessage>,
    inbox: Streaming<HubMessage>,
    instance: String,
    sequence: u64,
}

fn signed<T>(party: &str, secret: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("flow-party", MetadataValue::try_from(party).expect("a name is visible ASCII"));
    metadata.insert(
        "authorization",
        MetadataValue::try_from(format!("Bearer {secret}")).expect("a secret is visible ASCII"),
    );
    request
}

impl FakeAgent {
    /// Opens a session as an agent without members.
    pub async fn connect(address: SocketAddr, party: &str, secret: &str) -> Self {
        Self::connect_as(address, party, secret, flow_common::ids::instance_id().to_string())
            .await
            .expect("a session")
    }

    /// Opens the next session of the same agent.
    pub async fn again(&self, address: SocketAddr, secret: &str) -> Result<Self, Status> {
        Self::connect_as(address, &self.party, secret, self.instance.clone()).await
    }

    async fn connect_as(
        address: SocketAddr,
        party: &str,
        secret: &str,
        instance: String,
    ) -> Result<Self, Status> {
        let mut client =
            ControlClient::connect(format!("http://{address}")).await.expect("the hub listens");
        let (out, messages) = mpsc::channel(16);
        let hello = Hello {
            protocol: 1,
            agent_version: "test".to_owned(),
            instance: instance.clone(),
            sends_outputs: party != OLDER_AGENT,
            checks_specs: party != OLDER_AGENT,
            ..Hello::default()
        };
        let message = |body| AgentMessage { body: Some(body) };
        out.send(message(ToHub::Hello(hello))).await.expect("the stream is open");
        let inbox = client
            .session(signed(party, secret, ReceiverStream::new(messages)))
            .await?
            .into_inner();
        let mut agent = Self {
            client,
            party: party.to_owned(),
            secret: secret.to_owned(),
            out,
            inbox,
            instance,
            sequence: 0,
        };
        let epoch = loop {
            if let FromHub::SnapshotEnd(end) = agent.next().await {
                break end.epoch;
            }
        };
        agent.say(ToHub::SnapshotBegin(SnapshotBegin { epoch, ..SnapshotBegin::default() })).await;
        agent.say(ToHub::SnapshotEnd(SnapshotEnd { epoch })).await;
        Ok(agent)
    }

    /// Reads until the hub has ended the session.
    pub async fn cut_off(&mut self) {
        let ended = async { while let Ok(Some(_)) = self.inbox.message().await {} };
        flow_common::clock::timeout(DEADLINE, ended)
            .await
            .expect("the hub ends the session in time");
    }

    async fn say(&self, body: ToHub) {
        self.out.send(AgentMessage { body: Some(body) }).await.expect("the session is open");
    }

    async fn next(&mut self) -> FromHub {
        let message = flow_common::clock::timeout(DEADLINE, self.inbox.message())
            .await
            .expect("the hub says something in time");
        message.expect("the session is whole").expect("the session is open").body.expect("a body")
    }

    /// Waits for the next desired member.
    pub async fn next_member(&mut self) -> DesiredMember {
        loop {
            if let FromHub::DesiredMember(member) = self.next().await {
                return member;
            }
        }
    }

    /// Waits for the next desired member with this desired phase.
    pub async fn next_desired(&mut self, desired: &str) -> DesiredMember {
        loop {
            match self.next().await {
                FromHub::DesiredMember(member) if member.desired == desired => {
                    return member;
                }
                _ => {}
            }
        }
    }

    /// Reports the phase of this member.
    pub async fn report(&mut self, member: &DesiredMember, phase: &str) {
        self.report_with(member, phase, |_| ()).await;
    }

    pub async fn report_with(
        &mut self,
        member: &DesiredMember,
        phase: &str,
        more: impl FnOnce(&mut MemberReport),
    ) {
        self.sequence += 1;
        // A report is a complete snapshot with all endpoints.
        let endpoints =
            ["grpc", "http"].map(|name| (name.to_owned(), "127.0.0.1:41234".to_owned()));
        let mut report = MemberReport {
            run_id: member.run_id.clone(),
            task_id: member.task_id.clone(),
            attempt: member.attempt,
            sequence: self.sequence,
            observed_generation: member.generation,
            phase: phase.to_owned(),
            spec_digest: member.spec_digest.clone(),
            endpoints: endpoints.into(),
            ..MemberReport::default()
        };
        more(&mut report);
        self.say(ToHub::Report(report)).await;
    }

    /// Accepts every desired phase until the member runs.
    pub async fn run(&mut self) -> DesiredMember {
        let reserve = self.next_desired("reserved").await;
        self.report(&reserve, "reserved").await;
        let run = self.next_desired("running").await;
        self.report(&run, "running").await;
        run
    }

    /// Reports that the workload exited with this status.
    pub async fn exited(&mut self, member: &DesiredMember, code: i32) {
        let phase = if code == 0 { "succeeded" } else { "failed" };
        let reason = Reason {
            code: "exit_nonzero".to_owned(),
            message: format!("the workload exited with {code}"),
        };
        self.report_with(member, phase, |report| {
            report.exit = Some(Exit {
                code: Some(code),
                signal: None,
                reason: None,
                last_lines: Vec::new(),
                started_at: 1_000_000,
                finished_at: 2_000_000,
            });
            report.reason = (code != 0).then_some(reason);
        })
        .await;
    }

    /// Waits for the next request for a log.
    pub async fn log_wanted(&mut self) -> LogOpen {
        loop {
            if let FromHub::LogOpen(open) = self.next().await {
                return open;
            }
        }
    }

    /// Waits until the reader of a log has disconnected.
    pub async fn log_unwanted(&mut self) -> u64 {
        loop {
            if let FromHub::LogCancel(cancel) = self.next().await {
                return cancel.stream_id;
            }
        }
    }

    /// Waits for the next question about a spec.
    pub async fn spec_check(&mut self) -> SpecCheck {
        loop {
            if let FromHub::SpecCheck(check) = self.next().await {
                return check;
            }
        }
    }

    /// Answers a question about a spec.
    pub async fn answer_check(&mut self, check: &SpecCheck, answer: &str, reason: Option<Reason>) {
        let answer = answer.to_owned();
        self.say(ToHub::SpecChecked(SpecChecked { check_id: check.check_id, answer, reason }))
            .await;
    }

    pub async fn refuse_log(&mut self, open: &LogOpen, code: &str) {
        let reason = Reason {
            code: code.to_owned(),
            message: "the party keeps its logs to itself".to_owned(),
        };
        self.say(ToHub::LogRefused(LogRefused { stream_id: open.stream_id, reason: Some(reason) }))
            .await;
    }

    /// Opens the log. Its reader gets what the test sends; dropping the sender ends the log.
    pub async fn open_log(&mut self, open: &LogOpen) -> mpsc::Sender<Bytes> {
        let (lines, mut waiting) = mpsc::channel::<Bytes>(1);
        let (chunks, stream) = mpsc::channel(1);
        let id = open.stream_id;
        chunks
            .send(LogChunk { stream_id: id, data: Bytes::new() })
            .await
            .expect("there is room for one");
        tokio::spawn(async move {
            while let Some(data) = waiting.recv().await {
                if chunks.send(LogChunk { stream_id: id, data }).await.is_err() {
                    return;
                }
            }
        });
        let mut client = self.client.clone();
        let request = signed(&self.party, &self.secret, ReceiverStream::new(stream));
        tokio::spawn(async move { client.push_log(request).await });
        lines
    }

    /// Waits for the next request for outputs.
    pub async fn output_wanted(&mut self) -> OutputOpen {
        loop {
            if let FromHub::OutputOpen(open) = self.next().await {
                return open;
            }
        }
    }

    pub async fn refuse_output(&mut self, open: &OutputOpen, code: &str) {
        let reason =
            Reason { code: code.to_owned(), message: "the party keeps its outputs".to_owned() };
        let refused = OutputRefused { stream_id: open.stream_id, reason: Some(reason) };
        self.say(ToHub::OutputRefused(refused)).await;
    }

    /// Answers a request for outputs. The reader gets what the test sends; dropping the sender ends
    /// the stream.
    pub fn open_output(&self, open: &OutputOpen) -> mpsc::Sender<OutputChunk> {
        let (chunks, stream) = mpsc::channel(1);
        let mut request = signed(&self.party, &self.secret, ReceiverStream::new(stream));
        request.metadata_mut().insert(flow_proto::STREAM_ID, open.stream_id.into());
        let mut client = self.client.clone();
        tokio::spawn(async move { client.push_output(request).await });
        chunks
    }

    /// Opens a log that ends at once.
    pub async fn send_empty_log(&mut self, open: &LogOpen) {
        let chunk = LogChunk { stream_id: open.stream_id, data: Bytes::new() };
        let request = signed(&self.party, &self.secret, futures::stream::iter([chunk]));
        self.client.clone().push_log(request).await.expect("the log is taken");
    }
}
