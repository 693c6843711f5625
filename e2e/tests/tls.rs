//! A federation with TLS on all connections: hub, agents and flowctl.

use std::fs;
use std::process::Command;

use flow_e2e::{Builder, Federation, Job, SOON, binaries, eventually};
use flow_testkit::Authority;

/// Runs a command of flowctl, which must succeed; returns its output.
fn flowctl(federation: &Federation, arguments: &[&str]) -> String {
    let mut command = Command::new(binaries::flowctl());
    command
        .args(arguments)
        .env("FLOW_SERVER", &federation.hub.base)
        .env("FLOW_TOKEN_FILE", federation.token_file());
    command.env("FLOW_CA_FILE", federation.ca().expect("the hub has a certificate"));
    let output = command.output().expect("flowctl can be executed");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "flowctl {arguments:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn task_succeeds_with_tls_and_an_agent_without_trust_logs_the_cause() {
    let mut federation = Builder::default().tls().start().await;
    let run = federation.hub.launch(&Job::new("gate").trainers_only()).await;
    federation.hub.wait_phase(&run, "running").await;

    // Replace the authority's certificate at hospital-a, and restore it.
    let ca = federation.ca().expect("the hub has a certificate").to_owned();
    let original = fs::read(&ca).expect("it was made");
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs::copy(Authority::new().ca(elsewhere.path()), &ca).expect("the folder is writable");
    federation.kill9_agent("hospital-a");
    let log = federation.root().join("hospital-a.log");
    let logged = eventually(SOON, async || {
        let log = fs::read_to_string(&log).unwrap_or_default();
        log.contains("no trusted authority has issued its certificate").then_some(())
    });
    let restore_certificate = async {
        logged.await.expect("the agent logs why it is not connected");
        fs::write(&ca, &original).expect("the folder is writable");
    };
    tokio::join!(federation.start_agent("hospital-a"), restore_certificate);

    let tasks = flowctl(&federation, &["task", "list"]);
    assert!(tasks.contains("gate") && tasks.contains("running"), "{tasks}");
    federation.release(&run);
    flowctl(&federation, &["task", "watch", &run.task]);
    federation.hub.ends(&run, "succeeded", "completed").await;
    federation.nothing_left(&run, None).await;
    federation.end().await;
}
