//! One agent's end of the protocol, message by message.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flow_proto::v1::agent_message::Body as ToHub;
use flow_proto::v1::control_client::ControlClient;
use flow_proto::v1::hub_message::Body as FromHub;
use flow_proto::v1::{Ack, AgentMessage, DesiredMember, Hello, HubMessage, MemberReport, Welcome};
use flow_server::listener::ListenerLimits;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, Streaming};

use crate::common::TestApp;

/// A hub's listener, and the secrets of parties.
pub struct AgentListener {
    pub address: SocketAddr,
    secrets: HashMap<String, String>,
}

/// The Hello of a new agent.
pub fn hello() -> Hello {
    Hello {
        protocol: 1,
        agent_version: "test".to_owned(),
        instance: flow_common::ids::instance_id().to_string(),
        ..Hello::default()
    }
}

/// A member of a run that the hub does not know.
pub fn orphan(phase: &str) -> MemberReport {
    MemberReport {
        run_id: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
        task_id: "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb".to_owned(),
        attempt: 3,
        sequence: 7,
        observed_generation: 5,
        phase: phase.to_owned(),
        ..MemberReport::default()
    }
}

impl AgentListener {
    /// Opens the hub's listener and creates the parties.
    pub async fn of(hub: &TestApp, parties: &[&str]) -> Self {
        Self::with(hub, parties, ListenerLimits::of(1000)).await
    }

    pub async fn with(hub: &TestApp, parties: &[&str], limits: ListenerLimits) -> Self {
        let mut secrets = HashMap::new();
        for party in parties {
            secrets.insert((*party).to_owned(), hub.party(party).await);
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        tokio::spawn(flow_server::grpc::serve(Arc::clone(&hub.app), listener, limits, None));
        Self { address, secrets }
    }

    pub fn secret(&self, party: &str) -> &str {
        &self.secrets[party]
    }

    /// A request with the party's credentials.
    pub fn request<T>(&self, party: &str, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("flow-party", party.parse().expect("visible ASCII"));
        let bearer = format!("Bearer {}", self.secret(party));
        request.metadata_mut().insert("authorization", bearer.parse().expect("visible ASCII"));
        request
    }

    /// Sends Hello without waiting for the answer.
    pub async fn dial(&self, party: &str, hello: Hello) -> Raw {
        let secret = self.secrets[party].clone();
        self.try_dial(party, Some(secret), hello).await.expect("the hub takes the call")
    }

    pub async fn try_dial(
        &self,
        party: &str,
        secret: Option<String>,
        hello: Hello,
    ) -> Result<Raw, Status> {
        let mut client = ControlClient::connect(format!("http://{}", self.address))
            .await
            .expect("the hub listens");
        let (out, messages) = mpsc::channel(16);
        let instance = hello.instance.clone();
        out.send(AgentMessage { body: Some(ToHub::Hello(hello)) })
            .await
            .expect("there is room for one");
        let mut request = Request::new(ReceiverStream::new(messages));
        request.metadata_mut().insert("flow-party", party.parse().expect("visible ASCII"));
        if let Some(secret) = secret {
            request.metadata_mut().insert(
                "authorization",
                format!("Bearer {secret}").parse().expect("visible ASCII"),
            );
        }
        let inbox = client.session(request).await?.into_inner();
        Ok(Raw {
            out,
            inbox,
            instance,
            welcome: Welcome::default(),
            set: Vec::new(),
            last: None,
            received: Vec::new(),
            sequence: 0,
        })
    }

    /// Opens a session of a new agent, and reads the hub's full set.
    pub async fn open(&self, party: &str) -> Raw {
        let mut raw = self.dial(party, hello()).await;
        raw.opened().await;
        raw
    }

    /// Opens a session of this agent, and reads the hub's full set.
    pub async fn open_as(&self, party: &str, instance: &str) -> Raw {
        let mut raw = self.dial(party, Hello { instance: instance.to_owned(), ..hello() }).await;
        raw.opened().await;
        raw
    }
}

#[derive(Debug)]
pub struct Raw {
    out: mpsc::Sender<AgentMessage>,
    inbox: Streaming<HubMessage>,
    pub instance: String,
    pub welcome: Welcome,
    /// The unread part of the hub's full set.
    pub set: Vec<DesiredMember>,
    /// The newest report.
    pub last: Option<MemberReport>,
    /// All messages of the hub, in order.
    pub received: Vec<HubMessage>,
    sequence: u64,
}

impl Raw {
    pub async fn send(&self, body: ToHub) {
        self.out.send(AgentMessage { body: Some(body) }).await.expect("the session is open");
    }

    pub async fn next(&mut self) -> FromHub {
        let message = flow_common::clock::timeout(Duration::from_secs(30), self.inbox.message())
            .await
            .expect("the hub sends a message in time");
        let message = message.expect("the session is whole").expect("the session goes on");
        self.received.push(message.clone());
        message.body.expect("a body")
    }

    /// Reads to the end of the hub's set.
    pub async fn opened(&mut self) {
        loop {
            match self.next().await {
                FromHub::Welcome(welcome) => self.welcome = welcome,
                FromHub::DesiredMembers(chunk) => self.set.extend(chunk.members),
                FromHub::SnapshotEnd(_) => return,
                FromHub::Refused(refused) => panic!("refused: {refused:?}"),
                _ => {}
            }
        }
    }

    /// Reads to a refusal, and returns its code.
    pub async fn refused(&mut self) -> String {
        loop {
            if let FromHub::Refused(refused) = self.next().await {
                assert!(refused.message.len() > 10, "{refused:?}");
                return refused.code;
            }
        }
    }

    /// Returns the next desired member with this phase.
    pub async fn next_desired(&mut self, desired: &str) -> DesiredMember {
        if let Some(index) = self.set.iter().position(|member| member.desired == desired) {
            return self.set.remove(index);
        }
        loop {
            if let FromHub::DesiredMember(member) = self.next().await
                && member.desired == desired
            {
                return member;
            }
        }
    }

    pub async fn report(&mut self, member: &DesiredMember, phase: &str) {
        self.sequence += 1;
        let report = MemberReport {
            run_id: member.run_id.clone(),
            task_id: member.task_id.clone(),
            attempt: member.attempt,
            sequence: self.sequence,
            observed_generation: member.generation,
            phase: phase.to_owned(),
            spec_digest: member.spec_digest.clone(),
            ..MemberReport::default()
        };
        self.last = Some(report.clone());
        self.send(ToHub::Report(report)).await;
        self.acked(self.sequence).await;
    }

    /// Reads to the acknowledgement of this report.
    pub async fn acked(&mut self, sequence: u64) -> Ack {
        loop {
            match self.next().await {
                FromHub::Acks(acks) => {
                    if let Some(ack) = acks.acks.into_iter().find(|ack| ack.sequence == sequence) {
                        return ack;
                    }
                }
                // Kept for later.
                FromHub::DesiredMember(member) => self.set.push(member),
                _ => {}
            }
        }
    }
}
