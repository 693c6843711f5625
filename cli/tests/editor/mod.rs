//! `flowctl template edit`: the file that the editor of the user gets.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use flow_testkit::wait_for_blocking;
use serde_json::json;

use crate::fake::{Done, Fake};

const TEMPLATE: &str =
    "kind: Template\nname: digits\nframework: generic\nimage: digits\ncommand: [run]\n";

/// Fake hub with one template, and a directory for TMPDIR and the editor.
struct Fixture {
    fake: Fake,
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let (fake, dir) = (Fake::start(), tempfile::tempdir().unwrap());
        let file = dir.path().join("digits.yaml");
        fs::write(&file, TEMPLATE).unwrap();
        fs::create_dir(dir.path().join("tmp")).unwrap();
        fake.run(&["apply", "-f", file.to_str().unwrap()]).exits(0);
        Self { fake, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Creates an editor that records its file with the modes of file and directory, and then runs
    /// `script`.
    fn editor(&self, name: &str, script: &str) -> String {
        let (editor, seen) = (self.path(name), self.path("seen"));
        let record = format!(
            "echo \"$1 $(stat -c %a \"$1\") $(stat -c %a \"$(dirname \"$1\")\")\" >> {}",
            seen.display()
        );
        fs::write(&editor, format!("#!/bin/sh\n{record}\n{script}\n")).unwrap();
        fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
        editor.to_str().unwrap().to_owned()
    }

    fn edit(&self) -> Command {
        let mut command = self.fake.command(&["template", "edit", "digits"]);
        command.env("TMPDIR", self.path("tmp")).env("PATH", "/usr/bin:/bin");
        command
    }

    fn seen(&self) -> Vec<String> {
        fs::read_to_string(self.path("seen"))
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn is_clean(&self) -> bool {
        fs::read_dir(self.path("tmp")).unwrap().next().is_none()
    }
}

#[test]
fn b12_edited_file_is_private_and_removed_after_the_edit() {
    let it = Fixture::new();
    for (name, script, code) in [
        ("good", "sed -i 's/- run$/- walk/' \"$1\"", 0),
        ("fails", "exit 3", 1),
        ("spoils", "echo 'a: [' > \"$1\"", 2),
        ("empties", ": > \"$1\"", 2),
    ] {
        let done = Done::from(it.edit().env("EDITOR", it.editor(name, script)).output().unwrap())
            .exits(code);
        assert!(it.is_clean(), "{name}: {done:?}");
    }
    assert_eq!(it.fake.world().templates[0]["command"], json!(["walk"]));
    let seen = it.seen();
    assert!(seen.iter().all(|line| line.ends_with(" 600 700")), "{seen:?}");
    let paths: std::collections::BTreeSet<&Path> =
        seen.iter().map(|line| Path::new(line.split(' ').next().unwrap())).collect();
    assert_eq!(paths.len(), 4, "{seen:?}");
}

#[test]
fn b12_signal_during_the_edit_leaves_no_file() {
    let it = Fixture::new();
    let pid = it.path("pid");
    let mut child = it
        .edit()
        .env("EDITOR", it.editor("waits", &format!("echo $$ > {}\nexec sleep 60", pid.display())))
        .spawn()
        .unwrap();
    wait_for_blocking("the editor", Duration::from_secs(20), || {
        fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n'))
    });
    assert!(
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(it.is_clean());
    let editor = fs::read_to_string(&pid).unwrap();
    assert!(
        !Path::new("/proc").join(editor.trim()).exists(),
        "the editor {editor} still runs after flowctl"
    );
}

#[test]
fn b12_empty_editor_variable_counts_as_unset() {
    let it = Fixture::new();
    it.editor("vi", "sed -i 's/- run$/- walk/' \"$1\"");
    let path = format!("{}:/usr/bin:/bin", it.dir.path().display());
    Done::from(it.edit().env("PATH", path).env("VISUAL", "").env("EDITOR", " ").output().unwrap())
        .exits(0);
    assert_eq!(it.fake.world().templates[0]["command"], json!(["walk"]));
    assert!(it.is_clean());
}
