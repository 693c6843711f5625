//! `apply`, `diff` and `submit`.

use serde_json::json;

use super::{Files, Hub};

#[test]
fn apply_creates_then_keeps_and_edits_changed_documents() {
    let (hub, files) = (Hub::shared(), Files::new());
    let text = hub.manifest("kept", "work, ok");
    let path = files.write(&text);
    assert_eq!(
        hub.run(&["apply", "-f", &path]).exits(0).out,
        "template kept created (revision 1)\ntask kept created\n"
    );
    assert_eq!(
        hub.run(&["apply", "-f", &path]).exits(0).out,
        "template kept unchanged (revision 1)\ntask kept unchanged\n"
    );
    let path = files.write(&text.replace("work, ok", "work, gate"));
    assert_eq!(
        hub.run(&["apply", "-f", &path]).exits(0).out,
        "template kept edited (revision 2)\ntask kept edited\n",
        "a task without a revision gets the newest"
    );
    assert_eq!(hub.json(&["apply", "-f", &path])["tasks"][0]["outcome"], "unchanged");
    assert_eq!(hub.json(&["template", "revisions", "kept"]).as_array().unwrap().len(), 2);
}

#[test]
fn u16_apply_prints_warnings_to_standard_error() {
    let (hub, files) = (Hub::shared(), Files::new());
    let text = hub.manifest("warned", "work, ok").replace("image: e2e", "image: e3e");
    let done = hub.run(&["apply", "-f", &files.write(&text)]).exits(0);
    assert!(!done.out.contains("warning"), "{done:?}");
    let one = |done: &crate::fake::Done, start: &str| {
        let warnings: Vec<&str> = done.err.lines().collect();
        assert!(warnings.len() == 1 && warnings[0].starts_with(start), "{done:?}");
        assert!(warnings[0].contains("(mapped are e2e); for example at hospital-a: map it with"));
    };
    one(&done, "warning: no party maps the image \"e3e\" (");
    // Only the task changes.
    let done = hub.run(&["apply", "-f", &files.write(&text.replace("epochs: 3", "epochs: 4"))]);
    one(&done.exits(0), "warning: hospital-a, hospital-b map no image \"e3e\" (");
}

#[test]
fn task_can_use_the_revision_that_its_file_creates() {
    let (hub, files) = (Hub::shared(), Files::new());
    let text = hub.manifest("chosen", "work, ok");
    let first = text.replace("epochs: 3", "epochs: 3\nrevision: 1\nparameters: {lr: 0.1}");
    hub.run(&["apply", "-f", &files.write(&first)]).exits(0);
    let second = first
        .replace("  lr: {", "  rate: {")
        .replace("revision: 1", "revision: 2")
        .replace("{lr: 0.1}", "{rate: 0.1}");
    hub.run(&["apply", "-f", &files.write(&second)]).exits(0);
    assert_eq!(hub.json(&["task", "get", "chosen"])["revision"], 2);
}

/// A rejected document changes nothing, and the error names the file, the document and the field.
#[test]
fn b15_invalid_document_or_parameter_changes_nothing() {
    let (hub, files) = (Hub::shared(), Files::new());
    let text = hub.manifest("whole", "work, ok");
    hub.run(&["apply", "-f", &files.write(&text)]).exits(0);
    let before = hub.json(&["template", "get", "whole"]);
    let edited = text.replace("work, ok", "work, gate");
    let path = files.write(&edited);
    for (arguments, code, expected) in [
        (&["-p", "lr"][..], 2, "must be NAME=VALUE"),
        (&["-p", "lr=1", "-p", "lr=2"], 2, "--param lr is given twice"),
        (&["-p", "lr=fast"], 4, "Task whole: parameters.lr: "),
        (&["--epochs", "0"], 4, "Task whole: epochs: is 0"),
    ] {
        let done = hub.run(&[&["task", "submit", &path], arguments].concat()).exits(code);
        assert!(done.err.contains(expected), "{done:?}");
    }
    for (from, to, expected) in [
        (
            "party: hospital-b",
            "party: hospital-x",
            "members[1].party: there is no party hospital-x; there are ",
        ),
        ("template: whole", "template: whale", "template: there is no template named \"whale\""),
        ("epochs: 3", "epochs: 3\nrevision: 7", "revision: the template has revisions 1 to 2"),
        ("epochs: 3", "epochs: 3\nparameters: {speed: 1}", "parameters.speed: is not a parameter"),
        ("image: e2e", "image: ''", "file.yaml, Template whole: image: "),
    ] {
        let path = files.write(&edited.replace(from, to));
        let done = hub.run(&["apply", "-f", &path]).exits(4);
        assert!(
            done.err.contains(expected) && done.err.contains("nothing was changed"),
            "{done:?}"
        );
        let first = done.err.lines().next().unwrap();
        let start = format!("error: {path}, T");
        assert!(first.starts_with(&start) && first.contains(" is refused; nothing"), "{done:?}");
    }
    assert_eq!(hub.json(&["template", "get", "whole"]), before);
}

/// The first version edited the template of a file whose task it then refused.
#[test]
fn u10_apply_of_a_file_with_a_busy_task_changes_nothing() {
    let (hub, files) = (Hub::shared(), Files::new());
    let text = hub.manifest("busy", "work, gate");
    hub.run(&["task", "submit", &files.write(&text)]).exits(0);
    let edited =
        text.replace("stop_grace_s: 1", "stop_grace_s: 2").replace("epochs: 3", "epochs: 4");
    let done = hub.run(&["apply", "-f", &files.write(&edited)]).exits(4);
    assert!(
        done.err.contains("file.yaml, Task busy is refused: task \"busy\": run 1 of"),
        "{done:?}"
    );
    assert_eq!(hub.json(&["template", "get", "busy"])["revision"], 1);
    hub.run(&["task", "delete", "busy", "--yes"]).exits(0);
}

#[test]
fn u13_submit_and_apply_of_one_file_agree() {
    let (hub, files) = (Hub::shared(), Files::new());
    let path = files.write(&hub.manifest("same", "work, ok"));
    hub.run(&["apply", "-f", &path]).exits(0);
    let done = hub.run(&["task", "submit", &path, "--watch"]).exits(0);
    assert!(done.out.starts_with("template same unchanged (revision 1)\ntask same unchanged\n"));
}

#[test]
fn u14_diff_shows_what_apply_would_change() {
    let (hub, files) = (Hub::shared(), Files::new());
    let text = hub.manifest("compared", "work, ok");
    let path = files.write(&text);
    let done = hub.run(&["diff", "-f", &path]).exits(1);
    assert!(done.out.contains("+++ task compared in the file"), "{done:?}");
    hub.run(&["apply", "-f", &path]).exits(0);
    assert_eq!(hub.run(&["diff", "-f", &path]).exits(0).out, "");
    let path = files.write(&text.replace("stop_grace_s: 1", "stop_grace_s: 2"));
    let done = hub.run(&["diff", "-f", &path]).exits(1);
    for line in ["-stop_grace_s: 1", "+stop_grace_s: 2", "-revision: 1", "+revision: 2"] {
        assert!(done.out.lines().any(|found| found == line), "{line} in {done:?}");
    }
    assert_eq!(hub.json(&["template", "get", "compared"])["stop_grace_s"], json!(1));
}
