//! The requests to an API server, from its audit log.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

const POLICY: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}"#;

/// A use of a kind of resource in the terms of a role: API group (empty = core), plural with
/// subresource, verb.
pub type Use = (String, String, String);

/// Arguments of an API server in `folder` for an audit log of all requests.
pub(super) fn arguments(folder: &Path) -> [String; 2] {
    let policy = folder.join("audit-policy.json");
    std::fs::write(&policy, POLICY).expect("the folder is writable");
    [
        format!("--audit-policy-file={}", policy.display()),
        format!("--audit-log-path={}", log(folder).display()),
    ]
}

/// The requests of `user` that were not forbidden.
pub(super) fn uses(folder: &Path, user: &str) -> BTreeSet<Use> {
    let log =
        std::fs::read_to_string(log(folder)).expect("a cluster that was started with `audit`");
    // The text after the last line break is incomplete.
    let events = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let events = events.map(|line| serde_json::from_str::<Value>(line).expect("one event a line"));
    events
        .filter(|event| event["user"]["username"] == user && event["responseStatus"]["code"] != 403)
        .filter_map(|event| used(&event))
        .collect()
}

fn log(folder: &Path) -> std::path::PathBuf {
    folder.join("audit.jsonl")
}

/// `None` if the request is not for a resource.
fn used(event: &Value) -> Option<Use> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let of = event.get("objectRef")?;
    let resource = text(&of["resource"])?;
    let resource = text(&of["subresource"])
        .map_or_else(|| resource.clone(), |sub| format!("{resource}/{sub}"));
    Some((text(&of["apiGroup"]).unwrap_or_default(), resource, text(&event["verb"])?))
}
