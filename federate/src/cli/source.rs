//! The configuration options and the helpers that all commands share.

use std::path::PathBuf;

use flow_common::config::Loaded;
use flow_common::stdout;

use crate::config::{self, Checked, Config, Faults};
use crate::dial::Address;
use crate::session::{Login, SecretSource};

/// Names the environment variable with the path of the configuration file.
#[derive(Debug, Clone)]
pub(super) struct Program;

impl flow_common::config_args::Program for Program {
    const CONFIG_ENV: &'static str = "FLOW_FEDERATE_CONFIG";
}

pub(super) type ConfigArgs = flow_common::config_args::ConfigArgs<Program>;

pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(super) fn load(args: &ConfigArgs) -> Result<Loaded<Config>, Failure> {
    Ok(config::load(args.file.clone(), args.overrides.clone())?)
}

/// Faults with their files, one a line.
pub(super) fn located(loaded: &Loaded<Config>, Faults(faults): &Faults) -> String {
    faults.iter().map(|fault| loaded.locate(&fault.to_string())).collect::<Vec<_>>().join("\n")
}

pub(super) fn login(config: &Config, checked: &Checked) -> Login {
    Login {
        party: checked.party.clone(),
        secret: SecretSource::File(config.hub.secret_file.clone()),
    }
}

/// File with the certificate authorities of the hub; `None` = those of this machine.
pub(super) fn ca_file(checked: &Checked) -> Option<PathBuf> {
    match &checked.hub {
        Address::Tls { ca_file, .. } => ca_file.clone(),
        Address::Plain(_) => None,
    }
}

pub(super) fn print(text: &str) -> Result<(), Failure> {
    Ok(stdout::print(format!("{text}\n"))?)
}
