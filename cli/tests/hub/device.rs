//! Sign-in of a machine without a browser: a code that a person approves elsewhere.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::Hub;

#[test]
fn machine_signs_in_with_a_code_that_a_person_approves() {
    let hub = Hub::shared();
    let folder = tempfile::tempdir().unwrap();
    let of_the_machine = |args: &[&str]| {
        let mut command = hub.command(args);
        command.env_remove("FLOW_TOKEN_FILE");
        command.env("FLOW_CONTEXTS_FILE", folder.path().join("contexts.json"));
        command
    };
    let mut login = of_the_machine(&["login", "--device"]);
    login.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut login = flow_testkit::spawn_tied(login).unwrap();
    let mut line = String::new();
    BufReader::new(login.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let code = line.strip_prefix("Your code is ").and_then(|rest| rest.get(..9));
    let code = code.unwrap_or_else(|| panic!("no code in {line:?}"));

    let shown = hub.json(&["device", "get", code]);
    assert!(
        shown["client"].as_str().is_some_and(|name| name.starts_with("flowctl on ")),
        "{shown}"
    );
    hub.run(&["device", "approve", &code.to_lowercase()]).exits(0);
    hub.run(&["device", "approve", code]).exits(3);
    let done = login.wait_with_output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let out = String::from_utf8(done.stdout).unwrap();
    assert!(out.starts_with("signed in as ") && out.contains("contexts.json"), "{out}");
    let me = of_the_machine(&["whoami", "-o", "json"]).output().unwrap();
    assert!(me.status.success(), "{me:?}");
}
