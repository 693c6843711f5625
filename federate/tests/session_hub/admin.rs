//! The party's administrator at the control socket, with the commands of flow-federate as real
//! processes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use flow_domain::member::{DesiredPhase, MemberPhase};
use flow_domain::policy::Allow;
use flow_federate::runtime::fake::Mode;
use flow_federate::runtime::{ImageSource, WorkState};
use flow_proto::v1::DesiredMember;
use serde_json::Value;

use crate::fake_hub::{FakeHub, IMAGE, PATIENCE, TestAgent, desired_member, key, run_id, sealed};

/// Runs a command of the administrator. Returns its success and its output.
async fn admin(agent: &TestAgent, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flow-federate"));
    command.args(arguments).env_clear().stdin(std::process::Stdio::null());
    command.arg("--set").arg(format!("data_dir={}", agent.data_dir().display()));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// Runs a command that must succeed.
pub async fn succeeds(agent: &TestAgent, arguments: &[&str]) -> String {
    let (is_done, text) = admin(agent, arguments).await;
    assert!(is_done, "{arguments:?}: {text}");
    text
}

async fn fails(agent: &TestAgent, arguments: &[&str]) -> String {
    let (is_done, text) = admin(agent, arguments).await;
    assert!(!is_done, "{arguments:?}: {text}");
    text
}

/// Runs a command whose reader has gone. Returns its status and standard error.
async fn into_closed_pipe(agent: &TestAgent, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flow-federate"));
    command.args(arguments).env_clear().stdout(flow_testkit::closed_pipe());
    command.arg("--set").arg(format!("data_dir={}", agent.data_dir().display()));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn named(name: &str, desired: DesiredMember) -> DesiredMember {
    DesiredMember { task_name: name.to_owned(), run_number: 3, ..desired }
}

fn ask_first(agent: &TestAgent) {
    agent.change_offer(|offer| offer.images.get_mut(IMAGE).unwrap().allow = Allow::Ask);
}

#[tokio::test]
async fn u25_approval_is_for_one_digest_and_one_start_and_survives_kill() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    let digest = sealed("a").digest.to_string();
    ask_first(&agent);
    agent.start(hub.connector());
    let waiting = || named("digits", desired_member(1, 1, 2, DesiredPhase::Reserved));
    let mut session = hub.open(vec![waiting()]).await;
    let asks = session.report(&run, MemberPhase::WaitingApproval).await.reason.unwrap();
    assert_eq!(
        (asks.code.as_str(), asks.message),
        (
            "approval_required",
            format!("the administrator of a must approve the member: flow-federate approve {run}")
        )
    );
    let list = succeeds(&agent, &["list"]).await;
    assert!(list.contains("waiting_approval") && list.contains("digits"), "{list}");
    let shown = succeeds(&agent, &["show", "digits"]).await;
    for part in [
        format!("flow-federate approve {run} --digest {digest}"),
        format!("{IMAGE} = {}", agent.dir.path().display()),
        "bin/work".to_owned(),
        "digits, run 3".to_owned(),
    ] {
        assert!(shown.contains(&part), "{part} in\n{shown}");
    }
    let other = "0".repeat(64);
    let text = fails(&agent, &["approve", "digits", "--digest", &other]).await;
    assert!(text.contains("not the one that you approve"), "{text}");
    let text = fails(&agent, &["approve", "digits"]).await;
    assert!(text.contains("no terminal to ask on"), "{text}");
    assert_eq!(agent.runtime.state(&key(&run, 1)), WorkState::Absent);

    succeeds(&agent, &["approve", "digits", "--digest", &digest]).await;
    agent.kill().await;
    agent.start(hub.connector());
    let mut session = hub.open(vec![waiting()]).await;
    let is_held = || matches!(agent.runtime.state(&key(&run, 1)), WorkState::Held { .. });
    agent.wait_for("the hold", is_held).await;
    let text = succeeds(&agent, &["approve", run.as_str(), "--digest", &digest]).await;
    assert!(text.contains("is approved already"), "{text}");
    session.assign(desired_member(1, 1, 3, DesiredPhase::Running)).await;
    session.report(&run, MemberPhase::Starting).await;
    agent.wait_for("the start", || agent.runtime.starts().len() == 1).await;

    // The start has used the approval up: neither another attempt nor another run may use it.
    agent.runtime.set_state(&key(&run, 1), WorkState::Running);
    session.report(&run, MemberPhase::Running).await;
    session.assign(desired_member(1, 2, 4, DesiredPhase::Reserved)).await;
    session.report(&run, MemberPhase::WaitingApproval).await;
    session.assign(desired_member(2, 1, 2, DesiredPhase::Reserved)).await;
    session.report(&run_id(2), MemberPhase::WaitingApproval).await;
}

#[tokio::test]
async fn u25_approval_is_void_when_image_or_dataset_means_something_else() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    let digest = sealed("a").digest.to_string();
    ask_first(&agent);
    agent.start(hub.connector());
    let desired = || vec![desired_member(1, 1, 2, DesiredPhase::Admitted)];
    let mut session = hub.open(desired()).await;
    session.report(&run, MemberPhase::WaitingApproval).await;
    succeeds(&agent, &["approve", run.as_str(), "--digest", &digest]).await;
    session.report(&run, MemberPhase::Admitted).await;
    // The configuration changes while no agent runs.
    agent.kill().await;
    let other = tempfile::tempdir().unwrap();
    let root = other.path().to_owned();
    agent.change_offer(|offer| {
        offer.images.get_mut(IMAGE).unwrap().source = ImageSource::Root(root);
    });
    agent.start(hub.connector());
    let session = hub.open(desired()).await;
    assert_eq!(session.members()[0].phase, "waiting_approval");
    session.assign(desired_member(1, 1, 3, DesiredPhase::Reserved)).await;
    let list = succeeds(&agent, &["list", "-o", "json"]).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(
        (list[0]["phase"].as_str(), list[0]["approved"].as_bool()),
        (Some("waiting_approval"), Some(false))
    );
    assert_eq!(agent.runtime.state(&key(&run, 1)), WorkState::Absent);
}

#[tokio::test]
async fn u25_denial_reaches_the_hub_and_is_final() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    ask_first(&agent);
    agent.start(hub.connector());
    let desired = || vec![desired_member(1, 1, 2, DesiredPhase::Reserved)];
    let mut session = hub.open(desired()).await;
    session.report(&run, MemberPhase::WaitingApproval).await;
    succeeds(&agent, &["deny", run.as_str(), "--reason", "not this month\u{1b}[2J"]).await;
    agent.kill().await;
    agent.start(hub.connector());
    let mut session = hub.open(desired()).await;
    let refused = session.members()[0].clone();
    assert_eq!(refused.phase, "refused");
    let reason = refused.reason.clone().unwrap();
    assert_eq!(
        (reason.code.as_str(), reason.message.as_str()),
        ("approval_denied", "denied by the administrator of a: not this month\\u{1b}[2J")
    );
    session.settle(&refused).await;
    // The hub names the member again, as if the denial had never been.
    session.assign(desired_member(1, 2, 9, DesiredPhase::Reserved)).await;
    session.report(&run, MemberPhase::Refused).await;
    let text = fails(&agent, &["deny", run.as_str()]).await;
    assert!(text.contains("waits for no approval"), "{text}");
}

#[tokio::test]
async fn u25_stop_at_the_party_survives_kill_and_cannot_be_undone() {
    let (mut hub, mut agent, run) = (FakeHub::new(), TestAgent::new(Mode::Scripted), run_id(1));
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(1, 1, 2, DesiredPhase::Reserved)]).await;
    session.report(&run, MemberPhase::Reserved).await;
    session.assign(desired_member(1, 1, 3, DesiredPhase::Running)).await;
    agent.wait_for("the start", || !agent.runtime.starts().is_empty()).await;
    agent.runtime.set_state(&key(&run, 1), WorkState::Running);
    session.report(&run, MemberPhase::Running).await;

    let text = succeeds(&agent, &["stop", &run.as_str()[..32]]).await;
    assert!(text.contains("the hub cannot start it again"), "{text}");
    agent.kill().await;
    agent.start(hub.connector());
    let mut session = hub.open(vec![desired_member(1, 2, 5, DesiredPhase::Running)]).await;
    agent.wait_for("the stop", || agent.runtime.stops().contains(&key(&run, 1))).await;
    agent.runtime.exit(&key(&run, 1), 143);
    let stopped = session.report(&run, MemberPhase::Stopped).await;
    let reason = stopped.reason.unwrap();
    assert_eq!(
        (reason.code.as_str(), reason.message.as_str()),
        ("stopped_by_party", "stopped by the administrator of a")
    );
    session.assign(desired_member(1, 3, 6, DesiredPhase::Reserved)).await;
    session.report(&run, MemberPhase::Stopped).await;
    assert_eq!(agent.runtime.starts().len(), 1);
    let text = succeeds(&agent, &["stop", run.as_str()]).await;
    assert!(text.contains("has ended already (stopped)"), "{text}");
    let text = succeeds(&agent, &["list", "--all"]).await;
    assert!(text.contains("  aggregator  ") && text.contains("stopped_by_party"), "{text}");
    assert_eq!(into_closed_pipe(&agent, &["show", run.as_str()]).await, (Some(141), String::new()));
}

#[tokio::test]
async fn u25_ambiguous_name_lists_candidates_and_texts_of_the_hub_are_escaped() {
    let (mut hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    agent.start(hub.connector());
    let hostile = "x\u{1b}[31m\u{202e}";
    let set = vec![
        named("digits", desired_member(1, 1, 2, DesiredPhase::Admitted)),
        named("digits", desired_member(2, 1, 2, DesiredPhase::Admitted)),
        named(hostile, desired_member(3, 1, 2, DesiredPhase::Admitted)),
    ];
    let mut session = hub.open(set).await;
    session.report(&run_id(3), MemberPhase::Admitted).await;
    let text = fails(&agent, &["stop", "digits"]).await;
    assert!(text.contains("2 members match \"digits\"") && text.contains("MEMBER"), "{text}");
    assert_eq!(text.matches("trainer").count() + text.matches("aggregator").count(), 2, "{text}");
    let text = fails(&agent, &["show", "nothing"]).await;
    assert!(text.contains("list --all"), "{text}");
    for arguments in [["list", "--all", "-o", "table"], ["list", "--all", "-o", "json"]] {
        let text = succeeds(&agent, &arguments).await;
        assert!(!text.contains(['\u{1b}', '\u{202e}']) && text.contains("u{1b}"), "{text}");
    }
    let text = fails(&agent, &["reload"]).await;
    assert!(text.contains("part of flow-server"), "{text}");
    agent.stop().await;
    let text = fails(&agent, &["list"]).await;
    let socket = agent.data_dir().join("control.sock");
    assert!(text.contains(&format!("no agent answers at {}", socket.display())), "{text}");
    assert!(text.contains("flow-federate run"), "{text}");
}

#[tokio::test]
async fn u25_control_socket_is_private_and_limits_its_clients() {
    let (hub, mut agent) = (FakeHub::new(), TestAgent::new(Mode::Scripted));
    agent.start(hub.connector());
    let socket = agent.data_dir().join("control.sock");
    agent.wait_for("the socket", || socket.exists()).await;
    succeeds(&agent, &["list"]).await;
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);

    let answer = |text: Vec<u8>| {
        let socket = socket.clone();
        tokio::task::spawn_blocking(move || {
            let mut stream = UnixStream::connect(socket).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            // The agent may close the connection before it has read everything.
            let _ = stream.write_all(&text);
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).unwrap();
            line
        })
    };
    for (text, part) in [
        (vec![b'x'; 1 << 20], "exceeds 16384 bytes"),
        (b"{\"version\":9,\"request\":\"fly\"}\n".to_vec(), "understands version 1"),
        (b"{\"version\":1,\"request\":\"fly\"}\n".to_vec(), "the request is invalid"),
        (b"{\"version\":1".to_vec(), "no complete request arrived within 2 s"),
    ] {
        let line = answer(text).await.unwrap();
        assert!(line.contains(part), "{part} in {line}");
    }
    // Clients that send nothing delay no other one, and one too many gets an answer.
    let mut idle: Vec<_> = (0..20).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    succeeds(&agent, &["list"]).await;
    idle.extend((0..40).map(|_| UnixStream::connect(&socket).unwrap()));
    let mut last = idle.last().unwrap().try_clone().unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    let text = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        last.read_to_string(&mut text).unwrap();
        text
    });
    assert!(text.await.unwrap().contains("32 requests are open"));
    drop(idle);
    flow_testkit::wait_for("free connections", PATIENCE, async || admin(&agent, &["list"]).await.0)
        .await;

    // Even with a socket that everyone can reach.
    if nix::unistd::geteuid().is_root() {
        let open = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        open(agent.dir.path(), 0o755);
        open(&agent.data_dir(), 0o755);
        open(&socket, 0o666);
        // Root enters the directory and only then becomes another user, who may not be able to
        // reach the directory by its path.
        let script = "import os, socket\nos.setgid(65534)\nos.setuid(65534)\ns = socket.socket(socket.AF_UNIX)\ns.connect('control.sock')\nprint(s.makefile().readline())";
        let mut python = Command::new("python3");
        python.args(["-c", script]).current_dir(agent.data_dir());
        let output = tokio::task::spawn_blocking(move || python.output()).await.unwrap().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("and root may control this agent"), "{text} {errors}");
    }
    agent.stop().await;
    assert!(!socket.exists());
}
