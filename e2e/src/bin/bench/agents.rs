//! Fake agents: the session of a real one with everything it does on the wire (authentication, full sets, back-off),
//! and behind it nothing but an answer to each desired member.

use std::collections::BTreeSet;
use std::time::Instant;

use flow_common::clock::SystemClock;
use flow_common::ids;
use flow_common::secret_file::Secret;
use flow_domain::id::Digest;
use flow_federate::dial::Address;
use flow_federate::session::{self, Connector, Login, PROTOCOL, SecretSource, SessionEvent};
use flow_proto::v1::agent_message::Body as ToHub;
use flow_proto::v1::hub_message::Body as FromHub;
use flow_proto::v1::{
    AgentMessage, DesiredMember, Exit, Hello, Inventory, MemberReport, SnapshotBegin, SnapshotEnd,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// What all of them offer.
const INVENTORY: &str = r#"{"images":{},"runtime":"fake"}"#;

/// A party with the secret its agent proves itself with.
#[derive(Debug, Clone)]
pub struct Party {
    pub name: String,
    pub secret: String,
}

/// How an agent answers desired members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// Not at all, but that it stops when told to.
    Silent,
    /// It has done at once what it is told to do.
    Instant,
}

/// What an agent has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The end of the hub's full set: it is there, and knows all it needs to know.
    Set,
    /// What it shall be in a run.
    Wish { run: String, desired: String },
    /// The hub has stored the end of its part in a run.
    Settled { run: String },
    /// The session is gone.
    Lost,
}

/// What was seen, and when.
#[derive(Debug)]
pub struct Sight {
    pub at: Instant,
    pub seen: Seen,
}

/// Agents that are connected, or trying to. They go when it is dropped.
pub struct Fleet {
    sights: mpsc::UnboundedReceiver<Sight>,
    _agents: JoinSet<()>,
}

impl Fleet {
    /// Starts an agent for each party.
    pub fn start(grpc: u16, parties: &[Party], conduct: Conduct) -> Self {
        let (seen, sights) = mpsc::unbounded_channel();
        let mut agents = JoinSet::new();
        for party in parties {
            agents.spawn(Agent::run(grpc, party.clone(), conduct, seen.clone()));
        }
        Self { sights, _agents: agents }
    }

    /// The next sight of any of them.
    pub async fn next(&mut self) -> Sight {
        self.sights.recv().await.expect("agents live as long as the fleet")
    }

    /// Waits until so many have seen this, and answers when the last of them did.
    pub async fn all(&mut self, count: usize, wanted: impl Fn(&Seen) -> bool) -> Instant {
        let mut last = Instant::now();
        let mut missing = count;
        while missing > 0 {
            let sight = self.next().await;
            if wanted(&sight.seen) {
                last = sight.at;
                missing -= 1;
            }
        }
        last
    }
}

struct Agent {
    conduct: Conduct,
    sequence: u64,
    /// Runs whose end was reported.
    ended: BTreeSet<String>,
    out: Option<mpsc::Sender<AgentMessage>>,
    seen: mpsc::UnboundedSender<Sight>,
}

impl Agent {
    async fn run(grpc: u16, party: Party, conduct: Conduct, seen: mpsc::UnboundedSender<Sight>) {
        let hello = Hello {
            protocol: PROTOCOL,
            agent_version: "bench".to_owned(),
            instance: ids::instance_id().to_string(),
            inventory_digest: Digest::of(INVENTORY.as_bytes()).to_string(),
            ..Hello::default()
        };
        let (_hello, says) = watch::channel(hello);
        let (events, mut heard) = mpsc::channel(256);
        let connector = Connector::Network(Address::Plain(
            format!("http://127.0.0.1:{grpc}").parse().expect("an address"),
        ));
        let name = party.name.parse().expect("the hub has taken the name");
        let login = Login { party: name, secret: SecretSource::Fixed(Secret::new(party.secret)) };
        let session = session::run(connector, login, says, SystemClock::shared(), events);
        let mut agent = Self { conduct, sequence: 0, ended: BTreeSet::new(), out: None, seen };
        let listen = async {
            while let Some(event) = heard.recv().await {
                agent.hear(event).await;
            }
        };
        tokio::join!(session, listen);
    }

    async fn hear(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Opened { welcome, out, hub: _ } => {
                self.out = Some(out);
                let epoch = welcome.epoch;
                self.say(ToHub::SnapshotBegin(SnapshotBegin { epoch, ..SnapshotBegin::default() }))
                    .await;
                self.say(ToHub::SnapshotEnd(SnapshotEnd { epoch })).await;
                if welcome.want_inventory {
                    let digest = Digest::of(INVENTORY.as_bytes()).to_string();
                    self.say(ToHub::Inventory(Inventory { digest, json: INVENTORY.into() })).await;
                }
            }
            SessionEvent::Closed => {
                self.out = None;
                self.saw(Seen::Lost);
            }
            SessionEvent::Message(FromHub::SnapshotEnd(_)) => self.saw(Seen::Set),
            SessionEvent::Message(FromHub::DesiredMember(assignment)) => {
                self.obey(assignment).await
            }
            SessionEvent::Message(FromHub::DesiredMembers(chunk)) => {
                for assignment in chunk.members {
                    self.obey(assignment).await;
                }
            }
            SessionEvent::Message(FromHub::Acks(acks)) => {
                for ack in acks.acks.into_iter().filter(|ack| ack.settled) {
                    self.ended.remove(&ack.run_id);
                    self.saw(Seen::Settled { run: ack.run_id });
                }
            }
            SessionEvent::Message(_) => {}
        }
    }

    fn saw(&self, seen: Seen) {
        // Nobody may be looking any more.
        let _ = self.seen.send(Sight { at: Instant::now(), seen });
    }

    async fn say(&mut self, body: ToHub) {
        if let Some(out) = &self.out {
            // A session that has just gone is told of by itself.
            let _ = out.send(AgentMessage { body: Some(body) }).await;
        }
    }

    async fn obey(&mut self, member: DesiredMember) {
        self.saw(Seen::Wish { run: member.run_id.clone(), desired: member.desired.clone() });
        let phases: &[&str] = match (member.desired.as_str(), self.conduct) {
            ("stopped", _) => &["stopped"],
            (_, Conduct::Silent) => &[],
            ("reserved", Conduct::Instant) => &["reserved"],
            ("running", Conduct::Instant) => &["running", "succeeded"],
            (_, Conduct::Instant) => &["admitted"],
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
        self.say(ToHub::Report(report)).await;
    }
}
