//! Examples of the document: one template, its task, one run of it, and what belongs to them, under one set of ids.

use std::collections::BTreeMap;

use flow_domain::error::ErrorCode;
use flow_domain::id::{Digest, InstanceId, PartyId};
use flow_domain::member::{Contact, MemberPhase};
use flow_domain::progress::Point;
use flow_domain::run::{EventKind, NewMember, NewRun};
use flow_domain::sample;
use flow_domain::template::Framework;
use flow_domain::time::Timestamp;

use super::{
    Agent, Event, Member, NewParty, Orphan, Party, PartyCreated, Problem, Revision, Run,
    SeriesList, Task, TaskInput, Template, TemplateInput, Time,
};
use crate::store;

/// 2026-01-01T00:00:00Z.
const CREATED_AT: Timestamp = Timestamp(1_767_225_600_000_000);

fn instance() -> InstanceId {
    "0190f3a4d3e27e00a1b2c3d4e5f60718".parse().expect("a constant of the right form")
}

fn template() -> flow_domain::template::Template {
    let (name, remark, body) = TemplateInput::sample().into_parts();
    flow_domain::template::Template {
        id: sample::template_id(),
        project: "default".parse().expect("a constant of the right form"),
        name,
        remark,
        revision: 1,
        body,
        created_at: CREATED_AT,
        modified_at: CREATED_AT,
    }
}

/// The run at its start, when every party is connected.
fn run() -> flow_domain::run::Run {
    let task = TaskInput::sample().into_body(1);
    let member = |member: flow_domain::task::TaskMember| NewMember {
        digest: Digest::of(member.party.as_str().as_bytes()),
        party: member.party,
        role: member.role,
        connected: Some(instance()),
        away_since: CREATED_AT,
    };
    let new = NewRun {
        id: sample::run_id(),
        task: sample::task_id(),
        number: 1,
        retry_of: None,
        retries_left: task.rules.retries,
        not_before: CREATED_AT,
        framework: Framework::Iflearner,
        rules: task.rules,
        stop_grace_s: template().body.stop_grace_s,
        members: task.members.into_iter().map(member).collect(),
    };
    flow_domain::run::Run::new(new, CREATED_AT).0
}

fn trainer() -> PartyId {
    NewParty::sample().name
}

impl Template {
    /// The template that [`TemplateInput::sample`] makes.
    #[must_use]
    pub fn sample() -> Self {
        template().into()
    }
}

impl Revision {
    /// The first revision of [`Template::sample`].
    #[must_use]
    pub fn sample() -> Self {
        template().into()
    }
}

impl Task {
    /// The task that [`TaskInput::sample`] makes, with its first run.
    #[must_use]
    pub fn sample() -> Self {
        let body = TaskInput::sample().into_body(1);
        let summary = super::RunSummary::new(run(), &BTreeMap::new(), Some(body.epochs));
        let task = flow_domain::task::Task {
            id: sample::task_id(),
            project: template().project,
            body,
            created_at: CREATED_AT,
            modified_at: CREATED_AT,
            runs: 1,
            deleted_at: None,
        };
        Self::new(task, 2, Some(summary))
    }
}

impl Run {
    /// The first run of [`Task::sample`].
    #[must_use]
    pub fn sample() -> Self {
        Self::new(run(), &BTreeMap::new())
    }
}

impl Member {
    /// A trainer of [`Run::sample`].
    #[must_use]
    pub fn sample() -> Self {
        let member = run().members.into_iter().find(|member| member.party == trainer());
        Self::new(member.expect("the sample's party is a member of the sample's run"), None)
    }
}

impl Event {
    /// The start of [`Run::sample`].
    #[must_use]
    pub fn sample() -> Self {
        let event = flow_domain::run::Event {
            kind: EventKind::RunQueued,
            run: Some(sample::run_id()),
            party: None,
            message: "run 1 is queued".to_owned(),
        };
        Self::new(2, CREATED_AT.into(), event)
    }
}

impl Party {
    /// The party that [`NewParty::sample`] makes known, connected.
    #[must_use]
    pub fn sample() -> Self {
        let NewParty { name, remark } = NewParty::sample();
        Self {
            name: name.into(),
            remark,
            created_at: CREATED_AT.into(),
            contact: Contact::Connected.into(),
            agent: Some(Agent { instance: instance().into(), version: "0.1.0".to_owned() }),
            inventory: None,
        }
    }
}

impl PartyCreated {
    /// [`NewParty::sample`] with a secret of the right length.
    #[must_use]
    pub fn sample() -> Self {
        Self { name: trainer().into(), secret: Digest::of(b"sample").into() }
    }
}

impl Orphan {
    /// A member of a run that the hub does not know.
    #[must_use]
    pub fn sample() -> Self {
        store::Orphan {
            key: store::OrphanKey { party: trainer(), run: sample::run_id(), attempt: 1 },
            task: Some(sample::task_id()),
            digest: Some(Digest::of(b"sample")),
            phase: MemberPhase::Running,
            seen_at: CREATED_AT,
            decision: None,
        }
        .into()
    }
}

impl SeriesList {
    /// Two points of one series.
    #[must_use]
    pub fn sample() -> Self {
        let point = |step, value: &str| Point {
            series: "local/acc".to_owned(),
            step,
            value: value.to_owned(),
        };
        Self::new(vec![point(1, "0.81"), point(2, "0.93")])
    }
}

impl Problem {
    /// A task that is not there.
    #[must_use]
    pub fn sample() -> Self {
        let row = ErrorCode::TaskNotFound.row();
        Self {
            kind: format!("/docs#{}", row.slug),
            title: row.title.to_owned(),
            status: row.http,
            detail: format!("there is no task {}", sample::task_id()),
            code: row.slug,
            retryable: row.retryable,
            fields: Vec::new(),
            more_fields: None,
            request_id: "0190f3a4e4f37e00a1b2c3d4e5f60718".to_owned(),
        }
    }
}

impl Time {
    /// When the samples were made.
    #[must_use]
    pub fn sample() -> Self {
        CREATED_AT.into()
    }
}
