//! Recorded sessions: the messages of agents of each version are replayed byte for byte to this
//! hub, and this hub's messages are recorded for the agents of other versions
//! (`federate/tests/session_hub/recorded.rs` replays them, and records the agents' side).
//!
//! `proto/sessions` has a folder for each supported version. It is written only when that version's
//! own programs send different messages, and deleted when the version is no longer supported.

use std::path::{Path, PathBuf};

use flow_proto::v1::agent_message::Body as ToHub;
use flow_proto::v1::hub_message::Body as FromHub;
use flow_proto::v1::{AgentMessage, DesiredMember, Exit, HubMessage};
use http::StatusCode;
use prost::Message;
use serde_json::json;

use crate::common::TestApp;
use crate::raw::{AgentListener, Raw};
use crate::{start, until};

fn sessions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/sessions")
}

/// Messages in a file, each after its length.
fn read<M: Message + Default>(path: &Path) -> Vec<M> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut rest = &bytes[..];
    std::iter::from_fn(|| {
        (!rest.is_empty()).then(|| M::decode_length_delimited(&mut rest).expect("a whole message"))
    })
    .collect()
}

/// Creates and starts a task of party `a` alone; returns the run's path.
async fn alone(hub: &TestApp) -> String {
    let template = json!({ "name": "demo", "framework": "generic", "image": "demo:1", "command": ["bin/work"] });
    let template =
        hub.post("/api/v2/templates").json(&template).await.expect(StatusCode::CREATED).json();
    let members = json!([{ "party": "a", "role": "trainer" }]);
    let body = json!({ "name": "alone", "template": template["id"], "revision": 1, "epochs": 1, "members": members });
    start(hub, &body).await.1
}

#[tokio::test]
async fn agent_of_every_version_runs_from_hello_to_settled() {
    let mut versions = 0;
    for version in sessions().read_dir().expect("there are recorded sessions") {
        let version = version.expect("a folder").path();
        versions += 1;
        let hub = TestApp::start().await;
        let listener = AgentListener::of(&hub, &["a"]).await;
        let path = alone(&hub).await;
        let mut recorded = read::<AgentMessage>(&version.join("agent.bin")).into_iter();
        let Some(ToHub::Hello(hello)) = recorded.next().and_then(|message| message.body) else {
            panic!("no Hello: {}", version.display())
        };
        let spoken = hello.protocol;
        let mut agent = listener.dial("a", hello).await;
        agent.opened().await;
        assert_eq!(agent.welcome.protocol, spoken);
        let mut desired: Option<DesiredMember> = None;
        for message in recorded {
            let mut body = message.body.expect("nothing a later hub does not know was recorded");
            match &mut body {
                ToHub::Report(report) => {
                    let due =
                        if ["starting", "running", "succeeded"].contains(&report.phase.as_str()) {
                            "running"
                        } else {
                            "reserved"
                        };
                    if desired.as_ref().is_none_or(|desired| desired.desired != due) {
                        desired = Some(agent.next_desired(due).await);
                    }
                    // The recorded run had another id.
                    let DesiredMember { run_id, task_id, generation, spec_digest, .. } =
                        desired.clone().expect("just made");
                    (report.run_id, report.task_id) = (run_id, task_id);
                    (report.observed_generation, report.spec_digest) = (generation, spec_digest);
                }
                ToHub::Progress(batch) => {
                    let run = &desired.as_ref().expect("it ran").run_id;
                    batch.members.iter_mut().for_each(|member| member.run_id.clone_from(run));
                }
                _ => {}
            }
            let sequence =
                if let ToHub::Report(report) = &body { Some(report.sequence) } else { None };
            agent.send(body).await;
            if let Some(sequence) = sequence {
                agent.acked(sequence).await;
            }
        }
        let run = until(&hub, &path, "the run to succeed", |run| {
            run["phase"] == "succeeded" && run["members"][0]["settled"] == true
        })
        .await;
        assert_eq!(run["attempt"], 1, "{run}");
        let party = hub.get("/api/v2/parties/a").await.expect(StatusCode::OK).json();
        assert!(party["inventory"]["images"].is_object(), "{party}");
        assert_eq!(run["members"][0]["progress"]["metrics"]["loss"], 0.5, "{run}");
    }
    assert!(versions > 0);
}

/// Returns the messages that every session of this kind contains.
fn summary(messages: &[HubMessage]) -> Vec<String> {
    let word = |message: &HubMessage| match message.body.as_ref()? {
        FromHub::Welcome(welcome) => Some(format!("welcome {}", welcome.protocol)),
        FromHub::SnapshotEnd(_) => Some("set".to_owned()),
        FromHub::DesiredMember(member) => Some(member.desired.clone()),
        FromHub::Acks(acks) if acks.acks.iter().any(|ack| ack.settled) => {
            Some("settled".to_owned())
        }
        _ => None,
    };
    messages.iter().filter_map(word).collect()
}

async fn succeed(agent: &mut Raw, run: &DesiredMember) {
    let mut last = agent.last.clone().expect("it ran");
    last.sequence += 1;
    last.phase = "succeeded".to_owned();
    last.exit = Some(Exit {
        code: Some(0),
        signal: None,
        reason: None,
        last_lines: Vec::new(),
        started_at: 1_000_000,
        finished_at: 2_000_000,
    });
    assert_eq!(last.run_id, run.run_id);
    let sequence = last.sequence;
    agent.send(ToHub::Report(last)).await;
    assert!(agent.acked(sequence).await.settled);
}

#[tokio::test]
async fn hub_messages_of_a_run_are_recorded_for_agents_of_other_versions() {
    let hub = TestApp::start().await;
    let listener = AgentListener::of(&hub, &["a"]).await;
    let mut agent = listener.open("a").await;
    alone(&hub).await;
    let reserve = agent.next_desired("reserved").await;
    agent.report(&reserve, "reserved").await;
    let run = agent.next_desired("running").await;
    agent.report(&run, "running").await;
    succeed(&mut agent, &run).await;
    let path = sessions().join(format!("v{}", agent.welcome.protocol)).join("hub.bin");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder"))
            .expect("the repository is writable");
        std::fs::write(
            &path,
            agent
                .received
                .iter()
                .flat_map(Message::encode_length_delimited_to_vec)
                .collect::<Vec<u8>>(),
        )
        .expect("the repository is writable");
    }
    let advice = "the recorded session is out of date: run `UPDATE=1 cargo test -p flow-server --test sessions recorded`";
    assert_eq!(summary(&read(&path)), summary(&agent.received), "{advice}");
}
