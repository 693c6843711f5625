//! Adapters for training frameworks: data and pure functions.
//!
//! ```text
//!  contract   the FED_* environment of every workload
//!  iflearner  additions for the published iflearner 0.1.0: flags, status page, allowed strategies
//!  specs      builds and seals the specs of all members of a task
//! ```
//!
//! The generic framework consists of the contract alone. No other module depends on a particular
//! framework.

pub mod contract;
pub mod iflearner;
mod specs;

use std::collections::BTreeMap;

use crate::bindings::{Hole, PORT_MIN, PORT_PREFIX, literal};
use crate::error::FieldErrors;
use crate::id::PartyId;
use crate::member::Role;
use crate::spec::{MemberSpec, SpecParty};
use crate::task::{TaskBody, TaskMember};
use crate::template::{Framework, TemplateBody};
use crate::variables::is_contract_variable;

pub use iflearner::StatusPage;
pub use specs::seal_all;

/// Name of the port on which trainers connect to an aggregator.
pub const GRPC: &str = "grpc";
/// Name of the port of an aggregator's status page.
pub const HTTP: &str = "http";
/// Name of the port on which trainers connect to each other.
pub const PEER: &str = "peer";

/// Names of all ports that a member with this role may use; [`MemberSpec::ports`] returns the ports
/// of one spec.
#[must_use]
pub const fn ports(framework: Framework, role: Role) -> &'static [&'static str] {
    match (framework, role) {
        (_, Role::Aggregator) => &[GRPC, HTTP],
        (Framework::Iflearner, Role::Trainer) => &[PEER],
        (Framework::Generic, Role::Trainer) => &[],
    }
}

/// True if a run with the required members `(role, succeeded, complete)` is complete. Iflearner:
/// every trainer exited with 0 and the aggregator's status page showed all parties complete; the
/// aggregator may still run, because it never exits by itself (hazard L8). Generic: every trainer
/// exited with 0.
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

/// Directory below an image's root that the agent adds to the workload's `PYTHONPATH` if the
/// directory exists. Not part of the spec, because only the party knows the root of an image.
#[must_use]
pub const fn shim_dir(framework: Framework) -> Option<&'static str> {
    match framework {
        Framework::Iflearner => Some(iflearner::shim_dir()),
        Framework::Generic => None,
    }
}

/// Address on which a member listens; the hole of the port follows. Only adapters can place a hole,
/// so no text of a user or template author matches.
const LISTEN_ADDRESS: &str = "127.0.0.1:";

/// Returns the spec of a member with its own network address, such as a Pod: the member listens on
/// all addresses instead of loopback alone.
#[must_use]
pub fn on_own_address(spec: &MemberSpec) -> MemberSpec {
    let (loopback, all) =
        (format!("{LISTEN_ADDRESS}${{{PORT_PREFIX}"), format!("0.0.0.0:${{{PORT_PREFIX}"));
    let open = |text: &String| text.replace(&loopback, &all);
    MemberSpec {
        argv: spec.argv.iter().map(open).collect(),
        env: spec.env.iter().map(|(name, value)| (name.clone(), open(value))).collect(),
        ..spec.clone()
    }
}

/// The status page that this member's sidecar must poll, if the member has one.
#[must_use]
pub fn status_page(spec: &MemberSpec) -> Option<StatusPage> {
    match (spec.framework, spec.role) {
        (Framework::Iflearner, Role::Aggregator) => Some(iflearner::status_page(spec)),
        (Framework::Iflearner, Role::Trainer) | (Framework::Generic, _) => None,
    }
}

/// Adds the framework's errors in a template.
pub(crate) fn check_template(template: &TemplateBody, errors: &mut FieldErrors) {
    match template.framework {
        Framework::Iflearner => iflearner::check_template(template, errors),
        Framework::Generic => {}
    }
}

/// Adds the framework's errors in a task with these parameters (defaults included).
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

/// Parameters of the framework, which a task may set without a declaration in the template.
pub(crate) const fn own_parameters(framework: Framework) -> &'static [&'static str] {
    match framework {
        Framework::Iflearner => iflearner::PARAMETERS,
        Framework::Generic => &[],
    }
}

/// True if the platform itself sets this variable in a spec: a variable of the contract or of the
/// framework.
#[must_use]
pub fn is_own_variable(framework: Framework, name: &str) -> bool {
    let own: &[&str] = match framework {
        Framework::Iflearner => iflearner::OWN_VARIABLES,
        Framework::Generic => &[],
    };
    is_contract_variable(name) || own.contains(&name)
}

/// The framework's part of a member's spec.
#[derive(Debug, Default)]
pub(crate) struct Start {
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub parties: Vec<SpecParty>,
    pub holes: BTreeMap<String, Hole>,
}

/// Builds the framework's part of a member's spec. The template cannot set variables of the
/// contract.
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
    let known = task.members.iter().filter(|other| is_peer(member, other, peers));
    start.parties =
        known.map(|other| SpecParty { party: other.party.clone(), role: other.role }).collect();
    contract::add_variables(task, member, parameters, peers, &mut start);
    start
}

/// True if `member` needs to know `other`. A spec lists only these parties: it reveals no other
/// party, and the specs of a large task stay small.
fn is_peer(member: &TaskMember, other: &TaskMember, peers: bool) -> bool {
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

    /// Adds a port of this member; returns the text of its hole.
    fn port(&mut self, port: &str) -> String {
        self.hole(format!("{PORT_PREFIX}{port}"), Hole::Port { min: PORT_MIN, max: u16::MAX })
    }

    /// Adds a port; returns `host:port` on loopback. The party forwards connections from outside
    /// (hazard L20).
    fn listen(&mut self, port: &str) -> String {
        format!("{LISTEN_ADDRESS}{}", self.port(port))
    }

    /// Adds the endpoint `host:port` of another member's port.
    fn endpoint(&mut self, party: &PartyId, port: &str) -> String {
        self.hole(
            format!("endpoint.{party}.{port}"),
            Hole::Endpoint { party: party.clone(), port: port.to_owned() },
        )
    }

    /// Adds the number of trainers of the run, which is known at the start commit (k of n).
    fn trainers(&mut self, task: &TaskBody) -> String {
        let max = task.trainers();
        self.hole(
            "trainers".to_owned(),
            Hole::Integer { min: task.rules.minimum_parties.unwrap_or(max), max },
        )
    }
}
