//! Runs and their members.

use std::collections::BTreeMap;

use flow_domain::id::PartyId;
use flow_domain::member::{DesiredPhase, MemberPhase, ReasonCode, Role};
use flow_domain::progress::Progress;
use flow_domain::run::{EndCode, Outcome, RunPhase, WaitCode};
use flow_domain::template::Framework;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Contact, MemberProgress, ProgressSummary, Rules, Time, progress, schema};

/// A reason: a code for programs, a sentence for people.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Reason {
    /// For programs.
    #[schema(value_type = schema::ReasonCode)]
    pub code: ReasonCode,
    /// For people: names what to change.
    pub message: String,
}

impl From<flow_domain::member::Reason> for Reason {
    fn from(flow_domain::member::Reason { code, message }: flow_domain::member::Reason) -> Self {
        Self { code, message }
    }
}

/// Why a run is not running.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Waiting {
    /// For programs.
    #[schema(value_type = schema::WaitCode)]
    pub code: WaitCode,
    /// For people: names party and cause.
    pub message: String,
    /// The party it waits for, if one.
    #[schema(value_type = Option<schema::PartyName>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub party: Option<String>,
    /// Since when.
    pub since: Time,
    /// When it is tried again, or the wait ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

impl From<flow_domain::run::Waiting> for Waiting {
    fn from(waiting: flow_domain::run::Waiting) -> Self {
        let flow_domain::run::Waiting { code, message, party, since, until } = waiting;
        Self {
            code,
            message,
            party: party.map(Into::into),
            since: since.into(),
            until: until.map(Into::into),
        }
    }
}

/// Why and how a run ends. The first cause wins.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Ending {
    /// How.
    #[schema(value_type = schema::Outcome)]
    pub outcome: Outcome,
    /// Why, for programs.
    #[schema(value_type = schema::EndCode)]
    pub code: EndCode,
    /// Why, for people.
    pub message: String,
    /// The party that caused it, if one did.
    #[schema(value_type = Option<schema::PartyName>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub party: Option<String>,
    /// The member's own reason, if it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Who asked, if a user did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    pub at: Time,
}

impl From<flow_domain::run::Ending> for Ending {
    fn from(ending: flow_domain::run::Ending) -> Self {
        let flow_domain::run::Ending { outcome, code, message, party, reason, by, at } = ending;
        Self {
            outcome,
            code,
            message,
            party: party.map(Into::into),
            reason: reason.map(Into::into),
            by,
            at: at.into(),
        }
    }
}

/// How a workload ended. Times are of the party's own clock.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Exit {
    /// Exit status, if it exited.
    pub code: Option<i32>,
    /// Signal number, if a signal ended it.
    pub signal: Option<i32>,
    /// Set when the supervisor ended it, or could not start it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// When it was started.
    pub started_at: Time,
    /// When it ended.
    pub finished_at: Time,
}

impl From<flow_domain::member::Exit> for Exit {
    fn from(exit: flow_domain::member::Exit) -> Self {
        let flow_domain::member::Exit { code, signal, reason, started_at, finished_at } = exit;
        Self {
            code,
            signal,
            reason: reason.map(Into::into),
            started_at: started_at.into(),
            finished_at: finished_at.into(),
        }
    }
}

/// One party's part in one run.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = Member::sample)]
pub struct Member {
    /// Which party.
    #[schema(value_type = schema::PartyName)]
    pub party: String,
    /// What it does.
    #[schema(value_type = schema::Role)]
    pub role: Role,
    /// The run cannot succeed without it. False once released.
    pub required: bool,
    /// What is wished.
    #[schema(value_type = schema::DesiredPhase)]
    pub desired: DesiredPhase,
    /// What was last seen.
    #[schema(value_type = schema::MemberPhase)]
    pub phase: MemberPhase,
    /// Whether the party is connected.
    pub contact: Contact,
    /// Why it is where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How its workload ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// What others may dial, by name.
    pub endpoints: BTreeMap<String, String>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<MemberProgress>,
    /// Reservation round: at most one workload per run, party and attempt.
    pub attempt: u32,
    /// Counts the changes of what is wished.
    pub generation: u64,
    /// The wish the agent had seen when it last reported.
    pub observed_generation: u64,
    /// The agent's counter at its last report.
    pub sequence: u64,
    /// The agent journal that holds the member; absent as long as nothing can have been delivered.
    #[schema(value_type = Option<schema::Id>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Digest of the spec it executes.
    #[schema(value_type = schema::Digest)]
    pub digest: String,
    /// What its names resolved to at the party, hashed.
    #[schema(value_type = Option<schema::Digest>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// The framework's verdict that the federation has finished, as this member saw it.
    pub complete: bool,
    /// Its terminal report is stored: nothing of it is alive.
    pub settled: bool,
}

impl Member {
    /// A member and how far it is.
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
            reason,
            exit,
            endpoints,
            resolution,
            complete,
            settled,
        } = member;
        Self {
            party: party.into(),
            role,
            required,
            desired,
            phase,
            contact: contact.into(),
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

/// How a run stands, in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunSummary {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// Counts the task's runs, from 1.
    pub number: u32,
    /// Where it stands.
    #[schema(value_type = schema::RunPhase)]
    pub phase: RunPhase,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// How far it is.
    pub progress: ProgressSummary,
    /// Its end, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// When it was made.
    pub created_at: Time,
    /// When every required member ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_at: Option<Time>,
    /// When its phase became final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

impl RunSummary {
    /// The short of a run whose members are this far, of so many epochs.
    #[must_use]
    pub fn new(
        run: flow_domain::run::Run,
        progress: &BTreeMap<PartyId, Progress>,
        epochs: Option<u32>,
    ) -> Self {
        let summary = summary(&run, progress, epochs);
        Self {
            id: run.id.into(),
            number: run.number,
            phase: run.phase,
            waiting: run.waiting.map(Into::into),
            progress: summary,
            ending: run.ending.map(Into::into),
            created_at: run.created_at.into(),
            running_at: run.running_at.map(Into::into),
            finished_at: run.finished_at.map(Into::into),
        }
    }
}

fn summary(
    run: &flow_domain::run::Run,
    progress: &BTreeMap<PartyId, Progress>,
    epochs: Option<u32>,
) -> ProgressSummary {
    progress::summarise(
        run.members.iter().map(|member| (member, progress.get(&member.party))),
        epochs,
    )
}

/// One start of a task.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = Run::sample)]
pub struct Run {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// The task.
    #[schema(value_type = schema::Id)]
    pub task: String,
    /// Counts the task's runs, from 1.
    pub number: u32,
    /// The run this one repeats.
    #[schema(value_type = Option<schema::Id>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<String>,
    /// Retries still allowed after this one.
    pub retries_left: u32,
    /// Not started before this moment.
    pub not_before: Time,
    /// How the workload's end is recognised.
    #[schema(value_type = schema::Framework)]
    pub framework: Framework,
    /// Rules of the task at the time of the start.
    pub rules: Rules,
    /// Where it stands.
    #[schema(value_type = schema::RunPhase)]
    pub phase: RunPhase,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// How far it is.
    pub progress: ProgressSummary,
    /// Its end, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// Newest reservation round.
    pub attempt: u32,
    /// When it was made.
    pub created_at: Time,
    /// It fails if it has not started by then.
    pub queue_until: Time,
    /// Deadline of the present phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase_until: Option<Time>,
    /// When every required member ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_at: Option<Time>,
    /// Last time any progress moved.
    pub progress_at: Time,
    /// When its phase became final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// When nothing of it was alive any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Time>,
    /// Its members, in the task's order.
    pub members: Vec<Member>,
}

impl Run {
    /// A run whose members are this far.
    #[must_use]
    pub fn new(run: flow_domain::run::Run, progress: &BTreeMap<PartyId, Progress>) -> Self {
        let summary = summary(&run, progress, None);
        let flow_domain::run::Run {
            id,
            task,
            number,
            retry_of,
            retries_left,
            not_before,
            framework,
            rules,
            stop_grace_s: _,
            phase,
            attempt,
            ending,
            waiting,
            created_at,
            queue_until,
            phase_until,
            running_at,
            progress_at,
            trainers_done_at: _,
            finished_at,
            settled_at,
            members,
        } = run;
        let member = |member: flow_domain::member::Member| {
            let progress = progress.get(&member.party);
            Member::new(member, progress)
        };
        Self {
            id: id.into(),
            task: task.into(),
            number,
            retry_of: retry_of.map(Into::into),
            retries_left,
            not_before: not_before.into(),
            framework,
            rules: rules.into(),
            phase,
            waiting: waiting.map(Into::into),
            progress: summary,
            ending: ending.map(Into::into),
            attempt,
            created_at: created_at.into(),
            queue_until: queue_until.into(),
            phase_until: phase_until.map(Into::into),
            running_at: running_at.map(Into::into),
            progress_at: progress_at.into(),
            finished_at: finished_at.map(Into::into),
            settled_at: settled_at.map(Into::into),
            members: members.into_iter().map(member).collect(),
        }
    }
}
