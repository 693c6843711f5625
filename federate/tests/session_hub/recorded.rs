//! Recorded sessions: the messages of hubs of each version are replayed byte for byte to this
//! agent, and this agent's messages are recorded for the hubs of other versions.
//! `server/tests/sessions/recorded.rs` is the hub's counterpart and describes when a recording is
//! written.

use std::path::{Path, PathBuf};

use flow_domain::id::RunId;
use flow_domain::member::{DesiredPhase, MemberPhase};
use flow_domain::progress::{Point, Progress};
use flow_federate::runtime::WorkState;
use flow_federate::runtime::fake::Mode;
use flow_federate::session::PROTOCOL;
use flow_proto::v1::agent_message::Body as FromAgent;
use flow_proto::v1::hub_message::Body as ToAgent;
use flow_proto::v1::{AgentMessage, HubMessage};
use prost::Message;

use crate::fake_hub::{FakeHub, Session, TestAgent, desired_member, key, run_id};

fn sessions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/sessions")
}

/// Reads the messages of a file; the length of each precedes it.
fn read<M: Message + Default>(path: &Path) -> Vec<M> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut rest = &bytes[..];
    std::iter::from_fn(|| {
        (!rest.is_empty()).then(|| M::decode_length_delimited(&mut rest).expect("a whole message"))
    })
    .collect()
}

/// The workload starts, reports progress and succeeds. Returns the terminal report.
async fn work(
    session: &mut Session,
    agent: &TestAgent,
    run: &RunId,
) -> flow_proto::v1::MemberReport {
    agent.wait_for("the launch", || !agent.runtime.starts().is_empty()).await;
    agent.runtime.set_state(&key(run, 1), WorkState::Running);
    session.report(run, MemberPhase::Running).await;
    let (series, value) = ("loss".to_owned(), "0.5".to_owned());
    let metrics = [(series.clone(), value.clone())].into();
    let points = vec![Point { series, step: 1, value }];
    agent.runtime.progress(
        &key(run, 1),
        Progress { epoch: Some(1), metrics, points, ..Progress::default() },
    );
    session.until(|body| matches!(body, FromAgent::Progress(_))).await;
    agent.runtime.exit(&key(run, 1), 0);
    session.report(run, MemberPhase::Succeeded).await
}

#[tokio::test]
async fn recorded_session_of_every_hub_version_is_followed() {
    let mut versions = 0;
    for version in sessions().read_dir().expect("there are recorded sessions") {
        let version = version.expect("a folder").path();
        versions += 1;
        let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
        agent.start(hub.connector());
        let mut session = hub.accept().await;
        session.hello().await;
        let mut done = None;
        for message in read::<HubMessage>(&version.join("hub.bin")) {
            let body = message.body.expect("every recorded message is known to this agent");
            let target = if let ToAgent::DesiredMember(member) = &body {
                Some((member.run_id.clone(), member.desired.clone()))
            } else {
                None
            };
            session.send(body).await;
            let Some((run, desired)) = target else { continue };
            let run: RunId = run.parse().unwrap();
            if desired == DesiredPhase::Reserved.as_str() {
                session.report(&run, MemberPhase::Reserved).await;
            } else {
                work(&mut session, &agent, &run).await;
                done = Some(run);
            }
        }
        let run = done.unwrap_or_else(|| panic!("{}: no run ended", version.display()));
        agent
            .wait_for("the runtime to forget the workload", || {
                agent.runtime.is_forgotten(&key(&run, 1))
            })
            .await;
        assert_eq!(agent.runtime.starts().len(), 1);
    }
    assert!(versions > 0);
}

/// The messages that every such session contains, without those that vary.
fn gist(messages: &[AgentMessage]) -> Vec<String> {
    let word = |message: &AgentMessage| match message.body.as_ref()? {
        FromAgent::Hello(hello) => Some(format!("hello {}", hello.protocol)),
        FromAgent::SnapshotEnd(_) => Some("set".to_owned()),
        FromAgent::Inventory(_) => Some("inventory".to_owned()),
        FromAgent::Progress(_) => Some("progress".to_owned()),
        FromAgent::Report(report)
            if ["reserved", "running", "succeeded"].contains(&report.phase.as_str()) =>
        {
            Some(report.phase.clone())
        }
        _ => None,
    };
    messages.iter().filter_map(word).collect()
}

#[tokio::test]
async fn agent_messages_of_a_run_are_recorded_for_hubs_of_other_versions() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.start(hub.connector());
    let mut session = hub.accept().await;
    session.hello().await;
    session.welcome(1, true).await;
    session.set(Vec::new()).await;
    session.until(|body| matches!(body, FromAgent::Inventory(_))).await;
    session.assign(desired_member(1, 1, 2, DesiredPhase::Reserved)).await;
    session.report(&run, MemberPhase::Reserved).await;
    session.assign(desired_member(1, 1, 3, DesiredPhase::Running)).await;
    let done = work(&mut session, &agent, &run).await;
    session.settle(&done).await;
    agent
        .wait_for("the runtime to forget the workload", || {
            agent.runtime.is_forgotten(&key(&run, 1))
        })
        .await;

    let sent: Vec<AgentMessage> =
        session.received.drain(..).map(|body| AgentMessage { body: Some(body) }).collect();
    let path = sessions().join(format!("v{PROTOCOL}")).join("agent.bin");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(
            &path,
            sent.iter().flat_map(Message::encode_length_delimited_to_vec).collect::<Vec<u8>>(),
        )
        .unwrap();
    }
    let advice = "the recorded session is out of date: run `UPDATE=1 cargo test -p flow-federate --test session_hub recorded`";
    assert_eq!(gist(&read(&path)), gist(&sent), "{advice}");
}
