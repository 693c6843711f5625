//! The published iflearner 0.1.0: one aggregator that never exits, trainers, a status page.
//!
//! What is guarded here, because the framework itself hangs or lies: strategies that never work (L7), different epoch
//! counts (L5), the verdict on the whole federation (L8, L9, L12), masks that do not cancel (L21). The repairs of the
//! framework's own races and missing exits (L1, L3) are a folder of Python, [`shim_dir`].

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

/// Which way the aggregator averages.
pub const STRATEGY: &str = "strategy";
/// JSON object of the strategy's own parameters.
pub const STRATEGY_PARAMS: &str = "strategy_params";
/// `true`: the trainers hide what they upload behind pairwise masks (v1: `enable_smpc`).
pub const SMPC: &str = "smpc";
/// `true`: each trainer also trains a purely local model, for comparison.
pub const ENABLE_LL: &str = "enable_ll";
/// Parameters every iflearner task may set.
pub(super) const PARAMETERS: &[&str] = &[STRATEGY, STRATEGY_PARAMS, SMPC, ENABLE_LL];

/// What 0.1.0 really does: the first works, the others are refused with this reason.
const STRATEGIES: &[(&str, Option<&str>)] = &[
    ("FedAvg", None),
    ("Scaffold", None),
    (
        "FedOpt",
        Some("it fails at the last upload of the first round and leaves the other parties hanging"),
    ),
    ("qFedAvg", Some("its average comes back empty")),
    ("FedNova", Some("its average comes back empty")),
    ("STC", Some("it is not part of that release")),
];

/// Flags of a trainer that the platform sets, without their dashes and with `_` for `-`.
const FLAGS: &[&str] = &["name", "epochs", "server", "cert", "peers", "peer_cert", "enable_ll"];

/// Directory below the image's root that repairs the framework when it is on `PYTHONPATH` (`workloads/*/compat`).
#[must_use]
pub const fn shim_dir() -> &'static str {
    "compat"
}

/// `total_epoch` on the status page: what the aggregator was told.
#[must_use]
pub const fn total_epoch(epochs: u32) -> u32 {
    epochs
}

/// `current_epoch` of a party that has done all its epochs. With local training beside (`enable_ll`) the framework
/// leaves the last federated epoch out and stops one earlier (L9).
#[must_use]
pub const fn final_epoch(epochs: u32, enable_ll: bool) -> u32 {
    if enable_ll { epochs.saturating_sub(1) } else { epochs }
}

/// What an aggregator's `/v1/status` must show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusPage {
    /// Name of the port it is served on.
    pub port: String,
    /// Trainers that may appear.
    pub parties: BTreeSet<PartyId>,
    /// `total_epoch` of each.
    pub total_epoch: u32,
    /// `current_epoch` of each at the end.
    pub final_epoch: u32,
}

/// The page as served: party name → line.
pub type Lines = BTreeMap<String, PartyProgress>;

impl StatusPage {
    /// Whether a page is that of this run, and not of a stale or foreign aggregator on the same port (L11, L12).
    #[must_use]
    pub fn is_ours(&self, page: &Lines) -> bool {
        page.iter().all(|(name, line)| {
            line.total_epoch == self.total_epoch
                && name.parse().is_ok_and(|party: PartyId| self.parties.contains(&party))
        })
    }

    /// Whether a page shows that all `trainers` of the run have finished. The number is that of the frozen set, which
    /// with k of n is smaller than the list of those that may appear: binding `trainers`.
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
/// Variables that every spec of this framework sets. No value of theirs makes a program load anything.
pub(super) const OWN_VARIABLES: &[&str] = &[UNBUFFERED];

/// Adds the framework's own flags, as the original platform spells them. They come last: where a flag is given twice
/// iflearner takes the last, so neither a command nor a parameter can give one party other epochs than the rest (L5).
pub(super) fn start(
    task: &TaskBody,
    template: &TemplateBody,
    member: &TaskMember,
    parameters: &BTreeMap<String, String>,
    start: &mut Start,
) {
    // Without it the last lines of output are lost (L10). A template may decide otherwise.
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
                // Own address first; the others are the task's own trainers, and nobody else (F4).
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
                "is a flag that the platform sets itself; choose another name",
            );
        }
    }
    for (index, arg) in template.command.iter().enumerate() {
        let flag = arg.split('=').next().unwrap_or_default();
        // argparse takes a prefix for the whole.
        if flag.len() > "--e".len() && "--enable-ll".starts_with(flag) {
            let path = pointer(&["command", &index.to_string()]);
            errors.add(
                path,
                FieldCode::Reserved,
                format!("moves the last epoch (L9): set the parameter `{ENABLE_LL}` instead"),
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
            "iflearner needs a member of the role aggregator",
        );
    }
    if wants_peers(parameters) {
        let trainers = task.trainers();
        if trainers < 2 {
            errors.add(path(SMPC), FieldCode::NotAllowed, "masks need at least 2 trainers");
        }
        if task.rules.minimum_parties.is_some_and(|k| k < trainers) {
            let message = format!(
                "masks cancel only when every trainer takes part: leave it out, or make it {trainers}"
            );
            errors.add("/rules/minimum_parties", FieldCode::NotAllowed, message);
        }
    }
    if is_on(parameters, ENABLE_LL) && task.epochs < 2 {
        errors.add(
            "/epochs",
            FieldCode::OutOfRange,
            format!("must be at least 2 with `{ENABLE_LL}`, which leaves the last epoch out"),
        );
    }
}

/// Every problem of the framework's own parameters, each where `path` says.
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
                format!("must be {works}, spelled exactly so"),
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
            // Anything else ends the aggregator with a traceback at its start.
            Ok(given)
                if given
                    .iter()
                    .any(|(name, value)| name != "weighted_fedavg" || !value.is_boolean()) =>
            {
                let message = "may hold nothing but weighted_fedavg, which is true or false";
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
        let message = "masks do not cancel in a weighted average and would bend the model: drop weighted_fedavg or the masks";
        errors.add(path(SMPC), FieldCode::NotAllowed, message);
    }
}
