//! What the platform knows of a training framework: data and pure functions.
//!
//! ```text
//!  contract   the FED_* environment every workload gets, whatever its framework
//!  iflearner  what the published iflearner 0.1.0 needs besides: flags, status page, allowed strategies
//! ```
//!
//! The generic framework is the contract and nothing more. No other module knows a framework by name.

pub mod contract;
pub mod iflearner;

use std::collections::BTreeMap;

use crate::bindings::{PORT_PREFIX, literal};
use crate::error::FieldErrors;
use crate::id::PartyId;
use crate::member::Role;
use crate::spec::{Hole, MemberSpec, SpecParty};
use crate::task::{TaskBody, TaskMember};
use crate::template::{Framework, TemplateBody};

pub use iflearner::StatusPage;

/// Port an aggregator is dialled on.
pub const GRPC: &str = "grpc";
/// Port of an aggregator's status page.
pub const HTTP: &str = "http";
/// Port a trainer is dialled on by its peers.
pub const PEER: &str = "peer";

/// Names of all ports a member of this role may listen on; [`MemberSpec::ports`] are those that a spec really needs.
#[must_use]
pub const fn ports(framework: Framework, role: Role) -> &'static [&'static str] {
    match (framework, role) {
        (_, Role::Aggregator) => &[GRPC, HTTP],
        (Framework::Iflearner, Role::Trainer) => &[PEER],
        (Framework::Generic, Role::Trainer) => &[],
    }
}

/// Whether a run whose required members stand as `(role, succeeded, complete)` has done its work. Iflearner: every
/// trainer exited 0 and the aggregator's status page showed all parties complete; its aggregator never exits by itself
/// (hazard L8), so it may still run. Generic: every trainer exited 0.
#[must_use]
pub fn completes(framework: Framework, members: &[(Role, bool, bool)]) -> bool {
    let mut trainers = members.iter().filter(|(role, ..)| *role == Role::Trainer).peekable();
    let trained = trainers.peek().is_some() && trainers.all(|(_, succeeded, _)| *succeeded);
    trained
        && match framework {
            Framework::Iflearner => {
                members.iter().any(|(role, _, complete)| *role == Role::Aggregator && *complete)
            }
            Framework::Generic => true,
        }
}

/// Directory below an image's root that the agent puts on the workload's `PYTHONPATH`, if it is there. Not part of the
/// spec, since only the party knows where an image's root is.
#[must_use]
pub const fn shim_dir(framework: Framework) -> Option<&'static str> {
    match framework {
        Framework::Iflearner => Some(iflearner::shim_dir()),
        Framework::Generic => None,
    }
}

/// What a spec says where a member listens: followed by the hole of the port. Only adapters can place a hole, so no text
/// of a user or template author looks like it.
const LISTEN: &str = "127.0.0.1:";

/// `spec` for a member that has an address of its own, as a pod has, and is dialled there: it listens on all of its
/// addresses instead of on loopback alone.
#[must_use]
pub fn on_own_address(spec: &MemberSpec) -> MemberSpec {
    let (loopback, all) =
        (format!("{LISTEN}${{{PORT_PREFIX}"), format!("0.0.0.0:${{{PORT_PREFIX}"));
    let open = |text: &String| text.replace(&loopback, &all);
    MemberSpec {
        argv: spec.argv.iter().map(open).collect(),
        env: spec.env.iter().map(|(name, value)| (name.clone(), open(value))).collect(),
        ..spec.clone()
    }
}

/// The status page this member's supervisor should watch, if it has one.
#[must_use]
pub fn status_page(spec: &MemberSpec) -> Option<StatusPage> {
    match (spec.framework, spec.role) {
        (Framework::Iflearner, Role::Aggregator) => Some(iflearner::status_page(spec)),
        (Framework::Iflearner, Role::Trainer) | (Framework::Generic, _) => None,
    }
}

/// What only the framework can say against a template.
pub(crate) fn check_template(template: &TemplateBody, errors: &mut FieldErrors) {
    match template.framework {
        Framework::Iflearner => iflearner::check_template(template, errors),
        Framework::Generic => {}
    }
}

/// What only the framework can say against a task with these parameters, defaults filled in.
pub(crate) fn check_task(
    task: &TaskBody,
    framework: Framework,
    parameters: &BTreeMap<String, String>,
    errors: &mut FieldErrors,
) {
    match framework {
        Framework::Iflearner => iflearner::check_task(task, parameters, errors),
        Framework::Generic => {}
    }
}

/// Parameters a task may always set, though no template declares them.
pub(crate) const fn own_parameters(framework: Framework) -> &'static [&'static str] {
    match framework {
        Framework::Iflearner => iflearner::PARAMETERS,
        Framework::Generic => &[],
    }
}

/// Whether the platform itself puts this variable into a spec: the contract's, and the framework's own.
#[must_use]
pub fn is_own_variable(framework: Framework, name: &str) -> bool {
    let own: &[&str] = match framework {
        Framework::Iflearner => iflearner::OWN_VARIABLES,
        Framework::Generic => &[],
    };
    contract::is_contract_variable(name) || own.contains(&name)
}

/// What a framework makes of a member: the part of its spec that says how it is started.
#[derive(Debug, Default)]
pub(crate) struct Start {
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub parties: Vec<SpecParty>,
    pub holes: BTreeMap<String, Hole>,
}

/// How this member is started. The template's environment goes below the contract's, which it cannot name.
pub(crate) fn start(
    task: &TaskBody,
    template: &TemplateBody,
    member: &TaskMember,
    parameters: &BTreeMap<String, String>,
) -> Start {
    let own = match member.role {
        Role::Aggregator if !template.aggregator_command.is_empty() => &template.aggregator_command,
        Role::Aggregator | Role::Trainer => &template.command,
    };
    let mut start =
        Start { argv: own.iter().map(|arg| literal(arg)).collect(), ..Start::default() };
    if template.framework == Framework::Iflearner {
        iflearner::start(task, template, member, parameters, &mut start);
    }
    start.env.extend(template.env.iter().map(|(name, value)| (name.clone(), literal(value))));
    let peers = template.framework == Framework::Iflearner && iflearner::wants_peers(parameters);
    let met = task.members.iter().filter(|other| deals_with(member, other, peers));
    start.parties =
        met.map(|other| SpecParty { party: other.party.clone(), role: other.role }).collect();
    contract::dress(task, member, parameters, peers, &mut start);
    start
}

/// Whether `member` has to know of `other`. Whoever does not is not told: who else takes part is not everybody's business,
/// and a spec of a large task stays short.
fn deals_with(member: &TaskMember, other: &TaskMember, peers: bool) -> bool {
    member.party == other.party
        || member.role == Role::Aggregator
        || other.role == Role::Aggregator
        || peers
}

impl Start {
    fn hole(&mut self, name: String, hole: Hole) -> String {
        let text = format!("${{{name}}}");
        self.holes.insert(name, hole);
        text
    }

    /// A port of this member, as it will be written once its party has chosen it.
    fn port(&mut self, port: &str) -> String {
        self.hole(
            format!("{PORT_PREFIX}{port}"),
            Hole::Port { min: crate::spec::FIRST_PORT, max: u16::MAX },
        )
    }

    /// `host:port` where this member listens. Loopback only: what reaches it from outside is carried there (L20).
    fn listen(&mut self, port: &str) -> String {
        format!("{LISTEN}{}", self.port(port))
    }

    /// `host:port` of another member's port.
    fn endpoint(&mut self, party: &PartyId, port: &str) -> String {
        self.hole(
            format!("endpoint.{party}.{port}"),
            Hole::Endpoint { party: party.clone(), port: port.to_owned() },
        )
    }

    /// How many trainers the run has: known once the set is frozen (k of n).
    fn trainers(&mut self, task: &TaskBody) -> String {
        let max = task.trainers();
        self.hole(
            "trainers".to_owned(),
            Hole::Integer { min: task.rules.minimum_parties.unwrap_or(max), max },
        )
    }
}
