//! Builds the specs of a task's members. Pure: the same task and template revision give the same
//! bytes, so that a client can compute the digests that parties approve, and no state accumulates
//! between starts (defect F14).

use std::collections::BTreeMap;

use super::{Start, start};
use crate::error::Error;
use crate::id::PartyId;
use crate::spec::{MemberSpec, SealedSpec, VERSION, seal};
use crate::task::{TaskBody, TaskMember};
use crate::template::TemplateBody;

/// Returns the sealed specs of all members of a valid task.
///
/// # Errors
/// `invalid` if a spec is larger than the limit.
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
        // Rules for tasks, checked when the task is stored.
        requires_aggregator: _,
        requires_dataset: _,
    } = template;
    let parameters = task.parameters(template);
    let Start { argv, env, parties, holes } = start(task, template, member, &parameters);
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
