//! Fake agents: the real session code (authentication, full sets, backoff) with an immediate answer
//! to each desired member in place of a runtime.

use std::collections::BTreeSet;
use std::time::Instant;

use flow_common::clock::SystemClock;
use flow_common::ids;
use flow_common::secret_file::Secret;
use flow_domain::id::Digest;
use flow_federate::dial::Address;
use flow_federate::metrics::AgentMetrics;
use flow_federate::session::{self, Connector, Login, PROTOCOL, SecretSource, SessionEvent};
use flow_proto::v1::agent_message::Body as ToHub;
use flow_proto::v1::hub_message::Body as FromHub;
use flow_proto::v1::{
    AgentMessage, DesiredMember, Exit, Hello, Inventory, MemberReport, SnapshotBegin, SnapshotEnd,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// The inventory of every fake agent.
const INVENTORY: &str = r#"{"images":{},"runtime":"fake"}"#;

/// A party and the secret of its agent.
#[derive(Debug, Clone)]
pub struct Party {
    pub name: String,
    pub secret: String,
}

/// How an agent answers desired members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Reports only stopped members.
    Silent,
    /// Reports the desired phase at once.
    Instant,
}

/// An event at a fake agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEvent {
    /// The full set of the hub has arrived: the agent is connected and synchronised.
    Synchronised,
    /// A desired member has arrived.
    Desired { run: String, desired: String },
    /// The hub has stored the terminal report of a member.
    Settled { run: String },
    /// The session has ended.
    Lost,
}

/// An event and the time at which the agent observed it.
#[derive(Debug)]
pub struct Observation {
    pub at: Instant,
    pub event: AgentEvent,
}

/// Agents that are connected or reconnecting. Dropping the fleet ends them.
pub struct Fleet {
    observations: mpsc::UnboundedReceiver<Observation>,
    _agents: JoinSet<()>,
}

impl Fleet {
    /// Starts an agent for each party.
    pub fn start(grpc: u16, parties: &[Party], behaviour: Behaviour) -> Self {
        let (events, observations) = mpsc::unbounded_channel();
        let mut agents = JoinSet::new();
        for party in parties {
            agents.spawn(Agent::run(grpc, party.clone(), behaviour, events.clone()));
        }
        Self { observations, _agents: agents }
    }

    /// The next event of any agent.
    pub async fn next(&mut self) -> Observation {
        self.observations.recv().await.expect("agents live as long as the fleet")
    }

    /// Waits for `count` matching events and returns the time of the last one.
    pub async fn all(&mut self, count: usize, wanted: impl Fn(&AgentEvent) -> bool) -> Instant {
        let mut last = Instant::now();
        let mut missing = count;
        while missing > 0 {
            let observation = self.next().await;
            if wanted(&observation.event) {
                last = observation.at;
                missing -= 1;
            }
        }
        last
    }
}

struct Agent {
    behaviour: Behaviour,
    sequence: u64,
    /// Runs whose end was reported.
    ended: BTreeSet<String>,
    out: Option<mpsc::Sender<AgentMessage>>,
    observer: mpsc::UnboundedSender<Observation>,
}

impl Agent {
    async fn run(
        grpc: u16,
        party: Party,
        behaviour: Behaviour,
        observer: mpsc::UnboundedSender<Observation>,
    ) {
        let hello = Hello {
            protocol: PROTOCOL,
            agent_version: "bench".to_owned(),
            instance: ids::instance_id().to_string(),
            inventory_digest: Digest::of(INVENTORY.as_bytes()).to_string(),
            ..Hello::default()
        };
        let (_hello_sender, hello) = watch::channel(hello);
        let (events, mut received) = mpsc::channel(256);
        let connector = Connector::Network(Address::Plain(
            format!("http://127.0.0.1:{grpc}").parse().expect("an address"),
        ));
        let name = party.name.parse().expect("the hub has accepted the name");
        let login = Login { party: name, secret: SecretSource::Fixed(Secret::new(party.secret)) };
        let session = session::run(
            connector,
            login,
            hello,
            SystemClock::shared(),
            AgentMetrics::default(),
            events,
        );
        let mut agent =
            Self { behaviour, sequence: 0, ended: BTreeSet::new(), out: None, observer };
        let handle = async {
            while let Some(event) = received.recv().await {
                agent.handle(event).await;
            }
        };
        tokio::join!(session, handle);
    }

    async fn handle(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Opened { welcome, out, hub: _ } => {
                self.out = Some(out);
                let epoch = welcome.epoch;
                self.send(ToHub::SnapshotBegin(SnapshotBegin {
                    epoch,
                    ..SnapshotBegin::default()
                }))
                .await;
                self.send(ToHub::SnapshotEnd(SnapshotEnd { epoch })).await;
                if welcome.want_inventory {
                    let digest = Digest::of(INVENTORY.as_bytes()).to_string();
                    self.send(ToHub::Inventory(Inventory { digest, json: INVENTORY.into() })).await;
                }
            }
            SessionEvent::Closed => {
                self.out = None;
                self.observe(AgentEvent::Lost);
            }
            SessionEvent::Message(FromHub::SnapshotEnd(_)) => {
                self.observe(AgentEvent::Synchronised)
            }
            SessionEvent::Message(FromHub::DesiredMember(member)) => self.apply(member).await,
            SessionEvent::Message(FromHub::DesiredMembers(chunk)) => {
                for member in chunk.members {
                    self.apply(member).await;
                }
            }
            SessionEvent::Message(FromHub::Acks(acks)) => {
                for ack in acks.acks.into_iter().filter(|ack| ack.settled) {
                    self.ended.remove(&ack.run_id);
                    self.observe(AgentEvent::Settled { run: ack.run_id });
                }
            }
            SessionEvent::Message(_) => {}
        }
    }

    fn observe(&self, event: AgentEvent) {
        // The receiver may already be gone.
        let _ = self.observer.send(Observation { at: Instant::now(), event });
    }

    async fn send(&mut self, body: ToHub) {
        if let Some(out) = &self.out {
            // A send fails if the session has just ended; `Closed` follows.
            let _ = out.send(AgentMessage { body: Some(body) }).await;
        }
    }

    async fn apply(&mut self, member: DesiredMember) {
        self.observe(AgentEvent::Desired {
            run: member.run_id.clone(),
            desired: member.desired.clone(),
        });
        let phases: &[&str] = match (member.desired.as_str(), self.behaviour) {
            ("stopped", _) => &["stopped"],
            (_, Behaviour::Silent) => &[],
            ("reserved", Behaviour::Instant) => &["reserved"],
            ("running", Behaviour::Instant) => &["running", "succeeded"],
            (_, Behaviour::Instant) => &["admitted"],
        };
        for phase in phases {
            self.report(&member, phase).await;
        }
    }

    async fn report(&mut self, member: &DesiredMember, phase: &str) {
        if self.ended.contains(&member.run_id) {
            return;
        }
        if matches!(phase, "succeeded" | "stopped") {
            self.ended.insert(member.run_id.clone());
        }
        self.sequence += 1;
        let report = MemberReport {
            run_id: member.run_id.clone(),
            task_id: member.task_id.clone(),
            attempt: member.attempt,
            sequence: self.sequence,
            observed_generation: member.generation,
            phase: phase.to_owned(),
            exit: (phase == "succeeded").then(|| Exit { code: Some(0), ..Exit::default() }),
            spec_digest: member.spec_digest.clone(),
            ..MemberReport::default()
        };
        self.send(ToHub::Report(report)).await;
    }
}
