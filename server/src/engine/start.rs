//! Start of a task: seals one spec per member and creates the run.

use flow_domain::error::{Error, ErrorCode};
use flow_domain::framework;
use flow_domain::id::{InstanceId, PartyId, RunId};
use flow_domain::run::{NewMember, NewRun};
use flow_domain::template::TemplateBody;
use flow_domain::time::Timestamp;

use super::IdemKey;
use super::create::record;
use super::draft::TaskDraft;

pub(super) fn start(
    draft: &mut TaskDraft,
    id: &RunId,
    idem: Option<&IdemKey>,
    template: &TemplateBody,
    connected: &dyn Fn(&PartyId) -> Option<InstanceId>,
    now: Timestamp,
) -> Result<(), Error> {
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
    let sealed = framework::seal_all(&draft.task.body, template)?;
    let members = draft
        .task
        .body
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
            })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let rules = draft.task.body.rules.clone();
    let new = NewRun {
        id: id.clone(),
        task: draft.task.id.clone(),
        number: draft.task.runs + 1,
        retry_of: None,
        retries_left: rules.retries,
        not_before: now,
        framework: template.framework,
        rules,
        stop_grace_s: template.stop_grace_s,
        members,
    };
    draft.specs.extend(sealed.into_values());
    draft.idempotency = idem.map(|idem| record(idem, id.as_str(), now));
    draft.add_run(new, now);
    Ok(())
}
