//! `task edit`, `clone`, `delete`, `list` with filters, `describe`, `events`, `get --manifest`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::{Files, Hub};
use crate::fake::Done;

#[test]
fn u14_task_edit_opens_an_editor_or_takes_a_file() {
    let (hub, files) = (Hub::shared(), Files::new());
    hub.run(&["apply", "-f", &files.write(&hub.manifest("edited", "work, ok"))]).exits(0);
    let editor = files.path("editor");
    fs::write(&editor, "#!/bin/sh\nsed -i 's/epochs: 3/epochs: 7/' \"$1\"\n").unwrap();
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
    let mut edit = hub.command(&["task", "edit", "edited"]);
    let done = Done::from(edit.env("EDITOR", &editor).output().unwrap()).exits(0);
    assert_eq!(done.out, "task edited edited\n");
    assert_eq!(hub.json(&["task", "get", "edited"])["epochs"], 7);

    let manifest = hub.run(&["task", "get", "edited", "--manifest"]).exits(0).out;
    let path = files.write(&manifest.replace("epochs: 7", "epochs: 8"));
    hub.run(&["task", "edit", "edited", "-f", &path]).exits(0);
    assert_eq!(hub.json(&["task", "get", "edited"])["epochs"], 8);
    assert_eq!(hub.run(&["diff", "-f", &path]).exits(0).out, "");
}

/// The advice of a failed edit works: it is executed here.
#[test]
fn u11_failed_edit_advises_commands_that_work() {
    let (hub, files) = (Hub::shared(), Files::new());
    hub.run(&["apply", "-f", &files.write(&hub.manifest("advised", "work, ok"))]).exits(0);
    for noun in ["template", "task"] {
        let mut edit = hub.command(&[noun, "edit", "advised"]);
        let done = Done::from(edit.env("EDITOR", "false").output().unwrap()).exits(1);
        let advised: Vec<&str> =
            done.err.split('`').filter(|part| part.starts_with("flowctl ")).collect();
        let [get, send] = advised.as_slice() else { panic!("{done:?}") };
        let words = |command: &str| -> Vec<String> {
            command.split_whitespace().skip(1).map(str::to_owned).collect()
        };
        let (get, send) = (words(get), words(send));
        let redirect = get.iter().position(|word| word == ">").unwrap();
        let get: Vec<&str> = get[..redirect].iter().map(String::as_str).collect();
        let path = files.write(&hub.run(&get).exits(0).out);
        let send: Vec<&str> =
            send.iter().map(|word| if word == "FILE" { path.as_str() } else { word }).collect();
        let done = hub.run(&send).exits(0);
        assert!(done.out.starts_with(&format!("{noun} advised unchanged")), "{done:?}");
    }
}

#[test]
fn u14_clone_copies_a_task() {
    let (hub, files) = (Hub::shared(), Files::new());
    hub.run(&["apply", "-f", &files.write(&hub.manifest("first", "work, ok"))]).exits(0);
    let done = hub.run(&["task", "clone", "first", "second"]).exits(0);
    assert_eq!(done.out, "task second created with the content of first\n");
    let content = |name: &str| {
        let mut task = hub.json(&["task", "get", name]);
        for field in ["id", "name", "created_at", "modified_at"] {
            task[field] = Value::Null;
        }
        task
    };
    assert_eq!(content("first"), content("second"));
    hub.run(&["task", "clone", "first", "second"]).exits(4);
}

/// Without a terminal the command cannot ask: it refuses and names `--yes`.
#[test]
fn u10_delete_of_a_running_task_needs_a_confirmation() {
    let (hub, files) = (Hub::shared(), Files::new());
    hub.run(&["task", "submit", &files.write(&hub.manifest("precious", "work, gate"))]).exits(0);
    let done = hub.run(&["task", "delete", "precious"]).exits(4);
    assert!(
        done.err.contains("run 1 of task precious is ") && done.err.contains("--yes"),
        "{done:?}"
    );
    hub.run(&["task", "get", "precious"]).exits(0);
    assert_eq!(
        hub.run(&["task", "delete", "precious", "--yes"]).exits(0).out,
        "task precious deleted\n"
    );
    hub.run(&["task", "get", "precious"]).exits(3);

    hub.run(&["apply", "-f", &files.write(&hub.manifest("idle", "work, ok"))]).exits(0);
    hub.run(&["task", "delete", "idle"]).exits(0);
}

#[test]
fn u14_task_list_has_every_filter() {
    let (hub, files) = (Hub::shared(), Files::new());
    hub.run(&["apply", "-f", &files.write(&hub.manifest("filter-a", "work, ok"))]).exits(0);
    hub.run(&["task", "submit", &files.write(&hub.manifest("filter-b", "work, ok")), "-w"])
        .exits(0);
    let names = |filters: &[&str]| -> Vec<String> {
        let all = hub.json(&[&["task", "list", "--name", "filter-"], filters].concat());
        let name = |task: &Value| task["name"].as_str().unwrap().to_owned();
        all.as_array().unwrap().iter().map(name).collect()
    };
    assert_eq!(names(&[]), ["filter-a", "filter-b"]);
    assert_eq!(names(&["--phase", "new"]), ["filter-a"]);
    assert_eq!(names(&["--phase", "running,succeeded"]), ["filter-b"]);
    assert_eq!(names(&["--template", "filter-a"]), ["filter-a"]);
    assert_eq!(names(&["--party", "hospital-a"]).len(), 2);
    assert_eq!(names(&["--party", "hub"]).len(), 0);
    hub.run(&["task", "list", "--phase", "runing"]).exits(2);
}

#[test]
fn u14_describe_shows_task_run_members_and_events() {
    let (hub, files) = (Hub::shared(), Files::new());
    let path = files.write(&hub.manifest("described", "learn"));
    hub.run(&["apply", "-f", &path]).exits(0);
    let text = hub.run(&["describe", "described"]).exits(0).out;
    assert!(text.contains("never started") && text.contains("next: flowctl task start described"));
    hub.run(&["task", "start", "described", "--watch"]).exits(0);
    let text = hub.run(&["describe", "described"]).exits(0).out;
    for part in [
        "template    described revision 1",
        "succeeded",
        "hospital-b",
        "last events (",
        "flowctl logs described",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let whole = hub.json(&["describe", "described"]);
    assert_eq!(whole["run"]["phase"], "succeeded");

    let events = hub.run(&["task", "events", "described"]).exits(0).out;
    let words: Vec<Vec<&str>> =
        events.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["NUMBER", "TIME", "RUN", "KIND", "PARTY", "MESSAGE"]);
    assert!(words.iter().any(|row| row[2] == "1" && row[3] == "run.queued"), "u13: {events}");
}

#[test]
fn dry_run_has_the_answers_of_real_agents() {
    let (hub, files) = (Hub::shared(), Files::new());
    let manifest = hub.manifest("dry", "work, ok");
    let path = files.write(&manifest);
    let done = hub.run(&["task", "submit", &path, "--dry-run"]).exits(0);
    for party in ["hospital-a", "hospital-b"] {
        assert!(
            done.out.lines().any(|line| line.contains(party) && line.contains("accept")),
            "{done:?}"
        );
    }
    let path = files.write(&manifest.replace("image: e2e", "image: other"));
    let done = hub.run(&["apply", "-f", &path, "--dry-run"]).exits(4);
    assert!(done.out.contains("refuse") && done.out.contains("other"), "{done:?}");
    hub.run(&["task", "get", "dry"]).exits(3);
}

#[test]
fn labels_of_a_manifest_select_its_task() {
    let (hub, files) = (Hub::shared(), Files::new());
    let manifest = hub.manifest("labelled", "work, ok") + "labels: {season: spring, year: 2026}\n";
    hub.run(&["apply", "-f", &files.write(&manifest)]).exits(0);
    hub.run(&["task", "clone", "labelled", "labelled-2"]).exits(0);
    let selected = |labels: &[&str]| {
        hub.json(&[&["task", "list", "--sort", "name"], labels].concat())
            .as_array()
            .unwrap()
            .iter()
            .map(|task| task["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(selected(&["-l", "season=spring", "-l", "year=2026"]), ["labelled", "labelled-2"]);
    assert_eq!(selected(&["-l", "season=spring,year=2025"]), [""; 0]);
    let printed = hub.run(&["task", "get", "labelled", "--manifest"]).exits(0).out;
    assert!(printed.contains("labels:\n  season: spring\n  year: 2026\n"), "{printed}");
    let done = hub.run(&["task", "delete", "-l", "season=spring", "-y"]).exits(0);
    assert_eq!(done.out.lines().count(), 2, "{done:?}");
    assert_eq!(selected(&["-l", "season=spring"]), [""; 0]);
}
