//! `flow-federate doctor`: checks what the agent needs and writes nothing.

use std::path::Path;
use std::process::ExitCode;

use flow_common::{private_dir, secret_file};
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::AccessFlags;

#[cfg(feature = "kubernetes")]
use super::cluster;
use super::configuration::check_authorities;
use super::report::Report;
use super::source::{ConfigArgs, Failure, located, login, print};
use crate::admission::MISSING_SHIM_EFFECT;
use crate::config::{self, Checked, Config, RuntimeKind};
use crate::runtime::process::containment;
use crate::runtime::{DataSource, ImageSource};
use crate::session;

pub(super) fn run(args: &ConfigArgs) -> Result<ExitCode, Failure> {
    let mut report = Report::default();
    check_all(args, &mut report)?;
    print(&report.text())?;
    Ok(if report.has_failure() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn check_all(args: &ConfigArgs, report: &mut Report) -> Result<(), Failure> {
    let read =
        config::load_sound(args.file.clone(), args.overrides.clone()).map_err(|e| e.to_string());
    let Some((loaded, unreadable)) = report.note("configuration", read) else { return Ok(()) };
    unreadable.iter().for_each(|fault| report.fail("configuration", &fault.to_string()));
    let config = &loaded.value;
    let checked = report.note("values", config.check().map_err(|faults| located(&loaded, &faults)));
    let secret = secret_file::read(&config.hub.secret_file);
    report.note("secret", secret.map(drop).map_err(|e| e.to_string()));
    match check_data_dir(&config.data_dir) {
        Ok(DataDir::Usable) => report.ok("data_dir"),
        Ok(DataDir::Missing) => report.ok(format_args!(
            "data_dir: {} does not exist yet; `run` creates it",
            config.data_dir.display()
        )),
        Err(error) => report.fail("data_dir", &error),
    }
    if let Some(warning) = config.retention.warning(&config.data_dir) {
        report.warn(warning);
    }
    check_images(config, report);
    check_datasets(config, report);
    if let Some(checked) = &checked {
        check_hub(config, checked, report)?;
    }
    match config.runtime {
        RuntimeKind::Process => {
            report.ok(format_args!(
                "containment of workloads that an agent starts from here: {}; `flowctl party get {}` \
                 shows that of the running agent",
                containment(),
                config.party,
            ));
        }
        #[cfg(feature = "kubernetes")]
        RuntimeKind::Kubernetes => cluster::doctor(config, report)?,
        #[cfg(not(feature = "kubernetes"))]
        RuntimeKind::Kubernetes => {}
    }
    Ok(())
}

fn check_images(config: &Config, report: &mut Report) {
    for (name, image) in &config.images {
        let ImageSource::Root(root) = &image.source else { continue };
        let exists = root
            .is_dir()
            .then_some(())
            .ok_or_else(|| format!("{} is not a directory: correct `root`", root.display()));
        report.note(&format!("image {name}"), exists);
        if image.source.lacks_shim() {
            report.warn(format_args!(
                "image {name}: the directory compat/ is missing: {MISSING_SHIM_EFFECT}"
            ));
        }
    }
}

fn check_datasets(config: &Config, report: &mut Report) {
    for (name, dataset) in &config.datasets {
        let DataSource::Directory(path) = &dataset.source else { continue };
        let readable =
            std::fs::read_dir(path).map(drop).map_err(|e| format!("{}: {e}", path.display()));
        report.note(&format!("dataset {name}"), readable);
    }
}

fn check_hub(config: &Config, checked: &Checked, report: &mut Report) -> Result<(), Failure> {
    let authorities = check_authorities(checked);
    authorities.warnings.iter().for_each(|warning| report.warn(warning));
    if let Some(fault) = authorities.fault {
        report.fail("hub", &fault);
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let accepted = runtime.block_on(session::authenticate(&checked.hub, &login(config, checked)));
    report.note("hub", accepted);
    Ok(())
}

enum DataDir {
    Usable,
    /// It does not exist, and this user may create it.
    Missing,
}

/// Checks that this user can use the directory or create it. It does not create it: a directory of
/// the user who runs `doctor`, perhaps root, would be of no use to the agent.
fn check_data_dir(dir: &Path) -> Result<DataDir, String> {
    let writable = |dir: &Path| {
        let modes = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
        nix::unistd::faccessat(AT_FDCWD, dir, modes, AtFlags::AT_EACCESS)
            .map_err(|error| format!("{}: {}", dir.display(), error.desc()))
    };
    match std::fs::metadata(dir) {
        Ok(found) if found.is_dir() => {
            private_dir::check(dir).map_err(|error| error.to_string())?;
            writable(dir).map(|()| DataDir::Usable)
        }
        Ok(_) => Err(format!("{} is not a directory: correct data_dir", dir.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let absolute =
                std::path::absolute(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
            let parent = absolute
                .ancestors()
                .skip(1)
                .find(|parent| parent.is_dir())
                .unwrap_or(Path::new("/"));
            writable(parent).map(|()| DataDir::Missing)
        }
        Err(error) => Err(format!("{}: {error}", dir.display())),
    }
}
