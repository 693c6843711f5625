//! Commands of flowctl: requests, output and exit codes.

mod editor;
mod fake;
mod hub;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use fake::{Fake, run};
use flow_testkit::{Authority, wait_for_blocking};
use serde_json::{Value, json};

const FILE: &str = "
kind: Template
name: digits
framework: iflearner
image: digits
command: [python, client.py]
parameters:
  lr: {type: number, default: 0.5}
---
kind: Task
name: digits-run
template: digits
epochs: 3
members:
  - {party: hub, role: aggregator}
  - {party: party-a, role: trainer, dataset: digits}
";

fn file(dir: &tempfile::TempDir, text: &str) -> String {
    let path = dir.path().join("file.yaml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn invalid_file_sends_no_request() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    let path = file(&dir, &FILE.replace("role: trainer", "rolle: trainer"));
    let done = fake.run(&["apply", "-f", &path]).exits(2);
    assert!(
        done.err.contains("members[1]") && done.err.contains("unknown field `rolle`"),
        "{done:?}"
    );
    assert!(fake.world().requests.is_empty());
}

#[test]
fn b11_name_that_changes_the_url_is_rejected_before_any_request() {
    let fake = Fake::start();
    for arguments in [
        &["party", "get", ".."][..],
        &["party", "get", "a/b"],
        &["party", "add", "..", "--print-secret"],
        &["orphan", "stop", ".."],
    ] {
        let done = fake.run(arguments).exits(2);
        assert!(
            done.err.contains("party name must be") || done.err.contains("is not a name or id"),
            "{done:?}"
        );
    }
    assert!(fake.world().requests.is_empty());
}

#[test]
fn watched_submit_returns_the_result_of_its_run() {
    for (phase, code) in [("succeeded", 0), ("failed", 1), ("cancelled", 7)] {
        let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
        fake.world().reads = vec![run(1, "queued", 0), run(1, "running", 2), run(1, phase, 3)];
        let done = fake
            .run(&["task", "submit", &file(&dir, FILE), "--watch", "--epochs", "5", "-p", "lr=0.1"])
            .exits(code);
        assert!(done.out.contains("run 1: party-a epoch 2/3 local/acc 0.5\n"), "{done:#?}");
        assert!(done.out.contains(&format!("digits-run run 1 {phase} after")), "{done:#?}");
    }
}

#[test]
fn u2_parameters_and_epochs_of_the_command_line_belong_to_the_run() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    let path = file(&dir, FILE);
    fake.run(&["task", "submit", &path, "--epochs", "5", "-p", "lr=0.1"]).exits(0);
    let done = fake.run(&["task", "submit", &path, "-p", "lr=0.2"]).exits(0);
    assert!(done.out.contains("task digits-run unchanged\n"), "{done:?}");
    fake.run(&["task", "start", "digits-run", "--epochs", "7"]).exits(0);
    fake.run(&["task", "start", "digits-run"]).exits(0);
    let world = fake.world();
    let runs = [
        json!({"epochs": 5, "parameters": {"lr": "0.1"}}),
        json!({"parameters": {"lr": "0.2"}}),
        json!({"epochs": 7}),
        Value::Null,
    ];
    assert_eq!(world.starts, runs);
    assert_eq!((&world.tasks[0]["epochs"], &world.tasks[0]["parameters"]), (&json!(3), &json!({})));
}

#[test]
fn u1_run_shows_its_inputs_and_lists_show_differing_parameters() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    fake.run(&["task", "submit", &file(&dir, FILE)]).exits(0);
    let with_rate = |number: u32, rate: &str| {
        let mut run = run(number, "succeeded", 3);
        run["inputs"]["parameters"] = json!({"lr": rate, "same": "1"});
        run
    };
    fake.world().reads = vec![with_rate(2, "0.2"), with_rate(1, "0.1")];
    let shown = fake.run(&["task", "runs", "digits-run"]).exits(0).out;
    assert!(shown.contains(" lr=0.2") && shown.contains(" lr=0.1"), "{shown}");
    assert!(!shown.contains("same=1"), "{shown}");
    assert_eq!(fake.run(&["run", "list", "digits-run"]).exits(0).out, shown);

    fake.world().reads = vec![with_rate(1, "0.1")];
    let shown = fake.run(&["run", "get", "digits-run"]).exits(0).out;
    let digest =
        json!(flow_api_types::Member::sample())["digest"].as_str().unwrap()[..12].to_owned();
    for part in [
        "by          alice\n",
        "template    digits revision 1\n",
        "parameters  lr=0.1 same=1\n",
        "retries     0, 0 left\n",
        &digest,
    ] {
        assert!(shown.contains(part), "{part:?} in:\n{shown}");
    }
    let by_number = fake.run(&["run", "get", "digits-run/1"]).exits(0).out;
    assert_eq!(by_number, shown);
    fake.run(&["run", "get", "digits-run/x"]).exits(2);
    fake.run(&["run", "get", "digits-run/9"]).exits(3);
}

#[test]
fn runs_are_listed_found_by_their_first_digits_and_compared() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    fake.run(&["task", "submit", &file(&dir, FILE)]).exits(0);
    let id = fake.world().tasks[0]["id"].clone();
    let listed = |number: u32| {
        let mut run = run(number, "succeeded", 3);
        run["task"] = id.clone();
        run["task_name"] = json!("digits-run");
        let end = if number == 1 { "2026-01-01T00:01:05Z" } else { "2026-01-01T00:00:00.420Z" };
        run["finished_at"] = json!(end);
        run["duration_s"] = json!(if number == 1 { 65.25 } else { 0.42 });
        run
    };
    fake.world().runs = vec![listed(2), listed(1)];
    let shown = fake.run(&["run", "list"]).exits(0).out;
    let words: Vec<Vec<&str>> =
        shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["RUN", "PHASE", "EPOCH", "AGE", "DURATION", "REASON"]);
    assert_eq!(words[1][..3], ["digits-run/2", "succeeded", "3/3"]);
    assert!(shown.contains("  0.4s") && shown.contains("  1m 5s"), "{shown}");
    let done = fake.run(&["run", "get", "0000"]).exits(2);
    assert!(done.err.contains("several runs begin with 0000: give more digits"), "{done:?}");

    fake.world().runs = vec![listed(1)];
    fake.world().reads = vec![run(1, "succeeded", 3)];
    fake.run(&["run", "get", "0000"]).exits(0);
    fake.world().comparison = json!({
        "runs": [listed(1), listed(2)],
        "inputs": [{"name": "parameters.lr", "values": ["0.1", null]}],
        "metrics": [{"party": "party-a", "name": "loss", "lower_is_better": true, "values": [
            {"last": 0.5, "last_step": 3, "best": 0.25, "best_step": 2}, {"last": null, "last_step": 1, "best": null, "best_step": null}]}],
        "more_metrics": false
    });
    let shown = fake.run(&["run", "compare", "0000", "digits-run/1"]).exits(0).out;
    assert_eq!(
        shown,
        "RUN            digits-run/1         digits-run/2\n\
         outcome        succeeded            succeeded\n\
         duration       1m 5s                0.4s\n\
         epoch          3/3                  3/3\n\
         parameters.lr  0.1\n\
         party-a loss   0.5, best 0.25 at 2  not a number\n"
    );
    let id = format!("{:032x}", 1);
    assert_eq!(
        fake.world().requests.last().unwrap(),
        &format!("GET runs/compare?run={id}&run={id}")
    );
    fake.run(&["run", "compare", "digits-run"]).exits(2);
}

/// The first version ended with an error if `head` had read enough.
#[test]
fn u13_closed_pipe_ends_a_command_quietly() {
    let fake = Fake::start();
    for arguments in [&["party", "list"][..], &["completions", "bash"], &["task", "init"]] {
        let mut command = fake.command(arguments);
        let done = command.stdout(flow_testkit::closed_pipe()).output().unwrap();
        assert_eq!((done.status.code(), done.stderr), (Some(141), Vec::new()), "{arguments:?}");
    }
}

#[test]
fn u10_more_documents_than_one_request_can_have_change_nothing() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    let (template, task) = FILE.split_once("---\n").unwrap();
    let many = |count: usize| -> String {
        let task = |n| "---\n".to_owned() + &task.replace("digits-run", &format!("digits-{n}"));
        template.to_owned() + &(0..count).map(task).collect::<String>()
    };
    let path = file(&dir, &many(101));
    for arguments in
        [&["apply", "-f", &path][..], &["submit", &path], &["submit", &path, "--epochs", "2"]]
    {
        let done = fake.run(arguments).exits(2);
        let expected = "101 tasks are too many: one command applies at most 100, all or none; nothing was changed";
        assert!(done.err.contains(expected) && done.err.contains("Split the files"), "{done:?}");
    }
    assert!(fake.world().requests.is_empty());
    fake.run(&["apply", "-f", &file(&dir, &many(100))]).exits(0);
}

#[test]
fn watched_run_as_json_is_one_document_per_line() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    fake.world().reads = vec![run(1, "running", 2), run(1, "succeeded", 3)];
    let done = fake.run(&["task", "submit", &file(&dir, FILE), "--watch", "-o", "json"]).exits(0);
    let phases: Vec<Value> = done
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["phase"].clone())
        .collect();
    assert_eq!(phases, ["running", "succeeded"]);
}

#[test]
fn watch_continues_after_an_outage_of_the_hub() {
    let (mut fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    fake.world().reads = vec![run(1, "running", 1)];
    let out = dir.path().join("out");
    let command = &["task", "submit", &file(&dir, FILE), "--watch"];
    let mut child = fake.command(command).stdout(fs::File::create(&out).unwrap()).spawn().unwrap();
    wait_for(&out, "epoch 1/3");
    fake.stop();
    wait_for(&out, "reconnecting");
    fake.world().reads = vec![run(1, "succeeded", 3)];
    fake.restart();
    assert!(child.wait().unwrap().success());
    wait_for(&out, "reconnected to the hub");
}

#[test]
fn watch_follows_a_failed_run_into_its_retry() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    fake.world().reads = vec![
        run(1, "running", 1),
        run(1, "failed", 1),
        run(2, "running", 1),
        run(2, "succeeded", 3),
    ];
    let done = fake.run(&["task", "submit", &file(&dir, FILE), "--watch"]).exits(0);
    assert!(done.out.contains("digits-run run 2 succeeded"), "{done:#?}");
}

#[test]
fn interrupted_watch_reports_that_the_run_continues() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    fake.world().reads = vec![run(1, "running", 1)];
    let out = dir.path().join("out");
    let command = &["task", "submit", &file(&dir, FILE), "--watch"];
    let mut child = fake.command(command).stdout(fs::File::create(&out).unwrap()).spawn().unwrap();
    wait_for(&out, "epoch 1/3");
    let interrupt = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupt.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    wait_for(&out, "flowctl task stop digits-run");
}

#[test]
fn each_kind_of_error_has_its_exit_code_and_remedy() {
    let (mut fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    fake.run(&["apply", "-f", &file(&dir, FILE)]).exits(0);
    let done = fake.run(&["task", "get", "digits-rum"]).exits(3);
    assert!(done.err.contains("Did you mean \"digits-run\"?"), "{done:?}");
    fake.run(&["task", "frobnicate"]).exits(2);
    let done = fake.run(&["task", "list", "--server", "http://hub.example:1235"]).exits(2);
    assert!(
        done.err.contains("could read your token") && done.err.contains("https://HOST:PORT"),
        "{done:?}"
    );
    fake.run(&["task", "list", "--server", "ftp://hub"]).exits(2);
    for (status, code, exit) in
        [(409, "task_active", 4), (401, "unauthenticated", 5), (500, "internal", 1)]
    {
        fake.world().problem = Some((
            status,
            json!({"code": code, "detail": "the request failed", "request_id": "r-1"}),
        ));
        let done = fake.run(&["task", "list"]).exits(exit);
        let begin = "error: the request failed\n";
        assert!(done.err.starts_with(begin) && done.err.contains("help:"), "{done:?}");
    }
    fake.stop();
    let done = fake.run(&["task", "list"]).exits(6);
    assert!(done.err.contains("does not answer") && done.err.contains("FLOW_SERVER"), "{done:?}");
}

#[test]
fn hub_certificate_must_come_from_the_named_authority() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (ca, pair) =
        (authority.ca(folder.path()), authority.pair(folder.path(), "hub", &["127.0.0.1"]));
    let fake = Fake::start_tls(&pair);
    let list = ["party", "list", "--ca-file", ca.to_str().unwrap()];
    fake.run(&list).exits(0);
    let by_environment =
        fake.command(&["party", "list"]).env("FLOW_CA_FILE", &ca).output().unwrap();
    assert!(by_environment.status.success(), "{by_environment:?}");

    let other = tempfile::tempdir().unwrap();
    let done = fake
        .run(&["party", "list", "--ca-file", Authority::new().ca(other.path()).to_str().unwrap()])
        .exits(6);
    assert!(
        done.err.contains("no trusted authority has issued") && done.err.contains("FLOW_CA_FILE"),
        "{done:?}"
    );
    let done = fake.run(&["party", "list", "--ca-file", "nowhere.crt"]).exits(2);
    assert!(done.err.contains("cannot read certificates from nowhere.crt"), "{done:?}");
    let port = fake.address().port();
    let done = fake
        .run(&[&list[..], &["--server", &format!("https://localhost:{port}")]].concat())
        .exits(6);
    assert!(
        done.err.contains("its certificate is for 127.0.0.1 and not for localhost"),
        "{done:?}"
    );
    let done =
        fake.run(&["party", "list", "--server", &format!("http://127.0.0.1:{port}")]).exits(6);
    assert!(done.err.contains("with https:// if the hub has a certificate"), "{done:?}");
}

#[test]
fn secret_of_a_new_party_is_written_to_a_new_private_file() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    let path = dir.path().join("party-a.secret");
    let add = ["party", "add", "party-a", "--secret-file", path.to_str().unwrap()];
    let done = fake.run(&add).exits(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), "s3cret-of-the-party\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!done.out.contains("s3cret") && !done.err.contains("s3cret"), "{done:?}");
    let requests = fake.world().requests.len();
    fake.run(&add).exits(2);
    assert_eq!(
        fake.world().requests.len(),
        requests,
        "an existing file is an error before any request"
    );
    fake.run(&["party", "add", "party-b"]).exits(2);
    let done = fake.run(&["party", "add", "party-b", "--print-secret"]).exits(0);
    assert_eq!(done.out, "s3cret-of-the-party\n");
}

#[test]
fn u21_secret_is_replaced_and_party_removed() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    let path = dir.path().join("again.secret");
    let rotate = [
        "party",
        "rotate-secret",
        "party-a",
        "--overlap",
        "60",
        "--secret-file",
        path.to_str().unwrap(),
    ];
    let done = fake.run(&rotate).exits(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), "another-s3cret\n");
    assert!(
        done.out.contains("the hub accepts the old one until 2026-01-01T01:00:00Z")
            && !done.out.contains("s3cret"),
        "{done:?}"
    );
    fake.run(&["party", "rotate-secret", "party-a"]).exits(2);
    fake.run(&["party", "remove", "party-a"]).exits(0);
    fake.run(&["party", "remove", "party-b", "--force"]).exits(0);
    assert_eq!(
        fake.world().requests,
        [
            "POST parties/party-a/secret",
            "DELETE parties/party-a",
            "DELETE parties/party-b?force=true"
        ]
    );
}

#[test]
fn u25_party_is_disabled_and_enabled() {
    let fake = Fake::start();
    let done = fake.run(&["party", "disable", "party-a"]).exits(0);
    assert!(done.out.contains("party party-a is disabled: it gets no new members"), "{done:?}");
    let list = fake.run(&["party", "list"]).exits(0);
    assert!(list.out.contains("never connected, disabled"), "{list:?}");
    let done = fake.run(&["party", "enable", "party-a"]).exits(0);
    assert!(done.out.contains("party party-a is enabled"), "{done:?}");
    let list = fake.run(&["party", "list"]).exits(0);
    assert!(!list.out.contains("disabled"), "{list:?}");
}

#[test]
fn b10_error_for_an_unwritten_secret_names_the_replacement() {
    let fake = Fake::start();
    for verb in [["party", "add", "party-a"], ["party", "rotate-secret", "party-a"]] {
        let mut command = fake.command(&[&verb[..], &["--print-secret"]].concat());
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let done = fake::Done::from(command.stdout(full).output().unwrap()).exits(1);
        let remedy = "flowctl party rotate-secret party-a --secret-file FILE";
        assert!(
            done.err.contains("could not write its secret") && done.err.contains(remedy),
            "{done:?}"
        );
    }
}

#[test]
fn rejected_party_leaves_no_secret_file() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    fake.world().problem =
        Some((409, json!({"code": "party_exists", "detail": "there is a party-a"})));
    let path = dir.path().join("party-a.secret");
    fake.run(&["party", "add", "party-a", "--secret-file", path.to_str().unwrap()]).exits(4);
    assert!(!path.exists());
}

#[test]
fn missing_token_names_the_command_that_gets_one() {
    let fake = Fake::start();
    fake.world().problem =
        Some((401, json!({"code": "unauthenticated", "detail": "no token was sent"})));
    let done = fake.run(&["task", "list"]).exits(5);
    assert!(done.err.starts_with("error: no token was sent\n"), "{done:?}");
    assert!(
        done.err.contains("`flowctl login`") && done.err.contains("FLOW_TOKEN_FILE"),
        "{done:?}"
    );
}

#[test]
fn token_file_must_be_private() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    let path = dir.path().join("token");
    fs::write(&path, "t0ken\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let done = fake.run(&["task", "list", "--token-file", path.to_str().unwrap()]).exits(5);
    assert!(done.err.contains("chmod 600"), "{done:?}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fake.run(&["task", "list", "--token-file", path.to_str().unwrap()]).exits(0);
    assert_eq!(fake.world().tokens, ["Bearer t0ken"]);
}

#[test]
fn output_is_a_table_or_the_response_of_the_hub() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    fake.run(&["apply", "-f", &file(&dir, FILE)]).exits(0);
    let table = fake.run(&["task", "list"]).exits(0).out;
    let words: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["NAME", "PHASE", "RUNS", "EPOCH", "AGE", "REASON"]);
    assert_eq!(words[1][..4], ["digits-run", "never", "started", "0"]);
    let listed: Value =
        serde_json::from_str(&fake.run(&["task", "list", "-o", "json"]).exits(0).out).unwrap();
    assert_eq!(listed, Value::Array(fake.world().tasks.clone()));
    fake.run(&["task", "get", "digits-run"]).exits(0);
    fake.run(&["task", "start", "digits-run"]).exits(0);
    fake.world().reads = vec![run(1, "running", 2)];
    assert!(fake.run(&["run", "get", "digits-run"]).exits(0).out.contains("epoch 2 of 3"));
    fake.run(&["task", "stop", "digits-run"]).exits(0);
    fake.run(&["task", "delete", "digits-run", "--yes"]).exits(0);
    assert!(fake.world().tasks.is_empty());
}

#[test]
fn template_is_printed_as_a_file_that_creates_it() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    fake.run(&["apply", "-f", &file(&dir, FILE)]).exits(0);
    let shown = fake.run(&["template", "get", "digits"]).exits(0).out;
    let done = fake.run(&["template", "edit", "digits", "-f", &file(&dir, &shown)]).exits(0);
    assert_eq!(done.out, "template digits unchanged (revision 1)\n");
    let mut edit = fake.command(&["template", "edit", "digits"]);
    edit.env("EDITOR", "sed -i s/client.py/mine.py/")
        .env("PATH", "/usr/bin:/bin")
        .env("TMPDIR", dir.path());
    let done = fake::Done::from(edit.output().unwrap()).exits(0);
    assert_eq!(done.out, "template digits edited (revision 2)\n");
    assert_eq!(fake.world().templates[0]["command"], json!(["python", "mine.py"]));
}

#[test]
fn log_is_copied_unchanged() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    fake.run(&["task", "submit", &file(&dir, FILE)]).exits(0);
    let done = fake.run(&["logs", "-f", "--tail", "2", "digits-run", "party-a"]).exits(0);
    assert_eq!(done.out, "epoch 1\nepoch 2\n");
    assert!(
        fake.world().requests.last().unwrap().ends_with("/members/party-a/logs?tail=2&follow=true")
    );
}

#[test]
fn u3_empty_log_prints_a_note_to_standard_error() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    fake.run(&["task", "submit", &file(&dir, FILE)]).exits(0);
    let done = fake.run(&["logs", "digits-run", "hub"]).exits(0);
    assert_eq!(done.out, "");
    assert!(done.err.starts_with("the log of hub is empty so far ("), "{}", done.err);
    fake.world().tasks[0]["run"]["members"][0]["phase"] = json!("succeeded");
    let done = fake.run(&["logs", "digits-run", "hub"]).exits(0);
    assert_eq!((done.out.as_str(), done.err.as_str()), ("", "the log of hub is empty\n"));
    let done = fake.run(&["logs", "digits-run", "hub", "--tail", "0"]).exits(0);
    assert_eq!((done.out.as_str(), done.err.as_str()), ("", ""));
}

#[test]
fn completions_exist_for_every_shell() {
    let fake = Fake::start();
    for shell in ["bash", "zsh", "fish"] {
        assert!(fake.run(&["completions", shell]).exits(0).out.contains("flowctl"));
    }
    assert!(fake.world().requests.is_empty());
}

/// Waits until a file that another process writes contains `text`.
fn wait_for(path: &std::path::Path, text: &str) {
    wait_for_blocking(text, Duration::from_secs(20), || {
        fs::read_to_string(path).unwrap().contains(text)
    });
}

#[test]
fn lists_are_read_up_to_the_last_page() {
    let fake = Fake::start();
    for name in ["party-b", "party-c", "party-d"] {
        fake.run(&["party", "add", name, "--print-secret"]).exits(0);
    }
    let names: Vec<Value> =
        serde_json::from_str(&fake.run(&["party", "list", "-o", "json"]).exits(0).out).unwrap();
    assert_eq!(names.len(), 5);
}

#[test]
fn orphans_are_listed_stopped_and_kept() {
    let fake = Fake::start();
    let orphan = |party: &str| {
        let id = format!("{party}.{}.1", "a".repeat(32));
        json!({"id": id, "party": party, "run": "a".repeat(32), "attempt": 1, "phase": "running", "seen_at": "2026-01-01T00:00:00Z"})
    };
    fake.world().orphans = vec![orphan("party-a"), orphan("party-b"), orphan("party-c")];
    let table = fake.run(&["orphan", "list", "--party", "party-a"]).exits(0).out;
    assert!(table.starts_with("ID ") && table.lines().count() == 4, "{table}");
    assert!(
        fake.world().requests[0].starts_with("GET orphans?party=party-a&"),
        "{:?}",
        fake.world().requests
    );
    let id = fake.world().orphans[1]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        fake.run(&["orphan", "stop", &id]).exits(0).out,
        format!("orphan {id} is being stopped\n")
    );
    assert_eq!(fake.world().orphans[1]["decision"], "stop");
    assert_eq!(
        fake.run(&["orphan", "keep", &id]).exits(0).out,
        format!("orphan {id} runs until it ends\n")
    );
    fake.run(&["orphan", "stop", "party-a.x.1"]).exits(3);
}

#[test]
fn texts_of_hub_and_parties_cannot_control_the_terminal() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    fake.run(&["apply", "-f", &file(&dir, FILE)]).exits(0);
    let evil = "\u{1b}]0;gotcha\u{7}\u{9b}2J\nfake\u{202e}";
    let mut failed = run(1, "failed", 1);
    failed["ending"]["message"] = json!(evil);
    failed["members"][1]["reason"] = json!({"code": "exit_nonzero", "message": evil});
    failed["members"][1]["progress"]["metrics"] = json!({evil: 1.0});
    {
        let mut world = fake.world();
        world.tasks[0]["remark"] = json!(evil);
        world.tasks[0]["parameters"] = json!({evil: evil});
        world.tasks[0]["runs"] = json!(1);
        world.tasks[0]["run"] = failed.clone();
        world.templates[0]["remark"] = json!(evil);
        world.templates[0]["env"] = json!({"X": evil});
        world.parties = vec![
            json!({"name": "party-a", "remark": evil, "created_at": evil, "contact": {"state": evil},
            "agent": {"version": evil, "instance": evil}, "inventory": {evil: [evil]}}),
        ];
        world.reads = vec![failed];
    }
    let asked = |args: &[&str], format: &str| {
        fake::Done::from(fake.command(&[args, &["-o", format]].concat()).output().unwrap())
    };
    for args in [
        &["task", "list"][..],
        &["task", "get", "digits-run"],
        &["task", "watch", "digits-run"],
        &["run", "get", "digits-run"],
        &["template", "list"],
        &["template", "get", "digits"],
        &["party", "list"],
    ] {
        for format in ["table", "yaml"] {
            if args[1] == "watch" && format == "yaml" {
                // With -o yaml a watched run is printed as JSON.
                continue;
            }
            let done = asked(args, format);
            assert!(!done.out.is_empty(), "{args:?} {format}: {done:?}");
            let controls =
                done.out.chars().filter(|char| char.is_control() && *char != '\n').count();
            assert_eq!(controls, 0, "{args:?} {format}: {done:?}");
            assert!(
                !done.out.lines().any(|line| line.trim_start().starts_with("fake")),
                "{args:?} {format}: {done:?}"
            );
        }
    }
    // Programs get the response unchanged.
    let listed: Value = serde_json::from_str(&asked(&["party", "list"], "json").out).unwrap();
    assert_eq!(listed[0]["remark"], evil);
    fake.world().problem = Some((
        422,
        json!({"code": evil, "title": evil, "detail": evil, "request_id": evil,
        "fields": [{"pointer": format!("/{evil}"), "message": evil}]}),
    ));
    let done = fake.run(&["task", "list"]).exits(4);
    assert!(
        done.err.contains("\\u{1b}")
            && !done.err.contains('\u{1b}')
            && !done.err.contains('\u{9b}'),
        "{done:?}"
    );
}

#[test]
fn lists_pass_every_filter_to_the_hub() {
    let fake = Fake::start();
    fake.run(&[
        "task",
        "list",
        "--phase",
        "running,new",
        "--party",
        "hub",
        "--template",
        "digits",
        "-l",
        "season=spring",
        "--label",
        "team=x",
        "--since",
        "2026-01-01T00:00:00Z",
        "--before",
        "2026-02-01T00:00:00+01:00",
        "--sort",
        "modified",
        "--reverse",
    ])
    .exits(0);
    fake.run(&["task", "list", "--name", "a", "-r"]).exits(0);
    fake.run(&["run", "list", "digits", "--phase", "failed", "--party", "hub", "-n", "3"]).exits(0);
    fake.run(&["run", "list", "--since", "2026-01-01T00:00:00Z"]).exits(0);
    let requests: Vec<String> =
        fake.world().requests.iter().map(|request| request.replace("%3A", ":")).collect();
    assert_eq!(
        requests,
        [
            "GET tasks?created_since=2026-01-01T00:00:00.000000Z&created_before=2026-01-31T23:00:00.000000Z\
             &phase=running%2Cnew&party=hub&template=digits&label=season%3Dspring&label=team%3Dx\
             &sort=modified&direction=asc&limit=200",
            "GET tasks?name=a&direction=desc&limit=200",
            "GET runs?limit=3&phase=failed&party=hub&task=digits",
            "GET runs?limit=50&created_since=2026-01-01T00:00:00.000000Z",
        ]
    );
    let done = fake.run(&["task", "list", "--since", "yesterday"]).exits(2);
    assert!(done.err.contains("--since") && done.err.contains("12h"), "{done:?}");
}

#[test]
fn tasks_are_stopped_and_deleted_by_filters() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    fake.run(&["task", "submit", &file(&dir, FILE)]).exits(0);
    fake.run(&["task", "clone", "digits-run", "digits-other"]).exits(0);
    let done = fake.run(&["task", "stop", "--name", "digits"]).exits(4);
    assert!(done.err.contains("1 of 2 tasks have an active run; nothing was changed"), "{done:?}");
    let done = fake.run(&["task", "stop", "--name", "digits", "-y"]).exits(0);
    assert_eq!(done.out, "task digits-run is being stopped\n");
    fake.run(&["task", "delete"]).exits(2);
    fake.run(&["task", "delete", "digits-run", "--name", "digits"]).exits(2);
    assert_eq!(fake.world().tasks.len(), 2);
    let done = fake.run(&["task", "delete", "--name", "digits", "--yes", "-o", "json"]).exits(0);
    let results: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(results["tasks"].as_array().map(Vec::len), Some(2));
    assert!(fake.world().tasks.is_empty());
    let done = fake.run(&["task", "delete", "--name", "digits", "--yes"]).exits(0);
    assert_eq!(done.out, "no task is selected\n");
}

#[test]
fn dry_run_prints_the_answers_of_the_parties_and_changes_nothing() {
    let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
    let path = file(&dir, FILE);
    let member =
        |party: &str, answer: &str| json!({"party": party, "role": "trainer", "answer": answer});
    fake.world().checks = vec![
        json!({"name": "digits-run", "members": [member("hub", "accept"), member("party-a", "ask")]}),
    ];
    for arguments in
        [&["apply", "-f", &path, "--dry-run"][..], &["task", "submit", &path, "--dry-run"]]
    {
        let done = fake.run(arguments).exits(0);
        let words: Vec<&str> = done.out.split_whitespace().collect();
        assert_eq!(
            words,
            [
                "TASK",
                "PARTY",
                "ROLE",
                "ANSWER",
                "REASON",
                "digits-run",
                "hub",
                "trainer",
                "accept",
                "digits-run",
                "party-a",
                "trainer",
                "ask",
                "valid;",
                "nothing",
                "was",
                "changed"
            ]
        );
    }
    fake.world().checks[0]["members"][1] = json!({
        "party": "party-a", "role": "trainer", "answer": "refuse",
        "reason": {"code": "image_unknown", "message": "the party has no image digits"},
    });
    let done = fake.run(&["task", "submit", &path, "--dry-run", "-p", "lr=0.1"]).exits(4);
    assert!(done.out.contains("refuse") && done.out.contains("has no image digits"), "{done:?}");
    assert!(fake.world().tasks.is_empty() && fake.world().starts.is_empty());
}
