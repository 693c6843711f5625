//! `flow-federate config …`, and the check of the hub's certificate authorities.

use std::process::ExitCode;

use flow_common::clock::{Clock as _, SystemClock};
use flow_common::tls::client::trusted;

use super::source::{ConfigArgs, Failure, ca_file, load, print};
use crate::config::{self, Checked, Faults};

pub(super) fn check(args: &ConfigArgs) -> Result<ExitCode, Failure> {
    let (loaded, unreadable) = config::load_sound(args.file.clone(), args.overrides.clone())?;
    let mut faults: Vec<String> = unreadable.iter().map(ToString::to_string).collect();
    let checked = loaded.value.check();
    if let Err(Faults(found)) = &checked {
        faults.extend(found.iter().map(|fault| loaded.locate(&fault.to_string())));
    }
    let authorities = checked.as_ref().map(check_authorities).unwrap_or_default();
    faults.extend(authorities.fault);
    match checked {
        Ok(checked) if faults.is_empty() => {
            for warning in authorities.warnings {
                print(&format!("warning: {warning}"))?;
            }
            print(&format!("valid: party {}, hub {}", checked.party, checked.hub))?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(faults.join("\n").into()),
    }
}

pub(super) fn dump(args: &ConfigArgs) -> Result<ExitCode, Failure> {
    print(load(args)?.dump().trim_end())?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Default)]
pub(super) struct Authorities {
    pub fault: Option<String>,
    pub warnings: Vec<String>,
}

/// Checks the certificates in `hub.ca_file`, if it is set.
pub(super) fn check_authorities(checked: &Checked) -> Authorities {
    let Some(file) = ca_file(checked) else { return Authorities::default() };
    let now = SystemClock.now();
    match trusted(&file, now) {
        Err(error) => {
            Authorities { fault: Some(format!("hub.ca_file: {error}")), warnings: Vec::new() }
        }
        Ok(trusted) => {
            let warnings = trusted.iter().filter_map(|certificate| certificate.warning(now));
            let warnings = warnings.map(|warning| format!("hub.ca_file: {warning}")).collect();
            Authorities { fault: None, warnings }
        }
    }
}
