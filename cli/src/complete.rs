//! Completion of names in a shell: asks the hub of the environment.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use clap_complete::engine::CompletionCandidate;
use flow_common::text::is_unsafe;
use serde_json::Value;

use crate::client::{Client, find_token};

/// Longest time for which a shell waits for names.
const COMPLETION_TIMEOUT: Duration = Duration::from_secs(1);

pub fn tasks(typed: &OsStr) -> Vec<CompletionCandidate> {
    names("tasks", typed)
}

pub fn templates(typed: &OsStr) -> Vec<CompletionCandidate> {
    names("templates", typed)
}

pub fn parties(typed: &OsStr) -> Vec<CompletionCandidate> {
    names("parties", typed)
}

/// Returns the names of a list that begin with `typed`. After any failure there are none: a shell
/// has no place for an error.
fn names(list: &str, typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return Vec::new() };
    runtime
        .block_on(flow_common::clock::timeout(COMPLETION_TIMEOUT, read(list, typed)))
        .ok()
        .flatten()
        .unwrap_or_default()
}

async fn read(list: &str, typed: &str) -> Option<Vec<CompletionCandidate>> {
    let file =
        |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let server =
        std::env::var("FLOW_SERVER").unwrap_or_else(|_| "http://127.0.0.1:1235".to_owned());
    let data_dir = file("FLOW_DATA_DIR").unwrap_or_else(|| "flow-server.data".into());
    let token = find_token(file("FLOW_TOKEN_FILE").as_deref(), &data_dir).ok()?;
    let client = Client::new(&server, file("FLOW_CA_FILE").as_deref(), token).ok()?;
    // The hub filters tasks and templates by the beginning of names.
    let filter: &[(&str, &str)] = if list == "parties" { &[] } else { &[("name", typed)] };
    let page: Value = client.get(&[list], &[filter, &[("limit", "200")]].concat()).await.ok()?;
    let items = page["items"].as_array()?.iter();
    let names = items.filter_map(|item| item["name"].as_str());
    Some(
        names
            .filter(|name| name.starts_with(typed) && !name.contains(is_unsafe))
            .map(CompletionCandidate::new)
            .collect(),
    )
}
