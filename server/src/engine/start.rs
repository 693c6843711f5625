//! Start of a task: seals one spec per member and creates the run.

use flow_domain::error::{Error, ErrorCode};
use flow_domain::framework;
use flow_domain::id::{InstanceId, PartyId, RunId};
use flow_domain::run::{NewMember, NewRun, RunInputs};
use flow_domain::task::Overrides;
use flow_domain::template::Template;
use flow_domain::time::Timestamp;

use super::create::record;
use super::draft::TaskDraft;
use super::{IdempotencyKey, PartyStates, Principal};

/// A request to start a task.
#[derive(Debug, Clone)]
pub(super) struct StartRequest {
    pub principal: Principal,
    /// Id of the new run.
    pub run: RunId,
    pub overrides: Overrides,
    pub idem: Option<IdempotencyKey>,
}

pub(super) fn start(
    draft: &mut TaskDraft,
    request: &StartRequest,
    template: &Template,
    connected: &dyn Fn(&PartyId) -> Option<InstanceId>,
    parties: &PartyStates,
    now: Timestamp,
) -> Result<(), Error> {
    let StartRequest { principal, run: id, overrides, idem } = request;
    if draft.run(id).is_some() {
        return Ok(());
    }
    if let Some(run) = draft.busy() {
        return Err(Error::new(
            ErrorCode::TaskActive,
            format!(
                "run {} of the task is {}: stop it, or wait for its end",
                run.number, run.phase
            ),
        ));
    }
    let Template { name: template_name, body: template, .. } = template;
    let body = draft.task.body.overridden(overrides);
    if *overrides != Overrides::default() {
        // The parties of a stored task are known, or were removed since.
        body.validate(template, &|_| true)?;
    }
    let sealed = framework::seal_all(&body, template)?;
    let members = body
        .members
        .iter()
        .map(|member| {
            let digest = sealed
                .get(&member.party)
                .map(|sealed| sealed.digest.clone())
                .ok_or_else(|| Error::internal(format!("there is no spec for {}", member.party)))?;
            Ok(NewMember {
                party: member.party.clone(),
                role: member.role,
                digest,
                connected: connected(&member.party),
                away_since: now,
                never_connected: parties.never_connected.contains(&member.party),
                disabled: parties.disabled.contains(&member.party),
            })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let rules = body.rules.clone();
    let new = NewRun {
        id: id.clone(),
        task: draft.task.id.clone(),
        number: draft.task.runs + 1,
        retry_of: None,
        started_by: Some(principal.subject.clone()),
        inputs: Some(RunInputs::new(&body, template, template_name)),
        retries_left: rules.retries,
        not_before: now,
        framework: template.framework,
        rules,
        stop_grace_s: template.stop_grace_s,
        members,
    };
    draft.specs.extend(sealed.into_values());
    draft.idempotency = idem.as_ref().map(|idem| record(idem, id.as_str(), now));
    draft.add_run(new, now);
    Ok(())
}
