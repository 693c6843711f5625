//! Completion of names in a shell: asks the hub of the environment.

use std::ffi::OsStr;
use std::time::Duration;

use clap_complete::engine::CompletionCandidate;
use flow_common::text::is_unsafe;
use serde_json::Value;

use crate::client::Client;
use crate::contexts::Contexts;
use crate::global::Global;
use crate::output::{Color, Format};

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
    let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let global = Global {
        context: text("FLOW_CONTEXT"),
        server: text("FLOW_SERVER"),
        ca_file: text("FLOW_CA_FILE").map(Into::into),
        project: text("FLOW_PROJECT"),
        token_file: text("FLOW_TOKEN_FILE").map(Into::into),
        output: Format::default(),
        color: Color::default(),
        schema: false,
    };
    let client = Client::of(&Contexts::read().ok()?.connection(&global).ok()?).ok()?;
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
