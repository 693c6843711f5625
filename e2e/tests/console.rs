//! The pages of the web console in Chromium, with the programs under test, two agents and a real
//! training: `console/tests/run.mjs` opens them, and leaves pictures in `target/console`.

use std::process::{Command, Stdio};

use flow_e2e::binaries;

#[test]
fn every_page_of_the_console_is_complete_and_accessible() {
    let script = flow_testkit::repository().join("console/tests/run.mjs");
    let output = Command::new("node")
        .arg("--test-reporter=spec")
        .arg(script)
        .arg("pages")
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
