//! The web console in Chromium, with the programs under test, two agents and a real training:
//! `console/tests/run.mjs` has the steps, and leaves pictures of every page in `target/console`.

use std::process::{Command, Stdio};

use flow_e2e::binaries;

#[test]
fn people_use_every_page_of_the_console() {
    let script = flow_testkit::repository().join("console/tests/run.mjs");
    let output = Command::new("node")
        .arg("--test-reporter=spec")
        .arg(script)
        .env("BIN", binaries::folder())
        .stdin(Stdio::null())
        .output()
        .expect("node runs: install it and the packages of the console with tools/setup-test.sh console");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
