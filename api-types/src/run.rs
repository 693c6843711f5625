//! Runs and their members.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use flow_domain::id::{DatasetName, PartyId};
use flow_domain::member::{DesiredPhase, MemberPhase, ReasonCode, Role};
use flow_domain::progress::Progress;
use flow_domain::run::{EndCode, Outcome, RunHead, RunPhase, WaitCode};
use flow_domain::template::Framework;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Contact, MemberProgress, Named, ProgressSummary, Rules, Time, schema};

/// Reason for the phase of a member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// Kind of reason, for programs.
    #[schema(value_type = schema::ReasonCode)]
    pub code: Named<ReasonCode>,
    /// Description for people: the cause and what to change.
    pub message: String,
}

impl From<flow_domain::member::Reason> for Reason {
    fn from(flow_domain::member::Reason { code, message }: flow_domain::member::Reason) -> Self {
        Self { code: code.into(), message }
    }
}

/// Cause for which a run is not running yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// Kind of cause, for programs.
    #[schema(value_type = schema::WaitCode)]
    pub code: Named<WaitCode>,
    /// Description for people: the party and the cause.
    pub message: String,
    /// Name of the party that the run waits for, if it is one.
    #[schema(value_type = Option<schema::PartyName>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub party: Option<String>,
    /// When the wait began.
    pub since: Time,
    /// When the hub tries again or stops waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

impl From<flow_domain::run::Waiting> for Waiting {
    fn from(waiting: flow_domain::run::Waiting) -> Self {
        let flow_domain::run::Waiting { code, message, party, since, until } = waiting;
        Self {
            code: code.into(),
            message,
            party: party.map(Into::into),
            since: since.into(),
            until: until.map(Into::into),
        }
    }
}

/// Result and cause of the end of a run. The first cause counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ending {
    /// Result of the run.
    #[schema(value_type = schema::Outcome)]
    pub outcome: Named<Outcome>,
    /// Kind of cause, for programs.
    #[schema(value_type = schema::EndCode)]
    pub code: Named<EndCode>,
    /// Description of the cause, for people.
    pub message: String,
    /// Name of the party that caused the end, if one did.
    #[schema(value_type = Option<schema::PartyName>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub party: Option<String>,
    /// Reason of that party's member, if it reported one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// User who stopped the run, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When the hub recorded the cause.
    pub at: Time,
}

impl From<flow_domain::run::Ending> for Ending {
    fn from(ending: flow_domain::run::Ending) -> Self {
        let flow_domain::run::Ending { outcome, code, message, party, reason, by, at } = ending;
        Self {
            outcome: outcome.into(),
            code: code.into(),
            message,
            party: party.map(Into::into),
            reason: reason.map(Into::into),
            by,
            at: at.into(),
        }
    }
}

/// End of a workload. Times are from the clock of the party.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Exit {
    /// Exit status, if the workload exited.
    pub code: Option<i32>,
    /// Signal number, if a signal ended the workload.
    pub signal: Option<i32>,
    /// Reason if the sidecar ended the workload or could not start it. Absent if the workload ended
    /// by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Last lines that a failed workload printed, oldest first, with control characters escaped. At
    /// most 10 lines of 200 characters. Absent if the party does not disclose logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<String>,
    /// When the workload was started.
    pub started_at: Time,
    /// When the workload ended.
    pub finished_at: Time,
}

impl From<flow_domain::member::Exit> for Exit {
    fn from(exit: flow_domain::member::Exit) -> Self {
        let flow_domain::member::Exit { code, signal, reason, last_lines, started_at, finished_at } =
            exit;
        Self {
            code,
            signal,
            reason: reason.map(Into::into),
            last_lines,
            started_at: started_at.into(),
            finished_at: finished_at.into(),
        }
    }
}

/// One party's part in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = Member::sample)]
pub struct Member {
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub party: String,
    /// Role of the party in the task.
    #[schema(value_type = schema::Role)]
    pub role: Named<Role>,
    /// The run cannot succeed without this member. False after the run continues without it.
    pub required: bool,
    /// Desired phase.
    #[schema(value_type = schema::DesiredPhase)]
    pub desired: Named<DesiredPhase>,
    /// Last reported phase.
    #[schema(value_type = schema::MemberPhase)]
    pub phase: Named<MemberPhase>,
    /// Connection of the party's agent.
    pub contact: Contact,
    /// Reason for the phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// End of the workload. Absent until it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// Addresses at which other members connect, by name.
    pub endpoints: BTreeMap<String, String>,
    /// Progress of the workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<MemberProgress>,
    /// Number of the reservation round. At most one workload runs per run, party and attempt.
    pub attempt: u32,
    /// Number of the last change of the desired member.
    pub generation: u64,
    /// Generation that the agent had received when it last reported.
    pub observed_generation: u64,
    /// Sequence number of the agent's last report.
    pub sequence: u64,
    /// Identity of the agent's journal that holds the member. Absent until the hub has sent the
    /// member to an agent.
    #[schema(value_type = Option<schema::Id>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Digest of the spec that the member executes.
    #[schema(value_type = schema::Digest)]
    pub digest: String,
    /// Digest of the image and dataset that the party resolved the names of the spec to.
    #[schema(value_type = Option<schema::Digest>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// The framework has reported that the federation has finished.
    pub complete: bool,
    /// The hub has stored the member's terminal report: no process of the member is alive.
    pub settled: bool,
}

impl Member {
    /// Converts a domain member and its progress.
    #[must_use]
    pub fn new(member: flow_domain::member::Member, progress: Option<&Progress>) -> Self {
        let flow_domain::member::Member {
            party,
            role,
            digest,
            required,
            attempt,
            generation,
            desired,
            phase,
            observed_generation,
            instance,
            sequence,
            contact,
            never_connected,
            disabled: _,
            reason,
            exit,
            endpoints,
            resolution,
            complete,
            settled,
        } = member;
        Self {
            party: party.into(),
            role: role.into(),
            required,
            desired: desired.into(),
            phase: phase.into(),
            contact: if never_connected { Contact::never() } else { contact.into() },
            reason: reason.map(Into::into),
            exit: exit.map(Into::into),
            endpoints,
            progress: progress.map(Into::into),
            attempt,
            generation,
            observed_generation,
            sequence,
            instance: instance.map(Into::into),
            digest: digest.into(),
            resolution: resolution.map(Into::into),
            complete,
            settled,
        }
    }
}

/// State of a run, without its members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunSummary {
    /// Id of the run.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// Number of the run within its task, from 1.
    pub number: u32,
    /// Phase of the run.
    #[schema(value_type = schema::RunPhase)]
    pub phase: Named<RunPhase>,
    /// Cause for which the run is not running yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// Progress of the run.
    pub progress: ProgressSummary,
    /// Result and cause of the end. Absent until the cause is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// When the run was created.
    pub created_at: Time,
    /// When all required members were running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_at: Option<Time>,
    /// When the run reached a terminal phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

impl RunSummary {
    /// Converts a domain run. `progress` is the progress of its members.
    #[must_use]
    pub fn new(run: &flow_domain::run::Run, progress: &BTreeMap<PartyId, Progress>) -> Self {
        let members = run.members.iter().map(|member| (member, progress.get(&member.party)));
        let epochs = run.inputs.as_ref().map(|inputs| inputs.epochs);
        Self {
            id: run.id.clone().into(),
            number: run.number,
            phase: run.phase.into(),
            waiting: run.waiting.clone().map(Into::into),
            progress: ProgressSummary::new(members, epochs),
            ending: run.ending.clone().map(Into::into),
            created_at: run.created_at.into(),
            running_at: run.running_at.map(Into::into),
            finished_at: run.finished_at.map(Into::into),
        }
    }
}

/// Inputs of a run: task and template at its start. A retry has the inputs of the run that it
/// repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunInputs {
    /// Id of the template.
    #[schema(value_type = schema::Id)]
    pub template: String,
    /// Name of the template at the start of the run.
    pub template_name: String,
    /// Revision of the template.
    pub revision: u32,
    /// Number of training rounds.
    pub epochs: u32,
    /// Values of all parameters, by name: those of the task or of the start request, and the
    /// defaults of the template.
    pub parameters: BTreeMap<String, String>,
    /// Name of each member's dataset, by party.
    pub datasets: BTreeMap<String, String>,
}

impl From<flow_domain::run::RunInputs> for RunInputs {
    fn from(inputs: flow_domain::run::RunInputs) -> Self {
        let flow_domain::run::RunInputs {
            template,
            template_name,
            revision,
            epochs,
            parameters,
            datasets,
        } = inputs;
        let text = |(party, dataset): (PartyId, DatasetName)| (party.into(), dataset.into());
        Self {
            template: template.into(),
            template_name,
            revision,
            epochs,
            parameters,
            datasets: datasets.into_iter().map(text).collect(),
        }
    }
}

/// One start of a task, with its members. Derefs to its summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = Run::sample)]
pub struct Run {
    /// State of the run.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// Id of the task.
    #[schema(value_type = schema::Id)]
    pub task: String,
    /// Id of the failed run that this run repeats.
    #[schema(value_type = Option<schema::Id>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<String>,
    /// Name of the credential that started the task. Absent for a run of an earlier version of the
    /// hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    /// Inputs of the run. Absent for a run of an earlier version of the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<RunInputs>,
    /// Number of retries that are left after this run.
    pub retries_left: u32,
    /// The hub does not start the run before this time.
    pub not_before: Time,
    /// Framework of the template.
    #[schema(value_type = schema::Framework)]
    pub framework: Named<Framework>,
    /// Rules of the task when the run was created.
    pub rules: Rules,
    /// Number of the newest reservation round.
    pub attempt: u32,
    /// The run fails if no workload has started by this time.
    pub queue_until: Time,
    /// Deadline of the current phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase_until: Option<Time>,
    /// When a member last made progress.
    pub progress_at: Time,
    /// When no process of the run was alive any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Time>,
    /// Members, in the order of the task.
    pub members: Vec<Member>,
}

impl Deref for Run {
    type Target = RunSummary;

    fn deref(&self) -> &RunSummary {
        &self.summary
    }
}

impl DerefMut for Run {
    fn deref_mut(&mut self) -> &mut RunSummary {
        &mut self.summary
    }
}

impl Run {
    /// Converts a domain run. `progress` is the progress of its members.
    #[must_use]
    pub fn new(run: flow_domain::run::Run, progress: &BTreeMap<PartyId, Progress>) -> Self {
        let summary = RunSummary::new(&run, progress);
        let flow_domain::run::Run { head, members } = run;
        let RunHead {
            task,
            retry_of,
            started_by,
            inputs,
            retries_left,
            not_before,
            framework,
            rules,
            attempt,
            queue_until,
            phase_until,
            progress_at,
            settled_at,
            stop_grace_s: _,
            trainers_done_at: _,
            // In the summary.
            id: _,
            number: _,
            phase: _,
            waiting: _,
            ending: _,
            created_at: _,
            running_at: _,
            finished_at: _,
        } = head;
        let member = |member: flow_domain::member::Member| {
            let progress = progress.get(&member.party);
            Member::new(member, progress)
        };
        Self {
            summary,
            task: task.into(),
            retry_of: retry_of.map(Into::into),
            started_by,
            inputs: inputs.map(Into::into),
            retries_left,
            not_before: not_before.into(),
            framework: framework.into(),
            rules: rules.into(),
            attempt,
            queue_until: queue_until.into(),
            phase_until: phase_until.map(Into::into),
            progress_at: progress_at.into(),
            settled_at: settled_at.map(Into::into),
            members: members.into_iter().map(member).collect(),
        }
    }
}
