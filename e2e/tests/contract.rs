//! Contract test of the API: schemathesis generates requests from the API document and checks each
//! answer against it. oasdiff compares the document with that of the last release.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use flow_e2e::{Builder, Job, SOON, eventually};
use flow_testkit::{oasdiff, repository, schemathesis};
use reqwest::Method;
use serde_json::{Value, json};

/// Timeout of the whole test on two busy processors.
const DEADLINE: Duration = Duration::from_secs(240);

/// Password of the account that the generated requests sign in as.
const PASSWORD: &str = "correct horse battery";

/// Returns the breaking changes from one API document to another; `None` if it only adds. Clients
/// accept unknown values, so that `oasdiff-severity.txt` allows new ones.
fn breaking_changes(from: &Path, to: &Path) -> Option<String> {
    let severity = repository().join("e2e/contract/oasdiff-severity.txt");
    let output = std::process::Command::new(oasdiff())
        .args(["breaking", "--fail-on", "WARN", "--color", "never", "--severity-levels"])
        .args([&severity, from, to])
        .stdin(Stdio::null())
        .output()
        .expect("it can be executed");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    match output.status.code() {
        Some(0) => None,
        Some(1) => Some(text),
        other => panic!("oasdiff ends with {other:?}: {text}"),
    }
}

/// CONTRIBUTING.md describes when the baseline changes.
#[test]
fn api_document_only_adds_to_that_of_the_last_release() {
    let docs = repository().join("docs");
    let (baseline, present) = (docs.join("openapi-baseline.json"), docs.join("openapi.json"));
    if let Some(changes) = breaking_changes(&baseline, &present) {
        panic!("clients of the last release break:\n{changes}");
    }

    // The check finds what it must find.
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(&present).expect("the document");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let token = "/components/schemas/Token";
    let token_input = "/components/schemas/NewToken";
    type Edit = fn(&mut Value);
    let cases: [(&str, Edit, Option<&str>); 6] = [
        (
            "",
            |document| drop(document["paths"]["/api/v2/tokens"]["get"].take()),
            Some("api removed"),
        ),
        (token, |schema| remove(schema, "last_used_at"), Some("last_used_at")),
        (token, |schema| schema["properties"]["name"]["type"] = "integer".into(), Some("name")),
        (token_input, |schema| require(schema, "zone"), Some("zone")),
        (token, |schema| require(schema, "zone"), None),
        ("/components/schemas/TokenScope", |schema| append(&mut schema["enum"], "new"), None),
    ];
    for (index, (pointer, edit, expected)) in cases.into_iter().enumerate() {
        let mut edited = document.clone();
        edit(edited.pointer_mut(pointer).expect("a part of the document"));
        if let Some(path) = edited["paths"]["/api/v2/tokens"].as_object_mut() {
            path.retain(|_, operation| !operation.is_null());
        }
        let file = folder.path().join(format!("{index}.json"));
        std::fs::write(&file, edited.to_string()).expect("the folder is the test's own");
        let found = breaking_changes(&present, &file);
        match expected {
            Some(part) => {
                let found = found.unwrap_or_default();
                assert!(found.contains(part), "case {index}: {part:?} is not in {found:?}");
            }
            None => assert_eq!(found, None, "case {index} only adds"),
        }
    }
}

fn remove(schema: &mut Value, property: &str) {
    schema["properties"].as_object_mut().expect("properties").remove(property);
}

/// Adds a required property.
fn require(schema: &mut Value, property: &str) {
    schema["properties"][property] = json!({ "type": "string" });
    append(&mut schema["required"], property);
}

fn append(list: &mut Value, item: &str) {
    list.as_array_mut().expect("a list").push(item.into());
}

/// `contract/schemathesis.toml` lists exclusions with their causes.
#[tokio::test]
async fn u40_u41_u42_schemathesis_finds_nothing_against_the_served_document() {
    let mut federation = Builder::default().start().await;
    // Orphans, and a run that continues during the requests.
    let backup = federation.backup("before.db");
    for _ in 0..2 {
        let forgotten = federation.hub.launch(&Job::new("talk")).await;
        federation.hub.wait_phase(&forgotten, "running").await;
    }
    federation.restore(&backup).await;
    for party in ["hospital-a", "hospital-b"] {
        federation.wait_contact(party, "connected").await;
    }
    let orphans = eventually(SOON, async || {
        let found = federation.hub.get("/orphans").await;
        found["items"].as_array().is_some_and(|items| items.len() == 6).then_some(())
    });
    orphans.await.expect("the agents report the members that the hub has forgotten");

    let run = federation.hub.launch(&Job::new("talk")).await;
    federation.hub.wait_phase(&run, "running").await;
    let task = federation.hub.get(&format!("/tasks/{}", run.task)).await;
    let idle = federation.hub.submit(&Job::new("ok")).await;

    let signer = json!({"name": "signer", "password": PASSWORD});
    federation.hub.call(Method::POST, "/users", Some(&signer)).await;

    let document = federation
        .hub
        .http()
        .get(format!("{}/openapi.json", federation.hub.base))
        .bearer_auth(federation.hub.token());
    let document: Value =
        document.send().await.expect("the hub answers").json().await.expect("JSON");
    let paths = document["paths"].as_object().expect("paths").values();
    // From a file: schemathesis omits the operation from which it reads the document.
    let file = federation.root().join("openapi.json");
    std::fs::write(&file, document.to_string()).expect("the folder is the test's own");
    let operations: usize =
        paths.map(|item| item.as_object().map_or(0, |operations| operations.len())).sum();

    let config = repository().join("e2e/contract");
    let mut command = tokio::process::Command::new(schemathesis());
    command
        .args([
            "--config-file",
            "schemathesis.toml",
            "run",
            "--phases",
            "examples,coverage,stateful",
        ])
        .args(["--url", &federation.hub.base])
        .arg(&file)
        .current_dir(&config)
        .env("CONTRACT_TOKEN", federation.hub.token())
        .env("CONTRACT_PASSWORD", PASSWORD)
        .env("CONTRACT_TEMPLATE", task["template"].as_str().expect("an id"))
        .env("CONTRACT_TASK", &run.task)
        .env("CONTRACT_RUN", &run.id)
        .env("CONTRACT_IDLE_TASK", idle)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = flow_common::clock::timeout(DEADLINE, command.output())
        .await
        .expect("schemathesis ends in time")
        .expect("it can be executed");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}\nthe hub's log:\n{}",
        String::from_utf8_lossy(&output.stderr),
        federation.server_log()
    );
    // schemathesis accepts a filter without matches.
    assert!(
        text.lines().any(|line| line.trim() == format!("Tested: {operations}")),
        "not all of {operations} operations were tested:\n{text}"
    );

    // No workload may outlive the federation.
    for orphan in
        federation.hub.get("/orphans?limit=200").await["items"].as_array().into_iter().flatten()
    {
        let path = format!("/orphans/{}/stop", orphan["id"].as_str().expect("an id"));
        // It may have ended since it was listed.
        federation.hub.try_call(Method::POST, &path, None).await.expect("the hub answers");
    }
    loop {
        let page = federation.hub.get("/tasks?limit=200").await;
        let tasks = page["items"].as_array().expect("a list");
        if tasks.is_empty() {
            break;
        }
        for task in tasks {
            federation
                .hub
                .call(
                    Method::DELETE,
                    &format!("/tasks/{}", task["id"].as_str().expect("an id")),
                    None,
                )
                .await;
        }
    }
    federation.end().await;
}
