//! From a task and a template revision to the specs of its members. Pure: the same input gives the same bytes, so that
//! a client can compute, and sign, what the parties will be asked to run (and nothing piles up between starts, F14).

use std::collections::BTreeMap;

use super::{MemberSpec, SealedSpec, VERSION, seal};
use crate::error::Error;
use crate::framework;
use crate::id::PartyId;
use crate::task::{TaskBody, TaskMember};
use crate::template::TemplateBody;

/// The sealed specs of all members of a valid task.
pub fn seal_all(
    task: &TaskBody,
    template: &TemplateBody,
) -> Result<BTreeMap<PartyId, SealedSpec>, Error> {
    task.members
        .iter()
        .map(|member| Ok((member.party.clone(), seal(build(task, template, member))?)))
        .collect()
}

fn build(task: &TaskBody, template: &TemplateBody, member: &TaskMember) -> MemberSpec {
    let TemplateBody {
        framework,
        image,
        command: _,
        aggregator_command: _,
        workdir,
        env: _,
        parameters: _,
        resources,
        max_runtime_s,
        stop_grace_s,
    } = template;
    let parameters = task.parameters(template);
    let framework::Start { argv, env, parties, holes } =
        framework::start(task, template, member, &parameters);
    MemberSpec {
        version: VERSION,
        party: member.party.clone(),
        role: member.role,
        framework: *framework,
        image: image.clone(),
        argv,
        workdir: workdir.clone(),
        env,
        parties,
        epochs: task.epochs,
        parameters,
        dataset: member.dataset.clone(),
        resources: resources.clone(),
        max_runtime_s: *max_runtime_s,
        stop_grace_s: *stop_grace_s,
        holes,
    }
}
