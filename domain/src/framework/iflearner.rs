//! The published iflearner 0.1.0: one aggregator that never exits, trainers, a status page.
//!
//! This module guards against defects of the framework, which hangs or shows wrong states:
//! strategies that never work (L7), different epoch counts (L5), completion of the whole federation
//! (L8, L9, L12), masks that do not cancel (L21). Python modules in [`shim_dir`] repair races and
//! missing exits of the framework (L1, L3).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{GRPC, HTTP, PEER, Start};
use crate::bindings::literal;
use crate::error::{FieldCode, FieldErrors, pointer};
use crate::id::PartyId;
use crate::member::Role;
use crate::progress::PartyProgress;
use crate::spec::MemberSpec;
use crate::task::{TaskBody, TaskMember};
use crate::template::TemplateBody;

/// Parameter: averaging strategy of the aggregator.
pub const STRATEGY: &str = "strategy";
/// Parameter: JSON object with the parameters of the strategy.
pub const STRATEGY_PARAMS: &str = "strategy_params";
/// Parameter: `true` hides uploads of trainers with pairwise masks (`enable_smpc` in the original
/// system).
pub const SMPC: &str = "smpc";
/// Parameter: `true` makes each trainer also train a local model for comparison.
pub const ENABLE_LL: &str = "enable_ll";
/// Parameters that every iflearner task may set.
pub(super) const PARAMETERS: &[&str] = &[STRATEGY, STRATEGY_PARAMS, SMPC, ENABLE_LL];

/// Strategies of iflearner 0.1.0; `None` = supported, otherwise the defect for which the platform
/// refuses it.
const STRATEGIES: &[(&str, Option<&str>)] = &[
    ("FedAvg", None),
    ("Scaffold", None),
    ("FedOpt", Some("it fails at the last upload of the first round, and the other parties hang")),
    ("qFedAvg", Some("its average is empty")),
    ("FedNova", Some("its average is empty")),
    ("STC", Some("that release does not contain it")),
];

/// Flags of a trainer that the platform sets, without dashes and with `_` for `-`.
const FLAGS: &[&str] = &["name", "epochs", "server", "cert", "peers", "peer_cert", "enable_ll"];

/// Directory below the image's root with repairs of the framework, for `PYTHONPATH`
/// (`workloads/*/compat`).
#[must_use]
pub const fn shim_dir() -> &'static str {
    "compat"
}

/// `total_epoch` on the status page: the epochs with which the aggregator was started.
#[must_use]
pub const fn total_epoch(epochs: u32) -> u32 {
    epochs
}

/// `current_epoch` of a party after all epochs. With local training (`enable_ll`) the framework
/// skips the last federated epoch and stops one earlier (L9).
#[must_use]
pub const fn final_epoch(epochs: u32, enable_ll: bool) -> u32 {
    if enable_ll { epochs.saturating_sub(1) } else { epochs }
}

/// The expected content of an aggregator's `/v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusPage {
    /// Name of the port of the page.
    pub port: String,
    /// Trainers that may appear.
    pub parties: BTreeSet<PartyId>,
    /// `total_epoch` of every party.
    pub total_epoch: u32,
    /// `current_epoch` of every party at the end.
    pub final_epoch: u32,
}

/// The content of the page: party name → line.
pub type Lines = BTreeMap<String, PartyProgress>;

impl StatusPage {
    /// True if a page belongs to this run and not to an old or foreign aggregator on the same port
    /// (L11, L12).
    #[must_use]
    pub fn is_ours(&self, page: &Lines) -> bool {
        page.iter().all(|(name, line)| {
            line.total_epoch == self.total_epoch
                && name.parse().is_ok_and(|party: PartyId| self.parties.contains(&party))
        })
    }

    /// True if a page shows that all trainers of the run are complete. `trainers` is the number at
    /// the start commit (binding `trainers`), which with k of n may be smaller than the number of
    /// trainers that may appear.
    #[must_use]
    pub fn is_complete(&self, page: &Lines, trainers: usize) -> bool {
        trainers > 0
            && page.len() == trainers
            && self.is_ours(page)
            && page.values().all(|line| line.complete && line.current_epoch == self.final_epoch)
    }
}

pub(super) fn status_page(spec: &MemberSpec) -> StatusPage {
    StatusPage {
        port: HTTP.to_owned(),
        parties: spec
            .parties
            .iter()
            .filter(|p| p.role == Role::Trainer)
            .map(|p| p.party.clone())
            .collect(),
        total_epoch: total_epoch(spec.epochs),
        final_epoch: final_epoch(spec.epochs, is_on(&spec.parameters, ENABLE_LL)),
    }
}

fn is_on(parameters: &BTreeMap<String, String>, name: &str) -> bool {
    parameters.get(name).is_some_and(|value| value == "true")
}

pub(super) fn wants_peers(parameters: &BTreeMap<String, String>) -> bool {
    is_on(parameters, SMPC)
}

fn strategy(parameters: &BTreeMap<String, String>) -> &str {
    parameters.get(STRATEGY).map_or("FedAvg", String::as_str)
}

fn strategy_params(parameters: &BTreeMap<String, String>) -> &str {
    parameters.get(STRATEGY_PARAMS).map_or("{}", String::as_str)
}

const UNBUFFERED: &str = "PYTHONUNBUFFERED";
/// Variables in every spec of this framework. No value of them makes a program load code.
pub(super) const OWN_VARIABLES: &[&str] = &[UNBUFFERED];

/// Adds the flags of the framework. They come last, because iflearner uses the last of repeated
/// flags: neither a command nor a parameter can give one party different epochs (L5).
pub(super) fn start(
    task: &TaskBody,
    template: &TemplateBody,
    member: &TaskMember,
    parameters: &BTreeMap<String, String>,
    start: &mut Start,
) {
    // Without this variable the last lines of output are lost (L10). A template may override it.
    start.env.insert(UNBUFFERED.to_owned(), "1".to_owned());
    let epochs = task.epochs;
    let flags = match member.role {
        Role::Aggregator => {
            if template.aggregator_command.is_empty() {
                start.argv = ["python", "-m", "iflearner.business.homo.aggregate_server"]
                    .map(str::to_owned)
                    .to_vec();
            }
            vec![
                format!("-n={}", start.trainers(task)),
                format!("--epochs={epochs}"),
                format!("--addr={}", start.listen(GRPC)),
                format!("--http_addr={}", start.listen(HTTP)),
                format!("--strategy={}", literal(strategy(parameters))),
                format!("--strategy_params={}", literal(strategy_params(parameters))),
            ]
        }
        Role::Trainer => {
            let own = parameters.iter().filter(|(name, _)| !PARAMETERS.contains(&name.as_str()));
            let mut flags: Vec<String> =
                own.map(|(name, value)| format!("--{name}={}", literal(value))).collect();
            flags.push(format!("--name={}", member.party));
            flags.push(format!("--epochs={epochs}"));
            if let Some(aggregator) = task.aggregator() {
                flags.push(format!("--server={}", start.endpoint(&aggregator.party, GRPC)));
            }
            if is_on(parameters, ENABLE_LL) {
                flags.push("--enable-ll=1".to_owned());
            }
            if wants_peers(parameters) {
                // The own address first, then only trainers of the same task (F4).
                let mut peers = vec![start.listen(PEER)];
                peers.extend(task.peers(member).map(|m| start.endpoint(&m.party, PEER)));
                flags.push(format!("--peers={}", peers.join(";")));
            }
            flags
        }
    };
    start.argv.extend(flags);
}

pub(super) fn check_template(template: &TemplateBody, errors: &mut FieldErrors) {
    for name in template.parameters.keys() {
        if FLAGS.contains(&name.replace('-', "_").as_str()) && name != ENABLE_LL {
            errors.add(
                pointer(&["parameters", name]),
                FieldCode::Reserved,
                "is a flag that the platform sets; choose another name",
            );
        }
    }
    for (index, arg) in template.command.iter().enumerate() {
        let flag = arg.split('=').next().unwrap_or_default();
        // argparse accepts a prefix in place of a complete flag.
        if flag.len() > "--e".len() && "--enable-ll".starts_with(flag) {
            let path = pointer(&["command", &index.to_string()]);
            errors.add(
                path,
                FieldCode::Reserved,
                format!("changes the last epoch (L9): set the parameter `{ENABLE_LL}` instead"),
            );
        }
    }
    let defaults = template
        .parameters
        .iter()
        .filter_map(|(name, schema)| Some((name.clone(), schema.default.clone()?)))
        .collect();
    check_parameters(&defaults, &|name| pointer(&["parameters", name, "default"]), errors);
}

pub(super) fn check_task(
    task: &TaskBody,
    parameters: &BTreeMap<String, String>,
    errors: &mut FieldErrors,
) {
    let path = |name: &str| pointer(&["parameters", name]);
    check_parameters(parameters, &path, errors);
    if task.aggregator().is_none() {
        errors.add(
            "/members",
            FieldCode::Required,
            "must contain a member with the role aggregator: iflearner needs one",
        );
    }
    if wants_peers(parameters) {
        let trainers = task.trainers();
        if trainers < 2 {
            errors.add(path(SMPC), FieldCode::NotAllowed, "needs at least 2 trainers");
        }
        if task.rules.minimum_parties.is_some_and(|k| k < trainers) {
            let message = format!(
                "must be absent or {trainers}: masks cancel only if every trainer takes part"
            );
            errors.add("/rules/minimum_parties", FieldCode::NotAllowed, message);
        }
    }
    if is_on(parameters, ENABLE_LL) && task.epochs < 2 {
        errors.add(
            "/epochs",
            FieldCode::OutOfRange,
            format!("must be at least 2 with `{ENABLE_LL}`, which skips the last epoch"),
        );
    }
}

/// Adds the errors in the framework's parameters, each at the path that `path` returns.
fn check_parameters(
    parameters: &BTreeMap<String, String>,
    path: &dyn Fn(&str) -> String,
    errors: &mut FieldErrors,
) {
    if let Some(name) = parameters.get(STRATEGY) {
        let works: Vec<&str> = STRATEGIES
            .iter()
            .filter(|(_, broken)| broken.is_none())
            .map(|(name, _)| *name)
            .collect();
        let works = works.join(" or ");
        match STRATEGIES.iter().find(|(known, _)| known == name) {
            Some((_, None)) => {}
            Some((_, Some(why))) => {
                errors.add(
                    path(STRATEGY),
                    FieldCode::Unsupported,
                    format!("{name} does not work in iflearner 0.1.0: {why}; use {works}"),
                );
            }
            None => errors.add(
                path(STRATEGY),
                FieldCode::NotAllowed,
                format!("must be {works}, in exactly this spelling"),
            ),
        }
    }
    let mut weighted = false;
    if let Some(text) = parameters.get(STRATEGY_PARAMS) {
        match serde_json::from_str::<BTreeMap<String, serde_json::Value>>(text) {
            Err(_) => errors.add(
                path(STRATEGY_PARAMS),
                FieldCode::WrongType,
                "must be a JSON object, such as {\"weighted_fedavg\": true}",
            ),
            // Other content makes the aggregator fail at its start.
            Ok(given)
                if given
                    .iter()
                    .any(|(name, value)| name != "weighted_fedavg" || !value.is_boolean()) =>
            {
                let message = "must contain only weighted_fedavg with true or false";
                errors.add(path(STRATEGY_PARAMS), FieldCode::NotAllowed, message);
            }
            Ok(given) => weighted = given.values().any(|value| value == true),
        }
    }
    for name in [SMPC, ENABLE_LL] {
        if parameters.get(name).is_some_and(|value| value != "true" && value != "false") {
            errors.add(path(name), FieldCode::WrongType, "must be true or false");
        }
    }
    if weighted && wants_peers(parameters) {
        let message =
            "must be false with weighted_fedavg: masks do not cancel in a weighted average";
        errors.add(path(SMPC), FieldCode::NotAllowed, message);
    }
}
