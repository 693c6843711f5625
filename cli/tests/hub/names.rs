//! Versions, schemas, skeleton, suggestions, completion, colours.

use serde_json::Value;

use super::{Files, Hub};
use crate::fake::Done;

#[test]
fn u14_version_shows_flowctl_and_hub() {
    let hub = Hub::shared();
    let own = env!("CARGO_PKG_VERSION");
    let both = hub.json(&["version"]);
    assert_eq!((both["flowctl"].as_str(), both["hub"].as_str()), (Some(own), Some(own)));
    let done = hub.run(&["version", "--server", "http://127.0.0.1:1"]).exits(6);
    assert!(done.out.starts_with(&format!("flowctl  {own}\n")), "{done:?}");
}

#[test]
fn u14_skeleton_applies_after_editing() {
    let (hub, files) = (Hub::shared(), Files::new());
    let skeleton = hub.run(&["task", "init"]).exits(0).out;
    assert!(skeleton.starts_with("# yaml-language-server: $schema="), "{skeleton}");
    let edited = skeleton
        .replace("party: party-a", "party: hospital-a")
        .replace("party: party-b", "party: hospital-b");
    assert_eq!(
        hub.run(&["apply", "-f", &files.write(&edited)]).exits(0).out,
        "template my-training created (revision 1)\ntask my-task created\n"
    );
}

#[test]
fn u13_schemas_describe_output_and_manifests() {
    let hub = Hub::shared();
    let schema = |arguments: &[&str]| -> Value {
        serde_json::from_str(&hub.run(arguments).exits(0).out).unwrap()
    };
    let list = schema(&["task", "list", "--schema"]);
    assert_eq!((&list["type"], &list["items"]["$ref"]), (&"array".into(), &"#/$defs/Task".into()));
    assert_eq!(schema(&["run", "get", "--schema"])["$ref"], "#/$defs/Run");
    hub.run(&["logs", "--schema"]).exits(2);
    let manifests = schema(&["schema"]);
    let template = &manifests["$defs"]["TemplateInput"]["properties"];
    assert_eq!(template["kind"]["const"], "Template");
}

#[test]
fn u13_unknown_verbs_get_help_and_near_words_only() {
    let hub = Hub::shared();
    for (arguments, expected) in [
        (&["aply"][..], "'apply'"),
        (&["ls"], "flowctl task list"),
        (&["rm"], "flowctl task delete TASK"),
        (&["task", "statr"], "'start'"),
    ] {
        let done = hub.run(arguments).exits(2);
        assert!(done.err.contains(expected), "{done:?}");
    }
    let done = hub.run(&["deploy"]).exits(2);
    assert!(!done.err.contains("similar"), "{done:?}");
    let done = hub.run(&["task", "get", "zzz"]).exits(3);
    assert!(!done.err.contains("Did you mean"), "{done:?}");
}

#[test]
fn u13_completion_knows_names() {
    let (hub, files) = (Hub::shared(), Files::new());
    hub.run(&["apply", "-f", &files.write(&hub.manifest("completed", "work, ok"))]).exits(0);
    let complete = |words: &[&str]| {
        let index = (words.len() - 1).to_string();
        let mut command = hub.command(&[&["--"], words].concat());
        command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", index);
        command.env("_CLAP_IFS", "\n").env("_CLAP_COMPLETE_COMP_TYPE", "9");
        command.env("_CLAP_COMPLETE_SPACE", "false");
        Done::from(command.output().unwrap()).exits(0).out
    };
    assert_eq!(complete(&["flowctl", "task", "get", "complet"]), "completed");
    assert_eq!(complete(&["flowctl", "party", "get", "hospital-a"]), "hospital-a");
    assert!(complete(&["flowctl", "task", "des"]).contains("describe"));
}

#[test]
fn u13_colours_follow_the_option() {
    let (hub, files) = (Hub::shared(), Files::new());
    hub.run(&["submit", &files.write(&hub.manifest("colourful", "work, ok")), "-w"]).exits(0);
    let list = ["task", "list", "--name", "colourful"];
    let colored = hub.run(&[&list[..], &["--color", "always"]].concat()).exits(0).out;
    assert!(colored.contains("\u{1b}[32msucceeded"), "{colored:?}");
    assert!(!hub.run(&list).exits(0).out.contains('\u{1b}'));
}
