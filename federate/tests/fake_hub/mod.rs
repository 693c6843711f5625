//! A hub that sends the messages of the test through the real server stack over an in-memory
//! channel, and an agent with a fake runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{Clock as _, MockClock};
use flow_domain::bindings;
use flow_domain::framework::seal_all;
use flow_domain::id::{PartyId, RunId, TaskId, TemplateId};
use flow_domain::member::{DesiredPhase, MemberPhase, Role};
use flow_domain::policy::Allow;
use flow_domain::spec::SealedSpec;
use flow_domain::task::{Rules, TaskBody, TaskMember};
use flow_domain::template::{Framework, Resources, TemplateBody};
use flow_federate::admission::{Image, PartyPolicy};
use flow_federate::agent::{self, AgentConfig, AgentError, LogPolicy};
use flow_federate::health::StatusRequest;
use flow_federate::runtime::fake::{FakeRuntime, Mode};
use flow_federate::runtime::{ImageSource, Runtime, WorkKey};
use flow_federate::session::{Connector, SecretSource};
use flow_proto::v1::agent_message::Body as FromAgent;
use flow_proto::v1::control_server::{Control, ControlServer};
use flow_proto::v1::hub_message::Body as ToAgent;
use flow_proto::v1::{
    Ack, Acks, AgentMessage, DesiredMember, DesiredMembers, Hello, HubMessage, LogChunk, LogClosed,
    MemberReport, OutputChunk, OutputClosed, SnapshotBegin, SnapshotEnd, Welcome,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

pub const PATIENCE: Duration = Duration::from_secs(20);
pub const IMAGE: &str = "demo:1";

pub struct FakeHub {
    connections: mpsc::Sender<DuplexStream>,
    sessions: mpsc::Receiver<Session>,
    logs: mpsc::Receiver<(u64, Vec<u8>)>,
    /// True if the hub reads pushed logs; otherwise their streams stay open.
    pub reads_logs: watch::Sender<bool>,
}

pub struct Session {
    pub metadata: MetadataMap,
    messages: Streaming<AgentMessage>,
    out: mpsc::Sender<Result<HubMessage, Status>>,
    /// All received messages, in order.
    pub received: Vec<FromAgent>,
}

struct Service {
    sessions: mpsc::Sender<Session>,
    logs: mpsc::Sender<(u64, Vec<u8>)>,
    reads_logs: watch::Receiver<bool>,
}

#[tonic::async_trait]
impl Control for Service {
    type SessionStream = ReceiverStream<Result<HubMessage, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let (out, rx) = mpsc::channel(64);
        let (metadata, _, messages) = request.into_parts();
        let session = Session { metadata, messages, out, received: Vec::new() };
        self.sessions.send(session).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(rx)))
    }

    async fn push_log(
        &self,
        request: Request<Streaming<LogChunk>>,
    ) -> Result<Response<LogClosed>, Status> {
        let mut chunks = request.into_inner();
        self.reads_logs
            .clone()
            .wait_for(|reads| *reads)
            .await
            .map_err(|_| Status::unavailable("the test is over"))?;
        let mut id = 0;
        let mut log = Vec::new();
        while let Some(LogChunk { stream_id, data }) = chunks.message().await? {
            id = id.max(stream_id);
            log.extend_from_slice(&data);
        }
        self.logs.send((id, log)).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(LogClosed {}))
    }

    async fn push_output(
        &self,
        _: Request<Streaming<OutputChunk>>,
    ) -> Result<Response<OutputClosed>, Status> {
        Ok(Response::new(OutputClosed {}))
    }
}

impl FakeHub {
    pub fn new() -> Self {
        let (connections, mut incoming) = mpsc::channel(4);
        let (sessions_tx, sessions) = mpsc::channel(4);
        let (logs_tx, logs) = mpsc::channel(4);
        let reads_logs = watch::Sender::new(true);
        let service = ControlServer::new(Service {
            sessions: sessions_tx,
            logs: logs_tx,
            reads_logs: reads_logs.subscribe(),
        });
        tokio::spawn(async move {
            while let Some(connection) = incoming.recv().await {
                let service = TowerToHyperService::new(service.clone());
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                // The test itself breaks connections: that is no error.
                tokio::spawn(async move {
                    server.serve_connection(TokioIo::new(connection), service).await.is_ok()
                });
            }
        });
        Self { connections, sessions, logs, reads_logs }
    }

    pub fn connector(&self) -> Connector {
        Connector::Memory(self.connections.clone())
    }

    /// Accepts the agent's next session and sends no message.
    pub async fn accept(&mut self) -> Session {
        flow_common::clock::timeout(PATIENCE, self.sessions.recv())
            .await
            .expect("the agent connects in time")
            .expect("the hub is alive")
    }

    /// Accepts the agent's next session, sends Welcome and the snapshot `set`, and receives the
    /// agent's snapshot.
    pub async fn open(&mut self, set: Vec<DesiredMember>) -> Session {
        let mut session = self.accept().await;
        session.hello().await;
        session.welcome(1, false).await;
        session.set(set).await;
        session.until(|body| matches!(body, FromAgent::SnapshotEnd(_))).await;
        session
    }

    pub async fn log(&mut self) -> (u64, Vec<u8>) {
        flow_common::clock::timeout(PATIENCE, self.logs.recv())
            .await
            .expect("a log comes in time")
            .expect("the hub is alive")
    }

    /// True if the agent has opened another session. Discards that session.
    pub fn is_called(&mut self) -> bool {
        self.sessions.try_recv().is_ok()
    }
}

impl Session {
    pub async fn send(&self, body: ToAgent) {
        self.out.send(Ok(HubMessage { body: Some(body) })).await.expect("the agent listens");
    }

    pub async fn welcome(&self, incarnation: u64, want_inventory: bool) {
        let party = "a".to_owned();
        let hub_version = "test".to_owned();
        self.send(ToAgent::Welcome(Welcome {
            protocol: 1,
            hub_version,
            party,
            epoch: 7,
            hub_incarnation: incarnation,
            want_inventory,
        }))
        .await;
    }

    /// Sends Welcome. Returns false if the agent has given up this session.
    pub async fn is_greeted(&mut self, incarnation: u64) -> bool {
        let greeting = async {
            self.hello().await;
            self.welcome(incarnation, false).await;
            self.until(|body| matches!(body, FromAgent::SnapshotEnd(_))).await;
        };
        let greeting = std::panic::AssertUnwindSafe(flow_common::clock::timeout(
            Duration::from_secs(2),
            greeting,
        ));
        matches!(futures::FutureExt::catch_unwind(greeting).await, Ok(Ok(())))
    }

    pub async fn set(&self, members: Vec<DesiredMember>) {
        self.send(ToAgent::SnapshotBegin(SnapshotBegin {
            epoch: 7,
            hub_incarnation: 1,
            revision: 1,
        }))
        .await;
        self.send(ToAgent::DesiredMembers(DesiredMembers { members })).await;
        self.send(ToAgent::SnapshotEnd(SnapshotEnd { epoch: 7 })).await;
    }

    pub async fn assign(&self, assignment: DesiredMember) {
        self.send(ToAgent::DesiredMember(assignment)).await;
    }

    pub async fn settle(&self, report: &MemberReport) {
        let ack = Ack {
            run_id: report.run_id.clone(),
            attempt: report.attempt,
            sequence: report.sequence,
            settled: true,
        };
        self.send(ToAgent::Acks(Acks { acks: vec![ack] })).await;
    }

    pub async fn recv(&mut self) -> FromAgent {
        let message = flow_common::clock::timeout(PATIENCE, self.messages.message())
            .await
            .expect("the agent sends a message in time");
        let body = message.expect("the session is open").and_then(|m| m.body).expect("a message");
        self.received.push(body.clone());
        body
    }

    pub async fn until(&mut self, wanted: impl Fn(&FromAgent) -> bool) -> FromAgent {
        loop {
            let body = self.recv().await;
            if wanted(&body) {
                return body;
            }
        }
    }

    pub async fn hello(&mut self) -> Hello {
        match self.recv().await {
            FromAgent::Hello(hello) => hello,
            other => panic!("the first message must be Hello, not {other:?}"),
        }
    }

    /// Waits for a report of `run` in `phase`, alone or in the agent's snapshot.
    pub async fn report(&mut self, run: &RunId, phase: MemberPhase) -> MemberReport {
        let is = |r: &MemberReport| r.run_id == run.as_str() && r.phase == phase.as_str();
        let body = self
            .until(|body| match body {
                FromAgent::Report(report) => is(report),
                FromAgent::Members(set) => set.members.iter().any(is),
                _ => false,
            })
            .await;
        match body {
            FromAgent::Report(report) => report,
            FromAgent::Members(set) => set.members.into_iter().find(is).expect("just seen"),
            _ => unreachable!("only reports were waited for"),
        }
    }

    /// The members of the agent's snapshot.
    pub fn members(&self) -> Vec<&MemberReport> {
        self.received
            .iter()
            .flat_map(|body| match body {
                FromAgent::Members(set) => set.members.iter().collect(),
                _ => Vec::new(),
            })
            .collect()
    }
}

/// The spec of `party` in a task of `a` (aggregator) and `b` (trainer), generic framework.
pub fn sealed(party: &str) -> SealedSpec {
    let template = TemplateBody {
        framework: Framework::Generic,
        image: IMAGE.to_owned(),
        command: vec!["bin/work".to_owned()],
        aggregator_command: Vec::new(),
        workdir: String::new(),
        env: BTreeMap::new(),
        parameters: BTreeMap::new(),
        resources: Resources { cpu_millis: 500, memory_mib: 64 },
        max_runtime_s: 600,
        stop_grace_s: 5,
        requires_aggregator: false,
        requires_dataset: std::collections::BTreeSet::new(),
    };
    let member =
        |party: &str, role| TaskMember { party: party.parse().unwrap(), role, dataset: None };
    let template_id: TemplateId = "0".repeat(32).parse().unwrap();
    let task = TaskBody {
        name: "demo".to_owned(),
        remark: String::new(),
        template: template_id,
        revision: 1,
        epochs: 3,
        parameters: BTreeMap::new(),
        members: vec![member("a", Role::Aggregator), member("b", Role::Trainer)],
        rules: Rules::default(),
        labels: BTreeMap::new(),
    };
    let party: PartyId = party.parse().unwrap();
    seal_all(&task, &template).unwrap().remove(&party).unwrap()
}

pub fn run_id(n: u8) -> RunId {
    format!("{n:032x}").parse().unwrap()
}

pub fn task_id(n: u8) -> TaskId {
    format!("{n:032x}").parse().unwrap()
}

pub fn key(run: &RunId, attempt: u32) -> WorkKey {
    WorkKey { run: run.clone(), attempt }
}

/// The desired member of run `n` of task `n` at party `a`.
pub fn desired_member(
    n: u8,
    attempt: u32,
    generation: u64,
    desired: DesiredPhase,
) -> DesiredMember {
    let spec = sealed("a");
    let bindings = bindings::compose(&spec.spec.holes, &run_id(n), 1, 1, &|_, _| None).unwrap();
    DesiredMember {
        run_id: run_id(n).to_string(),
        task_id: task_id(n).to_string(),
        attempt,
        generation,
        desired: desired.to_string(),
        spec_digest: spec.digest.to_string(),
        spec: if desired == DesiredPhase::Stopped { Vec::new() } else { spec.bytes },
        bindings: if desired == DesiredPhase::Running {
            bindings.into_iter().collect()
        } else {
            Default::default()
        },
        ..DesiredMember::default()
    }
}

/// An agent of party `a` with a fake runtime and a clock that only the test advances.
pub struct TestAgent {
    pub dir: tempfile::TempDir,
    pub runtime: FakeRuntime,
    pub clock: MockClock,
    pub policies: watch::Sender<Arc<PartyPolicy>>,
    pub logs: LogPolicy,
    /// Sends status requests as the health listener does.
    pub status_requests: mpsc::Sender<StatusRequest>,
    /// The runtime in place of the fake one.
    pub processes: Option<Arc<dyn Runtime>>,
    /// Listener of the REST API for the next start.
    pub rest: Option<flow_federate::rest::Bound>,
    running: Option<(CancellationToken, JoinHandle<Result<(), AgentError>>)>,
}

/// Returns true if this process has the file open.
fn is_open(path: &std::path::Path) -> bool {
    let files = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    files
        .map(|file| std::fs::read_link(file.path()))
        .any(|target| target.is_ok_and(|it| it == path))
}

impl TestAgent {
    pub fn new(mode: Mode) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = MockClock::default();
        let image = Image {
            source: ImageSource::Root(dir.path().to_owned()),
            allow: Allow::Yes,
            env: BTreeSet::new(),
        };
        let policy = PartyPolicy {
            images: BTreeMap::from([(IMAGE.to_owned(), image)]),
            ..PartyPolicy::default()
        };
        Self {
            dir,
            runtime: FakeRuntime::new(mode, Arc::new(clock.clone())),
            clock,
            policies: watch::Sender::new(Arc::new(policy)),
            logs: LogPolicy::default(),
            status_requests: mpsc::channel(1).0,
            processes: None,
            rest: None,
            running: None,
        }
    }

    pub fn change_offer(&self, change: impl FnOnce(&mut PartyPolicy)) {
        let mut policy = PartyPolicy::clone(&self.policies.borrow());
        change(&mut policy);
        self.policies.send_replace(Arc::new(policy));
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn start(&mut self, connector: Connector) {
        assert!(self.running.is_none(), "one agent at a time");
        let stop = CancellationToken::new();
        let (asked, status_requests) = mpsc::channel(1);
        self.status_requests = asked;
        let config = AgentConfig {
            party: "a".parse().unwrap(),
            data_dir: self.data_dir(),
            secret: SecretSource::Embedded,
            hold_max_s: 600,
            policy: self.policies.subscribe(),
            logs: self.logs,
            status_requests,
            reload: None,
            rest: self.rest.take(),
            metrics: Default::default(),
        };
        let runtime = match &self.processes {
            Some(processes) => Arc::clone(processes),
            None => Arc::new(self.runtime.clone()),
        };
        let agent =
            agent::run(config, connector, runtime, Arc::new(self.clock.clone()), stop.clone());
        let agent = async {
            let ended = agent.await;
            if let Err(error) = &ended {
                eprintln!("the agent ended: {error}");
            }
            ended
        };
        self.running = Some((stop, tokio::spawn(agent)));
    }

    /// Aborts the agent between two instructions: it flushes and sends nothing.
    pub async fn kill(&mut self) {
        let (_, task) = self.running.take().expect("it runs");
        task.abort();
        assert!(task.await.is_err_and(|e| e.is_cancelled()), "it was still running");
        // A killed process has no thread left; that of the journal still ends its statement.
        let journal = self.data_dir().join("journal.db");
        self.wait_for("the end of the journal's thread", || !is_open(&journal)).await;
    }

    pub async fn stop(&mut self) {
        let (stop, task) = self.running.take().expect("it runs");
        stop.cancel();
        task.await.expect("it does not panic").expect("it ends in order");
    }

    pub async fn lose_journal(&mut self) {
        std::fs::remove_dir_all(self.data_dir()).unwrap();
    }

    pub async fn wait_for(&self, what: &str, condition: impl Fn() -> bool) {
        flow_testkit::wait_for(what, PATIENCE, async || condition()).await;
    }

    /// Advances the clock in steps of `step_s` until `future` is ready: the backoff uses this
    /// clock.
    pub async fn pass_time_until<T>(&self, step_s: u64, future: impl Future<Output = T>) -> T {
        tokio::pin!(future);
        loop {
            tokio::select! {
                done = &mut future => return done,
                () = flow_common::clock::sleep(Duration::from_millis(20)) => self.clock.advance(step_s),
            }
        }
    }

    pub fn now(&self) -> flow_domain::time::Timestamp {
        self.clock.now()
    }
}
