//! Hubs that flowctl knows, with a token for each: one file that only its owner can read.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use flow_common::secret_file::{self, Secret, SecretFileError};
use serde::{Deserialize, Serialize};

use crate::error::{CliError, ExitStatus};
use crate::global::Global;

/// Address of a hub on this machine with the default configuration.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:1235";
/// Name of the first context.
const DEFAULT_NAME: &str = "default";

/// A hub with the account that flowctl uses there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// REST address of the hub.
    pub server: String,
    /// File with the only trusted authorities for its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Project of each request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Name of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// API token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Id of the token, to delete it at the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
}

/// Content of the file.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Contexts {
    /// Name of the context of commands that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    #[serde(default)]
    pub contexts: BTreeMap<String, Context>,
}

/// Address, account and project of a command.
pub struct Connection {
    /// Name of the context, if there is one.
    pub name: Option<String>,
    pub server: String,
    pub ca_file: Option<PathBuf>,
    pub project: Option<String>,
    pub token: Option<Secret>,
}

/// Returns the path of the file.
fn path() -> Result<PathBuf, CliError> {
    let named = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = named("XDG_CONFIG_HOME").or_else(|| Some(named("HOME")?.join(".config")));
    named("FLOW_CONTEXTS_FILE").or_else(|| Some(folder?.join("flow/contexts.json"))).ok_or_else(
        || {
            CliError::usage("there is no place for the contexts: HOME is not set")
                .with_remedy("Set FLOW_CONTEXTS_FILE, or name the token by --token-file.")
        },
    )
}

impl Contexts {
    /// Reads the file; a missing one is empty.
    pub fn read() -> Result<Self, CliError> {
        let Ok(path) = path() else { return Ok(Self::default()) };
        let text = match secret_file::read(&path) {
            Ok(text) => text,
            Err(SecretFileError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(CliError::new(ExitStatus::Auth, error.to_string())),
        };
        serde_json::from_str(text.expose()).map_err(|error| {
            CliError::new(ExitStatus::Failed, format!("cannot read {}: {error}", path.display()))
                .with_remedy("Correct the file, or remove it and sign in again.")
        })
    }

    /// Replaces the file. A kill leaves the old or the new one.
    pub fn write(&self) -> Result<PathBuf, CliError> {
        let path = path()?;
        let failed = |error: std::io::Error| {
            CliError::new(ExitStatus::Failed, format!("cannot write {}: {error}", path.display()))
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| CliError::new(ExitStatus::Failed, error.to_string()))?;
        let mut temporary = path.clone().into_os_string();
        temporary.push(format!(".{}.tmp", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let written = || {
            // A killed flowctl may have left the file. A file of another user must not get the token.
            match std::fs::remove_file(&temporary) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&temporary)?;
            writeln!(file, "{text}")?;
            file.sync_all()?;
            std::fs::rename(&temporary, &path)
        };
        written().map_err(failed)?;
        Ok(path)
    }

    /// Returns the name of the context that these options select.
    fn selected(&self, global: &Global) -> Result<Option<String>, CliError> {
        if let Some(name) = &global.context {
            return Ok(Some(name.clone()));
        }
        let of_server = |server: &String| {
            let same = |(_, context): &(&String, &Context)| same(&context.server, server);
            let current = self.current.as_ref().and_then(|name| self.contexts.get_key_value(name));
            let found = current.filter(same).or_else(|| self.contexts.iter().find(same));
            found.map(|(name, _)| name.clone())
        };
        Ok(match &global.server {
            Some(server) => of_server(server),
            None => self.current.clone(),
        })
    }

    /// Combines the options, the environment and the contexts. A token is never sent to a
    /// hub other than the one that it was stored for.
    pub fn connection(&self, global: &Global) -> Result<Connection, CliError> {
        let name = self.selected(global)?;
        let context = name.as_ref().and_then(|name| self.contexts.get(name));
        if let (Some(name), None, None) = (&global.context, context, &global.server) {
            return Err(CliError::usage(format!("there is no context {name}"))
                .with_remedy("List them with `flowctl context list`; create one with `flowctl login --context NAME --server URL`."));
        }
        let server = match (&global.server, context) {
            (Some(server), _) => server.clone(),
            (None, Some(context)) => context.server.clone(),
            (None, None) => DEFAULT_SERVER.to_owned(),
        };
        let context = context.filter(|context| same(&context.server, &server));
        let token = match &global.token_file {
            Some(file) => Some(read_token(file)?),
            None => context.and_then(|context| context.token.clone()).map(Secret::new),
        };
        Ok(Connection {
            ca_file: global
                .ca_file
                .clone()
                .or_else(|| context.and_then(|context| context.ca_file.clone())),
            project: global
                .project
                .clone()
                .or_else(|| context.and_then(|context| context.project.clone())),
            name,
            server,
            token,
        })
    }

    /// Stores the account of a connection, and makes its context the current one. Returns the name
    /// of the context.
    pub fn store(
        &mut self,
        global: &Global,
        connection: &Connection,
        user: String,
        token: String,
        token_id: String,
    ) -> String {
        let free = || {
            let names = (2..).map(|number| format!("{DEFAULT_NAME}-{number}"));
            let mut names = std::iter::once(DEFAULT_NAME.to_owned()).chain(names);
            names.find(|name| !self.contexts.contains_key(name))
        };
        let name = global
            .context
            .clone()
            .or_else(|| connection.name.clone())
            .or_else(free)
            .unwrap_or_else(|| DEFAULT_NAME.to_owned());
        let ca_file = connection.ca_file.as_ref();
        let context = Context {
            server: connection.server.clone(),
            ca_file: ca_file.map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone())),
            project: connection.project.clone(),
            user: Some(user),
            token: Some(token),
            token_id: Some(token_id),
        };
        self.contexts.insert(name.clone(), context);
        self.current = Some(name.clone());
        name
    }
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// The remedy for a missing or invalid token.
pub const TOKEN_REMEDY: &str = "Sign in with `flowctl login`, or name the file with your API token by --token-file or FLOW_TOKEN_FILE.";

/// Reads a token from a file. The token is never an argument: every user of the machine can read the
/// command line.
fn read_token(path: &Path) -> Result<Secret, CliError> {
    secret_file::read(path).map_err(|error| {
        CliError::new(ExitStatus::Auth, error.to_string()).with_remedy(TOKEN_REMEDY)
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Cli;

    fn global(options: &[&str]) -> Global {
        let words = ["flowctl"].iter().chain(options).chain(&["version"]);
        Cli::try_parse_from(words).expect("a command line").global
    }

    fn contexts() -> Contexts {
        let context = |server: &str, token: &str| Context {
            server: server.to_owned(),
            ca_file: None,
            project: Some("p".to_owned()),
            user: None,
            token: Some(token.to_owned()),
            token_id: None,
        };
        let all = [("one", context("https://one", "t1")), ("two", context("https://two/", "t2"))];
        Contexts {
            current: Some("one".to_owned()),
            contexts: all.into_iter().map(|(name, context)| (name.to_owned(), context)).collect(),
        }
    }

    #[test]
    fn token_goes_only_to_the_hub_that_it_was_stored_for() {
        for (options, server, token) in [
            (&[][..], "https://one", Some("t1")),
            (&["--context", "two"], "https://two/", Some("t2")),
            (&["--server", "https://two"], "https://two", Some("t2")),
            (&["--server", "https://evil"], "https://evil", None),
            (&["--context", "one", "--server", "https://evil"], "https://evil", None),
        ] {
            let found = contexts().connection(&global(options)).expect("a connection");
            let found_token = found.token.as_ref().map(Secret::expose);
            assert_eq!((found.server.as_str(), found_token), (server, token), "{options:?}");
        }
        assert!(contexts().connection(&global(&["--context", "three"])).is_err());
        let none = Contexts::default().connection(&global(&[])).expect("a connection");
        assert_eq!((none.server.as_str(), none.token), (DEFAULT_SERVER, None));
    }

    #[test]
    fn new_account_gets_a_context_and_replaces_the_one_of_its_hub() {
        let mut all = contexts();
        let options = global(&["--server", "https://two"]);
        let connection = all.connection(&options).expect("a connection");
        let store = |all: &mut Contexts, options: &Global, connection: &Connection| {
            all.store(options, connection, "bob".to_owned(), "t3".to_owned(), "id".to_owned())
        };
        assert_eq!(store(&mut all, &options, &connection), "two");
        assert_eq!(all.contexts["two"].token.as_deref(), Some("t3"));
        let options = global(&["--server", "https://three"]);
        let connection = all.connection(&options).expect("a connection");
        assert_eq!(store(&mut all, &options, &connection), "default");
        assert_eq!((all.current.as_deref(), all.contexts.len()), (Some("default"), 3));
    }
}
