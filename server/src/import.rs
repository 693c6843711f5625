//! Import from another system: `flow-server import`.
//!
//! An import reads the other database in one transaction and stores all templates and tasks in
//! another. It keeps their ids, so that a repeated import finds what an earlier one stored. It
//! invents no runs: the states of the other system's tasks are reported only.

mod convert;
mod original;
mod plan;

use std::collections::BTreeMap;
use std::path::PathBuf;

use flow_common::clock::{Clock as _, SystemClock};
use flow_common::error::chain;
use flow_common::secret_file;
use flow_domain::id::{Digest, PartyId, ProjectId};
use flow_domain::run::{Event, EventKind};
use flow_domain::task::Task;
use flow_domain::time::Timestamp;

use self::plan::{Plan, Target};
use crate::config::Config;
use crate::error::StartError;
use crate::startup;
use crate::store::{AccessEntry, NewEvent, PartyRow, Store, StoreError, TaskUpdate, TemplateWrite};

/// Name of the other system, in messages and in events of imported tasks.
const SYSTEM: &str = "iflearner-flow";

#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// Database of the original's flow-server, without a password.
    #[arg(long, value_name = "mysql://USER@HOST:PORT/DATABASE")]
    from: String,
    /// File with the password of that database; only its owner may be able to read it.
    #[arg(long, value_name = "FILE", env = "FLOW_IMPORT_PASSWORD_FILE")]
    password_file: Option<PathBuf>,
    /// Project of the imported templates and tasks.
    #[arg(long, value_name = "PROJECT", default_value = "default")]
    project: ProjectId,
    /// Another name for a party of the original, for example one with capital letters. Repeatable.
    #[arg(long = "party", value_name = "OLD=NEW", value_parser = renamed)]
    parties: Vec<(String, PartyId)>,
    /// Store nothing; print what an import would do. The hub may be running.
    #[arg(long)]
    dry_run: bool,
}

fn renamed(text: &str) -> Result<(String, PartyId), String> {
    let (old, new) = text.split_once('=').ok_or("must be OLD=NEW")?;
    Ok((old.to_owned(), new.parse().map_err(|error| format!("{error}"))?))
}

/// Imports from a database of iflearner-flow and prints a report.
pub(crate) async fn from_iflearner_flow(
    config: &Config,
    args: ImportArgs,
) -> Result<(), StartError> {
    let ImportArgs { from, password_file, project, parties, dry_run } = args;
    let password = password_file.as_deref().map(secret_file::read).transpose();
    let password = password.map_err(|error| StartError(format!("--password-file: {error}")))?;
    let original = original::read(&from, password.as_ref()).await?;
    let renamed: BTreeMap<String, PartyId> = parties.into_iter().collect();
    let failed = |error: StoreError| StartError(chain(&error));
    let is_new = config.store.url.is_none() && !config.sqlite_path().exists();
    let _lock = match dry_run {
        true => None,
        false => Some(startup::lock_data_dir(&config.data_dir)?),
    };
    let store = match dry_run && is_new {
        true => None,
        false => Some(startup::open_store(config).await?),
    };
    if let Some(store) = &store {
        if config.store.url.is_none() && !dry_run {
            store.migrate().await.map_err(failed)?;
        }
        store.check_schema().await.map_err(failed)?;
    }
    let now = SystemClock.now();
    let target = Target {
        store: store.as_ref(),
        project: &project,
        aggregator: &config.hub_agent.party,
        has_own_agent: config.hub_agent.enabled,
        renamed: &renamed,
        now,
    };
    if !target.has_project().await.map_err(failed)? {
        return Err(StartError(format!(
            "--project: there is no project {project}: run `flowctl project create {project}`"
        )));
    }
    let plan = Plan::new(&original, &target).await.map_err(failed)?;
    if let Some(store) = store {
        if !dry_run {
            let _lock = startup::lock_database(&store).await?;
            write(&store, &project, &plan, now).await?;
        }
        store.close().await;
    }
    if dry_run {
        println!("dry run: nothing was stored");
    }
    print!("{}", plan.report(&project));
    Ok(())
}

/// Stores the parties one by one, then all templates and tasks in one transaction. After a kill in
/// between, the next import stores what is missing.
async fn write(
    store: &Store,
    project: &ProjectId,
    plan: &Plan,
    now: Timestamp,
) -> Result<(), StartError> {
    for party in &plan.parties {
        let row = PartyRow {
            id: party.clone(),
            // A random secret that is dropped: the agent gets its secret by `party rotate-secret`.
            secret_digest: Digest::of(flow_common::ids::secret().as_bytes()),
            created_at: now,
            remark: format!("imported from {SYSTEM}"),
        };
        store.create_party(&row).await.map_err(|error| StartError(chain(&error)))?;
    }
    let templates: Vec<_> = plan.templates.iter().cloned().map(TemplateWrite::Create).collect();
    let tasks: Vec<_> = plan.tasks.iter().map(|task| creation(task, now)).collect();
    store.apply_documents(project, &templates, &tasks, None).await.map_err(|error| {
        StartError(format!("no template and no task was imported: {}", chain(&error)))
    })?;
    let entry = AccessEntry {
        id: flow_common::ids::audit_id(),
        at: now,
        actor_id: None,
        actor: format!("flow-server import {SYSTEM}"),
        action: "import".to_owned(),
        object: project.to_string(),
        project: Some(project.clone()),
        address: String::new(),
        detail: plan.summary(),
    };
    store.audit_access(&entry).await.map_err(|error| StartError(chain(&error)))
}

fn creation(task: &Task, now: Timestamp) -> TaskUpdate {
    let message = format!("imported from {SYSTEM}");
    let event = Event { kind: EventKind::TaskCreated, run: None, party: None, message };
    TaskUpdate {
        task: task.clone(),
        insert: true,
        creator: None,
        base_version: 0,
        base_event_seq: 0,
        base_runs: None,
        body_changed: true,
        runs: Vec::new(),
        events: vec![NewEvent { at: now, event }],
        specs: Vec::new(),
        due: None,
        idempotency: None,
    }
}
