//! Accounts, contexts, tokens and projects.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::{Files, Hub};
use crate::fake::Done;

#[test]
fn person_signs_in_uses_a_project_and_signs_out() {
    let (hub, files) = (Hub::shared(), Files::new());
    let secret = |name: &str, text: &str| {
        let path = files.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (right, wrong) = (secret("right", "correct horse battery"), secret("wrong", "another"));
    let bob = hub.json(&["user", "create", "bob", "--password-file", &right]);
    assert_eq!((&bob["name"], &bob["has_password"]), (&"bob".into(), &true.into()));
    hub.run(&["project", "create", "tumours", "--remark", "for bob"]).exits(0);
    hub.run(&["project", "member", "set", "tumours", "bob", "submitter"]).exits(0);
    hub.run(&["project", "party", "offer", "tumours", "hospital-a", "--dataset", "digits"])
        .exits(0);
    let offers = hub.json(&["project", "party", "list", "tumours"]);
    assert_eq!(offers[0]["datasets"][0], "digits");

    let contexts = files.path("flow/contexts.json");
    let as_bob = |args: &[&str]| {
        let mut command = hub.command(args);
        command.env_remove("FLOW_TOKEN_FILE").env("FLOW_CONTEXTS_FILE", &contexts);
        Done::from(command.output().unwrap())
    };
    as_bob(&["whoami"]).exits(5);
    let refused = as_bob(&["login", "--name", "bob", "--password-file", &wrong]).exits(5);
    assert!(refused.err.contains("name or password is wrong"), "{refused:?}");
    let done = as_bob(&["login", "--name", "bob", "--password-file", &right]).exits(0);
    assert!(done.out.starts_with("signed in as bob; context default has"), "{done:?}");
    let mode = fs::metadata(&contexts).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(&contexts).unwrap();
    let stored: Value = serde_json::from_str(&text).unwrap();
    let token = stored["contexts"]["default"]["token"].as_str().unwrap().to_owned();
    let me: Value = serde_json::from_str(&as_bob(&["whoami", "-o", "json"]).exits(0).out).unwrap();
    assert_eq!((&me["project"], &me["role"]), (&"tumours".into(), &"submitter".into()));
    let whoami = as_bob(&["whoami"]).exits(0);
    assert!(whoami.out.contains("tumours (submitter)") && !whoami.out.contains(&token));
    let parties = as_bob(&["party", "list"]).exits(0);
    assert!(parties.out.contains("hospital-a") && !parties.out.contains("hospital-b"));
    as_bob(&["user", "list"]).exits(5);
    as_bob(&["--project", "default", "task", "list"]).exits(3);

    let file = files.path("ci.token");
    let file = file.to_str().unwrap();
    let create = ["token", "create", "ci", "--role", "viewer", "--secret-file", file];
    as_bob(&create).exits(0);
    hub.run(&["task", "list", "--token-file", file]).exits(0);
    let tokens = as_bob(&["token", "list"]).exits(0);
    assert!(tokens.out.contains("viewer") && !tokens.out.contains(&token), "{tokens:?}");
    assert!(as_bob(&["context", "list"]).exits(0).out.contains("bob"));
    as_bob(&["context", "use", "nowhere"]).exits(3);
    as_bob(&["logout"]).exits(0);
    as_bob(&["whoami"]).exits(5);
    hub.run(&["user", "disable", "bob"]).exits(0);
    hub.run(&["task", "list", "--token-file", file]).exits(5);
    let audit = hub.run(&["audit"]).exits(0);
    for action in ["create_user", "create_project", "create_session", "create_token", "edit_user"] {
        assert!(audit.out.contains(action), "{action}: {audit:?}");
    }
    for secret in [token.as_str(), "correct horse"] {
        assert!(!audit.out.contains(secret));
    }
}
