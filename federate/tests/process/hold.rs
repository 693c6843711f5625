//! A hold is a sidecar without a workload: it keeps its ports and expires if no agent returns.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::support::{LONG, Place};
use flow_domain::member::ReasonCode;
use flow_federate::runtime::{Runtime as _, RuntimeError, WorkState};
use flow_testkit::wait_for;

#[tokio::test]
async fn ports_stay_held_until_the_end_and_the_workload_can_listen_on_them() {
    let mut place = Place::new();
    let other = Place::new();
    let agent = place.agent();
    let port = agent.runtime.hold(place.hold(&["http"])).await.expect("held").ports["http"];
    // Only that number to choose from, for another sidecar: it must not get it.
    let mut elsewhere = other.config.clone();
    elsewhere.port_range = Some((port, port));
    let rival = flow_federate::runtime::process::ProcessRuntime::new(elsewhere).expect("a runtime");
    let refused = rival.hold(other.hold(&["http"])).await;
    assert!(
        matches!(&refused, Err(RuntimeError::Refused(reason)) if reason.code == ReasonCode::ResourcesExhausted),
        "{refused:?}"
    );
    drop(agent);
    place.config.hold_max_s = 600;
    let mut agent = place.agent();
    // Python's server binds as the framework's status page does.
    let script = format!("exec python3 -m http.server --bind 127.0.0.1 {port}");
    let mut launch = place.launch(&script);
    launch.env.insert("PATH".to_owned(), std::env::var("PATH").expect("a PATH"));
    agent.runtime.ensure(launch).await.expect("started");
    wait_for("the workload to listen", LONG, async || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    })
    .await;
    let refused = rival.hold(other.hold(&["http"])).await;
    assert!(refused.is_err(), "held while it runs");
    agent.runtime.stop(place.key.clone(), 5).await.expect("placed");
    agent.exit().await;
    wait_for("the port to be free", LONG, async || TcpListener::bind(("127.0.0.1", port)).is_ok())
        .await;
}

#[tokio::test]
async fn port_range_gives_every_sidecar_different_ports() {
    let (mut place, mut other) = (Place::new(), Place::new());
    let free = flow_testkit::free_port();
    let range = Some((free, free.saturating_add(40)));
    (place.config.port_range, other.config.port_range) = (range, range);
    let (a, b) = (place.agent(), other.agent());
    let (a, b) = futures::join!(
        a.runtime.hold(place.hold(&["grpc", "http"])),
        b.runtime.hold(other.hold(&["grpc", "http"]))
    );
    let all: Vec<u16> = [a.expect("held"), b.expect("held")]
        .iter()
        .flat_map(|held| held.ports.values().copied())
        .collect();
    let different: std::collections::BTreeSet<u16> = all.iter().copied().collect();
    assert_eq!(different.len(), 4, "{all:?}");
    assert!(all.iter().all(|port| (free..=free + 40).contains(port)), "{all:?}");
}

#[tokio::test]
async fn hold_expires_only_without_an_agent() {
    let mut place = Place::new();
    place.config.hold_max_s = 3;
    let mut agent = place.agent();
    agent.runtime.hold(place.hold(&["grpc"])).await.expect("held");
    // Longer than the longest time: nothing but an observation could come, and none may.
    let early = flow_common::clock::timeout(
        Duration::from_millis(4500),
        agent.until(|state| *state == WorkState::Absent),
    )
    .await;
    assert!(early.is_err(), "let go although its agent was there");
    drop(agent);
    wait_for("the sidecar to let go", LONG, async || place.sidecar().is_none()).await;
    assert!(!place.dir().has("started"));
    let mut next = place.agent();
    assert_eq!(next.next().await.state, WorkState::Absent);
}

#[tokio::test]
async fn b6_sidecar_stopped_for_longer_than_its_hold_waits_for_an_agent_before_it_expires() {
    let mut place = Place::new();
    place.config.hold_max_s = 6;
    let mut agent = place.agent();
    agent.runtime.hold(place.hold(&["grpc"])).await.expect("held");
    drop(agent);
    let sidecar = place.sidecar().expect("it holds");
    nix::sys::signal::kill(sidecar, nix::sys::signal::Signal::SIGSTOP).expect("a child process");
    let elsewhere = tokio::process::Command::new("sleep")
        .arg("7")
        .status()
        .await
        .expect("another process ran meanwhile");
    assert!(elsewhere.success());
    nix::sys::signal::kill(sidecar, nix::sys::signal::Signal::SIGCONT).expect("a child process");
    agent = place.agent();
    agent.runtime.ensure(place.launch("exit 0")).await.expect("what was held is started");
    assert_eq!(agent.exit().await.code, Some(0));
}

#[tokio::test]
async fn stopped_hold_leaves_no_files_and_can_be_requested_again() {
    let place = Place::new();
    let mut agent = place.agent();
    agent.runtime.hold(place.hold(&["grpc"])).await.expect("held");
    agent.runtime.stop(place.key.clone(), 60).await.expect("placed");
    assert_eq!(agent.until(|state| *state == WorkState::Absent).await, WorkState::Absent);
    assert!(!place.dir().path().exists());
    assert!(agent.runtime.known().await.expect("known").is_empty());
    agent.runtime.hold(place.hold(&["grpc"])).await.expect("held anew");
    agent.runtime.ensure(place.launch("exit 0")).await.expect("started");
    assert_eq!(agent.exit().await.code, Some(0));
}

#[tokio::test]
async fn very_long_path_of_the_data_directory_works() {
    let mut place = Place::new();
    place.config.data_root = place.root.path().join("d".repeat(100)).join("e".repeat(100));
    let mut agent = place.agent();
    agent.runtime.hold(place.hold(&["grpc"])).await.expect("held");
    agent.runtime.ensure(place.launch("exit 0")).await.expect("started");
    assert_eq!(agent.exit().await.code, Some(0));
}

#[tokio::test]
async fn u28_sidecar_has_a_readable_name_in_the_process_list() {
    let place = Place::new();
    let agent = place.agent();
    agent.runtime.hold(place.hold(&["grpc"])).await.expect("held");
    let pid = place.sidecar().expect("a sidecar");
    let of_process = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).expect("it is ours");
    assert_eq!(of_process("comm"), b"flow-sidecar\n");
    let line = of_process("cmdline");
    let program = line.split(|byte| *byte == 0).next().expect("a program");
    let own = std::env::current_exe().expect("a path");
    assert_eq!(program, own.file_name().expect("a name").as_encoded_bytes());
}

#[tokio::test]
async fn an_idle_sidecar_is_small() {
    let place = Place::new();
    let agent = place.agent();
    agent.runtime.hold(place.hold(&["grpc", "http"])).await.expect("held");
    let pid = place.sidecar().expect("a sidecar");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let rss = status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    });
    let rss = rss.expect("VmRSS");
    assert!(rss < 10 * 1024, "a sidecar holds {rss} kB");
    println!("sidecar: {rss} kB resident");
}
